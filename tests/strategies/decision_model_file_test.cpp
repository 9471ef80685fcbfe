// SPDX-License-Identifier: Apache-2.0
// Packs of kind `events`: a model comes back to the bit with all that it means, and what does not compute the same here does not run.
#include "strategies/model/decision_model_file.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <map>
#include <random>

#include "core/event/payloads.hpp"
#include "core/time/zone.hpp"
#include "ml/pack/pack_container.hpp"
#include "ml/pack/vector_pack.hpp"
#include "strategies/model/golden_events.hpp"
#include "tests/support/data.hpp"
#include "tests/support/model_specs.hpp"
#include "tests/support/pipeline_desk.hpp"
#include "tests/support/strategy_run.hpp"
#include "tests/support/temp_folder.hpp"

namespace thintail {
namespace {

using pack::DecisionModelSpec;
using pack::GoldenRow;
using test::packed;

const FeatureSet& core() { return FeatureSet::core_32(); }

const std::string& full_pack() {
  static const std::string kBytes = packed(test::full_spec(core()));
  return kBytes;
}
const std::string& tree_pack() {
  static const std::string kBytes = packed(test::random_trees_spec(core(), 3, 2));
  return kBytes;
}

Result<LoadedPack> decode(std::string_view bytes) { return decode_pack(bytes, "m.ttm"); }

// What a forger does: the digest of what the file now holds.
std::string signed_again(std::string bytes) {
  const Sha256Digest digest = sha256(std::string_view(bytes).substr(40));
  std::memcpy(bytes.data() + 8, digest.data(), digest.size());
  return bytes;
}

struct Place {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

std::map<std::string, Place> sections_of(std::string_view bytes) {
  const auto container = pack::open_container(bytes, "m.ttm");
  std::map<std::string, Place> out;
  for (const pack::Section& section : container->sections) out[section.name] = {section.offset, section.bytes.size()};
  return out;
}

// The pack with a section's bytes exchanged for others, laid out and signed as its writer would.
std::string with_section(std::string_view bytes, std::string_view name, const std::string& other) {
  auto container = pack::open_container(bytes, "m.ttm");
  for (pack::Section& section : container->sections) {
    if (section.name == name) section.bytes = other;
  }
  return pack::encode_container(pack::Kind::events, container->sections);
}

std::string section_text(std::string_view bytes, const std::string& name) {
  const Place place = sections_of(bytes).at(name);
  return std::string(bytes.substr(place.offset, place.bytes));
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

void refused(std::string_view bytes, ErrorCode code, std::string_view field_begins) {
  const auto model = decode(bytes);
  ASSERT_FALSE(model) << field_begins;
  EXPECT_EQ(model.error().code, code) << model.error().message();
  EXPECT_TRUE(model.error().field.starts_with(field_begins)) << model.error().message();
  EXPECT_EQ(model.error().file, "m.ttm");
  EXPECT_NE(model.error().expected, "");
  EXPECT_NE(model.error().found, "");
}

std::vector<GoldenRow> rows_of(const DecisionModel& model, std::span<const Event> events, Isa isa) {
  auto rows = run_golden(model, events, isa);
  EXPECT_TRUE(rows) << rows.error().message();
  return rows ? std::move(*rows) : std::vector<GoldenRow>{};
}

// --- round trip --------------------------------------------------------------------------------------------------------------------------

TEST(DecisionModelFile, a_model_of_every_part_comes_back_with_its_meaning_and_its_bits) {
  const DecisionModelSpec spec = test::full_spec(core());
  const auto plain = pack::make_decision_model(spec, {}, "plain", Isa::scalar);
  ASSERT_TRUE(plain) << plain.error().message();
  const std::vector<Event> events = golden_inputs(core(), {.ticks = 3'000, .sparseness = 1});
  const std::vector<GoldenRow> expected = rows_of(*plain, events, Isa::scalar);
  for (const Isa isa : test::available_isas()) {
    const auto model = decode_decision_model(full_pack(), "m.ttm", isa);
    ASSERT_TRUE(model) << model.error().message();
    EXPECT_EQ(model->features, &core());
    EXPECT_EQ(model->meaning.label, "mid_return_bp");
    EXPECT_EQ(model->meaning.horizon_ns, 10'000'000'000);
    EXPECT_EQ(model->mandatory, core().mandatory());
    ASSERT_EQ(model->members.size(), 3U);
    EXPECT_EQ(model->members[1].name, "lstm");
    EXPECT_EQ(model->members[1].lanes, spec.members[1].lanes);
    EXPECT_EQ(model->members[1].scaling[3].mean, spec.members[1].scaling[3].mean);
    EXPECT_EQ(model->members[1].output, 1U);
    EXPECT_EQ(model->members[1].warm_up_steps, 50U);
    EXPECT_EQ(model->members[1].scale, 0.7);
    EXPECT_EQ(model->members[2].period, BarPeriod::m1);
    EXPECT_GT(std::get<Network>(model->members[2].model).quantized_matrices(), 0U);
    EXPECT_EQ(model->ensemble.rule, EnsembleRule::online);
    EXPECT_EQ(model->regime, spec.regime);
    EXPECT_EQ(model->regime_lanes, (std::vector<std::uint16_t>{2, 3}));
    EXPECT_EQ(model->regime_period, BarPeriod::m1);
    EXPECT_EQ(model->sequence_gap_ns, spec.sequence_gap_ns);
    EXPECT_EQ(rows_of(*model, events, isa), expected);
  }
}

TEST(DecisionModelFile, one_model_gives_one_file_and_its_digest_is_the_containers) {
  EXPECT_EQ(packed(test::full_spec(core())), full_pack());
  const auto model = decode_decision_model(full_pack(), "m.ttm");
  ASSERT_TRUE(model) << model.error().message();
  EXPECT_EQ(model->digest, pack::open_container(full_pack(), "")->digest);
  EXPECT_EQ(sha256(std::string_view(full_pack()).substr(40)), model->digest);
  EXPECT_NE(packed(test::full_spec(core())), tree_pack());
}

// What is read and written again is the same file: so nothing in it is lost.
TEST(DecisionModelFile, a_pack_that_is_read_and_written_again_is_the_same_file) {
  for (const std::string* bytes : {&full_pack(), &tree_pack()}) {
    const auto loaded = decode(*bytes);
    ASSERT_TRUE(loaded) << loaded.error().message();
    EXPECT_EQ(pack::encode_events_pack(loaded->pack.spec, loaded->pack.golden), *bytes);
    EXPECT_EQ(loaded->pack.file_bytes, bytes->size());
  }
}

TEST(DecisionModelFile, every_built_in_set_has_golden_events_on_which_a_model_speaks) {
  for (const FeatureSet* set : FeatureSet::all()) {
    const auto loaded = decode(packed(test::random_trees_spec(*set)));
    ASSERT_TRUE(loaded) << set->name() << ": " << loaded.error().message();
    const auto& rows = loaded->pack.golden.rows;
    const auto valid = std::ranges::count(rows, 0, &GoldenRow::state);
    EXPECT_GT(valid, 512) << set->name();
    EXPECT_LT(valid, static_cast<std::ptrdiff_t>(rows.size()))
        << set->name() << ": some lanes are not defined at first";
  }
}

TEST(DecisionModelFile, a_set_of_ones_own_travels_in_the_pack_and_is_one_set_afterwards) {
  const auto set = FeatureSet::from_toml(
      "name = \"mine\"\ndescription = \"of a test\"\nfeatures = [\n"
      "  { feature = \"spread\", mandatory = true },\n"
      "  { feature = \"mid_deviation\", half_life_s = 7.5, name = \"d\" },\n"
      "  { feature = \"rsi\", bars = 9, period = \"M5\", basis = \"bid\" },\n"
      "  { feature = \"peer_beta\", peer = \"EURUSD\", seconds = 60 },\n"
      "]\n",
      "mine.toml");
  ASSERT_TRUE(set) << set.error().message();
  const std::string bytes = packed(test::random_trees_spec(*set));
  const auto first = decode_decision_model(bytes, "a.ttm");
  const auto second = decode_decision_model(bytes, "b.ttm");
  ASSERT_TRUE(first) << first.error().message();
  ASSERT_TRUE(second);
  EXPECT_EQ(first->features, second->features);
  EXPECT_NE(first->features, &*set);
  EXPECT_EQ(first->features->hash(), set->hash());
  EXPECT_EQ(first->features->canonical_text(), set->canonical_text());
}

// --- golden events -----------------------------------------------------------------------------------------------------------------------

TEST(DecisionModelFile, golden_events_hold_what_a_market_does_to_a_core) {
  const auto with_trades = FeatureSet::from_toml(
      "name = \"trades\"\nfeatures = [ { feature = \"spread\" }, { feature = \"trade_imbalance\", half_life_s = 4 } "
      "]\n",
      "t.toml");
  ASSERT_TRUE(with_trades) << with_trades.error().message();
  for (const FeatureSet* one : {&core(), FeatureSet::built_in("book-64"), &*with_trades}) {
    const FeatureSet& set = *one;
    const std::string_view name = set.name();
    const std::vector<Event> events = golden_inputs(set, {});
    EXPECT_TRUE(test::same_bytes(events, golden_inputs(set, {})));
    ASSERT_GT(events.size(), pack::kGoldenEventsMin);
    std::map<EventType, int> counts;
    int crossed = 0, locked = 0, late = 0, at_a_minute = 0, snapshots = 0;
    std::int64_t longest_ns = 0, last_ns = events.front().time_ns;
    for (const Event& event : events) {
      ++counts[event.type];
      longest_ns = std::max(longest_ns, event.time_ns - last_ns);
      last_ns = event.time_ns;
      snapshots += event.type == EventType::book && (event.flags & kFlagSnapshot) != 0;
      if (event.type != EventType::tick) continue;
      const auto tick = event.as<Tick>();
      crossed += tick.bid_e9 > tick.ask_e9;
      locked += tick.bid_e9 == tick.ask_e9;
      late += tick.venue_ns < event.time_ns;
      at_a_minute += event.time_ns % 60'000'000'000 == 0;
    }
    EXPECT_EQ(counts[EventType::tick], 6'144);
    EXPECT_GT(counts[EventType::timer], 500);
    EXPECT_EQ(counts[EventType::gap], 3);
    EXPECT_GT(crossed, 20);
    EXPECT_GT(locked, 20);
    EXPECT_GT(late, 100);
    EXPECT_GT(at_a_minute, 50);
    EXPECT_GT(longest_ns, 40 * 3'600 * std::int64_t{1'000'000'000}) << "a weekend";
    EXPECT_EQ(counts[EventType::trade] > 500, name == "trades");
    EXPECT_EQ(counts[EventType::book] > 5'000, name == "book-64");
    EXPECT_EQ(snapshots > 50, name == "book-64");
    // New York's clocks change on the way.
    const Zone& zone = Zone::new_york();
    EXPECT_NE(zone.offset_s(events.front().time_ns / 1'000'000'000),
              zone.offset_s(events.back().time_ns / 1'000'000'000));
  }
}

// The longest market of a set that asks for everything: every event of it has room in a pack.
TEST(DecisionModelFile, a_slow_model_of_books_trades_and_peers_still_fits_into_a_pack) {
  const auto set = FeatureSet::from_toml(
      "name = \"all\"\nfeatures = [ { feature = \"queue_imbalance\" }, { feature = \"trade_imbalance\", half_life_s = "
      "4 },\n"
      "{ feature = \"book_depth\", levels = 5 }, { feature = \"peer_beta\", peer = \"EURUSD\", seconds = 60 } ]\n",
      "all.toml");
  ASSERT_TRUE(set) << set.error().message();
  EXPECT_LT(golden_inputs(*set, {.ticks = 24'576, .sparseness = 16}).size(), pack::kGoldenEventsMax);
  auto spec = test::random_trees_spec(*set);
  spec.members[0].period = BarPeriod::d1;
  const auto loaded = decode(packed(spec));
  ASSERT_TRUE(loaded) << loaded.error().message();
  EXPECT_EQ(loaded->pack.golden.rows.size(), 12'288U) << "a member that speaks once a day says little in less";
  EXPECT_GT(std::ranges::count(loaded->pack.golden.rows, 0, &GoldenRow::state), 512);
}

TEST(DecisionModelFile, sets_with_peers_get_instruments_that_are_their_peers) {
  const auto set = FeatureSet::from_toml(
      "name = \"peers\"\nfeatures = [ { feature = \"spread\" }, { feature = \"peer_beta\", peer = \"BTCUSD@coin\", "
      "seconds = 60 } ]\n",
      "p.toml");
  ASSERT_TRUE(set) << set.error().message();
  const auto loaded = decode(packed(test::random_trees_spec(*set)));
  ASSERT_TRUE(loaded) << loaded.error().message();
  EXPECT_EQ(std::ranges::count(loaded->pack.golden.events, EventType::instrument, &Event::type), 5);
  // The lane is defined now and then: its peer ticks.
  std::map<std::uint64_t, int> digests;
  for (const GoldenRow& row : loaded->pack.golden.rows) ++digests[row.feature_digest];
  EXPECT_GT(digests.size(), 1'000U);
}

// Golden rows are what the pipeline that trades predicts from the same inputs: not what a second path would.
TEST(DecisionModelFile, golden_rows_are_what_the_pipeline_predicts) {
  for (const std::string* bytes : {&full_pack(), &tree_pack()}) {
    const auto loaded = decode(*bytes);
    ASSERT_TRUE(loaded) << loaded.error().message();
    const InstrumentTable instruments = test::table_of({"XAUUSD"});
    const Settings settings =
        test::trading_settings(StrategyKind::model_edge);  // the pipeline looks at it for as long as it lives
    DecisionPipeline pipeline(settings, instruments, {best_isa(), 1, &loaded->model});
    pipeline.enable(0);
    test::KeepingSink sink;
    NoProbe probe;
    Engine<test::KeepingSink> engine{pipeline, sink, probe};
    for (Event event : loaded->pack.golden.events) {
      const bool is_market =
          event.type == EventType::tick || event.type == EventType::timer || event.type == EventType::gap;
      if (is_market) engine.take(event);
    }
    const auto predictions = test::payloads_of<Prediction>(sink.events);
    const auto& rows = loaded->pack.golden.rows;
    ASSERT_EQ(predictions.size(), rows.size());
    std::size_t changes = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      ASSERT_EQ(predictions[i].feature_digest, rows[i].feature_digest) << i;
      ASSERT_EQ(std::bit_cast<std::uint32_t>(predictions[i].score), rows[i].score_bits) << i;
      ASSERT_EQ(static_cast<std::uint16_t>(predictions[i].state), rows[i].state) << i;
      changes += i > 0 && rows[i].regime != rows[i - 1].regime;
    }
    EXPECT_EQ(test::of_type(sink.events, EventType::regime).size(), changes + (rows.front().regime != 0));
    EXPECT_EQ(changes > 0, loaded->model.regime.has_value());
  }
}

// Leaves, thresholds, weights, scalings, lanes, calibration: whatever a score depends on.
TEST(DecisionModelFile, a_model_that_was_changed_behind_its_golden_events_is_refused_with_row_and_byte) {
  const auto loaded = decode(full_pack());
  ASSERT_TRUE(loaded) << loaded.error().message();
  const std::uint64_t rows_offset = loaded->pack.golden.rows_offset;
  const auto caught = [&](const char* what, auto&& change) {
    DecisionModelSpec spec = loaded->pack.spec;
    change(spec);
    const auto model = decode(pack::encode_events_pack(spec, loaded->pack.golden));
    ASSERT_FALSE(model) << what;
    EXPECT_EQ(model.error().code, ErrorCode::pack_golden_mismatch) << what << ": " << model.error().message();
    EXPECT_TRUE(model.error().field.starts_with("golden.rows[")) << model.error().message();
    std::uint64_t index = 0, at = 0;
    ASSERT_EQ(std::sscanf(model.error().field.c_str(), "golden.rows[%lu] at byte %lu", &index, &at), 2)
        << model.error().field;
    // Sections before the golden one may have another length now.
    EXPECT_EQ((at - index * sizeof(GoldenRow)) % 64, rows_offset % 64) << what;
  };
  caught("a leaf", [](DecisionModelSpec& spec) {
    for (auto& node : std::get<DecisionTrees>(spec.members[0].model).nodes) {
      if (node.is_leaf()) node.value = static_cast<double>(static_cast<float>(node.value) + 0.01F);
    }
  });
  caught("a weight", [](DecisionModelSpec& spec) {
    std::get<pack::NetworkSource>(spec.members[1].model).spec.layers[0].weight[5] += 0.125F;
  });
  caught("a range", [](DecisionModelSpec& spec) {
    std::get<pack::NetworkSource>(spec.members[2].model).ranges->inputs[0][2].largest += 4.0F;
  });
  caught("a scaling", [](DecisionModelSpec& spec) { spec.members[1].scaling[1].mean += 0.5F; });
  caught("a lane", [](DecisionModelSpec& spec) { std::swap(spec.members[1].lanes[0], spec.members[1].lanes[1]); });
  caught("a calibration", [](DecisionModelSpec& spec) { spec.members[1].offset += 0.5; });
  caught("an output", [](DecisionModelSpec& spec) { spec.members[1].output = 0; });
  caught("a warm-up", [](DecisionModelSpec& spec) { spec.members[1].warm_up_steps = 2'000; });
  caught("a period", [](DecisionModelSpec& spec) { spec.members[2].period = BarPeriod::m5; });
  caught("a weight of the ensemble", [](DecisionModelSpec& spec) { spec.ensemble.member[0].weight = 3.0; });
  caught("a regime's mean", [](DecisionModelSpec& spec) { spec.regime->hmm.mean[0][0] += 1.0; });
  caught("what is mandatory", [](DecisionModelSpec& spec) { spec.mandatory = {}; });
  caught("no regime", [](DecisionModelSpec& spec) { spec.regime.reset(); });
}

TEST(DecisionModelFile, an_answer_that_was_changed_is_refused_and_so_is_a_digest_of_features) {
  const Place golden = sections_of(tree_pack()).at("golden");
  const std::string& good = tree_pack();
  const auto loaded = decode(good);
  ASSERT_TRUE(loaded);
  const std::uint64_t last = good.size() - sizeof(GoldenRow);
  for (std::uint64_t byte = 0; byte < sizeof(GoldenRow); ++byte) {
    std::string bytes = good;
    bytes[last + byte] = static_cast<char>(bytes[last + byte] ^ 1);
    const auto model = decode(signed_again(bytes));
    ASSERT_FALSE(model) << byte;
    EXPECT_EQ(model.error().code, ErrorCode::pack_golden_mismatch);
    EXPECT_EQ(model.error().field,
              fmt::format("golden.rows[{}] at byte {}", loaded->pack.golden.rows.size() - 1, last));
    EXPECT_EQ(model.error().found.find("features") != std::string::npos, byte < 8) << model.error().message();
  }
  EXPECT_EQ(golden.offset + golden.bytes, good.size());
}

// The inputs too are part of the proof: a price that differs gives other features.
TEST(DecisionModelFile, an_input_that_was_changed_is_refused) {
  const auto loaded = decode(tree_pack());
  ASSERT_TRUE(loaded);
  pack::GoldenEvents golden = loaded->pack.golden;
  auto& event = *std::ranges::find(golden.events.begin() + 2'000, golden.events.end(), EventType::tick, &Event::type);
  auto tick = event.as<Tick>();
  tick.ask_e9 += 5'000'000'000;
  event = Event::make(event.time_ns, event.instrument, tick);
  refused(pack::encode_events_pack(loaded->pack.spec, golden), ErrorCode::pack_golden_mismatch, "golden.rows[");
}

TEST(DecisionModelFile, golden_events_on_which_nothing_is_said_prove_nothing) {
  auto spec = test::full_spec(core());
  spec.members.erase(spec.members.begin());
  spec.members[0].warm_up_steps = 1'000'000;
  spec.members[1].period = BarPeriod::m1;
  spec.ensemble.members = 2;
  spec.ensemble.members_min = 2;
  spec.regime.reset();
  spec.regime_period.reset();
  const auto bytes = encode_decision_model(spec, "silent");
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().field, "warm_up_steps") << bytes.error().message();
}

// --- refused ------------------------------------------------------------------------------------------------------------------------------

TEST(DecisionModelFile, a_pack_of_kind_vector_never_runs_and_the_error_says_what_to_do) {
  const DecisionTrees trees = test::trees_of_json(test::make_model({.features = 32}).dump());
  const auto vector = pack::encode_vector_pack(trees, {}, "v.ttm");
  ASSERT_TRUE(vector) << vector.error().message();
  refused(*vector, ErrorCode::pack_kind, "header.kind at byte 44");
  EXPECT_NE(decode(*vector).error().message().find("--features"), std::string::npos);
}

TEST(DecisionModelFile, another_set_in_force_is_refused_with_both_names) {
  const FeatureSet& other = **FeatureSet::find("scalper-64");
  const auto model = decode_decision_model(tree_pack(), "m.ttm", best_isa(), &other);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::model_feature_mismatch);
  EXPECT_NE(model.error().expected.find("scalper-64"), std::string::npos);
  EXPECT_NE(model.error().found.find("core-32"), std::string::npos);
  EXPECT_TRUE(decode_decision_model(tree_pack(), "m.ttm", best_isa(), &core()));
}

// As a pack of another release: a feature's version, a time zone's transitions, a rule.
TEST(DecisionModelFile, a_set_that_this_release_computes_otherwise_is_refused_by_the_line_that_differs) {
  const std::string text = section_text(tree_pack(), "features");
  for (const auto& [from, to] : {std::pair("version = 1", "version = 9"),
                                 std::pair("name = \"America/New_York\"", "name = \"America/New_Pork\""),
                                 std::pair("numeric_contract = \"", "numeric_contract = \"9")}) {
    refused(with_section(tree_pack(), "features", replaced(text, from, to)), ErrorCode::model_feature_mismatch,
            "features.line ");
  }
  refused(with_section(tree_pack(), "features", replaced(text, "feature = \"spread\"", "feature = \"spreat\"")),
          ErrorCode::feature_unknown, "features.");
  refused(with_section(tree_pack(), "features", "name = "), ErrorCode::model_feature_mismatch, "features.line 1");
  refused(with_section(tree_pack(), "features", ""), ErrorCode::feature_set_invalid, "features.");
  refused(with_section(tree_pack(), "features", std::string(2'000'000, '\n')), ErrorCode::model_feature_mismatch,
          "features");
}

TEST(DecisionModelFile, a_cut_anywhere_is_refused) {
  const std::string& good = full_pack();
  std::mt19937_64 random(5);
  for (std::size_t size = 0; size < good.size(); size += 1 + random() % 4'096)
    ASSERT_FALSE(decode(std::string_view(good).substr(0, size))) << size;
  EXPECT_FALSE(decode(std::string_view(good).substr(0, good.size() - 1)));
  EXPECT_FALSE(decode(good + '\0'));
}

// Every byte of the texts, signed again; elsewhere a sample. What is accepted must be the same model: golden events see to it.
TEST(DecisionModelFile, a_change_that_is_signed_again_is_refused_or_changes_nothing_that_is_computed) {
  const std::string& good = full_pack();
  std::mt19937_64 random(17);
  const auto flipped = [&](std::uint64_t at) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ static_cast<char>(1U << random() % 8));
    return signed_again(std::move(bytes));
  };
  // Words for people may be others.
  const std::map<std::string, int> accepted_at_most = {
      {"meta", 2'000}, {"features", 0}, {"ensemble", 60}, {"regime", 60}};
  for (const auto& [name, place] : sections_of(good)) {
    const bool is_text = accepted_at_most.contains(name);
    int accepted = 0;
    // Bytes of texts one after the other, in short runs some of them; others as chance has it.
    const std::uint64_t step = test::is_long_run() || !is_text ? 1 : name == "features" ? 97 : 1 + random() % 3;
    const std::uint64_t count = is_text ? place.bytes / step : test::is_long_run() ? 4'000 : 100;
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t at = place.offset + (is_text ? i * step : random() % place.bytes);
      const auto model = decode(flipped(at));
      if (model) {
        ++accepted;
        continue;
      }
      ASSERT_TRUE(model.error().field.contains(" at byte ") || model.error().code == ErrorCode::model_unsupported ||
                  model.error().code == ErrorCode::config_bad_value)
          << name << " " << at << ": " << model.error().message();
    }
    if (is_text) {
      EXPECT_LE(accepted, accepted_at_most.at(name)) << name;
    }
    EXPECT_LT(accepted, static_cast<int>(count)) << name;
  }
}

TEST(DecisionModelFile, texts_in_other_words_are_refused_where_they_depart) {
  const std::string meta = section_text(full_pack(), "meta");
  const Place place = sections_of(full_pack()).at("meta");
  const auto with_meta = [&](std::string_view from, std::string_view to) {
    return with_section(full_pack(), "meta", replaced(meta, from, to));
  };
  const auto at_meta = [&](std::string_view key) { return fmt::format("meta.{} at byte {}", key, place.offset); };
  refused(with_meta("kind = \"events\"", "kind = \"vector\""), ErrorCode::pack_damaged, at_meta("kind"));
  refused(with_meta("kind = ", "kind  = "), ErrorCode::pack_damaged, fmt::format("meta at byte {}", place.offset + 5));
  refused(with_meta("[meaning]\n", "[meaning]\nmood = \"good\"\n"), ErrorCode::pack_damaged, "meta at byte ");
  refused(with_meta("set = \"core-32\"", "set = \"core-33\""), ErrorCode::pack_damaged, "meta at byte ");
  refused(with_meta("lanes = [\"", "lanes = [\"x"), ErrorCode::pack_damaged, at_meta("members.0.lanes"));
  refused(with_meta("kind = \"trees\"", "kind = \"network\""), ErrorCode::pack_damaged, at_meta("members.0.kind"));
  refused(with_meta("scale = \"0.7\"", "scale = \"nan\""), ErrorCode::pack_damaged, at_meta("members.1.scale"));
  refused(with_meta("scale = \"0.7\"", "scale = \"0.70\""), ErrorCode::pack_damaged, "meta at byte ");
  refused(with_meta("period = \"M1\"", "period = \"M2\""), ErrorCode::pack_damaged, at_meta("regime_period"));
  refused(with_meta("warm_up_steps = 50", "warm_up_steps = -5"), ErrorCode::pack_damaged,
          at_meta("members.1.warm_up_steps"));
  refused(with_meta("precision = \"int8\"", "precision = \"int4\""), ErrorCode::pack_damaged, "meta at byte ");
  for (const char* name : {"ensemble", "regime"}) {
    const std::string text = section_text(full_pack(), name);
    refused(with_section(full_pack(), name, text + "\n"), ErrorCode::pack_damaged, fmt::format("{} at byte ", name));
    refused(with_section(full_pack(), name, "x"), ErrorCode::pack_damaged, name);
    refused(with_section(full_pack(), name, text + "more = 1\n"), ErrorCode::pack_damaged, name);
  }
}

// The library that reads TOML would nest tables until its stack ends.
TEST(DecisionModelFile, keys_of_thousands_of_parts_are_refused) {
  std::string deep;
  for (int i = 0; i < 13'000; ++i) deep += i % 3 == 0 ? "a." : i % 3 == 1 ? "\"b\" . " : "'c'\t.";
  for (const char* name : {"meta", "features", "ensemble", "regime"}) {
    for (const std::string& text : {deep + "d = 1\n", "[" + deep + "d]\n", "x = { " + deep + "d = 1 }\n",
                                    "s = \"\"\"a\"b\"\"\"\"\n" + deep + "d = 1\n"}) {
      const auto model = decode(with_section(full_pack(), name, text));
      ASSERT_FALSE(model) << name;
      EXPECT_NE(model.error().expected.find("parts"), std::string::npos) << model.error().message();
    }
  }
}

TEST(DecisionModelFile, parts_that_do_not_fit_each_other_are_refused) {
  const auto loaded = decode(full_pack());
  ASSERT_TRUE(loaded);
  const auto unfit = [&](auto&& change) {
    DecisionModelSpec spec = loaded->pack.spec;
    change(spec);
    const auto model = decode(pack::encode_events_pack(spec, loaded->pack.golden));
    ASSERT_FALSE(model);
    EXPECT_EQ(model.error().code, ErrorCode::model_unsupported) << model.error().message();
    EXPECT_EQ(model.error().file, "m.ttm");
  };
  unfit([](DecisionModelSpec& spec) { spec.members[1].lanes.pop_back(); });
  unfit([](DecisionModelSpec& spec) { spec.members[1].scaling.pop_back(); });
  unfit([](DecisionModelSpec& spec) { spec.members[1].output = 2; });
  unfit([](DecisionModelSpec& spec) { spec.members[1].name = "trees"; });
  unfit([](DecisionModelSpec& spec) { spec.members[1].name = "Trees"; });
  unfit([](DecisionModelSpec& spec) { spec.members.pop_back(); });
  unfit([](DecisionModelSpec& spec) { spec.regime->features[0] = "no-lane"; });
  unfit([](DecisionModelSpec& spec) { spec.members[0].warm_up_steps = 1; });
}

TEST(DecisionModelFile, sections_that_lack_or_are_too_many_are_refused) {
  const auto container = pack::open_container(full_pack(), "");
  ASSERT_TRUE(container);
  for (std::size_t drop = 0; drop < container->sections.size(); ++drop) {
    std::vector<pack::Section> sections = container->sections;
    sections.erase(sections.begin() + static_cast<std::ptrdiff_t>(drop));
    const auto model = decode(pack::encode_container(pack::Kind::events, sections));
    if (container->sections[drop].name == "regime")
      continue;  // its weights and period make it another model, not a damaged pack
    ASSERT_FALSE(model) << container->sections[drop].name;
    EXPECT_EQ(model.error().code, ErrorCode::pack_damaged) << model.error().message();
  }
  std::vector<pack::Section> sections = container->sections;
  sections.push_back({.name = "extra", .bytes = "x"});
  refused(pack::encode_container(pack::Kind::events, sections), ErrorCode::pack_damaged, "directory.[8]");
}

TEST(DecisionModelFile, golden_inputs_that_no_feed_gives_are_refused_before_they_run) {
  const auto loaded = decode(tree_pack());
  ASSERT_TRUE(loaded);
  const auto& good = loaded->pack.golden;
  const auto tick_at =
      static_cast<std::size_t>(std::ranges::find(good.events, EventType::tick, &Event::type) - good.events.begin()) +
      10;
  const auto spoiled = [&](std::size_t index, const Event& event, std::string_view field) {
    pack::GoldenEvents golden = good;
    golden.events[index] = event;
    refused(pack::encode_events_pack(loaded->pack.spec, golden), ErrorCode::pack_damaged, field);
  };
  const std::size_t tick_index =
      static_cast<std::size_t>(std::ranges::find(good.events.begin() + static_cast<std::ptrdiff_t>(tick_at),
                                                 good.events.end(), EventType::tick, &Event::type) -
                               good.events.begin());
  const std::string item =
      fmt::format("golden.events[{}] at byte {}", tick_index, good.events_offset + tick_index * sizeof(Event));
  const Event& event = good.events[tick_index];
  const auto changed = [&](auto&& change) {
    auto tick = event.as<Tick>();
    change(tick);
    return Event::make(event.time_ns, event.instrument, tick);
  };
  spoiled(tick_index, changed([](Tick& tick) { tick.bid_e9 = 0; }), item);
  spoiled(tick_index, changed([](Tick& tick) { tick.ask_e9 = std::numeric_limits<std::int64_t>::max(); }), item);
  spoiled(tick_index, changed([](Tick& tick) { tick.bid_size = std::numeric_limits<float>::quiet_NaN(); }), item);
  spoiled(tick_index, changed([](Tick& tick) { tick.venue_ns = std::numeric_limits<std::int64_t>::min(); }), item);
  spoiled(tick_index, Event::make(event.time_ns, 1, event.as<Tick>()), item);
  spoiled(tick_index, Event::make(event.time_ns, kNoInstrument, event.as<Tick>()), item);
  spoiled(tick_index, Event::make(event.time_ns, 0, event.as<Tick>(), kFlagOutput), item);
  spoiled(tick_index, Event::make(std::numeric_limits<std::int64_t>::max(), 0, event.as<Tick>()), item);
  spoiled(tick_index, Event::make(good.events.front().time_ns - 1, 0, event.as<Tick>()), item);
  spoiled(tick_index, Event::make(event.time_ns, 0, Fill{}), item);
  spoiled(tick_index, good.events.front(), item);
  // A tick fewer than rows.
  spoiled(tick_index, Event::make(event.time_ns, kNoInstrument, Gap{1, 1, {}}), "golden.counts");
  // An instrument without a name.
  pack::GoldenEvents golden = good;
  for (Event& one : golden.events) {
    if (one.type == EventType::continuation) one = Event::make(one.time_ns, one.instrument, Continuation{});
  }
  refused(pack::encode_events_pack(loaded->pack.spec, golden), ErrorCode::pack_damaged, "golden");
}

TEST(DecisionModelFile, counts_beyond_the_bounds_are_refused_before_anything_is_made_of_them) {
  const Place golden = sections_of(tree_pack()).at("golden");
  for (const std::uint64_t field : {0, 4, 8, 60}) {
    std::string bytes = tree_pack();
    std::memset(bytes.data() + golden.offset + field, 0xff, 4);
    refused(signed_again(bytes), ErrorCode::pack_damaged, fmt::format("golden.counts at byte {}", golden.offset));
  }
}

// 4,096 units at every tick of every golden row: the check is refused, not run.
TEST(DecisionModelFile, a_model_whose_check_would_take_hours_is_refused) {
  auto spec = test::random_trees_spec(core());
  test::RandomNetworks random(1);
  pack::MemberSpec big{
      .name = "big", .source = "", .source_sha256 = {}, .model = {}, .lanes = {0}, .scaling = {}, .period = {}};
  pack::NetworkSource network{.spec = {.inputs = 1}, .ranges = {}};
  network.spec.layers.push_back(random.layer(LayerKind::dense, 1, 4'096));
  network.spec.layers.push_back(random.layer(LayerKind::dense, 4'096, 4'096));
  big.model = std::move(network);
  spec.members.push_back(std::move(big));
  const auto refused_cost = pack::check_golden_cost(spec, 6'144, 1, "m.ttm");
  ASSERT_FALSE(refused_cost);
  EXPECT_EQ(refused_cost.error().code, ErrorCode::model_unsupported);
  EXPECT_TRUE(pack::check_golden_cost(test::full_spec(core()), 25'000, 16, "m.ttm"));
}

// --- files --------------------------------------------------------------------------------------------------------------------------------

TEST(DecisionModelFile, absent_foreign_and_empty_files_are_named) {
  const test::TempFolder folder;
  const auto absent = load_decision_model(folder.path() + "/none.ttm");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, ErrorCode::model_missing);
  const std::string json = folder.path() + "/model.json";
  std::ofstream(json) << test::make_model({}).dump();
  const auto foreign = load_decision_model(json);
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code, ErrorCode::pack_damaged);
  EXPECT_EQ(foreign.error().file, json);
  EXPECT_TRUE(foreign.error().field.starts_with("header.magic")) << foreign.error().message();
  const auto written = load_decision_model(test::write_pack(folder.path(), test::random_trees_spec(core())));
  ASSERT_TRUE(written) << written.error().message();
  EXPECT_EQ(written->path, folder.path() + "/model.ttm");
  EXPECT_EQ(describe(*written), "20 trees");
}

}  // namespace
}  // namespace thintail
