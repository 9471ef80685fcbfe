// SPDX-License-Identifier: Apache-2.0
// tick_64_bar_close: the tick at 17:00 New York, which closes bars of all seven periods before it is used. One sample a
// day. Peers: the same on the scalar kernel; and the tick a millisecond later, which closes none.
#include <fmt/format.h>

#include "bench/features/suite.hpp"
#include "bench/features/tick_work.hpp"
#include "bench/harness/pinned.hpp"

namespace thintail::bench {
namespace {

constexpr std::size_t kTicksMax = 50'000;
constexpr std::uint64_t kDays = 10'000;  // until 2017
constexpr std::size_t kWarmDays = 60;  // bars of each period before the first one measured
constexpr int kRepetitions = 3;
constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kFirstDayNs = 631'152'000 * kSecondNs;  // 1990-01-01
constexpr std::int64_t kDayNs = 86'400 * kSecondNs;
constexpr const char* kScalar = "the same on the scalar kernel";
constexpr const char* kPlain = "the next tick, which closes no bar";

struct Samples {
  std::vector<double> closing_ns;
  std::vector<double> plain_ns;
  std::vector<std::uint64_t> digests;
  std::uint64_t bars = 0;
};

// Prices are those of consecutive ticks. Each day has a tick in its last minute, one at its end and one just after.
Result<void> run_days(const TickWork& work, Isa isa, std::size_t days, Samples& out) {
  MarketState market(work.instruments, work.set, isa, work.instruments.size());
  market.enable(0);
  std::size_t next = 0;
  std::uint64_t closed = 0;
  const auto take = [&](std::int64_t time_ns) {
    auto tick = work.ticks[next++ % work.ticks.size()].as<Tick>();
    tick.venue_ns = time_ns;
    return market.on_tick(0, tick, time_ns, [&](InstrumentId, const ClosedBar&) { ++closed; });
  };
  const auto timed = [&](std::int64_t time_ns, std::vector<double>* samples_ns) {
    const std::uint64_t begin = stamp();
    const FeatureRow* const row = take(time_ns);
    const std::uint64_t end = stamp();
    if (samples_ns == nullptr) return;
    samples_ns->push_back(static_cast<double>(work.clock.to_ns(end - begin)));
    out.digests.push_back(market.features()->digest(*row));
  };
  for (std::size_t day = 0; day < kWarmDays + days; ++day) {
    const bool measured = day >= kWarmDays;
    const std::int64_t close_ns =
        period_end_ns(BarPeriod::d1, kFirstDayNs + static_cast<std::int64_t>(day) * kDayNs, Zone::new_york());
    take(close_ns - kSecondNs);
    closed = 0;
    timed(close_ns, measured ? &out.closing_ns : nullptr);
    if (closed != kBarPeriodCount) {
      return fail({.code = ErrorCode::check_mismatch,
                   .doing = "closing bars of all periods at once",
                   .expected = fmt::format("{} bars", kBarPeriodCount),
                   .found = fmt::format("{} on day {}", closed, day)});
    }
    timed(close_ns + kSecondNs / 1'000, measured ? &out.plain_ns : nullptr);
  }
  return {};
}

}  // namespace

Result<std::vector<CaseResult>> tick_64_bar_close(const Options& options) {
  TT_TRY(const TickWork work, make_tick_work(options, kTicksMax));
  const Pinned pinned(allowed_cpus().back());
  const std::size_t days = static_cast<std::size_t>(std::min(options.iterations_or(kDays), kDays));
  Samples ours;
  Samples scalar;
  std::string checked;
  for (int repetition = 0; repetition < options.repetitions(kRepetitions); ++repetition) {
    TT_TRY_VOID(run_days(work, options.isa, days, ours));
    if (options.ours_alone) continue;
    TT_TRY_VOID(run_days(work, Isa::scalar, days, scalar));
    TT_TRY(checked, all_equal(equal_digests(ours.digests, scalar.digests, options.mutant), ours.digests.size(),
                              "rows with the scalar kernel's"));
  }
  CaseResult result{
      .name = "tick_64_bar_close",
      .unit = "ns",
      .ours = stats_of(ours.closing_ns),
      .target = "p99 <= 5000",
      .note = fmt::format("M1 to D1 close at 17:00 New York, {} days; prices of {}", days, work.source_text)};
  if (options.ours_alone) {
    for (const char* peer : {kScalar, kPlain}) result.add_left_out(peer);
  } else {
    result.add_peer(kScalar, stats_of(scalar.closing_ns), checked);
    result.add_peer(kPlain, stats_of(ours.plain_ns), std::move(checked));
  }
  return std::vector<CaseResult>{std::move(result)};
}

}  // namespace thintail::bench
