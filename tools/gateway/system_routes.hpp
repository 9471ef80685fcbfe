// SPDX-License-Identifier: Apache-2.0
// add_system_routes: the part of the gateway's table that system_routes.cpp holds.
//   path  cold
#pragma once

#include <vector>

#include "tools/gateway/routes.hpp"

namespace thintail::gateway {

void add_system_routes(std::vector<http::Route>& routes, const Parts& parts);

}  // namespace thintail::gateway
