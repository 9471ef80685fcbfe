// SPDX-License-Identifier: Apache-2.0
#include "bench/features/tick_work.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "adapters/feeds/tick_source.hpp"
#include "bench/harness/market_data.hpp"
#include "core/thread/float_mode.hpp"

namespace thintail::bench {
namespace {

// Of the first day, so that windows, decays of a quarter of an hour and the minutes' indicators are warm.
constexpr std::int64_t kWarmUpNs = 3LL * 3'600 * 1'000'000'000;

std::vector<std::string> gold_days() {
  std::vector<std::string> files;
  const std::filesystem::path folder = data_folder();
  for (const char* day : {"01", "02"}) {
    const std::filesystem::path file = folder / "ticks" / fmt::format("oanda_xauusd_tick_201405{}.csv.zst", day);
    std::error_code fault;
    if (!folder.empty() && std::filesystem::exists(file, fault)) files.push_back(file.string());
  }
  return files;
}

}  // namespace

Result<TickWork> make_tick_work(const Options& options, std::size_t ticks_max, WarmUp needs) {
  set_float_mode();  // the libraries linked here may have changed it
  TickWork work;
  TT_TRY(work.clock, EngineClock::calibrate());
  TT_TRY(work.set, FeatureSet::find("scalper-64"));
  TickSourceOptions source_options;
  source_options.files = options.ticks.empty() ? gold_days() : options.ticks;
  work.files = source_options.files;
  work.source_text = (work.files.empty() ? "SIMULATED ticks: " : "real ticks: ") + describe(source_options);
  TT_TRY(TickSource source, TickSource::open(source_options, work.instruments));
  EngineTime engine_time;
  Event event;
  while (work.ticks.size() < ticks_max && source.poll(event)) {
    if (event.type != EventType::tick || event.instrument != 0) continue;
    event.time_ns = engine_time.advance(event.time_ns, [](std::int64_t) {});
    work.ticks.push_back(event);
  }
  if (source.error()) return fail(*source.error());
  std::size_t& first = work.first_measured;
  while (first < work.ticks.size() && work.ticks[first].time_ns < work.ticks[0].time_ns + kWarmUpNs) ++first;
  if (work.ticks.size() < 2 || (needs == WarmUp::needed && first == work.ticks.size())) {
    return fail({.code = ErrorCode::no_ticks,
                 .doing = "reading ticks to measure with: " + describe(source_options),
                 .expected = "more than three hours of them, which warm the features up",
                 .found = fmt::format("{} ticks", work.ticks.size())});
  }
  return work;
}

std::size_t measured_ticks(const TickWork& work, std::uint64_t wanted) {
  return static_cast<std::size_t>(std::min<std::uint64_t>(wanted, work.ticks.size() - work.first_measured));
}

std::uint64_t equal_digests(std::vector<std::uint64_t> ours, const std::vector<std::uint64_t>& theirs, bool mutant) {
  if (mutant && !ours.empty()) ours[0] ^= 1;
  std::uint64_t equal = 0;
  for (std::size_t i = 0; i < std::min(ours.size(), theirs.size()); ++i) equal += ours[i] == theirs[i];
  return equal;
}

}  // namespace thintail::bench
