// SPDX-License-Identifier: Apache-2.0
// What `demo` and `run` share: ticks opened from settings, a daemon watched until it ends, its latencies read out.
#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/feeds/paced_source.hpp"
#include "adapters/feeds/tick_source.hpp"
#include "shm/control/replay_pace.hpp"
#include "tools/daemon/daemon.hpp"
#include "tools/report/report_text.hpp"

namespace thintail {

// A tick source as the daemon's feed thread asks for it. It never sleeps there, so that a stop is noticed however long
// the market is closed.
class DaemonFeed {
 public:
  // Ticks before `from_ns` are passed over, and take no time of the pace. `speed` as in Pace.
  static Result<std::unique_ptr<DaemonFeed>> open(const TickSourceOptions& options, const std::string& speed,
                                                  std::int64_t from_ns, InstrumentTable& instruments);

  // The pace is from now on what `steering`, which must outlive the feed, says. Before the daemon starts.
  void steer(const shm::ReplayPace& steering) noexcept { steering_ = &steering; }

  // False while the next tick is not due yet, and at the end.
  bool next(Event& out) noexcept {
    if (!waiting_ && !read_next()) return false;
    // The first tick comes even where a rest was asked for: without one the engine has no time, and takes no command.
    if (steering_ != nullptr && has_begun_) follow(steering_->wanted());
    waiting_ = !pace_.is_due(next_.time_ns);
    if (waiting_) return false;
    out = next_;
    has_begun_ = true;
    return true;
  }
  bool has_ended() const noexcept { return ended_; }
  FeedContents contents() const noexcept { return source_.contents(); }
  std::optional<Error> error() const { return source_.error(); }

 private:
  DaemonFeed(TickSource source, Pace pace, std::int64_t from_ns)
      : source_(std::move(source)), pace_(pace), from_ns_(from_ns) {}

  bool read_next() noexcept {
    while (source_.poll(next_)) {
      if (next_.time_ns >= from_ns_) return true;
    }
    ended_ = true;
    return false;
  }

  void follow(std::uint64_t bits) noexcept {
    if (bits == word_) [[likely]]
      return;
    word_ = bits;
    const shm::PaceWord word = shm::PaceWord::of(bits);
    if (!word.is_valid()) return;
    if (word.speed() != pace_.multiple()) pace_.set_multiple(word.speed());
    pace_.hold(word.is_paused);
  }

  TickSource source_;
  Pace pace_;
  std::int64_t from_ns_;
  const shm::ReplayPace* steering_ = nullptr;  // null: nobody steers
  std::uint64_t word_ = 0;  // of the steering, as last followed; 0 is none
  Event next_{};
  bool has_begun_ = false;  // a tick was handed out
  bool waiting_ = false;  // next_ is not due yet
  bool ended_ = false;
};

// A log that nobody reads any more and a limit on file sizes become errors to report: no reason for a core to die with
// orders out.
void outlive_failed_writes();

// Keeps the daemon alive until it has ended or SIGINT, SIGTERM or SIGHUP asks it to; `on_turn` is called ten times a
// second.
Result<void> watch(Daemon& daemon, const std::function<void()>& on_turn);
// Whether a signal ended what watch() watched last.
bool was_asked_to_stop() noexcept;

// A bar that redraws itself on a terminal, and a line every few seconds elsewhere. On standard error.
class ProgressBar {
 public:
  ProgressBar();
  void show(std::string_view stage, double share, std::string_view detail);
  void finish(std::string_view stage, std::string_view detail);

 private:
  bool is_terminal_;
  double next_line_s_ = 0;
  std::string last_stage_;
};

std::vector<LatencyRow> latency_rows(const shm::CoreParts<true>& core);
std::optional<MachineJitter> machine_jitter();

}  // namespace thintail
