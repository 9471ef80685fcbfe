// SPDX-License-Identifier: Apache-2.0
// Trades and order books on their way from the feed to the feature row, by the one path that pipeline, training and
// `features compute` share.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "adapters/feeds/file_feed.hpp"
#include "strategies/backtest/feature_pass.hpp"
#include "tests/support/data.hpp"
#include "tests/support/strategy_run.hpp"

namespace thintail {
namespace {

using test::kNoonNs;

constexpr const char* kSetText = R"(
name = "book-test"
description = "a book and a quote"
features = [
  { feature = "spread", mandatory = true },
  { feature = "book_depth", levels = 1, basis = "bid" },
  { feature = "book_spread_ticks" },
]
)";
constexpr std::size_t kDepth = 1;

const FeatureSet& book_set() {
  static const auto kSet = FeatureSet::from_toml(kSetText, "book-test.toml");
  EXPECT_TRUE(kSet.has_value()) << kSet.error().message();
  return *kSet;
}

class BookRun {
 public:
  BookRun() : instruments_(test::many_instruments(2)), run_(instruments_, book_set(), Isa::scalar) {}

  void level(Side side, std::int64_t price, float size, std::uint64_t sequence, unsigned flags, InstrumentId id = 0) {
    run_.take(Event::make(kNoonNs, id, Book{price * kE9, kNoonNs, sequence, size, side, {}, sequence - 1}, flags));
  }
  void snapshot(std::uint64_t sequence, float size, InstrumentId id = 0) {
    level(Side::buy, 100, size, sequence, kFlagSnapshot | kFlagMore, id);
    level(Side::sell, 101, 1, sequence, kFlagSnapshot, id);
  }
  void gap() { run_.take(Event::make(kNoonNs, kNoInstrument, Gap{3, 1, {}})); }
  // The book's lane at a tick now.
  float depth(InstrumentId id = 0) {
    return run_.take(Event::make(kNoonNs, id, Tick{100 * kE9, 101 * kE9, 1, 1, kNoonNs, 0}))->values[kDepth];
  }

  MarketState& market() { return run_.market(); }

 private:
  InstrumentTable instruments_;
  FeatureRun run_;
};

TEST(book_events, a_row_shows_the_book_once_a_snapshot_is_whole) {
  BookRun run;
  EXPECT_TRUE(std::isnan(run.depth()));
  run.level(Side::buy, 100, 5, 1, kFlagSnapshot | kFlagMore);
  EXPECT_TRUE(std::isnan(run.depth())) << "half a snapshot";
  run.level(Side::sell, 101, 1, 1, kFlagSnapshot);
  EXPECT_EQ(run.depth(), 5.0F);
  EXPECT_TRUE(std::isnan(run.depth(1))) << "each instrument has a book of its own";
}

TEST(book_events, an_update_counts_when_it_is_whole) {
  BookRun run;
  run.snapshot(1, 5);
  run.level(Side::buy, 100, 7, 2, kFlagMore);
  EXPECT_EQ(run.depth(), 5.0F) << "half an update is no state that the market was in";
  run.level(Side::buy, 99, 1, 2, 0);
  EXPECT_EQ(run.depth(), 7.0F);
}

TEST(book_events, a_lost_update_undefines_the_lanes_until_the_next_snapshot) {
  BookRun run;
  run.snapshot(1, 5);
  run.level(Side::buy, 100, 7, 9, 0);  // follows on 8
  EXPECT_TRUE(std::isnan(run.depth()));
  run.level(Side::buy, 100, 7, 10, 0);
  EXPECT_TRUE(std::isnan(run.depth()));
  run.snapshot(11, 6);
  EXPECT_EQ(run.depth(), 6.0F);
}

TEST(book_events, lost_inputs_undefine_every_book) {
  BookRun run;
  run.snapshot(1, 5, 0);
  run.snapshot(1, 4, 1);
  run.gap();
  EXPECT_TRUE(std::isnan(run.depth(0)));
  EXPECT_TRUE(std::isnan(run.depth(1)));
  run.level(Side::buy, 100, 7, 2, 0);
  EXPECT_TRUE(std::isnan(run.depth(0))) << "even where the next update seems to follow on";
  run.snapshot(3, 8, 1);
  EXPECT_EQ(run.depth(1), 8.0F);
}

TEST(book_events, a_set_without_depth_takes_books_and_gaps_and_trades_in_its_stride) {
  const auto instruments = test::many_instruments(1);
  FeatureRun run(instruments, FeatureSet::core_32(), Isa::scalar);
  run.take(Event::make(kNoonNs, 0, Book{kE9, kNoonNs, 1, 1.0F, Side::buy, {}, 0}, kFlagSnapshot));
  run.take(Event::make(kNoonNs, 0, Trade{kE9, kNoonNs, 1, 1.0F, Side::buy, {}}));
  run.take(Event::make(kNoonNs, kNoInstrument, Gap{3, 1, {}}));
  EXPECT_NE(run.take(test::tick_at(kNoonNs, kE9, kE9 + 1)), nullptr);
}

TEST(book_events, the_pipeline_takes_books_trades_and_gaps_of_instruments_known_and_unknown) {
  const auto instruments = test::many_instruments(1);
  std::vector<Event> inputs;
  for (const InstrumentId id : {InstrumentId{0}, InstrumentId{9}, kNoInstrument}) {
    inputs.push_back(Event::make(kNoonNs, id, Book{kE9, kNoonNs, 1, 1.0F, Side::buy, {}, 0}, kFlagSnapshot));
    inputs.push_back(Event::make(kNoonNs, id, Trade{kE9, kNoonNs, 1, 1.0F, Side::buy, {}}));
  }
  inputs.push_back(Event::make(kNoonNs, kNoInstrument, Gap{3, 1, {}}));
  inputs.push_back(test::tick_at(kNoonNs, kE9, kE9 + 1));
  const auto run = test::record(inputs, test::trading_settings(), instruments);
  EXPECT_EQ(test::of_type(run.events, EventType::book).size(), 3U) << "every input stands in the stream";
  EXPECT_EQ(test::of_type(run.events, EventType::trade).size(), 3U);
}

TEST(book_events, a_snapshot_whose_book_is_none_is_refused) {
  BookRun run;
  for (std::uint64_t i = 1; i < 50; ++i) run.snapshot(i, 5);
  const std::vector<std::byte> bytes = run.market().snapshot();
  std::size_t refused_books = 0;
  for (std::size_t at = 0; at < bytes.size(); at += 7) {
    std::vector<std::byte> damaged = bytes;
    damaged[at] ^= std::byte{0x80};
    BookRun other;
    const auto done = other.market().restore(damaged);
    refused_books += !done && done.error().field == "book";
    if (done) static_cast<void>(other.depth());  // whatever it shows, it is no crash
  }
  EXPECT_GT(refused_books, 0U);
  BookRun same;
  ASSERT_TRUE(same.market().restore(bytes).has_value());
  EXPECT_EQ(same.depth(), 5.0F);
}

std::vector<Event> capture_events(InstrumentTable& instruments) {
  const auto path = test::data_dir() / "protocol" / "binance_usdm_btcusdt_20240808.jsonl.zst";
  auto feed = FileFeed::open({path.string()}, {}, instruments);
  EXPECT_TRUE(feed.has_value()) << feed.error().message();
  std::vector<Event> events;
  Event event;
  while (feed->poll(event)) events.push_back(event);
  return events;
}

TEST(book_events, rows_of_a_real_capture_go_on_from_a_snapshot_taken_anywhere) {
  TT_REQUIRE_DATA(test::data_dir() / "protocol" / "binance_usdm_btcusdt_20240808.jsonl.zst");
  InstrumentTable instruments;
  const std::vector<Event> events = capture_events(instruments);
  const auto set = FeatureSet::find("book-64");
  ASSERT_TRUE(set.has_value());
  FeatureRun whole(instruments, **set, Isa::scalar);
  std::unique_ptr<FeatureRun> restored;
  std::size_t compared = 0;
  std::size_t within_a_run = 0;
  // In the middle of the REST snapshot, of an update, and between two.
  for (std::size_t i = 0; i < events.size(); ++i) {
    const FeatureRow* const row = whole.take(events[i]);
    if (restored) {
      const FeatureRow* const other = restored->take(events[i]);
      ASSERT_EQ(row == nullptr, other == nullptr);
      if (row != nullptr) {
        ASSERT_EQ(std::memcmp(row->values.data(), other->values.data(), sizeof row->values), 0) << i;
        ASSERT_TRUE(row->defined == other->defined) << i;
        ++compared;
      }
    }
    if (i % 50'021 == 1'000) {
      within_a_run += events[i].type == EventType::book && (events[i].flags & kFlagMore) != 0;
      const std::vector<std::byte> bytes = whole.market().snapshot();
      restored = std::make_unique<FeatureRun>(instruments, **set, Isa::scalar);
      const auto done = restored->market().restore(bytes);
      ASSERT_TRUE(done.has_value()) << done.error().message();
    }
  }
  EXPECT_GT(compared, 60'000U);
  EXPECT_GT(within_a_run, 3U);
}

}  // namespace
}  // namespace thintail
