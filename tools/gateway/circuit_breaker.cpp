// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/circuit_breaker.hpp"

#include <algorithm>
#include <array>
#include <chrono>

namespace thintail::gateway {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;

}  // namespace

std::string_view name_of(BreakerPhase phase) noexcept {
  static constexpr std::array<std::string_view, 3> kNames = {"closed", "open", "half_open"};
  return kNames[static_cast<std::size_t>(phase)];
}

std::int64_t CircuitBreaker::monotonic_now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

bool CircuitBreaker::lets_through() {
  const std::lock_guard lock(mutex_);
  if (phase_ == BreakerPhase::closed) return true;
  const std::int64_t now_ns = clock_();
  if (now_ns < try_at_ns_) {
    ++refused_;
    return false;
  }
  phase_ = BreakerPhase::half_open;
  try_at_ns_ = now_ns + options_.open_ns;  // the others wait for this one
  return true;
}

void CircuitBreaker::answered() {
  const std::lock_guard lock(mutex_);
  phase_ = BreakerPhase::closed;
  failures_ = 0;
}

void CircuitBreaker::is_alive() {
  const std::lock_guard lock(mutex_);
  if (phase_ == BreakerPhase::closed || clock_() < try_at_ns_) return;
  phase_ = BreakerPhase::closed;
  failures_ = options_.failures_to_open - 1;
}

void CircuitBreaker::unanswered() {
  const std::lock_guard lock(mutex_);
  ++failures_;
  if (phase_ == BreakerPhase::closed && failures_ < options_.failures_to_open) return;
  if (phase_ != BreakerPhase::open) ++opened_;
  phase_ = BreakerPhase::open;
  try_at_ns_ = clock_() + options_.open_ns;
}

std::int64_t CircuitBreaker::retry_after_s() const {
  const std::lock_guard lock(mutex_);
  const std::int64_t left_ns = phase_ == BreakerPhase::closed ? 0 : try_at_ns_ - clock_();
  return std::max<std::int64_t>(1, (left_ns + kSecondNs - 1) / kSecondNs);
}

BreakerState CircuitBreaker::state() const {
  const std::lock_guard lock(mutex_);
  return {
      .upstream = options_.upstream, .phase = phase_, .failures = failures_, .opened = opened_, .refused = refused_};
}

}  // namespace thintail::gateway
