// SPDX-License-Identifier: Apache-2.0
#include "adapters/http/response_text.hpp"

#include <fmt/format.h>

#include <array>
#include <ctime>
#include <iterator>
#include <utility>

namespace thintail::http {
namespace {

bool is_line(std::string_view text) noexcept {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

// 1xx, 204 and 304 have no body and no length (RFC 9110 8.6).
bool has_no_body(int status) noexcept { return status < 200 || status == 204 || status == 304; }

}  // namespace

std::string_view reason_of(int status) noexcept {
  switch (status) {
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return status < 400 ? "OK" : "Error";
  }
}

std::string http_date(std::int64_t utc_seconds) {
  static constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t time = utc_seconds;
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[static_cast<std::size_t>(parts.tm_wday)],
                     parts.tm_mday, kMonths[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

void append_response(std::string& out, const Response& response, const ResponseFraming& framing) {
  const std::string_view body = response.shared_body ? std::string_view(*response.shared_body) : response.body;
  const auto add = [&]<class... Arguments>(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    fmt::format_to(std::back_inserter(out), format, std::forward<Arguments>(arguments)...);
  };
  add("HTTP/1.1 {} {}\r\n", response.status, reason_of(response.status));
  if (!framing.date.empty()) add("Date: {}\r\n", framing.date);
  if (response.status != 101) add("Connection: {}\r\n", framing.is_keep_alive ? "keep-alive" : "close");
  if (!has_no_body(response.status) && is_line(response.content_type)) {
    add("Content-Type: {}\r\n", response.content_type);
    if (!framing.is_stream) add("Content-Length: {}\r\n", body.size());
  }
  for (const Field& field : response.headers) {
    if (is_line(field.name) && is_line(field.value)) add("{}: {}\r\n", field.name, field.value);
  }
  out += framing.fixed_lines;
  out += "\r\n";
  if (!framing.is_head && !framing.is_stream && !has_no_body(response.status)) out += body;
}

}  // namespace thintail::http
