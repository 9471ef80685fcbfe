// SPDX-License-Identifier: Apache-2.0
// IdempotencyStore: what was answered to each Idempotency-Key, for 24 hours, across restarts.
//   path       cold: two synced writes a command
//   threads    any; one mutex. Calls sync a disk: never on an event loop
//   invariant  a begin is on disk before its command may act, and a reply before it is sent: after a death at any point a
//              repeated request gets the stored reply, or is told that the outcome is not known, and is never done twice.
//              Urgent commands wait for no disk: they are done under their id, which the other side knows again, and recorded after
//
// The file (mode 0600) grows by lines; the reader takes those whose checksum fits and stops at the first that is torn:
//   XXH3 (16 hexadecimal digits), space, one JSON object
//   {"e":"begin","k":"<scope>","b":"<body>","t":"<ns>"}
//   {"e":"end","k":"<scope>","s":200,"c":"application/json","h":[["Location","/.."]],"r":"<reply>"}
//   {"e":"undo","k":"<scope>"}     the handler failed before it acted
// Opening drops what is older than 24 h and writes the file anew.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/http/route.hpp"
#include "core/base/error.hpp"

namespace thintail::http {

class IdempotencyStore {
 public:
  static constexpr std::int64_t kLifetimeNs = 24ll * 3'600 * 1'000'000'000;

  struct Options {
    std::string path;  // empty: in memory only, for programs without commands
    std::size_t entries_max = 65'536;  // the oldest answered one goes first
    std::size_t file_bytes_max = 64 * 1024 * 1024;  // past this, and twice what was live, it is written anew
    // For tests: called instead of fdatasync() where set; false fails the write.
    std::function<bool(int fd)> sync = {};
  };

  static Result<IdempotencyStore> open(Options options, std::int64_t now_ns);
  IdempotencyStore(IdempotencyStore&&) noexcept;
  IdempotencyStore& operator=(IdempotencyStore&&) noexcept;
  ~IdempotencyStore();

  enum class Verdict : std::uint8_t {
    proceed,  // a begin has been written: do it, then finish() or undo()
    interrupted,  // as proceed, but an earlier process began it too: only for handlers that can find out
    replay,  // `reply` is what was answered
    in_flight,  // 409
    mismatch,  // 422
    full,  // 503: every entry is in flight
  };
  struct Begun {
    Verdict verdict = Verdict::proceed;
    std::optional<Response> reply;
    std::uint64_t id = 0;  // id_of() the request
    std::int64_t began_ns = 0;  // when the scope was begun first
  };

  // `body`: whatever must be equal for the request to be the same one. An interrupted entry stays so until finish() unless
  // `resumes`: then Verdict::interrupted is given to one caller at a time.
  Result<Begun> begin(std::string_view principal, std::string_view route, std::string_view key, std::string_view body,
                      bool resumes, std::int64_t now_ns);
  Result<void> finish(std::string_view principal, std::string_view route, std::string_view key,
                      const Response& response);
  // Of urgent commands. What is known of such a request, if that can be said without waiting for whoever is at the disk: nothing where it
  // is new, or cannot be said. Begins nothing.
  std::optional<Begun> look(std::string_view principal, std::string_view route, std::string_view key,
                            std::string_view body) const;
  // What was answered to a request that was done without begin().
  Result<void> record(std::string_view principal, std::string_view route, std::string_view key, std::string_view body,
                      const Response& response, std::int64_t now_ns);
  // A stable hash of the four, never 0.
  static std::uint64_t id_of(std::string_view principal, std::string_view route, std::string_view key,
                             std::string_view body);
  // The handler says that it has not acted: the key is free again.
  Result<void> undo(std::string_view principal, std::string_view route, std::string_view key);
  // The handler died, or its reply could not be kept: from now on the outcome is not known.
  void abandon(std::string_view principal, std::string_view route, std::string_view key);

  std::size_t entries() const;

 private:
  struct State;
  explicit IdempotencyStore(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

// [A-Za-z0-9._:-]{1,128}
bool is_idempotency_key(std::string_view key) noexcept;

}  // namespace thintail::http
