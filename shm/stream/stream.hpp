// SPDX-License-Identifier: Apache-2.0
// Stream: a ring of events in shared memory with one writer, some gating readers and any number of lossy observers.
//   threads    each cursor has one writer: the stream's writer moves head, each gated reader its own gate.
//   invariant  sequences are consecutive from first_sequence(); event s lies in cell s & (capacity - 1).
//   abi        v1: this header, then capacity cells. No pointers: it works at whatever address it is mapped.
//
// StreamWriter, GatedReader and Observer (files of those names) work on it; a Stream itself does nothing.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include "shm/stream/cell.hpp"

namespace thintail::shm {

// How far a gating reader has come. Readers write the first line, and only the writer, once a lap, reads it.
class alignas(kCacheLinePairBytes) Gate {
 public:
  static constexpr std::size_t kNameBytes = 32;

  // The last sequence that its reader no longer needs.
  TT_HOT std::uint64_t consumed() const noexcept {
    return consumed_.load(std::memory_order_acquire);  // G2: pairs G3
  }
  TT_HOT void set_consumed(std::uint64_t sequence) noexcept {
    consumed_.store(sequence, std::memory_order_release);  // G3: our reads of the cell came before; pairs G2
  }
  bool is_active() const noexcept { return active_.load(std::memory_order_acquire) != 0; }  // S2: pairs S1
  std::string_view name() const noexcept;

 private:
  friend class Stream;
  std::atomic<std::uint64_t> consumed_{0};
  alignas(kCacheLineBytes) std::atomic<std::uint32_t> active_{0};  // set before the writer starts, never cleared
  std::array<char, kNameBytes> name_{};
};

class alignas(kCacheLinePairBytes) Stream {
 public:
  static constexpr std::uint64_t kCapacityMin = 1024;  // smaller rings make writer and reader share lines (FIGURES.md)
  static constexpr std::uint64_t kCapacityMax = std::uint64_t{1} << 32;
  static constexpr std::size_t kGates = 8;
  static constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

  static constexpr bool is_capacity(std::uint64_t slots) noexcept {
    return slots >= kCapacityMin && slots <= kCapacityMax && (slots & (slots - 1)) == 0;
  }
  static constexpr std::size_t bytes_for(std::uint64_t capacity) noexcept;

  // Lays a stream out in zeroed memory of bytes_for(capacity), aligned to 128.
  // REQUIRES: is_capacity(capacity), first_sequence > 0 (the journal's last + 1, so that numbers go on).
  static Stream* create(void* memory, std::uint64_t capacity, std::uint64_t first_sequence) noexcept;
  // The stream that another process laid out, or nullptr where the header does not fit the memory.
  static const Stream* open(const void* memory, std::size_t size_bytes) noexcept;

  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  std::uint64_t capacity() const noexcept { return capacity_; }
  std::uint64_t first_sequence() const noexcept { return first_sequence_; }

  // The last published sequence; first_sequence() - 1 where there is none. Stored after the event, so that a writer
  // killed in between leaves a head one short of the last readable event: a reader of a dead writer's stream looks
  // one further.
  std::uint64_t head() const noexcept { return head_.load(std::memory_order_acquire); }  // H2: pairs H1
  // Appends that were refused because a gating reader had fallen a whole ring behind.
  std::uint64_t refused() const noexcept { return refused_.load(std::memory_order_relaxed); }  // relaxed: a statistic

  // A gate for one reader in this process, or nullptr when all kGates are taken.
  // REQUIRES: before the writer starts; it would not wait for a reader that joins later.
  Gate* add_gate(std::string_view name) noexcept;
  std::span<const Gate, kGates> gates() const noexcept { return gates_; }
  // The highest sequence that may be written without overtaking a gating reader; kNoLimit where there is none.
  TT_COLD std::uint64_t write_limit() const noexcept;

  Cell* cells() noexcept { return reinterpret_cast<Cell*>(this + 1); }
  const Cell* cells() const noexcept { return reinterpret_cast<const Cell*>(this + 1); }

  // For the writer.
  TT_HOT void set_head(std::uint64_t sequence) noexcept {
    head_.store(sequence, std::memory_order_release);  // H1: the events up to it came before; pairs H2
  }
  TT_COLD void count_refusal() noexcept {
    // relaxed, no locked addition: only the writer writes it
    refused_.store(refused_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

 private:
  Stream(std::uint64_t capacity, std::uint64_t first_sequence) noexcept
      : capacity_(capacity), first_sequence_(first_sequence), head_(first_sequence - 1) {}

  static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "processes share no lock table");
  std::uint64_t capacity_;
  std::uint64_t first_sequence_;
  alignas(kCacheLinePairBytes) std::atomic<std::uint64_t> head_;
  std::atomic<std::uint64_t> refused_{0};
  std::array<Gate, kGates> gates_{};
};

constexpr std::size_t Stream::bytes_for(std::uint64_t capacity) noexcept {
  return sizeof(Stream) + static_cast<std::size_t>(capacity) * sizeof(Cell);
}

static_assert(sizeof(Gate) == kCacheLinePairBytes);
static_assert(sizeof(Stream) == (2 + Stream::kGates) * kCacheLinePairBytes, "cells start on a line pair");

}  // namespace thintail::shm
