// SPDX-License-Identifier: Apache-2.0
// PieceForest: trees cut into pieces, and these laid out.
#include "ml/models/piece_forest.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace thintail {

template <class Sum>
std::optional<PieceForest<Sum>> PieceForest<Sum>::create(const DecisionTrees& trees,
                                                         std::span<const std::uint32_t> roots) {
  if (roots.size() > kPieceTreesMax) return std::nullopt;
  RankLanes lanes(trees, roots);
  if (lanes.size() > kMaskLanes) return std::nullopt;
  PieceForest out(std::move(lanes));
  for (const std::uint32_t root : roots) {
    if (!out.add_tree(trees, root)) return std::nullopt;
  }
  out.add_fillers();
  out.lay_out();
  return out;
}

// Breadth first: the pieces near the top, which every row visits, lie together.
template <class Sum>
bool PieceForest<Sum>::add_tree(const DecisionTrees& trees, std::uint32_t root) {
  struct Visit {
    std::uint32_t node;
    std::uint32_t number;  // in the piece's heap
    std::uint32_t depth;
  };
  const std::size_t first_leaf = leaf_.size();
  std::vector<std::uint32_t> queue = {root};  // of pieces, each by its first node
  std::vector<Visit> stack;
  for (std::size_t next = 0; next < queue.size(); ++next) {
    Piece piece{};
    std::ranges::fill(piece.cuts, kNeverRight);
    stack = {{queue[next], 1, 0}};
    while (!stack.empty()) {
      const Visit visit = stack.back();
      stack.pop_back();
      const DecisionTrees::Node& node = trees.nodes[visit.node];
      // What ends above the last level is left by going left from there on.
      std::uint16_t& exit = piece.exits[(visit.number << (kPieceDepth - visit.depth)) - kPieceExits];
      if (node.is_leaf()) {
        const std::size_t leaf = leaf_.size() - first_leaf;
        if (leaf >= kLeafExit) return false;
        leaf_.push_back(static_cast<Sum>(node.value));
        exit = static_cast<std::uint16_t>(kLeafExit | leaf);
      } else if (visit.depth == kPieceDepth) {
        if (queue.size() >= kLeafExit || cut_.size() + queue.size() >= kPiecesMax) return false;
        exit = static_cast<std::uint16_t>(queue.size());
        queue.push_back(visit.node);
      } else {
        const RankLanes::Place place = lanes_.place_of(node);
        piece.lanes[visit.number] = RankLanes::lane_byte(place, node);
        piece.cuts[visit.number] = place.cut;
        stack.push_back({node.right, 2 * visit.number + 1, visit.depth + 1});
        stack.push_back({node.left, 2 * visit.number, visit.depth + 1});
      }
    }
    cut_.push_back(piece);
  }
  first_of_tree_.push_back(static_cast<std::uint32_t>(cut_.size() - queue.size()));
  first_leaf_of_tree_.push_back(static_cast<std::uint32_t>(first_leaf));
  return true;
}

// Trees of one leaf: adding -0 changes no sum, not even one of -0, whose sign adding +0 would lose.
template <class Sum>
void PieceForest<Sum>::add_fillers() {
  const DecisionTrees::Node leaf{.value = -0.0F};
  DecisionTrees filler;
  filler.nodes = {leaf};
  while (first_of_tree_.size() % kPieceTreesAtOnce != 0) add_tree(filler, 0);
}

template <class Sum>
void PieceForest<Sum>::lay_out() {
  const std::size_t trees = first_of_tree_.size();
  pieces_ = AlignedArray<unsigned char>(cut_.size() * kPieceBytes, 0);
  leaves_ = AlignedArray<Sum>(leaf_.size(), Sum{0});
  tops_ = AlignedArray<unsigned char>(trees * kPieceBytes, 0);
  first_piece_ = AlignedArray<std::int32_t>(trees, 0);
  first_leaf_ = AlignedArray<std::uint32_t>(trees, 0);
  for (std::size_t i = 0; i < cut_.size(); ++i) std::memcpy(&pieces_[i * kPieceBytes], &cut_[i], kPieceBytes);
  for (std::size_t i = 0; i < leaf_.size(); ++i) leaves_[i] = leaf_[i];
  for (std::size_t tree = 0; tree < trees; ++tree) {
    const Piece& top = cut_[first_of_tree_[tree]];
    unsigned char* const four = &tops_[tree / 4 * 4 * kPieceBytes];
    std::memcpy(four + tree % 4 * kPieceExits, top.lanes, kPieceExits);
    std::memcpy(four + 64 + tree % 4 * kPieceExits, top.cuts, kPieceExits);
    std::memcpy(four + 128 + tree % 4 * 2 * kPieceExits, top.exits, 2 * kPieceExits);
    first_piece_[tree] = static_cast<std::int32_t>(first_of_tree_[tree]);
    first_leaf_[tree] = first_leaf_of_tree_[tree];
  }
  view_ = {.ranks = lanes_.tables(),
           .tops = tops_.data(),
           .pieces = pieces_.data(),
           .first_piece = first_piece_.data(),
           .first_leaf = first_leaf_.data(),
           .leaves = leaves_.data(),
           .trees = static_cast<std::uint32_t>(trees)};
  for (auto* list : {&first_of_tree_, &first_leaf_of_tree_}) *list = {};
  cut_ = {};
  leaf_ = {};
}

template class PieceForest<float>;
template class PieceForest<double>;

}  // namespace thintail
