// SPDX-License-Identifier: Apache-2.0
// SeqCell: the newest value of a record; one writer, any number of reading processes.
//   path       hot
//   threads    store(): the one writer. try_load(): anyone; a read-only mapping is enough.
//   progress   wait-free. A torn read returns false; the caller decides whether to retry.
//   invariant  version_ is odd exactly while a store is in flight, and never decreases. A writer that dies in a store
//              leaves it odd for good: the record is then unreadable, never wrong, until the next epoch's new segment.
//   abi        v1: version u64, then the record's words.
#pragma once

#include <array>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "core/base/attributes.hpp"

namespace thintail::shm {

// What may lie in shared memory as a value: whole words without padding, so that it can be copied word by word.
template <class T>
concept ShmRecord =
    std::is_trivially_copyable_v<T> && std::is_standard_layout_v<T> && std::has_unique_object_representations_v<T> &&
    std::default_initializable<T> && sizeof(T) % sizeof(std::uint64_t) == 0;

template <ShmRecord T>
class alignas(kCacheLineBytes) SeqCell {
 public:
  TT_HOT void store(const T& value) noexcept {
    const auto* from = reinterpret_cast<const RecordWord*>(&value);
    const auto version = version_.load(std::memory_order_relaxed);  // relaxed: only we write it
    version_.store(version + 1, std::memory_order_relaxed);         // relaxed: W1 orders it
    std::atomic_thread_fence(std::memory_order_release);            // W1: odd before any new word; pairs R2
    for_each_word([&](std::size_t i) __attribute__((always_inline)) {
      words_[i].store(from[i], std::memory_order_relaxed);  // relaxed: W1 and W2 order them as a whole
    });
    version_.store(version + 2, std::memory_order_release);  // W2: words before even; pairs R1
  }

  TT_HOT [[nodiscard]] bool try_load(T& out) const noexcept {
    std::array<std::uint64_t, kWords> words;
    const auto before = version_.load(std::memory_order_acquire);  // R1: even => whole; pairs W2
    for_each_word([&](std::size_t i) __attribute__((always_inline)) {
      words[i] = words_[i].load(std::memory_order_relaxed);  // relaxed: R1 and R2 order them as a whole
    });
    std::atomic_thread_fence(std::memory_order_acquire);          // R2: new word => odd seen; pairs W1
    const auto after = version_.load(std::memory_order_relaxed);  // relaxed: R2 orders it
    if ((before & 1) != 0 || before != after) return false;
    auto* to = reinterpret_cast<RecordWord*>(&out);
    for_each_word([&](std::size_t i) __attribute__((always_inline)) { to[i] = words[i]; });
    return true;
  }

  // Retries while the writer is in the way, but not for ever: a cell that stays odd belongs to a dead writer, or one
  // that lost its core in mid-store. False leaves `out` as it was.
  [[nodiscard]] bool load(T& out, unsigned attempts = 1000) const noexcept {
    while (attempts-- > 0) {
      if (try_load(out)) return true;
    }
    return false;
  }

 private:
  static constexpr std::size_t kWords = sizeof(T) / sizeof(std::uint64_t);
  using RecordWord [[gnu::may_alias]] = std::uint64_t;  // eight bytes of a record, whatever its fields

  // Short records go through registers: written to memory by words and read back as vectors, they would wait for the
  // store buffer, which cannot forward that (16 ns a row instead of 3).
  template <class Visit>
  TT_ALWAYS_INLINE static void for_each_word(Visit&& visit) noexcept {
    if constexpr (kWords <= 12) {
      [&]<std::size_t... kIndex>(std::index_sequence<kIndex...>)
          __attribute__((always_inline)) { (visit(kIndex), ...); }(std::make_index_sequence<kWords>{});
    } else {
      for (std::size_t i = 0; i < kWords; ++i) visit(i);
    }
  }

  static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "processes share no lock table");
  std::atomic<std::uint64_t> version_{0};
  std::array<std::atomic<std::uint64_t>, kWords> words_{};
};

}  // namespace thintail::shm
