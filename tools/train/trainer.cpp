// SPDX-License-Identifier: Apache-2.0
// Trainer: boosting, saving, and the checks on what was saved.
#include "tools/train/trainer.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>
#include <utility>

#include "ml/models/tree_ensemble.hpp"
#include "ml/train/metrics.hpp"
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

Result<void> save(const std::string& path, std::string_view json) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(json.data(), static_cast<std::streamsize>(json.size()));
  file.close();
  if (!file) {
    return fail({.code = ErrorCode::file_unwritable,
                 .doing = "saving the model",
                 .file = path,
                 .expected = "room and permission to write it",
                 .found = errno_text(errno)});
  }
  return {};
}

// What is on disk, through the evaluator that trades, against the library on every training row.
Result<LoadedModel> reload_checked(const std::string& path, std::string_view json, const FeatureSet& set,
                                   const LabelledRows& rows, const Matrix& matrix) {
  TT_TRY(LoadedModel model, load_model(path, &set));
  // A booster without training caches: it walks the trees instead of giving back sums kept while boosting.
  TT_TRY(const Booster fresh, Booster::from_json(json));
  TT_TRY(const std::vector<float> theirs, fresh.margins(matrix));
  TT_TRY_VOID(check_equal_margins(model.trees, rows.features, theirs, path));
  return model;
}

Score judge(std::span<const float> scores, const LabelledRows& rows) {
  return {auc_of_sign(scores, rows.labels), correlation(scores, rows.labels)};
}

}  // namespace

Result<TrainReport> train(const TrainOptions& options, Progress& progress) {
  TT_TRY(const std::string sidecar_file, sidecar_path(options.out));
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
  const ModelSidecar sidecar{.feature_set = std::string(options.rows.set->name()),
                             .feature_hash = options.rows.set->hash(),
                             .model_hash = sha256(json),
                             .label = "mid_return_bp",
                             .horizon_ns = options.rows.horizon_ns,
                             .trained_on = describe_training(options, rows)};
  TT_TRY_VOID(save(options.out, json));
  TT_TRY_VOID(write_sidecar(options.out, sidecar));
  auto model = reload_checked(options.out, json, *options.rows.set, rows.train, matrix);
  if (!model) {
    std::error_code ignored;  // the error to report is the check's
    std::filesystem::remove(options.out, ignored);
    std::filesystem::remove(sidecar_file, ignored);
    return std::unexpected(std::move(model).error());
  }

  progress.report(0.95, "judging on held-out rows");
  std::vector<float> scores;
  std::vector<float> baseline;
  for (std::size_t i = 0; i < rows.held_out.size(); ++i) {
    scores.push_back(model->trees.margin(rows.held_out.row(i).data()));
    baseline.push_back(-rows.held_out.last_move[i]);
  }
  progress.report(1, "done");
  return TrainReport{.trained_on = sidecar.trained_on,
                     .train_rows = rows.train.size(),
                     .candidates = rows.candidates,
                     .rows_checked = rows.train.size(),
                     .held_out_rows = rows.held_out.size(),
                     .model = judge(scores, rows.held_out),
                     .baseline = judge(baseline, rows.held_out)};
}

}  // namespace thintail
