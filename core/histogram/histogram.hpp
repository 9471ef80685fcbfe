// SPDX-License-Identifier: Apache-2.0
// Histogram: latencies in log-linear buckets, recorded in shared memory and read from any process.
//   path       hot (record), cold (snapshot)
//   threads    record(): the one writer. snapshot(): anyone; a read-only mapping is enough.
//   invariant  a value below 64 ns has a bucket of its own; above, 32 buckets divide each doubling, so that a
//              bucket's width is at most 1/32 of any value in it. Values of 2^40 ns (18 minutes) and more count in
//              the last one.
//   abi        v1: total, largest, then kHistogramBuckets counts, all u64.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>

#include "core/base/attributes.hpp"

namespace thintail {

inline constexpr unsigned kHistogramBitsMax = 40;
inline constexpr unsigned kHistogramSplitBits = 5;  // 2^5 = 32 buckets a doubling
inline constexpr std::uint64_t kHistogramValueMax = (std::uint64_t{1} << kHistogramBitsMax) - 1;

// Keeping the top six bits of a value: shift 0 covers [0, 64), every further shift the 32 buckets of one doubling.
TT_HOT constexpr std::uint32_t histogram_bucket(std::uint64_t value_ns) noexcept {
  const auto value = value_ns < kHistogramValueMax ? value_ns : kHistogramValueMax;
  const auto width = static_cast<unsigned>(std::bit_width(value | (1u << kHistogramSplitBits)));
  const unsigned shift = width - (kHistogramSplitBits + 1);
  return (shift << kHistogramSplitBits) + static_cast<std::uint32_t>(value >> shift);
}

inline constexpr std::size_t kHistogramBuckets = histogram_bucket(kHistogramValueMax) + 1;

// Smallest and largest value that count in a bucket.
constexpr std::uint64_t histogram_bucket_low(std::uint32_t bucket) noexcept {
  constexpr std::uint32_t kSplit = 1u << kHistogramSplitBits;
  if (bucket < 2 * kSplit) return bucket;
  const std::uint32_t shift = bucket / kSplit - 1;
  return static_cast<std::uint64_t>(bucket % kSplit + kSplit) << shift;
}
constexpr std::uint64_t histogram_bucket_high(std::uint32_t bucket) noexcept {
  return histogram_bucket_low(bucket + 1) - 1;
}

// A histogram's content at one moment, as a plain value.
struct HistogramSnapshot {
  std::array<std::uint64_t, kHistogramBuckets> counts{};
  std::uint64_t count = 0;
  std::uint64_t total_ns = 0;
  std::uint64_t max_ns = 0;  // exact

  double mean_ns() const noexcept {
    return count == 0 ? 0.0 : static_cast<double>(total_ns) / static_cast<double>(count);
  }
  // The value that `percent` of all recorded ones do not exceed, rounded up to its bucket's end: latencies are
  // overstated by at most 1/32 and never understated. 0 where nothing was recorded.
  std::uint64_t percentile_ns(double percent) const noexcept;
  void merge(const HistogramSnapshot& other) noexcept;
  // What was recorded after `earlier`, a snapshot of the same histogram. Its largest value is known only to its bucket.
  HistogramSnapshot since(const HistogramSnapshot& earlier) const noexcept;
};

class alignas(kCacheLinePairBytes) Histogram {
 public:
  TT_HOT void record(std::uint64_t value_ns) noexcept {
    add(counts_[histogram_bucket(value_ns)], 1);
    add(total_ns_, value_ns);
    // relaxed: only we write it, and readers need no order between a histogram's words
    if (value_ns > max_ns_.load(std::memory_order_relaxed)) {
      max_ns_.store(value_ns, std::memory_order_relaxed);  // relaxed: as above
    }
  }

  // Counts recorded meanwhile may be in or not; `count` always equals the sum of `counts`.
  HistogramSnapshot snapshot() const noexcept;

 private:
  // One writer, so load and store instead of a locked addition (4.5 ns); relaxed: see record().
  static void add(std::atomic<std::uint64_t>& word, std::uint64_t value) noexcept {
    word.store(word.load(std::memory_order_relaxed) + value, std::memory_order_relaxed);
  }

  static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "processes share no lock table");
  std::atomic<std::uint64_t> total_ns_{0};
  std::atomic<std::uint64_t> max_ns_{0};
  std::array<std::atomic<std::uint64_t>, kHistogramBuckets> counts_{};
};

static_assert(kHistogramBuckets == 1152);

}  // namespace thintail
