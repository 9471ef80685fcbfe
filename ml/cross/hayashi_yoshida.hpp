// SPDX-License-Identifier: Apache-2.0
// HayashiYoshida: the correlation of two instruments over all pairs of tick intervals that overlap, for a window of time
// that moves with the ticks, at any delay of one against the other.
//   path       hot
//   invariant  all sums are exact integers of what is in the window: they depend neither on when advance() was called nor on
//              what left, and cannot drift. State holds no pointers and no padding: copying its bytes is a snapshot.
//   source     T. Hayashi and N. Yoshida, Bernoulli 11:2 (2005); delays: Hoffmann, Rosenbaum and Yoshida, Bernoulli 19:2 (2013)
//
// An interval (a, b] lies between two ticks of one instrument. It is counted when its end is reached: its move times what
// the other moved over the intervals that overlap it and have ended, which is one difference of prices. Every pair is so
// counted once, by the interval that ends later. Intervals leave in the order of their starts, taking with them, by one
// difference again, their products with what is left. Each tick comes and goes once, so a tick costs the same however
// long the window is.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "core/base/attributes.hpp"
#include "core/base/int128.hpp"

namespace thintail::cross {

// Ticks that an instrument keeps, and how many of the newest a window may hold. What lies between is for ticks that are not
// yet due in a delayed sum.
inline constexpr std::uint64_t kLegTicks = 4'096;
inline constexpr std::uint64_t kWindowTicks = 3'072;
// Far beyond any market, and small enough for 128 bits: 3,072 products of two moves of at most twice as much.
inline constexpr std::int64_t kLegPriceMax = std::int64_t{1} << 55;

// The last ticks of an instrument, by number from 0.
struct Leg {
  struct Tick {
    std::int64_t time_ns;
    std::int64_t price;  // half points from the first tick's
  };

  std::uint64_t count;  // ticks so far
  std::int64_t first_ns;  // of tick 0
  std::int64_t origin;  // bid + ask of tick 0, e9
  std::int64_t reserved;
  std::array<Tick, kLegTicks> ticks;

  const Tick& operator[](std::uint64_t number) const noexcept { return ticks[number % kLegTicks]; }

  // REQUIRES: times that rise from tick to tick; a price within +-kLegPriceMax.
  TT_ALWAYS_INLINE void push(std::int64_t time_ns, std::int64_t price) noexcept {
    if (count == 0) first_ns = time_ns;
    ticks[count % kLegTicks] = {time_ns, price};
    ++count;
  }
};

struct LegView {
  const Leg& leg;
  std::int64_t delay_ns;  // its ticks count as this much later

  std::int64_t time_ns(std::uint64_t number) const noexcept { return leg[number].time_ns + delay_ns; }
  std::int64_t price(std::uint64_t number) const noexcept { return leg[number].price; }
  // The oldest tick that a window may start at.
  std::uint64_t oldest() const noexcept { return leg.count > kWindowTicks ? leg.count - kWindowTicks : 0; }
};

class HayashiYoshida {
 public:
  // Takes in all ticks up to `now_ns` and drops intervals that began before the window. REQUIRES: `now_ns` never goes back,
  // and no tick comes that lies before it; the same delays and window at every call.
  TT_HOT void advance(const LegView& x, const LegView& y, std::int64_t now_ns, std::int64_t window_ns) noexcept {
    const std::array<const LegView*, 2> legs = {&x, &y};
    if (is_lost(x, sides_[0]) || is_lost(y, sides_[1])) restart(legs);
    for (;;) {
      const bool x_is_due = is_due(x, sides_[0], now_ns);
      const bool y_is_due = is_due(y, sides_[1], now_ns);
      if (!x_is_due && !y_is_due) break;
      const bool takes_y = !x_is_due || (y_is_due && y.time_ns(sides_[1].head) < x.time_ns(sides_[0].head));
      if (takes_y) {
        take<1>(legs);
      } else {
        take<0>(legs);
      }
    }
    std::int64_t start_ns = now_ns - window_ns;
    for (const LegView* leg : legs) {
      if (leg->leg.count > kWindowTicks && leg->time_ns(leg->oldest()) > start_ns)
        start_ns = leg->time_ns(leg->oldest());
    }
    for (;;) {
      const bool x_leaves = leaves(x, sides_[0], start_ns);
      const bool y_leaves = leaves(y, sides_[1], start_ns);
      if (!x_leaves && !y_leaves) break;
      const bool drops_y = !x_leaves || (y_leaves && y.time_ns(sides_[1].tail) < x.time_ns(sides_[0].tail));
      if (drops_y) {
        drop<1>(legs);
      } else {
        drop<0>(legs);
      }
    }
  }

  i128 covariance() const noexcept { return covariance_; }
  i128 square_x() const noexcept { return squares_[0]; }
  i128 square_y() const noexcept { return squares_[1]; }

  bool is_defined() const noexcept { return squares_[0] > 0 && squares_[1] > 0; }
  // REQUIRES: is_defined(). Beyond +-1 where the estimate is.
  double correlation() const noexcept {
    const double squares = static_cast<double>(squares_[0]) * static_cast<double>(squares_[1]);
    return static_cast<double>(covariance_) / __builtin_sqrt(squares);
  }
  // Of the correlation; 0 where it is undefined.
  double correlation_squared() const noexcept {
    if (!is_defined()) return 0.0;
    const auto covariance = static_cast<double>(covariance_);
    return covariance / static_cast<double>(squares_[0]) * (covariance / static_cast<double>(squares_[1]));
  }

 private:
  // Ticks [tail, head) of an instrument are in the window; intervals lie between them.
  struct Side {
    std::uint64_t tail = 0;
    std::uint64_t head = 0;
    std::uint64_t seen = 0;  // ticks of the other that lie not after tick head - 1
    std::uint64_t ended = 0;  // of the other, the first tick not before the end of the interval that left last
  };

  static bool is_due(const LegView& leg, const Side& side, std::int64_t now_ns) noexcept {
    return side.head < leg.leg.count && leg.time_ns(side.head) <= now_ns;
  }
  static bool leaves(const LegView& leg, const Side& side, std::int64_t start_ns) noexcept {
    return side.head - side.tail >= 2 && leg.time_ns(side.tail) < start_ns;
  }
  // Ticks that the sums still need were overwritten.
  static bool is_lost(const LegView& leg, const Side& side) noexcept { return leg.leg.count > side.tail + kLegTicks; }

  // Begins again at the oldest ticks that a window may hold: nothing younger is lost.
  TT_COLD void restart(const std::array<const LegView*, 2>& legs) noexcept {
    for (std::size_t i = 0; i < 2; ++i) {
      const std::uint64_t oldest = legs[i]->oldest();
      sides_[i].tail = sides_[i].head = oldest;
      sides_[1 - i].seen = sides_[1 - i].ended = oldest;
    }
    covariance_ = 0;
    squares_ = {};
  }

  template <std::size_t kOwn>
  TT_ALWAYS_INLINE void take(const std::array<const LegView*, 2>& legs) noexcept {
    const LegView& own_leg = *legs[kOwn];
    const LegView& other_leg = *legs[1 - kOwn];
    Side& own = sides_[kOwn];
    const Side& other = sides_[1 - kOwn];
    const std::uint64_t tick = own.head;
    if (tick > own.tail) {
      const std::int64_t start_ns = own_leg.time_ns(tick - 1);
      const std::int64_t move = own_leg.price(tick) - own_leg.price(tick - 1);
      // Ticks of the same time that came after tick - 1 did.
      while (own.seen < other.head && other_leg.time_ns(own.seen) <= start_ns) ++own.seen;
      if (other.head > other.tail) {
        const std::uint64_t before = own.seen > other.tail ? own.seen - 1 : other.tail;
        covariance_ += static_cast<i128>(move) * (other_leg.price(other.head - 1) - other_leg.price(before));
      }
      squares_[kOwn] += static_cast<i128>(move) * move;
    }
    own.head = tick + 1;
    own.seen = other.head;
  }

  template <std::size_t kOwn>
  TT_ALWAYS_INLINE void drop(const std::array<const LegView*, 2>& legs) noexcept {
    const LegView& own_leg = *legs[kOwn];
    const LegView& other_leg = *legs[1 - kOwn];
    Side& own = sides_[kOwn];
    const Side& other = sides_[1 - kOwn];
    const std::int64_t move = own_leg.price(own.tail + 1) - own_leg.price(own.tail);
    if (other.head > other.tail) {
      // No interval of the other that is left began earlier, so all of them that began before this one's end overlap it.
      const std::int64_t end_ns = own_leg.time_ns(own.tail + 1);
      std::uint64_t end = own.ended > other.tail ? own.ended : other.tail;
      while (end + 1 < other.head && other_leg.time_ns(end) < end_ns) ++end;
      own.ended = end;
      covariance_ -= static_cast<i128>(move) * (other_leg.price(end) - other_leg.price(other.tail));
    }
    squares_[kOwn] -= static_cast<i128>(move) * move;
    ++own.tail;
  }

  i128 covariance_ = 0;
  std::array<i128, 2> squares_ = {};
  std::array<Side, 2> sides_ = {};
  std::array<std::uint64_t, 2> reserved_ = {};
};

static_assert(sizeof(HayashiYoshida) == 128);
static_assert(std::is_trivially_copyable_v<HayashiYoshida> && std::has_unique_object_representations_v<HayashiYoshida>);
static_assert(std::is_trivially_copyable_v<Leg> && std::has_unique_object_representations_v<Leg>);

}  // namespace thintail::cross
