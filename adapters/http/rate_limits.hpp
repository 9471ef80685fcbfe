// SPDX-License-Identifier: Apache-2.0
// RateLimits: how many requests of a class one caller may make, counted in windows that begin with its first request.
//   path       warm: one look-up
//   threads    one (the server's io thread)
//   invariant  at most kCallersMax callers are remembered; those past it share one count, so that nobody gets a new one by
//              being new
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "adapters/http/route.hpp"

namespace thintail::http {

struct RateLimit {
  std::int64_t requests = 0;
  std::int64_t window_s = 0;
};

struct RateLimitOptions {
  RateLimit read{1'000, 60};
  RateLimit data{1'000, 3'600};
  RateLimit trading{100, 3'600};
  RateLimit public_read{60, 60};  // of an address without credentials, where the instance lets it read
  RateLimit failed_proofs{60, 60};  // wrong keys, tokens and cookies of an address; a valid one is let in regardless
};

struct RateVerdict {
  bool is_allowed = true;
  RateLimit limit;
  std::int64_t remaining = 0;
  std::int64_t reset_s = 0;  // until the window ends

  // RateLimit-Policy: "read";q=1000;w=60 and RateLimit: "read";r=999;t=60 (draft-ietf-httpapi-ratelimit-headers-10).
  std::string policy_text(std::string_view name) const;
  std::string state_text(std::string_view name) const;
};

class RateLimits {
 public:
  static constexpr std::size_t kCallersMax = 65'536;

  explicit RateLimits(const RateLimitOptions& options) : options_(options) {}

  // Counts one request, if it is allowed.
  RateVerdict take(RateClass rate_class, std::string_view principal, std::int64_t now_ns);
  RateVerdict take_public(std::string_view address, std::int64_t now_ns);
  RateVerdict take_failed_proof(std::string_view address, std::int64_t now_ns);
  std::size_t callers() const noexcept { return callers_; }

 private:
  struct Count {
    std::int64_t used = 0;
    std::int64_t ends_ns = 0;
  };
  struct TextHash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  using Counts = std::unordered_map<std::string, Count, TextHash, std::equal_to<>>;

  RateVerdict take(Counts& counts, std::string_view caller, const RateLimit& limit, std::int64_t now_ns);

  RateLimitOptions options_;
  Counts read_, data_, trading_, public_read_, failed_proofs_;  // by principal, the last two by address
  std::size_t callers_ = 0;  // in all of them
  Count shared_;  // of everybody for whom there is no room
};

}  // namespace thintail::http
