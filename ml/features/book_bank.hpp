// SPDX-License-Identifier: Apache-2.0
// BookBank: the book features of a set: a plan made once, and each instrument's state as a block of bytes.
//   path       hot: on_book(), once for each whole update of a book
//   threads    the plan is immutable; a state belongs to one thread
//   invariant  a state is trivially copyable and holds no pointer: a copy is a snapshot of it. The same updates give the same
//              bytes. What a value was computed from is the book alone, never a quote.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/book/order_book.hpp"
#include "ml/features/book_families.hpp"

namespace thintail {

class BookBank {
 public:
  // `lanes[i]` is the row's lane of `features[i]`. REQUIRES: only features of FamilyGroup::book, their parameters in the
  // families' ranges, at most kMaxLanes.
  BookBank(std::span<const Feature> features, std::span<const std::uint16_t> lanes);

  std::size_t size() const noexcept { return lanes_.size(); }
  std::span<const std::uint16_t> lanes() const noexcept { return lanes_; }

  std::size_t state_bytes() const noexcept { return state_bytes_; }  // per instrument, a multiple of 64
  // Before the instrument's first update. REQUIRES: `state` aligned to 64, `tick_size_e9` above 0.
  void reset(std::byte* state, std::int64_t tick_size_e9) const noexcept;

  // An update of the book is whole, or the book was lost.
  TT_HOT void on_book(std::byte* state, const OrderBook& book) const noexcept;

  // size() values, in the order of lanes(), then NaN up to a multiple of 16: as rows hold them, rounded once, NaN (the canonical
  // one) where undefined, no -0.
  const float* values(const std::byte* state) const noexcept;
  // Bit i: values()[i] is defined.
  const LaneMask& defined(const std::byte* state) const noexcept;

 private:
  struct Op {
    BookFamily family;
    QuoteSide basis;
    std::uint16_t levels;
    std::uint16_t flow;  // index into flows_
    double quantity;
  };
  struct Flow {
    std::uint16_t updates;
    double keep;  // share of the sums that an update leaves
  };

  std::vector<Op> ops_;  // by value
  std::vector<Flow> flows_;
  std::vector<std::uint16_t> lanes_;
  std::size_t levels_max_ = 0;  // that any of them sums over
  std::size_t flows_at_ = 0;  // offsets in a state
  std::size_t state_bytes_ = 0;
};

}  // namespace thintail
