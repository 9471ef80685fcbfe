// SPDX-License-Identifier: Apache-2.0
// The suite `transport`: what it costs to hand an event from one core, thread or process to another.
//   path  cold
#pragma once

#include "bench/harness/harness.hpp"

namespace thintail::bench {

Suite transport_suite();

// The cases.
Result<std::vector<CaseResult>> one_way_latency(const Options& options);
Result<std::vector<CaseResult>> one_way_latency_ipc(const Options& options);
Result<std::vector<CaseResult>> throughput(const Options& options);
Result<std::vector<CaseResult>> throughput_ipc(const Options& options);
Result<std::vector<CaseResult>> publish(const Options& options);
Result<std::vector<CaseResult>> observers(const Options& options);
Result<std::vector<CaseResult>> table_read(const Options& options);
Result<std::vector<CaseResult>> command_queue(const Options& options);
Result<std::vector<CaseResult>> bookkeeping(const Options& options);
Result<std::vector<CaseResult>> attach(const Options& options);

}  // namespace thintail::bench
