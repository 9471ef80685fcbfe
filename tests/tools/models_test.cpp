// SPDX-License-Identifier: Apache-2.0
// `thintail models`: a library's model becomes a pack that predicts what the library does; what does not is told with exit
// code 2, and every mistake with its file, line and field.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "tests/support/data.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/xgboost_model.hpp"

namespace thintail {
namespace {

using test::Json;
using test::run_thintail;

class Models : public ::testing::Test {
 protected:
  std::string at(const std::string& name) const { return folder_.path() + "/" + name; }

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(at(name), std::ios::binary) << text;
    return at(name);
  }

  // An XGBoost model as a pack, rows of its inputs with a label in column 2, and its margins.
  void make_small() const {
    const Json model = test::make_model({.trees = 5, .depth = 3, .features = 3});
    const auto imported = run_thintail({"models", "import", write("small.json", model.dump()), "-o", at("small.ttm")});
    ASSERT_EQ(imported.exit_code, 0) << imported.err;
    std::mt19937_64 random(5);
    std::string inputs;
    std::string margins;
    for (int i = 0; i < 50; ++i) {
      std::vector<float> row = test::make_row(3, random);
      inputs += fmt::format("{}\t{}\t{}\t{}\n", row[0], row[1], i, std::isnan(row[2]) ? "" : fmt::format("{}", row[2]));
      margins += fmt::format("{}\n", test::naive_margin(model, row, 0.5F));
    }
    write("rows.tsv", inputs);
    write("margins.txt", margins);
  }

  test::ProcessResult verify(const std::string& inputs, const std::string& expect) const {
    return run_thintail({"models", "verify", at("small.ttm"), "--inputs", inputs, "--label-column", "2", "--expect",
                         expect, "--raw", "--json"});
  }

  test::TempFolder folder_;
};

TEST_F(Models, a_real_lightgbm_model_verifies_without_any_error) {
  const std::filesystem::path data = test::data_dir() / "models/gbdt";
  TT_REQUIRE_DATA(data / "lgmulticlass.model");
  const auto imported = run_thintail({"models", "import", data / "lgmulticlass.model", "-o", at("lg.ttm")});
  ASSERT_EQ(imported.exit_code, 0) << imported.err;
  const auto verified =
      run_thintail({"models", "verify", at("lg.ttm"), "--inputs", data / "multiclass_test.tsv", "--label-column", "0",
                    "--expect", data / "lgmulticlass_true_raw_predictions.txt", "--raw"});
  EXPECT_EQ(verified.exit_code, 0) << verified.err;
  EXPECT_NE(verified.out.find("500 rows of 5 outputs, max error 0: ok"), std::string::npos) << verified.out;
  // Probabilities are not margins: the same check must fail on them.
  const auto wrong =
      run_thintail({"models", "verify", at("lg.ttm"), "--inputs", data / "multiclass_test.tsv", "--label-column", "0",
                    "--expect", data / "lgmulticlass_true_predictions.txt", "--raw"});
  EXPECT_EQ(wrong.exit_code, 2) << wrong.out;
}

TEST_F(Models, an_xgboost_model_verifies_from_json_and_from_ubj) {
  make_small();
  const auto verified = verify(at("rows.tsv"), at("margins.txt"));
  ASSERT_EQ(verified.exit_code, 0) << verified.err << verified.out;
  const Json json = Json::parse(verified.out);
  EXPECT_EQ(json["schema"], "thintail-models-verify/1");
  EXPECT_EQ(json["rows"], 50);
  EXPECT_EQ(json["error_max"], 0.0);
  EXPECT_EQ(json["ok"], true);
  const std::vector<std::uint8_t> ubj = Json::to_ubjson(test::make_model({.trees = 5, .depth = 3, .features = 3}));
  const std::string path = write("small.ubj", std::string(ubj.begin(), ubj.end()));
  ASSERT_EQ(run_thintail({"models", "import", path, "-o", at("small.ttm")}).exit_code, 0);
  EXPECT_EQ(verify(at("rows.tsv"), at("margins.txt")).exit_code, 0);
}

TEST_F(Models, one_prediction_that_differs_ends_with_exit_code_2_and_its_row) {
  make_small();
  std::ifstream in(at("margins.txt"));
  std::string margins{std::istreambuf_iterator<char>(in), {}};
  const std::size_t second = margins.find('\n') + 1;
  margins.insert(second, "1e3\n");
  margins.erase(second + 4, margins.find('\n', second + 4) + 1 - second - 4);
  const auto verified = verify(at("rows.tsv"), write("planted.txt", margins));
  EXPECT_EQ(verified.exit_code, 2) << verified.err;
  const Json json = Json::parse(verified.out);
  EXPECT_EQ(json["ok"], false);
  EXPECT_EQ(json["worst_row"], 2);
  EXPECT_GT(json["error_max"].get<double>(), 900.0);
}

TEST_F(Models, inspect_says_what_a_pack_holds) {
  make_small();
  const auto inspected = run_thintail({"models", "inspect", at("small.ttm"), "--json"});
  ASSERT_EQ(inspected.exit_code, 0) << inspected.err;
  const Json json = Json::parse(inspected.out);
  EXPECT_EQ(json["kind"], "vector");
  EXPECT_EQ(json["version"], 1);
  EXPECT_EQ(json["source"], "XGBoost 1.7");
  EXPECT_EQ(json["objective"], "reg:squarederror");
  EXPECT_EQ(json["features"], 3);
  EXPECT_EQ(json["trees"], 5);
  EXPECT_EQ(json["golden_rows"], 256);
  const auto text = run_thintail({"models", "inspect", at("small.ttm")});
  EXPECT_NE(text.out.find("source         XGBoost 1.7"), std::string::npos) << text.out;
}

TEST_F(Models, libsvm_rows_leave_out_what_is_missing) {
  const Json model = test::make_model({.trees = 5, .depth = 3, .features = 3});
  ASSERT_EQ(run_thintail({"models", "import", write("small.json", model.dump()), "-o", at("small.ttm")}).exit_code, 0);
  std::mt19937_64 random(6);
  std::string inputs;
  std::string margins;
  for (int i = 0; i < 50; ++i) {
    const std::vector<float> row = test::make_row(3, random);
    inputs += fmt::format("{}", i);
    for (std::size_t k = 0; k < row.size(); ++k) {
      if (!std::isnan(row[k])) inputs += fmt::format(" {}:{}", k, row[k]);
    }
    if (std::ranges::all_of(row, [](float value) { return std::isnan(value); })) inputs += " 0:nan";
    inputs += "\n";
    margins += fmt::format("{}\n", test::naive_margin(model, row, 0.5F));
  }
  const auto verified = verify(write("rows.libsvm", inputs), write("margins.txt", margins));
  EXPECT_EQ(verified.exit_code, 0) << verified.err << verified.out;
  for (const char* bad : {"1 3:1", "1 1:1 0:1", "1 -1:1", "1 0:x", "1 0:1 2", "1 4294967296:1", "1 0:1 0:1"}) {
    const auto refused = verify(write("bad.libsvm", fmt::format("0 0:1\n{}\n", bad)), write("two.txt", "0\n0\n"));
    EXPECT_EQ(refused.exit_code, 1) << bad;
    EXPECT_NE(refused.err.find("bad.libsvm:2: feature: expected INDEX:VALUE"), std::string::npos) << refused.err;
  }
}

TEST_F(Models, mistakes_in_tables_name_file_line_and_column) {
  make_small();
  const auto expect_error = [&](const std::string& inputs, const std::string& margins, const std::string& words) {
    const auto verified = verify(write("bad.tsv", inputs), write("bad.txt", margins));
    EXPECT_EQ(verified.exit_code, 1) << words;
    EXPECT_NE(verified.err.find(words), std::string::npos) << verified.err;
    EXPECT_TRUE(verified.out.empty()) << verified.out;
  };
  expect_error("1\t2\t0\t3\n1\tx\t0\t3\n", "1\n2\n", "bad.tsv:2: column 1: expected a number");
  expect_error("1\t2\t3\n", "1\n", "bad.tsv:1: columns: expected 3 features and a label in column 2, found 3 columns");
  expect_error("1\t2\t0\t3\n", "1 2\n", "bad.txt:1: columns: expected 1 outputs, found 2 columns");
  expect_error("1\t2\t0\t3\n1\t2\t0\t3\n", "1\n", "bad.txt:1: rows: expected as many rows as");
  expect_error("1\t2\t0\t3\n", "1\n2\n", "bad.tsv:1: rows: expected as many rows as");
  expect_error("", "", "rows: expected one at least");
}

TEST_F(Models, files_that_are_no_models_or_damaged_packs_are_refused) {
  make_small();
  const auto no_model = run_thintail({"models", "import", write("old.model", "binf123"), "-o", at("old.ttm")});
  EXPECT_EQ(no_model.exit_code, 1);
  EXPECT_NE(no_model.err.find("old.model"), std::string::npos) << no_model.err;
  EXPECT_FALSE(std::filesystem::exists(at("old.ttm")));
  std::ifstream in(at("small.ttm"), std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  bytes.back() ^= 1;
  const auto damaged = run_thintail({"models", "inspect", write("damaged.ttm", bytes)});
  EXPECT_EQ(damaged.exit_code, 1);
  EXPECT_NE(damaged.err.find("header.sha256 at byte 8"), std::string::npos) << damaged.err;
  const auto absent = run_thintail({"models", "inspect", at("none.ttm")});
  EXPECT_EQ(absent.exit_code, 1);
  EXPECT_NE(absent.err.find("TT-0401"), std::string::npos) << absent.err;
}

TEST_F(Models, verify_compares_only_raw_margins_and_says_so) {
  make_small();
  const auto result =
      run_thintail({"models", "verify", at("small.ttm"), "--inputs", at("rows.tsv"), "--expect", at("margins.txt")});
  EXPECT_EQ(result.exit_code, 64);
  EXPECT_NE(result.err.find("--raw"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace thintail
