// SPDX-License-Identifier: Apache-2.0
// TradingCalendar: when an instrument trades, as half-open spans of UTC ns, so that decays can leave closed time out.
// CalendarCursor: the same for one reader whose time never goes back, at the cost of two comparisons.
//   limits  the regular week only: holidays and early closes count as trading time. A tick in closed time is no error
//           (OANDA's gold of 2014 trades until 17:15 New York): trading time stands still at it.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "core/base/attributes.hpp"
#include "core/time/zone.hpp"

namespace thintail {

// Values reach the journal: never renumber.
enum class CalendarId : std::uint16_t {
  always = 0,  // crypto
  fx = 1,      // Sunday 17:00 to Friday 17:00 New York
  gold = 2,    // as fx, with a daily break from 17:00 to 18:00 New York, opening Sunday 18:00
};

class TradingCalendar {
 public:
  struct Span {
    std::int64_t open_ns;
    std::int64_t close_ns;          // exclusive
    std::int64_t traded_before_ns;  // trading time between 1990 and open_ns; negative before 1990
  };

  // Built once a process from the New York zone (about 2 ms); the reference stays valid.
  static const TradingCalendar& get(CalendarId id);

  // The span that holds `utc_ns`, or else the next one to open. 1970 to 1989 and after 2040 count as open throughout.
  const Span& span_at(std::int64_t utc_ns) const noexcept;
  bool is_open(std::int64_t utc_ns) const noexcept { return span_at(utc_ns).open_ns <= utc_ns; }
  std::span<const Span> spans() const noexcept { return spans_; }

 private:
  explicit TradingCalendar(std::vector<Span> spans);
  // Opens at `opening_hour` New York from Sunday to Thursday, closes at 17:00 on the day after.
  static std::vector<Span> week_spans(std::int64_t opening_hour);

  std::vector<Span> spans_;  // ascending, apart, never empty
};

class CalendarCursor {
 public:
  explicit CalendarCursor(const TradingCalendar& calendar) noexcept : calendar_(&calendar) {}

  // Trading ns since 1990: stands still while closed. REQUIRES: utc_ns never decreases between calls.
  TT_HOT std::int64_t trading_ns(std::int64_t utc_ns) noexcept {
    if (utc_ns >= span_.close_ns) [[unlikely]]
      span_ = calendar_->span_at(utc_ns);
    return utc_ns < span_.open_ns ? span_.traded_before_ns : span_.traded_before_ns + (utc_ns - span_.open_ns);
  }
  const TradingCalendar::Span& span() const noexcept { return span_; }  // of the last call

 private:
  TradingCalendar::Span span_{0, std::numeric_limits<std::int64_t>::min(), 0};
  const TradingCalendar* calendar_;
};

}  // namespace thintail
