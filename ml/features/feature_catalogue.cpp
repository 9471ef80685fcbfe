// SPDX-License-Identifier: Apache-2.0
#include "ml/features/feature_catalogue.hpp"

#include "ml/features/feature_set.hpp"

namespace thintail {
namespace {

constexpr std::string_view kPreface = R"(# Features

Generated from the code's own definitions (`ml/features`); a test keeps this page equal to them. Models name the set and
carry its hash, which covers everything below, the rules of bars, calendars and missing values, and the New York zone's
transitions.

In formulas: `x` is the value at this tick, `x'` at the tick before, `x''` before that; `mid = (bid + ask) / 2`; `h` is
the half-life in the name; `w = 1 - 2^(-dt/h)` and `d = 2^(-dt/h)` with dt in trading time (closed time removed, at most
64 half-lives). An average is updated with the value that held *during* dt, then takes the new one: two ticks in one
millisecond both count. Decays are defined two half-lives after the first tick. An undefined lane is NaN with its mask
bit clear; an undefined mandatory lane makes the prediction invalid.
)";

}  // namespace

std::string feature_catalogue_markdown() {
  std::string text(kPreface);
  for (const FeatureSet* set : FeatureSet::all()) {
    text.append("\n## ").append(set->name()).append("\n\n");
    text.append("| lane | name | unit | basis | needs | warm-up | mandatory | version | formula |\n");
    text.append("| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
    for (std::size_t i = 0; i < set->lanes().size(); ++i) {
      const FeatureInfo& lane = set->lanes()[i];
      text.append("| ").append(std::to_string(i));
      for (const std::string_view cell : {lane.name, lane.unit, lane.basis, lane.needs, lane.warm_up}) {
        text.append(" | ").append(cell);
      }
      text.append(lane.mandatory ? " | yes | " : " | no | ").append(std::to_string(lane.version));
      text.append(" | ");
      // A bar would end the table's cell.
      for (const char c : lane.formula) text.append(c == '|' ? "\\|" : std::string(1, c));
      text.append(" |\n");
    }
  }
  return text;
}

}  // namespace thintail
