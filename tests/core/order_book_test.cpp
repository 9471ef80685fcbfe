// SPDX-License-Identifier: Apache-2.0
#include "core/book/order_book.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <vector>

namespace thintail {
namespace {

constexpr std::int64_t kTick = 100'000'000;  // 0.1

struct Level {
  Side side;
  std::int64_t ticks;  // of the price
  float size;
};

Level bid(std::int64_t ticks, float size) { return {Side::buy, ticks, size}; }
Level ask(std::int64_t ticks, float size) { return {Side::sell, ticks, size}; }

Book change(Level level, std::uint64_t sequence, std::uint64_t previous) {
  return {level.ticks * kTick, 0, sequence, level.size, level.side, {}, previous};
}

// Gives a book a whole run; what the last event did.
template <class AnyBook>
BookStep run(AnyBook& book, std::uint64_t sequence, std::uint64_t previous, const std::vector<Level>& levels,
             unsigned flags = 0) {
  BookStep step = BookStep::ignored;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const unsigned more = i + 1 < levels.size() ? unsigned{kFlagMore} : 0U;
    step = book.apply(change(levels[i], sequence, previous), flags | more);
  }
  return step;
}

template <class AnyBook>
BookStep snapshot(AnyBook& book, std::uint64_t sequence, const std::vector<Level>& levels) {
  return run(book, sequence, 0, levels, kFlagSnapshot);
}

using Levels = std::vector<std::pair<std::int64_t, float>>;

template <class AnyBook>
Levels bids_of(const AnyBook& book) {
  Levels out;
  for (std::size_t i = 0; i < book.bids(); ++i) out.emplace_back(book.bid(i).price_e9 / kTick, book.bid(i).size);
  return out;
}

template <class AnyBook>
Levels asks_of(const AnyBook& book) {
  Levels out;
  for (std::size_t i = 0; i < book.asks(); ++i) out.emplace_back(book.ask(i).price_e9 / kTick, book.ask(i).size);
  return out;
}

// What the book must be, said the plain way: two maps, cut to the bound, and the rules of the header.
class Model {
 public:
  explicit Model(std::size_t levels_max) : levels_max_(levels_max) {}

  void apply(const Book& book, unsigned flags) {
    const bool is_snapshot = (flags & kFlagSnapshot) != 0;
    if (!open_ || open_->sequence != book.source_sequence || open_->is_snapshot != is_snapshot) {
      if (open_) invalidate();
      open_ = Run{book.source_sequence, is_snapshot, true};
      newer_ = Side::none;
      if (is_snapshot) {
        bids.clear();
        asks.clear();
        is_valid_ = false;
      } else {
        if (is_valid_ && book.previous_sequence > sequence_)
          invalidate(), open_ = Run{book.source_sequence, false, false};
        open_->is_taken = is_valid_ && book.source_sequence >= sequence_;
      }
    }
    if (open_->is_taken && book.side != Side::none) set(book);
    if ((flags & kFlagMore) == 0) {
      if (open_->is_taken) {
        is_valid_ = true;
        sequence_ = open_->sequence;
        uncross();
      }
      open_.reset();
    }
  }

  void invalidate() {
    is_valid_ = false;
    open_.reset();
    bids.clear();
    asks.clear();
  }

  std::map<std::int64_t, float, std::greater<>> bids;
  std::map<std::int64_t, float> asks;
  bool valid() const { return is_valid_ && !open_; }

 private:
  struct Run {
    std::uint64_t sequence;
    bool is_snapshot;
    bool is_taken;
  };

  void set(const Book& book) {
    const bool is_bid = book.side == Side::buy;
    if (!(book.size > 0)) {
      is_bid ? bids.erase(book.price_e9) : asks.erase(book.price_e9);
      return;
    }
    const bool reaches = is_bid ? !asks.empty() && book.price_e9 >= asks.begin()->first
                                : !bids.empty() && book.price_e9 <= bids.begin()->first;
    if (reaches) newer_ = book.side;
    const auto put = [&](auto& side) {
      side[book.price_e9] = book.size;
      if (side.size() > levels_max_) side.erase(std::prev(side.end()));
    };
    is_bid ? put(bids) : put(asks);
  }

  void uncross() {
    while (!bids.empty() && !asks.empty() && bids.begin()->first >= asks.begin()->first) {
      if (newer_ == Side::buy) {
        asks.erase(asks.begin());
      } else {
        bids.erase(bids.begin());
      }
    }
  }

  std::size_t levels_max_;
  bool is_valid_ = false;
  std::optional<Run> open_;
  Side newer_ = Side::none;
  std::uint64_t sequence_ = 0;
};

template <class AnyBook>
bool equal(const AnyBook& book, const Model& model) {
  if (book.is_valid() != model.valid() || book.bids() != model.bids.size() || book.asks() != model.asks.size())
    return false;
  std::size_t i = 0;
  for (const auto& [price, size] : model.bids) {
    if (book.bid(i).price_e9 != price || book.bid(i++).size != size) return false;
  }
  i = 0;
  for (const auto& [price, size] : model.asks) {
    if (book.ask(i).price_e9 != price || book.ask(i++).size != size) return false;
  }
  return true;
}

TEST(order_book, is_invalid_until_the_last_level_of_a_snapshot) {
  BasicOrderBook<8> book;
  EXPECT_EQ(run(book, 5, 4, {bid(100, 1)}), BookStep::ignored);
  EXPECT_EQ(book.apply(change(bid(100, 1), 9, 0), kFlagSnapshot | kFlagMore), BookStep::partial);
  EXPECT_FALSE(book.is_valid());
  EXPECT_EQ(book.apply(change(ask(101, 2), 9, 0), kFlagSnapshot), BookStep::whole);
  EXPECT_TRUE(book.is_valid());
  EXPECT_EQ(book.sequence(), 9U);
  EXPECT_EQ(bids_of(book), (Levels{{100, 1}}));
  EXPECT_EQ(asks_of(book), (Levels{{101, 2}}));
}

TEST(order_book, levels_are_set_changed_and_removed_best_first) {
  BasicOrderBook<8> book;
  snapshot(book, 1, {bid(100, 1), bid(98, 3), ask(101, 2), ask(105, 4)});
  EXPECT_EQ(run(book, 2, 1, {bid(99, 5), bid(98, 0), bid(100, 7), ask(103, 1), ask(105, 0)}), BookStep::whole);
  EXPECT_EQ(bids_of(book), (Levels{{100, 7}, {99, 5}}));
  EXPECT_EQ(asks_of(book), (Levels{{101, 2}, {103, 1}}));
}

TEST(order_book, removing_a_level_that_is_not_there_changes_nothing) {
  BasicOrderBook<8> book;
  snapshot(book, 1, {bid(100, 1), ask(101, 2)});
  EXPECT_EQ(run(book, 2, 1, {bid(99, 0), bid(101, 0), ask(100, 0), ask(120, 0)}), BookStep::whole);
  EXPECT_EQ(bids_of(book), (Levels{{100, 1}}));
  EXPECT_EQ(asks_of(book), (Levels{{101, 2}}));
}

TEST(order_book, a_size_that_is_no_amount_removes) {
  BasicOrderBook<8> book;
  snapshot(book, 1, {bid(100, 1), bid(99, 1), bid(98, 1), ask(101, 2)});
  run(book, 2, 1, {bid(100, -1), bid(99, std::numeric_limits<float>::quiet_NaN()), bid(98, -0.0F)});
  EXPECT_EQ(book.bids(), 0U);
}

TEST(order_book, an_update_without_a_level_moves_the_sequence) {
  BasicOrderBook<8> book;
  snapshot(book, 1, {bid(100, 1), ask(101, 2)});
  EXPECT_EQ(run(book, 7, 1, {{Side::none, 0, 0}}), BookStep::whole);
  EXPECT_EQ(book.sequence(), 7U);
  EXPECT_EQ(book.counts().refused, 0U);
  EXPECT_EQ(run(book, 9, 7, {bid(100, 3)}), BookStep::whole);
}

TEST(order_book, an_empty_snapshot_is_a_valid_book_without_levels) {
  BasicOrderBook<8> book;
  EXPECT_EQ(snapshot(book, 3, {{Side::none, 0, 0}}), BookStep::whole);
  EXPECT_TRUE(book.is_valid());
  EXPECT_EQ(book.bids() + book.asks(), 0U);
}

TEST(order_book, a_gap_makes_the_book_invalid_until_the_next_snapshot) {
  BasicOrderBook<8> book;
  snapshot(book, 10, {bid(100, 1), ask(101, 2)});
  EXPECT_EQ(run(book, 14, 12, {bid(99, 1)}), BookStep::lost);
  EXPECT_FALSE(book.is_valid());
  EXPECT_EQ(book.bids() + book.asks(), 0U);
  EXPECT_EQ(run(book, 15, 14, {bid(99, 1)}), BookStep::ignored);
  EXPECT_EQ(snapshot(book, 16, {bid(98, 1), ask(101, 2)}), BookStep::whole);
  EXPECT_EQ(run(book, 17, 16, {bid(99, 1)}), BookStep::whole);
  EXPECT_EQ(bids_of(book), (Levels{{99, 1}, {98, 1}}));
  EXPECT_EQ(book.counts().lost, 1U);
  EXPECT_EQ(book.generation(), 2U);
}

TEST(order_book, a_gap_in_a_run_of_many_levels_is_told_once) {
  BasicOrderBook<8> book;
  snapshot(book, 10, {bid(100, 1), ask(101, 2)});
  std::vector<BookStep> steps;
  for (const unsigned flags : {unsigned{kFlagMore}, unsigned{kFlagMore}, 0U}) {
    steps.push_back(book.apply(change(bid(99, 1), 14, 12), flags));
  }
  EXPECT_EQ(steps, (std::vector{BookStep::lost, BookStep::partial, BookStep::ignored}));
  EXPECT_EQ(book.counts().lost, 1U);
}

TEST(order_book, the_first_update_after_a_snapshot_may_begin_before_it) {
  BasicOrderBook<8> book;
  snapshot(book, 10, {bid(100, 1), ask(101, 2)});
  EXPECT_EQ(run(book, 8, 6, {bid(100, 9)}), BookStep::ignored) << "older than the snapshot";
  EXPECT_EQ(run(book, 12, 8, {bid(100, 5)}), BookStep::whole) << "holds it";
  EXPECT_EQ(run(book, 12, 8, {bid(100, 5)}), BookStep::whole) << "the same again changes nothing";
  EXPECT_EQ(run(book, 11, 10, {bid(100, 7)}), BookStep::ignored) << "older than the book";
  EXPECT_EQ(bids_of(book), (Levels{{100, 5}}));
}

TEST(order_book, a_run_that_breaks_off_is_a_gap) {
  BasicOrderBook<8> book;
  snapshot(book, 10, {bid(100, 1), ask(101, 2)});
  EXPECT_EQ(book.apply(change(bid(99, 1), 11, 10), kFlagMore), BookStep::partial);
  EXPECT_FALSE(book.is_valid()) << "half an update";
  EXPECT_EQ(run(book, 12, 11, {bid(98, 1)}), BookStep::lost);
  EXPECT_EQ(book.apply(change(bid(99, 1), 13, 0), kFlagSnapshot | kFlagMore), BookStep::partial);
  EXPECT_EQ(run(book, 14, 13, {bid(98, 1)}), BookStep::ignored) << "so is a snapshot";
  EXPECT_EQ(book.counts().lost, 2U);
  EXPECT_FALSE(book.is_valid());
}

TEST(order_book, a_snapshot_replaces_what_was_there) {
  BasicOrderBook<8> book;
  snapshot(book, 10, {bid(100, 1), bid(99, 1), ask(101, 2)});
  EXPECT_EQ(book.apply(change(bid(50, 1), 5, 0), kFlagSnapshot | kFlagMore), BookStep::lost)
      << "nothing stands meanwhile";
  EXPECT_FALSE(book.is_valid());
  EXPECT_EQ(book.apply(change(ask(60, 2), 5, 0), kFlagSnapshot), BookStep::whole) << "even by an older number";
  EXPECT_EQ(bids_of(book), (Levels{{50, 1}}));
  EXPECT_EQ(asks_of(book), (Levels{{60, 2}}));
  EXPECT_EQ(book.sequence(), 5U);
  EXPECT_EQ(book.counts().lost, 0U);
  EXPECT_EQ(snapshot(book, 6, {{Side::none, 0, 0}}), BookStep::whole) << "of one event too";
}

TEST(order_book, a_level_beyond_the_bound_is_forgotten_and_may_come_back) {
  BasicOrderBook<4> book;
  snapshot(book, 1, {bid(100, 1), bid(99, 1), bid(98, 1), bid(97, 1), bid(96, 1), ask(110, 1)});
  EXPECT_EQ(book.counts().dropped, 1U);
  EXPECT_EQ(bids_of(book), (Levels{{100, 1}, {99, 1}, {98, 1}, {97, 1}}));
  run(book, 2, 1, {bid(101, 1)});
  EXPECT_EQ(bids_of(book), (Levels{{101, 1}, {100, 1}, {99, 1}, {98, 1}})) << "97 had to make room";
  run(book, 3, 2, {bid(101, 0), bid(100, 0)});
  EXPECT_EQ(bids_of(book), (Levels{{99, 1}, {98, 1}})) << "97 and 96 are forgotten";
  run(book, 4, 3, {bid(96, 2)});
  EXPECT_EQ(bids_of(book), (Levels{{99, 1}, {98, 1}, {96, 2}}));
  EXPECT_EQ(book.counts().dropped, 2U);
}

TEST(order_book, removing_beyond_the_bound_drops_nothing) {
  BasicOrderBook<4> book;
  snapshot(book, 1, {bid(100, 1), bid(99, 1), bid(98, 1), bid(97, 1), ask(110, 1)});
  run(book, 2, 1, {bid(90, 0)});
  EXPECT_EQ(book.bids(), 4U);
  EXPECT_EQ(book.counts().dropped, 0U);
}

TEST(order_book, a_bid_may_come_before_the_ask_that_makes_room_for_it) {
  BasicOrderBook<8> book;
  snapshot(book, 1, {bid(100, 1), ask(101, 2), ask(102, 3)});
  run(book, 2, 1, {bid(101, 5), ask(101, 0)});
  EXPECT_EQ(bids_of(book), (Levels{{101, 5}, {100, 1}}));
  EXPECT_EQ(asks_of(book), (Levels{{102, 3}}));
  EXPECT_EQ(book.counts().uncrossed, 0U);
}

TEST(order_book, the_newer_side_removes_what_it_reaches) {
  BasicOrderBook<8> book;
  const std::vector<Level> start = {bid(100, 1), bid(99, 1), ask(101, 2), ask(102, 3), ask(103, 4)};
  snapshot(book, 1, start);
  run(book, 2, 1, {bid(102, 5)});
  EXPECT_EQ(bids_of(book), (Levels{{102, 5}, {100, 1}, {99, 1}}));
  EXPECT_EQ(asks_of(book), (Levels{{103, 4}})) << "a locked level is reached too";
  EXPECT_EQ(book.counts().uncrossed, 2U);

  snapshot(book, 3, start);
  run(book, 4, 3, {ask(100, 5)});
  EXPECT_EQ(bids_of(book), (Levels{{99, 1}}));
  EXPECT_EQ(asks_of(book), (Levels{{100, 5}, {101, 2}, {102, 3}, {103, 4}}));
}

TEST(order_book, one_side_may_be_used_up_by_the_other) {
  BasicOrderBook<8> book;
  snapshot(book, 1, {bid(100, 1), ask(101, 2)});
  run(book, 2, 1, {bid(500, 5)});
  EXPECT_EQ(book.asks(), 0U);
  run(book, 3, 2, {ask(1, 5)});
  EXPECT_EQ(book.bids(), 0U);
  EXPECT_TRUE(book.is_valid());
}

TEST(order_book, a_level_without_side_or_price_is_refused_and_counted) {
  BasicOrderBook<8> book;
  snapshot(book, 1, {bid(100, 1), ask(101, 2)});
  for (const std::int64_t price : {std::int64_t{0}, std::int64_t{-1}, std::numeric_limits<std::int64_t>::min(),
                                   std::numeric_limits<std::int64_t>::max()}) {
    for (const Side side : {Side::buy, Side::sell}) book.apply({price, 0, 2, 1.0F, side, {}, 1}, kFlagMore);
  }
  EXPECT_EQ(book.apply({kTick, 0, 2, 1.0F, static_cast<Side>(7), {}, 1}, 0), BookStep::whole);
  EXPECT_EQ(book.counts().refused, 9U);
  EXPECT_EQ(book.bids() + book.asks(), 2U);
}

TEST(order_book, losing_events_from_outside_invalidates) {
  BasicOrderBook<8> book;
  book.invalidate();
  EXPECT_EQ(book.counts().lost, 0U) << "there was nothing to lose";
  snapshot(book, 1, {bid(100, 1), ask(101, 2)});
  book.invalidate();
  EXPECT_FALSE(book.is_valid());
  EXPECT_EQ(book.counts().lost, 1U);
}

template <std::size_t kLevels>
void compare_with_the_model(unsigned seed, int runs) {
  std::mt19937 random(seed);
  const auto below = [&random](unsigned n) { return static_cast<std::int64_t>(random() % n); };
  BasicOrderBook<kLevels> book;
  BasicOrderBook<kLevels> copy;
  Model model(kLevels);
  std::uint64_t sequence = 1;
  std::int64_t mid = 1'000;
  for (int i = 0; i < runs; ++i) {
    mid = std::max<std::int64_t>(mid + below(7) - 3, 50);
    const bool is_snapshot = below(60) == 0 || i == 0;
    const auto levels = is_snapshot ? below(3 * kLevels) + 1 : below(6) + 1;
    std::uint64_t previous = sequence;
    sequence += 1 + static_cast<std::uint64_t>(below(3));
    if (below(150) == 0) previous += 1;                              // a gap
    std::uint64_t named = sequence;
    if (below(100) == 0) named -= std::min<std::uint64_t>(named - 1, 5);  // an old one
    const bool breaks_off = below(200) == 0;
    for (std::int64_t at = 0; at < levels; ++at) {
      // Mostly on its own side of the mid, sometimes through it; often a removal, of a level that is there or not.
      const bool is_bid = below(2) == 0;
      const std::int64_t distance = below(2 * kLevels + 4) - (below(40) == 0 ? 4 : 0);
      const std::int64_t ticks = is_bid ? mid - distance : mid + 1 + distance;
      const Level level{below(50) == 0 ? Side::none
                        : is_bid       ? Side::buy
                                       : Side::sell,
                        std::max<std::int64_t>(ticks, 1), static_cast<float>(below(3) == 0 ? 0 : below(9))};
      const bool is_last = at + 1 == levels;
      const unsigned flags =
          (is_snapshot ? unsigned{kFlagSnapshot} : 0U) | (is_last && !breaks_off ? 0U : unsigned{kFlagMore});
      const Book event = change(level, named, is_snapshot ? 0 : previous);
      book.apply(event, flags);
      model.apply(event, flags);
      ASSERT_TRUE(equal(book, model)) << "run " << i << " level " << at << " of " << levels << ", seed " << seed;
    }
    if (below(300) == 0) {
      book.invalidate();
      model.invalidate();
    }
    if (book.is_valid() && book.bids() != 0 && book.asks() != 0) {
      ASSERT_LT(book.bid(0).price_e9, book.ask(0).price_e9);
    }
    copy = book;
    book = copy;
  }
  EXPECT_GT(book.counts().updates, static_cast<std::uint64_t>(runs) / 4);
  EXPECT_GT(book.counts().uncrossed, 0U);
  EXPECT_GT(book.counts().dropped, 0U);
  EXPECT_GT(book.counts().lost, 0U);
  EXPECT_GT(book.counts().ignored, 0U);
}

TEST(order_book, agrees_with_two_maps_on_random_runs) {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    compare_with_the_model<4>(seed, 3'000);
    compare_with_the_model<8>(seed, 3'000);
    compare_with_the_model<32>(seed, 3'000);
  }
}

TEST(order_book, agrees_with_two_maps_while_the_market_runs_away_in_one_direction) {
  for (const std::int64_t step : {1, -1}) {
    BasicOrderBook<16> book;
    Model model(16);
    std::uint64_t sequence = 1;
    const auto give = [&](const std::vector<Level>& levels, unsigned flags) {
      for (std::size_t i = 0; i < levels.size(); ++i) {
        const Book event = change(levels[i], sequence, sequence - 1);
        const unsigned more = i + 1 < levels.size() ? unsigned{kFlagMore} : 0U;
        book.apply(event, flags | more);
        model.apply(event, flags | more);
      }
      ++sequence;
    };
    give({bid(5'000, 1), ask(5'001, 1)}, kFlagSnapshot);
    for (std::int64_t i = 1; i < 1'000; ++i) {
      const std::int64_t at = 5'000 + step * i;
      if (step > 0) {
        give({bid(at, 1), ask(at, 0), ask(at + 1, 1), ask(at + 30, 1)}, 0);
      } else {
        give({bid(at + 1, 0), bid(at, 1), bid(at - 30, 1), ask(at + 1, 1)}, 0);
      }
      ASSERT_TRUE(equal(book, model)) << step << " " << i;
    }
    EXPECT_EQ(book.counts().uncrossed, 0U);
  }
}

TEST(order_book, a_copy_goes_on_as_the_book_would_have_byte_for_byte) {
  BasicOrderBook<8> book;
  snapshot(book, 1, {bid(100, 1), ask(101, 2)});
  std::vector<std::byte> bytes(sizeof book);
  std::memcpy(bytes.data(), &book, sizeof book);
  std::vector<std::byte> after(sizeof book);
  const auto go_on = [](BasicOrderBook<8>& from) {
    std::mt19937 random(3);
    for (std::uint64_t i = 2; i < 500; ++i) {
      run(from, i, i - 1,
          {bid(80 + static_cast<std::int64_t>(random() % 20), static_cast<float>(random() % 3)),
           ask(101 + static_cast<std::int64_t>(random() % 20), static_cast<float>(random() % 3))});
    }
  };
  go_on(book);
  std::memcpy(after.data(), &book, sizeof book);
  BasicOrderBook<8> restored;
  std::memcpy(static_cast<void*>(&restored), bytes.data(), sizeof restored);
  go_on(restored);
  EXPECT_EQ(std::memcmp(after.data(), &restored, sizeof restored), 0);
}

TEST(order_book, bytes_that_are_no_book_are_told_from_one) {
  BasicOrderBook<8> book;
  EXPECT_TRUE(book.is_sound());
  snapshot(book, 1, {bid(100, 1), bid(99, 2), ask(101, 2), ask(103, 4)});
  EXPECT_TRUE(book.is_sound());
  std::vector<std::byte> bytes(sizeof book);
  std::memcpy(bytes.data(), &book, sizeof book);
  // Whatever byte of whatever bit is flipped: the book is refused, or can be used.
  std::size_t refused = 0;
  const std::size_t levels_end = 2 * sizeof(BookSide<8>);
  for (std::size_t bit = 0; bit < levels_end * 8; ++bit) {
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    BasicOrderBook<8> other;
    std::memcpy(static_cast<void*>(&other), bytes.data(), sizeof other);
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    if (!other.is_sound()) {
      ++refused;
      continue;
    }
    for (std::uint64_t i = 2; i < 40; ++i) {
      run(other, i, i - 1, {bid(80 + static_cast<std::int64_t>(i), 1), ask(141 - static_cast<std::int64_t>(i), 1)});
    }
    EXPECT_LE(other.bids(), 8U);
  }
  EXPECT_GT(refused, 100U);
}

}  // namespace
}  // namespace thintail
