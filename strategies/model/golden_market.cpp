// SPDX-License-Identifier: Apache-2.0
#include "strategies/model/golden_market.hpp"

#include <algorithm>
#include <utility>

#include "ml/pack/golden_events.hpp"

namespace thintail {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kMinuteS = 60;
constexpr std::int64_t kDayS = 86'400;
constexpr std::int64_t kWeekS = 7 * kDayS;
constexpr std::int64_t kStartS = 1'393'372'800;  // Wednesday 2014-02-26 00:00 UTC
constexpr std::int64_t kSummerTimeS = 1'394'348'400;  // Sunday 2014-03-09 02:00 New York, then 03:00
constexpr std::int64_t kMondayS = 4 * kDayS;  // 1970-01-05
constexpr std::uint64_t kSeed = 0x7474'6d02;  // any: the events must only be the same everywhere
constexpr std::int64_t kBookLevels = 12;  // a side, of a snapshot
constexpr std::uint64_t kGapEvery = 2'048;  // ticks
constexpr std::int64_t kEverySecondS = 90;  // a silence so long has a timer for each of its first seconds, as live

Instrument instrument_of(std::string_view symbol, std::string_view venue) {
  if (auto known = built_in_instrument(symbol, venue)) return *std::move(known);
  Instrument other = *built_in_instrument("EURUSD", venue);
  other.symbol = symbol;
  other.base.clear();
  return other;
}

// While the FX week is closed: Friday 17:00 to Sunday 17:00 New York. The time it opens again, or the same.
std::int64_t opened_s(std::int64_t second_s) noexcept {
  const std::int64_t hour_s = second_s >= kSummerTimeS - kDayS ? 21 * 3'600 : 22 * 3'600;
  const std::int64_t of_week_s = (second_s - kMondayS) % kWeekS;
  const std::int64_t closes_s = 4 * kDayS + hour_s;
  const std::int64_t opens_s = 6 * kDayS + hour_s;
  return of_week_s >= closes_s && of_week_s < opens_s ? second_s - of_week_s + opens_s : second_s;
}

}  // namespace

std::vector<Instrument> golden_instruments(const FeatureSet& set) {
  std::vector<Instrument> out = {instrument_of("XAUUSD", "oanda")};
  const auto add = [&](std::string_view symbol, std::string_view venue) {
    const auto is_same = [&](const Instrument& one) { return one.symbol == symbol && one.venue == venue; };
    if (out.size() < pack::kGoldenInstrumentsMax && std::ranges::none_of(out, is_same))
      out.push_back(instrument_of(symbol, venue));
  };
  for (const Feature& feature : set.features()) {
    if (!feature.family->takes_peer) continue;
    const std::string_view peer = feature.peer.view();
    const std::size_t at = std::min(peer.find('@'), peer.size());
    add(at == 0 ? std::string_view("XAUUSD") : peer.substr(0, at),
        at == peer.size() ? std::string_view("oanda") : peer.substr(at + 1));
  }
  // Ranks and currencies need a few to compare.
  if (has(set.needs(), Need::peers)) {
    for (const std::string_view symbol : {"EURUSD", "GBPUSD", "USDJPY"}) add(symbol, "oanda");
  }
  return out;
}

GoldenMarket::GoldenMarket(std::vector<Instrument> instruments, Needs needs, std::uint32_t sparseness)
    : needs_(needs), sparseness_(sparseness), random_(kSeed), time_ns_(kStartS * kSecondNs), second_s_(kStartS) {
  for (Instrument& instrument : instruments) desks_.push_back({.instrument = std::move(instrument)});
}

std::int64_t GoldenMarket::start_ns() const noexcept { return kStartS * kSecondNs; }

void GoldenMarket::append_next(std::vector<Event>& out) {
  time_ns_ += step_ns();
  const std::int64_t opened_ns = opened_s(time_ns_ / kSecondNs) * kSecondNs;
  if (opened_ns > time_ns_) time_ns_ = opened_ns + static_cast<std::int64_t>(random_.below(30 * kSecondNs));
  append_timers(time_ns_, out);
  if (++ticks_ % kGapEvery == 0) {
    out.push_back(Event::make(time_ns_, kNoInstrument, Gap{1 + random_.below(100), ticks_, {}}));
    for (Desk& desk : desks_) desk.has_book = false;
  }
  const auto id = static_cast<InstrumentId>(random_.below(desks_.size()));
  Desk& desk = desks_[id];
  desk.mid_points =
      std::clamp<std::int64_t>(desk.mid_points + static_cast<std::int64_t>(random_.below(41)) - 20, 50'000, 200'000);
  if (has(needs_, Need::depth)) append_book(id, out);
  if ((has(needs_, Need::trades) || has(needs_, Need::volume)) && random_.below(3) == 0) append_trade(id, out);
  append_tick(id, out);
}

std::int64_t GoldenMarket::step_ns() {
  const std::uint64_t kind = random_.below(100);
  const auto below_s = [&](std::int64_t seconds) {
    return static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(seconds * kSecondNs)));
  };
  if (kind < 2) return 0;  // at the same time
  if (kind < 4)
    return (time_ns_ / kSecondNs / kMinuteS + 1) * kMinuteS * kSecondNs - time_ns_;  // exactly at a bar's end
  if (kind < 47) return below_s(2);
  if (kind < 77) return below_s(60);
  return below_s(std::int64_t{1'200} * sparseness_);
}

void GoldenMarket::append_timer(std::int64_t second_s, std::vector<Event>& out) {
  if (second_s <= second_s_) return;
  second_s_ = second_s;
  out.push_back(Event::make(second_s * kSecondNs, kNoInstrument, Timer{second_s, {}}));
}

// Live there is one for each second. Here a few will do: after a silence begins, so that its bars close, and before it ends.
void GoldenMarket::append_timers(std::int64_t until_ns, std::vector<Event>& out) {
  const std::int64_t until_s = until_ns / kSecondNs;
  const std::int64_t begin_s = second_s_;
  if (until_s - begin_s > kEverySecondS) append_timer(begin_s + kEverySecondS, out);
  // What other instruments say is sampled at seconds.
  if (has(needs_, Need::peers)) {
    for (std::int64_t second_s = std::max(second_s_ + 1, until_s - 4); second_s < until_s; ++second_s)
      append_timer(second_s, out);
  }
  if (until_s - begin_s > kMinuteS || has(needs_, Need::peers)) append_timer(until_s, out);
}

float GoldenMarket::size() { return static_cast<float>(random_.below(800) + 1) * 0.125F; }

void GoldenMarket::append_level(InstrumentId id, Side side, std::int64_t points_away, float size, unsigned flags,
                                std::uint64_t previous, std::vector<Event>& out) {
  const Desk& desk = desks_[id];
  const std::int64_t points = desk.mid_points + (side == Side::buy ? -points_away : points_away);
  out.push_back(Event::make(
      time_ns_, id, Book{points * desk.instrument.tick_size_e9, time_ns_, desk.sequence, size, side, {}, previous},
      flags));
}

void GoldenMarket::append_book(InstrumentId id, std::vector<Event>& out) {
  Desk& desk = desks_[id];
  const std::uint64_t previous = desk.sequence++;
  if (!desk.has_book) {
    for (std::int64_t level = 1; level <= kBookLevels; ++level) {
      append_level(id, Side::buy, level, size(), kFlagSnapshot | kFlagMore, 0, out);
      append_level(id, Side::sell, level, size(), kFlagSnapshot | (level < kBookLevels ? unsigned{kFlagMore} : 0u), 0,
                   out);
    }
    desk.has_book = true;
    return;
  }
  const std::uint64_t kind = random_.below(200);
  if (kind == 0) {  // an update was lost: the book is unknown until the next snapshot
    desk.sequence += 2;
    append_level(id, Side::buy, 1, size(), 0, desk.sequence - 1, out);
    desk.has_book = random_.below(4) != 0;
    return;
  }
  const auto away = [&] { return static_cast<std::int64_t>(1 + random_.below(kBookLevels)); };
  append_level(id, Side::buy, away(), kind < 40 ? 0.0F : size(), kFlagMore, previous, out);
  append_level(id, Side::sell, away(), kind >= 160 ? 0.0F : size(), 0, previous, out);
}

void GoldenMarket::append_trade(InstrumentId id, std::vector<Event>& out) {
  const Desk& desk = desks_[id];
  const Side side = random_.below(2) == 0 ? Side::buy : Side::sell;
  const std::int64_t points = desk.mid_points + (side == Side::buy ? 2 : -2);
  out.push_back(
      Event::make(time_ns_, id, Trade{points * desk.instrument.tick_size_e9, time_ns_, ticks_, size(), side, {}}));
}

void GoldenMarket::append_tick(InstrumentId id, std::vector<Event>& out) {
  const Desk& desk = desks_[id];
  const std::uint64_t kind = random_.below(200);
  // Crossed, locked, or a spread of up to 12 points.
  const std::int64_t spread = kind < 2 ? -3 : kind < 4 ? 0 : static_cast<std::int64_t>(1 + random_.below(12));
  const std::int64_t bid_points = desk.mid_points - spread / 2;
  const bool has_sizes = has(needs_, Need::sizes) && kind < 196;  // a feed leaves some out
  Tick tick{.bid_e9 = bid_points * desk.instrument.tick_size_e9,
            .ask_e9 = (bid_points + spread) * desk.instrument.tick_size_e9,
            .bid_size = has_sizes ? size() : 0.0F,
            .ask_size = has_sizes ? size() : 0.0F,
            .venue_ns = time_ns_,
            .source_sequence = ticks_};
  if (kind >= 190) tick.venue_ns -= static_cast<std::int64_t>(random_.below(3 * kSecondNs));  // late
  out.push_back(Event::make(time_ns_, id, tick));
}

}  // namespace thintail
