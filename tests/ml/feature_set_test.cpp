// SPDX-License-Identifier: Apache-2.0
// The built-in sets: their shapes are what their names and docs/features.md promise.
#include "ml/features/feature_set.hpp"

#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "core/bars/bar_builder.hpp"
#include "core/instrument/instrument_table.hpp"
#include "core/isa/isa.hpp"
#include "core/time/calendar.hpp"
#include "core/time/zone.hpp"
#include "ml/features/feature_engine.hpp"
#include "tests/support/temp_folder.hpp"

namespace thintail {
namespace {

const FeatureSet& built_in(std::string_view name) { return *FeatureSet::find(name).value(); }

std::size_t count(const FeatureSet& set, auto&& matches) {
  return static_cast<std::size_t>(std::ranges::count_if(set.features(), matches));
}

std::size_t count_group(const FeatureSet& set, FamilyGroup group) {
  return count(set, [group](const Feature& feature) { return feature.family->group == group; });
}

std::set<double> half_lives(const FeatureSet& set) {
  std::set<double> all;
  for (const Feature& feature : set.features()) all.insert({feature.half_life_s, feature.half_life_2_s});
  all.erase(0.0);
  return all;
}

std::string source_text(std::string_view name) {
  std::ifstream in(fmt::format("{}/ml/features/sets/{}.toml", THINTAIL_SOURCE_DIR, name), std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

constexpr Needs kTicks = Need::bid | Need::ask | static_cast<Needs>(Need::ticks);

TEST(FeatureSet, built_in_sets_have_distinct_lanes_with_complete_definitions) {
  ASSERT_EQ(FeatureSet::all().size(), 4u);
  for (const FeatureSet* set : FeatureSet::all()) {
    EXPECT_FALSE(set->description().empty()) << set->name();
    ASSERT_EQ(set->lanes().size(), set->features().size());
    std::set<std::string_view> names;
    for (const FeatureInfo& lane : set->lanes()) {
      names.insert(lane.name);
      EXPECT_FALSE(lane.unit.empty() || lane.basis.empty() || lane.warm_up.empty() || lane.formula.empty())
          << lane.name;
      EXPECT_GE(lane.version, 1) << lane.name;
    }
    EXPECT_EQ(names.size(), set->lanes().size()) << set->name();
    EXPECT_LE(half_lives(*set).size(), kSetHalfLivesMax) << set->name();
  }
}

// What a tick of one of many instruments finds in the caches.
TEST(FeatureSet, state_of_a_built_in_set_is_at_most_8_kib_of_which_1_kib_is_hot) {
  for (const FeatureSet* set : FeatureSet::all()) {
    const FeatureEngine engine(*set, Isa::scalar, 1);
    EXPECT_LE(engine.state_bytes(), 8192u) << set->name();
    EXPECT_LE(engine.hot_bytes(), 1024u) << set->name();
  }
}

// A set within its limits never meets a limit of the engine, which would be a crash instead of a message.
TEST(FeatureSet, every_set_that_is_accepted_makes_an_engine) {
  const auto makes_engine = [](const std::vector<std::string>& lanes) {
    const auto set =
        FeatureSet::from_toml(fmt::format("name = \"big\"\nfeatures = [{}]\n", fmt::join(lanes, ",\n")), "big.toml");
    ASSERT_TRUE(set.has_value()) << set.error().message();
    FeatureEngine engine(*set, best_isa(), 1);
    engine.enable(0, *built_in_instrument("EURUSD", "oanda"));
    Tick tick{};
    tick.bid_e9 = 1'000'000'000;
    tick.ask_e9 = 1'000'100'000;
    const FeatureRow& row = engine.on_tick(0, tick, 1'400'000'000'000'000'000);
    for (std::size_t lane = set->lanes().size(); lane < kMaxLanes; ++lane) EXPECT_FALSE(row.defined.test(lane));
  };
  for (const FeatureFamily* family : feature_families()) makes_engine({toml_line(example_of(*family))});
  // As many lanes, half-lives, window lengths, periods and bars as a set may have, group by group.
  for (const FamilyGroup group : {FamilyGroup::tick, FamilyGroup::decayed, FamilyGroup::windowed, FamilyGroup::clock,
                                  FamilyGroup::forming, FamilyGroup::bar, FamilyGroup::book}) {
    std::vector<std::string> lanes;
    std::set<std::string> names;
    for (int round = 0; round < 64; ++round) {
      for (const FeatureFamily* family : feature_families()) {
        if (family->group != group || lanes.size() == kMaxLanes) continue;
        Feature feature = example_of(*family);
        for (const ParameterInfo& info : family->parameters) {
          double value = std::clamp(info.high - round, info.low, info.high);
          if (info.parameter == Parameter::half_life_s) value = 1.0 + round % 15;
          if (info.parameter == Parameter::half_life_2_s) value = 2.0 + round % 15;
          if (info.parameter == Parameter::ticks && group == FamilyGroup::windowed) value = info.high - round % 8;
          if (info.parameter == Parameter::period) value = round % 7;
          set_parameter(feature, info.parameter, value);
        }
        if (names.insert(lane_name(feature)).second) lanes.push_back(toml_line(feature));
      }
    }
    makes_engine(lanes);
  }
}

// Ticks of gold through six weeks of its sessions: a walk with jumps, a spread that changes and is crossed now and then.
// `on_row(row)` sees the row of each tick.
template <class OnRow>
void walk(const FeatureSet& set, std::int64_t ask_off_e9, OnRow&& on_row) {
  constexpr std::int64_t kStartNs = 1'704'672'000LL * 1'000'000'000;
  const Instrument gold = *built_in_instrument("XAUUSD", "oanda");
  const TradingCalendar& calendar = TradingCalendar::get(gold.calendar);
  FeatureEngine engine(set, best_isa(), 1);
  engine.enable(0, gold);
  BarBuilder bars(Zone::new_york());
  std::mt19937 random(1);
  std::int64_t bid_e9 = 2'000'000'000'000;
  for (std::int64_t ns = kStartNs; ns < kStartNs + 42 * 86'400'000'000'000;) {
    ns += 1'000'000 * static_cast<std::int64_t>(100 + random() % 60'000);
    const std::int64_t step = static_cast<std::int64_t>(random() % 201) - 100;
    bid_e9 += step * (random() % 500 == 0 ? 100 : 1) * gold.tick_size_e9;
    const std::int64_t spread = random() % 300 == 0 ? -20 : 100 + static_cast<std::int64_t>(random() % 200);
    if (!calendar.is_open(ns)) continue;
    Tick tick{};
    tick.bid_e9 = bid_e9;
    tick.ask_e9 = bid_e9 + spread * gold.tick_size_e9 + ask_off_e9;
    bars.close_until(ns, [&](const ClosedBar& bar) { engine.on_bar(0, bar); });
    bars.add(tick.bid_e9, tick.ask_e9, ns);
    on_row(engine.on_tick(0, tick, ns));
  }
}

TEST(FeatureSet, every_lane_for_quotes_comes_to_be_defined_and_says_something) {
  for (const std::string_view name : {"core-32", "scalper-64", "bars-64"}) {
    const FeatureSet& set = built_in(name);
    std::vector<std::set<float>> values(set.lanes().size());
    walk(set, 0, [&](const FeatureRow& row) {
      for (std::size_t lane = 0; lane < values.size(); ++lane) {
        if (row.defined.test(lane) && values[lane].size() < 3) values[lane].insert(row.values[lane]);
      }
    });
    for (std::size_t lane = 0; lane < values.size(); ++lane) {
      EXPECT_EQ(values[lane].size(), 3u) << name << ' ' << set.lanes()[lane].name;
    }
  }
}

TEST(FeatureSet, rows_of_bars_64_do_not_depend_on_the_ask) {
  const FeatureSet& set = built_in("bars-64");
  std::vector<std::uint64_t> digests;
  const FeatureEngine digester(set, best_isa(), 1);
  walk(set, 0, [&](const FeatureRow& row) { digests.push_back(digester.digest(row)); });
  std::size_t at = 0;
  std::size_t differing = 0;
  walk(set, 7'000'000'000, [&](const FeatureRow& row) { differing += digests[at++] != digester.digest(row); });
  EXPECT_EQ(differing, 0u) << "of " << at;
  // The walk would show it: another set's rows do change.
  const FeatureEngine other(FeatureSet::core_32(), best_isa(), 1);
  digests.clear();
  walk(FeatureSet::core_32(), 0, [&](const FeatureRow& row) { digests.push_back(other.digest(row)); });
  at = differing = 0;
  walk(FeatureSet::core_32(), 7'000'000'000,
       [&](const FeatureRow& row) { differing += digests[at++] != other.digest(row); });
  EXPECT_EQ(differing, at);
}

TEST(FeatureSet, every_built_in_set_says_why_per_block) {
  for (const FeatureSet* set : FeatureSet::all()) {
    const std::string text = source_text(set->name());
    std::size_t blocks = 0;
    for (std::size_t at = text.find("\n  # "); at != std::string::npos; at = text.find("\n  # ", at + 1)) ++blocks;
    EXPECT_GE(blocks, 5u) << set->name();
  }
}

TEST(FeatureSet, the_program_holds_the_files_as_they_are) {
  for (const FeatureSet* set : FeatureSet::all()) {
    const auto read = FeatureSet::from_toml(source_text(set->name()), "file");
    ASSERT_TRUE(read.has_value()) << read.error().message();
    EXPECT_EQ(read->hash(), set->hash()) << set->name();
  }
}

TEST(FeatureSet, core_32_keeps_its_lanes_their_order_and_which_are_mandatory) {
  struct Lane {
    std::string_view name;
    bool mandatory;
  };
  constexpr std::array kLanes = {
      Lane{"spread_bp", true},
      Lane{"spread_z_240s", true},
      Lane{"crossed_share_240s", true},
      Lane{"last_move_bp", true},
      Lane{"mid_deviation_1s", true},
      Lane{"mid_deviation_4s", true},
      Lane{"mid_deviation_15s", true},
      Lane{"mid_deviation_60s", true},
      Lane{"mid_deviation_240s", true},
      Lane{"mid_deviation_900s", false},
      Lane{"mid_deviation_3600s", false},
      Lane{"mid_deviation_14400s", false},
      Lane{"volatility_15s", true},
      Lane{"volatility_60s", true},
      Lane{"volatility_240s", true},
      Lane{"volatility_3600s", false},
      Lane{"volatility_ratio_60s_3600s", false},
      Lane{"move_autocorrelation_240s", true},
      Lane{"imbalance_15s", true},
      Lane{"imbalance_240s", true},
      Lane{"intensity_15s", true},
      Lane{"intensity_900s", false},
      Lane{"intensity_ratio_15s_900s", false},
      Lane{"quote_age_s", true},
      Lane{"rsi_14_m1", false},
      Lane{"atr_14_m1_bp", false},
      Lane{"bollinger_z_20_m1", false},
      Lane{"sma_20_m15_distance_bp", false},
      Lane{"range_position_8_h1", false},
      Lane{"fx_day_fraction", true},
      Lane{"session_open_h", false},
      Lane{"session_close_h", false},
  };
  const FeatureSet& set = FeatureSet::core_32();
  ASSERT_EQ(set.lanes().size(), kLanes.size());
  for (std::size_t i = 0; i < kLanes.size(); ++i) {
    EXPECT_EQ(set.lanes()[i].name, kLanes[i].name) << i;
    EXPECT_EQ(set.lanes()[i].mandatory, kLanes[i].mandatory) << kLanes[i].name;
    EXPECT_EQ(set.mandatory().test(i), kLanes[i].mandatory) << kLanes[i].name;
  }
  EXPECT_EQ(set.needs(), kTicks);
}

TEST(FeatureSet, scalper_64_is_for_ticks_without_sizes) {
  const FeatureSet& set = built_in("scalper-64");
  EXPECT_EQ(set.lanes().size(), 64u);
  EXPECT_EQ(set.needs(), kTicks);
  EXPECT_GE(count_group(set, FamilyGroup::windowed), 16u);
  EXPECT_EQ(count_group(set, FamilyGroup::bar), 12u);
  EXPECT_EQ(count_group(set, FamilyGroup::clock), 4u);
  EXPECT_LE(half_lives(set).size(), 16u);
  // Horizons from a second to an hour lie within its memory.
  EXPECT_LE(*half_lives(set).begin(), 1.0);
  EXPECT_GE(*half_lives(set).rbegin(), 3600.0);
}

TEST(FeatureSet, bars_64_follows_from_bid_bars_alone) {
  const FeatureSet& set = built_in("bars-64");
  EXPECT_EQ(set.lanes().size(), 64u);
  EXPECT_EQ(set.needs(), static_cast<Needs>(Need::bid));
  for (const Feature& feature : set.features()) {
    const bool is_clock = feature.family->group == FamilyGroup::clock;
    EXPECT_TRUE(is_clock || (feature.family->group == FamilyGroup::bar && feature.basis == QuoteSide::bid))
        << lane_name(feature);
  }
  EXPECT_TRUE(set.require(static_cast<Needs>(Need::bid), "bid bars").has_value());
  // Every period has its lanes.
  for (std::size_t period = 0; period < kBarPeriodCount; ++period) {
    EXPECT_GE(count(set,
                    [period](const Feature& feature) {
                      return feature.family->group == FamilyGroup::bar &&
                             feature.period == static_cast<BarPeriod>(period);
                    }),
              1u)
        << kBarPeriodNames[period];
  }
}

TEST(FeatureSet, book_64_needs_sizes_and_depth_and_no_trades) {
  const FeatureSet& set = built_in("book-64");
  EXPECT_EQ(set.lanes().size(), 64u);
  EXPECT_EQ(set.needs(), static_cast<Needs>(kTicks | (Need::sizes | Need::depth)));
  EXPECT_GE(count_group(set, FamilyGroup::book), 16u);
  EXPECT_FALSE(set.require(kTicks, "quotes").has_value());
}

TEST(FeatureSet, canonical_text_names_the_zones_transitions) {
  EXPECT_THAT(FeatureSet::core_32().canonical_text(), testing::HasSubstr(to_hex(Zone::new_york().hash())));
}

TEST(FeatureSet, find_knows_every_built_in_set_and_reads_files) {
  for (const FeatureSet* set : FeatureSet::all()) EXPECT_EQ(FeatureSet::find(set->name()).value(), set);
  const test::TempFolder folder;
  const std::string path = folder.path() + "/mine.toml";
  const auto write = [&](std::string_view lane) {
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        << "name = \"mine\"\nfeatures = [{ feature = \"" << lane << "\" }]\n";
  };
  write("spread");
  const auto first = FeatureSet::find(path);
  ASSERT_TRUE(first.has_value()) << first.error().message();
  EXPECT_EQ((*first)->name(), "mine");
  EXPECT_EQ(FeatureSet::find(path).value(), *first) << "the same text is the same set";
  write("last_move");
  const auto second = FeatureSet::find(path);
  ASSERT_TRUE(second.has_value());
  EXPECT_NE(*second, *first);
  EXPECT_EQ((*first)->lanes()[0].name, "spread") << "who holds the first keeps it";
  write("sprad");
  const auto bad = FeatureSet::find(path);
  ASSERT_FALSE(bad.has_value());
  EXPECT_EQ(bad.error().file, path);
  EXPECT_EQ(bad.error().line, 2u);
}

// A pack holds nothing of a set but its canonical text.
TEST(FeatureSet, every_family_comes_back_from_its_canonical_text) {
  for (const FeatureFamily* family : feature_families()) {
    const std::string lane = toml_line(example_of(*family));
    const auto set = FeatureSet::from_toml(
        "name = \"one-of-" + std::string(family->name) + "\"\nfeatures = [\n" + lane + ",\n]\n", "one.toml");
    ASSERT_TRUE(set.has_value()) << family->name << ": " << set.error().message();
    const auto back = FeatureSet::from_canonical(set->canonical_text(), "model.ttm");
    ASSERT_TRUE(back.has_value()) << family->name << ": " << back.error().message();
    EXPECT_NE(*back, &*set);
    EXPECT_EQ((*back)->hash(), set->hash()) << family->name;
    EXPECT_EQ((*back)->features()[0], set->features()[0]) << family->name;
    EXPECT_EQ(FeatureSet::from_canonical(set->canonical_text(), "other.ttm").value(), *back)
        << "equal texts give one set";
  }
  for (const FeatureSet* set : FeatureSet::all())
    EXPECT_EQ(FeatureSet::from_canonical(set->canonical_text(), "").value(), set);
}

TEST(FeatureSet, a_canonical_text_that_this_release_would_write_otherwise_is_refused_by_its_line) {
  std::string text = built_in("core-32").canonical_text();
  const auto refused = [&](std::string_view from, std::string_view to) {
    std::string other = text;
    const std::size_t at = other.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    other.replace(at, from.size(), to);
    const auto set = FeatureSet::from_canonical(other, "model.ttm");
    EXPECT_FALSE(set.has_value()) << from;
    if (set) return std::uint64_t{0};
    EXPECT_EQ(set.error().code, ErrorCode::model_feature_mismatch) << set.error().message();
    EXPECT_EQ(set.error().file, "model.ttm");
    return set.error().line;
  };
  const auto line_of = [&](std::string_view words) {
    return static_cast<std::uint64_t>(
               std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(text.find(words)), '\n')) +
           1;
  };
  EXPECT_EQ(refused("numeric_contract = \"1\"", "numeric_contract = \"2\""), line_of("numeric_contract"));
  EXPECT_EQ(refused("sha256 = \"", "sha256 = \"0"), line_of("sha256"));
  EXPECT_EQ(refused("version = 1", "version = 7"), line_of("version = 1"));
  EXPECT_EQ(refused("unit = \"", "unit = \"x"), line_of("unit = "));
  EXPECT_EQ(refused("[rules]", "[rules]\nmore = 1"), line_of("[rules]") + 1);
}

}  // namespace
}  // namespace thintail
