// SPDX-License-Identifier: Apache-2.0
#include "adapters/http/text.hpp"

#include <openssl/crypto.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>

#include "core/base/assert.hpp"

namespace thintail::http {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool is_token_byte(char c) noexcept { return kAlphabet.find(c) != std::string_view::npos || c == '.'; }

constexpr std::array<std::int8_t, 256> decoding() {
  std::array<std::int8_t, 256> table{};
  table.fill(-1);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    table[static_cast<std::uint8_t>(kAlphabet[i])] = static_cast<std::int8_t>(i);
  }
  return table;
}

constexpr auto kDecoding = decoding();

}  // namespace

bool equal_without_case(std::string_view left, std::string_view right) noexcept {
  return std::ranges::equal(left, right, [](char a, char b) { return lower(a) == lower(b); });
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), lower);
  return out;
}

std::string_view trimmed(std::string_view text) noexcept {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool is_utf8(std::string_view bytes) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  for (std::size_t i = 0; i < bytes.size();) {
    const std::uint8_t lead = at(i);
    const std::size_t length = lead < 0x80                    ? 1
                               : lead >= 0xC2 && lead <= 0xDF ? 2
                               : lead >= 0xE0 && lead <= 0xEF ? 3
                               : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                              : 0;
    if (length == 0 || bytes.size() - i < length) return false;
    for (std::size_t k = 1; k < length; ++k) {
      if ((at(i + k) & 0xC0) != 0x80) return false;
    }
    if (length > 2) {  // not the shortest spelling, a surrogate, or past U+10FFFF
      const std::uint8_t next = at(i + 1);
      if ((lead == 0xE0 && next < 0xA0) || (lead == 0xED && next > 0x9F) || (lead == 0xF0 && next < 0x90) ||
          (lead == 0xF4 && next > 0x8F)) {
        return false;
      }
    }
    i += length;
  }
  return true;
}

std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (text.size() - i < 3) return std::nullopt;
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (static_cast<std::uint8_t>(c) < 0x20 || c == 0x7F) return std::nullopt;
    out += c;
  }
  if (!is_utf8(out)) return std::nullopt;
  return out;
}

namespace {

// Stands for itself: most segments do.
bool is_plain(std::string_view segment) noexcept {
  return std::ranges::all_of(segment, [](char c) { return c >= 0x20 && c < 0x7F && c != '%'; });
}

}  // namespace

std::optional<Target> parse_target(std::string_view target) {
  Target out;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!equal_without_case(target.substr(0, scheme.size()), scheme)) continue;
    target.remove_prefix(scheme.size());
    const std::size_t end = std::min(target.find_first_of("/?"), target.size());
    out.authority = target.substr(0, end);
    target.remove_prefix(end);
    if (out.authority.empty()) return std::nullopt;
    if (target.empty()) target = "/";
    break;
  }
  if (!target.starts_with('/') || target.find('#') != std::string_view::npos) return std::nullopt;
  const std::size_t mark = target.find('?');
  std::string_view path = target.substr(0, mark);
  out.path.reserve(path.size());
  out.segments.reserve(static_cast<std::size_t>(std::ranges::count(path, '/')));
  while (!path.empty()) {
    path.remove_prefix(1);  // its '/'
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view raw = path.substr(0, end);
    std::string& segment = out.segments.emplace_back();
    if (is_plain(raw)) {
      segment = raw;
    } else if (auto decoded = percent_decoded(raw)) {
      segment = std::move(*decoded);
    } else {
      return std::nullopt;
    }
    if (segment == "." || segment == "..") return std::nullopt;
    out.path.append("/").append(segment);
    path.remove_prefix(end);
  }
  if (mark == std::string_view::npos) return out;
  for (std::string_view query = target.substr(mark + 1); !query.empty();) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty()) continue;
    const std::size_t equals = std::min(pair.find('='), pair.size());
    auto name = percent_decoded(pair.substr(0, equals), true);
    auto value = percent_decoded(pair.substr(std::min(equals + 1, pair.size())), true);
    if (!name || !value) return std::nullopt;
    out.query.emplace_back(std::move(*name), std::move(*value));
  }
  return out;
}

std::string base64url(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() * 4 + 2) / 3);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char byte : bytes) {
    bits = bits << 8 | static_cast<std::uint8_t>(byte);
    count += 8;
    while (count >= 6) out += kAlphabet[bits >> (count -= 6) & 63];
  }
  if (count > 0) out += kAlphabet[bits << (6 - count) & 63];
  return out;
}

std::optional<std::string> from_base64url(std::string_view text) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const std::int8_t value = kDecoding[static_cast<std::uint8_t>(c)];
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) out += static_cast<char>(bits >> (count -= 8) & 0xFF);
  }
  if ((bits & ((1u << count) - 1)) != 0) return std::nullopt;
  return out;
}

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  for (std::size_t done = 0; done < count;) {
    const ssize_t got = ::getrandom(bytes.data() + done, count - done, 0);
    TT_CHECK(got > 0 || errno == EINTR, "getrandom to give bytes");
    if (got > 0) done += static_cast<std::size_t>(got);
  }
  return bytes;
}

bool equal_in_constant_time(std::string_view left, std::string_view right) noexcept {
  return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

std::string redacted(std::string_view text) {
  // Tokens of ours begin with tt_, JWTs with eyJ; sessions and codes are 43 characters of base64url. Whatever runs on as one
  // word of at least 32 such characters is taken for a secret too.
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i;
    while (end < text.size() && is_token_byte(text[end])) ++end;
    const std::string_view word = text.substr(i, end - i);
    if (word.empty()) {
      out += text[i++];
      continue;
    }
    const std::size_t key = word.find("tt_");
    const std::size_t jwt = word.find("eyJ");
    if (const std::size_t from = std::min(key, jwt); from != std::string_view::npos && word.size() - from > 8) {
      out.append(word.substr(0, from)).append("***");
    } else if (word.size() >= 32) {
      out += "***";
    } else {
      out += word;
    }
    i = end;
  }
  return out;
}

}  // namespace thintail::http
