// SPDX-License-Identifier: Apache-2.0
// DecisionHash: SHA-256 over a run's output events in order, rebased, so that two runs decided the same if and only if
// their hashes are equal.
//   path  off the engine thread where there is one: a consumer of the events stream computes it.
#pragma once

#include <array>

#include "core/base/hash.hpp"
#include "core/event/rebase.hpp"

namespace thintail {

class DecisionHash {
 public:
  explicit DecisionHash(RunOrigin origin) noexcept : origin_(origin) {}

  // Any event of the run, in stream order; inputs are passed over.
  void add(const Event& event) noexcept {
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
  void flush() noexcept {
    hash_.update(batch_.data(), filled_ * sizeof(Event));
    filled_ = 0;
  }

  // One call of OpenSSL costs as much as hashing two events: batches make it small.
  std::array<Event, 64> batch_;
  std::size_t filled_ = 0;
  std::uint64_t outputs_ = 0;
  RunOrigin origin_;
  Sha256 hash_;
};

}  // namespace thintail
