// SPDX-License-Identifier: Apache-2.0
// The table of bar families. Texts are part of a set's hash: editing one makes new sets.
#include "ml/indicators/bar_families.hpp"

#include <limits>

namespace thintail {
namespace {

constexpr double kMustBeGiven = std::numeric_limits<double>::quiet_NaN();
constexpr double kLongest = kBarsMax;
constexpr double kLongestSmoothing = kSmoothingBarsMax;

constexpr ParameterInfo kPeriod = {Parameter::period, 0, kBarPeriodCount - 1, kMustBeGiven};
constexpr ParameterInfo bars(double standard) { return {Parameter::bars, 2, kLongest, standard}; }

constexpr std::array kPeriodAlone = {kPeriod};
constexpr std::array kBars10 = {bars(10), kPeriod};
constexpr std::array kBars14 = {bars(14), kPeriod};
constexpr std::array kBars20 = {bars(20), kPeriod};
constexpr std::array kBars20Width = {bars(20), ParameterInfo{Parameter::factor, 0.1, 10, 2}, kPeriod};
constexpr std::array kMacdLine = {bars(12), ParameterInfo{Parameter::bars_2, 2, kLongest, 26}, kPeriod};
constexpr std::array kMacdSignal = {bars(12), ParameterInfo{Parameter::bars_2, 2, kLongest, 26},
                                    ParameterInfo{Parameter::bars_3, 2, kLongest, 9}, kPeriod};
constexpr std::array kStochasticK = {bars(14), ParameterInfo{Parameter::bars_2, 1, kLongestSmoothing, 3}, kPeriod};
constexpr std::array kStochasticD = {bars(14), ParameterInfo{Parameter::bars_2, 1, kLongestSmoothing, 3},
                                     ParameterInfo{Parameter::bars_3, 1, kLongestSmoothing, 3}, kPeriod};
constexpr std::array kKeltner = {bars(20), ParameterInfo{Parameter::bars_2, 2, kLongest, 10},
                                 ParameterInfo{Parameter::factor, 0.1, 10, 2}, kPeriod};
constexpr std::array kFractional = {bars(32), ParameterInfo{Parameter::factor, 0.01, 1, 0.4}, kPeriod};

constexpr std::array kKama = {bars(10), ParameterInfo{Parameter::bars_2, 1, kLongest, 2},
                              ParameterInfo{Parameter::bars_3, 2, kLongest, 30}, kPeriod};
constexpr std::array kParabolic = {ParameterInfo{Parameter::factor, 0.001, 0.1, 0.02}, kPeriod};
constexpr std::array kIchimokuLine = {bars(26), kPeriod};
constexpr std::array kIchimokuCloud = {bars(9), ParameterInfo{Parameter::bars_2, 2, kLongest, 26},
                                       ParameterInfo{Parameter::bars_3, 2, kLongest, 52}, kPeriod};

constexpr Needs kQuotes = Need::bid | Need::ask;  // of the mid; on another basis that side alone
constexpr Needs kVolume = kQuotes | static_cast<Needs>(Need::volume);

constexpr std::string_view kFirstClose = "averages start at the first close";
constexpr std::string_view kWholeWindow = "none: undefined until the window is full";
constexpr std::string_view kAchelis = "S. B. Achelis, Technical Analysis from A to Z";
constexpr std::string_view kNison =
    "S. Nison, Japanese Candlestick Charting Techniques; his words, our numbers; without the trend before";
constexpr std::string_view kWilder = "J. W. Wilder, New Concepts in Technical Trading Systems";

constexpr FeatureFamily family(BarFamily code, std::string_view name, std::string_view unit,
                               std::span<const ParameterInfo> parameters, std::string_view warm_up,
                               std::string_view seeding, std::string_view formula, std::string_view source,
                               std::string_view reference, Needs needs = kQuotes) {
  return {.name = name,
          .group = FamilyGroup::bar,
          .code = static_cast<std::uint16_t>(code),
          .version = 1,
          .unit = unit,
          .needs = needs,
          .takes_basis = true,
          .basis = "mid",
          .warm_up = warm_up,
          .seeding = seeding,
          .formula = formula,
          .source = source,
          .reference = reference,
          .parameters = parameters};
}

constexpr std::array kFamilies = {
    family(BarFamily::sma, "sma", "bp", kBars20, "`bars` bars", kWholeWindow,
           "1e4 (price - mean of the last `bars` closes) / price; exact integer sum", kAchelis,
           "tulip_atoz.txt: sma 5"),
    family(BarFamily::ema, "ema", "bp", kBars20, "`bars` bars", kFirstClose,
           "1e4 (price - e) / price; e += 2 / (bars + 1) (close - e)", kAchelis, "tulip_atoz.txt: ema 5"),
    family(BarFamily::wma, "wma", "bp", kBars20, "`bars` bars", kWholeWindow,
           "1e4 (price - mean of the last `bars` closes with weights 1 (oldest) to `bars`) / price; exact integer sums",
           kAchelis, "tulip_atoz.txt: wma 5"),
    family(BarFamily::dema, "dema", "bp", kBars20, "2 `bars` - 1 bars",
           "e at the first close, e' at the first e that is defined",
           "1e4 (price - (2 e - e')) / price; e as in ema, e' the same average of e",
           "P. G. Mulloy, Stocks & Commodities 12:1, 1994", "tulip_atoz.txt: dema 5"),
    family(
        BarFamily::rsi, "rsi", "percent", kBars14, "`bars` + 1 bars",
        "both averages start at 0, as StockCharts' worksheet does, not at the mean of the first moves",
        "100 U / (U + D), 50 where both are 0; U += (max(k, 0) - U) / bars, D += (max(-k, 0) - D) / bars, k = close - "
        "close'",
        kWilder, "cs-rsi.csv; tulip_atoz.txt: rsi 5 starts at means, and is met from there"),
    family(BarFamily::macd_line, "macd_line", "bp", kMacdLine, "the longer of `bars` and `bars_2`", kFirstClose,
           "1e4 (e - e') / price; e, e' averages as in ema over `bars` and `bars_2`", "G. Appel", "cs-macd.csv"),
    family(
        BarFamily::macd_signal, "macd_signal", "bp", kMacdSignal,
        "the longer of `bars` and `bars_2`, and `bars_3` - 1 bars",
        "averages of closes start at the first close, that of the line at the first line that is defined",
        "1e4 g / price; g += 2 / (bars_3 + 1) (line - g), line as in macd_line", "G. Appel",
        "cs-macd.csv starts its signal elsewhere and is met after convergence; tulip_atoz.txt: macd 12 26 9, with its "
        "weights"),
    family(BarFamily::macd_histogram, "macd_histogram", "bp", kMacdSignal,
           "the longer of `bars` and `bars_2`, and `bars_3` - 1 bars", "as macd_signal", "macd_line - macd_signal",
           "T. Aspray", "cs-macd.csv, as macd_signal"),
    family(BarFamily::stochastic_k, "stochastic_k", "percent", kStochasticK, "`bars` + `bars_2` - 1 bars", kWholeWindow,
           "mean over `bars_2` bars of 100 (close - low) / (high - low) of the last `bars` bars; 50 where high = low",
           "G. Lane", "tulip_atoz.txt: stoch 5 3 3"),
    family(BarFamily::stochastic_d, "stochastic_d", "percent", kStochasticD, "`bars` + `bars_2` + `bars_3` - 2 bars",
           kWholeWindow, "mean of stochastic_k over `bars_3` bars", "G. Lane", "tulip_atoz.txt: stoch 5 3 3"),
    family(BarFamily::williams_r, "williams_r", "percent", kBars14, "`bars` bars", kWholeWindow,
           "100 (close - high) / (high - low) of the last `bars` bars, -100 to 0; -50 where high = low", "L. Williams",
           "tulip_atoz.txt: willr 5"),
    family(BarFamily::cci, "cci", "ratio", kBars20, "`bars` bars", kWholeWindow,
           "(T - m) / (0.015 mean |T - m|), T = high + low + close, m = mean of T over `bars` bars; 0 where nothing "
           "varies; exact integer sums",
           "D. Lambert, Commodities, October 1980", "tulip_atoz.txt: cci 5"),
    family(BarFamily::atr, "atr", "bp", kBars14, "`bars` bars",
           "the mean of the first `bars` true ranges, the very first being high - low",
           "1e4 A / price; A += (range - A) / bars; range = max(high, close') - min(low, close')", kWilder,
           "cs-atr.csv; tulip_atoz.txt: atr 4"),
    family(BarFamily::adx, "adx", "percent", kBars14, "2 `bars` bars",
           "sums of the first `bars` movements; the mean of the first `bars` DX",
           "A += (DX - A) / bars; DX = 100 |P - M| / (P + M), 0 where both are 0; P, M as in plus_di and minus_di",
           kWilder, "cs-adx.csv; tulip_atoz.txt: adx 14 sums one movement less at first, and is met from its state"),
    family(BarFamily::plus_di, "plus_di", "percent", kBars14, "`bars` + 1 bars", "sums of the first `bars` movements",
           "100 P / R, 0 where R is 0; s - s / bars + x for P and R: x of P is high - high' where that is above 0 and "
           "above "
           "low' - low, else 0; x of R the true range",
           kWilder, "cs-adx.csv; tulip_atoz.txt: di 14, as adx"),
    family(BarFamily::minus_di, "minus_di", "percent", kBars14, "`bars` + 1 bars", "sums of the first `bars` movements",
           "100 M / R, 0 where R is 0; M as P of plus_di with low' - low where that is above 0 and above high - high'",
           kWilder, "cs-adx.csv; tulip_atoz.txt: di 14, as adx"),
    family(BarFamily::bollinger_z, "bollinger_z", "ratio", kBars20, "`bars` bars that differ", kWholeWindow,
           "(close - mean) / deviation of the last `bars` closes; population deviation, exact integer sums",
           "J. Bollinger, Bollinger on Bollinger Bands", "cs-bbands.csv; tulip_atoz.txt: bbands 5 2"),
    family(BarFamily::bollinger_width, "bollinger_width", "bp", kBars20Width, "`bars` bars", kWholeWindow,
           "1e4 2 `factor` deviation / price; deviation as in bollinger_z",
           "J. Bollinger, Bollinger on Bollinger Bands", "cs-bbands.csv; tulip_atoz.txt: bbands 5 2"),
    family(BarFamily::price_z, "price_z", "ratio", kBars20, "`bars` bars that differ", kWholeWindow,
           "(price - mean) / deviation as in bollinger_z, with the price of now", "z-score",
           "tulip_atoz.txt: stddev 5"),
    family(BarFamily::keltner_position, "keltner_position", "ratio", kKeltner, "the longer of `bars` and `bars_2`",
           "as ema and atr", "(price - e) / (`factor` A); e as in ema over `bars`, A as in atr over `bars_2`",
           "C. Keltner; L. B. Raschke's form with true ranges", ""),
    family(BarFamily::donchian_position, "donchian_position", "ratio", kBars20, "`bars` bars that differ", kWholeWindow,
           "(price - low) / (high - low) of the last `bars` bars; may leave [0, 1]", "R. Donchian", ""),
    family(BarFamily::donchian_width, "donchian_width", "bp", kBars20, "`bars` bars", kWholeWindow,
           "1e4 (high - low) / price; highest high and lowest low of the last `bars` bars", "R. Donchian", ""),
    family(BarFamily::obv, "obv", "volume", kPeriodAlone, "1 bar with volume",
           "0 at the first bar, and at the first after a bar without volume",
           "V += volume where close > close', V -= volume where close < close'",
           "J. Granville, New Key to Stock Market Profits", "cs-obv.csv; tulip_atoz.txt: obv", kVolume),
    family(BarFamily::obv_share, "obv_share", "ratio", kBars20, "`bars` + 1 bars with volume", kWholeWindow,
           "change of obv over the last `bars` bars / their volume, -1 to 1; exact integer sums",
           "J. Granville, New Key to Stock Market Profits", "", kVolume),
    family(BarFamily::vwap, "vwap", "bp", kPeriodAlone, "1 bar of the FX day, none of which lacked volume",
           "anew at 17:00 New York",
           "1e4 (price - W) / price; W = sum of (high + low + close) / 3 volume / sum of volume over the FX day's bars",
           "J. Elkins; S. Berkowitz, D. Logue, E. Noser, Journal of Finance 1988",
           "cs-vwap.csv: each row as a day of 14", kVolume),
    family(BarFamily::roc, "roc", "percent", kBars10, "`bars` + 1 bars", kWholeWindow,
           "100 (close - c) / c, c = the close `bars` bars before", kAchelis, "tulip_atoz.txt: rocr 12"),
    family(BarFamily::momentum, "momentum", "bp", kBars10, "`bars` + 1 bars", kWholeWindow,
           "1e4 (close - c) / price, c = the close `bars` bars before", kAchelis, ""),
    family(BarFamily::bar_return, "bar_return", "bp", kPeriodAlone, "2 bars", kWholeWindow,
           "1e4 (close - close') / close'", "close-to-close return", ""),
    family(
        BarFamily::fractional_difference, "fractional_difference", "bp", kFractional, "`bars` bars", kWholeWindow,
        "1e4 sum of w[k] close[k] / price over the last `bars` closes, newest first; w[0] = 1, w[k] = -w[k-1] (d - k "
        "+ 1) / k, d = `factor`",
        "J. Hosking, Biometrika 1981; M. Lopez de Prado, Advances in Financial Machine Learning, 5.5", ""),
    family(BarFamily::kama, "kama", "bp", kKama, "`bars` + 1 bars", "the close of bar `bars`",
           "1e4 (price - a) / price; a += c^2 (close - a), c = E (f - s) + s, f = 2 / (bars_2 + 1), s = 2 / (bars_3 + "
           "1), E = "
           "|close - close `bars` bars before| / sum of the last `bars` |close - close'|, 0 where nothing moved",
           "P. Kaufman, Trading Systems and Methods", "cs-kama.csv"),
    family(BarFamily::parabolic_sar, "parabolic_sar", "bp", kParabolic, "2 bars",
           "long where the second bar's high + low is not below the first's, else short; the stop at the first bar's "
           "other "
           "end",
           "1e4 (price - S) / price; S += a (extreme - S), not into the ranges of the last two bars; a = `factor` "
           "times the "
           "number of extremes, at most 10; a bar that passes S turns the trend and S becomes the extreme",
           kWilder, "tulip_atoz.txt: psar .02 .2"),
    family(BarFamily::ichimoku_line, "ichimoku_line", "bp", kIchimokuLine, "`bars` bars", kWholeWindow,
           "1e4 (price - (high + low) / 2) / price of the last `bars` bars: tenkan for 9, kijun for 26", "G. Hosoda",
           ""),
    family(BarFamily::ichimoku_cloud, "ichimoku_cloud", "bp", kIchimokuCloud,
           "the longest of `bars`, `bars_2`, `bars_3`, and `bars_2` bars", kWholeWindow,
           "1e4 d / price; d = how far the close lies above or below the cloud, 0 within it; the cloud's edges are, "
           "`bars_2` "
           "bars before, the mean of the lines over `bars` and `bars_2`, and the line over `bars_3`",
           "G. Hosoda", ""),
    family(BarFamily::pivot, "pivot", "bp", kPeriodAlone, "1 bar", kWholeWindow,
           "1e4 (price - P) / price; P = (high + low + close) / 3 of the last closed bar", "floor traders' pivots", ""),
    family(BarFamily::pivot_r1, "pivot_r1", "bp", kPeriodAlone, "1 bar", kWholeWindow,
           "1e4 (price - (2 P - low)) / price; P as in pivot", "floor traders' pivots", ""),
    family(BarFamily::pivot_s1, "pivot_s1", "bp", kPeriodAlone, "1 bar", kWholeWindow,
           "1e4 (price - (2 P - high)) / price; P as in pivot", "floor traders' pivots", ""),
    family(BarFamily::doji, "doji", "sign", kPeriodAlone, "1 bar", kWholeWindow,
           "1 where 10 |close - open| <= high - low > 0, else 0", kNison, ""),
    family(BarFamily::marubozu, "marubozu", "sign", kPeriodAlone, "1 bar", kWholeWindow,
           "sign of close - open where 10 |close - open| >= 9 (high - low), else 0", kNison, ""),
    family(BarFamily::hammer, "hammer", "sign", kPeriodAlone, "1 bar", kWholeWindow,
           "1 where B > 0, lower >= 2 B and 10 upper <= high - low, the shape of hammer and hanging man; -1 the same "
           "with lower and upper exchanged, that of inverted hammer and shooting star; else 0; B = |close - open|, "
           "lower = min(open, close) - low, upper = high - max(open, close)",
           kNison, ""),
    family(
        BarFamily::engulfing, "engulfing", "sign", kPeriodAlone, "2 bars", kWholeWindow,
        "1 where close' < open', close > open, close >= open', open <= close' and B > B'; -1 where each of these but "
        "the last is reversed; else 0; B = |close - open|",
        kNison, ""),
    family(
        BarFamily::harami, "harami", "sign", kPeriodAlone, "2 bars", kWholeWindow,
        "sign of open' - close' where open and close lie within open' and close', 2 B' >= high' - low' and 2 B <= B', "
        "else 0; B = |close - open|, of either colour",
        kNison, ""),
    family(
        BarFamily::star, "star", "sign", kPeriodAlone, "3 bars", kWholeWindow,
        "1, morning star, where close'' < open'', 2 B'' >= high'' - low'', 3 B' <= B'', open' + close' <= M, close > "
        "open and 2 close > M; -1, evening star, with prices reversed; else 0; B = |close - open|, M = open'' + "
        "close''; no gaps are asked for",
        kNison, ""),
    family(
        BarFamily::soldiers, "soldiers", "sign", kPeriodAlone, "3 bars", kWholeWindow,
        "1, three white soldiers, where in all three bars close > open and 4 (high - close) <= high - low, and in the "
        "last two close > close' and open' <= open <= high'; -1, three black crows, with prices reversed; else 0",
        kNison, ""),
};

}  // namespace

std::span<const FeatureFamily> bar_families() noexcept { return kFamilies; }

}  // namespace thintail
