// SPDX-License-Identifier: Apache-2.0
// Addresses: IP addresses and networks as texts and bytes; who a request really comes from.
//   path  warm
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"

namespace thintail::http {

// An IPv4 address is held as ::ffff:a.b.c.d, so that both spellings are one address.
struct Address {
  std::array<std::uint8_t, 16> bytes{};

  bool operator==(const Address&) const = default;
  bool is_v4() const noexcept;
  bool is_loopback() const noexcept;
  std::string text() const;
};

// "192.0.2.7", "2001:db8::1", "[2001:db8::1]"; also with ":port" where `with_port`.
std::optional<Address> parse_address(std::string_view text, bool with_port = false);

struct Network {
  Address address;
  int prefix = 128;  // bits, of the 128

  bool contains(const Address& other) const noexcept;
};

// "10.0.0.0/8", "192.0.2.7", "2001:db8::/32".
Result<Network> parse_network(std::string_view text);

// What one caller is counted by: an IPv4 address, the /64 of an IPv6 address; any other text as it is.
std::string rate_unit(std::string_view address);

// The client behind `peer`: the rightmost address of the X-Forwarded-For values (in order of the headers) that is not a trusted
// proxy. Where `peer` is not trusted, or the list cannot be read up to there, `peer` itself.
Address client_behind(const Address& peer, const std::vector<std::string_view>& forwarded_for,
                      const std::vector<Network>& trusted);

bool is_trusted(const Address& peer, const std::vector<Network>& trusted) noexcept;

}  // namespace thintail::http
