// SPDX-License-Identifier: Apache-2.0
#include "ml/pack/golden_events.hpp"

#include <fmt/format.h>

#include <cmath>

#include "core/event/payloads.hpp"

namespace thintail::pack {

namespace {

struct Counts {
  std::uint32_t events = 0;
  std::uint32_t rows = 0;
  std::array<std::uint32_t, 14> reserved{};  // events begin at a multiple of 64
};
static_assert(sizeof(Counts) == 64);

constexpr std::int64_t kTimeFirstNs = 631'152'000'000'000'000;  // 1990-01-01, from which on time zones are hashed
constexpr std::int64_t kTimeEndNs = 2'208'988'800'000'000'000;  // 2040-01-01
constexpr std::int64_t kStepMaxNs = std::int64_t{366} * 86'400 * 1'000'000'000;
constexpr std::int64_t kPriceMax_e9 = 1'000'000'000'000'000;  // a million: window sums of it stay exact
constexpr float kSizeMax = 1e9F;

bool is_price(std::int64_t price_e9) noexcept { return price_e9 > 0 && price_e9 <= kPriceMax_e9; }
bool is_size(float size) noexcept { return size >= 0.0F && size <= kSizeMax; }
bool is_time(std::int64_t time_ns) noexcept { return time_ns >= kTimeFirstNs && time_ns < kTimeEndNs; }

// Why the event is none that golden inputs may hold; empty if it may.
std::string_view fault_of(const Event& event) noexcept {
  switch (event.type) {
    case EventType::session:
    case EventType::config:
    case EventType::instrument:
    case EventType::continuation:
    case EventType::gap: return "";
    case EventType::timer:
      return is_time(event.time_ns) && event.as<Timer>().second_s == event.time_ns / 1'000'000'000
                 ? ""
                 : "a timer of another second";
    case EventType::tick: {
      const auto tick = event.as<Tick>();
      if (!is_price(tick.bid_e9) || !is_price(tick.ask_e9)) return "a quote out of range";
      return is_size(tick.bid_size) && is_size(tick.ask_size) && is_time(tick.venue_ns) ? ""
                                                                                        : "a size or time out of range";
    }
    case EventType::trade: {
      const auto trade = event.as<Trade>();
      return is_price(trade.price_e9) && is_size(trade.size) && is_time(trade.venue_ns) && trade.aggressor <= Side::sell
                 ? ""
                 : "a trade out of range";
    }
    case EventType::book: {
      const auto level = event.as<Book>();
      return is_price(level.price_e9) && is_size(level.size) && is_time(level.venue_ns) && level.side <= Side::sell
                 ? ""
                 : "a level out of range";
    }
    default: return "an event that no feed gives";
  }
}

bool is_market(EventType type) noexcept {
  return type == EventType::tick || type == EventType::trade || type == EventType::book;
}

Result<void> check_events(const GoldenEvents& golden, std::uint64_t rows, const Section& section,
                          std::string_view file) {
  const auto no = [&](std::size_t index, std::string expected, std::string found) {
    return refuse(file, section.name, fmt::format("events[{}]", index), golden.events_offset + index * sizeof(Event),
                  std::move(expected), std::move(found));
  };
  std::uint64_t ticks = 0;
  std::uint32_t instruments = 0;
  std::int64_t last_ns = golden.events.front().time_ns;
  bool preamble_ended = false;
  for (std::size_t index = 0; index < golden.events.size(); ++index) {
    const Event& event = golden.events[index];
    if (event.is_output()) return no(index, "an input", "an output");
    if (const std::string_view fault = fault_of(event); !fault.empty()) {
      return no(index, "a tick, trade, level, timer or gap, within bounds", std::string(fault));
    }
    if (!is_time(event.time_ns) || event.time_ns < last_ns || event.time_ns - last_ns > kStepMaxNs) {
      return no(index, fmt::format("a time of 1990 to 2039, from {} on, at most a year later", last_ns),
                fmt::format("{}", event.time_ns));
    }
    last_ns = event.time_ns;
    const bool is_preamble = event.type == EventType::session || event.type == EventType::config ||
                             event.type == EventType::instrument || event.type == EventType::continuation;
    preamble_ended = preamble_ended || !is_preamble;
    if (is_preamble && preamble_ended)
      return no(index, "an input of the market", "one that only stands at the beginning");
    instruments += event.type == EventType::instrument;
    if (instruments > kGoldenInstrumentsMax)
      return no(index, fmt::format("at most {} instruments", kGoldenInstrumentsMax), "another one");
    if (is_market(event.type) && event.instrument >= instruments) {
      return no(index, fmt::format("one of {} instruments", instruments), fmt::format("{}", event.instrument));
    }
    ticks += event.type == EventType::tick;
  }
  if (ticks == rows) return {};
  return refuse(file, section.name, "counts", section.offset, fmt::format("a row for each of {} ticks", ticks),
                fmt::format("{}", rows));
}

}  // namespace

std::string encode_golden_events(const GoldenEvents& golden) {
  std::string out;
  append(out, Counts{.events = static_cast<std::uint32_t>(golden.events.size()),
                     .rows = static_cast<std::uint32_t>(golden.rows.size())});
  for (const Event& event : golden.events) append(out, event);
  for (const GoldenRow& row : golden.rows) append(out, row);
  return out;
}

Result<GoldenEvents> decode_golden_events(const Section& section, std::string_view file) {
  const auto no = [&](std::string expected, std::string found) {
    return refuse(file, section.name, "counts", section.offset, std::move(expected), std::move(found));
  };
  if (section.bytes.size() < sizeof(Counts))
    return no(fmt::format("{} bytes of them", sizeof(Counts)), fmt::format("{}", section.bytes.size()));
  const Counts counts = ArrayView<Counts>(section, 0, 1)[0];
  if (counts.events < kGoldenEventsMin || counts.events > kGoldenEventsMax || counts.rows > counts.events ||
      counts.reserved != decltype(counts.reserved){}) {
    return no(fmt::format("{} to {} events, no more rows, and zeros", kGoldenEventsMin, kGoldenEventsMax),
              fmt::format("{}, {}", counts.events, counts.rows));
  }
  const std::uint64_t rows_at = sizeof(Counts) + std::uint64_t{counts.events} * sizeof(Event);
  const std::uint64_t end = rows_at + std::uint64_t{counts.rows} * sizeof(GoldenRow);
  if (end != section.bytes.size())
    return no(fmt::format("arrays of {} bytes in all", section.bytes.size()), fmt::format("{}", end));
  GoldenEvents golden{.events = {},
                      .rows = {},
                      .events_offset = section.offset + sizeof(Counts),
                      .rows_offset = section.offset + rows_at};
  const ArrayView<Event> events(section, sizeof(Counts), counts.events);
  const ArrayView<GoldenRow> rows(section, rows_at, counts.rows);
  golden.events.reserve(counts.events);
  for (std::size_t i = 0; i < events.size(); ++i) golden.events.push_back(events[i]);
  golden.rows.reserve(counts.rows);
  for (std::size_t i = 0; i < rows.size(); ++i) golden.rows.push_back(rows[i]);
  TT_TRY_VOID(check_events(golden, counts.rows, section, file));
  return golden;
}

}  // namespace thintail::pack
