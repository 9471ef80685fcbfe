// SPDX-License-Identifier: Apache-2.0
// Mask kernels without vector instructions of our own: what the others must equal.
#include "ml/models/mask_kernel.hpp"

namespace thintail {
namespace {

struct Row {
  unsigned char ranks[2][kMaskLanes * kMaskTilesMax];  // by default direction: left, right
};

void rank_row(const MaskTrees& trees, const float* features, Row& row) noexcept {
  for (std::uint32_t lane = 0; lane < trees.lanes; ++lane) {
    const float x = features[trees.feature_of != nullptr ? trees.feature_of[lane] : lane];
    const float* pivots = trees.pivots + lane / kLanesAtOnce * kLanesAtOnce * kCutsOfBlock + lane % kLanesAtOnce;
    unsigned block = 0;
    for (std::uint32_t i = 0; i < kCutsOfBlock; ++i) block += pivots[i * kLanesAtOnce] <= x ? 1U : 0U;
    const float* cuts = trees.blocks + trees.first_cut[lane] + block * kCutsOfBlock;
    unsigned rank = block * (kCutsOfBlock + 1);
    for (std::uint32_t i = 0; i < kCutsOfBlock; ++i) rank += cuts[i] <= x ? 1U : 0U;
    row.ranks[0][lane] = static_cast<unsigned char>(rank);
    row.ranks[1][lane] = static_cast<unsigned char>(x != x ? kCutsMax : rank);
  }
}

bool goes_right(const MaskTrees& trees, const Row& row, std::uint32_t tree, std::uint32_t node) noexcept {
  const std::uint32_t word = node / kMaskLanes;
  const std::uint32_t bit = node % kMaskLanes;
  bool right = false;
  for (std::uint32_t tile = 0; tile < trees.tiles; ++tile) {
    const unsigned char* record =
        trees.records + (std::size_t{tile * trees.words + word} * trees.trees + tree) * kRecordBytes;
    const unsigned lane = tile * kMaskLanes + record[bit] % kMaskLanes;
    right |= row.ranks[record[bit] / kMaskLanes][lane] > record[kMaskLanes + bit];
  }
  return right;
}

template <class Sum>
Sum mask_sum(const MaskTrees& trees, const float* features, Sum sum) noexcept {
  Row row = {};
  rank_row(trees, features, row);
  const Sum* leaves = static_cast<const Sum*>(trees.leaves);
  for (std::uint32_t tree = 0; tree < trees.trees; ++tree) {
    std::uint32_t node = 1;
    for (std::uint32_t level = 0; level < trees.depth; ++level) {
      node = 2 * node + (goes_right(trees, row, tree, node) ? 1U : 0U);
    }
    sum += leaves[(std::size_t{tree} << trees.depth) + node - (std::size_t{1} << trees.depth)];
  }
  return sum;
}

}  // namespace

float mask_sum_scalar(const MaskTrees& trees, const float* features, float sum) noexcept {
  return mask_sum(trees, features, sum);
}
double mask_sum_scalar(const MaskTrees& trees, const float* features, double sum) noexcept {
  return mask_sum(trees, features, sum);
}

}  // namespace thintail
