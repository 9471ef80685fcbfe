// SPDX-License-Identifier: Apache-2.0
#include "ml/features/book_bank.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <new>
#include <optional>

#include "core/base/assert.hpp"

namespace thintail {
namespace {

constexpr float kUndefined = std::bit_cast<float>(0x7fc0'0000U);  // the one NaN that rows hold
constexpr std::size_t kLineFloats = kCacheLineBytes / sizeof(float);

constexpr std::size_t up_to_lines(std::size_t bytes) noexcept {
  return (bytes + kCacheLineBytes - 1) / kCacheLineBytes * kCacheLineBytes;
}

// The best bid and ask after an update.
struct Touch {
  std::int64_t bid_e9;
  std::int64_t ask_e9;
  float bid_size;
  float ask_size;
};

struct alignas(kCacheLineBytes) Head {
  LaneMask defined;
  std::uint64_t generation;
  std::int64_t tick_size_e9;
  std::uint64_t updates;  // that followed one with a best bid and ask, since the last snapshot
  Touch touch;
  bool has_touch;
  std::array<std::uint8_t, 7> reserved;
};

struct FlowSums {
  double signed_sum;
  double total;
};

static_assert(std::is_trivially_copyable_v<Head> && sizeof(Head) % kCacheLineBytes == 0);

// Sums over the best levels of one side, and the distance of each from the best in e9. Index n: of the first n levels.
struct SideSums {
  std::size_t count;  // what lies beyond is not set
  std::array<double, kBookFeatureLevelsMax + 1> size;
  std::array<double, kBookFeatureLevelsMax + 1> size_distance;
  std::array<double, kBookFeatureLevelsMax + 1> distance;  // of the n-th level itself
};

// Distances are exact: they are differences of integers, and stay small where prices do not.
template <class LevelAt>
void sum_up(SideSums& sums, std::size_t levels, LevelAt&& level_at) noexcept {
  sums.count = levels;
  sums.size[0] = sums.size_distance[0] = sums.distance[0] = 0.0;
  const std::int64_t best_e9 = level_at(0).price_e9;
  for (std::size_t i = 0; i < levels; ++i) {
    const BookLevel level = level_at(i);
    const double distance = static_cast<double>(std::abs(level.price_e9 - best_e9));
    const double size = static_cast<double>(level.size);
    sums.size[i + 1] = sums.size[i] + size;
    sums.size_distance[i + 1] = sums.size_distance[i] + size * distance;
    sums.distance[i + 1] = distance;
  }
}

// Mean distance from the best, in e9, of the first `quantity` units; empty where the side holds less.
template <class LevelAt>
std::optional<double> mean_distance(double quantity, std::size_t levels, LevelAt&& level_at) noexcept {
  const std::int64_t best_e9 = level_at(0).price_e9;
  double taken = 0.0;
  double sum = 0.0;
  for (std::size_t i = 0; i < levels; ++i) {  // bounded by what a book holds
    const BookLevel level = level_at(i);
    const double distance = static_cast<double>(std::abs(level.price_e9 - best_e9));
    const double size = static_cast<double>(level.size);
    if (taken + size >= quantity) return (sum + (quantity - taken) * distance) / quantity;
    taken += size;
    sum += size * distance;
  }
  return std::nullopt;
}

// What Cont, Kukanov and Stoikov call e: `improved` and `retreated` say where the price went.
double flow_of(bool improved, bool retreated, double before, double now) noexcept {
  return improved ? now : retreated ? -before : now - before;
}
double change_of(bool improved, bool retreated, double before, double now) noexcept {
  return improved ? 1.0 : retreated ? -1.0 : (now - before) / std::max(now, before);
}

}  // namespace

BookBank::BookBank(std::span<const Feature> features, std::span<const std::uint16_t> lanes)
    : lanes_(lanes.begin(), lanes.end()) {
  TT_CHECK(features.size() == lanes.size() && features.size() <= kMaxLanes, "one lane for each feature");
  for (const Feature& feature : features) {
    TT_CHECK(feature.family != nullptr && feature.family->group == FamilyGroup::book, "features of the book");
    Op op{.family = static_cast<BookFamily>(feature.family->code),
          .basis = feature.basis,
          .levels = feature.levels,
          .flow = 0,
          .quantity = feature.quantity};
    TT_CHECK(op.levels <= kBookFeatureLevelsMax, "at most kBookFeatureLevelsMax levels");
    levels_max_ = std::max<std::size_t>(levels_max_, op.levels);
    if (op.family == BookFamily::order_flow) {
      const auto known = std::ranges::find(flows_, feature.ticks, &Flow::updates);
      op.flow = static_cast<std::uint16_t>(known - flows_.begin());
      if (known == flows_.end()) flows_.push_back({feature.ticks, 1.0 - 2.0 / (feature.ticks + 1.0)});
    }
    ops_.push_back(op);
  }
  const std::size_t floats = (ops_.size() + kLineFloats - 1) / kLineFloats * kLineFloats;
  flows_at_ = sizeof(Head) + floats * sizeof(float);
  state_bytes_ = flows_at_ + up_to_lines(flows_.size() * sizeof(FlowSums));
}

const float* BookBank::values(const std::byte* state) const noexcept {
  return std::launder(reinterpret_cast<const float*>(state + sizeof(Head)));
}

const LaneMask& BookBank::defined(const std::byte* state) const noexcept {
  return std::launder(reinterpret_cast<const Head*>(state))->defined;
}

void BookBank::reset(std::byte* state, std::int64_t tick_size_e9) const noexcept {
  std::memset(state, 0, state_bytes_);
  auto* const head = new (state) Head{};
  head->tick_size_e9 = tick_size_e9;
  auto* const row = reinterpret_cast<float*>(state + sizeof(Head));
  std::uninitialized_fill(row, row + (flows_at_ - sizeof(Head)) / sizeof(float), kUndefined);
  std::uninitialized_fill_n(reinterpret_cast<FlowSums*>(state + flows_at_), flows_.size(), FlowSums{});
}

void BookBank::on_book(std::byte* state, const OrderBook& book) const noexcept {
  Head& head = *std::launder(reinterpret_cast<Head*>(state));
  auto* const row = std::launder(reinterpret_cast<float*>(state + sizeof(Head)));
  auto* const flows = std::launder(reinterpret_cast<FlowSums*>(state + flows_at_));

  head.defined = {};
  const bool has_touch = book.is_valid() && book.bids() != 0 && book.asks() != 0;
  const bool goes_on = head.has_touch && head.generation == book.generation();
  if (book.generation() != head.generation) {
    head.generation = book.generation();
    head.updates = 0;
    std::fill_n(flows, flows_.size(), FlowSums{});
  }
  if (!has_touch) {
    head.has_touch = false;
    std::fill_n(row, ops_.size(), kUndefined);
    return;
  }

  const auto bid_at = [&book](std::size_t i) { return book.bid(i); };
  const auto ask_at = [&book](std::size_t i) { return book.ask(i); };
  const BookLevel bid = book.bid(0);
  const BookLevel ask = book.ask(0);
  const Touch touch{bid.price_e9, ask.price_e9, bid.size, ask.size};
  const double half_spread = static_cast<double>(ask.price_e9 - bid.price_e9) * 0.5;
  const double mid = static_cast<double>(bid.price_e9) * 0.5 + static_cast<double>(ask.price_e9) * 0.5;
  const double bp = 1e4 / mid;
  SideSums bids;
  SideSums asks;
  sum_up(bids, std::min(book.bids(), levels_max_), bid_at);
  sum_up(asks, std::min(book.asks(), levels_max_), ask_at);

  double bid_change = 0.0;
  double ask_change = 0.0;
  if (goes_on) {
    const Touch& before = head.touch;
    const bool bid_up = touch.bid_e9 > before.bid_e9;
    const bool bid_down = touch.bid_e9 < before.bid_e9;
    const bool ask_up = touch.ask_e9 > before.ask_e9;
    const bool ask_down = touch.ask_e9 < before.ask_e9;
    const double bid_flow = flow_of(bid_up, bid_down, before.bid_size, touch.bid_size);
    const double ask_flow = flow_of(ask_down, ask_up, before.ask_size, touch.ask_size);
    bid_change = change_of(bid_up, bid_down, before.bid_size, touch.bid_size);
    ask_change = change_of(ask_down, ask_up, before.ask_size, touch.ask_size);
    ++head.updates;
    for (std::size_t i = 0; i < flows_.size(); ++i) {
      flows[i].signed_sum = flows_[i].keep * flows[i].signed_sum + (bid_flow - ask_flow);
      flows[i].total = flows_[i].keep * flows[i].total + (std::abs(bid_flow) + std::abs(ask_flow));
    }
  }
  head.touch = touch;
  head.has_touch = true;

  // Both sides by `of(sums)`, where the basis asks for both their mean.
  const auto by_basis = [&](QuoteSide basis, auto&& of) {
    if (basis == QuoteSide::bid) return of(bids);
    if (basis == QuoteSide::ask) return of(asks);
    return 0.5 * (of(bids) + of(asks));
  };
  for (std::size_t i = 0; i < ops_.size(); ++i) {
    const Op& op = ops_[i];
    const std::size_t n = op.levels;
    const bool deep_bids = bids.count >= n || op.basis == QuoteSide::ask;
    const bool deep_asks = asks.count >= n || op.basis == QuoteSide::bid;
    double value = std::numeric_limits<double>::quiet_NaN();
    if (deep_bids && deep_asks) {
      switch (op.family) {
        case BookFamily::imbalance: value = (bids.size[n] - asks.size[n]) / (bids.size[n] + asks.size[n]); break;
        case BookFamily::microprice: {
          // Mean prices as distances from the mid, which keeps every digit.
          const double ask_mean = half_spread + asks.size_distance[n] / asks.size[n];
          const double bid_mean = half_spread + bids.size_distance[n] / bids.size[n];
          value = (bids.size[n] * ask_mean - asks.size[n] * bid_mean) / (bids.size[n] + asks.size[n]) * bp;
          break;
        }
        case BookFamily::slope:
          value = by_basis(
              op.basis, [&](const SideSums& side) { return side.size[n] / ((half_spread + side.distance[n]) * bp); });
          break;
        case BookFamily::depth: value = by_basis(op.basis, [&](const SideSums& side) { return side.size[n]; }); break;
        case BookFamily::cost_to_buy:
          if (const auto distance = mean_distance(op.quantity, book.asks(), ask_at))
            value = (half_spread + *distance) * bp;
          break;
        case BookFamily::cost_to_sell:
          if (const auto distance = mean_distance(op.quantity, book.bids(), bid_at))
            value = (half_spread + *distance) * bp;
          break;
        case BookFamily::queue_change:
          if (goes_on) {
            value = op.basis == QuoteSide::bid   ? bid_change
                    : op.basis == QuoteSide::ask ? ask_change
                                                 : 0.5 * (bid_change - ask_change);
          }
          break;
        case BookFamily::order_flow:
          if (head.updates >= flows_[op.flow].updates) value = flows[op.flow].signed_sum / flows[op.flow].total;
          break;
        case BookFamily::spread_ticks: value = 2.0 * half_spread / static_cast<double>(head.tick_size_e9); break;
      }
    }
    const auto rounded = static_cast<float>(value);
    const bool is_defined = std::isfinite(rounded);
    row[i] = is_defined ? rounded + 0.0F : kUndefined;  // -0 + 0 is +0
    head.defined.set(i, is_defined);
  }
}

}  // namespace thintail
