// SPDX-License-Identifier: Apache-2.0
// Sums over tick intervals against the double loop that defines them.
#include "ml/cross/hayashi_yoshida.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "tests/support/data.hpp"

namespace thintail::cross {
namespace {

struct Sums {
  i128 covariance = 0;
  i128 square_x = 0;
  i128 square_y = 0;
  friend bool operator==(const Sums&, const Sums&) = default;
};

using Ticks = std::vector<Leg::Tick>;

// The definition: intervals (a, b] that lie within [start, now], every pair that overlaps.
Sums by_double_loop(const Ticks& x, std::int64_t x_delay_ns, const Ticks& y, std::int64_t y_delay_ns,
                    std::int64_t now_ns, std::int64_t window_ns) {
  std::int64_t start_ns = now_ns - window_ns;
  if (x.size() > kWindowTicks) start_ns = std::max(start_ns, x[x.size() - kWindowTicks].time_ns + x_delay_ns);
  if (y.size() > kWindowTicks) start_ns = std::max(start_ns, y[y.size() - kWindowTicks].time_ns + y_delay_ns);
  struct Interval {
    std::int64_t begin, end, move;
  };
  const auto intervals = [&](const Ticks& ticks, std::int64_t delay_ns) {
    std::vector<Interval> found;
    for (std::size_t i = 1; i < ticks.size(); ++i) {
      const Interval one = {ticks[i - 1].time_ns + delay_ns, ticks[i].time_ns + delay_ns,
                            ticks[i].price - ticks[i - 1].price};
      if (one.begin >= start_ns && one.end <= now_ns) found.push_back(one);
    }
    return found;
  };
  Sums sums;
  const auto xs = intervals(x, x_delay_ns);
  const auto ys = intervals(y, y_delay_ns);
  for (const Interval& a : xs) {
    sums.square_x += static_cast<i128>(a.move) * a.move;
    for (const Interval& b : ys) {
      if (std::max(a.begin, b.begin) < std::min(a.end, b.end)) sums.covariance += static_cast<i128>(a.move) * b.move;
    }
  }
  for (const Interval& b : ys) sums.square_y += static_cast<i128>(b.move) * b.move;
  return sums;
}

Sums of(const HayashiYoshida& sum) { return {sum.covariance(), sum.square_x(), sum.square_y()}; }

// Two instruments, their ticks kept twice: in the rings and in full.
class Market {
 public:
  explicit Market(unsigned seed) : random_(seed) {}

  // Times on a coarse grid, so that ticks of the two coincide.
  void tick(std::int64_t step_max) {
    now_ns_ += static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(step_max + 1)) * kGridNs;
    const std::size_t which = random_() % 2;
    if (!ticks_[which].empty() && ticks_[which].back().time_ns == now_ns_) return;
    const std::int64_t price = static_cast<std::int64_t>(random_() % 2001) - 1000;
    legs_[which]->push(now_ns_, price);
    ticks_[which].push_back({now_ns_, price});
  }
  void wait(std::int64_t steps) { now_ns_ += steps * kGridNs; }

  void expect_equal(HayashiYoshida& sum, std::int64_t x_delay_ns, std::int64_t y_delay_ns, std::int64_t window_ns) {
    sum.advance({*legs_[0], x_delay_ns}, {*legs_[1], y_delay_ns}, now_ns_, window_ns);
    const Sums wanted = by_double_loop(ticks_[0], x_delay_ns, ticks_[1], y_delay_ns, now_ns_, window_ns);
    ASSERT_TRUE(of(sum) == wanted) << "at " << now_ns_ << " after " << ticks_[0].size() << " and " << ticks_[1].size()
                                   << " ticks: covariance " << static_cast<double>(sum.covariance()) << ", not "
                                   << static_cast<double>(wanted.covariance);
  }

  static constexpr std::int64_t kGridNs = 10;
  std::mt19937_64 random_;
  std::int64_t now_ns_ = 1'000;
  std::array<std::unique_ptr<Leg>, 2> legs_ = {std::make_unique<Leg>(), std::make_unique<Leg>()};
  std::array<Ticks, 2> ticks_;
};

TEST(HayashiYoshida, sums_equal_the_double_loop_at_every_tick) {
  Market market(1);
  HayashiYoshida sum;
  for (int i = 0; i < 4'000; ++i) {
    market.tick(6);
    market.expect_equal(sum, 0, 0, 400);
    if (HasFatalFailure()) return;
  }
}

TEST(HayashiYoshida, sums_equal_the_double_loop_for_any_delay_window_and_rhythm_of_calls) {
  for (unsigned seed = 0; seed < 60; ++seed) {
    Market market(100 + seed);
    HayashiYoshida sum;
    const auto delay = [&] { return static_cast<std::int64_t>(market.random_() % 12) * 5; };
    const std::int64_t x_delay = seed % 3 == 0 ? 0 : delay();
    const std::int64_t y_delay = seed % 3 == 1 ? 0 : delay();
    const auto window = static_cast<std::int64_t>(20 + market.random_() % 600);
    const std::int64_t step = 1 + static_cast<std::int64_t>(market.random_() % 9);
    for (int i = 0; i < 600; ++i) {
      market.tick(step);
      if (market.random_() % 50 == 0) market.wait(static_cast<std::int64_t>(market.random_() % 100));
      if (market.random_() % 4 != 0) continue;
      market.expect_equal(sum, x_delay, y_delay, window);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(HayashiYoshida, a_window_holds_the_newest_ticks_where_it_has_too_many) {
  Market market(2);
  HayashiYoshida sum;
  for (int i = 0; i < 12'000; ++i) {
    market.tick(2);
    if (i % 500 != 7) continue;
    market.expect_equal(sum, 0, 20, 1'000'000'000);
    if (HasFatalFailure()) return;
  }
}

TEST(HayashiYoshida, ticks_that_were_overwritten_before_they_were_taken_change_nothing) {
  Market market(3);
  HayashiYoshida sum;
  for (int i = 0; i < 40'000; ++i) {
    market.tick(2);
    if (i % 13'000 != 12'000) continue;
    market.expect_equal(sum, 0, 0, 1'000'000'000);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(market.legs_[0]->count, 3 * kLegTicks);
}

TEST(HayashiYoshida, an_order_of_equal_times_changes_nothing) {
  for (const bool x_first : {true, false}) {
    auto x = std::make_unique<Leg>();
    auto y = std::make_unique<Leg>();
    HayashiYoshida sum;
    for (std::int64_t i = 0; i < 50; ++i) {
      const auto push = [&](bool is_x) {
        (is_x ? x : y)->push(i * 10, is_x ? i * i : 3 * i * i);
        sum.advance({*x, 0}, {*y, 0}, i * 10, 200);
      };
      push(x_first);
      push(!x_first);
    }
    EXPECT_NEAR(sum.correlation(), 1.0, 1e-15) << x_first;
  }
}

TEST(HayashiYoshida, a_follower_is_found_at_its_delay) {
  std::mt19937_64 random(4);
  auto leader = std::make_unique<Leg>();
  auto follower = std::make_unique<Leg>();
  std::vector<std::int64_t> path(60'000);  // ms
  for (std::size_t i = 1; i < path.size(); ++i) path[i] = path[i - 1] + static_cast<std::int64_t>(random() % 21) - 10;
  const auto delays = {-400, -200, -100, 0, 100, 200, 400};
  std::vector<HayashiYoshida> sums(delays.size());
  for (std::int64_t ms = 200; ms < std::ssize(path); ++ms) {
    if (random() % 40 == 0) leader->push(ms * 1'000'000, path[static_cast<std::size_t>(ms)]);
    if (random() % 60 == 0) follower->push(ms * 1'000'000, path[static_cast<std::size_t>(ms - 200)]);
  }
  double best = 0;
  int best_ms = 0;
  std::size_t i = 0;
  for (const int delay_ms : delays) {
    HayashiYoshida& sum = sums[i++];
    const auto ns = std::int64_t{delay_ms} * 1'000'000;
    sum.advance({*leader, std::max(ns, std::int64_t{0})}, {*follower, std::max(-ns, std::int64_t{0})}, 60'000'000'000,
                40'000'000'000);
    ASSERT_TRUE(sum.is_defined());
    if (sum.correlation_squared() > best) best = sum.correlation_squared(), best_ms = delay_ms;
  }
  EXPECT_EQ(best_ms, 200);
  EXPECT_GT(best, 0.8);
}

TEST(HayashiYoshida, the_largest_prices_do_not_overflow) {
  auto x = std::make_unique<Leg>();
  auto y = std::make_unique<Leg>();
  HayashiYoshida sum;
  Ticks xs, ys;
  for (std::int64_t i = 0; i < 3'000; ++i) {
    const std::int64_t price = i % 2 == 0 ? kLegPriceMax : -kLegPriceMax;
    x->push(i * 2, price);
    xs.push_back({i * 2, price});
    y->push(i * 2 + 1, -price);
    ys.push_back({i * 2 + 1, -price});
  }
  sum.advance({*x, 0}, {*y, 0}, 6'000, 1'000'000);
  EXPECT_TRUE(of(sum) == by_double_loop(xs, 0, ys, 0, 6'000, 1'000'000));
}

TEST(HayashiYoshida, sums_do_not_drift_however_many_ticks_came_and_went) {
  Market market(5);
  HayashiYoshida sum;
  for (int i = test::is_long_run() ? 20'000'000 : 1'000'000; i > 0; --i) {
    market.tick(6);
    sum.advance({*market.legs_[0], 0}, {*market.legs_[1], 0}, market.now_ns_, 2'000);
    for (Ticks& ticks : market.ticks_) {
      if (ticks.size() > 4'000) ticks.erase(ticks.begin(), ticks.end() - 2'000);
    }
  }
  market.expect_equal(sum, 0, 0, 2'000);
}

TEST(HayashiYoshida, the_check_finds_a_sum_that_forgets_one_pair) {
  Market market(6);
  HayashiYoshida sum;
  for (int i = 0; i < 200; ++i) market.tick(6);
  sum.advance({*market.legs_[0], 0}, {*market.legs_[1], 0}, market.now_ns_, 500);
  Sums spoilt = of(sum);
  spoilt.covariance -= 1;
  EXPECT_FALSE(spoilt == by_double_loop(market.ticks_[0], 0, market.ticks_[1], 0, market.now_ns_, 500));
}

}  // namespace
}  // namespace thintail::cross
