// SPDX-License-Identifier: Apache-2.0
#include "core/time/zone.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <random>

namespace thintail {
namespace {

using namespace std::chrono;  // NOLINT: dates read best in its notation

constexpr std::int64_t kFarFutureS = std::numeric_limits<std::int64_t>::max();

constexpr std::int64_t at(sys_days day, seconds time = {}) {
  return (sys_seconds(day) + time).time_since_epoch().count();
}

Zone load(std::string_view name) { return Zone::load(name).value(); }

TEST(Zone, new_york_follows_us_rules_of_every_year_to_2040) {
  const Zone& zone = Zone::new_york();
  EXPECT_EQ(zone.name(), "America/New_York");
  for (int y = 2007; y <= 2040; ++y) {
    const auto spring = at(sys_days(year(y) / March / Sunday[2]), 7h);
    const auto autumn = at(sys_days(year(y) / November / Sunday[1]), 6h);
    EXPECT_EQ(zone.offset_s(spring - 1), -18'000) << y;
    EXPECT_EQ(zone.offset_s(spring), -14'400) << y;
    EXPECT_EQ(zone.offset_s(autumn - 1), -14'400) << y;
    EXPECT_EQ(zone.offset_s(autumn), -18'000) << y;
    EXPECT_EQ(zone.next_transition_s(spring - 1), spring) << y;
    EXPECT_EQ(zone.next_transition_s(spring), autumn) << y;
  }
  EXPECT_EQ(zone.next_transition_s(at(2006y / 1 / 1)), at(sys_days(2006y / April / Sunday[1]), 7h)) << "the older rule";
  EXPECT_EQ(zone.offset_s(at(1990y / 1 / 1)), -18'000);
  EXPECT_EQ(zone.offset_s(at(1980y / 7 / 1)), -18'000) << "times before 1990 use the first row";
  EXPECT_EQ(zone.next_transition_s(at(2040y / 12 / 1)), kFarFutureS);
}

TEST(Zone, london_follows_european_rules_of_every_year_to_2040) {
  const Zone zone = load("Europe/London");
  for (int y = 1996; y <= 2040; ++y) {
    const auto spring = at(sys_days(year(y) / March / Sunday[last]), 1h);
    const auto autumn = at(sys_days(year(y) / October / Sunday[last]), 1h);
    EXPECT_EQ(zone.offset_s(spring - 1), 0) << y;
    EXPECT_EQ(zone.offset_s(spring), 3'600) << y;
    EXPECT_EQ(zone.offset_s(autumn - 1), 3'600) << y;
    EXPECT_EQ(zone.offset_s(autumn), 0) << y;
  }
}

TEST(Zone, a_zone_without_clock_changes_stays_without_them) {
  const Zone zone = load("Asia/Tokyo");
  EXPECT_EQ(zone.offset_s(at(2040y / 7 / 1)), 9 * 3600);
  EXPECT_EQ(zone.next_transition_s(at(1990y / 1 / 1)), kFarFutureS);
}

TEST(Zone, fixed_offsets_are_read_by_us) {
  EXPECT_EQ(load("UTC").offset_s(0), 0);
  EXPECT_EQ(load("UTC-5").offset_s(0), -18'000);
  EXPECT_EQ(load("UTC+2").offset_s(0), 7'200);
  EXPECT_EQ(load("UTC+02").offset_s(0), 7'200);
  EXPECT_EQ(load("UTC+05:30").offset_s(0), 19'800);
  EXPECT_EQ(load("UTC-03:30").offset_s(0), -12'600);
  EXPECT_EQ(load("UTC-5").to_utc_s(0), 18'000);
  EXPECT_FALSE(load("UTC-5").is_repeated(0));
  EXPECT_EQ(Zone().offset_s(0), 0) << "a default zone is UTC";
  EXPECT_EQ(Zone().name(), "UTC");
}

TEST(Zone, unknown_names_are_refused_with_what_was_found) {
  for (const auto* name : {"", "Mars/Olympus", "UTC+", "UTC-15", "UTC+1:60", "UTC+1:", "UTC+:30", "UTC5", "UTC+-5",
                           "UTC+5x", "utc", "../../etc/passwd", "America/New_York\n"}) {
    const auto zone = Zone::load(name);
    ASSERT_FALSE(zone.has_value()) << name;
    EXPECT_EQ(zone.error().code, ErrorCode::clock_unknown);
    EXPECT_FALSE(zone.error().found.empty());
  }
}

TEST(Zone, a_repeated_local_time_means_its_first_occurrence) {
  const Zone& zone = Zone::new_york();
  const auto jump = at(2014y / 11 / 2, 6h);  // 02:00 EDT becomes 01:00 EST
  const auto local = at(2014y / 11 / 2, 1h + 30min);
  EXPECT_TRUE(zone.is_repeated(local));
  EXPECT_EQ(zone.to_utc_s(local), at(2014y / 11 / 2, 5h + 30min));
  EXPECT_FALSE(zone.is_repeated(at(2014y / 11 / 2, 1h) - 1));
  EXPECT_TRUE(zone.is_repeated(at(2014y / 11 / 2, 1h)));
  EXPECT_TRUE(zone.is_repeated(at(2014y / 11 / 2, 2h) - 1));
  EXPECT_FALSE(zone.is_repeated(at(2014y / 11 / 2, 2h)));
  EXPECT_EQ(zone.to_utc_s(at(2014y / 11 / 2, 2h)), jump + 3600);
}

TEST(Zone, a_skipped_local_time_means_the_instant_of_the_jump) {
  const Zone& zone = Zone::new_york();
  const auto jump = at(2014y / 3 / 9, 7h);  // 02:00 EST becomes 03:00 EDT
  for (const auto time : {2h + 0min, 2h + 1min, 2h + 59min, 3h + 0min}) {
    EXPECT_EQ(zone.to_utc_s(at(2014y / 3 / 9, time)), jump);
    EXPECT_FALSE(zone.is_repeated(at(2014y / 3 / 9, time)));
  }
  EXPECT_EQ(zone.to_utc_s(at(2014y / 3 / 9, 2h) - 1), jump - 1);
  EXPECT_EQ(zone.to_utc_s(at(2014y / 3 / 9, 3h + 1s)), jump + 1);
}

TEST(Zone, every_instant_comes_back_from_its_local_time_unless_that_is_repeated) {
  std::mt19937_64 random(3);
  for (const auto* name : {"America/New_York", "Europe/London", "Australia/Lord_Howe", "Pacific/Apia", "UTC+3"}) {
    const Zone zone = load(name);
    std::uniform_int_distribution<std::int64_t> instants(at(1985y / 1 / 1), at(2045y / 1 / 1));
    for (int i = 0; i < 50'000; ++i) {
      // Half of them near a clock change, where it matters.
      auto utc_s = instants(random);
      if (const auto next = zone.next_transition_s(utc_s); i % 2 == 0 && next != kFarFutureS) {
        utc_s = next + static_cast<std::int64_t>(random() % 20'000) - 10'000;
      }
      const auto local_s = utc_s + zone.offset_s(utc_s);
      const auto back_s = zone.to_utc_s(local_s);
      if (zone.is_repeated(local_s)) {
        ASSERT_LE(back_s, utc_s) << name << ' ' << utc_s;
        ASSERT_EQ(back_s + zone.offset_s(back_s), local_s) << name << ' ' << utc_s;
      } else {
        ASSERT_EQ(back_s, utc_s) << name;
      }
    }
  }
}

TEST(Zone, hash_depends_on_name_and_transitions) {
  EXPECT_EQ(load("America/New_York").hash(), Zone::new_york().hash());
  EXPECT_NE(load("America/Chicago").hash(), Zone::new_york().hash());
  EXPECT_NE(load("UTC+1").hash(), load("UTC+01").hash());
}

}  // namespace
}  // namespace thintail
