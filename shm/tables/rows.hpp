// SPDX-License-Identifier: Apache-2.0
// The rows of the core's tables. Prices and quantities are i64 in 1e-9, money i128 in 1e-18 of the quote currency as
// two words (core/base/int128.hpp), times UTC ns.
//   abi  v1: sizes asserted; reserved words are zero.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "core/base/attributes.hpp"
#include "shm/tables/seq_cell.hpp"
#include "shm/tables/text.hpp"

namespace thintail::shm {

enum QuoteFlag : std::uint32_t {
  kQuoteCrossed = 1u << 0,
  kQuoteStale = 1u << 1,
  kQuoteSimulated = 1u << 2,
};

// The newest quote of one instrument. ticks == 0: none yet.
struct QuoteRow {
  std::uint32_t instrument;
  std::uint32_t flags;  // QuoteFlag
  std::int64_t bid_e9;
  std::int64_t ask_e9;
  std::int64_t time_ns;
  std::int64_t venue_ns;
  std::uint64_t ticks;  // seen in this run
};

// The position in one instrument. time_ns == 0: never traded. What it is worth depends on the quote: who shows that takes both.
struct PositionRow {
  std::uint32_t instrument;
  std::uint32_t reserved;
  std::int64_t quantity_e9;
  std::uint64_t cost_low;  // what the open quantity cost, signed like it
  std::int64_t cost_high;
  std::uint64_t realised_low;  // after commission
  std::int64_t realised_high;
  std::int64_t time_ns;
};

// Where one instrument stands against the risk gate's limits. A limit of -1 is not set, and then no order passes.
struct RiskRow {
  std::uint32_t instrument;
  std::uint32_t reserved0;
  std::int64_t position_e9;
  std::int64_t working_buy_e9;  // of orders in flight
  std::int64_t working_sell_e9;
  std::int64_t max_position_e9;  // position and working orders of its side together, either way
  std::int64_t max_order_quantity_e9;
  std::int64_t max_quote_age_ns;
  std::int64_t max_orders_per_second;
  std::int64_t orders_in_second;  // sent in the second that ended at last_order_ns
  std::int64_t last_order_ns;  // 0: none yet
  std::int64_t time_ns;  // of the event that changed this row last; 0: none yet
  std::array<std::uint64_t, 4> reserved;
};

enum GateFlag : std::uint32_t {
  kGateKilled = 1u << 0,
  kGatePaused = 1u << 1,
  kGateJournalLagging = 1u << 2,
  kGateFlattening = 1u << 3,
};

// The risk gate as a whole: what is latched, and what it has let pass and refused.
struct GateRow {
  std::uint32_t flags;  // GateFlag
  std::uint32_t last_rule;  // RiskRule of the last reject
  std::uint64_t intents;
  std::uint64_t rejects;
  std::int64_t last_reject_ns;  // 0: none yet
  std::int64_t time_ns;  // of the event that changed this row last; 0: none yet
  std::array<std::uint64_t, 2> reserved;
};

// shadow: it sees what the active one sees, and predicts nothing yet. retired: another slot's model came into force.
enum class ModelState : std::uint32_t { absent = 0, active = 1, shadow = 2, retired = 3 };

// The model in one slot. Its scores are the Prediction events of that slot.
struct ModelRow {
  std::uint32_t slot;
  ModelState state;
  std::uint32_t version;
  std::uint32_t reserved;
  std::array<std::uint8_t, 32> sha256;  // of the model file
  std::int64_t time_ns;  // since when it has been there
};

enum class ThreadState : std::uint32_t { absent = 0, starting = 1, running = 2, stopping = 3, stopped = 4, failed = 5 };

// One thread of the daemon.
struct HealthRow {
  Text<16> name;
  std::int32_t cpu;  // pinned to; -1: not pinned
  ThreadState state;
  std::uint64_t work_count;  // items done
  std::uint64_t idle_count;  // turns of its loop that found nothing to do
  std::int64_t last_progress_ns;  // when it last did something
};

enum class RunPhase : std::uint32_t { starting = 0, running = 1, draining = 2, done = 3 };

// How far a run has come, for progress bars.
struct ProgressRow {
  RunPhase phase;
  std::uint32_t reserved;
  std::uint64_t inputs;
  std::uint64_t inputs_total;  // 0: not known
  std::int64_t first_time_ns;  // engine time of the first and the newest input, and where the input will end
  std::int64_t time_ns;
  std::int64_t end_time_ns;  // 0: not known
};

// An instrument's name and how to show its prices; its number is its row. Written once.
struct InstrumentNameRow {
  Text<52> name;  // "XAUUSD@oanda"
  std::uint8_t digits;
  std::uint8_t calendar;  // CalendarId of core/time
  std::uint16_t reserved;
  std::int64_t tick_size_e9;
};

// A count with a name, so that any monitor can show it without knowing it.
//   path     hot (add, set)
//   threads  one writer; anyone reads.
class alignas(kCacheLineBytes) CounterRow {
 public:
  explicit CounterRow(std::string_view name) noexcept : name_(Text<48>::of(name)) {}

  TT_HOT void add(std::uint64_t count = 1) noexcept {
    // relaxed, no locked addition: one writer, and readers need no order between counters
    value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }
  TT_HOT void set(std::uint64_t value) noexcept {
    value_.store(value, std::memory_order_relaxed);  // relaxed: as in add()
  }
  std::uint64_t value() const noexcept {
    return value_.load(std::memory_order_relaxed);  // relaxed: as in add()
  }
  std::string_view name() const noexcept { return name_.view(); }

 private:
  Text<48> name_;
  std::atomic<std::uint64_t> value_{0};
  [[maybe_unused]] std::uint64_t reserved_ = 0;
};

static_assert(ShmRecord<QuoteRow> && sizeof(QuoteRow) == 48);
static_assert(ShmRecord<PositionRow> && sizeof(PositionRow) == 56);
static_assert(ShmRecord<RiskRow> && sizeof(RiskRow) == 120);
static_assert(ShmRecord<GateRow> && sizeof(GateRow) == 56);
static_assert(ShmRecord<ModelRow> && sizeof(ModelRow) == 56);
static_assert(ShmRecord<HealthRow> && sizeof(HealthRow) == 48);
static_assert(ShmRecord<ProgressRow> && sizeof(ProgressRow) == 48);
static_assert(ShmRecord<InstrumentNameRow> && sizeof(InstrumentNameRow) == 64);
static_assert(sizeof(CounterRow) == 64);

}  // namespace thintail::shm
