// SPDX-License-Identifier: Apache-2.0
#include "ml/features/bar_indicators.hpp"

#include <algorithm>

namespace thintail {

Mid2Bar mid2_bar(const ClosedBar& bar, i128 origin) noexcept {
  const auto relative = [&](std::int64_t bid_e9, std::int64_t ask_e9) {
    const i128 distance = static_cast<i128>(bid_e9) + ask_e9 - origin;
    return static_cast<std::int64_t>(std::clamp<i128>(distance, -kMid2Reach, kMid2Reach));
  };
  return {relative(bar.bid.high_e9, bar.ask.high_e9), relative(bar.bid.low_e9, bar.ask.low_e9),
          relative(bar.bid.close_e9, bar.ask.close_e9)};
}

void Rsi::add(std::int64_t close) noexcept {
  if (bars_ != 0) {
    const double change = static_cast<double>(close - close_before_);
    constexpr double kBars = static_cast<double>(core_32::kRsiBars);
    up_ += (std::max(change, 0.0) - up_) / kBars;
    down_ += (std::max(-change, 0.0) - down_) / kBars;
  }
  close_before_ = close;
  bars_ += bars_ <= core_32::kRsiBars ? 1 : 0;
}

double Rsi::percent() const noexcept {
  const double sum = up_ + down_;
  return sum > 0.0 ? 100.0 * up_ / sum : 50.0;
}

void AverageTrueRange::add(const Mid2Bar& bar) noexcept {
  const std::int64_t high = bars_ == 0 ? bar.high : std::max(bar.high, close_before_);
  const std::int64_t low = bars_ == 0 ? bar.low : std::min(bar.low, close_before_);
  const std::int64_t range = high - low;
  constexpr double kBars = static_cast<double>(core_32::kAtrBars);
  if (bars_ < core_32::kAtrBars) {
    sum_ += range;
    ++bars_;
    average_ = static_cast<double>(sum_) / kBars;
  } else {
    average_ += (static_cast<double>(range) - average_) / kBars;
  }
  close_before_ = bar.close;
}

void RangeWindow::add(const Mid2Bar& bar) noexcept {
  highs_[next_] = bar.high;
  lows_[next_] = bar.low;
  next_ = next_ + 1 < core_32::kRangeBars ? next_ + 1 : 0;
  bars_ += bars_ < core_32::kRangeBars ? 1 : 0;
}

std::int64_t RangeWindow::high() const noexcept { return *std::ranges::max_element(highs_); }
std::int64_t RangeWindow::low() const noexcept { return *std::ranges::min_element(lows_); }

std::uint64_t BarIndicators::on_bar(const ClosedBar& bar, BarLevels& levels) noexcept {
  if (!started_) {
    origin_mid2_ = static_cast<i128>(bar.bid.close_e9) + bar.ask.close_e9;
    started_ = true;
  }
  const Mid2Bar relative = mid2_bar(bar, origin_mid2_);
  switch (bar.period) {
    case BarPeriod::m1: on_minute(relative, levels); break;
    case BarPeriod::m15: on_quarter(relative, levels); break;
    case BarPeriod::h1: on_hour(relative, levels); break;
    default: break;
  }
  return defined_;
}

void BarIndicators::on_minute(const Mid2Bar& bar, BarLevels& levels) noexcept {
  rsi_.add(bar.close);
  levels.rsi_percent = rsi_.percent();
  define(core_32::kRsi, rsi_.defined());

  atr_.add(bar);
  levels.atr_mid2 = atr_.value();
  define(core_32::kAtr, atr_.defined());

  minutes_.add(bar.close);
  const bool differ = minutes_.scaled_variance() > 0;
  levels.bollinger_z = differ ? minutes_.last_z() : 0.0;
  define(core_32::kBollingerZ, differ && minutes_.full());
}

void BarIndicators::on_quarter(const Mid2Bar& bar, BarLevels& levels) noexcept {
  quarters_.add(bar.close);
  levels.sma_mid2 = static_cast<double>(origin_mid2_) + quarters_.mean();
  define(core_32::kSma20Distance, quarters_.full());
}

void BarIndicators::on_hour(const Mid2Bar& bar, BarLevels& levels) noexcept {
  hours_.add(bar);
  const std::int64_t range = hours_.high() - hours_.low();
  levels.range_low_mid2 = static_cast<double>(origin_mid2_ + hours_.low());
  levels.range_mid2 = static_cast<double>(range);
  define(core_32::kRangePosition, hours_.full() && range > 0);
}

}  // namespace thintail
