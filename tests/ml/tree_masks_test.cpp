// SPDX-License-Identifier: Apache-2.0
// MaskForest and PieceForest on every instruction set and TreeKernel against a plain walk of DecisionTrees that asks for
// NaN by name, bit for bit; and that the control notices each way in which a kernel could be wrong.
#include "ml/models/mask_forest.hpp"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <filesystem>
#include <limits>
#include <random>
#include <string>

#include "ml/models/piece_forest.hpp"
#include "ml/models/tree_kernel.hpp"
#include "tests/support/data.hpp"
#include "tests/support/weak_symbols.hpp"

namespace thintail {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kSmallest = std::numeric_limits<float>::denorm_min();
constexpr std::array kIsas = {Isa::scalar, Isa::avx2, Isa::avx512};

struct Shape {
  std::uint32_t trees = 20;
  std::uint32_t depth = 6;
  std::uint32_t features = 8;
  std::uint32_t cuts = 40;  // of a feature, at most
  std::uint64_t seed = 1;
};

// Cuts of all kinds: an even grid around 0, denormals, both zeros, the ends of the range.
float any_cut(std::mt19937_64& random, std::uint32_t cuts) {
  switch (random() % 12) {
    case 0: return 0.0F;
    case 1: return -0.0F;
    case 2: return kSmallest * static_cast<float>(static_cast<int>(random() % 7) - 3);
    case 3: return random() % 2 == 0 ? std::numeric_limits<float>::max() : std::numeric_limits<float>::lowest();
    case 4: return kInfinity;
    default: return (static_cast<float>(random() % cuts) - static_cast<float>(cuts / 2)) * 0.37F;
  }
}

DecisionTrees make_trees(const Shape& shape) {
  std::mt19937_64 random(shape.seed);
  DecisionTrees out;
  out.base_margins = {0.3F};
  out.feature_count = shape.features;
  const auto grow = [&](auto& self, std::uint32_t depth) -> std::uint32_t {
    const auto at = static_cast<std::uint32_t>(out.nodes.size());
    out.nodes.push_back({.value = static_cast<float>(static_cast<int>(random() % 2001) - 1000) * 1.1e-3F});
    out.depth_max = std::max(out.depth_max, depth);
    if (depth == shape.depth || (depth > 0 && random() % 8 == 0)) return at;
    DecisionTrees::Node node{.value = any_cut(random, shape.cuts)};
    node.feature = static_cast<std::uint32_t>(random() % shape.features);
    node.default_left = random() % 2 == 0;
    node.left = self(self, depth + 1);
    node.right = self(self, depth + 1);
    out.nodes[at] = node;
    return at;
  };
  for (std::uint32_t tree = 0; tree < shape.trees; ++tree) {
    out.roots.push_back(grow(grow, 0));
    out.groups.push_back(0);
  }
  return out;
}

// Trees whose leaves are split one by one, a late one more often than an early one: some branches go far deeper than others.
DecisionTrees make_uneven(std::uint32_t count, std::uint32_t leaves, std::uint64_t seed, std::uint32_t features = 8) {
  std::mt19937_64 random(seed);
  DecisionTrees out;
  out.base_margins = {0.3F};
  out.feature_count = features;
  struct Open {
    std::uint32_t node;
    std::uint32_t depth;
  };
  const auto leaf = [&] {
    out.nodes.push_back({.value = static_cast<float>(static_cast<int>(random() % 2001) - 1000) * 1.1e-3F});
    return static_cast<std::uint32_t>(out.nodes.size()) - 1;
  };
  for (std::uint32_t tree = 0; tree < count; ++tree) {
    std::vector<Open> open = {{leaf(), 0}};
    out.roots.push_back(open.front().node);
    out.groups.push_back(0);
    while (open.size() < leaves) {
      const std::size_t from = random() % open.size();
      const std::size_t at = from + random() % (open.size() - from);
      const Open split = open[at];
      DecisionTrees::Node node{.value = any_cut(random, 40)};
      node.feature = static_cast<std::uint32_t>(random() % features);
      node.default_left = random() % 2 == 0;
      node.left = leaf();
      node.right = leaf();
      out.nodes[split.node] = node;
      open[at] = {node.left, split.depth + 1};
      open.push_back({node.right, split.depth + 1});
      out.depth_max = std::max(out.depth_max, split.depth + 1);
    }
  }
  return out;
}

// Values near cuts (exactly at them, next to them), missing ones, infinities, zeros, denormals.
std::vector<float> make_row(const DecisionTrees& trees, std::mt19937_64& random) {
  std::vector<float> row(trees.feature_count);
  for (float& value : row) {
    const float near =
        trees.nodes.empty() ? 1.0F : static_cast<float>(trees.nodes[random() % trees.nodes.size()].value);
    switch (random() % 10) {
      case 0: value = std::numeric_limits<float>::quiet_NaN(); break;
      case 1: value = random() % 2 == 0 ? kInfinity : -kInfinity; break;
      case 2: value = random() % 2 == 0 ? 0.0F : -0.0F; break;
      case 3: value = kSmallest * static_cast<float>(static_cast<int>(random() % 9) - 4); break;
      case 4: value = std::nextafter(near, kInfinity); break;
      case 5: value = std::nextafter(near, -kInfinity); break;
      case 6: value = (static_cast<float>(random() % 1'000) - 500.0F) * 0.05F; break;
      default: value = near;
    }
  }
  return row;
}

enum class Mutant { none, less_or_equal, default_flipped, reversed };

template <class Sum>
Sum plain_sum(const DecisionTrees& trees, const std::vector<float>& row, Sum sum, Mutant mutant = Mutant::none) {
  for (std::size_t tree = 0; tree < trees.roots.size(); ++tree) {
    const std::size_t from = mutant == Mutant::reversed ? trees.roots.size() - 1 - tree : tree;
    const DecisionTrees::Node* node = &trees.nodes[trees.roots[from]];
    while (!node->is_leaf()) {
      const float x = row[node->feature];
      bool left = static_cast<double>(x) < node->value;
      if (mutant == Mutant::less_or_equal) left = static_cast<double>(x) <= node->value;
      if (std::isnan(x)) left = node->default_left != (mutant == Mutant::default_flipped);
      node = &trees.nodes[left ? node->left : node->right];
    }
    sum += static_cast<Sum>(node->value);
  }
  return sum;
}

template <class Sum>
auto bits(Sum value) {
  if constexpr (sizeof(Sum) == 4) {
    return std::bit_cast<std::uint32_t>(value);
  } else {
    return std::bit_cast<std::uint64_t>(value);
  }
}

// Rows on which any kernel that this CPU has differs from the (perhaps mutant) control.
template <class Sum>
int differences(const DecisionTrees& trees, int rows, Mutant mutant = Mutant::none) {
  const auto forest = MaskForest<Sum>::create(trees, trees.roots);
  const auto pieces = PieceForest<Sum>::create(trees, trees.roots);
  const TreeKernel<Sum> walks(trees, trees.roots);
  std::mt19937_64 random(77);
  int differing = 0;
  for (int i = 0; i < rows; ++i) {
    std::vector<float> row = make_row(trees, random);
    if (i % 4 == 0) {  // the kernels have a way of their own for rows without a missing value
      for (float& value : row) value = std::isnan(value) ? 1.5F : value;
    }
    const auto expected = bits(plain_sum<Sum>(trees, row, Sum{0.3F}, mutant));
    bool differs = bits(walks.sum(row.data(), Sum{0.3F})) != expected;
    for (const Isa isa : kIsas) {
      if (!MaskForest<Sum>::kernel_available(isa)) continue;
      differs |= forest && bits(forest->sum(isa, row.data(), Sum{0.3F})) != expected;
      differs |= pieces && bits(pieces->sum(isa, row.data(), Sum{0.3F})) != expected;
    }
    differing += differs ? 1 : 0;
  }
  return differing;
}

bool fits(const DecisionTrees& trees) { return MaskForest<float>::create(trees, trees.roots).has_value(); }
bool fits_pieces(const DecisionTrees& trees) { return PieceForest<float>::create(trees, trees.roots).has_value(); }

TEST(TreeMasks, equal_a_plain_walk_at_every_depth_that_they_take) {
  for (std::uint32_t depth = 0; depth <= kMaskDepthMax; ++depth) {
    const DecisionTrees trees = make_trees({.trees = 21, .depth = depth, .seed = depth});
    EXPECT_TRUE(fits(trees));
    EXPECT_EQ(differences<float>(trees, 2'000), 0) << "depth " << depth;
    EXPECT_EQ(differences<double>(trees, 500), 0) << "depth " << depth;
  }
}

TEST(TreeMasks, equal_a_plain_walk_for_every_count_of_trees) {
  for (std::uint32_t count = 0; count <= 40; ++count) {
    EXPECT_EQ(differences<float>(make_trees({.trees = count, .depth = 3}), 200), 0) << count << " trees";
  }
  for (const std::uint32_t count : {127U, 128U, 129U, 300U}) {
    EXPECT_EQ(differences<float>(make_trees({.trees = count, .depth = 6}), 200), 0) << count << " trees";
    EXPECT_EQ(differences<float>(make_trees({.trees = count, .depth = 8}), 100), 0) << count << " trees";
  }
}

TEST(TreeMasks, equal_a_plain_walk_on_random_models_and_rows) {
  std::mt19937_64 random(5);
  const int models = test::is_long_run() ? 2'000 : 100;
  for (int i = 0; i < models; ++i) {
    const Shape shape = {.trees = 1 + static_cast<std::uint32_t>(random() % 60),
                         .depth = static_cast<std::uint32_t>(random() % 8),
                         .features = 1 + static_cast<std::uint32_t>(random() % 140),
                         .cuts = 1 + static_cast<std::uint32_t>(random() % 300),
                         .seed = random()};
    EXPECT_EQ(differences<float>(make_trees(shape), 1'000), 0) << "seed " << shape.seed;
  }
}

TEST(TreeMasks, take_exactly_255_cuts_of_a_feature_in_one_lane_and_more_in_several) {
  for (const std::uint32_t cuts : {15U, 16U, 17U, 18U, 254U, 255U, 256U, 257U, 600U, 5'000U}) {
    DecisionTrees trees = make_trees({.trees = cuts, .depth = 1, .features = 1});
    for (std::uint32_t tree = 0; tree < cuts; ++tree) {
      trees.nodes[trees.roots[tree]].value = static_cast<float>(tree);
    }
    EXPECT_TRUE(fits(trees)) << cuts;
    EXPECT_EQ(differences<float>(trees, 1'000), 0) << cuts;
  }
}

TEST(TreeMasks, take_up_to_128_lanes_and_leave_more_to_the_walk) {
  for (const std::uint32_t features : {63U, 64U, 65U, 127U, 128U, 129U, 1'000U}) {
    const DecisionTrees trees = make_trees({.trees = 60, .depth = 6, .features = features});
    EXPECT_EQ(fits(trees), features <= 128) << features;
    EXPECT_EQ(differences<float>(trees, 300), 0) << features;
  }
}

TEST(TreeMasks, use_no_lane_for_features_that_no_tree_asks_about) {
  DecisionTrees trees = make_trees({.trees = 30, .depth = 4, .features = 1'000});
  for (DecisionTrees::Node& node : trees.nodes) node.feature = node.feature % 50 * 20;
  EXPECT_TRUE(fits(trees));
  EXPECT_EQ(differences<float>(trees, 500), 0);
}

TEST(TreeMasks, leave_deeper_trees_to_the_walk) {
  const DecisionTrees trees = make_trees({.trees = 10, .depth = 9});
  EXPECT_FALSE(fits(trees));
  EXPECT_EQ(differences<float>(trees, 500), 0);
  EXPECT_EQ(differences<double>(trees, 500), 0);
}

TEST(TreeMasks, pieces_equal_a_plain_walk_of_uneven_trees_of_every_size) {
  std::uint32_t deepest = 0;
  for (const std::uint32_t leaves : {1U, 2U, 3U, 8U, 15U, 16U, 17U, 31U, 64U, 255U, 1'000U}) {
    const DecisionTrees trees = make_uneven(19, leaves, leaves);
    EXPECT_TRUE(fits_pieces(trees));
    EXPECT_EQ(differences<float>(trees, 1'000), 0) << leaves << " leaves";
    EXPECT_EQ(differences<double>(trees, 300), 0) << leaves << " leaves";
    deepest = std::max(deepest, trees.depth_max);
  }
  EXPECT_GT(deepest, 4 * kPieceDepth);
  for (std::uint32_t count = 0; count <= 34; ++count) {
    EXPECT_EQ(differences<float>(make_uneven(count, 40, count), 100), 0) << count << " trees";
  }
}

TEST(TreeMasks, pieces_equal_a_plain_walk_on_random_models_and_rows) {
  std::mt19937_64 random(6);
  for (int i = 0; i < (test::is_long_run() ? 1'000 : 60); ++i) {
    const auto count = 1 + static_cast<std::uint32_t>(random() % 60);
    const auto leaves = 1 + static_cast<std::uint32_t>(random() % 300);
    const auto features = 1 + static_cast<std::uint32_t>(random() % 60);
    const std::uint64_t seed = random();
    EXPECT_EQ(differences<double>(make_uneven(count, leaves, seed, features), 300), 0) << "seed " << seed;
  }
}

// A chain of nodes, each piece of it four levels long.
TEST(TreeMasks, pieces_take_a_tree_that_is_one_long_branch) {
  DecisionTrees trees = make_uneven(1, 2, 1, 1);
  trees.nodes.clear();
  constexpr std::uint32_t kLevels = 200;
  for (std::uint32_t level = 0; level < kLevels; ++level) {
    const std::uint32_t at = 2 * level;
    DecisionTrees::Node node{.value = static_cast<float>(level)};
    node.left = at + 1;
    node.right = at + 2;
    trees.nodes.push_back(node);
    trees.nodes.push_back({.value = 100.0F + static_cast<float>(level)});
  }
  trees.nodes.push_back({.value = -1.0F});
  trees.depth_max = kLevels;
  EXPECT_TRUE(fits_pieces(trees));
  EXPECT_EQ(differences<float>(trees, 2'000), 0);
}

TEST(TreeMasks, pieces_leave_what_they_cannot_hold_to_the_walk) {
  EXPECT_TRUE(fits_pieces(make_uneven(10, 200, 1, 64)));
  EXPECT_FALSE(fits_pieces(make_uneven(40, 200, 1, 65)));  // lanes
  EXPECT_TRUE(fits_pieces(make_uneven(kPieceTreesMax, 2, 1)));
  EXPECT_FALSE(fits_pieces(make_uneven(kPieceTreesMax + 1, 2, 1)));
  EXPECT_TRUE(fits_pieces(make_uneven(1, kLeafExit, 1)));
  EXPECT_FALSE(fits_pieces(make_uneven(1, kLeafExit + 1, 1)));
}

TEST(TreeMasks, a_sum_of_negative_zeros_stays_negative_zero) {
  DecisionTrees trees = make_trees({.trees = 3, .depth = 0});
  for (DecisionTrees::Node& node : trees.nodes) node.value = -0.0F;
  const auto forest = MaskForest<float>::create(trees, trees.roots);
  const auto pieces = PieceForest<float>::create(trees, trees.roots);
  const std::vector<float> row(trees.feature_count, 1.0F);
  for (const Isa isa : kIsas) {
    if (!MaskForest<float>::kernel_available(isa)) continue;
    EXPECT_TRUE(std::signbit(pieces->sum(isa, row.data(), -0.0F)));
    EXPECT_TRUE(std::signbit(forest->sum(isa, row.data(), -0.0F)));
  }
}

TEST(TreeMasks, the_control_notices_mutant_kernels) {
  for (const std::uint32_t depth : {3U, 6U, 8U}) {
    const DecisionTrees trees = make_trees({.trees = 40, .depth = depth});
    EXPECT_EQ(differences<float>(trees, 500), 0);
    for (const Mutant mutant : {Mutant::less_or_equal, Mutant::default_flipped, Mutant::reversed}) {
      EXPECT_GT(differences<float>(trees, 500, mutant), 0) << static_cast<int>(mutant);
    }
  }
  const DecisionTrees uneven = make_uneven(40, 100, 3);
  for (const Mutant mutant : {Mutant::less_or_equal, Mutant::default_flipped, Mutant::reversed}) {
    EXPECT_GT(differences<float>(uneven, 500, mutant), 0) << static_cast<int>(mutant);
  }
}

TEST(TreeMasks, kernels_define_no_weak_symbol) {
  const std::filesystem::path objects = test::objects_of("ml/models");
  for (const char* isa : {"scalar", "avx512"}) {
    const auto weak = test::weak_symbols(objects / (std::string("mask_kernel_") + isa + ".cpp.o"));
    EXPECT_TRUE(weak.empty()) << isa << ": " << weak.size() << " weak, first " << weak.front();
  }
  EXPECT_FALSE(test::weak_symbols(objects / "mask_forest.cpp.o").empty());
  EXPECT_FALSE(test::weak_symbols(objects / "no_such_object.o").empty());
}

}  // namespace
}  // namespace thintail
