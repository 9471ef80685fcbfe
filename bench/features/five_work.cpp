// SPDX-License-Identifier: Apache-2.0
#include "bench/features/five_work.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <random>

#include "adapters/feeds/bar_reader.hpp"
#include "bench/harness/market_data.hpp"
#include "core/thread/float_mode.hpp"
#include "ml/indicators/bar_prices.hpp"

namespace thintail::bench {
namespace {

// Enough that what an early seed leaves behind has long decayed.
constexpr std::size_t kBarsMax = 40'000;

Result<std::vector<ClosedBar>> recorded_minutes(const std::string& path, std::size_t bars_max) {
  InstrumentTable instruments(4);
  TT_TRY(const BarFile file, identify_bar_file(path, {}, instruments));
  TT_TRY(const std::unique_ptr<BarReader> reader, BarReader::open(file, instruments, false));
  std::vector<ClosedBar> bars;
  for (FileBar one; bars.size() < bars_max && reader->next(one);) bars.push_back(one.bar);
  if (reader->error()) return fail(*reader->error());
  return bars;
}

std::vector<ClosedBar> walked_minutes(std::size_t count) {
  std::mt19937_64 random(1);
  std::vector<ClosedBar> bars(count);
  std::int64_t points = 1'284'065;
  for (ClosedBar& bar : bars) {
    const auto below = [&](std::uint64_t bound) { return static_cast<std::int64_t>(random() % bound); };
    const std::int64_t open = points;
    points += below(1'001) - 500;
    constexpr std::int64_t kPoint_e9 = 1'000'000;
    bar = {};
    bar.bid = {open * kPoint_e9, (std::max(open, points) + below(300)) * kPoint_e9,
               (std::min(open, points) - below(300)) * kPoint_e9, points * kPoint_e9};
  }
  return bars;
}

}  // namespace

Result<FiveWork> make_five_work(std::size_t bars_max) {
  set_float_mode();  // the libraries linked here may have changed it
  const std::size_t wanted = std::min(kBarsMax, std::max(bars_max, kBarsPerSample));
  const std::filesystem::path path = data_folder() / "bars" / "histdata_xauusd_m1_2018.csv.zst";
  std::error_code fault;
  const bool is_recorded = std::filesystem::exists(path, fault);
  std::vector<ClosedBar> bars;
  if (is_recorded) {
    TT_TRY(bars, recorded_minutes(path.string(), kSeries * wanted));
  } else {
    bars = walked_minutes(kSeries * wanted);
  }
  FiveWork work;
  const std::size_t each = bars.size() / kSeries;
  for (std::size_t s = 0; s < kSeries; ++s) {
    const auto origin = indicators::twice(bars[s * each].bid.close_e9, 0, QuoteSide::bid);
    std::vector<PriceBar<>>& series = work.series.emplace_back();
    for (std::size_t i = s * each; i < (s + 1) * each; ++i) {
      const auto [open, high, low, close] = indicators::relative_bar(bars[i], QuoteSide::bid, origin);
      series.push_back({high, low, close});
    }
  }
  work.source_text = fmt::format("{} bars of each of {} series, {}", each, kSeries,
                                 is_recorded ? "stretches of " + path.filename().string() : "SIMULATED");
  return work;
}

void PlainFive::add(const PriceBar<>& bar, Five& out) noexcept {
  const auto high = static_cast<double>(bar.high);
  const auto low = static_cast<double>(bar.low);
  const auto close = static_cast<double>(bar.close);
  if (bars_ == 0) {
    ema_ = fast_ = slow_ = close;
    first_ranges_ = high - low;
  } else {
    ema_ += 2.0 / 21.0 * (close - ema_);
    fast_ += 2.0 / 13.0 * (close - fast_);
    slow_ += 2.0 / 27.0 * (close - slow_);
    const double change = close - close_before_;
    up_ = up_ * (13.0 / 14.0) + (change > 0 ? change : 0) * (1.0 / 14.0);
    down_ = down_ * (13.0 / 14.0) + (change < 0 ? -change : 0) * (1.0 / 14.0);
    const double range = std::max(high, close_before_) - std::min(low, close_before_);
    if (bars_ < kAtrBars) {
      first_ranges_ += range;
      atr_ = first_ranges_ / 14.0;
    } else {
      atr_ = atr_ * (13.0 / 14.0) + range * (1.0 / 14.0);
    }
  }
  const double line = fast_ - slow_;
  if (bars_ == kSlowBars - 1) signal_ = line;
  if (bars_ >= kSlowBars) signal_ += 0.2 * (line - signal_);
  double& oldest = closes_[bars_ % kBandBars];
  sum_ += close - oldest;
  squares_ += close * close - oldest * oldest;
  oldest = close;
  const double mean = sum_ * (1.0 / 20.0);
  const double variance = squares_ * (1.0 / 20.0) - mean * mean;
  const double reach = 2.0 * std::sqrt(variance > 0 ? variance : 0);
  out = {ema_,           up_ + down_ > 0 ? 100.0 * up_ / (up_ + down_) : 50.0,
         line,           signal_,
         line - signal_, atr_,
         mean,           mean + reach,
         mean - reach,   bars_ >= kSlowBars + kSignalBars - 2 ? kAllFive : 0};
  close_before_ = close;
  ++bars_;
}

void plain_batch(std::span<const PriceBar<>> bars, std::span<Five> out, std::vector<double>& room) {
  const std::size_t n = bars.size();
  room.resize(4 * n);
  double* const close = room.data();
  double* const fast = close + n;
  double* const slow = fast + n;
  double* const range = slow + n;
  for (std::size_t i = 0; i < n; ++i) close[i] = static_cast<double>(bars[i].close);

  double e = close[0];
  for (std::size_t i = 0; i < n; ++i) out[i].ema = e += (close[i] - e) * (2.0 / 21.0);

  double up = 0;
  double down = 0;
  out[0].rsi = 50.0;
  for (std::size_t i = 1; i < n; ++i) {
    const double change = close[i] - close[i - 1];
    up += (std::max(change, 0.0) - up) / 14.0;
    down += (std::max(-change, 0.0) - down) / 14.0;
    out[i].rsi = up + down > 0 ? 100.0 * up / (up + down) : 50.0;
  }

  e = close[0];
  for (std::size_t i = 0; i < n; ++i) fast[i] = e += (close[i] - e) * (2.0 / 13.0);
  e = close[0];
  for (std::size_t i = 0; i < n; ++i) slow[i] = e += (close[i] - e) * (2.0 / 27.0);
  for (std::size_t i = 0; i < n; ++i) out[i].macd_line = fast[i] - slow[i];
  e = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (i == kSlowBars - 1) e = out[i].macd_line;
    if (i >= kSlowBars) e += (out[i].macd_line - e) * 0.2;
    out[i].macd_signal = e;
    out[i].macd_histogram = out[i].macd_line - e;
  }

  range[0] = static_cast<double>(bars[0].high - bars[0].low);
  for (std::size_t i = 1; i < n; ++i) {
    range[i] = std::max(static_cast<double>(bars[i].high), close[i - 1]) -
               std::min(static_cast<double>(bars[i].low), close[i - 1]);
  }
  double average = 0;
  for (std::size_t i = 0; i < n; ++i) {
    average += i < kAtrBars ? range[i] / 14.0 : (range[i] - average) / 14.0;
    out[i].atr = average;
  }

  double sum = 0;
  double squares = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double leaving = i < kBandBars ? 0.0 : close[i - kBandBars];
    sum += close[i] - leaving;
    squares += close[i] * close[i] - leaving * leaving;
    const double mean = sum / 20.0;
    const double reach = 2.0 * std::sqrt(std::max(squares / 20.0 - mean * mean, 0.0));
    out[i].band_middle = mean;
    out[i].band_upper = mean + reach;
    out[i].band_lower = mean - reach;
  }
  for (std::size_t i = 0; i < n; ++i) out[i].defined = i >= kSlowBars + kSignalBars - 2 ? kAllFive : 0;
}

Five naive_five(std::span<const PriceBar<>> bars, std::vector<Five>& rows, std::vector<double>& room) {
  rows.resize(bars.size());
  plain_batch(bars, rows, room);
  Five five = rows.back();
  // The bands from the last 20 closes alone, as their definition has it.
  double mean = 0;
  for (const PriceBar<>& bar : bars.last(kBandBars)) mean += static_cast<double>(bar.close) / 20.0;
  double variance = 0;
  for (const PriceBar<>& bar : bars.last(kBandBars)) {
    const double distance = static_cast<double>(bar.close) - mean;
    variance += distance * distance / 20.0;
  }
  const double reach = 2.0 * std::sqrt(variance);
  five.band_middle = mean;
  five.band_upper = mean + reach;
  five.band_lower = mean - reach;
  return five;
}

bool agrees(const Five& ours, const Five& theirs) {
  constexpr double kPrice = 2e9 * 1e-7;  // prices are twice the price in e9
  const auto near = [](double a, double b, double absolute) {
    return std::abs(a - b) <= 1e-6 * std::abs(b) + absolute;
  };
  return near(ours.ema, theirs.ema, kPrice) && near(ours.rsi, theirs.rsi, 1e-7) &&
         near(ours.macd_line, theirs.macd_line, kPrice) && near(ours.macd_signal, theirs.macd_signal, kPrice) &&
         near(ours.macd_histogram, theirs.macd_histogram, kPrice) && near(ours.atr, theirs.atr, kPrice) &&
         near(ours.band_middle, theirs.band_middle, kPrice) && near(ours.band_upper, theirs.band_upper, kPrice) &&
         near(ours.band_lower, theirs.band_lower, kPrice);
}

std::uint64_t agreeing_rows(std::span<const Five> ours, std::span<const Five> theirs) {
  std::uint64_t agreeing = 0;
  for (std::size_t i = 0; i < std::min(ours.size(), theirs.size()); ++i) {
    const bool is_warm = ours[i].defined == kAllFive;
    agreeing += is_warm == (theirs[i].defined == kAllFive) && (!is_warm || agrees(ours[i], theirs[i]));
  }
  return agreeing;
}

std::uint64_t same_rows(std::span<const Five> ours, std::span<const Five> theirs) {
  using Words = std::array<std::uint64_t, sizeof(Five) / sizeof(std::uint64_t)>;
  std::uint64_t same = 0;
  for (std::size_t i = 0; i < std::min(ours.size(), theirs.size()); ++i) {
    same += std::bit_cast<Words>(ours[i]) == std::bit_cast<Words>(theirs[i]);
  }
  return same;
}

}  // namespace thintail::bench
