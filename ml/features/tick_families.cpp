// SPDX-License-Identifier: Apache-2.0
// Texts and parameters of the tick families. Editing a text makes new sets; editing a formula raises its version.
#include "ml/features/tick_families.hpp"

#include <array>
#include <limits>

namespace thintail {
namespace {

constexpr double kMustBeGiven = std::numeric_limits<double>::quiet_NaN();
constexpr double kShortestS = 0.01;
constexpr double kLongestS = 30.0 * 86'400.0;

constexpr Needs kQuote = Need::bid | Need::ask | Needs{static_cast<Needs>(Need::ticks)};
constexpr Needs kSizes = kQuote | Needs{static_cast<Needs>(Need::sizes)};
constexpr Needs kTrades = kQuote | Needs{static_cast<Needs>(Need::trades)};

constexpr std::array kHalfLife = {ParameterInfo{Parameter::half_life_s, kShortestS, kLongestS, kMustBeGiven}};
constexpr std::array kTwoHalfLives = {ParameterInfo{Parameter::half_life_s, kShortestS, kLongestS, kMustBeGiven},
                                      ParameterInfo{Parameter::half_life_2_s, kShortestS, kLongestS, kMustBeGiven}};
constexpr std::array kWindow = {ParameterInfo{Parameter::ticks, 4, kWindowTicksMax, kMustBeGiven}};
constexpr std::array kJump = {ParameterInfo{Parameter::ticks, 4, kWindowTicksMax, kMustBeGiven},
                              ParameterInfo{Parameter::factor, 0.5, 100, 4}};
constexpr std::array kPeriod = {ParameterInfo{Parameter::period, 0, kBarPeriodCount - 1, kMustBeGiven}};

constexpr std::string_view kOneTick = "1 tick";
constexpr std::string_view kTwoTicks = "2 ticks";
constexpr std::string_view kTwo = "2 half-lives of trading time";
constexpr std::string_view kTwoOfLonger = "2 half-lives of trading time, of the longer one";
constexpr std::string_view kTwoAndSizes = "2 half-lives of trading time; undefined at a tick without sizes";
constexpr std::string_view kTwoAndTrade = "2 half-lives of trading time and a trade";
constexpr std::string_view kFull = "n ticks";
constexpr std::string_view kNone = "none";
constexpr std::string_view kSession = "none; undefined without sessions";
constexpr std::string_view kPastDay = "this half hour of a past day, seen whole";

constexpr std::string_view kNoSeed = "none";
constexpr std::string_view kFirstValue = "the first tick's value, as if it had always held";
constexpr std::string_view kZero = "sums at 0";
constexpr std::string_view kZeroShare = "sums at 0, divided by the share u of the weight seen";
constexpr std::string_view kFirstTick = "the first tick's quote, as if it had always held";

constexpr std::string_view kOwn = "Thintail";
constexpr std::string_view kTwoStreams =
    "Thintail: averages the two price streams that OANDA's gold alternates between";

template <class Code>
constexpr FeatureFamily family(Code code, FamilyGroup group, std::string_view name, std::string_view unit, Needs needs,
                               std::string_view basis, std::string_view warm_up, std::string_view seeding,
                               std::string_view formula, std::string_view source,
                               std::span<const ParameterInfo> parameters, std::uint16_t version = 1) {
  return {.name = name,
          .group = group,
          .code = static_cast<std::uint16_t>(code),
          .version = version,
          .unit = unit,
          .needs = needs,
          .takes_basis = false,
          .basis = basis,
          .warm_up = warm_up,
          .seeding = seeding,
          .formula = formula,
          .source = source,
          .reference = "",
          .parameters = parameters};
}

constexpr auto kTick = FamilyGroup::tick;
constexpr auto kDecayed = FamilyGroup::decayed;
constexpr auto kWindowed = FamilyGroup::windowed;
constexpr auto kClock = FamilyGroup::clock;
constexpr auto kForming = FamilyGroup::forming;
using T = TickFamily;
using D = DecayedFamily;
using W = WindowedFamily;
using C = ClockFamily;
using F = FormingFamily;

constexpr std::array kFamilies = {
    family(T::spread, kTick, "spread", "bp", kQuote, "quote", kOneTick, kNoSeed, "s = 1e4 max(ask - bid, 0) / mid",
           kOwn, {}),
    family(T::last_move, kTick, "last_move", "bp", kQuote, "mid", kTwoTicks, kNoSeed, "r = 1e4 (mid - mid') / mid",
           kOwn, {}),
    family(T::quote_age, kTick, "quote_age", "s", kQuote, "quote", kTwoTicks, kNoSeed,
           "min(trading time since the tick before, 60)", kOwn, {}),
    family(T::microprice_deviation, kTick, "microprice_deviation", "bp", kSizes, "quote",
           "1 tick; undefined at a tick without sizes", kNoSeed,
           "1e4 (m - mid) / mid, m = (bid A + ask B) / (A + B); B, A: sizes at the bid and the ask",
           "Gatheral and Oomen (2010), Zero-intelligence realized variance estimation", {}),
    family(T::queue_imbalance, kTick, "queue_imbalance", "ratio", kSizes, "quote",
           "1 tick; undefined at a tick without sizes", kNoSeed,
           "(B - A) / (B + A); B, A: sizes at the bid and the ask",
           "Gould and Bonart (2016), Queue Imbalance as a One-Tick-Ahead Price Predictor", {}),
    family(T::relative_spread, kTick, "relative_spread", "ratio", kQuote, "quote", kPastDay, kNoSeed,
           "s / max(m, 0.001 bp); m: mean over past days of the mean spread of this half hour of the FX day, "
           "m += (x - m) / min(days, 20); days of 25 hours have their last two half hours in the one before",
           "after Andersen and Bollerslev (1997), Intraday periodicity", {}),

    family(D::mid_deviation, kDecayed, "mid_deviation", "bp", kQuote, "mid", kTwo, kFirstValue,
           "1e4 (mid - e) / mid; e += w (mid' - e)", "Eckner (2012), Algorithms for Unevenly Spaced Time Series",
           kHalfLife),
    family(D::volatility, kDecayed, "volatility", "bp/sqrt(s)", kQuote, "mid", kTwo, kZeroShare,
           "sqrt(ln2 / h * S / u); S = d S + c^2 / 2, c = 1e4 (mid - mid'') / mid: unbiased for independent moves, 0 "
           "for a mid that alternates between two price streams; u += w (1 - u) from 0",
           "pre-averaging over two ticks after Jacod, Li, Mykland, Podolskij and Vetter (2009)", kHalfLife),
    family(D::volatility_ratio, kDecayed, "volatility_ratio", "ratio", kQuote, "mid", kTwoOfLonger, kZeroShare,
           "volatility of the first half-life / max(that of the second, 1e-6)", kOwn, kTwoHalfLives),
    family(D::realised_volatility, kDecayed, "realised_volatility", "bp/sqrt(s)", kQuote, "mid", kTwo, kZeroShare,
           "sqrt(ln2 / h * Q / u); Q = d Q + r^2; r of last_move, 0 at the first tick; u of volatility",
           "Andersen, Bollerslev, Diebold and Labys (2001), realised variance with exponential weights", kHalfLife),
    family(D::bipower_volatility, kDecayed, "bipower_volatility", "bp/sqrt(s)", kQuote, "mid", kTwo, kZeroShare,
           "sqrt(pi / 2 * ln2 / h * B / u); B = d B + |r r'|; u of volatility",
           "Barndorff-Nielsen and Shephard (2004), bipower variation with exponential weights", kHalfLife),
    family(
        D::relative_volatility, kDecayed, "relative_volatility", "ratio", kQuote, "mid",
        "2 half-lives of trading time, and this half hour of a past day, seen whole", kZeroShare,
        "volatility / max(sqrt(m / 1800 s), 1e-6); m: mean over past days of the sum of c^2 / 2 in this half hour of "
        "the FX day, as in relative_spread",
        "after Andersen and Bollerslev (1997), Intraday periodicity", kHalfLife),
    family(D::move_autocorrelation, kDecayed, "move_autocorrelation", "ratio", kQuote, "mid", kTwo, kZero,
           "C / max(Q, 1e-6 bp^2); C = d C + r r'; Q = d Q + r^2; r of last_move, 0 at the first tick", kOwn,
           kHalfLife),
    family(D::roll_spread, kDecayed, "roll_spread", "bp", kQuote, "mid", kTwo, kZero,
           "2 sqrt(max(-C / n, 0)); C of move_autocorrelation; n = d n + 1",
           "Roll (1984), A Simple Implicit Measure of the Effective Bid-Ask Spread", kHalfLife),
    family(
        D::imbalance, kDecayed, "imbalance", "ratio", kQuote, "mid", kTwo, kZero,
        "N / (1 + G); N = d N + sign(mid - mid''); G = d G + |sign(mid - mid'')|: moves of the mid averaged over two "
        "ticks, which alternating price streams do not make",
        kTwoStreams, kHalfLife),
    family(D::intensity, kDecayed, "intensity", "ticks/s", kQuote, "quote", kTwo, kZeroShare,
           "ln2 / h * n / u; n = d n + 1; u of volatility", kOwn, kHalfLife),
    family(D::intensity_ratio, kDecayed, "intensity_ratio", "ratio", kQuote, "quote", kTwoOfLonger, kZeroShare,
           "intensity of the first half-life / that of the second", kOwn, kTwoHalfLives),
    family(D::spread_z, kDecayed, "spread_z", "ratio", kQuote, "quote", kTwo, kFirstValue,
           "(s - m) / max(sqrt(max(v - m^2, 0)), 0.01 bp); m += w (s' - m); v += w (s'^2 - v)", kOwn, kHalfLife, 2),
    family(D::spread_ratio, kDecayed, "spread_ratio", "ratio", kQuote, "quote", kTwo, kFirstValue,
           "s / max(m, 0.001 bp); m += w (s' - m)", kOwn, kHalfLife),
    family(D::crossed_share, kDecayed, "crossed_share", "ratio", kQuote, "quote", kTwo, kFirstValue,
           "e += w (x' - e), x = 1 where ask < bid, else 0", kOwn, kHalfLife),
    family(D::queue_imbalance_mean, kDecayed, "queue_imbalance_mean", "ratio", kSizes, "quote", kTwoAndSizes,
           "the first tick's value, as if it had always held; 0 stands for ticks without sizes",
           "e += w (x' - e); x of queue_imbalance", kOwn, kHalfLife),
    family(D::order_flow_imbalance, kDecayed, "order_flow_imbalance", "ratio", kSizes, "quote", kTwoAndSizes, kZero,
           "N / max(G, 1e-9); N = d N + e, G = d G + |e|; e = [b >= b'] B - [b <= b'] B' - [a <= a'] A + [a >= a'] A', "
           "0 where either tick has no sizes; b, a: best prices, B, A: their sizes",
           "Cont, Kukanov and Stoikov (2014), The Price Impact of Order Book Events, as a share of all flow",
           kHalfLife),
    family(
        D::trade_imbalance, kDecayed, "trade_imbalance", "ratio", kTrades, "trades", kTwoAndTrade, kZero,
        "N / max(G, 1e-9); N = d N + q, G = d G + |q|; q: signed size of the trades since the tick before, + bought, "
        "taken in at the tick; without a side, bought above the last mid and sold below it; |q|: sum of their sizes",
        "after Chordia, Roll and Subrahmanyam (2002), Order imbalance, liquidity, and market returns", kHalfLife),
    family(D::trade_sign_imbalance, kDecayed, "trade_sign_imbalance", "ratio", kTrades, "trades", kTwoAndTrade, kZero,
           "N / (1 + G); as trade_imbalance with every trade of size 1", kOwn, kHalfLife),
    family(D::trade_impact, kDecayed, "trade_impact", "bp/trade", kTrades, "mid", kTwoAndTrade, kZero,
           "P / max(Q, 1e-9); P = d P + k r, Q = d Q + k^2; k: trades bought less trades sold since the tick before; r "
           "of last_move",
           "Kyle (1985), Continuous Auctions and Insider Trading: lambda by least squares on trade signs", kHalfLife),

    family(W::move, kWindowed, "window_move", "bp", kQuote, "mid", kFull, kFirstTick,
           "1e4 (mid - mid of the window's first tick) / mid; windows: the last n ticks, prices in half points of the "
           "instrument's tick size, one move at most 2^26 of them",
           kOwn, kWindow),
    family(W::volatility, kWindowed, "window_volatility", "bp/sqrt(tick)", kQuote, "mid", kFull, kFirstTick,
           "sqrt(sum c^2 / (2 (n - 2))); c = mid_i - mid_(i-2) in bp of the newest mid", kTwoStreams, kWindow),
    family(W::realised_volatility, kWindowed, "window_realised_volatility", "bp/sqrt(tick)", kQuote, "mid", kFull,
           kFirstTick, "sqrt(sum r^2 / (n - 1)); r = mid_i - mid_(i-1) in bp of the newest mid",
           "Andersen, Bollerslev, Diebold and Labys (2001), The Distribution of Realized Exchange Rate Volatility",
           kWindow),
    family(W::bipower_volatility, kWindowed, "window_bipower_volatility", "bp/sqrt(tick)", kQuote, "mid", kFull,
           kFirstTick, "sqrt(pi / 2 * sum |r_i r_(i-1)| / (n - 2))",
           "Barndorff-Nielsen and Shephard (2004), Power and bipower variation", kWindow),
    family(W::two_scale_volatility, kWindowed, "window_two_scale_volatility", "bp/sqrt(tick)", kQuote, "mid", kFull,
           kFirstTick,
           "sqrt(max(sum c^2 / 2 - g sum r^2, 0) / ((1 - g) (n - 1))); g = (n - 2) / (2 (n - 1)): two subgrids",
           "Zhang, Mykland and Ait-Sahalia (2005), A Tale of Two Time Scales", kWindow),
    family(W::autocorrelation, kWindowed, "window_autocorrelation", "ratio", kQuote, "mid", kFull, kFirstTick,
           "sum r_i r_(i-1) / sum r^2; 0 without moves", kOwn, kWindow),
    family(W::variance_ratio, kWindowed, "window_variance_ratio", "ratio", kQuote, "mid", kFull, kFirstTick,
           "(sum c^2 / (n - 2)) / (2 sum r^2 / (n - 1)); 0 without moves",
           "Lo and MacKinlay (1988), Stock Market Prices Do Not Follow Random Walks", kWindow),
    family(W::roll_spread, kWindowed, "window_roll_spread", "bp", kQuote, "mid", kFull, kFirstTick,
           "2 sqrt(max(-sum r_i r_(i-1) / (n - 2), 0))",
           "Roll (1984), A Simple Implicit Measure of the Effective Bid-Ask Spread", kWindow),
    family(W::imbalance, kWindowed, "window_imbalance", "ratio", kQuote, "mid", kFull, kFirstTick,
           "sum sign(c) / (1 + sum |sign(c)|)", kTwoStreams, kWindow),
    family(W::efficiency, kWindowed, "window_efficiency", "ratio", kQuote, "mid", kFull, kFirstTick,
           "|mid - mid of the window's first tick| / sum |r|; 0 without moves",
           "Kaufman (1995), Smarter Trading: the efficiency ratio", kWindow),
    family(W::spread, kWindowed, "window_spread", "bp", kQuote, "quote", kFull, kFirstTick,
           "1e4 (sum max(ask - bid, 0) / n) / mid", kOwn, kWindow),
    family(W::duration, kWindowed, "window_duration", "s", kQuote, "quote", kFull, kFirstTick,
           "trading time since the window's first tick, in 100 us; one step counts at most 1,000 s", kOwn, kWindow),
    family(W::rate, kWindowed, "window_rate", "ticks/s", kQuote, "quote", kFull, kFirstTick,
           "(n - 1) / max(window_duration, 1e-4 s)", kOwn, kWindow),
    family(
        W::jump, kWindowed, "window_jump", "ratio", kQuote, "mid", kFull, kFirstTick,
        "sign(r) where r^2 > factor^2 pi / 2 * (sum |r_i r_(i-1)| without its newest term) / (n - 3), else 0; r: the "
        "newest move",
        "Lee and Mykland (2008), Jumps in Financial Markets", kJump),

    family(C::fx_day, kClock, "fx_day", "ratio", Needs{0}, "clock", kNone, kNoSeed,
           "f: share of the FX day gone; it starts at 17:00 New York", kOwn, {}),
    family(C::fx_day_sin, kClock, "fx_day_sin", "ratio", Needs{0}, "clock", kNone, kNoSeed, "sin(2 pi f); f of fx_day",
           kOwn, {}),
    family(C::fx_day_cos, kClock, "fx_day_cos", "ratio", Needs{0}, "clock", kNone, kNoSeed, "cos(2 pi f); f of fx_day",
           kOwn, {}),
    family(C::fx_week_sin, kClock, "fx_week_sin", "ratio", Needs{0}, "clock", kNone, kNoSeed,
           "sin(2 pi (fx_weekday + f) / 7); f of fx_day", kOwn, {}),
    family(C::fx_week_cos, kClock, "fx_week_cos", "ratio", Needs{0}, "clock", kNone, kNoSeed,
           "cos(2 pi (fx_weekday + f) / 7); f of fx_day", kOwn, {}),
    family(C::fx_weekday, kClock, "fx_weekday", "day", Needs{0}, "clock", kNone, kNoSeed,
           "weekday on which the FX day ends: 0 Sunday to 6 Saturday", kOwn, {}),
    family(C::session_open, kClock, "session_open", "h", Needs{0}, "clock", kSession, kNoSeed,
           "hours since the calendar's open, 0 before it", kOwn, {}),
    family(C::session_close, kClock, "session_close", "h", Needs{0}, "clock", kSession, kNoSeed,
           "hours until the calendar's close", kOwn, {}),
    family(C::rollover, kClock, "rollover", "h", Needs{0}, "clock", kNone, kNoSeed,
           "hours until the FX day's end, 17:00 New York", kOwn, {}),

    family(F::move, kForming, "forming_move", "bp", kQuote, "mid", kOneTick, kNoSeed,
           "1e4 (mid - mid of the forming bar's first tick) / mid", kOwn, kPeriod),
    family(F::range, kForming, "forming_range", "bp", kQuote, "mid", kOneTick, kNoSeed,
           "1e4 (high - low) / mid; high, low of the mid since the forming bar's first tick, this one included", kOwn,
           kPeriod),
    family(F::position, kForming, "forming_position", "ratio", kQuote, "mid", kOneTick, kNoSeed,
           "(2 mid - high - low) / (high - low), 0 where they are equal; high, low of forming_range", kOwn, kPeriod),
};

}  // namespace

std::span<const FeatureFamily> tick_families() noexcept { return kFamilies; }

}  // namespace thintail
