// SPDX-License-Identifier: Apache-2.0
// AppendTable: rows in shared memory that are filled once, then never change, published by their count.
//   path     cold (append), hot (row access)
//   threads  append(): one cold thread. Everything else: anyone; a read-only mapping is enough.
//   abi      v1: count u64 and capacity u64 on a line of their own, then the rows.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <new>
#include <utility>

#include "core/base/attributes.hpp"

namespace thintail::shm {

template <class Row>
class alignas(kCacheLineBytes) AppendTable {
 public:
  static constexpr std::size_t bytes_for(std::uint64_t capacity) noexcept {
    return sizeof(AppendTable) + static_cast<std::size_t>(capacity) * sizeof(Row);
  }

  // Lays a table out in zeroed memory of bytes_for(capacity), aligned to a cache line.
  static AppendTable* create(void* memory, std::uint64_t capacity) noexcept {
    return new (memory) AppendTable(capacity);
  }
  // The table that another process laid out, or nullptr where it does not fit the memory.
  static const AppendTable* open(const void* memory, std::size_t size_bytes) noexcept {
    if (reinterpret_cast<std::uintptr_t>(memory) % alignof(AppendTable) != 0) return nullptr;
    if (size_bytes < sizeof(AppendTable)) return nullptr;
    const auto* table = static_cast<const AppendTable*>(memory);
    return table->capacity_ <= (size_bytes - sizeof(AppendTable)) / sizeof(Row) ? table : nullptr;
  }

  AppendTable(const AppendTable&) = delete;
  AppendTable& operator=(const AppendTable&) = delete;

  std::uint64_t capacity() const noexcept { return capacity_; }
  std::uint64_t size() const noexcept {
    // N2: rows below it are filled; pairs N1. A count that memory damage made too large is cut to what there is.
    return std::min(count_.load(std::memory_order_acquire), capacity_);
  }

  // Adds the row that `Row(arguments...)` makes, or returns nullptr when the table is full.
  template <class... Arguments>
  Row* append(Arguments&&... arguments) noexcept {
    const std::uint64_t count = count_.load(std::memory_order_relaxed);  // relaxed: only we write it
    if (count == capacity_) return nullptr;
    Row* row = new (rows() + count) Row(std::forward<Arguments>(arguments)...);
    count_.store(count + 1, std::memory_order_release);  // N1: the row before its count; pairs N2
    return row;
  }

  // REQUIRES: row < size().
  const Row& operator[](std::uint64_t row) const noexcept { return rows()[row]; }

 private:
  explicit AppendTable(std::uint64_t capacity) noexcept : capacity_(capacity) {}
  Row* rows() noexcept { return reinterpret_cast<Row*>(this + 1); }
  const Row* rows() const noexcept { return reinterpret_cast<const Row*>(this + 1); }

  std::atomic<std::uint64_t> count_{0};
  std::uint64_t capacity_;
};

}  // namespace thintail::shm
