// SPDX-License-Identifier: Apache-2.0
// Messages: the events that every link moves, and the receiver's tally by which they are checked.
//   path  hot
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "core/event/payloads.hpp"

namespace thintail::bench {

// Few enough to stay in the L1 cache: what is measured is the hand-over, not where the events come from.
inline constexpr std::uint64_t kMessages = 256;

// A tick whose every field follows from its number.
TT_HOT inline Event message_of(std::uint64_t number) noexcept {
  const auto value = static_cast<std::int64_t>(number);
  return Event::make(value, static_cast<std::uint32_t>(number % 7),
                     Tick{.bid_e9 = value * 3,
                          .ask_e9 = value * 5,
                          .bid_size = static_cast<float>(number % 1024),
                          .ask_size = 1.0F,
                          .venue_ns = value - 1,
                          .source_sequence = number});
}

using Messages = std::array<Event, kMessages>;
inline Messages all_messages() noexcept {
  Messages messages;
  for (std::uint64_t i = 0; i < kMessages; ++i) messages[i] = message_of(i);
  return messages;
}

// Equal events, whatever sequence their link gave them.
inline bool same_message(const Event& a, const Event& b) noexcept {
  return std::memcmp(&a.time_ns, &b.time_ns, sizeof(Event) - offsetof(Event, time_ns)) == 0;
}

// What a receiver got: messages in order are 0, 1, ... kMessages - 1, 0, ...
struct Tally {
  std::uint64_t count = 0;
  std::uint64_t out_of_order = 0;
  std::uint64_t checksum = 0;
  std::uint64_t missed = 0;

  // Reads a word at each end of the line and folds their order in.
  TT_HOT void take(const Event& event) noexcept {
    const auto number = static_cast<std::uint64_t>(event.time_ns);
    out_of_order += number != count % kMessages;
    std::uint64_t last;
    std::memcpy(&last, event.payload.data() + kPayloadBytes - sizeof last, sizeof last);
    checksum += (number ^ std::rotl(last, 32)) * (count | 1);
    ++count;
  }
  bool operator==(const Tally&) const = default;
};

// What a receiver of `count` messages must have got.
inline Tally tally_of(std::uint64_t count, const Messages& messages) noexcept {
  Tally tally;
  while (tally.count < count) tally.take(messages[tally.count % kMessages]);
  return tally;
}

}  // namespace thintail::bench
