// SPDX-License-Identifier: Apache-2.0
#include "perf/jitter/jitter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "core/time/engine_clock.hpp"

namespace thintail::perf {
namespace {

constexpr std::int64_t kMicrosecondNs = 1'000;
constexpr std::size_t kBarColumns = 50;

std::string duration_text(std::int64_t duration_ns) {
  const auto value = static_cast<double>(duration_ns);
  if (duration_ns < 1'000'000) return fmt::format("{:.1f} us", value / 1e3);
  return fmt::format("{:.1f} ms", value / 1e6);
}

}  // namespace

void JitterReport::count_gap(std::int64_t gap_ns) noexcept {
  if (gap_ns < kMicrosecondNs) return;
  lost_ns += gap_ns;
  gap_ns_max = std::max(gap_ns_max, gap_ns);
  ++gaps_1us;
  if (gap_ns >= 10 * kMicrosecondNs) ++gaps_10us;
  if (gap_ns >= 100 * kMicrosecondNs) ++gaps_100us;
  const auto whole_us = static_cast<std::uint64_t>(gap_ns / kMicrosecondNs);
  const auto bucket = static_cast<std::size_t>(std::bit_width(whole_us)) - 1;
  ++gaps[std::min(bucket, kBuckets - 1)];
}

Result<JitterReport> measure_jitter(std::chrono::milliseconds duration) {
  TT_TRY(const auto clock, EngineClock::calibrate());
  const auto limit_ns = std::chrono::nanoseconds(duration).count();
  JitterReport report;
  const auto start = read_tsc();
  auto before = start;
  while (report.measured_ns < limit_ns) {
    const auto now = read_tsc();
    report.count_gap(clock.to_ns(now - before));
    report.measured_ns = clock.to_ns(now - start);
    before = now;
  }
  return report;
}

std::string summary(const JitterReport& report) {
  return fmt::format("{:.0f} gaps/s over 1 us, {:.0f} over 10 us, {:.1f} over 100 us, longest {}",
                     report.per_second(report.gaps_1us), report.per_second(report.gaps_10us),
                     report.per_second(report.gaps_100us), duration_text(report.gap_ns_max));
}

std::string table(const JitterReport& report) {
  std::string out = fmt::format("{:>16}  {:>9}  {:>10}\n", "gap", "count", "per second");
  const auto most = std::max<std::uint64_t>(1, std::ranges::max(report.gaps));
  for (std::size_t i = 0; i < JitterReport::kBuckets; ++i) {
    if (report.gaps[i] == 0) continue;
    const bool is_last = i + 1 == JitterReport::kBuckets;
    const auto from = std::uint64_t{1} << i;
    const auto range = is_last ? fmt::format("{}+ us", from) : fmt::format("{}..{} us", from, 2 * from);
    const auto bar = std::max<std::uint64_t>(1, report.gaps[i] * kBarColumns / most);
    out += fmt::format("{:>16}  {:>9}  {:>10.1f}  {}\n", range, report.gaps[i], report.per_second(report.gaps[i]),
                       std::string(bar, '#'));
  }
  const auto lost = report.measured_ns > 0
                        ? 100.0 * static_cast<double>(report.lost_ns) / static_cast<double>(report.measured_ns)
                        : 0.0;
  out += fmt::format("{}; {:.2f} % of the time lost in {:.1f} s\n", summary(report), lost,
                     static_cast<double>(report.measured_ns) / 1e9);
  return out;
}

}  // namespace thintail::perf
