// SPDX-License-Identifier: Apache-2.0
// Workers: a few threads for work that waits (disks, passwords), with a short queue that says no when it is full.
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
  Workers(std::size_t threads, std::size_t waiting_max);
  // Ends after the work at hand; what still waits is dropped.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // False where the queue is full. What `work` throws is logged.
  bool submit(std::function<void()> work);

 private:
  void run(const std::stop_token& stop);

  std::size_t waiting_max_;
  std::mutex mutex_;
  std::condition_variable_any ready_;
  std::deque<std::function<void()>> waiting_;
  std::size_t idle_ = 0;
  std::vector<std::jthread> threads_;
};

}  // namespace thintail::http
