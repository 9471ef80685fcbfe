// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/market_simulator.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <vector>

#include "core/base/hash.hpp"

namespace thintail {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMonday = 1'717'372'800 * kSecond;   // 2024-06-03 00:00 UTC
constexpr std::int64_t kSaturday = 1'717'200'000 * kSecond;  // 2024-06-01 00:00 UTC

SimulatorSettings settings_of(std::uint64_t seed, std::uint32_t duration_s) {
  SimulatorSettings settings;
  settings.seed = seed;
  settings.duration_s = duration_s;
  return settings;
}

struct Outcome {
  std::vector<Event> events;
  InstrumentTable instruments;
};

Outcome run(const SimulatorSettings& settings, std::int64_t start_ns,
            std::uint32_t crossed_one_in = MarketSimulator::kCrossedOneIn) {
  Outcome out;
  auto market = MarketSimulator::create(settings, start_ns, out.instruments, crossed_one_in);
  EXPECT_TRUE(market.has_value()) << market.error().message();
  Event event;
  while (market->poll(event)) out.events.push_back(event);
  EXPECT_FALSE(market->poll(event)) << "an end must stay one";
  EXPECT_EQ(market->progress(), 1.0);
  return out;
}

std::uint64_t digest(const std::vector<Event>& events) { return xxh3(events.data(), events.size() * sizeof(Event)); }

TEST(market_simulator, repeats_by_seed_and_differs_by_seed) {
  const auto first = digest(run(settings_of(1, 600), kMonday).events);
  EXPECT_EQ(digest(run(settings_of(1, 600), kMonday).events), first);
  EXPECT_NE(digest(run(settings_of(2, 600), kMonday).events), first);
}

// The promise of the same bytes on every machine and Isa: a change of this value is a change of every
// simulated run.
TEST(market_simulator, draws_the_bytes_that_it_always_drew) {
  EXPECT_EQ(digest(run(settings_of(1, 3'600), kMonday).events), 9'514'558'734'900'423'982U);
}

TEST(market_simulator, a_longer_run_begins_with_the_shorter_one) {
  const auto shorter = run(settings_of(1, 300), kMonday).events;
  auto longer = run(settings_of(1, 600), kMonday).events;
  ASSERT_GT(longer.size(), shorter.size());
  longer.resize(shorter.size());
  EXPECT_EQ(digest(longer), digest(shorter));
}

TEST(market_simulator, ticks_are_simulated_ordered_and_on_the_grid) {
  const Outcome got = run(settings_of(3, 7'200), kMonday);
  std::map<std::uint32_t, std::uint64_t> ticks;
  std::int64_t last_ns = 0;
  for (const Event& event : got.events) {
    const Tick tick = event.as<Tick>();
    ASSERT_EQ(event.flags, kFlagSimulated);
    ASSERT_EQ(event.sequence, 0U);
    ASSERT_GE(event.time_ns, last_ns);
    last_ns = event.time_ns;
    ASSERT_LT(tick.venue_ns, event.time_ns);
    ASSERT_GE(tick.venue_ns, kMonday);
    ASSERT_LT(tick.venue_ns, kMonday + 7'200 * kSecond);
    ASSERT_GT(tick.bid_e9, 0);
    ASSERT_EQ(tick.bid_e9 % got.instruments[event.instrument].tick_size_e9, 0);
    ASSERT_EQ(tick.ask_e9 % got.instruments[event.instrument].tick_size_e9, 0);
    ASSERT_GT(tick.bid_size, 0.0F);
    ASSERT_EQ(tick.source_sequence, ++ticks[event.instrument]);
  }
  EXPECT_EQ(ticks.size(), 3U);
  EXPECT_EQ(got.instruments[0].name(), "XAUUSD@sim");
}

TEST(market_simulator, quotes_cross_only_as_often_as_asked) {
  const auto crossed = [](const std::vector<Event>& events) {
    return std::ranges::count_if(events, [](const Event& e) { return e.as<Tick>().ask_e9 < e.as<Tick>().bid_e9; });
  };
  EXPECT_EQ(crossed(run(settings_of(4, 3'600), kMonday, 0).events), 0);
  const auto often = run(settings_of(4, 3'600), kMonday, 100).events;
  EXPECT_NEAR(static_cast<double>(crossed(often)), static_cast<double>(often.size()) / 100.0,
              static_cast<double>(often.size()) / 400.0);
}

TEST(market_simulator, markets_are_closed_when_their_calendar_is) {
  const Outcome got = run(settings_of(5, 3 * 86'400), kSaturday);
  std::map<std::uint32_t, std::uint64_t> weekend;
  std::map<std::uint32_t, std::uint64_t> ticks;
  for (const Event& event : got.events) {
    const std::int64_t venue_ns = event.as<Tick>().venue_ns;
    ASSERT_TRUE(TradingCalendar::get(got.instruments[event.instrument].calendar).is_open(venue_ns));
    ++ticks[event.instrument];
    if (venue_ns < kSaturday + 86'400 * kSecond) ++weekend[event.instrument];
  }
  EXPECT_EQ(ticks.size(), 3U);
  ASSERT_EQ(weekend.size(), 1U) << "only crypto trades on a Saturday";
  EXPECT_EQ(got.instruments[weekend.begin()->first].symbol, "BTCUSD");
}

TEST(market_simulator, spreads_widen_towards_the_daily_break) {
  // Gold closes at 17:00 New York, 21:00 UTC in June.
  SimulatorSettings settings = settings_of(6, 86'400);
  settings.instruments = {"XAUUSD"};
  double quiet_sum = 0;
  double quiet_count = 0;
  double break_sum = 0;
  double break_count = 0;
  for (const Event& event : run(settings, kMonday, 0).events) {
    const Tick tick = event.as<Tick>();
    const auto spread = static_cast<double>(tick.ask_e9 - tick.bid_e9);
    const std::int64_t second = (tick.venue_ns - kMonday) / kSecond;
    if (second >= 20 * 3'600 + 57 * 60 && second < 21 * 3'600) {
      break_sum += spread;
      ++break_count;
    } else if (second < 20 * 3'600) {
      quiet_sum += spread;
      ++quiet_count;
    }
  }
  ASSERT_GT(break_count, 100);
  EXPECT_GT(break_sum / break_count, 1.5 * quiet_sum / quiet_count);
}

TEST(market_simulator, the_mean_rate_is_near_the_one_configured) {
  SimulatorSettings settings = settings_of(7, 4 * 86'400);
  settings.instruments = {"BTCUSD"};
  settings.ticks_per_second = 4.0;
  const auto ticks = static_cast<double>(run(settings, kMonday).events.size());
  // Regimes other than the calm one tick more often: 1.31 times on average.
  EXPECT_NEAR(ticks / (4 * 86'400), 4.0 * 1.31, 1.2);
}

TEST(market_simulator, instruments_move_together_in_part) {
  SimulatorSettings settings = settings_of(8, 4 * 86'400);
  settings.instruments = {"EURUSD", "GBPUSD"};
  std::map<std::int64_t, std::array<double, 2>> minutes;
  for (const Event& event : run(settings, kMonday, 0).events) {
    const Tick tick = event.as<Tick>();
    minutes[tick.venue_ns / (60 * kSecond)][event.instrument] = static_cast<double>(tick.bid_e9 + tick.ask_e9);
  }
  double both = 0;
  double first = 0;
  double second = 0;
  std::array<double, 2> last{};
  for (const auto& [minute, mids] : minutes) {
    if (mids[0] == 0 || mids[1] == 0) continue;
    if (last[0] != 0) {
      const double a = mids[0] - last[0];
      const double b = mids[1] - last[1];
      both += a * b;
      first += a * a;
      second += b * b;
    }
    last = mids;
  }
  const double squared = both * both / (first * second);
  EXPECT_GT(both, 0.0);
  EXPECT_GT(squared, 0.05);
  EXPECT_LT(squared, 0.6);
}

TEST(market_simulator, an_endless_run_has_no_end) {
  InstrumentTable instruments;
  auto market = MarketSimulator::create(settings_of(9, 0), kMonday, instruments);
  ASSERT_TRUE(market.has_value());
  Event event;
  for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(market->poll(event));
  EXPECT_EQ(market->progress(), 0.0);
}

TEST(market_simulator, refuses_settings_that_make_no_market) {
  const auto code_of = [](SimulatorSettings settings) {
    InstrumentTable instruments;
    const auto market = MarketSimulator::create(settings, kMonday, instruments);
    return market ? ErrorCode::internal : market.error().code;
  };
  SimulatorSettings settings;
  settings.instruments = {};
  EXPECT_EQ(code_of(settings), ErrorCode::config_bad_value);
  settings.instruments = {"XAUUSD", "XAUUSD"};
  EXPECT_EQ(code_of(settings), ErrorCode::config_bad_value);
  settings.instruments = {"NOSUCH"};
  EXPECT_EQ(code_of(settings), ErrorCode::instrument_unknown);
  settings = {};
  for (const double rate : {0.0, -1.0, 1e300, std::numeric_limits<double>::quiet_NaN()}) {
    settings.ticks_per_second = rate;
    EXPECT_EQ(code_of(settings), ErrorCode::config_bad_value);
  }
}

}  // namespace
}  // namespace thintail
