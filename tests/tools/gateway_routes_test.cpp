// SPDX-License-Identifier: Apache-2.0
// What single routes say, over a model made by hand: where bars begin, which pack made a prediction, how trades page.
#include "tools/gateway/routes.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/time/zone.hpp"
#include "tools/gateway/json_views.hpp"
#include "tools/gateway/thread_cpu.hpp"

namespace thintail::gateway {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kStart = 1'398'988'800 * kSecond;  // 2014-05-02 00:00 UTC

Sha256Digest digest_of(std::uint8_t first) {
  Sha256Digest digest{};
  digest[0] = first;
  return digest;
}

// A model fed by hand, and the routes over it.
class RoutesTest : public ::testing::Test {
 protected:
  RoutesTest() {
    parts_.model = &model_;
    parts_.instance = "default";
    parts_.facts = [] { return GatewayFacts{}; };
    routes_ = gateway_routes(parts_);
    take(Event::make(kStart, kNoInstrument, Session{SessionState::started, 0, 1, 0, {}}, kFlagSimulated));
    model_.write([](CoreModel& model) {
      model.add_instrument(0, "XAUUSD@oanda", 3, 1'000'000, CalendarId::gold);
      model.add_instrument(1, "EURUSD@fxcm", 5, 10'000, CalendarId::fx);
      model.add_instrument(2, "GBPUSD@fxcm", 5, 10'000, CalendarId::fx);
    });
  }
  void take(const Event& made) {
    Event event = made;
    event.sequence = ++sequence_;
    model_.write([&](CoreModel& model) { model.take(event); });
  }
  void tick(std::int64_t time_ns, std::int64_t mid, std::uint32_t id = 0) {
    take(Event::make(time_ns, id, Tick{(mid - 1) * kE9, (mid + 1) * kE9, 0, 0, time_ns, 0}));
  }
  void predict(std::int64_t time_ns, std::uint16_t slot) {
    take(Event::make(time_ns, 0, Prediction{sequence_, 0, 1.5f, 0.2f, 32, slot, PredictionState::valid, 0},
                     kFlagOutput));
  }
  void put_model(std::int64_t time_ns, std::uint16_t slot, std::uint32_t version, std::uint8_t first) {
    take(Event::make(time_ns, kNoInstrument, Model{slot, ModelStage::live, version, digest_of(first)}));
  }
  void tell_table(std::uint32_t slot, std::uint32_t version, std::uint8_t first, std::int64_t since_ns,
                  std::uint64_t head = 0) {
    CoreSample sample;
    sample.epoch = 1;
    sample.events_head = head;
    ModelSample row;
    row.slot = slot;
    row.version = version;
    row.state = shm::ModelState::active;
    row.digest = digest_of(first);
    row.since_ns = since_ns;
    sample.models.push_back(row);
    model_.write([&](CoreModel& model) { model.take_sample(sample); });
  }
  void learn(std::uint8_t first, std::int64_t horizon_ns) {
    ModelFacts facts;
    facts.name = fmt::format("{}.ttm", first);
    facts.horizon_ns = horizon_ns;
    model_.write([&](CoreModel& model) { model.learn(digest_of(first), std::make_shared<const ModelFacts>(facts)); });
  }
  // The first byte of what made the newest prediction; nothing: not known.
  std::optional<std::uint8_t> maker() const {
    return model_.read([](const CoreModel& model) -> std::optional<std::uint8_t> {
      const ModelRecord* record = model.model_of(*model.instruments[0].prediction);
      return record == nullptr ? std::nullopt : std::optional(record->digest[0]);
    });
  }
  Json newest_prediction() const {
    return model_.read([](const CoreModel& model) {
      return prediction_json(model, model.instruments[0], *model.instruments[0].prediction);
    });
  }
  void fill(std::int64_t time_ns, Side side, std::uint32_t id) {
    take(Event::make(time_ns, id, Fill{++orders_, 100 * kE9, kE9, 0, side, 1, 1, 1}));
  }
  http::Response call(http::Method method, std::string_view pattern,
                      std::vector<std::pair<std::string, std::string>> query = {}) {
    const auto route = std::ranges::find_if(
        routes_, [&](const http::Route& one) { return one.method == method && one.pattern == pattern; });
    if (route == routes_.end()) return http::Response::text("no such route", "text/plain", 404);
    http::Request request;
    request.query = std::move(query);
    request.principal.role = http::Role::admin;
    return route->handler(request);
  }
  std::vector<std::string> trade_ids(const nlohmann::json& page) {
    std::vector<std::string> ids;
    for (const auto& item : page["items"]) ids.push_back(item["id"]);
    return ids;
  }

  SharedModel model_;
  Parts parts_;
  std::vector<http::Route> routes_;
  std::uint64_t sequence_ = 0;
  std::uint64_t orders_ = 0;
};

TEST(BarStart, each_bar_begins_where_the_one_before_ends_all_year) {
  const Zone& zone = Zone::new_york();
  for (const BarPeriod period : {BarPeriod::m1, BarPeriod::h1, BarPeriod::h4, BarPeriod::d1}) {
    const int count = period == BarPeriod::m1 ? 3'000 : 366 * 24;
    std::int64_t end_ns = period_end_ns(period, 1'388'534'400 * kSecond, zone);  // 2014-01-01
    for (int i = 0; i < count && end_ns < 1'420'070'400 * kSecond; ++i) {
      const std::int64_t next_ns = period_end_ns(period, end_ns, zone);
      ASSERT_EQ(bar_start_ns(period, next_ns), end_ns) << kBarPeriodNames[static_cast<std::size_t>(period)];
      end_ns = next_ns;
    }
  }
}

TEST(BarStart, the_days_on_which_new_yorks_clocks_change_have_23_and_25_hours) {
  constexpr std::int64_t kHour = 3'600 * kSecond;
  const std::int64_t spring_end = 1'394'398'800 * kSecond;  // 2014-03-09 21:00 UTC, 17:00 New York
  const std::int64_t autumn_end = 1'414'965'600 * kSecond;  // 2014-11-02 22:00 UTC, 17:00 New York
  EXPECT_EQ(spring_end - bar_start_ns(BarPeriod::d1, spring_end), 23 * kHour);
  EXPECT_EQ(autumn_end - bar_start_ns(BarPeriod::d1, autumn_end), 25 * kHour);
  EXPECT_EQ(spring_end - 12 * kHour - bar_start_ns(BarPeriod::h4, spring_end - 12 * kHour), 3 * kHour);
  EXPECT_EQ(autumn_end - 12 * kHour - bar_start_ns(BarPeriod::h4, autumn_end - 12 * kHour), 5 * kHour);
}

TEST_F(RoutesTest, a_prediction_names_the_pack_that_was_in_its_slot_then) {
  put_model(kStart, 0, 1, 0xA);
  tick(kStart, 100);
  predict(kStart, 0);
  EXPECT_EQ(maker(), 0xA);
  const Json first = newest_prediction();
  EXPECT_EQ(first["model_sha256"].get<std::string>().size(), 64u);
  EXPECT_EQ(first["model_sha256"], "0a" + std::string(62, '0'));
  EXPECT_TRUE(first["horizon_ns"].is_null());
  EXPECT_TRUE(first["model_reason"].is_string()) << "nobody has loaded it";
  put_model(kStart + kSecond, 1, 2, 0xB);
  predict(kStart + kSecond, 1);
  EXPECT_EQ(maker(), 0xB);
  put_model(kStart + 2 * kSecond, 0, 3, 0xC);
  predict(kStart + 2 * kSecond, 0);
  EXPECT_EQ(maker(), 0xC) << "the slot is another's now";
  learn(0xC, kSecond);
  EXPECT_EQ(newest_prediction()["horizon_ns"], std::to_string(kSecond));
  EXPECT_TRUE(newest_prediction()["model_reason"].is_null());
  model_.read([](const CoreModel& model) {
    const auto& rows = model.instruments[0].predictions;
    ASSERT_EQ(rows.size(), 3u);
    EXPECT_EQ(model.model_of(rows[0])->digest[0], 0xA) << "what was in force before keeps its name";
    EXPECT_EQ(model.model_of(rows[1])->digest[0], 0xB);
  });
}

TEST_F(RoutesTest, after_missed_events_no_pack_is_named_until_the_cores_table_tells) {
  put_model(kStart, 0, 1, 0xA);
  tick(kStart, 100);
  model_.write([](CoreModel& model) { model.miss(5); });
  sequence_ += 5;
  predict(kStart + kSecond, 0);
  EXPECT_EQ(maker(), std::nullopt) << "one of the five may have been a swap";
  EXPECT_TRUE(newest_prediction()["model_sha256"].is_null());
  EXPECT_TRUE(newest_prediction()["model_reason"].is_string());
  tell_table(0, 1, 0xA, kStart);
  predict(kStart + 2 * kSecond, 0);
  EXPECT_EQ(maker(), 0xA) << "the same version: nothing was put there meanwhile";
  sequence_ += 7;  // a journal that was read from its middle on
  tell_table(0, 5, 0xD, kStart + 10 * kSecond);
  predict(kStart + 3 * kSecond, 0);
  EXPECT_EQ(maker(), std::nullopt) << "the slot was sure until the numbers jumped";
  tell_table(0, 5, 0xD, kStart + 10 * kSecond);
  predict(kStart + 9 * kSecond, 0);
  EXPECT_EQ(maker(), std::nullopt) << "older than the pack that the table names";
  predict(kStart + 11 * kSecond, 0);
  EXPECT_EQ(maker(), 0xD);
}

TEST_F(RoutesTest, history_whose_beginning_was_not_read_is_named_by_a_table_that_was_looked_at_later) {
  tell_table(0, 5, 0xD, kStart + 10 * kSecond, 1'000);
  put_model(kStart, 0, 1, 0xA);  // the journal's beginning
  sequence_ += 500;              // and its end
  predict(kStart + 9 * kSecond, 0);
  EXPECT_EQ(maker(), std::nullopt);
  predict(kStart + 11 * kSecond, 0);
  EXPECT_EQ(maker(), 0xD);
  sequence_ += 500;
  predict(kStart + 12 * kSecond, 0);
  EXPECT_EQ(maker(), std::nullopt) << "it came after the look, and something before it is missing";
}

TEST_F(RoutesTest, a_horizon_that_is_learned_late_judges_by_the_first_mid_after_it) {
  put_model(kStart, 0, 1, 0xA);
  tick(kStart, 100);
  predict(kStart, 0);
  tick(kStart + 59 * kSecond, 200);
  tick(kStart + 60 * kSecond, 101);
  tick(kStart + 61 * kSecond, 300);
  EXPECT_TRUE(newest_prediction()["realised"].is_null());
  learn(0xA, 60 * kSecond);
  EXPECT_EQ(newest_prediction()["outcome"], "right");
  model_.read([](const CoreModel& model) {
    const PredictionRow& row = model.instruments[0].predictions.front();
    ASSERT_TRUE(row.realised.has_value());
    EXPECT_NEAR(*row.realised, 100.0, 1e-9);
    EXPECT_EQ(model.models.front().judged.right, 1u);
  });
}

TEST_F(RoutesTest, two_models_with_other_horizons_are_judged_each_by_its_own) {
  put_model(kStart, 0, 1, 0xA);
  learn(0xA, 60 * kSecond);
  tick(kStart, 100);
  predict(kStart, 0);
  put_model(kStart + kSecond, 1, 2, 0xB);
  learn(0xB, 5 * kSecond);
  predict(kStart + kSecond, 1);
  tick(kStart + 6 * kSecond, 102);
  model_.read([](const CoreModel& model) {
    const auto& rows = model.instruments[0].predictions;
    EXPECT_FALSE(rows[0].realised.has_value());
    ASSERT_TRUE(rows[1].realised.has_value()) << "the shorter horizon does not wait for the longer one";
    EXPECT_NEAR(*rows[1].realised, 200.0, 1e-9);
  });
}

TEST_F(RoutesTest, trades_are_listed_in_the_order_in_which_they_closed_the_open_ones_last) {
  fill(kStart + 1, Side::buy, 0);   // trade 1
  fill(kStart + 2, Side::buy, 1);   // trade 2
  fill(kStart + 3, Side::sell, 1);  // closes 2
  fill(kStart + 4, Side::buy, 2);   // trade 3
  fill(kStart + 5, Side::sell, 0);  // closes 1
  const auto page = nlohmann::json::parse(call(http::Method::get, "/api/v1/trades").body);
  EXPECT_EQ(trade_ids(page), (std::vector<std::string>{"2", "1", "3"}));
  EXPECT_EQ(page["items"][2]["open"], true);
  EXPECT_EQ(page["summary"]["count"], 2);
}

TEST_F(RoutesTest, no_trade_is_passed_over_while_others_close_between_the_pages) {
  constexpr std::uint32_t kIds = 3;
  std::set<std::string> all;
  for (int round = 0; round < 10; ++round) {
    for (std::uint32_t id = 0; id < kIds; ++id) fill(kStart + sequence_ * 1'000, Side::buy, id);
    for (std::uint32_t id = kIds; id-- > 0;) fill(kStart + sequence_ * 1'000, Side::sell, id);
  }
  for (std::uint32_t id = 0; id < kIds; ++id) fill(kStart + sequence_ * 1'000, Side::buy, id);
  for (int id = 1; id <= 33; ++id) all.insert(std::to_string(id));
  std::set<std::string> seen;
  std::vector<std::pair<std::string, std::string>> query = {{"limit", "2"}};
  std::uint32_t closing = 0;
  for (int pages = 0; pages < 40; ++pages) {
    const auto page = nlohmann::json::parse(call(http::Method::get, "/api/v1/trades", query).body);
    for (const std::string& id : trade_ids(page)) seen.insert(id);
    if (page["next_cursor"].is_null()) break;
    query = {{"limit", "2"}, {"cursor", page["next_cursor"]}};
    if (closing < kIds) fill(kStart + sequence_ * 1'000, Side::sell, closing++);
  }
  EXPECT_EQ(seen, all);
}

TEST_F(RoutesTest, trades_as_csv_are_all_of_them_unless_somebody_says_how_many) {
  constexpr int kTrades = 700;  // more than a page has where nobody says
  for (int i = 0; i < kTrades; ++i) {
    fill(kStart + 2 * i, Side::buy, 0);
    fill(kStart + 2 * i + 1, Side::sell, 0);
  }
  const auto lines = [](const http::Response& reply) { return std::ranges::count(reply.body, '\n'); };
  const auto next_of = [](const http::Response& reply) {
    const auto found = std::ranges::find(reply.headers, "Next-Cursor", &http::Field::name);
    return found == reply.headers.end() ? std::string() : found->value;
  };
  const auto all = call(http::Method::get, "/api/v1/trades", {{"format", "csv"}});
  EXPECT_EQ(lines(all), kTrades + 1) << "and the heading";
  EXPECT_EQ(next_of(all), "");
  const auto first = call(http::Method::get, "/api/v1/trades", {{"format", "csv"}, {"limit", "400"}});
  EXPECT_EQ(lines(first), 401);
  ASSERT_NE(next_of(first), "");
  const auto last =
      call(http::Method::get, "/api/v1/trades", {{"format", "csv"}, {"limit", "400"}, {"cursor", next_of(first)}});
  EXPECT_EQ(lines(last), 301);
  EXPECT_EQ(next_of(last), "");
}

TEST(ThreadShares, are_what_each_thread_took_between_two_looks_at_one_process) {
  ThreadShares shares;
  shares.take(7, 100 * kSecond, {{"engine", 40, 10}, {"feed", 5, 0}});
  EXPECT_TRUE(shares.shares().empty()) << "one look tells nothing";
  shares.take(7, 102 * kSecond, {{"engine", 41, 10.5}, {"feed", 5, 0}, {"venue", 1, 1}});
  EXPECT_EQ(shares.shares(), (std::map<std::string, double>{{"engine", 0.75}, {"feed", 0.0}}));
  shares.take(7, 103 * kSecond, {{"feed", 4, 0}});
  EXPECT_EQ(shares.shares(), (std::map<std::string, double>{{"feed", 0.0}})) << "never below nothing";
  shares.take(8, 104 * kSecond, {{"feed", 9, 0}});
  EXPECT_TRUE(shares.shares().empty()) << "another process";
}

TEST_F(RoutesTest, the_status_has_what_threads_take_of_a_core_and_the_breakers) {
  model_.write([](CoreModel& model) {
    CoreSample sample;
    sample.epoch = 1;
    sample.threads = {{.name = "engine"}, {.name = "a name of many letters"}, {.name = "venue"}};
    model.take_sample(sample);
  });
  parts_.facts = [] {
    GatewayFacts facts;
    facts.cpu_shares = {{"engine", 0.5}, {"a name of many ", 0.25}};
    facts.breakers = {{.upstream = "core", .phase = BreakerPhase::half_open, .failures = 3, .opened = 2, .refused = 9}};
    return facts;
  };
  routes_ = gateway_routes(parts_);
  const auto status = nlohmann::json::parse(call(http::Method::get, "/api/v1/system/status").body);
  ASSERT_EQ(status["threads"].size(), 3u);
  EXPECT_EQ(status["threads"][0]["cpu_share"], 0.5);
  EXPECT_EQ(status["threads"][1]["cpu_share"], 0.25) << "the kernel cuts names off";
  EXPECT_TRUE(status["threads"][2]["cpu_share"].is_null());
  EXPECT_EQ(status["breakers"], nlohmann::json::parse(R"([{"upstream": "core", "state": "half_open", "failures": 3,
    "opened": "2", "refused": "9"}])"));
}

TEST_F(RoutesTest, signals_from_outside_are_refused_with_a_problem_that_says_so) {
  const http::Response reply = call(http::Method::post, "/api/v1/signals");
  EXPECT_EQ(reply.status, 501);
  const auto problem = nlohmann::json::parse(reply.body);
  EXPECT_EQ(problem["code"], "TT-0841");
  EXPECT_NE(problem["detail"].get<std::string>().find("adapter"), std::string::npos);
  const auto route = std::ranges::find_if(routes_, [](const http::Route& one) {
    return one.method == http::Method::post && one.pattern == "/api/v1/signals";
  });
  EXPECT_EQ(route->role, http::Role::trader);
}

}  // namespace
}  // namespace thintail::gateway
