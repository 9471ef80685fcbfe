// SPDX-License-Identifier: Apache-2.0
// five_indicators_stream: one series bar by bar. Peers: the same updated with doubles and running sums by code that
// shares nothing with ours; and everything anew from the last bars at every bar, as programs do that call a batch library.
#include <fmt/format.h>

#include "bench/features/five_work.hpp"
#include "bench/features/suite.hpp"
#include "bench/harness/pinned.hpp"
#include "bench/harness/stopwatch.hpp"

namespace thintail::bench {
namespace {

constexpr int kRepetitions = 15;
constexpr std::size_t kNaiveRows = 500;  // of microseconds each
constexpr const char* kPlain = "plain scalar incremental loop";
constexpr const char* kNaive = "all anew from the last 300 bars";
constexpr const char* kTaLib = "ta-lib";
constexpr const char* kTaLibAbsent =
    "neither in Debian 12 nor in the dependency list; FIGURES.md has 37.6 ns a bar for ta-lib-rt elsewhere";

template <class Indicators>
void run(std::span<const PriceBar<>> bars, std::span<Five> out) noexcept {
  Indicators indicators;
  for (std::size_t i = 0; i < bars.size(); ++i) indicators.add(bars[i], out[i]);
}

// Means over kBarsPerSample bars, whose rows are written over and over: a year of them would be what is measured.
template <class Indicators>
TT_HOT void measure(std::span<const PriceBar<>> bars, const EngineClock& clock, std::vector<Five>& rows,
                    std::vector<double>& samples_ns) {
  Indicators indicators;
  for (std::size_t at = 0; at + kBarsPerSample <= bars.size(); at += kBarsPerSample) {
    const std::uint64_t begin = stamp();
    for (std::size_t i = 0; i < kBarsPerSample; ++i) indicators.add(bars[at + i], rows[i]);
    keep(rows.data());
    samples_ns.push_back(static_cast<double>(clock.to_ns(stamp() - begin)) / kBarsPerSample);
  }
}

}  // namespace

Result<std::vector<CaseResult>> five_indicators_stream(const Options& options) {
  TT_TRY(const EngineClock clock, EngineClock::calibrate());
  TT_TRY(const FiveWork work, make_five_work(options.iterations_or(SIZE_MAX)));
  const std::span<const PriceBar<>> bars = work.series[0];
  const Pinned pinned(allowed_cpus().back());

  std::vector<Five> ours(bars.size());
  std::vector<Five> plain(bars.size());
  run<FiveIndicators<>>(bars, ours);
  run<PlainFive>(bars, plain);
  if (options.mutant) ours[bars.size() - 1].macd_signal += 1e3;
  std::vector<Five> naive;
  std::vector<Five> room_rows;
  std::vector<double> room;
  const std::size_t naive_rows = std::min(kNaiveRows, bars.size() - kNaiveBars + 1);
  const auto naive_bars = [&](std::size_t i) { return bars.subspan(bars.size() - kNaiveBars - i, kNaiveBars); };
  std::uint64_t naive_equal = 0;
  for (std::size_t i = 0; i < naive_rows; ++i) {
    naive_equal += agrees(ours[bars.size() - 1 - i], naive_five(naive_bars(i), room_rows, room));
  }

  std::vector<double> ours_ns;
  std::vector<double> plain_ns;
  std::vector<double> naive_ns;
  std::vector<Five> rows(kBarsPerSample);
  for (int repetition = 0; repetition < options.repetitions(kRepetitions); ++repetition) {
    measure<FiveIndicators<>>(bars, clock, rows, ours_ns);
    if (options.ours_alone) continue;
    measure<PlainFive>(bars, clock, rows, plain_ns);
    for (std::size_t i = 0; i < naive_rows; ++i) {
      const std::uint64_t begin = stamp();
      keep(naive_five(naive_bars(i), room_rows, room));
      naive_ns.push_back(static_cast<double>(clock.to_ns(stamp() - begin)));
    }
  }
  CaseResult result{
      .name = "five_indicators_stream",
      .unit = "ns",
      .ours = stats_of(ours_ns),
      .target = "<= 12",
      .note = fmt::format("means of {} bars; peers compared to a millionth; {}", kBarsPerSample, work.source_text)};
  if (options.ours_alone) {
    for (const char* peer : {kPlain, kNaive}) result.add_left_out(peer);
  } else {
    TT_TRY(std::string plain_checked, all_equal(agreeing_rows(ours, plain), bars.size(), "rows with the plain loop's"));
    TT_TRY(std::string naive_checked, all_equal(naive_equal, naive_rows, "rows with those made anew"));
    result.add_peer(kPlain, stats_of(plain_ns), std::move(plain_checked));
    result.add_peer(kNaive, stats_of(naive_ns), std::move(naive_checked));
  }
  result.add_absent(kTaLib, kTaLibAbsent);
  return std::vector<CaseResult>{std::move(result)};
}

}  // namespace thintail::bench
