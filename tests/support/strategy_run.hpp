// SPDX-License-Identifier: Apache-2.0
// What tests of strategies/ share: instruments, settings that trade, ticks in memory, and runs kept event by event.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/assert.hpp"
#include "core/config/settings.hpp"
#include "core/event/payloads.hpp"
#include "strategies/backtest/backtest.hpp"

namespace thintail::test {

inline constexpr std::int64_t kMilliNs = 1'000'000;
inline constexpr std::int64_t kSecondNs = 1'000'000'000;
inline constexpr std::int64_t kMinuteNs = 60 * kSecondNs;
inline constexpr std::int64_t kNoonNs = 1'399'032'000 * kSecondNs;  // 2014-05-02 12:00:00 UTC, a Friday

// Ticks that arrive when their venue stamps them.
inline Event tick_at(std::int64_t time_ns, std::int64_t bid_e9, std::int64_t ask_e9, InstrumentId id = 0) {
  return Event::make(time_ns, id, Tick{bid_e9, ask_e9, 0.0f, 0.0f, time_ns, 0});
}

// An EventSource over events that are kept elsewhere.
class EventList {
 public:
  explicit EventList(std::span<const Event> events) noexcept : rest_(events) {}
  bool poll(Event& out) noexcept {
    if (rest_.empty()) return false;
    out = rest_.front();
    rest_ = rest_.subspan(1);
    return true;
  }

 private:
  std::span<const Event> rest_;
};

inline InstrumentTable table_of(std::initializer_list<std::string_view> symbols) {
  InstrumentTable table(symbols.size());
  for (const std::string_view symbol : symbols) {
    auto row = built_in_instrument(symbol, "test");
    TT_CHECK(row.has_value() && table.add(*row).has_value(), "a symbol that is built in");
  }
  return table;
}

// `count` instruments that differ in name alone.
inline InstrumentTable many_instruments(std::size_t count) {
  InstrumentTable table(count);
  Instrument row = *built_in_instrument("BTCUSD", "test");
  for (std::size_t i = 0; i < count; ++i) {
    row.symbol = "COIN" + std::to_string(i);
    TT_CHECK(table.add(row).has_value(), "distinct names");
  }
  return table;
}

inline RiskLimits wide_limits() {
  return {.max_order_quantity = Quantity{1'000'000 * kE9},
          .max_position = Quantity{1'000'000 * kE9},
          .max_quote_age_ms = 5'000,
          .max_orders_per_second = 1'000};
}

// Ten ounces of gold or ten thousand euros at a time, within limits that a test of something else never meets.
inline Settings trading_settings(StrategyKind kind = StrategyKind::fade_last_move) {
  Settings settings;
  settings.core.instruments_max = 16;
  settings.strategy.kind = kind;
  settings.strategy.quantity = {{"XAUUSD", Quantity{10 * kE9}}, {"EURUSD", Quantity{10'000 * kE9}}};
  settings.risk["default"] = wide_limits();
  return settings;
}

// A random walk with what real feeds do: bursts at one time, silences longer than a bar, crossed and locked quotes, late venue stamps.
inline std::vector<Event> random_ticks(std::uint64_t seed, std::size_t count, std::uint32_t instruments = 1,
                                       std::int64_t start_ns = kNoonNs) {
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t bound) { return static_cast<std::int64_t>(random() % bound); };
  std::vector<std::int64_t> bids_e9(instruments, 1'300 * kE9);
  std::vector<Event> events;
  events.reserve(count);
  std::int64_t time_ns = start_ns + below(1'000'000'000);
  for (std::size_t i = 0; i < count; ++i) {
    const auto kind = below(1'000);
    if (kind < 2) {
      time_ns += 100 * kSecondNs + below(100'000'000'000);  // silence: the timer closes its bar
    } else if (kind < 900) {
      time_ns += below(400'000'000);
    }  // else at the same time as the tick before
    if (kind == 500) time_ns = (time_ns / kMinuteNs + 1) * kMinuteNs;  // exactly at a bar's end
    const auto id = static_cast<InstrumentId>(below(instruments));
    bids_e9[id] += (below(401) - 200) * kMilliNs;
    const std::int64_t spread_e9 = kind < 20 ? -50 * kMilliNs : kind < 40 ? 0 : 250 * kMilliNs;
    Event event = tick_at(time_ns, bids_e9[id], bids_e9[id] + spread_e9, id);
    auto tick = event.as<Tick>();
    if (kind >= 40 && kind < 50) tick.venue_ns -= below(3'000'000'000);
    tick.source_sequence = i + 1;
    events.push_back(Event::make(time_ns, id, tick));
  }
  return events;
}

struct RecordedRun {
  BacktestResult result;
  std::vector<Event> events;
};

template <EventSource Source>
RecordedRun record(Source& source, const Settings& settings, const InstrumentTable& instruments,
                   const BacktestOptions& options = {}) {
  RecordedRun run;
  run.result =
      run_backtest(source, settings, instruments, options, [&](const Event& event) { run.events.push_back(event); });
  return run;
}

inline RecordedRun record(std::span<const Event> ticks, const Settings& settings, const InstrumentTable& instruments,
                          const BacktestOptions& options = {}) {
  EventList source(ticks);
  return record(source, settings, instruments, options);
}

inline bool same_bytes(const Event& a, const Event& b) noexcept { return std::memcmp(&a, &b, sizeof a) == 0; }
inline bool same_bytes(std::span<const Event> a, std::span<const Event> b) noexcept {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

inline std::vector<Event> of_type(std::span<const Event> events, EventType type) {
  std::vector<Event> out;
  std::ranges::copy_if(events, std::back_inserter(out), [type](const Event& event) { return event.type == type; });
  return out;
}

template <EventPayload P>
std::vector<P> payloads_of(std::span<const Event> events) {
  std::vector<P> out;
  for (const Event& event : events) {
    if (event.type == P::kType) out.push_back(event.as<P>());
  }
  return out;
}

// The `next` that replay_journal() and RunComparison take.
inline auto reader_of(std::span<const Event> events) {
  return [source = EventList(events)](Event& out) mutable { return source.poll(out); };
}

}  // namespace thintail::test
