// SPDX-License-Identifier: Apache-2.0
// What is fuzzed of the gateway: everything that a stranger's bytes meet. The parsers must give the same whatever pieces the bytes come
// in; a connection must answer in whole replies, show nobody what is not theirs, and be over when its client is.
//   path  cold
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/http/address.hpp"
#include "adapters/http/connection.hpp"
#include "adapters/http/front.hpp"
#include "adapters/http/jwt.hpp"
#include "adapters/http/schema.hpp"
#include "adapters/http/text.hpp"
#include "core/base/assert.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/support/http_pieces.hpp"

namespace thintail::fuzz {

// The first three bytes say where the rest is cut.
inline std::vector<std::size_t> cuts_of(Bytes bytes, std::size_t size) {
  std::vector<std::size_t> cuts;
  for (std::size_t i = 0; i < 3 && i < bytes.size(); ++i) cuts.push_back(bytes[i] * (size + 1) / 256);
  std::ranges::sort(cuts);
  return cuts;
}

// --- parsers ---------------------------------------------------------------------------------------------------------

inline bool http_request(Bytes bytes) {
  const std::string_view text = text_of(bytes.subspan(std::min<std::size_t>(3, bytes.size())));
  const std::string whole = test::requests_in(text, {});
  const std::string pieces = test::requests_in(text, cuts_of(bytes, text.size()));
  const auto complete = [](std::string_view said) { return said.substr(0, said.rfind(';') + 1); };
  // What is refused may be seen to be so earlier in other pieces; what is taken for a request may not differ.
  TT_CHECK(text.size() > test::kPieceHeaderMax || complete(pieces) == complete(whole), "one reading of the bytes");
  return whole.contains(';');
}

inline bool http_frames(Bytes bytes) {
  const std::string_view text = text_of(bytes.subspan(std::min<std::size_t>(3, bytes.size())));
  const std::string whole = test::frames_in(text, {});
  TT_CHECK(test::frames_in(text, cuts_of(bytes, text.size())) == whole, "one reading of the bytes");
  return whole.contains(';');
}

// Whatever is a text within a request.
inline bool http_texts(Bytes bytes) {
  using namespace http;
  const std::string_view text = text_of(bytes);
  bool is_read = false;
  if (const auto target = parse_target(text)) {
    is_read = true;
    for (const std::string& segment : target->segments) {
      TT_CHECK(is_utf8(segment) && segment != "..", "a segment that is a name");
    }
  }
  if (const auto document = parse_json(text)) {
    is_read = true;
    const auto again = parse_json(document->dump());
    TT_CHECK(again.has_value() && *again == *document, "the document that was written");
  }
  if (const auto address = parse_address(text)) {
    is_read = true;
    TT_CHECK(parse_address(address->text()) == address, "the address that was written");
  }
  static const std::vector<Network> trusted = {*parse_network("10.0.0.0/8")};
  static const Address proxy = *parse_address("10.1.2.3");
  TT_CHECK(!is_trusted(client_behind(*parse_address("192.0.2.1"), {text}, trusted), trusted),
           "a stranger's word about its address is not believed");
  client_behind(proxy, {text}, trusted);
  if (const auto bytes_of = from_base64url(text)) {
    TT_CHECK(base64url(*bytes_of) == text, "one spelling of each text");
  }
  // Header and payload of a token that is signed by us: what stands behind the signature's check.
  static const std::string secret(32, 's');
  static const JwtVerifier verifier = *JwtVerifier::make({{{"", secret}}, "", ""});
  TT_CHECK(!verifier.verify(text, 1), "no token without our signature");
  const std::size_t mark = std::min(text.find('\n'), text.size());
  const auto principal =
      verifier.verify(sign_jwt(text.substr(0, mark), text.substr(std::min(mark + 1, text.size())), secret), 1);
  TT_CHECK(!principal || (principal->role != Role::none && principal->expires_ns > 1), "a role, for a time");
  static const std::string random_part(43, 'Q');
  TT_CHECK(!redacted(fmt::format("{} tt_0123456789abcdef_{}", text, random_part)).contains(random_part),
           "no key in what is logged");
  return is_read || principal;
}

// --- a connection ----------------------------------------------------------------------------------------------------

// Whether the client at hand is the account's owner. A mark in the replies would not do: fuzzers learn to say it.
inline bool& is_owner_talking() {
  static bool is_owner = false;
  return is_owner;
}

// What a connection asked its transport for, to be answered when the driver likes.
struct FakeTransport {
  std::shared_ptr<http::Connection> reader, writer;  // who waits
  char* into = nullptr;
  std::size_t room = 0;
  std::string_view writing;
  bool is_closed = false;
};

class FakeWire final : public http::Wire {
 public:
  explicit FakeWire(FakeTransport& transport) : transport_(&transport) {}

  void read_some(const std::shared_ptr<http::Connection>& owner, char* into, std::size_t size_bytes) override {
    TT_CHECK(transport_->reader == nullptr, "one read at a time");
    transport_->reader = owner;
    transport_->into = into;
    transport_->room = size_bytes;
  }
  void write_some(const std::shared_ptr<http::Connection>& owner, std::string_view bytes) override {
    TT_CHECK(transport_->writer == nullptr && !bytes.empty(), "one write at a time, of something");
    transport_->writer = owner;
    transport_->writing = bytes;
  }
  void shut_down(const std::shared_ptr<http::Connection>& /*owner*/) override {}
  void close() override { transport_->is_closed = true; }

 private:
  FakeTransport* transport_;
};

// Says what it is told.
class EchoEndpoint final : public http::WebSocketEndpoint {
 public:
  void on_open(const std::shared_ptr<http::WebSocketConnection>& connection) override {
    TT_CHECK(is_owner_talking() && connection->principal().role >= http::Role::viewer, "nothing for strangers");
  }
  void on_text(const std::shared_ptr<http::WebSocketConnection>& connection, std::string_view text) override {
    if (text == "bye") connection->close(1000, "bye");
    connection->send(std::make_shared<const std::string>(text));
  }
  void on_close(const std::shared_ptr<http::WebSocketConnection>& /*connection*/) override {}
};

class OneEventEndpoint final : public http::EventStreamEndpoint {
 public:
  void on_open(const std::shared_ptr<http::EventStream>& stream, const http::Request& /*request*/) override {
    TT_CHECK(is_owner_talking(), "nothing for strangers");
    stream->send(std::make_shared<const std::string>(http::event_text("1", "fill", "{}")));
  }
  void on_close(const std::shared_ptr<http::EventStream>& /*stream*/) override {}
};

// A gateway's front with a route of each kind, and the io thread's queue.
class FuzzedServer {
 public:
  FuzzedServer() {
    using namespace http;
    const auto row = [](Method method, const char* pattern, const char* operation) {
      Route route{.method = method, .pattern = pattern, .operation = operation, .summary = "", .tag = "test"};
      route.replies = {{.status = 200, .description = "", .schema = {{"type", "object"}}}};
      return route;
    };
    std::vector<Route> routes;
    Route quote = row(Method::get, "/quotes/{symbol}", "quote");
    quote.parameters = {{.name = "symbol", .in = Parameter::In::path, .schema = {{"type", "string"}, {"maxLength", 8}}},
                        {.name = "limit", .schema = {{"type", "integer"}, {"minimum", 1}, {"maximum", 9}}}};
    quote.handler = [](const Request& request) {
      TT_CHECK(is_owner_talking() && request.principal.role >= Role::viewer, "nothing for strangers");
      const std::int64_t limit = request.query_integer("limit", 1);
      TT_CHECK(limit >= 1 && limit <= 9 && request.parameter("symbol").size() <= 8, "checked parameters");
      return Response::json({{"symbol", request.parameter("symbol")}});
    };
    routes.push_back(std::move(quote));
    Route command = row(Method::post, "/commands", "command");
    command.role = Role::trader;
    command.rate_class = RateClass::trading;
    command.needs_idempotency_key = true;
    command.aliases = {{.pattern = "/stop"}};
    command.body_schema = {{"type", "object"},
                           {"additionalProperties", false},
                           {"required", {"command"}},
                           {"properties", {{"command", {{"enum", {"kill", "pause"}}}}}}};
    command.handler = [](const Request& request) {
      TT_CHECK(is_owner_talking() && request.principal.role >= Role::trader, "nothing for strangers");
      TT_CHECK(request.body["command"].is_string(), "a checked command");
      return Response::json(Json::object());
    };
    routes.push_back(std::move(command));
    Route socket = row(Method::get, "/ws", "socket");
    socket.websocket = std::make_shared<EchoEndpoint>();
    socket.protocols = {"thintail.v1.json"};
    socket.replies.clear();
    routes.push_back(std::move(socket));
    Route events = row(Method::get, "/events", "events");
    events.replies = {{.status = 200, .description = "", .content_type = "text/event-stream"}};
    events.handler = [](const Request&) {
      Response reply;
      reply.events = std::make_shared<OneEventEndpoint>();
      return reply;
    };
    routes.push_back(std::move(events));
    FrontOptions options;
    options.trusted_proxies = {*parse_network("10.0.0.0/8")};
    Front::Threads threads{.run_on_worker =
                               [this](std::function<void()> work) {
                                 post(std::move(work));
                                 return true;
                               },
                           .run_on_io = [this](std::function<void()> work) { post(std::move(work)); }};
    auto made = Front::make(std::move(options), std::move(routes), nlohmann::json::object(), Assets{},
                            std::move(threads), [this] { return now_ms_ * 1'000'000; });
    TT_CHECK(made.has_value(), "a front");
    front_ = std::move(*made);
    context_.front = front_.get();
    context_.now_ms = [this] { return now_ms_; };
    context_.post = [this](std::function<void()> work) { post(std::move(work)); };
    context_.on_closed = [](std::uint64_t) {};
    context_.date = [this]() -> const std::string& { return date_; };
  }

  // A connection's whole life: the bytes come in pieces, replies are taken in halves. What it said.
  std::string talk(const http::Peer& peer, std::string_view bytes, const std::vector<std::size_t>& cuts) {
    now_ms_ += 3'600'000;  // no input spends the next one's requests
    FakeTransport transport;
    const auto connection =
        std::make_shared<http::Connection>(context_, std::make_unique<FakeWire>(transport), peer, ++connections_);
    connection->start();
    std::string said;
    std::size_t given = 0;
    bool has_ended = false;
    const auto step = [&] {
      if (!posted_.empty()) {
        const auto work = std::move(posted_.front());
        posted_.pop_front();
        work();
      } else if (transport.writer != nullptr) {
        const std::string_view half = transport.writing.substr(0, (transport.writing.size() + 1) / 2);
        said += half;
        std::exchange(transport.writer, nullptr)->on_written(half.size(), true);
      } else if (transport.reader != nullptr && given < bytes.size()) {
        const auto cut = std::ranges::upper_bound(cuts, given);
        const std::size_t end = cut == cuts.end() ? bytes.size() : *cut;
        const std::size_t count = std::min({transport.room, bytes.size() - given, end - given});
        std::memcpy(transport.into, bytes.data() + given, count);
        given += count;
        std::exchange(transport.reader, nullptr)->on_read(count, true);
      } else if (transport.reader != nullptr && !std::exchange(has_ended, true)) {
        std::exchange(transport.reader, nullptr)->on_read(0, false);
      } else {
        return false;
      }
      return true;
    };
    for (int seconds = 0; seconds < 600 && !transport.is_closed; ++seconds) {
      std::size_t steps = 0;
      while (step()) TT_CHECK(++steps < 1'000'000, "a conversation that comes to rest");
      now_ms_ += 1'000;
      connection->tick();
      front_->tick();
    }
    TT_CHECK(transport.is_closed, "over, ten minutes after its client was");
    while (!posted_.empty() || transport.writer != nullptr) {
      if (!step()) break;
    }
    transport.reader.reset();
    transport.writer.reset();
    return said;
  }

 private:
  void post(std::function<void()> work) { posted_.push_back(std::move(work)); }

  std::deque<std::function<void()>> posted_;
  std::int64_t now_ms_ = 1'800'000'000'000;
  std::uint64_t connections_ = 0;
  std::string date_ = "Fri, 20 Nov 2026 12:00:00 GMT";
  std::unique_ptr<http::Front> front_;
  http::ConnectionContext context_;
};

// Three bytes of cuts, one that says who is there (odd: the owner on a Unix socket), then what the client sends.
inline bool http_connection(Bytes bytes) {
  static FuzzedServer server;
  const bool is_owner = bytes.size() > 3 && (bytes[3] & 1U) != 0;
  const std::string_view text = text_of(bytes.subspan(std::min<std::size_t>(4, bytes.size())));
  http::Peer peer;
  if (is_owner) {
    peer.uid = ::geteuid();
  } else {
    peer.address = http::parse_address("127.0.0.1");
  }
  peer.local = http::parse_address("127.0.0.1");
  is_owner_talking() = is_owner;
  const std::string said = server.talk(peer, text, cuts_of(bytes, text.size()));
  TT_CHECK(said.empty() || said.starts_with("HTTP/1.1 "), "replies");
  return said.contains("HTTP/1.1 200") || said.contains("HTTP/1.1 101");
}

inline constexpr std::array kHttpTargets = std::to_array<Target>({
    {"http_request", &http_request},
    {"http_frames", &http_frames},
    {"http_texts", &http_texts},
    {"http_connection", &http_connection},
});

}  // namespace thintail::fuzz
