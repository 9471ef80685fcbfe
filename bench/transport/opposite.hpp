// SPDX-License-Identifier: Apache-2.0
// Opposite: the other side of a hand-over: a thread, or a forked process, on a CPU of its own.
//   path     cold to start and end
//   threads  one; everything that both sides touch lies in SharedPages
#pragma once

#include <sys/types.h>

#include <functional>
#include <thread>

#include "core/base/error.hpp"

namespace thintail::bench {

enum class Across { threads, processes };

class Opposite {
 public:
  // Runs `body` there. A body must not outlive what it waits for: a process ends with us, a thread is joined.
  // REQUIRES for processes: this process has no other thread that holds a lock.
  static Result<Opposite> start(Across across, int cpu, std::function<void()> body);
  Opposite(Opposite&& other) noexcept;
  Opposite& operator=(Opposite&&) = delete;
  ~Opposite();

  // Whether a process ended, in whatever way; threads do not end early. A system call: ask rarely.
  bool has_ended() noexcept;
  // Waits for the end of `body`.
  Result<void> join();

 private:
  Opposite() = default;
  void reap(int options) noexcept;

  std::thread thread_;
  pid_t pid_ = 0;  // 0: no process to wait for
  int status_ = 0;
};

// Waits for an opposite in a hot loop without waiting for a dead one for ever.
class Patience {
 public:
  explicit Patience(Opposite& opposite) noexcept : opposite_(&opposite) {}
  // After a turn that found nothing. False: the opposite is gone.
  bool idle() noexcept;

 private:
  static constexpr std::uint32_t kTurnsBetweenLooks = 1u << 20;
  Opposite* opposite_;
  std::uint32_t turns_left_ = kTurnsBetweenLooks;
};

}  // namespace thintail::bench
