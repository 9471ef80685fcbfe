// SPDX-License-Identifier: Apache-2.0
// AUC by ranks (Mann-Whitney), and correlation in two passes.
#include "ml/train/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "core/base/assert.hpp"

namespace thintail {

double auc_of_sign(std::span<const float> scores, std::span<const float> labels) {
  TT_CHECK(scores.size() == labels.size(), "one score a label");
  std::vector<std::pair<float, bool>> rows;  // score, whether the label is positive
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (labels[i] > 0 || labels[i] < 0) rows.emplace_back(scores[i], labels[i] > 0);
  }
  std::ranges::sort(rows);
  // The positives' ranks from 1, those of equal scores averaged.
  double rank_sum = 0;
  std::uint64_t positives = 0;
  for (std::size_t first = 0; first < rows.size();) {
    std::size_t last = first;
    std::uint64_t positives_here = 0;
    for (; last < rows.size() && rows[last].first == rows[first].first; ++last) positives_here += rows[last].second;
    rank_sum += static_cast<double>(positives_here) * static_cast<double>(first + 1 + last) / 2;
    positives += positives_here;
    first = last;
  }
  const std::uint64_t negatives = rows.size() - positives;
  if (positives == 0 || negatives == 0) return std::numeric_limits<double>::quiet_NaN();
  const auto p = static_cast<double>(positives);
  return (rank_sum - p * (p + 1) / 2) / (p * static_cast<double>(negatives));
}

double correlation(std::span<const float> scores, std::span<const float> labels) {
  TT_CHECK(scores.size() == labels.size(), "one score a label");
  const auto mean = [](std::span<const float> values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  };
  const double score_mean = mean(scores);
  const double label_mean = mean(labels);
  double both = 0;
  double score_square = 0;
  double label_square = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const double score = scores[i] - score_mean;
    const double label = labels[i] - label_mean;
    both += score * label;
    score_square += score * score;
    label_square += label * label;
  }
  if (!(score_square > 0 && label_square > 0)) return std::numeric_limits<double>::quiet_NaN();
  return both / std::sqrt(score_square * label_square);
}

}  // namespace thintail
