// SPDX-License-Identifier: Apache-2.0
// CircuitBreaker: whether an upstream is worth waiting for: closed (ask it), open (it does not answer: say so at once), half-open (one may try).
//   path       cold; a decision is one short lock and one look at the clock, well under a microsecond
//   threads    any; one mutex, never held across a call upstream
//   invariant  while it is not closed at most one call in `open_ns` is let through
//
//   closed --failures_to_open unanswered calls in a row--> open --open_ns--> half-open --answered--> closed
//                                                         open --open_ns, and seen alive------> closed
//                                                            ^---------------unanswered----'
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace thintail::gateway {

enum class BreakerPhase : std::uint8_t { closed, open, half_open };
std::string_view name_of(BreakerPhase phase) noexcept;  // "half_open"

// For metrics and people.
struct BreakerState {
  std::string upstream;
  BreakerPhase phase = BreakerPhase::closed;
  std::uint32_t failures = 0;  // in a row
  std::uint64_t opened = 0;  // times
  std::uint64_t refused = 0;  // calls answered without asking the upstream
};

class CircuitBreaker {
 public:
  using Clock = std::int64_t (*)();  // ns that never go back

  struct Options {
    std::string upstream;
    // Three: one unanswered call may be a page fault or a busy disk; three seconds of silence are none.
    std::uint32_t failures_to_open = 3;
    // As long as the gateway takes to call a core silent.
    std::int64_t open_ns = 2'000'000'000;
  };

  explicit CircuitBreaker(Options options, Clock clock = monotonic_now_ns)
      : options_(std::move(options)), clock_(clock) {}

  // False: do not ask the upstream now. True is followed by one of the three below; a call that dies without is forgotten after `open_ns`.
  bool lets_through();
  void answered();
  void unanswered();
  // There was nobody to ask: that says nothing of whoever comes next.
  void absent() { answered(); }

  // It is seen to live, though nobody asked: closes where the next call might try anyway. One more that is unanswered opens it again.
  void is_alive();

  // Until the next call may try, in whole seconds, at least 1.
  std::int64_t retry_after_s() const;
  BreakerState state() const;
  const std::string& upstream() const noexcept { return options_.upstream; }

  static std::int64_t monotonic_now_ns();

 private:
  const Options options_;
  const Clock clock_;
  mutable std::mutex mutex_;
  BreakerPhase phase_ = BreakerPhase::closed;
  std::uint32_t failures_ = 0;
  std::uint64_t opened_ = 0;
  std::uint64_t refused_ = 0;
  std::int64_t try_at_ns_ = 0;  // while not closed: when the next call may pass
};

}  // namespace thintail::gateway
