// SPDX-License-Identifier: Apache-2.0
#include "adapters/http/workers.hpp"

#include <exception>
#include <utility>

#include "adapters/http/text.hpp"
#include "core/log/log.hpp"

namespace thintail::http {

Workers::Workers(std::size_t threads, std::size_t waiting_max) : waiting_max_(waiting_max) {
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this](const std::stop_token& stop) { run(stop); });
  }
}

Workers::~Workers() {
  for (std::jthread& thread : threads_) thread.request_stop();
  ready_.notify_all();
  threads_.clear();
}

bool Workers::submit(std::function<void()> work) {
  {
    const std::scoped_lock lock(mutex_);
    // What an idle thread is about to take does not wait.
    if (waiting_.size() >= waiting_max_ + idle_) return false;
    waiting_.push_back(std::move(work));
  }
  ready_.notify_one();
  return true;
}

void Workers::run(const std::stop_token& stop) {
  while (true) {
    std::function<void()> work;
    {
      std::unique_lock lock(mutex_);
      ++idle_;
      const bool is_work = ready_.wait(lock, stop, [this] { return !waiting_.empty(); });
      --idle_;
      if (!is_work || stop.stop_requested()) return;
      work = std::move(waiting_.front());
      waiting_.pop_front();
    }
    try {
      work();
    } catch (const std::exception& error) {
      log::error("a worker's task ended by itself: {}", redacted(error.what()));
    } catch (...) {
      log::error("a worker's task ended by itself");
    }
  }
}

}  // namespace thintail::http
