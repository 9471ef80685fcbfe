// SPDX-License-Identifier: Apache-2.0
#include "core/time/clock_profile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace thintail {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;

struct Definition {
  ClockProfileInfo info;
  std::string_view zone;
  std::int32_t ahead_hours;  // the source's wall clock minus the zone's
};

// Brokers' servers and vendors follow a zone's DST dates at another distance from UTC: New York plus seven hours is
// UTC+2/+3 on US dates, London plus two hours UTC+2/+3 on European dates.
constexpr std::array kDefinitions = {
    Definition{{"utc", "UTC; also utc+H, utc-H, utc+HH:MM for any fixed offset"}, "UTC", 0},
    Definition{{"utc-5", "UTC-5 all year, without DST (FXCM's LEAN files)"}, "UTC-5", 0},
    Definition{{"new-york", "New York wall time, with DST"}, "America/New_York", 0},
    Definition{{"histdata-2018", "HistData files up to 2018: New York wall time"}, "America/New_York", 0},
    Definition{{"histdata-2019", "HistData files from 2019: UTC-5, moved one hour on European DST dates"},
               "Europe/London",
               -5},
    Definition{
        {"mt5-us", "MetaTrader server at UTC+2/+3 on US DST dates (day ends 17:00 New York)"}, "America/New_York", 7},
    Definition{{"mt5-eu", "MetaTrader server at UTC+2/+3 on European DST dates"}, "Europe/London", 2},
};

constexpr auto kInfos = [] {
  std::array<ClockProfileInfo, kDefinitions.size()> infos{};
  std::ranges::transform(kDefinitions, infos.begin(), &Definition::info);
  return infos;
}();

constexpr std::int64_t floor_seconds(std::int64_t ns) noexcept { return ns / kSecondNs - (ns % kSecondNs < 0 ? 1 : 0); }

std::unexpected<Error> unknown(std::string_view name) {
  std::string names;
  for (const auto& info : kInfos) names += fmt::format("{}, ", info.name);
  return fail({.code = ErrorCode::clock_unknown,
               .doing = "choosing a clock profile",
               .field = "clock",
               .expected = names + "utc+H or utc-H",
               .found = fmt::format("\"{}\"", printable(name))});
}

}  // namespace

std::span<const ClockProfileInfo> clock_profiles() noexcept { return kInfos; }

Result<ClockProfile> ClockProfile::find(std::string_view name) {
  ClockProfile profile;
  profile.name_ = name;
  const auto* row = std::ranges::find(kDefinitions, name, [](const Definition& d) { return d.info.name; });
  if (row != kDefinitions.end()) {
    TT_TRY(profile.zone_, Zone::load(row->zone));
    profile.ahead_s_ = row->ahead_hours * 3600;
    return profile;
  }
  if (!name.starts_with("utc")) return unknown(name);
  auto zone = Zone::load(fmt::format("UTC{}", name.substr(3)));
  if (!zone) return unknown(name);
  profile.zone_ = *std::move(zone);
  return profile;
}

void ClockProfile::refresh(std::int64_t local_ns) noexcept {
  const std::int64_t local_s = floor_seconds(local_ns) - ahead_s_;
  const std::int64_t utc_s = zone_.to_utc_s(local_s);
  const std::int64_t offset_s = zone_.offset_s(utc_s);
  valid_from_ns_ = local_ns;
  if (local_s - utc_s != offset_s) {
    // A skipped local time: the offset that leads to the instant of the jump holds for this one time only.
    offset_ns_ = local_ns - utc_s * kSecondNs;
    valid_until_ns_ = local_ns + 1;
    return;
  }
  offset_ns_ = (offset_s + ahead_s_) * kSecondNs;
  const std::int64_t next_s = zone_.next_transition_s(utc_s);
  constexpr auto kFarFuture = std::numeric_limits<std::int64_t>::max();
  valid_until_ns_ = next_s == kFarFuture ? kFarFuture : (next_s + offset_s + ahead_s_) * kSecondNs;
}

}  // namespace thintail
