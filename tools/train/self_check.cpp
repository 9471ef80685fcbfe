// SPDX-License-Identifier: Apache-2.0
// SelfCheck: the cases, their rows, and the mutants.
#include "tools/train/self_check.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <span>
#include <string>
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

struct Case {
  const char* objective;
  const char* base_score;
  const char* tree_method;
  int depth;
  int rounds;
};

constexpr std::array kCases = std::to_array<Case>({
    {"reg:squarederror", "0.5", "hist", 6, 50},  {"reg:squarederror", "-3.25", "exact", 4, 17},
    {"reg:squarederror", "0", "hist", 1, 33},    {"reg:squarederror", "0", "hist", 2, 3},
    {"reg:squarederror", "0", "exact", 3, 16},   {"reg:squarederror", "1e-30", "hist", 5, 21},
    {"reg:squarederror", "0", "hist", 7, 20},    {"reg:squarederror", "0", "exact", 8, 19},
    {"reg:squarederror", "0", "hist", 9, 10},    {"reg:squarederror", "0", "exact", 10, 10},
    {"reg:squarederror", "0.5", "hist", 6, 1},   {"binary:logistic", "0.5", "hist", 6, 40},
    {"binary:logistic", "0.3", "exact", 5, 20},  {"binary:logistic", "0.0123", "hist", 3, 20},
    {"binary:logistic", "0.97", "hist", 10, 20}, {"binary:logitraw", "0.2", "hist", 4, 20},
    {"reg:logistic", "0.7", "hist", 4, 20},      {"count:poisson", "1.7", "hist", 4, 20},
    {"reg:gamma", "0.4", "hist", 4, 20},         {"reg:tweedie", "2.5", "hist", 4, 20},
    {"rank:pairwise", "0.5", "hist", 4, 20},
});

// Not std distributions: their numbers differ between libraries.
class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : engine_(seed) {}
  std::size_t below(std::size_t end) { return engine_() % end; }
  float uniform() { return static_cast<float>(engine_() >> 40) * 0x1p-24F; }

 private:
  std::mt19937_64 engine_;
};

// Columns of different kinds: wide, around zero with many exact zeros, whole numbers, denormals.
float ordinary_value(Numbers& numbers, std::size_t lane) {
  const float u = numbers.uniform() * 2 - 1;
  switch (lane % 4) {
    case 0: return u * 100;
    case 1: return numbers.below(4) == 0 ? 0.0F : u;
    case 2: return std::floor(u * 8);
    default: return u * 1e-39F;
  }
}

std::vector<float> training_values(Numbers& numbers) {
  std::vector<float> values(kTrainRows * kLanes);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = numbers.below(12) == 0 ? kMissing : ordinary_value(numbers, i % kLanes);
  }
  return values;
}

// In [0, 1], so that it is a label of every objective.
std::vector<float> training_labels(Numbers& numbers, std::span<const float> values, bool binary) {
  std::vector<float> labels(kTrainRows);
  for (std::size_t row = 0; row < kTrainRows; ++row) {
    float signal = 0.3F * numbers.uniform();
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const float value = values[row * kLanes + lane];
      signal += std::isnan(value) ? 0.05F : value > 0 ? 0.1F : value < -0.5F ? 0.02F : 0.0F;
    }
    signal = std::min(signal / 2, 1.0F);
    labels[row] = binary ? (signal > 0.4F ? 1.0F : 0.0F) : signal;
  }
  return labels;
}

// Cut points by feature, as the model has them.
std::vector<std::vector<float>> thresholds(const nlohmann::json& trees) {
  std::vector<std::vector<float>> out(kLanes);
  for (const auto& tree : trees) {
    for (std::size_t node = 0; node < tree["left_children"].size(); ++node) {
      if (tree["left_children"][node].get<int>() == -1) continue;
      out[tree["split_indices"][node].get<std::size_t>()].push_back(tree["split_conditions"][node].get<float>());
    }
  }
  return out;
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
    default: return ordinary_value(numbers, lane);
  }
}

std::string mutated(nlohmann::json model, Mutant mutant) {
  for (auto& tree : model["learner"]["gradient_booster"]["model"]["trees"]) {
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

Result<std::string> trained_json(const Case& one, Numbers& numbers) {
  const std::vector<float> values = training_values(numbers);
  TT_TRY(Matrix matrix, Matrix::create(values, kLanes));
  const bool binary = std::string_view(one.objective).starts_with("binary");
  TT_TRY_VOID(matrix.set_labels(training_labels(numbers, values, binary)));
  TT_TRY(Booster booster, Booster::create(matrix, {{"objective", one.objective},
                                                   {"base_score", one.base_score},
                                                   {"tree_method", one.tree_method},
                                                   {"max_depth", std::to_string(one.depth)},
                                                   {"eta", "0.3"},
                                                   {"min_child_weight", "0.01"},
                                                   {"seed", "1"},
                                                   {"nthread", "1"}}));
  for (int round = 0; round < one.rounds; ++round) TT_TRY_VOID(booster.update(round, matrix));
  return booster.json();
}

Result<void> check_case(const Case& one, Mutant mutant, std::uint64_t seed) {
  const std::string what =
      fmt::format("{} base_score {} {} depth {}", one.objective, one.base_score, one.tree_method, one.depth);
  Numbers numbers(seed);
  TT_TRY(const std::string json, trained_json(one, numbers));
  const nlohmann::json parsed = nlohmann::json::parse(json);
  TT_TRY(const Booster booster, Booster::from_json(json));
  TT_TRY(const TreeEnsemble ours,
         TreeEnsemble::from_xgboost_json(mutant == Mutant::none ? json : mutated(parsed, mutant), what));

  const auto cuts = thresholds(parsed["learner"]["gradient_booster"]["model"]["trees"]);
  std::vector<float> values(kCheckRows * kLanes);
  for (const bool infinities : {false, true}) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = adversarial_value(numbers, i % kLanes, cuts[i % kLanes], infinities);
    }
    TT_TRY(const std::vector<float> in_place, booster.margins_in_place(values, kLanes));
    TT_TRY_VOID(check_equal_margins(ours, values, in_place, what));
    if (infinities) continue;  // a matrix refuses them
    TT_TRY(const Matrix matrix, Matrix::create(values, kLanes));
    TT_TRY(const std::vector<float> by_matrix, booster.margins(matrix));
    TT_TRY_VOID(check_equal_margins(ours, values, by_matrix, what));
  }
  return {};
}

}  // namespace

Result<SelfCheckReport> self_check(Mutant mutant) {
  SelfCheckReport report{.rows = 2 * static_cast<int>(kCheckRows)};
  for (const Case& one : kCases) {
    TT_TRY_VOID(check_case(one, mutant, 1 + static_cast<std::uint64_t>(report.models)));
    ++report.models;
  }
  return report;
}

}  // namespace thintail
