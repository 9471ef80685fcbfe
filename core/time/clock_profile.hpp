// SPDX-License-Identifier: Apache-2.0
// ClockProfile: how a data source writes its local times, by name, so that no file's zone is ever guessed.
//   path       warm: one call a row at most; the offset is cached until the next transition
//   invariant  a profile keeps no history: a local time that occurs twice always means its first occurrence, a skipped
//              one the instant of the jump (Zone). All profiles change their clocks while FX and metals are closed. The
//              hour 19:00 of 2019-10-27 that HistData's files hold twice is no change of clocks: its 60 rows are
//              literally repeated, so both copies rightly become the same UTC minutes.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "core/base/attributes.hpp"
#include "core/base/error.hpp"
#include "core/time/zone.hpp"

namespace thintail {

struct ClockProfileInfo {
  std::string_view name;  // "utc", "utc-5", "new-york", "histdata-2018", "histdata-2019", "mt5-us", "mt5-eu"
  std::string_view description;  // one line, for --help
};

std::span<const ClockProfileInfo> clock_profiles() noexcept;

class ClockProfile {
 public:
  static Result<ClockProfile> find(std::string_view name);  // also any "utc+H", "utc-H", "utc+HH:MM"

  const std::string& name() const noexcept { return name_; }

  // Local ns (as if the wall clock were UTC) to UTC ns.
  TT_HOT std::int64_t to_utc_ns(std::int64_t local_ns) noexcept {
    if (local_ns < valid_from_ns_ || local_ns >= valid_until_ns_) [[unlikely]]
      refresh(local_ns);
    return local_ns - offset_ns_;
  }

 private:
  TT_COLD void refresh(std::int64_t local_ns) noexcept;

  std::string name_;
  Zone zone_;
  std::int64_t ahead_s_ = 0;  // the source's wall clock minus the zone's
  std::int64_t offset_ns_ = 0;
  std::int64_t valid_from_ns_ = std::numeric_limits<std::int64_t>::max();
  std::int64_t valid_until_ns_ = std::numeric_limits<std::int64_t>::min();
};

}  // namespace thintail
