// SPDX-License-Identifier: Apache-2.0
// docs/features.md: the catalogue and the built-in sets as a page.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <set>

#include "ml/features/feature_catalogue.hpp"
#include "ml/features/feature_set.hpp"

namespace thintail {
namespace {

constexpr std::string_view kPreface = R"(# Features

Generated from the code's own definitions (`ml/features`, `ml/indicators`); a test keeps this page equal to them. The same
text comes from `thintail features list` (`--set NAME`, `--json`) and `thintail features explain NAME`.

A *family* is a formula with parameters, a *feature* a family with its parameters given, a *lane* a feature's place in a
row. A *feature set* is an ordered list of features; models name the set that they were trained on and carry its hash.

## Reading formulas

`x` is the value at this tick, `x'` at the tick before, `x''` before that; of bars, `close'` is the close of the bar
before. `mid = (bid + ask) / 2`; `h` is the half-life; `w = 1 - 2^(-dt/h)` and `d = 2^(-dt/h)` with dt in trading time
(closed time removed, at most 64 half-lives). An average is updated with the value that held *during* dt, then takes the
new one: two ticks in one millisecond both count. `price` is the mid, or the bid or the ask where the lane's basis says so.

## Time

Trading time leaves out what the instrument's calendar closes: `fx` is open from Sunday 17:00 to Friday 17:00 New York,
`gold` from Sunday 18:00 to Friday 17:00 with a break from 17:00 to 18:00 every day, `always` (crypto) at all times. No
calendar has holidays.

A tick in closed time counts with dt = 0: averages stand still while the price moves away from them, and sums of moves take
each move without forgetting any. Feeds do quote gold from 17:00 to 17:14, and those ticks make decayed lanes jump.

Bars of H4 start at 17:00, 21:00, 1:00, 5:00, 9:00 and 13:00 of New York's wall clock, those of D1 at 17:00. The H4 period
with the clock change, from 1:00 on a Sunday, lasts 3 or 5 hours.

`relative_spread` and `relative_volatility` compare with the same half hour of past FX days. Each past half hour gives one
value: the mean of its ticks' spreads, or the sum of their squared moves by the half hour's trading time; the mean over days
is taken of these. Ticks in closed time do not enter. A half hour counts when the feed was seen from before its beginning.

`window_duration` is the difference of two absolute trading times, each first rounded down to 100 us.

## Values

A mid bar is (bid bar + ask bar) / 2, each of open, high, low and close for itself. Bid and ask need not have had their high
at one instant, so that a mid bar's high need not be a mid that ever stood; nor its low.

`half_life_2_s` must exceed `half_life_s`. Sizes are f32.

An undefined lane is NaN with its mask bit clear; an undefined mandatory lane makes the prediction invalid.

## Writing a set

```toml
name = "my-set"                   # 1 to 64 of [a-z0-9._-]
description = "what it is for"    # optional; not part of the hash

features = [
  { feature = "spread", mandatory = true },
  { feature = "mid_deviation", half_life_s = 60, mandatory = true },
  { feature = "rsi", bars = 14, period = "M1", basis = "bid", name = "fast_rsi" },
]
```

Each lane names its family and gives the family's parameters; one that has a standard value may be left out. `basis` is
`bid`, `ask` or `mid` (the standard) where a family takes one. `peer` is another instrument where a family takes one:
`EURUSD@dukascopy`, `EURUSD` at the instrument's own venue, or `@dukascopy` for its own symbol there. `mandatory` is false
unless given. A lane's name is made of family, parameters, period, peer and basis (`mid_deviation_60s`,
`macd_signal_12_26_9_h1`, `rsi_14_m1_bid`) unless `name` gives another.

A set holds at most 256 lanes, 16 different half-lives and 8 different window lengths; no feature and no name twice. A
mistake is refused with file, line, field, what was expected and what was found (TT-0412, TT-0413).

`features.set` of the configuration takes a built-in set's name or the path of such a file; so do `--set` of
`thintail features list`, of `features explain` and of `thintail-train`. Empty, the set is the one that the model names.

## Needs

)";

constexpr std::string_view kHash = R"(
A feed that lacks a need of any lane is refused before anything starts (TT-0414), in training as in trading. Files with
sizes are Dukascopy's; Binance captures have sizes, trades and depth. A bar's tick count is never called volume.

## The hash

SHA-256 over the set's canonical text: the lanes in order with parameters, basis and texts below, each family's version,
the rules of bars, sessions, calendars, decays and missing values, the version of the numeric contract, and the SHA-256 of
New York's transitions from 1990 to 2040. Two sets with one hash make the same rows of the same events. Spelling, order of
keys and comments of the TOML do not enter it, nor does the description.
)";

struct NeedText {
  Need need;
  std::string_view text;
};
constexpr NeedText kNeeds[] = {
    {Need::bid, "the bid"},
    {Need::ask, "the ask"},
    {Need::sizes, "sizes of the best bid and ask"},
    {Need::trades, "trades with their size and side"},
    {Need::volume, "traded volume of a bar"},
    {Need::ticks, "every quote, not only bars"},
    {Need::depth, "the order book's levels behind the best"},
    {Need::peers, "other instruments"},
};

// A bar would end the table's cell.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string parameters_cell(const FeatureFamily& family) {
  std::vector<std::string> parts;
  for (const ParameterInfo& info : family.parameters) {
    std::string part = fmt::format("`{}` {}", parameter_name(info.parameter), range_text(info));
    if (!std::isnan(info.standard)) part += fmt::format(" ({})", parameter_text(info.parameter, info.standard));
    parts.push_back(std::move(part));
  }
  if (family.takes_peer) parts.emplace_back("`peer`");
  if (family.takes_basis) parts.emplace_back("`basis`");
  return fmt::format("{}", fmt::join(parts, ", "));
}

void append_families(std::string& text) {
  text.append(
      "\n## Families\n\nParameters with their range, and in brackets the standard that stands where a set gives "
      "none.\n");
  const FeatureFamily* before = nullptr;
  for (const FeatureFamily* family : feature_families()) {
    if (before == nullptr || before->group != family->group) {
      text.append(fmt::format("\n### {}\n\n", group_title(family->group)));
      text.append(
          "| family | parameters | unit | basis | needs | warm-up | seeding | formula | source | reference | version "
          "|\n");
      text.append("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
    }
    text.append(fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n", family->name,
                            parameters_cell(*family), family->unit,
                            family->takes_basis ? "bid, ask, mid" : family->basis, needs_text(family->needs),
                            cell(family->warm_up), cell(family->seeding), cell(family->formula), cell(family->source),
                            cell(family->reference), family->version));
    before = family;
  }
}

void append_set(std::string& text, const FeatureSet& set) {
  text.append(
      fmt::format("\n### {}\n\n{}. Needs {}. {} lanes, {} of them mandatory; the file, with the reason for each "
                  "block, is [ml/features/sets/{}.toml](../ml/features/sets/{}.toml).\n\n",
                  set.name(), set.description(), needs_text(set.needs()), set.lanes().size(), set.mandatory().count(),
                  set.name(), set.name()));
  text.append(
      "| lane | name | feature | unit | basis | needs | mandatory |\n| --- | --- | --- | --- | --- | --- | --- |\n");
  for (std::size_t i = 0; i < set.lanes().size(); ++i) {
    const FeatureInfo& lane = set.lanes()[i];
    text.append(fmt::format("| {} | {} | {} | {} | {} | {} | {} |\n", i, lane.name, set.features()[i].family->name,
                            lane.unit, lane.basis, lane.needs, lane.mandatory ? "yes" : "no"));
  }
}

}  // namespace

std::string feature_catalogue_markdown() {
  std::string text(kPreface);
  text.append("| need | what a feed must have |\n| --- | --- |\n");
  for (const NeedText& row : kNeeds) {
    text.append(fmt::format("| {} | {} |\n", needs_text(static_cast<Needs>(row.need)), row.text));
  }
  text.append(kHash);
  append_families(text);
  text.append("\n## Built-in sets\n");
  for (const FeatureSet* set : FeatureSet::all()) append_set(text, *set);
  return text;
}

}  // namespace thintail
