// SPDX-License-Identifier: Apache-2.0
#include "adapters/http/origins.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "adapters/http/text.hpp"

namespace thintail::http {
namespace {

constexpr std::string_view kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'";

constexpr std::string_view kCommon =
    "X-Content-Type-Options: nosniff\r\n"
    "X-Frame-Options: DENY\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Permissions-Policy: camera=(), geolocation=(), microphone=(), payment=(), usb=()\r\n";

bool is_name_byte(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

}  // namespace

std::optional<HostName> parse_host(std::string_view text) {
  HostName host;
  const std::string lower = lower_case(text);
  std::string_view rest = lower;
  if (rest.empty() || rest.size() > 255) return std::nullopt;
  if (rest.starts_with('[')) {
    const std::size_t end = rest.find(']');
    if (end == std::string_view::npos || !parse_address(rest.substr(0, end + 1))) return std::nullopt;
    host.name = rest.substr(0, end + 1);
    rest.remove_prefix(end + 1);
  } else {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    host.name = rest.substr(0, end);
    if (host.name.empty() || !std::ranges::all_of(host.name, is_name_byte)) return std::nullopt;
    rest.remove_prefix(end);
  }
  if (rest.empty()) return host;
  rest.remove_prefix(1);
  const bool is_port = lower[lower.size() - rest.size() - 1] == ':' && !rest.empty() && rest.size() <= 5 &&
                       std::ranges::all_of(rest, [](char c) { return c >= '0' && c <= '9'; });
  if (!is_port) return std::nullopt;
  host.port = rest;
  return host;
}

Result<Origins> Origins::make(OriginOptions options) {
  Origins origins;
  for (const std::string& text : options.hosts) {
    auto host = parse_host(text);
    if (!host) {
      return fail({.code = ErrorCode::config_bad_value,
                   .doing = "reading the names of this host",
                   .expected = "NAME or NAME:PORT",
                   .found = '"' + printable(text) + '"'});
    }
    origins.hosts_.push_back(std::move(*host));
  }
  for (const std::string& origin : options.cors_origins) {
    const std::size_t scheme = origin.find("://");
    const bool is_origin = (origin.starts_with("https://") || origin.starts_with("http://")) &&
                           parse_host(std::string_view(origin).substr(scheme + 3)).has_value();
    if (!is_origin) {
      return fail({.code = ErrorCode::config_bad_value,
                   .doing = "reading the origins that may call",
                   .expected = "https://NAME[:PORT], without a path and never *",
                   .found = '"' + printable(origin) + '"'});
    }
  }
  const std::string policy =
      options.content_security_policy.empty() ? std::string(kContentSecurityPolicy) : options.content_security_policy;
  if (policy.find_first_of("\r\n") != std::string::npos) {
    return fail({.code = ErrorCode::config_bad_value,
                 .doing = "reading the content security policy",
                 .expected = "one line",
                 .found = "several"});
  }
  origins.options_ = std::move(options);
  origins.api_ = fmt::format("{}Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n", kCommon);
  origins.asset_ = fmt::format("{}Content-Security-Policy: {}\r\n", kCommon, policy);
  constexpr std::string_view kTransport = "Strict-Transport-Security: max-age=31536000\r\n";
  origins.api_secure_ = fmt::format("{}{}", origins.api_, kTransport);
  origins.asset_secure_ = fmt::format("{}{}", origins.asset_, kTransport);
  return origins;
}

bool Origins::is_ours(const HostName& host, const std::optional<Address>& local) const noexcept {
  if (host.name == "localhost" || host.name == "127.0.0.1" || host.name == "[::1]") return true;
  // An address as a name: nobody's DNS can make that point at us.
  if (local && parse_address(host.name) == *local) return true;
  return std::ranges::any_of(hosts_, [&](const HostName& known) {
    return known.name == host.name && (known.port.empty() || known.port == host.port);
  });
}

std::string Origins::own_origin(const HostName& host, bool is_secure) {
  // Browsers leave the scheme's own port out.
  const bool is_default = host.port == (is_secure ? "443" : "80");
  return fmt::format("{}://{}", is_secure ? "https" : "http", is_default ? host.name : host.text());
}

bool Origins::is_cors_origin(std::string_view origin) const noexcept {
  return std::ranges::find(options_.cors_origins, origin) != options_.cors_origins.end();
}

}  // namespace thintail::http
