// SPDX-License-Identifier: Apache-2.0
#include "adapters/http/rate_limits.hpp"

#include <fmt/format.h>

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
  switch (rate_class) {
    case RateClass::trading: return take(trading_, principal, options_.trading, now_ns);
    case RateClass::data: return take(data_, principal, options_.data, now_ns);
    default: return take(read_, principal, options_.read, now_ns);
  }
}

RateVerdict RateLimits::take_public(std::string_view address, std::int64_t now_ns) {
  return take(public_read_, rate_unit(address), options_.public_read, now_ns);
}

RateVerdict RateLimits::take_failed_proof(std::string_view address, std::int64_t now_ns) {
  return take(failed_proofs_, rate_unit(address), options_.failed_proofs, now_ns);
}

RateVerdict RateLimits::take(Counts& counts, std::string_view caller, const RateLimit& limit, std::int64_t now_ns) {
  auto found = counts.find(caller);
  if (found == counts.end()) {
    if (callers_ >= kCallersMax) {
      for (Counts* rows : {&read_, &data_, &trading_, &public_read_, &failed_proofs_}) {
        callers_ -= std::erase_if(*rows, [&](const auto& row) { return now_ns >= row.second.ends_ns; });
      }
    }
    if (callers_ < kCallersMax) {
      found = counts.emplace(caller, Count{}).first;
      ++callers_;
    }
  }
  Count& count = found == counts.end() ? shared_ : found->second;
  if (now_ns >= count.ends_ns) count = {.used = 0, .ends_ns = now_ns + limit.window_s * kSecond};
  RateVerdict verdict{.is_allowed = count.used < limit.requests, .limit = limit};
  if (verdict.is_allowed) ++count.used;
  verdict.remaining = limit.requests - count.used;
  verdict.reset_s = (count.ends_ns - now_ns + kSecond - 1) / kSecond;
  return verdict;
}

}  // namespace thintail::http
