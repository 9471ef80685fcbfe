// SPDX-License-Identifier: Apache-2.0
// Mask kernels without vector instructions of our own: what the others must equal.
#include "ml/models/mask_kernel.hpp"

namespace thintail {
namespace {

struct Row {
  unsigned char ranks[2][kMaskLanes * kMaskTilesMax];  // by default direction: left, right
};

void rank_row(const RankTables& ranks, const float* features, Row& row) noexcept {
  for (std::uint32_t lane = 0; lane < ranks.lanes; ++lane) {
    const float x = features[ranks.feature_of != nullptr ? ranks.feature_of[lane] : lane];
    const float* pivots = ranks.pivots + lane / kLanesAtOnce * kLanesAtOnce * kCutsOfBlock + lane % kLanesAtOnce;
    unsigned block = 0;
    for (std::uint32_t i = 0; i < kCutsOfBlock; ++i) block += pivots[i * kLanesAtOnce] <= x ? 1U : 0U;
    const float* cuts = ranks.blocks + ranks.first_cut[lane] + block * kCutsOfBlock;
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
  for (std::uint32_t tile = 0; tile < trees.ranks.tiles; ++tile) {
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
  rank_row(trees.ranks, features, row);
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

// One piece: the heap number that a row leaves it by, from kPieceExits on.
std::uint32_t leave_piece(const unsigned char* piece, const Row& row) noexcept {
  std::uint32_t node = 1;
  for (std::uint32_t level = 0; level < kPieceDepth; ++level) {
    const unsigned rank = row.ranks[piece[node] / kMaskLanes][piece[node] % kMaskLanes];
    node = 2 * node + (rank > piece[kPieceExits + node] ? 1U : 0U);
  }
  return node;
}

template <class Sum>
Sum piece_sum(const PieceTrees& trees, const float* features, Sum sum) noexcept {
  Row row = {};
  rank_row(trees.ranks, features, row);
  const Sum* leaves = static_cast<const Sum*>(trees.leaves);
  for (std::uint32_t tree = 0; tree < trees.trees; ++tree) {
    std::uint32_t to = 0;  // as an exit says it
    while (to < kLeafExit) {
      const unsigned char* piece =
          trees.pieces + (static_cast<std::size_t>(trees.first_piece[tree]) + to) * kPieceBytes;
      const unsigned char* exit = piece + 2 * leave_piece(piece, row);  // exits follow 32 bytes of nodes
      to = static_cast<std::uint32_t>(exit[0] | exit[1] << 8);
    }
    sum += leaves[trees.first_leaf[tree] + (to - kLeafExit)];
  }
  return sum;
}

}  // namespace

float piece_sum_scalar(const PieceTrees& trees, const float* features, float sum) noexcept {
  return piece_sum(trees, features, sum);
}
double piece_sum_scalar(const PieceTrees& trees, const float* features, double sum) noexcept {
  return piece_sum(trees, features, sum);
}

float mask_sum_scalar(const MaskTrees& trees, const float* features, float sum) noexcept {
  return mask_sum(trees, features, sum);
}
double mask_sum_scalar(const MaskTrees& trees, const float* features, double sum) noexcept {
  return mask_sum(trees, features, sum);
}

}  // namespace thintail
