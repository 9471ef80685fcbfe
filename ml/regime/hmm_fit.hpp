// SPDX-License-Identifier: Apache-2.0
// fit_hmm: the parameters under which past rows are most likely, by Baum-Welch from seeds found by k-means.
//   path       cold
//   invariant  deterministic: the same rows and options give the same bits on every machine. Each iteration raises the likelihood
//              or leaves it, unless a variance is held at its floor.
//   source     Rabiner (1989), with missing features left out of emissions and of their sums; Arthur & Vassilvitskii (2007) for the
//              seeds
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/error.hpp"
#include "ml/regime/gaussian_hmm.hpp"

namespace thintail {

struct HmmFitOptions {
  std::uint32_t states = 4;
  std::uint32_t trend_feature = 0;
  std::uint32_t volatility_feature = kNoHmmFeature;
  std::uint32_t iterations_max = 200;
  double gain_min = 1e-7;  // log2 units a row; an iteration that gains less is the last
  std::uint32_t restarts = 4;  // seeds tried at each of three window lengths; the most likely result is kept
  std::uint64_t seed = 1;
  // Seeds are clusters of windows of up to so many rows, by each feature's mean and spread there: single rows of regimes that differ
  // only in spread lie on top of each other.
  std::uint32_t window_rows = 21;
  double variance_floor = 1e-6;  // times the feature's variance over all rows: a state cannot close in on one row
};

struct HmmFit {
  GaussianHmm hmm;  // states ordered by volatility, calm first
  std::vector<double> log2_likelihood;  // before each iteration, and of the result
  bool converged = false;
};

// `rows` holds whole rows of `features` numbers, one after the other; those that are not finite are missing. At each index of
// `starts` (ascending) a new sequence begins, since the row before it lies beyond a gap; row 0 always starts one.
Result<HmmFit> fit_hmm(std::span<const float> rows, std::uint32_t features, std::span<const std::size_t> starts,
                       const HmmFitOptions& options);

}  // namespace thintail
