// SPDX-License-Identifier: Apache-2.0
// BarIndicators: what core-32 knows of one instrument's closed bars. Each is updated once a bar and only read by ticks.
//   path       warm: a bar a minute; nothing is allocated
//   invariant  prices are bid + ask in e9 (twice the mid) as integers, so window sums are exact and cannot drift,
//              whether or not prices are whole points.
//   source     CONTRACTS "Numbers"; J. W. Wilder, New Concepts in Technical Trading Systems (RSI, ATR)
#pragma once

#include <array>
#include <cstdint>

#include "core/bars/bar_builder.hpp"
#include "core/base/int128.hpp"
#include "ml/features/core_32.hpp"

namespace thintail {

// The bar of twice the mid: bid bar plus ask bar.
struct Mid2Bar {
  std::int64_t high, low, close;
};

// Relative to `origin` and kept within +-kMid2Reach, so that 20 squares of it times 20 fit an i128 whatever a feed
// sends.
inline constexpr std::int64_t kMid2Reach = 400'000'000 * std::int64_t{1'000'000'000};
Mid2Bar mid2_bar(const ClosedBar& bar, i128 origin) noexcept;

// Wilder's relative strength index; averages start at 0.
class Rsi {
 public:
  void add(std::int64_t close) noexcept;
  bool defined() const noexcept { return bars_ > core_32::kRsiBars; }
  double percent() const noexcept;

 private:
  double up_ = 0.0;
  double down_ = 0.0;
  std::int64_t close_before_ = 0;
  std::uint32_t bars_ = 0;
};

// Wilder's average true range, seeded with the mean of the first ranges.
class AverageTrueRange {
 public:
  void add(const Mid2Bar& bar) noexcept;
  bool defined() const noexcept { return bars_ >= core_32::kAtrBars; }
  double value() const noexcept { return average_; }

 private:
  i128 sum_ = 0;  // of the first ranges
  double average_ = 0.0;
  std::int64_t close_before_ = 0;
  std::uint32_t bars_ = 0;
};

// The last N closes with their exact sum and sum of squares.
template <std::size_t N>
class CloseWindow {
 public:
  void add(std::int64_t close) noexcept {
    std::int64_t& oldest = closes_[next_];
    sum_ += static_cast<i128>(close) - oldest;
    square_sum_ += static_cast<i128>(close) * close - static_cast<i128>(oldest) * oldest;
    oldest = last_ = close;
    next_ = next_ + 1 < N ? next_ + 1 : 0;
    bars_ += bars_ < N ? 1 : 0;
  }
  bool full() const noexcept { return bars_ == N; }
  double mean() const noexcept { return static_cast<double>(sum_) / static_cast<double>(N); }
  // N^2 times the population variance, exact.
  i128 scaled_variance() const noexcept { return static_cast<i128>(N) * square_sum_ - sum_ * sum_; }
  // Deviations of the last close from the mean. REQUIRES: scaled_variance() > 0.
  double last_z() const noexcept {
    return static_cast<double>(static_cast<i128>(N) * last_ - sum_) /
           __builtin_sqrt(static_cast<double>(scaled_variance()));
  }

 private:
  std::array<std::int64_t, N> closes_{};
  i128 sum_ = 0;
  i128 square_sum_ = 0;
  std::int64_t last_ = 0;
  std::size_t next_ = 0;
  std::size_t bars_ = 0;
};

// Highest high and lowest low of the last bars.
class RangeWindow {
 public:
  void add(const Mid2Bar& bar) noexcept;
  bool full() const noexcept { return bars_ == core_32::kRangeBars; }
  std::int64_t high() const noexcept;
  std::int64_t low() const noexcept;

 private:
  std::array<std::int64_t, core_32::kRangeBars> highs_{};
  std::array<std::int64_t, core_32::kRangeBars> lows_{};
  std::size_t next_ = 0;
  std::size_t bars_ = 0;
};

// What a tick reads of the bars: ready values, and levels that it measures its own mid against.
struct BarLevels {
  double rsi_percent = 0.0;
  double bollinger_z = 0.0;
  double atr_mid2 = 0.0;
  double sma_mid2 = 0.0;
  double range_low_mid2 = 0.0;
  double range_mid2 = 1.0;
};

class BarIndicators {
 public:
  // Takes a closed bar in and refreshes what it changes of `levels`. Returns the bits of the bar lanes now defined.
  std::uint64_t on_bar(const ClosedBar& bar, BarLevels& levels) noexcept;

 private:
  void on_minute(const Mid2Bar& bar, BarLevels& levels) noexcept;
  void on_quarter(const Mid2Bar& bar, BarLevels& levels) noexcept;
  void on_hour(const Mid2Bar& bar, BarLevels& levels) noexcept;
  void define(core_32::Lane lane, bool defined) noexcept {
    defined_ = defined ? defined_ | core_32::bit(lane) : defined_ & ~core_32::bit(lane);
  }

  std::uint64_t defined_ = 0;
  i128 origin_mid2_ = 0;  // first close ever: sums stay small
  bool started_ = false;
  Rsi rsi_;
  AverageTrueRange atr_;
  CloseWindow<core_32::kBollingerBars> minutes_;
  CloseWindow<core_32::kSmaBars> quarters_;
  RangeWindow hours_;
};

}  // namespace thintail
