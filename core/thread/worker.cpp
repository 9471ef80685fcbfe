// SPDX-License-Identifier: Apache-2.0
#include "core/thread/worker.hpp"

#include <sys/prctl.h>

#include <exception>
#include <future>
#include <utility>

#include "core/thread/affinity.hpp"
#include "core/thread/float_mode.hpp"

namespace thintail {
namespace {

// The kernel may lengthen each sleep of a thread by this much to wake several at once; its default of 50 us would
// more than double ParkWait's shortest.
constexpr unsigned long kTimerSlackNs = 1'000;

std::string set_up_thread(const WorkerOptions& options) {
  set_thread_name(options.name);
  set_float_mode();
  prctl(PR_SET_TIMERSLACK, kTimerSlackNs);
  if (options.cpu < 0) return {};
  const auto pinned = pin_to_cpu(options.cpu);
  return pinned ? std::string() : pinned.error().message();
}

}  // namespace

void run_guarded(std::string_view name, StopFlag& stop, const std::function<void()>& body) noexcept {
  try {
    body();
  } catch (const std::exception& failure) {
    stop.trip(name, failure.what());
  } catch (...) {
    stop.trip(name, "an exception of unknown type");
  }
}

Worker::Worker(WorkerOptions options, StopFlag& stop, Body body) : name_(options.name) {
  std::promise<std::string> ready;
  auto note = ready.get_future();
  thread_ =
      std::thread([options = std::move(options), &stop, body = std::move(body), ready = std::move(ready)]() mutable {
        run_guarded(options.name, stop, [&] {
          ready.set_value(set_up_thread(options));
          Waiter waiter(options.wait);
          body(waiter);
        });
      });
  note_ = note.get();
}

Worker::~Worker() { join(); }

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace thintail
