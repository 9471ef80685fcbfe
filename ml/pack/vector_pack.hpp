// SPDX-License-Identifier: Apache-2.0
// VectorPack: a .ttm of kind `vector`: trees from anonymous inputs to scores, with golden vectors that are recomputed when
// it is read.
//   path       cold
//   invariant  what encode() wrote from a model evaluates to the model's bits; what decode() returns did so on this CPU.
//   abi        v1, docs/packs.md
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "core/base/hash.hpp"
#include "core/isa/isa.hpp"
#include "ml/models/decision_trees.hpp"
#include "ml/models/tree_ensemble.hpp"
#include "ml/pack/pack_container.hpp"

namespace thintail::pack {

// Where a pack's model came from.
struct Origin {
  std::string producer;  // the program that wrote the pack: "thintail 0.1.0"
  std::string source;  // what its importer says: "XGBoost 1.7", "LightGBM text v4"
  Sha256Digest source_sha256{};  // of the file that was imported
};

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

// The bytes of a pack. Golden inputs are made from the trees' own thresholds; their outputs are computed here.
// REQUIRES: `trees` comes from a reader. `file` names the model in errors.
Result<std::string> encode_vector_pack(const DecisionTrees& trees, const Origin& origin, std::string_view file);
// Time and memory are bounded by the constants of decision_trees.hpp and kGoldenStepsMax, whatever the bytes are.
Result<VectorPack> decode_vector_pack(std::string_view bytes, std::string_view file, Isa isa = best_isa());
Result<VectorPack> load_vector_pack(const std::string& path, Isa isa = best_isa());

}  // namespace thintail::pack
