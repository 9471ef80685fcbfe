// SPDX-License-Identifier: Apache-2.0
// Worker: a thread of the daemon: named, pinned, in the right floating-point mode, and never the end of the process.
//   threads    made and joined by one thread
//   invariant  whatever leaves the body ends here: an exception is recorded in the StopFlag, which stops the others
//              too.
//
//   Worker engine({.name = "engine", .cpu = 1, .wait = WaitKind::spin}, stop,
//                 [&](Waiter& waiter) { run_until(stop, waiter, [&] { return pipeline.do_work(); }); });
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "core/thread/stop.hpp"
#include "core/thread/wait.hpp"

namespace thintail {

struct WorkerOptions {
  std::string name;  // <= 15 bytes are shown by the system
  int cpu = -1;  // -1: not pinned
  WaitKind wait = WaitKind::park;  // not `automatic`
};

// Turns the loop of one stage until a stop is requested: `work()` returns how much it did.
template <WaitStrategy Wait, class Work>
  requires std::convertible_to<std::invoke_result_t<Work&>, std::uint32_t>
TT_HOT void run_until(const StopFlag& stop, Wait& wait, Work&& work) {
  while (!stop.requested()) wait.idle(work());
}

class Worker {
 public:
  using Body = std::function<void(Waiter&)>;

  // Returns once the thread is set up and `body` is about to run.
  Worker(WorkerOptions options, StopFlag& stop, Body body);
  Worker(Worker&&) noexcept = default;
  Worker& operator=(Worker&&) = delete;
  // Joins. It does not request the stop: threads end in an order that only their owner knows.
  ~Worker();

  void join();
  const std::string& name() const noexcept { return name_; }
  // What could not be done as asked (a refused pin), for the log; empty otherwise. The thread runs all the same.
  const std::string& note() const noexcept { return note_; }

 private:
  std::string name_;
  std::string note_;
  std::thread thread_;
};

// Runs `body` and turns any exception into a tripped StopFlag: for callbacks of C code and threads of other libraries.
void run_guarded(std::string_view name, StopFlag& stop, const std::function<void()>& body) noexcept;

}  // namespace thintail
