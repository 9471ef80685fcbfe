// SPDX-License-Identifier: Apache-2.0
#include "ml/features/feature_engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <type_traits>
#include <vector>

#include "core/base/assert.hpp"
#include "core/base/hash.hpp"
#include "core/time/calendar.hpp"
#include "ml/features/book_bank.hpp"
#include "ml/features/half_hours.hpp"
#include "ml/features/tick_families.hpp"
#include "ml/features/tick_kernel.hpp"
#include "ml/features/tick_plan.hpp"
#include "ml/features/turns.hpp"
#include "ml/indicators/bar_bank.hpp"

namespace thintail {
namespace {

constexpr float kUndefined = std::bit_cast<float>(0x7fc0'0000u);  // the one NaN that rows hold
constexpr std::int64_t kFarPast = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kFarFuture = std::numeric_limits<std::int64_t>::max();
constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
constexpr double kNsPerHour = 3.6e12;
constexpr double kSecondsPerNs = 1e-9;
constexpr double kSizeMax = 1e15;
constexpr std::size_t kAlignment = 64;

// What every tick reads and writes, the decays' quads apart. `_before` is the value of the tick before.
struct alignas(64) TickState {
  double mid2_before = 0.0;
  double mid2_before_that = 0.0;
  double move_before_bp = 0.0;
  double spread_before_bp = 0.0;
  double crossed_before = 0.0;
  std::int64_t trading_before_ns = 0;
  std::uint64_t ticks = 0;
  std::uint64_t next_warm_ticks = 1;       // at this tick or
  std::int64_t next_warm_ns = kFarFuture;  // at this trading time `defined` grows next
  LaneMask defined;
  // The calendar's span and the FX day, until one of them ends.
  std::int64_t until_ns = kFarPast;
  std::int64_t open_ns = 0;
  std::int64_t traded_before_ns = 0;
  std::int64_t session_open_ns = 0;
  std::int64_t session_close_ns = 0;
  std::int64_t day_start_ns = 0;
  std::int64_t day_end_ns = 0;
  double per_day_ns = 0.0;
  double weekday = 0.0;
  std::uint64_t all_defined = 0;  // 1: no lane of the set is undefined but for this tick's own reasons
};

// What changes now and then.
struct alignas(64) SlowState {
  LaneMask warm;    // lanes whose warm-up is over
  LaneMask bars;    // lanes of bars that are defined
  LaneMask books;   // of order books
  LaneMask guests;  // of other instruments
  std::int64_t first_trading_ns = 0;
  std::int64_t point_e9 = 0;  // the instrument's tick size
  std::uint16_t calendar = 0;
  bool in_session = false;
  bool traded = false;
};

struct alignas(64) FlowState {
  std::int64_t bid_before_e9 = 0;
  std::int64_t ask_before_e9 = 0;
  double bid_size_before = 0.0;  // 0: the tick before had no sizes
  double ask_size_before = 0.0;
  double queue_before = 0.0;
  // Trades since the tick before.
  double trade_sign = 0.0;
  double trade_count = 0.0;
  double trade_size = 0.0;
  double trade_gross = 0.0;
};

struct alignas(64) WindowHead {
  double origin_mid2 = 0.0;  // the first tick's: integers are measured from it
  double point = 1.0;        // half points of the mid are points of bid + ask
  std::int64_t trading_before = 0;  // in 100 us
  std::uint32_t time = 0;
  std::int32_t mid_before = 0;
  std::int32_t mid_before_that = 0;
};

struct alignas(64) FormingState {
  double open[kFormingPeriods];
  double high[kFormingPeriods];
  double low[kFormingPeriods];
};

// One instrument's block of bytes: where its parts lie. Parts that the set does not use take no room.
struct Layout {
  std::size_t quads, flow, forming, slow, window_head, windows, half_hours, guests, bars, books, bytes;
  std::size_t hot;

  Layout(const TickPlan& plan, const BarBank& bar_bank, const BookBank& book_bank) {
    std::size_t at = sizeof(TickState);
    const auto place = [&](bool used, std::size_t size) {
      const std::size_t from = at;
      if (used) at += (size + kAlignment - 1) / kAlignment * kAlignment;
      return from;
    };
    quads = place(true, plan.program.quads * kQuad * sizeof(double));
    flow = place(plan.uses_flow, sizeof(FlowState));
    forming = place(plan.forming_count != 0, sizeof(FormingState));
    hot = at;
    slow = place(true, sizeof(SlowState));
    window_head = place(plan.uses_windows, sizeof(WindowHead));
    windows = place(plan.uses_windows, sizeof(WindowState));
    half_hours = place(plan.uses_day, sizeof(HalfHours));
    guests = place(true, plan.guests.size() * sizeof(float));
    bars = place(bar_bank.size() != 0, bar_bank.state_bytes());
    books = place(book_bank.size() != 0, book_bank.state_bytes());
    bytes = at;
  }
};

template <class Part>
Part& part(std::byte* state, std::size_t offset) noexcept {
  static_assert(std::is_trivially_copyable_v<Part>, "a snapshot copies bytes");
  return *std::launder(reinterpret_cast<Part*>(state + offset));
}

struct SnapshotHeader {
  static constexpr std::uint32_t kMagic = 0x53465454;  // "TTFS"
  static constexpr std::uint32_t kLayout = 1;  // raised whenever the same set's state would lie otherwise
  std::uint32_t magic = kMagic;
  std::uint32_t layout = kLayout;
  Sha256Digest set_hash{};
  std::int64_t point_e9 = 0;
  std::uint64_t checksum = 0;  // XXH3 of the bytes after the header
  std::uint32_t bytes = 0;     // how many
  std::uint16_t calendar = 0;
  std::uint16_t reserved = 0;
};
static_assert(sizeof(SnapshotHeader) == 64);

struct FreeAligned {
  void operator()(std::byte* block) const noexcept { ::operator delete(block, std::align_val_t{kAlignment}); }
};

std::unique_ptr<std::byte[], FreeAligned> allocate(std::size_t bytes) {
  return std::unique_ptr<std::byte[], FreeAligned>(
      static_cast<std::byte*>(::operator new(std::max<std::size_t>(bytes, 1), std::align_val_t{kAlignment})));
}

template <class Bank>
Bank make_bank(const FeatureSet& set, FamilyGroup group) {
  std::vector<Feature> features;
  std::vector<std::uint16_t> lanes;
  for (std::size_t lane = 0; lane < set.features().size(); ++lane) {
    const Feature& feature = set.features()[lane];
    if (feature.family->group != group) continue;
    features.push_back(feature);
    lanes.push_back(static_cast<std::uint16_t>(lane));
  }
  return Bank(features, lanes);
}

double size_of(float size) noexcept {
  const auto value = static_cast<double>(size);
  return value > 0.0 && value <= kSizeMax ? value : 0.0;
}

std::int64_t trading_at(const TradingCalendar& calendar, std::int64_t utc_ns) {
  const TradingCalendar::Span& span = calendar.span_at(utc_ns);
  return span.traded_before_ns + std::max<std::int64_t>(utc_ns - span.open_ns, 0);
}

std::int64_t relative(double value, double point) noexcept {
  // Clamped before it is converted. 1.5 * 2^52 rounds to an integer, to even where halfway, on every machine alike; a
  // product with 1 / point would move what lies halfway.
  constexpr double kMax = kWindowPriceMax;
  constexpr double kRound = 0x1.8p52;
  const double points = std::clamp(value / point, -kMax, kMax);
  return static_cast<std::int64_t>((points + kRound) - kRound);
}

std::int32_t clamped_move(std::int32_t move) noexcept { return std::clamp(move, -kWindowMoveMax, kWindowMoveMax); }

double at_least(double value, double floor) noexcept { return value > floor ? value : floor; }

}  // namespace

struct FeatureEngine::Impl {
  Impl(const FeatureSet& features, Isa isa, std::size_t instruments_max)
      : set(features),
        bar_bank(make_bank<BarBank>(features, FamilyGroup::bar)),
        book_bank(make_bank<BookBank>(features, FamilyGroup::book)),
        plan(features.features(), bar_bank),
        layout(plan, bar_bank, book_bank),
        weight_kernel(kWeightKernels[isa]),
        kernel(kTickKernels[isa]),
        words((features.features().size() + 63) / 64),
        count(instruments_max),
        memory(allocate(layout.bytes * instruments_max)),
        scratch_memory(allocate((plan.scratch_size + kInputs) * sizeof(double) + kAlignment)),
        calendars(instruments_max, nullptr) {
    TT_CHECK(isa_available(isa), "an instruction set of this machine");
    row.values.fill(kUndefined);
    scratch = reinterpret_cast<double*>(scratch_memory.get());
    inputs = scratch + (plan.scratch_size + 7) / 8 * 8;
    std::fill(scratch, inputs + kInputs, 0.0);
    scratch[static_cast<unsigned>(Slot::undefined)] = std::numeric_limits<double>::quiet_NaN();
    const std::byte* const anywhere = memory.get();
    levels_at = layout.bars +
                static_cast<std::size_t>(reinterpret_cast<const std::byte*>(bar_bank.levels(anywhere)) - anywhere);
    scales_at = layout.bars +
                static_cast<std::size_t>(reinterpret_cast<const std::byte*>(bar_bank.scales(anywhere)) - anywhere);
    call.weights = &weights;
    call.inputs = inputs;
    call.window = &window;
    call.scratch = scratch;
    call.row = row.values.data();
  }

  std::byte* state(InstrumentId id) const noexcept { return memory.get() + std::size_t{id} * layout.bytes; }
  double& slot(Slot at) const noexcept { return scratch[static_cast<unsigned>(at)]; }
  double& input(Input of) const noexcept { return inputs[static_cast<unsigned>(of)]; }

  void fetch(InstrumentId id, const std::byte* block) noexcept;
  TT_COLD void start(std::byte* block, std::int64_t trading_ns, double mid2, double spread_bp, double spread_points,
                     double crossed, double queue) noexcept;
  TT_COLD void warm_up(std::byte* block, std::int64_t trading_ns) noexcept;
  TT_COLD void refresh_clock(std::byte* block, const TradingCalendar& calendar, std::int64_t venue_ns) noexcept;
  void settle(std::byte* block) noexcept;
  double take_flow(FlowState& flow, const Tick& tick, double mid2, double mid_bp, double move_bp) noexcept;
  TT_COLD void gate(const Tick& tick, double mid2, bool sized) noexcept;
  void clear_undefined() noexcept;
  void write_clock(const TickState& state, std::int64_t venue_ns) noexcept;
  void write_forming(FormingState& forming, double mid2, double mid_bp) noexcept;
  void take_window(WindowHead& head, WindowInput& out, std::uint64_t ticks, double mid2, double spread_e9,
                   double mid_bp, std::int64_t trading_ns) noexcept;

  const FeatureSet& set;
  BarBank bar_bank;
  BookBank book_bank;
  TickPlan plan;
  Layout layout;
  WeightKernel weight_kernel;
  TickKernel kernel;
  std::size_t words;  // of the masks that the set's lanes use
  std::size_t count;
  FeatureRow row{};
  std::unique_ptr<std::byte[], FreeAligned> memory;  // of every instrument; enable() touches it first
  std::unique_ptr<std::byte[], FreeAligned> scratch_memory;
  double* scratch = nullptr;
  double* inputs = nullptr;
  std::size_t levels_at = 0;  // of the bar bank's views, in a state
  std::size_t scales_at = 0;
  TickCall call{};  // what stays the same is filled in once
  DecayWeights weights{};
  WindowInput window{};
  std::vector<const TradingCalendar*> calendars;
  InstrumentId fetched = kNoInstrument;  // of the last tick
};

FeatureEngine::FeatureEngine(const FeatureSet& set, Isa isa, std::size_t instruments_max)
    : impl_(std::make_unique<Impl>(set, isa, instruments_max)) {}
FeatureEngine::~FeatureEngine() = default;
FeatureEngine::FeatureEngine(FeatureEngine&&) noexcept = default;

const FeatureSet& FeatureEngine::set() const noexcept { return impl_->set; }
std::size_t FeatureEngine::state_bytes() const noexcept { return impl_->layout.bytes; }
std::size_t FeatureEngine::hot_bytes() const noexcept { return impl_->layout.hot; }

void FeatureEngine::enable(InstrumentId id, const Instrument& instrument) {
  Impl& impl = *impl_;
  TT_CHECK(id < impl.count, "an instrument id below instruments_max");
  std::byte* const block = impl.state(id);
  std::memset(block, 0, impl.layout.bytes);
  new (block) TickState;
  auto& slow = *new (block + impl.layout.slow) SlowState;
  slow.calendar = static_cast<std::uint16_t>(instrument.calendar);
  slow.point_e9 = std::max<std::int64_t>(instrument.tick_size_e9, 1);
  if (impl.plan.uses_flow) new (block + impl.layout.flow) FlowState;
  if (impl.plan.uses_windows) {
    auto& head = *new (block + impl.layout.window_head) WindowHead;
    head.point = static_cast<double>(slow.point_e9);
  }
  if (impl.plan.uses_day) new (block + impl.layout.half_hours) HalfHours;
  if (impl.plan.forming_count != 0) {
    auto& forming = part<FormingState>(block, impl.layout.forming);
    std::ranges::fill(forming.high, -std::numeric_limits<double>::infinity());
    std::ranges::fill(forming.low, std::numeric_limits<double>::infinity());
  }
  if (impl.bar_bank.size() != 0) impl.bar_bank.reset(block + impl.layout.bars);
  if (impl.book_bank.size() != 0) impl.book_bank.reset(block + impl.layout.books, slow.point_e9);
  impl.calendars[id] = &TradingCalendar::get(instrument.calendar);
}

// What is defined follows from what has warmed up and from what each gate says.
void FeatureEngine::Impl::settle(std::byte* block) noexcept {
  auto& state = part<TickState>(block, 0);
  const auto& slow = part<SlowState>(block, layout.slow);
  const bool day_known = plan.uses_day && part<HalfHours>(block, layout.half_hours).known();
  for (std::size_t i = 0; i < words; ++i) {
    std::uint64_t lanes = slow.warm.words[i];
    if (!slow.in_session) lanes &= ~plan.session.words[i];
    if (!slow.traded) lanes &= ~plan.traded.words[i];
    if (!day_known) lanes &= ~plan.day.words[i];
    state.defined.words[i] = lanes | slow.bars.words[i] | slow.books.words[i] | slow.guests.words[i];
  }
  state.all_defined = state.defined == plan.all;
}

void FeatureEngine::on_bar(InstrumentId id, const ClosedBar& bar, double volume) noexcept {
  Impl& impl = *impl_;
  std::byte* const block = impl.state(id);
  if (impl.plan.forming_count != 0) {
    auto& forming = part<FormingState>(block, impl.layout.forming);
    for (unsigned i = 0; i < impl.plan.forming_count; ++i) {
      if (impl.plan.forming[i] != static_cast<std::uint8_t>(bar.period)) continue;
      forming.high[i] = -std::numeric_limits<double>::infinity();
      forming.low[i] = std::numeric_limits<double>::infinity();
    }
  }
  if (impl.bar_bank.size() == 0) return;
  std::byte* const bars = block + impl.layout.bars;
  const LaneMask before = impl.bar_bank.defined(bars);
  impl.bar_bank.on_bar(bars, bar, volume);
  const LaneMask& now = impl.bar_bank.defined(bars);
  if (now == before) return;
  auto& slow = part<SlowState>(block, impl.layout.slow);
  for (std::size_t i = 0; i < impl.bar_bank.size(); ++i) slow.bars.set(impl.bar_bank.lanes()[i], now.test(i));
  impl.settle(block);
}

void FeatureEngine::on_trade(InstrumentId id, const Trade& trade) noexcept {
  Impl& impl = *impl_;
  if (!impl.plan.uses_flow) return;
  std::byte* const block = impl.state(id);
  const auto& state = part<TickState>(block, 0);
  auto& flow = part<FlowState>(block, impl.layout.flow);
  double sign = trade.aggressor == Side::buy ? 1.0 : trade.aggressor == Side::sell ? -1.0 : 0.0;
  if (trade.aggressor == Side::none && state.ticks != 0) {
    // Above the last mid somebody bought.
    const double above = 2.0 * static_cast<double>(trade.price_e9) - state.mid2_before;
    sign = static_cast<double>((above > 0.0) - (above < 0.0));
  }
  const double size = size_of(trade.size);
  flow.trade_sign += sign;
  flow.trade_count += 1.0;
  flow.trade_size += sign * size;
  flow.trade_gross += size;
  auto& slow = part<SlowState>(block, impl.layout.slow);
  if (!slow.traded) [[unlikely]] {
    slow.traded = true;
    impl.settle(block);
  }
}

void FeatureEngine::on_book(InstrumentId id, const OrderBook& book) noexcept {
  Impl& impl = *impl_;
  if (impl.book_bank.size() == 0) return;
  std::byte* const block = impl.state(id);
  std::byte* const books = block + impl.layout.books;
  const LaneMask before = impl.book_bank.defined(books);
  impl.book_bank.on_book(books, book);
  const LaneMask& now = impl.book_bank.defined(books);
  if (now == before) return;
  auto& slow = part<SlowState>(block, impl.layout.slow);
  for (std::size_t i = 0; i < impl.book_bank.size(); ++i) slow.books.set(impl.book_bank.lanes()[i], now.test(i));
  impl.settle(block);
}

std::span<const std::uint16_t> FeatureEngine::guest_lanes() const noexcept { return impl_->plan.guests; }

void FeatureEngine::set_guests(InstrumentId id, std::span<const float> values, const LaneMask& defined) noexcept {
  Impl& impl = *impl_;
  TT_ASSERT(values.size() == impl.plan.guests.size(), "a value for each guest lane");
  std::byte* const block = impl.state(id);
  std::memcpy(block + impl.layout.guests, values.data(), values.size_bytes());
  auto& slow = part<SlowState>(block, impl.layout.slow);
  for (std::size_t i = 0; i < impl.plan.guests.size(); ++i) slow.guests.set(impl.plan.guests[i], defined.test(i));
  impl.settle(block);
}

// The first tick: everything before it is taken to have been like it.
void FeatureEngine::Impl::start(std::byte* block, std::int64_t trading_ns, double mid2, double spread_bp,
                                double spread_points, double crossed, double queue) noexcept {
  auto& state = part<TickState>(block, 0);
  state.mid2_before = state.mid2_before_that = mid2;
  state.spread_before_bp = spread_bp;
  state.crossed_before = crossed;
  part<SlowState>(block, layout.slow).first_trading_ns = trading_ns;
  if (plan.uses_flow) part<FlowState>(block, layout.flow).queue_before = queue;

  const std::array<double, kMeans> first = {mid2, spread_bp, spread_bp * spread_bp, crossed, queue, 0.0};
  auto* quad = reinterpret_cast<double*>(block + layout.quads);
  for (const DecayQuads& of : plan.program.decays) {
    for (unsigned input = 0; input < kInputs; ++input) {
      if ((of.signals >> input & 1) == 0) continue;
      if (input < kMeans) std::fill_n(quad, kQuad, first[input]);
      quad += kQuad;
    }
  }
  if (plan.uses_windows) {
    auto& head = part<WindowHead>(block, layout.window_head);
    auto& windows = part<WindowState>(block, layout.windows);
    head.origin_mid2 = mid2;
    head.trading_before = trading_ns / kWindowTimeUnitNs;
    const auto points = static_cast<std::int32_t>(relative(spread_points, head.point));
    std::ranges::fill(windows.spread_points, points);
    for (unsigned i = 0; i < kWindowLanes; ++i) {
      windows.spread[i] = std::int64_t{points} * plan.program.window_constants->ticks[i];
    }
  }
}

void FeatureEngine::Impl::warm_up(std::byte* block, std::int64_t trading_ns) noexcept {
  auto& state = part<TickState>(block, 0);
  auto& slow = part<SlowState>(block, layout.slow);
  const std::int64_t seen_ns = trading_ns - slow.first_trading_ns;
  state.next_warm_ns = kFarFuture;
  state.next_warm_ticks = kNever;
  for (std::size_t lane = 0; lane < plan.warm.size(); ++lane) {
    if (!plan.timed.test(lane) || slow.warm.test(lane)) continue;
    const TickPlan::Warm& warm = plan.warm[lane];
    if (warm.after_ns <= seen_ns && warm.ticks <= state.ticks) {
      slow.warm.set(lane);
    } else if (warm.ticks > state.ticks) {
      state.next_warm_ticks = std::min<std::uint64_t>(state.next_warm_ticks, warm.ticks);
    } else {
      state.next_warm_ns = std::min(state.next_warm_ns, slow.first_trading_ns + warm.after_ns);
    }
  }
  settle(block);
}

void FeatureEngine::Impl::refresh_clock(std::byte* block, const TradingCalendar& calendar,
                                        std::int64_t venue_ns) noexcept {
  constexpr std::int64_t kLongestDayNs = 25 * 3600 * std::int64_t{1'000'000'000};
  constexpr std::int64_t kUtcDayNs = 24 * 3600 * std::int64_t{1'000'000'000};
  const Zone& zone = Zone::new_york();
  auto& state = part<TickState>(block, 0);
  auto& slow = part<SlowState>(block, layout.slow);
  if (venue_ns >= state.day_end_ns || state.until_ns == kFarPast) {
    state.day_end_ns = period_end_ns(BarPeriod::d1, venue_ns, zone);
    // A day has 23 to 25 hours: just over 25 hours before its end is the day before, which ends where this one starts.
    state.day_start_ns = period_end_ns(BarPeriod::d1, state.day_end_ns - kLongestDayNs - 1, zone);
    state.per_day_ns = 1.0 / static_cast<double>(state.day_end_ns - state.day_start_ns);
    // 17:00 New York is 21:00 or 22:00 UTC of the same date; 1970-01-01 was a Thursday.
    const std::int64_t date =
        state.day_end_ns >= 0 ? state.day_end_ns / kUtcDayNs : -((-state.day_end_ns - 1) / kUtcDayNs) - 1;
    state.weekday = static_cast<double>(((date + 4) % 7 + 7) % 7);
  }
  const TradingCalendar::Span& span = calendar.span_at(venue_ns);
  state.open_ns = span.open_ns;
  state.traded_before_ns = span.traded_before_ns;
  state.until_ns = std::min(state.day_end_ns, span.close_ns);
  // Outside 1990 to 2040 a calendar is one endless span, which is no session.
  constexpr std::int64_t kLongestSessionNs = 7 * kLongestDayNs;
  slow.in_session = slow.calendar != static_cast<std::uint16_t>(CalendarId::always) && span.open_ns >= 0 &&
                    span.close_ns - span.open_ns <= kLongestSessionNs;
  state.session_open_ns = slow.in_session ? span.open_ns : venue_ns;
  state.session_close_ns = slow.in_session ? span.close_ns : venue_ns;
  if (plan.uses_day) {
    const std::int64_t since_ns = venue_ns - state.day_start_ns;
    const std::int64_t half_hour = std::min<std::int64_t>(since_ns / kHalfHourNs, kHalfHours - 1);
    const std::int64_t start_ns = state.day_start_ns + half_hour * kHalfHourNs;
    const std::int64_t end_ns =
        half_hour + 1 == kHalfHours ? state.day_end_ns : std::min(start_ns + kHalfHourNs, state.day_end_ns);
    part<HalfHours>(block, layout.half_hours)
        .enter(state.day_start_ns, static_cast<std::size_t>(half_hour),
               trading_at(calendar, end_ns) - trading_at(calendar, start_ns));
    state.until_ns = std::min(state.until_ns, end_ns);
  }
  settle(block);
}

// Order flow at the best quote and trades. Returns the queue imbalance of the tick, NaN without sizes.
double FeatureEngine::Impl::take_flow(FlowState& flow, const Tick& tick, double mid2, double mid_bp,
                                      double move_bp) noexcept {
  const double bid_size = size_of(tick.bid_size);
  const double ask_size = size_of(tick.ask_size);
  const bool sized = bid_size > 0.0 && ask_size > 0.0;
  double queue = std::numeric_limits<double>::quiet_NaN();
  double order_flow = 0.0;
  if (sized) {
    const double both = bid_size + ask_size;
    queue = (bid_size - ask_size) / both;
    const double bid = static_cast<double>(tick.bid_e9);
    const double ask = static_cast<double>(tick.ask_e9);
    slot(Slot::microprice) = (2.0 * (bid * ask_size + ask * bid_size) / both - mid2) * mid_bp;
    slot(Slot::queue) = queue;
    if (flow.bid_size_before > 0.0 && flow.ask_size_before > 0.0) {
      order_flow = (tick.bid_e9 >= flow.bid_before_e9 ? bid_size : 0.0) -
                   (tick.bid_e9 <= flow.bid_before_e9 ? flow.bid_size_before : 0.0) -
                   (tick.ask_e9 <= flow.ask_before_e9 ? ask_size : 0.0) +
                   (tick.ask_e9 >= flow.ask_before_e9 ? flow.ask_size_before : 0.0);
    }
  }
  input(Input::queue) = flow.queue_before + kTinyInput;
  input(Input::flow) = order_flow + kTinyInput;
  input(Input::flow_gross) = __builtin_fabs(order_flow) + kTinyInput;
  input(Input::trade_sign) = flow.trade_sign + kTinyInput;
  input(Input::trade_count) = flow.trade_count + kTinyInput;
  input(Input::trade_size) = flow.trade_size + kTinyInput;
  input(Input::trade_gross) = flow.trade_gross + kTinyInput;
  input(Input::impact) = flow.trade_sign * move_bp + kTinyInput;
  input(Input::impact_square) = flow.trade_sign * flow.trade_sign + kTinyInput;
  flow = {.bid_before_e9 = tick.bid_e9,
          .ask_before_e9 = tick.ask_e9,
          .bid_size_before = sized ? bid_size : 0.0,
          .ask_size_before = sized ? ask_size : 0.0,
          .queue_before = sized ? queue : 0.0};
  return queue;
}

// Takes out of the row's mask what this one tick leaves undefined.
void FeatureEngine::Impl::gate(const Tick& tick, double mid2, bool sized) noexcept {
  for (std::size_t i = 0; i < words; ++i) {
    std::uint64_t& defined = row.defined.words[i];
    if (!(mid2 > 0.0)) defined &= ~plan.mid_price.words[i];
    if (tick.bid_e9 <= 0) defined &= ~plan.bid_price.words[i];
    if (tick.ask_e9 <= 0) defined &= ~plan.ask_price.words[i];
    if (!sized) defined &= ~plan.sizes.words[i];
  }
}

void FeatureEngine::Impl::clear_undefined() noexcept {
  for (std::size_t i = 0; i < words; ++i) {
    for (std::uint64_t lanes = plan.all.words[i] & ~row.defined.words[i]; lanes != 0; lanes &= lanes - 1) {
      row.values[i * 64 + static_cast<std::size_t>(std::countr_zero(lanes))] = kUndefined;
    }
  }
}

void FeatureEngine::Impl::write_clock(const TickState& state, std::int64_t venue_ns) noexcept {
  const double day = slot(Slot::fx_day);
  slot(Slot::fx_weekday) = state.weekday;
  slot(Slot::rollover) = static_cast<double>(state.day_end_ns - venue_ns) / kNsPerHour;
  if (!plan.uses_phase) return;
  const SineCosine of_day = sine_cosine_of_turn(std::min(day, 1.0));
  const SineCosine of_week = sine_cosine_of_turn(std::min((state.weekday + day) / 7.0, 1.0));
  slot(Slot::fx_day_sin) = of_day.sine;
  slot(Slot::fx_day_cos) = of_day.cosine;
  slot(Slot::fx_week_sin) = of_week.sine;
  slot(Slot::fx_week_cos) = of_week.cosine;
}

void FeatureEngine::Impl::write_forming(FormingState& forming, double mid2, double mid_bp) noexcept {
  double* const out = scratch + plan.forming_out;
  for (unsigned i = 0; i < plan.forming_count; ++i) {
    if (forming.high[i] < forming.low[i]) forming.open[i] = mid2;  // nothing since the bar before closed
    forming.high[i] = std::max(forming.high[i], mid2);
    forming.low[i] = std::min(forming.low[i], mid2);
    const double range = forming.high[i] - forming.low[i];
    out[i] = (mid2 - forming.open[i]) * mid_bp;
    out[kFormingPeriods + i] = range * mid_bp;
    // Prices are whole: where they differ, they do so by at least 1.
    out[2 * kFormingPeriods + i] = ((mid2 - forming.high[i]) + (mid2 - forming.low[i])) / at_least(range, 1.0);
  }
}

void FeatureEngine::Impl::take_window(WindowHead& head, WindowInput& out, std::uint64_t ticks, double mid2,
                                      double spread_e9, double mid_bp, std::int64_t trading_ns) noexcept {
  const std::int64_t trading = trading_ns / kWindowTimeUnitNs;
  head.time += static_cast<std::uint32_t>(std::min(trading - head.trading_before, kWindowStepMax));
  head.trading_before = trading;
  out.at = static_cast<std::uint32_t>(ticks % kWindowRing);
  out.mid = static_cast<std::int32_t>(relative(mid2 - head.origin_mid2, head.point));
  out.spread = static_cast<std::int32_t>(relative(spread_e9, head.point));
  out.time = head.time;
  out.move = clamped_move(out.mid - head.mid_before);
  out.move_before = clamped_move(head.mid_before - head.mid_before_that);
  out.two_moves = clamped_move(out.mid - head.mid_before_that);
  out.unit_bp = head.point * mid_bp;
  head.mid_before_that = head.mid_before;
  head.mid_before = out.mid;
}

// Asks for the lines that the tick of another instrument will need, all at once: left to the kernel's own order, each part's
// misses would begin only where the one before has ended.
void FeatureEngine::Impl::fetch(InstrumentId id, const std::byte* block) noexcept {
  fetched = id;
  const auto lines = [](const void* from, std::size_t bytes) {
    for (std::size_t at = 0; at < bytes; at += kCacheLineBytes) {
      __builtin_prefetch(static_cast<const std::byte*>(from) + at, 1);
    }
  };
  lines(block, layout.hot);
  if (plan.uses_windows) lines(block + layout.window_head, sizeof(WindowHead));
  if (bar_bank.size() != 0) {
    lines(block + levels_at, bar_bank.size() * sizeof(double));
    lines(block + scales_at, bar_bank.size() * sizeof(double));
  }
  if (plan.uses_day) lines(block + layout.half_hours, kCacheLineBytes);
  if (!plan.uses_windows) return;
  const auto& windows = part<WindowState>(const_cast<std::byte*>(block), layout.windows);
  lines(&windows, offsetof(WindowState, mid));
  const std::uint64_t ticks = part<TickState>(const_cast<std::byte*>(block), 0).ticks;
  for (const std::int32_t length : plan.windows) {
    const std::size_t oldest = (ticks - static_cast<std::uint64_t>(length)) % kWindowRing;
    __builtin_prefetch(&windows.mid[oldest]);
    __builtin_prefetch(&windows.spread_points[oldest]);
    __builtin_prefetch(&windows.time[oldest]);
  }
}

const FeatureRow& FeatureEngine::on_tick(InstrumentId id, const Tick& tick, std::int64_t venue_ns) noexcept {
  Impl& impl = *impl_;
  const TickPlan& plan = impl.plan;
  std::byte* const block = impl.state(id);
  if (id != impl.fetched) impl.fetch(id, block);
  auto& state = part<TickState>(block, 0);
  if (venue_ns >= state.until_ns) [[unlikely]]
    impl.refresh_clock(block, *impl.calendars[id], venue_ns);
  const std::int64_t trading_ns = state.traded_before_ns + (venue_ns < state.open_ns ? 0 : venue_ns - state.open_ns);

  if (state.ticks == 0) [[unlikely]]
    state.trading_before_ns = trading_ns;
  const double dt_ns = static_cast<double>(trading_ns - state.trading_before_ns);
  state.trading_before_ns = trading_ns;
  impl.weight_kernel(plan.program, dt_ns, impl.weights);

  TickCall& call = impl.call;
  call.bid = static_cast<double>(tick.bid_e9);
  call.ask = static_cast<double>(tick.ask_e9);
  call.mid2 = call.bid + call.ask;
  call.mid_bp = call.mid2 > 0.0 ? 1e4 / call.mid2 : 0.0;
  const double spread_e9 = std::max(call.ask - call.bid, 0.0);
  call.spread_bp = 2.0 * spread_e9 * call.mid_bp;
  const double crossed = call.ask < call.bid ? 1.0 : 0.0;

  ++state.ticks;
  if (state.ticks >= state.next_warm_ticks || trading_ns >= state.next_warm_ns) [[unlikely]] {
    if (state.ticks == 1) {
      const double sizes = size_of(tick.bid_size) + size_of(tick.ask_size);
      const bool sized = size_of(tick.bid_size) > 0.0 && size_of(tick.ask_size) > 0.0;
      const double queue = sized ? (size_of(tick.bid_size) - size_of(tick.ask_size)) / sizes : 0.0;
      impl.start(block, trading_ns, call.mid2, call.spread_bp, spread_e9, crossed, queue);
    }
    impl.warm_up(block, trading_ns);
  }
  const double move_bp = (call.mid2 - state.mid2_before) * call.mid_bp;
  const double two_moves_bp = (call.mid2 - state.mid2_before_that) * call.mid_bp;
  const double sign = static_cast<double>((call.mid2 > state.mid2_before_that) - (call.mid2 < state.mid2_before_that));
  const double product = move_bp * state.move_before_bp;
  const double two_move_square = two_moves_bp * two_moves_bp * 0.5;
  impl.input(Input::mid2) = state.mid2_before;
  impl.input(Input::one) = 1.0;
  impl.input(Input::spread) = state.spread_before_bp + kTinyInput;
  impl.input(Input::spread_square) = state.spread_before_bp * state.spread_before_bp + kTinyInput;
  impl.input(Input::crossed) = state.crossed_before + kTinyInput;
  impl.input(Input::tick) = 1.0;
  impl.input(Input::two_move_square) = two_move_square + kTinyInput;
  impl.input(Input::sign) = sign + kTinyInput;
  impl.input(Input::gross) = sign * sign + kTinyInput;
  impl.input(Input::move_product) = product + kTinyInput;
  impl.input(Input::move_square) = move_bp * move_bp + kTinyInput;
  impl.input(Input::bipower) = __builtin_fabs(product) + kTinyInput;
  impl.slot(Slot::spread) = call.spread_bp;
  impl.slot(Slot::last_move) = move_bp;
  impl.slot(Slot::quote_age) = std::min(dt_ns * kSecondsPerNs, kQuoteAgeMaxS);
  state.mid2_before_that = state.mid2_before;
  state.mid2_before = call.mid2;
  state.move_before_bp = move_bp;
  state.spread_before_bp = call.spread_bp;
  state.crossed_before = crossed;

  bool sized = true;
  if (plan.uses_flow) {
    const double queue =
        impl.take_flow(part<FlowState>(block, impl.layout.flow), tick, call.mid2, call.mid_bp, move_bp);
    sized = queue == queue;
  }
  if (plan.uses_day) {
    auto& half_hours = part<HalfHours>(block, impl.layout.half_hours);
    impl.slot(Slot::day_spread) = half_hours.spread_bp();
    impl.slot(Slot::day_volatility) = half_hours.volatility();
    half_hours.add(call.spread_bp, two_move_square);
  }
  impl.slot(Slot::fx_day) = static_cast<double>(venue_ns - state.day_start_ns) * state.per_day_ns;
  if (plan.uses_session) {
    impl.slot(Slot::session_open) =
        static_cast<double>(std::max<std::int64_t>(venue_ns - state.session_open_ns, 0)) / kNsPerHour;
    impl.slot(Slot::session_close) = static_cast<double>(state.session_close_ns - venue_ns) / kNsPerHour;
  }
  if (plan.uses_clock) impl.write_clock(state, venue_ns);
  if (plan.forming_count != 0) {
    impl.write_forming(part<FormingState>(block, impl.layout.forming), call.mid2, call.mid_bp);
  }
  if (plan.uses_windows) {
    impl.take_window(part<WindowHead>(block, impl.layout.window_head), impl.window, state.ticks, call.mid2, spread_e9,
                     call.mid_bp, trading_ns);
  }
  if (plan.program.bars_of_sides) {
    call.bid_bp = call.bid > 0.0 ? 1e4 / (2.0 * call.bid) : 0.0;
    call.ask_bp = call.ask > 0.0 ? 1e4 / (2.0 * call.ask) : 0.0;
  }
  call.quads = reinterpret_cast<double*>(block + impl.layout.quads);
  call.windows = reinterpret_cast<WindowState*>(block + impl.layout.windows);
  call.levels = reinterpret_cast<const double*>(block + impl.levels_at);
  call.scales = reinterpret_cast<const double*>(block + impl.scales_at);
  impl.kernel(plan.program, call);

  float* const row = impl.row.values.data();
  if (impl.book_bank.size() != 0) {
    const float* const values = impl.book_bank.values(block + impl.layout.books);
    for (std::size_t i = 0; i < impl.book_bank.size(); ++i) row[impl.book_bank.lanes()[i]] = values[i];
  }
  const auto* const guests = reinterpret_cast<const float*>(block + impl.layout.guests);
  for (std::size_t i = 0; i < plan.guests.size(); ++i) row[plan.guests[i]] = guests[i];
  impl.row.defined = state.defined;
  // Where both prices are above zero, their sum is.
  const bool whole = tick.bid_e9 > 0 && tick.ask_e9 > 0 && sized;
  if (!state.all_defined || !whole) [[unlikely]] {
    if (!whole) impl.gate(tick, call.mid2, sized);
    impl.clear_undefined();
  }
  return impl.row;
}

const FeatureRow& FeatureEngine::on_close(InstrumentId id, const ClosedBar& bar) noexcept {
  const std::int64_t end_ns = std::int64_t{bar.end_s} * 1'000'000'000;
  return on_tick(id, {bar.bid.close_e9, bar.ask.close_e9, 0.0f, 0.0f, end_ns, 0}, end_ns);
}

std::uint64_t FeatureEngine::digest(const FeatureRow& row) const noexcept {
  // One block, since XXH3 of two would have to be combined: used lanes, then the mask's used words.
  constexpr std::size_t kMaskBytes = sizeof(LaneMask);
  alignas(8) std::byte block[kMaxLanes * sizeof(float) + kMaskBytes];
  const std::size_t lanes_bytes = impl_->plan.warm.size() * sizeof(float);
  const std::size_t mask_bytes = impl_->words * sizeof(std::uint64_t);
  std::memcpy(block, row.values.data(), lanes_bytes);
  std::memcpy(block + lanes_bytes, row.defined.words.data(), mask_bytes);
  return xxh3(block, lanes_bytes + mask_bytes);
}

std::size_t FeatureEngine::snapshot_bytes() const noexcept { return sizeof(SnapshotHeader) + impl_->layout.bytes; }

void FeatureEngine::snapshot(InstrumentId id, std::span<std::byte> out) const noexcept {
  TT_CHECK(out.size() == snapshot_bytes(), "room for one snapshot");
  const auto& slow = part<SlowState>(impl_->state(id), impl_->layout.slow);
  SnapshotHeader header;
  header.set_hash = impl_->set.hash();
  header.calendar = slow.calendar;
  header.point_e9 = slow.point_e9;
  header.bytes = static_cast<std::uint32_t>(impl_->layout.bytes);
  header.checksum = xxh3(impl_->state(id), impl_->layout.bytes);
  std::memcpy(out.data(), &header, sizeof(header));
  std::memcpy(out.data() + sizeof(header), impl_->state(id), impl_->layout.bytes);
}

Result<void> FeatureEngine::restore(InstrumentId id, std::span<const std::byte> in) {
  const auto& slow = part<SlowState>(impl_->state(id), impl_->layout.slow);
  const auto refuse = [&](std::string_view field, std::string expected, std::string found) {
    return fail({.code = ErrorCode::feature_state,
                 .doing = fmt::format("restoring feature state of set {}", impl_->set.name()),
                 .field = std::string(field),
                 .expected = std::move(expected),
                 .found = std::move(found)});
  };
  if (in.size() != snapshot_bytes()) {
    return refuse("size", fmt::format("{} bytes", snapshot_bytes()), fmt::format("{} bytes", in.size()));
  }
  SnapshotHeader header;
  std::memcpy(&header, in.data(), sizeof(header));
  if (header.magic != SnapshotHeader::kMagic) {
    return refuse("magic", fmt::format("{:#x}", SnapshotHeader::kMagic), fmt::format("{:#x}", header.magic));
  }
  if (header.layout != SnapshotHeader::kLayout || header.bytes != impl_->layout.bytes) {
    return refuse("layout", fmt::format("version {} with {} bytes", SnapshotHeader::kLayout, impl_->layout.bytes),
                  fmt::format("version {} with {} bytes", header.layout, header.bytes));
  }
  if (header.set_hash != impl_->set.hash()) {
    return refuse("feature set", to_hex(impl_->set.hash()), to_hex(header.set_hash));
  }
  if (header.calendar != slow.calendar || header.point_e9 != slow.point_e9) {
    return refuse("instrument", fmt::format("calendar {}, tick size {} e-9", slow.calendar, slow.point_e9),
                  fmt::format("calendar {}, tick size {} e-9", header.calendar, header.point_e9));
  }
  const std::byte* const bytes = in.data() + sizeof(header);
  if (const std::uint64_t checksum = xxh3(bytes, header.bytes); checksum != header.checksum) {
    return refuse("checksum", fmt::format("{:#x}", header.checksum), fmt::format("{:#x}", checksum));
  }
  std::memcpy(impl_->state(id), bytes, impl_->layout.bytes);
  return {};
}

}  // namespace thintail
