// SPDX-License-Identifier: Apache-2.0
#include "ml/features/book_families.hpp"

#include <array>
#include <limits>

namespace thintail {
namespace {

constexpr double kMustBeGiven = std::numeric_limits<double>::quiet_NaN();
constexpr Needs kBookNeeds = Need::bid | Need::ask | (Need::sizes | Need::depth);

constexpr std::array kLevels = {ParameterInfo{Parameter::levels, 1, kBookFeatureLevelsMax, 5}};
constexpr std::array kQuantity = {ParameterInfo{Parameter::quantity, 1e-9, 1e12, kMustBeGiven}};
constexpr std::array kUpdates = {ParameterInfo{Parameter::ticks, 2, 4096, 64}};

constexpr std::string_view kAtOnce = "none: the first whole update of a valid book that is deep enough";
constexpr std::string_view kNoSeed = "none";

constexpr std::uint16_t code(BookFamily family) noexcept { return static_cast<std::uint16_t>(family); }

constexpr std::array kFamilies = {
    FeatureFamily{.name = "book_imbalance",
                  .group = FamilyGroup::book,
                  .code = code(BookFamily::imbalance),
                  .version = 1,
                  .unit = "ratio",
                  .needs = kBookNeeds,
                  .takes_basis = false,
                  .basis = "book",
                  .warm_up = kAtOnce,
                  .seeding = kNoSeed,
                  .formula = "(B - A) / (B + A); B, A: size of the best n bids, of the best n asks",
                  .source = "Cao, Hansch and Wang (2009), The information content of an open limit-order book",
                  .reference = "",
                  .parameters = kLevels},
    FeatureFamily{
        .name = "book_microprice",
        .group = FamilyGroup::book,
        .code = code(BookFamily::microprice),
        .version = 1,
        .unit = "bp",
        .needs = kBookNeeds,
        .takes_basis = false,
        .basis = "book",
        .warm_up = kAtOnce,
        .seeding = kNoSeed,
        .formula =
            "1e4 ((B a + A b) / (B + A) - mid) / mid; B, A: size of the best n bids, asks; b, a: their mean prices "
            "weighted by size; mid: of the best bid and ask",
        .source = "Cartea, Jaimungal and Penalva (2015), Algorithmic and High-Frequency Trading, 3.3 (n = 1)",
        .reference = "",
        .parameters = kLevels},
    FeatureFamily{
        .name = "book_slope",
        .group = FamilyGroup::book,
        .code = code(BookFamily::slope),
        .version = 1,
        .unit = "size/bp",
        .needs = kBookNeeds,
        .takes_basis = true,
        .basis = "book",
        .warm_up = kAtOnce,
        .seeding = kNoSeed,
        .formula = "size of the best n levels / (1e4 |price of the n-th - mid| / mid), of the bids or the asks; basis "
                   "mid: the "
                   "mean of both",
        .source = "after Naes and Skjeltorp (2006), Order book characteristics and the volume-volatility relation",
        .reference = "",
        .parameters = kLevels},
    FeatureFamily{.name = "book_depth",
                  .group = FamilyGroup::book,
                  .code = code(BookFamily::depth),
                  .version = 1,
                  .unit = "size",
                  .needs = kBookNeeds,
                  .takes_basis = true,
                  .basis = "book",
                  .warm_up = kAtOnce,
                  .seeding = kNoSeed,
                  .formula = "size of the best n levels of the bids or the asks; basis mid: the mean of both",
                  .source = "Harris and Panchapagesan (2005), The information content of the limit order book",
                  .reference = "",
                  .parameters = kLevels},
    FeatureFamily{
        .name = "book_cost_to_buy",
        .group = FamilyGroup::book,
        .code = code(BookFamily::cost_to_buy),
        .version = 1,
        .unit = "bp",
        .needs = kBookNeeds,
        .takes_basis = false,
        .basis = "book",
        .warm_up = kAtOnce,
        .seeding = kNoSeed,
        .formula =
            "1e4 (p - mid) / mid; p: mean price of the first q units of the asks, best first, the last level in part",
        .source =
            "Gomber and Schweickert (2002), The Market Impact: Liquidity Measure in Electronic Securities Trading",
        .reference = "",
        .parameters = kQuantity},
    FeatureFamily{
        .name = "book_cost_to_sell",
        .group = FamilyGroup::book,
        .code = code(BookFamily::cost_to_sell),
        .version = 1,
        .unit = "bp",
        .needs = kBookNeeds,
        .takes_basis = false,
        .basis = "book",
        .warm_up = kAtOnce,
        .seeding = kNoSeed,
        .formula =
            "1e4 (mid - p) / mid; p: mean price of the first q units of the bids, best first, the last level in part",
        .source =
            "Gomber and Schweickert (2002), The Market Impact: Liquidity Measure in Electronic Securities Trading",
        .reference = "",
        .parameters = kQuantity},
    FeatureFamily{.name = "book_queue_change",
                  .group = FamilyGroup::book,
                  .code = code(BookFamily::queue_change),
                  .version = 1,
                  .unit = "ratio",
                  .needs = kBookNeeds,
                  .takes_basis = true,
                  .basis = "book",
                  .warm_up = "the first update after a snapshot",
                  .seeding = kNoSeed,
                  .formula = "of the best bid or ask between two updates: +1 where its price improved, -1 where it "
                             "retreated, else (q - q') / "
                             "max(q, q'), its size now and before; basis mid: (bid's - ask's) / 2",
                  .source = "the events of Cont, Kukanov and Stoikov (2014), The Price Impact of Order Book Events, "
                            "each relative to its queue",
                  .reference = "",
                  .parameters = {}},
    FeatureFamily{
        .name = "book_order_flow",
        .group = FamilyGroup::book,
        .code = code(BookFamily::order_flow),
        .version = 1,
        .unit = "ratio",
        .needs = kBookNeeds,
        .takes_basis = false,
        .basis = "book",
        .warm_up = "n updates after a snapshot, at least one of which changed the best bid or ask",
        .seeding = "both sums at 0",
        .formula =
            "S / T; after each update S = (1 - w) S + (e_bid - e_ask), T = (1 - w) T + (|e_bid| + |e_ask|), w = 2 / (n "
            "+ 1); e: "
            "the best level's size now where its price improved, minus its size before where it retreated, else the "
            "difference of the two; n counts updates",
        .source = "Cont, Kukanov and Stoikov (2014), The Price Impact of Order Book Events, as a share of all flow",
        .reference = "",
        .parameters = kUpdates},
    FeatureFamily{.name = "book_spread_ticks",
                  .group = FamilyGroup::book,
                  .code = code(BookFamily::spread_ticks),
                  .version = 1,
                  .unit = "ticks",
                  .needs = kBookNeeds,
                  .takes_basis = false,
                  .basis = "book",
                  .warm_up = kAtOnce,
                  .seeding = kNoSeed,
                  .formula = "(best ask - best bid) / the instrument's tick size",
                  .source = "the book itself",
                  .reference = "",
                  .parameters = {}},
};

}  // namespace

std::span<const FeatureFamily> book_families() noexcept { return kFamilies; }

}  // namespace thintail
