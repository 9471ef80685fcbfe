// SPDX-License-Identifier: Apache-2.0
// `thintail features`, and feature sets as a person meets them: every mistake in one, and data that cannot serve one, ends
// with a message that says what and where, and with its exit code.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "ml/features/feature_set.hpp"
#include "tests/support/core_model.hpp"
#include "tests/support/data.hpp"
#include "tests/support/feed_files.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temp_folder.hpp"

namespace thintail::test {
namespace {

void expect_fits(const std::string& text, std::size_t columns) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), columns) << line;
}

void expect_refused(const ProcessResult& result, int exit_code, std::string_view code,
                    const std::vector<std::string>& parts) {
  EXPECT_EQ(result.exit_code, exit_code) << result.out << result.err;
  std::size_t from = result.err.find(code);
  EXPECT_NE(from, std::string::npos) << "no " << code << " in:\n" << result.err;
  for (const std::string& part : parts) {
    const std::size_t at = from == std::string::npos ? from : result.err.find(part, from);
    EXPECT_NE(at, std::string::npos) << "no \"" << part << "\" in its place in:\n" << result.err;
    if (at != std::string::npos) from = at + part.size();
  }
}

ProcessResult run_train(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), program("thintail-train"));
  return Process(arguments).wait();
}

class FeaturesCommand : public testing::Test {
 protected:
  std::string set_file(std::string_view lanes, std::string_view name = "mine") const {
    return files_.write(fmt::format("{}.toml", name), fmt::format("name = \"{}\"\nfeatures = [\n{}]\n", name, lanes));
  }

  FeedFolder files_;
  const std::string ticks_ = files_.write("oanda_xauusd_tick_20140503.csv", "1000,1300.1,1300.2\n1200,1300.1,1300.3\n");
};

TEST_F(FeaturesCommand, list_reads_like_a_catalogue) {
  const ProcessResult result = run_thintail({"features", "list"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  expect_fits(result.out, 100);
  for (const FeatureFamily* family : feature_families()) {
    EXPECT_NE(result.out.find(fmt::format("\n  {:<32} {:<16} ", family->name, family->unit)), std::string::npos)
        << family->name;
    EXPECT_NE(result.out.find(fmt::format("\n{}\n", group_title(family->group))), std::string::npos);
  }
  EXPECT_NE(result.out.find("half_life_s 0.01 to 2592000"), std::string::npos) << result.out;
}

TEST_F(FeaturesCommand, list_shows_the_lanes_of_a_set) {
  for (const FeatureSet* set : FeatureSet::all()) {
    const ProcessResult result = run_thintail({"features", "list", "--set", std::string(set->name())});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    expect_fits(result.out, 100);
    EXPECT_NE(result.out.find(to_hex(set->hash())), std::string::npos);
    for (const FeatureInfo& lane : set->lanes()) {
      EXPECT_NE(result.out.find(fmt::format(" {} ", lane.name)), std::string::npos) << lane.name;
    }
  }
}

TEST_F(FeaturesCommand, list_as_json_holds_the_same) {
  const ProcessResult result = run_thintail({"features", "list", "--json"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["schema"], "thintail-features/1");
  EXPECT_EQ(json["families"].size(), feature_families().size());
  ASSERT_EQ(json["sets"].size(), FeatureSet::all().size());
  for (std::size_t i = 0; i < json["sets"].size(); ++i) {
    const FeatureSet& set = *FeatureSet::all()[i];
    EXPECT_EQ(json["sets"][i]["name"], set.name());
    EXPECT_EQ(json["sets"][i]["hash"], to_hex(set.hash()));
    EXPECT_EQ(json["sets"][i]["lanes"].size(), set.lanes().size());
  }
  const auto one = nlohmann::json::parse(run_thintail({"features", "list", "--json", "--set", "bars-64"}).out);
  ASSERT_EQ(one["sets"].size(), 1u);
  EXPECT_EQ(one["sets"][0]["needs"], nlohmann::json({"bid"}));
  EXPECT_EQ(one["sets"][0]["lanes"][0]["parameters"], nlohmann::json({{"period", "M1"}}));
}

TEST_F(FeaturesCommand, explain_tells_everything_of_every_family_and_its_line_is_a_lane) {
  for (const FeatureFamily* family : feature_families()) {
    const ProcessResult result = run_thintail({"features", "explain", std::string(family->name)});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    for (const std::string_view part : {"formula", "needs", "warm-up", "seeding", "source", "reference", "version"}) {
      EXPECT_NE(result.out.find(fmt::format("\n  {:<10} ", part)), std::string::npos) << part << " of " << result.out;
    }
    EXPECT_NE(result.out.find(toml_line(example_of(*family))), std::string::npos) << result.out;
  }
}

TEST_F(FeaturesCommand, explain_knows_lanes_and_who_has_them) {
  const ProcessResult built_in = run_thintail({"features", "explain", "rsi_14_m1"});
  EXPECT_EQ(built_in.exit_code, 0) << built_in.err;
  EXPECT_NE(built_in.out.find("a lane of book-64, core-32, scalper-64\n"), std::string::npos) << built_in.out;
  EXPECT_NE(built_in.out.find("feature = \"rsi\", bars = 14, period = \"M1\", basis = \"mid\""), std::string::npos);
  const std::string mine = set_file("{ feature = \"rsi\", period = \"H4\", name = \"slow\" },\n");
  EXPECT_EQ(run_thintail({"features", "explain", "slow", "--set", mine}).exit_code, 0);
  expect_refused(run_thintail({"features", "explain", "rsi_14_m2"}), 64, "TT-0412",
                 {"the nearest is rsi_14_m1", "found \"rsi_14_m2\""});
}

TEST_F(FeaturesCommand, a_command_line_that_is_wrong_tells_what_was_expected_and_what_was_found) {
  const TempFolder folder;
  const std::string npy = folder.path() + "/f.npy";
  const auto refused = [](std::vector<std::string> words, const std::vector<std::string>& parts) {
    words.insert(words.begin(), "features");
    expect_refused(run_thintail(words), 64, "TT-0101", parts);
  };
  refused({"compue", ticks_},
          {"of features", "expected one of list, explain, compute; the nearest is compute", "found \"compue\""});
  refused({}, {"subcommand is required", "expected one of list, explain, compute", "found `thintail features`"});
  refused({"compute", ticks_, "--out", npy},
          {"--set is required", "expected Feature set: a built-in name", "found `thintail features compute"});
  refused({"compute", ticks_, "--set", "core-32"}, {"--out is required", "expected F.npy", "found `thintail features"});
  refused({"compute", ticks_, "--set", "core-32", "--set", "scalper-64", "--out", npy},
          {"expected --set once", "found 2 times: core-32, scalper-64"});
  refused({"compute", ticks_, "more.csv", "--set", "core-32", "--out", npy},
          {"expected no further argument of `thintail features compute`", "found \"more.csv\""});
  refused({"compute", ticks_, "--sett", "core-32", "--set", "core-32", "--out", npy},
          {"expected an option of `thintail features compute`; the nearest is --set, found \"--sett\""});
  for (const char* limit : {"0", "-3", "ten", "1.5"}) {
    refused({"compute", ticks_, "--set", "core-32", "--out", npy, fmt::format("--limit={}", limit)},
            {"--limit", "expected a whole number of rows, 1 or more", fmt::format("found \"{}\"", limit)});
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST_F(FeaturesCommand, every_mistake_in_a_set_names_file_line_and_field) {
  struct Mistake {
    std::string_view lanes;  // line 3 on
    std::string_view code;
    std::vector<std::string> parts;
  };
  const std::vector<Mistake> mistakes = {
      {"{ feature = \"sprad\" },\n", "TT-0412", {":3:", "features[0].feature", "the nearest is spread", "\"sprad\""}},
      {"{ feature = \"spread\", bars = 3 },\n", "TT-0412", {":3:", "features[0].bars", "a lane of spread", "\"bars\""}},
      {"{ feature = \"mid_deviation\" },\n", "TT-0413", {":3:", "features[0].half_life_s", "a number from", "none"}},
      {"{ feature = \"mid_deviation\", half_life_s = 0 },\n",
       "TT-0413",
       {":3:", "features[0].half_life_s", "from 0.01 to 2592000", "the integer 0"}},
      {"{ feature = \"mid_deviation\", half_life_s = \"60\" },\n",
       "TT-0413",
       {":3:", "features[0].half_life_s", "a number", "the text \"60\""}},
      {"{ feature = \"spread\" },\n{ feature = \"spread\" },\n",
       "TT-0413",
       {":4:", "features[1]", "line 3", "spread again"}},
      {"{ feature = \"spread\" },\n{ feature = \"last_move\", name = \"spread\" },\n",
       "TT-0413",
       {":4:", "features[1].name", "line 3", "spread again"}},
      {"", "TT-0413", {":2:", "features", "at least one lane", "an empty list"}},
      {"[\n", "TT-0413", {"expected TOML"}},
  };
  for (const Mistake& mistake : mistakes) {
    const std::string path = set_file(mistake.lanes);
    std::vector<std::string> parts = {path};
    parts.insert(parts.end(), mistake.parts.begin(), mistake.parts.end());
    expect_refused(run_thintail({"features", "list", "--set", path}), 64, mistake.code, parts);
  }
  expect_refused(run_thintail({"features", "list", "--set", "nowhere.toml"}), 1, "TT-0201", {"nowhere.toml"});
  expect_refused(run_thintail({"features", "list", "--set", "scalper-46"}), 64, "TT-0412",
                 {"the nearest is scalper-64", "found scalper-46"});
}

TEST_F(FeaturesCommand, limits_of_a_set_are_refused) {
  std::string lanes;
  for (int i = 1; i <= 17; ++i) lanes += fmt::format("{{ feature = \"mid_deviation\", half_life_s = {} }},\n", i);
  expect_refused(run_thintail({"features", "list", "--set", set_file(lanes)}), 64, "TT-0413",
                 {":19:", "features[16]", "at most 16 different half-lives",
                  "found 17 half-lives, one more than 16: 1, 2,", "17 s"});
  lanes.clear();
  for (int i = 10; i <= 18; ++i) lanes += fmt::format("{{ feature = \"window_move\", ticks = {} }},\n", i);
  expect_refused(run_thintail({"features", "list", "--set", set_file(lanes)}), 64, "TT-0413",
                 {":11:", "features[8]", "at most 8 different window lengths"});
  lanes.clear();
  for (int i = 2; i <= 258; ++i)
    lanes += fmt::format("{{ feature = \"roc\", bars = {}, period = \"M{}\" }},\n", i <= 256 ? i : i - 200,
                         i <= 256 ? 1 : 5);
  expect_refused(run_thintail({"features", "list", "--set", set_file(lanes)}), 64, "TT-0413",
                 {":259:", "features[256]", "at most 256 lanes", "257"});
}

TEST_F(FeaturesCommand, a_configured_set_with_a_mistake_stops_a_run_and_a_replay) {
  const std::string path = set_file("{ feature = \"sprad\" },\n");
  expect_refused(run_thintail({"replay", ticks_, "--set", "features.set=" + path}), 64, "TT-0412", {path + ":3:"});
  const TempFolder folder;
  expect_refused(run_thintail({"run", "--set", "features.set=" + path, "--set", "shm.directory=" + folder.path(),
                               "--set", "journal.directory=" + folder.path()}),
                 64, "TT-0412", {path + ":3:"});
}

TEST_F(FeaturesCommand, data_that_lacks_a_need_is_refused_before_anything_starts) {
  const std::vector<std::string> parts = {ticks_, "book-64", "expected sizes depth", "found bid ask ticks only"};
  expect_refused(run_thintail({"replay", ticks_, "--set", "features.set=book-64"}), 64, "TT-0414", parts);
  const TempFolder folder;
  expect_refused(
      run_thintail({"run", "--set", "features.set=book-64", "--set", "feed.kind=files", "--set", "feed.files=" + ticks_,
                    "--set", "shm.directory=" + folder.path(), "--set", "journal.directory=" + folder.path()}),
      64, "TT-0414", {"book-64", "expected sizes depth", "found bid ask ticks only"});
  EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "neither a segment nor a journal";
  const std::string model = folder.path() + "/model.ttm";
  expect_refused(run_train({"--ticks", ticks_, "--set", "book-64", "--out", model}), 64, "TT-0414",
                 {"book-64", "expected sizes depth", "found bid ask ticks only"});
  EXPECT_FALSE(std::filesystem::exists(model));
  // What the simulator lacks is depth alone.
  expect_refused(run_train({"--simulator", "--duration", "600", "--set", "book-64", "--out", model}), 64, "TT-0414",
                 {"expected depth", "found bid ask sizes ticks peers only"});
  EXPECT_EQ(run_thintail({"replay", ticks_, "--set", "features.set=scalper-64"}).exit_code, 0);
}

// The six minutes of the capture warm neither half-lives of four minutes nor bars.
TEST_F(FeaturesCommand, book_64_is_served_by_a_recorded_book) {
  const std::string capture = data_dir() / "protocol" / "binance_usdm_btcusdt_20240808.jsonl.zst";
  TT_REQUIRE_DATA(capture);
  const TempFolder folder;
  const ProcessResult result =
      run_thintail({"features", "compute", capture, "--set", "book-64", "--out", folder.path() + "/f.npy"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto sidecar = nlohmann::json::parse(feed_file_bytes(folder.path() + "/f.json"));
  const FeatureSet& set = *FeatureSet::built_in("book-64");
  ASSERT_EQ(sidecar["lanes"].size(), set.lanes().size());
  for (std::size_t i = 0; i < set.lanes().size(); ++i) {
    const Feature& feature = set.features()[i];
    const bool is_slow = std::max(feature.half_life_s, feature.half_life_2_s) >= 240 || feature.bars != 0;
    const bool is_defined = sidecar["lanes"][i]["undefined"] < sidecar["rows"];
    EXPECT_EQ(is_defined, !is_slow) << set.lanes()[i].name;
    EXPECT_FALSE(set.mandatory().test(i) && is_slow) << set.lanes()[i].name;
  }
}

TEST_F(FeaturesCommand, a_model_is_held_against_the_set_in_force) {
  const TempFolder folder;
  const std::string model = write_core_model(folder.path());
  EXPECT_EQ(run_thintail({"replay", ticks_, "--model", model, "--set", "features.set=core-32"}).exit_code, 0);
  expect_refused(run_thintail({"replay", ticks_, "--model", model, "--set", "features.set=scalper-64"}), 1, "TT-0405",
                 {model, "features", "scalper-64, which is in force", "of set core-32"});
}

TEST_F(FeaturesCommand, a_set_of_ones_own_is_trained_on_and_traded_with) {
  const TempFolder folder;
  const std::string model = folder.path() + "/model.ttm";
  const std::string mine = set_file(
      "{ feature = \"spread\", mandatory = true },\n{ feature = \"mid_deviation\", half_life_s = 7, mandatory = true "
      "},\n"
      "{ feature = \"window_move\", ticks = 24 },\n");
  const ProcessResult trained = run_train({"--simulator", "--duration", "1800", "--rounds", "3", "--depth", "2",
                                           "--rows", "1000", "--set", mine, "--out", model});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  EXPECT_EQ(run_thintail({"replay", ticks_, "--model", model, "--set", "features.set=" + mine}).exit_code, 0);
  EXPECT_EQ(run_thintail({"replay", ticks_, "--model", model}).exit_code, 0) << "the pack brings the set";
  // The same name with another lane is another set.
  set_file(
      "{ feature = \"spread\", mandatory = true },\n{ feature = \"mid_deviation\", half_life_s = 8, mandatory = true "
      "},\n"
      "{ feature = \"window_move\", ticks = 24 },\n");
  expect_refused(run_thintail({"replay", ticks_, "--model", model, "--set", "features.set=" + mine}), 1, "TT-0405",
                 {model, "features"});
}

}  // namespace
}  // namespace thintail::test
