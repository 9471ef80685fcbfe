// SPDX-License-Identifier: Apache-2.0
// `thintail features compute` and `replay --dump-features`: the same files byte for byte, arrays as numpy reads them, and no
// file where anything went wrong.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "tests/support/data.hpp"
#include "tests/support/feed_files.hpp"
#include "tests/support/lean_ticks.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temp_folder.hpp"

namespace thintail::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

fs::path gold() { return data_dir() / "ticks" / "oanda_xauusd_tick_20140504.csv.zst"; }  // 9,889 ticks
fs::path payrolls() { return data_dir() / "ticks" / "oanda_xauusd_tick_20140502.csv.zst"; }

// Parsed as NEP 1 has it, nothing assumed of how we write it.
struct Npy {
  std::string type;
  std::vector<std::size_t> shape;
  std::string data;

  std::size_t rows() const { return shape.at(0); }
  float at(std::size_t row, std::size_t column) const {
    float value = 0;
    std::memcpy(&value, data.data() + (row * shape.at(1) + column) * sizeof value, sizeof value);
    return value;
  }
  std::int64_t time(std::size_t row) const {
    std::int64_t value = 0;
    std::memcpy(&value, data.data() + row * sizeof value, sizeof value);
    return value;
  }
};

Npy read_npy(const fs::path& path) {
  const std::string bytes = feed_file_bytes(path);
  Npy out;
  if (bytes.size() < 10 || bytes.substr(0, 6) != "\x93NUMPY" || bytes[6] != 1 || bytes[7] != 0) {
    ADD_FAILURE() << path << " is no .npy of format 1.0";
    return out;
  }
  const std::size_t length = static_cast<unsigned char>(bytes[8]) + 256u * static_cast<unsigned char>(bytes[9]);
  EXPECT_EQ((10 + length) % 64, 0u) << "data is aligned";
  const std::string header = bytes.substr(10, length);
  EXPECT_TRUE(header.ends_with('\n'));
  EXPECT_NE(header.find("'fortran_order': False"), std::string::npos) << header;
  const std::size_t type = header.find("'descr': '") + 10;
  out.type = header.substr(type, header.find('\'', type) - type);
  std::string shape = header.substr(header.find('(') + 1);
  shape = shape.substr(0, shape.find(')'));
  EXPECT_NE(shape.find(','), std::string::npos) << "a tuple: " << shape;
  for (std::istringstream numbers(shape); numbers;) {
    std::string number;
    std::getline(numbers, number, ',');
    if (number.find_first_of("0123456789") != std::string::npos) out.shape.push_back(std::stoul(number));
  }
  out.data = bytes.substr(10 + length);
  std::size_t values = 1;
  for (const std::size_t size : out.shape) values *= size;
  EXPECT_EQ(out.data.size(), values * static_cast<std::size_t>(out.type.back() - '0'));
  return out;
}

// Files of the folder but those named.
std::vector<std::string> other_files(const std::string& folder, std::initializer_list<std::string> known = {}) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (std::ranges::find(known, name) == known.end()) names.push_back(name);
  }
  return names;
}

struct Paths {
  TempFolder folder{};
  std::string operator()(const std::string& name) const { return folder.path() + "/" + name; }
};

void expect_same_files(const Paths& out, const std::string& a, const std::string& b) {
  for (const char* ending : {".npy", ".times.npy", ".json"}) {
    const std::string first = feed_file_bytes(out(a + ending));
    EXPECT_FALSE(first.empty()) << ending;
    EXPECT_EQ(first == feed_file_bytes(out(b + ending)), true) << ending;
  }
}

TEST(FeaturesCompute, replay_writes_the_same_rows_byte_for_byte) {
  TT_REQUIRE_DATA(payrolls());
  for (const char* set : {"scalper-64", "core-32"}) {
    const Paths out;
    const auto computed =
        run_thintail({"features", "compute", payrolls().string(), "--set", set, "--out", out("c.npy")});
    ASSERT_EQ(computed.exit_code, 0) << computed.err;
    EXPECT_NE(computed.out.find("265,015 rows"), std::string::npos) << computed.out;
    EXPECT_NE(computed.out.find("rows/s"), std::string::npos) << computed.out;
    const auto replayed = run_thintail({"replay", payrolls().string(), "--dump-features", out("r.npy"), "--set", set});
    ASSERT_EQ(replayed.exit_code, 0) << replayed.err;
    expect_same_files(out, "c", "r");
    EXPECT_EQ(read_npy(out("c.npy")).rows(), 265'015u);
    EXPECT_EQ(other_files(out.folder.path(), {"c.npy", "c.times.npy", "c.json", "r.npy", "r.times.npy", "r.json"}),
              std::vector<std::string>{});
  }
}

TEST(FeaturesCompute, a_changed_tick_makes_the_rows_differ_from_there_on) {
  TT_REQUIRE_DATA(gold());
  const FeedFolder folder;
  std::string text = read_zstd(gold());
  const std::string name = "oanda_xauusd_tick_20140504.csv";
  const std::string original = folder.write(name, text);
  const Paths out;
  ASSERT_EQ(run_thintail({"features", "compute", original, "--set", "scalper-64", "--out", out("a.npy")}).exit_code, 0);
  // The ask of row 5,001, a tenth higher.
  std::size_t at = 0;
  for (int row = 0; row < 5'000; ++row) at = text.find('\n', at) + 1;
  const std::size_t ask = text.find(',', text.find(',', at) + 1) + 1;
  const std::size_t digit = text.find('.', ask) + 1;
  text[digit] = text[digit] == '9' ? '8' : static_cast<char>(text[digit] + 1);
  ASSERT_EQ(folder.write(name, text), original);
  const auto replayed = run_thintail({"replay", original, "--dump-features", out("b.npy"), "--set", "scalper-64"});
  ASSERT_EQ(replayed.exit_code, 0) << replayed.err;
  const Npy a = read_npy(out("a.npy"));
  const Npy b = read_npy(out("b.npy"));
  ASSERT_EQ(a.shape, b.shape);
  const std::size_t row_bytes = a.shape.at(1) * sizeof(float);
  const auto first = static_cast<std::size_t>(std::ranges::mismatch(a.data, b.data).in1 - a.data.begin());
  EXPECT_EQ(first / row_bytes, 5'000u);
}

TEST(FeaturesCompute, the_arrays_times_and_sidecar_agree) {
  TT_REQUIRE_DATA(gold());
  const Paths out;
  ASSERT_EQ(
      run_thintail({"features", "compute", gold().string(), "--set", "scalper-64", "--out", out("f.npy")}).exit_code,
      0);
  const Npy values = read_npy(out("f.npy"));
  const Npy times = read_npy(out("f.times.npy"));
  EXPECT_EQ(values.type, "<f4");
  EXPECT_EQ(times.type, "<i8");
  ASSERT_EQ(values.shape, (std::vector<std::size_t>{9'889, 64}));
  ASSERT_EQ(times.shape, (std::vector<std::size_t>{9'889}));
  EXPECT_EQ(times.time(0) / 1'000'000'000 / 86'400, 16'194) << "2014-05-04";
  for (std::size_t row = 1; row < times.rows(); ++row) ASSERT_LE(times.time(row - 1), times.time(row));

  const json sidecar = json::parse(feed_file_bytes(out("f.json")));
  EXPECT_EQ(sidecar["schema"], "thintail-feature-rows/1");
  EXPECT_EQ(sidecar["set"], "scalper-64");
  EXPECT_EQ(sidecar["set_hash"].get<std::string>().size(), 64u);
  EXPECT_EQ(sidecar["instrument"], "XAUUSD@oanda");
  EXPECT_EQ(sidecar["rows"], 9'889);
  ASSERT_EQ(sidecar["lanes"].size(), 64u);
  EXPECT_EQ(sidecar["lanes"][6]["name"], "mid_deviation_1s");
  for (std::size_t lane = 0; lane < 64; ++lane) {
    std::uint64_t undefined = 0;
    for (std::size_t row = 0; row < values.rows(); ++row) undefined += std::isnan(values.at(row, lane));
    EXPECT_EQ(sidecar["lanes"][lane]["undefined"], undefined) << sidecar["lanes"][lane]["name"];
  }
}

TEST(FeaturesCompute, numpy_loads_the_array_where_there_is_a_numpy) {
  TT_REQUIRE_DATA(gold());
  const std::string python = "/usr/bin/python3";
  if (!fs::exists(python) || Process({python, "-c", "import numpy"}).wait().exit_code != 0) GTEST_SKIP() << "no numpy";
  const Paths out;
  ASSERT_EQ(run_thintail({"features", "compute", gold().string(), "--set", "core-32", "--out", out("f.npy")}).exit_code,
            0);
  const auto loaded = Process({python, "-c",
                               "import numpy, sys; a = numpy.load(sys.argv[1]); t = numpy.load(sys.argv[2]); "
                               "print(a.shape, a.dtype, t.shape, t.dtype)",
                               out("f.npy"), out("f.times.npy")})
                          .wait();
  EXPECT_EQ(loaded.exit_code, 0) << loaded.err;
  EXPECT_EQ(loaded.out, "(9889, 32) float32 (9889,) int64\n");
}

TEST(FeaturesCompute, every_instruction_set_writes_the_same_bytes_and_limit_the_first_of_them) {
  TT_REQUIRE_DATA(gold());
  const Paths out;
  const auto compute = [&](const std::string& name, std::vector<std::string> further) {
    std::vector<std::string> arguments = {"features",   "compute", gold().string(), "--set",
                                          "scalper-64", "--out",   out(name)};
    arguments.insert(arguments.end(), further.begin(), further.end());
    const auto ended = run_thintail(arguments);
    EXPECT_EQ(ended.exit_code, 0) << ended.err;
  };
  compute("auto.npy", {});
  compute("scalar.npy", {"--isa", "scalar"});
  compute("first.npy", {"--limit", "1000"});
  expect_same_files(out, "auto", "scalar");
  const Npy all = read_npy(out("auto.npy"));
  const Npy first = read_npy(out("first.npy"));
  EXPECT_EQ(first.rows(), 1'000u);
  EXPECT_TRUE(all.data.starts_with(first.data));
}

TEST(FeaturesCompute, a_bar_file_gives_a_row_a_closed_bar) {
  const auto minutes = data_dir() / "bars" / "histdata_eurusd_m1_2018.csv.zst";
  TT_REQUIRE_DATA(minutes);
  const Paths out;
  const auto ended = run_thintail(
      {"features", "compute", minutes.string(), "--set", "bars-64", "--limit", "30000", "--out", out("b.npy")});
  ASSERT_EQ(ended.exit_code, 0) << ended.err;
  const Npy values = read_npy(out("b.npy"));
  const Npy times = read_npy(out("b.times.npy"));
  ASSERT_EQ(values.shape, (std::vector<std::size_t>{30'000, 64}));
  EXPECT_EQ(times.time(0), 1'514'844'060LL * 1'000'000'000) << "2018-01-01 17:00 New York opens the first minute";
  std::size_t undefined = 0;
  for (std::size_t lane = 0; lane < 64; ++lane) undefined += std::isnan(values.at(29'999, lane));
  EXPECT_LT(undefined, 8u) << "of a month of minutes, only what needs more days is still undefined";
}

TEST(FeaturesCompute, an_export_has_traded_volume_only_where_it_is_declared_and_zeros_are_warned_of) {
  const auto m5 = data_dir() / "bars" / "mt5_xauusd_m5_2025.csv.zst";  // <VOL> is 0 throughout
  TT_REQUIRE_DATA(m5);
  const FeedFolder folder;
  const std::string set = folder.write(
      "volume.toml", "name = \"volume\"\nfeatures = [{ feature = \"obv\", period = \"M5\", basis = \"bid\" }]\n");
  const Paths out;
  std::vector<std::string> arguments = {"features", "compute", m5.string(), "--clock",   "mt5-eu",
                                        "--set",    set,       "--out",     out("f.npy")};
  const auto refused = run_thintail(arguments);
  EXPECT_EQ(refused.exit_code, 64) << refused.out << refused.err;
  EXPECT_NE(refused.err.find("TT-0414"), std::string::npos) << refused.err;
  EXPECT_NE(refused.err.find("volume"), std::string::npos) << refused.err;
  arguments.insert(arguments.end(), {"--volume", "traded"});
  const auto declared = run_thintail(arguments);
  EXPECT_EQ(declared.exit_code, 0) << declared.err;
  EXPECT_NE(declared.err.find("volume of 0 in each of 58230 bars"), std::string::npos) << declared.err;
}

// --- refusals ----------------------------------------------------------------------------------------------------------

struct Refused {
  const char* name;
  std::vector<std::string> arguments;
  int exit_code;
  const char* code;
  const char* text;  // that the message holds
};

TEST(FeaturesCompute, refusals_name_their_reason_and_leave_no_file) {
  TT_REQUIRE_DATA(gold());
  const auto m5 = data_dir() / "bars" / "mt5_xauusd_m5_2025.csv.zst";
  const auto histdata = data_dir() / "bars" / "histdata_xauusd_m1_2019.csv.zst";
  const auto fxcm = data_dir() / "bars" / "fxcm_gbpusd_m1_bid_201202.csv.zst";
  for (const auto& path : {m5, histdata, fxcm}) TT_REQUIRE_DATA(path);
  const Paths out;
  const std::string npy = out("f.npy");
  const std::vector<Refused> all = {
      {"unknown set", {gold().string(), "--set", "scalper-63", "--out", npy}, 64, "TT-0412", "scalper-64"},
      {"sizes that the ticks lack", {gold().string(), "--set", "book-64", "--out", npy}, 64, "TT-0414", "size"},
      {"ticks that bars lack",
       {histdata.string(), "--clock", "histdata-2019", "--set", "scalper-64", "--out", npy},
       64,
       "TT-0414",
       ""},
      {"minutes that bars of five lack",
       {m5.string(), "--clock", "mt5-eu", "--set", "bars-64", "--out", npy},
       64,
       "TT-0414",
       "M5"},
      {"a clock that nobody named",
       {histdata.string(), "--set", "bars-64", "--out", npy},
       64,
       "TT-0209",
       "histdata-2019"},
      {"a server's clock", {m5.string(), "--set", "bars-64", "--out", npy}, 64, "TT-0209", "--clock"},
      {"a stamp that nobody declared", {fxcm.string(), "--set", "bars-64", "--out", npy}, 64, "TT-0216", "--stamp"},
      {"another ending", {gold().string(), "--set", "core-32", "--out", out("f.csv")}, 64, "TT-0101", ".npy"},
      {"no such folder",
       {gold().string(), "--set", "core-32", "--out", out("none/f.npy")},
       1,
       "TT-0214",
       "none/f.npy: expected a file that can be written"},
      {"no such file",
       {out("x_xauusd.csv"), "--set", "core-32", "--out", npy},
       1,
       "TT-0201",
       "x_xauusd.csv: expected a file that can be read, found No such file"},
      {"no file named", {"--set", "core-32", "--out", npy}, 64, "TT-0101", "FILE"},
      {"an unknown instruction set",
       {gold().string(), "--set", "core-32", "--out", npy, "--isa", "sse"},
       64,
       "TT-0",
       "sse"}};
  for (const Refused& one : all) {
    SCOPED_TRACE(one.name);
    std::vector<std::string> arguments = {"features", "compute"};
    arguments.insert(arguments.end(), one.arguments.begin(), one.arguments.end());
    const auto ended = run_thintail(arguments);
    EXPECT_EQ(ended.exit_code, one.exit_code) << ended.err;
    EXPECT_NE(ended.err.find(one.code), std::string::npos) << ended.err;
    EXPECT_NE(ended.err.find(one.text), std::string::npos) << ended.err;
    EXPECT_EQ(other_files(out.folder.path()), std::vector<std::string>{});
  }
}

TEST(FeaturesCompute, options_that_contradict_the_file_are_refused) {
  const FeedFolder folder;
  const Paths out;
  const std::string ticks = folder.write("oanda_xauusd_tick_20140505.csv", "1000,1300.1,1300.2\n1200,1300.1,1300.3\n");
  const std::string old_bars = folder.write(
      "histdata_eurusd_m1_2018.csv",
      "20180102 000000;1.20010;1.20020;1.20000;1.20015;0\n20180102 000100;1.20010;1.20020;1.20000;1.20015;0\n");
  const std::string new_ticks = folder.write(
      "histdata_eurusd_tick_2020.csv", "20200102 000000123,1.1201,1.1202,0\n20200102 000001123,1.1201,1.1202,0\n");
  const std::string true_fx =
      folder.write("truefx_usdjpy_x.csv", "timestamp,bid,ask\n2013-01-02 00:00:00.1+00:00,86.1,86.2\n");
  struct Case {
    std::string file;
    std::vector<std::string> further;
    int exit_code;
    std::vector<std::string> texts;
  };
  const std::vector<Case> cases = {
      {ticks, {"--side", "bid"}, 64, {"TT-0101", "expected a bar file", "found a file of ticks and --side"}},
      {ticks, {"--stamp", "open", "--period", "M1"}, 64, {"TT-0101", "a file of ticks and --stamp, --period"}},
      {ticks, {"--volume", "traded"}, 64, {"TT-0101", "a file of ticks and --volume"}},
      {ticks, {"--clock", "utc-5"}, 64, {"TT-0101", "--clock", "expected utc, as the prefix", "found utc-5"}},
      {ticks, {"--clock", "utc+0"}, 0, {}},
      {ticks, {"--clock", "mars"}, 64, {"TT-0208", "mars"}},
      {old_bars, {"--clock", "utc"}, 64, {"TT-0101", "expected new-york", "found utc"}},
      {old_bars, {"--clock", "histdata-2019"}, 64, {"TT-0101", "expected new-york", "found histdata-2019"}},
      {old_bars, {"--clock", "histdata-2018"}, 0, {}},
      {new_ticks, {"--clock", "histdata-2019"}, 0, {}},
      {new_ticks, {"--clock", "mt5-eu"}, 64, {"TT-0101", "expected histdata-2018 or histdata-2019", "found mt5-eu"}},
      {true_fx, {"--clock", "utc-5"}, 64, {"TT-0101", "expected utc, as the rows of this format", "found utc-5"}},
  };
  const std::string bar_set = folder.write(
      "one.toml", "name = \"one\"\nfeatures = [{ feature = \"roc\", bars = 2, period = \"M1\", basis = \"bid\" }]\n");
  for (const Case& one : cases) {
    std::vector<std::string> arguments = {"features", "compute", one.file, "--set", bar_set, "--out", out("f.npy")};
    arguments.insert(arguments.end(), one.further.begin(), one.further.end());
    const auto ended = run_thintail(arguments);
    EXPECT_EQ(ended.exit_code, one.exit_code) << one.file << ended.err;
    for (const std::string& text : one.texts) EXPECT_NE(ended.err.find(text), std::string::npos) << ended.err;
  }
}

TEST(FeaturesCompute, an_instrument_against_the_name_is_warned_of) {
  const FeedFolder folder;
  const Paths out;
  const std::string ticks = folder.write("oanda_xauusd_tick_20140505.csv", "1000,1300.1,1300.2\n1200,1300.1,1300.3\n");
  const auto compute = [&](const char* instrument) {
    return run_thintail(
        {"features", "compute", ticks, "--set", "core-32", "--out", out("f.npy"), "--instrument", instrument});
  };
  const auto other = compute("EURUSD@oanda");
  EXPECT_EQ(other.exit_code, 0) << other.err;
  EXPECT_NE(other.err.find("warning: --instrument says EURUSD@oanda, but the name of"), std::string::npos) << other.err;
  EXPECT_NE(other.err.find("says XAUUSD@oanda"), std::string::npos) << other.err;
  EXPECT_EQ(compute("XAUUSD@oanda").err, "");
}

TEST(FeaturesCompute, lanes_that_no_row_defines_are_told) {
  const FeedFolder folder;
  const Paths out;
  const std::string ticks = folder.write("oanda_xauusd_tick_20140505.csv", "1000,1300.1,1300.2\n1200,1300.1,1300.3\n");
  const auto bare = run_thintail({"features", "compute", ticks, "--set", "core-32", "--out", out("f.npy")});
  ASSERT_EQ(bare.exit_code, 0) << bare.err;
  EXPECT_NE(bare.out.find(" of 32 lanes in every row: "), std::string::npos) << bare.out;
  EXPECT_NE(bare.out.find(" more (the sidecar names them)"), std::string::npos) << bare.out;
  EXPECT_NE(bare.out.find("warning: no row has every mandatory lane"), std::string::npos) << bare.out;
  const std::string set = folder.write("one.toml",
                                       "name = \"one\"\nfeatures = [{ feature = \"last_move\", mandatory = true }, "
                                       "{ feature = \"rsi\", bars = 14, period = \"M1\" }]\n");
  const auto one = run_thintail({"features", "compute", ticks, "--set", set, "--out", out("g.npy")});
  ASSERT_EQ(one.exit_code, 0) << one.err;
  EXPECT_NE(one.out.find("1 of 2 lanes in every row: rsi_14_m1\n"), std::string::npos) << one.out;
  EXPECT_NE(one.out.find("complete   1 rows have all 1 mandatory lanes"), std::string::npos) << one.out;
  EXPECT_EQ(one.out.find("warning"), std::string::npos) << one.out;
}

TEST(FeaturesCompute, files_of_no_known_kind_say_which_kinds_are_known) {
  const FeedFolder folder;
  const Paths out;
  const auto refused = [&](const std::string& name, std::string_view text, std::vector<std::string> further,
                           std::vector<std::string> parts) {
    std::vector<std::string> arguments = {"features", "compute",   folder.write(name, text), "--set", "core-32",
                                          "--out",    out("f.npy")};
    arguments.insert(arguments.end(), further.begin(), further.end());
    const auto ended = run_thintail(arguments);
    EXPECT_EQ(ended.exit_code, 1) << ended.err;
    for (const std::string& part : parts)
      EXPECT_NE(ended.err.find(part), std::string::npos) << part << "\n" << ended.err;
    EXPECT_EQ(ended.err.find("replay --help"), std::string::npos) << ended.err;
    EXPECT_EQ(other_files(out.folder.path()), std::vector<std::string>{});
  };
  const std::string name = "oanda_xauusd_tick_20140505.csv";
  refused(name, "", {}, {"TT-0215", name, "found an empty file"});
  refused(name, "", {"--format", "lean"}, {"TT-0215", name, "found an empty file"});
  refused(name, "", {"--format", "histdata-m1"}, {"TT-0215", name, "found an empty file"});
  refused(name, "dear diary\n", {}, {"TT-0203", "lean", "histdata-m1", "dear diary", "--help"});
  refused(name, "1000,1300.1,1300.2\n", {"--format", "leen"},
          {"TT-0203", "histdata-m1", "the nearest is lean", "found \"leen\""});
  refused("oanda_v20_pricing_stream_sample.jsonl", "{\"status\":\"tradeable\",\"asks\":[{\"price\":\"114.312\"}]}\n",
          {}, {"TT-0203", "first line", "dukascopy-json", "tradeable"});
}

TEST(FeaturesCompute, a_price_of_another_scale_is_shown) {
  const FeedFolder folder;
  const Paths out;
  const std::string bars = folder.write("histdata_eurusd_m1_2018.csv",
                                        "20180102 000000;1.20010;1.20020;1.20000;1.20015;0\n"
                                        "20180102 000100;120010.5;120020.0;120000.0;120015.0;0\n"
                                        "20180102 000200;1.20010;1.20020;1.20000;1.20015;0\n");
  const std::string set = folder.write(
      "one.toml", "name = \"one\"\nfeatures = [{ feature = \"roc\", bars = 2, period = \"M1\", basis = \"bid\" }]\n");
  const auto ended = run_thintail({"features", "compute", bars, "--set", set, "--out", out("f.npy"), "--strict"});
  EXPECT_EQ(ended.exit_code, 1) << ended.out;
  EXPECT_NE(ended.err.find("TT-0205"), std::string::npos) << ended.err;
  EXPECT_NE(ended.err.find("120000"), std::string::npos) << ended.err;
  EXPECT_NE(ended.err.find("after a close of 1.20015"), std::string::npos) << ended.err;
}

TEST(FeaturesCompute, a_file_that_breaks_off_is_an_error_and_leaves_no_file) {
  TT_REQUIRE_DATA(gold());
  const FeedFolder folder;
  const std::string packed = feed_file_bytes(gold());
  const std::string cut = folder.write("oanda_xauusd_tick_20140504.csv.zst", packed.substr(0, packed.size() - 100));
  const Paths out;
  for (const auto& arguments :
       {std::vector<std::string>{"features", "compute", cut, "--set", "core-32", "--out", out("f.npy")},
        std::vector<std::string>{"replay", cut, "--set", "core-32", "--dump-features", out("f.npy")}}) {
    const auto ended = run_thintail(arguments);
    EXPECT_EQ(ended.exit_code, 1) << ended.out << ended.err;
    EXPECT_NE(ended.err.find("TT-0206"), std::string::npos) << ended.err;
    EXPECT_EQ(other_files(out.folder.path()), std::vector<std::string>{});
  }
}

TEST(FeaturesCompute, a_disk_that_fills_up_is_an_error_and_leaves_what_was_there) {
  TT_REQUIRE_DATA(gold());
  const Paths out;
  const std::string npy = out("f.npy");
  ASSERT_EQ(run_thintail({"features", "compute", gold().string(), "--set", "core-32", "--limit", "10", "--out", npy})
                .exit_code,
            0);
  const std::string before = feed_file_bytes(npy);
  // A file-size limit fails writes as a full disk does. 1,024 blocks of 512 bytes: less than the 1.2 MB of the rows.
  const auto ended =
      Process({"/bin/sh", "-c",
               "trap '' XFSZ; ulimit -f 1024; exec \"$0\" features compute \"$1\" --set core-32 --out \"$2\"",
               program("thintail"), gold().string(), npy})
          .wait();
  EXPECT_EQ(ended.exit_code, 1) << ended.out << ended.err;
  EXPECT_NE(ended.err.find("TT-0214"), std::string::npos) << ended.err;
  EXPECT_NE(ended.err.find("f.npy"), std::string::npos) << ended.err;
  EXPECT_EQ(feed_file_bytes(npy) == before, true) << "the file of before is whole";
  EXPECT_EQ(other_files(out.folder.path(), {"f.npy", "f.times.npy", "f.json"}), std::vector<std::string>{});
}

TEST(ReplayDumpFeatures, needs_a_set_that_the_ticks_can_serve_one_instrument_and_no_journal) {
  TT_REQUIRE_DATA(gold());
  const auto euro = data_dir() / "ticks" / "oanda_eurusd_tick_20140506.csv.zst";
  TT_REQUIRE_DATA(euro);
  const Paths out;
  const auto refused = [&](std::vector<std::string> arguments, const char* code) {
    arguments.insert(arguments.begin(), "replay");
    arguments.insert(arguments.end(), {"--dump-features", out("f.npy")});
    const auto ended = run_thintail(arguments);
    EXPECT_NE(ended.exit_code, 0);
    EXPECT_NE(ended.err.find(code), std::string::npos) << ended.err;
    EXPECT_EQ(other_files(out.folder.path()), std::vector<std::string>{});
  };
  refused({gold().string()}, "--set");
  refused({gold().string(), "--set", "book-64"}, "TT-0414");
  refused({gold().string(), euro.string(), "--set", "core-32"}, "one instrument");
  refused({out.folder.path(), "--set", "core-32"}, "tick files");
}

}  // namespace
}  // namespace thintail::test
