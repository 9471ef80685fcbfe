// SPDX-License-Identifier: Apache-2.0
// A model and its sidecar on disk: written, read back, and refused where they contradict each other or the feature set.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "ml/features/feature_set.hpp"
#include "ml/models/tree_ensemble.hpp"
#include "tests/support/xgboost_model.hpp"

namespace thintail {
namespace {

class ModelFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "thintail-model-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    path_ = (folder_ / "model.json").string();
    sidecar_file_ = (folder_ / "model.features.toml").string();
    const FeatureSet& set = FeatureSet::core_32();
    write_model(static_cast<int>(set.lanes().size()));
    sidecar_ = {.feature_set = std::string(set.name()),
                .feature_hash = set.hash(),
                .model_hash = model_hash_,
                .label = "mid_return_bp",
                .horizon_ns = 60'000'000'000,
                .trained_on = "a \"quoted\" \\ name\nand a second line"};
    ASSERT_TRUE(write_sidecar(path_, sidecar_));
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void write_model(int features) {
    const std::string json = test::make_model({.trees = 3, .depth = 3, .features = features}).dump();
    std::ofstream(path_) << json;
    model_hash_ = sha256(json);
  }

  // Replaces text of the sidecar and loads.
  Result<LoadedModel> load_edited(const std::string& from, const std::string& to) {
    std::stringstream text;
    text << std::ifstream(sidecar_file_).rdbuf();
    std::string toml = text.str();
    const std::size_t at = toml.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    toml.replace(at, from.size(), to);
    std::ofstream(sidecar_file_) << toml;
    return load_model(path_);
  }

  std::filesystem::path folder_;
  std::string path_;
  std::string sidecar_file_;
  Sha256Digest model_hash_{};
  ModelSidecar sidecar_;
};

TEST_F(ModelFile, a_model_and_its_sidecar_come_back_as_written) {
  const auto model = load_model(path_);
  ASSERT_TRUE(model) << model.error().message();
  EXPECT_EQ(model->trees.tree_count(), 3U);
  EXPECT_EQ(model->path, path_);
  EXPECT_EQ(model->sidecar.feature_set, sidecar_.feature_set);
  EXPECT_EQ(model->sidecar.feature_hash, sidecar_.feature_hash);
  EXPECT_EQ(model->sidecar.model_hash, sidecar_.model_hash);
  EXPECT_EQ(model->sidecar.label, sidecar_.label);
  EXPECT_EQ(model->sidecar.horizon_ns, sidecar_.horizon_ns);
  EXPECT_EQ(model->sidecar.trained_on, sidecar_.trained_on);
}

TEST_F(ModelFile, another_feature_hash_is_refused_naming_both) {
  const std::string ours = to_hex(sidecar_.feature_hash);
  const std::string other(64, '7');
  const auto model = load_edited(ours, other);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::model_feature_mismatch);
  EXPECT_NE(model.error().expected.find(ours), std::string::npos);
  EXPECT_NE(model.error().found.find(other), std::string::npos);
}

TEST_F(ModelFile, another_count_of_features_is_refused) {
  write_model(5);
  const auto model = load_edited(to_hex(sidecar_.model_hash), to_hex(model_hash_));
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::model_feature_mismatch);
  EXPECT_EQ(model.error().field, "num_feature");
}

TEST_F(ModelFile, an_unknown_feature_set_is_refused) {
  const auto model = load_edited("core-32", "core-99");
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::feature_unknown);
}

TEST_F(ModelFile, the_set_in_force_must_be_the_one_trained_on) {
  const auto model = load_model(path_, &FeatureSet::core_32());
  ASSERT_TRUE(model);
  EXPECT_EQ(model->features, &FeatureSet::core_32());
  EXPECT_EQ(load_model(path_)->features, &FeatureSet::core_32()) << "without one, the built-in set that it names";
  const auto other = load_model(path_, FeatureSet::built_in("scalper-64"));
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::model_feature_mismatch);
  EXPECT_EQ(other.error().field, "feature_set");
}

TEST_F(ModelFile, a_sidecar_cannot_choose_a_file_to_read) {
  const std::string set = (folder_ / "core-32.toml").string();
  std::ofstream(set) << "name = \"core-32\"\nfeatures = [{ feature = \"spread\" }]\n";
  const auto model = load_edited("\"core-32\"", '"' + set + '"');
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::feature_unknown);
  EXPECT_EQ(model.error().field, "feature_set");
}

TEST_F(ModelFile, a_changed_model_is_refused) {
  std::ofstream(path_, std::ios::app) << ' ';
  const auto model = load_model(path_);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::model_hash_mismatch);
}

TEST_F(ModelFile, a_missing_model_and_a_missing_sidecar_are_told_apart) {
  std::filesystem::remove(sidecar_file_);
  EXPECT_EQ(load_model(path_).error().code, ErrorCode::model_sidecar);
  std::filesystem::remove(path_);
  EXPECT_EQ(load_model(path_).error().code, ErrorCode::model_missing);
}

TEST_F(ModelFile, what_is_not_a_regular_file_is_refused_without_waiting) {
  EXPECT_EQ(load_model((folder_ / "none.json").string()).error().code, ErrorCode::model_missing);
  std::filesystem::create_directory(folder_ / "folder.json");
  EXPECT_EQ(load_model((folder_ / "folder.json").string()).error().code, ErrorCode::file_unreadable);
  ASSERT_EQ(::mkfifo((folder_ / "pipe.json").c_str(), 0600), 0);
  EXPECT_EQ(load_model((folder_ / "pipe.json").string()).error().code, ErrorCode::file_unreadable);
}

TEST_F(ModelFile, a_name_that_does_not_end_in_json_is_refused) {
  EXPECT_EQ(load_model("model.ubj").error().code, ErrorCode::model_unsupported);
}

struct SidecarEdit {
  const char* from;
  const char* to;
  const char* field;
};

TEST_F(ModelFile, a_sidecar_with_wrong_keys_is_refused_naming_the_key) {
  const SidecarEdit edits[] = {
      {"label =", "labell =", "labell"},
      {"horizon_ns = 60000000000", "horizon_ns = \"60 s\"", "horizon_ns"},
      {"horizon_ns = 60000000000", "horizon_ns = 0", "horizon_ns"},
      {"format = 1", "format = 2", "format"},
      {"model_hash = \"", "model_hash = \"x", "model_hash"},
      {"feature_set = \"core-32\"", "feature_set = 32", "feature_set"},
      {"trained_on", "# trained_on", "trained_on"},
  };
  for (const SidecarEdit& edit : edits) {
    ASSERT_TRUE(write_sidecar(path_, sidecar_));
    const auto model = load_edited(edit.from, edit.to);
    ASSERT_FALSE(model) << edit.to;
    EXPECT_EQ(model.error().code, ErrorCode::model_sidecar) << model.error().message();
    EXPECT_EQ(model.error().field, edit.field) << model.error().message();
    EXPECT_EQ(model.error().file, sidecar_file_);
  }
}

TEST_F(ModelFile, a_sidecar_that_is_not_toml_is_refused_with_its_line) {
  const auto model = load_edited("format = 1", "format = ");
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::model_sidecar);
  EXPECT_EQ(model.error().line, 2U);
}

TEST_F(ModelFile, a_sidecar_cut_at_any_byte_is_refused) {
  std::stringstream text;
  text << std::ifstream(sidecar_file_).rdbuf();
  const std::string toml = text.str();
  for (std::size_t size = 0; size + 1 < toml.size(); ++size) {  // the last byte is a line end, which TOML does not need
    std::ofstream(sidecar_file_) << toml.substr(0, size);
    EXPECT_FALSE(load_model(path_)) << size;
  }
}

TEST_F(ModelFile, an_unwritable_place_is_an_error) {
  EXPECT_EQ(write_sidecar((folder_ / "absent" / "model.json").string(), sidecar_).error().code,
            ErrorCode::file_unwritable);
}

}  // namespace
}  // namespace thintail
