// SPDX-License-Identifier: Apache-2.0
// Table: a fixed number of records in shared memory, each the newest value of its row.
//   path     hot (row access), cold (snapshot)
//   threads  each row has one writer at a time; anyone reads.
//   abi      v1: row count u64 on a line of its own, then the SeqCells. An untouched row reads as all zeros.
#pragma once

#include <cstdint>
#include <new>
#include <span>

#include "core/base/attributes.hpp"
#include "shm/tables/seq_cell.hpp"

namespace thintail::shm {

template <ShmRecord Row>
class alignas(kCacheLineBytes) Table {
 public:
  static constexpr std::size_t bytes_for(std::uint64_t rows) noexcept {
    return sizeof(Table) + static_cast<std::size_t>(rows) * sizeof(SeqCell<Row>);
  }

  // Lays a table out in zeroed memory of bytes_for(rows), aligned to a cache line.
  static Table* create(void* memory, std::uint64_t rows) noexcept { return new (memory) Table(rows); }
  // The table that another process laid out, or nullptr where it does not fit the memory.
  static const Table* open(const void* memory, std::size_t size_bytes) noexcept {
    if (reinterpret_cast<std::uintptr_t>(memory) % alignof(Table) != 0 || size_bytes < sizeof(Table)) return nullptr;
    const auto* table = static_cast<const Table*>(memory);
    return table->rows_ <= (size_bytes - sizeof(Table)) / sizeof(SeqCell<Row>) ? table : nullptr;
  }

  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  std::uint64_t rows() const noexcept { return rows_; }
  // REQUIRES: row < rows().
  TT_HOT SeqCell<Row>& operator[](std::uint64_t row) noexcept { return cells()[row]; }
  TT_HOT const SeqCell<Row>& operator[](std::uint64_t row) const noexcept { return cells()[row]; }

  // Copies the first out.size() rows, each whole in itself, and returns how many could not be read: those are left as
  // they were in `out`. Rows are not of one moment; who needs that reads the stream.
  [[nodiscard]] std::size_t snapshot(std::span<Row> out) const noexcept {
    std::size_t unreadable = 0;
    for (std::size_t row = 0; row < out.size() && row < rows_; ++row) {
      if (!cells()[row].load(out[row])) ++unreadable;
    }
    return unreadable;
  }

 private:
  explicit Table(std::uint64_t rows) noexcept : rows_(rows) {}
  SeqCell<Row>* cells() noexcept { return reinterpret_cast<SeqCell<Row>*>(this + 1); }
  const SeqCell<Row>* cells() const noexcept { return reinterpret_cast<const SeqCell<Row>*>(this + 1); }

  std::uint64_t rows_;
};

}  // namespace thintail::shm
