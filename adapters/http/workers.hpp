// SPDX-License-Identifier: Apache-2.0
// Workers: a few threads for work that waits (disks, passwords), with a short queue that says no when it is full, and a way past it.
//   path       cold
//   threads    submit() from any
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

namespace thintail::http {

class Workers {
 public:
  // `urgent_threads`, beyond `threads`, do urgent work only: it waits for nothing else.
  Workers(std::size_t threads, std::size_t waiting_max, std::size_t urgent_threads = 0);
  ~Workers();  // stop()
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // False where the queue is full, or after stop(). Urgent work goes before all other and has a queue of its own. What `work` throws is
  // logged.
  bool submit(std::function<void()> work, bool is_urgent = false);
  // Returns after the work at hand; what still waits is dropped. REQUIRES: not called by a worker.
  void stop();

 private:
  void run(const std::stop_token& stop, bool takes_all);

  std::size_t waiting_max_;
  std::mutex mutex_;
  std::condition_variable_any ready_;
  std::condition_variable_any urgent_ready_;
  std::deque<std::function<void()>> waiting_;
  std::deque<std::function<void()>> urgent_;
  std::size_t idle_ = 0;  // of those that take all
  std::size_t urgent_idle_ = 0;  // of those that take urgent work only
  bool is_stopped_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace thintail::http
