// SPDX-License-Identifier: Apache-2.0
// PacedSource: recorded ticks handed out no faster than a multiple of the time they were recorded in.
//   path     warm: one clock call a tick when paced, none at full speed
//   threads  one; poll() sleeps until its tick is due
#pragma once

#include <charconv>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>

#include "core/base/error.hpp"
#include "core/event/event.hpp"

namespace thintail {

template <EventSource Source>
class PacedSource {
 public:
  // `speed`: "max", or a positive multiple of real time such as "1x" or "0.5x".
  static Result<PacedSource> create(Source& source, std::string_view speed) {
    double multiple = 0;  // 0: as fast as it goes
    if (speed != "max") {
      const auto digits = speed.substr(0, speed.empty() ? 0 : speed.size() - 1);
      const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), multiple);
      if (fault != std::errc{} || end != digits.data() + digits.size() || !speed.ends_with('x') || !(multiple > 0)) {
        return fail({.code = ErrorCode::usage,
                     .doing = "reading a speed",
                     .expected = "max, or a multiple such as 1x",
                     .found = '"' + printable(speed) + '"'});
      }
    }
    return PacedSource(source, multiple);
  }

  bool poll(Event& out) noexcept {
    if (!source_->poll(out)) return false;
    if (multiple_ > 0) wait_until_due(out.time_ns);
    return true;
  }

 private:
  using Clock = std::chrono::steady_clock;

  PacedSource(Source& source, double multiple) noexcept : source_(&source), multiple_(multiple) {}

  void wait_until_due(std::int64_t time_ns) noexcept {
    if (first_ns_ == 0) {
      first_ns_ = time_ns;
      start_ = Clock::now();
    }
    const double due_ns = static_cast<double>(time_ns - first_ns_) / multiple_;
    std::this_thread::sleep_until(start_ + std::chrono::nanoseconds(static_cast<std::int64_t>(due_ns)));
  }

  Source* source_;
  double multiple_;
  std::int64_t first_ns_ = 0;
  Clock::time_point start_;
};

}  // namespace thintail
