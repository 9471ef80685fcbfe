// SPDX-License-Identifier: Apache-2.0
#include "bench/features/naive_windows.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace thintail::bench {
namespace {

constexpr std::size_t kKept = 256;  // the longest window
constexpr std::int64_t kTimeUnitNs = 100'000;

double sign(double value) { return static_cast<double>((value > 0) - (value < 0)); }

}  // namespace

NaiveWindows::NaiveWindows(const FeatureSet& set, CalendarId calendar) : calendar_(TradingCalendar::get(calendar)) {
  for (std::size_t lane = 0; lane < set.features().size(); ++lane) {
    const Feature& feature = set.features()[lane];
    if (feature.family->group != FamilyGroup::windowed) continue;
    lanes_.push_back({static_cast<std::uint16_t>(lane), feature.family->name, feature.ticks, feature.factor});
  }
  quotes_.reserve(kKept + 1);
}

void NaiveWindows::add(const Tick& tick, std::int64_t venue_ns) {
  const auto bid = static_cast<double>(tick.bid_e9);
  const auto ask = static_cast<double>(tick.ask_e9);
  quotes_.push_back({(bid + ask) / 2, std::max(ask - bid, 0.0), calendar_.trading_ns(venue_ns) / kTimeUnitNs});
  if (quotes_.size() > kKept) quotes_.erase(quotes_.begin());
  for (Lane& lane : lanes_) lane.value = quotes_.size() < lane.ticks ? 0.0 : value_of(lane);
}

double NaiveWindows::value_of(const Lane& lane) const {
  const std::span<const Quote> window = std::span(quotes_).last(lane.ticks);
  const std::size_t n = window.size();
  const auto count = static_cast<double>(n);
  const double newest = window.back().mid;
  const double bp = 1e4 / newest;
  double path = 0;
  double square = 0;
  double product = 0;
  double bipower = 0;
  double two_square = 0;
  double net = 0;
  double gross = 0;
  double spread = window[0].spread;
  for (std::size_t i = 1; i < n; ++i) {
    const double r = window[i].mid - window[i - 1].mid;
    path += std::abs(r);
    square += r * r;
    spread += window[i].spread;
    if (i < 2) continue;
    const double before = window[i - 1].mid - window[i - 2].mid;
    const double c = window[i].mid - window[i - 2].mid;
    product += r * before;
    bipower += std::abs(r * before);
    two_square += c * c;
    net += sign(c);
    gross += std::abs(sign(c));
  }
  const double way = newest - window[0].mid;
  const double seconds = static_cast<double>(window.back().time - window[0].time) * 1e-4;
  if (lane.family == "window_move") return way * bp;
  if (lane.family == "window_imbalance") return net / (1 + gross);
  if (lane.family == "window_efficiency") return path > 0 ? std::abs(way) / path : 0.0;
  if (lane.family == "window_autocorrelation") return square > 0 ? product / square : 0.0;
  if (lane.family == "window_variance_ratio") {
    return square > 0 ? two_square / (count - 2) / (2 * square / (count - 1)) : 0.0;
  }
  if (lane.family == "window_volatility") return std::sqrt(two_square / (2 * (count - 2))) * bp;
  if (lane.family == "window_spread") return spread / count * bp;
  if (lane.family == "window_rate") return (count - 1) / std::max(seconds, 1e-4);
  if (lane.family == "window_jump") {
    const double r = newest - window[n - 2].mid;
    const double before = window[n - 2].mid - window[n - 3].mid;
    const double calm = (bipower - std::abs(r * before)) / (count - 3);
    return r * r > lane.factor * lane.factor * std::numbers::pi / 2 * calm ? sign(r) : 0.0;
  }
  return std::nan("");  // a lane that nobody defined here agrees with nothing
}

bool NaiveWindows::agrees(const FeatureRow& row) const {
  return std::ranges::all_of(lanes_, [&](const Lane& lane) {
    if (!row.defined.test(lane.at)) return true;
    const auto ours = static_cast<double>(row.values[lane.at]);
    // Doubles in e9 lose what the engine's integers keep: a variance that should be 0 is some 1e-7 bp.
    return std::abs(ours - lane.value) <= 1e-5 * std::abs(lane.value) + 1e-5;
  });
}

}  // namespace thintail::bench
