// SPDX-License-Identifier: Apache-2.0
// StopFlag: asks all threads of a process to end, and remembers the first failure that made it ask.
//   path     hot (requested), cold (the rest)
//   threads  any; request() may also be called from a signal handler
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/attributes.hpp"

namespace thintail {

class StopFlag {
 public:
  TT_HOT bool requested() const noexcept {
    return requested_.load(std::memory_order_acquire);  // P2: what was done before the request is seen; pairs P1
  }
  void request() noexcept {
    requested_.store(true, std::memory_order_release);  // P1: pairs P2
  }

  // Requests a stop because of a failure. The first one is kept; it is usually the cause of the others.
  void trip(std::string_view thread, std::string_view reason) noexcept;
  bool failed() const noexcept {
    return state_.load(std::memory_order_acquire) == kRecorded;  // F2: the text is complete; pairs F1
  }
  // "engine: std::bad_alloc", or empty where nothing failed.
  std::string failure() const;

 private:
  static constexpr std::uint32_t kNone = 0, kRecording = 1, kRecorded = 2;
  std::atomic<bool> requested_{false};
  std::atomic<std::uint32_t> state_{kNone};
  std::array<char, 256> text_{};
  static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may not take a lock");
};

}  // namespace thintail
