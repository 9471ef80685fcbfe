// SPDX-License-Identifier: Apache-2.0
// cross_rank_10258: the ranks of one number over 10,258 instruments, ties by their mean. Peer: std::sort of values with
// their places, ranks from it, the same bits. hayashi_yoshida_tick: the correlation of two brokers' EURUSD over the tick
// intervals of a window, at every tick. Peer: the same sums anew over the window's ticks, the same integers.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <memory>
#include <random>

#include "adapters/feeds/file_feed.hpp"
#include "bench/features/suite.hpp"
#include "bench/harness/market_data.hpp"
#include "bench/harness/pinned.hpp"
#include "bench/harness/stopwatch.hpp"
#include "ml/cross/cross_section.hpp"
#include "ml/cross/hayashi_yoshida.hpp"

namespace thintail::bench {
namespace {

constexpr std::size_t kInstruments = 10'258;
constexpr std::size_t kColumns = 64;
constexpr std::uint64_t kRankSamples = 1'000;
constexpr const char* kSort = "std::sort of (value, place)";

// Moves in bp of instruments whose volatilities differ, as f32: every column another second. One in a hundred has none.
std::vector<std::vector<float>> make_columns() {
  std::mt19937_64 random(20140502);
  std::vector<double> volatilities(kInstruments);
  std::vector<double> logs(kInstruments);
  for (double& one : volatilities) one = std::exp(std::normal_distribution<double>(0.0, 1.0)(random));
  std::vector<std::vector<float>> columns(kColumns, std::vector<float>(kInstruments));
  for (auto& column : columns) {
    for (std::size_t i = 0; i < kInstruments; ++i) {
      logs[i] = 0.9 * logs[i] + volatilities[i] * std::normal_distribution<double>()(random);
      column[i] = i % 100 == 99 ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(logs[i]);
    }
  }
  return columns;
}

class SortedRanks {
 public:
  TT_HOT void rank(std::span<const float> values, std::span<float> out) noexcept {
    std::size_t n = 0;
    for (std::uint32_t i = 0; i < values.size(); ++i) {
      out[i] = std::numeric_limits<float>::quiet_NaN();
      if (!std::isnan(values[i])) entries_[n++] = {values[i], i};
    }
    std::sort(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(n),
              [](const Entry& a, const Entry& b) { return a.value < b.value; });
    const double half_share = 0.5 / static_cast<double>(n);
    for (std::size_t begin = 0, end = 0; begin < n; begin = end) {
      while (end < n && entries_[end].value == entries_[begin].value) ++end;
      const auto rank = static_cast<float>(static_cast<double>(begin + end) * half_share);
      for (std::size_t i = begin; i < end; ++i) out[entries_[i].place] = rank;
    }
  }

 private:
  struct Entry {
    float value;
    std::uint32_t place;
  };
  std::vector<Entry> entries_ = std::vector<Entry>(kInstruments);
};

std::uint64_t same_bits(std::span<const float> a, std::span<const float> b) {
  std::uint64_t same = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    same += std::bit_cast<std::uint32_t>(a[i]) == std::bit_cast<std::uint32_t>(b[i]);
  return same;
}

using cross::HayashiYoshida;
using cross::Leg;

constexpr std::int64_t kWindowNs = 60'000'000'000;
constexpr std::uint64_t kTicksPerSample = 1'000;
constexpr int kTickRepetitions = 5;
constexpr const char* kAnew = "the window's sums anew";

// A tick of the first (0) or the second instrument.
struct TwoTick {
  std::uint32_t leg;
  std::int64_t time_ns;
  std::int64_t price;  // half points
};

struct TwoWork {
  std::vector<TwoTick> ticks;
  std::string source_text;
};

// As CrossBank times them: ticks of one instrument lie apart, and none lies before another.
class TickTimes {
 public:
  std::int64_t next(std::uint32_t leg, std::int64_t time_ns) {
    std::int64_t next_ns = std::max(time_ns, last_ns_);
    if (next_ns == leg_ns_[leg]) ++next_ns;
    leg_ns_[leg] = last_ns_ = next_ns;
    return next_ns;
  }

 private:
  std::int64_t last_ns_ = std::numeric_limits<std::int64_t>::min();
  std::int64_t leg_ns_[2] = {last_ns_, last_ns_};
};

Result<TwoWork> make_two_work() {
  namespace fs = std::filesystem;
  TwoWork work;
  TickTimes times;
  const fs::path folder = data_folder() / "ticks";
  const fs::path oanda = folder / "oanda_eurusd_tick_20140506.csv.zst";
  const fs::path fxcm = folder / "fxcm_eurusd_tick_20140506.csv.zst";
  if (fs::exists(oanda) && fs::exists(fxcm)) {
    InstrumentTable instruments;
    TT_TRY(FileFeed feed, FileFeed::open({oanda.string(), fxcm.string()}, {}, instruments));
    for (Event event; feed.poll(event);) {
      const auto tick = event.as<Tick>();
      const std::int64_t price = (tick.bid_e9 + tick.ask_e9) / instruments[event.instrument].tick_size_e9;
      work.ticks.push_back({event.instrument, times.next(event.instrument, event.time_ns), price});
    }
    if (feed.error()) return fail(*feed.error());
    work.source_text = "real ticks: EURUSD of OANDA and FXCM, 2014-05-06";
    return work;
  }
  std::mt19937_64 random(20140506);
  std::int64_t time_ns = 0;
  std::int64_t walk = 240'000;
  for (int i = 0; i < 150'000; ++i) {
    time_ns += 1'000'000 * static_cast<std::int64_t>(std::exponential_distribution<double>(1.0 / 580)(random));
    walk += static_cast<std::int64_t>(random() % 7) - 3;
    const auto leg = static_cast<std::uint32_t>(random() % 3 == 0);
    work.ticks.push_back({leg, times.next(leg, time_ns), walk + static_cast<std::int64_t>(random() % 5)});
  }
  work.source_text = "SIMULATED ticks: two noisy views of one walk";
  return work;
}

struct Sums {
  i128 covariance, square_x, square_y;
  friend bool operator==(const Sums&, const Sums&) = default;
};

class Streaming {
 public:
  TT_HOT Sums add(const TwoTick& tick) noexcept {
    legs_[tick.leg]->push(tick.time_ns, tick.price);
    sum_.advance({*legs_[0], 0}, {*legs_[1], 0}, tick.time_ns, kWindowNs);
    return {sum_.covariance(), sum_.square_x(), sum_.square_y()};
  }

 private:
  std::unique_ptr<Leg> legs_[2] = {std::make_unique<Leg>(), std::make_unique<Leg>()};
  HayashiYoshida sum_;
};

// Keeps both windows' ticks and goes over them once a tick, both sides in step.
class Anew {
 public:
  TT_HOT Sums add(const TwoTick& tick) noexcept {
    std::vector<TwoTick>& own = legs_[tick.leg];
    own.push_back(tick);
    for (std::size_t leg = 0; leg < 2; ++leg) {
      const std::vector<TwoTick>& all = legs_[leg];
      while (first_[leg] + 1 < all.size() && all[first_[leg]].time_ns < tick.time_ns - kWindowNs) ++first_[leg];
    }
    const std::span x = std::span<const TwoTick>(legs_[0]).subspan(first_[0]);
    const std::span y = std::span<const TwoTick>(legs_[1]).subspan(first_[1]);
    Sums sums{};
    std::size_t j = 1;
    for (std::size_t i = 1; i < x.size(); ++i) {
      const std::int64_t move = x[i].price - x[i - 1].price;
      sums.square_x += static_cast<i128>(move) * move;
      while (j < y.size() && y[j].time_ns <= x[i - 1].time_ns) ++j;
      std::size_t end = j;
      while (end < y.size() && y[end - 1].time_ns < x[i].time_ns) ++end;
      if (end > j) sums.covariance += static_cast<i128>(move) * (y[end - 1].price - y[j - 1].price);
    }
    for (std::size_t i = 1; i < y.size(); ++i) {
      const std::int64_t move = y[i].price - y[i - 1].price;
      sums.square_y += static_cast<i128>(move) * move;
    }
    return sums;
  }

 private:
  std::vector<TwoTick> legs_[2];
  std::size_t first_[2] = {0, 0};
};

// Means over kTicksPerSample consecutive ticks.
template <class Any>
void time_ticks(std::span<const TwoTick> ticks, const EngineClock& clock, std::vector<double>& samples_ns) {
  Any any;
  for (std::size_t at = 0; at + kTicksPerSample <= ticks.size(); at += kTicksPerSample) {
    const std::uint64_t begin = stamp();
    for (std::size_t i = at; i < at + kTicksPerSample; ++i) keep(any.add(ticks[i]).covariance);
    samples_ns.push_back(static_cast<double>(clock.to_ns(stamp() - begin)) / kTicksPerSample);
  }
}

}  // namespace

Result<std::vector<CaseResult>> cross_rank(const Options& options) {
  TT_TRY(const EngineClock clock, EngineClock::calibrate());
  const auto columns = make_columns();
  cross::CrossSection section(kInstruments);
  SortedRanks sorted;
  std::vector<float> ours(kInstruments);
  std::vector<float> theirs(kInstruments);
  std::uint64_t same = 0;
  for (const auto& column : columns) {
    section.rank(column, ours);
    sorted.rank(column, theirs);
    if (options.mutant) ours[7] += 0.5F;
    same += same_bits(ours, theirs);
  }
  TT_TRY(std::string checked, all_equal(same, kColumns * kInstruments, "ranks with those of sorting"));

  const Pinned pinned(allowed_cpus().back());
  std::vector<double> ours_us;
  std::vector<double> sort_us;
  const auto timed_us = [&](auto& ranker, std::uint64_t sample, std::vector<float>& out) {
    const std::uint64_t begin = stamp();
    ranker.rank(columns[sample % kColumns], out);
    keep(out.data());
    return static_cast<double>(clock.to_ns(stamp() - begin)) / 1e3;
  };
  for (std::uint64_t sample = 0; sample < options.iterations_or(kRankSamples); ++sample) {
    ours_us.push_back(timed_us(section, sample, ours));
    if (!options.ours_alone) sort_us.push_back(timed_us(sorted, sample, theirs));
  }
  CaseResult result{.name = "cross_rank_10258",
                    .unit = "us",
                    .ours = stats_of(ours_us),
                    .target = "well below std::sort",
                    .note = fmt::format("{} instruments, one in a hundred without a value; {} columns in turn",
                                        kInstruments, kColumns)};
  if (options.ours_alone) {
    result.add_left_out(kSort);
  } else {
    result.add_peer(kSort, stats_of(sort_us), std::move(checked));
  }
  std::vector<CaseResult> results;
  results.push_back(std::move(result));
  return results;
}

Result<std::vector<CaseResult>> hayashi_yoshida_tick(const Options& options) {
  TT_TRY(const EngineClock clock, EngineClock::calibrate());
  TT_TRY(TwoWork work, make_two_work());
  if (work.ticks.size() > options.iterations_or(SIZE_MAX)) {
    work.ticks.resize(std::max<std::size_t>(options.iterations, kTicksPerSample));
  }
  std::uint64_t same = 0;
  {
    Streaming streaming;
    Anew anew;
    for (const TwoTick& tick : work.ticks) {
      Sums ours = streaming.add(tick);
      if (options.mutant) ours.covariance += 1;
      same += ours == anew.add(tick);
    }
  }
  TT_TRY(std::string checked, all_equal(same, work.ticks.size(), "ticks whose three sums are the window's"));

  const Pinned pinned(allowed_cpus().back());
  std::vector<double> ours_ns;
  std::vector<double> anew_ns;
  for (int repetition = 0; repetition < options.repetitions(kTickRepetitions); ++repetition) {
    time_ticks<Streaming>(work.ticks, clock, ours_ns);
    if (!options.ours_alone) time_ticks<Anew>(work.ticks, clock, anew_ns);
  }
  CaseResult result{.name = "hayashi_yoshida_tick",
                    .unit = "ns",
                    .ours = stats_of(ours_ns),
                    .target = "the same for any window",
                    .note = fmt::format("{}; window {} s; means of {} ticks", work.source_text,
                                        kWindowNs / 1'000'000'000, kTicksPerSample)};
  if (options.ours_alone) {
    result.add_left_out(kAnew);
  } else {
    result.add_peer(kAnew, stats_of(anew_ns), std::move(checked));
  }
  std::vector<CaseResult> results;
  results.push_back(std::move(result));
  return results;
}

}  // namespace thintail::bench
