// SPDX-License-Identifier: Apache-2.0
#include "core/time/zone.hpp"

#include <date/tz.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <limits>
#include <optional>

#include "core/base/assert.hpp"

namespace thintail {
namespace {

constexpr std::int64_t kFarFutureS = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kDayS = 86'400;

constexpr std::int64_t year_start_s(int year) noexcept {
  return std::chrono::sys_days(std::chrono::year(year) / std::chrono::January / 1).time_since_epoch().count() * kDayS;
}

constexpr std::int64_t kFromS = year_start_s(1990);
constexpr std::int64_t kUntilS = year_start_s(2041);

// The compiled database lists transitions up to 2037, the last whole year of 32-bit time; later ones stand in it only
// as a rule, which the library does not read. They are borrowed from a listed year whose weekdays fall on the same
// dates (from March on; no zone changes its clocks earlier by rule), and whose rule therefore gives the same dates.
struct BorrowedYear {
  int year;
  int like;
};
constexpr int kLastListedYear = 2037;
constexpr std::array kBorrowedYears = {BorrowedYear{2038, 2027}, BorrowedYear{2039, 2033}, BorrowedYear{2040, 2029}};

void append_unlisted_years(std::vector<Zone::Transition>& transitions) {
  if (transitions.back().from_utc_s < year_start_s(kLastListedYear)) return;  // clocks no longer change
  if (transitions.back().from_utc_s >= year_start_s(kLastListedYear + 1)) return;  // listed after all
  const auto listed = transitions;
  for (const auto [year, like] : kBorrowedYears) {
    constexpr int kDaysToMarch = 59;  // counted back from March so that a leap day does not shift the weekdays
    const auto march_s = [](int of_year) {
      return std::chrono::sys_days(std::chrono::year(of_year) / std::chrono::March / 1).time_since_epoch().count() *
             kDayS;
    };
    const std::int64_t from_s = march_s(like) - kDaysToMarch * kDayS;
    for (const auto& row : listed) {
      if (row.from_utc_s < from_s || row.from_utc_s >= year_start_s(like + 1)) continue;
      transitions.push_back({row.from_utc_s - march_s(like) + march_s(year), row.offset_s});
    }
  }
}

// The one place where the library is called; its exceptions end here.
Result<std::vector<Zone::Transition>> read_database(std::string_view name) {
  try {
    const auto* zone = date::locate_zone(name);
    std::vector<Zone::Transition> transitions;
    for (std::int64_t at_s = kFromS; at_s < kUntilS;) {
      const auto info = zone->get_info(date::sys_seconds(std::chrono::seconds(at_s)));
      const auto offset_s = static_cast<std::int32_t>(info.offset.count());
      // The database also marks changes of abbreviation alone.
      if (transitions.empty() || transitions.back().offset_s != offset_s) transitions.push_back({at_s, offset_s});
      at_s = info.end.time_since_epoch().count();
    }
    append_unlisted_years(transitions);
    return transitions;
  } catch (const std::exception& error) {
    return fail({.code = ErrorCode::clock_unknown,
                 .doing = "reading the system's time-zone database",
                 .field = "zone",
                 .expected = "an IANA name such as America/New_York, or UTC+H",
                 .found = fmt::format("\"{}\" ({})", printable(name), printable(error.what(), 200))});
  }
}

// Seconds of "UTC", "UTC-5" or "UTC+05:30"; empty where `name` is no fixed offset.
std::optional<std::int32_t> fixed_offset_s(std::string_view name) noexcept {
  if (!name.starts_with("UTC")) return std::nullopt;
  name.remove_prefix(3);
  if (name.empty()) return 0;
  const char sign = name.front();
  if (sign != '+' && sign != '-') return std::nullopt;
  name.remove_prefix(1);

  const auto colon = name.find(':');
  const auto number = [](std::string_view digits, int max) -> std::optional<int> {
    int value = 0;
    if (digits.empty() || digits.size() > 2 || digits.front() == '-') return std::nullopt;
    const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (fault != std::errc{} || end != digits.data() + digits.size() || value > max) return std::nullopt;
    return value;
  };
  const auto hours = number(name.substr(0, colon), 14);  // no zone is further from UTC than Kiritimati's +14
  const auto minutes = colon == std::string_view::npos ? std::optional(0) : number(name.substr(colon + 1), 59);
  if (!hours || !minutes) return std::nullopt;
  const std::int32_t magnitude_s = *hours * 3600 + *minutes * 60;
  return sign == '-' ? -magnitude_s : magnitude_s;
}

}  // namespace

Result<Zone> Zone::load(std::string_view name) {
  Zone zone;
  zone.name_ = name;
  if (const auto offset_s = fixed_offset_s(name)) {
    zone.transitions_ = {{kFromS, *offset_s}};
    return zone;
  }
  TT_TRY(zone.transitions_, read_database(name));
  return zone;
}

const Zone& Zone::new_york() {
  static const Zone zone = [] {
    auto loaded = load("America/New_York");
    TT_CHECK(loaded.has_value(), "America/New_York in the system's time-zone database (package tzdata)");
    return *std::move(loaded);
  }();
  return zone;
}

std::size_t Zone::row_at(std::int64_t utc_s) const noexcept {
  const auto later = std::ranges::upper_bound(transitions_, utc_s, {}, &Transition::from_utc_s);
  return later == transitions_.begin() ? 0 : static_cast<std::size_t>(later - transitions_.begin()) - 1;
}

std::size_t Zone::row_at_local(std::int64_t local_s) const noexcept {
  // Row i is in force while the wall clock, still running on its offset, has not reached the next transition. Those
  // ends ascend, since transitions lie further apart than any offset is wide.
  std::size_t first = 0;
  for (std::size_t count = transitions_.size() - 1; count > 0;) {
    const std::size_t half = count / 2;
    const std::size_t middle = first + half;
    if (transitions_[middle + 1].from_utc_s + transitions_[middle].offset_s <= local_s) {
      first = middle + 1;
      count -= half + 1;
    } else {
      count = half;
    }
  }
  return first;
}

std::int32_t Zone::offset_s(std::int64_t utc_s) const noexcept { return transitions_[row_at(utc_s)].offset_s; }

std::int64_t Zone::to_utc_s(std::int64_t local_s) const noexcept {
  const std::size_t row = row_at_local(local_s);
  const std::int64_t utc_s = local_s - transitions_[row].offset_s;
  return row == 0 ? utc_s : std::max(utc_s, transitions_[row].from_utc_s);
}

bool Zone::is_repeated(std::int64_t local_s) const noexcept {
  const std::size_t next = row_at_local(local_s) + 1;
  return next < transitions_.size() && local_s >= transitions_[next].from_utc_s + transitions_[next].offset_s;
}

std::int64_t Zone::next_transition_s(std::int64_t utc_s) const noexcept {
  // The first row covers everything before it, so its own start is no transition.
  const std::size_t next = row_at(utc_s) + 1;
  return next < transitions_.size() ? transitions_[next].from_utc_s : kFarFutureS;
}

Sha256Digest Zone::hash() const {
  Sha256 hash;
  hash.update(name_);
  for (const auto& [from_utc_s, offset_s] : transitions_) hash.update(fmt::format("\n{} {}", from_utc_s, offset_s));
  return hash.digest();
}

}  // namespace thintail
