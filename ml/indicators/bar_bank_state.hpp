// SPDX-License-Identifier: Apache-2.0
// What lies in an instrument's block of a BarBank beside the indicators themselves: its head, rings of past values, and
// what is made of other indicators.
//   path       warm
//   invariant  trivially copyable; all bits 0 is the state before the first bar.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <new>
#include <span>

#include "ml/features/feature_family.hpp"
#include "ml/indicators/averages.hpp"
#include "ml/indicators/bar_families.hpp"

namespace thintail::indicators {

// In front of the levels.
struct alignas(64) BankHeader {
  LaneMask defined;
  i128 origin[3];  // twice the first close, by QuoteSide
  bool is_started;
};

struct SeriesHead {
  std::uint32_t newest;  // slot
  std::uint32_t bars;  // values since the start, or since one was missing
};

struct Extremes {
  std::int64_t high;
  std::int64_t low;
};

struct VolumeWindow {
  MeanWindow<> net;
  MeanWindow<> all;
};

// A percentage, and its mean over the last bars: %K smoothed, and that smoothed again, %D.
struct PercentMean {
  double value;
  std::array<double, kSmoothingBarsMax> last;
  std::uint32_t bars_seen;

  // The sum is taken anew each time, oldest value first, so it cannot drift.
  void add(double percent, std::uint32_t bars) noexcept {
    const std::uint32_t newest = bars_seen % kSmoothingBarsMax;
    last[newest] = percent;
    double sum = 0.0;
    for (std::uint32_t i = bars; i-- > 0;) sum += last[(newest - i) % kSmoothingBarsMax];
    value = sum / static_cast<double>(bars);
    ++bars_seen;
  }
};

template <class T>
T& at(std::byte* state, std::uint32_t offset) noexcept {
  return *std::launder(reinterpret_cast<T*>(state + offset));
}
template <class T>
const T& at(const std::byte* state, std::uint32_t offset) noexcept {
  return *std::launder(reinterpret_cast<const T*>(state + offset));
}

// A ring of a block: `back(0)` is the newest value.
class SeriesView {
 public:
  SeriesView(const std::byte* state, std::uint32_t offset, std::uint32_t slots) noexcept
      : head_(at<SeriesHead>(state, offset)),
        values_(&at<std::int64_t>(state, offset + std::uint32_t{sizeof(SeriesHead)})),
        slots_(slots) {}

  std::uint32_t bars() const noexcept { return head_.bars; }
  std::int64_t back(std::uint32_t bars) const noexcept {
    return values_[head_.newest >= bars ? head_.newest - bars : head_.newest + slots_ - bars];
  }
  // The last `bars` values as two stretches of memory.
  std::span<const std::int64_t> recent(std::uint32_t bars) const noexcept {
    const std::uint32_t here = std::min(bars, head_.newest + 1);
    return {values_ + (head_.newest + 1 - here), here};
  }
  std::span<const std::int64_t> wrapped(std::uint32_t bars) const noexcept {
    const std::uint32_t there = bars - std::min(bars, head_.newest + 1);
    return {values_ + (slots_ - there), there};
  }

 private:
  const SeriesHead& head_;
  const std::int64_t* values_;
  std::uint32_t slots_;
};

inline void push(std::byte* state, std::uint32_t offset, std::uint32_t slots, std::int64_t value) noexcept {
  auto& head = at<SeriesHead>(state, offset);
  head.newest = head.newest + 1 < slots ? head.newest + 1 : 0;
  (&at<std::int64_t>(state, offset + std::uint32_t{sizeof(SeriesHead)}))[head.newest] = value;
  count(head.bars);
}

}  // namespace thintail::indicators
