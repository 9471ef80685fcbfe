// SPDX-License-Identifier: Apache-2.0
#include "tools/monitor/event_line.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <span>

#include "core/base/int128.hpp"
#include "core/config/nearest_name.hpp"
#include "core/event/describe.hpp"
#include "core/event/payload_fields.hpp"
#include "core/price/decimal.hpp"
#include "strategies/risk/risk_gate.hpp"
#include "tools/monitor/safe_text.hpp"
#include "tools/report/report_text.hpp"

namespace thintail {
namespace {

// A payload's members as "name value" pairs.
class LineWriter {
 public:
  LineWriter(std::string& out, EventType type) : out_(out), type_(type) {}

  void operator()(std::string_view name, fields::Decimal, std::int64_t value_e9) {
    add(name, format_decimal_e9(value_e9));
  }
  void operator()(std::string_view name, fields::Money, std::uint64_t low, std::int64_t high) {
    add(name, format_money_e18(from_words(low, high)));
  }
  void operator()(std::string_view, fields::Ns, std::int64_t) {}  // the event's own time stands in front
  template <std::integral I>
  void operator()(std::string_view name, fields::Id, I value) {
    add(name, fmt::format("{}", value));
  }
  template <std::integral I>
  void operator()(std::string_view name, fields::Number, I value) {
    if (name == "source_sequence") return;
    if (type_ == EventType::reject && name == "rule") {
      return add(name, risk_rule_name(static_cast<RiskRule>(value)));
    }
    add(name, fmt::format("{}", +value));
  }
  void operator()(std::string_view name, fields::Real, float value) { add(name, fmt::format("{:.6g}", value)); }
  void operator()(std::string_view, fields::Hex, std::uint64_t) {}
  void operator()(std::string_view name, fields::Hex, std::span<const std::uint8_t> bytes) {
    add(name, fmt::format("{:02x}", fmt::join(bytes.first(4), "")) + "...");
  }
  void operator()(std::string_view, fields::Text, std::span<const char> bytes) {
    const std::string_view padded(bytes.data(), bytes.size());
    std::string text(padded.substr(0, padded.find_last_not_of('\0') + 1));
    std::ranges::replace(text, '\n', ' ');
    add("text", text);
  }
  void operator()(std::string_view, fields::PackedBar, std::uint32_t ticks_period) {
    const Bar bar{.open_e9 = 0, .high_e9 = 0, .low_e9 = 0, .close_e9 = 0, .end_s = 0, .ticks_period = ticks_period};
    add("ticks", fmt::format("{}", bar.ticks()));
    add("period", fmt::format("{}", bar.period()));
    (*this)("side", fields::Choice{fields::kQuoteSides}, bar.side());
  }
  template <class T>
  void operator()(std::string_view, fields::Reserved, const T&) {}
  template <class E>
  void operator()(std::string_view name, fields::Choice choice, E value) {
    const auto number = static_cast<unsigned>(value);
    const bool is_named = number < choice.names.size() && !choice.names[number].empty();
    add(name, is_named ? std::string(choice.names[number]) : fmt::format("{}", number));
  }

 private:
  void add(std::string_view name, std::string_view value) {
    fmt::format_to(std::back_inserter(out_), "  {} {}", name, safe_text(value));
  }

  std::string& out_;
  EventType type_;
};

}  // namespace

std::string event_line(const Event& event, std::string_view instrument) {
  const std::string name = !instrument.empty()                 ? safe_text(instrument)
                           : event.instrument == kNoInstrument ? "-"
                                                               : fmt::format("#{}", event.instrument);
  std::string out = fmt::format("{:>12}  {}  {:<12}  {:<16}", event.sequence, utc_text(event.time_ns, 9),
                                event_type_name(event.type), name);
  LineWriter writer(out, event.type);
  if (!fields::Payloads::with_payload(event, [&](const auto& payload) { fields::visit(payload, writer); })) {
    fmt::format_to(std::back_inserter(out), "  type_value {}", static_cast<unsigned>(event.type));
  }
  out.erase(out.find_last_not_of(' ') + 1);
  return out;
}

std::string event_json(const Event& event, std::string_view instrument) {
  std::string out = to_json(event);
  if (instrument.empty()) return out;
  out.pop_back();
  // Bytes that are no UTF-8 are replaced: half a character is no valid JSON.
  out += fmt::format(",\"instrument_name\":{}}}",
                     nlohmann::json(instrument).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
  return out;
}

void InstrumentNames::take(const Event& event) {
  if (event.type == EventType::session && event.as<Session>().state == SessionState::started) clear();
  if (!text_.take(event) || text_.owner().type != EventType::instrument) return;
  names_[text_.owner().instrument] = text_.text().substr(0, text_.text().find(' '));  // the currencies follow it
}

std::string_view InstrumentNames::of(std::uint32_t instrument) const noexcept {
  const auto found = names_.find(instrument);
  return found == names_.end() ? std::string_view() : found->second;
}

std::vector<std::string> InstrumentNames::all() const {
  std::vector<std::string> out;
  for (const auto& [id, name] : names_) out.push_back(name);
  return out;
}

bool is_instrument(std::string_view name, std::string_view wanted) noexcept {
  return name == wanted || (name.starts_with(wanted) && name.substr(wanted.size()).starts_with('@'));
}

Result<TypeFilter> TypeFilter::parse(const std::vector<std::string>& arguments) {
  TypeFilter filter;
  for (const std::string& argument : arguments) {
    for (std::size_t from = 0; from <= argument.size();) {
      const std::size_t end = std::min(argument.find(',', from), argument.size());
      const std::string name = argument.substr(from, end - from);
      from = end + 1;
      const EventType type = event_type_from_name(name);
      if (type == EventType::none) {
        std::vector<std::string> known;
        for (std::size_t i = 1; i < kEventTypeCount; ++i) {
          known.emplace_back(event_type_name(static_cast<EventType>(i)));
        }
        return fail(
            {.code = ErrorCode::usage,
             .doing = "reading --type",
             .expected = fmt::format("of {}; the nearest is {}", fmt::join(known, ", "), nearest_name(name, known)),
             .found = '"' + printable(name, 64) + '"'});
      }
      filter.wanted_[static_cast<std::size_t>(type)] = true;
      filter.takes_all_ = false;
    }
  }
  return filter;
}

bool TypeFilter::takes(EventType type) const noexcept {
  const auto index = static_cast<std::size_t>(type);
  return takes_all_ || (index < wanted_.size() && wanted_[index]);
}

}  // namespace thintail
