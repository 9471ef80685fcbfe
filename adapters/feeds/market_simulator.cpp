// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/market_simulator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "adapters/feeds/simulated_market.hpp"

namespace thintail {
namespace {

// The venue's stamp to our receipt.
constexpr std::int64_t kLatencyNs = 500'000;

Error setting_error(std::string field, std::string expected, std::string found) {
  return {.code = ErrorCode::config_bad_value,
          .doing = "setting up the market simulator",
          .field = "simulator." + std::move(field),
          .expected = std::move(expected),
          .found = std::move(found)};
}

Result<InstrumentId> instrument_id(const std::string& symbol, InstrumentTable& instruments) {
  if (const auto known = instruments.find(symbol + "@sim")) return *known;
  if (auto built_in = built_in_instrument(symbol, "sim")) return instruments.add(std::move(*built_in));
  return fail({.code = ErrorCode::instrument_unknown,
               .doing = "setting up the market simulator",
               .field = "simulator.instruments",
               .expected = "a built-in symbol or one under [instruments] with the venue sim",
               .found = fmt::format("\"{}\"", printable(symbol))});
}

}  // namespace

struct MarketSimulator::Impl {
  // When a market ticks next, and which: of two at the same time the one that was named first.
  using Due = std::pair<std::int64_t, std::uint32_t>;

  std::vector<SimulatedMarket> markets;
  std::vector<InstrumentId> ids;  // of markets
  std::vector<Due> due;           // a heap, the earliest first
  CommonFactor factor;
  std::int64_t start_ns;
  std::int64_t end_ns;
  std::int64_t now_ns;

  bool poll(Event& out) noexcept {
    const auto [at_ns, index] = due.front();
    if (at_ns >= end_ns) {
      now_ns = end_ns;
      return false;
    }
    std::ranges::pop_heap(due, std::greater<>());
    const Tick tick = markets[index].take(factor);
    due.back() = {markets[index].next_ns(), index};
    std::ranges::push_heap(due, std::greater<>());
    now_ns = at_ns;
    out = Event::make(at_ns + kLatencyNs, ids[index], tick, kFlagSimulated);
    return true;
  }
};

MarketSimulator::MarketSimulator(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
MarketSimulator::~MarketSimulator() = default;
MarketSimulator::MarketSimulator(MarketSimulator&&) noexcept = default;

Result<MarketSimulator> MarketSimulator::create(const SimulatorSettings& settings, std::int64_t start_ns,
                                                InstrumentTable& instruments, std::uint32_t crossed_one_in) {
  if (!(settings.ticks_per_second >= 0.001 && settings.ticks_per_second <= 1e6)) {
    return fail(setting_error("ticks_per_second", "0.001 to 1000000", fmt::format("{}", settings.ticks_per_second)));
  }
  if (settings.instruments.empty()) return fail(setting_error("instruments", "at least one symbol", "none"));

  Random seeds(settings.seed);
  const std::int64_t end_ns = settings.duration_s == 0 ? std::numeric_limits<std::int64_t>::max()
                                                       : start_ns + std::int64_t{settings.duration_s} * 1'000'000'000;
  auto impl = std::unique_ptr<Impl>(new Impl{.markets = {},
                                             .ids = {},
                                             .due = {},
                                             .factor = CommonFactor(seeds.bits(), start_ns),
                                             .start_ns = start_ns,
                                             .end_ns = end_ns,
                                             .now_ns = start_ns});
  for (const std::string& symbol : settings.instruments) {
    TT_TRY(const InstrumentId id, instrument_id(symbol, instruments));
    if (std::ranges::find(impl->ids, id) != impl->ids.end()) {
      return fail(setting_error("instruments", "each symbol once", fmt::format("\"{}\" twice", printable(symbol))));
    }
    impl->ids.push_back(id);
    impl->markets.emplace_back(instruments[id], seeds.bits(), start_ns, settings.ticks_per_second, crossed_one_in);
    impl->due.emplace_back(impl->markets.back().next_ns(), static_cast<std::uint32_t>(impl->ids.size() - 1));
  }
  std::ranges::make_heap(impl->due, std::greater<>());
  return MarketSimulator(std::move(impl));
}

bool MarketSimulator::poll(Event& out) noexcept { return impl_->poll(out); }

double MarketSimulator::progress() const noexcept {
  if (impl_->end_ns == std::numeric_limits<std::int64_t>::max()) return 0.0;
  return static_cast<double>(impl_->now_ns - impl_->start_ns) / static_cast<double>(impl_->end_ns - impl_->start_ns);
}

}  // namespace thintail
