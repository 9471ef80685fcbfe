// SPDX-License-Identifier: Apache-2.0
// The definition of every core-32 lane, in lane order. Texts are part of the feature hash: editing one makes a new set.
#include "ml/features/core_32.hpp"

namespace thintail::core_32 {
namespace {

constexpr std::string_view kQuote = "bid ask";
constexpr std::string_view kTwoTicks = "2 ticks";
constexpr bool kMandatory = true;
constexpr bool kOptional = false;

constexpr std::array<FeatureInfo, kLanes> kCatalogue = {{
    {"spread_bp", "bp", "quote", kQuote, "1 tick", "s = 1e4 max(ask - bid, 0) / mid", 1, kMandatory},
    {"spread_z_240s", "ratio", "quote", kQuote, "480 s of trading time",
     "(s - m) / max(sqrt v, 0.01 bp); k = s' - m; m += w k; v = (1 - w) (v + w k^2); first tick: m = s, v = 0", 1,
     kMandatory},
    {"crossed_share_240s", "ratio", "quote", kQuote, "480 s of trading time",
     "e += w (x' - e), x = 1 where ask < bid, else 0; first tick: e = x", 1, kMandatory},
    {"last_move_bp", "bp", "mid", kQuote, kTwoTicks, "r = 1e4 (mid - mid') / mid", 1, kMandatory},
    {"mid_deviation_1s", "bp", "mid", kQuote, "2 s of trading time",
     "1e4 (mid - e) / mid; e += w (mid' - e); first tick: e = mid", 1, kMandatory},
    {"mid_deviation_4s", "bp", "mid", kQuote, "8 s of trading time", "as mid_deviation_1s", 1, kMandatory},
    {"mid_deviation_15s", "bp", "mid", kQuote, "30 s of trading time", "as mid_deviation_1s", 1, kMandatory},
    {"mid_deviation_60s", "bp", "mid", kQuote, "120 s of trading time", "as mid_deviation_1s", 1, kMandatory},
    {"mid_deviation_240s", "bp", "mid", kQuote, "480 s of trading time", "as mid_deviation_1s", 1, kMandatory},
    {"mid_deviation_900s", "bp", "mid", kQuote, "1800 s of trading time", "as mid_deviation_1s", 1, kOptional},
    {"mid_deviation_3600s", "bp", "mid", kQuote, "7200 s of trading time", "as mid_deviation_1s", 1, kOptional},
    {"mid_deviation_14400s", "bp", "mid", kQuote, "28800 s of trading time", "as mid_deviation_1s", 1, kOptional},
    {"volatility_15s", "bp/sqrt(s)", "mid", kQuote, "30 s of trading time",
     "sqrt(ln2 / h * S / u); S = d S + c^2 / 2, c = 1e4 (mid - mid'') / mid: unbiased for independent moves, 0 for a "
     "mid that alternates between two price streams; u += w (1 - u) from 0: the share of the weight seen so far",
     1, kMandatory},
    {"volatility_60s", "bp/sqrt(s)", "mid", kQuote, "120 s of trading time", "as volatility_15s", 1, kMandatory},
    {"volatility_240s", "bp/sqrt(s)", "mid", kQuote, "480 s of trading time", "as volatility_15s", 1, kMandatory},
    {"volatility_3600s", "bp/sqrt(s)", "mid", kQuote, "7200 s of trading time", "as volatility_15s", 1, kOptional},
    {"volatility_ratio_60s_3600s", "ratio", "mid", kQuote, "7200 s of trading time",
     "volatility_60s / max(volatility_3600s, 1e-6)", 1, kOptional},
    {"move_autocorrelation_240s", "ratio", "mid", kQuote, "480 s of trading time",
     "C / max(Q, 1e-6 bp^2); C = d C + r r'; Q = d Q + r^2; r of last_move_bp, 0 at the first tick", 1, kMandatory},
    {"imbalance_15s", "ratio", "mid", kQuote, "30 s of trading time",
     "N / (1 + G); N = d N + sign(mid - mid''); G = d G + |sign(mid - mid'')|: moves of the mid averaged over two "
     "ticks, "
     "which alternating price streams do not make",
     1, kMandatory},
    {"imbalance_240s", "ratio", "mid", kQuote, "480 s of trading time", "as imbalance_15s", 1, kMandatory},
    {"intensity_15s", "ticks/s", "quote", kQuote, "30 s of trading time",
     "ln2 / h * n / u; n = d n + 1; u of volatility_15s", 1, kMandatory},
    {"intensity_900s", "ticks/s", "quote", kQuote, "1800 s of trading time", "as intensity_15s", 1, kOptional},
    {"intensity_ratio_15s_900s", "ratio", "quote", kQuote, "1800 s of trading time", "intensity_15s / intensity_900s",
     1, kOptional},
    {"quote_age_s", "s", "quote", kQuote, kTwoTicks, "min(trading time since the tick before, 60)", 1, kMandatory},
    {"rsi_14_m1", "percent", "mid", kQuote, "15 M1 bars",
     "100 U / (U + D), 50 where both are 0; U += (max(k, 0) - U) / 14, D += (max(-k, 0) - D) / 14, k = close - close' "
     "(Wilder); U = D = 0 before the first bar, which cancels in the quotient",
     1, kOptional},
    {"atr_14_m1_bp", "bp", "mid", kQuote, "14 M1 bars",
     "1e4 A / mid; A = mean of the first 14 true ranges, then A += (range - A) / 14 (Wilder); range = max(high, "
     "close') "
     "- min(low, close'), the first one high - low; mid OHLC = mean of the bid bar and the ask bar",
     1, kOptional},
    {"bollinger_z_20_m1", "ratio", "mid", kQuote, "20 M1 bars that differ",
     "(close - mean) / deviation of the last 20 closes; population deviation, exact integer sums", 1, kOptional},
    {"sma_20_m15_distance_bp", "bp", "mid", kQuote, "20 M15 bars",
     "1e4 (mid - mean of the last 20 closes) / mid; exact integer sum", 1, kOptional},
    {"range_position_8_h1", "ratio", "mid", kQuote, "8 H1 bars that differ",
     "(mid - low) / (high - low) of the last 8 bars; may leave [0, 1]", 1, kOptional},
    {"fx_day_fraction", "ratio", "clock", "", "none", "share of the FX day gone; it starts at 17:00 New York", 1,
     kMandatory},
    {"session_open_h", "h", "clock", "", "none; undefined without sessions",
     "hours since the calendar's open, 0 before it", 1, kOptional},
    {"session_close_h", "h", "clock", "", "none; undefined without sessions", "hours until the calendar's close", 1,
     kOptional},
}};

}  // namespace

std::span<const FeatureInfo> catalogue() noexcept { return kCatalogue; }

}  // namespace thintail::core_32
