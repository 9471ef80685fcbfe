// SPDX-License-Identifier: Apache-2.0
// five_indicators_batch: eight series at once, a lane each, by the templates that stream; every row must have the bits
// that streaming gives. Peers: a plain loop for each indicator, as batch libraries work; and our streaming of the eight
// series one after the other.
#include <fmt/format.h>

#include "bench/features/five_work.hpp"
#include "bench/features/suite.hpp"
#include "bench/harness/pinned.hpp"
#include "bench/harness/stopwatch.hpp"

namespace thintail::bench {
namespace {

using indicators::EightSeries;

constexpr int kRepetitions = 31;
constexpr std::size_t kChunk = 256;  // bars whose rows are kept: 150 KiB
constexpr const char* kPlain = "plain loops, indicator by indicator";
constexpr const char* kStream = "ours streaming, series by series";
constexpr const char* kTaLib = "ta-lib";
constexpr const char* kTaLibAbsent =
    "neither in Debian 12 nor in the dependency list; FIGURES.md has 31 M rows/s elsewhere, Tulip 77 M";

struct alignas(64) LaneBar {
  std::int64_t high[kSeries];
  std::int64_t low[kSeries];
  std::int64_t close[kSeries];
};
using LaneFive = FiveValues<EightSeries::Float>;

std::vector<LaneBar> transposed(const FiveWork& work) {
  std::vector<LaneBar> bars(work.series[0].size());
  for (std::size_t s = 0; s < kSeries; ++s) {
    for (std::size_t i = 0; i < bars.size(); ++i) {
      bars[i].high[s] = work.series[s][i].high;
      bars[i].low[s] = work.series[s][i].low;
      bars[i].close[s] = work.series[s][i].close;
    }
  }
  return bars;
}

// Calls `on_chunk(first bar, rows)` with at most kChunk rows at a time, in memory that is used over and over.
template <class OnChunk>
TT_HOT void run_batch(std::span<const LaneBar> bars, std::vector<LaneFive>& rows, OnChunk&& on_chunk) {
  using Integer = EightSeries::Integer;
  FiveIndicators<EightSeries> indicators;
  for (std::size_t at = 0; at < bars.size(); at += kChunk) {
    const std::size_t count = std::min(kChunk, bars.size() - at);
    for (std::size_t i = 0; i < count; ++i) {
      const LaneBar& bar = bars[at + i];
      indicators.add({Integer::load(bar.high), Integer::load(bar.low), Integer::load(bar.close)}, rows[i]);
    }
    on_chunk(at, std::span<const LaneFive>(rows).first(count));
  }
}

std::array<Five, kSeries> untransposed(const LaneFive& row) {
  std::array<Five, kSeries> out{};
  const auto spread = [&](const EightSeries::Float& column, double Five::* field) {
    alignas(64) double lanes[kSeries];
    column.store(lanes);
    for (std::size_t s = 0; s < kSeries; ++s) out[s].*field = lanes[s];
  };
  spread(row.ema, &Five::ema);
  spread(row.rsi, &Five::rsi);
  spread(row.macd_line, &Five::macd_line);
  spread(row.macd_signal, &Five::macd_signal);
  spread(row.macd_histogram, &Five::macd_histogram);
  spread(row.atr, &Five::atr);
  spread(row.band_middle, &Five::band_middle);
  spread(row.band_upper, &Five::band_upper);
  spread(row.band_lower, &Five::band_lower);
  for (Five& one : out) one.defined = row.defined;
  return out;
}

TT_HOT void run_stream(std::span<const PriceBar<>> bars, std::vector<Five>& rows) {
  FiveIndicators<> indicators;
  for (std::size_t at = 0; at < bars.size(); at += rows.size()) {
    const std::size_t count = std::min(rows.size(), bars.size() - at);
    for (std::size_t i = 0; i < count; ++i) indicators.add(bars[at + i], rows[i]);
    keep(rows.data());
  }
}

}  // namespace

Result<std::vector<CaseResult>> five_indicators_batch(const Options& options) {
  TT_TRY(const EngineClock clock, EngineClock::calibrate());
  TT_TRY(const FiveWork work, make_five_work(options.iterations_or(SIZE_MAX)));
  const std::vector<LaneBar> lane_bars = transposed(work);
  const std::size_t bars = lane_bars.size();
  const Pinned pinned(allowed_cpus().back());
  std::vector<LaneFive> lane_rows(kChunk);
  std::vector<double> room;

  std::vector<std::vector<Five>> ours(kSeries, std::vector<Five>(bars));
  run_batch(lane_bars, lane_rows, [&](std::size_t at, std::span<const LaneFive> rows) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto row = untransposed(rows[i]);
      for (std::size_t s = 0; s < kSeries; ++s) ours[s][at + i] = row[s];
    }
  });
  if (options.mutant) ours[0][bars - 1].rsi = 50.5;
  std::uint64_t same = 0;
  std::uint64_t agreeing = 0;
  std::vector<Five> theirs(bars);
  for (std::size_t s = 0; s < kSeries; ++s) {
    FiveIndicators<> indicators;
    for (std::size_t i = 0; i < bars; ++i) indicators.add(work.series[s][i], theirs[i]);
    same += same_rows(ours[s], theirs);
    plain_batch(work.series[s], theirs, room);
    agreeing += agreeing_rows(ours[s], theirs);
  }
  const std::size_t total = kSeries * bars;
  TT_TRY(std::string stream_checked, all_equal(same, total, "rows with those that streaming gives, bit for bit"));
  TT_TRY(std::string plain_checked, all_equal(agreeing, total, "rows with the plain loops'"));

  std::vector<double> ours_rate;
  std::vector<double> stream_rate;
  std::vector<double> plain_rate;
  const auto rate_of = [&](auto&& run) {
    const std::uint64_t begin = stamp();
    run();
    return static_cast<double>(total) / static_cast<double>(clock.to_ns(stamp() - begin)) * 1e9;
  };
  std::vector<Five> chunk(kChunk);
  for (int repetition = 0; repetition < options.repetitions(kRepetitions); ++repetition) {
    ours_rate.push_back(rate_of([&] { run_batch(lane_bars, lane_rows, [](auto, auto rows) { keep(rows.data()); }); }));
    if (options.ours_alone) continue;
    stream_rate.push_back(rate_of([&] {
      for (const auto& series : work.series) run_stream(series, chunk);
    }));
    // In chunks as well, each a series of its own: plain loops over a year would pay for memory that ours does not.
    plain_rate.push_back(rate_of([&] {
      for (const auto& series : work.series) {
        for (std::size_t at = 0; at < bars; at += kChunk) {
          const std::size_t count = std::min(kChunk, bars - at);
          plain_batch(std::span(series).subspan(at, count), std::span(chunk).first(count), room);
          keep(chunk.data());
        }
      }
    }));
  }
  CaseResult result{
      .name = "five_indicators_batch",
      .unit = "rows/s",
      .lower_is_better = false,
      .ours = stats_of(ours_rate, false),
      .target = ">= 100000000",
      .note = fmt::format(
          "one core, rows written in chunks of {} bars; plain loops compared to a millionth, streaming bit for bit; {}",
          kChunk, work.source_text)};
  if (options.ours_alone) {
    for (const char* peer : {kPlain, kStream}) result.add_left_out(peer);
  } else {
    result.add_peer(kPlain, stats_of(plain_rate, false), std::move(plain_checked));
    result.add_peer(kStream, stats_of(stream_rate, false), std::move(stream_checked));
  }
  result.add_absent(kTaLib, kTaLibAbsent);
  return std::vector<CaseResult>{std::move(result)};
}

}  // namespace thintail::bench
