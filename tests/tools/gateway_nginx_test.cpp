// SPDX-License-Identifier: Apache-2.0
// Debian's nginx with deploy/nginx/thintail.conf itself before a real gateway: REST, login, WebSocket and event stream pass, the client's
// address is the one that commands are kept with, and nobody can make one up.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "tests/support/http_client.hpp"
#include "tests/support/live_core.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temp_folder.hpp"

namespace thintail::test {
namespace {

using nlohmann::json;

constexpr const char* kClient = "127.0.0.9";  // not the proxy's address, so it is nobody whose word counts
constexpr const char* kName = "trade.example.com";
constexpr const char* kForged = "X-Forwarded-For: 203.0.113.7\r\nForwarded: for=203.0.113.7\r\n";

std::string nginx_program() { return ::access("/usr/sbin/nginx", X_OK) == 0 ? "/usr/sbin/nginx" : ""; }

std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ::bind(fd, reinterpret_cast<sockaddr*>(&address), size);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(fd);
  return ntohs(address.sin_port);
}

void replace(std::string& text, const std::string& from, const std::string& to) {
  ASSERT_NE(text.find(from), std::string::npos) << from;
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

// Without the blocks that end TLS.
std::string without_tls(std::string text) {
  for (const auto& [last, instead] :
       {std::pair{"# TLS pauses\n", ""}, std::pair{"# TLS ends\n", "listen 127.0.0.1:8080;\n"}}) {
    const std::size_t from = text.find("# TLS begins");
    const std::size_t to = text.find(last);
    EXPECT_TRUE(from != std::string::npos && to != std::string::npos && to > from);
    text.replace(from, to + std::string_view(last).size() - from, instead);
  }
  return text;
}

class BehindNginx : public testing::Test {
 protected:
  void SetUp() override {
    if (nginx_program().empty()) GTEST_SKIP() << "nginx is not installed (deploy/packages/test.txt: nginx-light)";
    const auto made = Process({program("thintail"), "keys", "add", "--role", "trader", "--name", "phone"},
                              {"THINTAIL_KEYS_FILE=" + folder_.path() + "/keys.json"})
                          .wait();
    ASSERT_EQ(made.exit_code, 0) << made.err;
    key_ = made.out.substr(0, made.out.find('\n'));
    gateway_.emplace(std::vector<std::string>{
        program("thintail-gateway"), "--instance", "watched", "--shm-directory", core_.watched_by("stat").back(),
        "--journal-directory", std::filesystem::path(core_.journals()).parent_path(), "--state-directory",
        folder_.path() + "/state", "--keys", folder_.path() + "/keys.json", "--port", "0", "--trusted-proxy",
        "127.0.0.1", "--host", kName, "--print-code", "admin"});
    const std::string mark = "http://127.0.0.1:";
    ASSERT_TRUE(eventually([&] { return gateway_->out().find("#code=") != std::string::npos; })) << gateway_->err();
    const std::string said = gateway_->out();
    gateway_port_ = static_cast<std::uint16_t>(std::atoi(said.c_str() + said.find(mark) + mark.size()));
    const std::size_t code = said.find("#code=") + 6;
    code_ = said.substr(code, said.find_first_of("\r\n ", code) - code);
  }

  std::string conf() const {
    std::ifstream file(THINTAIL_SOURCE_DIR "/deploy/nginx/thintail.conf");
    std::string text{std::istreambuf_iterator<char>(file), {}};
    replace(text, "127.0.0.1:8000", fmt::format("127.0.0.1:{}", gateway_port_));
    return text;
  }

  // Begins nginx with that file, its paths and ports replaced by ours.
  void start_nginx(std::string text, bool is_tls) {
    nginx_.reset();
    is_tls_ = is_tls;
    port_ = free_port();
    const std::string at = folder_.path();
    if (is_tls) {
      const auto made = Process({"/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                                 "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", at + "/key.pem", "-out",
                                 at + "/chain.pem", "-days", "2", "-subj", "/CN=trade.example.com"})
                            .wait();
      if (made.exit_code != 0) GTEST_SKIP() << "no openssl program";
      replace(text, "/etc/ssl/thintail/", at + "/");
      replace(text, "443 ssl", fmt::format("127.0.0.1:{} ssl", port_));
      plain_port_ = free_port();
      replace(text, "listen      80;", fmt::format("listen 127.0.0.1:{};", plain_port_));
    } else {
      replace(text, "127.0.0.1:8080", fmt::format("127.0.0.1:{}", port_));
    }
    std::ofstream(at + "/thintail.conf") << text;
    std::ofstream(at + "/nginx.conf") << fmt::format(
        "pid {0}/nginx.pid;\nerror_log {0}/error.log;\nevents {{}}\nhttp {{\n  access_log off;\n"
        "  client_body_temp_path {0}/b;\n  proxy_temp_path {0}/p;\n  fastcgi_temp_path {0}/f;\n  uwsgi_temp_path "
        "{0}/u;\n"
        "  scgi_temp_path {0}/s;\n  include {0}/thintail.conf;\n}}\n",
        at);
    // No master and no other user: one process, which ends with the test.
    nginx_.emplace(std::vector<std::string>{nginx_program(), "-p", at, "-c", at + "/nginx.conf", "-e",
                                            at + "/error.log", "-g", "daemon off; master_process off;"});
    ASSERT_TRUE(eventually([&] { return HttpClient(port_).is_connected(); })) << nginx_->err() << error_log();
  }
  std::string error_log() const {
    std::ifstream file(folder_.path() + "/error.log");
    return {std::istreambuf_iterator<char>(file), {}};
  }

  // To nginx, from the client's address.
  std::unique_ptr<HttpClient> connect() const {
    auto client = std::make_unique<HttpClient>(port_, kClient);
    EXPECT_TRUE(client->is_connected());
    EXPECT_TRUE(!is_tls_ || client->start_tls(TLS1_2_VERSION, TLS1_3_VERSION));
    return client;
  }
  HttpReply send(HttpClient& client, const std::string& line, const std::string& more,
                 const std::string& body = "") const {
    client.send(fmt::format(
        "{} HTTP/1.1\r\nHost: {}\r\n{}{}\r\n{}", line, kName, more,
        body.empty() ? "" : fmt::format("Content-Type: application/json\r\nContent-Length: {}\r\n", body.size()),
        body));
    HttpReply reply = client.reply();
    return reply;
  }
  std::string bearer() const { return "Authorization: Bearer " + key_ + "\r\n"; }

  // The address that a command sent over `client` is kept with.
  std::string remote_of_command(HttpClient& client, const std::string& idempotency_key, const std::string& more) const {
    const HttpReply sent =
        send(client, "POST /api/v1/commands", bearer() + more + "Idempotency-Key: " + idempotency_key + "\r\n",
             R"({"command":"pause"})");
    EXPECT_EQ(sent.status, 200) << sent.body;
    const json command = json::parse(sent.body, nullptr, false);
    const HttpReply kept = send(client, "GET /api/v1/commands/" + command.value("command_id", "0"), bearer());
    return json::parse(kept.body, nullptr, false).value("remote", "none");
  }

  LiveCore core_;
  TempFolder folder_;
  std::optional<Process> gateway_;
  std::optional<Process> nginx_;
  std::uint16_t gateway_port_ = 0;
  std::uint16_t port_ = 0;
  std::uint16_t plain_port_ = 0;  // what redirects to TLS
  bool is_tls_ = false;
  std::string key_;
  std::string code_;
};

TEST_F(BehindNginx, page_login_commands_websocket_and_events_pass_under_tls) {
  start_nginx(conf(), true);
  if (IsSkipped()) return;
  const auto client = connect();
  EXPECT_EQ(send(*client, "GET /healthz", "").status, 200) << error_log();
  EXPECT_EQ(send(*client, "GET /api/v1/quotes", "").status, 401);
  HttpClient plain(plain_port_, kClient);
  plain.send("GET /login?x=1 HTTP/1.1\r\nHost: evil.example\r\n\r\n");
  const HttpReply redirected = plain.reply();
  EXPECT_EQ(redirected.status, 301);
  EXPECT_EQ(redirected.headers.at("location"), fmt::format("https://{}/login?x=1", kName)) << "not where it was told";
  const HttpReply quotes = send(*client, "GET /api/v1/quotes", bearer());
  EXPECT_EQ(quotes.status, 200) << quotes.body;
  EXPECT_NE(quotes.body.find("BTCUSD"), std::string::npos);
  EXPECT_EQ(send(*client, "GET /api/v1/jobs", bearer()).status, 200) << "the program finds the trainer beside itself";
  EXPECT_EQ(quotes.headers.count("strict-transport-security"), 1u) << "the gateway knows that this is TLS";
  EXPECT_EQ(send(*client, "GET /api/v1/history/BTC%2FUSD/M1", bearer()).status, 200)
      << "the path is passed on as it is";

  const HttpReply login = send(*client, "POST /api/v1/login", "", fmt::format(R"({{"code":"{}"}})", code_));
  ASSERT_EQ(login.status, 200) << login.body;
  const std::string set = login.headers.at("set-cookie");
  EXPECT_TRUE(set.starts_with("__Host-thintail_watched_")) << set;
  EXPECT_NE(set.find("Secure"), std::string::npos) << set;
  const std::string cookie = "Cookie: " + set.substr(0, set.find(';')) + "\r\n";
  const std::string origin = fmt::format("Origin: https://{}\r\n", kName);

  // The stream first: the one event of the command after it comes through alone, however little it is.
  const auto stream = connect();
  stream->send(fmt::format("GET /api/v1/events?type=command HTTP/1.1\r\nHost: {}\r\n{}\r\n", kName, cookie));
  ASSERT_TRUE(stream->wait_for("\r\n\r\n"));
  EXPECT_TRUE(stream->received().starts_with("HTTP/1.1 200")) << stream->received();
  const HttpReply paused =
      send(*client, "POST /api/v1/commands", cookie + origin + "X-Thintail-CSRF: 1\r\nIdempotency-Key: a\r\n",
           R"({"command":"pause"})");
  EXPECT_EQ(paused.status, 200) << paused.body;
  EXPECT_TRUE(stream->wait_for("event: command", 20'000)) << stream->received();
  EXPECT_EQ(send(*client, "POST /api/v1/commands",
                 cookie + "Origin: https://evil.example\r\nX-Thintail-CSRF: 1\r\nIdempotency-Key: b\r\n",
                 R"({"command":"resume"})")
                .status,
            403);

  const auto socket = connect();
  const std::string handshake =
      "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
      "dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: thintail.v1.json\r\n";
  ASSERT_EQ(send(*socket, "GET /ws", handshake + cookie + origin).status, 101);
  EXPECT_NE(socket->read_frame(20'000).payload.find("hello"), std::string::npos);
  socket->send(HttpClient::frame(1, R"({"type":"subscribe","topic":"quotes"})"));
  EXPECT_NE(socket->read_frame(20'000).payload.find("quotes"), std::string::npos);
  const auto foreign = connect();
  EXPECT_EQ(send(*foreign, "GET /ws", handshake + cookie + "Origin: https://evil.example\r\n").status, 403);
}

TEST_F(BehindNginx, commands_are_kept_with_the_clients_address_which_nobody_can_make_up) {
  start_nginx(conf(), true);
  if (IsSkipped()) return;
  {
    const auto client = connect();
    EXPECT_EQ(remote_of_command(*client, "a", ""), kClient);
    EXPECT_EQ(remote_of_command(*client, "b", kForged), kClient) << "nginx does not pass on what clients say";
  }
  {
    HttpClient direct(gateway_port_, kClient);
    EXPECT_EQ(remote_of_command(direct, "c", kForged), kClient) << "past the proxy nobody's word counts";
  }
  // The test sees a difference: without the line of the file the client's own word is passed on, and the proxy is believed.
  std::string leaky = conf();
  const std::string line = "proxy_set_header X-Forwarded-For   $remote_addr;";
  replace(leaky, line, "");
  start_nginx(leaky, true);
  const auto client = connect();
  EXPECT_EQ(remote_of_command(*client, "d", kForged), "203.0.113.7");
}

TEST_F(BehindNginx, without_its_tls_block_it_serves_plainly) {
  start_nginx(without_tls(conf()), false);
  const auto client = connect();
  EXPECT_EQ(send(*client, "GET /api/v1/quotes", bearer()).status, 200) << error_log();
  const HttpReply login = send(*client, "POST /api/v1/login", "", fmt::format(R"({{"code":"{}"}})", code_));
  ASSERT_EQ(login.status, 200) << login.body;
  EXPECT_TRUE(login.headers.at("set-cookie").starts_with("thintail_watched_")) << login.headers.at("set-cookie");
}

}  // namespace
}  // namespace thintail::test
