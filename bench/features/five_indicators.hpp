// SPDX-License-Identifier: Apache-2.0
// FiveIndicators: EMA 20, RSI 14, MACD 12/26/9, ATR 14 and Bollinger 20,2 from the indicators that BarBank is made of,
// for one series or for eight at once.
//   path  hot
#pragma once

#include <array>
#include <cstdint>

#include "ml/indicators/averages.hpp"
#include "ml/indicators/deviations.hpp"
#include "ml/indicators/oscillators.hpp"

namespace thintail::bench {

inline constexpr std::uint32_t kEmaBars = 20;
inline constexpr std::uint32_t kRsiBars = 14;
inline constexpr std::uint32_t kFastBars = 12;
inline constexpr std::uint32_t kSlowBars = 26;
inline constexpr std::uint32_t kSignalBars = 9;
inline constexpr std::uint32_t kAtrBars = 14;
inline constexpr std::uint32_t kBandBars = 20;
inline constexpr double kBandFactor = 2.0;

// Prices are twice the price in e9, relative to the series' first close.
template <class Float>
struct FiveValues {
  Float ema, rsi, macd_line, macd_signal, macd_histogram, atr, band_middle, band_upper, band_lower;
  std::uint64_t defined;  // bit i: the i-th indicator of the title is past its warm-up
};
inline constexpr std::size_t kFiveColumns = 9;

template <class N = indicators::OneSeries>
class FiveIndicators {
 public:
  using Float = typename N::Float;

  TT_ALWAYS_INLINE void add(const indicators::PriceBar<N>& bar, FiveValues<Float>& out) noexcept {
    const Float close = N::to_float(bar.close);
    ema_.add(close, indicators::ema_weight(kEmaBars));
    out.ema = ema_.value;

    rsi_.add(bar.close, kRsiBars);
    out.rsi = rsi_.percent();

    fast_.add(close, indicators::ema_weight(kFastBars));
    slow_.add(close, indicators::ema_weight(kSlowBars));
    const Float line = indicators::macd_line(fast_, slow_);
    if (slow_.is_warm(kSlowBars)) signal_.add(line, indicators::ema_weight(kSignalBars));
    out.macd_line = line;
    out.macd_signal = signal_.value;
    out.macd_histogram = line - signal_.value;

    atr_.add(bar, kAtrBars);
    out.atr = atr_.average;

    band_.add(bar.close, closes_[next_]);
    closes_[next_] = bar.close;
    next_ = next_ + 1 < kBandBars ? next_ + 1 : 0;
    const Float reach = band_.deviation(kBandBars) * kBandFactor;
    out.band_middle = band_.mean(kBandBars);
    out.band_upper = out.band_middle + reach;
    out.band_lower = out.band_middle - reach;

    out.defined = std::uint64_t{ema_.is_warm(kEmaBars)} | std::uint64_t{rsi_.is_warm(kRsiBars)} << 1 |
                  std::uint64_t{signal_.is_warm(kSignalBars)} << 2 | std::uint64_t{atr_.is_warm(kAtrBars)} << 3 |
                  std::uint64_t{ema_.is_warm(kBandBars)} << 4;
  }

 private:
  indicators::Ema<N> ema_;
  indicators::Rsi<N> rsi_;
  indicators::Ema<N> fast_;
  indicators::Ema<N> slow_;
  indicators::Ema<N> signal_;
  indicators::AverageTrueRange<N> atr_;
  indicators::VarianceWindow<N> band_;
  std::array<typename N::Integer, kBandBars> closes_{};
  std::uint32_t next_ = 0;
};

// All indicators of the row are defined from here on.
inline constexpr std::uint64_t kAllFive = 31;

}  // namespace thintail::bench
