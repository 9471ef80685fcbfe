// SPDX-License-Identifier: Apache-2.0
// batch == stream == replay == restart: four ways to the feature rows of a file give the same bytes, on every recorded tick
// file; and whatever is changed on one of them is noticed.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <set>

#include "strategies/backtest/backtest.hpp"
#include "strategies/backtest/feature_pass.hpp"
#include "tests/support/real_ticks.hpp"
#include "tools/report/compute_features.hpp"

namespace thintail {
namespace {

// One number a row, over its used lanes and its mask.
using Rows = std::vector<std::uint64_t>;

constexpr std::size_t kRestarts = 100;

const FeatureSet& set_named(const char* name) {
  const auto set = FeatureSet::find(name);
  EXPECT_TRUE(set) << name;
  return **set;
}

struct Recorded {
  std::string path;
  InstrumentTable instruments;
  std::vector<Event> events;
};

Recorded recorded(const std::string& name, std::size_t ticks_max = ~std::size_t{0}) {
  Recorded out;
  out.path = (test::data_dir() / "ticks" / name).string();
  out.events = test::real_ticks({name}, out.instruments, ticks_max);
  return out;
}

class EventList {
 public:
  explicit EventList(std::span<const Event> events) noexcept : rest_(events) {}
  bool poll(Event& out) noexcept {
    if (rest_.empty()) return false;
    out = rest_.front();
    rest_ = rest_.subspan(1);
    return true;
  }

 private:
  std::span<const Event> rest_;
};

// What `features compute` does.
Rows batch(const Recorded& data, const FeatureSet& set, Isa isa) {
  const FeatureEngine digests(set, isa, 1);
  ComputeOptions options;
  options.file = data.path;
  options.set = &set;
  options.isa = isa;
  options.rows_max = static_cast<std::uint64_t>(
      std::ranges::count_if(data.events, [](const Event& event) { return event.type == EventType::tick; }));
  Rows rows;
  const auto report =
      compute_features(options, [&](std::int64_t, const FeatureRow& row) { rows.push_back(digests.digest(row)); });
  EXPECT_TRUE(report) << report.error().message();
  return rows;
}

// Tick by tick, as the trainer does.
Rows stream(const Recorded& data, const FeatureSet& set, Isa isa) {
  Rows rows;
  FeatureRun run(data.instruments, set, isa);
  EventList source(data.events);
  feature_pass(source, run, [&](std::int64_t, const Event&, const FeatureRow& row) {
    rows.push_back(run.market().features()->digest(row));
    return true;
  });
  return rows;
}

// From the events that a backtest puts into its stream.
Rows replay(const Recorded& data, const FeatureSet& set, Isa isa) {
  Rows rows;
  FeatureRun run(data.instruments, set, isa);
  EventList source(data.events);
  Settings settings;
  settings.strategy.kind = StrategyKind::flat;
  run_backtest(source, settings, data.instruments, {isa, 1, nullptr}, [&](const Event& event) {
    if (const FeatureRow* row = run.take(event)) rows.push_back(run.market().features()->digest(*row));
  });
  return rows;
}

// What becomes of a run at a restart.
using Restart = std::function<void(FeatureRun& old_run, FeatureRun& new_run)>;

void from_snapshot(FeatureRun& old_run, FeatureRun& new_run) {
  const auto bytes = old_run.market().snapshot();
  const auto restored = new_run.market().restore(bytes);
  ASSERT_TRUE(restored) << restored.error().message();
  // Nothing is lost, and nothing but the state is in it.
  ASSERT_EQ(new_run.market().snapshot(), bytes);
}

// Stopped before random ticks, saved, and gone on with by an engine made anew.
Rows restarted(const Recorded& data, const FeatureSet& set, Isa isa, const Restart& restart) {
  std::mt19937_64 random(data.events.size());
  std::set<std::size_t> stops;
  while (stops.size() < std::min(kRestarts, data.events.size() / 2)) stops.insert(random() % data.events.size());
  Rows rows;
  auto run = std::make_unique<FeatureRun>(data.instruments, set, isa);
  EngineTime engine_time;
  for (std::size_t i = 0; i < data.events.size(); ++i) {
    if (stops.contains(i)) {
      auto next = std::make_unique<FeatureRun>(data.instruments, set, isa);
      restart(*run, *next);
      run = std::move(next);
    }
    Event event = data.events[i];
    event.time_ns = engine_time.advance(event.time_ns, [&](std::int64_t timer_ns) { run->on_timer(timer_ns); });
    if (const FeatureRow* row = run->take(event)) rows.push_back(run->market().features()->digest(*row));
  }
  return rows;
}

std::size_t first_difference(const Rows& a, const Rows& b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

void expect_equal(const Rows& expected, const Rows& found, std::string_view who) {
  EXPECT_EQ(expected.size(), found.size()) << who;
  EXPECT_EQ(first_difference(expected, found), expected.size()) << who << ": the first row that differs";
}

struct TickFileCase {
  const char* name;
  const char* set;
};

// Every tick file; each set on files that can serve it.
const std::vector<TickFileCase>& tick_files() {
  static const std::vector<TickFileCase> files = {
      {"oanda_xauusd_tick_20140502.csv.zst", "scalper-64"},   {"oanda_xauusd_tick_20140501.csv.zst", "scalper-64"},
      {"oanda_xauusd_tick_20140504.csv.zst", "scalper-64"},   {"oanda_xauusd_tick_20140505.csv.zst", "scalper-64"},
      {"oanda_xauusd_tick_20140506.csv.zst", "core-32"},      {"oanda_xauusd_tick_20140507.csv.zst", "scalper-64"},
      {"fxcm_eurusd_tick_20140502.csv.zst", "scalper-64"},    {"fxcm_eurusd_tick_20140504.csv.zst", "core-32"},
      {"fxcm_eurusd_tick_20140505.csv.zst", "scalper-64"},    {"fxcm_eurusd_tick_20140506.csv.zst", "bars-64"},
      {"oanda_eurusd_tick_20140502.csv.zst", "scalper-64"},   {"oanda_eurusd_tick_20140506.csv.zst", "scalper-64"},
      {"oanda_eurusd_tick_20140508.csv.zst", "bars-64"},      {"dukascopy_eurusd_20190204_00h_ticks.bi5", "scalper-64"},
      {"dukascopy_eurusd_20190204_10h_ticks.bi5", "core-32"}, {"dukascopy_eurusd_20190204_23h_ticks.bi5", "scalper-64"},
      {"dukascopy_eurusd_20260713_12h.json", "scalper-64"},   {"truefx_usdjpy_20130101.csv", "scalper-64"},
      {"histdata_eurusd_tick_20200101.csv.zst", "scalper-64"}};
  return files;
}

TEST(FeatureRows, batch_equals_stream_equals_replay_equals_restart_on_every_tick_file) {
  std::size_t compared = 0;
  for (const TickFileCase& one : tick_files()) {
    TT_REQUIRE_DATA(test::data_dir() / "ticks" / one.name);
    SCOPED_TRACE(fmt::format("{} with {}", one.name, one.set));
    const Recorded data = recorded(one.name);
    const FeatureSet& set = set_named(one.set);
    const Isa isa = best_isa();
    const Rows expected = batch(data, set, isa);
    ASSERT_FALSE(expected.empty());
    expect_equal(expected, stream(data, set, isa), "stream");
    expect_equal(expected, replay(data, set, isa), "replay");
    expect_equal(expected, restarted(data, set, isa, from_snapshot), "restart");
    compared += expected.size();
  }
  EXPECT_GT(compared, 1'400'000u);
}

TEST(FeatureRows, a_capture_with_trades_and_depth_restarts_with_its_book) {
  const char* name = "../protocol/binance_usdm_btcusdt_20240808.jsonl.zst";
  TT_REQUIRE_DATA(test::data_dir() / "ticks" / name);
  const Recorded data = recorded(name);
  const FeatureSet& set = set_named("book-64");
  const Rows expected = batch(data, set, best_isa());
  ASSERT_FALSE(expected.empty());
  expect_equal(expected, stream(data, set, best_isa()), "stream");
  expect_equal(expected, replay(data, set, best_isa()), "replay");
  expect_equal(expected, restarted(data, set, best_isa(), from_snapshot), "restart");
}

TEST(FeatureRows, two_brokers_of_one_symbol_restart_with_what_each_knows_of_the_other) {
  const std::vector<std::string> names = {"fxcm_eurusd_tick_20140506.csv.zst", "oanda_eurusd_tick_20140506.csv.zst"};
  for (const std::string& name : names) TT_REQUIRE_DATA(test::data_dir() / "ticks" / name);
  Recorded data;
  data.events = test::real_ticks(names, data.instruments, 60'000);
  const auto set = FeatureSet::from_toml(R"(name = "two-brokers"
features = [
  { feature = "spread" },
  { feature = "peer_correlation", seconds = 300, peer = "@oanda" },
  { feature = "peer_tick_correlation", seconds = 300, peer = "@oanda" },
  { feature = "cross_spread_rank" },
  { feature = "peer_correlation", seconds = 60, peer = "XAUUSD@nobody" },
]
)",
                                         "two-brokers.toml");
  ASSERT_TRUE(set) << set.error().message();
  const Rows expected = stream(data, *set, best_isa());
  ASSERT_EQ(expected.size(), 60'000u);
  expect_equal(expected, replay(data, *set, best_isa()), "replay");
  expect_equal(expected, restarted(data, *set, best_isa(), from_snapshot), "restart");

  // Each kind of lane was there to be compared: defined for the broker that has a peer, never for one that nobody feeds.
  std::array<std::size_t, 5> defined{};
  FeatureRun run(data.instruments, *set, best_isa());
  EventList source(data.events);
  feature_pass(source, run, [&](std::int64_t, const Event& event, const FeatureRow& row) {
    if (data.instruments[event.instrument].name().ends_with("@fxcm")) {
      for (std::size_t lane = 0; lane < defined.size(); ++lane) defined[lane] += row.defined.test(lane);
    }
    return true;
  });
  for (std::size_t lane = 0; lane < 4; ++lane) EXPECT_GT(defined[lane], 10'000u) << set->lanes()[lane].name;
  EXPECT_EQ(defined[4], 0u);
}

TEST(FeatureRows, every_instruction_set_gives_the_same_rows) {
  TT_REQUIRE_DATA(test::data_dir() / "ticks" / test::kGoldPayrolls);
  const Recorded data = recorded(test::kGoldPayrolls, 50'000);
  for (const char* name : {"scalper-64", "core-32", "bars-64"}) {
    const Rows scalar = batch(data, set_named(name), Isa::scalar);
    for (const Isa isa : {Isa::avx2, Isa::avx512}) {
      if (isa_available(isa)) expect_equal(scalar, batch(data, set_named(name), isa), isa_name(isa));
    }
  }
}

TEST(FeatureRows, minutes_of_a_file_give_the_rows_that_minutes_built_from_its_ticks_give) {
  const auto minutes = test::data_dir() / "bars" / "oanda_xauusd_m1_bidask_20140502.csv.zst";
  TT_REQUIRE_DATA(minutes);
  TT_REQUIRE_DATA(test::data_dir() / "ticks" / test::kGoldPayrolls);
  const FeatureSet& set = set_named("bars-64");
  const Recorded data = recorded(test::kGoldPayrolls);
  FeatureEngine engine(set, best_isa(), 1);
  engine.enable(0, data.instruments[0]);
  Rows from_ticks;
  std::optional<ClosedBar> minute;
  const auto finish_minute = [&] {
    if (minute) from_ticks.push_back(engine.digest(engine.on_close(0, *minute)));
    minute.reset();
  };
  BarBuilder builder(Zone::new_york());
  const auto on_bar = [&](const ClosedBar& bar) {
    // Longer bars that end with a minute close after it, and before its row.
    if (minute && bar.end_s != minute->end_s) finish_minute();
    engine.on_bar(0, bar);
    if (bar.period == BarPeriod::m1) minute = bar;
  };
  std::int64_t last_ns = 0;
  for (const Event& event : data.events) {
    const auto tick = event.as<Tick>();
    last_ns = std::max(last_ns, tick.venue_ns);
    builder.close_until(last_ns, on_bar);
    builder.add(tick.bid_e9, tick.ask_e9, last_ns);
  }
  builder.close_until((last_ns / 60'000'000'000 + 1) * 60'000'000'000, on_bar);
  finish_minute();

  ComputeOptions options;
  options.file = minutes.string();
  options.set = &set;
  options.isa = best_isa();
  Rows from_file;
  const auto report =
      compute_features(options, [&](std::int64_t, const FeatureRow& row) { from_file.push_back(engine.digest(row)); });
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_TRUE(report->has_bars);
  EXPECT_EQ(from_file.size(), 1'257u);
  expect_equal(from_ticks, from_file, "the published minutes");
}

TEST(FeatureRows, bars_closed_by_the_timer_or_by_the_next_tick_give_the_same_rows) {
  TT_REQUIRE_DATA(test::data_dir() / "ticks" / test::kGoldPayrolls);
  const Recorded data = recorded(test::kGoldPayrolls, 20'000);
  const FeatureSet& set = set_named("scalper-64");
  FeatureRun run(data.instruments, set, best_isa());
  Rows rows;
  for (const Event& event : data.events) {
    if (const FeatureRow* row = run.take(event)) rows.push_back(run.market().features()->digest(*row));
  }
  expect_equal(batch(data, set, best_isa()), rows, "without timers");
}

// --- what the comparison notices ---------------------------------------------------------------------------------------

TEST(FeatureRowsNotice, a_changed_tick_from_that_tick_on) {
  TT_REQUIRE_DATA(test::data_dir() / "ticks" / test::kGoldPayrolls);
  Recorded data = recorded(test::kGoldPayrolls, 5'000);
  const FeatureSet& set = set_named("scalper-64");
  const Rows expected = batch(data, set, best_isa());
  auto tick = data.events[3'000].as<Tick>();
  tick.ask_e9 += 1'000'000;
  data.events[3'000] = Event::make(data.events[3'000].time_ns, data.events[3'000].instrument, tick);
  EXPECT_EQ(first_difference(expected, stream(data, set, best_isa())), 3'000u);
}

TEST(FeatureRowsNotice, a_restart_that_forgets) {
  TT_REQUIRE_DATA(test::data_dir() / "ticks" / test::kGoldPayrolls);
  const Recorded data = recorded(test::kGoldPayrolls, 5'000);
  const FeatureSet& set = set_named("scalper-64");
  const Rows expected = batch(data, set, best_isa());
  const Rows forgot = restarted(data, set, best_isa(), [](FeatureRun&, FeatureRun&) {});
  EXPECT_LT(first_difference(expected, forgot), expected.size());
}

// --- snapshots that do not fit -----------------------------------------------------------------------------------------

TEST(MarketStateSnapshot, of_another_set_instrument_or_size_is_refused) {
  InstrumentTable instruments;
  ASSERT_TRUE(instruments.add(*built_in_instrument("XAUUSD", "test")));
  ASSERT_TRUE(instruments.add(*built_in_instrument("EURUSD", "test")));
  FeatureRun run(instruments, set_named("scalper-64"), Isa::scalar);
  const auto bytes = run.market().snapshot();
  EXPECT_TRUE(run.market().restore(bytes));
  const auto refused = [&](std::span<const std::byte> what, MarketState& by) {
    const auto result = by.restore(what);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::feature_state);
  };
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{39}, std::size_t{40}, bytes.size() / 2, bytes.size() - 1}) {
    refused(std::span(bytes).first(size), run.market());
  }
  auto other_magic = bytes;
  other_magic[0] ^= std::byte{1};
  refused(other_magic, run.market());
  FeatureRun other_set(instruments, set_named("core-32"), Isa::scalar);
  refused(bytes, other_set.market());
  InstrumentTable gold_alone;
  ASSERT_TRUE(gold_alone.add(*built_in_instrument("XAUUSD", "test")));
  FeatureRun one(gold_alone, set_named("scalper-64"), Isa::scalar);
  refused(bytes, one.market());
  InstrumentTable turned;
  ASSERT_TRUE(turned.add(*built_in_instrument("EURUSD", "test")));
  ASSERT_TRUE(turned.add(*built_in_instrument("XAUUSD", "test")));
  FeatureRun others(turned, set_named("scalper-64"), Isa::scalar);
  refused(bytes, others.market());
}

}  // namespace
}  // namespace thintail
