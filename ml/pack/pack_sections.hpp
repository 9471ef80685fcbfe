// SPDX-License-Identifier: Apache-2.0
// The sections of a pack, each as a writer and a reader that trusts nothing.
//   path  cold
//   abi   v1, docs/packs.md
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "ml/models/decision_trees.hpp"
#include "ml/models/tree_ensemble.hpp"
#include "ml/networks/network.hpp"
#include "ml/pack/golden_events.hpp"
#include "ml/pack/meta_text.hpp"
#include "ml/pack/model_spec.hpp"
#include "ml/pack/pack_container.hpp"

namespace thintail::pack {

inline constexpr std::size_t kMetaBytesMax = 64 * 1024;
inline constexpr std::size_t kEventsMetaBytesMax = std::size_t{1}
                                                   << 20;  // 16 members of 256 lanes, each with its scaling
inline constexpr std::uint32_t kGoldenRowsMin = 256;
inline constexpr std::uint32_t kGoldenRowsMax = 4'096;
// Rows x trees x (depth + 1) of a pack's check, or rows x multiplications: seconds at most, and far above what real models need.
inline constexpr std::uint64_t kGoldenStepsMax = std::uint64_t{1} << 30;

// Canonical TOML: every key, in one order and one spelling.
std::string encode_meta(const DecisionTrees& trees, const Origin& origin);
std::string encode_meta(const NetworkSource& network, const Origin& origin);
// Fills what the meta section says of the trees; refuses a text that encode_meta would have written otherwise.
Result<Origin> decode_meta(const Section& section, std::string_view file, DecisionTrees& trees);
// The same of a network, which its own section tells in full.
Result<Origin> decode_meta(const Section& section, std::string_view file, const NetworkSource& network);

// The lines that meta has of trees or a network. `prefix` is the table that they stand in: "members.0.".
std::string tree_lines(const DecisionTrees& trees);
Result<void> read_tree_lines(const MetaText& meta, const std::string& prefix, DecisionTrees& trees);
std::string network_lines(const NetworkSource& network);

std::string encode_trees(const DecisionTrees& trees);
// Fills the rest. REQUIRES: read_tree_lines or decode_meta has filled `trees`.
Result<void> decode_trees(const Section& section, std::string_view file, DecisionTrees& trees);

std::string encode_network(const NetworkSource& network);
// What it gives passes check_network.
Result<NetworkSource> decode_network(const Section& section, std::string_view file);
// Multiplications of one row.
std::uint64_t network_steps(const NetworkSpec& spec) noexcept;
// At least what it remembers of an instrument.
std::uint64_t network_state_floats(const NetworkSpec& spec) noexcept;

// Inputs that meet the trees' thresholds, and their neighbours, missing values, zeros and infinities: the same for the
// same trees.
std::string encode_golden(const DecisionTrees& trees, const TreeEnsemble& evaluated);
// Rows that a network takes one after the other from a fresh state; missing values and large ones among them.
std::string encode_golden(const Network& evaluated);
// Recompute every output and compare bits. The number of rows.
Result<std::uint32_t> check_golden(const Section& section, std::string_view file, const TreeEnsemble& evaluated);
Result<std::uint32_t> check_golden(const Section& section, std::string_view file, const Network& evaluated,
                                   std::uint64_t steps);

}  // namespace thintail::pack
