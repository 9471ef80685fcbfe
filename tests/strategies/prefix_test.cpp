// SPDX-License-Identifier: Apache-2.0
// The prefix rule (CONTRACTS "Determinism"): what was decided up to a time does not depend on anything after it. And the proof that this
// test would see it if it did.
#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <set>

#include "strategies/backtest/backtest.hpp"
#include "tests/support/real_ticks.hpp"
#include "tests/support/small_model.hpp"
#include "tests/support/strategy_run.hpp"

namespace thintail {
namespace {

using test::kMinuteNs;
using test::trading_settings;

// What a run makes of the ticks that it is given: an honest one takes them as they are.
using Reading = std::function<std::vector<Event>(std::span<const Event>)>;

std::vector<Event> as_they_are(std::span<const Event> ticks) { return {ticks.begin(), ticks.end()}; }

std::vector<Event> with_prices(std::span<const Event> ticks, const std::function<std::int64_t(std::size_t)>& bid_e9) {
  std::vector<Event> out;
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    auto tick = ticks[i].as<Tick>();
    tick.ask_e9 += bid_e9(i) - tick.bid_e9;
    tick.bid_e9 = bid_e9(i);
    out.push_back(Event::make(ticks[i].time_ns, ticks[i].instrument, tick));
  }
  return out;
}

// Planted: the next tick's price under this tick's time, as an open-stamped bar has.
std::vector<Event> from_the_next_tick(std::span<const Event> ticks) {
  return with_prices(ticks, [&](std::size_t i) { return ticks[std::min(i + 1, ticks.size() - 1)].as<Tick>().bid_e9; });
}

// Planted: a centred mean, as a smoothed state has.
std::vector<Event> smoothed(std::span<const Event> ticks) {
  return with_prices(ticks, [&](std::size_t i) {
    const std::size_t before = i == 0 ? 0 : i - 1;
    const std::size_t after = std::min(i + 1, ticks.size() - 1);
    return (ticks[before].as<Tick>().bid_e9 + ticks[i].as<Tick>().bid_e9 + ticks[after].as<Tick>().bid_e9) / 3;
  });
}

struct Stream {
  std::vector<Event> ticks;
  InstrumentTable instruments;
  Settings settings;
  const DecisionModel* model = nullptr;
  Reading reading = as_they_are;

  template <class OnEvent>
  void run(std::size_t count, OnEvent&& on_event) const {
    const auto read = reading(std::span(ticks).first(count));
    test::EventList source(read);
    run_backtest(source, settings, instruments, {best_isa(), 1, model}, on_event);
  }
};

// How many cuts of the stream decided something else, up to the cut, than the whole of it.
std::size_t violations(const Stream& stream, const std::set<std::size_t>& cuts) {
  std::vector<Event> outputs;
  std::vector<std::size_t> outputs_by_tick = {0};  // how many there are once the first n ticks are taken in
  stream.run(stream.ticks.size(), [&](const Event& event) {
    if (event.is_output()) {
      outputs.push_back(event);
    } else if (event.type == EventType::tick) {
      outputs_by_tick.push_back(0);
    }
    outputs_by_tick.back() = outputs.size();
  });
  std::size_t found = 0;
  for (const std::size_t cut : cuts) {
    std::size_t ticks = 0;
    std::size_t seen = 0;
    bool differs = false;
    bool is_past_cut = false;
    stream.run(cut, [&](const Event& event) {
      // After the last tick come timers of the end, which the whole stream need not have.
      is_past_cut = is_past_cut || (ticks == cut && !event.is_output());
      ticks += event.type == EventType::tick;
      if (!event.is_output() || is_past_cut) return;
      differs = differs || seen >= outputs.size() || !test::same_bytes(event, outputs[seen]);
      ++seen;
    });
    // outputs_by_tick counts those of timers before the next tick too: the cut has at least what its last tick decided.
    found += differs || seen > outputs_by_tick[cut] || seen < outputs_by_tick[cut - 1];
  }
  return found;
}

// Random cuts, every second one moved to where a bar closes: right before or right after the first tick at or beyond a minute's end.
std::set<std::size_t> random_cuts(const std::vector<Event>& ticks, std::size_t count) {
  std::mt19937_64 random(99);
  std::set<std::size_t> cuts;
  const auto minute = [&](std::size_t i) { return ticks[i].as<Tick>().venue_ns / kMinuteNs; };
  while (cuts.size() < count) {
    std::size_t cut = random() % (ticks.size() - 1) + 1;
    if (random() % 2 == 0) {
      while (cut + 1 < ticks.size() && minute(cut) == minute(cut - 1)) ++cut;
      cut += random() % 2;
    }
    cuts.insert(cut);
  }
  return cuts;
}

std::size_t cut_count() { return test::is_long_run() ? 1'000 : 100; }

class Prefix : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(model_.is_loaded()) << model_.why_not(); }

  Stream synthetic(StrategyKind kind, std::size_t count, std::int64_t start_ns) const {
    return {test::random_ticks(17, count, 2, start_ns), test::table_of({"XAUUSD", "EURUSD"}), trading_settings(kind),
            kind == StrategyKind::model_edge ? &model_.loaded() : nullptr};
  }
  Stream real(StrategyKind kind, std::size_t count) const {
    Stream stream;
    stream.ticks = test::real_ticks({test::kGoldPayrolls}, stream.instruments, count);
    stream.settings = trading_settings(kind);
    stream.model = kind == StrategyKind::model_edge ? &model_.loaded() : nullptr;
    return stream;
  }

  test::SmallModel model_;
};

TEST_F(Prefix, nothing_after_a_cut_changes_what_was_decided_before_it) {
  for (const StrategyKind kind : {StrategyKind::fade_last_move, StrategyKind::model_edge}) {
    const Stream stream = synthetic(kind, 5'000, test::kNoonNs);
    EXPECT_EQ(violations(stream, random_cuts(stream.ticks, cut_count())), 0u);
  }
}

TEST_F(Prefix, holds_in_the_weeks_that_change_the_clock) {
  // 2014-03-09 07:00 UTC and 2014-11-02 06:00 UTC: New York changes. The FX day and the four-hour bars go by its clock.
  for (const std::int64_t change_s : {std::int64_t{1'394'348'400}, std::int64_t{1'414'908'000}}) {
    Stream stream = synthetic(StrategyKind::model_edge, 8'000, (change_s - 900) * test::kSecondNs);
    ASSERT_GT(stream.ticks.back().time_ns, (change_s + 900) * test::kSecondNs);
    EXPECT_EQ(violations(stream, random_cuts(stream.ticks, cut_count())), 0u);
  }
}

TEST_F(Prefix, a_price_from_the_next_tick_is_noticed) {
  for (const StrategyKind kind : {StrategyKind::fade_last_move, StrategyKind::model_edge}) {
    Stream stream = synthetic(kind, 5'000, test::kNoonNs);
    stream.reading = from_the_next_tick;
    EXPECT_GT(violations(stream, random_cuts(stream.ticks, cut_count())), cut_count() / 10);
  }
}

TEST_F(Prefix, a_smoothed_price_is_noticed) {
  Stream stream = synthetic(StrategyKind::model_edge, 5'000, test::kNoonNs);
  stream.reading = smoothed;
  EXPECT_GT(violations(stream, random_cuts(stream.ticks, cut_count())), cut_count() / 2);
}

TEST_F(Prefix, holds_on_real_ticks_where_a_planted_look_ahead_does_not) {
  TT_REQUIRE_DATA(test::data_dir() / "ticks" / test::kGoldPayrolls);
  constexpr std::size_t kTicks = 200'000;
  for (const StrategyKind kind : {StrategyKind::fade_last_move, StrategyKind::model_edge}) {
    Stream stream = real(kind, kTicks);
    ASSERT_EQ(stream.ticks.size(), kTicks);
    EXPECT_EQ(violations(stream, random_cuts(stream.ticks, cut_count())), 0u);
    stream.reading = from_the_next_tick;
    EXPECT_GT(violations(stream, random_cuts(stream.ticks, 20)), 0u);
  }
}

}  // namespace
}  // namespace thintail
