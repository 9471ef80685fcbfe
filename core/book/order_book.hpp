// SPDX-License-Identifier: Apache-2.0
// OrderBook: the resting sizes by price (L2) of one instrument, made from its Book events: a snapshot, then updates.
//   path       hot: apply()
//   threads    one
//   invariant  fixed memory, trivially copyable: a copy is a snapshot of it, and going on from the copy gives the same book.
//              While is_valid(), the best bid is below the best ask and updates were taken without a gap since the last snapshot.
//   source     payloads.hpp, struct Book: what a run of events means
//
// Rules
//   bound      the kLevels best levels of each side are held. What falls off the far end is forgotten, and is there again only
//              once the venue sends it again; where the market moves that far, levels can be missing between those held. On the
//              busiest capture we have (6,547 updates of BTCUSDT in 344 s, 140 USD of movement) the best ten levels of an
//              unbounded book and of 1,024 levels were the same after every update, of 512 after all but 5, of 256 but 16.
//   gap        an update whose predecessor is beyond what the book has, a run that breaks off, or invalidate() leave the book empty
//              and invalid until the last event of the next snapshot. Updates that reach no further than what the book has are
//              ignored: levels are absolute, and old ones would undo newer ones.
//   crossing   judged once a run is complete, since within one a bid may come before the ask that makes room for it. A book that is
//              crossed or locked even then holds levels whose removal never came: the newer side is believed, and the levels of
//              the other that it reaches are removed and counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "core/book/book_side.hpp"
#include "core/event/payloads.hpp"

namespace thintail {

struct BookLevel {
  std::int64_t price_e9;
  float size;
};

// What an event did to the book.
enum class BookStep : std::uint8_t {
  partial,  // more levels of the run are to come
  whole,  // a run is complete, and the book valid
  ignored,  // nothing: the book waits for a snapshot, or the run is older than it
  lost,  // the book was valid and is no longer
};

struct BookCounts {
  std::uint64_t updates = 0;  // taken, snapshots included
  std::uint64_t snapshots = 0;
  std::uint64_t ignored = 0;  // runs
  std::uint64_t lost = 0;  // times that a valid book, or a snapshot under way, had to be given up
  std::uint64_t uncrossed = 0;  // levels removed because the other side reached them
  std::uint64_t dropped = 0;  // levels that fell off the far end
  std::uint64_t refused = 0;  // levels of no side that there is, or of no price
};

template <std::size_t kLevels>
class BasicOrderBook {
 public:
  static constexpr std::size_t kLevelsMax = kLevels;

  TT_HOT BookStep apply(const Book& change, unsigned flags) noexcept {
    const bool is_new =
        !is_open_ || change.source_sequence != run_sequence_ || ((flags & kFlagSnapshot) != 0) != is_snapshot_;
    const bool was_valid = is_new && begin(change, flags);
    is_open_ = (flags & kFlagMore) != 0;
    if (is_taken_) [[likely]]
      set(change);
    if (!is_open_ && is_taken_) return finish();
    if (was_valid && !is_valid_) return BookStep::lost;
    counts_.ignored += !is_open_;
    return is_open_ ? BookStep::partial : BookStep::ignored;
  }

  // Events of this instrument may have been lost: nothing is known until the next snapshot.
  TT_COLD void invalidate() noexcept {
    if (is_valid_ || (is_open_ && is_snapshot_)) ++counts_.lost;
    is_valid_ = is_open_ = is_taken_ = false;
    bids_.clear();
    asks_.clear();
  }

  // False within a run too: half an update is no state that the market was in.
  bool is_valid() const noexcept { return is_valid_ && !is_open_; }
  // Of the last run that was taken, in the venue's own numbers.
  std::uint64_t sequence() const noexcept { return sequence_; }
  // How many times the book was begun anew: what stood in it before has nothing to do with what stands in it now.
  std::uint64_t generation() const noexcept { return counts_.snapshots; }
  const BookCounts& counts() const noexcept { return counts_; }
  // Whether the bytes of this object can be a book at all: of one that was read from a file they need not be. Cold.
  bool is_sound() const noexcept {
    constexpr std::int64_t kNoPrice = std::numeric_limits<std::int64_t>::max();
    return bids_.is_sound(1, kNoPrice - 1) && asks_.is_sound(1 - kNoPrice, -1);
  }

  std::size_t bids() const noexcept { return bids_.size(); }
  std::size_t asks() const noexcept { return asks_.size(); }
  // 0 is the best. REQUIRES: i < bids(), or asks().
  BookLevel bid(std::size_t i) const noexcept { return {bids_.key(i), bids_.level_size(i)}; }
  BookLevel ask(std::size_t i) const noexcept { return {-asks_.key(i), asks_.level_size(i)}; }

 private:
  // The first event of a run. Returns whether the book was valid before it.
  [[gnu::noinline]] bool begin(const Book& change, unsigned flags) noexcept {
    const bool was_valid = is_valid_;
    if (is_open_) invalidate();  // the run before it broke off
    run_sequence_ = change.source_sequence;
    is_snapshot_ = (flags & kFlagSnapshot) != 0;
    newer_ = Side::none;
    if (is_snapshot_) {
      bids_.clear();
      asks_.clear();
      is_valid_ = false;
      is_taken_ = true;
      return was_valid;
    }
    if (is_valid_ && change.previous_sequence > sequence_) invalidate();
    // The venue may repeat the number that the book has (USD-M futures do after a snapshot): applying it again changes nothing.
    is_taken_ = is_valid_ && change.source_sequence >= sequence_;
    return was_valid;
  }

  TT_HOT void set(const Book& change) noexcept {
    const bool is_bid = change.side == Side::buy;
    const bool is_price = change.price_e9 > 0 && change.price_e9 != std::numeric_limits<std::int64_t>::max();
    if (!is_price || (!is_bid && change.side != Side::sell)) [[unlikely]] {
      counts_.refused += change.side != Side::none;
      return;
    }
    auto& side = is_bid ? bids_ : asks_;
    const std::int64_t key = is_bid ? change.price_e9 : -change.price_e9;
    if (change.size > 0.0F && key >= -(is_bid ? asks_ : bids_).best_key()) [[unlikely]]
      newer_ = change.side;
    counts_.dropped += side.set(key, change.size);
  }

  TT_HOT BookStep finish() noexcept {
    is_valid_ = true;
    sequence_ = run_sequence_;
    ++counts_.updates;
    counts_.snapshots += is_snapshot_;
    if (is_crossed()) [[unlikely]]
      uncross();
    return BookStep::whole;
  }

  bool is_crossed() const noexcept { return bids_.best_key() >= -asks_.best_key(); }

  TT_COLD void uncross() noexcept {
    auto& older = newer_ == Side::buy ? asks_ : bids_;
    for (; is_crossed(); ++counts_.uncrossed) older.pop_best();
  }

  BookSide<kLevels> bids_;
  BookSide<kLevels> asks_;
  std::uint64_t sequence_ = 0;
  std::uint64_t run_sequence_ = 0;
  BookCounts counts_;
  bool is_valid_ = false;
  bool is_open_ = false;  // a run is under way
  bool is_snapshot_ = false;  // it is a snapshot
  bool is_taken_ = false;  // it is put into the book
  Side newer_ = Side::none;  // the side whose level reached the other one last
  std::array<std::uint8_t, 3> reserved_{};
};

// 37 KB. A level update took 24 ns on that capture, of which a fourth as many levels would save ten (bench features).
using OrderBook = BasicOrderBook<1024>;
static_assert(std::is_trivially_copyable_v<OrderBook>);

extern template class BasicOrderBook<1024>;

}  // namespace thintail
