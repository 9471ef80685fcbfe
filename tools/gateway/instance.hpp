// SPDX-License-Identifier: Apache-2.0
// Instance: one core as the gateway sees it: its feed, model, journals, packs, jobs, commands and streams. A gateway has one or several.
//   path     cold
//   threads  the feed's and what it starts; every member may be called from any other
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/base/error.hpp"
#include "tools/gateway/bar_store.hpp"
#include "tools/gateway/circuit_breaker.hpp"
#include "tools/gateway/core_cpus.hpp"
#include "tools/gateway/gateway.hpp"
#include "tools/gateway/routes.hpp"
#include "tools/gateway/thread_cpu.hpp"

namespace thintail::gateway {

class Instance {
 public:
  // Of `options` the name, model and state folder are replaced by the three behind it. start() begins.
  static Result<std::unique_ptr<Instance>> make(const GatewayOptions& options, std::string name, std::string model_path,
                                                std::string state_directory, const GapSampler& gaps, PinnedCpus pinned,
                                                bool has_dashboard);
  ~Instance();  // stop()
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  void start();
  void stop();
  // Once a second: kills that wait on disk, and breakers before what is well again.
  void tend();
  // Open streams are told to come back.
  void close_streams();

  const std::string& name() const noexcept { return options_.instance; }
  const SharedModel& model() const noexcept { return model_; }
  Parts parts();
  CircuitBreaker& journal_breaker() noexcept { return journal_breaker_; }

 private:
  Instance(GatewayOptions options, const GapSampler& gaps, bool has_dashboard);

  GatewayFacts facts() const;
  void look_at_disk();

  GatewayOptions options_;
  SharedModel model_;
  std::optional<JournalHistory> history_;
  std::optional<CommandDesk> desk_;
  CircuitBreaker journal_breaker_{{.upstream = "journal"}};
  std::shared_ptr<SocketHub> hub_;
  std::shared_ptr<EventStreams> events_;
  std::optional<ChampionBook> champions_;
  std::optional<FeatureView> features_;
  std::optional<BarStore> bars_;
  std::optional<CoreFeed> feed_;
  std::unique_ptr<TrainJobs> jobs_;
  const GapSampler* gaps_;
  bool has_dashboard_;
  std::int64_t started_ns_;
  std::vector<std::string> notes_;

  // What only a disk can tell. It is asked by a thread of its own, and never under the mutex: whoever wants to know gets what was seen last.
  struct Seen {
    std::string journal_path;
    std::optional<std::uint64_t> journal_bytes;
    std::string steered_speed;  // of a replay that can be steered; empty: none was seen
    std::map<std::string, double> cpu_shares;
  };
  ThreadShares thread_shares_;  // of the core's; the looker's alone
  mutable std::mutex seen_mutex_;
  Seen seen_;
  std::condition_variable_any seen_wake_;  // notified by a stop only
  std::jthread looker_;
};

}  // namespace thintail::gateway
