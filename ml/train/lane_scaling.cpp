// SPDX-License-Identifier: Apache-2.0
#include "ml/train/lane_scaling.hpp"

#include <algorithm>
#include <cmath>

namespace thintail {

std::vector<LaneScaling> fit_scaling(std::span<const float> rows, std::size_t lanes, float clip) {
  std::vector<LaneScaling> out(lanes, LaneScaling{.mean = 0.0f, .per_unit = 1.0f, .clip = clip});
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    double count = 0;
    double mean = 0;
    double square = 0;
    for (std::size_t at = lane; at < rows.size(); at += lanes) {
      if (std::isnan(rows[at])) continue;
      count += 1;
      const double off = double{rows[at]} - mean;
      mean += off / count;
      square += off * (double{rows[at]} - mean);
    }
    const double deviation = count > 1 ? std::sqrt(square / count) : 0.0;
    out[lane].mean = static_cast<float>(mean);
    // What is left of a constant by rounding is no deviation.
    if (deviation > 1e-6 * std::abs(mean) && deviation > 1e-30)
      out[lane].per_unit = static_cast<float>(1.0 / deviation);
  }
  return out;
}

std::vector<float> network_rows(std::span<const float> rows, std::size_t width, std::span<const std::uint16_t> lanes,
                                std::span<const LaneScaling> scaling) {
  std::vector<float> out;
  out.reserve(rows.size() / width * lanes.size());
  for (std::size_t at = 0; at + width <= rows.size(); at += width) {
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      const float value = rows[at + lanes[i]];
      if (std::isnan(value)) {
        out.push_back(0.0f);
      } else if (scaling.empty()) {
        out.push_back(value);
      } else {
        out.push_back(std::clamp((value - scaling[i].mean) * scaling[i].per_unit, -scaling[i].clip, scaling[i].clip));
      }
    }
  }
  return out;
}

}  // namespace thintail
