// SPDX-License-Identifier: Apache-2.0
// Frames of `thintail top` as text, the bytes that draw them, and the program itself on a pseudo-terminal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/price/decimal.hpp"
#include "tests/support/live_core.hpp"
#include "tests/support/process.hpp"
#include "tests/support/pty.hpp"
#include "tools/monitor/frame.hpp"
#include "tools/monitor/keys.hpp"
#include "tools/monitor/screen.hpp"

namespace thintail::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t kNow = 1'704'672'060'000'000'000;  // 2024-01-08T00:01:00Z
constexpr std::int64_t kSecond = 1'000'000'000;

InstrumentSample quoted(const std::string& name, std::int64_t age_s, std::uint64_t ticks) {
  InstrumentSample row;
  row.name = name;
  row.digits = 2;
  row.has_quote = true;
  row.bid_e9 = 1'284'060'000'000;
  row.ask_e9 = 1'284'310'000'000;
  row.quote_ns = kNow - age_s * kSecond;
  row.ticks = ticks;
  return row;
}

InstrumentSample held(InstrumentSample row, std::int64_t quantity, std::int64_t realised, std::int64_t unrealised) {
  row.has_position = true;
  row.quantity_e9 = quantity * kE9;
  row.realised_e18 = static_cast<i128>(realised) * kE9 * kE9;
  row.unrealised_e18 = static_cast<i128>(unrealised) * kE9 * kE9;
  return row;
}

// A core that has run for a while, and the same one a second earlier.
struct Looks {
  CoreSample now;
  CoreSample earlier;
};

Looks looks() {
  CoreSample now;
  now.instance = "desk";
  now.state = CoreState::running;
  now.epoch = 7;
  now.pid = 4242;
  now.sampled_ns = kNow;
  now.heartbeat_ns = kNow - kSecond / 10;
  now.engine_ns = kNow;
  now.inputs = 21'000;
  now.events_head = 90'000;
  now.durable = 89'958;
  for (const char* name : {"journal", "venue", "engine", "feed"}) {
    now.threads.push_back({name, shm::ThreadState::running, 1, 20'000, 60'000, kNow});
  }
  now.threads[3].cpu = -1;
  for (const char* name : {"events", "ticks", "venue", "reports"}) {
    now.streams.push_back({name, 1'048'576, 90'000, 3, {{"journal", 42}, {"report", 7}}});
  }
  for (const std::string_view name : shm::kStageNames) {
    now.stages.push_back({std::string(name), 21'000, 250, 1'800, 45'000, 2'000'000});
  }
  now.instruments = {quoted("XAUUSD@oanda", 3, 500), held(quoted("BTCUSD@sim", 1, 9'000), -2, 10, -75),
                     held(quoted("ETHUSD@sim", 2, 700), 0, 25, 0), quoted("EURUSD@oanda", 0, 20)};
  for (InstrumentSample& row : now.instruments) {
    row.risk = RiskSample{{{row.quantity_e9, 0, kE9}, 12 * kE9, 5 * kE9, 5 * kSecond, 10, 4, kNow}};
  }
  now.gate = {0, static_cast<std::uint32_t>(RiskRule::throttle), 1'200, 34, kNow - 2 * kSecond, kNow, {}};
  now.models = {{0, 3, shm::ModelState::active, "a1b2c3d4e5f6",
                 SeenPrediction{-0.25f, PredictionState::valid, 1, kNow - kSecond}}};
  now.counters = {{"feed.bad_rows", 17}, {"feed.quiet", 0}};
  CoreSample earlier = now;
  earlier.sampled_ns -= kSecond;
  earlier.inputs -= 1'234;
  earlier.events_head -= 5'678;
  earlier.threads[2].work -= 250;
  earlier.threads[2].idle -= 750;
  return {now, earlier};
}

std::string text_of(const Frame& frame) {
  std::string text;
  for (const FrameLine& line : frame) text += line.text + '\n';
  return text;
}

std::string frame_text(const Looks& looks, const FrameOptions& options) {
  return text_of(render_frame(looks.now, looks.earlier, options));
}

// Empty where the frame keeps what every frame must.
std::string faults_of(const Frame& frame, const FrameOptions& options) {
  if (!options.is_page && frame.size() > options.height) return "more lines than the screen has";
  for (const FrameLine& line : frame) {
    if (line.text.size() > options.width) return "too long: " + line.text;
    for (const char byte : line.text) {
      if (byte < 0x20 || byte > 0x7e) return "a byte that is not printable ASCII: " + line.text;
    }
  }
  return {};
}

TEST(Frame, has_every_section_at_80_by_24_and_at_200_by_60) {
  for (const auto& [width, height] : {std::pair{80, 24}, {200, 60}}) {
    FrameOptions options;
    options.width = static_cast<std::size_t>(width);
    options.height = static_cast<std::size_t>(height);
    const Frame frame = render_frame(looks().now, looks().earlier, options);
    EXPECT_EQ(faults_of(frame, options), "");
    EXPECT_EQ(frame.size(), options.height) << "the keys stand on the last line";
    const std::string text = text_of(frame);
    for (const char* part : {"THREADS", "STREAMS", "LATENCY", "QUOTES", "POSITIONS", "ERRORS none", "q quit"}) {
      EXPECT_THAT(text, HasSubstr(part)) << text;
    }
    EXPECT_THAT(text, HasSubstr("desk  epoch 7  running  pid 4242"));
    EXPECT_THAT(text, HasSubstr("ticks/s 1,234  events/s 5,678"));
    EXPECT_THAT(text, HasSubstr("not durable 42"));
    EXPECT_THAT(text, HasSubstr("25.0 %")) << "the engine did 250 things in 1,000 turns";
    EXPECT_THAT(text, HasSubstr("journal 42, report 7"));
    EXPECT_THAT(text, HasSubstr("tick_to_intent"));
    EXPECT_THAT(text, HasSubstr("COUNTERS feed.bad_rows 17"));
    EXPECT_THAT(text, Not(HasSubstr("feed.quiet")));
    EXPECT_THAT(text, HasSubstr("BTCUSD@sim"));
    EXPECT_THAT(text, HasSubstr("RISK gate open  intents 1,200  rejects 34, last throttle 2.0 s ago"));
    EXPECT_THAT(text, HasSubstr("MODEL 0 v3 active a1b2c3d4e5f6  score -0.2500 valid  BTCUSD@sim  1.0 s ago"));
  }
}

TEST(Frame, shows_how_far_each_instrument_is_from_its_limits) {
  // -2 held and 1 more being sold of at most 12: 25 %; 4 orders of 10 in the last second are more.
  const std::string small = frame_text(looks(), {});
  EXPECT_THAT(small, testing::ContainsRegex("BTCUSD@sim .* -75.00 +40%\n"));
  EXPECT_THAT(small, Not(HasSubstr("LIMITS")));
  FrameOptions large;
  large.width = 200;
  large.height = 50;
  Looks at = looks();
  const std::string text = frame_text(at, large);
  EXPECT_THAT(text, testing::ContainsRegex("LIMITS +position +of at most +order most +orders/s of +quote age +used\n"));
  EXPECT_THAT(text, testing::ContainsRegex("BTCUSD@sim +3 +12 +5 +4/10 +5.0 s +40%\n"));
  at.now.instruments[1].risk->standing.orders_in_second = 0;
  EXPECT_THAT(frame_text(at, large), testing::ContainsRegex("BTCUSD@sim +3 +12 +5 +0/10 +5.0 s +25%\n"));
  at.now.instruments[1].risk->standing.max_position_e9 = -1;
  EXPECT_THAT(frame_text(at, large), testing::ContainsRegex("BTCUSD@sim +3 +none +5 +0/10 +5.0 s +none\n"));
}

TEST(Frame, a_gate_that_lets_nothing_pass_is_red) {
  Looks latched = looks();
  const auto gate_line = [&] {
    const Frame frame = render_frame(latched.now, latched.earlier, {});
    return *std::ranges::find_if(frame, [](const FrameLine& line) { return line.text.starts_with("RISK"); });
  };
  EXPECT_EQ(gate_line().style, LineStyle::heading);
  latched.now.gate.flags = shm::kGateKilled | shm::kGateFlattening;
  EXPECT_EQ(gate_line().style, LineStyle::alert);
  EXPECT_THAT(gate_line().text, HasSubstr("RISK gate KILLED FLATTENING  intents"));
}

TEST(Frame, an_overtaken_monitor_says_so) {
  Looks lapped = looks();
  EXPECT_THAT(frame_text(lapped, {}), Not(HasSubstr("overtook")));
  lapped.now.observer = {100, 0, 2, 70'000};
  const std::string text = frame_text(lapped, {});
  EXPECT_THAT(text, HasSubstr("the core overtook this monitor 2 times: 70,000 events missed"));
  EXPECT_THAT(text, testing::ContainsRegex("events +2\\^20 +90,000 +[0-9,]+ +42 +3 +2  journal 42"));
}

TEST(Frame, keeps_to_any_size) {
  for (std::size_t width = 1; width < 130; width += 3) {
    for (std::size_t height = 1; height < 70; height += 2) {
      FrameOptions options;
      options.width = width;
      options.height = height;
      options.shows_help = width % 2 == 0;
      const Frame frame = render_frame(looks().now, looks().earlier, options);
      ASSERT_EQ(faults_of(frame, options), "") << width << "x" << height;
    }
  }
}

TEST(Frame, a_line_that_is_cut_says_so) {
  FrameOptions options;
  options.width = 40;
  const Frame frame = render_frame(looks().now, looks().earlier, options);
  EXPECT_THAT(text_of(frame), HasSubstr(">\n"));
  options.width = 80;
  EXPECT_THAT(frame_text(looks(), options), Not(HasSubstr(">\n"))) << "80 columns are enough";
  options.width = 117;
  EXPECT_THAT(frame_text(looks(), options), testing::AllOf(HasSubstr("ticks/s  "), Not(HasSubstr(">\n"))));
}

TEST(Frame, hostile_names_and_numbers_cannot_steer_the_terminal) {
  Looks hostile = looks();
  const std::string evil = "\x1b[2J\x07\r\n\xc2\x9b" + std::string(300, 'x');
  CoreSample& now = hostile.now;
  now.instance = evil;
  now.threads[0].name = evil;
  now.threads[1].state = static_cast<shm::ThreadState>(99);
  now.threads[1].cpu = std::numeric_limits<std::int32_t>::min();
  now.threads[1].last_progress_ns = std::numeric_limits<std::int64_t>::min();
  now.streams[0].name = evil;
  now.streams[0].gates[0] = {evil, std::numeric_limits<std::uint64_t>::max()};
  now.streams[0].capacity = std::numeric_limits<std::uint64_t>::max();
  now.stages[0].p50_ns = std::numeric_limits<std::uint64_t>::max();
  now.counters[0] = {evil, std::numeric_limits<std::uint64_t>::max()};
  now.instruments[0].name = evil;
  now.instruments[1].bid_e9 = std::numeric_limits<std::int64_t>::min();
  now.instruments[1].quote_ns = std::numeric_limits<std::int64_t>::min();
  now.instruments[1].realised_e18 = static_cast<i128>(1) << 126;
  now.heartbeat_ns = std::numeric_limits<std::int64_t>::min();
  now.gate = {~0u, ~0u, ~std::uint64_t{0}, ~std::uint64_t{0}, std::numeric_limits<std::int64_t>::min(), 0, {}};
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  now.instruments[1].risk = RiskSample{{{kLeast, kLeast, kLeast}, kLeast, kLeast, kLeast, kLeast, kLeast, kLeast}};
  now.instruments[2].risk->standing.max_position_e9 = 0;
  now.models[0].sha256 = evil;
  now.models[0].state = static_cast<shm::ModelState>(77);
  now.models[0].last = SeenPrediction{std::numeric_limits<float>::max(), static_cast<PredictionState>(9), 1, kLeast};
  now.observer = {~std::uint64_t{0}, ~std::uint64_t{0}, ~std::uint64_t{0}, ~std::uint64_t{0}};
  for (const std::size_t width : {std::size_t{80}, std::size_t{200}}) {
    FrameOptions options;
    options.width = width;
    options.filter = "";
    EXPECT_EQ(faults_of(render_frame(now, hostile.earlier, options), options), "");
    options.filter = evil;
    options.note = evil;
    EXPECT_EQ(faults_of(render_frame(now, hostile.earlier, options), options), "");
  }
  Frame planted = {{"a\x1b[2J", LineStyle::plain}};
  EXPECT_NE(faults_of(planted, {}), "") << "the check itself sees an escape byte";
}

TEST(Frame, a_number_that_does_not_fit_is_not_cut) {
  Looks wide = looks();
  wide.now.instruments[1].realised_e18 = static_cast<i128>(123'456'789'012) * kE9 * kE9;
  const std::string text = frame_text(wide, {});
  EXPECT_THAT(text, Not(HasSubstr("1234567890"))) << text;
  EXPECT_THAT(text, HasSubstr("##########")) << text;
}

std::vector<std::string> order_of(QuoteSort sort) {
  FrameOptions options;
  options.height = 60;
  options.sort = sort;
  const std::string text = frame_text(looks(), options);
  std::vector<std::string> names = {"XAUUSD@oanda", "BTCUSD@sim", "ETHUSD@sim", "EURUSD@oanda"};
  std::ranges::sort(names, {}, [&](const std::string& name) { return text.find(name); });
  return names;
}

TEST(Frame, quotes_are_sorted_as_asked) {
  using testing::ElementsAre;
  EXPECT_THAT(order_of(QuoteSort::name), ElementsAre("BTCUSD@sim", "ETHUSD@sim", "EURUSD@oanda", "XAUUSD@oanda"));
  EXPECT_THAT(order_of(QuoteSort::age), ElementsAre("XAUUSD@oanda", "ETHUSD@sim", "BTCUSD@sim", "EURUSD@oanda"));
  EXPECT_THAT(order_of(QuoteSort::ticks), ElementsAre("BTCUSD@sim", "ETHUSD@sim", "XAUUSD@oanda", "EURUSD@oanda"));
  EXPECT_THAT(order_of(QuoteSort::position), ElementsAre("BTCUSD@sim", "ETHUSD@sim", "EURUSD@oanda", "XAUUSD@oanda"));
}

TEST(Frame, a_filter_shows_only_what_contains_it) {
  FrameOptions options;
  options.filter = "oaNDa";
  const std::string text = frame_text(looks(), options);
  EXPECT_THAT(text, HasSubstr("XAUUSD@oanda"));
  EXPECT_THAT(text, Not(HasSubstr("\nBTCUSD@sim")));
  options.filter = "nothing";
  EXPECT_THAT(frame_text(looks(), options), HasSubstr("no instrument matches \"nothing\""));
}

TEST(Frame, instruments_without_room_are_counted) {
  Looks many = looks();
  for (int i = 0; i < 300; ++i) many.now.instruments.push_back(quoted(fmt::format("M{}", i), 1, 1));
  const std::string text = frame_text(many, {});
  EXPECT_THAT(text, HasSubstr(" more (/ filters, s sorts)")) << text;
  FrameOptions page;
  page.is_page = true;
  EXPECT_THAT(frame_text(many, page), HasSubstr("M299"));
}

TEST(Frame, an_ill_core_is_said_to_be_so) {
  Looks ill = looks();
  EXPECT_EQ(render_frame(ill.now, ill.earlier, {})[0].style, LineStyle::heading);
  ill.now.heartbeat_ns = kNow - 12 * kSecond;
  EXPECT_THAT(frame_text(ill, {}), HasSubstr("the core is alive but gave no heartbeat for 12 s"));
  EXPECT_EQ(render_frame(ill.now, ill.earlier, {})[0].style, LineStyle::alert);
  ill.now.state = CoreState::dead;
  EXPECT_THAT(frame_text(ill, {}), HasSubstr("the core died: its last heartbeat was 12 s ago"));
  ill.now.state = CoreState::stale;
  EXPECT_THAT(frame_text(ill, {}), HasSubstr("waiting for the next epoch"));
  ill = looks();
  ill.now.instruments[0].quote_flags = shm::kQuoteCrossed;
  FrameOptions page;
  page.is_page = true;
  page.width = 132;
  EXPECT_THAT(frame_text(ill, page), HasSubstr(" crossed\n"));
  ill.now.threads[0].state = shm::ThreadState::failed;
  ill.now.unreadable = 2;
  ill.now.streams[0].gates[0].lag = 600'000;
  const std::string text = frame_text(ill, {});
  EXPECT_THAT(text, HasSubstr("thread journal failed"));
  EXPECT_THAT(text, HasSubstr("2 rows could not be read whole"));
  EXPECT_THAT(text, HasSubstr("stream events is 57 % full"));
}

TEST(Frame, rates_across_epochs_are_not_shown) {
  Looks restarted = looks();
  restarted.earlier.epoch = 6;
  EXPECT_THAT(frame_text(restarted, {}), HasSubstr("ticks/s -"));
}

TEST(Unrealised, is_taken_at_the_touch_and_never_gains_by_a_crossed_quote) {
  const auto money = [](std::int64_t units) { return static_cast<i128>(units) * kE9 * kE9; };
  // Two bought at 100, the first of four sold at the same price: 50 realised stay out of it.
  const auto of = [&](std::int64_t units, std::int64_t cost, std::int64_t bid, std::int64_t ask) {
    const WideWords open = to_words(money(cost));
    const WideWords realised = to_words(money(50));
    return unrealised_at_touch({units * kE9, open.low, open.high, realised.low, realised.high},
                               {bid * kE9, ask * kE9, kNow});
  };
  EXPECT_EQ(of(2, 200, 101, 103), money(2));
  EXPECT_EQ(of(-2, -200, 97, 99), money(2));
  EXPECT_EQ(of(2, 200, 103, 101), money(2));
  EXPECT_EQ(of(-2, -200, 99, 97), money(2));
  EXPECT_EQ(of(0, 0, 0, 0), money(0)) << "nothing is held: no quote is needed";
  EXPECT_EQ(of(2, 200, 0, 0), std::nullopt) << "without a quote";
  EXPECT_EQ(of(2, -200, 101, 103), std::nullopt) << "no fills lead to a negative cost of something held";
}

TEST(SampleWindow, rates_are_of_a_second_and_of_one_epoch) {
  SampleWindow window;
  CoreSample sample = looks().now;
  for (int i = 0; i < 50; ++i) {
    sample.sampled_ns += kSecond / 10;
    window.add(sample);
  }
  EXPECT_EQ(window.newest().sampled_ns - window.earlier().sampled_ns, kSecond);
  sample.epoch += 1;
  window.add(sample);
  EXPECT_EQ(window.earlier().epoch, sample.epoch);
}

TEST(Keys, do_what_the_help_says) {
  FrameOptions options;
  EXPECT_TRUE(apply_key('p', options));
  EXPECT_TRUE(options.is_paused);
  EXPECT_TRUE(apply_key('h', options));
  EXPECT_TRUE(options.shows_help);
  for (const QuoteSort sort : {QuoteSort::age, QuoteSort::ticks, QuoteSort::position, QuoteSort::name}) {
    apply_key('s', options);
    EXPECT_EQ(options.sort, sort);
  }
  for (const char key : std::string_view("/qx\x7f\x01")) EXPECT_TRUE(apply_key(key, options));
  EXPECT_EQ(options.filter, "q") << "what is typed is no command";
  apply_key('\r', options);
  EXPECT_FALSE(options.is_typing_filter);
  EXPECT_EQ(options.filter, "q");
  apply_key('/', options);
  apply_key('\x1b', options);
  EXPECT_EQ(options.filter, "");
  EXPECT_FALSE(apply_key('q', options));
}

TEST(Screen, sends_only_lines_that_changed) {
  Screen screen;
  Frame frame = {{"one", LineStyle::plain}, {"two", LineStyle::bar}, {"three", LineStyle::plain}};
  EXPECT_THAT(screen.update(frame), testing::AllOf(HasSubstr("\x1b[2J"), HasSubstr("one"), HasSubstr("\x1b[7mtwo")));
  EXPECT_EQ(screen.update(frame), "");
  frame[1].text = "2";
  EXPECT_EQ(screen.update(frame), "\x1b[2;1H\x1b[K\x1b[7m2\x1b[0m");
  frame.pop_back();
  EXPECT_EQ(screen.update(frame), "\x1b[3;1H\x1b[K");
  screen.invalidate();
  EXPECT_THAT(screen.update(frame), HasSubstr("one"));
}

constexpr const char* kEnterScreen = "\x1b[?1049h";
constexpr const char* kLeaveScreen = "\x1b[?1049l";

TEST(Top, draws_follows_keys_sizes_and_restarts_and_gives_the_terminal_back) {
  LiveCore core;
  Pty top(core.watched_by("top"), 80, 24);
  EXPECT_TRUE(top.shows(kEnterScreen));
  EXPECT_TRUE(top.shows("BTCUSD")) << top.seen();
  EXPECT_TRUE(top.shows("engine"));
  EXPECT_TRUE(top.is_raw());
  top.type("s");
  EXPECT_TRUE(top.shows("s sort: age"));
  top.type("/eth\r");
  EXPECT_TRUE(top.shows("filter: eth"));
  top.type("h");
  EXPECT_TRUE(top.shows("this page"));
  top.type("h");
  top.forget();
  top.resize(120, 40);
  EXPECT_TRUE(top.shows("\x1b[2J"));
  EXPECT_TRUE(top.shows("\x1b[40;1H")) << "the keys are on the last of 40 lines";
  core.daemon().signal(SIGKILL);
  EXPECT_TRUE(top.shows("the core died"));
  core.start(2);
  EXPECT_TRUE(top.shows("attached to epoch 2"));
  top.type("q");
  EXPECT_EQ(top.wait(), 0);
  EXPECT_TRUE(top.shows(kLeaveScreen));
  EXPECT_TRUE(top.is_as_before());
}

TEST(Top, signals_give_the_terminal_back_too) {
  LiveCore core;
  for (const auto& [number, exit_code] : {std::pair{SIGTERM, 0}, {SIGINT, 0}, {SIGHUP, 0}, {SIGBUS, 128 + SIGBUS}}) {
    Pty top(core.watched_by("top"), 80, 24);
    EXPECT_TRUE(top.shows("BTCUSD")) << top.seen();
    EXPECT_FALSE(top.is_as_before());
    top.signal(number);
    EXPECT_EQ(top.wait(), exit_code);
    EXPECT_THAT(top.seen(), HasSubstr(kLeaveScreen)) << number;
    EXPECT_TRUE(top.is_as_before()) << number;
  }
}

TEST(Top, once_prints_a_page_without_control_codes) {
  LiveCore core;
  const ProcessResult page = run_thintail(core.watched_by("top", {"--once"}));
  EXPECT_EQ(page.exit_code, 0) << page.err;
  EXPECT_EQ(page.out.find('\x1b'), std::string::npos);
  for (const char* part : {"running", "THREADS", "engine", "STREAMS", "LATENCY", "QUOTES", "BTCUSD", "ETHUSD"}) {
    EXPECT_THAT(page.out, HasSubstr(part));
  }
}

TEST(Top, without_a_core_or_a_terminal_it_says_so) {
  const ProcessResult absent = run_thintail({"top", "--instance", "nobody", "--shm-directory", "/tmp"});
  EXPECT_EQ(absent.exit_code, 1);
  EXPECT_THAT(absent.err, HasSubstr("TT-0303"));
  LiveCore core;
  const ProcessResult piped = run_thintail(core.watched_by("top"));
  EXPECT_EQ(piped.exit_code, 64);
  EXPECT_THAT(piped.err, HasSubstr("--once prints one frame into a pipe"));
}

TEST(Stat, tells_the_same_of_the_same_core) {
  LiveCore core;
  const ProcessResult stat = run_thintail(core.watched_by("stat", {"--json", "--count", "1", "--interval", "100ms"}));
  EXPECT_EQ(stat.exit_code, 0) << stat.err;
  const auto seen = nlohmann::json::parse(stat.out);
  EXPECT_EQ(seen["schema"], "thintail-stat/1");
  EXPECT_EQ(seen["state"], "running");
  EXPECT_EQ(seen["epoch"], 1);
  EXPECT_EQ(seen["threads"].size(), 4u);
  EXPECT_EQ(seen["quotes"].size(), 2u);
  EXPECT_GT(seen["latency_ns"]["tick_to_intent"]["p99"].get<int>(), 0);
  const ProcessResult line = run_thintail(core.watched_by("stat", {"--count", "1", "--interval", "100ms"}));
  EXPECT_THAT(line.out,
              testing::AllOf(HasSubstr("running epoch 1"), HasSubstr("tick-to-intent p50"), HasSubstr("BTCUSD")));
}

}  // namespace
}  // namespace thintail::test
