// SPDX-License-Identifier: Apache-2.0
// StampCheck: tells a row stamped far off from a file with a hole, so that one bad stamp cannot make an engine count the seconds of years.
//   path       warm: two comparisons a row
//   invariant  a row more than 10 days after every good row before it is bad, unless it confirms one that was bad for that: stamped not
//              before it and within 10 days of it. Rows that go back are another matter: engine time holds there.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "adapters/feeds/row_parser.hpp"

namespace thintail {

class StampCheck {
 public:
  // The first `refused_rows` are bad: a pass over the file's start has shown it (is_first_row_alone).
  explicit StampCheck(std::uint32_t refused_rows = 0) noexcept : refused_rows_(refused_rows) {}

  // Takes the stamps of the rows that could be read, in the file's order. False: the row is bad, and fault() says why.
  bool take(std::int64_t ns) noexcept {
    if (refused_rows_ != 0) [[unlikely]] {
      --refused_rows_;
      return false;
    }
    if (!first_ns_) [[unlikely]] {
      first_ns_ = latest_ns_ = ns;
      return true;
    }
    if (is_far_after(latest_ns_, ns)) [[unlikely]] {
      if (!suspect_ns_ || ns < *suspect_ns_ || is_far_after(*suspect_ns_, ns)) {
        suspect_ns_ = ns;
        return false;
      }
    }
    if (!second_ns_) [[unlikely]]
      second_ns_ = ns;
    suspect_ns_.reset();
    latest_ns_ = std::max(latest_ns_, ns);
    return true;
  }

  // Of the row just found bad; valid until the next call.
  RowFault fault() {
    if (!first_ns_) {
      found_ = "a time that they contradict";
      return {.field = "time", .expected = "a time within 10 days of the rows behind it", .found = found_};
    }
    const auto ahead_ns = static_cast<std::uint64_t>(*suspect_ns_) - static_cast<std::uint64_t>(latest_ns_);
    found_ = fmt::format("{} days after them", ahead_ns / kDayNs);
    return {.field = "time", .expected = "a time within 10 days of the rows before it", .found = found_};
  }

  bool is_settled() const noexcept { return second_ns_.has_value(); }
  // The first good row lies more than 10 days before or after the second: nothing in the file bears it out.
  bool is_first_row_alone() const noexcept {
    return second_ns_ && (is_far_after(*first_ns_, *second_ns_) || is_far_after(*second_ns_, *first_ns_));
  }

 private:
  static constexpr std::uint64_t kDayNs = 86'400'000'000'000;

  // Differences of any two stamps, without overflow.
  static bool is_far_after(std::int64_t before_ns, std::int64_t ns) noexcept {
    return ns > before_ns && static_cast<std::uint64_t>(ns) - static_cast<std::uint64_t>(before_ns) > 10 * kDayNs;
  }

  std::uint32_t refused_rows_;
  std::optional<std::int64_t> first_ns_;
  std::optional<std::int64_t> second_ns_;
  std::int64_t latest_ns_ = 0;
  std::optional<std::int64_t> suspect_ns_;  // of a row that was bad, where the next one may confirm it
  std::string found_;
};

}  // namespace thintail
