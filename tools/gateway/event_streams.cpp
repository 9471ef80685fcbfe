// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/event_streams.hpp"

#include <fmt/format.h>

#include <charconv>

#include "core/event/describe.hpp"

namespace thintail::gateway {
namespace {

constexpr std::size_t kRecentEvents = 16'384;

std::string name_in(const CoreModel& model, const Event& event) {
  const InstrumentModel* at = model.by_id(event.instrument);
  return at == nullptr ? std::string() : at->name;
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
  std::uint64_t after = 0;
  const std::string_view last = request.header("last-event-id");
  std::from_chars(last.data(), last.data() + last.size(), after);
  const std::lock_guard lock(mutex_);
  Reader& kept = readers_[stream->id()] = std::move(reader);
  if (after == 0) return;
  if (!recent_.empty() && recent_.front().sequence > after + 1) kept.missed = recent_.front().sequence - after - 1;
  for (const Event& event : recent_) {
    if (event.sequence <= after) continue;
    const std::string name = model_->read([&](const CoreModel& model) { return name_in(model, event); });
    if (wants(kept, event, name)) tell(kept, event, name);
  }
}

void EventStreams::on_drained(const std::shared_ptr<http::EventStream>& stream) {
  const std::lock_guard lock(mutex_);
  const auto found = readers_.find(stream->id());
  if (found != readers_.end()) found->second.is_stalled = false;
}

void EventStreams::on_close(const std::shared_ptr<http::EventStream>& stream) {
  const std::lock_guard lock(mutex_);
  readers_.erase(stream->id());
}

bool EventStreams::wants(const Reader& reader, const Event& event, std::string_view name) const {
  return reader.types.takes(event.type) &&
         (reader.instruments.empty() || reader.instruments.contains(std::string(name)));
}

void EventStreams::tell(Reader& reader, const Event& event, std::string_view name) {
  if (reader.is_stalled) {
    ++reader.missed;
    return;
  }
  std::string block;
  if (reader.missed != 0) {
    block = http::event_text("", "missed", fmt::format(R"({{"count":{}}})", reader.missed));
  }
  block += http::event_text(fmt::format("{}", event.sequence), event_type_name(event.type), event_json(event, name));
  if (reader.stream->send(std::make_shared<const std::string>(std::move(block))) == http::Sent::full) {
    reader.is_stalled = true;
    ++reader.missed;
  } else {
    reader.missed = 0;
  }
}

void EventStreams::on_events(std::span<const Event> events) {
  const std::lock_guard lock(mutex_);
  recent_.insert(recent_.end(), events.begin(), events.end());
  while (recent_.size() > kRecentEvents) recent_.pop_front();
  if (readers_.empty()) return;
  for (const Event& event : events) {
    const std::string name = model_->read([&](const CoreModel& model) { return name_in(model, event); });
    for (auto& [id, reader] : readers_) {
      if (wants(reader, event, name)) tell(reader, event, name);
    }
  }
}

void EventStreams::close_all() {
  const std::lock_guard lock(mutex_);
  for (auto& [id, reader] : readers_) reader.stream->close();
}

}  // namespace thintail::gateway
