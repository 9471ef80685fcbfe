// SPDX-License-Identifier: Apache-2.0
// QuantizationGate: whether the quantized form of a model may stand in for its float32 form, judged on rows that neither
// training nor calibration saw.
//   path       cold
//   invariant  no libm but sqrt, and integers where draws are counted: the same scores give the same report everywhere.
//
// That the signs of two scores agree says nothing: their share is 1 - arccos(rho) / pi, 0.994 at the error of 2 % that is
// bounded here anyway. What counts is ranks, decisions and what is lost of the edge.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"

namespace thintail {

inline constexpr std::uint64_t kGateRowsMin = 50'000;
inline constexpr double kGateErrorMax = 0.02;  // RMS(q - f) / std(f)
inline constexpr double kGateSpearmanMin = 0.9995;
inline constexpr double kGateAgreementMin = 0.995;
inline constexpr double kGateLossMax = 0.02;  // of AUC - 0.5, at the upper 95 % bound
inline constexpr std::uint64_t kGateCarriedSteps = 10'000;
inline constexpr double kGateGrowthMax = 1.25;

// Rows in time order.
struct GateRows {
  std::span<const float> exact;  // scores in float32
  std::span<const float> quantized;
  std::span<const float> labels;  // what scores foretell: its sign counts, 0 is neither
  std::span<const float> cost = {};  // of a round trip at the row, in the scores' unit; empty: not known
};

struct GateSettings {
  std::vector<double> thresholds;  // a decision changes where a score crosses one; at least one
  std::vector<double> cost_multiples =
      {};  // the same as multiples of the row's cost, as they are deployed; may be none
  std::uint32_t block_rows = 1;  // of the bootstrap: longer than labels reach, as neighbours share their future
  std::uint32_t draws = 1'000;
  std::uint64_t seed = 1;
};

// RMS of q - f at the end of each 10,000 carried steps, beside that of two networks started afresh shortly before, over
// the very same rows: what the market does to the error is in both, what was carried along only in the first.
struct CarriedError {
  std::uint64_t steps = 0;
  std::uint64_t compared = 0;  // of them
  double carried = 0;
  double restarted = 0;

  double growth() const noexcept;  // carried over restarted; 1 where neither errs
};

struct GateCriterion {
  std::string_view name;
  double value = 0;
  double bound = 0;
  bool is_at_most = true;  // else at least
  bool passed = false;
  std::string note = {};
};

struct GateReport {
  std::uint64_t rows = 0;
  std::uint32_t block_rows = 0;
  std::uint32_t draws = 0;
  std::uint64_t seed = 0;
  std::vector<double> thresholds;
  std::vector<double> cost_multiples;
  double auc_exact = 0;
  double auc_exact_low = 0;  // of its 95 % interval, as the next
  double auc_exact_high = 0;
  double auc_quantized = 0;
  bool has_edge = false;  // the interval leaves 0.5 out
  std::vector<GateCriterion> criteria;

  bool passed() const noexcept;
};

// `carried` of a model that remembers; a model without memory has none. Refused: fewer rows than kGateRowsMin, scores that
// are not finite, labels of one sign only, blocks longer than a tenth of the rows, no threshold, too few carried steps.
Result<GateReport> judge_quantization(const GateRows& rows, const GateSettings& settings,
                                      const std::optional<CarriedError>& carried = std::nullopt);

// A line a criterion.
std::string gate_text(const GateReport& report);
// One object; numbers that JSON has no word for are null.
std::string gate_json(const GateReport& report);

// Ranks' correlation, equal values sharing their mean rank; NaN where one side is constant. REQUIRES: equal sizes.
double spearman(std::span<const float> a, std::span<const float> b);

}  // namespace thintail
