// SPDX-License-Identifier: Apache-2.0
// A request's way from its bytes to its handler: host, origin, credentials, roles, limits, bodies, idempotency; the table and
// its OpenAPI document.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/http/front.hpp"
#include "adapters/http/openapi.hpp"
#include "tests/support/temp_folder.hpp"

namespace thintail::http {
namespace {

using nlohmann::json;

constexpr std::int64_t kStart = 1'800'000'000ll * 1'000'000'000;
constexpr std::int64_t kSecond = 1'000'000'000;

Route route(Method method, std::string pattern, std::string operation,
            std::function<Response(const Request&)> handler) {
  Route row{
      .method = method, .pattern = std::move(pattern), .operation = std::move(operation), .summary = "", .tag = "test"};
  row.handler = std::move(handler);
  row.replies = {{.status = 200, .description = "ok", .schema = {{"type", "object"}}}};
  return row;
}

// One of each kind of route, and a front around them.
class FrontTest : public testing::Test {
 protected:
  void SetUp() override { open(); }

  void open() {
    front_.reset();
    FrontOptions options;
    options.trusted_proxies = {parse_network("10.0.0.0/8").value()};
    options.origins.hosts = {"desk.example.com"};
    options.origins.cors_origins = {"https://tools.example.com"};
    options.access.instance = "desk";
    options.access.keys_path = keys_path_;
    options.access.jwt.secrets = {{"", std::string(32, 'k')}};
    options.access.has_public_read = has_public_read_;
    options.rates.read = {100, 60};
    options.rates.trading = {2, 3'600};
    options.rates.failed_proofs = {3, 60};
    options.rates.public_read = {2, 60};
    options.idempotency.path = folder_.path() + "/idempotency";
    options.idempotency.entries_max = entries_max_;
    options.idempotency.sync = [this](int) {
      ++syncs_;
      return is_disk_well_;
    };
    options.instances = instances_;
    Front::Threads threads{.run_on_worker =
                               [this](const std::function<void()>& work) {
                                 if (!is_worker_free_) return false;
                                 work();
                                 return true;
                               },
                           .run_on_io =
                               [this](const std::function<void()>& work) {
                                 if (const auto first = std::exchange(before_io_, {})) first();
                                 work();
                               },
                           .run_command =
                               [this](const std::function<void()>& work, bool is_urgent) {
                                 if (!is_command_worker_free_) return false;
                                 work();  // it may hand over more
                                 was_urgent_ = is_urgent;
                                 return true;
                               }};
    if (has_slow_workers_) {
      threads.run_on_worker = [this](std::function<void()> work) {
        held_.push_back(std::move(work));
        return true;
      };
    }
    auto made = Front::make(std::move(options), routes(), json::object(), Assets(files_), std::move(threads),
                            [this] { return now_ns_; });
    ASSERT_TRUE(made) << made.error().message();
    front_ = std::move(*made);
  }

  std::vector<Route> routes() {
    std::vector<Route> rows;
    Route quote = route(Method::get, "/api/v1/quotes/{symbol}", "getQuote", [](const Request& request) {
      return Response::json({{"symbol", request.parameter("symbol")},
                             {"by", request.principal.id},
                             {"from", request.remote},
                             {"instance", request.instance},
                             {"base", request.base}});
    });
    quote.parameters = {{.name = "symbol",
                         .in = Parameter::In::path,
                         .schema = {{"type", "string"}, {"maxLength", 32}, {"pattern", "^[A-Za-z0-9._#+/-]+$"}}},
                        {.name = "limit", .schema = {{"type", "integer"}, {"minimum", 1}, {"maximum", 100}}}};
    quote.aliases = {{.pattern = "/mt5/prices/{symbol}"}, {.pattern = "/gold", .parameters = {{"symbol", "XAUUSD"}}}};
    rows.push_back(quote);
    Route account = route(Method::get, "/api/v1/positions", "getPositions",
                          [](const Request&) { return Response::json(Json::object()); });
    account.is_account_data = true;
    rows.push_back(account);
    rows.push_back(route(Method::get, "/healthz", "healthz", [](const Request&) { return Response::text("ok"); }));
    rows.back().role = Role::none;
    rows.back().rate_class = RateClass::none;
    rows.back().is_shared = true;
    Route command = route(Method::post, "/api/v1/commands", "postCommand", [this](const Request& request) {
      ++commands_;
      last_ = request.idempotency;
      if (const auto handler = on_command_) return handler(request);  // it may replace itself
      return Response::json({{"n", commands_}, {"command", request.body["command"].get<std::string>()}});
    });
    command.role = Role::trader;
    command.rate_class = RateClass::trading;
    command.needs_idempotency_key = true;
    command.body_schema = {{"type", "object"},
                           {"additionalProperties", false},
                           {"required", {"command"}},
                           {"properties", {{"command", {{"type", "string"}, {"maxLength", 16}}}}}};
    command.is_unlimited = [](const Request& request) {
      return request.body["command"] == "kill" || request.body["command"] == "flatten";
    };
    command.is_urgent = [](const Request& request) { return request.body["command"] == "kill"; };
    command.resumes_interrupted = resumes_interrupted_;
    command.aliases = {{.pattern = "/api/trading/command"}};
    rows.push_back(command);
    Route admin = route(Method::post, "/api/v1/admin", "postAdmin",
                        [](const Request&) -> Response { throw std::runtime_error("a bug"); });
    admin.role = Role::admin;
    rows.push_back(admin);
    Route history =
        route(Method::get, "/api/v1/history", "getHistory", [](const Request&) { return Response::text("bars"); });
    history.may_block = true;
    rows.push_back(history);
    Route dropped = route(Method::get, "/api/v1/dropped", "getDropped", {});
    dropped.handler = {};
    dropped.deferred = [](const Request&, const Responder&) {};
    rows.push_back(dropped);
    Route twice = route(Method::get, "/api/v1/twice", "getTwice", {});
    twice.handler = {};
    twice.deferred = [](const Request&, const Responder& reply) {
      reply(Response::json({{"n", 1}}));
      reply(Response::json({{"n", 2}}));
    };
    rows.push_back(twice);
    return rows;
  }

  std::string key(Role role) {
    std::string token;
    EXPECT_TRUE(change_key_file(keys_path_, [&](KeyFile& file) -> Result<void> {
      TT_TRY(const NewKey made, add_key(file, "k", role, {}, 0, kStart));
      token = made.token;
      return {};
    }));
    front_->tick();
    return token;
  }

  struct Call {
    Method method = Method::get;
    std::string target = "/healthz";
    std::vector<Field> headers = {};
    std::string body = {};
    std::string host = "localhost:8000";
    std::string address = "127.0.0.1";
    std::optional<std::uint32_t> uid = {};
  };

  Outcome call(Call given) {
    RawRequest raw;
    raw.method = given.method;
    raw.target = given.target;
    raw.headers = given.headers;
    raw.headers.push_back({"Host", given.host});
    raw.body = given.body;
    Peer peer;
    if (!given.uid) peer.address = parse_address(given.address);
    peer.uid = given.uid;
    std::optional<Outcome> outcome;
    int replies = 0;
    front_->handle(std::move(raw), peer, [&](Outcome given_outcome) {
      ++replies;
      outcome = std::move(given_outcome);
    });
    EXPECT_EQ(replies, 1) << given.target;
    return outcome ? std::move(*outcome) : Outcome{};
  }
  int status(Call given) { return call(std::move(given)).response.status; }

  static std::vector<Field> bearer(const std::string& token) { return {{"Authorization", "Bearer " + token}}; }
  static std::string value(const Response& response, std::string_view name) {
    for (const Field& field : response.headers) {
      if (field.name == name) return field.value;
    }
    return {};
  }
  static std::string code(const Response& response) { return json::parse(response.body).value("code", ""); }

  Call command(const std::string& token, const std::string& idempotency, std::string body = R"({"command":"pause"})") {
    Call given{.method = Method::post, .target = "/api/v1/commands", .headers = bearer(token), .body = std::move(body)};
    given.headers.push_back({"Content-Type", "application/json"});
    if (!idempotency.empty()) given.headers.push_back({"Idempotency-Key", idempotency});
    return given;
  }

  test::TempFolder folder_;
  std::string keys_path_ = folder_.path() + "/keys.json";
  std::vector<EmbeddedFile> files_ = {{"index.html", "<html>", {}}};
  std::int64_t now_ns_ = kStart;
  bool has_public_read_ = false;
  bool is_worker_free_ = true;
  bool is_command_worker_free_ = true;
  bool has_slow_workers_ = false;  // what is to run on a worker lies in held_
  bool resumes_interrupted_ = false;
  bool was_urgent_ = false;
  bool is_disk_well_ = true;
  int syncs_ = 0;
  std::size_t entries_max_ = 65'536;
  std::vector<std::function<void()>> held_;
  std::vector<std::string> instances_;
  int commands_ = 0;
  std::optional<Idempotency> last_;
  std::function<Response(const Request&)> on_command_;
  std::function<void()> before_io_;  // what happens meanwhile; once
  std::unique_ptr<Front> front_;
};

// --- host and origin -------------------------------------------------------------------------------------------------

TEST_F(FrontTest, only_names_of_ours_are_answered) {
  for (const char* host : {"localhost", "localhost:9999", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST:1",
                           "desk.example.com", "desk.example.com:443"}) {
    EXPECT_EQ(status({.host = host}), 200) << host;
  }
  for (const char* host : {"evil", "evil.com:8000", "localhost.evil.com", "desk.example.com.evil.com", "127.0.0.2",
                           "0.0.0.0", "localhost:x", "localhost:999999", "a b", "localhost,evil", "user@localhost",
                           "[::1", "localhost/", "192.168.1.7"}) {
    EXPECT_EQ(status({.host = host}), 421) << host;
  }
  EXPECT_EQ(status({.headers = {{"Host", "localhost"}}}), 400) << "two of them";
  EXPECT_EQ(status({.target = "http://evil/healthz"}), 421) << "an absolute form goes before Host";
  EXPECT_EQ(status({.target = "http://localhost:8000/healthz", .host = "evil"}), 200);
  RawRequest none;
  none.method = Method::get;
  none.target = "/healthz";
  int got = 0;
  front_->handle(none, {}, [&](const Outcome& outcome) { got = outcome.response.status; });
  EXPECT_EQ(got, 400) << "HTTP/1.1 without Host";
}

TEST_F(FrontTest, every_reply_has_the_headers_that_keep_browsers_to_it) {
  for (const char* target : {"/healthz", "/", "/none", "/api/v1/quotes/X"}) {
    const Outcome outcome = call({.target = target});
    ASSERT_NE(outcome.fixed_headers, nullptr);
    for (const char* line : {"Content-Security-Policy: default-src 'none'", "X-Content-Type-Options: nosniff",
                             "X-Frame-Options: DENY", "Referrer-Policy: no-referrer", "frame-ancestors 'none'"}) {
      EXPECT_NE(outcome.fixed_headers->find(line), std::string::npos) << target << line;
    }
    EXPECT_EQ(outcome.fixed_headers->find("Strict-Transport"), std::string::npos) << "not without TLS";
  }
  EXPECT_EQ(value(call({}).response, "Cache-Control"), "no-store");
}

TEST_F(FrontTest, pages_of_the_list_may_read_with_a_token_and_others_may_not) {
  const Outcome listed = call({.headers = {{"Origin", "https://tools.example.com"}}});
  EXPECT_EQ(value(listed.response, "Access-Control-Allow-Origin"), "https://tools.example.com");
  EXPECT_EQ(value(listed.response, "Access-Control-Allow-Credentials"), "") << "cookies stay out of it";
  for (const char* origin :
       {"https://evil.com", "null", "https://tools.example.com.evil.com", "http://tools.example.com", "*"}) {
    EXPECT_EQ(value(call({.headers = {{"Origin", origin}}}).response, "Access-Control-Allow-Origin"), "") << origin;
  }
  const Outcome preflight =
      call({.method = Method::options,
            .target = "/api/v1/commands",
            .headers = {{"Origin", "https://tools.example.com"}, {"Access-Control-Request-Method", "POST"}}});
  EXPECT_EQ(preflight.response.status, 204);
  EXPECT_NE(value(preflight.response, "Access-Control-Allow-Headers").find("Authorization"), std::string::npos);
  const Outcome foreign =
      call({.method = Method::options,
            .target = "/api/v1/commands",
            .headers = {{"Origin", "https://evil.com"}, {"Access-Control-Request-Method", "POST"}}});
  EXPECT_EQ(value(foreign.response, "Access-Control-Allow-Methods"), "");
}

TEST_F(FrontTest, a_session_commands_only_from_our_own_page) {
  const std::string code = front_->access().codes().issue(Role::trader, now_ns_);
  const Outcome login = call({.method = Method::post,
                              .target = "/api/v1/login",
                              .headers = {{"Content-Type", "application/json"}, {"Origin", "http://localhost:8000"}},
                              .body = fmt::format(R"({{"code":"{}"}})", code)});
  ASSERT_EQ(login.response.status, 200) << login.response.body;
  const std::string set_cookie = value(login.response, "Set-Cookie");
  EXPECT_TRUE(set_cookie.starts_with("thintail_desk_8000=")) << set_cookie;
  for (const char* part : {"; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age=43200"}) {
    EXPECT_NE(set_cookie.find(part), std::string::npos) << part;
  }
  const Field cookie{"Cookie", "a=b; " + set_cookie.substr(0, set_cookie.find(';')) + "; c=d"};
  EXPECT_EQ(status({.target = "/api/v1/quotes/XAUUSD", .headers = {cookie}}), 200);
  EXPECT_EQ(status({.target = "/api/v1/quotes/XAUUSD", .headers = {cookie}, .host = "localhost:8001"}), 401)
      << "another port, another cookie";

  int n = 0;
  const auto command_status = [&](std::vector<Field> more) {
    Call given{.method = Method::post,
               .target = "/api/v1/commands",
               .headers = {cookie, {"Content-Type", "application/json"}, {"Idempotency-Key", fmt::format("s{}", ++n)}},
               .body = R"({"command":"kill"})"};
    given.headers.insert(given.headers.end(), more.begin(), more.end());
    return status(given);
  };
  const Field own{"Origin", "http://localhost:8000"};
  const Field csrf{"X-Thintail-CSRF", "1"};
  EXPECT_EQ(command_status({own, csrf}), 200);
  EXPECT_EQ(command_status({own}), 403) << "no CSRF header";
  EXPECT_EQ(command_status({csrf}), 403) << "no Origin";
  for (const char* origin :
       {"http://localhost", "https://localhost:8000", "http://localhost:8001", "http://127.0.0.1:8000", "null",
        "http://evil.com", "https://tools.example.com", "http://LOCALHOST:8000"}) {
    EXPECT_EQ(command_status({{"Origin", origin}, csrf}), 403) << origin;
  }
  EXPECT_EQ(commands_, 1);
  EXPECT_EQ(status({.method = Method::post,
                    .target = "/api/v1/logout",
                    .headers = {cookie, own, csrf, {"Content-Type", "application/json"}},
                    .body = "{}"}),
            200);
  EXPECT_EQ(status({.target = "/api/v1/quotes/XAUUSD", .headers = {cookie}}), 401);
}

TEST_F(FrontTest, a_session_cookie_behind_tls_is_bound_to_this_host) {
  const std::string code = front_->access().codes().issue(Role::viewer, now_ns_);
  const Outcome login = call({.method = Method::post,
                              .target = "/api/v1/login",
                              .headers = {{"Content-Type", "application/json"}, {"X-Forwarded-Proto", "https"}},
                              .body = fmt::format(R"({{"code":"{}"}})", code),
                              .host = "desk.example.com",
                              .address = "10.0.0.1"});
  const std::string cookie = value(login.response, "Set-Cookie");
  EXPECT_TRUE(cookie.starts_with("__Host-thintail_desk_443=")) << cookie;
  EXPECT_NE(cookie.find("; Secure"), std::string::npos);
  EXPECT_EQ(cookie.find("Domain"), std::string::npos);
  EXPECT_NE(login.fixed_headers->find("Strict-Transport-Security"), std::string::npos);
}

// --- who and how often -----------------------------------------------------------------------------------------------

TEST_F(FrontTest, without_credentials_only_the_open_routes_answer) {
  EXPECT_EQ(status({.target = "/healthz"}), 200);
  EXPECT_EQ(status({.target = "/"}), 200);
  for (const char* target : {"/api/v1/quotes/XAUUSD", "/mt5/prices/XAUUSD", "/gold", "/api/v1/positions",
                             "/api/v1/openapi.json", "/api/v1/session"}) {
    const Outcome outcome = call({.target = target});
    EXPECT_EQ(outcome.response.status, 401) << target;
    EXPECT_EQ(code(outcome.response), "TT-0820");
    EXPECT_TRUE(value(outcome.response, "WWW-Authenticate").starts_with("Bearer realm="));
  }
  EXPECT_EQ(status({.target = "/healthz", .address = "127.0.0.1"}), 200)
      << "and loopback is not trusted more than others";
}

TEST_F(FrontTest, roles_hold_each_other_and_no_more) {
  const std::string viewer = key(Role::viewer);
  const std::string trader = key(Role::trader);
  const std::string admin = key(Role::admin);
  EXPECT_EQ(status({.target = "/api/v1/quotes/XAUUSD", .headers = bearer(viewer)}), 200);
  const Outcome refused = call(command(viewer, "a"));
  EXPECT_EQ(refused.response.status, 403);
  EXPECT_NE(value(refused.response, "WWW-Authenticate").find("insufficient_scope"), std::string::npos);
  EXPECT_EQ(status(command(trader, "a")), 200);
  EXPECT_EQ(status(command(admin, "a")), 200);
  EXPECT_EQ(status({.method = Method::post, .target = "/api/v1/admin", .headers = bearer(trader)}), 403);
  EXPECT_EQ(status({.method = Method::post, .target = "/api/v1/admin", .headers = bearer(admin)}), 500)
      << "its bug is caught";
}

TEST_F(FrontTest, commands_are_never_taken_by_get) {
  const std::string trader = key(Role::trader);
  for (const Method method : {Method::get, Method::head, Method::put, Method::patch, Method::del}) {
    const Outcome outcome = call({.method = method, .target = "/api/v1/commands", .headers = bearer(trader)});
    EXPECT_EQ(outcome.response.status, 405);
    EXPECT_EQ(value(outcome.response, "Allow"), "POST");
  }
  RawRequest unknown;
  unknown.target = "/healthz";
  unknown.headers = {{"Host", "localhost"}};
  int got = 0;
  front_->handle(unknown, {}, [&](const Outcome& outcome) { got = outcome.response.status; });
  EXPECT_EQ(got, 405) << "a method that nobody knows";
}

TEST_F(FrontTest, the_owner_of_the_socket_needs_no_key_unless_it_speaks_for_others) {
  EXPECT_EQ(status({.target = "/api/v1/quotes/XAUUSD", .uid = ::geteuid()}), 200);
  EXPECT_EQ(status({.target = "/api/v1/quotes/XAUUSD", .uid = ::geteuid() + 1}), 401);
  EXPECT_EQ(
      status({.target = "/api/v1/quotes/XAUUSD", .headers = {{"X-Forwarded-For", "1.2.3.4"}}, .uid = ::geteuid()}),
      401);
}

TEST_F(FrontTest, wrong_credentials_are_limited_by_address_and_never_keep_a_good_key_out) {
  const std::string good = key(Role::viewer);
  std::string wrong = good;
  wrong[20] = wrong[20] == 'A' ? 'B' : 'A';
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(status({.target = "/api/v1/quotes/X", .headers = bearer(wrong)}), 401);
  }
  EXPECT_EQ(status({.target = "/api/v1/quotes/X", .headers = bearer(wrong)}), 429);
  EXPECT_EQ(status({.target = "/api/v1/quotes/X", .headers = bearer(good)}), 200);
  EXPECT_EQ(status({.target = "/api/v1/quotes/X", .headers = bearer(wrong), .address = "192.0.2.1"}), 401);
  for (const char* header :
       {"Basic dXNlcjpwYXNz", "Bearer", "Bearer ", "bearer x y", "tt_x", "Bearer ..", "Bearer null"}) {
    EXPECT_EQ(status({.target = "/api/v1/quotes/X",
                      .headers = {{"Authorization", header}},
                      .address = fmt::format("192.0.2.{}", ::strlen(header))}),
              401)
        << header;
  }
  EXPECT_EQ(status({.target = "/api/v1/quotes/X",
                    .headers = {{"Authorization", "Bearer " + good}, {"Authorization", "Bearer " + good}}}),
            400);
}

TEST_F(FrontTest, ten_thousand_forged_forwarded_addresses_are_one_client) {
  has_public_read_ = true;
  open();
  int allowed = 0;
  for (int i = 0; i < 10'000; ++i) {
    const Outcome outcome =
        call({.target = "/api/v1/quotes/X",
              .headers = {{"X-Forwarded-For", fmt::format("{}.{}.{}.{}", i % 200 + 1, i / 200, i % 7, i % 11)},
                          {"Forwarded", "for=1.2.3.4"},
                          {"X-Real-IP", fmt::format("1.1.{}.1", i % 256)}},
              .address = "192.0.2.1"});
    allowed += outcome.response.status == 200 ? 1 : 0;
  }
  EXPECT_EQ(allowed, 2);
  EXPECT_EQ(status({.target = "/api/v1/quotes/X", .address = "192.0.2.2"}), 200);
}

TEST_F(FrontTest, public_read_opens_reads_but_no_account_and_no_command) {
  has_public_read_ = true;
  open();
  EXPECT_EQ(status({.target = "/api/v1/quotes/X"}), 200);
  EXPECT_EQ(status({.target = "/api/v1/positions"}), 401);
  EXPECT_EQ(status({.method = Method::post,
                    .target = "/api/v1/commands",
                    .headers = {{"Content-Type", "application/json"}},
                    .body = R"({"command":"kill"})"}),
            401);
}

TEST_F(FrontTest, a_class_used_up_is_told_and_kill_is_never_limited) {
  const std::string trader = key(Role::trader);
  const Outcome first = call(command(trader, "a"));
  EXPECT_EQ(value(first.response, "RateLimit-Policy"), "\"trading\";q=2;w=3600");
  EXPECT_EQ(value(first.response, "RateLimit"), "\"trading\";r=1;t=3600");
  EXPECT_EQ(status(command(trader, "b")), 200);
  const Outcome limited = call(command(trader, "c"));
  EXPECT_EQ(limited.response.status, 429);
  EXPECT_EQ(value(limited.response, "Retry-After"), "3600");
  for (int i = 0; i < 20; ++i) EXPECT_EQ(status(command(trader, fmt::format("k{}", i), R"({"command":"kill"})")), 200);
  EXPECT_EQ(status(command(trader, "d", R"({"command":"pause","x":1})")), 429) << "what does not fit is limited too";
  EXPECT_EQ(status({.target = "/api/v1/quotes/X", .headers = bearer(trader)}), 200) << "another class";
  now_ns_ += 3'600 * kSecond;
  EXPECT_EQ(status(command(trader, "e")), 200);
}

TEST_F(FrontTest, failed_logins_lock_the_address_and_user_only) {
  ASSERT_TRUE(change_key_file(keys_path_, [](KeyFile& file) -> Result<void> {
    TT_TRY(const std::string hash, hash_password("correct horse battery", PasswordCost::minimal));
    TT_TRY_VOID(set_user(file, "ann", Role::trader, {}, hash, kStart));
    return set_user(file, "bob", Role::viewer, {}, hash, kStart);
  }));
  front_->tick();
  // The password's worker is a thread: its replies are awaited.
  const auto login = [&](const std::string& user, const std::string& password, const std::string& address) {
    RawRequest raw;
    raw.method = Method::post;
    raw.target = "/api/v1/login";
    raw.headers = {{"Host", "localhost:8000"}, {"Content-Type", "application/json"}};
    raw.body = json{{"user", user}, {"password", password}}.dump();
    Peer peer;
    peer.address = parse_address(address);
    std::promise<Response> reply;
    front_->handle(std::move(raw), peer, [&](const Outcome& outcome) { reply.set_value(outcome.response); });
    return reply.get_future().get();
  };
  const Response good = login("ann", "correct horse battery", "192.0.2.1");
  EXPECT_EQ(good.status, 200);
  EXPECT_EQ(json::parse(good.body)["role"], "trader");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(login("ann", "wrong", "192.0.2.1").status, 401);
  const Response locked = login("ann", "correct horse battery", "192.0.2.1");
  EXPECT_EQ(locked.status, 429);
  EXPECT_EQ(code(locked), "TT-0824");
  EXPECT_EQ(login("bob", "correct horse battery", "192.0.2.1").status, 200);
  EXPECT_EQ(login("ann", "correct horse battery", "192.0.2.2").status, 200);
  const Response unknown = login("nobody", "correct horse battery", "192.0.2.3");
  EXPECT_EQ(unknown.status, 401);
  EXPECT_EQ(unknown.body, login("bob", "wrong", "192.0.2.3").body) << "nobody learns which users exist";
}

TEST_F(FrontTest, a_new_password_ends_the_sessions_of_the_old_one) {
  const auto set_password = [&](std::int64_t now_ns) {
    ASSERT_TRUE(change_key_file(keys_path_, [&](KeyFile& file) -> Result<void> {
      TT_TRY(const std::string hash, hash_password("correct horse battery", PasswordCost::minimal));
      return set_user(file, "ann", Role::trader, {}, hash, now_ns);
    }));
    front_->tick();
  };
  set_password(kStart);
  RawRequest raw;
  raw.method = Method::post;
  raw.target = "/api/v1/login";
  raw.headers = {{"Host", "localhost:8000"}, {"Content-Type", "application/json"}};
  raw.body = json{{"user", "ann"}, {"password", "correct horse battery"}}.dump();
  Peer peer;
  peer.address = parse_address("192.0.2.1");
  std::promise<Response> reply;
  front_->handle(std::move(raw), peer, [&](const Outcome& outcome) { reply.set_value(outcome.response); });
  const std::string set_cookie = value(reply.get_future().get(), "Set-Cookie");
  const Field cookie{"Cookie", set_cookie.substr(0, set_cookie.find(';'))};
  EXPECT_EQ(status({.target = "/api/v1/quotes/XAUUSD", .headers = {cookie}}), 200);
  front_->tick();
  EXPECT_EQ(status({.target = "/api/v1/quotes/XAUUSD", .headers = {cookie}}), 200);
  set_password(kStart + 1);
  EXPECT_EQ(status({.target = "/api/v1/quotes/XAUUSD", .headers = {cookie}}), 401);
}

TEST_F(FrontTest, a_password_that_is_replaced_while_it_is_checked_opens_no_session) {
  const auto set_password = [&](const char* password, std::int64_t now_ns) {
    EXPECT_TRUE(change_key_file(keys_path_, [&](KeyFile& file) -> Result<void> {
      TT_TRY(const std::string hash, hash_password(password, PasswordCost::minimal));
      return set_user(file, "ann", Role::trader, {}, hash, now_ns);
    }));
    front_->tick();
  };
  set_password("correct horse battery", kStart);
  before_io_ = [&] { set_password("another horse battery", kStart + 1); };
  RawRequest raw;
  raw.method = Method::post;
  raw.target = "/api/v1/login";
  raw.headers = {{"Host", "localhost:8000"}, {"Content-Type", "application/json"}};
  raw.body = json{{"user", "ann"}, {"password", "correct horse battery"}}.dump();
  Peer peer;
  peer.address = parse_address("192.0.2.1");
  std::promise<int> status;
  front_->handle(std::move(raw), peer, [&](const Outcome& outcome) { status.set_value(outcome.response.status); });
  EXPECT_EQ(status.get_future().get(), 401);
}

TEST_F(FrontTest, a_login_by_another_page_and_odd_bodies_are_refused) {
  const auto post = [&](std::string body, std::vector<Field> headers) {
    headers.push_back({"Content-Type", "application/json"});
    return status(
        {.method = Method::post, .target = "/api/v1/login", .headers = std::move(headers), .body = std::move(body)});
  };
  const std::string code = front_->access().codes().issue(Role::viewer, now_ns_);
  EXPECT_EQ(post(fmt::format(R"({{"code":"{}"}})", code), {{"Origin", "http://evil.com"}}), 403);
  EXPECT_EQ(post(fmt::format(R"({{"code":"{}"}})", code), {}), 200) << "not used up by the other page";
  EXPECT_EQ(post(fmt::format(R"({{"code":"{}"}})", code), {}), 401) << "once";
  for (const char* body : {"{}", R"({"user":"a"})", R"({"password":"a"})", R"({"code":"x","user":"a"})",
                           R"({"code":1})", R"({"user":"a","password":"b","role":"admin"})", "[]", "null"}) {
    EXPECT_EQ(post(body, {}), 422) << body;
  }
}

// --- bodies and parameters -------------------------------------------------------------------------------------------

TEST_F(FrontTest, parameters_are_checked_against_their_schemas) {
  const auto headers = bearer(key(Role::viewer));
  const Outcome fine = call({.target = "/api/v1/quotes/XAU%2FUSD?limit=5", .headers = headers});
  EXPECT_EQ(json::parse(fine.response.body)["symbol"], "XAU/USD");
  EXPECT_EQ(json::parse(call({.target = "/gold", .headers = headers}).response.body)["symbol"], "XAUUSD");
  for (const char* query :
       {"?limit=0", "?limit=101", "?limit=x", "?limit=", "?limit=1&limit=2", "?Limit=1", "?unknown=1", "?limit=1e1"}) {
    const Outcome outcome = call({.target = std::string("/api/v1/quotes/X") + query, .headers = headers});
    EXPECT_EQ(outcome.response.status, 400) << query;
    EXPECT_EQ(code(outcome.response), "TT-0809");
  }
  const std::string long_name(33, 'A');
  for (const std::string& symbol : {std::string("%24"), std::string("a%20b"), std::string("%2e%2e%2f%2e%2e%2fetc%00"),
                                    long_name, std::string("%E2%82%AC"), std::string("a:b"), std::string(4'096, 'A')}) {
    EXPECT_EQ(status({.target = "/api/v1/quotes/" + symbol, .headers = headers}), 400) << symbol.substr(0, 40);
  }
  EXPECT_EQ(status({.target = "/api/v1/quotes/", .headers = headers}), 404);
  EXPECT_EQ(status({.target = "/api/v1/quotes/a/b", .headers = headers}), 404);
  EXPECT_EQ(status({.target = "/" + std::string(9'000, 'a'), .headers = headers}), 414);
}

TEST_F(FrontTest, bodies_are_checked_before_anything_happens) {
  const std::string trader = key(Role::admin);
  int n = 0;
  const auto answer = [&](std::string body) {
    return call(command(trader, fmt::format("b{}", ++n), std::move(body))).response;
  };
  now_ns_ += 1;
  for (const auto& [body, expected] :
       std::vector<std::pair<std::string, int>>{{"", 400},
                                                {"{", 400},
                                                {R"({"command":"kill","command":"pause"})", 400},
                                                {R"({"command":"\ud800"})", 400},
                                                {"1e999", 400},
                                                {std::string(10'000, '[') + std::string(10'000, ']'), 400},
                                                {"[]", 422},
                                                {"{}", 422},
                                                {R"({"command":1})", 422},
                                                {R"({"command":"kill","extra":1})", 422},
                                                {std::string(70'000, ' '), 413}}) {
    open();
    front_->tick();
    EXPECT_EQ(answer(body).status, expected) << body.substr(0, 40);
  }
  EXPECT_EQ(commands_, 0);
  open();
  const Response problem_reply = answer(R"({"command":"kill","extra":1})");
  EXPECT_EQ(problem_reply.content_type, "application/problem+json");
  EXPECT_TRUE(Schema::make(problem_schema(), {}, "Problem")->check(json::parse(problem_reply.body)).empty());
  EXPECT_EQ(json::parse(problem_reply.body)["errors"][0]["pointer"], "/extra");
  for (const char* type :
       {"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx"}) {
    Call given{.method = Method::post,
               .target = "/api/v1/commands",
               .headers = bearer(trader),
               .body = R"({"command":"kill"})"};
    open();  // the class is not what is asked about
    if (*type != 0) given.headers.push_back({"Content-Type", type});
    given.headers.push_back({"Idempotency-Key", "t"});
    EXPECT_EQ(status(given), 415) << type;
  }
  EXPECT_EQ(status({.target = "/api/v1/quotes/X", .headers = bearer(trader), .body = "x"}), 400)
      << "a body where none is taken";
}

// --- idempotency -----------------------------------------------------------------------------------------------------

TEST_F(FrontTest, a_repeated_command_gets_its_first_reply_also_after_a_restart) {
  const std::string trader = key(Role::trader);
  const Response first = call(command(trader, "same")).response;
  ASSERT_TRUE(last_);
  const std::uint64_t id = last_->id;
  EXPECT_NE(id, 0u);
  for (int i = 0; i < 2; ++i) {
    const Response again = call(command(trader, "same")).response;
    EXPECT_EQ(again.body, first.body);
    EXPECT_EQ(value(again, "Idempotency-Replayed"), "true");
    open();
  }
  EXPECT_EQ(commands_, 1);
  const Response mismatch = call(command(trader, "same", R"({"command":"flatten"})")).response;
  EXPECT_EQ(mismatch.status, 422);
  EXPECT_EQ(code(mismatch), "TT-0831");
  EXPECT_EQ(commands_, 1);
}

TEST_F(FrontTest, a_command_without_a_key_is_refused_and_an_alias_may_omit_it) {
  const std::string trader = key(Role::trader);
  EXPECT_EQ(code(call(command(trader, "")).response), "TT-0830");
  Call hostile = command(trader, "");
  hostile.headers.push_back({"Idempotency-Key", "a b\n"});
  EXPECT_EQ(status(hostile), 400);
  EXPECT_EQ(commands_, 0);
  open();
  Call alias = command(trader, "");
  alias.target = "/api/trading/command";
  EXPECT_EQ(status(alias), 200);
  EXPECT_EQ(commands_, 1);
  alias.headers.push_back({"Idempotency-Key", "x"});
  open();
  EXPECT_EQ(status(alias), 200);
  open();
  EXPECT_EQ(status(command(trader, "x")), 200) << "the same key on the route itself";
  EXPECT_EQ(commands_, 2);
}

TEST_F(FrontTest, a_handler_that_has_not_acted_may_be_asked_again_and_one_that_died_may_not) {
  const std::string trader = key(Role::trader);
  on_command_ = [](const Request&) { return problem(ErrorCode::core_away, "no core"); };
  EXPECT_EQ(status(command(trader, "a")), 503);
  on_command_ = {};
  EXPECT_EQ(status(command(trader, "a")), 200);
  open();
  on_command_ = [](const Request&) -> Response { throw std::runtime_error("died"); };
  EXPECT_EQ(status(command(trader, "b")), 500);
  on_command_ = {};
  EXPECT_EQ(code(call(command(trader, "b")).response), "TT-0833");
}

TEST_F(FrontTest, a_repeat_that_is_refused_leaves_the_first_attempt_in_doubt) {
  resumes_interrupted_ = true;
  open();
  const std::string trader = key(Role::trader);
  on_command_ = [](const Request&) -> Response { throw std::runtime_error("died"); };
  EXPECT_EQ(status(command(trader, "a")), 500);
  on_command_ = [](const Request&) { return problem(ErrorCode::core_away, "no core"); };
  EXPECT_EQ(status(command(trader, "a")), 503);
  ASSERT_TRUE(last_);
  EXPECT_TRUE(last_->was_interrupted);
  EXPECT_EQ(last_->began_ns, kStart);
  open();
  now_ns_ += kSecond;
  EXPECT_EQ(status(command(trader, "a")), 503);
  EXPECT_TRUE(last_->was_interrupted) << "a refusal is no answer to what was begun before";
  EXPECT_EQ(last_->began_ns, kStart);
  on_command_ = {};
  open();
  EXPECT_EQ(status(command(trader, "a")), 200);
  EXPECT_TRUE(last_->was_interrupted);
  EXPECT_EQ(value(call(command(trader, "a")).response, "Idempotency-Replayed"), "true");
}

TEST_F(FrontTest, the_same_command_while_it_is_worked_on_is_told_so) {
  const std::string trader = key(Role::trader);
  int inner = 0;
  on_command_ = [&](const Request&) {
    on_command_ = {};
    inner = status(command(trader, "a"));
    return Response::json(Json::object());
  };
  EXPECT_EQ(status(command(trader, "a")), 200);
  EXPECT_EQ(inner, 409);
}

TEST_F(FrontTest, taken_workers_are_told_and_nothing_is_begun) {
  const std::string trader = key(Role::trader);
  is_command_worker_free_ = false;
  const Outcome busy = call(command(trader, "a"));
  EXPECT_EQ(busy.response.status, 503);
  EXPECT_EQ(value(busy.response, "Retry-After"), "1");
  is_command_worker_free_ = true;
  EXPECT_EQ(status(command(trader, "a")), 200);
}

constexpr const char* kKill = R"({"command":"kill"})";
constexpr const char* kFlatten = R"({"command":"flatten"})";
constexpr const char* kResume = R"({"command":"resume"})";

TEST_F(FrontTest, a_kill_is_done_before_any_disk_is_asked_and_recorded_after) {
  const std::string trader = key(Role::trader);
  int syncs_at_work = -1;
  on_command_ = [&](const Request&) {
    syncs_at_work = syncs_;
    return Response::json({{"n", commands_}});
  };
  const Response first = call(command(trader, "k", kKill)).response;
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(syncs_at_work, 0);
  EXPECT_EQ(syncs_, 1);
  for (int i = 0; i < 2; ++i) {
    const Response again = call(command(trader, "k", kKill)).response;
    EXPECT_EQ(again.body, first.body);
    EXPECT_EQ(value(again, "Idempotency-Replayed"), "true");
    EXPECT_EQ(code(call(command(trader, "k", kFlatten)).response), "TT-0831");
    open();
  }
  EXPECT_EQ(commands_, 1);
  on_command_ = [](const Request&) { return problem(ErrorCode::core_away, "no core"); };
  EXPECT_EQ(status(command(trader, "other", kKill)), 503);
  on_command_ = {};
  EXPECT_EQ(status(command(trader, "other", kKill)), 200) << "what was not done leaves no record";
}

TEST_F(FrontTest, a_disk_that_takes_no_record_stops_no_stopping_and_starts_nothing) {
  resumes_interrupted_ = true;
  open();
  const std::string trader = key(Role::trader);
  is_disk_well_ = false;
  for (const char* body : {kKill, kFlatten}) {
    EXPECT_EQ(status(command(trader, "same", body)), 200) << body;
    ASSERT_TRUE(last_);
    const std::uint64_t id = last_->id;
    EXPECT_NE(id, 0u);
    EXPECT_EQ(status(command(trader, "same", body)), 200) << body;
    EXPECT_EQ(last_->id, id) << "the core tells a repeat by it";
  }
  const int done = commands_;
  EXPECT_EQ(status(command(trader, "r", kResume)), 503);
  EXPECT_EQ(commands_, done) << "done twice, it could undo a kill that came between";
  is_disk_well_ = true;
  EXPECT_EQ(status(command(trader, "r", kResume)), 200);
}

TEST_F(FrontTest, a_record_full_of_commands_at_work_keeps_no_kill_out) {
  entries_max_ = 1;
  open();
  const std::string trader = key(Role::trader);
  std::vector<int> statuses;
  on_command_ = [&](const Request&) {
    on_command_ = {};
    int n = 0;
    for (const char* body : {kKill, kFlatten, kResume}) {
      statuses.push_back(status(command(trader, fmt::format("k{}", ++n), body)));
    }
    return Response::json(Json::object());
  };
  EXPECT_EQ(status(command(trader, "a")), 200);
  EXPECT_EQ(statuses, (std::vector<int>{200, 200, 503}));
}

// --- shares of the workers -------------------------------------------------------------------------------------------

TEST_F(FrontTest, commands_wait_for_no_reads_and_a_kill_for_no_command) {
  const std::string trader = key(Role::trader);
  is_worker_free_ = false;
  EXPECT_EQ(status(command(trader, "a")), 200) << "every worker for reads is taken";
  EXPECT_FALSE(was_urgent_);
  EXPECT_EQ(status(command(trader, "b", R"({"command":"kill"})")), 200);
  EXPECT_TRUE(was_urgent_);
  EXPECT_EQ(status({.target = "/api/v1/history", .headers = bearer(trader)}), 503);
}

TEST_F(FrontTest, one_caller_has_two_reads_at_work_eight_waiting_and_the_rest_is_told) {
  has_slow_workers_ = true;
  open();
  const std::string ann = key(Role::viewer);
  const std::string bob = key(Role::trader);
  std::vector<int> statuses;
  const auto ask = [&](const std::string& token) {
    RawRequest raw;
    raw.method = Method::get;
    raw.target = "/api/v1/history";
    raw.headers = bearer(token);
    raw.headers.push_back({"Host", "localhost"});
    Peer peer;
    peer.address = parse_address("127.0.0.1");
    front_->handle(std::move(raw), peer, [&](const Outcome& outcome) {
      statuses.push_back(outcome.response.status);
      EXPECT_EQ(value(outcome.response, "Retry-After"), outcome.response.status == 503 ? "1" : "");
    });
  };
  for (int i = 0; i < 12; ++i) ask(ann);
  EXPECT_EQ(held_.size(), 2u) << "two of hers are with the workers";
  EXPECT_EQ(statuses, (std::vector<int>{503, 503})) << "eight wait";
  ask(bob);
  EXPECT_EQ(held_.size(), 3u) << "his does not wait for hers";
  statuses.clear();
  for (std::size_t done = 0; done < held_.size(); ++done) {
    const auto work = std::move(held_[done]);  // the list grows by what it lets in
    work();
  }
  EXPECT_EQ(statuses, std::vector<int>(11, 200));
  held_.clear();
  ask(ann);
  EXPECT_EQ(held_.size(), 1u) << "and then begins anew";
}

TEST_F(FrontTest, a_login_under_way_when_the_front_ends_still_finds_all_it_needs) {
  ASSERT_TRUE(change_key_file(keys_path_, [](KeyFile& file) -> Result<void> {
    TT_TRY(const std::string hash, hash_password("correct horse battery"));
    return set_user(file, "ann", Role::trader, {}, hash, kStart);
  }));
  // Tells whether it was called after it was destroyed. Too large to lie within a std::function.
  struct Witness {
    bool is_gone = false;
    int late = 0;
    int calls = 0;
  } witness;
  struct Thread {
    std::array<char, 64> space{};
    Witness* seen;
    explicit Thread(Witness& one) : seen(&one) {}
    Thread(const Thread&) = default;
    Thread& operator=(const Thread&) = default;
    ~Thread() {
      if (space[0] == 1) seen->is_gone = true;
    }
    void operator()(const std::function<void()>& work) const {
      ++seen->calls;
      seen->late += seen->is_gone ? 1 : 0;
      work();
    }
  };
  FrontOptions options;
  options.access.keys_path = keys_path_;
  Thread thread(witness);
  Front::Threads threads{.run_on_worker = [](const std::function<void()>&) { return false; }, .run_on_io = thread};
  threads.run_on_io.target<Thread>()->space[0] = 1;
  auto made =
      Front::make(std::move(options), {}, json::object(), Assets(files_), std::move(threads), [] { return kStart; });
  ASSERT_TRUE(made) << made.error().message();
  ASSERT_FALSE(witness.is_gone) << "the front has the only one";
  RawRequest raw;
  raw.method = Method::post;
  raw.target = "/api/v1/login";
  raw.headers = {{"Host", "localhost:8000"}, {"Content-Type", "application/json"}};
  raw.body = json{{"user", "ann"}, {"password", "correct horse battery"}}.dump();
  Peer peer;
  peer.address = parse_address("192.0.2.1");
  std::atomic<int> replies{0};
  (*made)->handle(std::move(raw), peer, [&](const Outcome&) { ++replies; });
  std::this_thread::sleep_for(std::chrono::milliseconds(10));  // so that it has begun, which nothing tells
  made->reset();
  EXPECT_EQ(replies, 1) << "checked, or dropped and told";
  EXPECT_GE(witness.calls, 1);
  EXPECT_EQ(witness.late, 0);
  EXPECT_TRUE(witness.is_gone);
}

// --- instances -------------------------------------------------------------------------------------------------------

TEST_F(FrontTest, the_only_instance_answers_with_and_without_its_name) {
  instances_ = {"desk"};
  open();
  const auto headers = bearer(key(Role::viewer));
  const json plain = json::parse(call({.target = "/api/v1/quotes/X", .headers = headers}).response.body);
  EXPECT_EQ(plain["instance"], "desk");
  EXPECT_EQ(plain["base"], "");
  const json named = json::parse(call({.target = "/i/desk/api/v1/quotes/X", .headers = headers}).response.body);
  EXPECT_EQ(named["instance"], "desk");
  EXPECT_EQ(named["base"], "/i/desk");
  EXPECT_EQ(status({.target = "/i/other/api/v1/quotes/X", .headers = headers}), 404);
  EXPECT_EQ(status({.target = "/i/desk/i/desk/api/v1/quotes/X", .headers = headers}), 404);
  const json document = json::parse(call({.target = "/api/v1/openapi.json", .headers = headers}).response.body);
  EXPECT_EQ(document["servers"], json::parse(R"([{"url":"/"},{"url":"/i/desk"}])"));
}

TEST_F(FrontTest, of_several_instances_one_must_be_named_and_callers_we_know_are_told_which) {
  instances_ = {"east", "west"};
  open();
  const auto headers = bearer(key(Role::viewer));
  EXPECT_EQ(json::parse(call({.target = "/i/west/mt5/prices/X", .headers = headers}).response.body)["instance"],
            "west");
  const Response unnamed = call({.target = "/api/v1/quotes/X", .headers = headers}).response;
  EXPECT_EQ(unnamed.status, 409);
  const json body = json::parse(unnamed.body);
  EXPECT_EQ(body["code"], "TT-0843");
  ASSERT_EQ(body["errors"].size(), 2u);
  EXPECT_EQ(body["errors"][0]["detail"], "east");
  EXPECT_EQ(body["errors"][1]["detail"], "west");
  EXPECT_EQ(status({.target = "/api/v1/quotes/X"}), 401) << "strangers learn no names";
  EXPECT_EQ(status({.target = "/healthz"}), 200) << "what is the same for all needs no name";
  EXPECT_EQ(status({.target = "/i/east/healthz"}), 200);
  EXPECT_EQ(status({.target = "/api/v1/session", .headers = headers}), 200);
  EXPECT_EQ(status({.target = "/api/v1/nothing", .headers = headers}), 404);
  const json document = json::parse(call({.target = "/api/v1/openapi.json", .headers = headers}).response.body);
  EXPECT_EQ(document["servers"], json::parse(R"([{"url":"/i/east"},{"url":"/i/west"}])"));
}

TEST_F(FrontTest, a_key_stands_for_one_request_to_one_instance) {
  instances_ = {"east", "west"};
  open();
  const std::string trader = key(Role::trader);
  const auto to = [&](const std::string& base) {
    Call given = command(trader, "same");
    given.target = base + "/api/v1/commands";
    return call(given).response;
  };
  EXPECT_EQ(to("").status, 409);
  EXPECT_EQ(commands_, 0) << "nothing is done where none is named";
  open();  // the class is not what is asked about
  EXPECT_EQ(to("/i/east").status, 200);
  const std::uint64_t east = last_->id;
  EXPECT_EQ(to("/i/west").status, 200);
  EXPECT_EQ(commands_, 2);
  EXPECT_NE(last_->id, east);
  open();
  EXPECT_EQ(value(to("/i/east"), "Idempotency-Replayed"), "true");
  EXPECT_EQ(commands_, 2);
}

TEST_F(FrontTest, the_page_is_under_each_instance_too) {
  instances_ = {"east", "west"};
  open();
  EXPECT_EQ(call({.target = "/i/east/"}).response.status, 200);
  const Response there = call({.target = "/i/west"}).response;
  EXPECT_EQ(there.status, 308);
  EXPECT_EQ(value(there, "Location"), "west/");
  EXPECT_EQ(call({.target = "/i/north/"}).response.status, 404);
}

TEST_F(FrontTest, a_deferred_route_answers_once_whatever_its_handler_does) {
  const auto headers = bearer(key(Role::viewer));
  EXPECT_EQ(status({.target = "/api/v1/dropped", .headers = headers}), 500);
  EXPECT_EQ(json::parse(call({.target = "/api/v1/twice", .headers = headers}).response.body)["n"], 1);
}

// --- the table -------------------------------------------------------------------------------------------------------

TEST_F(FrontTest, the_openapi_document_names_every_route_alias_and_schema) {
  const json document =
      json::parse(call({.target = "/api/v1/openapi.json", .headers = bearer(key(Role::viewer))}).response.body);
  EXPECT_EQ(document["openapi"], "3.1.0");
  for (const Route& row : front_->router().routes()) {
    ASSERT_TRUE(document["paths"].contains(row.pattern)) << row.pattern;
    for (const Alias& alias : row.aliases) EXPECT_TRUE(document["paths"].contains(alias.pattern)) << alias.pattern;
  }
  const json& quote = document["paths"]["/api/v1/quotes/{symbol}"]["get"];
  EXPECT_EQ(quote["tags"], json::array({"test"}));
  EXPECT_EQ(quote["parameters"][0]["in"], "path");
  EXPECT_EQ(quote["responses"]["401"]["content"]["application/problem+json"]["schema"]["$ref"],
            "#/components/schemas/Problem");
  EXPECT_EQ(document["paths"]["/gold"]["get"]["parameters"].size(), 1u) << "what an alias fixes is no parameter";
  const json& post = document["paths"]["/api/v1/commands"]["post"];
  EXPECT_EQ(post["requestBody"]["content"]["application/json"]["schema"]["additionalProperties"], false);
  EXPECT_EQ(post["parameters"][0]["name"], "Idempotency-Key");
  EXPECT_TRUE(post["parameters"][0]["required"]);
  EXPECT_FALSE(document["paths"]["/api/trading/command"]["post"]["parameters"][0]["required"]);
  EXPECT_EQ(document["paths"]["/healthz"]["get"]["security"], json::array());
  EXPECT_EQ(document["servers"], json::parse(R"([{"url":"/"}])"));
}

TEST(Router, a_reply_that_lacks_a_field_of_its_schema_is_found) {
  Route row = route(Method::get, "/x", "x", [](const Request&) { return Response{}; });
  row.replies = {{.status = 200,
                  .description = "",
                  .schema = {{"type", "object"},
                             {"additionalProperties", false},
                             {"required", {"a"}},
                             {"properties", {{"a", {{"type", "integer"}}}}}}}};
  const auto router = Router::make({row}, {}, {});
  ASSERT_TRUE(router) << router.error().message();
  const Route& held = router->routes()[0];
  EXPECT_TRUE(router->check_reply(held, 200, {{"a", 1}}).empty());
  EXPECT_FALSE(router->check_reply(held, 200, json::object()).empty());
  EXPECT_FALSE(router->check_reply(held, 200, {{"a", 1}, {"b", 2}}).empty());
  EXPECT_FALSE(router->check_reply(held, 201, {{"a", 1}}).empty()) << "a status that is not in the table";
  EXPECT_TRUE(router->check_reply(held, 404, json::parse(problem(ErrorCode::http_not_found, "x").body)).empty());
  EXPECT_FALSE(router->check_reply(held, 404, {{"detail", "x"}}).empty());
}

TEST(Router, tables_that_contradict_themselves_are_refused_at_start) {
  const auto handler = [](const Request&) { return Response{}; };
  const auto refused = [](std::vector<Route> rows) { return !Router::make(std::move(rows), {}, {}).has_value(); };
  EXPECT_TRUE(refused({route(Method::get, "/x", "a", handler), route(Method::get, "/x", "b", handler)}));
  EXPECT_TRUE(refused({route(Method::get, "/x", "a", handler), route(Method::get, "/y", "a", handler)}));
  EXPECT_TRUE(refused({route(Method::get, "x", "a", handler)}));
  EXPECT_TRUE(refused({route(Method::get, "/x/{id}", "a", handler)})) << "a name without a parameter";
  EXPECT_TRUE(refused({route(Method::get, "/x", "a", {})})) << "no handler";
  Route extra = route(Method::get, "/x", "a", handler);
  extra.parameters = {{.name = "id", .in = Parameter::In::path}};
  EXPECT_TRUE(refused({extra})) << "a parameter without a name";
  Route keyword = route(Method::get, "/x", "a", handler);
  keyword.body_schema = {{"multipleOf", 2}};
  EXPECT_TRUE(refused({keyword}));
  EXPECT_FALSE(refused({route(Method::get, "/x", "a", handler), route(Method::post, "/x", "b", handler)}));
}

TEST(Router, a_fixed_path_goes_before_a_parameter_and_tags_hide_the_rest) {
  const auto handler = [](const Request&) { return Response{}; };
  Route by_id = route(Method::get, "/trades/{id}", "a", handler);
  by_id.parameters = {{.name = "id", .in = Parameter::In::path}};
  Route summary = route(Method::get, "/trades/summary", "b", handler);
  summary.tag = "model";
  const auto router = Router::make({by_id, summary}, {}, {});
  ASSERT_TRUE(router);
  const auto operation = [&](std::vector<std::string> segments, const std::vector<std::string>& tags) {
    const auto found = router->find(Method::get, segments, tags);
    const auto* match = std::get_if<Router::Match>(&found);
    return match == nullptr ? std::string() : match->route->operation;
  };
  EXPECT_EQ(operation({"trades", "summary"}, {}), "b");
  EXPECT_EQ(operation({"trades", "7"}, {}), "a");
  EXPECT_EQ(operation({"trades", "7"}, {"model"}), "");
  EXPECT_EQ(operation({"trades", "summary"}, {"model"}), "b");
  EXPECT_EQ(operation({"trades", ""}, {}), "");
  EXPECT_EQ(operation({}, {}), "");
}

}  // namespace
}  // namespace thintail::http
