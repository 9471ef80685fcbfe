// SPDX-License-Identifier: Apache-2.0
#include "core/bars/bar_builder.hpp"

#include <algorithm>

namespace thintail {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::array<std::int64_t, kBarPeriodCount> kPeriodSeconds = {60, 300, 900, 1800, 3600, 14'400, 86'400};
constexpr std::int64_t kFxDayStartSeconds = 17 * 3600;  // 17:00 local

constexpr std::int64_t floor_to(std::int64_t value, std::int64_t step) noexcept {
  const std::int64_t rest = value % step;
  return value - (rest < 0 ? rest + step : rest);
}

void merge(Ohlc& into, const Ohlc& later) noexcept {
  into.high_e9 = std::max(into.high_e9, later.high_e9);
  into.low_e9 = std::min(into.low_e9, later.low_e9);
  into.close_e9 = later.close_e9;
}

}  // namespace

bool bar_period_from_name(std::string_view name, BarPeriod& out) noexcept {
  for (std::size_t i = 0; i < kBarPeriodCount; ++i) {
    if (kBarPeriodNames[i] == name) {
      out = static_cast<BarPeriod>(i);
      return true;
    }
  }
  return false;
}

std::int64_t bar_period_seconds(BarPeriod period) noexcept { return kPeriodSeconds[static_cast<std::size_t>(period)]; }

std::int64_t period_end_ns(BarPeriod period, std::int64_t time_ns, const Zone& fx_day) noexcept {
  const std::int64_t seconds = kPeriodSeconds[static_cast<std::size_t>(period)];
  const std::int64_t utc_s = floor_to(time_ns, kSecondNs) / kSecondNs;
  if (period < BarPeriod::h4) return (floor_to(utc_s, seconds) + seconds) * kSecondNs;
  // Periods of the FX day are cut on the local wall clock, so that a day has 23 or 25 hours when DST changes.
  const std::int64_t local_s = utc_s + fx_day.offset_s(utc_s);
  const std::int64_t local_end_s = floor_to(local_s - kFxDayStartSeconds, seconds) + seconds + kFxDayStartSeconds;
  return fx_day.to_utc_s(local_end_s) * kSecondNs;
}

void BarBuilder::open_minute(std::int64_t bid_e9, std::int64_t ask_e9, std::int64_t venue_ns) noexcept {
  const std::int64_t time_ns = std::max(venue_ns, last_closed_ns_);
  Forming& minute = forming_[0];
  minute = {period_end_ns(BarPeriod::m1, time_ns, *zone_),
            1,
            0,
            {bid_e9, bid_e9, bid_e9, bid_e9},
            {ask_e9, ask_e9, ask_e9, ask_e9}};
  open_longer(time_ns);
  next_close_ns_ = std::min(next_close_ns_, minute.end_ns);
}

void BarBuilder::open_longer(std::int64_t time_ns) noexcept {
  for (std::size_t i = base_ + 1u; i < kBarPeriodCount; ++i) {
    if (forming_[i].end_ns < forming_[base_].end_ns) {
      forming_[i] = {period_end_ns(static_cast<BarPeriod>(i), time_ns, *zone_), 0, 0, {}, {}};
    }
  }
}

void BarBuilder::add_bar(const ClosedBar& bar) noexcept {
  const std::int64_t end_ns = bar.end_s * kSecondNs;
  forming_[base_] = {end_ns, std::max(bar.ticks, 1u), 0, bar.bid, bar.ask};
  // Its last second lies in the same longer periods as every other one of it.
  open_longer(end_ns - kSecondNs);
  next_close_ns_ = std::min(next_close_ns_, end_ns);
}

void BarBuilder::fold(Forming& longer, const Forming& minute) noexcept {
  if (longer.ticks == 0) {
    longer.bid = minute.bid;
    longer.ask = minute.ask;
  } else {
    merge(longer.bid, minute.bid);
    merge(longer.ask, minute.ask);
  }
  longer.ticks += minute.ticks;
}

bool BarBuilder::take_due(std::int64_t time_ns, ClosedBar& out) noexcept {
  std::size_t due = kBarPeriodCount;
  for (std::size_t i = 0; i < kBarPeriodCount; ++i) {
    if (forming_[i].ticks == 0 || forming_[i].end_ns > time_ns) continue;
    if (due == kBarPeriodCount || forming_[i].end_ns < forming_[due].end_ns) due = i;
  }
  if (due == kBarPeriodCount) {
    next_close_ns_ = kFarFuture;
    for (const Forming& bar : forming_) {
      if (bar.ticks != 0) next_close_ns_ = std::min(next_close_ns_, bar.end_ns);
    }
    return false;
  }
  Forming& bar = forming_[due];
  if (due == base_) {
    for (std::size_t i = base_ + 1u; i < kBarPeriodCount; ++i) fold(forming_[i], bar);
  }
  out = {static_cast<BarPeriod>(due), static_cast<std::uint32_t>(bar.end_ns / kSecondNs), bar.ticks, bar.bid, bar.ask};
  last_closed_ns_ = std::max(last_closed_ns_, bar.end_ns);
  bar.ticks = 0;
  return true;
}

ClosedBar BarBuilder::forming(BarPeriod period) const noexcept {
  Forming bar = forming_[static_cast<std::size_t>(period)];
  if (static_cast<std::size_t>(period) > base_ && forming_[base_].ticks != 0) fold(bar, forming_[base_]);
  return {period, static_cast<std::uint32_t>(bar.end_ns / kSecondNs), bar.ticks, bar.bid, bar.ask};
}

BarBuilder::State BarBuilder::snapshot() const noexcept { return {next_close_ns_, last_closed_ns_, forming_}; }

void BarBuilder::restore(const State& state) noexcept {
  next_close_ns_ = state.next_close_ns;
  last_closed_ns_ = state.last_closed_ns;
  forming_ = state.forming;
}

}  // namespace thintail
