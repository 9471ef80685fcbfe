// SPDX-License-Identifier: Apache-2.0
// synthetic_lightgbm: a model as LightGBM writes and grows it, leaf by leaf, since the library itself is not packaged.
//   path  cold
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace thintail::bench {

// Trees whose most promising leaf is split next, its gain a share of its parent's: some branches grow far deeper than
// others. Thresholds lie at the quantiles of a normal feature that 255 bins have.
inline std::string synthetic_lightgbm(std::size_t trees, std::size_t leaves, std::size_t features, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> share(0.2, 0.9);
  std::normal_distribution<double> normal;
  std::vector<double> cuts(254 * features);
  for (double& cut : cuts) cut = normal(random);
  std::string text = fmt::format(
      "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx={}\nobjective="
      "regression\n\n",
      features - 1);
  struct Leaf {
    double gain;
    int* link;  // where its parent names it
  };
  for (std::size_t tree = 0; tree < trees; ++tree) {
    std::vector<int> left(leaves - 1);
    std::vector<int> right(leaves - 1);
    std::string feature, threshold, values, decisions;
    int root = -1;
    std::vector<Leaf> open = {{1.0, &root}};
    for (std::size_t node = 0; node + 1 < leaves; ++node) {
      const auto best = std::ranges::max_element(open, {}, &Leaf::gain);
      const std::size_t at = static_cast<std::size_t>(best - open.begin());
      const int kept = *best->link;  // the new node's left end keeps its leaf, as in the library
      const double gain = best->gain;
      *best->link = static_cast<int>(node);
      left[node] = kept;
      right[node] = ~static_cast<int>(node + 1);
      open[at] = {gain * share(random), &left[node]};
      open.push_back({gain * share(random), &right[node]});
      const std::size_t asked = random() % features;
      feature += fmt::format("{} ", asked);
      threshold += fmt::format("{:.17g} ", cuts[asked * 254 + random() % 254]);
      decisions += random() % 2 == 0 ? "8 " : "10 ";
    }
    for (std::size_t leaf = 0; leaf < leaves; ++leaf) values += fmt::format("{:.17g} ", 0.01 * normal(random));
    std::string lefts, rights;
    for (const int child : left) lefts += fmt::format("{} ", child);
    for (const int child : right) rights += fmt::format("{} ", child);
    text += fmt::format(
        "Tree={}\nnum_leaves={}\nnum_cat=0\nsplit_feature={}\nthreshold={}\ndecision_type={}\nleft_child={}\n"
        "right_child={}\nleaf_value={}\nis_linear=0\nshrinkage=0.1\n\n\n",
        tree, leaves, feature, threshold, decisions, lefts, rights, values);
  }
  return text + "end of trees\n";
}

}  // namespace thintail::bench
