// SPDX-License-Identifier: Apache-2.0
// The three sections of a pack of kind `vector`: meta, trees, golden; each as a writer and a reader that trusts nothing.
//   path  cold
//   abi   v1, docs/packs.md
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "ml/models/decision_trees.hpp"
#include "ml/models/tree_ensemble.hpp"
#include "ml/pack/pack_container.hpp"
#include "ml/pack/vector_pack.hpp"

namespace thintail::pack {

inline constexpr std::size_t kMetaBytesMax = 64 * 1024;
inline constexpr std::uint32_t kGoldenRowsMin = 256;
inline constexpr std::uint32_t kGoldenRowsMax = 4'096;
// Rows x trees x (depth + 1) of a pack's check: seconds at most, and far above what real models need.
inline constexpr std::uint64_t kGoldenStepsMax = std::uint64_t{1} << 30;

// Canonical TOML: every key, in one order and one spelling.
std::string encode_meta(const DecisionTrees& trees, const Origin& origin);
// Fills what the meta section says of the trees; refuses a text that encode_meta would have written otherwise.
Result<Origin> decode_meta(const Section& section, std::string_view file, DecisionTrees& trees);

std::string encode_trees(const DecisionTrees& trees);
// Fills the rest. REQUIRES: decode_meta has filled `trees`.
Result<void> decode_trees(const Section& section, std::string_view file, DecisionTrees& trees);

// Inputs that meet the trees' thresholds, and their neighbours, missing values, zeros and infinities: the same for the
// same trees.
std::string encode_golden(const DecisionTrees& trees, const TreeEnsemble& evaluated);
// Recomputes every output and compares bits. The number of rows.
Result<std::uint32_t> check_golden(const Section& section, std::string_view file, const TreeEnsemble& evaluated);

}  // namespace thintail::pack
