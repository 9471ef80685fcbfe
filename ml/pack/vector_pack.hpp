// SPDX-License-Identifier: Apache-2.0
// VectorPack, NetworkPack: a .ttm of kind `vector`: trees or a network from anonymous inputs to scores, with golden vectors that are
// recomputed when it is read.
//   path       cold
//   invariant  what encode wrote from a model evaluates to the model's bits; what decode returns did so on this CPU.
//   abi        v1, docs/packs.md
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "core/base/error.hpp"
#include "core/base/hash.hpp"
#include "core/isa/isa.hpp"
#include "ml/models/decision_trees.hpp"
#include "ml/models/tree_ensemble.hpp"
#include "ml/networks/network.hpp"
#include "ml/pack/model_spec.hpp"
#include "ml/pack/pack_container.hpp"

namespace thintail::pack {

// A model file of a library, told by its first bytes: XGBoost JSON or UBJ, LightGBM text.
Result<DecisionTrees> read_library_model(std::string_view bytes, std::string_view file);

struct VectorPack {
  Origin origin;
  TreeEnsemble trees;
  SumType sum_type = SumType::float32;
  std::uint32_t node_count = 0;
  std::uint32_t golden_rows = 0;
  std::uint64_t file_bytes = 0;

  bool is_lightgbm() const noexcept { return origin.source.starts_with("LightGBM"); }
};

struct NetworkPack {
  Origin origin;
  NetworkSource source;
  Network network;
  Sha256Digest digest{};
  std::uint32_t golden_rows = 0;
  std::uint64_t file_bytes = 0;
};

using AnyVectorPack = std::variant<VectorPack, NetworkPack>;

// The bytes of a pack. Golden inputs of trees are made from their own thresholds; outputs are computed here.
// REQUIRES: the model comes from a reader. `file` names it in errors.
Result<std::string> encode_vector_pack(const DecisionTrees& trees, const Origin& origin, std::string_view file);
Result<std::string> encode_vector_pack(const NetworkSource& network, const Origin& origin, std::string_view file);
// Time and memory are bounded by the constants of decision_trees.hpp, network_spec.hpp and kGoldenStepsMax, whatever the bytes are.
Result<AnyVectorPack> decode_any_vector_pack(std::string_view bytes, std::string_view file, Isa isa = best_isa());
// Of trees only: refuses a network.
Result<VectorPack> decode_vector_pack(std::string_view bytes, std::string_view file, Isa isa = best_isa());
Result<VectorPack> load_vector_pack(const std::string& path, Isa isa = best_isa());

}  // namespace thintail::pack
