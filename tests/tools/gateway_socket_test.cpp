// SPDX-License-Identifier: Apache-2.0
// SocketHub and EventStreams without a network: clients that read as they like, thousands of instruments, new epochs, gaps, wrong requests.
#include "tools/gateway/socket_hub.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <map>
#include <random>
#include <set>

#include "tools/gateway/event_streams.hpp"

namespace thintail::gateway {
namespace {

using nlohmann::json;

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1'000 * kMs;
constexpr std::int64_t kStart = 1'398'988'800 * kSecond;  // 2014-05-02 00:00 UTC
constexpr std::size_t kCapBytes = 768 * 1024;

// A client's end of the line: messages wait until read() takes them, within the cap, as StreamQueue keeps them.
class FakeSocket final : public http::WebSocketConnection {
 public:
  explicit FakeSocket(std::string protocol = "thintail.v1.json", std::vector<std::string> accounts = {})
      : id_(++made_), protocol_(std::move(protocol)) {
    principal_.role = http::Role::viewer;
    principal_.accounts = std::move(accounts);
  }

  http::Sent send(std::shared_ptr<const std::string> text) override { return send("", std::move(text), 0); }
  http::Sent send(std::string_view head, std::shared_ptr<const std::string> rest, std::size_t keep_free) override {
    const std::size_t size = head.size() + rest->size();
    if (close_code_ != 0) return http::Sent::closed;
    if (queued_ > 0 && queued_ + size + keep_free > kCapBytes) {
      ++full_;
      return http::Sent::full;
    }
    queued_ += size;
    queued_max_ = std::max(queued_max_, queued_);
    waiting_.push_back({std::string(head), std::move(rest)});
    return http::Sent::queued;
  }
  http::Sent send_binary(std::shared_ptr<const std::string> bytes) override { return send("", std::move(bytes), 0); }
  void close(std::uint16_t code, std::string_view) override { close_code_ = code; }
  const std::string& protocol() const noexcept override { return protocol_; }
  std::size_t queued_bytes() const noexcept override { return queued_; }
  std::size_t queued_bytes_max() const noexcept override { return kCapBytes; }
  std::uint64_t id() const noexcept override { return id_; }
  const http::Principal& principal() const noexcept override { return principal_; }
  const std::string& remote() const noexcept override { return remote_; }

  struct Message {
    std::string head;
    std::shared_ptr<const std::string> rest;
    std::string text() const { return head + *rest; }
  };
  std::vector<Message> read(std::size_t bytes) {
    std::vector<Message> out;
    for (std::size_t taken = 0; !waiting_.empty() && taken < bytes;) {
      const std::size_t size = waiting_.front().head.size() + waiting_.front().rest->size();
      taken += size;
      queued_ -= size;
      out.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    return out;
  }
  std::vector<json> read_all() {
    std::vector<json> out;
    for (const Message& message : read(~std::size_t{0})) out.push_back(json::parse(message.text()));
    return out;
  }
  int close_code() const { return close_code_; }
  int full() const { return full_; }
  std::size_t queued_max() const { return queued_max_; }

 private:
  static inline std::uint64_t made_ = 0;
  std::uint64_t id_;
  std::string protocol_;
  std::string remote_ = "here";
  http::Principal principal_;
  std::deque<Message> waiting_;
  std::size_t queued_ = 0;
  std::size_t queued_max_ = 0;
  int full_ = 0;
  int close_code_ = 0;
};

// What a client knows that follows docs/api.md, as the dashboard does: a snapshot replaces all, a delta replaces items of the same key.
class Replica {
 public:
  void take(const json& message) {
    const std::string type = message["type"];
    if (type != "snapshot" && type != "delta") return;
    Topic& topic = topics_[message["topic"]];
    const std::uint64_t seq = message["seq"];
    if (type == "snapshot") {
      topic.items.clear();
      topic.is_complete = message.value("complete", true);
      ++topic.snapshots;
    } else {
      EXPECT_EQ(seq, topic.seq + 1) << message["topic"] << ": a step other than one";
      if (message.value("complete", false)) topic.is_complete = true;
      ++topic.deltas;
    }
    topic.seq = seq;
    for (const json& item : message["items"]) topic.items[key_of(message["topic"], item)] = item;
  }

  struct Topic {
    std::uint64_t seq = 0;
    bool is_complete = false;
    int snapshots = 0;
    int deltas = 0;
    std::map<std::string, json> items;
  };
  Topic& operator[](const std::string& topic) { return topics_[topic]; }

 private:
  static std::string key_of(const std::string& topic, const json& item) {
    if (topic == "quotes" || topic == "positions") return item["instrument"];
    if (topic == "bars") return item["instrument"].get<std::string>() + item["end_ns"].get<std::string>();
    return item["sequence"].get<std::string>() + item.value("text", "");
  }
  std::map<std::string, Topic> topics_;
};

class HubTest : public ::testing::Test {
 protected:
  explicit HubTest(std::uint32_t instruments = 3) {
    begin(1);
    model_.write([&](CoreModel& model) {
      model.add_instrument(0, "XAUUSD@oanda", 3, 1'000'000, CalendarId::gold);
      model.add_instrument(1, "EURUSD@fxcm", 5, 10'000, CalendarId::fx);
      model.add_instrument(2, "EURUSD@oanda", 5, 10'000, CalendarId::fx);
      for (std::uint32_t id = 3; id < instruments; ++id) {
        model.add_instrument(id, fmt::format("MADE{:05}@somewhere", id), 5, 10'000, CalendarId::always);
      }
    });
  }
  void begin(std::uint32_t epoch) {
    take(Event::make(time_ns_, kNoInstrument, Session{SessionState::started, 0, epoch, 0, {}}, kFlagSimulated));
  }
  Event take(const Event& made) {
    Event event = made;
    event.sequence = ++sequence_;
    model_.write([&](CoreModel& model) { model.take(event); });
    return event;
  }
  void tick(std::uint32_t id) {
    time_ns_ += kMs;
    const auto bid = static_cast<std::int64_t>(1'000 + sequence_ % 977) * kE9;
    take(Event::make(time_ns_, id, Tick{bid, bid + kE9, 0, 0, time_ns_, sequence_}));
  }
  std::shared_ptr<FakeSocket> open(const std::string& protocol = "thintail.v1.json") {
    auto socket = std::make_shared<FakeSocket>(protocol);
    hub_.on_open(socket);
    return socket;
  }
  void ask(const std::shared_ptr<FakeSocket>& socket, const json& message) { hub_.on_text(socket, message.dump()); }
  void pump(std::int64_t step_ns = 2 * kMs) {
    now_ns_ += step_ns;
    hub_.pump(now_ns_ + wall_step_ns_, now_ns_);
  }
  // Those of one type that came.
  static std::vector<json> of(const std::vector<json>& messages, const std::string& type) {
    std::vector<json> out;
    std::ranges::copy_if(messages, std::back_inserter(out),
                         [&](const json& message) { return message["type"] == type; });
    return out;
  }
  std::string problem_of(const std::shared_ptr<FakeSocket>& socket) {
    const auto errors = of(socket->read_all(), "error");
    return errors.empty() ? "" : errors.front()["problem"].dump();
  }

  SharedModel model_;
  SocketHub hub_{model_,
                 [] {
                   GatewayFacts facts;
                   facts.instance = "test";
                   return facts;
                 },
                 [] { return std::vector<StageHistory>(); }};
  std::uint64_t sequence_ = 0;
  std::int64_t time_ns_ = kStart;
  std::int64_t now_ns_ = kStart;
  std::int64_t wall_step_ns_ = 0;  // how far the clock on the wall was set forward
};

class LargeHubTest : public HubTest {
 protected:
  static constexpr std::uint32_t kInstruments = 6'000;
  LargeHubTest() : HubTest(kInstruments) {
    for (std::uint32_t id = 0; id < kInstruments; ++id) tick(id);
  }
  void expect_newest(Replica& replica) {
    model_.read([&](const CoreModel& model) {
      ASSERT_EQ(replica["quotes"].items.size(), model.instruments.size());
      for (const InstrumentModel& at : model.instruments) {
        ASSERT_EQ(replica["quotes"].items[at.name]["sequence"], std::to_string(at.tick.sequence)) << at.name;
      }
    });
  }
};

// --- snapshots -------------------------------------------------------------------------------------------------------

TEST_F(LargeHubTest, snapshots_larger_than_the_cap_arrive_in_parts_while_ticks_go_on) {
  const auto socket = open();
  int id = 0;
  for (const char* topic : {"quotes", "bars", "positions", "signals", "log"}) {
    ask(socket, {{"type", "subscribe"}, {"id", ++id}, {"topic", topic}});
  }
  Replica replica;
  std::set<int> answered;
  std::size_t bytes = 0;
  std::mt19937 random(1);
  const auto read = [&](std::size_t most) {
    for (const FakeSocket::Message& message : socket->read(most)) {
      bytes += message.text().size();
      const json told = json::parse(message.text());
      if (told["type"] == "snapshot" && told["id"].is_number()) {
        EXPECT_TRUE(answered.insert(told["id"].get<int>()).second);
      }
      replica.take(told);
    }
  };
  int turns = 0;
  for (; turns < 2'000 && !(replica["quotes"].is_complete && replica["bars"].is_complete); ++turns) {
    for (int i = 0; i < 20; ++i) tick(static_cast<std::uint32_t>(random() % kInstruments));
    pump();
    read(100'000);
  }
  ASSERT_LT(turns, 2'000) << "it never got past its snapshots";
  EXPECT_GT(bytes, 3 * kCapBytes);
  EXPECT_LE(socket->queued_max(), kCapBytes);
  EXPECT_EQ(answered.size(), 5u);
  for (int i = 0; i < 100; ++i) {
    pump(60 * kMs);
    read(~std::size_t{0});
  }
  expect_newest(replica);
  for (const char* topic : {"quotes", "bars", "positions", "signals", "log"}) {
    EXPECT_EQ(replica[topic].snapshots, 1) << topic;
    EXPECT_TRUE(replica[topic].is_complete) << topic;
  }
  EXPECT_EQ(socket->close_code(), 0);
}

TEST_F(LargeHubTest, what_changed_while_a_snapshot_was_told_is_told_once_more_and_nothing_else) {
  const auto socket = open();
  ask(socket, {{"type", "subscribe"}, {"id", 1}, {"topic", "quotes"}, {"max_rate_hz", 1}});
  Replica replica;
  std::set<std::string> told;  // by instrument and sequence
  std::mt19937 random(2);
  for (int turn = 0; turn < 400; ++turn) {
    if (turn < 200) tick(static_cast<std::uint32_t>(random() % kInstruments));
    pump(20 * kMs);
    for (const FakeSocket::Message& message : socket->read(60'000)) {
      const json part = json::parse(message.text());
      replica.take(part);
      if (part["type"] != "snapshot" && part["type"] != "delta") continue;
      for (const json& item : part["items"]) {
        const std::string row = item["instrument"].get<std::string>() + item["sequence"].get<std::string>();
        EXPECT_TRUE(told.insert(row).second) << "twice: " << row;
      }
    }
  }
  EXPECT_TRUE(replica["quotes"].is_complete);
  expect_newest(replica);
}

TEST_F(LargeHubTest, clients_that_begin_together_share_the_text_of_each_part) {
  std::vector<std::shared_ptr<FakeSocket>> sockets;
  for (int i = 0; i < 100; ++i) {
    sockets.push_back(open());
    ask(sockets.back(), {{"type", "subscribe"}, {"id", i}, {"topic", "quotes"}});
  }
  std::set<const std::string*> texts;
  std::size_t messages = 0;
  for (int turn = 0; turn < 20; ++turn) {
    pump();
    for (const auto& socket : sockets) {
      for (const FakeSocket::Message& message : socket->read(~std::size_t{0})) {
        if (!message.text().contains("\"topic\"")) continue;
        texts.insert(message.rest.get());
        ++messages;
      }
    }
  }
  EXPECT_GT(messages, 100u * 20u) << "many parts each";
  EXPECT_LE(texts.size() * 100, messages);
}

// --- clients that read slowly, or not at all -------------------------------------------------------------------------

TEST_F(HubTest, a_client_without_room_gets_the_newest_when_it_reads_again_and_no_snapshot) {
  const auto socket = open();
  ask(socket, {{"type", "subscribe"}, {"id", 1}, {"topic", "quotes"}, {"max_rate_hz", 100}});
  const auto other = open();
  ask(other, {{"type", "subscribe"}, {"id", 1}, {"topic", "quotes"}, {"max_rate_hz", 100}});
  Replica replica;
  Replica others;
  std::uint64_t ticks = 0;
  while (socket->full() == 0) {
    for (std::uint32_t id = 0; id < 3; ++id) tick(id);
    ticks += 3;
    pump(10 * kMs);
    for (const json& message : other->read_all()) others.take(message);
    ASSERT_LT(ticks, 1'000'000u);
  }
  for (int i = 0; i < 300; ++i) {
    for (std::uint32_t id = 0; id < 3; ++id) tick(id);
    pump(10 * kMs);
    for (const json& message : other->read_all()) others.take(message);
  }
  EXPECT_EQ(socket->close_code(), 0) << "three seconds are not ten";
  for (int i = 0; i < 3; ++i) {
    for (const json& message : socket->read_all()) replica.take(message);
    pump(10 * kMs);
  }
  EXPECT_EQ(replica["quotes"].snapshots, 1);
  EXPECT_EQ(replica["quotes"].items, others["quotes"].items);
  EXPECT_LT(replica["quotes"].deltas, others["quotes"].deltas - 200) << "what came meanwhile was merged";
}

TEST_F(HubTest, a_client_that_never_reads_is_closed_after_ten_seconds_and_one_that_reads_a_little_is_not) {
  const auto never = open();
  const auto slow = open();
  for (const auto& socket : {never, slow}) {
    ask(socket, {{"type", "subscribe"}, {"topic", "quotes"}, {"max_rate_hz", 0}});
    ask(socket, {{"type", "subscribe"}, {"topic", "positions"}});
  }
  std::int64_t full_ns = 0;
  for (int turn = 0; turn < 4'000 && never->close_code() == 0; ++turn) {
    for (int i = 0; i < 60; ++i) tick(static_cast<std::uint32_t>(i % 3));
    pump(10 * kMs);
    if (turn % 4 == 0) slow->read(20'000);
    if (full_ns == 0 && never->full() > 0) full_ns = now_ns_;
    if (full_ns != 0 && now_ns_ - full_ns <= 10 * kSecond) {
      ASSERT_EQ(never->close_code(), 0);
    }
  }
  EXPECT_EQ(never->close_code(), 1013);
  EXPECT_GT(slow->full(), 0);
  EXPECT_EQ(slow->close_code(), 0);
}

TEST_F(HubTest, with_conflation_off_every_tick_comes_and_a_lost_one_is_told_by_a_snapshot) {
  const auto socket = open();
  ask(socket, {{"type", "subscribe"}, {"id", 1}, {"topic", "quotes"}, {"max_rate_hz", 0}});
  pump();
  ASSERT_EQ(of(socket->read_all(), "snapshot").size(), 1u);
  std::vector<std::string> expected;
  std::vector<std::string> told;
  for (int turn = 0; turn < 50; ++turn) {
    for (int i = 0; i < 7; ++i) {
      tick(0);
      expected.push_back(std::to_string(sequence_));
    }
    pump();
    for (const json& message : of(socket->read_all(), "delta")) {
      for (const json& item : message["items"]) told.push_back(item["sequence"]);
    }
  }
  EXPECT_EQ(told, expected);
  while (socket->full() == 0) {
    for (int i = 0; i < 100; ++i) tick(0);
    pump();
  }
  Replica replica;
  replica["quotes"].seq = 51;
  int snapshots = 0;
  for (int i = 0; i < 3; ++i) {
    for (const json& message : socket->read_all()) {
      replica.take(message);
      if (message["type"] != "snapshot") continue;
      ++snapshots;
      EXPECT_TRUE(message["id"].is_null());
      EXPECT_EQ(message["items"][0]["sequence"], std::to_string(sequence_));
    }
    pump();
  }
  EXPECT_EQ(snapshots, 1);
}

TEST_F(HubTest, answers_find_room_where_data_does_not) {
  const auto socket = open();
  ask(socket, {{"type", "subscribe"}, {"topic", "quotes"}, {"max_rate_hz", 0}});
  while (socket->full() == 0) {
    for (int i = 0; i < 100; ++i) tick(0);
    pump();
  }
  for (int i = 0; i < 100; ++i) ask(socket, {{"type", "ping"}, {"id", i}});
  ask(socket, {{"type", "unsubscribe"}, {"id", 7}, {"topic", "quotes"}});
  pump();
  EXPECT_EQ(socket->close_code(), 0);
  const auto messages = socket->read_all();
  EXPECT_EQ(of(messages, "pong").size(), 100u);
  ASSERT_EQ(of(messages, "unsubscribed").size(), 1u);
  // With nothing left that is to be told it is not slow either.
  pump(30 * kSecond);
  pump(30 * kSecond);
  EXPECT_EQ(socket->close_code(), 0);
  for (int i = 0; i < 100'000 && socket->close_code() == 0; ++i) ask(socket, {{"type", "ping"}, {"id", i}});
  EXPECT_EQ(socket->close_code(), 1013) << "answers that nobody reads have an end";
}

TEST_F(HubTest, a_clock_that_is_set_stops_no_updates_and_closes_nobody) {
  const auto socket = open();
  ask(socket, {{"type", "subscribe"}, {"topic", "quotes"}});
  const auto blocked = open();
  ask(blocked, {{"type", "subscribe"}, {"topic", "quotes"}, {"max_rate_hz", 0}});
  while (blocked->full() == 0) {
    for (int i = 0; i < 100; ++i) tick(0);
    pump();
    socket->read_all();
  }
  for (const std::int64_t step_ns : {3'600 * kSecond, -3'600 * kSecond}) {
    wall_step_ns_ = step_ns;
    std::size_t deltas = 0;
    std::size_t beats = 0;
    for (int turn = 0; turn < 60; ++turn) {
      tick(0);
      pump(100 * kMs);
      // A little, so that it waits for room but not for ten seconds.
      blocked->read(30'000);
      const auto messages = socket->read_all();
      deltas += of(messages, "delta").size();
      for (const json& beat : of(messages, "heartbeat")) {
        ++beats;
        EXPECT_EQ(beat["server_time_ns"], std::to_string(now_ns_ + step_ns)) << "the wall's time is what is shown";
      }
    }
    EXPECT_EQ(deltas, 60u) << step_ns;
    EXPECT_GE(beats, 1u) << step_ns;
    EXPECT_LE(beats, 2u) << step_ns;
    EXPECT_EQ(blocked->close_code(), 0) << step_ns;
  }
}

// --- rows ------------------------------------------------------------------------------------------------------------

TEST_F(HubTest, rows_come_once_each_and_again_only_when_they_changed) {
  const auto socket = open();
  ask(socket, {{"type", "subscribe"}, {"id", 1}, {"topic", "log"}, {"max_rate_hz", 20}});
  std::vector<std::string> told;
  for (int i = 0; i < 400; ++i) {
    model_.write([&](CoreModel& model) { model.add_log(LogLevel::info, "test", fmt::format("line {}", i)); });
    pump(7 * kMs);
    for (const json& message : socket->read_all()) {
      if (!message.contains("items")) continue;
      for (const json& item : message["items"]) {
        if (item["type"] == "test") told.push_back(item["text"]);
      }
    }
  }
  ASSERT_GT(told.size(), 380u);
  for (std::size_t i = 0; i < told.size(); ++i) EXPECT_EQ(told[i], fmt::format("line {}", i));
}

TEST_F(HubTest, more_rows_than_are_looked_at_are_a_snapshot) {
  const auto socket = open();
  ask(socket, {{"type", "subscribe"}, {"id", 1}, {"topic", "log"}});
  pump();
  EXPECT_EQ(of(socket->read_all(), "snapshot").size(), 1u);
  for (int i = 0; i < 6'000; ++i) {
    model_.write([&](CoreModel& model) { model.add_log(LogLevel::info, "test", fmt::format("line {}", i)); });
  }
  pump(60 * kMs);
  const auto messages = socket->read_all();
  EXPECT_TRUE(of(messages, "delta").empty());
  ASSERT_EQ(of(messages, "snapshot").size(), 1u);
  EXPECT_TRUE(of(messages, "snapshot")[0]["id"].is_null());
}

TEST_F(HubTest, every_bar_that_closed_between_two_looks_is_told_and_of_too_many_a_snapshot) {
  const auto close_bar = [&](std::uint32_t minute) {
    time_ns_ = kStart + std::int64_t{60} * minute * kSecond;
    const auto end_s = static_cast<std::uint32_t>(time_ns_ / kSecond);
    for (const QuoteSide side : {QuoteSide::bid, QuoteSide::ask}) {
      take(Event::make(time_ns_, 0, Bar{kE9, kE9, kE9, kE9, end_s, Bar::pack(1, 0, side)}, kFlagOutput));
    }
  };
  const auto socket = open();
  ask(socket, {{"type", "subscribe"}, {"topic", "bars"}, {"timeframe", "M1"}, {"max_rate_hz", 1}});
  close_bar(1);
  pump();
  EXPECT_EQ(of(socket->read_all(), "snapshot").size(), 1u);
  for (std::uint32_t minute = 2; minute <= 301; ++minute) close_bar(minute);
  pump(kSecond);
  std::set<std::string> ends;
  for (const json& message : of(socket->read_all(), "delta")) {
    for (const json& item : message["items"]) ends.insert(item["end_ns"]);
  }
  EXPECT_EQ(ends.size(), 300u);
  for (std::uint32_t minute = 302; minute <= 1'000; ++minute) close_bar(minute);
  pump(kSecond);
  const auto messages = socket->read_all();
  EXPECT_TRUE(of(messages, "delta").empty());
  EXPECT_EQ(of(messages, "snapshot").size(), 1u);
}

TEST_F(HubTest, an_order_that_changes_after_thousands_of_later_ones_is_told) {
  const auto order = [&](std::uint64_t id) {
    take(Event::make(time_ns_, 0, Intent{id, 1, kE9, kE9, Side::buy, OrderKind::market, 1, 0}, kFlagOutput));
  };
  const auto socket = open();
  ask(socket, {{"type", "subscribe"}, {"topic", "orders"}});
  for (std::uint64_t id = 1; id <= 5'000; ++id) order(id);
  pump();
  socket->read_all();
  take(Event::make(time_ns_, 0, Report{1, 0, kE9, time_ns_, OrderState::cancelled, 0, 0}));
  order(5'001);
  pump(kSecond);
  const auto messages = of(socket->read_all(), "delta");
  ASSERT_EQ(messages.size(), 1u);
  ASSERT_EQ(messages[0]["items"].size(), 2u);
  EXPECT_EQ(messages[0]["items"][0]["client_order_id"], "1");
  EXPECT_EQ(messages[0]["items"][0]["state"], "cancelled");
  EXPECT_EQ(messages[0]["items"][1]["client_order_id"], "5001");
}

// --- what is asked ---------------------------------------------------------------------------------------------------

TEST_F(HubTest, names_are_counted_known_and_taken_once) {
  const auto socket = open();
  socket->read_all();
  json many = json::array();
  for (int i = 0; i < 1'001; ++i) many.push_back("XAUUSD");
  ask(socket, {{"type", "subscribe"}, {"id", 1}, {"topic", "quotes"}, {"instruments", many}});
  std::string problem = problem_of(socket);
  EXPECT_TRUE(problem.contains("at most 1000 names") && problem.contains("found 1001")) << problem;
  ask(socket, {{"type", "subscribe"}, {"id", 2}, {"topic", "quotes"}, {"instruments", {"XAUUSD", "GBPUSD"}}});
  problem = problem_of(socket);
  EXPECT_TRUE(problem.contains("TT-0210") && problem.contains("GBPUSD")) << problem;
  for (const json& wrong : {json::array(), json("XAUUSD"), json::array({1}), json::object()}) {
    ask(socket, {{"type", "subscribe"}, {"id", 3}, {"topic", "quotes"}, {"instruments", wrong}});
    EXPECT_TRUE(problem_of(socket).contains("TT-0808")) << wrong;
  }
  many.erase(many.begin());
  many[7] = "xau_usd";
  ask(socket, {{"type", "subscribe"}, {"id", 4}, {"topic", "quotes"}, {"instruments", many}});
  tick(0);
  tick(1);
  pump();
  const auto snapshots = of(socket->read_all(), "snapshot");
  ASSERT_EQ(snapshots.size(), 1u);
  EXPECT_EQ(snapshots[0]["items"].size(), 1u);
  EXPECT_EQ(snapshots[0]["items"][0]["instrument"], "XAUUSD@oanda");
}

TEST_F(HubTest, a_second_subscription_replaces_the_first_and_an_end_ends_it) {
  const auto socket = open();
  ask(socket, {{"type", "subscribe"}, {"id", 1}, {"topic", "quotes"}});
  ask(socket, {{"type", "subscribe"}, {"id", 2}, {"topic", "quotes"}, {"instruments", {"XAUUSD"}}});
  for (std::uint32_t id = 0; id < 3; ++id) tick(id);
  pump();
  const auto snapshots = of(socket->read_all(), "snapshot");
  ASSERT_EQ(snapshots.size(), 1u);
  EXPECT_EQ(snapshots[0]["id"], 2);
  ask(socket, {{"type", "subscribe"}, {"id", 3}, {"topic", "bars"}, {"timeframe", "M1"}});
  ask(socket, {{"type", "subscribe"}, {"id", 4}, {"topic", "bars"}, {"timeframe", "M5"}});
  ask(socket, {{"type", "unsubscribe"}, {"id", 5}, {"topic", "bars"}, {"timeframe", "M1"}});
  pump();
  auto messages = socket->read_all();
  EXPECT_EQ(of(messages, "unsubscribed").size(), 1u);
  ASSERT_EQ(of(messages, "snapshot").size(), 1u);
  EXPECT_EQ(of(messages, "snapshot")[0]["timeframe"], "M5");
  ask(socket, {{"type", "unsubscribe"}, {"id", 6}, {"topic", "bars"}});
  hub_.on_close(open());
  tick(0);
  pump(60 * kMs);
  for (const json& message : of(socket->read_all(), "delta")) EXPECT_EQ(message["topic"], "quotes");
  hub_.on_close(socket);
  EXPECT_EQ(hub_.clients(), 0u);
  pump();
}

TEST_F(HubTest, what_is_no_request_closes_and_what_is_not_ones_own_is_refused) {
  const auto socket = open();
  hub_.on_text(socket, "{");
  EXPECT_EQ(socket->close_code(), 1008);
  const auto stranger = std::make_shared<FakeSocket>("thintail.v1.json", std::vector<std::string>{"paper:other"});
  hub_.on_open(stranger);
  for (const char* topic : {"signals", "orders", "positions", "trades", "equity", "system", "log"}) {
    ask(stranger, {{"type", "subscribe"}, {"id", 1}, {"topic", topic}});
    EXPECT_FALSE(problem_of(stranger).empty()) << topic;
  }
}

// --- epochs and events -----------------------------------------------------------------------------------------------

TEST_F(HubTest, a_new_epoch_is_told_first_and_then_a_snapshot_of_each_topic) {
  const auto socket = open();
  for (const char* topic : {"quotes", "positions"}) ask(socket, {{"type", "subscribe"}, {"id", 1}, {"topic", topic}});
  tick(0);
  pump();
  socket->read_all();
  begin(2);
  model_.write([&](CoreModel& model) { model.add_instrument(0, "XAUUSD@oanda", 3, 1'000'000, CalendarId::gold); });
  pump();
  const auto messages = socket->read_all();
  ASSERT_EQ(messages.size(), 3u);
  EXPECT_EQ(messages[0]["type"], "heartbeat");
  EXPECT_EQ(messages[0]["core"]["epoch"], 2);
  for (std::size_t i : {1u, 2u}) {
    EXPECT_EQ(messages[i]["type"], "snapshot");
    EXPECT_TRUE(messages[i]["id"].is_null());
  }
}

TEST_F(HubTest, events_that_the_gateway_never_saw_are_told_as_missed) {
  const auto socket = open("thintail.v1.events");
  ask(socket, {{"type", "subscribe"}, {"topic", "events"}});
  const auto pass = [&](std::uint64_t skipped) {
    sequence_ += skipped;
    const Event event = take(Event::make(time_ns_, 0, Tick{kE9, kE9, 0, 0, time_ns_, 1}));
    hub_.on_events({&event, 1});
    std::vector<std::string> texts;
    for (const FakeSocket::Message& message : socket->read(~std::size_t{0})) {
      if (message.rest->starts_with('{')) texts.push_back(*message.rest);
    }
    return texts;
  };
  pump();
  socket->read_all();
  EXPECT_TRUE(pass(0).empty());
  EXPECT_TRUE(pass(0).empty());
  EXPECT_EQ(pass(12), std::vector<std::string>{R"({"type":"missed","count":12})"});
  EXPECT_TRUE(pass(std::uint64_t{1} << 32).empty()) << "numbers that a power loss leaves out were never given";
}

TEST_F(HubTest, a_reader_of_events_that_is_slow_still_finds_room_for_answers) {
  const auto socket = open("thintail.v1.events");
  ask(socket, {{"type", "subscribe"}, {"topic", "events"}});
  pump();
  std::uint64_t passed = 0;
  const auto pass = [&] {
    const Event event = take(Event::make(time_ns_, 0, Tick{kE9, kE9, 0, 0, time_ns_, 1}));
    hub_.on_events({&event, 1});
    ++passed;
  };
  for (std::size_t i = 0; i < kCapBytes / sizeof(Event) + 100; ++i) pass();
  for (int id = 0; id < 10; ++id) ask(socket, {{"type", "ping"}, {"id", id}});
  EXPECT_EQ(socket->close_code(), 0) << "its queue was full";
  std::uint64_t told = 0;
  std::uint64_t missed = 0;
  int pongs = 0;
  const auto read = [&] {
    for (const FakeSocket::Message& message : socket->read(~std::size_t{0})) {
      if (!message.rest->starts_with(R"({"type":)")) {
        told += message.rest->size() / sizeof(Event);
        continue;
      }
      const json answer = json::parse(*message.rest);
      if (answer["type"] == "missed") missed += answer["count"].get<std::uint64_t>();
      if (answer["type"] == "pong") ++pongs;
    }
  };
  read();
  pass();
  read();
  EXPECT_EQ(pongs, 10);
  EXPECT_GT(missed, 0u);
  EXPECT_EQ(told + missed, passed);
}

// --- server-sent events ----------------------------------------------------------------------------------------------

class FakeStream final : public http::EventStream {
 public:
  http::Sent send(std::shared_ptr<const std::string> block) override {
    if (queued_ > 0 && queued_ + block->size() > kCapBytes) return http::Sent::full;
    queued_ += block->size();
    text_ += *block;
    return http::Sent::queued;
  }
  void close() override {}
  std::size_t queued_bytes() const noexcept override { return queued_; }
  std::size_t queued_bytes_max() const noexcept override { return kCapBytes; }
  std::uint64_t id() const noexcept override { return 1; }
  const http::Principal& principal() const noexcept override { return principal_; }
  const std::string& remote() const noexcept override { return remote_; }

  // The ids that came, and what was missed between them as "-count".
  std::vector<std::string> read() {
    std::vector<std::string> out;
    for (std::size_t at = 0; at < text_.size();) {
      const std::size_t end = text_.find('\n', at);
      const std::string line = text_.substr(at, end - at);
      if (line.starts_with("id: ")) out.push_back(line.substr(4));
      if (line.starts_with("data: {\"count\":")) out.push_back("-" + line.substr(15, line.size() - 16));
      at = end + 1;
    }
    text_.clear();
    queued_ = 0;
    return out;
  }

 private:
  std::string text_;
  std::size_t queued_ = 0;
  http::Principal principal_;
  std::string remote_;
};

TEST_F(HubTest, an_event_stream_resumes_over_more_than_its_queue_holds_and_counts_what_is_gone) {
  EventStreams streams(model_);
  std::vector<Event> events;
  const auto pass = [&](int count) {
    events.clear();
    for (int i = 0; i < count; ++i) events.push_back(take(Event::make(time_ns_, 0, Tick{kE9, kE9, 0, 0, time_ns_, 1})));
    streams.on_events(events);
  };
  const std::uint64_t before = sequence_;
  pass(10'000);
  const auto stream = std::make_shared<FakeStream>();
  http::Request request;
  request.headers.push_back({"last-event-id", std::to_string(before + 5)});
  streams.on_open(stream, request);
  std::vector<std::string> seen;
  int reads = 0;
  const auto drain = [&] {
    for (;; ++reads) {
      const auto ids = stream->read();
      if (ids.empty()) return;
      seen.insert(seen.end(), ids.begin(), ids.end());
      streams.on_drained(stream);
    }
  };
  drain();
  EXPECT_GT(reads, 1) << "more than fits at once";
  ASSERT_EQ(seen.size(), 9'995u);
  for (std::size_t i = 0; i < seen.size(); ++i) ASSERT_EQ(seen[i], std::to_string(before + 6 + i));
  seen.clear();
  for (int i = 0; i < 30; ++i) pass(1'000);  // unread: more than is kept
  drain();
  ASSERT_FALSE(seen.empty());
  std::uint64_t told = 0;
  std::uint64_t missed = 0;
  for (const std::string& one : seen) {
    if (one.starts_with('-')) {
      missed += std::stoull(one.substr(1));
    } else {
      ++told;
    }
  }
  EXPECT_GT(missed, 0u);
  EXPECT_EQ(told + missed, 30'000u);
}

TEST_F(HubTest, an_event_stream_that_comes_back_to_another_gateway_is_told_what_it_missed) {
  const auto read_after = [&](std::uint64_t last, std::uint64_t unseen) {
    EventStreams streams(model_);
    const auto stream = std::make_shared<FakeStream>();
    http::Request request;
    request.headers.push_back({"last-event-id", std::to_string(last)});
    streams.on_open(stream, request);
    sequence_ += unseen;
    const Event event = take(Event::make(time_ns_, 0, Tick{kE9, kE9, 0, 0, time_ns_, 1}));
    streams.on_events({&event, 1});
    auto ids = stream->read();
    std::ranges::replace(ids, std::to_string(event.sequence), "new");
    return ids;
  };
  using Ids = std::vector<std::string>;
  EXPECT_EQ(read_after(sequence_, 0), Ids({"new"}));
  EXPECT_EQ(read_after(sequence_, 7), Ids({"-7", "new"}));
  EXPECT_EQ(read_after(sequence_ + 1, 0), Ids()) << "it has seen that one";
  EXPECT_EQ(read_after(sequence_ + 10'000'000, 0), Ids({"new"})) << "a number of another core";
}

}  // namespace
}  // namespace thintail::gateway
