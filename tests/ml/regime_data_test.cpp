// SPDX-License-Identifier: Apache-2.0
// Regimes of real gold: fitted on three days, filtered over the next two, printed beside the rule that is the control.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/bars/bar_builder.hpp"
#include "core/instrument/instrument_table.hpp"
#include "ml/indicators/oscillators.hpp"
#include "ml/regime/hmm_fit.hpp"
#include "ml/regime/regime_detector.hpp"
#include "ml/regime/regime_rule.hpp"
#include "tests/support/data.hpp"
#include "tests/support/lean_ticks.hpp"

namespace thintail {
namespace {

constexpr std::int64_t kDayNs = std::int64_t{86'400} * 1'000'000'000;
constexpr std::int64_t kMay1Ns = 16'191 * kDayNs;  // 2014-05-01
constexpr std::uint32_t kBars = 14;

struct Minute {
  std::uint32_t end_s;
  indicators::PriceBar<> bar;  // bid, in 1e-9
};

std::vector<Minute> minutes_of(std::initializer_list<int> days) {
  std::vector<Minute> out;
  BarBuilder bars(Zone::new_york());
  const auto keep = [&](const ClosedBar& bar) {
    if (bar.period == BarPeriod::m1) out.push_back({bar.end_s, {bar.bid.high_e9, bar.bid.low_e9, bar.bid.close_e9}});
  };
  for (const int day : days) {
    const auto path = test::data_dir() / "ticks" / fmt::format("oanda_xauusd_tick_201405{:02}.csv.zst", day);
    for (const Tick& tick : test::lean_ticks(path, kMay1Ns + (day - 1) * kDayNs)) {
      bars.close_until(tick.venue_ns, keep);
      bars.add(tick.bid_e9, tick.ask_e9, tick.venue_ns);
    }
  }
  bars.close_until(kMay1Ns + 30 * kDayNs, keep);
  return out;
}

// Two features of closed bars only: the mean return of 15 minutes and log2 of the mean range, in basis points.
struct RegimeFeatures {
  std::vector<float> rows;
  std::vector<std::size_t> starts;  // after a gap of an hour and more
};

RegimeFeatures features_of(const std::vector<Minute>& minutes) {
  RegimeFeatures out;
  double trend = 0.0, range = 0.0;
  std::size_t since_gap = 0;
  for (std::size_t i = 0; i < minutes.size(); ++i) {
    if (i > 0 && minutes[i].end_s - minutes[i - 1].end_s >= 3'600) {
      out.starts.push_back(i);
      since_gap = 0;
    }
    const double close = static_cast<double>(minutes[i].bar.close);
    const double bp = since_gap == 0 ? 0.0 : 1e4 * (close / static_cast<double>(minutes[i - 1].bar.close) - 1.0);
    const double range_bp = 1e4 * static_cast<double>(minutes[i].bar.high - minutes[i].bar.low) / close;
    const double weight = since_gap == 0 ? 1.0 : 1.0 / 15.0;
    trend += weight * (bp - trend);
    range += weight * (range_bp - range);
    ++since_gap;
    out.rows.push_back(static_cast<float>(trend));
    out.rows.push_back(range > 0.0 ? static_cast<float>(std::log2(range)) : std::numeric_limits<float>::quiet_NaN());
  }
  return out;
}

void print_shares(const char* what, const std::array<std::size_t, kRegimeLabels>& minutes, std::size_t changes,
                  std::size_t all) {
  std::string line = fmt::format("{:<28}", what);
  for (std::size_t i = 0; i < kRegimeLabels; ++i)
    line += fmt::format("  {} {:.1f} %", kRegimeNames[i],
                        100.0 * static_cast<double>(minutes[i]) / static_cast<double>(all));
  fmt::print("{}  changes/day {:.1f}\n", line, static_cast<double>(changes) * 1'440.0 / static_cast<double>(all));
}

TEST(RegimeData, gold_spends_time_in_every_regime_and_hysteresis_bounds_the_changes) {
  TT_REQUIRE_DATA(test::data_dir() / "ticks" / "oanda_xauusd_tick_20140501.csv.zst");
  const auto past = features_of(minutes_of({1, 2, 5}));
  auto fit = fit_hmm(past.rows, 2, past.starts, {.volatility_feature = 1});
  ASSERT_TRUE(fit.has_value()) << fit.error().message();
  fmt::print("fitted on {} minutes in {} iterations\n", past.rows.size() / 2, fit->log2_likelihood.size() - 1);

  const auto minutes = minutes_of({6, 7});
  const auto fresh = features_of(minutes);
  const std::size_t all = minutes.size();
  ASSERT_GT(all, 2'500u);
  std::size_t changes_before = all + 1;
  for (const ChangeRuleConfig& rule :
       {ChangeRuleConfig{0.0, 0.0, 1}, ChangeRuleConfig{0.7, 0.3, 3}, ChangeRuleConfig{0.8, 0.5, 10}}) {
    RegimeDetector detector(fit->hmm, rule);
    RegimeChange change;
    std::array<std::size_t, kRegimeLabels> share{};
    std::size_t changes = 0;
    for (std::size_t t = 0; t < all; ++t) {
      if (std::ranges::find(fresh.starts, t) != fresh.starts.end()) detector.on_gap();
      changes += detector.step(std::span(fresh.rows).subspan(2 * t, 2), change) ? 1 : 0;
      ++share[static_cast<std::size_t>(detector.current())];
    }
    print_shares(fmt::format("p {} margin {} steps {}", rule.probability_min, rule.margin_min, rule.steps_min).c_str(),
                 share, changes, all);
    EXPECT_GT(changes, 1u);
    EXPECT_LE(changes, all / rule.steps_min);
    EXPECT_LE(changes, changes_before) << "a stricter rule announced more";
    changes_before = changes;
  }

  RegimeRule control({.volatility_enter = 4.0, .volatility_leave = 3.0});
  indicators::DirectionalMovement<> movement;
  RegimeChange change;
  std::array<std::size_t, kRegimeLabels> share{};
  std::size_t changes = 0;
  for (std::size_t t = 0; t < all; ++t) {
    movement.add(minutes[t].bar, kBars);
    if (movement.is_average_warm(kBars)) {
      const double range_bp = std::exp2(static_cast<double>(fresh.rows[2 * t + 1]));
      changes += control.step(movement.average, movement.plus_di(), movement.minus_di(), range_bp, change) ? 1 : 0;
    }
    ++share[static_cast<std::size_t>(control.current())];
  }
  print_shares("rule: ADX 14, range in bp", share, changes, all);
  EXPECT_GT(changes, 1u);
}

}  // namespace
}  // namespace thintail
