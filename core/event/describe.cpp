// SPDX-License-Identifier: Apache-2.0
#include "core/event/describe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <span>
#include <string>

#include "core/base/assert.hpp"
#include "core/base/hash.hpp"
#include "core/base/int128.hpp"
#include "core/event/payload_fields.hpp"
#include "core/price/decimal.hpp"

namespace thintail {
namespace {

using namespace fields;  // NOLINT: the forms are this file's vocabulary

constexpr std::array<std::string_view, kEventTypeCount> kTypeNames = {
    "none",   "tick",       "trade",  "book",    "bar",   "prediction", "regime",
    "signal", "intent",     "reject", "report",  "fill",  "position",   "command",
    "model",  "instrument", "config", "session", "timer", "gap",        "continuation"};

template <class T>
std::span<const std::uint8_t, sizeof(T)> bytes_of(const T& value) noexcept {
  return std::span<const std::uint8_t, sizeof(T)>(reinterpret_cast<const std::uint8_t*>(&value), sizeof(T));
}

std::string exact_money(i128 value_e18) {
  std::string text = format_money_e18(value_e18, 18);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  void operator()(std::string_view name, Decimal, std::int64_t value_e9) {
    add(name, "\"{}\"", format_decimal_e9(value_e9));
  }
  void operator()(std::string_view name, Money, std::uint64_t low, std::int64_t high) {
    add(name, "\"{}\"", exact_money(from_words(low, high)));
  }
  void operator()(std::string_view name, Ns, std::int64_t value) { add(name, "\"{}\"", value); }
  template <std::integral I>
  void operator()(std::string_view name, Id, I value) {
    add(name, "\"{}\"", value);
  }
  template <std::integral I>
  void operator()(std::string_view name, Number, I value) {
    add(name, "{}", +value);
  }
  void operator()(std::string_view name, Real, float value) {
    if (std::isfinite(value)) {
      add(name, "{}", value);
    } else {
      add(name, "{}", "null");
    }
  }
  void operator()(std::string_view name, Hex, std::uint64_t value) { add(name, "\"{:016x}\"", value); }
  void operator()(std::string_view name, Hex, std::span<const std::uint8_t> bytes) {
    add(name, "\"{}\"", to_hex(bytes));
  }
  void operator()(std::string_view name, Text, std::span<const char> bytes) {
    const std::string_view padded(bytes.data(), bytes.size());
    add(name, "\"{}\"", escaped(padded.substr(0, padded.find_last_not_of('\0') + 1)));
  }
  void operator()(std::string_view, PackedBar, std::uint32_t ticks_period) {
    const Bar bar{.open_e9 = 0, .high_e9 = 0, .low_e9 = 0, .close_e9 = 0, .end_s = 0, .ticks_period = ticks_period};
    (*this)("ticks", Number{}, bar.ticks());
    (*this)("period", Number{}, bar.period());
    (*this)("side", Choice{kQuoteSides}, bar.side());
  }
  template <class T>
  void operator()(std::string_view name, Reserved, const T& value) {
    const auto bytes = bytes_of(value);
    if (std::ranges::any_of(bytes, [](auto byte) { return byte != 0; })) add(name, "\"{}\"", to_hex(bytes));
  }
  template <class E>
  void operator()(std::string_view name, Choice choice, E value) {
    const auto number = static_cast<unsigned>(value);
    if (number < choice.names.size() && !choice.names[number].empty()) {
      add(name, "\"{}\"", choice.names[number]);
    } else {
      add(name, "{}", number);
    }
  }

 private:
  template <class... Arguments>
  void add(std::string_view name, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    fmt::format_to(std::back_inserter(out_), ",\"{}\":", name);
    fmt::format_to(std::back_inserter(out_), format, std::forward<Arguments>(arguments)...);
  }

  // Escaped byte by byte: a continuation may cut a UTF-8 sequence in two, and half of one is no valid JSON.
  static std::string escaped(std::string_view text) {
    std::string out;
    for (const char raw : text) {
      const auto byte = static_cast<unsigned char>(raw);
      if (raw == '"' || raw == '\\') {
        out += {'\\', raw};
      } else if (byte < 0x20 || byte >= 0x7f) {
        out += fmt::format("\\u{:04x}", byte);
      } else {
        out += raw;
      }
    }
    return out;
  }

  std::string& out_;
};

// Finds the first member whose bytes differ: exact where text would not be (NaN, rounding).
class Differ {
 public:
  Differ(const std::byte* a, const std::byte* b) noexcept : a_(a), b_(b) {}

  template <class Form, class First, class... More>
  void operator()(std::string_view name, const Form&, const First&, const More&...) {
    const std::size_t size_bytes = sizeof(First) + (std::size_t{0} + ... + sizeof(More));
    if (name_.empty() && std::memcmp(a_ + at_bytes_, b_ + at_bytes_, size_bytes) != 0) name_ = name;
    at_bytes_ += size_bytes;  // members have no padding between them, and are visited in order
  }

  std::string_view name() const noexcept { return name_; }
  std::size_t seen_bytes() const noexcept { return at_bytes_; }

 private:
  const std::byte* a_;
  const std::byte* b_;
  std::size_t at_bytes_ = 0;
  std::string_view name_;
};

}  // namespace

std::string_view event_type_name(EventType type) noexcept {
  const auto index = static_cast<std::size_t>(type);
  return index < kTypeNames.size() ? kTypeNames[index] : "unknown";
}

EventType event_type_from_name(std::string_view name) noexcept {
  const auto* found = std::ranges::find(kTypeNames, name);
  return found == kTypeNames.end() ? EventType::none : static_cast<EventType>(found - kTypeNames.begin());
}

std::string to_json(const Event& event) {
  std::string out =
      fmt::format(R"({{"sequence":{},"time_ns":"{}","instrument":{},"type":"{}","flags":{})", event.sequence,
                  event.time_ns, event.instrument == kNoInstrument ? "null" : std::to_string(event.instrument),
                  event_type_name(event.type), event.flags);
  JsonWriter writer(out);
  if (!Payloads::with_payload(event, [&](const auto& payload) { visit(payload, writer); })) {
    writer("type_value", Number{}, static_cast<std::uint16_t>(event.type));
    writer("payload", Hex{}, bytes_of(event.payload));
  }
  out += '}';
  return out;
}

std::string first_difference(const Event& a, const Event& b) {
  if (a.sequence != b.sequence) return "sequence";
  if (a.time_ns != b.time_ns) return "time_ns";
  if (a.instrument != b.instrument) return "instrument";
  if (a.type != b.type) return "type";
  if (a.flags != b.flags) return "flags";
  Differ differ(a.payload.data(), b.payload.data());
  if (Payloads::with_payload(a, [&](const auto& payload) { visit(payload, differ); })) {
    TT_CHECK(differ.seen_bytes() == kPayloadBytes, "visit() to list every member of the payload");
    return differ.name().empty() ? std::string() : fmt::format("payload.{}", differ.name());
  }
  const auto at = std::ranges::mismatch(a.payload, b.payload).in1 - a.payload.begin();
  return at == kPayloadBytes ? std::string() : fmt::format("payload[{}]", at);
}

}  // namespace thintail
