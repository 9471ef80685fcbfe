// SPDX-License-Identifier: Apache-2.0
// One table of routes for all instances of a gateway: each request goes to the handlers of the instance that it names.
//   path  cold
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "adapters/http/route.hpp"
#include "tools/gateway/circuit_breaker.hpp"
#include "tools/gateway/core_model.hpp"

namespace thintail::gateway {

using InstanceTable = std::pair<std::string, std::vector<http::Route>>;

// Reads of the journals: while they fail or take too long, they are answered at once. `breaker` outlives the routes.
void guard_journal_reads(std::vector<http::Route>& routes, CircuitBreaker& breaker);

// The newest quotes are asked for far more often than they change: a reply is made once for all who ask for it within a millisecond, unless
// an event comes between. `model` outlives the routes.
void share_quotes(std::vector<http::Route>& routes, const SharedModel& model);

// REQUIRES: at least one table, all made by the same function. What is asked of all of them, without a name (health), is every instance's
// answer together.
std::vector<http::Route> joined_routes(std::vector<InstanceTable> tables);

}  // namespace thintail::gateway
