// SPDX-License-Identifier: Apache-2.0
// The server over real sockets: what clients send wrongly, slowly, or all at once; WebSocket, event streams, TLS, Unix socket;
// its end.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "adapters/http/server.hpp"
#include "adapters/http/text.hpp"
#include "core/log/log.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temp_folder.hpp"

namespace thintail::http {
namespace {

using test::eventually;
using test::HttpClient;
using test::HttpReply;
using test::WsFrame;

// Echoes texts, and keeps who is there.
class Echo final : public WebSocketEndpoint {
 public:
  void on_open(const std::shared_ptr<WebSocketConnection>& connection) override {
    const std::scoped_lock lock(mutex_);
    open_.push_back(connection);
    connection->send(std::make_shared<const std::string>("hello " + connection->principal().id));
  }
  void on_text(const std::shared_ptr<WebSocketConnection>& connection, std::string_view text) override {
    if (text == "throw") throw std::runtime_error("a bug");
    connection->send(std::make_shared<const std::string>(text));
  }
  void on_drained(const std::shared_ptr<WebSocketConnection>& connection) override {
    drained_.fetch_add(1, std::memory_order_relaxed);  // relaxed: only the count is read
    connection->send(std::make_shared<const std::string>("snapshot"));
  }
  void on_close(const std::shared_ptr<WebSocketConnection>& connection) override {
    const std::scoped_lock lock(mutex_);
    std::erase(open_, connection);
    ++closed_;
  }

  std::shared_ptr<WebSocketConnection> first() {
    const std::scoped_lock lock(mutex_);
    return open_.empty() ? nullptr : open_.front();
  }
  int closed() {
    const std::scoped_lock lock(mutex_);
    return closed_;
  }
  std::atomic<int> drained_{0};

 private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<WebSocketConnection>> open_;
  int closed_ = 0;
};

class Ticker final : public EventStreamEndpoint {
 public:
  void on_open(const std::shared_ptr<EventStream>& stream, const Request& request) override {
    const std::scoped_lock lock(mutex_);
    stream->send(std::make_shared<const std::string>(
        event_text("8", "after", fmt::format("{}", request.header("last-event-id")))));
    stream_ = stream;
  }
  void on_close(const std::shared_ptr<EventStream>&) override { ++closed_; }

  std::shared_ptr<EventStream> stream() {
    const std::scoped_lock lock(mutex_);
    return stream_;
  }
  std::atomic<int> closed_{0};

 private:
  std::mutex mutex_;
  std::shared_ptr<EventStream> stream_;
};

class ServerTest : public testing::Test {
 protected:
  static std::vector<Route> table(const std::shared_ptr<Echo>& echo, const std::shared_ptr<Ticker>& ticker,
                                  const std::shared_future<void>& gate) {
    std::vector<Route> rows;
    const auto add = [&](Method method, std::string pattern,
                         std::function<Response(const Request&)> handler) -> Route& {
      Route row{.method = method,
                .pattern = std::move(pattern),
                .operation = fmt::format("op{}", rows.size()),
                .summary = "",
                .tag = "test"};
      row.role = Role::none;
      row.rate_class = RateClass::none;
      row.handler = std::move(handler);
      rows.push_back(std::move(row));
      return rows.back();
    };
    add(Method::get, "/n/{n}", [](const Request& request) {
      return Response::text(std::string(request.parameter("n")));
    }).parameters = {{.name = "n", .in = Parameter::In::path}};
    Route& slow = add(Method::get, "/slow/{n}", [](const Request& request) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      return Response::text(std::string(request.parameter("n")));
    });
    slow.parameters = {{.name = "n", .in = Parameter::In::path}};
    slow.may_block = true;
    Route& very_slow = add(Method::get, "/very-slow", [](const Request&) {
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      return Response::text("done");
    });
    very_slow.may_block = true;
    Route& held = add(Method::get, "/held", [gate](const Request&) {
      gate.wait();
      return Response::text("done");
    });
    held.may_block = true;
    Route& command = add(Method::post, "/command", [gate](const Request& request) {
      if (request.body["command"] != "kill") gate.wait();
      return Response::json({{"command", request.body["command"].get<std::string>()}});
    });
    command.needs_idempotency_key = true;
    command.body_schema = {{"type", "object"}};
    command.is_urgent = [](const Request& request) { return request.body["command"] == "kill"; };
    add(Method::get, "/large", [](const Request&) { return Response::text(std::string(4'000'000, 'x')); });
    add(Method::post, "/body", [](const Request& request) {
      return Response::json({{"size", request.body.dump().size()}, {"by", request.principal.id}});
    }).body_schema = {{"type", {"object", "array", "string"}}};
    Route& mine =
        add(Method::get, "/mine", [](const Request& request) { return Response::text(request.principal.id); });
    mine.role = Role::viewer;
    Route& counting = add(Method::get, "/count", [n = std::make_shared<int>(0)](const Request& request) {
      return Response::json({{"n", ++*n}, {"by", request.principal.id}});
    });
    counting.role = Role::viewer;
    counting.rate_class = RateClass::read;
    Route& events = add(Method::get, "/events", [ticker](const Request&) {
      Response response = Response::text("", "text/event-stream");
      response.events = ticker;
      return response;
    });
    events.role = Role::viewer;
    Route socket{.method = Method::get, .pattern = "/ws", .operation = "ws", .summary = "", .tag = "test"};
    socket.websocket = echo;
    socket.protocols = {"thintail.v1.json", "thintail.v1.events"};
    rows.push_back(std::move(socket));
    return rows;
  }

  ServerOptions options() {
    ServerOptions out;
    out.listeners = {{.port = 0}};
    out.front.access.keys_path = keys_path_;
    out.front.rates.failed_proofs = {1'000, 60};
    return out;
  }

  void start(ServerOptions given) {
    auto made = Server::start(std::move(given), table(echo_, ticker_, opened_));
    ASSERT_TRUE(made) << made.error().message();
    server_ = std::move(*made);
  }
  void start() { start(options()); }

  NewKey key(Role role) {
    NewKey made;
    EXPECT_TRUE(change_key_file(keys_path_, [&](KeyFile& file) -> Result<void> {
      TT_TRY(made, add_key(file, "k", role, {}, 0, 1));
      return {};
    }));
    return made;
  }
  static std::string bearer(const NewKey& key) { return "Authorization: Bearer " + key.token + "\r\n"; }

  test::TempFolder folder_;
  std::string keys_path_ = folder_.path() + "/keys.json";
  void TearDown() override {
    if (opened_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) gate_.set_value();
  }

  std::promise<void> gate_;  // of /held and /command
  std::shared_future<void> opened_ = gate_.get_future().share();
  std::shared_ptr<Echo> echo_ = std::make_shared<Echo>();
  std::shared_ptr<Ticker> ticker_ = std::make_shared<Ticker>();
  std::unique_ptr<Server> server_;
};

// --- requests --------------------------------------------------------------------------------------------------------

TEST_F(ServerTest, a_connection_serves_one_request_after_another) {
  start();
  HttpClient one(server_->port());
  for (int i = 0; i < 20; ++i) {
    const HttpReply reply = one.request("GET", fmt::format("/n/{}", i));
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, fmt::format("{}", i));
    EXPECT_EQ(reply.headers.at("connection"), "keep-alive");
    EXPECT_FALSE(reply.headers.at("date").empty());
    EXPECT_EQ(reply.headers.at("x-content-type-options"), "nosniff");
  }
  EXPECT_EQ(server_->counts().accepted, 1u);
  EXPECT_EQ(one.request("GET", "/none").status, 404);
  EXPECT_EQ(one.request("HEAD", "/n/7").headers.at("content-length"), "1");
  EXPECT_EQ(one.request("GET", "/n/8").body, "8") << "after HEAD the next reply follows at once";
}

TEST_F(ServerTest, pipelined_requests_are_answered_in_order_also_when_some_take_longer) {
  start();
  HttpClient one(server_->port());
  std::string all;
  for (int i = 0; i < 100; ++i)
    all += fmt::format("GET /{}/{} HTTP/1.1\r\nHost: localhost\r\n\r\n", i % 10 == 0 ? "slow" : "n", i);
  ASSERT_TRUE(one.send(all));
  for (int i = 0; i < 100; ++i) ASSERT_EQ(one.reply().body, fmt::format("{}", i));
}

TEST_F(ServerTest, one_clients_pile_of_requests_leaves_others_their_turn) {
  constexpr int kRequests = 64;
  std::atomic<int> served{0};
  std::atomic<int> served_at_turn{-1};
  auto rows = table(echo_, ticker_, opened_);
  Route counting{.method = Method::get, .pattern = "/turn", .operation = "turn", .summary = "", .tag = "test"};
  counting.role = Role::none;
  counting.rate_class = RateClass::none;
  counting.handler = [&](const Request&) {
    if (++served == 1) server_->post([&] { served_at_turn = served.load(); });
    return Response::text("x");
  };
  rows.push_back(std::move(counting));
  auto made = Server::start(options(), std::move(rows));
  ASSERT_TRUE(made) << made.error().message();
  server_ = std::move(*made);
  HttpClient one(server_->port());
  std::string all;
  for (int i = 0; i < kRequests; ++i) all += "GET /turn HTTP/1.1\r\nHost: localhost\r\n\r\n";
  ASSERT_TRUE(one.send(all));
  for (int i = 0; i < kRequests; ++i) ASSERT_EQ(one.reply().status, 200) << i;
  EXPECT_EQ(served, kRequests);
  EXPECT_GE(served_at_turn, 1);
  EXPECT_LE(served_at_turn, 16);
  server_.reset();
}

TEST_F(ServerTest, the_same_bytes_again_are_a_request_of_their_own) {
  ServerOptions given = options();
  given.front.rates.read = {6, 3'600};
  const NewKey viewer = key(Role::viewer);
  start(std::move(given));
  HttpClient one(server_->port());
  const std::string bytes = "GET /count HTTP/1.1\r\nHost: localhost\r\n" + bearer(viewer) + "\r\n";
  one.send(bytes + bytes);
  const auto check = [&](int n) {
    const HttpReply reply = one.reply();
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(nlohmann::json::parse(reply.body)["n"], n) << "the handler is asked each time";
    EXPECT_EQ(nlohmann::json::parse(reply.body)["by"], "key:" + viewer.record.id);
    EXPECT_TRUE(reply.headers.at("ratelimit").starts_with(fmt::format("\"read\";r={};", 6 - n))) << "and it counts";
  };
  check(1);
  check(2);
  one.send(bytes.substr(0, 30));
  one.send(bytes.substr(30) + "GET /n/7 HTTP/1.1\r\nHost: localhost\r\n\r\n" + bytes);
  check(3);
  EXPECT_EQ(one.reply().body, "7");
  check(4);
  EXPECT_EQ(one.request("GET", "/count").status, 401) << "what was proven for other bytes holds for them only";
  for (int n = 5; n <= 6; ++n) {
    one.send(bytes);
    check(n);
  }
  one.send(bytes);
  EXPECT_EQ(one.reply().status, 429);
}

TEST_F(ServerTest, the_same_bytes_again_are_refused_once_the_credential_has_ended) {
  const NewKey viewer = key(Role::viewer);
  const NewKey other = key(Role::viewer);
  start();
  HttpClient one(server_->port());
  const auto ask = [&] { return one.request("GET", "/count", bearer(viewer)).status; };
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(), 200);
  ASSERT_TRUE(change_key_file(keys_path_, [&](KeyFile& file) { return revoke_key(file, other.record.id, 2); }));
  std::this_thread::sleep_for(std::chrono::milliseconds(600));  // the file is looked at every 250 ms
  EXPECT_EQ(ask(), 200) << "another's end is none of its";
  ASSERT_TRUE(change_key_file(keys_path_, [&](KeyFile& file) { return revoke_key(file, viewer.record.id, 2); }));
  EXPECT_TRUE(eventually([&] { return ask() == 401; }));
}

TEST_F(ServerTest, the_same_bytes_again_are_refused_after_the_logout) {
  start();
  HttpClient one(server_->port());
  const std::string code = server_->issue_code(Role::viewer);
  const HttpReply login = one.request("POST", "/api/v1/login", "", fmt::format(R"({{"code":"{}"}})", code));
  ASSERT_EQ(login.status, 200);
  const std::string cookie =
      "Cookie: " + login.headers.at("set-cookie").substr(0, login.headers.at("set-cookie").find(';')) + "\r\n";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(one.request("GET", "/count", cookie).status, 200);
  HttpClient elsewhere(server_->port());
  EXPECT_EQ(
      elsewhere.request("POST", "/api/v1/logout", cookie + "Origin: http://localhost\r\nX-Thintail-CSRF: 1\r\n", "{}")
          .status,
      200);
  EXPECT_EQ(one.request("GET", "/count", cookie).status, 401) << "at once";
}

TEST_F(ServerTest, a_client_that_has_said_all_still_gets_every_byte_of_its_replies) {
  start();
  for (const char* last : {"Connection: close\r\n", ""}) {
    HttpClient one(server_->port());
    one.send(
        fmt::format("GET /slow/1 HTTP/1.1\r\nHost: localhost\r\n\r\nGET /n/2 HTTP/1.1\r\nHost: localhost\r\n\r\n"
                    "GET /large HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
                    last));
    ::shutdown(one.fd(), SHUT_WR);
    // It reads late, so that the last reply does not fit into the kernel's buffers at once.
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_EQ(one.reply().body, "1");
    EXPECT_EQ(one.reply().body, "2");
    EXPECT_EQ(one.reply().body.size(), 4'000'000u) << last;
    EXPECT_TRUE(one.is_ended());
  }
}

TEST_F(ServerTest, requests_cut_anywhere_are_the_same_requests) {
  start();
  const std::string text =
      "POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\n\"ab\r\n5;x=y\r\ncdef\"\r\n0\r\nAuthorization: Bearer x\r\nHost: evil\r\n\r\nGET /n/1 HTTP/1.1\r\nHost: "
      "localhost\r\n\r\n";
  for (std::size_t cut = 1; cut < text.size(); cut += 7) {
    HttpClient one(server_->port());
    one.send(text.substr(0, cut));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    one.send(text.substr(cut));
    EXPECT_EQ(one.reply().body, R"({"size":8,"by":"anonymous"})") << cut;
    EXPECT_EQ(one.reply().body, "1") << cut;
  }
}

TEST_F(ServerTest, what_two_readers_could_read_differently_is_refused_and_ends_the_connection) {
  start();
  const std::string smuggled = "GET /n/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const auto post = [&](std::string_view headers) {
    return fmt::format("POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{}\r\n", headers) +
           smuggled;
  };
  const std::vector<std::pair<std::string, int>> cases = {
      {post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"), 400},
      {post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"), 400},
      {post("Content-Length: 4\r\nContent-Length: 5\r\n"), 400},
      {post("Content-Length: 4\r\nContent-Length: 4\r\n"), 400},
      {post("Content-Length: 4, 4\r\n"), 400},
      {post("Content-Length: -1\r\n"), 400},
      {post("Content-Length: +4\r\n"), 400},
      {post("Content-Length: 0x4\r\n"), 400},
      {post("Content-Length: 4 4\r\n"), 400},
      {post("Content-Length: 99999999999999999999\r\n"), 400},
      {post("Content-Length:\r\n"), 400},
      {post("Transfer-Encoding: gzip\r\n"), 400},
      {post("Transfer-Encoding: gzip, chunked\r\n"), 400},
      {post("Transfer-Encoding: chunked, identity\r\n"), 400},
      {post("Transfer-Encoding: xchunked\r\n"), 400},
      {post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
      {post("Transfer-Encoding : chunked\r\n"), 400},
      {post("Transfer-Encoding: chunked\r\n\r\nzz\r\n"), 400},
      {post("Content-Length: 9999999\r\n"), 413},
      {"POST /body HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + smuggled, 400},
      {"GET /n/1 HTTP/1.1\nHost: localhost\n\n" + smuggled, 505},
      {"GET /n/1 HTTP/1.1\r\nHost: localhost\r\nA\r\n\r\n" + smuggled, 400},
      {"GET /n/1 HTTP/1.1\r\nHost: localhost\r\nA: b\x01\r\n\r\n" + smuggled, 400},
      {std::string("GET /n/1 HTTP/1.1\r\nHost: localhost\r\nA: b\0c\r\n\r\n", 46) + smuggled, 400},
      {"GET /n/1 HTTP/3.7\r\nHost: localhost\r\n\r\n" + smuggled, 505},
      {"GET  /n/1 HTTP/1.1\r\nHost: localhost\r\n\r\n" + smuggled, 400},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400},
      {"GET /n/1 HTTP/1.1\r\nHost: localhost\r\nExpect: magic\r\n\r\n", 417},
  };
  for (const auto& [text, status] : cases) {
    HttpClient one(server_->port());
    one.send(text);
    const HttpReply reply = one.reply();
    EXPECT_EQ(reply.status, status) << text;
    const std::string rest = one.rest();
    EXPECT_EQ(rest.find("smuggled"), std::string::npos) << text;
    EXPECT_TRUE(one.is_ended()) << text;
  }
}

TEST_F(ServerTest, endless_headers_are_cut_off) {
  start();
  HttpClient big(server_->port());
  big.send("GET /n/1 HTTP/1.1\r\nHost: localhost\r\nA: " + std::string(1'000'000, 'a'));
  EXPECT_EQ(big.reply().status, 431);
  HttpClient many(server_->port());
  std::string lines = "GET /n/1 HTTP/1.1\r\nHost: localhost\r\n";
  for (int i = 0; i < 200; ++i) lines += fmt::format("A{}: b\r\n", i);
  many.send(lines + "\r\n");
  EXPECT_EQ(many.reply().status, 431);
  HttpClient path(server_->port());
  EXPECT_EQ(path.request("GET", fmt::format("/{:a>9000}", "")).status, 414);
  EXPECT_EQ(HttpClient(server_->port()).request("GET", "/n/%00").status, 400);
  EXPECT_EQ(HttpClient(server_->port()).request("GET", "/n/..%2f..%2fetc%2fpasswd").body, "../../etc/passwd")
      << "one segment, never a path";
}

TEST_F(ServerTest, slow_clients_are_ended_and_fast_ones_are_served_meanwhile) {
  ServerOptions given = options();
  given.limits.header_ms = 600;
  given.limits.body_ms = 300;
  given.limits.idle_ms = 600;
  start(std::move(given));
  HttpClient silent(server_->port());
  HttpClient body(server_->port());
  body.send("POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n\"");
  HttpClient loris(server_->port());
  const std::string text = "GET /n/1 HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(2'000, 'a');
  for (std::size_t i = 0; i < text.size() && loris.send(text.substr(i, 1)); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (i % 20 == 0) {
      EXPECT_EQ(HttpClient(server_->port()).request("GET", "/n/1").status, 200);
    }
    if (server_->counts().connections.timeouts >= 3) break;
  }
  EXPECT_EQ(loris.reply().status, 408);
  EXPECT_EQ(body.reply().status, 408);
  EXPECT_TRUE(silent.is_ended());
  EXPECT_EQ(server_->counts().connections.timeouts, 3u);
  HttpClient idle(server_->port());
  EXPECT_EQ(idle.request("GET", "/n/1").status, 200);
  EXPECT_TRUE(idle.is_ended()) << "an idle connection too";
}

TEST_F(ServerTest, a_client_that_takes_nothing_costs_no_more_than_its_cap) {
  ServerOptions given = options();
  given.limits.write_ms = 500;
  start(std::move(given));
  HttpClient greedy(server_->port());
  std::string all;
  for (int i = 0; i < 50; ++i) all += "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n";
  greedy.send(all);
  EXPECT_TRUE(eventually([&] { return server_->counts().connections.timeouts > 0; }));
  EXPECT_LE(server_->counts().connections.requests, 5u) << "the rest was not even read";
}

TEST_F(ServerTest, expect_and_http_1_0_and_close_are_honoured) {
  start();
  HttpClient waits(server_->port());
  waits.send(
      "POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: "
      "100-continue\r\nContent-Length: 3\r\n\r\n");
  EXPECT_EQ(waits.reply().status, 100);
  waits.send("\"a\"");
  EXPECT_EQ(waits.reply().status, 200);
  HttpClient old(server_->port());
  old.send("GET /n/1 HTTP/1.0\r\n\r\n");
  EXPECT_EQ(old.reply().headers.at("connection"), "close");
  EXPECT_TRUE(old.is_ended());
  HttpClient last(server_->port());
  EXPECT_EQ(last.request("GET", "/n/1", "Connection: close\r\n").body, "1");
  EXPECT_TRUE(last.is_ended());
  HttpClient half(server_->port());
  half.send("GET /very-slow HTTP/1.1\r\nHost: localhost\r\n\r\n");
  ::shutdown(half.fd(), SHUT_WR);
  EXPECT_EQ(half.reply().body, "done") << "a half-closed client still gets its reply";
  HttpClient several(server_->port());
  several.send("GET /slow/1 HTTP/1.1\r\nHost: localhost\r\n\r\nGET /slow/2 HTTP/1.1\r\nHost: localhost\r\n\r\nGET /n");
  ::shutdown(several.fd(), SHUT_WR);
  EXPECT_EQ(several.reply().body, "1");
  EXPECT_EQ(several.reply().body, "2");
  EXPECT_TRUE(several.is_ended());
}

TEST_F(ServerTest, connections_past_the_cap_are_turned_away) {
  ServerOptions given = options();
  given.connections_per_address_max = 3;
  start(std::move(given));
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<HttpClient>(server_->port()));
    EXPECT_EQ(clients.back()->request("GET", "/n/1").status, 200);
  }
  HttpClient fourth(server_->port());
  EXPECT_TRUE(fourth.is_ended());
  clients.pop_back();
  EXPECT_TRUE(eventually([&] { return HttpClient(server_->port()).request("GET", "/n/1").status == 200; }));
  EXPECT_GE(server_->counts().turned_away, 1u);
}

// --- where it listens ------------------------------------------------------------------------------------------------

TEST_F(ServerTest, the_owner_comes_in_by_the_unix_socket_without_a_key) {
  ServerOptions given = options();
  given.unix_path = folder_.path() + "/gateway.sock";
  start(std::move(given));
  HttpClient owner(folder_.path() + "/gateway.sock");
  EXPECT_EQ(owner.request("GET", "/mine").body, fmt::format("uid:{}", ::geteuid()));
  EXPECT_EQ(owner.request("GET", "/mine", "X-Forwarded-For: 1.2.3.4\r\n").status, 401);
  EXPECT_EQ(HttpClient(server_->port()).request("GET", "/mine").status, 401);
  struct stat status{};
  ASSERT_EQ(::stat((folder_.path() + "/gateway.sock").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  ServerOptions second = options();
  second.unix_path = folder_.path() + "/gateway.sock";
  EXPECT_FALSE(Server::start(std::move(second), table(echo_, ticker_, opened_))) << "somebody serves there";
  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/gateway.sock"));
  std::ofstream(folder_.path() + "/gateway.sock") << "a file";
  ServerOptions third = options();
  third.unix_path = folder_.path() + "/gateway.sock";
  EXPECT_FALSE(Server::start(std::move(third), table(echo_, ticker_, opened_))) << "another's file is not removed";
}

class TlsTest : public ServerTest {
 protected:
  void SetUp() override {
    files_ = {.certificate_path = folder_.path() + "/cert.pem", .key_path = folder_.path() + "/key.pem"};
    const std::string command = fmt::format(
        "umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {} -out {} "
        "-days 2 -subj /CN=localhost 2>/dev/null",
        files_.key_path, files_.certificate_path);
    if (std::system(command.c_str()) != 0) GTEST_SKIP() << "no openssl program";  // NOLINT
  }
  TlsFiles files_;
};

TEST_F(TlsTest, versions_1_2_and_1_3_work_and_older_ones_and_plain_text_do_not) {
  ServerOptions given = options();
  given.tls = files_;
  start(std::move(given));
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    HttpClient one(server_->port());
    ASSERT_TRUE(one.start_tls(version, version)) << version;
    for (int i = 0; i < 3; ++i) {
      const HttpReply reply = one.request("GET", "/large");
      EXPECT_EQ(reply.body.size(), 4'000'000u);
      EXPECT_EQ(reply.headers.at("strict-transport-security"), "max-age=31536000");
    }
    EXPECT_EQ(one.request("GET", "/n/1", "Connection: close\r\n").body, "1");
    EXPECT_TRUE(one.is_ended());
  }
  HttpClient old(server_->port());
  EXPECT_FALSE(old.start_tls(TLS1_VERSION, TLS1_1_VERSION));
  HttpClient plain(server_->port());
  EXPECT_EQ(plain.request("GET", "/n/1").status, 0);
}

TEST_F(TlsTest, a_websocket_goes_through_tls) {
  ServerOptions given = options();
  given.tls = files_;
  const NewKey viewer = key(Role::viewer);
  start(std::move(given));
  HttpClient one(server_->port());
  ASSERT_TRUE(one.start_tls(TLS1_2_VERSION, TLS1_3_VERSION));
  ASSERT_EQ(one.upgrade("/ws", bearer(viewer)).status, 101);
  EXPECT_TRUE(one.read_frame().payload.starts_with("hello key:"));
  const std::string text(60'000, 'x');
  one.send(HttpClient::frame(1, text));
  EXPECT_EQ(one.read_frame().payload, text);
}

TEST_F(TlsTest, other_addresses_than_loopback_are_bound_only_with_tls_and_a_credential) {
  const auto refusal = [&](bool has_tls) {
    ServerOptions given = options();
    given.listeners = {{.address = "0.0.0.0", .port = 0}};
    if (has_tls) given.tls = files_;
    auto made = Server::start(std::move(given), table(echo_, ticker_, opened_));
    return made ? ErrorCode{} : made.error().code;
  };
  EXPECT_EQ(refusal(false), ErrorCode::auth_exposed);
  EXPECT_EQ(refusal(true), ErrorCode::auth_exposed) << "TLS, but nobody could be told apart";
  key(Role::viewer);
  EXPECT_EQ(refusal(false), ErrorCode::auth_exposed);
  EXPECT_EQ(refusal(true), ErrorCode{});
}

TEST_F(TlsTest, a_private_key_that_others_may_read_is_refused) {
  ServerOptions given = options();
  given.tls = files_;
  ASSERT_EQ(::chmod(files_.key_path.c_str(), 0644), 0);
  const auto made = Server::start(std::move(given), table(echo_, ticker_, opened_));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::auth_secret);
}

// --- event streams ---------------------------------------------------------------------------------------------------

TEST_F(ServerTest, an_event_stream_goes_on_until_one_side_ends_it) {
  ServerOptions given = options();
  given.limits.comment_ms = 300;
  const NewKey viewer = key(Role::viewer);
  start(std::move(given));
  EXPECT_EQ(HttpClient(server_->port()).request("GET", "/events").status, 401);
  HttpClient one(server_->port());
  const HttpReply head = one.request("GET", "/events", bearer(viewer) + "Last-Event-ID: 7\r\n");
  EXPECT_EQ(head.headers.at("content-type"), "text/event-stream");
  EXPECT_FALSE(head.headers.contains("content-length"));
  ASSERT_TRUE(one.wait_for("id: 8\nevent: after\ndata: 7\n\n"));
  ASSERT_TRUE(one.wait_for("\n:\n\n")) << "a comment keeps proxies awake";
  EXPECT_EQ(ticker_->stream()->send(std::make_shared<const std::string>(event_text("9", "x", "y"))), Sent::queued);
  ASSERT_TRUE(one.wait_for("id: 9\n"));
  ticker_->stream()->close();
  EXPECT_TRUE(one.is_ended());
  EXPECT_TRUE(eventually([&] { return ticker_->closed_ == 1; }));
  EXPECT_EQ(ticker_->stream()->send(std::make_shared<const std::string>("x")), Sent::closed);
  HttpClient head_only(server_->port());
  EXPECT_EQ(head_only.request("HEAD", "/events", bearer(viewer)).status, 200);
}

// --- WebSocket -------------------------------------------------------------------------------------------------------

TEST_F(ServerTest, a_websocket_agrees_on_a_protocol_and_echoes) {
  const NewKey viewer = key(Role::viewer);
  start();
  HttpClient one(server_->port());
  const HttpReply reply = one.upgrade("/ws", bearer(viewer), "other, thintail.v1.events, thintail.v1.json");
  ASSERT_EQ(reply.status, 101);
  EXPECT_EQ(reply.headers.at("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");  // RFC 6455's own example
  EXPECT_EQ(reply.headers.at("sec-websocket-protocol"), "thintail.v1.json");
  EXPECT_EQ(one.read_frame().payload, "hello key:" + viewer.record.id);
  for (const std::size_t size : {0u, 1u, 125u, 126u, 65'535u, 65'536u}) {
    one.send(HttpClient::frame(1, std::string(size, 'x')));
    EXPECT_EQ(one.read_frame().payload.size(), size);
  }
  one.send(HttpClient::frame(1, "a", false) + HttpClient::frame(9, "ping") + HttpClient::frame(0, "b", false) +
           HttpClient::frame(0, "c"));
  WsFrame pong = one.read_frame();
  EXPECT_EQ(pong.opcode, 10);
  EXPECT_EQ(pong.payload, "ping");
  EXPECT_EQ(one.read_frame().payload, "abc");
  one.send(HttpClient::frame(8,
                             "\x03\xe8"
                             "bye"));
  const WsFrame close = one.read_frame();
  EXPECT_EQ(close.opcode, 8);
  EXPECT_EQ(close.code(), 1000);
  EXPECT_TRUE(one.is_ended());
  EXPECT_TRUE(eventually([&] { return echo_->closed() == 1; }));
}

TEST_F(ServerTest, frames_that_break_the_protocol_end_the_websocket_with_their_code) {
  const NewKey viewer = key(Role::viewer);
  start();
  const std::string huge = std::string("\x81\xff\x80\0\0\0\0\0\0\0\1\2\3\4", 14);
  std::string endless;
  for (int i = 0; i < 2'000; ++i) endless += HttpClient::frame(i == 0 ? 1 : 0, "", false);
  std::string too_long;
  for (int i = 0; i < 40; ++i) too_long += HttpClient::frame(i == 0 ? 1 : 0, std::string(2'000, 'x'), false);
  const std::vector<std::pair<std::string, int>> cases = {
      {huge, 1002},
      {std::string("\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\1\2\3\4", 14), 1009},
      {HttpClient::frame(1, "x", true, false), 1002},
      {HttpClient::frame(3, "x"), 1002},
      {HttpClient::frame(1 | 0x40, "x"), 1002},
      {HttpClient::frame(0, "x"), 1002},
      {HttpClient::frame(1, "x", false) + HttpClient::frame(1, "x"), 1002},
      {HttpClient::frame(9, std::string(126, 'x')), 1002},
      {HttpClient::frame(9, "x", false), 1002},
      {HttpClient::frame(1, "\xff"), 1007},
      {HttpClient::frame(8, "\x03\xe8\xff"), 1007},
      {HttpClient::frame(8, "\x03"), 1002},
      {HttpClient::frame(8, std::string("\x03\xed", 2)), 1002},
      {HttpClient::frame(2, "x"), 1003},
      {std::string("\x81\xfe\x00\x01\1\2\3\4\0", 9), 1002},
      {endless, 1008},
      {too_long, 1009},
      {HttpClient::frame(1, "throw"), 1011},
  };
  for (std::size_t i = 0; i < cases.size(); ++i) {
    HttpClient one(server_->port());
    ASSERT_EQ(one.upgrade("/ws", bearer(viewer)).status, 101);
    ASSERT_EQ(one.read_frame().opcode, 1);
    one.send(cases[i].first);
    const WsFrame close = one.read_frame();
    EXPECT_EQ(close.opcode, 8) << i;
    EXPECT_EQ(close.code(), cases[i].second) << i;
  }
  EXPECT_TRUE(eventually([&] { return echo_->first() == nullptr; }));
}

TEST_F(ServerTest, handshakes_that_are_none_are_refused) {
  const NewKey viewer = key(Role::viewer);
  start();
  EXPECT_EQ(HttpClient(server_->port()).request("GET", "/ws", bearer(viewer)).status, 426);
  EXPECT_EQ(HttpClient(server_->port()).upgrade("/ws", bearer(viewer), "chat").status, 400);
  EXPECT_EQ(HttpClient(server_->port()).upgrade("/ws", "Authorization: Bearer tt_wrong\r\n").status, 401);
  EXPECT_EQ(HttpClient(server_->port()).upgrade("/n/1").status, 200) << "no WebSocket there: an ordinary reply";
  for (const char* origin : {"http://evil.com", "null", "http://localhost:1", "https://localhost"}) {
    EXPECT_EQ(HttpClient(server_->port()).upgrade("/ws", bearer(viewer) + "Origin: " + origin + "\r\n").status, 403)
        << origin;
  }
  EXPECT_EQ(HttpClient(server_->port()).upgrade("/ws", bearer(viewer) + "Origin: http://localhost\r\n").status, 101);
  HttpClient evil(server_->port());
  evil.send(
      "GET /ws HTTP/1.1\r\nHost: evil\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: "
      "13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  EXPECT_EQ(evil.reply().status, 421);
  HttpClient version(server_->port());
  const HttpReply old = version.request("GET", "/ws",
                                        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: "
                                        "8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
  EXPECT_EQ(old.status, 426);
  EXPECT_EQ(old.headers.at("sec-websocket-version"), "13");
}

TEST_F(ServerTest, the_first_message_may_bring_the_key_and_nothing_else) {
  ServerOptions given = options();
  given.limits.first_message_ms = 500;
  const NewKey viewer = key(Role::viewer);
  start(std::move(given));
  HttpClient good(server_->port());
  ASSERT_EQ(good.upgrade("/ws").status, 101);
  good.send(HttpClient::frame(1, fmt::format(R"({{"type":"auth","token":"{}"}})", viewer.token)));
  EXPECT_EQ(good.read_frame().payload, "hello key:" + viewer.record.id);
  for (const std::string& text :
       {std::string(R"({"type":"subscribe"})"), std::string(R"({"type":"auth","token":"tt_x"})"),
        std::string(R"({"type":"auth"})"), std::string("x"), std::string(R"({"type":"auth","token":7})")}) {
    HttpClient one(server_->port());
    ASSERT_EQ(one.upgrade("/ws").status, 101);
    one.send(HttpClient::frame(1, text));
    EXPECT_EQ(one.read_frame().code(), 4401) << text;
  }
  HttpClient silent(server_->port());
  ASSERT_EQ(silent.upgrade("/ws").status, 101);
  EXPECT_EQ(silent.read_frame().code(), 4401);
}

TEST_F(ServerTest, a_cookie_opens_a_websocket_only_from_our_own_page) {
  start();
  const std::string code = server_->issue_code(Role::viewer);
  HttpClient one(server_->port());
  const std::string host = fmt::format("localhost:{}", server_->port());
  const auto send = [&](HttpClient& client, std::string_view line, std::string_view more, std::string_view body) {
    client.send(fmt::format(
        "{} HTTP/1.1\r\nHost: {}\r\n{}{}\r\n{}", line, host, more,
        body.empty() ? "" : fmt::format("Content-Type: application/json\r\nContent-Length: {}\r\n", body.size()),
        body));
    return client.reply();
  };
  const HttpReply login = send(one, "POST /api/v1/login", "", fmt::format(R"({{"code":"{}"}})", code));
  ASSERT_EQ(login.status, 200);
  const std::string cookie = login.headers.at("set-cookie").substr(0, login.headers.at("set-cookie").find(';'));
  const std::string handshake =
      "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
      "dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: thintail.v1.json\r\nCookie: " +
      cookie + "\r\n";
  HttpClient own(server_->port());
  ASSERT_EQ(send(own, "GET /ws", handshake + "Origin: http://" + host + "\r\n", "").status, 101);
  EXPECT_TRUE(own.read_frame().payload.starts_with("hello code:"));
  HttpClient foreign(server_->port());
  EXPECT_EQ(send(foreign, "GET /ws", handshake + "Origin: http://evil.com\r\n", "").status, 403);
  HttpClient none(server_->port());
  ASSERT_EQ(send(none, "GET /ws", handshake, "").status, 101);
  none.send(HttpClient::frame(1, "x"));
  EXPECT_EQ(none.read_frame().code(), 4401) << "without an Origin the cookie counts for nothing";
  EXPECT_EQ(send(one, "POST /api/v1/logout",
                 fmt::format("Cookie: {}\r\nOrigin: http://{}\r\nX-Thintail-CSRF: 1\r\n", cookie, host), "{}")
                .status,
            200);
  EXPECT_EQ(own.read_frame().code(), 4401) << "logout ends it";
}

TEST_F(ServerTest, a_revoked_key_ends_its_websockets_and_streams) {
  const NewKey viewer = key(Role::viewer);
  start();
  HttpClient socket(server_->port());
  ASSERT_EQ(socket.upgrade("/ws", bearer(viewer)).status, 101);
  socket.read_frame();
  HttpClient stream(server_->port());
  ASSERT_EQ(stream.request("GET", "/events", bearer(viewer)).status, 200);
  ASSERT_TRUE(change_key_file(keys_path_, [&](KeyFile& file) { return revoke_key(file, viewer.record.id, 2); }));
  EXPECT_EQ(socket.read_frame().code(), 4401);
  EXPECT_TRUE(stream.is_ended());
  EXPECT_EQ(HttpClient(server_->port()).request("GET", "/mine", bearer(viewer)).status, 401);
}

TEST_F(ServerTest, a_client_that_reads_nothing_is_told_full_and_gets_a_snapshot_when_it_reads_again) {
  ServerOptions given = options();
  given.limits.stream_bytes_max = 256 * 1024;
  const NewKey viewer = key(Role::viewer);
  start(std::move(given));
  HttpClient one(server_->port());
  ASSERT_EQ(one.upgrade("/ws", bearer(viewer)).status, 101);
  ASSERT_TRUE(eventually([&] { return echo_->first() != nullptr; }));
  const auto connection = echo_->first();
  const auto message = std::make_shared<const std::string>(16'000, 'x');
  int queued = 0;
  int full = 0;
  for (int i = 0; i < 2'000; ++i) {
    const Sent sent = connection->send(message);
    queued += sent == Sent::queued ? 1 : 0;
    full += sent == Sent::full ? 1 : 0;
    ASSERT_LE(connection->queued_bytes(), given.limits.stream_bytes_max);
  }
  EXPECT_GT(full, 0);
  ASSERT_EQ(one.read_frame().payload, "hello key:" + viewer.record.id);
  // The kernel takes what it likes, so there may have been room again before we read: a snapshot each time.
  int messages = 0;
  int snapshots = 0;
  while (messages < queued || snapshots == 0) {
    const WsFrame frame = one.read_frame();
    ASSERT_EQ(frame.opcode, 1) << messages;
    messages += frame.payload == *message ? 1 : 0;
    snapshots += frame.payload == "snapshot" ? 1 : 0;
  }
  EXPECT_EQ(messages, queued) << "what was queued came, and nothing else";
  EXPECT_GE(echo_->drained_, snapshots);
}

TEST_F(ServerTest, a_stalled_client_can_be_closed_with_a_reason_and_leaves) {
  ServerOptions given = options();
  given.limits.stream_bytes_max = 256 * 1024;
  given.limits.close_ms = 500;
  const NewKey viewer = key(Role::viewer);
  start(std::move(given));
  HttpClient one(server_->port());
  ASSERT_EQ(one.upgrade("/ws", bearer(viewer)).status, 101);
  ASSERT_TRUE(eventually([&] { return echo_->first() != nullptr; }));
  const auto connection = echo_->first();
  const auto message = std::make_shared<const std::string>(200'000, 'x');
  bool is_stalled = false;
  for (int i = 0; i < 200 && !is_stalled; ++i) {
    while (connection->send(message) == Sent::queued) {
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    is_stalled = connection->send(message) == Sent::full;
  }
  ASSERT_TRUE(is_stalled);
  connection->close(1013, "too slow");
  EXPECT_EQ(connection->send(message), Sent::closed);
  EXPECT_TRUE(eventually([&] { return echo_->closed() == 1; })) << "also where its socket takes not even that";
  EXPECT_EQ(server_->counts().open, 0u);
}

TEST_F(ServerTest, silent_websockets_are_pinged_and_then_ended) {
  ServerOptions given = options();
  given.limits.ping_ms = 300;
  given.limits.silent_ms = 1'500;
  const NewKey viewer = key(Role::viewer);
  start(std::move(given));
  HttpClient one(server_->port());
  ASSERT_EQ(one.upgrade("/ws", bearer(viewer)).status, 101);
  one.read_frame();
  EXPECT_EQ(one.read_frame().opcode, 9);
  one.send(HttpClient::frame(10, ""));
  int pings = 0;
  while (one.read_frame().opcode == 9) ++pings;
  EXPECT_GT(pings, 0);
  EXPECT_TRUE(one.is_ended());
}

TEST_F(ServerTest, a_logout_ends_the_streams_of_its_session_and_no_others_of_the_user) {
  ASSERT_TRUE(change_key_file(keys_path_, [](KeyFile& file) -> Result<void> {
    TT_TRY(const std::string hash, hash_password("correct horse battery", PasswordCost::minimal));
    return set_user(file, "ann", Role::viewer, {}, hash, 1);
  }));
  start();
  const std::string origin = fmt::format("Origin: http://localhost:{}\r\nX-Thintail-CSRF: 1\r\n", server_->port());
  struct Browser {
    explicit Browser(std::uint16_t port) : api(port), socket(port), events(port) {}
    HttpClient api, socket, events;
    std::string cookie;
  };
  const std::string host = fmt::format("Host: localhost:{}\r\n", server_->port());
  const auto ask = [&](HttpClient& client, std::string_view line, const std::string& headers, std::string_view body) {
    client.send(fmt::format(
        "{} HTTP/1.1\r\n{}{}{}\r\n{}", line, host, headers,
        body.empty() ? "" : fmt::format("Content-Type: application/json\r\nContent-Length: {}\r\n", body.size()),
        body));
    return client.reply();
  };
  const std::string handshake =
      "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
      "dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: thintail.v1.json\r\n";
  const auto open_browser = [&] {
    auto one = std::make_unique<Browser>(server_->port());
    const HttpReply login =
        ask(one->api, "POST /api/v1/login", "", R"({"user":"ann","password":"correct horse battery"})");
    EXPECT_EQ(login.status, 200);
    const std::string& set = login.headers.at("set-cookie");
    one->cookie = fmt::format("Cookie: {}\r\n{}", set.substr(0, set.find(';')), origin);
    EXPECT_EQ(ask(one->socket, "GET /ws", handshake + one->cookie, "").status, 101);
    EXPECT_EQ(one->socket.read_frame().payload, "hello user:ann");
    EXPECT_EQ(ask(one->events, "GET /events", one->cookie, "").status, 200);
    return one;
  };
  const auto here = open_browser();
  const auto there = open_browser();
  ASSERT_NE(here->cookie, there->cookie);
  EXPECT_EQ(ask(here->api, "POST /api/v1/logout", here->cookie, "{}").status, 200);
  EXPECT_EQ(here->socket.read_frame().code(), 4401);
  EXPECT_TRUE(here->events.is_ended());
  EXPECT_EQ(ask(here->api, "GET /mine", here->cookie, "").status, 401);
  EXPECT_EQ(ask(there->api, "GET /mine", there->cookie, "").status, 200);
  there->socket.send(HttpClient::frame(1, "still here"));
  EXPECT_EQ(there->socket.read_frame().payload, "still here");
  ticker_->stream()->send(std::make_shared<const std::string>(event_text("9", "tick", "x")));
  EXPECT_TRUE(there->events.wait_for("id: 9"));
}

// --- commands --------------------------------------------------------------------------------------------------------

TEST_F(ServerTest, a_kill_waits_for_no_read_and_no_other_command) {
  ServerOptions given = options();
  given.workers = 2;
  given.command_workers = 2;
  start(std::move(given));
  std::vector<std::unique_ptr<HttpClient>> waiting;
  const auto send = [&](std::string_view text) {
    waiting.push_back(std::make_unique<HttpClient>(server_->port()));
    waiting.back()->send(text);
  };
  const auto command = [](std::string_view name, int key) {
    const std::string body = fmt::format(R"({{"command":"{}"}})", name);
    return fmt::format(
        "POST /command HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: k{}\r\nContent-Type: application/json\r\n"
        "Content-Length: {}\r\n\r\n{}",
        key, body.size(), body);
  };
  for (int i = 0; i < 6; ++i) send("GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n");
  for (int i = 0; i < 6; ++i) send(command("pause", i));  // a hung core takes a second for each
  ASSERT_TRUE(eventually([&] { return server_->counts().connections.requests >= 12; }));
  HttpClient killer(server_->port());
  killer.send(command("kill", 100));
  const HttpReply reply = killer.reply();
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, R"({"command":"kill"})");
  gate_.set_value();
  for (const auto& one : waiting) EXPECT_EQ(one->reply().status, 200);
}

TEST_F(ServerTest, a_kill_waits_for_no_disk) {
  ServerOptions given = options();
  std::atomic<int> syncs{0};
  given.front.idempotency = {.path = folder_.path() + "/idempotency", .sync = [&](int) {
                               ++syncs;
                               opened_.wait();
                               return true;
                             }};
  start(std::move(given));
  const auto send = [&](HttpClient& client, const std::string& name, const std::string& key) {
    const std::string body = fmt::format(R"({{"command":"{}"}})", name);
    client.send(
        fmt::format("POST /command HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: {}\r\n"
                    "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
                    key, body.size(), body));
  };
  HttpClient pausing(server_->port());
  send(pausing, "pause", "p");
  ASSERT_TRUE(eventually([&] { return syncs == 1; })) << "its begin holds the disk";
  for (int i = 0; i < 8; ++i) {
    HttpClient killer(server_->port());
    send(killer, "kill", fmt::format("k{}", i));
    EXPECT_EQ(killer.reply().body, R"({"command":"kill"})");
  }
  gate_.set_value();
  EXPECT_EQ(pausing.reply().status, 200);
  server_.reset();
}

// --- the end ---------------------------------------------------------------------------------------------------------

TEST_F(ServerTest, it_may_end_while_a_password_is_checked) {
  ASSERT_TRUE(change_key_file(keys_path_, [](KeyFile& file) -> Result<void> {
    TT_TRY(const std::string hash, hash_password("correct horse battery"));
    return set_user(file, "ann", Role::viewer, {}, hash, 1);
  }));
  for (int round = 0; round < 3; ++round) {
    start();
    std::vector<std::unique_ptr<HttpClient>> clients;
    for (int i = 0; i < 4; ++i) {  // one is checked, the others wait
      clients.push_back(std::make_unique<HttpClient>(server_->port()));
      const std::string body = R"({"user":"ann","password":"correct horse battery"})";
      clients.back()->send(
          fmt::format("POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                      "Content-Length: {}\r\n\r\n{}",
                      body.size(), body));
    }
    ASSERT_TRUE(eventually([&] { return server_->counts().connections.requests >= 4; }));
    server_.reset();
    for (const auto& client : clients) EXPECT_TRUE(client->is_ended());
  }
}

TEST_F(ServerTest, drain_finishes_what_is_under_way_and_takes_nothing_new) {
  const NewKey viewer = key(Role::viewer);
  start();
  HttpClient idle(server_->port());
  EXPECT_EQ(idle.request("GET", "/n/1").status, 200);
  HttpClient socket(server_->port());
  ASSERT_EQ(socket.upgrade("/ws", bearer(viewer)).status, 101);
  socket.read_frame();
  HttpClient stream(server_->port());
  ASSERT_EQ(stream.request("GET", "/events", bearer(viewer)).status, 200);
  HttpClient busy(server_->port());
  busy.send("GET /very-slow HTTP/1.1\r\nHost: localhost\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return server_->counts().connections.requests >= 4; }));
  std::thread ending([&] { server_->drain(5'000); });
  const HttpReply last = busy.reply();
  EXPECT_EQ(last.body, "done");
  EXPECT_EQ(last.headers.at("connection"), "close");
  EXPECT_EQ(socket.read_frame().code(), 1012);
  EXPECT_TRUE(stream.is_ended());
  EXPECT_TRUE(idle.is_ended());
  EXPECT_FALSE(HttpClient(server_->port()).is_connected());
  ending.join();
}

TEST_F(ServerTest, a_handle_outlives_its_server) {
  const NewKey viewer = key(Role::viewer);
  start();
  HttpClient one(server_->port());
  ASSERT_EQ(one.upgrade("/ws", bearer(viewer)).status, 101);
  ASSERT_TRUE(eventually([&] { return echo_->first() != nullptr; }));
  const auto connection = echo_->first();
  server_.reset();
  EXPECT_EQ(connection->send(std::make_shared<const std::string>("x")), Sent::closed);
  connection->close(1000, "");
  EXPECT_EQ(connection->queued_bytes(), 0u);
}

TEST_F(ServerTest, many_threads_send_while_clients_come_and_go) {
  const NewKey viewer = key(Role::viewer);
  start();
  std::atomic<bool> is_over{false};
  std::vector<std::thread> senders;
  for (int i = 0; i < 2; ++i) {
    senders.emplace_back([&] {
      const auto message = std::make_shared<const std::string>(100, 'x');
      while (!is_over) {
        if (const auto connection = echo_->first()) connection->send(message);
        std::this_thread::sleep_for(std::chrono::microseconds(200));
      }
    });
  }
  for (int i = 0; i < 100; ++i) {
    HttpClient one(server_->port());
    ASSERT_EQ(one.upgrade("/ws", bearer(viewer)).status, 101);
    ASSERT_EQ(one.read_frame().opcode, 1);
  }
  is_over = true;
  for (std::thread& sender : senders) sender.join();
  EXPECT_TRUE(eventually([&] { return echo_->closed() == 100; }));
}

TEST_F(ServerTest, no_line_of_the_log_holds_a_token) {
  const NewKey viewer = key(Role::viewer);
  ASSERT_TRUE(log::start({.level = log::Level::debug}));
  testing::internal::CaptureStderr();
  start();
  const std::string code = server_->issue_code(Role::viewer);
  std::string wrong = viewer.token;
  wrong[20] = wrong[20] == 'A' ? 'B' : 'A';
  {
    HttpClient one(server_->port());
    one.request("GET", "/mine", bearer(viewer));
    one.request("GET", "/n/" + viewer.token + "?key=" + viewer.token);
    one.request("GET", "/" + wrong);
    one.request("GET", "/mine", "Authorization: Bearer " + wrong + "\r\nCookie: thintail_default_80=" + code + "\r\n");
    one.request("POST", "/api/v1/login", "", fmt::format(R"({{"code":"{}"}})", wrong));
    one.request("POST", "/api/v1/login", "", fmt::format(R"({{"code":"{}"}})", code));
    HttpClient socket(server_->port());
    socket.upgrade("/ws");
    socket.send(HttpClient::frame(1, fmt::format(R"({{"type":"auth","token":"{}"}})", wrong)));
    socket.read_frame();
  }
  server_.reset();
  log::stop();
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("/mine"), std::string::npos) << "the log was watched: " << text;
  EXPECT_EQ(text.find(viewer.token.substr(14, 20)), std::string::npos) << text;
  EXPECT_EQ(text.find(wrong.substr(14, 20)), std::string::npos) << text;
  EXPECT_EQ(text.find(code), std::string::npos) << text;
}

}  // namespace
}  // namespace thintail::http
