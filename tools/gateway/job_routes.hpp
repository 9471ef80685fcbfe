// SPDX-License-Identifier: Apache-2.0
// Routes of jobs: a training begun, listed, followed and ended.
#pragma once

#include <vector>

#include "tools/gateway/routes.hpp"

namespace thintail::gateway {

// None where the gateway has no place for jobs (Parts::jobs is null).
void add_job_routes(std::vector<http::Route>& routes, const Parts& parts);

}  // namespace thintail::gateway
