// SPDX-License-Identifier: Apache-2.0
// SelfCheck: the cases, their rows, and the mutants.
#include "tools/train/self_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ml/models/tree_ensemble.hpp"
#include "tools/train/booster.hpp"
#include "tools/train/parity.hpp"

namespace thintail {

namespace {

constexpr std::size_t kLanes = 12;
constexpr std::size_t kTrainRows = 3'000;
constexpr std::size_t kCheckRows = 4'096;
constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

enum class Kind : std::uint8_t {
  numeric,
  categorical,  // every third feature
};

struct Case {
  const char* objective;
  const char* base_score;
  const char* tree_method;
  int depth;
  int rounds;
  Kind kind = Kind::numeric;
  std::uint32_t outputs = 1;
  std::vector<std::pair<std::string, std::string>> more = {};
};

// A random forest: trees of one round side by side, each on a part of the rows.
const Booster::Parameters kForest = {
    {"num_parallel_tree", "12"}, {"subsample", "0.7"}, {"colsample_bynode", "0.6"}, {"eta", "1"}};
const Booster::Parameters kDart = {{"booster", "dart"}, {"rate_drop", "0.4"}, {"skip_drop", "0.2"}};
const Booster::Parameters kOneHot = {{"max_cat_to_onehot", "100"}};
const Booster::Parameters kPartition = {{"max_cat_to_onehot", "1"}};
const Booster::Parameters kLeafWise = {{"grow_policy", "lossguide"}, {"max_leaves", "90"}, {"max_depth", "0"}};

Booster::Parameters with(Booster::Parameters parameters, Booster::Parameters more) {
  parameters.insert(parameters.end(), more.begin(), more.end());
  return parameters;
}

std::vector<Case> all_cases() {
  return {
      {"reg:squarederror", "0.5", "hist", 6, 50},
      {"reg:squarederror", "-3.25", "exact", 4, 17},
      {"reg:squarederror", "0", "hist", 1, 33},
      {"reg:squarederror", "0", "hist", 2, 3},
      {"reg:squarederror", "0", "exact", 3, 16},
      {"reg:squarederror", "1e-30", "hist", 5, 21},
      {"reg:squarederror", "0", "hist", 7, 20},
      {"reg:squarederror", "0", "exact", 8, 19},
      {"reg:squarederror", "0", "hist", 9, 10},
      {"reg:squarederror", "0", "exact", 10, 10},
      {"reg:squarederror", "0.5", "hist", 6, 1},
      {"reg:squarederror", "0.1", "approx", 6, 20},
      {"reg:squarederror", "0.1", "approx", 9, 8},
      {"reg:squarederror", "0", "hist", 0, 20, Kind::numeric, 1, kLeafWise},
      {"reg:squarederror", "0.5", "hist", 6, 3, Kind::numeric, 1, kForest},
      {"reg:squarederror", "0.5", "hist", 12, 1, Kind::numeric, 1, kForest},
      {"binary:logistic", "0.5", "hist", 6, 40},
      {"binary:logistic", "0.3", "exact", 5, 20},
      {"binary:logistic", "0.0123", "hist", 3, 20},
      {"binary:logistic", "0.97", "hist", 10, 20},
      {"binary:logistic", "0.4", "approx", 4, 20},
      {"binary:logistic", "0.4", "hist", 5, 3, Kind::numeric, 1, kForest},
      {"binary:logitraw", "0.2", "hist", 4, 20},
      {"binary:hinge", "0.5", "hist", 4, 20},
      {"reg:logistic", "0.7", "hist", 4, 20},
      {"reg:squaredlogerror", "0.5", "hist", 4, 20},
      {"reg:pseudohubererror", "0.5", "hist", 4, 20},
      {"reg:absoluteerror", "0.5", "hist", 4, 20},
      {"count:poisson", "1.7", "hist", 4, 20},
      {"reg:gamma", "0.4", "hist", 4, 20},
      {"reg:tweedie", "2.5", "hist", 4, 20},
      {"rank:pairwise", "0.5", "hist", 4, 20},
      {"rank:ndcg", "0.5", "hist", 4, 10},
      {"rank:map", "0.5", "exact", 4, 10},
      {"multi:softprob", "0.5", "hist", 5, 12, Kind::numeric, 3, {{"num_class", "3"}}},
      {"multi:softmax", "0.25", "exact", 4, 8, Kind::numeric, 5, {{"num_class", "5"}}},
      {"multi:softprob", "0.5", "approx", 9, 4, Kind::numeric, 3, {{"num_class", "3"}}},
      {"multi:softprob", "0.5", "hist", 5, 2, Kind::numeric, 3, with(kForest, {{"num_class", "3"}})},
      {"reg:squarederror", "0.1", "hist", 5, 20, Kind::numeric, 1, kDart},
      {"binary:logistic", "0.3", "exact", 5, 20, Kind::numeric, 1, kDart},
      {"multi:softprob", "0.5", "hist", 4, 10, Kind::numeric, 3, with(kDart, {{"num_class", "3"}})},
      {"reg:squarederror", "0.5", "hist", 5, 20, Kind::categorical, 1, kOneHot},
      {"reg:squarederror", "0.5", "hist", 6, 20, Kind::categorical, 1, kPartition},
      {"reg:squarederror", "0", "approx", 5, 20, Kind::categorical, 1, kPartition},
      {"binary:logistic", "0.3", "hist", 10, 10, Kind::categorical, 1, kPartition},
      {"multi:softprob", "0.5", "hist", 4, 6, Kind::categorical, 3, with(kPartition, {{"num_class", "3"}})},
      {"reg:squarederror", "0.5", "hist", 4, 10, Kind::categorical, 1, with(kDart, kPartition)},
  };
}

// Not std distributions: their numbers differ between libraries.
class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : engine_(seed) {}
  std::size_t below(std::size_t end) { return engine_() % end; }
  float uniform() { return static_cast<float>(engine_() >> 40) * 0x1p-24F; }

 private:
  std::mt19937_64 engine_;
};

bool is_category(Kind kind, std::size_t lane) { return kind == Kind::categorical && lane % 3 == 0; }

// Columns of different kinds: wide, around zero with many exact zeros, whole numbers, denormals. Categories are 3 to 57.
float ordinary_value(Numbers& numbers, std::size_t lane, Kind kind) {
  const float u = numbers.uniform() * 2 - 1;
  if (is_category(kind, lane)) return static_cast<float>(numbers.below(3 + lane * 6));
  switch (lane % 4) {
    case 0: return u * 100;
    case 1: return numbers.below(4) == 0 ? 0.0F : u;
    case 2: return std::floor(u * 8);
    default: return u * 1e-39F;
  }
}

std::vector<float> training_values(Numbers& numbers, Kind kind) {
  std::vector<float> values(kTrainRows * kLanes);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = numbers.below(12) == 0 ? kMissing : ordinary_value(numbers, i % kLanes, kind);
  }
  return values;
}

// In [0, 1], so that it is a label of every objective; whole numbers where these ask for them.
std::vector<float> training_labels(Numbers& numbers, std::span<const float> values, const Case& one) {
  const std::string_view objective(one.objective);
  const bool binary = objective.starts_with("binary") || objective == "rank:map";
  std::vector<float> labels(kTrainRows);
  for (std::size_t row = 0; row < kTrainRows; ++row) {
    float signal = 0.3F * numbers.uniform();
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const float value = values[row * kLanes + lane];
      if (is_category(one.kind, lane)) {
        signal += std::isnan(value) ? 0.05F : static_cast<int>(value) % 3 == 1 ? 0.12F : 0.0F;
      } else {
        signal += std::isnan(value) ? 0.05F : value > 0 ? 0.1F : value < -0.5F ? 0.02F : 0.0F;
      }
    }
    signal = std::min(signal / 2, 1.0F);
    labels[row] = binary ? (signal > 0.4F ? 1.0F : 0.0F) : signal;
    if (one.outputs > 1) {
      const auto classes = static_cast<float>(one.outputs);
      labels[row] = std::min(std::floor(signal * 1.6F * classes), classes - 1);
    } else if (objective == "rank:ndcg") {
      labels[row] = std::floor(signal * 4);
    }
  }
  return labels;
}

nlohmann::json& model_in(nlohmann::json& saved) {
  nlohmann::json& booster = saved["learner"]["gradient_booster"];
  return booster["name"] == "dart" ? booster["gbtree"]["model"] : booster["model"];
}

// Cut points by feature, as the model has them.
std::vector<std::vector<float>> thresholds(const nlohmann::json& trees) {
  std::vector<std::vector<float>> out(kLanes);
  for (const auto& tree : trees) {
    for (std::size_t node = 0; node < tree["left_children"].size(); ++node) {
      if (tree["left_children"][node].get<int>() == -1 || tree["split_type"][node].get<int>() != 0) continue;
      out[tree["split_indices"][node].get<std::size_t>()].push_back(tree["split_conditions"][node].get<float>());
    }
  }
  return out;
}

// Around 0, fractions, categories that training never saw, numbers that are none.
float adversarial_category(Numbers& numbers, std::size_t lane, bool infinities) {
  constexpr std::array kSpecial = {-0.0F, -0.5F,       -1.0F,       -7.0F,         0.5F,  31.5F,
                                   64.0F, 16777215.0F, 16777216.0F, 2147483648.0F, 1e30F, -1e30F};
  switch (numbers.below(infinities ? 6 : 5)) {
    case 0: return kMissing;
    case 1: return kSpecial[numbers.below(kSpecial.size())];
    case 2: return static_cast<float>(numbers.below(200));
    case 5: return numbers.below(2) == 0 ? kInfinity : -kInfinity;
    default: return ordinary_value(numbers, lane, Kind::categorical);
  }
}

float adversarial_value(Numbers& numbers, std::size_t lane, const std::vector<float>& cuts, bool infinities) {
  constexpr std::array kSpecial = {0.0F,
                                   -0.0F,
                                   1e-45F,
                                   -1e-45F,
                                   1e-39F,
                                   std::numeric_limits<float>::max(),
                                   std::numeric_limits<float>::lowest(),
                                   std::numeric_limits<float>::min()};
  switch (numbers.below(infinities ? 7 : 6)) {
    case 0:
    case 1:
      if (cuts.empty()) return kMissing;
      {
        const float cut = cuts[numbers.below(cuts.size())];
        switch (numbers.below(4)) {
          case 0: return std::nextafter(cut, -kInfinity);
          case 1: return std::nextafter(cut, kInfinity);
          default: return cut;
        }
      }
    case 2: return kMissing;
    case 3: return kSpecial[numbers.below(kSpecial.size())];
    case 6: return numbers.below(2) == 0 ? kInfinity : -kInfinity;
    default: return ordinary_value(numbers, lane, Kind::numeric);
  }
}

// Thresholds of categorical splits are NaN, which is no word of JSON. They decide nothing.
std::string without_nan(std::string json) {
  for (std::size_t at = 0; (at = json.find("NaN", at)) != std::string::npos;) json.replace(at, 3, "0");
  return json;
}

std::string mutated(nlohmann::json model, Mutant mutant) {
  for (auto& tree : model_in(model)["trees"]) {
    if (mutant == Mutant::categories_moved) {
      for (auto& category : tree["categories"]) category = category.get<int>() + 1;
    }
    for (std::size_t node = 0; node < tree["left_children"].size(); ++node) {
      if (tree["left_children"][node].get<int>() == -1) continue;
      if (mutant == Mutant::less_or_equal) {
        auto& cut = tree["split_conditions"][node];
        cut = std::nextafter(cut.get<float>(), kInfinity);
      } else if (mutant == Mutant::default_flipped) {
        auto& left = tree["default_left"][node];
        left = 1 - left.get<int>();
      }
    }
  }
  return model.dump();
}

Result<Booster> trained(const Case& one, Numbers& numbers) {
  const std::vector<float> values = training_values(numbers, one.kind);
  TT_TRY(Matrix matrix, Matrix::create(values, kLanes));
  TT_TRY_VOID(matrix.set_labels(training_labels(numbers, values, one)));
  if (std::string_view(one.objective).starts_with("rank")) {
    const std::vector<std::uint32_t> queries(kTrainRows / 50, 50);
    TT_TRY_VOID(matrix.set_queries(queries));
  }
  if (one.kind == Kind::categorical) {
    std::array<const char*, kLanes> types{};
    for (std::size_t lane = 0; lane < kLanes; ++lane) types[lane] = is_category(one.kind, lane) ? "c" : "q";
    TT_TRY_VOID(matrix.set_feature_types(types));
  }
  Booster::Parameters parameters = {{"objective", one.objective},
                                    {"base_score", one.base_score},
                                    {"tree_method", one.tree_method},
                                    {"max_depth", std::to_string(one.depth)},
                                    {"eta", "0.3"},
                                    {"min_child_weight", "0.01"},
                                    {"seed", "1"},
                                    {"nthread", "1"}};
  parameters.insert(parameters.end(), one.more.begin(), one.more.end());
  TT_TRY(Booster booster, Booster::create(matrix, parameters));
  for (int round = 0; round < one.rounds; ++round) TT_TRY_VOID(booster.update(round, matrix));
  return booster;
}

Result<void> check_case(const Case& one, Mutant mutant, std::uint64_t seed) {
  std::string what =
      fmt::format("{} base_score {} {} depth {}", one.objective, one.base_score, one.tree_method, one.depth);
  for (const auto& [name, value] : one.more) what += fmt::format(" {} {}", name, value);
  if (one.kind == Kind::categorical) what += " categorical";
  Numbers numbers(seed);
  TT_TRY(const Booster fresh, trained(one, numbers));
  TT_TRY(const std::string json, fresh.json());
  TT_TRY(const std::string ubj, fresh.ubj());
  nlohmann::json parsed = nlohmann::json::parse(without_nan(json));
  TT_TRY(const Booster booster, Booster::from_bytes(json));
  TT_TRY(const TreeEnsemble ours,
         TreeEnsemble::from_xgboost_json(mutant == Mutant::none ? json : mutated(parsed, mutant), what));
  TT_TRY(const TreeEnsemble from_ubj, TreeEnsemble::from_xgboost_ubj(ubj, what));

  const auto cuts = thresholds(model_in(parsed)["trees"]);
  std::vector<float> values(kCheckRows * kLanes);
  for (const bool infinities : {false, true}) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::size_t lane = i % kLanes;
      values[i] = is_category(one.kind, lane) ? adversarial_category(numbers, lane, infinities)
                                              : adversarial_value(numbers, lane, cuts[lane], infinities);
    }
    // In place, dropout's base score is taken off each tree's sum and added again, which rounds otherwise (docs/models.md).
    if (parsed["learner"]["gradient_booster"]["name"] != "dart") {
      TT_TRY(const std::vector<float> in_place, booster.margins_in_place(values, kLanes));
      TT_TRY_VOID(check_equal_margins(ours, values, in_place, what));
      TT_TRY_VOID(check_equal_margins(from_ubj, values, in_place, what + " as UBJ"));
    }
    if (infinities) continue;  // a matrix refuses them
    TT_TRY(const Matrix matrix, Matrix::create(values, kLanes));
    TT_TRY(const std::vector<float> by_matrix, booster.margins(matrix));
    TT_TRY_VOID(check_equal_margins(ours, values, by_matrix, what));
    TT_TRY_VOID(check_equal_margins(from_ubj, values, by_matrix, what + " as UBJ"));
  }
  return {};
}

}  // namespace

Result<SelfCheckReport> self_check(Mutant mutant) {
  SelfCheckReport report{.rows = 2 * static_cast<int>(kCheckRows)};
  for (const Case& one : all_cases()) {
    TT_TRY_VOID(check_case(one, mutant, 1 + static_cast<std::uint64_t>(report.models)));
    ++report.models;
  }
  return report;
}

}  // namespace thintail
