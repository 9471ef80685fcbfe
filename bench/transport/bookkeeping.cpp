// SPDX-License-Identifier: Apache-2.0
// bookkeeping: what a thread's health note and a labelled counter add to each event. Control: the same events without.
#include <fmt/format.h>

#include "bench/harness/pinned.hpp"
#include "bench/harness/stopwatch.hpp"
#include "bench/transport/messages.hpp"
#include "bench/transport/shared_pages.hpp"
#include "bench/transport/suite.hpp"
#include "shm/stream/stream_writer.hpp"
#include "shm/tables/health_note.hpp"

namespace thintail::bench {
namespace {

constexpr std::uint64_t kSlots = 1u << 13;
constexpr std::uint64_t kPerSample = 8192;
constexpr std::uint64_t kSamples = 1000;
constexpr const char* kWithout = "the same publishes without a note";

}  // namespace

Result<std::vector<CaseResult>> bookkeeping(const Options& options) {
  TT_TRY(const EngineClock clock, EngineClock::calibrate());
  TT_TRY(SharedPages pages, SharedPages::create(shm::Stream::bytes_for(kSlots)));
  TT_TRY(SharedPages table_pages, SharedPages::create(shm::Table<shm::HealthRow>::bytes_for(1)));
  auto* table = shm::Table<shm::HealthRow>::create(table_pages.zeroed(shm::Table<shm::HealthRow>::bytes_for(1)), 1);
  shm::Stream* stream = shm::Stream::create(pages.zeroed(shm::Stream::bytes_for(kSlots)), kSlots, 1);
  shm::StreamWriter writer(*stream);
  const Pinned pinned(allowed_cpus().front());
  shm::HealthNote note(*table, 0, "bench", -1, clock);
  shm::CounterRow counter("bench");
  const std::uint64_t samples = options.iterations_or(kSamples);
  std::vector<double> noted_ns, plain_ns, added_ns;
  const auto pass = [&](auto&& after) {
    const std::uint64_t begin = stamp();
    for (std::uint64_t i = 0; i < kPerSample; ++i) {
      Event event = message_of(i);
      writer.append(event);
      after();
    }
    return static_cast<double>(clock.to_ns(stamp() - begin)) / kPerSample;
  };
  for (std::uint64_t sample = 0; sample < samples; ++sample) {
    noted_ns.push_back(pass([&]() noexcept {
      note.turn(1);
      counter.add();
    }));
    if (options.ours_alone) continue;
    plain_ns.push_back(pass([]() noexcept {}));
    added_ns.push_back(noted_ns.back() - plain_ns.back());
  }
  note.end(shm::ThreadState::stopped);
  CaseResult result{.name = "bookkeeping", .unit = "ns", .ours = stats_of(noted_ns), .target = "< 1 more an event"};
  if (options.ours_alone) {
    result.add_left_out(kWithout);
    return std::vector<CaseResult>{std::move(result)};
  }
  shm::HealthRow row{};
  const std::uint64_t told = samples * kPerSample;
  const std::uint64_t missing = (*table)[0].try_load(row) ? 0 : 1;
  const std::uint64_t spoilt = missing + (options.mutant ? 1 : 0);
  TT_TRY(std::string checked, all_equal(std::min(row.work_count, counter.value()) - spoilt, told, "events counted"));
  result.add_peer(kWithout, stats_of(plain_ns), std::move(checked));
  result.note =
      fmt::format("events built, published, noted and counted; it adds {:.2f} ns an event (median of {} pairs)",
                  stats_of(added_ns).p50, samples);
  return std::vector<CaseResult>{std::move(result)};
}

}  // namespace thintail::bench
