// SPDX-License-Identifier: Apache-2.0
// HalfHours: what spread and volatility used to be at this half hour of the FX day, from past days only.
//   path       hot: add; cold: enter, once every half hour
//   invariant  trivially copyable, no pointers. A half hour's own ticks reach its means only after it has ended, so a mean read
//              within it holds none of today.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/base/attributes.hpp"
#include "ml/features/tick_families.hpp"

namespace thintail {

class HalfHours {
 public:
  TT_HOT void add(double spread_bp, double two_move_square_bp2) noexcept {
    ++ticks_;
    spread_sum_bp_ += spread_bp;
    square_sum_bp2_ += two_move_square_bp2;
  }

  // Time is in `half_hour` of the FX day that began at `day_start_ns`; `trading_ns` of it are trading time.
  void enter(std::int64_t day_start_ns, std::size_t half_hour, std::int64_t trading_ns) noexcept {
    if (started_ && day_start_ns == day_start_ns_ && half_hour == half_hour_) return;
    if (whole_) keep();
    // The first half hour began before its first tick; of the others none was missed.
    whole_ = started_;
    started_ = true;
    day_start_ns_ = day_start_ns;
    half_hour_ = half_hour;
    seconds_ = static_cast<double>(trading_ns) * 1e-9;
    ticks_ = 0;
    spread_sum_bp_ = square_sum_bp2_ = 0.0;
    const Past& past = past_[half_hour_];
    known_ = past.days != 0;
    spread_bp_ = past.spread_bp;
    volatility_ = __builtin_sqrt(past.square_bp2_per_s);
  }

  bool known() const noexcept { return known_; }
  double spread_bp() const noexcept { return spread_bp_; }
  double volatility() const noexcept { return volatility_; }  // bp per root second

 private:
  struct Past {
    double spread_bp = 0.0;
    double square_bp2_per_s = 0.0;
    std::uint64_t days = 0;
  };

  // The half hour is over: it becomes a past one. One without ticks or trading time says nothing.
  void keep() noexcept {
    if (ticks_ == 0 || seconds_ < 1.0) return;
    Past& past = past_[half_hour_];
    ++past.days;
    const double share = 1.0 / std::min(static_cast<double>(past.days), kHalfHourDays);
    past.spread_bp += share * (spread_sum_bp_ / static_cast<double>(ticks_) - past.spread_bp);
    past.square_bp2_per_s += share * (square_sum_bp2_ / seconds_ - past.square_bp2_per_s);
  }

  std::int64_t ticks_ = 0;
  double spread_sum_bp_ = 0.0;
  double square_sum_bp2_ = 0.0;
  double spread_bp_ = 0.0;
  double volatility_ = 0.0;
  std::int64_t day_start_ns_ = 0;
  double seconds_ = 0.0;
  std::uint64_t half_hour_ = 0;
  bool known_ = false;
  bool started_ = false;
  bool whole_ = false;
  std::array<Past, kHalfHours> past_{};
};

}  // namespace thintail
