// SPDX-License-Identifier: Apache-2.0
// The parsers of hostile bytes, many thousand times: requests and frames give the same whatever pieces they come in, and stay
// within their limits.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/http/request_parser.hpp"
#include "adapters/http/schema.hpp"
#include "adapters/http/text.hpp"
#include "adapters/http/websocket_frames.hpp"
#include "core/base/hash.hpp"
#include "tests/support/http_client.hpp"

namespace thintail::http {
namespace {

constexpr std::size_t kBodyMax = 1'000;
constexpr std::size_t kHeaderMax = 600;

int rounds() { return std::getenv("THINTAIL_LONG") != nullptr ? 3'000'000 : 30'000; }

// What came of some bytes, in words: each request, and how it ended.
std::string requests_in(std::string_view bytes, const std::vector<std::size_t>& cuts) {
  RequestParser parser({.header_bytes_max = kHeaderMax, .fields_max = 20}, [](std::string_view) { return kBodyMax; });
  std::string out;
  std::string held;
  std::size_t from = 0;
  for (std::size_t piece = 0; piece <= cuts.size(); ++piece) {
    const std::size_t to = piece < cuts.size() ? cuts[piece] : bytes.size();
    held += bytes.substr(from, to - from);
    from = to;
    while (!held.empty()) {
      const RequestParser::Fed fed = parser.feed(held);
      EXPECT_LE(fed.consumed, held.size());
      held.erase(0, fed.consumed);
      if (fed.status == RequestParser::Status::failed) {
        EXPECT_GE(parser.error_status(), 400);
        return out + fmt::format("failed {}", parser.error_status());
      }
      if (fed.status == RequestParser::Status::need_more) break;
      const RawRequest request = parser.take();
      EXPECT_LE(request.body.size(), kBodyMax);
      EXPECT_LE(request.headers.size(), 20u);
      out += fmt::format("{} {} {} {};", request.method ? method_name(*request.method) : "?", request.target,
                         request.headers.size(), request.body.size());
    }
    EXPECT_LE(held.size(), bytes.size());
  }
  return out + "more";
}

std::string frames_in(std::string_view bytes, const std::vector<std::size_t>& cuts) {
  FrameReader reader(kBodyMax);
  std::string out;
  std::string held;
  std::size_t from = 0;
  for (std::size_t piece = 0; piece <= cuts.size(); ++piece) {
    const std::size_t to = piece < cuts.size() ? cuts[piece] : bytes.size();
    held += bytes.substr(from, to - from);
    from = to;
    while (true) {
      std::string_view rest = held;
      FrameEvent event = reader.next(rest);
      held.erase(0, held.size() - rest.size());
      if (event.kind == FrameKind::none) break;
      EXPECT_LE(event.payload.size(), kBodyMax);
      out += fmt::format("{} {} {};", static_cast<int>(event.kind), event.payload.size(), event.code);
      if (event.kind == FrameKind::failed) return out;
    }
  }
  return out + "more";
}

// Seeds, with bytes changed, doubled, cut and joined; the same for every run.
class Mutations {
 public:
  explicit Mutations(std::vector<std::string> seeds) : seeds_(std::move(seeds)) {}

  std::string next() {
    std::string text = seeds_[below(seeds_.size())];
    if (below(3) == 0) text += seeds_[below(seeds_.size())];
    for (std::size_t count = below(4); count > 0 && !text.empty(); --count) {
      const std::size_t at = below(text.size());
      switch (below(5)) {
        case 0: text[at] = static_cast<char>(below(256)); break;
        case 1: text.erase(at, 1 + below(8)); break;
        case 2: text.insert(at, 1, "\r\n :,;\0\x80\xff{[\"\\"[below(13)]); break;
        case 3: text.insert(at, text.substr(below(text.size()), below(40))); break;
        default: text.resize(at); break;
      }
    }
    return text;
  }
  std::vector<std::size_t> cuts(std::size_t size) {
    std::vector<std::size_t> out(below(4));
    for (std::size_t& cut : out) cut = below(size + 1);
    std::ranges::sort(out);
    return out;
  }

 private:
  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : random_() % bound; }

  std::vector<std::string> seeds_;
  std::mt19937_64 random_{20261120};
};

TEST(HostileBytes, requests_are_the_same_whatever_pieces_they_come_in) {
  Mutations mutations({"GET /api/v1/quotes/XAUUSD?limit=5 HTTP/1.1\r\nHost: localhost:8000\r\nAccept: */*\r\n\r\n",
                       "POST /api/v1/commands HTTP/1.1\r\nHost: h\r\nContent-Length: 18\r\nIdempotency-Key: "
                       "a\r\n\r\n{\"command\":\"kill\"}",
                       "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
                       "chunked\r\n\r\n4;a=b\r\nabcd\r\n3\r\nefg\r\n0\r\nA: b\r\n\r\n",
                       "HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
                       "POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc"});
  int complete = 0;
  for (int i = 0; i < rounds(); ++i) {
    const std::string text = mutations.next();
    const std::string whole = requests_in(text, {});
    complete += whole.contains(';') ? 1 : 0;
    // What is refused may be seen to be so earlier in other pieces; what is taken for a request may not differ.
    const std::string pieces = requests_in(text, mutations.cuts(text.size()));
    if (text.size() <= kHeaderMax) {
      ASSERT_EQ(pieces.substr(0, pieces.rfind(';') + 1), whole.substr(0, whole.rfind(';') + 1))
          << printable(text, 1000);
    }
  }
  EXPECT_GT(complete, rounds() / 20) << "the seeds are not lost in noise";
}

TEST(HostileBytes, frames_are_the_same_whatever_pieces_they_come_in) {
  using test::HttpClient;
  Mutations mutations({HttpClient::frame(1, "hello"), HttpClient::frame(1, std::string(200, 'x')),
                       HttpClient::frame(1, "a", false) + HttpClient::frame(0, "b"), HttpClient::frame(9, "ping"),
                       HttpClient::frame(8,
                                         "\x03\xe8"
                                         "bye"),
                       HttpClient::frame(2, std::string(900, '\xff'))});
  int complete = 0;
  for (int i = 0; i < rounds(); ++i) {
    const std::string text = mutations.next();
    const std::string whole = frames_in(text, {});
    complete += whole.starts_with("1 ") ? 1 : 0;
    ASSERT_EQ(frames_in(text, mutations.cuts(text.size())), whole)
        << to_hex(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
  }
  EXPECT_GT(complete, rounds() / 20);
}

TEST(HostileBytes, targets_and_json_are_refused_or_read_within_bounds) {
  Mutations mutations({"/api/v1/quotes/XAU%2FUSD?limit=5&a=%41", "http://localhost:8000/x?y",
                       R"({"command":"kill","list":[1,2.5e3,"\u00e9"],"a":{"b":null}})",
                       R"({"symbol":"XAUUSD","quantity":10,"note":"a\nb"})"});
  int targets = 0;
  int documents = 0;
  for (int i = 0; i < rounds(); ++i) {
    const std::string text = mutations.next();
    if (const auto target = parse_target(text)) {
      ++targets;
      ASSERT_TRUE(is_utf8(target->path));
      for (const std::string& segment : target->segments) {
        ASSERT_NE(segment, "..");
        ASSERT_TRUE(std::ranges::none_of(segment, [](char c) { return static_cast<unsigned char>(c) < 0x20; }));
      }
    }
    if (const auto parsed = parse_json(text)) {
      ++documents;
      const auto again = parse_json(parsed->dump());  // throws where a text is not UTF-8
      ASSERT_TRUE(again);
      ASSERT_EQ(*again, *parsed);
    }
  }
  EXPECT_GT(targets, rounds() / 20);
  EXPECT_GT(documents, rounds() / 50);
}

}  // namespace
}  // namespace thintail::http
