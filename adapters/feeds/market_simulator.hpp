// SPDX-License-Identifier: Apache-2.0
// MarketSimulator: made-up but market-like ticks, for runs without data. Every tick is flagged simulated.
//   path       warm
//   invariant  a pure function of its settings: the same seed gives the same bytes on every machine and Isa.
//
// Each instrument has a fair price (a random walk with a slow drift and a share of a factor common to all), a
// quote that overshoots it and comes back within seconds, and a regime that sets how much of each there is.
// So there is something to learn over seconds (reversal) and minutes (drift), most of it smaller than the
// spread.
#pragma once

#include <memory>

#include "core/base/error.hpp"
#include "core/config/settings.hpp"
#include "core/event/feed_contents.hpp"
#include "core/event/payloads.hpp"
#include "core/instrument/instrument_table.hpp"

namespace thintail {

class MarketSimulator {
 public:
  static constexpr std::uint32_t kCrossedOneIn = 50'000;

  // Adds the simulated instruments ("XAUUSD@sim") to `instruments`. `start_ns`: first possible tick, UTC. One
  // tick in `crossed_one_in` is crossed, as feeds' are now and then; 0: none.
  static Result<MarketSimulator> create(const SimulatorSettings& settings, std::int64_t start_ns,
                                        InstrumentTable& instruments, std::uint32_t crossed_one_in = kCrossedOneIn);
  ~MarketSimulator();
  MarketSimulator(MarketSimulator&&) noexcept;

  // Next Tick event in time order; false once duration_s is over (never, when it is 0).
  bool poll(Event& out) noexcept;
  double progress() const noexcept;  // 0..1; 0 where there is no end
  static constexpr FeedContents contents() noexcept { return {.sizes = true}; }

 private:
  struct Impl;
  explicit MarketSimulator(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace thintail
