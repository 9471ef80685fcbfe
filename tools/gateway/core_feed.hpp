// SPDX-License-Identifier: Apache-2.0
// CoreFeed: the gateway's one thread that looks at the core: attaches read-only, follows restarts, and keeps the model up to date.
//   path     cold; the core does not notice
//   threads  its own. `on_turn` runs on it, after the model was written.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/histogram/histogram.hpp"
#include "shm/stream/observer.hpp"
#include "tools/gateway/core_model.hpp"
#include "tools/gateway/feature_view.hpp"
#include "tools/gateway/journal_history.hpp"
#include "tools/monitor/core_sample.hpp"

namespace thintail::gateway {

struct FeedOptions {
  std::string shm_directory = "/dev/shm";
  std::string instance = "default";
  std::uint64_t history_bytes = 256u << 20;  // of journal read at the start
  std::chrono::milliseconds pause{2};  // between two looks
};

struct StageHistory {
  std::string name;
  HistogramSnapshot run;
};

struct StageSecond {
  std::int64_t wall_ns = 0;
  struct Stage {
    std::size_t index = 0;  // of shm::kStageNames
    std::uint64_t count = 0, p50_ns = 0, p99_ns = 0, p999_ns = 0;
  };
  std::vector<Stage> stages;
};

class CoreFeed {
 public:
  // `on_events` sees every event taken from the core's own stream, in order, on the feed's thread; `features`, which may be null, those of
  // the journal too.
  CoreFeed(FeedOptions options, SharedModel& model, const JournalHistory& history, FeatureView* features,
           std::function<void()> on_turn, std::function<void(std::span<const Event>)> on_events = {});
  ~CoreFeed();
  CoreFeed(const CoreFeed&) = delete;
  CoreFeed& operator=(const CoreFeed&) = delete;

  void start();
  void stop();

  std::vector<StageHistory> stages() const;
  std::deque<StageSecond> stage_seconds() const;
  std::uint64_t attachments() const noexcept {
    return attachments_.load(std::memory_order_relaxed);  // relaxed: a statistic
  }

 private:
  void run();
  void attach();
  bool drain();
  // The batch goes into the model.
  void pass_batch(std::uint64_t missed);
  void look();
  void look_at_stages();

  FeedOptions options_;
  SharedModel* model_;
  const JournalHistory* history_;
  FeatureView* features_;
  std::function<void()> on_turn_;
  std::function<void(std::span<const Event>)> on_events_;
  std::optional<CoreWatch> watch_;
  std::optional<shm::Observer> observer_;
  std::uint32_t attached_epoch_ = 0;
  bool has_history_ = false;
  bool is_filled_ = false;  // CoreModel's
  std::vector<Event> batch_;

  mutable std::mutex stages_mutex_;
  std::array<HistogramSnapshot, shm::kStageNames.size()> stages_now_{};
  std::array<HistogramSnapshot, shm::kStageNames.size()> stages_then_{};
  std::deque<StageSecond> stage_seconds_;

  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> attachments_{0};
  std::thread thread_;
};

}  // namespace thintail::gateway
