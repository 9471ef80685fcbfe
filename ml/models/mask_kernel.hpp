// SPDX-License-Identifier: Apache-2.0
// Mask kernels: all decisions of a tree at once, as bits of a mask.
//   path       hot
//   threads    none of their own; their arrays are read only
//   invariant  the same bits on every Isa: ranks and decisions are exact, leaves are added in tree order.
//
// A lane is a feature cut at its model's own thresholds ("cuts", ascending, at most 255): its rank is how many of them
// are <= the value, which says all that the trees ask. A node's byte is the index of its cut: rank > byte goes right.
// A missing value has rank 0 in the row for nodes whose default is left, and 255 in the row for the others.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/attributes.hpp"
#include "core/isa/isa.hpp"

namespace thintail {

inline constexpr std::uint32_t kMaskLanes = 64;  // of a tile: bytes of the widest register
inline constexpr std::uint32_t kMaskTilesMax = 2;
inline constexpr std::uint32_t kMaskDepthMax = 8;
inline constexpr std::uint32_t kMaskWordsMax = 4;  // 255 nodes of depth 8
inline constexpr std::uint32_t kCutsMax = 255;  // of a lane
inline constexpr unsigned char kNeverRight = 255;  // a cut index that no rank is above
// Cuts are searched in two steps: every 17th is a pivot, the 16 between two pivots are a block.
inline constexpr std::uint32_t kCutsOfBlock = 16;
// Of each node of a word: 64 bytes that name its lane (bit 6: the row for defaults to the right), 64 cut indices.
inline constexpr std::uint32_t kRecordBytes = 128;
inline constexpr std::uint32_t kTreesAtOnce = 8;
inline constexpr std::uint32_t kLanesAtOnce = 16;  // whose pivots are compared together

// Where each lane's cuts are searched: the arrays of RankLanes.
struct RankTables {
  const float*
      pivots;  // by kLanesAtOnce lanes, pivot (kCutsOfBlock of them), lane; NaN, which nothing counts, for none
  const std::uint32_t* pivot_counts;  // by kLanesAtOnce lanes: of the lane with most
  const float* blocks;
  const std::uint32_t* first_cut;  // by lane: its first block's place in `blocks`
  const std::uint32_t* feature_of;  // by lane; null where lane i is feature i
  std::uint32_t lanes;
  std::uint32_t tiles;  // registers of them
};

// Arrays of a MaskForest. Nodes are numbered as in a heap: the root is 1, the children of i are 2 i and 2 i + 1; node i
// is bit i % 64 of word i / 64.
struct MaskTrees {
  RankTables ranks;
  const unsigned char* records;  // by tile, word, tree; 64-byte aligned
  const void* leaves;  // Sum; 2^depth of each tree
  std::uint32_t words;
  std::uint32_t trees;  // a multiple of kTreesAtOnce
  std::uint32_t depth;
};

// Arrays of a PieceForest: deeper trees in pieces of four levels, of which a row visits one in each four levels. The lanes
// fit one register.
//
// A piece is 64 bytes: 16 that name the lanes of its nodes, 16 cut indices, both numbered as in a heap, and 16 exits (16
// bits), one for each way out: another piece of its tree, or with kLeafExit set a leaf of its tree. Unused nodes go left.
inline constexpr std::uint32_t kPieceDepth = 4;
inline constexpr std::uint32_t kPieceExits = 16;
inline constexpr std::uint32_t kPieceBytes = 64;
inline constexpr std::uint32_t kPieceTreesAtOnce = 16;
inline constexpr std::uint32_t kLeafExit = 0x8000;
inline constexpr std::size_t kPiecesMax = std::size_t{1} << 18;  // 16 MiB: far more than caches hold
struct PieceTrees {
  RankTables ranks;
  // The first piece of each tree again, four trees together: 64 bytes of lanes, 64 of cut indices, 128 of exits.
  const unsigned char* tops;
  const unsigned char* pieces;
  const std::int32_t* first_piece;  // by tree: its top's place in `pieces`, which exits count from
  const std::uint32_t* first_leaf;  // by tree
  const void* leaves;  // Sum
  std::uint32_t trees;  // a multiple of kPieceTreesAtOnce
};
inline constexpr std::uint32_t kPieceTreesMax = 1'024;  // where each stands is kept on the stack

// `sum` and after it the leaves that `features` reaches, in tree order.
template <class Sum>
using MaskKernel = Sum (*)(const MaskTrees& trees, const float* features, Sum sum) noexcept;

TT_HOT float mask_sum_scalar(const MaskTrees& trees, const float* features, float sum) noexcept;
TT_HOT double mask_sum_scalar(const MaskTrees& trees, const float* features, double sum) noexcept;
// REQUIRES: byte_permute_available().
TT_HOT float mask_sum_avx512(const MaskTrees& trees, const float* features, float sum) noexcept;
TT_HOT double mask_sum_avx512(const MaskTrees& trees, const float* features, double sum) noexcept;

TT_HOT float piece_sum_scalar(const PieceTrees& trees, const float* features, float sum) noexcept;
TT_HOT double piece_sum_scalar(const PieceTrees& trees, const float* features, double sum) noexcept;
// REQUIRES: byte_permute_available().
TT_HOT float piece_sum_avx512(const PieceTrees& trees, const float* features, float sum) noexcept;
TT_HOT double piece_sum_avx512(const PieceTrees& trees, const float* features, double sum) noexcept;

}  // namespace thintail
