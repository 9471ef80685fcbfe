// SPDX-License-Identifier: Apache-2.0
#include "core/histogram/histogram.hpp"

namespace thintail {

HistogramSnapshot Histogram::snapshot() const noexcept {
  HistogramSnapshot out;
  // relaxed throughout: each word is right by itself, and none says anything about another
  for (std::size_t i = 0; i < kHistogramBuckets; ++i) {
    out.counts[i] = counts_[i].load(std::memory_order_relaxed);
    out.count += out.counts[i];
  }
  out.total_ns = total_ns_.load(std::memory_order_relaxed);
  out.max_ns = max_ns_.load(std::memory_order_relaxed);
  return out;
}

std::uint64_t HistogramSnapshot::percentile_ns(double percent) const noexcept {
  if (count == 0) return 0;
  const double exact = static_cast<double>(count) * std::clamp(percent, 0.0, 100.0) / 100.0;
  auto rank = static_cast<std::uint64_t>(exact);
  if (static_cast<double>(rank) < exact || rank == 0) ++rank;
  std::uint64_t seen = 0;
  for (std::uint32_t bucket = 0; bucket < kHistogramBuckets; ++bucket) {
    seen += counts[bucket];
    // The last bucket has no upper end, and no other can end above the largest value.
    if (seen >= rank) {
      return bucket + 1 == kHistogramBuckets ? max_ns : std::min(histogram_bucket_high(bucket), max_ns);
    }
  }
  return max_ns;
}

void HistogramSnapshot::merge(const HistogramSnapshot& other) noexcept {
  for (std::size_t i = 0; i < kHistogramBuckets; ++i) counts[i] += other.counts[i];
  count += other.count;
  total_ns += other.total_ns;
  max_ns = std::max(max_ns, other.max_ns);
}

HistogramSnapshot HistogramSnapshot::since(const HistogramSnapshot& earlier) const noexcept {
  HistogramSnapshot out;
  for (std::uint32_t bucket = 0; bucket < kHistogramBuckets; ++bucket) {
    out.counts[bucket] = counts[bucket] - earlier.counts[bucket];
    out.count += out.counts[bucket];
    if (out.counts[bucket] == 0) continue;
    out.max_ns = bucket + 1 == kHistogramBuckets ? max_ns : std::min(histogram_bucket_high(bucket), max_ns);
  }
  out.total_ns = total_ns - earlier.total_ns;
  return out;
}

}  // namespace thintail
