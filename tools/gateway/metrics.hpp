// SPDX-License-Identifier: Apache-2.0
// The core's and the gateway's state as Prometheus text (version 0.0.4).
//   path     cold
//   threads  the model is read: hold its lock
#pragma once

#include <string>
#include <vector>

#include "tools/gateway/json_views.hpp"

namespace thintail::gateway {

std::string metrics_text(const CoreModel& model, const std::vector<StageHistory>& stages, const GatewayFacts& facts,
                         std::int64_t now_ns);

}  // namespace thintail::gateway
