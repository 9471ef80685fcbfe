// SPDX-License-Identifier: Apache-2.0
// ModelOffers: models on their way from a cold thread into the engine, one at a time, between two of its inputs.
//   path       hot: poll() with nothing there
//   threads    offer(), is_pending(), shadow_is_warm(): one cold thread. poll(), taken(), tell(): the engine's.
//   progress   wait-free
#pragma once

#include <atomic>

#include "core/base/attributes.hpp"
#include "core/event/payloads.hpp"
#include "ml/predictor/predictor.hpp"

namespace thintail {

struct ModelOffer {
  Predictor* predictor = nullptr;  // goes into the event's slot
  Model event{};
};

class ModelOffers {
 public:
  // False while the one before still waits.
  bool offer(const ModelOffer& offer) noexcept {
    if (is_pending()) return false;
    offer_ = offer;
    is_pending_.store(true, std::memory_order_release);  // O1: the offer is written; pairs O2
    return true;
  }
  // Once it is false, the engine no longer refers to what the slot in force before held.
  bool is_pending() const noexcept {
    return is_pending_.load(std::memory_order_acquire);  // O4: the engine has left the old slot; pairs O3
  }
  // The predictor in the shadow has seen enough of every instrument that ticks.
  bool shadow_is_warm() const noexcept {
    return shadow_is_warm_.load(std::memory_order_relaxed);  // relaxed: a flag alone; the flip is ordered by O1 to O4
  }

  TT_HOT const ModelOffer* poll() const noexcept {
    return is_pending_.load(std::memory_order_acquire) ? &offer_ : nullptr;  // O2: pairs O1
  }
  void taken() noexcept {
    shadow_is_warm_.store(false, std::memory_order_relaxed);  // relaxed: O3 orders it
    is_pending_.store(false, std::memory_order_release);  // O3: the slot is in use, or left; pairs O4
  }
  void tell(bool shadow_is_warm) noexcept {
    if (shadow_is_warm != shadow_is_warm_.load(std::memory_order_relaxed)) {  // relaxed: only this thread stores it
      shadow_is_warm_.store(shadow_is_warm, std::memory_order_relaxed);  // relaxed: as in shadow_is_warm()
    }
  }

 private:
  ModelOffer offer_;
  std::atomic<bool> is_pending_{false};
  std::atomic<bool> shadow_is_warm_{false};
};

}  // namespace thintail
