// SPDX-License-Identifier: Apache-2.0
// DecisionHash: SHA-256 over a run's output events in order, rebased to the first event after its preamble, so that two
// runs decided the same if and only if their hashes are equal: how long the text of their configuration is does not count.
//   path  off the engine thread where there is one: a consumer of the events stream computes it.
#pragma once

#include <array>

#include "core/base/hash.hpp"
#include "core/event/rebase.hpp"

namespace thintail {

class DecisionHash {
 public:
  explicit DecisionHash(std::uint32_t epoch) noexcept : origin_{0, epoch} {}

  // Any event of the run, in stream order; inputs are passed over.
  void add(const Event& event) noexcept {
    if (origin_.first_sequence == 0) [[unlikely]] {
      if (is_of_preamble(event)) return;
      origin_.first_sequence = event.sequence;
    }
    if (!event.is_output()) return;
    batch_[filled_++] = rebased(event, origin_);
    ++outputs_;
    if (filled_ == batch_.size()) flush();
  }

  std::uint64_t outputs() const noexcept { return outputs_; }
  Sha256Digest digest() {
    flush();
    return hash_.digest();
  }

 private:
  // What a run says of itself before its first tick or timer.
  static bool is_of_preamble(const Event& event) noexcept {
    if (event.is_output()) return false;
    switch (event.type) {
      case EventType::session:
      case EventType::config:
      case EventType::instrument:
      case EventType::model:
      case EventType::continuation:
      case EventType::position:
      case EventType::command: return true;
      default: return false;
    }
  }

  void flush() noexcept {
    hash_.update(batch_.data(), filled_ * sizeof(Event));
    filled_ = 0;
  }

  // One call of OpenSSL costs as much as hashing two events: batches make it small.
  std::array<Event, 64> batch_;
  std::size_t filled_ = 0;
  std::uint64_t outputs_ = 0;
  RunOrigin origin_;  // first_sequence 0: still in the preamble
  Sha256 hash_;
};

}  // namespace thintail
