// SPDX-License-Identifier: Apache-2.0
#include "ml/features/book_bank.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>
#include <new>
#include <random>
#include <vector>

namespace thintail {
namespace {

constexpr std::int64_t kTick = 100'000'000;  // 0.1

struct Level {
  Side side;
  std::int64_t ticks;
  float size;
};
Level bid(std::int64_t ticks, float size) { return {Side::buy, ticks, size}; }
Level ask(std::int64_t ticks, float size) { return {Side::sell, ticks, size}; }

const FeatureFamily* family(std::string_view name) {
  const auto families = book_families();
  const auto found = std::ranges::find(families, name, &FeatureFamily::name);
  EXPECT_NE(found, families.end()) << name;
  return &*found;
}

Feature feature(std::string_view name, std::uint16_t levels = 0, QuoteSide basis = QuoteSide::mid) {
  Feature out;
  out.family = family(name);
  out.levels = levels;
  out.basis = basis;
  return out;
}
Feature cost(std::string_view name, double quantity) {
  Feature out = feature(name);
  out.quantity = quantity;
  return out;
}
Feature flow(std::uint16_t updates) {
  Feature out = feature("book_order_flow");
  out.ticks = updates;
  return out;
}

// A book and a bank's state of it, updated together.
class Desk {
 public:
  explicit Desk(const std::vector<Feature>& features)
      : bank_(features, lanes_of(features)),
        state_(static_cast<std::byte*>(::operator new(bank_.state_bytes(), kAlign))) {
    bank_.reset(state_.get(), kTick);
  }

  void snapshot(const std::vector<Level>& levels) { give(levels, kFlagSnapshot, 0); }
  void update(const std::vector<Level>& levels) { give(levels, 0, sequence_); }
  void gap(const std::vector<Level>& levels) { give(levels, 0, sequence_ + 100); }

  float value(std::size_t i) const { return bank_.values(state_.get())[i]; }
  bool is_defined(std::size_t i) const { return bank_.defined(state_.get()).test(i); }
  const BookBank& bank() const { return bank_; }
  std::byte* state() { return state_.get(); }
  OrderBook& book() { return *book_; }

 private:
  static constexpr std::align_val_t kAlign{64};
  struct Free {
    void operator()(std::byte* bytes) const { ::operator delete(bytes, kAlign); }
  };

  static std::vector<std::uint16_t> lanes_of(const std::vector<Feature>& features) {
    std::vector<std::uint16_t> lanes;
    for (std::size_t i = 0; i < features.size(); ++i) lanes.push_back(static_cast<std::uint16_t>(i));
    return lanes;
  }

  void give(const std::vector<Level>& levels, unsigned flags, std::uint64_t previous) {
    ++sequence_;
    for (std::size_t i = 0; i < levels.size(); ++i) {
      const Level& level = levels[i];
      const Book change{level.ticks * kTick, 0, sequence_, level.size, level.side, {}, previous};
      const BookStep step = book_->apply(change, flags | (i + 1 < levels.size() ? unsigned{kFlagMore} : 0U));
      if (step == BookStep::whole || step == BookStep::lost) bank_.on_book(state_.get(), *book_);
    }
  }

  BookBank bank_;
  std::unique_ptr<std::byte, Free> state_;
  std::unique_ptr<OrderBook> book_ = std::make_unique<OrderBook>();
  std::uint64_t sequence_ = 1;
};

// 999.9 x 2, 999.8 x 3, 999.5 x 5 | 1000.1 x 1, 1000.3 x 4, 1001.0 x 10: mid 1000, half a spread 0.1.
const std::vector<Level> kBook = {bid(9'999, 2),  bid(9'998, 3),  bid(9'995, 5),
                                  ask(10'001, 1), ask(10'003, 4), ask(10'010, 10)};

TEST(book_bank, imbalance_depth_and_spread_are_those_of_the_best_levels) {
  Desk desk({feature("book_imbalance", 1), feature("book_imbalance", 3), feature("book_depth", 2, QuoteSide::bid),
             feature("book_depth", 2, QuoteSide::ask), feature("book_depth", 2), feature("book_spread_ticks")});
  desk.snapshot(kBook);
  EXPECT_FLOAT_EQ(desk.value(0), 1.0F / 3.0F);
  EXPECT_FLOAT_EQ(desk.value(1), -5.0F / 25.0F);
  EXPECT_EQ(desk.value(2), 5.0F);
  EXPECT_EQ(desk.value(3), 5.0F);
  EXPECT_EQ(desk.value(4), 5.0F);
  EXPECT_EQ(desk.value(5), 2.0F);
}

TEST(book_bank, the_microprice_leans_to_the_side_with_less_to_trade) {
  Desk desk({feature("book_microprice", 1), feature("book_microprice", 2)});
  desk.snapshot(kBook);
  // (2 x 1000.1 + 1 x 999.9) / 3 = 1000.0333
  EXPECT_FLOAT_EQ(desk.value(0), static_cast<float>(1e4 * (0.1 / 3.0) / 1'000.0));
  // b = (2 x 999.9 + 3 x 999.8) / 5 = 999.84, a = (1 x 1000.1 + 4 x 1000.3) / 5 = 1000.26: (5 a + 5 b) / 10 = 1000.05
  EXPECT_FLOAT_EQ(desk.value(1), static_cast<float>(1e4 * 0.05 / 1'000.0));
}

TEST(book_bank, the_slope_is_size_by_distance) {
  Desk desk(
      {feature("book_slope", 1, QuoteSide::bid), feature("book_slope", 3, QuoteSide::ask), feature("book_slope", 3)});
  desk.snapshot(kBook);
  EXPECT_FLOAT_EQ(desk.value(0), 2.0F);  // 0.1 is 1 bp
  EXPECT_FLOAT_EQ(desk.value(1), 15.0F / 10.0F);  // 1.0 is 10 bp
  EXPECT_FLOAT_EQ(desk.value(2), 0.5F * (10.0F / 5.0F + 15.0F / 10.0F));
}

TEST(book_bank, the_cost_of_a_quantity_takes_the_last_level_in_part) {
  Desk desk({cost("book_cost_to_buy", 1.0), cost("book_cost_to_buy", 3.0), cost("book_cost_to_sell", 4.0),
             cost("book_cost_to_sell", 10.0), cost("book_cost_to_buy", 15.5)});
  desk.snapshot(kBook);
  EXPECT_FLOAT_EQ(desk.value(0), 1.0F);
  EXPECT_FLOAT_EQ(desk.value(1), static_cast<float>((1 * 1.0 + 2 * 3.0) / 3.0));
  EXPECT_FLOAT_EQ(desk.value(2), static_cast<float>((2 * 1.0 + 2 * 2.0) / 4.0));
  EXPECT_FLOAT_EQ(desk.value(3), static_cast<float>((2 * 1.0 + 3 * 2.0 + 5 * 5.0) / 10.0)) << "all that there is";
  EXPECT_FALSE(desk.is_defined(4)) << "only 15 are offered";
}

TEST(book_bank, queue_changes_and_flow_are_those_of_the_best_prices) {
  Desk desk({feature("book_queue_change", 0, QuoteSide::bid), feature("book_queue_change", 0, QuoteSide::ask),
             feature("book_queue_change"), flow(2)});
  desk.snapshot(kBook);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_FALSE(desk.is_defined(i)) << i;

  desk.update({bid(9'999, 3), ask(10'001, 0.5F)});
  EXPECT_FLOAT_EQ(desk.value(0), 1.0F / 3.0F);
  EXPECT_FLOAT_EQ(desk.value(1), -0.5F);
  EXPECT_FLOAT_EQ(desk.value(2), 0.5F * (1.0F / 3.0F + 0.5F));
  EXPECT_FALSE(desk.is_defined(3)) << "one update of two";
  double signed_sum = 1.0 + 0.5;
  double total = 1.0 + 0.5;

  desk.update({bid(10'000, 7), ask(10'001, 0)});  // the bid improves; the ask retreats to 10,003
  EXPECT_EQ(desk.value(0), 1.0F);
  EXPECT_EQ(desk.value(1), -1.0F);
  EXPECT_EQ(desk.value(2), 1.0F);
  const double keep = 1.0 - 2.0 / 3.0;
  signed_sum = keep * signed_sum + (7.0 + 0.5);
  total = keep * total + (7.0 + 0.5);
  EXPECT_FLOAT_EQ(desk.value(3), static_cast<float>(signed_sum / total));

  desk.update({bid(10'000, 0), ask(10'002, 9)});  // the bid retreats to 9,999; the ask improves
  EXPECT_EQ(desk.value(0), -1.0F);
  EXPECT_EQ(desk.value(1), 1.0F);
  EXPECT_EQ(desk.value(2), -1.0F);
  signed_sum = keep * signed_sum + (-7.0 - 9.0);
  total = keep * total + (7.0 + 9.0);
  EXPECT_FLOAT_EQ(desk.value(3), static_cast<float>(signed_sum / total));

  desk.update({bid(9'000, 1)});  // nothing at the best
  EXPECT_EQ(desk.value(2), 0.0F);
  EXPECT_FALSE(std::signbit(desk.value(2)));
  EXPECT_FLOAT_EQ(desk.value(3), static_cast<float>(signed_sum / total)) << "both sums decay alike";
}

TEST(book_bank, a_lane_is_defined_only_where_the_book_is_deep_enough) {
  Desk desk({feature("book_depth", 3, QuoteSide::bid), feature("book_depth", 3, QuoteSide::ask),
             feature("book_depth", 3), feature("book_imbalance", 2), feature("book_spread_ticks")});
  desk.snapshot({bid(9'999, 2), bid(9'998, 3), bid(9'997, 1), ask(10'001, 1)});
  const std::vector<bool> expected = {true, false, false, false, true};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(desk.is_defined(i), expected[i]) << i;
    EXPECT_EQ(std::isnan(desk.value(i)), !expected[i]) << i;
  }
  desk.update({ask(10'001, 0)});
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_FALSE(desk.is_defined(i)) << "no ask, no mid";
    EXPECT_EQ(std::bit_cast<std::uint32_t>(desk.value(i)), 0x7fc0'0000U);
  }
}

TEST(book_bank, a_gap_undefines_everything_and_the_flow_begins_anew) {
  Desk desk({feature("book_imbalance", 1), feature("book_queue_change"), flow(2)});
  desk.snapshot(kBook);
  for (int i = 0; i < 3; ++i) desk.update({bid(9'999, static_cast<float>(3 + i))});
  for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(desk.is_defined(i)) << i;

  desk.gap({bid(9'999, 1)});
  for (std::size_t i = 0; i < 3; ++i) EXPECT_FALSE(desk.is_defined(i)) << i;
  desk.update({bid(9'999, 1)});
  EXPECT_FALSE(desk.is_defined(0)) << "still no snapshot";

  desk.snapshot(kBook);
  EXPECT_TRUE(desk.is_defined(0));
  EXPECT_FALSE(desk.is_defined(1)) << "what was there before the gap has nothing to do with it";
  EXPECT_FALSE(desk.is_defined(2));
  desk.update({bid(9'999, 6)});
  EXPECT_TRUE(desk.is_defined(1));
  EXPECT_FALSE(desk.is_defined(2)) << "one update of two";
  desk.update({ask(10'001, 6)});
  EXPECT_FLOAT_EQ(desk.value(2), static_cast<float>((4.0 / 3.0 - 5.0) / (4.0 / 3.0 + 5.0)));
}

TEST(book_bank, the_flow_is_undefined_until_something_flows) {
  Desk desk({flow(2)});
  desk.snapshot(kBook);
  for (int i = 0; i < 5; ++i) desk.update({bid(9'000, 1)});
  EXPECT_FALSE(desk.is_defined(0));
  desk.update({bid(9'999, 1)});
  EXPECT_EQ(desk.value(0), -1.0F);
}

std::vector<Feature> every_feature() {
  std::vector<Feature> out;
  for (const FeatureFamily& row : book_families()) {
    const auto takes = [&row](Parameter parameter) {
      return std::ranges::any_of(row.parameters, [=](const auto& info) { return info.parameter == parameter; });
    };
    for (const QuoteSide basis : {QuoteSide::bid, QuoteSide::ask, QuoteSide::mid}) {
      if (basis != QuoteSide::mid && !row.takes_basis) continue;
      for (const std::uint16_t n : std::initializer_list<std::uint16_t>{1, 2, 5, 20, 64}) {
        Feature next = feature(row.name, 0, basis);
        if (takes(Parameter::levels)) next.levels = n;
        if (takes(Parameter::quantity)) next.quantity = n * 1.5;
        if (takes(Parameter::ticks)) next.ticks = static_cast<std::uint16_t>(n + 1);
        out.push_back(next);
        if (row.parameters.empty()) break;
      }
    }
  }
  return out;
}

// The same quantities from sorted vectors in long double, each formula as the catalogue states it.
double plain_value(const Feature& wanted, const std::vector<BookLevel>& bids, const std::vector<BookLevel>& asks) {
  using Real = long double;
  const Real mid = (static_cast<Real>(bids[0].price_e9) + static_cast<Real>(asks[0].price_e9)) / 2;
  const auto enough = [&](const std::vector<BookLevel>& side) { return side.size() >= wanted.levels; };
  const auto depth = [&](const std::vector<BookLevel>& side) {
    Real sum = 0;
    for (std::size_t i = 0; i < wanted.levels; ++i) sum += side[i].size;
    return sum;
  };
  const auto mean_price = [&](const std::vector<BookLevel>& side) {
    Real sum = 0;
    for (std::size_t i = 0; i < wanted.levels; ++i)
      sum += static_cast<Real>(side[i].size) * static_cast<Real>(side[i].price_e9);
    return sum / depth(side);
  };
  const auto slope = [&](const std::vector<BookLevel>& side) {
    return depth(side) / (1e4L * std::abs(static_cast<Real>(side[wanted.levels - 1u].price_e9) - mid) / mid);
  };
  const auto by_basis = [&](auto&& of) -> Real {
    const bool on_bid = wanted.basis != QuoteSide::ask;
    const bool on_ask = wanted.basis != QuoteSide::bid;
    if ((on_bid && !enough(bids)) || (on_ask && !enough(asks))) return std::nanl("");
    if (!on_ask) return of(bids);
    if (!on_bid) return of(asks);
    return (of(bids) + of(asks)) / 2;
  };
  const auto cost_of = [&](const std::vector<BookLevel>& side) -> Real {
    Real left = wanted.quantity;
    Real paid = 0;
    for (const BookLevel& level : side) {
      const Real part = std::min<Real>(left, level.size);
      paid += part * static_cast<Real>(level.price_e9);
      left -= part;
      if (left <= 0) return 1e4L * std::abs(paid / static_cast<Real>(wanted.quantity) - mid) / mid;
    }
    return std::nanl("");
  };
  switch (static_cast<BookFamily>(wanted.family->code)) {
    case BookFamily::imbalance:
      if (!enough(bids) || !enough(asks)) break;
      return static_cast<double>((depth(bids) - depth(asks)) / (depth(bids) + depth(asks)));
    case BookFamily::microprice:
      if (!enough(bids) || !enough(asks)) break;
      return static_cast<double>(
          1e4L *
          ((depth(bids) * mean_price(asks) + depth(asks) * mean_price(bids)) / (depth(bids) + depth(asks)) - mid) /
          mid);
    case BookFamily::slope: return static_cast<double>(by_basis(slope));
    case BookFamily::depth: return static_cast<double>(by_basis(depth));
    case BookFamily::cost_to_buy: return static_cast<double>(cost_of(asks));
    case BookFamily::cost_to_sell: return static_cast<double>(cost_of(bids));
    case BookFamily::spread_ticks: return static_cast<double>(asks[0].price_e9 - bids[0].price_e9) / kTick;
    case BookFamily::queue_change:
    case BookFamily::order_flow: break;
  }
  return std::nan("");
}

TEST(book_bank, agrees_with_the_formulas_computed_plainly_over_random_books) {
  const std::vector<Feature> features = every_feature();
  Desk desk(features);
  std::mt19937 random(11);
  std::size_t defined = 0;
  for (int i = 0; i < 2'000; ++i) {
    std::vector<Level> levels;
    const bool is_snapshot = i % 100 == 0;
    const std::size_t count = is_snapshot ? random() % 200 : random() % 20 + 1;
    for (std::size_t at = 0; at < count; ++at) {
      const bool is_bid = random() % 2 == 0;
      const auto distance = static_cast<std::int64_t>(random() % 120);
      const auto size = random() % 3 == 0 ? 0.0F : static_cast<float>(random() % 5'000) / 1'000.0F;
      levels.push_back(is_bid ? bid(600'000 - distance, size) : ask(600'001 + distance, size));
    }
    levels.push_back({Side::none, 0, 0});
    if (is_snapshot) {
      desk.snapshot(levels);
    } else {
      desk.update(levels);
    }
    if (desk.book().bids() == 0 || desk.book().asks() == 0) continue;
    std::vector<BookLevel> bids;
    std::vector<BookLevel> asks;
    for (std::size_t at = 0; at < desk.book().bids(); ++at) bids.push_back(desk.book().bid(at));
    for (std::size_t at = 0; at < desk.book().asks(); ++at) asks.push_back(desk.book().ask(at));
    for (std::size_t lane = 0; lane < features.size(); ++lane) {
      const auto code = static_cast<BookFamily>(features[lane].family->code);
      if (code == BookFamily::queue_change || code == BookFamily::order_flow) {
        if (desk.is_defined(lane)) {
          ASSERT_LE(std::abs(desk.value(lane)), 1.0F);
        }
        continue;
      }
      const double expected = plain_value(features[lane], bids, asks);
      ASSERT_EQ(desk.is_defined(lane), !std::isnan(expected)) << features[lane].family->name << " " << i;
      if (std::isnan(expected)) continue;
      ++defined;
      ASSERT_NEAR(desk.value(lane), expected, std::abs(expected) * 2e-7 + 1e-9)
          << features[lane].family->name << " " << i;
    }
  }
  EXPECT_GT(defined, 20'000U);
}

TEST(book_bank, a_copy_of_book_and_state_goes_on_byte_for_byte) {
  const std::vector<Feature> features = every_feature();
  Desk one(features);
  Desk other(features);
  std::mt19937 random(5);
  const auto next = [&random] {
    return std::vector<Level>{bid(9'990 + static_cast<std::int64_t>(random() % 10), static_cast<float>(random() % 4)),
                              ask(10'001 + static_cast<std::int64_t>(random() % 10), static_cast<float>(random() % 4))};
  };
  one.snapshot(kBook);
  other.snapshot(kBook);
  for (int i = 0; i < 300; ++i) {
    const auto levels = next();
    one.update(levels);
    other.update(levels);
  }
  ASSERT_EQ(std::memcmp(one.state(), other.state(), one.bank().state_bytes()), 0);
  // Scribbled over and restored from the copy.
  std::vector<std::byte> state(one.state(), one.state() + one.bank().state_bytes());
  const OrderBook book = one.book();
  other.update({bid(9'999, 77)});
  std::memcpy(other.state(), state.data(), state.size());
  other.book() = book;
  EXPECT_EQ(std::memcmp(one.state(), other.state(), one.bank().state_bytes()), 0);
}

TEST(book_bank, states_are_whole_cache_lines_and_lanes_are_told) {
  const std::vector<Feature> features = {feature("book_imbalance", 1), flow(5), flow(9), flow(5)};
  const std::vector<std::uint16_t> lanes = {9, 4, 7, 1};
  const BookBank bank(features, lanes);
  EXPECT_EQ(bank.state_bytes() % 64, 0U);
  EXPECT_EQ(bank.size(), 4U);
  EXPECT_TRUE(std::ranges::equal(bank.lanes(), lanes));
  const BookBank none({}, {});
  EXPECT_EQ(none.size(), 0U);
}

TEST(book_bank, flows_of_one_length_share_their_sums) {
  Desk desk({flow(5), flow(9), flow(5)});
  desk.snapshot(kBook);
  std::mt19937 random(2);
  for (int i = 0; i < 50; ++i)
    desk.update({bid(9'999, static_cast<float>(random() % 9 + 1)), ask(10'001, static_cast<float>(random() % 9 + 1))});
  EXPECT_EQ(desk.value(0), desk.value(2));
  EXPECT_NE(desk.value(0), desk.value(1));
}

}  // namespace
}  // namespace thintail
