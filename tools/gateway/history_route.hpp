// SPDX-License-Identifier: Apache-2.0
// GET /api/v1/history/{symbol}/{timeframe}: bars of the core's memory, its journals and imported files, as one series.
#pragma once

#include <vector>

#include "tools/gateway/routes.hpp"

namespace thintail::gateway {

void add_history_route(std::vector<http::Route>& routes, const Parts& parts);

}  // namespace thintail::gateway
