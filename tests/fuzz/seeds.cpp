// SPDX-License-Identifier: Apache-2.0
// fuzz_seeds FOLDER: what each fuzzer begins with, FOLDER/TARGET/NAME, and the packs whose sections are fuzzed, FOLDER/TARGET.base.
// Made from real models (THINTAIL_DATA, read where they lie) and from made-up ones: nothing of the data becomes a part of this
// repository.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/http_readers.hpp"
#include "tests/fuzz/http_seeds.hpp"
#include "tests/fuzz/readers.hpp"
#include "tests/support/model_specs.hpp"
#include "tests/support/network_files.hpp"
#include "tests/support/xgboost_ubj.hpp"

namespace thintail::fuzz {
namespace {

namespace fs = std::filesystem;

class Seeds {
 public:
  explicit Seeds(fs::path folder) : folder_(std::move(folder)) {
    for (const Target& target : kTargets) fs::create_directories(folder_ / target.name);
    for (const Target& target : kHttpTargets) fs::create_directories(folder_ / target.name);
  }

  void add(std::string_view target, std::string_view name, std::string_view bytes) {
    write(folder_ / target / name, bytes);
    ++count_;
  }
  void add_base(std::string_view target, std::string_view bytes) {
    write(folder_ / fmt::format("{}.base", target), bytes);
    add(target, "whole", bytes);
    const auto container = pack::open_container(bytes, "base");
    for (std::size_t i = 0; i < container->sections.size(); ++i) {
      add(target, container->sections[i].name, static_cast<char>(i) + std::string(container->sections[i].bytes));
    }
  }
  std::size_t count() const { return count_; }

 private:
  static void write(const fs::path& path, std::string_view bytes) {
    std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  fs::path folder_;
  std::size_t count_ = 0;
};

// The header and the first trees of a LightGBM model: a fuzzer learns more from small inputs.
std::string first_trees(std::string text, int trees) {
  const std::size_t end = text.find(fmt::format("\nTree={}\n", trees));
  if (end != std::string::npos) text.resize(end);
  return text + "\nend of trees\n";
}

void add_trees(Seeds& seeds) {
  for (const int depth : {0, 2, 5}) {
    const test::Json model = test::make_model({.trees = 3, .depth = depth, .features = 3});
    seeds.add("xgboost_json", fmt::format("made-{}", depth), model.dump());
    seeds.add("xgboost_ubj", fmt::format("made-{}", depth), test::ubj(model));
  }
  seeds.add(
      "lightgbm_text", "categorical",
      "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=1\nobjective="
      "regression\n"
      "feature_names=a b\nfeature_infos=0:1:2 [0:1]\ntree_sizes=1\n\nTree=0\nnum_leaves=4\nnum_cat=2\n"
      "split_feature=0 1 0\nthreshold=0 0.5 1\ndecision_type=1 10 9\nleft_child=1 -1 -2\nright_child=2 -3 -4\n"
      "leaf_value=1 2 3 4\ncat_boundaries=0 1 3\ncat_threshold=5 7 9\nis_linear=0\nshrinkage=1\n\n\nend of trees\n");
  const fs::path real = test::data_dir() / "models/gbdt/lgmulticlass.model";
  if (fs::exists(real)) seeds.add("lightgbm_text", "real", first_trees(test::whole_file(real), 5));
}

void add_networks(Seeds& seeds) {
  for (const char* name : {"dense", "gru_1d", "lstm", "lstm_torch"}) {
    const fs::path path = test::rnn_dir() / (std::string(name) + ".json");
    if (fs::exists(path)) seeds.add("keras_json", name, test::whole_file(path));
  }
  test::RandomNetworks random(5);
  const std::string tensors = test::safetensors_of({{"lstm.weight_ih_l0", {8, 3}, random.numbers(24, 1.0F)},
                                                    {"lstm.weight_hh_l0", {8, 2}, random.numbers(16, 1.0F)},
                                                    {"lstm.bias_ih_l0", {8}, random.numbers(8, 1.0F)},
                                                    {"lstm.bias_hh_l0", {8}, random.numbers(8, 1.0F)},
                                                    {"fc.weight", {1, 2}, random.numbers(2, 1.0F)},
                                                    {"fc.bias", {1}, random.numbers(1, 1.0F)}});
  seeds.add("safetensors", "lstm", tensors);
  seeds.add("torch_network", "lstm",
            std::string(R"({"inputs":3,"layers":[{"type":"lstm","weights":"lstm"},{"type":"dense","weights":"fc"}]})") +
                '\0' + tensors);
}

void add_toml(Seeds& seeds) {
  RegimeModel regime{.name = "four", .features = {"return_60s", "volatility_60s"}, .hmm = test::four_regimes()};
  regime.table.members = 2;
  seeds.add("regime_toml", "four", regime.to_toml());
  EnsembleConfig config{.rule = EnsembleRule::online, .members = 3};
  for (std::size_t i = 0; i < 3; ++i) config.member[i].age_ns_max = 1'000'000'000;
  config.outcome = {.horizon_ns = 60'000'000'000, .sample_ns = 1'000'000'000, .silence_ns_max = 1'000'000'000};
  seeds.add("ensemble_toml", "online", to_toml(config));
  config.rule = EnsembleRule::weighted;
  seeds.add("ensemble_toml", "weighted", to_toml(config));
  for (const auto& entry : fs::directory_iterator(fs::path(THINTAIL_SOURCE_DIR) / "ml/features/sets")) {
    seeds.add("feature_set_toml", entry.path().stem().string(), test::whole_file(entry.path()));
    seeds.add("toml_text", entry.path().stem().string(), test::whole_file(entry.path()));
  }
}

void add_packs(Seeds& seeds) {
  const pack::Origin origin{.producer = "thintail fuzz", .source = "made up", .source_sha256 = {}};
  const auto trees = test::trees_of_json(test::make_model({.trees = 3, .depth = 3, .features = 3}).dump());
  if (const auto pack = pack::encode_vector_pack(trees, origin, "made up")) seeds.add_base("pack_vector", *pack);
  test::RandomNetworks random(6);
  pack::NetworkSource network{.spec = {.inputs = 3}, .ranges = {}};
  network.spec.layers.push_back(random.layer(LayerKind::lstm, 3, 4));
  network.spec.layers.push_back(random.layer(LayerKind::dense, 4, 1));
  if (const auto pack = pack::encode_vector_pack(network, origin, "made up"))
    seeds.add("pack_vector", "network", *pack);
  const FeatureSet& set = FeatureSet::core_32();
  seeds.add("pack_events", "trees", test::packed(test::random_trees_spec(set, 3, 3)));
  seeds.add_base("pack_events", test::packed(test::full_spec(set)));
}

// `head`: where the bytes are cut, and who sends them.
void add_all(Seeds& seeds, std::string_view target, const std::string& head, const std::vector<std::string>& texts,
             std::string_view name = "seed") {
  for (std::size_t i = 0; i < texts.size(); ++i) seeds.add(target, fmt::format("{}-{}", name, i), head + texts[i]);
}

void add_http(Seeds& seeds) {
  const std::string cuts = "\x20\x60\xA0";
  add_all(seeds, "http_request", cuts, request_seeds());
  add_all(seeds, "http_frames", cuts, frame_seeds());
  add_all(seeds, "http_texts", "", text_seeds());
  add_all(seeds, "http_connection", cuts + '\1', conversation_seeds(), "owner");
  add_all(seeds, "http_connection", cuts + '\0', conversation_seeds(), "stranger");
}

}  // namespace
}  // namespace thintail::fuzz

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 64;
  }
  thintail::fuzz::Seeds seeds(argv[1]);
  thintail::fuzz::add_trees(seeds);
  thintail::fuzz::add_networks(seeds);
  thintail::fuzz::add_toml(seeds);
  thintail::fuzz::add_packs(seeds);
  thintail::fuzz::add_http(seeds);
  fmt::print("{} seeds\n", seeds.count());
  return 0;
}
