// SPDX-License-Identifier: Apache-2.0
#include "adapters/http/response_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>

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
  const bool has_body = !framing.is_head && !framing.is_stream && !has_no_body(response.status);
  std::size_t size = 192 + framing.fixed_lines.size() + response.content_type.size() + (has_body ? body.size() : 0);
  for (const Field& field : response.headers) size += field.name.size() + field.value.size() + 4;
  if (out.capacity() - out.size() < size) out.reserve(std::max(out.size() + size, 2 * out.capacity()));
  const auto line = [&](std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append("\r\n");
  };
  out.append("HTTP/1.1 ").append(fmt::format_int(response.status).c_str());
  out.append(1, ' ').append(reason_of(response.status)).append("\r\n");
  if (!framing.date.empty()) line("Date", framing.date);
  if (response.status != 101) line("Connection", framing.is_keep_alive ? "keep-alive" : "close");
  if (!has_no_body(response.status) && is_line(response.content_type)) {
    line("Content-Type", response.content_type);
    if (!framing.is_stream) line("Content-Length", fmt::format_int(body.size()).c_str());
  }
  for (const Field& field : response.headers) {
    if (is_line(field.name) && is_line(field.value)) line(field.name, field.value);
  }
  out.append(framing.fixed_lines).append("\r\n");
  if (has_body) out += body;
}

}  // namespace thintail::http
