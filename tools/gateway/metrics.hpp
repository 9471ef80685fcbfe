// SPDX-License-Identifier: Apache-2.0
// The core's and the gateway's state as Prometheus text (version 0.0.4).
//   path     cold
//   threads  the model is read: hold its lock
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "core/histogram/histogram.hpp"
#include "tools/gateway/json_views.hpp"
#include "tools/gateway/thread_cpu.hpp"
#include "tools/gateway/train_jobs.hpp"

namespace thintail::gateway {

class GapSampler;

// What is asked of the system when somebody scrapes.
struct MachineFacts {
  std::vector<ThreadCpu> core_threads;  // empty: the core does not run
  std::vector<ThreadCpu> gateway_threads;
  HistogramSnapshot gaps;
  std::array<std::uint64_t, kJobStates> jobs{};  // of those that are remembered
  std::optional<double> job_progress;  // of the one that runs
};

// `jobs` and `gaps` may be null. Reads /proc: not under the model's lock.
MachineFacts machine_facts(const SharedModel& model, const TrainJobs* jobs, const GapSampler* gaps);

std::string metrics_text(const CoreModel& model, const std::vector<StageHistory>& stages, const GatewayFacts& facts,
                         const MachineFacts& machine, std::int64_t now_ns);

}  // namespace thintail::gateway
