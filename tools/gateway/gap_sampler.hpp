// SPDX-License-Identifier: Apache-2.0
// GapSampler: how late the machine wakes a thread, core by core: what no latency measured on it can be below.
//   path     cold: 8 wakes a core each second, at most 64; it sleeps in between
//   threads  its own; snapshot(): any
//
// Like cyclictest: a thread pinned to one core after the other sleeps to points 1 ms apart and measures how far past them it runs. CPUs
// that threads of a core are pinned to are left out, unless there are no others.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/histogram/histogram.hpp"
#include "tools/gateway/core_cpus.hpp"

namespace thintail::gateway {

class GapSampler {
 public:
  GapSampler();
  ~GapSampler();
  GapSampler(const GapSampler&) = delete;
  GapSampler& operator=(const GapSampler&) = delete;

  void start(PinnedCpus pinned = {});
  void stop();
  // Since start(). count 0: nothing was measured.
  HistogramSnapshot snapshot() const { return lateness_->snapshot(); }

 private:
  void run();
  std::vector<int> cores() const;
  // True where stop() was called meanwhile.
  bool rest();

  std::unique_ptr<Histogram> lateness_;
  PinnedCpus pinned_;
  std::vector<int> allowed_;  // before the thread moved itself
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;  // under mutex_
  std::thread thread_;
};

}  // namespace thintail::gateway
