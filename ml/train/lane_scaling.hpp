// SPDX-License-Identifier: Apache-2.0
// Scaling of lanes for networks, from the rows that one trains on: mean 0 and deviation 1, held within a clip, missing 0.
//   path  cold
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ml/predictor/decision_model.hpp"

namespace thintail {

// One a lane, of what is defined in `rows` (NaN: undefined). A lane that never moves is only centred.
std::vector<LaneScaling> fit_scaling(std::span<const float> rows, std::size_t lanes, float clip);

// Rows of `width` lanes as a network takes them that reads `lanes` of each, in that order. Without scaling: values as they
// are. REQUIRES: lanes below `width`; one scaling a lane, or none.
std::vector<float> network_rows(std::span<const float> rows, std::size_t width, std::span<const std::uint16_t> lanes,
                                std::span<const LaneScaling> scaling);

}  // namespace thintail
