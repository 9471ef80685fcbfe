// SPDX-License-Identifier: Apache-2.0
// What hostile bytes come to, in words, when they arrive in pieces: for tests and fuzzers that hold every way to cut them equal.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/http/request_parser.hpp"
#include "adapters/http/websocket_frames.hpp"
#include "core/base/assert.hpp"

namespace thintail::test {

inline constexpr std::size_t kPieceBodyMax = 1'000;
inline constexpr std::size_t kPieceHeaderMax = 600;
inline constexpr std::size_t kPieceFieldsMax = 20;

// Calls `feed(held)` with what was not consumed yet and each piece in turn; it erases what it takes, and ends with false.
template <class Feed>
void in_pieces(std::string_view bytes, const std::vector<std::size_t>& cuts, Feed&& feed) {
  std::string held;
  std::size_t from = 0;
  for (std::size_t piece = 0; piece <= cuts.size(); ++piece) {
    const std::size_t to = piece < cuts.size() ? cuts[piece] : bytes.size();
    held += bytes.substr(from, to - from);
    from = to;
    if (!feed(held)) return;
    TT_CHECK(held.size() <= bytes.size(), "no more than came is held");
  }
}

// Each request, and how it ended. `cuts` ascend.
inline std::string requests_in(std::string_view bytes, const std::vector<std::size_t>& cuts) {
  http::RequestParser parser({.header_bytes_max = kPieceHeaderMax, .fields_max = kPieceFieldsMax},
                             [](std::string_view) { return kPieceBodyMax; });
  std::string out;
  bool has_failed = false;
  in_pieces(bytes, cuts, [&](std::string& held) {
    while (!held.empty()) {
      const http::RequestParser::Fed fed = parser.feed(held);
      TT_CHECK(fed.consumed <= held.size(), "no more is consumed than was given");
      held.erase(0, fed.consumed);
      if (fed.status == http::RequestParser::Status::failed) {
        TT_CHECK(parser.error_status() >= 400 && !parser.error_detail().empty(), "a refusal with its words");
        out += fmt::format("failed {}", parser.error_status());
        has_failed = true;
        return false;
      }
      if (fed.status == http::RequestParser::Status::need_more) break;
      const http::RawRequest request = parser.take();
      TT_CHECK(request.body.size() <= kPieceBodyMax && request.headers.size() <= kPieceFieldsMax, "within its limits");
      out += fmt::format("{} {} {} {};", request.method ? method_name(*request.method) : "?", request.target,
                         request.headers.size(), request.body.size());
    }
    return true;
  });
  return has_failed ? out : out + "more";
}

// Each message, and how it ended. `cuts` ascend.
inline std::string frames_in(std::string_view bytes, const std::vector<std::size_t>& cuts) {
  http::FrameReader reader(kPieceBodyMax);
  std::string out;
  bool has_failed = false;
  in_pieces(bytes, cuts, [&](std::string& held) {
    while (true) {
      std::string_view rest = held;
      const http::FrameEvent event = reader.next(rest);
      held.erase(0, held.size() - rest.size());
      if (event.kind == http::FrameKind::none) return true;
      TT_CHECK(event.payload.size() <= kPieceBodyMax, "within its limit");
      out += fmt::format("{} {} {};", static_cast<int>(event.kind), event.payload.size(), event.code);
      if (event.kind != http::FrameKind::failed) continue;
      has_failed = true;
      return false;
    }
  });
  return has_failed ? out : out + "more";
}

}  // namespace thintail::test
