// SPDX-License-Identifier: Apache-2.0
// Zone: a time zone as a table of its transitions, read once from the system's database. A default one is UTC.
//   path       warm: a binary search over about a hundred rows; hot code caches what it returns
//   invariant  covers 1990-01-01 to 2040-12-31; times outside use the nearest row's offset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/hash.hpp"

namespace thintail {

class Zone {
 public:
  struct Transition {
    std::int64_t from_utc_s;  // offset in force from here on
    std::int32_t offset_s;  // local = utc + offset
  };

  // An IANA name ("America/New_York"), or a fixed offset: "UTC", "UTC-5", "UTC+2", "UTC+05:30".
  static Result<Zone> load(std::string_view name);
  // The FX day's zone; aborts when the system has no time-zone database (the front door installs tzdata).
  static const Zone& new_york();

  const std::string& name() const noexcept { return name_; }
  std::int32_t offset_s(std::int64_t utc_s) const noexcept;
  // A local time that occurs twice means its first occurrence; one that is skipped means the instant of the jump.
  std::int64_t to_utc_s(std::int64_t local_s) const noexcept;
  // True where `local_s` occurs twice (clocks went back over it).
  bool is_repeated(std::int64_t local_s) const noexcept;
  // First transition after `utc_s`, or the far future.
  std::int64_t next_transition_s(std::int64_t utc_s) const noexcept;
  // SHA-256 over name and transitions: part of the feature hash, since they decide where H4 and D1 bars end.
  Sha256Digest hash() const;

 private:
  std::size_t row_at(std::int64_t utc_s) const noexcept;
  std::size_t row_at_local(std::int64_t local_s) const noexcept;  // of its first occurrence

  std::string name_ = "UTC";
  std::vector<Transition> transitions_ = {
      {0, 0}};  // ascending, never empty; the first row covers all before the second
};

}  // namespace thintail
