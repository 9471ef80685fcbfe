// SPDX-License-Identifier: Apache-2.0
#include "adapters/http/assets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "adapters/http/text.hpp"
#include "core/base/hash.hpp"

namespace thintail::http {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kTypes = {{
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".json", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".map", "application/json"},
    {".txt", "text/plain; charset=utf-8"},
    {".wasm", "application/wasm"},
}};

}  // namespace

std::string_view content_type_of(std::string_view path) noexcept {
  for (const auto& [ending, type] : kTypes) {
    if (path.ends_with(ending)) return type;
  }
  return "application/octet-stream";
}

bool has_hashed_name(std::string_view path) noexcept {
  const std::string_view name = path.substr(path.find_last_of('/') + 1);
  const std::size_t dot = name.find_last_of('.');
  // Vite and others: 8 characters of base64url. One of them may be '-' itself, so the last 8 count.
  if (dot == std::string_view::npos || dot < 10) return false;
  const std::string_view hash = name.substr(dot - 8, 8);
  const char before = name[dot - 9];
  return (before == '-' || before == '.') &&
         std::ranges::all_of(hash,
                             [](char c) {
                               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                      c == '_' || c == '-';
                             }) &&
         std::ranges::any_of(hash, [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); });
}

bool accepts_gzip(std::string_view accept_encoding) noexcept {
  while (!accept_encoding.empty()) {
    const std::size_t end = std::min(accept_encoding.find(','), accept_encoding.size());
    const std::string_view one = trimmed(accept_encoding.substr(0, end));
    accept_encoding.remove_prefix(std::min(end + 1, accept_encoding.size()));
    const std::size_t semicolon = std::min(one.find(';'), one.size());
    const std::string_view name = trimmed(one.substr(0, semicolon));
    if (name != "gzip" && name != "*") continue;
    const std::size_t weight = one.find("q=", semicolon);
    if (weight == std::string_view::npos) return true;
    // q=0, q=0.0, q=0.000: not taken
    return one.substr(weight + 2).find_first_of("123456789") != std::string_view::npos;
  }
  return false;
}

Assets::Assets(std::span<const EmbeddedFile> files) {
  for (const EmbeddedFile& file : files) {
    File stored{.plain = std::make_shared<const std::string>(file.plain),
                .gzip = file.gzip.empty() ? nullptr : std::make_shared<const std::string>(file.gzip),
                .etag = fmt::format("\"{:016x}\"", xxh3(file.plain.data(), file.plain.size())),
                .content_type = std::string(content_type_of(file.path)),
                .is_immutable = has_hashed_name(file.path)};
    if (file.path == "index.html") files_.emplace("/", stored);
    files_.emplace(fmt::format("/{}", file.path), std::move(stored));
  }
}

std::optional<Response> Assets::find(std::string_view path, std::string_view accept_encoding,
                                     std::string_view if_none_match) const {
  const auto found = files_.find(path);
  if (found == files_.end()) return std::nullopt;
  const File& file = found->second;
  Response response;
  response.content_type = file.content_type;
  response.with("ETag", file.etag)
      .with("Vary", "Accept-Encoding")
      .with("Cache-Control", file.is_immutable ? "public, max-age=31536000, immutable" : "no-cache");
  if (if_none_match.find(file.etag) != std::string_view::npos || if_none_match == "*") {
    response.status = 304;
    return response;
  }
  if (file.gzip && accepts_gzip(accept_encoding)) {
    response.with("Content-Encoding", "gzip");
    response.shared_body = file.gzip;
  } else {
    response.shared_body = file.plain;
  }
  return response;
}

}  // namespace thintail::http
