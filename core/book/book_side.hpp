// SPDX-License-Identifier: Apache-2.0
// BookSide: the best levels of one side of an order book, sorted, in one piece of memory.
//   path       hot
//   invariant  keys rise from the worst level to the best: a bid's key is its price, an ask's is minus its price, so that one
//              code serves both. At most kLevels are held; prices are above 0.
//   abi        none: a process's own
#pragma once

#include <immintrin.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "core/base/assert.hpp"
#include "core/base/attributes.hpp"

namespace thintail {

template <std::size_t kLevels>
class BookSide {
 public:
  static_assert(kLevels >= 4 && (kLevels & (kLevels - 1)) == 0, "a power of two");

  // What no level has: below every key, and its negative is a number too.
  static constexpr std::int64_t kNoKey = -std::numeric_limits<std::int64_t>::max();

  std::size_t size() const noexcept { return end_ - begin_; }
  // 0 is the best level. REQUIRES: i < size().
  std::int64_t key(std::size_t i) const noexcept { return keys_[end_ - 1 - i]; }
  float level_size(std::size_t i) const noexcept { return sizes_[end_ - 1 - i]; }
  std::int64_t best_key() const noexcept { return begin_ != end_ ? keys_[end_ - 1] : kNoKey; }

  void clear() noexcept { begin_ = end_ = kMiddle; }

  // Puts the level there, or takes it away where `size` is not above 0. Returns how many levels fell off the far end: the level
  // itself where it is worse than all of a full side, or the one that had to make room.
  TT_HOT unsigned set(std::int64_t key, float size) noexcept {
    const bool full = this->size() == kLevels;
    if (full && key < keys_[begin_]) return size > 0.0F ? 1 : 0;
    const std::uint32_t at = first_not_below(key);
    if (at != end_ && keys_[at] == key) {
      if (size > 0.0F) {
        sizes_[at] = size;
      } else {
        erase(at);
      }
      return 0;
    }
    if (!(size > 0.0F)) return 0;
    if (full) ++begin_;  // the worst; `at` is above it
    insert(at, key, size);
    return full ? 1 : 0;
  }

  void pop_best() noexcept { --end_; }

  // Whether the bytes of this object can be a side whose keys lie in [low, high]: of one that was read from a file they need not be.
  bool is_sound(std::int64_t low, std::int64_t high) const noexcept {
    if (begin_ > end_ || end_ > kSlots || size() > kLevels) return false;
    for (std::size_t i = 0; i < size(); ++i) {
      if (!(level_size(i) > 0.0F) || key(i) < low || key(i) > (i == 0 ? high : key(i - 1) - 1)) return false;
    }
    return true;
  }

 private:
  // Room at both ends, so that the shorter half can move whichever end it is at; used up, the levels move back to the middle, which
  // is one move in kSlack.
  static constexpr std::uint32_t kSlack = kLevels / 4;
  static constexpr std::uint32_t kSlots = kLevels + 2 * kSlack;
  static constexpr std::uint32_t kMiddle = kSlots / 2;
  static constexpr std::uint32_t kAtOnce = 16;

  // Without branches: which level changes next is the market's secret, and a wrong guess costs more than half the search. Halves down to
  // 16 keys, which are then compared at once.
  TT_ALWAYS_INLINE std::uint32_t first_not_below(std::int64_t key) const noexcept {
    const std::int64_t* at = keys_.data() + begin_;
    std::size_t left = size();
    while (left > kAtOnce) {
      const std::size_t half = left / 2;
      at += half & (std::size_t{0} - static_cast<std::size_t>(at[half - 1] < key));  // a mask: g++ makes a branch of ?:
      left -= half;
    }
    const __m256i wanted = _mm256_set1_epi64x(key);
    std::uint32_t below = 0;
    for (unsigned i = 0; i < kAtOnce; i += 4) {
      const __m256i four = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + i));
      const int mask = _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(wanted, four)));
      below |= static_cast<std::uint32_t>(mask) << i;
    }
    below &= (1U << left) - 1;  // what lies beyond is no level
    return static_cast<std::uint32_t>(at - keys_.data()) + static_cast<std::uint32_t>(std::popcount(below));
  }

  TT_ALWAYS_INLINE void move(std::uint32_t to, std::uint32_t from, std::uint32_t count) noexcept {
    std::memmove(keys_.data() + to, keys_.data() + from, count * sizeof(std::int64_t));
    std::memmove(sizes_.data() + to, sizes_.data() + from, count * sizeof(float));
  }

  void insert(std::uint32_t at, std::int64_t key, float size) noexcept {
    if (at - begin_ <= end_ - at) {
      if (begin_ == 0) [[unlikely]]
        at += recentre();
      move(begin_ - 1, begin_, at - begin_);
      --begin_;
      --at;
    } else {
      if (end_ == kSlots) [[unlikely]]
        at += recentre();
      move(at + 1, at, end_ - at);
      ++end_;
    }
    keys_[at] = key;
    sizes_[at] = size;
  }

  void erase(std::uint32_t at) noexcept {
    if (at - begin_ < end_ - at) {
      move(begin_ + 1, begin_, at - begin_);
      ++begin_;
    } else {
      move(at, at + 1, end_ - at - 1);
      --end_;
    }
  }

  // Returns by how much positions changed, modulo 2^32.
  [[gnu::noinline]] std::uint32_t recentre() noexcept {
    const auto count = static_cast<std::uint32_t>(size());
    const std::uint32_t to = (kSlots - count) / 2;
    const std::uint32_t shift = to - begin_;
    move(to, begin_, count);
    begin_ = to;
    end_ = to + count;
    return shift;
  }

  std::array<std::int64_t, kSlots + kAtOnce> keys_{};  // 16 can be loaded from any of them
  std::array<float, kSlots> sizes_{};
  std::uint32_t begin_ = kMiddle;
  std::uint32_t end_ = kMiddle;
};

}  // namespace thintail
