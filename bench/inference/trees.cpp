// SPDX-License-Identifier: Apache-2.0
// trees_*: one row's margin, another row each time. Peers: XGBoost's in-place prediction; TreeKernel, which walks 16
// trees at a time; and a plain walk, the control, whose sums all others must equal bit for bit.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "bench/harness/pinned.hpp"
#include "bench/harness/stopwatch.hpp"
#include "bench/inference/suite.hpp"
#include "bench/inference/tree_case.hpp"
#include "bench/inference/tree_rows.hpp"
#include "bench/inference/xgboost_training.hpp"
#include "bench/peers/xgboost_row.hpp"
#include "ml/models/tree_ensemble.hpp"

namespace thintail::bench {
namespace {

constexpr std::size_t kTrainingRows = 20'000;
constexpr std::size_t kRows = 4'096;  // measured, each in turn
constexpr std::size_t kPeerRows = 1'024;  // of the slow ones
constexpr int kRepetitions = 5;
constexpr const char* kWalk16 = "TreeKernel: walks 16 trees at once (--isa scalar)";
constexpr const char* kPlain = "plain walk, node by node";

struct Contender {
  std::vector<float> margins;
  std::vector<double> samples_ns;

  explicit Contender(std::size_t rows) : margins(rows), samples_ns(sample_room(rows * kRepetitions)) {}

  // `predict(row)` for each row, each timed by itself.
  template <class Predict>
  void run(const TreeRows& rows, const EngineClock& clock, Predict&& predict) {
    for (std::size_t i = 0; i < margins.size(); ++i) {
      const float* const row = rows.row(i);
      const std::uint64_t begin = stamp();
      const float margin = predict(row);
      const std::uint64_t end = stamp();
      margins[i] = margin;
      samples_ns.push_back(static_cast<double>(clock.to_ns(end - begin)));
    }
  }

  Result<std::string> check(const Contender& ours, bool mutant) const {
    std::uint64_t equal = 0;
    for (std::size_t i = 0; i < margins.size(); ++i) {
      const std::uint32_t own = std::bit_cast<std::uint32_t>(ours.margins[i]) ^ (mutant ? 1U : 0U);
      equal += own == std::bit_cast<std::uint32_t>(margins[i]);
    }
    return all_equal(equal, margins.size(), "margins");
  }
};

Result<std::vector<CaseResult>> run_case(const Options& options, std::string name, std::string target,
                                         const TrainingShape& shape, unsigned missing_of) {
  const TreeRows training =
      make_tree_rows(options.iterations != 0 ? 300 : kTrainingRows, shape.features, missing_of, 1);
  const TreeRows rows = make_tree_rows(options.iterations != 0 ? kProfiledRows : kRows, shape.features, missing_of, 2);
  TT_TRY(const std::string json, train_xgboost(shape, training.values, training.labels));
  TT_TRY(CaseResult result, run_tree_case(options, std::move(name), std::move(target), json, rows));
  return std::vector<CaseResult>{std::move(result)};
}

}  // namespace

Result<CaseResult> run_tree_case(const Options& options, std::string name, std::string target, const std::string& json,
                                 const TreeRows& rows) {
  const Pinned pinned(allowed_cpus().back());
  TT_TRY(const EngineClock clock, EngineClock::calibrate());
  TT_TRY(const DecisionTrees trees, read_xgboost_json(json, "trained"));
  TT_TRY(const TreeEnsemble ensemble, TreeEnsemble::from_xgboost_json(json, "trained", options.isa));
  TT_TRY(const TreeEnsemble walk_16, TreeEnsemble::from_xgboost_json(json, "trained", Isa::scalar));
  TT_TRY(XgboostRow library, XgboostRow::create(json, rows.features));

  const std::size_t count = options.iterations_or(rows.count());
  Contender ours(count);
  Contender walk16(count);
  Contender plain(std::min(count, kPeerRows));
  Contender xgboost(plain.margins.size());
  std::string walk16_checked;
  std::string plain_checked;
  std::string xgboost_checked;
  bool predicted = true;
  for (int repetition = 0; repetition < options.repetitions(kRepetitions); ++repetition) {
    ours.run(rows, clock, [&](const float* row) { return ensemble.margin(row); });
    if (options.ours_alone) continue;
    walk16.run(rows, clock, [&](const float* row) { return walk_16.margin(row); });
    plain.run(rows, clock, [&](const float* row) { return plain_walk<float>(trees, row); });
    for (std::size_t i = 0; i < xgboost.margins.size(); ++i) {
      std::copy_n(rows.row(i), rows.features, library.row().data());
      const std::uint64_t begin = stamp();
      predicted = library.predict(xgboost.margins[i]) && predicted;
      const std::uint64_t end = stamp();
      xgboost.samples_ns.push_back(static_cast<double>(clock.to_ns(end - begin)));
    }
    if (!predicted) return fail({.code = ErrorCode::peer_absent, .doing = "predicting a row with XGBoost"});
    TT_TRY(walk16_checked, walk16.check(ours, options.mutant));
    TT_TRY(plain_checked, plain.check(ours, options.mutant));
    TT_TRY(xgboost_checked, xgboost.check(ours, options.mutant));
  }
  CaseResult result{.name = std::move(name),
                    .unit = "ns",
                    .ours = stats_of(ours.samples_ns),
                    .target = std::move(target),
                    .note = fmt::format("{} nodes, {} features, {} rows in turn; the stopwatch alone reads {} ns",
                                        trees.nodes.size(), rows.features, rows.count(), stopwatch_cost_ns(clock))};
  if (options.ours_alone) {
    for (const std::string& peer : {XgboostRow::name(), std::string(kWalk16), std::string(kPlain)}) {
      result.add_left_out(peer);
    }
  } else {
    result.add_peer(XgboostRow::name(), stats_of(xgboost.samples_ns), std::move(xgboost_checked));
    result.add_peer(kWalk16, stats_of(walk16.samples_ns), std::move(walk16_checked));
    result.add_peer(kPlain, stats_of(plain.samples_ns), std::move(plain_checked));
  }
  return result;
}

Result<std::vector<CaseResult>> trees_100x6(const Options& options) {
  return run_case(options, "trees_100x6", "<= 190", {.trees = 100}, 0);
}
Result<std::vector<CaseResult>> trees_100x6_missing(const Options& options) {
  return run_case(options, "trees_100x6_missing", "<= 190", {.trees = 100}, 20);
}
Result<std::vector<CaseResult>> trees_500x6(const Options& options) {
  return run_case(options, "trees_500x6", "<= 750", {.trees = 500}, 0);
}

}  // namespace thintail::bench
