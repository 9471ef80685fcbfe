// SPDX-License-Identifier: Apache-2.0
#include "adapters/http/rate_limits.hpp"

#include <fmt/format.h>

#include <utility>

#include "adapters/http/address.hpp"

namespace thintail::http {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

}  // namespace

std::string RateVerdict::policy_text(std::string_view name) const {
  return fmt::format("\"{}\";q={};w={}", name, limit.requests, limit.window_s);
}

std::string RateVerdict::state_text(std::string_view name) const {
  return fmt::format("\"{}\";r={};t={}", name, remaining, reset_s);
}

RateVerdict RateLimits::take(RateClass rate_class, std::string_view principal, std::int64_t now_ns) {
  const RateLimit& limit = rate_class == RateClass::trading ? options_.trading
                           : rate_class == RateClass::data  ? options_.data
                                                            : options_.read;
  return take(fmt::format("{}{}", static_cast<int>(rate_class), principal), limit, now_ns);
}

RateVerdict RateLimits::take_public(std::string_view address, std::int64_t now_ns) {
  return take(fmt::format("p{}", rate_unit(address)), options_.public_read, now_ns);
}

RateVerdict RateLimits::take_failed_proof(std::string_view address, std::int64_t now_ns) {
  return take(fmt::format("f{}", rate_unit(address)), options_.failed_proofs, now_ns);
}

RateVerdict RateLimits::take(std::string key, const RateLimit& limit, std::int64_t now_ns) {
  auto found = counts_.find(key);
  if (found == counts_.end()) {
    if (counts_.size() >= kCallersMax) {
      std::erase_if(counts_, [&](const auto& row) { return now_ns >= row.second.ends_ns; });
    }
    if (counts_.size() < kCallersMax) found = counts_.emplace(std::move(key), Count{}).first;
  }
  Count& count = found == counts_.end() ? shared_ : found->second;
  if (now_ns >= count.ends_ns) count = {.used = 0, .ends_ns = now_ns + limit.window_s * kSecond};
  RateVerdict verdict{.is_allowed = count.used < limit.requests, .limit = limit};
  if (verdict.is_allowed) ++count.used;
  verdict.remaining = limit.requests - count.used;
  verdict.reset_s = (count.ends_ns - now_ns + kSecond - 1) / kSecond;
  return verdict;
}

}  // namespace thintail::http
