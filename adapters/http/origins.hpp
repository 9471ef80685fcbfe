// SPDX-License-Identifier: Apache-2.0
// Origins: which names we answer to, which pages may talk to us, and the headers that keep browsers to it.
//   path     warm
//   threads  any; nothing changes after make()
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/http/address.hpp"
#include "core/base/error.hpp"

namespace thintail::http {

// "name:port" of a Host header, lower case; the port as written, or empty.
struct HostName {
  std::string name;  // "localhost", "127.0.0.1", "[::1]", "desk.example.com"
  std::string port;

  std::string text() const { return port.empty() ? name : name + ":" + port; }
  // What stands in a cookie's name: its port, or the scheme's.
  std::string port_or_default(bool is_secure) const { return !port.empty() ? port : is_secure ? "443" : "80"; }
};

std::optional<HostName> parse_host(std::string_view text);

struct OriginOptions {
  // Names besides loopback's, "desk.example.com" (any port) or "desk.example.com:8443".
  std::vector<std::string> hosts;
  // Pages of other origins that may read with a bearer token: "https://tools.example.com".
  std::vector<std::string> cors_origins;
  std::string content_security_policy;  // empty: ours
};

class Origins {
 public:
  static Result<Origins> make(OriginOptions options);

  // Loopback names, the address that the connection came to, and the configured names: nothing that another's DNS could say.
  bool is_ours(const HostName& host, const std::optional<Address>& local) const noexcept;

  static std::string own_origin(const HostName& host, bool is_secure);
  bool is_cors_origin(std::string_view origin) const noexcept;

  // Header lines, each ending in CRLF, of every reply of the API, and of every static asset.
  const std::string& api_headers(bool is_secure) const noexcept { return is_secure ? api_secure_ : api_; }
  const std::string& asset_headers(bool is_secure) const noexcept { return is_secure ? asset_secure_ : asset_; }

 private:
  OriginOptions options_;
  std::vector<HostName> hosts_;
  std::string api_, api_secure_, asset_, asset_secure_;
};

}  // namespace thintail::http
