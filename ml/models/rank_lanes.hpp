// SPDX-License-Identifier: Apache-2.0
// RankLanes: the features that trees ask about, cut at the trees' own thresholds, as the mask kernels search them.
//   path       cold
//   invariant  a node goes right exactly where its lane's rank is above its cut index (mask_kernel.hpp).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ml/models/aligned_array.hpp"
#include "ml/models/decision_trees.hpp"
#include "ml/models/mask_kernel.hpp"

namespace thintail {

class RankLanes {
 public:
  RankLanes(const DecisionTrees& trees, std::span<const std::uint32_t> roots);

  // A lane for each feature that is asked about, several where it has more than kCutsMax cuts.
  std::size_t size() const noexcept { return lanes_.size(); }
  const RankTables& tables() const noexcept { return tables_; }

  struct Place {
    std::uint32_t lane;
    unsigned char cut;
  };
  // REQUIRES: `node` belongs to the trees, and is no leaf.
  Place place_of(const DecisionTrees::Node& node) const;
  // How a node names its lane: within its register, bit 6 for the row of defaults to the right.
  static unsigned char lane_byte(const Place& place, const DecisionTrees::Node& node) noexcept {
    return static_cast<unsigned char>(place.lane % kMaskLanes + (node.default_left ? 0 : kMaskLanes));
  }

 private:
  struct Lane {
    std::uint32_t feature;
    std::vector<float> cuts;
  };

  void lay_out();

  std::vector<Lane> lanes_;
  std::vector<std::uint32_t> first_lane_;  // by feature
  RankTables tables_ = {};
  AlignedArray<float> pivots_, blocks_;
  AlignedArray<std::uint32_t> pivot_counts_, first_cut_, feature_of_;
};

}  // namespace thintail
