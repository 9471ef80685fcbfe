// SPDX-License-Identifier: Apache-2.0
// Cell: one slot of a stream, an event whose sequence is also its "ready" flag, so one cache line carries both.
//   path       hot
//   threads    publish(): the stream's writer. holds(), event(): a gated reader, which the writer never overtakes.
//              sequence(), copy_whole(): any observer, in any process, even while the cell is being overwritten.
//   invariant  sequence is 0 from before the first byte of a new event is stored until after its last one.
//   abi        v1: the 64 bytes of an Event. CONTRACTS.md, "Cells and observers".
//
// Labels, used at both ends of each pair:
//   W1 zero before payload       pairs R2: an observer that saw a new byte sees the zero, or a later sequence
//   W2 payload before sequence   pairs R1, G1: who sees a sequence sees its event whole
//   G3 reads before consumed     pairs G2: the writer overwrites a cell only after its gated readers left it
#pragma once

#include <immintrin.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "core/base/attributes.hpp"
#include "core/event/event.hpp"

namespace thintail::shm {

inline constexpr std::size_t kCellWords = sizeof(Event) / sizeof(std::uint64_t);
inline constexpr std::size_t kSequenceWord = offsetof(Event, sequence) / sizeof(std::uint64_t);
static_assert(kSequenceWord == 0);

using Word = EventWord;

// Written out, not a loop: g++ 12 keeps a loop over atomic words rolled, 54 instructions a publish instead of 28.
template <class Visit>
TT_ALWAYS_INLINE void for_each_payload_word(Visit&& visit) noexcept {
  [&]<std::size_t... kIndex>(std::index_sequence<kIndex...>)
      __attribute__((always_inline)) { (visit(kIndex + 1), ...); }(std::make_index_sequence<kCellWords - 1>{});
}

// The payload as relaxed atomic words: defined behaviour everywhere, and what sanitizers and model checkers follow.
// Compilers do not vectorise it, which is why VectorCopy exists.
struct WordCopy {
  // Stores all words but the sequence. relaxed: W1 and W2 order them as a whole.
  TT_HOT static void store(Word* cell, const Event& event) noexcept {
    const auto* from = reinterpret_cast<const Word*>(&event);
    for_each_payload_word(
        [&](std::size_t i) __attribute__((always_inline)) { __atomic_store_n(cell + i, from[i], __ATOMIC_RELAXED); });
  }
  // Loads all words but the sequence. relaxed: R1 and R2 order them as a whole.
  TT_HOT static void load(Event& event, const Word* cell) noexcept {
    auto* to = reinterpret_cast<Word*>(&event);
    for_each_payload_word([&](std::size_t i)
                              __attribute__((always_inline)) { to[i] = __atomic_load_n(cell + i, __ATOMIC_RELAXED); });
  }
};

// The payload as two 32-byte moves: four times faster for an event that is long in cache, slower for one just built
// field by field, whose narrow stores a wide load cannot be forwarded from (FIGURES.md, "Transport").
//
// Why it is safe: the moves are inline assembly, so the language's rules on data races do not apply and the compiler
// can neither split, repeat nor move them across the fences beside them. The processor may make the halves, or any
// aligned eight bytes of them, visible one after another, which is all that words promise too; x86-64 keeps stores in
// order and loads in order, so W1, W2, R1 and R2 hold as they stand. The low half stores the sequence word as 0, the
// value that W1 put there.
struct VectorCopy {
  TT_HOT static void store(Word* cell, const Event& event) noexcept {
    const auto* from = reinterpret_cast<const __m256i*>(&event);
    auto* to = reinterpret_cast<__m256i*>(cell);
    const __m256i low = _mm256_blend_epi32(_mm256_load_si256(from), _mm256_setzero_si256(), 0b11);
    const __m256i high = _mm256_load_si256(from + 1);
    asm volatile("vmovdqa %1, %0" : "=m"(to[0]) : "x"(low));
    asm volatile("vmovdqa %1, %0" : "=m"(to[1]) : "x"(high));
  }
  TT_HOT static void load(Event& event, const Word* cell) noexcept {
    const auto* from = reinterpret_cast<const __m256i*>(cell);
    __m256i low, high;
    asm volatile("vmovdqa %1, %0" : "=x"(low) : "m"(from[0]));
    asm volatile("vmovdqa %1, %0" : "=x"(high) : "m"(from[1]));
    auto* to = reinterpret_cast<__m256i*>(&event);
    _mm256_store_si256(to, low);
    _mm256_store_si256(to + 1, high);
  }
};

// The steps of the protocol. Tests switch one off at a time and must then find torn or unready events: a proof that
// each step is needed and that the tests would notice its absence.
struct CellProtocol {
  static constexpr bool kInvalidates = true;  // W1
  static constexpr bool kPublishesLast = true;  // W2
  static constexpr bool kRechecks = true;  // R2
};

class alignas(kCacheLineBytes) Cell {
 public:
  // Publishes the event as number `sequence`, whatever number it bears itself.
  // REQUIRES: sequence > 0 is the next one of the stream, and no gated reader still needs this cell.
  template <class Copy, class Protocol>
  TT_HOT void publish(const Event& event, std::uint64_t sequence) noexcept {
    if constexpr (Protocol::kInvalidates) {
      __atomic_store_n(words() + kSequenceWord, 0, __ATOMIC_RELAXED);  // relaxed: W1 orders it
      std::atomic_thread_fence(std::memory_order_release);  // W1: zero before payload; pairs R2
    }
    if constexpr (!Protocol::kPublishesLast) {
      __atomic_store_n(words() + kSequenceWord, sequence, __ATOMIC_RELEASE);  // mutant: W2 too early
    }
    Copy::store(words(), event);
    __atomic_store_n(words() + kSequenceWord, sequence, __ATOMIC_RELEASE);  // W2; pairs R1, G1
  }

  // Whether event() is the event of this sequence, ready to be read plainly. For gated readers only.
  TT_HOT bool holds(std::uint64_t sequence) const noexcept {
    return __atomic_load_n(words() + kSequenceWord, __ATOMIC_ACQUIRE) == sequence;  // G1: pairs W2
  }
  TT_HOT const Event& event() const noexcept { return event_; }

  // 0 while the cell is empty or being overwritten.
  TT_HOT std::uint64_t sequence() const noexcept {
    return __atomic_load_n(words() + kSequenceWord, __ATOMIC_ACQUIRE);  // R1: pairs W2
  }

  // REQUIRES: sequence() just returned `sequence`. False, with `out` in pieces, where the writer came round meanwhile.
  template <class Copy, class Protocol>
  TT_HOT bool copy_whole(Event& out, std::uint64_t sequence) const noexcept {
    Copy::load(out, words());
    std::atomic_thread_fence(std::memory_order_acquire);  // R2: a new byte read => its zero is seen; pairs W1
    const auto after = __atomic_load_n(words() + kSequenceWord, __ATOMIC_RELAXED);  // relaxed: R2 orders it
    out.sequence = sequence;
    return !Protocol::kRechecks || after == sequence;
  }

 private:
  Word* words() noexcept { return reinterpret_cast<Word*>(&event_); }
  const Word* words() const noexcept { return reinterpret_cast<const Word*>(&event_); }

  static_assert(__atomic_always_lock_free(sizeof(Word), nullptr), "processes share no lock table");
  Event event_;  // never touched plainly by anyone but a gated reader
};

static_assert(sizeof(Cell) == sizeof(Event) && alignof(Cell) == kCacheLineBytes);

}  // namespace thintail::shm
