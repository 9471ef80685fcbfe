// SPDX-License-Identifier: Apache-2.0
// Mask kernels on AVX-512 with VBMI: a tile's ranks are one register, a tree's lookups one byte permute, its decisions one
// comparison.
#include <immintrin.h>

#include <cstdint>

#include "ml/models/mask_kernel.hpp"

namespace thintail {
namespace {

// Trees whose masks are made together, one chunk ahead of the walk: a vector load of eight words waits until all eight
// stores have left the store buffer, and making masks meanwhile fills that time and the adder's.
constexpr std::uint32_t kChunk = 32;

struct Row {
  __m512i left[kMaskTilesMax];
  __m512i right[kMaskTilesMax];
  bool any_missing;
};

// Where each lane's search goes on, and how many cuts lie before that.
struct Blocks {
  alignas(64) std::uint32_t at[kMaskLanes * kMaskTilesMax];  // in MaskTrees::blocks
  alignas(64) unsigned char before[kMaskLanes * kMaskTilesMax];
  __mmask64 missing[kMaskTilesMax];
};

TT_ALWAYS_INLINE void find_blocks(const RankTables& ranks, const float* values, Blocks& blocks) noexcept {
  for (__mmask64& missing : blocks.missing) missing = 0;
  for (std::uint32_t first = 0, group = 0; first < ranks.lanes; first += kLanesAtOnce, ++group) {
    const std::uint32_t left = ranks.lanes - first;
    const auto used = static_cast<__mmask16>(left >= kLanesAtOnce ? 0xffffU : (1U << left) - 1);
    const __m512 x = _mm512_maskz_loadu_ps(used, values + first);
    blocks.missing[first / kMaskLanes] |= static_cast<__mmask64>(_mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q))
                                          << first % kMaskLanes;
    const float* pivots = ranks.pivots + first * kCutsOfBlock;
    __m512i count = _mm512_setzero_si512();
    for (std::uint32_t pivot = 0; pivot < ranks.pivot_counts[group]; ++pivot, pivots += kLanesAtOnce) {
      const __mmask16 passed = _mm512_cmp_ps_mask(_mm512_load_ps(pivots), x, _CMP_LE_OQ);
      count = _mm512_mask_add_epi32(count, passed, count, _mm512_set1_epi32(1));
    }
    const __m512i in_blocks = _mm512_slli_epi32(count, 4);  // kCutsOfBlock of them each
    _mm512_store_si512(blocks.at + first, _mm512_add_epi32(_mm512_load_si512(ranks.first_cut + first), in_blocks));
    _mm_store_si128(reinterpret_cast<__m128i*>(blocks.before + first),
                    _mm512_cvtepi32_epi8(_mm512_add_epi32(in_blocks, count)));
  }
}

TT_ALWAYS_INLINE std::uint64_t count_in_block(const RankTables& ranks, const float* values, const Blocks& blocks,
                                              std::uint32_t lane) noexcept {
  const __m512 cuts = _mm512_load_ps(ranks.blocks + blocks.at[lane]);
  const __mmask16 passed = _mm512_cmp_ps_mask(cuts, _mm512_set1_ps(values[lane]), _CMP_LE_OQ);
  return static_cast<std::uint64_t>(static_cast<unsigned>(__builtin_popcount(passed)));
}

TT_ALWAYS_INLINE void rank_row(const RankTables& ranks, const float* features, Row& row) noexcept {
  alignas(64) float picked[kMaskLanes * kMaskTilesMax];
  const float* values = features;
  if (ranks.feature_of != nullptr) {
    for (std::uint32_t lane = 0; lane < ranks.lanes; ++lane) picked[lane] = features[ranks.feature_of[lane]];
    values = picked;
  }
  constexpr std::uint32_t kPacked = 8;  // counts a store: the registers' loads wait for every one of them
  Blocks blocks;
  find_blocks(ranks, values, blocks);
  alignas(64) std::uint64_t counts[kMaskLanes * kMaskTilesMax / kPacked];
  const std::uint32_t whole = ranks.lanes / kPacked * kPacked;
  for (std::uint32_t lane = 0; lane < whole; lane += kPacked) {
    std::uint64_t packed = 0;
#pragma GCC unroll 8
    for (std::uint32_t i = 0; i < kPacked; ++i) packed |= count_in_block(ranks, values, blocks, lane + i) << (8 * i);
    counts[lane / kPacked] = packed;
  }
  if (whole < ranks.lanes) {
    std::uint64_t packed = 0;
    for (std::uint32_t lane = whole; lane < ranks.lanes; ++lane) {
      packed |= count_in_block(ranks, values, blocks, lane) << (8 * (lane - whole));
    }
    counts[whole / kPacked] = packed;
  }
  row.any_missing = false;
  for (std::uint32_t tile = 0; tile < ranks.tiles; ++tile) {
    const __m512i before = _mm512_load_si512(blocks.before + tile * kMaskLanes);
    row.left[tile] = _mm512_add_epi8(before, _mm512_load_si512(counts + tile * kMaskLanes / kPacked));
    row.right[tile] = _mm512_or_si512(row.left[tile], _mm512_movm_epi8(blocks.missing[tile]));
    row.any_missing |= blocks.missing[tile] != 0;
  }
}

// The decisions of `count` trees in one tile, one word of each; further tiles add theirs.
template <bool Missing, bool First>
TT_ALWAYS_INLINE void make_masks(const unsigned char* records, std::uint32_t count, __m512i left, __m512i right,
                                 std::uint64_t* masks) noexcept {
  for (std::uint32_t tree = 0; tree < count; ++tree) {
    const __m512i lanes = _mm512_load_si512(records + std::size_t{tree} * kRecordBytes);
    const __m512i cuts = _mm512_load_si512(records + std::size_t{tree} * kRecordBytes + kRecordBytes / 2);
    const __m512i ranks = Missing ? _mm512_permutex2var_epi8(left, lanes, right) : _mm512_permutexvar_epi8(lanes, left);
    const __mmask64 mask = _mm512_cmpgt_epu8_mask(ranks, cuts);
    masks[tree] = First ? mask : masks[tree] | mask;
  }
}

template <bool Missing>
TT_ALWAYS_INLINE void make_chunk(const MaskTrees& trees, const Row& row, std::uint32_t first, std::uint32_t count,
                                 std::uint64_t* masks) noexcept {
  for (std::uint32_t word = 0; word < trees.words; ++word) {
    for (std::uint32_t tile = 0; tile < trees.ranks.tiles; ++tile) {
      const unsigned char* records =
          trees.records + (std::size_t{tile * trees.words + word} * trees.trees + first) * kRecordBytes;
      if (tile == 0) {
        make_masks<Missing, true>(records, count, row.left[tile], row.right[tile], masks + word * kChunk);
      } else {
        make_masks<Missing, false>(records, count, row.left[tile], row.right[tile], masks + word * kChunk);
      }
    }
  }
}

// One level down: 2 at, plus the bit.
TT_ALWAYS_INLINE __m512i step(__m512i at, __m512i bits) noexcept {
  return _mm512_ternarylogic_epi64(_mm512_add_epi64(at, at), bits, _mm512_set1_epi64(1), 0xf8);  // a | (b & c)
}

TT_ALWAYS_INLINE __m512i bits_of(const std::uint64_t* word, __m512i at, int below) noexcept {
  // A shift by 64 or more, also by a "negative" count, gives 0: only the word that holds the node has a say.
  return _mm512_srlv_epi64(_mm512_load_si512(word), _mm512_sub_epi64(at, _mm512_set1_epi64(below)));
}

template <unsigned Depth, class Sum>
TT_ALWAYS_INLINE Sum add_chunk(const std::uint64_t* masks, std::uint32_t count, const Sum* leaves, Sum sum) noexcept {
  constexpr long long kLeaves = 1LL << Depth;
  const __m512i leaves_before =
      _mm512_set_epi64(6 * kLeaves, 5 * kLeaves, 4 * kLeaves, 3 * kLeaves, 2 * kLeaves, kLeaves, 0, -kLeaves);
  for (std::uint32_t tree = 0; tree < count; tree += kTreesAtOnce) {
    const __m512i word = _mm512_load_si512(masks + tree);
    __m512i at = _mm512_set1_epi64(1);
    for (unsigned level = 0; level < (Depth < 6 ? Depth : 6); ++level) at = step(at, _mm512_srlv_epi64(word, at));
    if constexpr (Depth > 6) at = step(at, bits_of(masks + kChunk + tree, at, 64));
    if constexpr (Depth > 7) {
      at = step(at, _mm512_or_si512(bits_of(masks + 2 * kChunk + tree, at, 128),
                                    bits_of(masks + 3 * kChunk + tree, at, 192)));
    }
    alignas(64) std::uint64_t reached[kTreesAtOnce];
    _mm512_store_si512(reached, _mm512_add_epi64(at, leaves_before));
    for (const std::uint64_t leaf : reached) sum += leaves[leaf];
    leaves += kTreesAtOnce * kLeaves;
  }
  return sum;
}

template <unsigned Depth, bool Missing, class Sum>
Sum walk(const MaskTrees& trees, const Row& row, Sum sum) noexcept {
  alignas(64) std::uint64_t masks[2][kMaskWordsMax * kChunk];
  const auto size_of_chunk = [&](std::uint32_t first) {
    const std::uint32_t left = trees.trees > first ? trees.trees - first : 0;
    return left < kChunk ? left : kChunk;
  };
  const Sum* leaves = static_cast<const Sum*>(trees.leaves);
  std::uint32_t now = 0;
  make_chunk<Missing>(trees, row, 0, size_of_chunk(0), masks[now]);
  for (std::uint32_t first = 0; first < trees.trees; first += kChunk) {
    make_chunk<Missing>(trees, row, first + kChunk, size_of_chunk(first + kChunk), masks[now ^ 1U]);
    sum = add_chunk<Depth>(masks[now], size_of_chunk(first), leaves + (std::size_t{first} << Depth), sum);
    now ^= 1U;
  }
  return sum;
}

template <unsigned Depth, class Sum>
TT_ALWAYS_INLINE Sum walk(const MaskTrees& trees, const Row& row, Sum sum) noexcept {
  return row.any_missing ? walk<Depth, true>(trees, row, sum) : walk<Depth, false>(trees, row, sum);
}

template <class Sum>
TT_ALWAYS_INLINE Sum mask_sum(const MaskTrees& trees, const float* features, Sum sum) noexcept {
  Row row;
  rank_row(trees.ranks, features, row);
  switch (trees.depth) {
    case 1: return walk<1>(trees, row, sum);
    case 2: return walk<2>(trees, row, sum);
    case 3: return walk<3>(trees, row, sum);
    case 4: return walk<4>(trees, row, sum);
    case 5: return walk<5>(trees, row, sum);
    case 6: return walk<6>(trees, row, sum);
    case 7: return walk<7>(trees, row, sum);
    default: return walk<8>(trees, row, sum);
  }
}

// --- pieces ----------------------------------------------------------------------------------------------------------

// Where each tree stands: the byte where its piece begins. Once it has reached a leaf `at` is negative, its low bits say
// which, and `piece` is that of any piece.
struct Places {
  alignas(64) std::int32_t piece[kPieceTreesMax];
  alignas(64) std::int32_t at[kPieceTreesMax];
};

// The pieces of 16 trees, by fours: lanes and cut indices of their nodes, and their exits, 16 bits each.
struct Pieces {
  __m512i lanes[4];
  __m512i cuts[4];
  __m512i exits[4][2];
};

TT_ALWAYS_INLINE __m512i join(const unsigned char* low, const unsigned char* high) noexcept {
  return _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_load_si256(reinterpret_cast<const __m256i*>(low))),
                            _mm256_load_si256(reinterpret_cast<const __m256i*>(high)), 1);
}

TT_ALWAYS_INLINE Pieces load_tops(const unsigned char* tops) noexcept {
  Pieces out;
#pragma GCC unroll 4
  for (int four = 0; four < 4; ++four, tops += 4 * kPieceBytes) {
    out.lanes[four] = _mm512_load_si512(tops);
    out.cuts[four] = _mm512_load_si512(tops + 64);
    out.exits[four][0] = _mm512_load_si512(tops + 128);
    out.exits[four][1] = _mm512_load_si512(tops + 192);
  }
  return out;
}

TT_ALWAYS_INLINE Pieces load_pieces(const unsigned char* pieces, const std::int32_t* begins) noexcept {
  Pieces out;
#pragma GCC unroll 4
  for (int four = 0; four < 4; ++four, begins += 4) {
    const unsigned char* const piece[4] = {pieces + begins[0], pieces + begins[1], pieces + begins[2],
                                           pieces + begins[3]};
    const __m512i two = join(piece[0], piece[1]);
    const __m512i more = join(piece[2], piece[3]);
    out.lanes[four] = _mm512_shuffle_i64x2(two, more, 0x88);
    out.cuts[four] = _mm512_shuffle_i64x2(two, more, 0xdd);
    out.exits[four][0] = join(piece[0] + kPieceBytes / 2, piece[1] + kPieceBytes / 2);
    out.exits[four][1] = join(piece[2] + kPieceBytes / 2, piece[3] + kPieceBytes / 2);
  }
  return out;
}

// What the exits that the row takes say, a tree a lane.
template <bool Missing>
TT_ALWAYS_INLINE __m512i take_exits(const Row& row, const Pieces& pieces) noexcept {
  long long decisions[4];  // of four pieces, 16 bits each
#pragma GCC unroll 4
  for (int four = 0; four < 4; ++four) {
    const __m512i ranks = Missing ? _mm512_permutex2var_epi8(row.left[0], pieces.lanes[four], row.right[0])
                                  : _mm512_permutexvar_epi8(pieces.lanes[four], row.left[0]);
    decisions[four] = static_cast<long long>(_cvtmask64_u64(_mm512_cmpgt_epu8_mask(ranks, pieces.cuts[four])));
  }
  const __m512i bits = _mm512_cvtepu16_epi32(_mm256_set_epi64x(decisions[3], decisions[2], decisions[1], decisions[0]));
  const __m512i one = _mm512_set1_epi32(1);
  __m512i at = one;
  for (std::uint32_t level = 0; level < kPieceDepth; ++level) {
    at = _mm512_ternarylogic_epi32(_mm512_add_epi32(at, at), _mm512_srlv_epi32(bits, at), one, 0xf8);  // a | (b & c)
  }
  // Of four pieces' exits the one of each, in the lanes of those pieces: `at` counts from kPieceExits.
  constexpr int kExits = static_cast<int>(kPieceExits);
  const __m512i before = _mm512_broadcast_i32x4(_mm_set_epi32(2 * kExits, kExits, 0, -kExits));
  const __m512i from = _mm512_add_epi32(at, before);
  const auto exit = [&](int four, unsigned lanes) {
    return _mm512_maskz_permutex2var_epi16(lanes, pieces.exits[four][0], from, pieces.exits[four][1]);
  };
  return _mm512_or_si512(_mm512_or_si512(exit(0, 0x55), exit(1, 0x5500)),
                         _mm512_or_si512(exit(2, 0x550000), exit(3, 0x55000000)));
}

// Where those exits lead; trees that have reached a leaf stay there.
TT_ALWAYS_INLINE void follow(const PieceTrees& trees, std::uint32_t first, __m512i exits, __m512i before,
                             __mmask16 active, Places& places) noexcept {
  const __mmask16 leaf = _mm512_test_epi32_mask(exits, _mm512_set1_epi32(static_cast<int>(kLeafExit)));
  const __m512i piece =
      _mm512_slli_epi32(_mm512_add_epi32(_mm512_load_si512(trees.first_piece + first), exits), 6);  // kPieceBytes
  const __m512i reached = _mm512_or_si512(exits, _mm512_set1_epi32(INT32_MIN));
  const __m512i at = _mm512_mask_mov_epi32(before, active, _mm512_mask_mov_epi32(piece, leaf, reached));
  _mm512_store_si512(places.at + first, at);
  _mm512_store_si512(places.piece + first, _mm512_max_epi32(at, _mm512_setzero_si512()));
}

// False where all 16 trees had reached a leaf before.
template <bool Missing>
TT_ALWAYS_INLINE bool leave_pieces(const PieceTrees& trees, const Row& row, std::uint32_t first,
                                   Places& places) noexcept {
  const __m512i at = _mm512_load_si512(places.at + first);
  const __mmask16 active = _mm512_cmpge_epi32_mask(at, _mm512_setzero_si512());
  if (active == 0) return false;
  follow(trees, first, take_exits<Missing>(row, load_pieces(trees.pieces, places.piece + first)), at, active, places);
  return true;
}

template <class Sum>
TT_ALWAYS_INLINE Sum add_leaves(const PieceTrees& trees, const Places& places, std::uint32_t first, Sum sum) noexcept {
  const Sum* const leaves = static_cast<const Sum*>(trees.leaves);
  for (std::uint32_t tree = first; tree < first + kPieceTreesAtOnce; ++tree) {
    sum += leaves[trees.first_leaf[tree] + (static_cast<std::uint32_t>(places.at[tree]) & (kLeafExit - 1))];
  }
  return sum;
}

template <bool Missing, class Sum>
Sum walk_pieces(const PieceTrees& trees, const Row& row, Sum sum) noexcept {
  // Two levels over all trees: what some wait for, others' work hides. The rest, which fewer trees have, 16 trees at a time,
  // and the adding of leaves meanwhile, each of which waits for the one before.
  Places places;
  for (std::uint32_t first = 0; first < trees.trees; first += kPieceTreesAtOnce) {
    const Pieces tops = load_tops(trees.tops + std::size_t{first} * kPieceBytes);
    follow(trees, first, take_exits<Missing>(row, tops), _mm512_setzero_si512(), 0xffff, places);
  }
  for (std::uint32_t first = 0; first < trees.trees; first += kPieceTreesAtOnce) {
    leave_pieces<Missing>(trees, row, first, places);
  }
  for (std::uint32_t first = 0; first < trees.trees; first += kPieceTreesAtOnce) {
    while (leave_pieces<Missing>(trees, row, first, places)) {
    }
    if (first != 0) sum = add_leaves(trees, places, first - kPieceTreesAtOnce, sum);
  }
  return trees.trees == 0 ? sum : add_leaves(trees, places, trees.trees - kPieceTreesAtOnce, sum);
}

template <class Sum>
TT_ALWAYS_INLINE Sum piece_sum(const PieceTrees& trees, const float* features, Sum sum) noexcept {
  Row row;
  rank_row(trees.ranks, features, row);
  return row.any_missing ? walk_pieces<true>(trees, row, sum) : walk_pieces<false>(trees, row, sum);
}

}  // namespace

float piece_sum_avx512(const PieceTrees& trees, const float* features, float sum) noexcept {
  return piece_sum(trees, features, sum);
}
double piece_sum_avx512(const PieceTrees& trees, const float* features, double sum) noexcept {
  return piece_sum(trees, features, sum);
}

float mask_sum_avx512(const MaskTrees& trees, const float* features, float sum) noexcept {
  return mask_sum(trees, features, sum);
}
double mask_sum_avx512(const MaskTrees& trees, const float* features, double sum) noexcept {
  return mask_sum(trees, features, sum);
}

}  // namespace thintail
