// SPDX-License-Identifier: Apache-2.0
// BarBuilder: bid and ask bars of one instrument on every period at once, from its ticks or from bars of one period.
//   path       hot (add, next_close_ns), warm (close_until: once a minute; add_bar)
//   invariant  a bar is [start, end): a tick at exactly `end` belongs to the next one. Closed bars never reopen;
//              a late tick goes to the forming bar. Empty periods make no bar.
//   source     CONTRACTS "Time". M1..H1 are aligned to UTC; H4 and D1 to 17:00 New York, the FX day.
//
// A tick touches only the forming M1 bar; each closing M1 bar is merged into the longer ones, whose boundaries all lie
// on minutes. So seven periods cost a tick no more than one. Bars of a file enter where such a minute would: resampling is
// the same code.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string_view>

#include "core/base/attributes.hpp"
#include "core/event/payloads.hpp"
#include "core/time/zone.hpp"

namespace thintail {

enum class BarPeriod : std::uint8_t { m1 = 0, m5 = 1, m15 = 2, m30 = 3, h1 = 4, h4 = 5, d1 = 6 };
inline constexpr std::size_t kBarPeriodCount = 7;
inline constexpr std::array<std::string_view, kBarPeriodCount> kBarPeriodNames = {"M1", "M5", "M15", "M30",
                                                                                  "H1", "H4", "D1"};

// False where no period has that name.
bool bar_period_from_name(std::string_view name, BarPeriod& out) noexcept;

struct Ohlc {
  std::int64_t open_e9, high_e9, low_e9, close_e9;
  friend bool operator==(const Ohlc&, const Ohlc&) = default;
};

struct ClosedBar {
  BarPeriod period;
  std::uint32_t end_s;  // UTC seconds since 1970
  std::uint32_t ticks;
  Ohlc bid, ask;
};

class BarBuilder {
 public:
  // Everything but zone and base, for snapshots: trivially copyable and without padding.
  struct State;

  // `fx_day` is the zone whose 17:00 starts H4 and D1 periods; it must outlive the builder. `base` is the shortest period:
  // that of the bars which come by add_bar(). Ticks need M1.
  explicit BarBuilder(const Zone& fx_day, BarPeriod base = BarPeriod::m1) noexcept
      : base_(static_cast<std::uint8_t>(base)), zone_(&fx_day) {}

  // The earliest end of a forming bar, or the far future when none forms: nothing can close before it.
  TT_HOT std::int64_t next_close_ns() const noexcept { return next_close_ns_; }

  // Closes every bar with end <= time_ns; `on_closed(const ClosedBar&)` sees them by end, then by period.
  template <class OnClosed>
  void close_until(std::int64_t time_ns, OnClosed&& on_closed) {
    if (time_ns >= next_close_ns_) close_due(time_ns, on_closed);
  }

  // REQUIRES: close_until(venue_ns) came before. A time before the last closed bar's end counts as that end.
  TT_HOT void add(std::int64_t bid_e9, std::int64_t ask_e9, std::int64_t venue_ns) noexcept {
    Forming& minute = forming_[0];
    if (minute.ticks == 0) [[unlikely]] {
      open_minute(bid_e9, ask_e9, venue_ns);
      return;
    }
    extend(minute.bid, bid_e9);
    extend(minute.ask, ask_e9);
    ++minute.ticks;
  }

  // Takes a whole bar of the base period, as if its ticks had come one by one; close_until(its end) then closes it. A bar
  // without a tick count counts as one tick. REQUIRES: its end is a boundary of the base period; close_until(its start)
  // came before, and nothing was added since.
  void add_bar(const ClosedBar& bar) noexcept;

  // The forming bar with what the forming minute adds to it; ticks == 0 when none forms.
  ClosedBar forming(BarPeriod period) const noexcept;

  State snapshot() const noexcept;
  // REQUIRES: of a builder with the same zone and base.
  void restore(const State& state) noexcept;

 private:
  struct Forming {
    std::int64_t end_ns = 0;
    std::uint32_t ticks = 0;
    std::uint32_t reserved = 0;  // no padding: snapshots are compared byte by byte
    Ohlc bid{}, ask{};
  };
  static constexpr std::int64_t kFarFuture = std::numeric_limits<std::int64_t>::max();

  static void extend(Ohlc& bar, std::int64_t price_e9) noexcept {
    bar.high_e9 = price_e9 > bar.high_e9 ? price_e9 : bar.high_e9;
    bar.low_e9 = price_e9 < bar.low_e9 ? price_e9 : bar.low_e9;
    bar.close_e9 = price_e9;
  }

  void open_minute(std::int64_t bid_e9, std::int64_t ask_e9, std::int64_t venue_ns) noexcept;
  // Begins a bar of every longer period that has none at `time_ns`, which lies in the base bar that was just begun.
  void open_longer(std::int64_t time_ns) noexcept;
  // Adds a minute to a longer period's forming bar.
  static void fold(Forming& longer, const Forming& minute) noexcept;
  // Moves the forming bar with the earliest end (shortest period first among equals) into `out`.
  bool take_due(std::int64_t time_ns, ClosedBar& out) noexcept;

  template <class OnClosed>
  TT_COLD void close_due(std::int64_t time_ns, OnClosed& on_closed) {
    ClosedBar bar;
    while (take_due(time_ns, bar)) on_closed(static_cast<const ClosedBar&>(bar));
  }

  std::int64_t next_close_ns_ = kFarFuture;
  std::int64_t last_closed_ns_ = std::numeric_limits<std::int64_t>::min();
  std::array<Forming, kBarPeriodCount> forming_;
  std::uint8_t base_;  // index of the shortest period
  const Zone* zone_;
};

struct BarBuilder::State {
  std::int64_t next_close_ns;
  std::int64_t last_closed_ns;
  std::array<Forming, kBarPeriodCount> forming;
};

// Its length; that of H4 and D1 where no clocks change.
std::int64_t bar_period_seconds(BarPeriod period) noexcept;

// End of the period that holds `time_ns`, in UTC ns.
std::int64_t period_end_ns(BarPeriod period, std::int64_t time_ns, const Zone& fx_day) noexcept;

}  // namespace thintail
