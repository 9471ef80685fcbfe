// SPDX-License-Identifier: Apache-2.0
// Sessions of browsers, one-use login codes, and the lock after failed logins.
//   path       warm: find() is one SHA-256 and one look-up
//   threads    Sessions, LoginLocks: one thread (the server's io thread). LoginCodes: any
//   invariant  only hashes of what lets somebody in are kept; a restart ends every session
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "adapters/http/route.hpp"

namespace thintail::http {

struct Session {
  Principal principal;
  std::int64_t expires_ns = 0;
};

class Sessions {
 public:
  static constexpr std::int64_t kLifetimeNs = 12ll * 3'600 * 1'000'000'000;
  static constexpr std::size_t kSessionsMax = 1'024;

  struct Opened {
    std::string cookie;  // the cookie's value
    Session session;
  };

  // The oldest goes where there is no room.
  Opened open(Principal principal, std::int64_t now_ns);
  const Session* find(std::string_view cookie, std::int64_t now_ns);
  void close(std::string_view cookie);
  // Ends those that `is_over` says; for users removed from the file.
  void sweep(std::int64_t now_ns, const std::function<bool(const Principal&)>& is_over);
  std::size_t count() const noexcept { return sessions_.size(); }
  // Sockets of a session end with it: whether the one of this Principal::session_id is still open.
  bool is_open(std::uint64_t session_id) const { return open_.contains(session_id); }
  std::uint64_t changes() const noexcept { return changes_; }  // sessions opened and ended so far

 private:
  using Table = std::unordered_map<std::string, Session>;
  Table::iterator erase(Table::iterator row);

  Table sessions_;  // by SHA-256 of the cookie's value
  std::unordered_set<std::uint64_t> open_;  // their ids
  std::uint64_t next_id_ = 1;
  std::uint64_t changes_ = 0;
};

// Codes of `demo --serve` and the like: 256 random bits, good once and for 5 minutes.
class LoginCodes {
 public:
  static constexpr std::int64_t kLifetimeNs = 300ll * 1'000'000'000;

  std::string issue(Role role, std::int64_t now_ns, std::int64_t lifetime_ns = kLifetimeNs);
  // The role, once.
  std::optional<Role> redeem(std::string_view code, std::int64_t now_ns);

 private:
  struct Waiting {
    Role role;
    std::int64_t expires_ns;
  };

  std::mutex mutex_;
  std::unordered_map<std::string, Waiting> waiting_;  // by SHA-256 of the code
};

// Five failures of one (address, user) within 15 minutes lock just that pair for 15 minutes.
class LoginLocks {
 public:
  static constexpr int kFailuresMax = 5;
  static constexpr std::int64_t kWindowNs = 900ll * 1'000'000'000;
  static constexpr std::size_t kPairsMax = 16'384;

  // Seconds until the pair may try again; 0: now.
  std::int64_t locked_for_s(std::string_view address, std::string_view user, std::int64_t now_ns) const;
  void failed(std::string_view address, std::string_view user, std::int64_t now_ns);
  void succeeded(std::string_view address, std::string_view user);

 private:
  struct Failures {
    int count = 0;
    std::int64_t until_ns = 0;
  };

  std::unordered_map<std::string, Failures> pairs_;
};

}  // namespace thintail::http
