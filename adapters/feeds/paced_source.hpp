// SPDX-License-Identifier: Apache-2.0
// Pace, PacedSource: recorded ticks handed out no faster than a multiple of the time they were recorded in, which may change meanwhile.
//   path     warm: one clock call a tick when paced, none at full speed
//   threads  one
#pragma once

#include <algorithm>
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
  bool is_due(std::int64_t time_ns) noexcept { return !is_held_ && (multiple_ == 0 || Clock::now() >= due(time_ns)); }
  void wait(std::int64_t time_ns) noexcept {
    if (multiple_ != 0) std::this_thread::sleep_until(due(time_ns));
  }

  double multiple() const noexcept { return multiple_; }  // 0: as fast as it goes
  // From here on at that multiple. REQUIRES: positive.
  void set_multiple(double multiple) noexcept {
    begin_here();
    multiple_ = multiple;
  }
  // Nothing is due while it is held; then it goes on where it was.
  void hold(bool is_held) noexcept {
    if (is_held == is_held_) return;
    if (is_held) {
      begin_here();
    } else {
      start_ = Clock::now();
    }
    is_held_ = is_held;
  }

 private:
  using Clock = std::chrono::steady_clock;

  explicit Pace(double multiple) noexcept : multiple_(multiple) {}

  Clock::time_point due(std::int64_t time_ns) noexcept {
    if (first_ns_ == 0) {
      first_ns_ = time_ns;
      start_ = Clock::now();
    }
    asked_ns_ = time_ns;
    // At most 30 years: more would not be a time any more.
    const double after_ns = std::min(static_cast<double>(time_ns - first_ns_) / multiple_, 1e18);
    return start_ + std::chrono::nanoseconds(static_cast<std::int64_t>(after_ns));
  }

  // What has been played counts as played: the time recorded up to now becomes the start, at most that of the tick which waits.
  void begin_here() noexcept {
    if (first_ns_ == 0) return;
    const Clock::time_point now = Clock::now();
    if (!is_held_) {
      const auto played_ns = static_cast<double>(std::chrono::nanoseconds(now - start_).count()) * multiple_;
      // Ticks that did not come as fast as they might have are not played: else a slower speed would wait for nothing until they had.
      const bool keeps_up = played_ns < static_cast<double>(asked_ns_ - first_ns_);
      first_ns_ = keeps_up ? first_ns_ + static_cast<std::int64_t>(played_ns) : asked_ns_;
    }
    start_ = now;
  }

  double multiple_;  // 0: as fast as it goes
  bool is_held_ = false;
  std::int64_t first_ns_ = 0;
  std::int64_t asked_ns_ = 0;  // of the newest tick asked about
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
