// SPDX-License-Identifier: Apache-2.0
// History from the core's memory, its journals and imported bar files; and what is said where some of it is damaged or gone.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <unistd.h>
#include <filesystem>
#include <fstream>
#include <map>

#include "adapters/feeds/bar_reader.hpp"
#include "adapters/journal/journal_files.hpp"
#include "adapters/journal/journal_writer.hpp"
#include "core/bars/bar_resampler.hpp"
#include "core/price/decimal.hpp"
#include "strategies/pipeline/preamble.hpp"
#include "strategies/swap/model_store.hpp"
#include "tests/support/data.hpp"
#include "tests/support/gateway_desk.hpp"
#include "tests/support/journal.hpp"
#include "tests/support/model_specs.hpp"
#include "tools/gateway/bar_store.hpp"
#include "tools/gateway/routes.hpp"

namespace thintail::gateway {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kStart = 1'398'988'800 * kSecond;  // 2014-05-02 00:00 UTC
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kAlways = std::numeric_limits<std::int64_t>::min();
const std::string kGold = "XAUUSD@oanda";

// Bars of a file as its own reader gives them, and every longer period.
std::map<BarPeriod, std::vector<ClosedBar>> bars_of(const std::string& path) {
  InstrumentTable instruments(4);
  BarFileOptions options;
  options.instrument = kGold;
  const auto file = identify_bar_file(path, options, instruments);
  EXPECT_TRUE(file.has_value()) << (file ? "" : file.error().message());
  std::map<BarPeriod, std::vector<ClosedBar>> bars;
  if (!file) return bars;
  auto reader = BarReader::open(*file, instruments, false);
  EXPECT_TRUE(reader.has_value());
  BarResampler resampler(Zone::new_york(), file->period);
  FileBar bar;
  while ((*reader)->next(bar)) {
    resampler.add(bar.bar, kVolumeUnknown,
                  [&](const ClosedBar& closed, double) { bars[closed.period].push_back(closed); });
  }
  return bars;
}

// All of a period, in pages.
std::vector<ImportedBar> walked(const BarStore& store, BarPeriod period, QuoteSide side, std::size_t limit) {
  std::vector<ImportedBar> all;
  std::int64_t end_ns = kNever;
  for (int pages = 0; pages < 10'000; ++pages) {
    auto page = store.bars_before(kGold, period, side, kAlways, end_ns, limit);
    EXPECT_TRUE(page.has_value()) << (page ? "" : page.error().message());
    if (!page) break;
    EXPECT_LE(page->rows.size(), limit);
    all.insert(all.begin(), page->rows.begin(), page->rows.end());
    if (!page->has_more) break;
    EXPECT_LT(page->resume_ns, end_ns);
    end_ns = page->resume_ns;
  }
  return all;
}

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  file >> total >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// A folder of bar files and what is made of them.
class BarFolder : public ::testing::Test {
 protected:
  void put(const std::string& name) {
    fs::create_directories(folder_.path() + "/bars/" + kGold);
    fs::copy_file(test::data_dir() / "bars" / name, folder_.path() + "/bars/" + kGold + "/" + name);
  }
  void open() {
    store_.emplace(folder_.path() + "/bars", folder_.path() + "/state", std::map<std::string, SourceSettings>{});
    store_->start();
    ASSERT_TRUE(test::soon([&] { return store_->is_ready(); }));
  }
  test::TempFolder folder_;
  std::optional<BarStore> store_;
};

const std::string kMayTwo = "oanda_xauusd_m1_bidask_20140502.csv.zst";

TEST_F(BarFolder, bars_are_those_of_the_file_on_every_period_in_pages_of_any_size) {
  TT_REQUIRE_DATA(test::data_dir() / "bars" / kMayTwo);
  put(kMayTwo);
  open();
  EXPECT_TRUE(store_->refused().empty()) << store_->refused().front();
  const auto expected = bars_of((test::data_dir() / "bars" / kMayTwo).string());
  for (const auto& [period, bars] : expected) {
    for (const std::size_t limit : {std::size_t{97}, std::size_t{10'000}}) {
      const auto shown = walked(*store_, period, QuoteSide::mid, limit);
      ASSERT_EQ(shown.size(), bars.size()) << kBarPeriodNames[static_cast<std::size_t>(period)];
      for (std::size_t i = 0; i < bars.size(); ++i) {
        ASSERT_EQ(shown[i].row.end_s, bars[i].end_s);
        ASSERT_EQ(shown[i].row.bid, bars[i].bid);
        ASSERT_EQ(shown[i].row.ask, bars[i].ask);
        ASSERT_EQ(shown[i].source, kMayTwo);
      }
    }
  }
  EXPECT_TRUE(store_->bars_before("XAUUSD@mt5", BarPeriod::m1, QuoteSide::bid, kAlways, kNever, 10)->rows.empty())
      << "another venue's bars are another instrument's";
}

TEST_F(BarFolder, a_file_is_converted_once_and_what_was_made_of_one_that_is_gone_goes) {
  TT_REQUIRE_DATA(test::data_dir() / "bars" / kMayTwo);
  put(kMayTwo);
  open();
  std::map<std::string, fs::file_time_type> made;
  for (const auto& entry : fs::directory_iterator(folder_.path() + "/state")) {
    made[entry.path().string()] = entry.last_write_time();
  }
  EXPECT_EQ(made.size(), 7u);
  open();
  for (const auto& entry : fs::directory_iterator(folder_.path() + "/state")) {
    EXPECT_EQ(made[entry.path().string()], entry.last_write_time());
  }
  EXPECT_FALSE(walked(*store_, BarPeriod::m1, QuoteSide::bid, 10'000).empty());
  fs::remove(folder_.path() + "/bars/" + kGold + "/" + kMayTwo);
  open();
  EXPECT_TRUE(fs::is_empty(folder_.path() + "/state"));
}

TEST_F(BarFolder, files_that_cannot_be_used_are_named_with_their_reason) {
  fs::create_directories(folder_.path() + "/bars");
  std::ofstream(folder_.path() + "/bars/mystery.csv") << "time,open,high,low,close\n2014-05-02 00:00,1,2,1,2\n";
  std::ofstream(folder_.path() + "/bars/README") << "not bars\n";
  open();
  ASSERT_EQ(store_->refused().size(), 1u);
  EXPECT_NE(store_->refused().front().find("mystery.csv"), std::string::npos) << store_->refused().front();
}

TEST_F(BarFolder, a_page_of_a_year_of_minutes_is_read_without_the_year) {
  const std::string name = "histdata_xauusd_m1_2018.csv.zst";
  TT_REQUIRE_DATA(test::data_dir() / "bars" / name);
  put(name);
  open();
  ASSERT_TRUE(store_->refused().empty()) << store_->refused().front();
  const std::uint64_t before = resident_bytes();
  const auto page = store_->bars_before(kGold, BarPeriod::m1, QuoteSide::bid, kAlways, kNever, 10'000);
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->rows.size(), 10'000u);
  EXPECT_TRUE(page->has_more);
  const std::uint64_t after = resident_bytes();
  EXPECT_LT(after > before ? after - before : 0, 16u << 20);
  EXPECT_TRUE(store_->bars_before(kGold, BarPeriod::m1, QuoteSide::ask, kAlways, kNever, 10)->rows.empty())
      << "the file has no ask";
}

TEST_F(BarFolder, a_page_touches_no_file_that_lies_before_it) {
  // A file a day, of each minute's bid from midnight on.
  const auto put_day = [&](int day) {
    fs::create_directories(folder_.path() + "/bars/" + kGold);
    std::ofstream out(fmt::format("{}/bars/{}/oanda_xauusd_m1_bidask_201405{:02}.csv", folder_.path(), kGold, day));
    for (int minute = 0; minute < 600; ++minute) {
      out << minute * 60'000 << ",1284.1,1285.2,1283.3,1284.4,0,1284.5,1285.6,1283.7,1284.8,0\n";
    }
  };
  for (int day = 5; day < 8; ++day) put_day(day);
  open();
  ASSERT_TRUE(store_->refused().empty()) << store_->refused().front();
  std::vector<fs::path> old;
  for (const auto& entry : fs::directory_iterator(folder_.path() + "/state")) old.push_back(entry.path());
  put_day(8);
  put_day(9);
  open();
  EXPECT_EQ(walked(*store_, BarPeriod::m1, QuoteSide::bid, 500).size(), 5u * 600);
  EXPECT_EQ(walked(*store_, BarPeriod::m1, QuoteSide::bid, 10'000).size(), 5u * 600);
  for (const fs::path& path : old) fs::remove(path);  // whoever reads one of them fails
  const auto page = store_->bars_before(kGold, BarPeriod::m1, QuoteSide::bid, kAlways, kNever, 1'000);
  ASSERT_TRUE(page.has_value()) << page.error().message();
  EXPECT_EQ(page->rows.size(), 1'000u);
  EXPECT_TRUE(page->has_more);
  const std::int64_t midnight_ns = kStart + 6 * 86'400 * kSecond;  // the 8th
  const auto span = store_->bars_before(kGold, BarPeriod::m1, QuoteSide::bid, midnight_ns, kNever, 10'000);
  ASSERT_TRUE(span.has_value()) << span.error().message();
  EXPECT_EQ(span->rows.size(), 1'200u);
  EXPECT_FALSE(span->has_more);
  EXPECT_FALSE(store_->bars_before(kGold, BarPeriod::m1, QuoteSide::bid, kAlways, kNever, 1'200).has_value())
      << "whether there are more is then in the file before";
}

// --- the route ------------------------------------------------------------------------------------------------------------

// How a run of gold begins; `model` may be null.
std::vector<Event> run_of_gold(std::uint32_t epoch, std::int64_t begin_ns, const DecisionModel* model = nullptr) {
  InstrumentTable instruments(4);
  EXPECT_TRUE(instruments.add(*built_in_instrument("XAUUSD", "oanda")).has_value());
  return to_events(make_preamble(Settings{}, instruments, model, epoch), begin_ns, 0);
}

std::string write_events(const std::string& directory, std::uint32_t epoch, std::uint64_t first_sequence,
                         std::vector<Event> events) {
  JournalOptions options;
  options.directory = directory;
  options.instance = "default";
  options.epoch = epoch;
  options.first_sequence = first_sequence;
  auto writer = JournalWriter::create(options);
  EXPECT_TRUE(writer.has_value()) << (writer ? "" : writer.error().message());
  std::uint64_t sequence = first_sequence;
  for (std::size_t i = 0; i < events.size(); ++i) {
    events[i].sequence = sequence++;
    EXPECT_EQ(writer->append(std::span(&events[i], 1)), 1u);
    if (i % 40 != 39) continue;
    EXPECT_TRUE(writer->flush_and_wait().has_value());  // a block of its own
  }
  EXPECT_TRUE(writer->close().has_value());
  return writer->path();
}

Event tick_of_gold(std::int64_t time_ns) {
  return Event::make(time_ns, 0, Tick{1'284 * kE9, 1'285 * kE9, 0, 0, time_ns, 0});
}

// A journal of gold with a tick for each of `seconds`, counted from kStart.
std::string write_ticks(const std::string& directory, std::uint32_t epoch, std::uint64_t first_sequence, int from,
                        int to) {
  std::vector<Event> events = run_of_gold(epoch, kStart + from * kSecond);
  for (int second = from + 1; second <= to; ++second) events.push_back(tick_of_gold(kStart + second * kSecond));
  return write_events(directory, epoch, first_sequence, std::move(events));
}

// A journal of gold with a bar for each of `minutes`, counted from kStart; each closes at `price` plus its number.
std::string write_journal(const std::string& directory, std::uint32_t epoch, std::uint64_t first_sequence, int from,
                          int to, std::int64_t price) {
  std::vector<Event> events = run_of_gold(epoch, kStart + from * 60 * kSecond);
  for (int minute = from + 1; minute <= to; ++minute) {
    const std::int64_t end_ns = kStart + minute * 60 * kSecond;
    const std::int64_t value = (price + minute) * kE9;
    for (const QuoteSide side : {QuoteSide::bid, QuoteSide::ask}) {
      events.push_back(Event::make(
          end_ns, 0,
          Bar{value, value, value, value, static_cast<std::uint32_t>(end_ns / kSecond), Bar::pack(3, 0, side)},
          kFlagOutput));
    }
  }
  return write_events(directory, epoch, first_sequence, std::move(events));
}

// Routes over journals, imported bars and a memory that holds next to nothing.
class HistoryRoute : public BarFolder {
 protected:
  void open_routes() {
    history_.emplace(journal_folder(journals(), "default"));
    model_.write([&](CoreModel& model) {
      model.limits.bars = memory_;
      model.limits.ticks = memory_;
      model.add_instrument(0, kGold, 3, 1'000'000, CalendarId::gold);
    });
    const auto read = history_->replay_tail(
        1u << 30,
        [&](const Event& event) {
          model_.write([&](CoreModel& model) { model.take(event); });
          return true;
        },
        &faults_);
    EXPECT_TRUE(read.has_value()) << (read ? "" : read.error().message());
    parts_.model = &model_;
    parts_.history = &*history_;
    parts_.instance = "default";
    parts_.facts = [] { return GatewayFacts{}; };
    parts_.bars = store_ ? &*store_ : nullptr;
    routes_ = gateway_routes(parts_);
  }
  std::string journals() const { return folder_.path() + "/journal"; }
  json call(std::string_view pattern, const std::string& period,
            std::vector<std::pair<std::string, std::string>> query) {
    const auto route = std::ranges::find(routes_, pattern, &http::Route::pattern);
    http::Request request;
    request.parameters = {{"symbol", "XAUUSD"}, {"timeframe", period}};
    request.query = std::move(query);
    request.principal.role = http::Role::admin;
    const http::Response reply = route->handler(request);
    EXPECT_EQ(reply.status, 200) << reply.body;
    return json::parse(reply.body);
  }
  json page(std::vector<std::pair<std::string, std::string>> query, const std::string& period = "M1") {
    return call("/api/v1/history/{symbol}/{timeframe}", period, std::move(query));
  }
  // Closes by minute since kStart, of all pages.
  std::map<std::int64_t, std::string> walk(const std::string& limit) {
    std::map<std::int64_t, std::string> closes;
    std::vector<std::pair<std::string, std::string>> query = {{"limit", limit}};
    for (int pages = 0; pages < 10'000; ++pages) {
      const json reply = page(query);
      EXPECT_LE(reply["items"].size(), std::stoull(limit));
      std::int64_t last = 0;
      for (const json& item : reply["items"]) {
        const std::int64_t end_ns = std::stoll(item["end_ns"].get<std::string>());
        EXPECT_GT(end_ns, last) << "rows ascend";
        last = end_ns;
        EXPECT_TRUE(closes.emplace((end_ns - kStart) / 60 / kSecond, item["close"]).second) << "none comes twice";
      }
      if (reply["next_cursor"].is_null()) break;
      query = {{"limit", limit}, {"cursor", reply["next_cursor"]}};
    }
    return closes;
  }

  json ticks(std::vector<std::pair<std::string, std::string>> query) {
    return call("/api/v1/ticks/{symbol}", "M1", std::move(query));
  }
  // Of a page's items, counted from kStart in `unit_ns`.
  static std::vector<std::int64_t> times_of(const json& page, const char* member, std::int64_t unit_ns) {
    std::vector<std::int64_t> times;
    for (const json& item : page["items"]) {
      times.push_back((std::stoll(item[member].get<std::string>()) - kStart) / unit_ns);
    }
    return times;
  }
  static std::vector<std::int64_t> minutes_of(const json& page) { return times_of(page, "end_ns", 60 * kSecond); }
  static std::vector<std::int64_t> seconds_of(const json& page) { return times_of(page, "time_ns", kSecond); }
  static std::vector<std::int64_t> numbers(std::int64_t from, std::int64_t to) {
    std::vector<std::int64_t> all;
    for (std::int64_t i = from; i <= to; ++i) all.push_back(i);
    return all;
  }
  static std::string ns_at(std::int64_t second) { return std::to_string(kStart + second * kSecond); }

  std::size_t memory_ = 1;  // rows of a kind that the model holds
  SharedModel model_;
  std::optional<JournalHistory> history_;
  Parts parts_;
  std::vector<http::Route> routes_;
  std::vector<Error> faults_;
};

TEST_F(HistoryRoute, imported_bars_stand_before_and_between_the_cores_and_never_in_place_of_them) {
  TT_REQUIRE_DATA(test::data_dir() / "bars" / kMayTwo);
  put(kMayTwo);
  open();
  // The core ran from minute 100 to 200 and from 300 to 400.
  write_journal(journals(), 1, 1, 100, 200, 5'000);
  write_journal(journals(), 2, 100'000, 300, 400, 5'000);
  open_routes();
  std::map<std::int64_t, std::string> expected;
  const auto of_file = bars_of((test::data_dir() / "bars" / kMayTwo).string());
  for (const ClosedBar& bar : of_file.at(BarPeriod::m1)) {
    const std::int64_t minute = (bar.end_s * kSecond - kStart) / 60 / kSecond;
    if (minute <= 400) expected[minute] = format_decimal_e9(bar.bid.close_e9, 3);  // nothing of the replay's future
  }
  ASSERT_GT(expected.size(), 350u);
  for (const auto& [from, to] : {std::pair{100, 200}, {300, 400}}) {
    for (int minute = from + 1; minute <= to; ++minute) expected[minute] = fmt::format("{}.000", 5'000 + minute);
  }
  for (const char* limit : {"1", "7", "150", "10000"}) EXPECT_EQ(walk(limit), expected) << limit;
  const json reply = page({{"limit", "10000"}});
  EXPECT_EQ(reply["coverage"]["complete"], true);
  EXPECT_TRUE(reply["coverage"]["detail"].is_null());
  EXPECT_EQ(reply["coverage"]["from_ns"], reply["items"].front()["start_ns"]);
  ASSERT_EQ(reply["sources"].size(), 2u) << reply["sources"];
  EXPECT_EQ(reply["sources"][0]["source"], "core");
  EXPECT_EQ(reply["sources"][0]["rows"], 200);
  EXPECT_EQ(reply["sources"][1]["source"], kMayTwo);
}

TEST_F(HistoryRoute, without_bar_files_it_is_the_journals_alone) {
  write_journal(journals(), 1, 1, 0, 120, 5'000);
  open_routes();
  EXPECT_EQ(walk("50").size(), 120u);
  const json reply = page({{"limit", "10000"}});
  EXPECT_EQ(reply["coverage"]["complete"], true);
  EXPECT_EQ(reply["sources"].size(), 1u);
}

TEST_F(HistoryRoute, a_page_that_takes_all_that_memory_holds_is_not_the_last) {
  memory_ = 50;
  write_journal(journals(), 1, 1, 0, 120, 5'000);
  open_routes();
  const json first = page({{"limit", "50"}});
  EXPECT_EQ(minutes_of(first), numbers(71, 120));
  ASSERT_EQ(first["next_cursor"], first["items"].front()["end_ns"]) << "70 more are in the journal";
  const json second = page({{"limit", "50"}, {"cursor", first["next_cursor"]}});
  EXPECT_EQ(minutes_of(second), numbers(21, 70));
  EXPECT_EQ(walk("50").size(), 120u);
}

TEST_F(HistoryRoute, a_page_of_ticks_that_takes_all_that_memory_holds_is_not_the_last) {
  memory_ = 50;
  write_ticks(journals(), 1, 1, 0, 120);
  open_routes();
  const json first = ticks({{"limit", "50"}});
  EXPECT_EQ(seconds_of(first), numbers(71, 120));
  ASSERT_EQ(first["next_cursor"], first["items"].front()["sequence"]) << "70 more are in the journal";
  const json second = ticks({{"limit", "50"}, {"cursor", first["next_cursor"]}});
  EXPECT_EQ(seconds_of(second), numbers(21, 70));
  const json third = ticks({{"limit", "50"}, {"cursor", second["next_cursor"]}});
  EXPECT_EQ(seconds_of(third), numbers(1, 20));
  EXPECT_TRUE(third["next_cursor"].is_null());
}

TEST_F(HistoryRoute, a_page_of_the_forming_bar_alone_goes_on_before_it) {
  TT_REQUIRE_DATA(test::data_dir() / "bars" / kMayTwo);
  put(kMayTwo);
  open();
  std::vector<Event> events = run_of_gold(1, kStart + 100 * 60 * kSecond);
  events.push_back(tick_of_gold(kStart + (100 * 60 + 5) * kSecond));  // no bar of the core's has closed
  write_events(journals(), 1, 1, std::move(events));
  open_routes();
  const json first = page({{"limit", "1"}});
  ASSERT_EQ(first["items"].size(), 1u);
  EXPECT_EQ(first["items"][0]["closed"], false);
  EXPECT_EQ(first["next_cursor"], first["items"][0]["end_ns"]);
  const json second = page({{"limit", "1"}, {"cursor", first["next_cursor"]}});
  ASSERT_EQ(second["items"].size(), 1u);
  EXPECT_EQ(second["items"][0]["closed"], true);
  EXPECT_EQ(minutes_of(second), numbers(100, 100));
  EXPECT_EQ(walk("1").size(), 101u);
}

TEST_F(HistoryRoute, a_span_of_bars_is_looked_up_where_it_lies) {
  write_journal(journals(), 1, 1, 0, 150, 5'000);
  write_journal(journals(), 2, 100'000, 150, 300, 5'000);
  open_routes();
  const json before = page({{"limit", "10"}, {"to_ns", ns_at(50 * 60)}});
  EXPECT_EQ(minutes_of(before), numbers(41, 50)) << "not the newest ten, of which none is wanted";
  EXPECT_TRUE(before["next_cursor"].is_string());
  const json after = page({{"limit", "100"}, {"from_ns", ns_at(250 * 60)}});
  EXPECT_EQ(minutes_of(after), numbers(251, 300));
  EXPECT_TRUE(after["next_cursor"].is_null()) << "no older one is wanted";
  const json full = page({{"limit", "50"}, {"from_ns", ns_at(250 * 60)}});
  EXPECT_EQ(minutes_of(full), numbers(251, 300));
  EXPECT_TRUE(full["next_cursor"].is_null());
  const json across = page({{"limit", "100"}, {"from_ns", ns_at(140 * 60)}, {"to_ns", ns_at(160 * 60)}});
  EXPECT_EQ(minutes_of(across), numbers(141, 160)) << "of two journals";
}

TEST_F(HistoryRoute, a_span_of_ticks_is_looked_up_where_it_lies) {
  write_ticks(journals(), 1, 1, 0, 150);
  write_ticks(journals(), 2, 100'000, 150, 300);
  open_routes();
  const json before = ticks({{"limit", "10"}, {"to_ns", ns_at(50)}});
  EXPECT_EQ(seconds_of(before), numbers(41, 50)) << "not the newest ten, of which none is wanted";
  EXPECT_TRUE(before["next_cursor"].is_string());
  const json after = ticks({{"limit", "100"}, {"from_ns", ns_at(251)}});
  EXPECT_EQ(seconds_of(after), numbers(251, 300));
  EXPECT_TRUE(after["next_cursor"].is_null()) << "no older one is wanted";
  const json across = ticks({{"limit", "100"}, {"from_ns", ns_at(141)}, {"to_ns", ns_at(160)}});
  EXPECT_EQ(seconds_of(across), numbers(141, 160)) << "of two journals";
}

TEST_F(HistoryRoute, ticks_that_never_reached_the_engine_make_a_page_of_a_journal_incomplete) {
  std::vector<Event> events = run_of_gold(1, kStart);
  for (int second = 1; second <= 100; ++second) {
    events.push_back(tick_of_gold(kStart + second * kSecond));
    if (second == 40) events.push_back(Event::make(kStart + 40 * kSecond + 1, kNoInstrument, Gap{7, 0, {}}));
  }
  write_events(journals(), 1, 1, std::move(events));
  open_routes();
  const auto from_journal = history_->ticks_before(kGold, 1'000, kAlways, kNever, 1'000);
  ASSERT_TRUE(from_journal.has_value());
  ASSERT_EQ(from_journal->gaps.size(), 1u) << "also where the gateway did not see it happen";
  EXPECT_EQ(from_journal->gaps.front(), (TimeSpan{kStart + 40 * kSecond, kStart + 40 * kSecond + 1}));
  model_.write([](CoreModel& model) { model.gaps.clear(); });
  const json over = ticks({{"limit", "10000"}});
  EXPECT_EQ(over["items"].size(), 100u);
  EXPECT_EQ(over["coverage"]["complete"], false);
  EXPECT_TRUE(over["coverage"]["detail"].is_string());
  const json behind = ticks({{"limit", "10000"}, {"from_ns", ns_at(41)}});
  EXPECT_EQ(behind["coverage"]["complete"], true) << behind["coverage"];
  const json ahead = ticks({{"limit", "10000"}, {"to_ns", ns_at(40)}});
  EXPECT_EQ(ahead["coverage"]["complete"], true) << ahead["coverage"];
}

TEST_F(HistoryRoute, a_run_is_found_by_any_moment_of_it_also_after_it_was_closed_in_good_order) {
  write_journal(journals(), 1, 1, 0, 100, 5'000);
  write_journal(journals(), 2, 100'000, 200, 300, 5'000);
  const JournalHistory history(journal_folder(journals(), "default"));
  const auto run_at = [&](int minute) {
    return history.replay_run(kStart + minute * 60 * kSecond, 0, 1u << 30, [](const Event&) { return true; });
  };
  for (const int minute : {0, 1, 50, 99, 100}) {
    const auto run = run_at(minute);
    ASSERT_TRUE(run.has_value()) << minute << " " << run.error().message();
    EXPECT_EQ(run->epoch, 1u);
    EXPECT_EQ(run->last_ns, kStart + minute * 60 * kSecond) << "up to it, and nothing behind it";
  }
  EXPECT_EQ(run_at(200)->epoch, 2u);
  const auto between = run_at(150);
  ASSERT_FALSE(between.has_value()) << "no core ran then";
  EXPECT_NE(between.error().expected.find(std::to_string(kStart + 100 * 60 * kSecond)), std::string::npos)
      << between.error().message();
  const auto long_ago = history.replay_run(kStart + 50 * 60 * kSecond, 0, 5'000, [](const Event&) { return true; });
  EXPECT_FALSE(long_ago.has_value()) << "more to read than allowed";
  const auto sessions = history.sessions();
  ASSERT_TRUE(sessions.has_value());
  EXPECT_EQ(sessions->front().ended_ns, kStart + 100 * 60 * kSecond);
  EXPECT_TRUE(sessions->front().is_closed);
}

TEST_F(HistoryRoute, a_hole_of_days_within_a_page_is_told) {
  constexpr int kTenDays = 10 * 24 * 60;
  write_journal(journals(), 1, 1, 0, 50, 5'000);
  write_journal(journals(), 2, 100'000, kTenDays, kTenDays + 50, 5'000);
  open_routes();
  const json whole = page({{"limit", "50"}});
  EXPECT_EQ(whole["coverage"]["complete"], true) << whole["coverage"];
  const json holed = page({{"limit", "60"}});
  EXPECT_EQ(holed["coverage"]["complete"], false);
  EXPECT_NE(holed["coverage"]["detail"].get<std::string>().find(std::to_string(kStart + 50 * 60 * kSecond)),
            std::string::npos)
      << holed["coverage"];
}

TEST_F(HistoryRoute, a_damaged_journal_leaves_a_page_that_says_so) {
  const std::string path = write_journal(journals(), 1, 1, 0, 200, 5'000);
  write_journal(journals(), 2, 100'000, 200, 300, 5'000);
  std::vector<std::byte> bytes = test::file_bytes(path);
  bytes[bytes.size() / 2] ^= std::byte{1};
  test::write_file(path, bytes);
  open_routes();
  ASSERT_EQ(faults_.size(), 1u);
  EXPECT_EQ(faults_.front().code, ErrorCode::journal_corrupt) << faults_.front().message();
  const json reply = page({{"limit", "10000"}});
  EXPECT_GT(reply["items"].size(), 100u) << "what can be read is shown";
  EXPECT_LT(reply["items"].size(), 300u);
  EXPECT_EQ(reply["coverage"]["complete"], false);
  EXPECT_NE(reply["coverage"]["detail"].get<std::string>().find(fs::path(path).filename().string()), std::string::npos)
      << reply["coverage"];
}

TEST_F(HistoryRoute, a_journal_that_cannot_be_opened_hides_no_other) {
  const std::string path = write_journal(journals(), 1, 1, 0, 100, 5'000);
  write_journal(journals(), 2, 100'000, 100, 200, 5'000);
  std::ofstream(path, std::ios::trunc) << "no journal";
  open_routes();
  EXPECT_EQ(faults_.size(), 1u);
  const json reply = page({{"limit", "10000"}});
  EXPECT_EQ(reply["items"].size(), 100u);
  EXPECT_EQ(reply["coverage"]["complete"], false);
  EXPECT_TRUE(reply["coverage"]["detail"].is_string());
  const json sessions = call("/api/v1/sessions", "M1", {})["items"];
  ASSERT_EQ(sessions.size(), 2u);
  EXPECT_EQ(sessions[0]["state"], "broken");
}

TEST_F(HistoryRoute, a_journal_that_was_taken_away_is_no_error) {
  const std::string path = write_journal(journals(), 1, 1, 0, 100, 5'000);
  write_journal(journals(), 2, 100'000, 100, 200, 5'000);
  open_routes();
  fs::remove(path);
  const json reply = page({{"limit", "10000"}});
  EXPECT_EQ(reply["items"].size(), 100u);
  EXPECT_EQ(call("/api/v1/sessions", "M1", {})["items"].size(), 1u);
}

// --- predict ----------------------------------------------------------------------------------------------------------

class PredictRoute : public HistoryRoute {
 protected:
  DecisionModel kept(const pack::DecisionModelSpec& spec) {
    const std::string path = test::write_pack(folder_.path(), spec);
    auto model = load_decision_model(path);
    EXPECT_TRUE(model.has_value()) << (model ? "" : model.error().message());
    EXPECT_TRUE(store().keep_file(path, model->digest).has_value());
    return *std::move(model);
  }
  ModelStore store() const { return ModelStore::beside(journal_folder(journals(), "default")); }
  // A run that begins with the first, has a tick, and goes on with the second.
  void run(const DecisionModel& first, const DecisionModel& second) {
    std::vector<Event> events = run_of_gold(1, kStart, &first);
    events.push_back(tick_of_gold(kStart + 10 * kSecond));
    events.push_back(Event::make(kStart + 15 * kSecond, kNoInstrument, Model{1, ModelStage::live, 2, second.digest}));
    events.push_back(Event::make(kStart + 20 * kSecond, kNoInstrument, Timer{kStart / kSecond + 20, {}}));
    events.push_back(tick_of_gold(kStart + 30 * kSecond));
    write_events(journals(), 1, 1, std::move(events));
    champions_.emplace(model_, journal_folder(journals(), "default"), "");
    parts_.champions = &*champions_;
    open_routes();
  }
  http::Response predict(const json& body) {
    const auto route = std::ranges::find(routes_, "/api/v1/predict", &http::Route::pattern);
    http::Request request;
    request.body = body;
    request.principal.role = http::Role::admin;
    return route->handler(request);
  }
  static pack::DecisionModelSpec trees(std::uint64_t seed) {
    pack::DecisionModelSpec spec = test::random_trees_spec(FeatureSet::core_32(), 20, 4, seed);
    spec.mandatory = LaneMask{};
    return spec;
  }
  std::optional<ChampionBook> champions_;
};

TEST_F(PredictRoute, a_tick_is_scored_by_the_pack_that_was_in_force_at_the_tick) {
  const DecisionModel first = kept(trees(7));
  const DecisionModel second = kept(trees(8));
  ASSERT_NE(first.digest, second.digest);
  run(first, second);
  const auto made_by = [&](std::int64_t at) {
    const http::Response reply = predict({{"symbol", "XAUUSD"}, {"at", ns_at(at)}});
    EXPECT_EQ(reply.status, 200) << reply.body;
    return json::parse(reply.body).value("model_sha256", "");
  };
  EXPECT_EQ(made_by(12), to_hex(first.digest));
  EXPECT_EQ(made_by(16), to_hex(first.digest)) << "the newest tick is of before the swap";
  EXPECT_EQ(made_by(30), to_hex(second.digest));
}

TEST_F(PredictRoute, an_ensemble_that_has_learned_its_weights_is_not_scored_with_those_it_began_with) {
  pack::DecisionModelSpec spec = trees(7);
  spec.members.push_back(trees(8).members[0]);
  spec.members[0].name = "one";
  spec.members[1].name = "two";
  spec.ensemble.members = 2;
  for (std::size_t i = 0; i < 2; ++i) spec.ensemble.member[i].age_ns_max = 600 * kSecond;
  spec.ensemble.rule = EnsembleRule::soft;
  const DecisionModel soft = kept(spec);
  spec.ensemble.rule = EnsembleRule::online;
  spec.ensemble.outcome = {.horizon_ns = 10 * kSecond, .sample_ns = kSecond, .silence_ns_max = 60 * kSecond};
  const DecisionModel online = kept(spec);
  ASSERT_FALSE(online.remembers());
  run(soft, online);
  EXPECT_EQ(predict({{"symbol", "XAUUSD"}, {"at", ns_at(12)}}).status, 200);
  const http::Response of_moment = predict({{"symbol", "XAUUSD"}, {"at", ns_at(30)}});
  EXPECT_EQ(of_moment.status, 422) << of_moment.body;
  const json rows = {{"values", json::array({json::array()})}};
  const http::Response of_rows = predict(rows);
  EXPECT_EQ(of_rows.status, 422) << of_rows.body;
  EXPECT_NE(of_rows.body.find("rows before"), std::string::npos) << of_rows.body;
}

}  // namespace
}  // namespace thintail::gateway
