// SPDX-License-Identifier: Apache-2.0
// The table of families across instruments. Texts are part of a set's hash: editing one makes new sets.
#include "ml/cross/cross_families.hpp"

#include <limits>

namespace thintail {
namespace {

constexpr Needs kQuotes = (Need::bid | Need::ask) | static_cast<Needs>(Need::peers);
constexpr Needs kTicks = kQuotes | static_cast<Needs>(Need::ticks);

constexpr std::array kWindow60 = {ParameterInfo{Parameter::seconds, 2, kCrossSecondsMax, 60}};
constexpr std::array kWindow300 = {ParameterInfo{Parameter::seconds, 2, kCrossSecondsMax, 300}};
constexpr std::array kTickWindow = {ParameterInfo{Parameter::seconds, 1, kTickSecondsMax, 60}};
constexpr std::array kLeadWindow = {ParameterInfo{Parameter::seconds, 10, kTickSecondsMax, 600}};

constexpr std::string_view kFirstTick = "none: the first tick begins the first interval";
constexpr std::string_view kFirstMid =
    "the first mid counts as 0; of a move beyond 2^24 units in one second the rest counts in the next";
constexpr std::string_view kNoSeed = "none";
constexpr std::string_view kSecondsOfBoth = "`seconds` + 1 whole seconds in which both had a quote";
constexpr std::string_view kSeconds = "`seconds` + 1 whole seconds since the first quote";
constexpr std::string_view kSecondsOfTwo = "`seconds` + 1 whole seconds since the first quote of this and another one";
constexpr std::string_view kSecondsOfCurrency =
    "`seconds` + 1 whole seconds since the first quote of an instrument of that currency and another major";
constexpr std::string_view kTicksOfBoth = "`seconds` since both had their first tick";
constexpr std::string_view kQuoteOfTwo = "a whole second at which this and another instrument have a quote";

constexpr std::string_view kEpps = "T. W. Epps (1979), Comovements in Stock Prices in the Very Short Run";
constexpr std::string_view kHayashiYoshida =
    "T. Hayashi and N. Yoshida (2005), On covariance estimation of non-synchronously observed diffusion processes";
constexpr std::string_view kLeadLag =
    "M. Hoffmann, M. Rosenbaum and N. Yoshida (2013), Estimation of the lead-lag parameter from non-synchronous data";
constexpr std::string_view kLeadRatio =
    "N. Huth and F. Abergel (2014), High frequency lead/lag relationships: its ratio, as a share";
constexpr std::string_view kStrength =
    "least squares on a graph: X. Jiang et al. (2011), Statistical ranking and combinatorial Hodge theory";
constexpr std::string_view kMeanRank = "ties by their mean rank: W. Conover, Practical Nonparametric Statistics";
constexpr std::string_view kScore = "the standard score";

struct Texts {
  std::string_view unit;
  std::string_view seeding;
  std::string_view warm_up;
  std::string_view formula;
  std::string_view source;
};

constexpr FeatureFamily family(CrossFamily code, std::string_view name, Needs needs,
                               std::span<const ParameterInfo> parameters, bool takes_peer, const Texts& texts) {
  return {.name = name,
          .group = FamilyGroup::cross,
          .code = static_cast<std::uint16_t>(code),
          .version = 1,
          .unit = texts.unit,
          .needs = needs,
          .takes_basis = false,
          .basis = "mid",
          .warm_up = texts.warm_up,
          .seeding = texts.seeding,
          .formula = texts.formula,
          .source = texts.source,
          .reference = "",
          .parameters = parameters,
          .takes_peer = takes_peer};
}

constexpr std::array kFamilies = {
    family(CrossFamily::peer_correlation, "peer_correlation", kQuotes, kWindow300, true,
           {"ratio", kFirstMid, kSecondsOfBoth,
            "(n S(xy) - S(x) S(y)) / sqrt((n S(xx) - S(x)^2) (n S(yy) - S(y)^2)); x, y: moves of the mid and of the "
            "peer's mid between whole seconds of engine time, in half points, or 2^k of them where the first mid has "
            "more than 2^28; S: exact integer sums over the last n = `seconds` moves; undefined where one of them did "
            "not vary, and for the peer itself",
            kEpps}),
    family(CrossFamily::peer_beta, "peer_beta", kQuotes, kWindow300, true,
           {"ratio", kFirstMid, kSecondsOfBoth,
            "(n S(xy) - S(x) S(y)) / (n S(yy) - S(y)^2) q / p, bp of this instrument for a bp of its peer; sums as in "
            "peer_correlation, p and q the mid and the peer's in the same units; undefined where the peer did not "
            "vary, and for the peer itself",
            kEpps}),
    family(CrossFamily::peer_tick_correlation, "peer_tick_correlation", kTicks, kTickWindow, true,
           {"ratio", kFirstTick, kTicksOfBoth,
            "C / sqrt(X Y); C: sum of x y over all pairs of tick intervals that overlap, x a move of the mid from one "
            "tick to the next and y one of the peer's; X, Y: sums of x^2 and y^2; intervals (a, b] of engine time "
            "wholly within the last `seconds` and the last 3072 ticks of each; exact integers; may exceed 1; "
            "undefined where one of them did not move, and for the peer itself",
            kHayashiYoshida}),
    family(CrossFamily::peer_lead, "peer_lead", kTicks, kLeadWindow, true,
           {"s", kFirstTick, kTicksOfBoth,
            "the delay of this instrument, of 0, 25, 50, 100, 150, 200, 300, 400, 600, 800, 1000 ms and their "
            "opposites, at which peer_tick_correlation is largest in magnitude; positive: it leads its peer; of equals "
            "the one nearest 0, then the negative; once a second of engine time",
            kLeadLag}),
    family(CrossFamily::peer_lead_share, "peer_lead_share", kTicks, kLeadWindow, true,
           {"ratio", kFirstTick, kTicksOfBoth,
            "(L - F) / (L + F); L, F: sums of peer_tick_correlation^2 over the positive and the negative delays of "
            "peer_lead; 1: it alone leads, -1: it only follows; once a second of engine time",
            kLeadRatio}),
    family(CrossFamily::currency_base_strength, "currency_base_strength", kQuotes, kWindow60, false,
           {"bp", kFirstMid, kSecondsOfCurrency,
            "s of the base currency where s minimises the sum of (r - (s_base - s_quote))^2 over all instruments of "
            "two majors (USD EUR JPY GBP CHF AUD CAD NZD), with mean 0 over currencies that instruments connect; r = "
            "1e4 log(mid / mid `seconds` ago); undefined where the base is no major or has no such instrument",
            kStrength}),
    family(CrossFamily::currency_quote_strength, "currency_quote_strength", kQuotes, kWindow60, false,
           {"bp", kFirstMid, kSecondsOfCurrency, "as currency_base_strength, of the quote currency", kStrength}),
    family(
        CrossFamily::currency_residual, "currency_residual", kQuotes, kWindow60, false,
        {"bp", kFirstMid, kSeconds,
         "r - (s_base - s_quote), as in currency_base_strength: what the other instruments do not explain", kStrength}),
    family(CrossFamily::cross_move_rank, "cross_move_rank", kQuotes, kWindow60, false,
           {"ratio", kFirstMid, kSecondsOfTwo,
            "(b + e / 2) / n; of n instruments b lie below and e are equal, itself among them; of 1e4 log(mid / mid "
            "`seconds` ago)",
            kMeanRank}),
    family(CrossFamily::cross_move_z, "cross_move_z", kQuotes, kWindow60, false,
           {"ratio", kFirstMid, kSecondsOfTwo,
            "(x - mean) / deviation over all instruments (population), undefined where all are equal; x as in "
            "cross_move_rank",
            kScore}),
    family(CrossFamily::cross_volatility_rank, "cross_volatility_rank", kQuotes, kWindow300, false,
           {"ratio", kFirstMid, kSecondsOfTwo,
            "as cross_move_rank, of 1e4 sqrt(S(xx) / `seconds`) / mid; x as in peer_correlation", kMeanRank}),
    family(CrossFamily::cross_volatility_z, "cross_volatility_z", kQuotes, kWindow300, false,
           {"ratio", kFirstMid, kSecondsOfTwo, "as cross_move_z, of the volatility in cross_volatility_rank", kScore}),
    family(CrossFamily::cross_spread_rank, "cross_spread_rank", kQuotes, {}, false,
           {"ratio", kNoSeed, kQuoteOfTwo,
            "as cross_move_rank, of 1e4 max(ask - bid, 0) / mid at the last whole second of engine time", kMeanRank}),
    family(CrossFamily::cross_spread_z, "cross_spread_z", kQuotes, {}, false,
           {"ratio", kNoSeed, kQuoteOfTwo, "as cross_move_z, of the spread in cross_spread_rank", kScore}),
};

}  // namespace

std::span<const FeatureFamily> cross_families() noexcept { return kFamilies; }

}  // namespace thintail
