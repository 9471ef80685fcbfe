// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/simulated_market.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace thintail {
namespace {

constexpr double kNsPerSecond = 1e9;

struct NamedTraits {
  std::string_view symbol;
  MarketTraits traits;
};

// Levels and daily ranges of 2024, to one or two digits: gold 1 % a day, EURUSD 0.5 %, Bitcoin 3 %.
constexpr std::array kMarkets = {
    NamedTraits{"XAUUSD", {2400.0, 3.5e-5, 9.0e-5, 0.4}},   NamedTraits{"XAGUSD", {30.0, 6.0e-5, 6.0e-4, 0.4}},
    NamedTraits{"EURUSD", {1.085, 1.7e-5, 6.0e-5, 0.7}},    NamedTraits{"GBPUSD", {1.27, 1.9e-5, 8.0e-5, 0.6}},
    NamedTraits{"AUDUSD", {0.66, 2.2e-5, 1.1e-4, 0.6}},     NamedTraits{"USDJPY", {150.0, 2.0e-5, 7.0e-5, -0.6}},
    NamedTraits{"USDCHF", {0.89, 1.7e-5, 9.0e-5, -0.7}},    NamedTraits{"USDCAD", {1.36, 1.4e-5, 9.0e-5, -0.5}},
    NamedTraits{"BTCUSD", {60'000.0, 1.0e-4, 1.0e-4, 0.2}}, NamedTraits{"ETHUSD", {3'000.0, 1.3e-4, 2.0e-4, 0.2}},
};
constexpr MarketTraits kOtherMarket = {1.0, 2.0e-5, 1.2e-4, 0.3};
constexpr double kOtherYenPrice = 100.0;

MarketTraits market_traits(const Instrument& instrument) noexcept {
  const auto* const row = std::ranges::find(kMarkets, instrument.symbol, &NamedTraits::symbol);
  if (row != kMarkets.end()) return row->traits;
  MarketTraits traits = kOtherMarket;
  if (instrument.quote == "JPY") traits.start_price = kOtherYenPrice;
  return traits;
}

constexpr double kDriftSeconds = 60.0;     // memory of the drift
constexpr double kOvershootSeconds = 2.0;  // memory of the overshoot
constexpr double kRegimeSeconds = 600.0;   // mean length of a regime
constexpr double kPauseSecondsMax = 900.0;  // a closed market moves no more than in a quarter of an hour

// A burst (news, a large order working) begins with one tick in kBurstOneIn, lasts 84 ticks on average, and
// comes at 15 times the rate. 400 ordinary ticks and one burst thus take 400 + 84 / 15 ordinary gaps for 484
// ticks: the ordinary rate is lowered so that the mean is the configured one.
constexpr std::uint32_t kBurstOneIn = 400;
constexpr std::uint32_t kBurstTicksMin = 20;
constexpr std::uint32_t kBurstTicksSpan = 129;
constexpr double kBurstRate = 15.0;
constexpr double kBurstVolatility = 2.0;
constexpr double kBurstSpread = 1.6;
constexpr double kTicksPerOrdinaryGap = 484.0 / (400.0 + 84.0 / kBurstRate);

// Liquidity is thin around a session's open and close.
constexpr double kThinNs = 900.0 * kNsPerSecond;
constexpr double kThinSpread = 3.0;

}  // namespace

// All relative to the calm regime, except the two strengths: of the drift, in standard deviations that it
// moves the price by over its memory; of the overshoot, in spreads.
struct SimulatedMarket::RegimeTraits {
  double volatility;
  double rate;
  double spread;
  double drift;
  double overshoot;
};

double CommonFactor::value_at(std::int64_t ns) noexcept {
  const double seconds = std::min(static_cast<double>(ns - at_ns_) / kNsPerSecond, kPauseSecondsMax);
  value_ += std::sqrt(seconds) * random_.bell();
  at_ns_ = ns;
  return value_;
}

SimulatedMarket::SimulatedMarket(const Instrument& instrument, std::uint64_t seed, std::int64_t start_ns,
                                 double ticks_per_second, std::uint32_t crossed_one_in)
    : random_(seed),
      calendar_(&TradingCalendar::get(instrument.calendar)),
      span_(calendar_->span_at(start_ns)),
      point_e9_(instrument.tick_size_e9),
      size_unit_(static_cast<double>(instrument.contract_size_e9) / 1e10),
      ticks_per_second_(ticks_per_second / kTicksPerOrdinaryGap),
      crossed_one_in_(crossed_one_in),
      regime_until_ns_(start_ns),
      last_ns_(start_ns),
      next_ns_(start_ns) {
  const MarketTraits traits = market_traits(instrument);
  fair_ = traits.start_price * 1e9 / static_cast<double>(point_e9_);
  volatility_ = traits.volatility * fair_;
  spread_ = traits.spread * fair_;
  share_ = traits.factor_share;
  residual_share_ = std::sqrt(1.0 - share_ * share_);
  schedule_next();
}

const SimulatedMarket::RegimeTraits& SimulatedMarket::regime_traits() const noexcept {
  static constexpr std::array<RegimeTraits, 4> kTraits = {{
      {.volatility = 1.0, .rate = 1.0, .spread = 1.0, .drift = 0.2, .overshoot = 0.30},
      {.volatility = 1.3, .rate = 1.5, .spread = 1.0, .drift = 1.0, .overshoot = 0.20},
      {.volatility = 2.5, .rate = 2.5, .spread = 1.8, .drift = 0.3, .overshoot = 0.35},
      {.volatility = 0.8, .rate = 1.0, .spread = 1.0, .drift = 0.0, .overshoot = 0.80},
  }};
  return kTraits[static_cast<std::size_t>(regime_)];
}

Tick SimulatedMarket::take(CommonFactor& factor) noexcept {
  if (next_ns_ >= regime_until_ns_) change_regime();
  move_price(factor);

  const double spread = spread_ * regime_traits().spread * (burst_ticks_left_ > 0 ? kBurstSpread : 1.0) * widening();
  // A uniform fraction of a point rounds the spread to its neighbours in proportion, and keeps the mid
  // unbiased likewise.
  const auto spread_points = std::max<std::int64_t>(1, static_cast<std::int64_t>(spread + random_.uniform()));
  const double mid = fair_ + overshoot_;
  const auto bid_points = std::max<std::int64_t>(
      4, static_cast<std::int64_t>(mid - 0.5 * static_cast<double>(spread_points) + random_.uniform()));
  std::int64_t ask_points = bid_points + spread_points;
  if (crossed_one_in_ != 0 && random_.below(crossed_one_in_) == 0) ask_points = bid_points - 1 - random_.below(3);

  const Tick tick = {.bid_e9 = bid_points * point_e9_,
                     .ask_e9 = ask_points * point_e9_,
                     .bid_size = draw_size(),
                     .ask_size = draw_size(),
                     .venue_ns = next_ns_,
                     .source_sequence = ++ticks_};
  last_ns_ = next_ns_;
  schedule_next();
  return tick;
}

void SimulatedMarket::move_price(CommonFactor& factor) noexcept {
  const RegimeTraits& regime = regime_traits();
  const double seconds = std::min(static_cast<double>(next_ns_ - last_ns_) / kNsPerSecond, kPauseSecondsMax);
  const double volatility = volatility_ * regime.volatility * (burst_ticks_left_ > 0 ? kBurstVolatility : 1.0);

  const double factor_now = factor.value_at(next_ns_);
  fair_ += volatility * (share_ * (factor_now - factor_seen_) + residual_share_ * std::sqrt(seconds) * random_.bell());
  fair_ += drift_ * seconds;
  factor_seen_ = factor_now;

  // Both decay as 1 / (1 + t/T), the implicit step of the exponential: stable for any gap, and without exp().
  const double drift_kept = 1.0 / (1.0 + seconds / kDriftSeconds);
  const double drift_scale = regime.drift * volatility / std::sqrt(kDriftSeconds);
  drift_ = drift_ * drift_kept + drift_scale * std::sqrt(1.0 - drift_kept * drift_kept) * random_.bell();

  const double overshoot_kept = 1.0 / (1.0 + seconds / kOvershootSeconds);
  const double overshoot_scale = regime.overshoot * spread_ * regime.spread;
  overshoot_ =
      overshoot_ * overshoot_kept + overshoot_scale * std::sqrt(1.0 - overshoot_kept * overshoot_kept) * random_.bell();
  // A walk that nears nothing is held there: prices stay above their spread for as long as anybody runs it.
  fair_ = std::max(fair_, 16.0 * (spread_ + 1.0));
}

// 1 well inside a session, kThinSpread at its open and close.
double SimulatedMarket::widening() const noexcept {
  const auto edge_ns = static_cast<double>(std::min(next_ns_ - span_.open_ns, span_.close_ns - next_ns_));
  return edge_ns >= kThinNs ? 1.0 : kThinSpread - (kThinSpread - 1.0) * (edge_ns / kThinNs);
}

void SimulatedMarket::change_regime() noexcept {
  using enum Regime;
  static constexpr std::array kNext = {calm, calm, calm, trending, trending, turbulent, reverting, reverting};
  regime_ = kNext[random_.below(kNext.size())];
  regime_until_ns_ = next_ns_ + static_cast<std::int64_t>(kRegimeSeconds * random_.exponential() * kNsPerSecond);
}

void SimulatedMarket::schedule_next() noexcept {
  if (burst_ticks_left_ > 0) {
    --burst_ticks_left_;
  } else if (random_.below(kBurstOneIn) == 0) {
    burst_ticks_left_ = kBurstTicksMin + random_.below(kBurstTicksSpan);
  }
  const double rate = ticks_per_second_ * regime_traits().rate * (burst_ticks_left_ > 0 ? kBurstRate : 1.0);
  const auto gap_ns = 1 + static_cast<std::int64_t>(random_.exponential() / rate * kNsPerSecond);
  next_ns_ = std::max(next_ns_, span_.open_ns) + gap_ns;
  while (next_ns_ >= span_.close_ns) {
    span_ = calendar_->span_at(next_ns_);
    next_ns_ = std::max(next_ns_, span_.open_ns + gap_ns);
  }
}

// One to sixteen tenths of a lot, small ones more often.
float SimulatedMarket::draw_size() noexcept {
  const std::uint32_t a = random_.below(16);
  const std::uint32_t b = random_.below(16);
  return static_cast<float>(static_cast<double>(1 + std::min(a, b)) * size_unit_);
}

}  // namespace thintail
