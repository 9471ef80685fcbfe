// SPDX-License-Identifier: Apache-2.0
// trees_100x6_ticks: the rows that consecutive gold ticks give, through trees trained on the ticks before them. The note
// says how many of the features' ranks change from one row to the next: what an evaluator would save that ranks only those.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "bench/features/tick_work.hpp"
#include "bench/inference/suite.hpp"
#include "bench/inference/tree_case.hpp"
#include "bench/inference/xgboost_training.hpp"
#include "ml/models/decision_trees.hpp"

namespace thintail::bench {
namespace {

constexpr std::size_t kTicksMax = 200'000;
constexpr std::size_t kTrainingRows = 20'000;
constexpr std::size_t kRows = 8'192;
constexpr std::int64_t kHorizonNs = 60'000'000'000;
constexpr std::size_t kFewRanks = 8;

double twice_mid(const Event& event) {
  const auto tick = event.as<Tick>();
  return static_cast<double>(tick.bid_e9) + static_cast<double>(tick.ask_e9);
}

// The mid's return until the last tick within the horizon, in basis points.
float label_of(const std::vector<Event>& ticks, std::size_t at) {
  std::size_t last = at;
  while (last + 1 < ticks.size() && ticks[last + 1].time_ns <= ticks[at].time_ns + kHorizonNs) ++last;
  return static_cast<float>(1e4 * (twice_mid(ticks[last]) / twice_mid(ticks[at]) - 1.0));
}

struct Rows {
  TreeRows training;
  TreeRows measured;
};

// Training rows, then measured ones, of the ticks after the warm-up.
Rows make_rows(const TickWork& work, Isa isa, std::size_t training, std::size_t measured) {
  const std::size_t lanes = work.set->lanes().size();
  Rows rows{.training = {.features = lanes, .values = {}, .labels = {}},
            .measured = {.features = lanes, .values = {}, .labels = {}}};
  FeatureRun run(work.instruments, *work.set, isa);
  const std::size_t end = std::min(work.ticks.size(), work.first_measured + training + measured);
  const std::size_t measured_begin = end > measured ? std::max(end - measured, work.first_measured) : end;
  for_each_tick(work, run, end, [&](std::size_t i, const Event& event) {
    const FeatureRow* const row = run.take(event);
    if (i < work.first_measured) return;
    TreeRows& to = i < measured_begin ? rows.training : rows.measured;
    to.values.insert(to.values.end(), row->values.begin(), row->values.begin() + static_cast<std::ptrdiff_t>(lanes));
    to.labels.push_back(label_of(work.ticks, i));
  });
  return rows;
}

// How many features' ranks change from each row to the next.
std::vector<std::size_t> changed_ranks(const DecisionTrees& trees, const TreeRows& rows) {
  std::vector<std::vector<float>> cuts(rows.features);
  for (const DecisionTrees::Node& node : trees.nodes) {
    if (!node.is_leaf()) cuts[node.feature].push_back(static_cast<float>(node.value));
  }
  for (std::vector<float>& own : cuts) std::ranges::sort(own);
  // Equal cuts count once each, which changes no comparison of two ranks. A missing value has a rank of its own.
  const auto rank = [&](std::size_t row, std::size_t feature) -> std::ptrdiff_t {
    const float value = rows.row(row)[feature];
    return std::isnan(value) ? -1 : std::ranges::upper_bound(cuts[feature], value) - cuts[feature].begin();
  };
  std::vector<std::size_t> changed;
  for (std::size_t row = 1; row < rows.count(); ++row) {
    std::size_t count = 0;
    for (std::size_t feature = 0; feature < rows.features; ++feature) {
      count += rank(row, feature) != rank(row - 1, feature);
    }
    changed.push_back(count);
  }
  std::ranges::sort(changed);
  return changed;
}

std::string describe_changes(const std::vector<std::size_t>& changed, std::size_t features) {
  if (changed.empty()) return "one row: no rank changes";
  const auto quantile = [&](double share) {
    return changed[static_cast<std::size_t>(share * static_cast<double>(changed.size() - 1))];
  };
  const auto few = std::ranges::upper_bound(changed, kFewRanks) - changed.begin();
  return fmt::format(
      "ranks that change from tick to tick, of {}: p1 {}, p10 {}, p50 {}, p90 {}, p99 {}; at most {} in {:.1f} % of "
      "ticks, so "
      "all are found anew each time: no change detection",
      features, quantile(0.01), quantile(0.1), quantile(0.5), quantile(0.9), quantile(0.99), kFewRanks,
      100.0 * static_cast<double>(few) / static_cast<double>(changed.size()));
}

}  // namespace

Result<std::vector<CaseResult>> trees_100x6_ticks(const Options& options) {
  const bool is_short = options.iterations != 0;
  TT_TRY(const TickWork work, make_tick_work(options, kTicksMax, WarmUp::needed));
  const Rows rows = make_rows(work, options.isa, is_short ? 300 : kTrainingRows, is_short ? kProfiledRows : kRows);
  TT_TRY(const std::string json, train_xgboost({.trees = 100, .depth = 6, .features = rows.training.features},
                                               rows.training.values, rows.training.labels));
  TT_TRY(CaseResult result, run_tree_case(options, "trees_100x6_ticks", "<= 190", json, rows.measured));
  TT_TRY(const DecisionTrees trees, read_xgboost_json(json, "trained"));
  result.note = fmt::format("scalper-64 on consecutive ticks, {}; {}; {}", work.source_text, result.note,
                            describe_changes(changed_ranks(trees, rows.measured), rows.measured.features));
  return std::vector<CaseResult>{std::move(result)};
}

}  // namespace thintail::bench
