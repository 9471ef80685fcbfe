// SPDX-License-Identifier: Apache-2.0
// Two cores with a gateway each, side by side: who is logged in at one is nobody at the other.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <regex>

#include "tests/support/http_client.hpp"
#include "tests/support/live_core.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temp_folder.hpp"

namespace thintail::test {
namespace {

using nlohmann::json;

// A core, its gateway on a port of its own, and a browser that logged in with the code that the gateway printed.
class Side {
 public:
  explicit Side(const std::string& instance) : core_(50, 16'384, instance), gateway_(command(instance)) {
    std::smatch found;
    std::string out;
    EXPECT_TRUE(eventually([&] {
      out = gateway_.out();
      return std::regex_search(out, found, std::regex("http://127\\.0\\.0\\.1:([0-9]+)/#code=(\\S+)"));
    })) << gateway_.err();
    if (found.size() != 3) return;
    port_ = static_cast<std::uint16_t>(std::stoi(found[1]));
    EXPECT_TRUE(eventually([&] { return get("/readyz", "").status == 200; })) << gateway_.err();
    const HttpReply login = ask("POST /api/v1/login", "", "", json{{"code", found[2].str()}}.dump());
    EXPECT_EQ(login.status, 200) << login.body;
    const auto set = login.headers.find("set-cookie");
    if (set != login.headers.end()) cookie_ = set->second.substr(0, set->second.find(';'));
  }

  // As a browser says it: its cookies are named after the port in the address bar.
  HttpReply ask(const std::string& line, const std::string& cookie, const std::string& more = "",
                const std::string& body = "") const {
    HttpClient client(port_);
    client.send(fmt::format(
        "{} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n{}{}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}", line,
        port_, cookie.empty() ? "" : "Cookie: " + cookie + "\r\n", more, body.size(), body));
    return client.reply();
  }
  HttpReply get(const std::string& target, const std::string& cookie) const { return ask("GET " + target, cookie); }
  // A command as the page at `page_port` sends it.
  HttpReply pause(const std::string& cookie, const std::string& key, std::uint16_t page_port) const {
    return ask(
        "POST /api/v1/commands", cookie,
        fmt::format("Origin: http://127.0.0.1:{}\r\nX-Thintail-CSRF: 1\r\nIdempotency-Key: {}\r\n", page_port, key),
        R"({"command":"pause"})");
  }
  // What a WebSocket on the cookie is told first: the type of a message, or the code that it is closed with.
  std::string socket(const std::string& cookie) const {
    HttpClient client(port_);
    client.send(
        fmt::format("GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{0}\r\nCookie: {1}\r\nOrigin: http://127.0.0.1:{0}\r\n"
                    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: thintail.v1.json\r\n\r\n",
                    port_, cookie));
    if (client.reply().status != 101) return "refused";
    client.send(HttpClient::frame(1, R"({"type":"subscribe","topic":"quotes"})"));
    const WsFrame frame = client.read_frame();
    return frame.opcode == 8 ? fmt::format("{}", frame.code())
                             : json::parse(frame.payload, nullptr, false).value("type", "");
  }
  bool is_paused() const {
    return json::parse(get("/api/v1/risk", cookie_).body, nullptr, false)["gate"]["paused"] == true;
  }
  std::string cookie_name() const { return cookie_.substr(0, cookie_.find('=')); }
  std::string cookie_value() const { return cookie_.substr(cookie_.find('=') + 1); }
  const std::string& cookie() const { return cookie_; }
  std::uint16_t port() const { return port_; }

 private:
  std::vector<std::string> command(const std::string& instance) const {
    return {program("thintail-gateway"),
            "--instance",
            instance,
            "--shm-directory",
            core_.watched_by("stat").back(),
            "--journal-directory",
            std::filesystem::path(core_.journals()).parent_path().string(),
            "--state-directory",
            folder_.path() + "/state",
            "--port",
            "0",
            "--keys",
            folder_.path() + "/keys.json",
            "--print-code",
            "admin"};
  }
  TempFolder folder_;
  LiveCore core_;
  Process gateway_;
  std::uint16_t port_ = 0;
  std::string cookie_;
};

TEST(GatewayInstances, side_by_side_neither_opens_the_other) {
  Side one("first");
  Side two("second");
  ASSERT_NE(one.port(), two.port());
  ASSERT_FALSE(one.cookie().empty());
  ASSERT_FALSE(two.cookie().empty());
  EXPECT_EQ(one.cookie_name(), fmt::format("thintail_first_{}", one.port()));
  EXPECT_EQ(two.cookie_name(), fmt::format("thintail_second_{}", two.port()));

  const std::string status = "/api/v1/system/status";
  const auto instance_of = [](const HttpReply& reply) {
    return json::parse(reply.body, nullptr, false)["core"].value("instance", "");
  };
  EXPECT_EQ(instance_of(one.get(status, one.cookie())), "first");
  EXPECT_EQ(instance_of(two.get(status, two.cookie())), "second");
  // A browser sends both cookies to both, for cookies know no ports.
  const std::string both = one.cookie() + "; " + two.cookie();
  EXPECT_EQ(instance_of(one.get(status, both)), "first");
  EXPECT_EQ(instance_of(two.get(status, both)), "second");
  for (const auto& [here, there] : {std::pair(&one, &two), std::pair(&two, &one)}) {
    const std::string renamed = here->cookie_name() + "=" + there->cookie_value();
    for (const std::string& stolen : {there->cookie(), renamed}) {
      EXPECT_EQ(here->get(status, stolen).status, 401);
      EXPECT_EQ(here->get("/api/v1/session", stolen).status, 401);
      EXPECT_EQ(here->socket(stolen), "4401");
      EXPECT_EQ(here->pause(stolen, "stolen", here->port()).status, 401);
    }
    EXPECT_EQ(here->pause(here->cookie(), "page", there->port()).status, 403) << "the other one's page is a stranger";
    EXPECT_EQ(here->socket(here->cookie()), "hello");
    EXPECT_FALSE(here->is_paused());
  }
  EXPECT_EQ(one.pause(one.cookie(), "mine", one.port()).status, 200);
  EXPECT_TRUE(eventually([&] { return one.is_paused(); }));
  EXPECT_FALSE(two.is_paused());
}

}  // namespace
}  // namespace thintail::test
