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

Preamble make_preamble(const Settings& settings, const InstrumentTable& instruments, const DecisionModel* model,
                       std::uint32_t epoch, std::map<InstrumentId, Position> positions) {
  Preamble preamble;
  preamble.epoch = epoch;
  preamble.config_text = canonical_text(settings);
  preamble.instruments.assign(instruments.rows().begin(), instruments.rows().end());
  preamble.has_model = model != nullptr;
  if (model != nullptr) preamble.model_hash = model->digest;
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
    events.push_back(Event::make(
        time_ns, static_cast<std::uint32_t>(id),
        InstrumentRow{row.tick_size_e9, row.lot_step_e9, row.contract_size_e9, static_cast<std::uint32_t>(text.size()),
                      static_cast<std::uint16_t>(row.calendar), row.digits, 1, 0},
        flags));
    push_text(events, text, time_ns, static_cast<std::uint32_t>(id), flags);
  }
  if (preamble.has_model) {
    events.push_back(Event::make(time_ns, kNoInstrument, Model{0, ModelStage::live, 1, preamble.model_hash}, flags));
  }
  for (const auto& [id, position] : preamble.positions) {
    events.push_back(Event::make(time_ns, id, position, flags | kFlagSnapshot));
  }
  const auto latch = [&](CommandKind kind) {
    events.push_back(Event::make(time_ns, kNoInstrument, Command{0, kind, 0, 0, {}}, flags | kFlagSnapshot));
  };
  // The kill first: it would end the flattening.
  if (preamble.latches.killed) latch(CommandKind::kill);
  if (preamble.latches.paused) latch(preamble.latches.flattening ? CommandKind::flatten : CommandKind::pause);
  return events;
}

void CommandLatches::take(CommandKind kind) noexcept {
  switch (kind) {  // as DecisionPipeline::on_command() does
    case CommandKind::pause: paused = true; break;
    case CommandKind::resume: paused = flattening = false; break;
    case CommandKind::flatten: paused = flattening = true; break;
    case CommandKind::kill:
      killed = true;
      flattening = false;
      break;
    case CommandKind::reset_kill: killed = false; break;
    case CommandKind::none: break;
  }
}

std::optional<Instrument> instrument_from_text(const InstrumentRow& row, std::string_view text) {
  const auto at = text.find('@');
  const auto first_space = text.find(' ');
  const auto last_space = text.rfind(' ');
  if (at == std::string_view::npos || first_space == std::string_view::npos || at > first_space ||
      first_space == last_space) {
    return std::nullopt;
  }
  return Instrument{.symbol = std::string(text.substr(0, at)),
                    .venue = std::string(text.substr(at + 1, first_space - at - 1)),
                    .base = std::string(text.substr(first_space + 1, last_space - first_space - 1)),
                    .quote = std::string(text.substr(last_space + 1)),
                    .digits = row.digits,
                    .tick_size_e9 = row.tick_size_e9,
                    .lot_step_e9 = row.lot_step_e9,
                    .contract_size_e9 = row.contract_size_e9,
                    .calendar = static_cast<CalendarId>(row.calendar)};
}

bool is_carried_latch(const Event& event) noexcept {
  return event.type == EventType::command && (event.flags & kFlagSnapshot) != 0 && !event.is_output();
}

bool PreambleReader::take(const Event& event) {
  if (fault_ || event.is_output()) return false;
  if (text_open_ && event.type != EventType::continuation) {
    return refuse("text", fmt::format("the rest of {} bytes of text", text_bytes_),
                  fmt::format("{} bytes, then another event", text_.size()));
  }
  switch (event.type) {
    case EventType::session:
      if (event.as<Session>().state != SessionState::started || session_seen_) return false;
      session_seen_ = true;
      preamble_.epoch = event.as<Session>().epoch;
      return true;
    case EventType::config: return begin_text(event, event.as<ConfigText>().text_bytes);
    case EventType::instrument: return begin_text(event, event.as<InstrumentRow>().name_bytes);
    case EventType::continuation: return add_text(event);
    case EventType::model:
      if (preamble_.has_model) return false;  // a swap before the first tick
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

bool PreambleReader::begin_text(const Event& event, std::size_t text_bytes) {
  continued_ = event;
  text_.clear();
  text_bytes_ = text_bytes;
  text_open_ = event.is_continued();
  return text_open_ || complete_text();
}

bool PreambleReader::add_text(const Event& event) {
  // A hostile stream cannot make the text grow past what its event announced.
  if (!text_open_ || text_.size() >= text_bytes_) {
    return refuse("text", fmt::format("{} bytes of text", text_bytes_), "a Continuation beyond them");
  }
  const auto part = event.as<Continuation>();
  text_.append(part.text.data(), std::min(part.text.size(), text_bytes_ - text_.size()));
  text_open_ = event.is_continued();
  return text_open_ || complete_text();
}

bool PreambleReader::complete_text() {
  if (text_.size() != text_bytes_) {
    return refuse("text", fmt::format("{} bytes of text", text_bytes_), fmt::format("{} bytes", text_.size()));
  }
  if (continued_.type == EventType::instrument) return complete_instrument();
  const Sha256Digest found = sha256(text_);
  const Sha256Digest expected = continued_.as<ConfigText>().sha256;
  if (found != expected) return refuse("config.sha256", to_hex(expected), to_hex(found));
  preamble_.config_text = text_;
  config_seen_ = true;
  return true;
}

bool PreambleReader::complete_instrument() {
  const auto row = continued_.as<InstrumentRow>();
  if (continued_.instrument != preamble_.instruments.size()) {
    return refuse("instrument", fmt::format("the next index, {}", preamble_.instruments.size()),
                  std::to_string(continued_.instrument));
  }
  if (row.calendar > static_cast<std::uint16_t>(CalendarId::gold)) {
    return refuse("calendar", "a calendar of core/time/calendar.hpp", std::to_string(row.calendar));
  }
  auto instrument = instrument_from_text(row, text_);
  if (!instrument) {
    return refuse("name", "\"SYMBOL@venue BASE QUOTE\"", fmt::format("\"{}\"", printable(text_)));
  }
  preamble_.instruments.push_back(*std::move(instrument));
  return true;
}

bool PreambleReader::refuse(std::string field, std::string expected, std::string found) {
  fault_ = Error{.code = ErrorCode::replay_incomplete,
                 .doing = "reading what the journal begins with",
                 .field = std::move(field),
                 .expected = std::move(expected),
                 .found = std::move(found)};
  return false;
}

Result<Preamble> PreambleReader::finish() && {
  if (!fault_ && text_open_) {
    refuse("text", fmt::format("{} bytes of text", text_bytes_), fmt::format("{} bytes", text_.size()));
  }
  if (!fault_ && !session_seen_) refuse("session", "a Session{started} event first", "none");
  if (!fault_ && !config_seen_) refuse("config", "a Config event with its text", "none");
  if (!fault_ && preamble_.instruments.empty()) refuse("instrument", "at least one Instrument event", "none");
  if (fault_) return fail(std::move(*fault_));
  for (const Instrument& instrument : preamble_.instruments) TT_TRY_VOID(validate(instrument));
  return std::move(preamble_);
}

}  // namespace thintail
