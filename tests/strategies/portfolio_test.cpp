// SPDX-License-Identifier: Apache-2.0
#include "strategies/portfolio/portfolio.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <limits>
#include <random>

namespace thintail {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

struct Deal {
  Side side;
  std::int64_t price_e9;
  std::int64_t quantity_e9;
  std::int64_t commission_e9;
};

// The same account kept another way: cash, and the cost of the open quantity as a fraction that is never rounded. Costs leave in
// proportion, so what was paid for the rest is open_cost * rest / whole; with a denominator for each reduction that is exact as long as
// numbers are small.
struct ExactAccount {
  i128 position = 0;
  i128 cash = 0;  // proceeds - purchases - commission
  i128 cost_numerator = 0;
  i128 cost_denominator = 1;

  static i128 gcd(i128 a, i128 b) { return b == 0 ? (a < 0 ? -a : a) : gcd(b, a % b); }

  void fill(const Deal& deal) {
    const i128 direction = deal.side == Side::buy ? 1 : -1;
    cash -= direction * deal.price_e9 * deal.quantity_e9 + static_cast<i128>(deal.commission_e9) * kE9;
    i128 left = deal.quantity_e9;
    if (position * direction < 0) {
      const i128 held = position < 0 ? -position : position;
      const i128 closed = left < held ? left : held;
      cost_numerator *= held - closed;
      cost_denominator *= held;
      const i128 common = gcd(cost_numerator, cost_denominator);
      cost_numerator /= common;
      cost_denominator /= common;
      position += direction * closed;
      left -= closed;
    }
    position += direction * left;
    cost_numerator += direction * deal.price_e9 * left * cost_denominator;
  }
};

bool book(Holding& holding, const Deal& deal) {
  return holding.fill(deal.side, deal.price_e9, deal.quantity_e9, deal.commission_e9);
}

TEST(Holding, realises_the_difference_when_it_returns_to_zero) {
  Holding holding;
  ASSERT_TRUE(holding.fill(Side::buy, 1'300 * kE9, 10 * kE9, kE9));
  EXPECT_EQ(holding.quantity_e9(), 10 * kE9);
  EXPECT_EQ(holding.cost_e18(), static_cast<i128>(13'000) * kE9 * kE9);
  EXPECT_EQ(holding.realised_e18(), -static_cast<i128>(kE9) * kE9);
  ASSERT_TRUE(holding.fill(Side::sell, 1'302 * kE9, 10 * kE9, kE9));
  EXPECT_EQ(holding.quantity_e9(), 0);
  EXPECT_EQ(holding.cost_e18(), 0);
  EXPECT_EQ(holding.realised_e18(), static_cast<i128>(20 - 2) * kE9 * kE9);
  EXPECT_EQ(holding.commission_e18(), static_cast<i128>(2) * kE9 * kE9);
}

TEST(Holding, a_flip_realises_the_old_side_and_opens_the_new_one_at_the_fill_price) {
  Holding holding;
  ASSERT_TRUE(holding.fill(Side::sell, 100 * kE9, 4 * kE9, 0));
  ASSERT_TRUE(holding.fill(Side::buy, 90 * kE9, 10 * kE9, 0));
  EXPECT_EQ(holding.quantity_e9(), 6 * kE9);
  EXPECT_EQ(holding.cost_e18(), static_cast<i128>(540) * kE9 * kE9);
  EXPECT_EQ(holding.realised_e18(), static_cast<i128>(40) * kE9 * kE9);
  EXPECT_EQ(holding.pnl_e18(95 * kE9), static_cast<i128>(40 + 30) * kE9 * kE9);
}

TEST(Holding, equals_exact_fractions_over_random_deals) {
  std::mt19937_64 random(7);
  for (int account = 0; account < 20'000; ++account) {
    Holding holding;
    ExactAccount exact;
    i128 commissions_e18 = 0;
    int reductions = 0;
    for (int n = 0; n < 8; ++n) {
      const Deal deal{random() % 2 == 0 ? Side::buy : Side::sell, static_cast<std::int64_t>(random() % 1'000 + 1),
                      static_cast<std::int64_t>(random() % 12 + 1), static_cast<std::int64_t>(random() % 3)};
      reductions += holding.quantity_e9() != 0 && (holding.quantity_e9() > 0) != (deal.side == Side::buy);
      ASSERT_TRUE(book(holding, deal));
      exact.fill(deal);
      commissions_e18 += static_cast<i128>(deal.commission_e9) * kE9;

      ASSERT_EQ(holding.quantity_e9(), exact.position);
      ASSERT_EQ(holding.commission_e18(), commissions_e18);
      // Nothing is lost: what is realised less what is tied up is the cash.
      ASSERT_EQ(holding.realised_e18() - holding.cost_e18(), exact.cash);
      // The cost leaves at most one unit a reduction behind.
      const i128 difference = holding.cost_e18() * exact.cost_denominator - exact.cost_numerator;
      const i128 size = difference < 0 ? -difference : difference;
      ASSERT_LE(size, exact.cost_denominator * reductions);
      if (exact.position == 0) {
        ASSERT_EQ(holding.cost_e18(), 0);
        ASSERT_EQ(holding.realised_e18(), exact.cash);
      }
    }
  }
}

TEST(Holding, profit_does_not_depend_on_how_a_close_is_cut) {
  std::mt19937_64 random(3);
  for (int n = 0; n < 1'000; ++n) {
    const auto price_e9 = static_cast<std::int64_t>(random() % (5'000 * kE9) + 1);
    const auto quantity_e9 = static_cast<std::int64_t>(random() % (1'000 * kE9) + 10);
    Holding whole;
    Holding cut;
    ASSERT_TRUE(whole.fill(Side::buy, price_e9, quantity_e9, 0));
    ASSERT_TRUE(cut.fill(Side::buy, price_e9, quantity_e9, 0));
    const std::int64_t exit_e9 = price_e9 + 12'345;
    ASSERT_TRUE(whole.fill(Side::sell, exit_e9, quantity_e9, 0));
    while (cut.quantity_e9() != 0) {
      const auto rest = static_cast<std::uint64_t>(cut.quantity_e9());
      ASSERT_TRUE(cut.fill(Side::sell, exit_e9, static_cast<std::int64_t>(rest < 10 ? rest : random() % rest + 1), 0));
    }
    EXPECT_EQ(whole.realised_e18(), cut.realised_e18());
  }
}

TEST(Holding, the_largest_quantity_at_the_highest_price_is_exact) {
  for (const Side side : {Side::buy, Side::sell}) {
    const Side other = side == Side::buy ? Side::sell : Side::buy;
    const i128 sign = side == Side::buy ? 1 : -1;
    Holding holding;
    ASSERT_TRUE(holding.fill(side, kMax, kMax, 0));
    EXPECT_EQ(holding.cost_e18(), sign * kMax * kMax);
    EXPECT_EQ(holding.pnl_e18(kMax), 0);
    EXPECT_EQ(holding.pnl_e18(0), -sign * kMax * kMax);
    ASSERT_TRUE(holding.fill(other, 1, kMax, 0));
    EXPECT_EQ(holding.quantity_e9(), 0);
    EXPECT_EQ(holding.realised_e18(), sign * (static_cast<i128>(kMax) - static_cast<i128>(kMax) * kMax));
  }
}

TEST(Holding, what_cannot_be_held_exactly_is_refused_and_changes_nothing) {
  Holding holding;
  ASSERT_TRUE(holding.fill(Side::buy, 100, kMax, 0));
  const Position before = holding.to_payload();
  EXPECT_FALSE(holding.fill(Side::buy, 100, 1, 0)) << "the quantity would wrap";
  EXPECT_FALSE(holding.fill(Side::none, 100, 1, 0));
  EXPECT_FALSE(holding.fill(Side::sell, 100, 0, 0));
  EXPECT_FALSE(holding.fill(Side::sell, 100, std::numeric_limits<std::int64_t>::min(), 0));
  EXPECT_FALSE(holding.fill(Side::sell, 0, 1, 0));
  EXPECT_FALSE(holding.fill(Side::sell, -1, 1, 0));
  EXPECT_EQ(std::memcmp(&before, &static_cast<const Position&>(holding.to_payload()), sizeof before), 0);

  Holding rich;  // gains until money would wrap
  bool refused = false;
  for (int n = 0; n < 8 && !refused; ++n) {
    refused = !rich.fill(Side::buy, 1, kMax, 0) || !rich.fill(Side::sell, kMax, kMax, 0);
  }
  EXPECT_TRUE(refused);
  EXPECT_LE(rich.realised_e18(), Holding::kMoneyMaxE18);
}

TEST(Holding, a_position_goes_through_its_event_and_on_as_if_never_stored) {
  std::mt19937_64 random(11);
  Holding straight;
  Holding stored;
  for (int n = 0; n < 10'000; ++n) {
    const Deal deal{random() % 2 == 0 ? Side::buy : Side::sell, static_cast<std::int64_t>(random() % (3'000 * kE9) + 1),
                    static_cast<std::int64_t>(random() % (50 * kE9) + 1), static_cast<std::int64_t>(random() % kE9)};
    ASSERT_TRUE(book(straight, deal));
    ASSERT_TRUE(book(stored, deal));
    Holding next;
    ASSERT_TRUE(next.restore(stored.to_payload()));
    stored = next;
    ASSERT_EQ(straight.quantity_e9(), stored.quantity_e9());
    ASSERT_EQ(straight.cost_e18(), stored.cost_e18());
    ASSERT_EQ(straight.realised_e18(), stored.realised_e18());
  }
}

TEST(Holding, a_position_that_no_fills_lead_to_is_not_restored) {
  Holding holding;
  ASSERT_TRUE(holding.fill(Side::buy, 100 * kE9, kE9, 0));
  const auto refused = [&](std::int64_t quantity_e9, i128 cost_e18, i128 realised_e18) {
    const WideWords cost = to_words(cost_e18);
    const WideWords realised = to_words(realised_e18);
    return !holding.restore({quantity_e9, cost.low, cost.high, realised.low, realised.high});
  };
  EXPECT_TRUE(refused(std::numeric_limits<std::int64_t>::min(), -1, 0)) << "it has no negative";
  EXPECT_TRUE(refused(5, -5, 0)) << "bought for less than nothing";
  EXPECT_TRUE(refused(0, 1, 0));
  EXPECT_TRUE(refused(5, Holding::kMoneyMaxE18 + 1, 0));
  EXPECT_TRUE(refused(0, 0, -Holding::kMoneyMaxE18 - 1));
  EXPECT_EQ(holding.quantity_e9(), kE9);
  EXPECT_FALSE(refused(-5, -500, 77));
  EXPECT_EQ(holding.quantity_e9(), -5);
}

}  // namespace
}  // namespace thintail
