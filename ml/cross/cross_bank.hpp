// SPDX-License-Identifier: Apache-2.0
// CrossBank: the features of a set that look at other instruments, for all instruments of an engine.
//   path       hot: on_tick, values, defined; warm: on_timer, once a second of engine time
//   threads    one
//   invariant  window sums are exact integers, so they do not drift; a value depends on ticks and timers before
//              it alone. State is bytes without pointers: snapshot, restore and going on equals never having stopped. Nothing
//              is allocated after the last enable().
//   source     the families' table, cross_families.cpp
//
// Everything counts engine time, since stamps of two venues cannot be compared. A timer samples each instrument's latest mid
// into one row of a ring, [second][instrument], so that the work of a second is a few passes over consecutive memory. Ticks
// touch an instrument's latest quote and, where the set asks for sums over tick intervals, its own ring of ticks; these sums
// are brought up to date by the ticks of the instrument that has the lane, not by its peer's, and by timers.
//
// Memory for each instrument: 4 bytes a second of the longest window and 8 a window; with lanes over tick intervals 64 KiB
// for it and its peer, and 128 bytes a sum (21 of them for a lead).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/instrument/instrument_table.hpp"
#include "ml/cross/cross_families.hpp"
#include "ml/cross/cross_section.hpp"
#include "ml/cross/currency_strength.hpp"
#include "ml/cross/hayashi_yoshida.hpp"
#include "ml/features/feature_family.hpp"

namespace thintail {

// Mids are sampled in units of 2^k half points, k the least that makes the first one at most kUnitsAtStartMax. One that comes
// to lie more than kSamplePriceMax from the first, or that coarse units no longer resolve, starts anew: undefined until
// it is warm again.
inline constexpr std::int64_t kUnitsAtStartMax = std::int64_t{1} << 28;
inline constexpr std::int64_t kCoarseUnitsMin = std::int64_t{1} << 26;
inline constexpr std::int64_t kSamplePriceMax = (std::int64_t{1} << 30) - 1;
// In a second a sampled mid moves at most so many units, and follows over the next ones: sums of squares fit 64 bits.
inline constexpr std::int64_t kSampleMoveMax = std::int64_t{1} << 24;

class CrossBank {
 public:
  // `lanes[i]` is the row's lane of `features[i]`. REQUIRES: as many lanes as features, at most kMaxLanes; families of
  // FamilyGroup::cross with parameters within their ranges, no two features alike. `instruments_max` bounds InstrumentId.
  CrossBank(std::span<const Feature> features, std::span<const std::uint16_t> lanes, std::size_t instruments_max);

  // Of the features of FamilyGroup::cross among a set's; lanes() are their places in it.
  static CrossBank of_set(std::span<const Feature> features, std::size_t instruments_max);

  // Makes an instrument part of the cross-section, and the peer of those that name it. Once for each; cold.
  void enable(InstrumentId id, const Instrument& instrument);

  // A quote of an enabled instrument, of prices below 2^61 e9. One that is not positive is ignored. `engine_ns` never goes
  // back. Values of this instrument are as of the tick afterwards.
  TT_HOT void on_tick(InstrumentId id, std::int64_t bid_e9, std::int64_t ask_e9, std::int64_t engine_ns) noexcept;

  // A whole second of engine time, before any tick at or after it. A second that is not later than the last is ignored; after
  // a hole the sample counts as one second.
  TT_HOT void on_timer(std::int64_t second_s) noexcept;

  std::size_t size() const noexcept { return lanes_.size(); }  // cross lanes
  std::span<const std::uint16_t> lanes() const noexcept { return lanes_; }

  // [size()]; an undefined one is the canonical NaN.
  const float* values(InstrumentId id) const noexcept { return values_.data() + std::size_t{id} * padded_; }
  // Bit i: cross lane i is defined.
  const LaneMask& defined(InstrumentId id) const noexcept { return defined_[id]; }

  // The state of all instruments. The same features, and instruments enabled in the same order, have the same size.
  std::size_t snapshot_bytes() const noexcept;
  // REQUIRES: `out` has snapshot_bytes().
  void snapshot(std::span<std::byte> out) const noexcept;
  // False, and nothing changed, where `in` is of another size, layout or number of instruments.
  [[nodiscard]] bool restore(std::span<const std::byte> in) noexcept;

 private:
  static constexpr InstrumentId kNone = ~InstrumentId{0};
  static constexpr std::uint32_t kSnapshotVersion = 1;

  static constexpr std::uint16_t kNoLane = 0xFFFF;

  // Moves of two instruments over whole seconds.
  struct Pair {
    std::uint16_t peer;  // in peers_
    std::uint16_t window;  // in windows_
    std::uint16_t correlation_lane = kNoLane;
    std::uint16_t beta_lane = kNoLane;
  };
  // A correlation over tick intervals, or one for each shift.
  struct TickSum {
    std::uint16_t peer;
    std::int64_t window_ns;
    std::uint32_t first = 0;  // of the instrument's HayashiYoshida
    std::uint16_t lane = kNoLane;  // the correlation, or the lead
    std::uint16_t share_lane = kNoLane;
  };
  enum class ColumnKind : std::uint8_t { move, volatility, spread };
  // A number of each instrument that is ranked.
  struct Column {
    ColumnKind kind;
    std::uint16_t window;
    std::uint16_t rank_lane = kNoLane;
    std::uint16_t score_lane = kNoLane;
  };
  struct Strength {
    std::uint16_t window;
    std::uint16_t base_lane = kNoLane;
    std::uint16_t quote_lane = kNoLane;
    std::uint16_t residual_lane = kNoLane;
  };
  // A pair of majors.
  struct Edge {
    InstrumentId id;
    std::uint32_t base;  // in kMajors
    std::uint32_t quote;
  };

  // The part of the state that all instruments share.
  struct Clock {
    std::uint32_t version;
    std::uint32_t instruments;  // enabled
    std::int64_t second_s;  // of the last timer
    std::int64_t tick_ns;  // of the last tick of a leg
    std::uint64_t newest;  // row of samples_
  };

  struct Named {
    std::string symbol;
    std::string venue;
  };

  std::uint16_t peer(const PeerName& name);
  std::uint16_t window(double seconds);
  void plan(const Feature& feature, std::uint16_t lane);
  static void give(std::uint16_t& place, std::uint16_t lane);
  void find_peers(InstrumentId id);
  void open_legs(InstrumentId owner, std::size_t peer);

  std::int32_t* row(std::uint32_t back) noexcept;
  bool is_sampled(InstrumentId id, std::uint32_t window) const noexcept { return samples_seen_[id] > windows_[window]; }
  double mid_units(InstrumentId id) const noexcept;
  double move_bp(InstrumentId id, std::uint32_t window) noexcept;
  void write(InstrumentId id, std::uint16_t lane, bool is_defined, double value) noexcept;
  void write_all(std::uint16_t lane, std::span<const float> column) noexcept;

  void sample() noexcept;
  TT_COLD void start(InstrumentId id) noexcept;
  void update_pairs() noexcept;
  void update_columns() noexcept;
  void fill(std::span<float> column, const Column& of) noexcept;
  void update_currencies() noexcept;
  void update_tick_sums(InstrumentId id, std::int64_t now_ns) noexcept;
  void update_leads(InstrumentId id, std::int64_t now_ns) noexcept;

  template <class Self, class Visit>
  static void for_each_block(Self& self, Visit&& visit);

  // The plan.
  std::vector<std::uint16_t> lanes_;
  std::vector<PeerName> peers_;
  std::vector<std::uint32_t> windows_;  // s
  std::vector<Pair> pairs_;
  std::vector<TickSum> tick_sums_;
  std::vector<TickSum> leads_;
  std::vector<Column> columns_;
  std::vector<Strength> strengths_;
  std::size_t padded_ = 0;  // size() rounded up to 8
  std::size_t capacity_;  // instruments
  std::size_t rows_ = 0;  // of samples_
  std::uint32_t sums_of_each_ = 0;  // HayashiYoshida of an instrument

  // What is known of instruments.
  std::size_t limit_ = 0;  // one more than the largest id
  std::vector<Named> names_;  // symbol empty: not enabled
  std::vector<double> points_per_e9_;  // 1 / tick size: half points of bid + ask
  std::vector<InstrumentId> peer_ids_;  // [peers_][capacity_]
  std::vector<Edge> edges_;  // by id
  std::vector<std::array<std::int8_t, 2>> majors_;  // base and quote; -1: none
  std::vector<InstrumentId> owners_;  // that have a peer for a sum over ticks; ascending

  // State.
  Clock clock_{};
  std::vector<std::int64_t> sums_e9_;  // bid + ask of the last quote; 0: none yet
  std::vector<std::int64_t> spreads_e9_;  // of the last quote
  std::vector<std::int64_t> origins_e9_;  // bid + ask at the first sample, which counts as 0
  std::vector<double> units_per_e9_;  // of bid + ask, in the samples
  std::vector<std::uint32_t> samples_seen_;
  std::vector<std::int32_t> samples_;  // [rows_][capacity_] units from the origin; 0 before the first sample
  std::vector<std::int64_t> squares_;  // [windows_][capacity_] of moves in the window
  std::vector<std::int64_t> products_;  // [pairs_][capacity_] with the peer's moves
  std::vector<std::unique_ptr<cross::Leg>> legs_;  // by id; null where no sum needs it
  std::vector<std::unique_ptr<cross::HayashiYoshida[]>> tick_states_;  // by id, [sums_of_each_]
  std::vector<float> values_;  // [capacity_][padded_]
  std::vector<LaneMask> defined_;

  // Between one line and the next.
  cross::CrossSection section_;
  std::vector<float> column_;
  std::vector<float> scores_;
  std::vector<cross::CurrencyMove> moves_;  // room for all edges_
};

}  // namespace thintail
