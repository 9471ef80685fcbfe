// SPDX-License-Identifier: Apache-2.0
#include "adapters/http/address.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "adapters/http/text.hpp"

namespace thintail::http {
namespace {

constexpr std::size_t kHopsMax = 32;  // nobody has more proxies; forged lists have

}  // namespace

bool Address::is_v4() const noexcept {
  return std::ranges::all_of(bytes.begin(), bytes.begin() + 10, [](std::uint8_t byte) { return byte == 0; }) &&
         bytes[10] == 0xFF && bytes[11] == 0xFF;
}

bool Address::is_loopback() const noexcept {
  if (is_v4()) return bytes[12] == 127;
  return std::ranges::all_of(bytes.begin(), bytes.begin() + 15, [](std::uint8_t byte) { return byte == 0; }) &&
         bytes[15] == 1;
}

std::string Address::text() const {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  if (is_v4()) {
    ::inet_ntop(AF_INET, bytes.data() + 12, buffer.data(), buffer.size());
  } else {
    ::inet_ntop(AF_INET6, bytes.data(), buffer.data(), buffer.size());
  }
  return buffer.data();
}

std::optional<Address> parse_address(std::string_view text, bool with_port) {
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos || (!with_port && end + 1 != text.size())) return std::nullopt;
    text = text.substr(1, end - 1);
  } else if (with_port && std::ranges::count(text, ':') == 1) {
    text = text.substr(0, text.find(':'));
  }
  if (text.empty() || text.size() >= INET6_ADDRSTRLEN) return std::nullopt;
  const std::string terminated(text);
  Address address;
  if (::inet_pton(AF_INET6, terminated.c_str(), address.bytes.data()) == 1) return address;
  address = {};
  address.bytes[10] = address.bytes[11] = 0xFF;
  if (::inet_pton(AF_INET, terminated.c_str(), address.bytes.data() + 12) == 1) return address;
  return std::nullopt;
}

bool Network::contains(const Address& other) const noexcept {
  for (int bit = 0; bit < prefix; bit += 8) {
    const auto at = static_cast<std::size_t>(bit / 8);
    const int left = std::min(8, prefix - bit);
    const auto mask = static_cast<std::uint8_t>(0xFF << (8 - left));
    if ((address.bytes[at] & mask) != (other.bytes[at] & mask)) return false;
  }
  return true;
}

Result<Network> parse_network(std::string_view text) {
  const auto bad = [&] {
    return fail({.code = ErrorCode::config_bad_value,
                 .doing = "reading a network",
                 .expected = "an address or ADDRESS/BITS",
                 .found = '"' + printable(text) + '"'});
  };
  const std::size_t slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address) return bad();
  Network network{.address = *address};
  if (slash == std::string_view::npos) return network;
  const std::string_view bits = text.substr(slash + 1);
  int count = -1;
  const auto [at, error] = std::from_chars(bits.data(), bits.data() + bits.size(), count);
  if (error != std::errc{} || at != bits.data() + bits.size() || count < 0 || count > (address->is_v4() ? 32 : 128)) {
    return bad();
  }
  network.prefix = address->is_v4() ? 96 + count : count;
  return network;
}

std::string rate_unit(std::string_view address) {
  const auto parsed = parse_address(address);
  if (!parsed || parsed->is_v4()) return std::string(address);
  Address network = *parsed;
  std::fill(network.bytes.begin() + 8, network.bytes.end(), std::uint8_t{0});
  return network.text() + "/64";
}

bool is_trusted(const Address& peer, const std::vector<Network>& trusted) noexcept {
  return std::ranges::any_of(trusted, [&](const Network& network) { return network.contains(peer); });
}

Address client_behind(const Address& peer, const std::vector<std::string_view>& forwarded_for,
                      const std::vector<Network>& trusted) {
  if (!is_trusted(peer, trusted)) return peer;
  Address client = peer;
  std::size_t hops = 0;
  for (auto header = forwarded_for.rbegin(); header != forwarded_for.rend(); ++header) {
    std::string_view rest = *header;
    while (true) {
      const std::size_t comma = rest.rfind(',');
      const std::string_view one = trimmed(comma == std::string_view::npos ? rest : rest.substr(comma + 1));
      const auto address = parse_address(one, true);
      if (!address || ++hops > kHopsMax) return client;
      client = *address;
      if (!is_trusted(client, trusted)) return client;
      if (comma == std::string_view::npos) break;
      rest = rest.substr(0, comma);
    }
  }
  return client;
}

}  // namespace thintail::http
