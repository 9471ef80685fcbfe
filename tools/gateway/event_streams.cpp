// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/event_streams.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/event/describe.hpp"
#include "core/journal_format/journal_header.hpp"

namespace thintail::gateway {
namespace {

constexpr std::size_t kRecentEvents = 16'384;
constexpr std::uint64_t kAheadOfJournal = 65'536;  // events that a core may have published and not journaled

// How many lie between two events that came one after the other.
std::uint64_t between(std::uint64_t told, std::uint64_t next) noexcept {
  return told == 0 || next <= told ? 0 : (next - told - 1) % kPowerLossSkip;
}

}  // namespace

void EventStreams::on_open(const std::shared_ptr<http::EventStream>& stream, const http::Request& request) {
  Reader reader;
  reader.stream = stream;
  if (const auto types = request.query_value("type")) {
    // The route has refused unknown ones.
    if (auto filter = TypeFilter::parse({std::string(*types)})) reader.types = *filter;
  }
  if (const auto symbol = request.query_value("symbol")) {
    model_->read([&](const CoreModel& model) {
      for (const std::uint32_t index : model.find(*symbol)) reader.instruments.insert(model.instruments[index].name);
    });
  }
  const std::string_view last = request.header("last-event-id");
  std::from_chars(last.data(), last.data() + last.size(), reader.told);
  const std::lock_guard lock(mutex_);
  Reader& kept = readers_[stream->id()] = std::move(reader);
  if (kept.told == 0 || kept.told > newest_known()) kept.told = recent_.empty() ? 0 : recent_.back().event.sequence;
  catch_up(kept);
}

// A number beyond it was given by another core.
std::uint64_t EventStreams::newest_known() const {
  if (!recent_.empty()) return recent_.back().event.sequence;
  // A gateway that has just begun may know less than a client of the one before it.
  return model_->read([](const CoreModel& model) { return model.sequence; }) + kAheadOfJournal;
}

void EventStreams::on_drained(const std::shared_ptr<http::EventStream>& stream) {
  const std::lock_guard lock(mutex_);
  const auto found = readers_.find(stream->id());
  if (found == readers_.end()) return;
  found->second.is_full = false;
  catch_up(found->second);
}

void EventStreams::on_close(const std::shared_ptr<http::EventStream>& stream) {
  const std::lock_guard lock(mutex_);
  readers_.erase(stream->id());
}

http::Sent EventStreams::tell(Reader& reader, Recent& recent) {
  const Event& event = recent.event;
  const bool is_wanted =
      reader.types.takes(event.type) && (reader.instruments.empty() || reader.instruments.contains(recent.name));
  const std::uint64_t missed = reader.missed + between(reader.told, event.sequence);
  if (is_wanted) {
    if (!recent.text) {
      recent.text = std::make_shared<const std::string>(http::event_text(
          fmt::format("{}", event.sequence), event_type_name(event.type), event_json(event, recent.name)));
    }
    Text text = recent.text;
    if (missed != 0) {
      text = std::make_shared<const std::string>(
          http::event_text("", "missed", fmt::format(R"({{"count":{}}})", missed)) + *text);
    }
    const http::Sent sent = reader.stream->send(std::move(text));
    if (sent == http::Sent::full) return sent;
  }
  reader.missed = is_wanted ? 0 : missed;
  reader.told = event.sequence;
  return http::Sent::queued;
}

void EventStreams::catch_up(Reader& reader) {
  auto at = std::ranges::upper_bound(recent_, reader.told, {}, [](const Recent& row) { return row.event.sequence; });
  for (; at != recent_.end() && !reader.is_full; ++at) reader.is_full = tell(reader, *at) == http::Sent::full;
}

void EventStreams::on_events(std::span<const Event> events) {
  if (events.empty()) return;
  const std::lock_guard lock(mutex_);
  const bool begins_anew = !recent_.empty() && events.front().sequence <= recent_.back().event.sequence;
  if (begins_anew) {
    recent_.clear();
    for (auto& [id, reader] : readers_) reader.told = 0;
  }
  model_->read([&](const CoreModel& model) {
    for (const Event& event : events) {
      const InstrumentModel* at = model.by_id(event.instrument);
      recent_.push_back({event, at == nullptr ? std::string() : at->name, nullptr});
    }
  });
  for (auto& [id, reader] : readers_) {
    if (!reader.is_full) catch_up(reader);
  }
  while (recent_.size() > kRecentEvents) recent_.pop_front();
}

void EventStreams::close_all() {
  const std::lock_guard lock(mutex_);
  for (auto& [id, reader] : readers_) reader.stream->close();
}

}  // namespace thintail::gateway
