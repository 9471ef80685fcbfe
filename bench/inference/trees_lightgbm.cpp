// SPDX-License-Identifier: Apache-2.0
// trees_lightgbm_255_leaves: deep, uneven trees summed in float64, one row, another each time. Peers: TreeKernel, which
// follows 8 trees at a time link by link; and a plain walk, the control. Ours must equal both bit for bit; LightGBM itself is in
// no package of the platform.
#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "bench/harness/pinned.hpp"
#include "bench/harness/stopwatch.hpp"
#include "bench/inference/lightgbm_synthetic.hpp"
#include "bench/inference/suite.hpp"
#include "bench/inference/tree_rows.hpp"
#include "ml/models/tree_ensemble.hpp"

namespace thintail::bench {
namespace {

constexpr std::size_t kTrees = 100;
constexpr std::size_t kLeaves = 255;
constexpr std::size_t kFeatures = 64;
constexpr std::size_t kRows = 2'048;
constexpr int kRepetitions = 5;
constexpr const char* kLinked = "TreeKernel: follows 8 trees at once (--isa scalar)";
constexpr const char* kPlain = "plain walk, node by node";
constexpr const char* kLightgbm = "LightGBM SingleRowFast";

template <class Predict>
void run(const TreeRows& rows, const EngineClock& clock, std::vector<double>& sums, std::vector<double>& samples_ns,
         Predict&& predict) {
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const float* const row = rows.row(i);
    const std::uint64_t begin = stamp();
    const double sum = predict(row);
    const std::uint64_t end = stamp();
    sums[i] = sum;
    samples_ns.push_back(static_cast<double>(clock.to_ns(end - begin)));
  }
}

}  // namespace

Result<std::vector<CaseResult>> trees_lightgbm_255_leaves(const Options& options) {
  const Pinned pinned(allowed_cpus().back());
  TT_TRY(const EngineClock clock, EngineClock::calibrate());
  const std::string text = synthetic_lightgbm(kTrees, kLeaves, kFeatures, 7);
  TT_TRY(const DecisionTrees trees, read_lightgbm_text(text, "synthetic"));
  TT_TRY(const TreeEnsemble ensemble, TreeEnsemble::from_lightgbm_text(text, "synthetic", options.isa));
  TT_TRY(const TreeEnsemble linked_trees, TreeEnsemble::from_lightgbm_text(text, "synthetic", Isa::scalar));
  const TreeRows rows = make_tree_rows(options.iterations != 0 ? kProfiledRows : kRows, kFeatures, 50, 2);
  const std::size_t count = options.iterations_or(rows.count());
  std::vector<double> ours(count);
  std::vector<double> linked(count);
  std::vector<double> plain(count);
  std::vector<double> ours_ns = sample_room(count * kRepetitions);
  std::vector<double> linked_ns = ours_ns;
  std::vector<double> plain_ns = ours_ns;
  std::string linked_checked;
  std::string plain_checked;
  const auto checked = [&](const std::vector<double>& theirs) {
    std::uint64_t equal = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t own = std::bit_cast<std::uint64_t>(ours[i]) ^ (options.mutant ? 1U : 0U);
      equal += own == std::bit_cast<std::uint64_t>(theirs[i]);
    }
    return all_equal(equal, count, "margins");
  };
  for (int repetition = 0; repetition < options.repetitions(kRepetitions); ++repetition) {
    const auto sum_by = [](const TreeEnsemble& by) {
      return [&by](const float* row) {
        double sum = 0;
        by.margins(row, &sum);
        return sum;
      };
    };
    run(rows, clock, ours, ours_ns, sum_by(ensemble));
    if (options.ours_alone) continue;
    run(rows, clock, linked, linked_ns, sum_by(linked_trees));
    run(rows, clock, plain, plain_ns, [&](const float* row) { return plain_walk<double>(trees, row); });
    TT_TRY(linked_checked, checked(linked));
    TT_TRY(plain_checked, checked(plain));
  }
  CaseResult result{
      .name = "trees_lightgbm_255_leaves",
      .unit = "ns",
      .ours = stats_of(ours_ns),
      .target = "<= 400",
      .note = fmt::format("{} nodes, up to {} levels, {} features, one value in 50 missing, {} rows in turn",
                          trees.nodes.size(), trees.depth_max, kFeatures, rows.count())};
  if (options.ours_alone) {
    for (const char* peer : {kLinked, kPlain}) result.add_left_out(peer);
  } else {
    result.add_peer(kLinked, stats_of(linked_ns), std::move(linked_checked));
    result.add_peer(kPlain, stats_of(plain_ns), std::move(plain_checked));
  }
  result.add_absent(kLightgbm, "the library is in no package of Debian 12");
  return std::vector<CaseResult>{std::move(result)};
}

}  // namespace thintail::bench
