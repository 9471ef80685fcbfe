// SPDX-License-Identifier: Apache-2.0
// table_read: the newest quote of one instrument after another, and a snapshot of 1,000 rows. Control: a mutex that
// processes share, locked for each row. Limit: copying the same bytes.
#include <fmt/format.h>
#include <pthread.h>

#include "bench/harness/pinned.hpp"
#include "bench/harness/stopwatch.hpp"
#include "bench/transport/shared_pages.hpp"
#include "bench/transport/suite.hpp"
#include "shm/tables/rows.hpp"
#include "shm/tables/table.hpp"

namespace thintail::bench {
namespace {

using shm::QuoteRow;

constexpr std::uint64_t kRows = 1000;
constexpr std::uint64_t kSamples = 2000;  // passes over all rows
constexpr const char* kMutex = "process-shared mutex and copy";

QuoteRow quote_of(std::uint64_t row) noexcept {
  const auto value = static_cast<std::int64_t>(row);
  return {static_cast<std::uint32_t>(row), 0, value * 3, value * 5, value * 7, value * 11, row};
}
bool same_row(const QuoteRow& a, const QuoteRow& b) noexcept { return std::memcmp(&a, &b, sizeof a) == 0; }

struct alignas(kCacheLineBytes) LockedRow {
  pthread_mutex_t mutex;
  QuoteRow row;
};

void initialise(LockedRow& row, std::uint64_t number) noexcept {
  pthread_mutexattr_t shared;
  pthread_mutexattr_init(&shared);
  pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
  pthread_mutex_init(&row.mutex, &shared);
  pthread_mutexattr_destroy(&shared);
  row.row = quote_of(number);
}

// One pass over all rows, `read(row, out)` each; ns.
template <class Read>
double timed_pass(std::vector<QuoteRow>& out, const EngineClock& clock, Read&& read) noexcept {
  const std::uint64_t begin = stamp();
  for (std::uint64_t row = 0; row < kRows; ++row) {
    read(row, out[row]);
    keep(&out[row]);  // its address: a row kept by value is copied once more, by loads that wait for its stores
  }
  return static_cast<double>(clock.to_ns(stamp() - begin));
}

std::uint64_t equal_rows(const std::vector<QuoteRow>& rows) noexcept {
  std::uint64_t equal = 0;
  for (std::uint64_t row = 0; row < kRows; ++row) equal += same_row(rows[row], quote_of(row));
  return equal;
}

}  // namespace

Result<std::vector<CaseResult>> table_read(const Options& options) {
  TT_TRY(const EngineClock clock, EngineClock::calibrate());
  constexpr std::size_t kTableBytes = shm::Table<QuoteRow>::bytes_for(kRows);
  TT_TRY(SharedPages table_pages, SharedPages::create(kTableBytes));
  TT_TRY(SharedPages locked_pages, SharedPages::create(kRows * sizeof(LockedRow)));
  auto* table = shm::Table<QuoteRow>::create(table_pages.zeroed(kTableBytes), kRows);
  auto* locked = reinterpret_cast<LockedRow*>(locked_pages.zeroed(kRows * sizeof(LockedRow)));
  std::vector<QuoteRow> plain(kRows);
  for (std::uint64_t row = 0; row < kRows; ++row) {
    plain[row] = quote_of(row);
    (*table)[row].store(plain[row]);
    initialise(locked[row], row);
  }
  const Pinned pinned(allowed_cpus().front());
  const std::uint64_t samples = options.iterations_or(kSamples);
  std::vector<double> loads_ns, snapshots_ns, locked_ns, plain_ns;
  std::vector<QuoteRow> loaded(kRows), snapshot(kRows), unlocked(kRows), copied(kRows);
  std::uint64_t unreadable = 0;
  for (std::uint64_t sample = 0; sample < samples; ++sample) {
    loads_ns.push_back(
        timed_pass(loaded, clock,
                   [&](std::uint64_t row, QuoteRow& out) { unreadable += !(*table)[row].try_load(out); }) /
        kRows);
    const std::uint64_t begin = stamp();
    unreadable += table->snapshot(snapshot);
    snapshots_ns.push_back(static_cast<double>(clock.to_ns(stamp() - begin)));
    if (options.ours_alone) continue;
    locked_ns.push_back(timed_pass(unlocked, clock, [&](std::uint64_t row, QuoteRow& out) {
      pthread_mutex_lock(&locked[row].mutex);
      out = locked[row].row;
      pthread_mutex_unlock(&locked[row].mutex);
    }));
    plain_ns.push_back(timed_pass(copied, clock, [&](std::uint64_t row, QuoteRow& out) { out = plain[row]; }));
  }
  CaseResult one{.name = "table_read",
                 .unit = "ns",
                 .ours = stats_of(loads_ns),
                 .target = "stated beside a plain copy",
                 .note = fmt::format("rows of {} bytes; means of a pass over {} rows; the writer is idle",
                                     sizeof(QuoteRow), kRows)};
  CaseResult all{.name = "table_read_snapshot",
                 .unit = "ns",
                 .ours = stats_of(snapshots_ns),
                 .target = "stated beside a plain copy",
                 .note = fmt::format("{} rows of {} bytes; the writer is idle", kRows, sizeof(QuoteRow))};
  if (options.ours_alone) {
    one.add_left_out(kMutex);
    all.add_left_out(kMutex);
  } else {
    const std::uint64_t spoilt = unreadable + (options.mutant ? 1 : 0);
    const std::uint64_t ours = std::min(equal_rows(loaded), equal_rows(snapshot));
    TT_TRY(std::string checked, all_equal(ours - std::min(ours, spoilt) + equal_rows(unlocked) + equal_rows(copied),
                                          3 * kRows, "rows read"));
    const Stats locked_all = stats_of(locked_ns);
    const Stats plain_all = stats_of(plain_ns);
    const auto per_row = [](Stats stats) {
      for (double* value : {&stats.p50, &stats.p99, &stats.p999, &stats.mean}) *value /= kRows;
      return stats;
    };
    one.add_peer(kMutex, per_row(locked_all), checked);
    one.set_limit("plain copy", per_row(plain_all).p50);
    all.add_peer(kMutex, locked_all, std::move(checked));
    all.set_limit("plain copy", plain_all.p50);
  }
  for (std::uint64_t row = 0; row < kRows; ++row) pthread_mutex_destroy(&locked[row].mutex);
  std::vector<CaseResult> results;
  results.push_back(std::move(one));
  results.push_back(std::move(all));
  return results;
}

}  // namespace thintail::bench
