// SPDX-License-Identifier: Apache-2.0
// Trainer: boosting, saving, and the checks on what was saved.
#include "tools/train/trainer.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "core/base/hash.hpp"
#include "core/base/whole_file.hpp"
#include "ml/models/decision_trees.hpp"
#include "ml/train/metrics.hpp"
#include "strategies/model/decision_model_file.hpp"
#include "tools/train/booster.hpp"
#include "tools/train/parity.hpp"

namespace thintail {

namespace {

constexpr double kRowsShare = 0.35;  // of the whole work, as progress shows it
constexpr double kBoostShare = 0.90;

std::string utc_text(std::int64_t time_ns) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(time_ns / 1'000'000'000)));
}

std::string describe_training(const TrainOptions& options, const RowPassResult& rows) {
  return fmt::format("{:.0f} % of {}: {} to {}, {} rows of {} ticks, XGBoost {}", options.rows.train_share * 100,
                     describe(options.rows.source), utc_text(rows.span.first_ns), utc_text(rows.cut_ns),
                     rows.train.size(), rows.candidates, xgboost_version());
}

Result<std::string> boost(const TrainOptions& options, const Matrix& matrix, Progress& progress) {
  TT_TRY(Booster booster,
         Booster::create(matrix,
                         {{"objective", "reg:squarederror"},
                          {"tree_method", "hist"},
                          {"base_score", "0"},  // returns centre on nothing
                          {"max_depth", std::to_string(options.depth)},
                          {"eta", fmt::format("{}", options.learning_rate)},
                          // Neighbouring rows share most of their horizon: smaller leaves would learn single moments.
                          {"min_child_weight", "100"},
                          {"seed", "1"},
                          {"nthread", std::to_string(std::max(1U, std::thread::hardware_concurrency()))}}));
  for (int round = 0; round < options.rounds; ++round) {
    progress.report(kRowsShare + (kBoostShare - kRowsShare) * round / options.rounds, "boosting");
    TT_TRY_VOID(booster.update(round, matrix));
  }
  return booster.json();
}

std::string_view bytes_of(const std::vector<float>& values) noexcept {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

Result<std::string> packed(const TrainOptions& options, std::string_view json, const RowPassResult& rows) {
  TT_TRY(DecisionTrees trees, read_xgboost_json(json, options.out));
  pack::Origin origin{
      .producer = "thintail-train " THINTAIL_VERSION, .source = trees.saved_by, .source_sha256 = sha256(json)};
  const Sha256Digest features = sha256(bytes_of(rows.train.features));
  const Sha256Digest labels = sha256(bytes_of(rows.train.labels));
  ModelMeaning meaning{
      .label = "mid_return_bp",
      .horizon_ns = options.rows.horizon_ns,
      .trained_on = describe_training(options, rows),
      .trained_with = fmt::format("XGBoost {}, features on {}", xgboost_version(), isa_name(options.rows.isa)),
      .data_hash = sha256(to_hex(features) + to_hex(labels))};
  return encode_decision_model(
      pack::spec_of_one(*options.rows.set, std::move(trees), std::move(origin), std::move(meaning)), options.out);
}

// What is on disk, through the evaluator that trades, against the library on every training row.
Result<DecisionModel> reload_checked(const std::string& path, std::string_view json, const FeatureSet& set,
                                     const LabelledRows& rows, const Matrix& matrix) {
  TT_TRY(DecisionModel model, load_decision_model(path, best_isa(), &set));
  // A booster without training caches: it walks the trees instead of giving back sums kept while boosting.
  TT_TRY(const Booster fresh, Booster::from_bytes(json));
  TT_TRY(const std::vector<float> theirs, fresh.margins(matrix));
  TT_TRY_VOID(check_equal_margins(std::get<TreeEnsemble>(model.members.front().model), rows.features, theirs, path));
  return model;
}

Score judge(std::span<const float> scores, const LabelledRows& rows) {
  return {auc_of_sign(scores, rows.labels), correlation(scores, rows.labels)};
}

}  // namespace

Result<TrainReport> train(const TrainOptions& options, Progress& progress) {
  if (!options.out.ends_with(".ttm")) {
    return fail({.code = ErrorCode::usage,
                 .doing = "training",
                 .field = "--out",
                 .expected = "a name ending in .ttm",
                 .found = printable(options.out)});
  }
  TT_TRY(const RowPassResult rows, collect_rows(options.rows, progress, kRowsShare));
  if (rows.train.size() == 0) {
    return fail({.code = ErrorCode::no_ticks,
                 .doing = "training on " + describe(options.rows.source),
                 .expected = "rows with every mandatory feature defined and a label within session and span",
                 .found = fmt::format("none in {} ticks", rows.span.ticks)});
  }
  progress.report(kRowsShare, "boosting");
  TT_TRY(Matrix matrix, Matrix::create(rows.train.features, rows.train.lanes));
  TT_TRY_VOID(matrix.set_labels(rows.train.labels));
  TT_TRY(const std::string json, boost(options, matrix, progress));

  progress.report(kBoostShare, "checking the saved model");
  TT_TRY(const std::string bytes, packed(options, json, rows));
  TT_TRY_VOID(replace_file(options.out, bytes, "saving the model"));
  auto model = reload_checked(options.out, json, *options.rows.set, rows.train, matrix);
  if (!model) {
    std::error_code ignored;  // the error to report is the check's
    std::filesystem::remove(options.out, ignored);
    return std::unexpected(std::move(model).error());
  }

  progress.report(0.95, "judging on held-out rows");
  const auto& trees = std::get<TreeEnsemble>(model->members.front().model);
  std::vector<float> scores;
  std::vector<float> baseline;
  for (std::size_t i = 0; i < rows.held_out.size(); ++i) {
    scores.push_back(trees.margin(rows.held_out.row(i).data()));
    baseline.push_back(-rows.held_out.last_move[i]);
  }
  progress.report(1, "done");
  return TrainReport{.trained_on = model->meaning.trained_on,
                     .booster_json = json,
                     .train_rows = rows.train.size(),
                     .candidates = rows.candidates,
                     .rows_checked = rows.train.size(),
                     .held_out_rows = rows.held_out.size(),
                     .model = judge(scores, rows.held_out),
                     .baseline = judge(baseline, rows.held_out)};
}

}  // namespace thintail
