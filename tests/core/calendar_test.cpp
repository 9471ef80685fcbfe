// SPDX-License-Identifier: Apache-2.0
#include "core/time/calendar.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "tests/support/data.hpp"

namespace thintail {
namespace {

using namespace std::chrono;  // NOLINT: dates read best in its notation

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kMinuteNs = 60 * kSecondNs;
constexpr std::int64_t kHourNs = 60 * kMinuteNs;
constexpr std::int64_t kMaxNs = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMinNs = std::numeric_limits<std::int64_t>::min();

constexpr std::int64_t at_ns(sys_days day, nanoseconds time = {}) {
  return (sys_time<nanoseconds>(day) + time).time_since_epoch().count();
}

constexpr CalendarId kAll[] = {CalendarId::always, CalendarId::fx, CalendarId::gold};

TEST(Calendar, fx_week_runs_from_sunday_17_to_friday_17_new_york_in_winter_and_summer) {
  const auto& fx = TradingCalendar::get(CalendarId::fx);
  const auto& winter = fx.span_at(at_ns(2014y / 1 / 15));
  EXPECT_EQ(winter.open_ns, at_ns(2014y / 1 / 12, 22h));
  EXPECT_EQ(winter.close_ns, at_ns(2014y / 1 / 17, 22h));
  const auto& summer = fx.span_at(at_ns(2014y / 5 / 2));
  EXPECT_EQ(summer.open_ns, at_ns(2014y / 4 / 27, 21h));
  EXPECT_EQ(summer.close_ns, at_ns(2014y / 5 / 2, 21h));
  EXPECT_EQ(summer.close_ns - summer.open_ns, 120 * kHourNs);
}

TEST(Calendar, the_weekend_of_a_clock_change_is_an_hour_shorter_or_longer) {
  const auto& fx = TradingCalendar::get(CalendarId::fx);
  const auto weekend_ns = [&](sys_days sunday) {
    const auto& next = fx.span_at(at_ns(sunday));
    return next.open_ns - (&next - 1)->close_ns;
  };
  EXPECT_EQ(weekend_ns(2014y / 3 / 2), 48 * kHourNs);
  EXPECT_EQ(weekend_ns(2014y / 3 / 9), 47 * kHourNs);
  EXPECT_EQ(weekend_ns(2014y / 11 / 2), 49 * kHourNs);
}

TEST(Calendar, gold_rests_from_17_to_18_new_york_every_day) {
  const auto& gold = TradingCalendar::get(CalendarId::gold);
  EXPECT_TRUE(gold.is_open(at_ns(2014y / 5 / 1, 20h + 59min)));
  EXPECT_FALSE(gold.is_open(at_ns(2014y / 5 / 1, 21h)));
  EXPECT_FALSE(gold.is_open(at_ns(2014y / 5 / 1, 21h + 59min)));
  EXPECT_TRUE(gold.is_open(at_ns(2014y / 5 / 1, 22h)));
  EXPECT_EQ(gold.span_at(at_ns(2014y / 5 / 1, 21h + 14min)).open_ns, at_ns(2014y / 5 / 1, 22h)) << "the next to open";
  EXPECT_EQ(gold.span_at(at_ns(2014y / 5 / 3)).open_ns, at_ns(2014y / 5 / 4, 22h)) << "Sunday 18:00 New York";
}

TEST(Calendar, always_has_one_span) {
  const auto& always = TradingCalendar::get(CalendarId::always);
  ASSERT_EQ(always.spans().size(), 1u);
  EXPECT_TRUE(always.is_open(at_ns(2014y / 5 / 3)));
}

TEST(CalendarDeathTest, an_unknown_calendar_aborts) {
  EXPECT_DEATH(TradingCalendar::get(static_cast<CalendarId>(99)), "a calendar of core/time/calendar.hpp");
}

TEST(Calendar, spans_ascend_apart_and_their_trading_time_adds_up) {
  for (const auto id : kAll) {
    const auto spans = TradingCalendar::get(id).spans();
    ASSERT_FALSE(spans.empty());
    EXPECT_EQ(spans.front().open_ns, 0);
    EXPECT_EQ(spans.back().close_ns, kMaxNs);
    for (std::size_t i = 1; i < spans.size(); ++i) {
      const auto& before = spans[i - 1];
      ASSERT_LT(before.open_ns, before.close_ns);
      ASSERT_LT(before.close_ns, spans[i].open_ns);
      ASSERT_EQ(spans[i].traded_before_ns, before.traded_before_ns + before.close_ns - before.open_ns);
    }
  }
}

TEST(Calendar, times_outside_1990_to_2040_count_as_open) {
  for (const auto id : kAll) {
    const auto& calendar = TradingCalendar::get(id);
    EXPECT_TRUE(calendar.is_open(at_ns(1985y / 6 / 15)));  // a Saturday
    EXPECT_TRUE(calendar.is_open(at_ns(2050y / 1 / 1)));   // another
    EXPECT_TRUE(calendar.is_open(kMaxNs));
  }
}

TEST(CalendarCursor, counts_from_1990_and_survives_any_time) {
  for (const auto id : kAll) {
    CalendarCursor cursor(TradingCalendar::get(id));
    EXPECT_EQ(cursor.trading_ns(kMinNs), -at_ns(1990y / 1 / 1)) << "stands still before 1970";
    EXPECT_EQ(cursor.trading_ns(0), -at_ns(1990y / 1 / 1));
    EXPECT_EQ(cursor.trading_ns(at_ns(1990y / 1 / 1)), 0);
    EXPECT_EQ(cursor.trading_ns(at_ns(1990y / 1 / 1, 1h)), kHourNs);
    EXPECT_GT(cursor.trading_ns(kMaxNs), 0);
  }
}

TEST(CalendarCursor, trading_time_stands_still_while_closed) {
  CalendarCursor cursor(TradingCalendar::get(CalendarId::gold));
  const auto before = cursor.trading_ns(at_ns(2014y / 5 / 1, 20h + 59min));
  const auto closing = cursor.trading_ns(at_ns(2014y / 5 / 1, 21h));
  EXPECT_EQ(closing - before, kMinuteNs);
  // OANDA's gold of that day ticks on until 21:14:59: no time passes between those ticks.
  EXPECT_EQ(cursor.trading_ns(at_ns(2014y / 5 / 1, 21h + 14min + 59s)), closing);
  EXPECT_EQ(cursor.trading_ns(at_ns(2014y / 5 / 1, 22h)), closing);
  EXPECT_EQ(cursor.trading_ns(at_ns(2014y / 5 / 1, 22h + 1s)), closing + kSecondNs);
}

TEST(CalendarCursor, equals_a_sum_over_all_spans) {
  std::mt19937_64 random(11);
  for (const auto id : kAll) {
    const auto& calendar = TradingCalendar::get(id);
    const auto naive_ns = [&](std::int64_t utc_ns) {
      std::int64_t sum_ns = -at_ns(1990y / 1 / 1);
      for (const auto& span : calendar.spans()) {
        if (span.open_ns >= utc_ns) break;
        sum_ns += std::min(utc_ns, span.close_ns) - span.open_ns;
      }
      return sum_ns;
    };
    CalendarCursor cursor(calendar);
    std::int64_t utc_ns = at_ns(1989y / 12 / 1);
    for (int i = 0; i < 2'000; ++i) {
      // Steps from nanoseconds to a month.
      utc_ns += static_cast<std::int64_t>(random() >> (12 + random() % 50)) % (30 * 24 * kHourNs);
      ASSERT_EQ(cursor.trading_ns(utc_ns), naive_ns(utc_ns)) << utc_ns;
    }
  }
}

// LEAN's session table, as a check from outside: FXCM's FX hours are ours exactly; OANDA's gold stops up to two minutes
// before the break and starts up to three minutes after it.
class LeanHours {
 public:
  explicit LeanHours(const nlohmann::json& entry) : entry_(entry) {}

  bool is_open(std::int64_t local_s) const {
    static constexpr const char* kDays[] = {"sunday",   "monday", "tuesday", "wednesday",
                                            "thursday", "friday", "saturday"};
    const sys_seconds local{seconds(local_s)};
    const auto day = floor<days>(local);
    const auto time = local - day;
    for (const auto& session : entry_.at(kDays[weekday(day).c_encoding()])) {
      if (time >= time_of(session.at("start")) && time < time_of(session.at("end"))) return true;
    }
    return false;
  }

 private:
  static seconds time_of(const std::string& text) {
    if (text == "1.00:00:00") return 24h;
    return hours(std::stoi(text.substr(0, 2))) + minutes(std::stoi(text.substr(3, 2)));
  }
  const nlohmann::json& entry_;
};

TEST(Calendar, agrees_with_the_session_hours_of_real_brokers_also_in_the_weeks_of_clock_changes) {
  const auto path = test::data_dir() / "bars/market_hours_fx_gold.json";
  TT_REQUIRE_DATA(path);
  std::ifstream file(path);
  const auto entries = nlohmann::json::parse(file).at("entries");
  const LeanHours fx_hours(entries.at("Forex-fxcm-[*]"));
  const LeanHours gold_hours(entries.at("Cfd-oanda-XAUUSD"));
  const auto& fx = TradingCalendar::get(CalendarId::fx);
  const auto& gold = TradingCalendar::get(CalendarId::gold);
  int only_ours = 0;
  for (const sys_days start : {sys_days(2014y / 3 / 3), sys_days(2014y / 4 / 28), sys_days(2014y / 10 / 27)}) {
    for (auto utc_ns = at_ns(start); utc_ns < at_ns(start + days(14)); utc_ns += kMinuteNs) {
      const auto utc_s = utc_ns / kSecondNs;
      const auto local_s = utc_s + Zone::new_york().offset_s(utc_s);
      ASSERT_EQ(fx.is_open(utc_ns), fx_hours.is_open(local_s)) << utc_s;
      const bool broker_trades_gold = gold_hours.is_open(local_s);
      ASSERT_TRUE(!broker_trades_gold || gold.is_open(utc_ns)) << utc_s;
      only_ours += gold.is_open(utc_ns) && !broker_trades_gold;
    }
  }
  EXPECT_LE(only_ours, 3 * 10 * 5) << "five minutes of each of thirty days";
}

}  // namespace
}  // namespace thintail
