// SPDX-License-Identifier: Apache-2.0
// A gate's report for people and for programs.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "ml/quant/quantization_gate.hpp"

namespace thintail {
namespace {

// Texts of a report are ours: nothing in them needs escaping.
std::string json_number(double value) { return std::isfinite(value) ? fmt::format("{:.9g}", value) : "null"; }

std::string json_numbers(const std::vector<double>& values) {
  std::string out;
  for (const double value : values) out += (out.empty() ? "" : ",") + json_number(value);
  return "[" + out + "]";
}

}  // namespace

std::string gate_text(const GateReport& report) {
  std::string out;
  for (const GateCriterion& one : report.criteria) {
    out += fmt::format("  {:<4} {:<10} {:>10.6g} {} {:<7g} {}\n", one.passed ? "ok" : "FAIL", one.name, one.value,
                       one.is_at_most ? "<=" : ">=", one.bound, one.note);
  }
  return out + fmt::format("  {} on {} rows\n", report.passed() ? "passed" : "NOT PASSED", report.rows);
}

std::string gate_json(const GateReport& report) {
  std::vector<std::string> criteria;
  for (const GateCriterion& one : report.criteria) {
    criteria.push_back(fmt::format(R"({{"name":"{}","value":{},"{}":{},"passed":{},"note":"{}"}})", one.name,
                                   json_number(one.value), one.is_at_most ? "at_most" : "at_least",
                                   json_number(one.bound), one.passed, one.note));
  }
  return fmt::format(
      R"({{"rows":{},"passed":{},"thresholds":{},"cost_multiples":{},"auc":{{"float32":{},"low":{},"high":{},"quantized":{},"has_edge":{}}},)"
      R"("bootstrap":{{"block_rows":{},"draws":{},"seed":{}}},"criteria":[{}]}})",
      report.rows, report.passed(), json_numbers(report.thresholds), json_numbers(report.cost_multiples),
      json_number(report.auc_exact), json_number(report.auc_exact_low), json_number(report.auc_exact_high),
      json_number(report.auc_quantized), report.has_edge, report.block_rows, report.draws, report.seed,
      fmt::join(criteria, ","));
}

}  // namespace thintail
