// SPDX-License-Identifier: Apache-2.0
// The suite `gateway`: a core seen through thintail-gateway, by clients in other processes.
//   path  cold
#pragma once

#include "bench/harness/harness.hpp"
#include "bench/spine/work.hpp"

namespace thintail::bench {

Suite gateway_suite();

Result<std::vector<CaseResult>> rest_quotes(const Options& options);
Result<std::vector<CaseResult>> rest_auth(const Options& options);
Result<std::vector<CaseResult>> history_page(const Options& options);
Result<std::vector<CaseResult>> ws_fanout_100(const Options& options);
Result<std::vector<CaseResult>> ws_clients_1000(const Options& options);
Result<std::vector<CaseResult>> ws_stalled_100(const Options& options);
Result<std::vector<CaseResult>> event_to_socket(const Options& options);
Result<std::vector<CaseResult>> idle_memory(const Options& options);
Result<std::vector<CaseResult>> core_under_load(Workshop& shop, const Options& options);

}  // namespace thintail::bench
