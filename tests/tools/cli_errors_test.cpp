// SPDX-License-Identifier: Apache-2.0
// Every bad input that a person can give leads to a message that says what, where and what instead, and to its exit
// code.
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <bit>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "tests/support/core_model.hpp"
#include "tests/support/data.hpp"
#include "tests/support/feed_files.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temp_folder.hpp"

namespace thintail::test {
namespace {

constexpr std::string_view kGoodRows = "1000,1300.1,1300.2\n1200,1300.1,1300.3\n";
constexpr std::string_view kBadRows = "1000,1300.1,1300.2\n1200,13x0.1,1300.2\n1300,1300.1,1300.3\n";

// Big-endian ms, ask, bid in points, and two volumes that no compressor can shorten much.
std::string bi5_rows(std::uint32_t rows) {
  std::mt19937 random(1);
  std::string bytes;
  for (std::uint32_t row = 0; row < rows; ++row) {
    const auto volume = [&] {
      return std::bit_cast<std::uint32_t>(1.0F + static_cast<float>(random() % 100'000) / 1e5F);
    };
    for (const std::uint32_t word : {row * 100, 114'500 + row % 7, 114'490 + row % 7, volume(), volume()}) {
      for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(word >> shift & 0xff);
    }
  }
  return bytes;
}

struct Expected {
  int exit_code;
  std::string code;
  std::vector<std::string> parts;  // in the message, in this order
};

void expect_error(const std::vector<std::string>& arguments, const Expected& expected) {
  const ProcessResult result = run_thintail(arguments);
  EXPECT_EQ(result.exit_code, expected.exit_code) << result.err;
  EXPECT_TRUE(result.err.starts_with("error: " + expected.code + " ")) << result.err;
  EXPECT_NE(result.err.find("`thintail explain " + expected.code + "` tells more."), std::string::npos) << result.err;
  std::size_t from = 0;
  for (const std::string& part : expected.parts) {
    const std::size_t at = result.err.find(part, from);
    EXPECT_NE(at, std::string::npos) << "no \"" << part << "\" in its place in:\n" << result.err;
    if (at != std::string::npos) from = at + part.size();
  }
}

class CommandLineErrors : public testing::Test {
 protected:
  FeedFolder files_;
  const std::string good_ = files_.write("oanda_xauusd_tick_20140503.csv", kGoodRows);
};

TEST_F(CommandLineErrors, a_missing_file_is_named) {
  expect_error({"replay", "nowhere.csv"}, {1, "TT-0201", {"nowhere.csv", "No such file"}});
}

TEST_F(CommandLineErrors, a_file_of_no_format_shows_its_first_line) {
  const std::string path = files_.write("oanda_xauusd_tick_20140504.csv", "dear diary\n");
  expect_error({"replay", path}, {1, "TT-0203", {path, "expected a row of lean", "found \"dear diary\""}});
}

TEST_F(CommandLineErrors, a_file_of_another_format_than_named_is_refused) {
  expect_error({"replay", good_, "--format", "dukascopy-json"}, {1, "TT-0204", {good_}});
  expect_error({"replay", good_, "--format", "papyrus"}, {1, "TT-0203", {"expected one of lean", "found papyrus"}});
}

TEST_F(CommandLineErrors, truncated_zstd_is_refused) {
  const std::string packed = zstd_packed(kGoodRows);
  const std::string path = files_.write("oanda_xauusd_tick_20140504.csv.zst", packed.substr(0, packed.size() - 4));
  expect_error({"replay", path}, {1, "TT-0206", {path, "expected the end of the zstd frame", "found"}});
}

TEST_F(CommandLineErrors, truncated_lzma_is_refused) {
  const std::string packed = lzma_packed(bi5_rows(2'000));
  const std::string path = files_.write("dukascopy_eurusd_20190204_10h_ticks.bi5", packed.substr(0, packed.size() / 2));
  expect_error({"replay", path}, {1, "TT-0206", {path, "expected the end of the LZMA stream", "found"}});
}

TEST_F(CommandLineErrors, a_bad_row_is_counted_and_strict_refuses_it) {
  const std::string path = files_.write("oanda_xauusd_tick_20140504.csv", kBadRows);
  const ProcessResult counted = run_thintail({"replay", path});
  EXPECT_EQ(counted.exit_code, 0) << counted.err;
  EXPECT_NE(counted.out.find("1 bad rows skipped"), std::string::npos) << counted.out;
  EXPECT_NE(counted.out.find(path + ":2: bid: expected a decimal price, found \"13x0.1\""), std::string::npos)
      << counted.out;
  expect_error({"replay", path, "--strict"},
               {1, "TT-0205", {path + ":2", "bid", "expected a decimal price", "\"13x0.1\""}});
}

TEST_F(CommandLineErrors, strict_refuses_crossed_quotes_and_backward_times) {
  const std::string crossed = files_.write("oanda_xauusd_tick_20140504.csv", "1000,1300.2,1300.1\n");
  expect_error({"replay", crossed, "--strict"}, {1, "TT-0212", {crossed + ":1"}});
  const std::string backwards =
      files_.write("oanda_xauusd_tick_20140505.csv", "2000,1300.1,1300.2\n1000,1300.1,1300.2\n");
  expect_error({"replay", backwards, "--strict"}, {1, "TT-0211", {backwards + ":2"}});
}

TEST_F(CommandLineErrors, an_unknown_clock_lists_the_known_ones) {
  expect_error({"replay", good_, "--clock", "mars"}, {64, "TT-0208", {"expected utc", "new-york", "found \"mars\""}});
}

TEST_F(CommandLineErrors, a_file_without_a_clock_is_refused) {
  const std::string path = files_.write("acme_xauusd_tick_20140503.csv", kGoodRows);
  expect_error({"replay", path},
               {64, "TT-0209", {path, "expected a clock profile by --clock or by a prefix under [sources]"}});
}

TEST_F(CommandLineErrors, an_unknown_instrument_is_named) {
  const std::string path = files_.write("oanda_zzzzzz_tick_20140503.csv", kGoodRows);
  expect_error({"replay", path}, {64, "TT-0210", {path, "expected", "[instruments]", "found ZZZZZZ@oanda"}});
}

TEST_F(CommandLineErrors, a_file_without_a_usable_row_is_refused) {
  const std::string path = files_.write("oanda_xauusd_tick_20140504.csv", "");
  const ProcessResult result = run_thintail({"replay", path});
  EXPECT_EQ(result.exit_code, 1) << result.out;
  EXPECT_NE(result.err.find(path), std::string::npos) << result.err;
}

TEST_F(CommandLineErrors, a_model_of_another_feature_set_is_refused) {
  const TempFolder folder;
  const std::string model = write_core_model(folder.path());
  EXPECT_EQ(run_thintail({"replay", good_, "--model", model}).exit_code, 0);
  expect_error({"replay", good_, "--model", model, "--set", "features.set=scalper-64"},
               {1, "TT-0405", {"scalper-64, which is in force", "of set core-32"}});
  // What every byte of it would be is known: one that is changed is no model any more.
  std::string bytes = feed_file_bytes(model);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  std::ofstream(model, std::ios::binary | std::ios::trunc) << bytes;
  expect_error({"replay", good_, "--model", model}, {1, "TT-0420", {model, "header.sha256"}});
}

TEST_F(CommandLineErrors, a_model_that_is_missing_or_no_model_is_refused) {
  expect_error({"replay", good_, "--model", "nowhere.json"}, {1, "TT-0401", {"nowhere.json"}});
  const std::string model = files_.write("model.json", "{}");
  expect_error({"replay", good_, "--model", model}, {1, "TT-0420", {model, "header"}});
}

TEST_F(CommandLineErrors, a_configuration_typo_names_place_and_nearest_key) {
  const std::string path = files_.write("thintail.toml", "[core]\n  instnace = \"x\"\n");
  expect_error({"run", "--config", path},
               {64, "TT-0103", {path + ":2:3", "core.instnace", "nearest is core.instance"}});
}

TEST_F(CommandLineErrors, configuration_that_is_no_toml_names_line_and_column) {
  const std::string path = files_.write("thintail.toml", "[core\n");
  expect_error({"run", "--config", path}, {64, "TT-0102", {path + ":1:"}});
}

TEST_F(CommandLineErrors, a_value_out_of_range_names_its_origin) {
  const std::string path = files_.write("thintail.toml", "[shm]\nevents_slots = 1000\n");
  expect_error({"run", "--config", path},
               {64, "TT-0104", {path + ":2", "shm.events_slots", "expected a power of two", "found the integer 1000"}});
  expect_error({"run", "--set", "core.isa=neon"}, {64, "TT-0104", {"--set", "core.isa", "expected", "found \"neon\""}});
}

TEST_F(CommandLineErrors, files_without_names_are_asked_for) {
  expect_error({"run", "--set", "feed.kind=files"}, {64, "TT-0105", {"feed.files", "expected at least one"}});
}

TEST_F(CommandLineErrors, a_strategy_without_its_model_is_refused) {
  expect_error({"replay", good_, "--set", "strategy.kind=model_edge"},
               {64, "TT-0105", {"model.path", "expected", "found none"}});
}

TEST_F(CommandLineErrors, a_bad_speed_is_refused) {
  expect_error({"replay", good_, "--speed", "fast"}, {64, "TT-0101", {"speed", "expected max", "found \"fast\""}});
  expect_error({"replay", good_, "--speed", "-1x"}, {64, "TT-0101", {"speed", "found \"-1x\""}});
}

TEST_F(CommandLineErrors, a_bad_isa_is_refused) {
  expect_error({"replay", good_, "--isa", "neon"},
               {64, "TT-0104", {"expected one of auto, scalar, avx2, avx512", "found \"neon\""}});
}

TEST_F(CommandLineErrors, a_bad_period_is_refused) {
  expect_error({"replay", good_, "--period", "M2"}, {64, "TT-0101", {"--period", "expected M1", "found \"M2\""}});
}

TEST_F(CommandLineErrors, bad_bars_name_what_is_expected) {
  const std::string out = good_ + ".bars.csv";
  const auto refused = [&](const std::string& spec, const std::string& expected) {
    expect_error({"replay", good_, "--dump-bars", out, "--bars", spec},
                 {64, "TT-0101", {"--bars", expected, "found \"" + spec + "\""}});
  };
  for (const char* spec : {"renko:5", "ticks", "M1", ":5", "Ticks:5"}) {
    refused(spec, spec == std::string("ticks") ? "expected ticks:N with N a whole number of ticks from 1 to 4294967295"
                                               : "expected ticks:N, volume:N or range:N");
  }
  for (const char* spec : {"ticks:0", "ticks:-5", "ticks:1.5", "ticks:5x", "ticks: 5", "ticks:4294967296", "ticks:"}) {
    refused(spec, "expected ticks:N with N a whole number of ticks from 1 to 4294967295, such as ticks:500");
  }
  for (const char* spec : {"range:0", "range:0.5", "range:99999999999999999999"}) {
    refused(spec, "expected range:N with N a whole number of points from 1 to 4294967295, such as range:50");
  }
  for (const char* spec : {"volume:0", "volume:-1", "volume:1e3", "volume:", "volume:0.0000000001"}) {
    refused(spec, "expected volume:N with N a decimal number of traded base units above 0");
  }
  expect_error({"replay", good_, "--bars", "ticks:5"}, {64, "TT-0101", {"--bars", "expected --dump-bars FILE.csv"}});
  expect_error({"replay", good_, "--dump-bars", out, "--bars", "ticks:5", "--period", "M5"},
               {64, "TT-0101", {"--bars", "expected no --period", "found M5"}});
  EXPECT_FALSE(std::filesystem::exists(out)) << "what is refused writes nothing";
}

TEST_F(CommandLineErrors, volume_bars_of_a_feed_without_trades_are_refused) {
  const std::string out = good_ + ".bars.csv";
  expect_error({"replay", good_, "--dump-bars", out, "--bars", "volume:100"},
               {64, "TT-0414", {good_, "volume:100", "--bars", "expected trades", "found quotes alone"}});
  const std::string sized = files_.write("dukascopy_eurusd_20190204_10h_ticks.bi5", lzma_packed(bi5_rows(2'000)));
  expect_error({"replay", sized, "--dump-bars", out, "--bars", "volume:100"},
               {64, "TT-0414", {sized, "expected trades", "found quotes with sizes, which are not traded volume"}});
  EXPECT_FALSE(std::filesystem::exists(out)) << "what is refused writes nothing";
}

TEST_F(CommandLineErrors, bars_of_a_journal_are_refused) {
  for (const std::vector<std::string>& options :
       {std::vector<std::string>{"--dump-bars", "bars.csv"}, std::vector<std::string>{"--bars", "ticks:5"}}) {
    std::vector<std::string> arguments = {"replay", "journal.ttj"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    expect_error(arguments, {64, "TT-0101", {options[0], "expected tick files", "found journal.ttj"}});
  }
}

TEST_F(CommandLineErrors, bars_into_a_missing_folder_are_refused) {
  const std::string path = good_ + "/bars.csv";
  expect_error({"replay", good_, "--dump-bars", path}, {1, "TT-0214", {path}});
}

TEST_F(CommandLineErrors, an_unknown_command_names_the_nearest) {
  expect_error({"rpelay"}, {64, "TT-0101", {"expected one of", "the nearest is replay", "found \"rpelay\""}});
}

TEST_F(CommandLineErrors, an_unknown_option_is_named) {
  expect_error(
      {"replay", good_, "--sped", "max"},
      {64, "TT-0101", {"expected an option of `thintail replay`; the nearest is --speed", "found \"--sped\""}});
  expect_error({"replay"}, {64, "TT-0101", {"FILE|JOURNAL is required"}});
  expect_error({}, {64, "TT-0101", {"subcommand is required"}});
}

TEST_F(CommandLineErrors, explaining_an_unknown_code_is_refused) {
  expect_error({"explain", "TT-9999"}, {64, "TT-0101", {"expected one that `thintail explain` lists", "\"TT-9999\""}});
}

TEST_F(CommandLineErrors, every_listed_code_is_explained) {
  const ProcessResult list = run_thintail({"explain"});
  EXPECT_EQ(list.exit_code, 0);
  EXPECT_NE(list.out.find("TT-0205"), std::string::npos);
  const ProcessResult one = run_thintail({"explain", "TT-0205"});
  EXPECT_EQ(one.exit_code, 0);
  EXPECT_NE(one.out.find("exit code 1"), std::string::npos) << one.out;
}

TEST_F(CommandLineErrors, help_and_version_are_no_errors) {
  for (const char* flag : {"--help", "--version"}) EXPECT_EQ(run_thintail({flag}).exit_code, 0) << flag;
  EXPECT_EQ(run_thintail({"replay", "--help"}).exit_code, 0);
}

TEST_F(CommandLineErrors, a_core_that_does_not_run_is_named) {
  expect_error({"stat", "--instance", "nobody", "--shm-directory", "/tmp"}, {1, "TT-0303", {"/tmp/thintail-nobody"}});
  expect_error({"stat", "--interval", "1h"},
               {64, "TT-0101", {"--interval", "expected a number and s or ms", "\"1h\""}});
}

TEST_F(CommandLineErrors, a_file_that_is_no_journal_is_refused) {
  const std::string path = files_.write("journal-0000000001.ttj", std::string(8192, 'x'));
  expect_error({"replay", path}, {1, "TT-0501", {path}});
  expect_error({"replay", path, good_}, {64, "TT-0101", {"either tick files or journals", "found both"}});
}

TEST_F(CommandLineErrors, text_from_files_cannot_steer_a_terminal) {
  const std::string path = files_.write("oanda_xauusd_tick_20140504.csv", "\x1b[2Jboo\n");
  const ProcessResult result = run_thintail({"replay", path});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.err.find('\x1b'), std::string::npos);
  EXPECT_NE(result.err.find("\\x1b[2Jboo"), std::string::npos) << result.err;
}

TEST_F(CommandLineErrors, shared_memory_that_is_too_small_is_said_before_it_is_touched) {
  const TempFolder folder;
  if (::mount("none", folder.path().c_str(), "tmpfs", 0, "size=1m") != 0) {
    GTEST_SKIP() << "mounting a small file system needs privileges that this run has not";
  }
  expect_error({"run", "--set", "shm.directory=" + folder.path(), "--set", "journal.directory=" + good_ + ".journal"},
               {1, "TT-0301", {folder.path(), "expected", "bytes", "found", "bytes available"}});
  ::umount(folder.path().c_str());
}

}  // namespace
}  // namespace thintail::test
