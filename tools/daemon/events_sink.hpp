// SPDX-License-Identifier: Apache-2.0
// EventsSink: the engine's end of the events stream; keeps the tables of newest values in step with it.
//   path     hot
//   threads  the engine's
#pragma once

#include <vector>

#include "core/event/payloads.hpp"
#include "core/thread/stop.hpp"
#include "core/thread/wait.hpp"
#include "shm/segment/core_segment.hpp"
#include "shm/stream/stream_writer.hpp"
#include "strategies/risk/risk_gate.hpp"

namespace thintail {

inline shm::RiskRow risk_row(InstrumentId id, const RiskStanding& at, std::int64_t time_ns) noexcept {
  return {id,
          0,
          at.exposure.position_e9,
          at.exposure.working_buy_e9,
          at.exposure.working_sell_e9,
          at.max_position_e9,
          at.max_order_quantity_e9,
          at.max_quote_age_ns,
          at.max_orders_per_second,
          at.orders_in_second,
          at.last_order_ns,
          time_ns,
          {}};
}

class EventsSink {
 public:
  // `venue`: where intents are copied once they stand in the stream; null in simulated time.
  EventsSink(shm::CoreSegment& core, const StopFlag& stop, shm::StreamWriter* venue) noexcept
      : core_(&core), stop_(&stop), writer_(*core->events), venue_(venue), quotes_seen_(core->quotes->rows()) {}

  TT_HOT std::uint64_t append(Event& event) noexcept {
    if (cut_off_) [[unlikely]]
      return 0;
    std::uint64_t sequence = writer_.append(event);
    if (sequence == 0) [[unlikely]]
      sequence = append_when_free(event);
    switch (event.type) {
      case EventType::tick: store_quote(event); break;
      case EventType::position: store_position(event); break;
      case EventType::reject: count_reject(event); break;
      case EventType::model: store_model(event); break;
      case EventType::intent:
        if (venue_ != nullptr) {
          Event copy = event;  // the venue's stream numbers it for itself
          venue_->append(copy);
        }
        count_intent(event);
        break;
      default: break;
    }
    return sequence;
  }

  TT_HOT bool has_room(std::uint64_t slots) noexcept { return writer_.has_room(slots); }
  std::uint64_t capacity() const noexcept { return writer_.capacity(); }
  std::uint64_t ticks() const noexcept { return ticks_; }

  // What the pipeline tells of the risk gate (RiskSink).
  void stands(InstrumentId id, const RiskStanding& standing, std::int64_t time_ns) noexcept {
    (*(*core_)->risk)[id].store(risk_row(id, standing, time_ns));
  }
  void latched(const GateLatches& latches, std::int64_t time_ns) noexcept {
    gate_.flags = (latches.killed ? shm::kGateKilled : 0u) | (latches.paused ? shm::kGatePaused : 0u) |
                  (latches.journal_lagging ? shm::kGateJournalLagging : 0u) |
                  (latches.flattening ? shm::kGateFlattening : 0u);
    store_gate(time_ns);
  }

 private:
  // In simulated time one step may append more than there is room for (a weekend of timers): the readers catch up while
  // we wait. Where the daemon stops before they have, the stream ends here: with a hole in it, nothing after it could
  // be replayed.
  TT_COLD std::uint64_t append_when_free(Event& event) noexcept {
    std::uint64_t sequence = 0;
    YieldWait wait;
    while ((sequence = writer_.append(event)) == 0 && !stop_->requested()) wait.idle(0);
    cut_off_ = sequence == 0;
    return sequence;
  }

  TT_HOT void store_quote(const Event& event) noexcept {
    const auto tick = event.as<Tick>();
    ++ticks_;
    if (event.instrument >= quotes_seen_.size()) [[unlikely]]
      return;  // a feed's defect; the pipeline passes over it too
    auto& cell = (*(*core_)->quotes)[event.instrument];
    const std::uint32_t flags = (tick.ask_e9 < tick.bid_e9 ? shm::kQuoteCrossed : 0u) |
                                ((event.flags & kFlagStale) != 0 ? shm::kQuoteStale : 0u) |
                                ((event.flags & kFlagSimulated) != 0 ? shm::kQuoteSimulated : 0u);
    cell.store({event.instrument, flags, tick.bid_e9, tick.ask_e9, event.time_ns, tick.venue_ns,
                ++quotes_seen_[event.instrument]});
  }

  void store_position(const Event& event) noexcept {
    const auto position = event.as<Position>();
    (*(*core_)->positions)[event.instrument].store({event.instrument, 0, position.quantity_e9, position.cost_low,
                                                    position.cost_high, position.realised_low, position.realised_high,
                                                    event.time_ns});
  }

  void count_intent(const Event& event) noexcept {
    ++gate_.intents;
    store_gate(event.time_ns);
  }
  void count_reject(const Event& event) noexcept {
    ++gate_.rejects;
    gate_.last_rule = event.as<Reject>().rule;
    gate_.last_reject_ns = event.time_ns;
    store_gate(event.time_ns);
  }
  void store_gate(std::int64_t time_ns) noexcept {
    gate_.time_ns = time_ns;
    (*core_)->run->gate.store(gate_);
  }

  void store_model(const Event& event) noexcept {
    const auto model = event.as<Model>();
    auto& rows = *(*core_)->models;
    if (model.slot >= rows.rows()) return;
    const bool is_live = model.stage == ModelStage::live;
    const shm::ModelRow row{model.slot,    is_live ? shm::ModelState::active : shm::ModelState::shadow,
                            model.version, 0,
                            model.sha256,  event.time_ns};
    rows[model.slot].store(row);
    if (!is_live) return;
    if (live_model_.state == shm::ModelState::active && live_model_.slot != model.slot) {
      live_model_.state = shm::ModelState::retired;
      live_model_.time_ns = event.time_ns;
      rows[live_model_.slot].store(live_model_);
    }
    live_model_ = row;
  }

  shm::CoreSegment* core_;
  const StopFlag* stop_;
  shm::StreamWriter writer_;
  shm::StreamWriter* venue_;
  std::vector<std::uint64_t> quotes_seen_;  // ticks by instrument
  std::uint64_t ticks_ = 0;
  shm::GateRow gate_{};
  shm::ModelRow live_model_{};
  bool cut_off_ = false;
};

}  // namespace thintail
