// SPDX-License-Identifier: Apache-2.0
// What the fuzzers of http_readers.hpp, and the test that mutates without them, begin with: one of each thing that a client says.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/http_client.hpp"

namespace thintail::fuzz {

inline std::vector<std::string> request_seeds() {
  return {
      "GET /quotes/XAUUSD?limit=5 HTTP/1.1\r\nHost: localhost:8000\r\nAccept: */*\r\n\r\n",
      "POST /commands HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 18\r\n"
      "Idempotency-Key: a\r\n\r\n{\"command\":\"kill\"}",
      "POST /stop HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
      "4;a=b\r\n{\"co\r\n10\r\nmmand\":\"pause\"} \r\n0\r\nA: b\r\n\r\n",
      "HEAD /quotes/X HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
      "POST /stop HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
      "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n"
      "{\"code\":\"abc\"}",
      "GET /events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 7\r\n\r\n",
      "GET http://localhost/api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer a.b.c\r\n"
      "X-Forwarded-For: 10.0.0.1, 192.0.2.1\r\nCookie: thintail_default_80=abc\r\nConnection: close\r\n\r\n"};
}

inline std::vector<std::string> frame_seeds() {
  using test::HttpClient;
  return {HttpClient::frame(1, "hello"),
          HttpClient::frame(1, std::string(200, 'x')),
          HttpClient::frame(1, "a", false) + HttpClient::frame(0, "b"),
          HttpClient::frame(9, "ping"),
          HttpClient::frame(8,
                            "\x03\xe8"
                            "bye"),
          HttpClient::frame(2, std::string(900, '\xff'))};
}

inline std::vector<std::string> text_seeds() {
  return {"/api/v1/quotes/XAU%2FUSD?limit=5&a=%41",
          "http://localhost:8000/x?y",
          R"({"command":"kill","list":[1,2.5e3,"\u00e9"],"a":{"b":null}})",
          "192.0.2.7",
          "[2001:db8::1]",
          "10.0.0.1, 198.51.100.7 ,10.9.9.9",
          "AQIDBA",
          "{\"alg\":\"HS256\",\"typ\":\"JWT\"}\n{\"exp\":4000000000,\"sub\":\"desk\",\"role\":\"trader\",\"accounts\":["
          "\"a:b\"]}"};
}

// With a WebSocket's whole talk.
inline std::vector<std::string> conversation_seeds() {
  std::vector<std::string> seeds = request_seeds();
  seeds.push_back(seeds[0] + seeds[1] + seeds[0]);
  const std::string handshake =
      "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: "
      "13\r\n"
      "Sec-WebSocket-Protocol: thintail.v1.json\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  for (const std::string& frames : frame_seeds()) seeds.push_back(handshake + frames);
  seeds.push_back(handshake + test::HttpClient::frame(1, R"({"type":"auth","token":"tt_x_y"})"));
  return seeds;
}

}  // namespace thintail::fuzz
