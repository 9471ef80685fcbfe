// SPDX-License-Identifier: Apache-2.0
// response_text: a reply as the bytes that go out.
//   path  warm
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "adapters/http/route.hpp"

namespace thintail::http {

struct ResponseFraming {
  bool is_head = false;          // the body is left out, its length is not
  bool is_keep_alive = true;
  bool is_stream = false;        // no length: the end of the connection ends it
  std::string_view fixed_lines = {};  // header lines, each with its CRLF
  std::string_view date = {};         // "Fri, 20 Nov 2026 11:33:07 GMT"
};

// Appends to `out`. Header fields with CR, LF or NUL are left out: nothing that a handler echoes can end a header.
void append_response(std::string& out, const Response& response, const ResponseFraming& framing);

std::string_view reason_of(int status) noexcept;
std::string http_date(std::int64_t utc_seconds);  // RFC 9110 5.6.7

}  // namespace thintail::http
