// SPDX-License-Identifier: Apache-2.0
// POST /api/v1/predict: scores of given rows, of an instrument's newest tick, or of its features as they were at a time.
#pragma once

#include <vector>

#include "tools/gateway/routes.hpp"

namespace thintail::gateway {

void add_predict_route(std::vector<http::Route>& routes, const Parts& parts);

}  // namespace thintail::gateway
