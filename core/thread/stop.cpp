// SPDX-License-Identifier: Apache-2.0
#include "core/thread/stop.hpp"

#include <fmt/format.h>

namespace thintail {

void StopFlag::trip(std::string_view thread, std::string_view reason) noexcept {
  std::uint32_t expected = kNone;
  // relaxed: it only chooses who writes the text; F1 publishes what was written
  if (state_.compare_exchange_strong(expected, kRecording, std::memory_order_relaxed)) {
    const auto end = fmt::format_to_n(text_.data(), text_.size() - 1, "{}: {}", thread, reason).out;
    *end = '\0';
    state_.store(kRecorded, std::memory_order_release);  // F1: text before state; pairs F2
  }
  request();
}

std::string StopFlag::failure() const { return failed() ? std::string(text_.data()) : std::string(); }

}  // namespace thintail
