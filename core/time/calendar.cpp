// SPDX-License-Identifier: Apache-2.0
#include "core/time/calendar.hpp"

#include <algorithm>
#include <chrono>

#include "core/base/assert.hpp"

namespace thintail {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kHourS = 3600;

constexpr std::int64_t year_start_ns(int year) noexcept {
  return std::chrono::nanoseconds(
             std::chrono::sys_days(std::chrono::year(year) / std::chrono::January / 1).time_since_epoch())
      .count();
}

constexpr std::int64_t kFromNs = year_start_ns(1990);
constexpr std::int64_t kUntilNs = year_start_ns(2041);
constexpr std::int64_t kFarFutureNs = std::numeric_limits<std::int64_t>::max();

// Days of an FX week open on the evenings of Sunday to Thursday and close at 17:00 on the next day, all New York.
constexpr bool opens_in_the_evening(std::chrono::sys_days local_day) noexcept {
  return std::chrono::weekday(local_day).c_encoding() <= std::chrono::Thursday.c_encoding();
}

}  // namespace

std::vector<TradingCalendar::Span> TradingCalendar::week_spans(std::int64_t opening_hour) {
  using std::chrono::days;
  const Zone& zone = Zone::new_york();
  const auto utc_ns = [&](std::chrono::sys_days local_day, std::int64_t hour) {
    return zone.to_utc_s(std::chrono::sys_seconds(local_day).time_since_epoch().count() + hour * kHourS) * kSecondNs;
  };

  std::vector<Span> spans;
  const auto add = [&](std::int64_t open_ns, std::int64_t close_ns) {
    if (open_ns >= close_ns) return;
    if (!spans.empty() && spans.back().close_ns == open_ns) {
      spans.back().close_ns = close_ns;
    } else {
      spans.push_back({open_ns, close_ns, 0});
    }
  };
  // Time is counted as traded throughout before 1990 and after 2040: a calendar that pretends to know would be wrong.
  add(0, kFromNs);
  const auto first =
      std::chrono::floor<days>(std::chrono::sys_time<std::chrono::nanoseconds>(std::chrono::nanoseconds(kFromNs))) -
      days(1);
  const auto last = first + days((kUntilNs - kFromNs) / (24 * kHourS * kSecondNs) + 1);
  for (auto day = first; day <= last; day += days(1)) {
    if (!opens_in_the_evening(day)) continue;
    add(std::clamp(utc_ns(day, opening_hour), kFromNs, kUntilNs),
        std::clamp(utc_ns(day + days(1), 17), kFromNs, kUntilNs));
  }
  add(kUntilNs, kFarFutureNs);
  return spans;
}

TradingCalendar::TradingCalendar(std::vector<Span> spans) : spans_(std::move(spans)) {
  std::int64_t traded_ns = -kFromNs;  // so that trading time is 0 at the start of 1990
  for (Span& span : spans_) {
    span.traded_before_ns = traded_ns;
    traded_ns += span.close_ns - span.open_ns;
  }
}

const TradingCalendar& TradingCalendar::get(CalendarId id) {
  static const TradingCalendar always({{0, kFarFutureNs, 0}});
  static const TradingCalendar fx(week_spans(17));
  static const TradingCalendar gold(week_spans(18));
  switch (id) {
    case CalendarId::always: return always;
    case CalendarId::fx: return fx;
    case CalendarId::gold: return gold;
  }
  TT_CHECK(false, "a calendar of core/time/calendar.hpp");
  return always;
}

const TradingCalendar::Span& TradingCalendar::span_at(std::int64_t utc_ns) const noexcept {
  const auto found = std::ranges::upper_bound(spans_, utc_ns, {}, &Span::close_ns);
  return found == spans_.end() ? spans_.back() : *found;
}

}  // namespace thintail
