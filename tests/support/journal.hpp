// SPDX-License-Identifier: Apache-2.0
// Journals for tests: events whose bytes tell their sequence, and whole files as bytes.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "adapters/journal/journal_reader.hpp"
#include "adapters/journal/journal_writer.hpp"
#include "core/event/payloads.hpp"
#include "tests/support/temp_folder.hpp"

namespace thintail::test {

inline Event numbered_event(std::uint64_t sequence) {
  const auto number = static_cast<std::int64_t>(sequence);
  Event event = Event::make(number * 1'000, 7,
                            Tick{.bid_e9 = number,
                                 .ask_e9 = ~number,
                                 .bid_size = 1.5F,
                                 .ask_size = 2.5F,
                                 .venue_ns = number * 999,
                                 .source_sequence = sequence * 0x9e37'79b9'7f4a'7c15});
  event.sequence = sequence;
  return event;
}

inline std::vector<Event> numbered_events(std::uint64_t first, std::size_t count) {
  std::vector<Event> events;
  for (std::size_t i = 0; i < count; ++i) events.push_back(numbered_event(first + i));
  return events;
}

inline bool same_bytes(const Event& a, const Event& b) { return std::memcmp(&a, &b, sizeof(Event)) == 0; }

// A journal with a block, made durable by itself, for each of `blocks`; closed in good order. Returns its path.
inline std::string write_journal(const JournalOptions& options, const std::vector<std::size_t>& blocks) {
  auto writer = JournalWriter::create(options);
  EXPECT_TRUE(writer.has_value()) << (writer ? "" : writer.error().message());
  for (const std::size_t events : blocks) {
    EXPECT_EQ(writer->append(numbered_events(writer->last_sequence() + 1, events)), events);
    EXPECT_TRUE(writer->flush_and_wait().has_value());
  }
  EXPECT_TRUE(writer->close().has_value());
  return writer->path();
}

// How many events follow from `first` on, each checked to be numbered_event(its sequence).
inline std::uint64_t count_events(JournalReader& reader, std::uint64_t first) {
  std::uint64_t sequence = first;
  for (Event event; reader.poll(event); ++sequence) {
    if (!same_bytes(event, numbered_event(sequence))) {
      ADD_FAILURE() << "event " << event.sequence << " where " << sequence << " was expected, or with other bytes";
      break;
    }
  }
  return sequence - first;
}

inline std::vector<std::byte> file_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

inline void write_file(const std::string& path, std::span<const std::byte> bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace thintail::test
