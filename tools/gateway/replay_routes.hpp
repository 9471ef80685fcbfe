// SPDX-License-Identifier: Apache-2.0
// Routes of a replay that is played for watching: where it stands, how fast it goes, whether it rests.
#pragma once

#include <vector>

#include "tools/gateway/routes.hpp"

namespace thintail::gateway {

void add_replay_routes(std::vector<http::Route>& routes, const Parts& parts);

}  // namespace thintail::gateway
