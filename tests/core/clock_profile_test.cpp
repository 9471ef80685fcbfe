// SPDX-License-Identifier: Apache-2.0
#include "core/time/clock_profile.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <set>

namespace thintail {
namespace {

using namespace std::chrono;  // NOLINT: dates read best in its notation

constexpr std::int64_t at_ns(sys_days day, nanoseconds time = {}) {
  return (sys_time<nanoseconds>(day) + time).time_since_epoch().count();
}

ClockProfile profile(std::string_view name) { return ClockProfile::find(name).value(); }

std::int64_t utc(std::string_view name, sys_days day, nanoseconds time) {
  return profile(name).to_utc_ns(at_ns(day, time));
}

// New York wall time, in ns, of a source's local time.
std::int64_t new_york(std::string_view name, sys_days day, nanoseconds time) {
  const auto utc_ns = utc(name, day, time);
  return utc_ns + Zone::new_york().offset_s(utc_ns / 1'000'000'000) * std::int64_t{1'000'000'000};
}

TEST(ClockProfile, every_listed_profile_is_found_and_described) {
  std::set<std::string_view> names;
  for (const auto& info : clock_profiles()) {
    EXPECT_TRUE(names.insert(info.name).second);
    EXPECT_FALSE(info.description.empty());
    EXPECT_EQ(profile(info.name).name(), info.name);
  }
  for (const auto* name : {"utc", "utc-5", "new-york", "histdata-2018", "histdata-2019", "mt5-us", "mt5-eu"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
}

TEST(ClockProfile, unknown_names_are_refused_with_the_known_ones) {
  for (const auto* name : {"", "gmt", "UTC", "utc+", "utc+25", "utc5", "America/New_York", "\x1b[31m"}) {
    const auto found = ClockProfile::find(name);
    ASSERT_FALSE(found.has_value()) << name;
    EXPECT_EQ(found.error().code, ErrorCode::clock_unknown);
    EXPECT_NE(found.error().expected.find("histdata-2019"), std::string::npos);
    EXPECT_EQ(found.error().message().find('\x1b'), std::string::npos);
  }
}

TEST(ClockProfile, fixed_offsets_go_by_any_hour_and_minute) {
  EXPECT_EQ(utc("utc", 2014y / 5 / 2, 12h), at_ns(2014y / 5 / 2, 12h));
  EXPECT_EQ(utc("utc-5", 2014y / 5 / 2, 12h), at_ns(2014y / 5 / 2, 17h));
  EXPECT_EQ(utc("utc+3", 2014y / 5 / 2, 12h), at_ns(2014y / 5 / 2, 9h));
  EXPECT_EQ(utc("utc+05:30", 2014y / 5 / 2, 12h), at_ns(2014y / 5 / 2, 6h + 30min));
}

TEST(ClockProfile, nanoseconds_are_kept) {
  EXPECT_EQ(utc("utc-5", 2014y / 5 / 2, 123'456'789ns), at_ns(2014y / 5 / 2, 5h + 123'456'789ns));
  EXPECT_EQ(utc("new-york", 1965y / 1 / 1, 1ns), at_ns(1965y / 1 / 1, 5h + 1ns)) << "before 1970 too";
}

// Payrolls come out at 08:30 New York: facts read off the files (shared/data/README.md).
TEST(ClockProfile, histdata_of_2018_is_new_york_and_of_2019_moves_on_european_dates) {
  EXPECT_EQ(new_york("histdata-2018", 2018y / 11 / 2, 8h + 30min), at_ns(2018y / 11 / 2, 8h + 30min));
  EXPECT_EQ(new_york("histdata-2019", 2019y / 10 / 4, 8h + 30min), at_ns(2019y / 10 / 4, 8h + 30min));
  EXPECT_EQ(new_york("histdata-2019", 2019y / 11 / 1, 7h + 30min), at_ns(2019y / 11 / 1, 8h + 30min));
  EXPECT_EQ(new_york("histdata-2019", 2019y / 12 / 6, 8h + 30min), at_ns(2019y / 12 / 6, 8h + 30min));
}

// The first minute that histdata_xauusd_m1_2019 holds after a daily break or weekend, which is 18:00 New York.
TEST(ClockProfile, gold_of_2019_opens_at_18_new_york_through_every_clock_change) {
  for (const auto& [day, first_minute] : {std::pair{sys_days(2019y / 3 / 8), 18h},
                                          {sys_days(2019y / 3 / 10), 17h},
                                          {sys_days(2019y / 3 / 11), 17h},
                                          {sys_days(2019y / 3 / 31), 18h},
                                          {sys_days(2019y / 4 / 1), 18h},
                                          {sys_days(2019y / 10 / 27), 17h},
                                          {sys_days(2019y / 10 / 28), 17h},
                                          {sys_days(2019y / 11 / 3), 18h}}) {
    EXPECT_EQ(new_york("histdata-2019", day, first_minute), at_ns(day, 18h));
  }
}

// The M5 file (European dates) and the M15 file (US dates) of MetaTrader servers, likewise.
TEST(ClockProfile, metatrader_servers_open_gold_at_18_new_york) {
  EXPECT_EQ(new_york("mt5-us", 2025y / 1 / 6, 1h), at_ns(2025y / 1 / 5, 18h));
  EXPECT_EQ(new_york("mt5-us", 2025y / 3 / 17, 1h), at_ns(2025y / 3 / 16, 18h));
  EXPECT_EQ(new_york("mt5-us", 2025y / 6 / 2, 1h), at_ns(2025y / 6 / 1, 18h));
  EXPECT_EQ(new_york("mt5-eu", 2025y / 1 / 6, 1h), at_ns(2025y / 1 / 5, 18h));
  EXPECT_EQ(new_york("mt5-eu", 2025y / 3 / 17, 0h), at_ns(2025y / 3 / 16, 18h)) << "between the two clock changes";
  EXPECT_EQ(new_york("mt5-eu", 2025y / 6 / 2, 1h), at_ns(2025y / 6 / 1, 18h));
  EXPECT_EQ(new_york("mt5-eu", 2025y / 10 / 27, 0h), at_ns(2025y / 10 / 26, 18h));
}

TEST(ClockProfile, a_repeated_local_time_is_its_first_occurrence_and_a_skipped_one_the_jump) {
  EXPECT_EQ(utc("new-york", 2014y / 11 / 2, 1h + 30min), at_ns(2014y / 11 / 2, 5h + 30min));
  const auto jump_ns = at_ns(2014y / 3 / 9, 7h);
  auto clock = profile("new-york");
  EXPECT_EQ(clock.to_utc_ns(at_ns(2014y / 3 / 9, 2h)), jump_ns);
  EXPECT_EQ(clock.to_utc_ns(at_ns(2014y / 3 / 9, 2h + 30min)), jump_ns);
  EXPECT_EQ(clock.to_utc_ns(at_ns(2014y / 3 / 9, 2h + 30min + 1ns)), jump_ns);
  EXPECT_EQ(clock.to_utc_ns(at_ns(2014y / 3 / 9, 3h + 1ns)), jump_ns + 1);
}

TEST(ClockProfile, the_cache_never_shows) {
  std::mt19937_64 random(5);
  for (const auto* name : {"new-york", "histdata-2019", "mt5-us", "mt5-eu", "utc-5"}) {
    auto kept = profile(name);
    const auto fresh = profile(name);
    for (int i = 0; i < 50'000; ++i) {
      // Hours around the clock changes of 2019, in random order.
      constexpr sys_days kChanges[] = {2019y / 3 / 10, 2019y / 3 / 31, 2019y / 10 / 27, 2019y / 11 / 3};
      const auto local_ns =
          at_ns(kChanges[random() % 4], nanoseconds(static_cast<std::int64_t>(random() % 86'400'000) * 1'000'000));
      ASSERT_EQ(kept.to_utc_ns(local_ns), ClockProfile(fresh).to_utc_ns(local_ns)) << name << ' ' << local_ns;
    }
  }
}

}  // namespace
}  // namespace thintail
