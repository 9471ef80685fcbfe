// SPDX-License-Identifier: Apache-2.0
// What is fuzzed: every reader of a model or of a file that comes with one. A reader may refuse any bytes; what it accepts must
// be evaluated alike on every instruction set, and be read again from what it is written as. Else the program aborts.
//   path  cold
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/assert.hpp"
#include "core/base/hash.hpp"
#include "core/config/toml_text.hpp"
#include "core/isa/isa.hpp"
#include "ml/ensemble/ensemble_file.hpp"
#include "ml/features/feature_set.hpp"
#include "ml/models/decision_trees.hpp"
#include "ml/models/tree_ensemble.hpp"
#include "ml/networks/keras_json.hpp"
#include "ml/networks/network.hpp"
#include "ml/networks/safetensors.hpp"
#include "ml/pack/events_pack.hpp"
#include "ml/pack/vector_pack.hpp"
#include "ml/regime/regime_file.hpp"
#include "tests/fuzz/target.hpp"

namespace thintail::fuzz {

// --- trees -----------------------------------------------------------------------------------------------------------

inline bool same_everywhere(const DecisionTrees& trees) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const TreeEnsemble scalar = TreeEnsemble::from_trees(trees, {}, Isa::scalar);
  const TreeEnsemble best = TreeEnsemble::from_trees(trees, {}, best_isa());
  std::vector<double> plain(scalar.output_count());
  std::vector<double> fast(plain.size());
  for (const float value : {0.0F, 1.0F, -0.5F, 40.0F, kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN()}) {
    std::vector<float> row(trees.feature_count, value);
    for (std::size_t i = 0; i < std::min<std::size_t>(row.size(), trees.nodes.size()); i += 2) {
      row[i] = static_cast<float>(trees.nodes[i].value);
    }
    scalar.margins(row.data(), plain.data());
    best.margins(row.data(), fast.data());
    TT_CHECK(std::memcmp(plain.data(), fast.data(), plain.size() * sizeof(double)) == 0,
             "equal sums on every instruction set");
  }
  return true;
}

inline bool xgboost_json(Bytes bytes) {
  const auto trees = read_xgboost_json(text_of(bytes), "fuzz");
  return trees && same_everywhere(*trees);
}
inline bool xgboost_ubj(Bytes bytes) {
  const auto trees = read_xgboost_ubj(text_of(bytes), "fuzz");
  return trees && same_everywhere(*trees);
}
inline bool lightgbm_text(Bytes bytes) {
  const auto trees = read_lightgbm_text(text_of(bytes), "fuzz");
  return trees && same_everywhere(*trees);
}

// --- networks --------------------------------------------------------------------------------------------------------

// A few rows through the network. Those beyond a size that takes seconds are not run.
inline bool runs(const NetworkSpec& spec) {
  constexpr std::size_t kWeightsMax = 1 << 16;
  std::size_t weights = 0;
  for (const LayerSpec& layer : spec.layers) weights += layer.weight.size() + layer.recurrent.size();
  if (weights > kWeightsMax) return true;
  const auto scalar = Network::make(spec, Isa::scalar);
  const auto best = Network::make(spec, best_isa());
  if (!scalar || !best) return false;
  std::array<std::vector<float>, 2> answers;
  std::size_t which = 0;
  for (const Network* network : {&*scalar, &*best}) {
    NetworkBlock state = network->make_state();
    NetworkBlock scratch = network->make_scratch();
    float* const at = state.empty() ? nullptr : state.data()->lanes;
    float* const work = scratch.empty() ? nullptr : scratch.data()->lanes;
    network->reset(at, work);
    std::vector<float>& out = answers[which++];
    out.resize(std::size_t{3} * network->outputs());
    for (std::size_t step = 0; step < 3; ++step) {
      const std::vector<float> row(network->inputs(), 0.25F * static_cast<float>(step));
      network->step(row.data(), at, work, out.data() + step * network->outputs());
    }
  }
  for (std::size_t i = 0; i < answers[0].size(); ++i) {
    TT_CHECK(std::bit_cast<std::uint32_t>(answers[0][i]) == std::bit_cast<std::uint32_t>(answers[1][i]),
             "equal answers on every instruction set");
  }
  return true;
}

inline bool keras_json(Bytes bytes) {
  const auto spec = read_network_json(text_of(bytes), "fuzz");
  return spec && runs(*spec);
}

inline bool safetensors(Bytes bytes) { return read_safetensors(std::as_bytes(bytes), "fuzz").has_value(); }

// A file of layers, a zero byte, and the tensors that it names.
inline bool torch_network(Bytes bytes) {
  const std::size_t end = std::min(text_of(bytes).find('\0'), bytes.size());
  const Bytes tensors = bytes.subspan(std::min(end + 1, bytes.size()));
  const auto file = read_torch_network(std::as_bytes(tensors), "fuzz", text_of(bytes).substr(0, end), "layers");
  return file && runs(file->spec);
}

// --- TOML ------------------------------------------------------------------------------------------------------------

// What toml++ makes of any text, behind our look at it.
inline bool toml_text(Bytes bytes) { return static_cast<bool>(config::parse_toml(text_of(bytes), "fuzz")); }

inline bool regime_toml(Bytes bytes) {
  const auto model = RegimeModel::from_toml(text_of(bytes), "fuzz");
  if (!model) return false;
  const auto again = RegimeModel::from_toml(model->to_toml(), "written");
  TT_CHECK(again.has_value() && *again == *model, "the model that was written");
  return true;
}

inline bool ensemble_toml(Bytes bytes) {
  const auto config = ensemble_from_toml(text_of(bytes), "fuzz");
  if (!config) return false;
  const std::string text = to_toml(*config);
  const auto again = ensemble_from_toml(text, "written");
  TT_CHECK(again.has_value() && to_toml(*again) == text, "the configuration that was written");
  return true;
}

inline bool feature_set_toml(Bytes bytes) {
  const auto set = FeatureSet::from_toml(text_of(bytes), "fuzz");
  if (!set) return false;
  TT_CHECK(set->lanes().size() == set->features().size() && set->lanes().size() <= kMaxLanes,
           "a lane a feature, within bounds");
  return true;
}

// --- packs -----------------------------------------------------------------------------------------------------------

// A good pack, whose sections inputs replace: no mutation would find its digest. Empty: only whole files are read.
inline std::string& base_pack() {
  static std::string bytes;
  return bytes;
}

// A whole pack, whose digest is put right; or a number and the bytes that take the place of that section in base_pack().
inline std::string pack_of(Bytes bytes) {
  constexpr std::size_t kDigestAt = 8;
  const std::string_view text = text_of(bytes);
  if (text.starts_with("TTMPACK\n") || base_pack().empty() || text.empty()) {
    std::string file(text);
    constexpr std::size_t kDigestEnd = kDigestAt + sizeof(Sha256Digest);
    if (file.size() > kDigestEnd) {
      const Sha256Digest digest = sha256(std::string_view(file).substr(kDigestEnd));
      std::memcpy(file.data() + kDigestAt, &digest, sizeof digest);
    }
    return file;
  }
  auto container = pack::open_container(base_pack(), "base");
  TT_CHECK(container.has_value(), "a good base pack");
  container->sections[bytes[0] % container->sections.size()].bytes = text.substr(1);
  return pack::encode_container(container->kind, container->sections);
}

inline bool pack_vector(Bytes bytes) { return pack::decode_any_vector_pack(pack_of(bytes), "fuzz").has_value(); }

inline bool pack_events(Bytes bytes) {
  const std::string file = pack_of(bytes);
  const auto pack = pack::decode_events_pack(file, "fuzz");
  if (!pack) return false;
  TT_CHECK(pack::make_decision_model(pack->spec, pack->digest, "fuzz", Isa::scalar).has_value(),
           "a pack that was read makes a model");
  TT_CHECK(pack::encode_events_pack(pack->spec, pack->golden) == file, "one file for a model");
  return true;
}

// --- all of them -----------------------------------------------------------------------------------------------------

inline constexpr std::array kTargets = std::to_array<Target>({
    {"xgboost_json", &xgboost_json},
    {"xgboost_ubj", &xgboost_ubj},
    {"lightgbm_text", &lightgbm_text},
    {"keras_json", &keras_json},
    {"safetensors", &safetensors},
    {"torch_network", &torch_network},
    {"toml_text", &toml_text},
    {"regime_toml", &regime_toml},
    {"ensemble_toml", &ensemble_toml},
    {"feature_set_toml", &feature_set_toml},
    {"pack_vector", &pack_vector},
    {"pack_events", &pack_events},
});

}  // namespace thintail::fuzz
