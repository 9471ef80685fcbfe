// SPDX-License-Identifier: Apache-2.0
// What a closed bar does to an instrument's block: first the indicators of its period, then the lanes made of them.
//   path  warm
#include <algorithm>

#include "ml/indicators/bar_bank.hpp"
#include "ml/indicators/bar_bank_state.hpp"
#include "ml/indicators/bar_prices.hpp"
#include "ml/indicators/candles.hpp"
#include "ml/indicators/deviations.hpp"
#include "ml/indicators/oscillators.hpp"
#include "ml/indicators/trends.hpp"
#include "ml/indicators/volume.hpp"

namespace thintail {

using namespace indicators;

// What a bar brings to the units of one basis.
struct BarBank::Update {
  RelativeBar prices;
  std::int64_t volume;  // in millionths, or kNoVolume
  std::int64_t end_s;
};

// Of a lane before its shape is applied: what its price is measured from, or an amount; and a position's scale.
struct BarBank::Value {
  double value;
  double scale;
  bool defined;
};

namespace {

std::uint32_t bars_of_pattern(BarFamily family) noexcept {
  switch (family) {
    case BarFamily::engulfing:
    case BarFamily::harami: return 2;
    case BarFamily::star:
    case BarFamily::soldiers: return 3;
    default: return 1;
  }
}

double candle_pattern(BarFamily family, const Candles& candles) noexcept {
  switch (family) {
    case BarFamily::marubozu: return either_way(candles, is_marubozu);
    case BarFamily::hammer: return either_way(candles, is_hammer);
    case BarFamily::engulfing: return either_way(candles, is_engulfing);
    case BarFamily::harami: return either_way(candles, is_harami);
    case BarFamily::star: return either_way(candles, is_star);
    case BarFamily::soldiers: return either_way(candles, is_soldiers);
    default: return is_doji(candles) ? 1.0 : 0.0;
  }
}

}  // namespace

void BarBank::on_bar(std::byte* state, const ClosedBar& bar, double volume) const noexcept {
  BankHeader& header = at<BankHeader>(state, 0);
  constexpr std::array kBases = {QuoteSide::bid, QuoteSide::ask, QuoteSide::mid};
  if (!header.is_started) [[unlikely]] {
    for (const QuoteSide basis : kBases) {
      header.origin[static_cast<std::size_t>(basis)] = twice(bar.bid.close_e9, bar.ask.close_e9, basis);
    }
    header.is_started = true;
  }
  const auto period = static_cast<std::size_t>(bar.period);
  std::array<Update, kBases.size()> updates;
  for (const QuoteSide basis : kBases) {
    const auto side = static_cast<std::size_t>(basis);
    updates[side] = {relative_bar(bar, basis, header.origin[side]), volume_e6(volume), std::int64_t{bar.end_s}};
  }
  for (const std::uint16_t i : units_of_[period]) {
    update(units_[i], state, updates[static_cast<std::size_t>(units_[i].basis)]);
  }

  double* const levels = &at<double>(state, std::uint32_t{sizeof(BankHeader)});
  double* const scales = levels + padded_;
  for (const Output& output : outputs_[period]) {
    const Value now = value(output, state);
    const Shape shape = output.shape;
    const double level = shape == Shape::distance || shape == Shape::position ? now.value : -now.value;
    const double scale = shape == Shape::constant ? 1.0 : shape == Shape::position ? now.scale : 0.0;
    levels[output.lane] = now.defined ? level : 0.0;
    scales[output.lane] = now.defined ? scale : 0.0;
    header.defined.set(output.lane, now.defined);
  }
}

void BarBank::update(const Unit& unit, std::byte* state, const Update& with) const noexcept {
  const RelativeBar& prices = with.prices;
  const auto close = static_cast<double>(prices.close);
  const PriceBar<> bar{prices.high, prices.low, prices.close};
  const auto input = [&](std::uint16_t index) { return SeriesView(state, units_[index].offset, units_[index].slots); };
  switch (unit.kind) {
    case UnitKind::closes: push(state, unit.offset, unit.slots, prices.close); break;
    case UnitKind::highs: push(state, unit.offset, unit.slots, prices.high); break;
    case UnitKind::lows: push(state, unit.offset, unit.slots, prices.low); break;
    case UnitKind::typicals: push(state, unit.offset, unit.slots, prices.high + prices.low + prices.close); break;
    case UnitKind::volumes:
      push(state, unit.offset, unit.slots, std::max<std::int64_t>(with.volume, 0));
      if (with.volume == kNoVolume) at<SeriesHead>(state, unit.offset).bars = 0;
      break;
    case UnitKind::signed_volumes:
      push(state, unit.offset, unit.slots, at<OnBalanceVolume>(state, units_[unit.input].offset).last);
      break;
    case UnitKind::first_spans:
    case UnitKind::second_spans: {
      const Extremes& one = at<Extremes>(state, units_[unit.input].offset);
      const Extremes& other = at<Extremes>(state, units_[unit.input_2].offset);
      push(state, unit.offset, unit.slots, one.high + one.low + other.high + other.low);
      break;
    }
    case UnitKind::mean: {
      const SeriesView series = input(unit.input);
      at<MeanWindow<>>(state, unit.offset).add(series.back(0), series.back(unit.bars));
      break;
    }
    case UnitKind::variance: {
      const SeriesView series = input(unit.input);
      const std::int64_t reach = square_reach(unit.bars);
      at<VarianceWindow<>>(state, unit.offset)
          .add(std::clamp(series.back(0), -reach, reach), std::clamp(series.back(unit.bars), -reach, reach));
      break;
    }
    case UnitKind::weighted: {
      const SeriesView series = input(unit.input);
      at<WeightedWindow<>>(state, unit.offset).add(series.back(0), series.back(unit.bars), unit.bars);
      break;
    }
    case UnitKind::ema: at<Ema<>>(state, unit.offset).add(close, ema_weight(unit.bars)); break;
    case UnitKind::dema: at<Dema<>>(state, unit.offset).add(close, ema_weight(unit.bars), unit.bars); break;
    case UnitKind::rsi: at<Rsi<>>(state, unit.offset).add(prices.close, unit.bars); break;
    case UnitKind::macd_signal: {
      const Unit& first = units_[unit.input];
      const Unit& second = units_[unit.input_2];
      const Ema<>& fast = at<Ema<>>(state, first.offset);
      if (!fast.is_warm(std::max(first.bars, second.bars))) break;
      at<Ema<>>(state, unit.offset).add(macd_line(fast, at<Ema<>>(state, second.offset)), ema_weight(unit.bars));
      break;
    }
    case UnitKind::atr: at<AverageTrueRange<>>(state, unit.offset).add(bar, unit.bars); break;
    case UnitKind::directional: at<DirectionalMovement<>>(state, unit.offset).add(bar, unit.bars); break;
    case UnitKind::extremes: {
      const SeriesView highs = input(unit.input);
      const SeriesView lows = input(unit.input_2);
      const std::uint32_t bars = std::min<std::uint32_t>(unit.bars, highs.bars());
      Extremes& extremes = at<Extremes>(state, unit.offset);
      extremes = {highs.back(0), lows.back(0)};
      for (const std::int64_t high : highs.recent(bars)) extremes.high = std::max(extremes.high, high);
      for (const std::int64_t high : highs.wrapped(bars)) extremes.high = std::max(extremes.high, high);
      for (const std::int64_t low : lows.recent(bars)) extremes.low = std::min(extremes.low, low);
      for (const std::int64_t low : lows.wrapped(bars)) extremes.low = std::min(extremes.low, low);
      break;
    }
    case UnitKind::range_percent: {
      const Extremes& extremes = at<Extremes>(state, units_[unit.input].offset);
      at<double>(state, unit.offset) = range_percent<OneSeries>(prices.close, extremes.high, extremes.low);
      break;
    }
    case UnitKind::percent_mean:
      // A double either way: a percentage, or the mean of another percent_mean, which stands first in it.
      at<PercentMean>(state, unit.offset).add(at<double>(state, units_[unit.input].offset), unit.bars);
      break;
    case UnitKind::on_balance: {
      OnBalanceVolume& balance = at<OnBalanceVolume>(state, unit.offset);
      if (with.volume == kNoVolume) {
        balance.restart();
      } else {
        balance.add(prices.close, with.volume);
      }
      break;
    }
    case UnitKind::volume_window: {
      VolumeWindow& window = at<VolumeWindow>(state, unit.offset);
      const SeriesView net = input(unit.input);
      const SeriesView all = input(unit.input_2);
      window.net.add(net.back(0), net.back(unit.bars));
      window.all.add(all.back(0), all.back(unit.bars));
      break;
    }
    case UnitKind::vwap: {
      DayVwap& vwap = at<DayVwap>(state, unit.offset);
      if (with.end_s > vwap.day_end_s) {
        constexpr std::int64_t kNsPerS = 1'000'000'000;
        vwap.start_day(period_end_ns(BarPeriod::d1, (with.end_s - 1) * kNsPerS, *fx_day_) / kNsPerS);
      }
      vwap.add(prices.high + prices.low + prices.close, with.volume);
      break;
    }
    case UnitKind::adaptive: {
      const SeriesView closes = input(unit.input);
      at<AdaptiveAverage<>>(state, unit.offset)
          .add(prices.close, closes.back(1), closes.back(unit.bars), closes.back(unit.bars + 1u), unit.bars,
               ema_weight(unit.bars_2), ema_weight(unit.bars_3));
      break;
    }
    case UnitKind::parabolic: at<ParabolicStop>(state, unit.offset).add(bar, unit.factor); break;
    case UnitKind::candles: at<Candles>(state, unit.offset).add(prices); break;
  }
}

BarBank::Value BarBank::value(const Output& output, const std::byte* state) const noexcept {
  const std::uint32_t offset = units_[output.input].offset;
  const std::uint32_t bars = output.bars;
  const i128 origin = at<BankHeader>(state, 0).origin[static_cast<std::size_t>(output.basis)];
  const double origin_price = to_double(origin);
  const auto series = [&](std::uint16_t index) { return SeriesView(state, units_[index].offset, units_[index].slots); };
  switch (output.family) {
    case BarFamily::sma:
      return {origin_price + at<MeanWindow<>>(state, offset).mean(bars), 0.0, series(output.input_2).bars() >= bars};
    case BarFamily::wma:
      return {origin_price + at<WeightedWindow<>>(state, offset).mean(bars), 0.0,
              series(output.input_2).bars() >= bars};
    case BarFamily::ema: {
      const Ema<>& ema = at<Ema<>>(state, offset);
      return {origin_price + ema.value, 0.0, ema.is_warm(bars)};
    }
    case BarFamily::dema: {
      const Dema<>& dema = at<Dema<>>(state, offset);
      return {origin_price + dema.value(), 0.0, dema.is_warm(bars)};
    }
    case BarFamily::rsi: {
      const Rsi<>& rsi = at<Rsi<>>(state, offset);
      return {rsi.percent(), 0.0, rsi.is_warm(bars)};
    }
    case BarFamily::macd_line:
    case BarFamily::macd_signal:
    case BarFamily::macd_histogram: {
      const Ema<>& fast = at<Ema<>>(state, offset);
      const double line = macd_line(fast, at<Ema<>>(state, units_[output.input_2].offset));
      if (output.family == BarFamily::macd_line) {
        return {line, 0.0, fast.is_warm(std::max(output.bars, output.bars_2))};
      }
      const Ema<>& signal = at<Ema<>>(state, units_[output.input_3].offset);
      return {output.family == BarFamily::macd_signal ? signal.value : line - signal.value, 0.0,
              signal.is_warm(output.bars_3)};
    }
    case BarFamily::stochastic_k: {
      const PercentMean& k = at<PercentMean>(state, offset);
      return {k.value, 0.0, k.bars_seen >= bars + output.bars_2 - 1};
    }
    case BarFamily::stochastic_d: {
      const PercentMean& d = at<PercentMean>(state, offset);
      return {d.value, 0.0, d.bars_seen >= bars + output.bars_2 + output.bars_3 - 2};
    }
    case BarFamily::williams_r:
    case BarFamily::donchian_position:
    case BarFamily::donchian_width: {
      const Extremes& extremes = at<Extremes>(state, offset);
      const SeriesView closes = series(output.input_2);
      const bool is_full = closes.bars() >= bars;
      const auto range = static_cast<double>(extremes.high - extremes.low);
      if (output.family == BarFamily::donchian_width) return {range, 0.0, is_full};
      if (output.family == BarFamily::donchian_position) {
        return {to_double(origin + extremes.low), 1.0 / range, is_full && range > 0.0};
      }
      return {range_percent<OneSeries>(closes.back(0), extremes.high, extremes.low) - 100.0, 0.0, is_full};
    }
    case BarFamily::cci: {
      const SeriesView typicals = series(output.input_2);
      return {commodity_channel_index<OneSeries>(typicals.back(0), at<MeanWindow<>>(state, offset).sum,
                                                 typicals.recent(bars), typicals.wrapped(bars)),
              0.0, typicals.bars() >= bars};
    }
    case BarFamily::atr: {
      const AverageTrueRange<>& atr = at<AverageTrueRange<>>(state, offset);
      return {atr.average, 0.0, atr.is_warm(bars)};
    }
    case BarFamily::adx:
    case BarFamily::plus_di:
    case BarFamily::minus_di: {
      const DirectionalMovement<>& movement = at<DirectionalMovement<>>(state, offset);
      if (output.family == BarFamily::adx) return {movement.average, 0.0, movement.is_average_warm(bars)};
      return {output.family == BarFamily::plus_di ? movement.plus_di() : movement.minus_di(), 0.0,
              movement.is_warm(bars)};
    }
    case BarFamily::bollinger_z:
    case BarFamily::bollinger_width:
    case BarFamily::price_z: {
      const VarianceWindow<>& window = at<VarianceWindow<>>(state, offset);
      const SeriesView closes = series(output.input_2);
      const bool is_full = closes.bars() >= bars;
      const double deviation = window.deviation(bars);
      if (output.family == BarFamily::bollinger_width) return {2.0 * output.factor * deviation, 0.0, is_full};
      if (output.family == BarFamily::price_z) {
        return {origin_price + window.mean(bars), 1.0 / deviation, is_full && deviation > 0.0};
      }
      const std::int64_t reach = square_reach(bars);
      return {window.z(std::clamp(closes.back(0), -reach, reach), bars), 0.0, is_full && deviation > 0.0};
    }
    case BarFamily::keltner_position: {
      const Ema<>& ema = at<Ema<>>(state, offset);
      const AverageTrueRange<>& atr = at<AverageTrueRange<>>(state, units_[output.input_2].offset);
      const double reach = output.factor * atr.average;
      return {origin_price + ema.value, 1.0 / reach, ema.is_warm(bars) && atr.is_warm(output.bars_2) && reach > 0.0};
    }
    case BarFamily::obv: {
      const OnBalanceVolume& balance = at<OnBalanceVolume>(state, offset);
      return {to_double(balance.total) / kVolumeScale, 0.0, balance.bars_seen > 0};
    }
    case BarFamily::obv_share: {
      const VolumeWindow& window = at<VolumeWindow>(state, offset);
      const double all = to_double(window.all.sum);
      // The first bar's volume has no direction, so it must have left the window.
      return {to_double(window.net.sum) / all, 0.0, series(output.input_2).bars() > bars && all > 0.0};
    }
    case BarFamily::vwap: {
      const DayVwap& vwap = at<DayVwap>(state, offset);
      return {origin_price + vwap.price(), 0.0, vwap.is_defined()};
    }
    case BarFamily::roc:
    case BarFamily::momentum:
    case BarFamily::bar_return: {
      const SeriesView closes = series(output.input);
      const bool is_full = closes.bars() > bars;
      const auto change = static_cast<double>(closes.back(0) - closes.back(bars));
      if (output.family == BarFamily::momentum) return {change, 0.0, is_full};
      const double before = to_double(origin + closes.back(bars));
      const double unit = output.family == BarFamily::roc ? 100.0 : 1e4;
      return {unit * change / before, 0.0, is_full && before > 0.0};
    }
    case BarFamily::fractional_difference: {
      const SeriesView closes = series(output.input);
      double sum = 0.0;
      for (std::uint32_t k = bars; k-- > 0;) sum += output.weights[k] * to_double(origin + closes.back(k));
      return {sum, 0.0, closes.bars() >= bars};
    }
    case BarFamily::kama: {
      const AdaptiveAverage<>& average = at<AdaptiveAverage<>>(state, offset);
      return {origin_price + average.value, 0.0, average.is_warm(bars)};
    }
    case BarFamily::parabolic_sar: {
      const ParabolicStop& parabolic = at<ParabolicStop>(state, offset);
      return {origin_price + parabolic.stop, 0.0, parabolic.is_warm()};
    }
    case BarFamily::ichimoku_line: {
      const Extremes& extremes = at<Extremes>(state, offset);
      return {origin_price + static_cast<double>(extremes.high + extremes.low) / 2.0, 0.0,
              series(output.input_2).bars() >= bars};
    }
    case BarFamily::ichimoku_cloud: {
      // Four times a price: spans are halves of sums of halves.
      const std::int64_t first = series(output.input).back(output.bars_2);
      const std::int64_t second = series(output.input_2).back(output.bars_2);
      const SeriesView closes = series(output.input_3);
      const std::int64_t close = 4 * closes.back(0);
      const std::int64_t above = std::max<std::int64_t>(close - std::max(first, second), 0);
      const std::int64_t below = std::min<std::int64_t>(close - std::min(first, second), 0);
      const std::uint32_t longest = std::max({output.bars, output.bars_2, output.bars_3});
      return {static_cast<double>(above + below) / 4.0, 0.0, closes.bars() >= longest + output.bars_2};
    }
    case BarFamily::pivot:
    case BarFamily::pivot_r1:
    case BarFamily::pivot_s1: {
      const SeriesView typicals = series(output.input);
      const std::int64_t typical = typicals.back(0);  // three pivots
      const std::int64_t thrice = output.family == BarFamily::pivot ? typical
                                  : output.family == BarFamily::pivot_r1
                                      ? 2 * typical - 3 * series(output.input_3).back(0)
                                      : 2 * typical - 3 * series(output.input_2).back(0);
      return {origin_price + static_cast<double>(thrice) / 3.0, 0.0, typicals.bars() >= 1};
    }
    case BarFamily::doji:
    case BarFamily::marubozu:
    case BarFamily::hammer:
    case BarFamily::engulfing:
    case BarFamily::harami:
    case BarFamily::star:
    case BarFamily::soldiers: {
      const Candles& candles = at<Candles>(state, offset);
      return {candle_pattern(output.family, candles), 0.0, candles.bars >= bars_of_pattern(output.family)};
    }
  }
  __builtin_unreachable();
}

}  // namespace thintail
