// SPDX-License-Identifier: Apache-2.0
#include "ml/regime/hmm_fit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/numeric/split_mix.hpp"

namespace thintail {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::size_t kIterationsFirst = 15;
constexpr std::size_t kFinalists = 3;

using numeric::SplitMix;

// The rows with the sequences that they make.
struct Rows {
  std::span<const float> values;
  std::size_t features;
  std::vector<std::size_t> starts;  // the first is 0; the last is the row count, which ends the last sequence

  std::size_t size() const { return starts.back(); }
  std::span<const float> row(std::size_t t) const { return values.subspan(t * features, features); }
  bool has(std::size_t t, std::size_t f) const { return __builtin_isfinite(values[t * features + f]); }
  double at(std::size_t t, std::size_t f) const { return static_cast<double>(values[t * features + f]); }
};

struct Moments {
  double mean = 0.0;
  double variance = 0.0;
  double weight = 0.0;
};

// Two passes, so that nothing cancels. `weight(t)` is at least 0.
template <class Weight>
Moments moments_of(const Rows& rows, std::size_t f, const Weight& weight) {
  Moments out;
  for (std::size_t t = 0; t < rows.size(); ++t) {
    if (!rows.has(t, f)) continue;
    out.weight += weight(t);
    out.mean += weight(t) * rows.at(t, f);
  }
  if (!(out.weight > 0.0)) return {};
  out.mean /= out.weight;
  for (std::size_t t = 0; t < rows.size(); ++t) {
    if (!rows.has(t, f)) continue;
    const double d = rows.at(t, f) - out.mean;
    out.variance += weight(t) * (d * d);
  }
  out.variance /= out.weight;
  return out;
}

// What k-means sees of a row: for each feature the mean and log2 of the spread in the window about it, each scaled to variance 1.
class WindowPoints {
 public:
  WindowPoints(const Rows& rows, std::span<const Moments> overall, std::uint32_t window_rows)
      : width_(2 * rows.features), values_(rows.size() * width_) {
    const std::size_t reach = window_rows / 2;
    for (std::size_t s = 0; s + 1 < rows.starts.size(); ++s) {
      const std::size_t first = rows.starts[s];
      const std::size_t end = rows.starts[s + 1];
      for (std::size_t f = 0; f < rows.features; ++f) {
        double count = 0.0, sum = 0.0, squares = 0.0;
        const auto add = [&](std::size_t t, double sign) {
          if (!rows.has(t, f)) return;
          const double d = rows.at(t, f) - overall[f].mean;
          count += sign;
          sum += sign * d;
          squares += sign * d * d;
        };
        for (std::size_t t = first; t < std::min(end, first + reach); ++t) add(t, 1.0);
        for (std::size_t t = first; t < end; ++t) {
          if (t + reach < end) add(t + reach, 1.0);
          if (t > first + reach) add(t - reach - 1, -1.0);
          const double mean = count > 0.0 ? sum / count : 0.0;
          const double variance = count > 0.0 ? squares / count - mean * mean : overall[f].variance;
          values_[t * width_ + 2 * f] = mean;
          // The floor also covers what the running sums lose.
          values_[t * width_ + 2 * f + 1] = 0.5 * numeric::log2(std::max(variance, 1e-6 * overall[f].variance));
        }
      }
    }
    for (std::size_t i = 0; i < width_; ++i) standardise(i);
  }

  std::size_t size() const { return values_.size() / width_; }
  std::size_t width() const { return width_; }
  std::span<const double> at(std::size_t t) const { return std::span(values_).subspan(t * width_, width_); }

 private:
  void standardise(std::size_t i) {
    const auto n = static_cast<double>(size());
    double mean = 0.0;
    double variance = 0.0;
    for (std::size_t t = 0; t < size(); ++t) mean += values_[t * width_ + i] / n;
    for (std::size_t t = 0; t < size(); ++t) {
      const double d = values_[t * width_ + i] - mean;
      variance += d * d / n;
    }
    const double scale = variance > 0.0 ? 1.0 / __builtin_sqrt(variance) : 0.0;
    for (std::size_t t = 0; t < size(); ++t) values_[t * width_ + i] = (values_[t * width_ + i] - mean) * scale;
  }

  std::size_t width_;
  std::vector<double> values_;
};

double distance(std::span<const double> a, std::span<const double> b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

// The cluster of every point; the first `clusters` numbers. Centres are sought among every n-th point only, at most kPointsMax.
std::vector<std::uint8_t> k_means(const WindowPoints& points, std::uint32_t clusters, SplitMix& random) {
  constexpr std::size_t kPointsMax = 20'000;
  constexpr int kRounds = 25;
  const std::size_t stride = 1 + points.size() / kPointsMax;
  std::vector<std::size_t> sample;
  for (std::size_t t = 0; t < points.size(); t += stride) sample.push_back(t);

  std::vector<std::vector<double>> centres;
  const auto add_centre = [&](std::size_t t) { centres.emplace_back(points.at(t).begin(), points.at(t).end()); };
  add_centre(sample[random.below(sample.size())]);
  std::vector<double> nearest(sample.size(), kInfinity);
  while (centres.size() < clusters) {
    double total = 0.0;
    for (std::size_t i = 0; i < sample.size(); ++i) {
      nearest[i] = std::min(nearest[i], distance(points.at(sample[i]), centres.back()));
      total += nearest[i];
    }
    // A point is drawn with a probability that grows with its squared distance.
    double left = random.uniform() * total;
    std::size_t chosen = 0;
    while (chosen + 1 < sample.size() && (left -= nearest[chosen]) >= 0.0) ++chosen;
    add_centre(sample[chosen]);
  }
  const auto closest = [&](std::size_t t) {
    std::uint8_t best = 0;
    for (std::uint8_t c = 1; c < clusters; ++c) {
      if (distance(points.at(t), centres[c]) < distance(points.at(t), centres[best])) best = c;
    }
    return best;
  };
  for (int round = 0; round < kRounds; ++round) {
    std::vector<std::vector<double>> sums(clusters, std::vector<double>(points.width()));
    std::vector<double> counts(clusters);
    for (const std::size_t t : sample) {
      const std::uint8_t c = closest(t);
      counts[c] += 1.0;
      for (std::size_t i = 0; i < points.width(); ++i) sums[c][i] += points.at(t)[i];
    }
    for (std::uint32_t c = 0; c < clusters; ++c) {
      if (counts[c] == 0.0) continue;  // an empty cluster keeps its centre
      for (std::size_t i = 0; i < points.width(); ++i) centres[c][i] = sums[c][i] / counts[c];
    }
  }
  std::vector<std::uint8_t> out(points.size());
  for (std::size_t t = 0; t < points.size(); ++t) out[t] = closest(t);
  return out;
}

class BaumWelch {
 public:
  BaumWelch(const Rows& rows, std::span<const Moments> overall, const HmmFitOptions& options)
      : rows_(rows),
        overall_(overall),
        options_(options),
        states_(options.states),
        gamma_(rows.size() * states_),
        likely_(rows.size() * states_) {}

  // Goes on from `fit` until it has converged or has made `iterations` in all.
  void improve(HmmFit& fit, std::size_t iterations) {
    const double begin = expect(fit.hmm);
    if (fit.log2_likelihood.empty()) fit.log2_likelihood.push_back(begin);
    while (!fit.converged && fit.log2_likelihood.size() <= iterations) {
      maximise(fit.hmm);
      const double before = fit.log2_likelihood.back();
      fit.log2_likelihood.push_back(expect(fit.hmm));
      fit.converged = fit.log2_likelihood.back() - before < options_.gain_min * static_cast<double>(rows_.size());
    }
  }

 private:
  double floor_of(std::size_t f) const {
    return std::max(GaussianHmm::kVarianceMin, options_.variance_floor * overall_[f].variance);
  }

  // Fills gamma_, pairs_ and begin_; returns log2 of the likelihood of all rows.
  double expect(const GaussianHmm& hmm) {
    pairs_ = {};
    begin_ = {};
    const HmmEmissions emissions(hmm);
    double likelihood = 0.0;
    for (std::size_t s = 0; s + 1 < rows_.starts.size(); ++s) {
      likelihood += forward(hmm, emissions, rows_.starts[s], rows_.starts[s + 1]);
      backward(hmm, rows_.starts[s], rows_.starts[s + 1]);
    }
    return likelihood;
  }

  // Filtered probabilities into gamma_, relative densities into likely_; as HmmFilter::step().
  double forward(const GaussianHmm& hmm, const HmmEmissions& emissions, std::size_t first, std::size_t end) {
    double likelihood = 0.0;
    for (std::size_t t = first; t < end; ++t) {
      StateLanes predicted{};
      if (t == first) {
        predicted = hmm.initial;
      } else {
        for (std::size_t i = 0; i < states_; ++i) {
          for (std::size_t j = 0; j < states_; ++j)
            predicted[j] += gamma_[(t - 1) * states_ + i] * hmm.transition[i][j];
        }
      }
      StateLanes score;
      emissions.score(rows_.row(t), score);
      double best = -kInfinity;
      for (std::size_t j = 0; j < states_; ++j) {
        if (predicted[j] > 0.0) best = std::max(best, score[j]);
      }
      double sum = 0.0;
      for (std::size_t j = 0; j < states_; ++j) {
        // A state that cannot be gets 0 here as well, so that the backward pass does not count what is impossible.
        likely_[t * states_ + j] = predicted[j] > 0.0 ? numeric::exp2(score[j] - best) : 0.0;
        gamma_[t * states_ + j] = predicted[j] * likely_[t * states_ + j];
        sum += gamma_[t * states_ + j];
      }
      for (std::size_t j = 0; j < states_; ++j) gamma_[t * states_ + j] /= sum;
      likelihood += best + numeric::log2(sum);
    }
    return likelihood;
  }

  // Turns gamma_ into the probabilities given all rows of the sequence and adds up the expected transitions. Only ratios of beta
  // count, so it is scaled to sum to 1 at each row.
  void backward(const GaussianHmm& hmm, std::size_t first, std::size_t end) {
    StateLanes beta{};
    for (std::size_t i = 0; i < states_; ++i) beta[i] = 1.0;
    for (std::size_t t = end - 1; t-- > first;) {
      StateLanes ahead{};
      for (std::size_t j = 0; j < states_; ++j) ahead[j] = likely_[(t + 1) * states_ + j] * beta[j];
      std::array<StateLanes, kHmmStatesMax> pair{};
      StateLanes row{};
      double total = 0.0;
      double scale = 0.0;
      for (std::size_t i = 0; i < states_; ++i) {
        for (std::size_t j = 0; j < states_; ++j) {
          const double step = hmm.transition[i][j] * ahead[j];
          row[i] += step;
          pair[i][j] = gamma_[t * states_ + i] * step;
          total += pair[i][j];
        }
        scale += row[i];
      }
      // Where even that underflows (rows a thousand bits apart) the filtered probabilities stand, and no transition is counted.
      if (!(total > 0.0)) continue;
      double sum = 0.0;
      for (std::size_t i = 0; i < states_; ++i) {
        beta[i] = row[i] / scale;
        for (std::size_t j = 0; j < states_; ++j) pairs_[i][j] += pair[i][j] / total;
        gamma_[t * states_ + i] *= beta[i];
        sum += gamma_[t * states_ + i];
      }
      for (std::size_t i = 0; i < states_; ++i) gamma_[t * states_ + i] /= sum;
    }
    for (std::size_t i = 0; i < states_; ++i) begin_[i] += gamma_[first * states_ + i];
  }

  void maximise(GaussianHmm& hmm) const {
    const double sequences = std::accumulate(begin_.begin(), begin_.end(), 0.0);
    for (std::size_t i = 0; i < states_; ++i) {
      hmm.initial[i] = begin_[i] / sequences;
      const double leaving = std::accumulate(pairs_[i].begin(), pairs_[i].end(), 0.0);
      if (!(leaving > 0.0)) continue;  // a state that nobody left keeps its row
      for (std::size_t j = 0; j < states_; ++j) hmm.transition[i][j] = pairs_[i][j] / leaving;
    }
    for (std::size_t i = 0; i < states_; ++i) {
      for (std::size_t f = 0; f < rows_.features; ++f) {
        const Moments moments = moments_of(rows_, f, [&](std::size_t t) { return gamma_[t * states_ + i]; });
        if (!(moments.weight > 0.0)) continue;
        hmm.mean[i][f] = moments.mean;
        hmm.variance[i][f] = std::max(moments.variance, floor_of(f));
      }
    }
  }

  const Rows& rows_;
  std::span<const Moments> overall_;
  const HmmFitOptions& options_;
  std::size_t states_;
  std::vector<double> gamma_;
  std::vector<double> likely_;
  std::array<StateLanes, kHmmStatesMax> pairs_{};
  StateLanes begin_{};
};

GaussianHmm seed_of(const Rows& rows, std::span<const Moments> overall, const HmmFitOptions& options,
                    std::span<const std::uint8_t> cluster) {
  GaussianHmm hmm{.states = options.states,
                  .features = static_cast<std::uint32_t>(rows.features),
                  .trend_feature = options.trend_feature,
                  .volatility_feature = options.volatility_feature};
  for (std::uint32_t i = 0; i < hmm.states; ++i) {
    hmm.initial[i] = 1.0 / static_cast<double>(hmm.states);
    // One step to everywhere: what EM begins at 0 it leaves at 0.
    for (std::uint32_t j = 0; j < hmm.states; ++j) hmm.transition[i][j] = 1.0;
    for (std::size_t f = 0; f < rows.features; ++f) {
      const Moments own = moments_of(rows, f, [&](std::size_t t) { return cluster[t] == i ? 1.0 : 0.0; });
      const double floor = std::max(GaussianHmm::kVarianceMin, 1e-3 * overall[f].variance);
      hmm.mean[i][f] = own.weight > 0.0 ? own.mean : overall[f].mean;
      hmm.variance[i][f] = std::max(own.weight > 0.0 ? own.variance : overall[f].variance, floor);
    }
  }
  for (std::size_t s = 0; s + 1 < rows.starts.size(); ++s) {
    for (std::size_t t = rows.starts[s] + 1; t < rows.starts[s + 1]; ++t)
      hmm.transition[cluster[t - 1]][cluster[t]] += 1.0;
  }
  for (std::uint32_t i = 0; i < hmm.states; ++i) {
    const double sum = std::accumulate(hmm.transition[i].begin(), hmm.transition[i].end(), 0.0);
    for (std::uint32_t j = 0; j < hmm.states; ++j) hmm.transition[i][j] /= sum;
  }
  return hmm;
}

// Calm states first, so that fits can be compared by eye.
GaussianHmm ordered(const GaussianHmm& hmm) {
  std::array<std::uint32_t, kHmmStatesMax> order{};
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.begin() + hmm.states, [&](std::uint32_t a, std::uint32_t b) {
    return hmm.volatility_feature != kNoHmmFeature
               ? hmm.mean[a][hmm.volatility_feature] < hmm.mean[b][hmm.volatility_feature]
               : hmm.variance[a][hmm.trend_feature] < hmm.variance[b][hmm.trend_feature];
  });
  GaussianHmm out = hmm;
  for (std::uint32_t i = 0; i < hmm.states; ++i) {
    out.initial[i] = hmm.initial[order[i]];
    out.mean[i] = hmm.mean[order[i]];
    out.variance[i] = hmm.variance[order[i]];
    for (std::uint32_t j = 0; j < hmm.states; ++j) out.transition[i][j] = hmm.transition[order[i]][order[j]];
  }
  return out;
}

Result<void> check(std::span<const float> rows, std::uint32_t features, std::span<const std::size_t> starts,
                   const HmmFitOptions& options) {
  const auto refuse = [](std::string field, std::string expected, std::string found) -> Result<void> {
    return fail({.code = ErrorCode::training_failed,
                 .doing = "fitting a regime model",
                 .field = std::move(field),
                 .expected = std::move(expected),
                 .found = std::move(found)});
  };
  if (features < 1 || features > kHmmFeaturesMax)
    return refuse("features", fmt::format("1 to {}", kHmmFeaturesMax), fmt::format("{}", features));
  if (options.states < 2 || options.states > kHmmStatesMax)
    return refuse("states", fmt::format("2 to {}", kHmmStatesMax), fmt::format("{}", options.states));
  if (options.trend_feature >= features)
    return refuse("trend_feature", fmt::format("one of {} features", features),
                  fmt::format("number {}", options.trend_feature));
  if (options.volatility_feature != kNoHmmFeature && options.volatility_feature >= features)
    return refuse("volatility_feature", fmt::format("one of {} features", features),
                  fmt::format("number {}", options.volatility_feature));
  if (options.restarts < 1 || options.restarts > 100)
    return refuse("restarts", "1 to 100", fmt::format("{}", options.restarts));
  // Written to accept: a NaN lies within no bounds.
  if (!(options.variance_floor >= 0.0 && options.variance_floor <= 1.0))
    return refuse("variance_floor", "a number from 0 to 1", fmt::format("{}", options.variance_floor));
  const std::size_t count = rows.size() / features;
  if (rows.size() % features != 0)
    return refuse("rows", fmt::format("whole rows of {} features", features), fmt::format("{} numbers", rows.size()));
  // Fewer could not tell the parameters of so many states.
  const std::size_t rows_min = std::size_t{10} * options.states;
  if (count < rows_min) return refuse("rows", fmt::format("at least {} rows", rows_min), fmt::format("{}", count));
  std::size_t before = 0;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    if (starts[i] >= count || (i > 0 && starts[i] <= before))
      return refuse(fmt::format("starts[{}]", i), fmt::format("ascending row numbers below {}", count),
                    fmt::format("{}", starts[i]));
    before = starts[i];
  }
  return {};
}

}  // namespace

Result<HmmFit> fit_hmm(std::span<const float> values, std::uint32_t features, std::span<const std::size_t> starts,
                       const HmmFitOptions& options) {
  TT_TRY_VOID(check(values, features, starts, options));
  Rows rows{.values = values, .features = features, .starts = {0}};
  for (const std::size_t start : starts) {
    if (start != 0) rows.starts.push_back(start);
  }
  rows.starts.push_back(values.size() / features);

  std::vector<Moments> overall;
  for (std::size_t f = 0; f < features; ++f) {
    overall.push_back(moments_of(rows, f, [](std::size_t) { return 1.0; }));
    if (!(overall[f].variance >= GaussianHmm::kVarianceMin && overall[f].variance <= GaussianHmm::kVarianceMax)) {
      return fail({.code = ErrorCode::training_failed,
                   .doing = "fitting a regime model",
                   .field = fmt::format("feature {}", f),
                   .expected = fmt::format("values whose variance is {} to {}", GaussianHmm::kVarianceMin,
                                           GaussianHmm::kVarianceMax),
                   .found = overall[f].weight > 0.0 ? fmt::format("{}", overall[f].variance) : "no value at all"});
    }
  }
  // EM ends at the nearest peak, so many seeds get a few iterations each, and the most promising go all the way. Windows of
  // three lengths: long ones tell spreads apart, single rows short regimes.
  BaumWelch search(rows, overall, options);
  SplitMix random(options.seed);
  std::vector<HmmFit> fits;
  for (const std::uint32_t window : {options.window_rows, 1 + options.window_rows / 3, 1U}) {
    const WindowPoints points(rows, overall, window);
    for (std::uint32_t i = 0; i < options.restarts; ++i) {
      HmmFit& fit = fits.emplace_back(HmmFit{
          .hmm = seed_of(rows, overall, options, k_means(points, options.states, random)), .log2_likelihood = {}});
      search.improve(fit, std::min<std::size_t>(kIterationsFirst, options.iterations_max));
    }
  }
  const auto more_likely = [](const HmmFit& a, const HmmFit& b) {
    return a.log2_likelihood.back() > b.log2_likelihood.back();
  };
  std::ranges::stable_sort(fits, more_likely);
  fits.resize(std::min(fits.size(), kFinalists));
  for (HmmFit& fit : fits) search.improve(fit, options.iterations_max);
  HmmFit best = std::move(*std::ranges::min_element(fits, more_likely));
  best.hmm = ordered(best.hmm);
  if (auto valid = best.hmm.validate(); !valid) {
    valid.error().code = ErrorCode::training_failed;
    return fail(std::move(valid.error()));
  }
  return best;
}

}  // namespace thintail
