// SPDX-License-Identifier: Apache-2.0
// The payload of each event type. Prices are i64 in 1e-9 of the quote currency, order quantities i64 in 1e-9
// base units, market sizes f32, times i64 UTC ns, unless a field says otherwise.
//   abi  v1: 40 bytes each, offsets asserted by size and by has_unique_object_representations.
#pragma once

#include <cstdint>

#include "core/event/event.hpp"

namespace thintail {

enum class Side : std::uint8_t { none = 0, buy = 1, sell = 2 };

// A change of the best quote. Sizes are 0 where the feed has none.
struct Tick {
  static constexpr EventType kType = EventType::tick;
  std::int64_t bid_e9;
  std::int64_t ask_e9;
  float bid_size;
  float ask_size;
  std::int64_t venue_ns;          // the venue's own stamp
  std::uint64_t source_sequence;  // row number in a file, or the venue's own sequence
};

struct Trade {
  static constexpr EventType kType = EventType::trade;
  std::int64_t price_e9;
  std::int64_t venue_ns;
  std::uint64_t source_sequence;
  float size;
  Side aggressor;
  std::array<std::uint8_t, 11> reserved;
};

// One level of an order book. What a venue sends at once (an update, or with kFlagSnapshot the whole book) is a run of Book
// events of one instrument with one source_sequence, of which all but the last carry kFlagMore: only then is the book whole
// again. Events of other instruments may stand between them. A run without a level is one event with side none.
//
// An update follows on whatever the book has when previous_sequence is at most the book's own sequence; beyond it, updates
// were lost, and the book is unknown until the next snapshot (core/book/order_book.hpp). A venue that counts updates one by
// one has previous_sequence = source_sequence - 1; of a snapshot it is 0.
struct Book {
  static constexpr EventType kType = EventType::book;
  std::int64_t price_e9;
  std::int64_t venue_ns;
  std::uint64_t source_sequence;  // of the whole update
  float size;  // all that rests at the price from now on; 0 removes the level
  Side side;  // buy: a bid; sell: an ask
  std::array<std::uint8_t, 3> reserved;
  std::uint64_t previous_sequence;
};

enum class QuoteSide : std::uint8_t { bid = 0, ask = 1, mid = 2 };

// One side of one closed period [end - period, end).
struct Bar {
  static constexpr EventType kType = EventType::bar;
  std::int64_t open_e9;
  std::int64_t high_e9;
  std::int64_t low_e9;
  std::int64_t close_e9;
  std::uint32_t end_s;  // UTC seconds since 1970
  std::uint32_t ticks_period;  // bits 0..23 tick count (saturating), 24..29 BarPeriod, 30..31 QuoteSide

  static constexpr std::uint32_t kTicksMax = (1u << 24) - 1;
  static constexpr std::uint32_t pack(std::uint32_t ticks, unsigned period, QuoteSide side) noexcept {
    return (ticks < kTicksMax ? ticks : kTicksMax) | (period << 24) | (static_cast<std::uint32_t>(side) << 30);
  }
  std::uint32_t ticks() const noexcept { return ticks_period & kTicksMax; }
  unsigned period() const noexcept { return (ticks_period >> 24) & 63u; }
  QuoteSide side() const noexcept { return static_cast<QuoteSide>(ticks_period >> 30); }
};

enum class PredictionState : std::uint16_t {
  valid = 0,
  warming_up = 1,  // a mandatory lane is not yet defined
  not_finite = 2,  // the score is not a finite number
};

struct Prediction {
  static constexpr EventType kType = EventType::prediction;
  std::uint64_t cause;  // sequence of the input that triggered it
  std::uint64_t feature_digest;  // XXH3 of the feature row's bytes; replay compares it
  float score;  // the model's margin, in the label's unit (see its pack)
  float cost;  // cost of a round trip at this quote, in the same unit
  std::uint32_t defined_lanes;  // how many lanes of the row were defined
  std::uint16_t model_slot;
  PredictionState state;
  std::uint64_t reserved;
};

struct Regime {
  static constexpr EventType kType = EventType::regime;
  std::uint64_t cause;
  std::uint16_t from;
  std::uint16_t to;
  float probability;
  std::array<std::uint8_t, 24> reserved;
};

// What a strategy wants to hold from now on.
struct Signal {
  static constexpr EventType kType = EventType::signal;
  std::uint64_t cause;
  std::int64_t target_e9;  // position wanted, base units, signed
  std::int64_t position_e9;  // position held and working when it was decided
  float score;
  float cost;
  std::uint16_t strategy;
  std::uint16_t reason;  // SignalReason of strategies/signal
  std::uint32_t reserved;
};

enum class OrderKind : std::uint8_t { market = 0, limit = 1, cancel = 2 };

// An order that passed the risk gate and may be sent.
struct Intent {
  static constexpr EventType kType = EventType::intent;
  std::uint64_t client_order_id;  // epoch << 32 | counter
  std::uint64_t cause;
  std::int64_t price_e9;  // limit; for a market order the touch it was decided on
  std::int64_t quantity_e9;  // always positive
  Side side;
  OrderKind kind;
  std::uint16_t strategy;
  std::uint32_t reserved;
};

// An order that the risk gate refused.
struct Reject {
  static constexpr EventType kType = EventType::reject;
  std::uint64_t cause;
  std::int64_t limit;  // the limit in force and what was observed, in the rule's unit
  std::int64_t observed;
  std::int64_t quantity_e9;  // signed: negative = sell
  std::uint16_t rule;  // RiskRule of strategies/risk
  std::uint16_t strategy;
  std::uint32_t reserved;
};

enum class OrderState : std::uint16_t { accepted = 1, cancelled = 2, refused = 3, expired = 4 };

// What a venue says of an order, fills apart.
struct Report {
  static constexpr EventType kType = EventType::report;
  std::uint64_t client_order_id;
  std::int64_t price_e9;
  std::int64_t quantity_e9;  // still open
  std::int64_t venue_ns;
  OrderState state;
  std::uint16_t reason;
  std::uint32_t reserved;
};

struct Fill {
  static constexpr EventType kType = EventType::fill;
  std::uint64_t client_order_id;
  std::int64_t price_e9;
  std::int64_t quantity_e9;  // always positive
  std::int64_t commission_e9;  // quote currency, positive = paid
  Side side;
  std::uint8_t last;  // 1: the order is complete
  std::uint16_t strategy;
  std::uint32_t number;  // the venue's fill counter, for duplicates
};

// A position after a fill. Money is i128 in 1e-18 of the quote currency, as two words (core/base/int128.hpp).
struct Position {
  static constexpr EventType kType = EventType::position;
  std::int64_t quantity_e9;  // signed
  std::uint64_t cost_low;  // what the open quantity cost, signed like it
  std::int64_t cost_high;
  std::uint64_t realised_low;  // realised P&L after commission
  std::int64_t realised_high;
};

enum class CommandKind : std::uint16_t { none = 0, pause = 1, resume = 2, flatten = 3, kill = 4, reset_kill = 5 };

struct Command {
  static constexpr EventType kType = EventType::command;
  std::uint64_t command_id;  // chosen by the sender; repeats are answered, not repeated
  CommandKind kind;
  std::uint16_t actor;
  std::uint32_t reserved0;
  std::array<std::uint8_t, 24> reserved;
};

enum class ModelStage : std::uint16_t {
  live = 0,  // from the next input on, predictions come from this slot
  shadow = 1,  // its model sees what the live one sees, so that what it remembers is warm; it predicts nothing yet
};

struct Model {
  static constexpr EventType kType = EventType::model;
  std::uint16_t slot;
  ModelStage stage;
  std::uint32_t version;  // counts up within an epoch
  std::array<std::uint8_t, 32> sha256;  // the pack's digest
};

// An instrument becomes tradable; Continuation events carry its name ("XAUUSD@oanda") as text.
struct InstrumentRow {
  static constexpr EventType kType = EventType::instrument;
  std::int64_t tick_size_e9;
  std::int64_t lot_step_e9;
  std::int64_t contract_size_e9;
  std::uint32_t name_bytes;
  std::uint16_t calendar;  // CalendarId of core/time
  std::uint8_t digits;
  std::uint8_t enabled;
  std::uint64_t reserved;
};

// Configuration in force; Continuation events carry its canonical TOML text.
struct ConfigText {
  static constexpr EventType kType = EventType::config;
  std::uint32_t text_bytes;
  std::uint32_t reserved;
  std::array<std::uint8_t, 32> sha256;  // of the text
};

enum class SessionState : std::uint16_t {
  started = 1,
  stopping = 2,
  journal_lagging = 3,  // the gate refuses new risk
  journal_caught_up = 4,
  input_ended = 5,  // a finite source is exhausted
};

struct Session {
  static constexpr EventType kType = EventType::session;
  SessionState state;
  std::uint16_t reserved0;
  std::uint32_t epoch;
  std::uint64_t detail;
  std::array<std::uint8_t, 24> reserved;
};

// One per whole second of engine time, before any input at or after it.
struct Timer {
  static constexpr EventType kType = EventType::timer;
  std::int64_t second_s;  // UTC seconds since 1970
  std::array<std::uint8_t, 32> reserved;
};

// Inputs were lost between a feed and the engine; nothing is known of them but their number.
struct Gap {
  static constexpr EventType kType = EventType::gap;
  std::uint64_t count;
  std::uint64_t first_sequence;  // in the feed's own stream
  std::array<std::uint8_t, 24> reserved;
};

// Text of the event before it, padded with zeros.
struct Continuation {
  static constexpr EventType kType = EventType::continuation;
  std::array<char, kPayloadBytes> text;
};

namespace detail {
template <class... P>
concept AllPayloads = (EventPayload<P> && ...);
static_assert(AllPayloads<Tick, Trade, Book, Bar, Prediction, Regime, Signal, Intent, Reject, Report, Fill, Position,
                          Command, Model, InstrumentRow, ConfigText, Session, Timer, Gap, Continuation>);
}  // namespace detail

}  // namespace thintail
