// SPDX-License-Identifier: Apache-2.0
#include "adapters/http/workers.hpp"

#include <exception>
#include <utility>

#include "adapters/http/text.hpp"
#include "core/log/log.hpp"
#include "core/thread/affinity.hpp"

namespace thintail::http {

Workers::Workers(std::size_t threads, std::size_t waiting_max, std::size_t urgent_threads) : waiting_max_(waiting_max) {
  for (std::size_t i = 0; i < threads + urgent_threads; ++i) {
    threads_.emplace_back([this, takes_all = i < threads](const std::stop_token& stop) {
      set_thread_name("http worker");
      run(stop, takes_all);
    });
  }
}

Workers::~Workers() { stop(); }

void Workers::stop() {
  {
    const std::scoped_lock lock(mutex_);
    is_stopped_ = true;
  }
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
  // What is dropped may answer somebody as it goes: not under the lock.
  std::deque<std::function<void()>> dropped;
  std::deque<std::function<void()>> dropped_urgent;
  {
    const std::scoped_lock lock(mutex_);
    dropped.swap(waiting_);
    dropped_urgent.swap(urgent_);
  }
}

bool Workers::submit(std::function<void()> work, bool is_urgent) {
  {
    const std::scoped_lock lock(mutex_);
    // What an idle thread is about to take does not wait.
    std::deque<std::function<void()>>& queue = is_urgent ? urgent_ : waiting_;
    const std::size_t idle = is_urgent ? idle_ + urgent_idle_ : idle_;
    if (is_stopped_ || queue.size() >= waiting_max_ + idle) return false;
    queue.push_back(std::move(work));
  }
  ready_.notify_one();
  if (is_urgent) urgent_ready_.notify_one();
  return true;
}

void Workers::run(const std::stop_token& stop, bool takes_all) {
  while (true) {
    std::function<void()> work;
    {
      std::unique_lock lock(mutex_);
      std::size_t& idle = takes_all ? idle_ : urgent_idle_;
      ++idle;
      const bool is_work = (takes_all ? ready_ : urgent_ready_).wait(lock, stop, [this, takes_all] {
        return !urgent_.empty() || (takes_all && !waiting_.empty());
      });
      --idle;
      if (!is_work || stop.stop_requested()) return;
      std::deque<std::function<void()>>& queue = urgent_.empty() ? waiting_ : urgent_;
      work = std::move(queue.front());
      queue.pop_front();
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
