// SPDX-License-Identifier: Apache-2.0
#include "adapters/http/sessions.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "adapters/http/text.hpp"
#include "core/base/hash.hpp"

namespace thintail::http {
namespace {

constexpr std::size_t kSecretBytes = 32;
constexpr std::int64_t kSecond = 1'000'000'000;

std::string hashed(std::string_view secret) { return to_hex(sha256(secret)); }

// A newline stands in no address.
std::string pair_of(std::string_view address, std::string_view user) { return fmt::format("{}\n{}", address, user); }

}  // namespace

Sessions::Opened Sessions::open(Principal principal, std::int64_t now_ns) {
  if (sessions_.size() >= kSessionsMax) {
    const auto oldest = std::ranges::min_element(sessions_, {}, [](const auto& row) { return row.second.expires_ns; });
    erase(oldest);
  }
  principal.how = Proof::session;
  principal.expires_ns = now_ns + kLifetimeNs;
  principal.session_id = next_id_++;
  open_.insert(principal.session_id);
  ++changes_;
  Opened opened{.cookie = base64url(random_bytes(kSecretBytes)),
                .session = {.principal = std::move(principal), .expires_ns = now_ns + kLifetimeNs}};
  sessions_.emplace(hashed(opened.cookie), opened.session);
  return opened;
}

const Session* Sessions::find(std::string_view cookie, std::int64_t now_ns) {
  const auto found = sessions_.find(hashed(cookie));
  if (found == sessions_.end() || now_ns >= found->second.expires_ns) return nullptr;
  return &found->second;
}

Sessions::Table::iterator Sessions::erase(Table::iterator row) {
  open_.erase(row->second.principal.session_id);
  ++changes_;
  return sessions_.erase(row);
}

void Sessions::close(std::string_view cookie) {
  if (const auto found = sessions_.find(hashed(cookie)); found != sessions_.end()) erase(found);
}

void Sessions::sweep(std::int64_t now_ns, const std::function<bool(const Principal&)>& is_over) {
  for (auto row = sessions_.begin(); row != sessions_.end();) {
    row = now_ns >= row->second.expires_ns || is_over(row->second.principal) ? erase(row) : std::next(row);
  }
}

std::string LoginCodes::issue(Role role, std::int64_t now_ns, std::int64_t lifetime_ns) {
  std::string code = base64url(random_bytes(kSecretBytes));
  const std::scoped_lock lock(mutex_);
  std::erase_if(waiting_, [&](const auto& row) { return now_ns >= row.second.expires_ns; });
  waiting_.emplace(hashed(code), Waiting{role, now_ns + lifetime_ns});
  return code;
}

std::optional<Role> LoginCodes::redeem(std::string_view code, std::int64_t now_ns) {
  const std::scoped_lock lock(mutex_);
  const auto found = waiting_.find(hashed(code));
  if (found == waiting_.end()) return std::nullopt;
  const Waiting waiting = found->second;
  waiting_.erase(found);
  if (now_ns >= waiting.expires_ns) return std::nullopt;
  return waiting.role;
}

std::int64_t LoginLocks::locked_for_s(std::string_view address, std::string_view user, std::int64_t now_ns) const {
  const auto found = pairs_.find(pair_of(address, user));
  if (found == pairs_.end() || found->second.count < kFailuresMax || now_ns >= found->second.until_ns) return 0;
  return (found->second.until_ns - now_ns + kSecond - 1) / kSecond;
}

void LoginLocks::failed(std::string_view address, std::string_view user, std::int64_t now_ns) {
  if (pairs_.size() >= kPairsMax) {
    std::erase_if(pairs_, [&](const auto& row) { return now_ns >= row.second.until_ns; });
    // Still full: those that would be free first make room, so that memory stays bounded.
    if (pairs_.size() >= kPairsMax) {
      pairs_.erase(std::ranges::min_element(pairs_, {}, [](const auto& row) { return row.second.until_ns; }));
    }
  }
  Failures& failures = pairs_[pair_of(address, user)];
  if (now_ns >= failures.until_ns) failures.count = 0;
  ++failures.count;
  failures.until_ns = now_ns + kWindowNs;
}

void LoginLocks::succeeded(std::string_view address, std::string_view user) { pairs_.erase(pair_of(address, user)); }

}  // namespace thintail::http
