// SPDX-License-Identifier: Apache-2.0
// What both cases of the five indicators share: bars, and the loops that ours is held against.
//   path  cold
#pragma once

#include <span>
#include <string>
#include <vector>

#include "bench/features/five_indicators.hpp"
#include "core/base/error.hpp"
#include "ml/indicators/series_batch.hpp"

namespace thintail::bench {

using indicators::PriceBar;
using Five = FiveValues<double>;

inline constexpr std::size_t kSeries = indicators::kBatchSeries;

inline constexpr std::size_t kBarsPerSample = 1'000;  // one bar is shorter than the stopwatch's steps

// At least kBarsPerSample bars each: eight stretches of a year of gold's minutes where there is market data, else random
// walks.
struct FiveWork {
  std::vector<std::vector<PriceBar<>>> series;  // kSeries, equally long
  std::string source_text;
};
Result<FiveWork> make_five_work(std::size_t bars_max);

// What a plain program keeps: doubles and running sums, updated bar by bar. It shares no code with ours.
class PlainFive {
 public:
  TT_HOT void add(const PriceBar<>& bar, Five& out) noexcept;

 private:
  double ema_ = 0, fast_ = 0, slow_ = 0, signal_ = 0;
  double up_ = 0, down_ = 0, close_before_ = 0;
  double atr_ = 0, first_ranges_ = 0;
  double closes_[kBandBars] = {};
  double sum_ = 0, squares_ = 0;
  std::uint32_t bars_ = 0;
};

// Indicator after indicator, each a plain loop over the whole series, as batch libraries work. `out` is as long as `bars`.
void plain_batch(std::span<const PriceBar<>> bars, std::span<Five> out, std::vector<double>& room);

// How far back a program looks that computes everything anew at every bar: what an average of 26 bars has forgotten by
// then is 2e-10 of it.
inline constexpr std::size_t kNaiveBars = 300;
// The five at the last of `bars`, which are kNaiveBars.
Five naive_five(std::span<const PriceBar<>> bars, std::vector<Five>& rows, std::vector<double>& room);

// Rows in which every column agrees: to a millionth, and to 1e-7 of a unit of price, which running sums in f64 lose.
std::uint64_t agreeing_rows(std::span<const Five> ours, std::span<const Five> theirs);
bool agrees(const Five& ours, const Five& theirs);
// Rows in which every column has the same bits.
std::uint64_t same_rows(std::span<const Five> ours, std::span<const Five> theirs);

}  // namespace thintail::bench
