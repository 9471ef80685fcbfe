// SPDX-License-Identifier: Apache-2.0
#include "strategies/pipeline/preamble.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/config/config.hpp"

namespace thintail {
namespace {

void push_text(std::vector<Event>& events, std::string_view text, std::int64_t time_ns, std::uint32_t instrument,
               unsigned flags) {
  if (text.empty()) return;
  events.back().flags = static_cast<std::uint16_t>(events.back().flags | kFlagContinued);
  for (std::size_t at = 0; at < text.size(); at += kPayloadBytes) {
    Continuation part{};
    const std::string_view piece = text.substr(at, kPayloadBytes);
    std::memcpy(part.text.data(), piece.data(), piece.size());
    const unsigned more = at + kPayloadBytes < text.size() ? unsigned{kFlagContinued} : 0u;
    events.push_back(Event::make(time_ns, instrument, part, flags | more));
  }
}

}  // namespace

Preamble make_preamble(const Settings& settings, const InstrumentTable& instruments, const LoadedModel* model,
                       std::uint32_t epoch, std::map<InstrumentId, Position> positions) {
  Preamble preamble;
  preamble.epoch = epoch;
  preamble.config_text = canonical_text(settings);
  preamble.instruments.assign(instruments.rows().begin(), instruments.rows().end());
  preamble.has_model = model != nullptr;
  if (model != nullptr) preamble.model_hash = model->trees.sha256();
  preamble.positions = std::move(positions);
  return preamble;
}

std::vector<Event> to_events(const Preamble& preamble, std::int64_t time_ns, unsigned flags) {
  std::vector<Event> events;
  events.push_back(
      Event::make(time_ns, kNoInstrument, Session{SessionState::started, 0, preamble.epoch, 0, {}}, flags));
  events.push_back(Event::make(
      time_ns, kNoInstrument,
      ConfigText{static_cast<std::uint32_t>(preamble.config_text.size()), 0, sha256(preamble.config_text)}, flags));
  push_text(events, preamble.config_text, time_ns, kNoInstrument, flags);
  for (std::size_t id = 0; id < preamble.instruments.size(); ++id) {
    const Instrument& row = preamble.instruments[id];
    // symbol, venue, base and quote in one text: the first two make the name.
    const std::string text = fmt::format("{}@{} {} {}", row.symbol, row.venue, row.base, row.quote);
    events.push_back(Event::make(time_ns, static_cast<std::uint32_t>(id),
                                 InstrumentRow{row.tick_size_e9, row.lot_step_e9, row.contract_size_e9,
                                               static_cast<std::uint32_t>(text.size()),
                                               static_cast<std::uint16_t>(row.calendar), row.digits, 1, 0},
                                 flags));
    push_text(events, text, time_ns, static_cast<std::uint32_t>(id), flags);
  }
  if (preamble.has_model) {
    events.push_back(Event::make(time_ns, kNoInstrument, Model{0, 0, 1, preamble.model_hash}, flags));
  }
  for (const auto& [id, position] : preamble.positions) {
    events.push_back(Event::make(time_ns, id, position, flags | kFlagSnapshot));
  }
  return events;
}

bool PreambleReader::take(const Event& event) {
  if (event.is_output()) return false;
  switch (event.type) {
    case EventType::session:
      if (event.as<Session>().state != SessionState::started || session_seen_) return false;
      session_seen_ = true;
      preamble_.epoch = event.as<Session>().epoch;
      return true;
    case EventType::config:
    case EventType::instrument:
      continued_ = event;
      text_.clear();
      text_bytes_ = event.type == EventType::config ? event.as<ConfigText>().text_bytes
                                                    : event.as<InstrumentRow>().name_bytes;
      if (!event.is_continued()) complete_text();
      return true;
    case EventType::continuation: {
      const auto part = event.as<Continuation>();
      text_.append(part.text.data(), part.text.size());
      if (!event.is_continued()) complete_text();
      return true;
    }
    case EventType::model:
      preamble_.has_model = true;
      preamble_.model_hash = event.as<Model>().sha256;
      return true;
    case EventType::position:
      if ((event.flags & kFlagSnapshot) == 0) return false;
      preamble_.positions[event.instrument] = event.as<Position>();
      return true;
    default: return false;
  }
}

void PreambleReader::complete_text() {
  text_.resize(std::min(text_.size(), text_bytes_));
  if (continued_.type == EventType::config) {
    preamble_.config_text = text_;
    config_seen_ = sha256(text_) == continued_.as<ConfigText>().sha256;
    return;
  }
  const auto row = continued_.as<InstrumentRow>();
  const auto at = text_.find('@');
  const auto space = text_.find(' ');
  const auto last = text_.rfind(' ');
  Instrument instrument;
  if (at != std::string::npos && space != std::string::npos && at < space) {
    instrument.symbol = text_.substr(0, at);
    instrument.venue = text_.substr(at + 1, space - at - 1);
    if (last > space) {
      instrument.base = text_.substr(space + 1, last - space - 1);
      instrument.quote = text_.substr(last + 1);
    }
  }
  instrument.digits = row.digits;
  instrument.tick_size_e9 = row.tick_size_e9;
  instrument.lot_step_e9 = row.lot_step_e9;
  instrument.contract_size_e9 = row.contract_size_e9;
  instrument.calendar = static_cast<CalendarId>(row.calendar);
  // Ids are dense and in order; a hostile id cannot make the table grow past what was journaled.
  if (continued_.instrument == preamble_.instruments.size()) preamble_.instruments.push_back(std::move(instrument));
}

Result<Preamble> PreambleReader::finish() && {
  const auto refuse = [](std::string expected, std::string found) {
    return fail({.code = ErrorCode::replay_incomplete,
                 .doing = "reading what the journal begins with",
                 .expected = std::move(expected),
                 .found = std::move(found)});
  };
  if (!session_seen_) return refuse("a Session{started} event first", "none");
  if (!config_seen_) return refuse("a Config event whose text has the SHA-256 it names", "none");
  if (preamble_.instruments.empty()) return refuse("at least one Instrument event", "none");
  for (const Instrument& instrument : preamble_.instruments) TT_TRY_VOID(validate(instrument));
  return std::move(preamble_);
}

}  // namespace thintail
