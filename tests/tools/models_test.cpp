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

#include "ml/ensemble/ensemble_file.hpp"
#include "strategies/model/decision_model_file.hpp"
#include "tests/support/data.hpp"
#include "tests/support/feed_files.hpp"
#include "tests/support/model_specs.hpp"
#include "tests/support/network_files.hpp"
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
  EXPECT_NE(text.out.find("source                 XGBoost 1.7"), std::string::npos) << text.out;
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

TEST_F(Models, without_raw_what_the_library_predicts_is_compared_to_the_last_place) {
  const std::filesystem::path data = test::data_dir() / "models/gbdt";
  TT_REQUIRE_DATA(data / "lgmulticlass.model");
  ASSERT_EQ(run_thintail({"models", "import", data / "lgmulticlass.model", "-o", at("lg.ttm")}).exit_code, 0);
  const auto compare = [&](const char* expect) {
    return run_thintail({"models", "verify", at("lg.ttm"), "--inputs", data / "multiclass_test.tsv", "--label-column",
                         "0", "--expect", data / expect, "--json"});
  };
  const auto probabilities = compare("lgmulticlass_true_predictions.txt");
  ASSERT_EQ(probabilities.exit_code, 0) << probabilities.err << probabilities.out;
  EXPECT_EQ(Json::parse(probabilities.out)["compared"], "predictions");
  EXPECT_LE(Json::parse(probabilities.out)["ulps_max"].get<int>(), 4);  // another C library's exp made them
  EXPECT_LT(Json::parse(probabilities.out)["error_max"].get<double>(), 1e-16);
  // Margins are no probabilities: the same check must fail on them.
  EXPECT_EQ(compare("lgmulticlass_true_raw_predictions.txt").exit_code, 2);
  // Of XGBoost, in float32.
  ASSERT_EQ(run_thintail({"models", "import", data / "xgagaricus.model", "-o", at("xg.ttm")}).exit_code, 0);
  std::vector<std::string> agaricus = {"models",
                                       "verify",
                                       at("xg.ttm"),
                                       "--inputs",
                                       data / "agaricus_test.libsvm",
                                       "--expect",
                                       data / "xgagaricus_true_predictions.txt"};
  const auto mushrooms = run_thintail(agaricus);
  EXPECT_EQ(mushrooms.exit_code, 0) << mushrooms.err << mushrooms.out;
  EXPECT_NE(mushrooms.out.find("1611 rows of 1 outputs, max error"), std::string::npos) << mushrooms.out;
  agaricus.emplace_back("--raw");
  EXPECT_EQ(run_thintail(agaricus).exit_code, 2);
  // A model whose objective leaves margins as they are predicts its margins.
  make_small();
  EXPECT_EQ(run_thintail({"models", "verify", at("small.ttm"), "--inputs", at("rows.tsv"), "--label-column", "2",
                          "--expect", at("margins.txt")})
                .exit_code,
            0);
}

TEST_F(Models, without_inputs_the_golden_rows_are_recomputed_on_every_instruction_set) {
  make_small();
  const auto vector = run_thintail({"models", "verify", at("small.ttm"), "--json"});
  ASSERT_EQ(vector.exit_code, 0) << vector.err;
  const Json json = Json::parse(vector.out);
  EXPECT_EQ(json["golden_rows"], 256);
  EXPECT_EQ(json["isas"].size(), test::available_isas().size());
  const std::string model = test::write_pack(folder_.path(), test::full_spec(FeatureSet::core_32()));
  const auto events = run_thintail({"models", "verify", model});
  EXPECT_EQ(events.exit_code, 0) << events.err;
  EXPECT_NE(events.out.find("6144 golden rows equal to the bit on scalar"), std::string::npos) << events.out;
}

// --- networks ----------------------------------------------------------------------------------------------------------

TEST_F(Models, networks_of_keras_and_pytorch_verify_against_their_own_predictions) {
  const std::filesystem::path data = test::data_dir() / "models/rnn";
  TT_REQUIRE_DATA(data / "lstm.json");
  for (const std::string name : {"lstm", "lstm_torch", "gru_1d"}) {
    const auto imported =
        run_thintail({"models", "import", data / (name + ".json"), "-o", at(name + ".ttm"), "--json"});
    ASSERT_EQ(imported.exit_code, 0) << imported.err;
    EXPECT_EQ(Json::parse(imported.out)["precision"], "float32");
    const std::vector<std::string> verify = {"models",
                                             "verify",
                                             at(name + ".ttm"),
                                             "--inputs",
                                             data / (name + "_x_python.csv"),
                                             "--expect",
                                             data / (name + "_y_python.csv"),
                                             "--raw"};
    auto with_tolerance = verify;
    with_tolerance.insert(with_tolerance.end(), {"--tolerance", "2e-7"});
    const auto verified = run_thintail(with_tolerance);
    EXPECT_EQ(verified.exit_code, 0) << verified.err << verified.out;
    EXPECT_EQ(run_thintail(verify).exit_code, 2) << "the last bits of another program's float32 differ";
  }
}

TEST_F(Models, a_safetensors_file_needs_its_layers) {
  test::RandomNetworks random(1);
  const std::string file =
      test::safetensors_of({{"fc.weight", {2, 3}, random.numbers(6, 1.0F)}, {"fc.bias", {2}, random.numbers(2, 1.0F)}});
  const std::string path = write("net.safetensors", file);
  const auto bare = run_thintail({"models", "import", path, "-o", at("net.ttm")});
  EXPECT_EQ(bare.exit_code, 64);
  EXPECT_NE(bare.err.find("--layers"), std::string::npos) << bare.err;
  const std::string layers = write("layers.json", R"({"inputs":3,"layers":[{"type":"dense","weights":"fc"}]})");
  const auto imported = run_thintail({"models", "import", path, "--layers", layers, "-o", at("net.ttm"), "--json"});
  ASSERT_EQ(imported.exit_code, 0) << imported.err;
  EXPECT_EQ(Json::parse(imported.out)["layers"], Json::array({"dense 3x2"}));
}

// --- kind events -------------------------------------------------------------------------------------------------------

std::vector<std::string> import_events(const std::string& file, const std::string& out) {
  return {"models",  "import",        file,        "-o",  out,     "--features", "core-32",
          "--label", "mid_return_bp", "--horizon", "60s", "--json"};
}

TEST_F(Models, a_model_imported_with_its_features_runs_on_ticks_and_one_without_never) {
  const std::string json = write("m.json", test::make_model({.trees = 8, .depth = 3, .features = 32}).dump());
  const auto imported = run_thintail(import_events(json, at("m.ttm")));
  ASSERT_EQ(imported.exit_code, 0) << imported.err;
  const Json said = Json::parse(imported.out);
  EXPECT_EQ(said["kind"], "events");
  EXPECT_EQ(said["feature_set"], "core-32");
  EXPECT_EQ(said["horizon_ns"], 60'000'000'000);
  EXPECT_EQ(said["members"][0]["trees"], 8);
  EXPECT_EQ(said["members"][0]["lanes"].size(), 32);
  EXPECT_GT(said["golden"]["valid_predictions"], 512);
  const test::FeedFolder feed;
  const std::string ticks = feed.write("oanda_xauusd_tick_20140503.csv", "1000,1300.1,1300.2\n1200,1300.1,1300.3\n");
  EXPECT_NE(run_thintail({"models", "inspect", at("m.ttm")}).out.find("label                  mid_return_bp"),
            std::string::npos);
  const auto ran = run_thintail({"replay", ticks, "--model", at("m.ttm"), "--json"});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  ASSERT_EQ(run_thintail({"models", "import", json, "-o", at("v.ttm")}).exit_code, 0);
  const auto vector = run_thintail({"replay", ticks, "--model", at("v.ttm")});
  EXPECT_EQ(vector.exit_code, 1);
  EXPECT_NE(vector.err.find("TT-0422"), std::string::npos) << vector.err;
  EXPECT_NE(vector.err.find("--features"), std::string::npos) << vector.err;
}

TEST_F(Models, scaling_calibration_and_lanes_come_from_the_command_line) {
  test::RandomNetworks random(2);
  const std::string file =
      test::safetensors_of({{"fc.weight", {1, 2}, random.numbers(2, 1.0F)}, {"fc.bias", {1}, {0.5F}}});
  const std::string layers = write("layers.json", R"({"inputs":2,"layers":[{"type":"dense","weights":"fc"}]})");
  auto import = import_events(write("net.safetensors", file), at("net.ttm"));
  import.insert(import.end(),
                {"--layers", layers, "--scaling", write("scaling.txt", "# two\nspread_bp 0.5 2\nlast_move_bp 0 1 4\n"),
                 "--calibration", "0.25,-0.5", "--period", "M1"});
  const auto imported = run_thintail(import);
  ASSERT_EQ(imported.exit_code, 0) << imported.err;
  const auto model = load_decision_model(at("net.ttm"));
  ASSERT_TRUE(model) << model.error().message();
  const ModelMember& member = model->members.front();
  ASSERT_EQ(member.scaling.size(), 2U);
  EXPECT_EQ(member.scaling[0].mean, 0.5F);
  EXPECT_EQ(member.scaling[0].per_unit, 2.0F);
  EXPECT_EQ(member.scaling[1].clip, 4.0F);
  EXPECT_EQ(member.lanes[0], FeatureSet::core_32().lane("spread_bp"));
  EXPECT_EQ(member.scale, 0.25);
  EXPECT_EQ(member.offset, -0.5);
  EXPECT_EQ(member.period, BarPeriod::m1);
  for (const char* bad :
       {"spread_bp 0.5\n", "spread_bp 1 2 3 4\n", "spread_bp 1 x\n", "spread_bp 1 2\nlast_move_bp\n", "nosuch 1 2\n"}) {
    auto wrong = import;
    *(std::ranges::find(wrong, "--scaling") + 1) = write("bad.txt", bad);
    const auto refused = run_thintail(wrong);
    EXPECT_EQ(refused.exit_code, 1) << bad;
    EXPECT_NE(refused.err.find("bad.txt:"), std::string::npos) << refused.err;
  }
}

TEST_F(Models, what_an_import_lacks_is_asked_for) {
  const std::string json = write("m.json", test::make_model({.features = 32}).dump());
  const auto expect_usage = [&](std::vector<std::string> more, const std::string& words) {
    std::vector<std::string> arguments = {"models", "import", json, "-o", at("m.ttm")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto refused = run_thintail(arguments);
    EXPECT_EQ(refused.exit_code, 64) << words << refused.err;
    EXPECT_NE(refused.err.find(words), std::string::npos) << refused.err;
    EXPECT_FALSE(std::filesystem::exists(at("m.ttm")));
  };
  expect_usage({"--features", "core-32", "--horizon", "60s"}, "--label");
  expect_usage({"--features", "core-32", "--label", "x"}, "--horizon");
  expect_usage({"--features", "core-32", "--label", "x", "--horizon", "60"}, "--horizon");
  expect_usage({"--features", "core-99", "--label", "x", "--horizon", "60s"}, "core-99");
  expect_usage({"--label", "x"}, "--features");
  expect_usage({"--features", "core-32", "--label", "x", "--horizon", "60s", "--calibration", "1"}, "--calibration");
  expect_usage({"--features", "core-32", "--label", "x", "--horizon", "60s", "--period", "M2"}, "--period");
  expect_usage({"--layers", json}, "--layers");
}

TEST_F(Models, packs_of_one_set_combine_into_an_ensemble) {
  const FeatureSet& set = FeatureSet::core_32();
  const std::string a = test::write_pack(folder_.path(), test::random_trees_spec(set, 5, 3, 1), "A one.ttm");
  const std::string b = test::write_pack(folder_.path(), test::random_trees_spec(set, 5, 3, 2), "b.ttm");
  EnsembleConfig config{.rule = EnsembleRule::weighted, .members = 2};
  for (std::size_t i = 0; i < 2; ++i)
    config.member[i] = {.age_ns_max = 1'000'000'000, .weight = 1.0 + static_cast<double>(i)};
  const std::string ensemble = write("ensemble.toml", to_toml(config));
  const auto combined =
      run_thintail({"models", "combine", a, b, "--ensemble", ensemble, "-o", at("both.ttm"), "--json"});
  ASSERT_EQ(combined.exit_code, 0) << combined.err;
  const Json json = Json::parse(combined.out);
  EXPECT_EQ(json["ensemble"], "weighted");
  EXPECT_EQ(json["members"][0]["name"], "a-one");
  EXPECT_EQ(json["members"][1]["name"], "b");
  const std::string other =
      test::write_pack(folder_.path(), test::random_trees_spec(*FeatureSet::built_in("scalper-64")), "c.ttm");
  const auto refused = run_thintail({"models", "combine", a, other, "--ensemble", ensemble, "-o", at("x.ttm")});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.err.find("TT-0405"), std::string::npos) << refused.err;
  auto far = test::random_trees_spec(set);
  far.meaning.horizon_ns = 1;
  const auto label = run_thintail({"models", "combine", a, test::write_pack(folder_.path(), far, "d.ttm"), "--ensemble",
                                   ensemble, "-o", at("x.ttm")});
  EXPECT_EQ(label.exit_code, 64);
  EXPECT_NE(label.err.find("d.ttm"), std::string::npos) << label.err;
}

}  // namespace
}  // namespace thintail
