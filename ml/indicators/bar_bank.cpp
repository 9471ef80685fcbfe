// SPDX-License-Identifier: Apache-2.0
// The plan of a bank: which indicators its features need, and where their state lies.
#include "ml/indicators/bar_bank.hpp"

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>

#include "core/base/assert.hpp"
#include "ml/indicators/averages.hpp"
#include "ml/indicators/bar_bank_state.hpp"
#include "ml/indicators/candles.hpp"
#include "ml/indicators/deviations.hpp"
#include "ml/indicators/oscillators.hpp"
#include "ml/indicators/trends.hpp"
#include "ml/indicators/volume.hpp"

namespace thintail {
namespace {

using namespace indicators;

constexpr std::size_t kUnitAlignment = 16;  // of an i128

template <class T>
constexpr std::size_t bytes_of() noexcept {
  static_assert(std::is_trivially_copyable_v<T>, "a snapshot copies bytes");
  return sizeof(T);
}

constexpr std::size_t round_up(std::size_t value, std::size_t to) noexcept { return (value + to - 1) / to * to; }

// w[0] = 1, w[k] = -w[k-1] (d - k + 1) / k: the binomial series of (1 - lag)^d, cut to a fixed width.
std::vector<double> fractional_weights(double order, std::size_t bars) {
  std::vector<double> weights = {1.0};
  while (weights.size() < bars) {
    const auto k = static_cast<double>(weights.size());
    weights.push_back(-weights.back() * (order - k + 1.0) / k);
  }
  return weights;
}

}  // namespace

BarBank::Shape BarBank::shape_of(BarFamily family) noexcept {
  switch (family) {
    case BarFamily::sma:
    case BarFamily::ema:
    case BarFamily::wma:
    case BarFamily::dema:
    case BarFamily::vwap:
    case BarFamily::kama:
    case BarFamily::parabolic_sar:
    case BarFamily::ichimoku_line:
    case BarFamily::pivot:
    case BarFamily::pivot_r1:
    case BarFamily::pivot_s1: return Shape::distance;
    case BarFamily::price_z:
    case BarFamily::keltner_position:
    case BarFamily::donchian_position: return Shape::position;
    case BarFamily::macd_line:
    case BarFamily::macd_signal:
    case BarFamily::macd_histogram:
    case BarFamily::atr:
    case BarFamily::bollinger_width:
    case BarFamily::donchian_width:
    case BarFamily::momentum:
    case BarFamily::fractional_difference:
    case BarFamily::ichimoku_cloud: return Shape::of_price;
    default: return Shape::constant;
  }
}

BarLaneForm BarBank::form_of(Shape shape, QuoteSide basis) noexcept {
  const double bid = basis == QuoteSide::bid ? 2.0 : basis == QuoteSide::mid ? 1.0 : 0.0;
  const double ask = 2.0 - bid;
  const bool takes_price = shape == Shape::distance || shape == Shape::position;
  const bool takes_bp = shape == Shape::distance || shape == Shape::of_price;
  return {takes_price ? bid : 0.0, takes_price ? ask : 0.0, bid, ask, takes_bp ? 1.0 : 0.0};
}

bool BarBank::Unit::computes_the_same_as(const Unit& other) const noexcept {
  return kind == other.kind && period == other.period && basis == other.basis && bars == other.bars &&
         bars_2 == other.bars_2 && bars_3 == other.bars_3 && factor == other.factor && input == other.input &&
         input_2 == other.input_2;
}

std::size_t BarBank::Unit::bytes() const noexcept {
  switch (kind) {
    case UnitKind::closes:
    case UnitKind::highs:
    case UnitKind::lows:
    case UnitKind::typicals:
    case UnitKind::volumes:
    case UnitKind::signed_volumes:
    case UnitKind::first_spans:
    case UnitKind::second_spans: return bytes_of<SeriesHead>() + slots * sizeof(std::int64_t);
    case UnitKind::mean: return bytes_of<MeanWindow<>>();
    case UnitKind::variance: return bytes_of<VarianceWindow<>>();
    case UnitKind::weighted: return bytes_of<WeightedWindow<>>();
    case UnitKind::ema:
    case UnitKind::macd_signal: return bytes_of<Ema<>>();
    case UnitKind::dema: return bytes_of<Dema<>>();
    case UnitKind::rsi: return bytes_of<Rsi<>>();
    case UnitKind::atr: return bytes_of<AverageTrueRange<>>();
    case UnitKind::directional: return bytes_of<DirectionalMovement<>>();
    case UnitKind::extremes: return bytes_of<Extremes>();
    case UnitKind::range_percent: return bytes_of<double>();
    case UnitKind::percent_mean: return bytes_of<PercentMean>();
    case UnitKind::on_balance: return bytes_of<OnBalanceVolume>();
    case UnitKind::volume_window: return bytes_of<VolumeWindow>();
    case UnitKind::vwap: return bytes_of<DayVwap>();
    case UnitKind::adaptive: return bytes_of<AdaptiveAverage<>>();
    case UnitKind::parabolic: return bytes_of<ParabolicStop>();
    case UnitKind::candles: return bytes_of<Candles>();
  }
  __builtin_unreachable();
}

BarBank::BarBank(std::span<const Feature> features, std::span<const std::uint16_t> lanes)
    : lanes_(lanes.begin(), lanes.end()), fx_day_(&Zone::new_york()) {
  TT_CHECK(features.size() == lanes.size() && features.size() <= kMaxLanes, "a lane for each bar feature");
  for (std::size_t i = 0; i < features.size(); ++i) {
    const Feature& feature = features[i];
    TT_CHECK(feature.family != nullptr && feature.family->group == FamilyGroup::bar, "features of closed bars");
    Output output = plan(feature, static_cast<std::uint16_t>(i));
    forms_.push_back(form_of(output.shape, output.basis));
    outputs_[static_cast<std::size_t>(feature.period)].push_back(std::move(output));
  }
  lay_out();
}

// The unit's place in `units_`; a ring grows to what its readers want.
std::uint16_t BarBank::unit(const Unit& wanted) {
  auto found = std::ranges::find_if(units_, [&](const Unit& one) { return one.computes_the_same_as(wanted); });
  if (found == units_.end()) found = units_.insert(units_.end(), wanted);
  found->slots = std::max(found->slots, wanted.slots);
  return static_cast<std::uint16_t>(found - units_.begin());
}

BarBank::Output BarBank::plan(const Feature& feature, std::uint16_t lane) {
  const auto family = static_cast<BarFamily>(feature.family->code);
  Output out{.family = family,
             .shape = shape_of(family),
             .basis = feature.basis,
             .lane = lane,
             .bars = feature.bars,
             .bars_2 = feature.bars_2,
             .bars_3 = feature.bars_3,
             .factor = feature.factor};
  const auto check = [](bool is_within) { TT_CHECK(is_within, "a bar feature's parameters within their ranges"); };
  check(feature.bars <= kBarsMax && feature.bars_2 <= kBarsMax && feature.bars_3 <= kBarsMax);
  // Slots: the window and the value that leaves it.
  const auto series = [&](UnitKind kind, std::uint32_t bars_back) {
    return unit({.kind = kind, .period = feature.period, .basis = feature.basis, .slots = bars_back + 1});
  };
  const auto indicator = [&](UnitKind kind, std::uint16_t bars = 0, std::uint16_t input = 0,
                             std::uint16_t input_2 = 0) {
    return unit({.kind = kind,
                 .period = feature.period,
                 .basis = feature.basis,
                 .bars = bars,
                 .input = input,
                 .input_2 = input_2});
  };
  const auto extremes = [&](std::uint16_t bars) {
    const std::uint16_t highs = series(UnitKind::highs, bars);
    return indicator(UnitKind::extremes, bars, highs, series(UnitKind::lows, bars));
  };
  const bool has_bars = feature.bars > 0;
  switch (family) {
    case BarFamily::sma:
      check(has_bars);
      out.input_2 = series(UnitKind::closes, feature.bars);
      out.input = indicator(UnitKind::mean, feature.bars, out.input_2);
      break;
    case BarFamily::ema:
      check(has_bars);
      out.input = indicator(UnitKind::ema, feature.bars);
      break;
    case BarFamily::wma:
      check(has_bars);
      out.input_2 = series(UnitKind::closes, feature.bars);
      out.input = indicator(UnitKind::weighted, feature.bars, out.input_2);
      break;
    case BarFamily::dema:
      check(has_bars);
      out.input = indicator(UnitKind::dema, feature.bars);
      break;
    case BarFamily::rsi:
      check(has_bars);
      out.input = indicator(UnitKind::rsi, feature.bars);
      break;
    case BarFamily::macd_line:
    case BarFamily::macd_signal:
    case BarFamily::macd_histogram:
      check(has_bars && feature.bars_2 > 0);
      out.input = indicator(UnitKind::ema, feature.bars);
      out.input_2 = indicator(UnitKind::ema, feature.bars_2);
      if (family == BarFamily::macd_line) break;
      check(feature.bars_3 > 0);
      out.input_3 = indicator(UnitKind::macd_signal, feature.bars_3, out.input, out.input_2);
      break;
    case BarFamily::stochastic_k:
    case BarFamily::stochastic_d:
      check(has_bars && feature.bars_2 > 0 && feature.bars_2 <= kSmoothingBarsMax);
      out.input = unit({.kind = UnitKind::percent_mean,
                        .period = feature.period,
                        .basis = feature.basis,
                        .bars = feature.bars_2,
                        .input = indicator(UnitKind::range_percent, feature.bars, extremes(feature.bars))});
      if (family == BarFamily::stochastic_k) break;
      check(feature.bars_3 > 0 && feature.bars_3 <= kSmoothingBarsMax);
      out.input = unit({.kind = UnitKind::percent_mean,
                        .period = feature.period,
                        .basis = feature.basis,
                        .bars = feature.bars_3,
                        .input = out.input});
      break;
    case BarFamily::williams_r:
    case BarFamily::donchian_position:
    case BarFamily::donchian_width:
      check(has_bars);
      out.input = extremes(feature.bars);
      out.input_2 = series(UnitKind::closes, 0);
      break;
    case BarFamily::cci:
      check(has_bars);
      out.input_2 = series(UnitKind::typicals, feature.bars);
      out.input = indicator(UnitKind::mean, feature.bars, out.input_2);
      break;
    case BarFamily::atr:
      check(has_bars);
      out.input = indicator(UnitKind::atr, feature.bars);
      break;
    case BarFamily::adx:
    case BarFamily::plus_di:
    case BarFamily::minus_di:
      check(has_bars);
      out.input = indicator(UnitKind::directional, feature.bars);
      break;
    case BarFamily::bollinger_z:
    case BarFamily::bollinger_width:
    case BarFamily::price_z:
      check(has_bars);
      out.input_2 = series(UnitKind::closes, feature.bars);
      out.input = indicator(UnitKind::variance, feature.bars, out.input_2);
      break;
    case BarFamily::keltner_position:
      check(has_bars && feature.bars_2 > 0 && feature.factor > 0.0);
      out.input = indicator(UnitKind::ema, feature.bars);
      out.input_2 = indicator(UnitKind::atr, feature.bars_2);
      break;
    case BarFamily::obv: out.input = indicator(UnitKind::on_balance); break;
    case BarFamily::obv_share: {
      check(has_bars);
      const std::uint16_t balance = indicator(UnitKind::on_balance);
      const std::uint16_t net = unit({.kind = UnitKind::signed_volumes,
                                      .period = feature.period,
                                      .basis = feature.basis,
                                      .input = balance,
                                      .slots = feature.bars + 1u});
      out.input_2 = series(UnitKind::volumes, feature.bars);
      out.input = indicator(UnitKind::volume_window, feature.bars, net, out.input_2);
      break;
    }
    case BarFamily::vwap: out.input = indicator(UnitKind::vwap); break;
    case BarFamily::bar_return: out.bars = 1; [[fallthrough]];
    case BarFamily::roc:
    case BarFamily::momentum:
      check(out.bars > 0);
      out.input = series(UnitKind::closes, out.bars);
      break;
    case BarFamily::fractional_difference:
      check(has_bars && feature.factor > 0.0);
      out.input = series(UnitKind::closes, feature.bars);
      out.weights = fractional_weights(feature.factor, feature.bars);
      break;
    case BarFamily::kama:
      check(has_bars && feature.bars_2 > 0 && feature.bars_3 > 0);
      out.input = unit({.kind = UnitKind::adaptive,
                        .period = feature.period,
                        .basis = feature.basis,
                        .bars = feature.bars,
                        .bars_2 = feature.bars_2,
                        .bars_3 = feature.bars_3,
                        .input = series(UnitKind::closes, feature.bars + 1u)});
      break;
    case BarFamily::parabolic_sar:
      check(feature.factor > 0.0);
      out.input = unit(
          {.kind = UnitKind::parabolic, .period = feature.period, .basis = feature.basis, .factor = feature.factor});
      break;
    case BarFamily::ichimoku_line:
      check(has_bars);
      out.input = extremes(feature.bars);
      out.input_2 = series(UnitKind::closes, 0);
      break;
    case BarFamily::ichimoku_cloud: {
      check(has_bars && feature.bars_2 > 0 && feature.bars_3 > 0);
      const std::uint16_t fast = extremes(feature.bars);
      const auto spans = [&](UnitKind kind, std::uint16_t input, std::uint16_t input_2) {
        return unit({.kind = kind,
                     .period = feature.period,
                     .basis = feature.basis,
                     .input = input,
                     .input_2 = input_2,
                     .slots = feature.bars_2 + 1u});
      };
      const std::uint16_t slow = extremes(feature.bars_2);
      const std::uint16_t slowest = extremes(feature.bars_3);
      out.input = spans(UnitKind::first_spans, fast, slow);
      out.input_2 = spans(UnitKind::second_spans, slowest, slowest);
      out.input_3 = series(UnitKind::closes, 0);
      break;
    }
    case BarFamily::pivot:
    case BarFamily::pivot_r1:
    case BarFamily::pivot_s1:
      out.input = series(UnitKind::typicals, 0);
      out.input_2 = series(UnitKind::highs, 0);
      out.input_3 = series(UnitKind::lows, 0);
      break;
    case BarFamily::doji:
    case BarFamily::marubozu:
    case BarFamily::hammer:
    case BarFamily::engulfing:
    case BarFamily::harami:
    case BarFamily::star:
    case BarFamily::soldiers: out.input = indicator(UnitKind::candles); break;
  }
  return out;
}

void BarBank::lay_out() {
  padded_ = round_up(size(), 8);
  std::size_t offset = sizeof(BankHeader) + 2 * padded_ * sizeof(double);
  for (std::size_t i = 0; i < units_.size(); ++i) {
    units_[i].offset = static_cast<std::uint32_t>(offset);
    offset += round_up(units_[i].bytes(), kUnitAlignment);
    units_of_[static_cast<std::size_t>(units_[i].period)].push_back(static_cast<std::uint16_t>(i));
  }
  state_bytes_ = round_up(offset, kStateAlignment);
}

void BarBank::reset(std::byte* state) const noexcept {
  // Every unit starts with all bits 0; a VWAP's day starts with its first bar, since it ends at 1970.
  std::memset(state, 0, state_bytes_);
}

const double* BarBank::levels(const std::byte* state) const noexcept {
  return &at<double>(state, std::uint32_t{sizeof(BankHeader)});
}
const double* BarBank::scales(const std::byte* state) const noexcept { return levels(state) + padded_; }
const LaneMask& BarBank::defined(const std::byte* state) const noexcept { return at<BankHeader>(state, 0).defined; }

}  // namespace thintail
