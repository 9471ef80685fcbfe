// SPDX-License-Identifier: Apache-2.0
// Backtest: ticks from any source through the whole pipeline on the calling thread, as fast as it goes.
//   path       hot inside; allocates before the first tick only
//   invariant  the same events as a paper run of the same ticks through shared memory, and as the replay of its journal.
#pragma once

#include <optional>

#include "core/event/decision_hash.hpp"
#include "strategies/backtest/simulated_driver.hpp"
#include "strategies/pipeline/preamble.hpp"
#include "strategies/swap/model_offers.hpp"

namespace thintail {

// Models that come into force while a backtest runs.
class ModelSwaps {
 public:
  virtual ~ModelSwaps() = default;
  // Asked between two inputs, once `ticks` were taken; nothing leaves things as they are.
  virtual std::optional<ModelOffer> next(std::uint64_t ticks, bool shadow_is_warm) = 0;
  // The event of the last offer was taken in.
  virtual void taken() = 0;
};

struct BacktestOptions {
  Isa isa = Isa::scalar;
  std::uint32_t epoch = 1;
  const DecisionModel* model = nullptr;
  ModelSwaps* swaps = nullptr;  // `model` is in slot 0 and in force before any of them
};

struct BacktestResult {
  Sha256Digest decision_hash{};
  std::uint64_t events = 0;
  std::uint64_t outputs = 0;
  std::uint64_t venue_clamps = 0;  // ticks whose venue time went back or too far ahead
};

inline FillModelSettings fill_model_settings(const VenueSettings& venue) {
  return {venue.latency_us * 1000, venue.commission_per_million_e9};
}

// Numbers events and shows each to `OnEvent`: an events stream without shared memory.
template <class OnEvent>
class CallbackSink {
 public:
  explicit CallbackSink(OnEvent& on_event) noexcept : on_event_(&on_event) {}
  TT_HOT std::uint64_t append(Event& event) noexcept {
    event.sequence = ++sequence_;
    (*on_event_)(static_cast<const Event&>(event));
    return sequence_;
  }
  std::uint64_t sequence() const noexcept { return sequence_; }

 private:
  OnEvent* on_event_;
  std::uint64_t sequence_ = 0;
};

// Runs until `source` gives no more. `on_event(const Event&)` sees every event of the run, inputs and outputs, in order.
template <EventSource Source, class OnEvent>
BacktestResult run_backtest(Source& source, const Settings& settings, const InstrumentTable& instruments,
                            const BacktestOptions& options, OnEvent&& on_event) {
  DecisionPipeline pipeline(settings, instruments, {options.isa, options.epoch, options.model});
  for (InstrumentId id = 0; id < instruments.size(); ++id) pipeline.enable(id);
  FillModel venue(fill_model_settings(settings.venue), instruments.size());
  DecisionHash hash(options.epoch);
  const auto observe = [&](const Event& event) {
    hash.add(event);
    on_event(event);
  };
  CallbackSink sink(observe);
  NoProbe probe;
  SimulatedDriver driver(
      source, pipeline, venue, sink, probe,
      to_events(make_preamble(settings, instruments, options.model, options.epoch), 0, kFlagSimulated));
  for (std::uint64_t ticks = 0; driver.step();) {
    if (options.swaps == nullptr) [[likely]]
      continue;
    const std::optional<ModelOffer> offer = options.swaps->next(++ticks, pipeline.shadow_is_warm());
    if (!offer) continue;
    if (offer->event.slot != pipeline.slot_in_force()) pipeline.place(offer->event.slot, *offer->predictor);
    Event event = Event::make(driver.last_ns(), kNoInstrument, offer->event, kFlagSimulated);
    driver.take(event);
    options.swaps->taken();
  }
  driver.finish();
  return {hash.digest(), sink.sequence(), hash.outputs(), pipeline.market().venue_clamps()};
}

}  // namespace thintail
