// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/binance_capture.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <memory>
#include <random>

#include "core/book/order_book.hpp"
#include "tests/support/data.hpp"
#include "tests/support/feed_files.hpp"

namespace thintail {
namespace {

constexpr std::int64_t kReceiveNs = 1'723'161'255'030'314'667;
constexpr std::int64_t kMs = 1'000'000;
const std::string kName = "binance_usdm_btcusdt_20240808.jsonl";

// Written by hand after PROTOCOLS.md.
const std::string kTicker =
    R"({"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":91,"s":"BTCUSDT","b":"64000.10","B":"0.5",)"
    R"("a":"64000.20","A":"1.25","T":1723161256313,"E":1723161256314}})";
const std::string kSpotTicker =
    R"({"stream":"btcusdt@bookTicker","data":{"u":91,"s":"BTCUSDT","b":"64000.10000000","B":"0.50000000",)"
    R"("a":"64000.11000000","A":"1.2"}})";
const std::string kTrade =
    R"({"stream":"btcusdt@trade","data":{"e":"trade","E":1723161256344,"T":1723161256343,"s":"BTCUSDT","t":5266,)"
    R"("p":"64000.20","q":"0.199","X":"MARKET","m":false}})";
const std::string kDepth =
    R"({"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1723161256299,"T":1723161256298,"s":"BTCUSDT",)"
    R"("U":101,"u":110,"pu":99,"b":[["63999.00","0.014"],["63998.50","0.000"]],"a":[["64001.30","2.5"]]}})";
const std::string kSpotDepth =
    R"({"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161601273,"s":"BTCUSDT","U":101,"u":110,)"
    R"("b":[["63999.00","0.014"]],"a":[]}})";

std::string depth(std::uint64_t first, std::uint64_t last, std::uint64_t previous, const std::string& bids = "",
                  const std::string& asks = "") {
  return fmt::format(R"({{"stream":"btcusdt@depth@0ms","data":{{"e":"depthUpdate","E":2,"T":1,"s":"BTCUSDT",)"
                     R"("U":{},"u":{},"pu":{},"b":[{}],"a":[{}]}}}})",
                     first, last, previous, bids, asks);
}
std::string snapshot(std::uint64_t id, const std::string& bids, const std::string& asks) {
  return fmt::format(R"({{"lastUpdateId":{},"E":4,"T":3,"bids":[{}],"asks":[{}]}})", id, bids, asks);
}

// A message as it lies in a file's buffer: nothing readable behind its padding, so that a sanitizer sees what reads on.
class Padded {
 public:
  explicit Padded(std::string_view text)
      : bytes_(std::make_unique<char[]>(text.size() + BinanceMessages::kPaddingBytes)), size_(text.size()) {
    std::memcpy(bytes_.get(), text.data(), text.size());
  }
  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_;
};

struct Taken {
  BinanceMessage message = BinanceMessage::refused;
  std::vector<Event> events;
  std::string field;
  std::string found;
};

Taken take(BinanceMessages& messages, const std::string& json, std::int64_t receive_ns = kReceiveNs) {
  Taken out;
  RowFault fault;
  const Padded padded(json);
  out.message = messages.take(padded.view(), receive_ns, out.events, fault);
  out.field = fault.field;
  out.found = fault.found;
  return out;
}
Taken take(const std::string& json) {
  BinanceMessages messages("BTCUSDT", 7);
  return take(messages, json);
}

struct Outcome {
  std::vector<Event> events;
  FeedStats stats;
  std::optional<Error> error;
  std::string instrument;
};

Outcome run(const std::vector<std::string>& paths, const FileFeedOptions& options = {}) {
  InstrumentTable instruments;
  Outcome out;
  auto feed = FileFeed::open(paths, options, instruments);
  if (!feed) {
    out.error = feed.error();
    return out;
  }
  Event event;
  while (feed->poll(event)) out.events.push_back(event);
  out.stats = feed->stats();
  out.error = feed->error();
  if (instruments.size() != 0) out.instrument = instruments[0].name();
  return out;
}

std::string line(std::int64_t receive_ns, const std::string& json) { return fmt::format("{} {}\n", receive_ns, json); }

TEST(binance_messages, a_quote_becomes_a_tick_with_every_field) {
  const Taken futures = take(kTicker);
  ASSERT_EQ(futures.message, BinanceMessage::tick);
  ASSERT_EQ(futures.events.size(), 1U);
  EXPECT_EQ(futures.events[0].time_ns, kReceiveNs);
  EXPECT_EQ(futures.events[0].instrument, 7U);
  const Tick tick = futures.events[0].as<Tick>();
  EXPECT_EQ(tick.bid_e9, 64'000'100'000'000);
  EXPECT_EQ(tick.ask_e9, 64'000'200'000'000);
  EXPECT_EQ(tick.bid_size, 0.5F);
  EXPECT_EQ(tick.ask_size, 1.25F);
  EXPECT_EQ(tick.source_sequence, 91U);
  EXPECT_EQ(tick.venue_ns, 1'723'161'256'313 * kMs) << "T, the matching engine's time, not E";
}

TEST(binance_messages, a_spot_quote_has_no_time_but_that_of_its_receipt) {
  const Taken spot = take(kSpotTicker);
  ASSERT_EQ(spot.message, BinanceMessage::tick);
  EXPECT_EQ(spot.events[0].as<Tick>().venue_ns, kReceiveNs);
  EXPECT_EQ(spot.events[0].as<Tick>().ask_e9, 64'000'110'000'000);
}

TEST(binance_messages, a_buyer_who_is_the_maker_means_that_the_aggressor_sold) {
  const Taken bought = take(kTrade);
  ASSERT_EQ(bought.message, BinanceMessage::trade);
  const Trade trade = bought.events.at(0).as<Trade>();
  EXPECT_EQ(trade.price_e9, 64'000'200'000'000);
  EXPECT_EQ(trade.size, 0.199F);
  EXPECT_EQ(trade.source_sequence, 5266U);
  EXPECT_EQ(trade.venue_ns, 1'723'161'256'343 * kMs);
  EXPECT_EQ(trade.aggressor, Side::buy);
  std::string sold = kTrade;
  sold.replace(sold.find("\"m\":false"), 9, "\"m\":true");
  EXPECT_EQ(take(sold).events.at(0).as<Trade>().aggressor, Side::sell);
}

TEST(binance_messages, a_depth_update_is_a_run_of_levels_of_which_the_last_ends_it) {
  const Taken taken = take(kDepth);
  ASSERT_EQ(taken.message, BinanceMessage::book_update);
  ASSERT_EQ(taken.events.size(), 3U);
  const Book first = taken.events[0].as<Book>();
  EXPECT_EQ(first.price_e9, 63'999'000'000'000);
  EXPECT_EQ(first.size, 0.014F);
  EXPECT_EQ(first.side, Side::buy);
  EXPECT_EQ(first.source_sequence, 110U);
  EXPECT_EQ(first.previous_sequence, 99U) << "pu";
  EXPECT_EQ(first.venue_ns, 1'723'161'256'298 * kMs);
  EXPECT_EQ(taken.events[1].as<Book>().size, 0.0F);
  EXPECT_EQ(taken.events[2].as<Book>().side, Side::sell);
  EXPECT_EQ(taken.events[0].flags, kFlagMore);
  EXPECT_EQ(taken.events[1].flags, kFlagMore);
  EXPECT_EQ(taken.events[2].flags, 0);
}

TEST(binance_messages, a_spot_update_follows_on_the_id_before_its_first) {
  const Taken taken = take(kSpotDepth);
  ASSERT_EQ(taken.events.size(), 1U);
  EXPECT_EQ(taken.events[0].as<Book>().previous_sequence, 100U);
  EXPECT_EQ(taken.events[0].as<Book>().venue_ns, 1'723'161'601'273 * kMs);
}

TEST(binance_messages, an_update_without_a_level_still_moves_the_sequence) {
  const Taken taken = take(depth(101, 110, 99));
  ASSERT_EQ(taken.events.size(), 1U);
  EXPECT_EQ(taken.events[0].as<Book>().side, Side::none);
  EXPECT_EQ(taken.events[0].as<Book>().source_sequence, 110U);
  EXPECT_EQ(taken.events[0].flags, 0);
}

TEST(binance_messages, messages_may_come_without_a_stream_around_them_and_with_keys_in_any_order) {
  EXPECT_EQ(take(R"({"A":"1","a":"2","B":"3","b":"1","s":"BTCUSDT","u":5})").message, BinanceMessage::tick);
  const Taken update = take(R"({"a":[["3","1"]],"b":[["2","1"]],"u":9,"U":8,"s":"BTCUSDT","E":1,"e":"depthUpdate"})");
  ASSERT_EQ(update.events.size(), 2U);
  EXPECT_EQ(update.events[0].as<Book>().side, Side::sell);
  EXPECT_EQ(take(R"({"data":)" + std::string(R"({"A":"1","a":"2","B":"3","b":"1","s":"BTCUSDT","u":5},"stream":"x"})"))
                .message,
            BinanceMessage::tick);
}

TEST(binance_messages, times_may_be_microseconds) {
  std::string micro = kTicker;
  micro.replace(micro.find("1723161256313"), 13, "1723161256313250");
  EXPECT_EQ(take(micro).events.at(0).as<Tick>().venue_ns, 1'723'161'256'313'250'000);
}

TEST(binance_messages, a_size_beyond_nine_billion_is_read_all_the_same) {
  std::string large = kTicker;
  large.replace(large.find("\"0.5\""), 5, "\"123456789012.75\"");
  EXPECT_EQ(take(large).events.at(0).as<Tick>().bid_size, 123'456'789'012.0F);
}

TEST(binance_messages, a_snapshot_is_followed_by_the_updates_that_reach_beyond_it) {
  BinanceMessages messages("BTCUSDT", 7);
  take(messages, depth(1, 10, 0, R"(["99","1"])"));
  take(messages, depth(11, 20, 10, R"(["98","1"])"));
  take(messages, depth(21, 30, 20, R"(["97","1"])", R"(["102","4"])"));
  const Taken taken = take(messages, snapshot(15, R"(["100","1"],["96","2"])", R"(["101","1"])"), kReceiveNs + 5);
  ASSERT_EQ(taken.message, BinanceMessage::book_snapshot);
  ASSERT_EQ(taken.events.size(), 3U + 1U + 2U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(taken.events[i].as<Book>().source_sequence, 15U);
    EXPECT_EQ(taken.events[i].flags, kFlagSnapshot | (i < 2 ? kFlagMore : 0));
    EXPECT_EQ(taken.events[i].as<Book>().previous_sequence, 0U);
  }
  EXPECT_EQ(taken.events[3].as<Book>().source_sequence, 20U);
  EXPECT_EQ(taken.events[5].as<Book>().source_sequence, 30U);
  for (const Event& event : taken.events) EXPECT_EQ(event.time_ns, kReceiveNs + 5);

  OrderBook book;
  for (const Event& event : taken.events) book.apply(event.as<Book>(), event.flags);
  EXPECT_TRUE(book.is_valid());
  EXPECT_EQ(book.sequence(), 30U);
  EXPECT_EQ(book.bids(), 4U) << "100, 98, 97, 96; 99 is older than the snapshot";
  const Taken next = take(messages, depth(31, 40, 30, R"(["100","0"])"));
  for (const Event& event : next.events) book.apply(event.as<Book>(), event.flags);
  EXPECT_EQ(book.bid(0).price_e9, 98'000'000'000);
}

TEST(binance_messages, a_snapshot_that_no_update_follows_on_is_refused) {
  BinanceMessages messages("BTCUSDT", 7);
  take(messages, depth(21, 30, 20, R"(["97","1"])"));
  const Taken taken = take(messages, snapshot(15, R"(["100","1"])", R"(["101","1"])"));
  EXPECT_EQ(taken.message, BinanceMessage::refused);
  EXPECT_EQ(taken.field, "lastUpdateId");
  EXPECT_EQ(take(messages, snapshot(25, R"(["100","1"])", R"(["101","1"])")).message, BinanceMessage::book_snapshot);
  EXPECT_EQ(take(messages, snapshot(99, R"(["100","1"])", R"(["101","1"])")).message, BinanceMessage::book_snapshot)
      << "the stream has not come that far yet";
}

TEST(binance_messages, only_so_many_updates_are_kept_for_a_snapshot) {
  BinanceMessages messages("BTCUSDT", 7);
  const std::uint64_t count = BinanceMessages::kUpdatesKeptMax + 10;
  for (std::uint64_t i = 1; i <= count; ++i) take(messages, depth(i, i, i - 1, R"(["97","1"])"));
  EXPECT_EQ(take(messages, snapshot(5, "", "")).message, BinanceMessage::refused);
  EXPECT_EQ(take(messages, snapshot(20, "", "")).events.size(), 1U + count - 19U);
}

TEST(binance_messages, what_cannot_be_used_is_refused_and_named) {
  const auto with = [](std::string text, const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  };
  struct Case {
    std::string json;
    std::string field;
  };
  const std::vector<Case> cases = {
      {"", "message"},
      {"[]", "message"},
      {"{}", "message"},
      {"null", "message"},
      {kTicker.substr(0, kTicker.size() - 1), "message"},
      {kTicker + "}", "message"},
      {kTicker + " {}", "message"},
      {with(kTicker, "bookTicker\",\"u\"", "aggTrade\",\"u\""), "e"},
      {R"({"stream":"btcusdt@kline_1m","data":{"e":"kline","E":1,"s":"BTCUSDT","k":{"t":1}}})", "e"},
      {R"({"stream":"btcusdt@depth5","data":{"lastUpdateId":5,"bids":[],"asks":[]}})", "stream"},
      {R"({"result":null,"id":1})", "message"},
      {R"({"stream":"x","data":5})", "data"},
      {with(kTicker, "BTCUSDT", "ETHUSDT"), "s"},
      {with(kTrade, "BTCUSDT", "btcusdt"), "s"},
      {with(kDepth, "BTCUSDT", ""), "s"},
      {with(kTicker, "\"u\":91", "\"u\":18446744073709551616"), "u"},
      {with(kTicker, "\"u\":91", "\"u\":-1"), "u"},
      {with(kTicker, "\"u\":91", "\"u\":9.5"), "u"},
      {with(kTicker, "\"u\":91,", ""), "u"},
      {with(kTicker, "1723161256313", "17231612563131723"), "T"},
      {with(kTicker, "64000.10", "9223372036.854775808"), "b"},
      {with(kTicker, "64000.10", "0.00"), "b"},
      {with(kTicker, "64000.10", "-1"), "b"},
      {with(kTicker, "64000.10", "6e4"), "b"},
      {with(kTicker, "64000.10", "64000.1000000001"), "b"},
      {with(kTicker, "\"64000.10\"", "64000.10"), "b"},
      {with(kTicker, "\"0.5\"", "\"-0.5\""), "B"},
      {with(kTicker, "\"0.5\"", "\"\""), "B"},
      {with(kTicker, "\"0.5\"", "\"99999999999999999999.5\""), "B"},
      {with(kTicker, "\"A\":\"1.25\"", "\"X\":1"), "A"},
      {with(kTrade, "\"m\":false", "\"m\":0"), "m"},
      {with(kTrade, ",\"m\":false", ""), "m"},
      {with(kTrade, "\"p\":\"64000.20\"", "\"p\":\"0\""), "p"},
      {with(kTrade, "\"t\":5266,", ""), "t"},
      {with(kDepth, "[\"63999.00\",\"0.014\"]", "[\"63999.00\"]"), "b"},
      {with(kDepth, "[\"63999.00\",\"0.014\"]", "[\"63999.00\",\"0.014\",\"1\"]"), "b"},
      {with(kDepth, "[\"63999.00\",\"0.014\"]", "[]"), "b"},
      {with(kDepth, "[\"63999.00\",\"0.014\"]", "5"), "b"},
      {with(kDepth, "\"2.5\"", "\"x\""), "a"},
      {with(kDepth, "\"U\":101", "\"U\":111"), "U"},
      {with(kDepth, "\"U\":101", "\"U\":0"), "U"},
      {with(kDepth, "\"U\":101,", ""), "U"},
      {with(kDepth, ",\"a\":[[\"64001.30\",\"2.5\"]]", ""), "asks"},
      {with(kDepth, "[[\"64001.30\",\"2.5\"]]", "\"64001.30\""), "asks"},
      {R"({"lastUpdateId":5,"bids":[]})", "asks"},
      {R"({"lastUpdateId":5,"bids":{},"asks":[]})", "bids"},
  };
  for (const Case& row : cases) {
    const Taken taken = take(row.json);
    EXPECT_EQ(taken.message, BinanceMessage::refused) << row.json;
    EXPECT_EQ(taken.field, row.field) << row.json << " found " << taken.found;
    EXPECT_TRUE(taken.events.empty()) << row.json;
  }
}

TEST(binance_messages, a_refused_message_leaves_the_next_one_alone) {
  BinanceMessages messages("BTCUSDT", 7);
  EXPECT_EQ(take(messages, kDepth.substr(0, kDepth.size() - 20)).message, BinanceMessage::refused);
  EXPECT_EQ(take(messages, kTicker.substr(0, 60)).message, BinanceMessage::refused);
  EXPECT_EQ(take(messages, kDepth).events.size(), 3U);
  EXPECT_EQ(take(messages, kTicker).message, BinanceMessage::tick);
}

TEST(binance_messages, bytes_of_any_kind_do_no_harm) {
  std::mt19937 random(20240808);
  const std::vector<std::string> seeds = {
      kTicker, kSpotTicker, kTrade, kDepth, kSpotDepth, snapshot(105, R"(["100","1"],["96","2"])", R"(["101","1"])")};
  BinanceMessages messages("BTCUSDT", 7);
  std::size_t accepted = 0;
  const auto check = [&](const std::string& text) {
    const Taken taken = take(messages, text);
    ASSERT_EQ(taken.events.empty(), taken.message == BinanceMessage::refused);
    accepted += taken.message != BinanceMessage::refused;
    for (const Event& event : taken.events) {
      if (event.type == EventType::book && event.as<Book>().side != Side::none) {
        ASSERT_GT(event.as<Book>().price_e9, 0);
        ASSERT_GE(event.as<Book>().size, 0.0F);
      }
    }
  };
  for (const std::string& seed : seeds) {
    for (std::size_t size = 0; size <= seed.size(); ++size) check(seed.substr(0, size));  // cut at every byte
  }
  const int rounds = test::is_long_run() ? 3'000'000 : 60'000;
  constexpr std::string_view kTokens = "{}[]\",:.0123456789eE-+\\ubaBATEs\0\xff\xc3";
  for (int i = 0; i < rounds; ++i) {
    std::string text = seeds[random() % seeds.size()];
    for (auto changes = random() % 4 + 1; changes > 0; --changes) {
      const std::size_t at = random() % text.size();
      const char byte = kTokens[random() % kTokens.size()];
      switch (random() % 5) {
        case 0: text[at] = byte; break;
        case 1: text.insert(at, 1, byte); break;
        case 2: text.erase(at, random() % 5 + 1); break;
        case 3: text.insert(at, text.substr(random() % text.size(), random() % 40)); break;
        default: text[at] = static_cast<char>(random()); break;
      }
      if (text.empty()) text = "{";
    }
    check(text);
    if (HasFatalFailure()) FAIL() << text;
  }
  for (int i = 0; i < 2'000; ++i) {
    std::string text(random() % 300, '\0');
    for (char& c : text) c = static_cast<char>(random());
    check(text);
  }
  check(std::string(100'000, '['));
  check(R"({"data":)" + std::string(100'000, '{'));
  EXPECT_GT(accepted, 1'000U) << "mutants that are still messages, or nothing was tested";
}

TEST(binance_capture, lines_become_events_in_their_order_and_are_counted) {
  const test::FeedFolder folder;
  const std::string text =
      line(10, kTicker) + line(20, kTrade) + line(20, kDepth) + line(30, snapshot(105, R"(["1","1"])", ""));
  const Outcome out = run({folder.write(kName, text)});
  ASSERT_FALSE(out.error) << out.error->message();
  EXPECT_EQ(out.instrument, "BTCUSDT@binance-usdm");
  std::vector<std::pair<std::int64_t, EventType>> seen;
  for (const Event& event : out.events) seen.emplace_back(event.time_ns, event.type);
  const std::vector<std::pair<std::int64_t, EventType>> expected = {
      {10, EventType::tick}, {20, EventType::trade}, {20, EventType::book},
      {20, EventType::book}, {20, EventType::book},  {30, EventType::book},
      {30, EventType::book}, {30, EventType::book},  {30, EventType::book}};
  EXPECT_EQ(seen, expected);
  EXPECT_EQ(out.stats.rows, 4U);
  EXPECT_EQ(out.stats.ticks, 1U);
  EXPECT_EQ(out.stats.trades, 1U);
  EXPECT_EQ(out.stats.book_updates, 1U);
  EXPECT_EQ(out.stats.book_snapshots, 1U);
  EXPECT_EQ(out.stats.bad_rows, 0U);
  EXPECT_EQ(out.stats.same_time, 1U);
}

TEST(binance_capture, a_line_stamped_far_off_is_bad_also_as_the_first) {
  const test::FeedFolder folder;
  constexpr std::int64_t kFar = 8'900'000'000'000'000'000;
  const std::string good = line(kReceiveNs, kTicker) + line(kReceiveNs + 1, kTrade);
  const std::string far = line(kFar, kDepth);
  const std::string end = line(kReceiveNs + 2, kTicker);
  for (const std::string& text : {good + far + end, good + far, far + good + end}) {
    const Outcome out = run({folder.write(kName, text)});
    ASSERT_FALSE(out.error) << out.error->message();
    ASSERT_EQ(out.stats.bad_rows, 1U) << text;
    EXPECT_EQ(out.stats.backwards, 0U);
    EXPECT_EQ(out.stats.first_bad_row->line, text.starts_with(far) ? 1U : 3U);
    EXPECT_EQ(out.stats.first_bad_row->field, "time");
    EXPECT_EQ(out.events.front().time_ns, kReceiveNs);
    EXPECT_EQ(out.events.back().time_ns, kReceiveNs + (text.ends_with(end) ? 2 : 1));
    EXPECT_EQ(out.stats.book_updates, 0U);
  }
}

TEST(binance_capture, spot_and_futures_are_instruments_of_different_venues) {
  const test::FeedFolder folder;
  EXPECT_EQ(run({folder.write("binance_spot_btcusdt_1.jsonl", line(10, kSpotTicker))}).instrument, "BTCUSDT@binance");
  EXPECT_EQ(run({folder.write("binance_btcusdt_1.jsonl", line(10, kSpotTicker))}).instrument, "BTCUSDT@binance");
  EXPECT_EQ(run({folder.write("x.jsonl", line(10, kSpotTicker))}, {.instrument = "BTCUSDT@elsewhere"}).instrument,
            "BTCUSDT@elsewhere");
}

TEST(binance_capture, bad_lines_are_skipped_counted_and_named) {
  const test::FeedFolder folder;
  const std::string text = line(10, kTicker) + "20 " + kTicker.substr(0, 50) + "\nnonsense\n" + line(30, kTicker);
  const std::string path = folder.write(kName, text);
  const Outcome out = run({path});
  ASSERT_FALSE(out.error);
  EXPECT_EQ(out.events.size(), 2U);
  EXPECT_EQ(out.stats.rows, 4U);
  EXPECT_EQ(out.stats.bad_rows, 2U);
  ASSERT_TRUE(out.stats.first_bad_row);
  EXPECT_EQ(out.stats.first_bad_row->code, ErrorCode::row_bad_field);
  EXPECT_EQ(out.stats.first_bad_row->line, 2U);
  EXPECT_EQ(out.stats.first_bad_row->file, path);
  EXPECT_EQ(out.stats.first_bad_row->field, "message");

  const Outcome strict = run({path}, {.strict = true});
  ASSERT_TRUE(strict.error);
  EXPECT_EQ(strict.error->code, ErrorCode::row_bad_field);
  EXPECT_EQ(strict.error->line, 2U);
  EXPECT_EQ(strict.events.size(), 1U) << "what precedes the bad line is given";
}

TEST(binance_capture, a_line_needs_a_time_and_one_space) {
  const test::FeedFolder folder;
  for (const std::string& bad :
       {kTicker, "20  " + kTicker, "20" + kTicker, "-5 " + kTicker, "0 " + kTicker, "99999999999999999999 " + kTicker,
        std::string("20"), std::string("20 "), std::string()}) {
    const Outcome out = run({folder.write(kName, line(10, kTicker) + bad + "\n" + line(30, kTicker))});
    EXPECT_EQ(out.stats.bad_rows, 1U) << bad;
    EXPECT_EQ(out.events.size(), 2U) << bad;
  }
}

TEST(binance_capture, a_wrong_symbol_is_a_bad_line_and_a_file_of_them_another_instruments) {
  const test::FeedFolder folder;
  std::string other = kTicker;
  other.replace(other.find("BTCUSDT"), 7, "ETHUSDT");
  const Outcome one = run({folder.write(kName, line(10, kTicker) + line(20, other))});
  EXPECT_EQ(one.stats.bad_rows, 1U);
  EXPECT_EQ(one.stats.first_bad_row->field, "s");
  EXPECT_EQ(one.stats.first_bad_row->found, "\"ETHUSDT\"");
  const Outcome all = run({folder.write("binance_usdm_btcusdt_2.jsonl", line(10, other) + line(20, other))});
  ASSERT_TRUE(all.error);
  EXPECT_EQ(all.error->code, ErrorCode::format_mismatch);
  EXPECT_EQ(all.error->field, "s");
}

TEST(binance_capture, line_ends_of_any_kind_and_a_missing_last_one_are_read) {
  const test::FeedFolder folder;
  std::string text = line(10, kTicker);
  text.insert(text.size() - 1, "\r");
  EXPECT_EQ(run({folder.write(kName, text + "20 " + kTicker)}).events.size(), 2U);
}

TEST(binance_capture, a_file_cut_in_its_last_line_says_so) {
  const test::FeedFolder folder;
  const std::string text = line(10, kTicker) + line(20, kDepth);
  for (std::size_t cut = 1; cut < kDepth.size(); ++cut) {
    const Outcome out = run({folder.write(kName, text.substr(0, text.size() - 1 - cut))});
    ASSERT_EQ(out.events.size(), 1U) << cut;
    ASSERT_EQ(out.stats.bad_rows, 1U) << cut;
  }
}

TEST(binance_capture, a_cut_compressed_file_gives_what_precedes_the_cut_and_an_error) {
  const test::FeedFolder folder;
  std::string text;
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string ticker = kTicker;
    ticker.replace(ticker.find("64000.10"), 8, fmt::format("63{:03}.10", random() % 1'000));
    text += line(10 + i, ticker);
  }
  const std::string packed = test::zstd_packed(text);
  const Outcome out = run({folder.write(kName + ".zst", packed.substr(0, packed.size() / 2))});
  ASSERT_TRUE(out.error);
  EXPECT_EQ(out.error->code, ErrorCode::compressed_truncated);
  EXPECT_GT(out.events.size(), 1'000U);
  EXPECT_EQ(out.stats.bad_rows, 0U) << "the line that was cut with the stream is no line";
  EXPECT_EQ(run({folder.write("binance_usdm_btcusdt_3.jsonl.zst", packed)}).events.size(), 20'000U);
}

TEST(binance_capture, lines_that_cross_the_border_of_two_pieces_are_whole) {
  const test::FeedFolder folder;
  std::string levels;
  for (int i = 0; i < 3'000; ++i) levels += fmt::format(R"({}["{}.5","1"])", i == 0 ? "" : ",", 60'000 - i);
  std::string text;
  for (std::uint64_t i = 1; i <= 40; ++i)
    text +=
        line(static_cast<std::int64_t>(i), depth(i, i, i - 1, levels)) + line(static_cast<std::int64_t>(i), kTicker);
  const Outcome out = run({folder.write(kName + ".zst", test::zstd_packed(text))});
  EXPECT_EQ(out.stats.bad_rows, 0U);
  EXPECT_EQ(out.stats.book_updates, 40U);
  EXPECT_EQ(out.events.size(), 40U * 3'001U);
}

TEST(binance_capture, a_line_without_an_end_is_not_gathered_into_memory) {
  const test::FeedFolder folder;
  const Outcome out = run({folder.write(kName, line(10, kTicker) + std::string(6u << 20, '7'))});
  ASSERT_TRUE(out.error);
  EXPECT_EQ(out.error->code, ErrorCode::format_mismatch);
  EXPECT_EQ(out.error->line, 2U);
}

TEST(binance_capture, a_file_of_another_kind_is_found_out_early) {
  const test::FeedFolder folder;
  std::string text;
  for (int i = 0; i < 1'000; ++i) text += line(10 + i, R"({"stream":"x@kline","data":{"e":"kline"}})");
  const Outcome out = run({folder.write(kName, text)});
  ASSERT_TRUE(out.error);
  EXPECT_EQ(out.error->code, ErrorCode::format_mismatch);
  EXPECT_EQ(out.error->line, 16U);
}

TEST(binance_capture, receive_times_that_go_back_are_held_and_counted) {
  const test::FeedFolder folder;
  const std::string path = folder.write(kName, line(10, kTicker) + line(5, kTrade) + line(12, kTicker));
  const Outcome out = run({path});
  EXPECT_EQ(out.stats.backwards, 1U);
  EXPECT_EQ(out.events.at(1).time_ns, 10);
  const Outcome strict = run({path}, {.strict = true});
  ASSERT_TRUE(strict.error);
  EXPECT_EQ(strict.error->code, ErrorCode::time_backwards);
  EXPECT_EQ(strict.error->line, 2U);
}

TEST(binance_capture, crossed_quotes_are_kept_and_counted_or_refused_when_strict) {
  const test::FeedFolder folder;
  std::string crossed = kTicker;
  crossed.replace(crossed.find("64000.20"), 8, "63000.20");
  const std::string path = folder.write(kName, line(10, kTicker) + line(12, crossed));
  EXPECT_EQ(run({path}).stats.crossed, 1U);
  EXPECT_EQ(run({path}).events.size(), 2U);
  const Outcome strict = run({path}, {.strict = true});
  EXPECT_EQ(strict.error->code, ErrorCode::crossed_quote);
  EXPECT_EQ(strict.events.size(), 1U);
}

TEST(binance_capture, merges_with_other_files_by_receive_time) {
  const test::FeedFolder folder;
  constexpr std::int64_t kMidnightNs = 1'398'988'800'000'000'000;
  const std::string gold = folder.write("oanda_xauusd_tick_20140502.csv", "1,1,2\n3,1,2\n5,1,2\n");
  const std::string capture =
      folder.write(kName, line(kMidnightNs + 2 * kMs, kDepth) + line(kMidnightNs + 3 * kMs, kTicker));
  const Outcome out = run({gold, capture});
  std::vector<std::pair<std::int64_t, InstrumentId>> seen;
  for (const Event& event : out.events) seen.emplace_back((event.time_ns - kMidnightNs) / kMs, event.instrument);
  const std::vector<std::pair<std::int64_t, InstrumentId>> expected = {{1, 0}, {2, 1}, {2, 1}, {2, 1},
                                                                       {3, 0}, {3, 1}, {5, 0}};
  EXPECT_EQ(seen, expected);
}

std::filesystem::path capture_file(const char* name) { return test::data_dir() / "protocol" / name; }

TEST(binance_capture, real_futures_rebuild_a_book_that_agrees_with_the_quotes) {
  const auto path = capture_file("binance_usdm_btcusdt_20240808.jsonl.zst");
  TT_REQUIRE_DATA(path);
  const Outcome out = run({path.string()});
  ASSERT_FALSE(out.error) << out.error->message();
  EXPECT_EQ(out.stats.ticks, 66'089U);
  EXPECT_EQ(out.stats.trades, 21'313U);
  EXPECT_EQ(out.stats.book_updates, 6'551U);
  EXPECT_EQ(out.stats.book_snapshots, 1U);
  EXPECT_EQ(out.stats.bad_rows, 0U);
  EXPECT_EQ(out.stats.crossed + out.stats.locked + out.stats.backwards, 0U);

  std::map<std::uint64_t, Tick> quotes;  // of the whole file, by u
  std::map<std::uint64_t, Tick> received;  // until now
  for (const Event& event : out.events) {
    if (event.type == EventType::tick) quotes[event.as<Tick>().source_sequence] = event.as<Tick>();
  }
  auto book = std::make_unique<OrderBook>();
  auto unbounded = std::make_unique<BasicOrderBook<8192>>();
  std::uint64_t whole = 0;
  std::uint64_t equal = 0;
  std::uint64_t equal_received = 0;
  std::uint64_t equal_depth = 0;
  std::int64_t last_ns = 0;
  for (const Event& event : out.events) {
    ASSERT_GE(event.time_ns, last_ns);
    last_ns = event.time_ns;
    if (event.type == EventType::tick) received[event.as<Tick>().source_sequence] = event.as<Tick>();
    if (event.type != EventType::book) continue;
    unbounded->apply(event.as<Book>(), event.flags);
    const bool is_snapshot = (event.flags & kFlagSnapshot) != 0;
    if (book->apply(event.as<Book>(), event.flags) != BookStep::whole || is_snapshot) continue;
    ++whole;
    ASSERT_GT(book->bids(), 0U);
    ASSERT_GT(book->asks(), 0U);
    ASSERT_LT(book->bid(0).price_e9, book->ask(0).price_e9);
    const auto agrees = [&](const Tick& quote) {
      return quote.bid_e9 == book->bid(0).price_e9 && quote.ask_e9 == book->ask(0).price_e9 &&
             quote.bid_size == book->bid(0).size && quote.ask_size == book->ask(0).size;
    };
    equal += agrees(std::prev(quotes.upper_bound(book->sequence()))->second);
    equal_received += agrees(std::prev(received.upper_bound(book->sequence()))->second);
    bool same = true;
    for (std::size_t i = 0; i < 20; ++i) {
      same = same && book->bid(i).price_e9 == unbounded->bid(i).price_e9 &&
             book->bid(i).size == unbounded->bid(i).size && book->ask(i).price_e9 == unbounded->ask(i).price_e9 &&
             book->ask(i).size == unbounded->ask(i).size;
    }
    equal_depth += same;
  }
  EXPECT_EQ(book->counts().uncrossed, 0U);
  EXPECT_EQ(book->counts().lost, 0U);
  EXPECT_EQ(unbounded->counts().dropped, 0U);
  EXPECT_EQ(whole, 6'547U) << "6,545 after the snapshot, and two received before it that reach beyond it";
  EXPECT_EQ(equal_depth, whole) << "20 levels of 1,024 and of an unbounded book";
  EXPECT_EQ(equal, whole) << "best bid and ask with their sizes, and the newest quote whose u the update reaches";
  EXPECT_EQ(equal_received, 6'317U) << "96 %: the other quotes come after the update that holds them";
}

TEST(binance_capture, real_spot_updates_are_unbroken_and_without_a_snapshot_make_no_book) {
  const auto path = capture_file("binance_spot_btcusdt_20240809.jsonl.zst");
  TT_REQUIRE_DATA(path);
  const Outcome out = run({path.string()});
  ASSERT_FALSE(out.error) << out.error->message();
  EXPECT_EQ(out.stats.ticks, 45'134U);
  EXPECT_EQ(out.stats.trades, 10'147U);
  EXPECT_EQ(out.stats.book_updates, 3'044U);
  EXPECT_EQ(out.stats.book_snapshots, 0U);
  EXPECT_EQ(out.stats.bad_rows, 0U);
  auto book = std::make_unique<OrderBook>();
  // Begun by hand where the stream begins: from there on every update must follow on the one before.
  auto begun = std::make_unique<OrderBook>();
  std::uint64_t updates = 0;
  for (const Event& event : out.events) {
    if (event.type != EventType::book) continue;
    const Book change = event.as<Book>();
    if (begun->generation() == 0)
      begun->apply({0, 0, change.previous_sequence, 0.0F, Side::none, {}, 0}, kFlagSnapshot);
    book->apply(change, event.flags);
    updates += begun->apply(change, event.flags) == BookStep::whole;
  }
  EXPECT_FALSE(book->is_valid());
  EXPECT_EQ(updates, 3'044U);
  EXPECT_EQ(begun->counts().lost, 0U);
}

TEST(binance_capture, a_lost_update_of_the_real_capture_is_a_gap) {
  const auto path = capture_file("binance_usdm_btcusdt_20240808.jsonl.zst");
  TT_REQUIRE_DATA(path);
  const Outcome out = run({path.string()});
  auto book = std::make_unique<OrderBook>();
  std::uint64_t left_out = 0;
  std::uint64_t whole = 0;
  for (const Event& event : out.events) {
    if (event.type != EventType::book) continue;
    const Book change = event.as<Book>();
    if (left_out == 0 && whole == 1'000) left_out = change.source_sequence;
    if (change.source_sequence == left_out) continue;
    whole += book->apply(change, event.flags) == BookStep::whole;
  }
  EXPECT_EQ(whole, 1'000U);
  EXPECT_EQ(book->counts().lost, 1U);
  EXPECT_FALSE(book->is_valid());
}

}  // namespace
}  // namespace thintail
