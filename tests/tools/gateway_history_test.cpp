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
#include "tests/support/data.hpp"
#include "tests/support/gateway_desk.hpp"
#include "tests/support/journal.hpp"
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

// --- the route ------------------------------------------------------------------------------------------------------------

// A journal of gold with a bar for each of `minutes`, counted from kStart; each closes at `price` plus its number.
std::string write_journal(const std::string& directory, std::uint32_t epoch, std::uint64_t first_sequence, int from,
                          int to, std::int64_t price) {
  InstrumentTable instruments(4);
  EXPECT_TRUE(instruments.add(*built_in_instrument("XAUUSD", "oanda")).has_value());
  const std::int64_t begin_ns = kStart + from * 60 * kSecond;
  std::vector<Event> events = to_events(make_preamble(Settings{}, instruments, nullptr, epoch), begin_ns, 0);
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

// Routes over journals, imported bars and a memory that holds next to nothing.
class HistoryRoute : public BarFolder {
 protected:
  void open_routes() {
    history_.emplace(journal_folder(journals(), "default"));
    model_.write([](CoreModel& model) {
      model.limits.bars = 1;
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
  for (const char* limit : {"7", "150", "10000"}) EXPECT_EQ(walk(limit), expected) << limit;
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

}  // namespace
}  // namespace thintail::gateway
