// SPDX-License-Identifier: Apache-2.0
// PaperVenue: the fill model stepped in real time on a venue thread: intents in, fills out, at the quotes of the live
// feed.
//   path     warm: do_work()
//   threads  the venue's
#pragma once

#include <cstdint>

#include "strategies/fills/fill_model.hpp"

namespace thintail {

// `Ticks` and `Intents` are EventSources; `Answers` an EventSink with has_room().
template <EventSource Ticks, EventSource Intents, class Answers>
class PaperVenue {
 public:
  PaperVenue(const FillModelSettings& settings, std::size_t instruments_max, Ticks& ticks, Intents& intents,
             Answers& answers)
      : model_(settings, instruments_max), ticks_(&ticks), intents_(&intents), answers_(&answers) {}

  std::uint32_t do_work(std::int64_t now_ns) noexcept {
    std::uint32_t work = 0;
    Event event{};  // g++ 12 does not see that poll() fills it
    // An intent that may have to be refused waits in its stream until the refusal can be told.
    while (work < kBatch && (model_.has_room() || answers_->has_room(1)) && intents_->poll(event)) {
      ++work;
      if (!model_.on_intent(event)) refuse(event, now_ns);
    }
    while (work < 2 * kBatch && ticks_->poll(event)) {
      ++work;
      if (event.type != EventType::tick) continue;  // a Gap: the next quote is as good
      model_.execute_until(event.time_ns);
      model_.on_tick(event.instrument, event.as<Tick>());
    }
    model_.execute_until(now_ns);
    while (model_.next_due_ns() <= now_ns && answers_->has_room(1)) {
      Event answer = model_.take_answer(kFlagSimulated);
      answers_->append(answer);
      ++work;
    }
    return work;
  }

 private:
  static constexpr std::uint32_t kBatch = 64;

  void refuse(const Event& intent, std::int64_t now_ns) noexcept {
    const auto order = intent.as<Intent>();
    Event answer = Event::make(
        now_ns, intent.instrument,
        Report{order.client_order_id, 0, order.quantity_e9, now_ns, OrderState::refused, FillModel::kRefusedFull, 0},
        kFlagSimulated);
    answers_->append(answer);
  }

  FillModel model_;
  Ticks* ticks_;
  Intents* intents_;
  Answers* answers_;
};

}  // namespace thintail
