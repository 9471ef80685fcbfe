// SPDX-License-Identifier: Apache-2.0
// One instrument's ticks through bars and features, in the order that the pipeline keeps.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/bars/bar_builder.hpp"
#include "core/instrument/instrument_table.hpp"
#include "ml/features/feature_engine.hpp"

namespace thintail::test {

using RowVisitor = std::function<void(std::size_t tick, const FeatureRow& row, const FeatureEngine& engine)>;

inline void run_features(const FeatureSet& set, std::span<const Tick> ticks, const Instrument& instrument, Isa isa,
                         const RowVisitor& visit) {
  FeatureEngine engine(set, isa, 1);
  engine.enable(0, instrument);
  BarBuilder bars(Zone::new_york());
  std::int64_t venue_ns = 0;
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    venue_ns = std::max(venue_ns, ticks[i].venue_ns);
    bars.close_until(venue_ns, [&](const ClosedBar& bar) { engine.on_bar(0, bar); });
    bars.add(ticks[i].bid_e9, ticks[i].ask_e9, venue_ns);
    visit(i, engine.on_tick(0, ticks[i], venue_ns), engine);
  }
}

inline const FeatureSet& built_in_set(std::string_view name) {
  const auto set = FeatureSet::find(name);
  EXPECT_TRUE(set.has_value()) << name;
  return set ? **set : FeatureSet::core_32();
}

// A set that is written for one test: every `line` is one feature's TOML without braces.
inline FeatureSet set_of(const std::vector<std::string>& lines) {
  std::string text = "name = \"test\"\nfeatures = [\n";
  for (const std::string& line : lines) text += "  { " + line + " },\n";
  auto set = FeatureSet::from_toml(text + "]\n", "test.toml");
  if (!set) ADD_FAILURE() << set.error().message();
  return std::move(set.value());
}

}  // namespace thintail::test
