// SPDX-License-Identifier: Apache-2.0
// The old binary form of XGBoost: real models of it predict what the library predicted when they were made, and damaged ones
// are refused by the importer, whatever they do to the library.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "ml/models/tree_ensemble.hpp"
#include "ml/models/xgboost_binary.hpp"
#include "tests/support/data.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temp_folder.hpp"

namespace thintail {
namespace {

using test::run_thintail;

std::filesystem::path gbdt(const std::string& name) { return test::data_dir() / "models/gbdt" / name; }

std::string text_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// Rows of libsvm: a label, then INDEX:VALUE; what no index names is missing.
std::vector<std::vector<float>> sparse_rows(const std::filesystem::path& path, std::size_t features) {
  std::ifstream in(path);
  std::vector<std::vector<float>> rows;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string word;
    words >> word;  // the label
    std::vector<float> row(features, std::numeric_limits<float>::quiet_NaN());
    while (words >> word) {
      const std::size_t colon = word.find(':');
      row.at(std::stoul(word.substr(0, colon))) = std::stof(word.substr(colon + 1));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

test::ProcessResult convert(const std::string& model, const std::string& out) {
  return test::Process({test::program("thintail-train"), "--convert", model, "--out", out}).wait();
}

TEST(XgboostBinary, is_told_by_its_first_bytes) {
  EXPECT_FALSE(is_xgboost_binary(""));
  EXPECT_FALSE(is_xgboost_binary("{\"learner\":{}}"));
  EXPECT_FALSE(is_xgboost_binary(std::string(1'000, '\0')));
  std::string made(136, '\0');
  const std::string name = "reg:linear";
  made += std::string(1, static_cast<char>(name.size())) + std::string(7, '\0') + name;
  EXPECT_TRUE(is_xgboost_binary(made));
  EXPECT_TRUE(is_xgboost_binary("binf" + made));
  for (std::size_t size = 0; size < made.size(); ++size) EXPECT_FALSE(is_xgboost_binary(made.substr(0, size)));
  made.back() = '\n';
  EXPECT_FALSE(is_xgboost_binary(made));
}

// 1,611 rows of probabilities. The bound is the data's README's.
TEST(XgboostBinary, a_real_model_of_two_classes_predicts_the_librarys_probabilities) {
  TT_REQUIRE_DATA(gbdt("xgagaricus.model"));
  const test::TempFolder folder;
  const std::string json = folder.path() + "/agaricus.json";
  const auto converted = convert(gbdt("xgagaricus.model"), json);
  ASSERT_EQ(converted.exit_code, 0) << converted.err;
  EXPECT_NE(converted.out.find("rows equal XGBoost's bit for bit"), std::string::npos) << converted.out;
  const auto trees = TreeEnsemble::from_xgboost_json(text_of(json), json);
  ASSERT_TRUE(trees) << trees.error().message();
  std::ifstream expected(gbdt("xgagaricus_true_predictions.txt"));
  double error_max = 0;
  std::size_t rows = 0;
  for (const std::vector<float>& row : sparse_rows(gbdt("agaricus_test.libsvm"), trees->feature_count())) {
    double probability = 0;
    ASSERT_TRUE(expected >> probability) << rows;
    // In float32, as the library.
    const auto ours = static_cast<double>(1.0F / (1.0F + std::exp(-trees->margin(row.data()))));
    error_max = std::max(error_max, std::abs(ours - probability));
    ++rows;
  }
  EXPECT_EQ(rows, 1'611U);
  EXPECT_LE(error_max, 4.6e-8);
}

TEST(XgboostBinary, a_real_model_of_six_classes_is_imported_and_verified) {
  TT_REQUIRE_DATA(gbdt("xgdermatology.model"));
  const test::TempFolder folder;
  const std::string pack = folder.path() + "/dermatology.ttm";
  const auto imported = run_thintail({"models", "import", gbdt("xgdermatology.model"), "-o", pack});
  ASSERT_EQ(imported.exit_code, 0) << imported.err;
  const std::vector<std::string> verify = {"models",
                                           "verify",
                                           pack,
                                           "--inputs",
                                           gbdt("dermatology_test.libsvm"),
                                           "--expect",
                                           gbdt("xgdermatology_true_predictions.txt")};
  std::vector<std::string> arguments = verify;
  for (const char* more : {"--raw", "--tolerance", "1.3e-7"}) arguments.emplace_back(more);
  const auto verified = run_thintail(arguments);
  EXPECT_EQ(verified.exit_code, 0) << verified.err << verified.out;
  EXPECT_NE(verified.out.find("110 rows of 6 outputs"), std::string::npos) << verified.out;
}

// The library's own words, or its end, come back as an error of the import, never as our crash.
TEST(XgboostBinary, a_damaged_model_is_refused_by_name) {
  TT_REQUIRE_DATA(gbdt("xgagaricus.model"));
  const test::TempFolder folder;
  const std::string good = text_of(gbdt("xgagaricus.model"));
  const std::string path = folder.path() + "/damaged.model";
  std::vector<std::string> damaged = {good.substr(0, 300), good.substr(0, good.size() / 2), good};
  damaged.back().replace(good.size() / 3, 64, 64, '\xff');
  for (const std::string& bytes : damaged) {
    std::ofstream(path, std::ios::binary) << bytes;
    const auto imported = run_thintail({"models", "import", path, "-o", folder.path() + "/never.ttm"});
    EXPECT_NE(imported.exit_code, 0) << imported.out;
    EXPECT_NE(imported.err.find(path), std::string::npos) << imported.err;
    EXPECT_FALSE(std::filesystem::exists(folder.path() + "/never.ttm"));
  }
}

TEST(XgboostBinary, other_files_are_not_converted) {
  const test::TempFolder folder;
  const std::string path = folder.path() + "/model.json";
  std::ofstream(path) << "{}";
  const auto converted = convert(path, folder.path() + "/out.json");
  EXPECT_EQ(converted.exit_code, 1) << converted.err;
  EXPECT_NE(converted.err.find("TT-0403"), std::string::npos) << converted.err;
  EXPECT_EQ(convert(path, "").exit_code, 64);
}

}  // namespace
}  // namespace thintail
