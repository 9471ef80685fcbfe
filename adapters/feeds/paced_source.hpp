// SPDX-License-Identifier: Apache-2.0
// Pace, PacedSource: recorded ticks handed out no faster than a multiple of the time they were recorded in.
//   path     warm: one clock call a tick when paced, none at full speed
//   threads  one
#pragma once

#include <charconv>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>

#include "core/base/error.hpp"
#include "core/event/event.hpp"

namespace thintail {

class Pace {
 public:
  // "max", or a positive multiple of real time such as "1x" or "0.5x".
  static Result<Pace> parse(std::string_view speed) {
    if (speed == "max") return Pace(0);
    double multiple = 0;
    const std::string_view digits = speed.substr(0, speed.empty() ? 0 : speed.size() - 1);
    const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), multiple);
    if (fault != std::errc{} || end != digits.data() + digits.size() || !speed.ends_with('x') || !(multiple > 0)) {
      return fail({.code = ErrorCode::usage,
                   .doing = "reading a speed",
                   .expected = "max, or a multiple such as 1x",
                   .found = '"' + printable(speed) + '"'});
    }
    return Pace(multiple);
  }

  // Whether a tick of that time may be handed out now. The first tick asked about sets the start.
  bool is_due(std::int64_t time_ns) noexcept { return multiple_ == 0 || Clock::now() >= due(time_ns); }
  void wait(std::int64_t time_ns) noexcept {
    if (multiple_ != 0) std::this_thread::sleep_until(due(time_ns));
  }

 private:
  using Clock = std::chrono::steady_clock;

  explicit Pace(double multiple) noexcept : multiple_(multiple) {}

  Clock::time_point due(std::int64_t time_ns) noexcept {
    if (first_ns_ == 0) {
      first_ns_ = time_ns;
      start_ = Clock::now();
    }
    const double after_ns = static_cast<double>(time_ns - first_ns_) / multiple_;
    return start_ + std::chrono::nanoseconds(static_cast<std::int64_t>(after_ns));
  }

  double multiple_;  // 0: as fast as it goes
  std::int64_t first_ns_ = 0;
  Clock::time_point start_;
};

// poll() sleeps until its tick is due.
template <EventSource Source>
class PacedSource {
 public:
  PacedSource(Source& source, Pace pace) noexcept : source_(&source), pace_(pace) {}

  bool poll(Event& out) noexcept {
    if (!source_->poll(out)) return false;
    pace_.wait(out.time_ns);
    return true;
  }

 private:
  Source* source_;
  Pace pace_;
};

}  // namespace thintail
