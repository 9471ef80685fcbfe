// SPDX-License-Identifier: Apache-2.0
#include "ml/features/feature_engine.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <new>
#include <vector>

#include "core/base/assert.hpp"
#include "core/base/hash.hpp"
#include "core/time/calendar.hpp"
#include "ml/features/bar_indicators.hpp"
#include "ml/features/tick_kernel.hpp"

namespace thintail {
namespace {

using namespace core_32;

constexpr float kUndefined = std::bit_cast<float>(0x7fc0'0000u);  // the one NaN that rows hold
constexpr std::int64_t kFarPast = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kFarFuture = std::numeric_limits<std::int64_t>::max();
constexpr double kNsPerHour = 3.6e12;
constexpr double kSecondsPerNs = 1e-9;

constexpr std::uint64_t bits(std::initializer_list<std::size_t> lanes) noexcept {
  std::uint64_t mask = 0;
  for (const std::size_t lane : lanes) mask |= bit(lane);
  return mask;
}

constexpr std::uint64_t kAllLanes = bit(kLanes) - 1;
constexpr std::uint64_t kBarLanes = bits({kRsi, kAtr, kBollingerZ, kSma20Distance, kRangePosition});
constexpr std::uint64_t kSessionLanes = bits({kSessionOpen, kSessionClose});
constexpr std::uint64_t kFirstTickLanes = bits({kSpread, kFxDay});
// A price that is not above zero has no basis points; these are undefined at such a tick whatever has warmed up.
constexpr std::uint64_t kPriceLanes =
    bits({kSpread, kSpreadZ, kLastMove, kAtr, kSma20Distance}) | ((bit(kHalfLives) - 1) << kMidDeviation);

// Trading time after the first tick from which each lane is defined. Lanes of bars and sessions answer for themselves.
constexpr std::array<std::int64_t, kLanes> kWarmNs = [] {
  std::array<std::int64_t, kLanes> warm{};
  const auto after = [](HalfLife half_life) {
    return static_cast<std::int64_t>(kWarmHalfLives * kHalfLivesS[half_life]) * 1'000'000'000;
  };
  for (std::size_t i = 0; i < kHalfLives; ++i) {
    const auto half_life = static_cast<HalfLife>(i);
    warm[mid_deviation(half_life)] = after(half_life);
  }
  warm[kVolatility15s] = warm[kImbalance15s] = warm[kIntensity15s] = after(k15s);
  warm[kVolatility60s] = after(k60s);
  warm[kSpreadZ] = warm[kCrossedShare] = warm[kVolatility240s] = after(k240s);
  warm[kMoveAutocorrelation] = warm[kImbalance240s] = after(k240s);
  warm[kIntensity900s] = warm[kIntensityRatio] = after(k900s);
  warm[kVolatility3600s] = warm[kVolatilityRatio] = after(k3600s);
  return warm;
}();

// Where in the FX day and in the session an instrument is, until one of them ends.
struct ClockLevels {
  std::int64_t until_ns = kFarPast;
  std::int64_t day_start_ns = 0;
  double per_day_ns = 0.0;
  std::int64_t session_open_ns = 0;
  std::int64_t session_close_ns = 0;
};

struct alignas(64) InstrumentState {
  TickState tick{};
  std::uint64_t defined = 0;
  std::int64_t next_warm_ns = kFarPast;  // trading time at which `defined` grows next; the far past: no tick yet
  std::int64_t first_trading_ns = 0;
  std::int64_t trading_before_ns = 0;
  CalendarCursor cursor{TradingCalendar::get(CalendarId::always)};
  ClockLevels clock;
  BarLevels bars;
  bool has_sessions = false;
};
static_assert(sizeof(InstrumentState) <= 1024, "16 cache lines a tick is what the L1 affords");

}  // namespace

struct FeatureEngine::Impl {
  Impl(const FeatureSet& features, Isa isa, std::size_t instruments_max)
      : set(features), kernel(kTickKernels[isa]), states(instruments_max), indicators(instruments_max) {
    TT_CHECK(&features == &FeatureSet::core_32(), "core-32, the one set that this engine computes");
    TT_CHECK(isa_available(isa), "an instruction set of this machine");
    row.values.fill(kUndefined);
  }

  TT_COLD void warm_up(InstrumentState& state, const TickInput& input, std::int64_t trading_ns) noexcept;
  TT_COLD void refresh_clock(InstrumentState& state, std::int64_t venue_ns) noexcept;

  const FeatureSet& set;
  TickKernel kernel;
  FeatureRow row{};
  std::vector<InstrumentState> states;
  std::vector<BarIndicators> indicators;  // the cold block: touched once a bar
};

FeatureEngine::FeatureEngine(const FeatureSet& set, Isa isa, std::size_t instruments_max)
    : impl_(std::make_unique<Impl>(set, isa, instruments_max)) {}
FeatureEngine::~FeatureEngine() = default;
FeatureEngine::FeatureEngine(FeatureEngine&&) noexcept = default;

const FeatureSet& FeatureEngine::set() const noexcept { return impl_->set; }

void FeatureEngine::enable(InstrumentId id, const Instrument& instrument) {
  TT_CHECK(id < impl_->states.size(), "an instrument id below instruments_max");
  impl_->indicators[id] = {};
  InstrumentState& state = impl_->states[id];
  state = {};
  state.cursor = CalendarCursor(TradingCalendar::get(instrument.calendar));
  state.has_sessions = instrument.calendar != CalendarId::always;
}

void FeatureEngine::on_bar(InstrumentId id, const ClosedBar& bar) noexcept {
  InstrumentState& state = impl_->states[id];
  state.defined = (state.defined & ~kBarLanes) | impl_->indicators[id].on_bar(bar, state.bars);
}

void FeatureEngine::Impl::warm_up(InstrumentState& state, const TickInput& input, std::int64_t trading_ns) noexcept {
  if (state.next_warm_ns == kFarPast) {
    // The first tick: everything before it is taken to have been like it.
    TickState& tick = state.tick;
    std::ranges::fill(tick.mean_mid2, input.mid2);
    tick.mid2_before = tick.mid2_before_that = input.mid2;
    tick.spread_before_bp = tick.spread_mean_bp = input.spread_bp;
    tick.crossed_before = tick.crossed_share = input.crossed;
    state.first_trading_ns = trading_ns;
    state.defined |= kFirstTickLanes;
    state.next_warm_ns = trading_ns;  // the second tick, even at the same time, comes here again
    return;
  }
  const std::int64_t seen_ns = trading_ns - state.first_trading_ns;
  state.next_warm_ns = kFarFuture;
  for (std::size_t lane = 0; lane < kLanes; ++lane) {
    if (((kBarLanes | kSessionLanes) & bit(lane)) != 0) continue;
    if (kWarmNs[lane] <= seen_ns) {
      state.defined |= bit(lane);
    } else {
      state.next_warm_ns = std::min(state.next_warm_ns, state.first_trading_ns + kWarmNs[lane]);
    }
  }
}

void FeatureEngine::Impl::refresh_clock(InstrumentState& state, std::int64_t venue_ns) noexcept {
  constexpr std::int64_t kLongestDayNs = 25 * 3600 * std::int64_t{1'000'000'000};
  const Zone& zone = Zone::new_york();
  const std::int64_t day_end_ns = period_end_ns(BarPeriod::d1, venue_ns, zone);
  ClockLevels& clock = state.clock;
  // A day has 23 to 25 hours: just over 25 hours before its end is the day before, which ends where this one starts.
  clock.day_start_ns = period_end_ns(BarPeriod::d1, day_end_ns - kLongestDayNs - 1, zone);
  clock.per_day_ns = 1.0 / static_cast<double>(day_end_ns - clock.day_start_ns);
  clock.until_ns = day_end_ns;

  const TradingCalendar::Span& session = state.cursor.span();
  // Outside 1990 to 2040 a calendar is one endless span, which is no session.
  constexpr std::int64_t kLongestSessionNs = 7 * kLongestDayNs;
  const bool in_session =
      state.has_sessions && session.open_ns >= 0 && session.close_ns - session.open_ns <= kLongestSessionNs;
  state.defined = in_session ? state.defined | kSessionLanes : state.defined & ~kSessionLanes;
  if (!in_session) return;
  clock.session_open_ns = session.open_ns;
  clock.session_close_ns = session.close_ns;
  clock.until_ns = std::min(day_end_ns, session.close_ns);
}

const FeatureRow& FeatureEngine::on_tick(InstrumentId id, const Tick& tick, std::int64_t venue_ns) noexcept {
  Impl& impl = *impl_;
  InstrumentState& state = impl.states[id];
  const std::int64_t trading_ns = state.cursor.trading_ns(venue_ns);

  const double bid = static_cast<double>(tick.bid_e9);
  const double ask = static_cast<double>(tick.ask_e9);
  TickInput input;
  input.mid2 = bid + ask;
  input.bp_factor = input.mid2 > 0.0 ? 1e4 / input.mid2 : 0.0;
  input.spread_bp = 2.0 * std::max(ask - bid, 0.0) * input.bp_factor;
  input.crossed = ask < bid ? 1.0 : 0.0;

  if (trading_ns >= state.next_warm_ns) [[unlikely]] {
    if (state.next_warm_ns == kFarPast) state.trading_before_ns = trading_ns;
    impl.warm_up(state, input, trading_ns);
  }
  if (venue_ns >= state.clock.until_ns) [[unlikely]]
    impl.refresh_clock(state, venue_ns);
  input.dt_ns = static_cast<double>(trading_ns - state.trading_before_ns);
  state.trading_before_ns = trading_ns;

  float* const row = impl.row.values.data();
  impl.kernel(state.tick, input, row);

  row[kSpread] = to_lane(input.spread_bp);
  row[kQuoteAge] = to_lane(std::min(input.dt_ns * kSecondsPerNs, kQuoteAgeMaxS));
  const BarLevels& bars = state.bars;
  row[kRsi] = to_lane(bars.rsi_percent);
  row[kAtr] = to_lane(bars.atr_mid2 * input.bp_factor);
  row[kBollingerZ] = to_lane(bars.bollinger_z);
  row[kSma20Distance] = to_lane((input.mid2 - bars.sma_mid2) * input.bp_factor);
  row[kRangePosition] = to_lane((input.mid2 - bars.range_low_mid2) / bars.range_mid2);
  const ClockLevels& clock = state.clock;
  row[kFxDay] = to_lane(static_cast<double>(venue_ns - clock.day_start_ns) * clock.per_day_ns);
  row[kSessionOpen] =
      to_lane(static_cast<double>(std::max<std::int64_t>(venue_ns - clock.session_open_ns, 0)) / kNsPerHour);
  row[kSessionClose] = to_lane(static_cast<double>(clock.session_close_ns - venue_ns) / kNsPerHour);

  impl.row.defined = input.mid2 > 0.0 ? state.defined : state.defined & ~kPriceLanes;
  // Bounded by the lanes, and empty once everything is warm.
  for (std::uint64_t undefined = kAllLanes & ~impl.row.defined; undefined != 0; undefined &= undefined - 1) {
    row[std::countr_zero(undefined)] = kUndefined;
  }
  return impl.row;
}

std::uint64_t FeatureEngine::digest(const FeatureRow& row) const noexcept {
  // One block, since XXH3 of two would have to be combined: used lanes, then the mask.
  struct {
    float values[kLanes];
    std::uint64_t defined;
  } block;
  static_assert(sizeof(block) == sizeof(float) * kLanes + sizeof(std::uint64_t), "no padding is hashed");
  std::memcpy(block.values, row.values.data(), sizeof(block.values));
  block.defined = row.defined;
  return xxh3(&block, sizeof(block));
}

}  // namespace thintail
