// SPDX-License-Identifier: Apache-2.0
#include "ml/quant/quantization_gate.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/base/assert.hpp"
#include "ml/ensemble/bootstrap.hpp"
#include "ml/networks/quantize_network.hpp"

namespace thintail {
namespace {

std::unexpected<Error> cannot_judge(std::string field, std::string expected, std::string found) {
  return fail({.code = ErrorCode::quantization_unjudged,
               .doing = "judging a quantization",
               .field = std::move(field),
               .expected = std::move(expected),
               .found = std::move(found)});
}

// Row numbers by ascending value, equal values by number.
std::vector<std::uint32_t> ascending(std::span<const float> values) {
  std::vector<std::uint32_t> order(values.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(
      order, [&](std::uint32_t a, std::uint32_t b) { return values[a] != values[b] ? values[a] < values[b] : a < b; });
  return order;
}

std::vector<double> mean_ranks(std::span<const float> values) {
  const std::vector<std::uint32_t> order = ascending(values);
  std::vector<double> ranks(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    while (last < order.size() && values[order[last]] == values[order[first]]) ++last;
    for (std::size_t i = first; i < last; ++i) ranks[order[i]] = static_cast<double>(first + last - 1) / 2;
    first = last;
  }
  return ranks;
}

// The area under the ROC curve of rows that count as often as a draw took them, in integers.
class CountedAuc {
 public:
  CountedAuc(std::span<const float> scores, std::span<const float> labels) {
    for (const std::uint32_t row : ascending(scores)) {
      if (!(labels[row] > 0) && !(labels[row] < 0)) continue;
      const bool is_new = steps_.empty() || scores[row] != scores[steps_.back().row];
      steps_.push_back({row, labels[row] > 0, is_new});
    }
  }

  // Half where one of the signs is not there at all.
  double operator()(std::span<const std::uint32_t> counts) const noexcept {
    std::uint64_t positives = 0;
    std::uint64_t negatives = 0;
    std::uint64_t positives_here = 0;  // of equal scores
    std::uint64_t negatives_here = 0;
    std::uint64_t twice = 0;  // pairs in order, equal ones half
    const auto close = [&] {
      twice += positives_here * (2 * negatives + negatives_here);
      positives += std::exchange(positives_here, 0);
      negatives += std::exchange(negatives_here, 0);
    };
    for (const Step& step : steps_) {
      if (step.is_new) close();
      (step.is_positive ? positives_here : negatives_here) += counts[step.row];
    }
    close();
    if (positives == 0 || negatives == 0) return 0.5;
    return static_cast<double>(twice) / 2 / (static_cast<double>(positives) * static_cast<double>(negatives));
  }

 private:
  struct Step {
    std::uint32_t row;
    bool is_positive;
    bool is_new;  // its score is above the one before
  };
  std::vector<Step> steps_;
};

// The value that `share` of the sorted ones do not exceed.
double quantile(const std::vector<double>& sorted, double share) {
  const auto at = static_cast<std::size_t>(share * static_cast<double>(sorted.size()));
  return sorted[std::min(at, sorted.size() - 1)];
}

GateCriterion at_most(std::string_view name, double value, double bound, std::string note = {}) {
  return {name, value, bound, true, value <= bound, std::move(note)};  // NaN does not pass
}
GateCriterion at_least(std::string_view name, double value, double bound, std::string note = {}) {
  return {name, value, bound, false, value >= bound, std::move(note)};
}

// How many thresholds a score has reached: decisions follow from it and from what is held.
std::size_t zone_of(double score, double unit, std::span<const double> thresholds) {
  std::size_t zone = 0;
  for (const double threshold : thresholds) zone += score >= threshold * unit;
  return zone;
}

// `unit` empty: thresholds are scores.
GateCriterion judge_decisions(std::string_view name, const GateRows& rows, std::span<const float> unit,
                              std::span<const double> thresholds) {
  std::uint64_t same = 0;
  std::uint64_t acting = 0;
  for (std::size_t i = 0; i < rows.exact.size(); ++i) {
    const double one = unit.empty() ? 1.0 : double{unit[i]};
    const std::size_t zone = zone_of(double{rows.exact[i]}, one, thresholds);
    same += zone == zone_of(double{rows.quantized[i]}, one, thresholds);
    acting += zone != thresholds.size() / 2;
  }
  const auto count = static_cast<double>(rows.exact.size());
  return at_least(name, static_cast<double>(same) / count, kGateAgreementMin,
                  fmt::format("of rows on the same side of {}; {:.2f} % not between the middle ones",
                              unit.empty() ? fmt::format("{:.4g}", fmt::join(thresholds, ", "))
                                           : fmt::format("{:.4g} times the cost", fmt::join(thresholds, ", ")),
                              100.0 * static_cast<double>(acting) / count));
}

Result<void> check_rows(const GateRows& rows, const GateSettings& settings,
                        const std::optional<CarriedError>& carried) {
  const std::size_t count = rows.exact.size();
  if (count < kGateRowsMin || count > std::numeric_limits<std::uint32_t>::max()) {
    return cannot_judge("rows", fmt::format("{} or more that are held out", kGateRowsMin), fmt::format("{}", count));
  }
  for (const auto& other : {rows.quantized, rows.labels}) {
    if (other.size() != count) return cannot_judge("rows", fmt::format("{}", count), fmt::format("{}", other.size()));
  }
  if ((!rows.cost.empty() || !settings.cost_multiples.empty()) && rows.cost.size() != count) {
    return cannot_judge("cost", fmt::format("{} rows", count), fmt::format("{}", rows.cost.size()));
  }
  for (std::size_t i = 0; i < count; ++i) {
    for (const float score : {rows.exact[i], rows.quantized[i]}) {
      if (!std::isfinite(score))
        return cannot_judge(fmt::format("row {}", i), "a finite score", fmt::format("{}", score));
    }
  }
  const auto is_up = [](float label) { return label > 0; };
  const auto is_down = [](float label) { return label < 0; };
  if (std::ranges::none_of(rows.labels, is_up) || std::ranges::none_of(rows.labels, is_down)) {
    return cannot_judge("labels", "some above 0 and some below", "one sign only");
  }
  if (!std::ranges::is_sorted(settings.thresholds) || !std::ranges::is_sorted(settings.cost_multiples)) {
    return cannot_judge("thresholds", "ascending numbers", "others");
  }
  if (settings.thresholds.empty()) return cannot_judge("thresholds", "one at least", "none");
  if (settings.draws < 100) return cannot_judge("draws", "100 or more", fmt::format("{}", settings.draws));
  if (settings.block_rows < 1 || settings.block_rows > count / 10) {
    return cannot_judge("block_rows", fmt::format("1 to {}, a tenth of the rows", count / 10),
                        fmt::format("{}", settings.block_rows));
  }
  if (carried && carried->steps < kGateCarriedSteps) {
    return cannot_judge("carried steps", fmt::format("{} or more", kGateCarriedSteps),
                        fmt::format("{}", carried->steps));
  }
  return {};
}

// Both forms on the same draws of blocks: what they lose and win together falls out of the difference.
Result<GateCriterion> judge_edge(const GateRows& rows, const GateSettings& settings, GateReport& report) {
  const CountedAuc exact(rows.exact, rows.labels);
  const CountedAuc quantized(rows.quantized, rows.labels);
  const auto count = static_cast<std::uint32_t>(rows.exact.size());
  std::vector<std::uint32_t> counts(count, 1);
  report.auc_exact = exact(counts);
  report.auc_quantized = quantized(counts);
  // A score below 0.5 foretells too, the other way round.
  const double side = report.auc_exact < 0.5 ? -1.0 : 1.0;
  std::vector<double> of_exact;
  std::vector<double> losses;
  for (std::uint32_t draw = 0; draw < settings.draws; ++draw) {
    TT_TRY(const std::vector<std::uint32_t> sample, bootstrap_rows(count, settings.block_rows, settings.seed, draw));
    std::ranges::fill(counts, 0U);
    for (const std::uint32_t row : sample) ++counts[row];
    of_exact.push_back(exact(counts));
    losses.push_back(side * (of_exact.back() - quantized(counts)));
  }
  std::ranges::sort(of_exact);
  std::ranges::sort(losses);
  report.auc_exact_low = quantile(of_exact, 0.025);
  report.auc_exact_high = quantile(of_exact, 0.975);
  report.has_edge = report.auc_exact_low > 0.5 || report.auc_exact_high < 0.5;
  const double edge = side * (report.auc_exact - 0.5);
  GateCriterion lost =
      at_most("edge_lost", quantile(losses, 0.95) / edge, kGateLossMax,
              fmt::format("AUC {:.4f} [{:.4f}, {:.4f}] to {:.4f}; upper 95 % bound of {} draws of blocks of {}",
                          report.auc_exact, report.auc_exact_low, report.auc_exact_high, report.auc_quantized,
                          settings.draws, settings.block_rows));
  if (!report.has_edge) {
    lost.passed = true;
    lost.note = "no edge to lose: " + lost.note;
  }
  return lost;
}

}  // namespace

double spearman(std::span<const float> a, std::span<const float> b) {
  TT_CHECK(a.size() == b.size(), "one value a value");
  const std::vector<double> x = mean_ranks(a);
  const std::vector<double> y = mean_ranks(b);
  const double mean = (static_cast<double>(x.size()) - 1) / 2;
  double both = 0;
  double x_square = 0;
  double y_square = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    both += (x[i] - mean) * (y[i] - mean);
    x_square += (x[i] - mean) * (x[i] - mean);
    y_square += (y[i] - mean) * (y[i] - mean);
  }
  if (!(x_square > 0 && y_square > 0)) return std::numeric_limits<double>::quiet_NaN();
  return both / std::sqrt(x_square * y_square);
}

double CarriedError::growth() const noexcept {
  if (carried == 0.0) return restarted == 0.0 ? 1.0 : 0.0;
  return restarted > 0.0 ? carried / restarted : std::numeric_limits<double>::infinity();
}

bool GateReport::passed() const noexcept {
  return !criteria.empty() && std::ranges::all_of(criteria, &GateCriterion::passed);
}

Result<GateReport> judge_quantization(const GateRows& rows, const GateSettings& settings,
                                      const std::optional<CarriedError>& carried) {
  TT_TRY_VOID(check_rows(rows, settings, carried));
  GateReport report{.rows = rows.exact.size(),
                    .block_rows = settings.block_rows,
                    .draws = settings.draws,
                    .seed = settings.seed,
                    .thresholds = settings.thresholds,
                    .cost_multiples = settings.cost_multiples,
                    .criteria = {}};
  report.criteria.push_back(
      at_most("error", quantization_error(rows.quantized, rows.exact), kGateErrorMax, "RMS(q - f) / std(f)"));
  report.criteria.push_back(at_least("spearman", spearman(rows.quantized, rows.exact), kGateSpearmanMin));
  report.criteria.push_back(judge_decisions("decisions", rows, {}, settings.thresholds));
  if (!settings.cost_multiples.empty()) {
    report.criteria.push_back(judge_decisions("deployed", rows, rows.cost, settings.cost_multiples));
  }
  TT_TRY(GateCriterion edge, judge_edge(rows, settings, report));
  report.criteria.push_back(std::move(edge));
  if (carried) {
    report.criteria.push_back(
        at_most("growth", carried->growth(), kGateGrowthMax,
                fmt::format("RMS {:.3g} after {} carried steps, {:.3g} of a fresh start on the same {} rows",
                            carried->carried, carried->steps, carried->restarted, carried->compared)));
  }
  return report;
}

}  // namespace thintail
