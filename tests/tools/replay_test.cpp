// SPDX-License-Identifier: Apache-2.0
// `thintail replay` on recorded days: bars equal the reference, decisions equal on every instruction set, a run of a
// file equals its journal, and whatever is changed is noticed and named.
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "core/event/describe.hpp"
#include "core/instrument/instrument_table.hpp"
#include "core/journal_format/journal_block.hpp"
#include "tests/support/core_model.hpp"
#include "tests/support/data.hpp"
#include "tests/support/feed_files.hpp"
#include "tests/support/journal.hpp"
#include "tests/support/lean_ticks.hpp"
#include "tests/support/process.hpp"

namespace thintail::test {
namespace {

using nlohmann::json;

std::filesystem::path gold_ticks(std::string_view day) {
  return data_dir() / "ticks" / ("oanda_xauusd_tick_" + std::string(day) + ".csv.zst");
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

// "1284.1" and "1284.100" are one price.
std::int64_t e9(const std::string& text) {
  std::int64_t value = 0;
  EXPECT_EQ(parse_decimal_e9(text, value), DecimalFault::none) << text;
  return value;
}

struct Minute {
  std::int64_t end_ms = 0;  // since midnight
  std::vector<std::int64_t> prices_e9;  // bid, then ask: open, high, low, close
  bool operator==(const Minute&) const = default;
};

// The reference stamps a bar with its start and puts a size behind each side: `ms,bid o h l c,size,ask o h l c,size`.
std::vector<Minute> reference_minutes(const std::filesystem::path& path) {
  std::vector<Minute> minutes;
  for (const std::string& row : split(read_zstd(path), '\n')) {
    const auto fields = split(row, ',');
    Minute minute{std::stoll(fields.at(0)) + 60'000, {}};
    for (const std::size_t at : {1u, 2u, 3u, 4u, 6u, 7u, 8u, 9u}) minute.prices_e9.push_back(e9(fields.at(at)));
    minutes.push_back(std::move(minute));
  }
  return minutes;
}

std::vector<Minute> dumped_minutes(const std::string& path, const std::string& day, const std::string& next_day) {
  auto rows = split(feed_file_bytes(path), '\n');
  EXPECT_EQ(rows.at(0),
            "end_utc,instrument,period,bid_open,bid_high,bid_low,bid_close,ask_open,ask_high,ask_low,ask_close,ticks");
  std::vector<Minute> minutes;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const auto fields = split(rows[i], ',');
    const std::string& end = fields.at(0);  // 2014-05-02T00:01:00Z
    EXPECT_TRUE(end.starts_with(day) || end == next_day + "T00:00:00Z") << end;
    EXPECT_EQ(fields.at(1), "XAUUSD@oanda");
    EXPECT_EQ(fields.at(2), "M1");
    EXPECT_NE(fields.at(11), "0");
    const std::int64_t clock_s = std::stoll(end.substr(11, 2)) * 3600 + std::stoll(end.substr(14, 2)) * 60;
    Minute minute{(end.starts_with(day) ? clock_s : 86'400) * 1000, {}};
    for (std::size_t at = 3; at < 11; ++at) minute.prices_e9.push_back(e9(fields.at(at)));
    minutes.push_back(std::move(minute));
  }
  return minutes;
}

json run_json(std::vector<std::string> arguments) {
  arguments.emplace_back("--json");
  const ProcessResult result = run_thintail(std::move(arguments));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return json::parse(result.out, nullptr, false);
}

std::string field(const json& report, const char* name) {
  return report.is_object() && report.contains(name) ? report[name].get<std::string>() : "";
}

struct Day {
  const char* file;
  const char* day;
  const char* next_day;
  std::size_t minutes;
  std::uint64_t ticks;  // 0: not stated
};

class ReplayBars : public testing::TestWithParam<Day> {};

TEST_P(ReplayBars, equal_the_reference_in_every_minute) {
  const Day& day = GetParam();
  const auto reference = data_dir() / "bars" / ("oanda_xauusd_m1_bidask_" + std::string(day.file) + ".csv.zst");
  TT_REQUIRE_DATA(gold_ticks(day.file));
  TT_REQUIRE_DATA(reference);
  const TempFolder folder;
  const std::string bars = folder.path() + "/m1.csv";
  const json report = run_json({"replay", gold_ticks(day.file).string(), "--dump-bars", bars});
  if (day.ticks != 0) {
    EXPECT_EQ(report.value("ticks", 0u), day.ticks);
  }
  const auto expected = reference_minutes(reference);
  const auto found = dumped_minutes(bars, day.day, day.next_day);
  EXPECT_EQ(expected.size(), day.minutes);
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(found[i], expected[i]) << "minute that ends at " << expected[i].end_ms << " ms";
  }
}

INSTANTIATE_TEST_SUITE_P(Gold, ReplayBars,
                         testing::Values(Day{"20140502", "2014-05-02", "2014-05-03", 1'257, 265'015},
                                         Day{"20140506", "2014-05-06", "2014-05-07", 1'385, 0}),
                         [](const auto& test) { return std::string(test.param.file); });

// Rows of `--dump-bars F.csv --bars SPEC`, without the header.
std::vector<std::vector<std::string>> counted_bars(const std::string& ticks, const std::string& spec,
                                                   const std::string& header) {
  const TempFolder folder;
  const std::string path = folder.path() + "/bars.csv";
  const ProcessResult result = run_thintail({"replay", ticks, "--dump-bars", path, "--bars", spec});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const auto lines = split(feed_file_bytes(path), '\n');
  if (lines.empty()) return {};
  EXPECT_EQ(lines[0], header);
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 1; i < lines.size(); ++i) rows.push_back(split(lines[i], ','));
  return rows;
}

constexpr const char* kQuoteBarHeader =
    "first_utc,last_utc,instrument,bars,bid_open,bid_high,bid_low,bid_close,ask_open,ask_high,ask_low,ask_close,ticks";

// Milliseconds since midnight of "2014-05-02T00:00:00.125000000Z".
std::int64_t clock_ms(const std::string& utc) {
  return ((std::stoll(utc.substr(11, 2)) * 60 + std::stoll(utc.substr(14, 2))) * 60 + std::stoll(utc.substr(17, 2))) *
             1'000 +
         std::stoll(utc.substr(20, 3));
}

// Where a row differs from the bar of ticks [first, last]; empty where nowhere.
std::string against_ticks(const std::vector<std::string>& row, const std::vector<Tick>& ticks, std::size_t first,
                          std::size_t last) {
  const auto [low_bid, high_bid] = std::minmax_element(
      &ticks[first], &ticks[last] + 1, [](const Tick& a, const Tick& b) { return a.bid_e9 < b.bid_e9; });
  const auto [low_ask, high_ask] = std::minmax_element(
      &ticks[first], &ticks[last] + 1, [](const Tick& a, const Tick& b) { return a.ask_e9 < b.ask_e9; });
  const std::vector<std::int64_t> expected = {ticks[first].bid_e9, high_bid->bid_e9,    low_bid->bid_e9,
                                              ticks[last].bid_e9,  ticks[first].ask_e9, high_ask->ask_e9,
                                              low_ask->ask_e9,     ticks[last].ask_e9};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (e9(row.at(4 + i)) != expected[i]) return "price " + std::to_string(i) + " is " + row[4 + i];
  }
  if (clock_ms(row.at(0)) != ticks[first].venue_ns / 1'000'000) return "starts at " + row[0];
  if (clock_ms(row.at(1)) != ticks[last].venue_ns / 1'000'000) return "ends at " + row[1];
  if (row.at(12) != std::to_string(last - first + 1)) return "has ticks " + row[12];
  return row.at(2) == "XAUUSD@oanda" ? "" : "is of " + row[2];
}

TEST(ReplayCountedBars, by_ticks_are_every_500_rows_of_the_file) {
  TT_REQUIRE_DATA(gold_ticks("20140502"));
  const auto rows = counted_bars(gold_ticks("20140502").string(), "ticks:500", kQuoteBarHeader);
  const auto ticks = lean_ticks(gold_ticks("20140502"), 0);
  ASSERT_EQ(ticks.size(), 265'015u);
  ASSERT_EQ(rows.size(), 530u) << "the last 15 ticks complete no bar";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    ASSERT_EQ(against_ticks(rows[i], ticks, i * 500, i * 500 + 499), "") << "bar " << i;
    ASSERT_EQ(rows[i][3], "ticks:500");
  }
}

TEST(ReplayCountedBars, by_range_end_at_the_first_bid_that_far_from_another_of_the_bar) {
  TT_REQUIRE_DATA(gold_ticks("20140502"));
  const std::int64_t point_e9 = built_in_instrument("XAUUSD", "oanda")->tick_size_e9;
  const auto ticks = lean_ticks(gold_ticks("20140502"), 0);
  for (const std::int64_t points : {50, 1'000}) {
    const auto rows = counted_bars(gold_ticks("20140502").string(), "range:" + std::to_string(points), kQuoteBarHeader);
    std::size_t bars = 0;
    std::size_t first = 0;
    std::size_t longer = 0;  // than the range: ended by a step that was more than what was left of it
    for (std::size_t last = 0; last < ticks.size(); ++last) {
      std::int64_t moved_e9 = 0;
      for (std::size_t i = first; i < last; ++i) {
        moved_e9 = std::max(moved_e9, std::abs(ticks[last].bid_e9 - ticks[i].bid_e9));
      }
      if (moved_e9 < points * point_e9) continue;
      longer += moved_e9 > points * point_e9;
      ASSERT_LT(bars, rows.size());
      ASSERT_EQ(against_ticks(rows[bars], ticks, first, last), "") << "bar " << bars;
      ++bars;
      first = last + 1;
    }
    EXPECT_EQ(rows.size(), bars);
    EXPECT_GT(bars, 100u);
    EXPECT_GT(longer, 0u);
    std::printf("%zu bars of %d points, %zu longer\n", bars, static_cast<int>(points), longer);
  }
}

TEST(ReplayCountedBars, by_volume_are_groups_of_the_trades_of_a_recorded_capture) {
  const auto capture = data_dir() / "protocol" / "binance_usdm_btcusdt_20240808.jsonl.zst";
  TT_REQUIRE_DATA(capture);
  const auto rows = counted_bars(capture.string(), "volume:2.5",
                                 "first_utc,last_utc,instrument,bars,open,high,low,close,volume,trades");
  const auto text_of = [](const std::string& line, const std::string& key) {
    const std::size_t at = line.find(key) + key.size();
    return line.substr(at, line.find('"', at) - at);
  };
  std::vector<std::int64_t> prices;
  std::int64_t volume_e9 = 0;
  std::size_t bars = 0;
  std::size_t trades = 0;
  for (const std::string& line : split(read_zstd(capture), '\n')) {
    if (!line.contains("\"e\":\"trade\"")) continue;
    ++trades;
    const std::int64_t size = e9(text_of(line, "\"q\":\""));
    if (size == 0) continue;
    prices.push_back(e9(text_of(line, "\"p\":\"")));
    volume_e9 += size;
    if (volume_e9 < 2'500'000'000) continue;
    ASSERT_LT(bars, rows.size());
    const auto& row = rows[bars];
    const std::vector<std::int64_t> expected = {prices.front(), *std::ranges::max_element(prices),
                                                *std::ranges::min_element(prices), prices.back(), volume_e9};
    for (std::size_t i = 0; i < expected.size(); ++i) ASSERT_EQ(e9(row.at(4 + i)), expected[i]) << "bar " << bars;
    ASSERT_EQ(row.at(9), std::to_string(prices.size()));
    prices.clear();
    volume_e9 = 0;
    ++bars;
  }
  EXPECT_EQ(rows.size(), bars);
  EXPECT_EQ(trades, 21'313u);
  EXPECT_GT(bars, 50u);
  std::printf("%zu bars of %zu trades\n", bars, trades);
}

class Replay : public testing::Test {
 protected:
  TempFolder folder_;

  // A configuration that trades, and whose run of a file leaves a journal.
  std::string write_config(const std::string& ticks, const std::string& model = "") const {
    const std::string path = folder_.path() + "/thintail.toml";
    std::ofstream(path)
        << "[core]\ninstance = \"files\"\n[shm]\ndirectory = \"" << folder_.path()
        << "\"\nevents_slots = 65536\n[feed]\nkind = \"files\"\nfiles = [\"" << ticks << "\"]\n[model]\npath = \""
        << model << "\"\n[strategy]\nkind = \"" << (model.empty() ? "fade_last_move" : "model_edge")
        << "\"\n[strategy.quantity]\nXAUUSD = \"5\"\n[risk.XAUUSD]\nmax_order_quantity = \"10\"\n"
           "max_position = \"100\"\nmax_quote_age_ms = 5_000\nmax_orders_per_second = 10\n[journal]\ndirectory = \""
        << folder_.path() << "/journal\"\n";
    return path;
  }
  std::string journal() const { return folder_.path() + "/journal/files/journal-0000000001.ttj"; }
};

TEST_F(Replay, decides_alike_on_every_instruction_set) {
  TT_REQUIRE_DATA(gold_ticks("20140502"));
  const std::string model = write_core_model(folder_.path());
  std::string first;
  for (const char* isa : {"scalar", "avx2", "avx512"}) {
    const ProcessResult result =
        run_thintail({"replay", gold_ticks("20140502").string(), "--model", model, "--isa", isa, "--json"});
    if (result.exit_code == 64) {
      EXPECT_NE(result.err.find("TT-0603"), std::string::npos) << result.err;
      std::printf("skipped: this CPU has no %s\n", isa);
      continue;
    }
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const json report = json::parse(result.out);
    EXPECT_EQ(field(report, "isa"), isa);
    EXPECT_EQ(report["predictions"], 265'015);
    EXPECT_GT(report["valid_predictions"].get<int>(), 200'000);
    if (first.empty()) first = field(report, "decision_hash");
    EXPECT_EQ(field(report, "decision_hash"), first) << isa;
  }
  EXPECT_EQ(first.size(), 64u);
}

TEST_F(Replay, notices_one_changed_tick) {
  TT_REQUIRE_DATA(gold_ticks("20140504"));
  const std::string model = write_core_model(folder_.path());
  const FeedFolder files;
  std::string text = read_zstd(gold_ticks("20140504"));
  const std::string same = files.write("oanda_xauusd_tick_20140504.csv", text);
  const auto hash_of = [&](const std::string& path) {
    return field(run_json({"replay", path, "--model", model}), "decision_hash");
  };
  const std::string original = hash_of(gold_ticks("20140504").string());
  EXPECT_EQ(hash_of(same), original) << "the same ticks, not compressed";

  // The last digit of the ask in the middle row.
  const std::size_t row_end = text.find('\n', text.size() / 2);
  const std::size_t digit = text[row_end - 1] == '\r' ? row_end - 2 : row_end - 1;
  text[digit] = text[digit] == '5' ? '6' : '5';
  EXPECT_NE(hash_of(files.write("oanda_xauusd_tick_20140504.csv", text)), original);
}

TEST_F(Replay, of_the_files_equals_the_journal_of_their_run) {
  TT_REQUIRE_DATA(gold_ticks("20140504"));
  const std::string ticks = gold_ticks("20140504").string();
  const std::string config = write_config(ticks, write_core_model(folder_.path()));
  const ProcessResult run = run_thintail({"run", "--config", config});
  ASSERT_EQ(run.exit_code, 0) << run.err;

  const ProcessResult files = run_thintail({"replay", ticks, "--config", config, "--compare", journal()});
  EXPECT_EQ(files.exit_code, 0) << files.err;
  EXPECT_NE(files.out.find("equal to " + journal()), std::string::npos) << files.out;
  const json recorded = run_json({"replay", journal()});
  EXPECT_TRUE(recorded.value("equal", false));
  EXPECT_GT(recorded.value("outputs_compared", 0), 5'000);
  EXPECT_EQ(field(recorded, "decision_hash"), field(run_json({"replay", ticks, "--config", config}), "decision_hash"));

  const ProcessResult other =
      run_thintail({"replay", ticks, "--config", config, "--set", "strategy.cooldown_ms=999", "--compare", journal()});
  EXPECT_EQ(other.exit_code, 2) << other.out;
  EXPECT_NE(other.err.find("TT-0505"), std::string::npos) << other.err;
}

TEST_F(Replay, is_the_same_inline_as_pipelined) {
  TT_REQUIRE_DATA(gold_ticks("20140504"));
  const std::string ticks = gold_ticks("20140504").string();
  const std::string config = write_config(ticks);
  for (const char* topology : {"pipelined", "inline"}) {
    const ProcessResult run =
        run_thintail({"run", "--config", config, "--set", std::string("core.topology=") + topology});
    ASSERT_EQ(run.exit_code, 0) << run.err;
  }
  // Each start continues the numbers; rebased to their starts, the runs are equal.
  const std::string second = folder_.path() + "/journal/files/journal-0000000002.ttj";
  for (const std::string& path : {journal(), second}) {
    EXPECT_EQ(run_thintail({"replay", path}).exit_code, 0);
  }
  JournalReader reader = JournalReader::open(journal()).value();
  Event last{};
  for (Event event; reader.poll(event);) last = event;
  EXPECT_EQ(last.as<Session>().state, SessionState::input_ended);
  JournalReader next = JournalReader::open(second).value();
  Event first{};
  ASSERT_TRUE(next.poll(first));
  EXPECT_EQ(first.sequence, last.sequence + 1);
}

// Changes one byte of the first output of `type` and seals its block again, as somebody would who knows the format.
// Returns its sequence.
std::uint64_t tamper(const std::string& path, EventType type, std::size_t payload_byte) {
  std::vector<std::byte> bytes = file_bytes(path);
  for (std::size_t at = kJournalHeaderBytes; at < bytes.size();) {
    const auto header = check_block(std::span(bytes).subspan(at), at, 1);
    if (!header) break;
    const std::size_t size = block_bytes(header->events);
    const auto block = std::make_unique<JournalBlock>();
    std::memcpy(block.get(), &bytes[at], size);
    for (std::size_t i = 0; i < header->events; ++i) {
      Event& event = block->events[i];
      if (event.type != type || !event.is_output()) continue;
      event.payload[payload_byte] ^= std::byte{1};
      seal_block(*block, header->events,
                 {header->file_offset, header->first_sequence, header->durable_offset, header->durable_sequence,
                  header->epoch, header->flags});
      std::memcpy(&bytes[at], block.get(), size);
      write_file(path, bytes);
      return event.sequence;
    }
    at += size;
  }
  ADD_FAILURE() << "no such output in " << path;
  return 0;
}

TEST_F(Replay, names_event_and_field_of_a_forged_journal) {
  TT_REQUIRE_DATA(gold_ticks("20140504"));
  const std::string config = write_config(gold_ticks("20140504").string(), write_core_model(folder_.path()));
  ASSERT_EQ(run_thintail({"run", "--config", config}).exit_code, 0);
  ASSERT_EQ(run_thintail({"replay", journal()}).exit_code, 0);
  const auto original = file_bytes(journal());
  const struct {
    EventType type;
    std::size_t byte;
    const char* field;
  } forgeries[] = {{EventType::prediction, offsetof(Prediction, feature_digest), "feature_digest"},
                   {EventType::prediction, offsetof(Prediction, score), "score"},
                   {EventType::bar, offsetof(Bar, high_e9), "high"},
                   {EventType::signal, offsetof(Signal, target_e9), "target"}};
  for (const auto& forgery : forgeries) {
    write_file(journal(), original);
    const std::uint64_t sequence = tamper(journal(), forgery.type, forgery.byte);
    const ProcessResult result = run_thintail({"replay", journal()});
    EXPECT_EQ(result.exit_code, 2) << result.err;
    EXPECT_NE(result.err.find("TT-0505"), std::string::npos) << result.err;
    EXPECT_NE(result.err.find("event " + std::to_string(sequence) + " differs"), std::string::npos) << result.err;
    EXPECT_NE(result.err.find(forgery.field), std::string::npos) << result.err;
  }
}

TEST_F(Replay, refuses_a_damaged_journal) {
  TT_REQUIRE_DATA(gold_ticks("20140504"));
  ASSERT_EQ(run_thintail({"run", "--config", write_config(gold_ticks("20140504").string())}).exit_code, 0);
  auto bytes = file_bytes(journal());
  bytes[bytes.size() / 2] ^= std::byte{1};
  write_file(journal(), bytes);
  const ProcessResult result = run_thintail({"replay", journal()});
  EXPECT_EQ(result.exit_code, 1) << result.err;
  EXPECT_NE(result.err.find("TT-0502"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find(journal()), std::string::npos) << result.err;
}

TEST_F(Replay, with_another_model_than_recorded_is_refused) {
  TT_REQUIRE_DATA(gold_ticks("20140504"));
  const std::string config = write_config(gold_ticks("20140504").string(), write_core_model(folder_.path()));
  ASSERT_EQ(run_thintail({"run", "--config", config}).exit_code, 0);
  write_core_model(folder_.path(), 41);
  EXPECT_EQ(run_thintail({"replay", journal()}).exit_code, 0) << "the recorded one is kept beside the journal";
  ASSERT_GT(std::filesystem::remove_all(std::filesystem::path(journal()).parent_path() / "models"), 0u);
  const ProcessResult result = run_thintail({"replay", journal()});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("TT-0406"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace thintail::test
