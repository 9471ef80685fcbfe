// SPDX-License-Identifier: Apache-2.0
// CoreModel: what the gateway knows of a core, made from its events and samples: quotes, bars, predictions, signals, orders, trades, equity.
//   path       cold
//   threads    one writer; readers only while it does not write (SharedModel sees to that)
//   invariant  rows of one kind ascend by sequence; what is older than its bound is forgotten, and `gaps` tells what was never seen
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/bars/bar_builder.hpp"
#include "core/base/hash.hpp"
#include "core/base/int128.hpp"
#include "core/event/payloads.hpp"
#include "core/event/text_collector.hpp"
#include "core/instrument/instrument_table.hpp"
#include "strategies/portfolio/portfolio.hpp"
#include "tools/monitor/core_sample.hpp"

namespace thintail::gateway {

struct TickRow {
  std::uint64_t sequence = 0;  // in the events stream; 0: only the core's table told of it
  std::int64_t time_ns = 0;
  std::int64_t venue_ns = 0;
  std::int64_t bid_e9 = 0;
  std::int64_t ask_e9 = 0;
  std::uint64_t source_sequence = 0;
};

struct BarRow {
  std::uint32_t end_s = 0;
  std::uint32_t ticks = 0;
  Ohlc bid{};
  Ohlc ask{};
  std::uint64_t changed = 0;
};

// What a pack tells of itself.
struct ModelFacts {
  std::string name;  // of its file
  std::string feature_set;
  std::string label;
  std::int64_t horizon_ns = 0;
  std::string kind;
  std::uint32_t trees = 0;
  std::string trained_on;
};

struct JudgedPredictions {
  std::uint64_t judged = 0;
  std::uint64_t right = 0;
};

// A pack that a core named.
struct ModelRecord {
  Sha256Digest digest{};
  std::shared_ptr<const ModelFacts> facts;  // null: not loaded
  std::string why_unknown;  // what stood in the way of loading it; empty without facts: nobody has looked yet
  std::uint64_t predictions = 0;
  JudgedPredictions judged;
};

inline constexpr std::uint32_t kNoModel = 0xFFFF'FFFF;

// What lies in one of the core's slots.
struct ModelSlot {
  std::uint32_t model = kNoModel;  // index in CoreModel::models
  std::uint32_t version = 0;
  std::int64_t since_ns = 0;
  bool is_from_table = false;  // no event told of it: what was scored before `since_ns` was another's
  bool is_sure = true;  // no event was missed since, which may have put another one there
};

struct PredictionRow {
  std::uint64_t sequence = 0;
  std::uint64_t cause = 0;
  std::int64_t time_ns = 0;
  float score = 0;
  float cost = 0;
  std::uint32_t defined_lanes = 0;
  std::uint16_t slot = 0;
  PredictionState state = PredictionState::valid;
  double mid = 0;
  std::uint32_t model = kNoModel;  // index in CoreModel::models of what made it
  std::optional<double> realised = {};  // in basis points of the mid
};

// Predictions of one model that wait for their horizon.
struct WaitingPredictions {
  struct Row {
    std::uint64_t sequence = 0;
    std::int64_t time_ns = 0;
  };
  std::uint32_t model = kNoModel;
  std::deque<Row> rows;
};

struct MidAt {
  std::int64_t time_ns = 0;
  double mid = 0;
};

struct RegimeRow {
  std::uint64_t sequence = 0;
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;  // 0: still in force
  std::uint16_t state = 0;
  std::uint16_t from = 0;
  float probability = 0;
};

enum class SignalOutcome : std::uint8_t { none, intent, rejected };

struct SignalRow {
  std::uint64_t sequence = 0;
  std::int64_t time_ns = 0;
  std::uint32_t instrument = 0;  // index in CoreModel::instruments, like every `instrument` here
  Signal signal{};
  SignalOutcome outcome = SignalOutcome::none;
  Side side = Side::none;
  std::int64_t price_e9 = 0;
  std::uint64_t client_order_id = 0;
  Reject reject{};
  std::uint64_t changed = 0;
};

enum class OrderStatus : std::uint8_t { sent, accepted, partial, filled, cancelled, refused, expired };

struct OrderRow {
  std::uint64_t id = 0;
  std::uint64_t sequence = 0;
  std::int64_t time_ns = 0;
  std::int64_t updated_ns = 0;
  std::uint32_t instrument = 0;
  Intent intent{};
  std::int64_t filled_e9 = 0;
  i128 value_e18 = 0;  // of what was filled
  std::int64_t commission_e9 = 0;
  OrderStatus status = OrderStatus::sent;
  std::uint16_t reason = 0;
  std::uint64_t changed = 0;

  bool is_open() const noexcept {
    return status == OrderStatus::sent || status == OrderStatus::accepted || status == OrderStatus::partial;
  }
};

struct FillRow {
  std::uint64_t sequence = 0;
  std::int64_t time_ns = 0;
  std::uint32_t instrument = 0;
  Fill fill{};
  std::optional<std::int64_t> slippage_e9 = {};  // against the order's touch; positive: worse for us
};

// A round trip: flat to flat.
struct TradeRow {
  std::uint64_t id = 0;
  std::uint32_t instrument = 0;
  Side side = Side::none;
  std::int64_t quantity_max_e9 = 0;
  std::int64_t entered_e9 = 0;
  std::int64_t left_e9 = 0;
  i128 entry_e18 = 0;  // what was entered cost
  i128 exit_e18 = 0;  // what was left brought
  std::int64_t commission_e9 = 0;
  i128 worst_e18 = 0;
  i128 best_e18 = 0;
  std::int64_t open_ns = 0;
  std::int64_t close_ns = 0;  // 0: still open
  std::uint64_t close_sequence = 0;  // of the fill that closed it
  std::uint16_t strategy = 0;
  std::uint16_t reason = 0;  // SignalReason of what closed it
  float score = 0;  // of the signal that opened it
  std::uint64_t changed = 0;

  bool is_open() const noexcept { return close_ns == 0; }
  std::int64_t held_e9() const noexcept { return entered_e9 - left_e9; }
  // Before commission, with what is still held at `price_e9`.
  i128 result_e18(std::int64_t price_e9) const noexcept;
  i128 pnl_e18(std::int64_t price_e9) const noexcept { return result_e18(price_e9) - i128{commission_e9} * kE9; }
};

struct MoneyPoint {
  std::int64_t time_ns = 0;
  i128 realised_e18 = 0;
  i128 unrealised_e18 = 0;
  i128 drawdown_e18 = 0;  // <= 0

  i128 equity_e18() const noexcept { return realised_e18 + unrealised_e18; }
};

struct CurrencyMoney {
  MoneyPoint now;
  i128 highest_e18 = 0;
  i128 drawdown_max_e18 = 0;  // <= 0
  i128 commission_e18 = 0;
  i128 day_start_e18 = 0;  // equity when the session day began
  std::deque<MoneyPoint> points;
  std::uint64_t changed = 0;
};

struct CommandRow {
  std::uint64_t sequence = 0;
  std::int64_t time_ns = 0;
  Command command{};
};

enum class LogLevel : std::uint8_t { info, warn, error };

struct LogRow {
  std::uint64_t sequence = 0;  // of the event; of a line of the gateway's own, the newest event's
  std::int64_t time_ns = 0;
  LogLevel level = LogLevel::info;
  std::string type;
  std::string text;
  std::optional<std::uint32_t> instrument = {};
  std::uint64_t changed = 0;
};

struct InstrumentModel {
  std::string name;  // "XAUUSD@oanda"
  std::string symbol;
  std::string venue;
  std::string base;
  std::string quote;
  std::uint8_t digits = 0;
  std::int64_t tick_size_e9 = 0;
  CalendarId calendar = CalendarId::always;
  bool is_current = false;  // the epoch in force has it

  bool has_quote = false;
  TickRow tick;
  std::uint32_t quote_flags = 0;
  std::uint64_t ticks_seen = 0;
  std::uint64_t quote_changed = 0;
  std::deque<TickRow> ticks;
  std::array<std::deque<BarRow>, kBarPeriodCount> bars;
  std::array<BarRow, kBarPeriodCount> half_bars{};  // that closed, and of which one side has been told
  BarBuilder forming{Zone::new_york()};
  std::int64_t venue_ns = std::numeric_limits<std::int64_t>::min();  // as the core's bars take it
  std::uint64_t bars_changed = 0;

  std::optional<PredictionRow> prediction;
  std::deque<PredictionRow> predictions;  // one for each second
  std::vector<WaitingPredictions> waiting;
  std::vector<MidAt> mids;  // since predictions wait whose horizon is not known yet
  std::uint64_t prediction_changed = 0;
  std::deque<RegimeRow> regimes;

  Holding holding;
  bool has_position = false;
  std::int64_t position_ns = 0;
  std::uint64_t position_sequence = 0;
  std::uint64_t position_changed = 0;
  std::optional<TradeRow> trade;  // open
  std::uint64_t last_signal = 0;  // sequence
  std::optional<RiskSample> risk;

  double mid() const noexcept { return static_cast<double>(tick.bid_e9 + tick.ask_e9) / 2e9; }
  // What one unit of the position would be closed at.
  std::int64_t touch_e9(bool is_long) const noexcept {
    return is_long ? std::min(tick.bid_e9, tick.ask_e9) : std::max(tick.bid_e9, tick.ask_e9);
  }
  i128 unrealised_e18() const noexcept;
};

// Clients are told of changes of the newest so many rows of a kind; that an older one changed is noted.
inline constexpr std::size_t kNewRows = 4'096;

// Where the core stands, as every reply tells.
enum class CoreStanding : std::uint8_t { absent, running, silent, finished, stopped, dead };
std::string_view name_of(CoreStanding standing) noexcept;

struct ModelLimits {
  std::size_t ticks = 4'096;  // of each instrument
  std::size_t bars = 10'080;  // of each instrument and period: a week of minutes
  std::size_t rows = 20'000;  // signals, orders, fills, trades
  std::size_t predictions = 3'600;  // of each instrument; more where the horizon is longer
  std::size_t predictions_most = 4 * 3'600 + 60;  // outcomes of longer horizons are not kept
  std::size_t points = 8'192;
};

class CoreModel {
 public:
  explicit CoreModel(ModelLimits bounds = {}) : limits(bounds) {}

  // An epoch begins, or is joined: ids mean nothing until instruments are named again.
  void begin_epoch(std::uint32_t epoch);
  void add_instrument(std::uint32_t id, std::string_view name, std::uint8_t digits, std::int64_t tick_size_e9,
                      CalendarId calendar);
  // The core's numbers go back: it keeps no journal. What was known of its runs before has numbers that are given again.
  void begin_anew();
  // The next event of the stream.
  void take(const Event& event);
  // Events up to here are told by take(); `count` before it never were.
  void miss(std::uint64_t count);
  void take_sample(CoreSample sample);
  void set_absent(std::string why);
  void add_log(LogLevel level, std::string type, std::string text);
  // What a pack that was named means, or why nobody can tell.
  void learn(const Sha256Digest& digest, std::shared_ptr<const ModelFacts> facts);
  void learn_why_unknown(const Sha256Digest& digest, std::string why);

  // By what somebody wrote: a name, a symbol or a spelling of one. Empty: none; several: of several venues.
  std::vector<std::uint32_t> find(std::string_view text) const;
  // By the number that the epoch in force gives it; null: none.
  const InstrumentModel* by_id(std::uint32_t id) const noexcept;
  CoreStanding standing(std::int64_t now_ns) const noexcept;
  bool is_stale(std::int64_t now_ns) const noexcept;
  bool is_simulated() const noexcept { return simulated; }
  std::uint32_t forming_ticks(std::uint32_t instrument, BarPeriod period) const noexcept;
  const OrderRow* order(std::uint64_t id) const;
  const ModelRecord* model_of(const PredictionRow& row) const noexcept;  // null: nothing told of it
  const ModelRecord* model_of(const Sha256Digest& digest) const noexcept;
  const ModelRecord* model_in_force() const noexcept;

  ModelLimits limits;
  std::vector<InstrumentModel> instruments;
  std::map<std::string, std::string> symbol_map;  // somebody's spelling, in capitals, to a symbol or name of ours
  std::vector<ModelRecord> models;  // every pack that was named
  std::map<std::uint16_t, ModelSlot> slots;
  std::uint16_t slot_in_force = 0;
  std::function<void(const Sha256Digest&)> on_new_model;  // one was named for the first time; must not wait
  std::deque<SignalRow> signals;
  std::deque<OrderRow> orders;
  std::deque<FillRow> fills;
  std::deque<TradeRow> trades;  // closed ones
  std::deque<CommandRow> commands;
  std::deque<LogRow> log;
  std::map<std::string, CurrencyMoney> money;  // by currency
  std::map<std::uint16_t, std::uint64_t> rejects_by_rule;
  std::map<std::uint16_t, std::uint64_t> predictions_by_slot;
  std::string config_text;
  std::vector<std::pair<std::int64_t, std::int64_t>> gaps;  // engine time between which events were never seen
  std::uint32_t epoch = 0;
  std::int64_t epoch_began_ns = 0;
  std::uint64_t sequence = 0;  // of the newest event taken
  std::uint64_t first_sequence = 0;
  std::int64_t time_ns = 0;
  std::int64_t session_end_ns = 0;  // of the FX day in force
  bool simulated = false;
  bool has_all_history = false;  // what the journals held was read whole when the gateway began
  bool is_filled = false;  // what the journals could tell was read, and the stream to its end behind it
  bool input_ended = false;
  std::uint32_t loops = 0;  // replays seen to begin again
  std::uint64_t missed = 0;
  std::uint64_t lapped = 0;
  std::uint64_t signals_changed = 0;
  std::uint64_t orders_changed = 0;
  std::uint64_t old_orders_changed = 0;  // of those that kNewRows came after
  std::uint64_t trades_changed = 0;
  std::uint64_t log_changed = 0;
  std::uint64_t money_changed = 0;
  std::uint64_t change = 0;  // counts changes; rows keep the number of their last one
  std::uint64_t resets = 0;  // times that everything known was dropped

  // What changed since the hub looked last, for those who want every tick.
  std::vector<std::pair<std::uint32_t, TickRow>> fresh_ticks;
  bool keeps_fresh_ticks = false;

  std::optional<CoreSample> sample;
  // When the core's sign of life was last seen to move, by our clock: the core's is set once an epoch, ours may be set while it runs.
  std::int64_t heard_ns = 0;
  std::optional<CoreSample> earlier;  // about a second older, of the same epoch
  std::string absence;  // why there is no core

 private:
  InstrumentModel* by_id(std::uint32_t id, std::uint32_t& index);
  void clear_market();
  void on_tick(const Event& event);
  void on_bar(const Event& event);
  void on_prediction(const Event& event);
  void on_regime(const Event& event);
  void on_signal(const Event& event);
  void on_intent(const Event& event);
  void on_reject(const Event& event);
  void on_report(const Event& event);
  void on_fill(const Event& event);
  void on_position(const Event& event);
  void on_timer(const Event& event);
  void on_session(const Event& event);
  void on_command(const Event& event);
  void on_model(const Event& event);
  void finish_text();
  std::uint32_t index_of(const Sha256Digest& digest);
  void take_slot(const ModelSample& told);
  std::uint32_t model_of_table(std::uint16_t slot, const Event& event);
  void doubt_slots();
  void begin_gap(std::int64_t from_ns);
  // Those whose horizon has passed now that the mid is `mid`.
  void judge(InstrumentModel& at, WaitingPredictions& waiting, std::int64_t now_ns, double mid);
  void judge_all(InstrumentModel& at, std::int64_t now_ns);
  std::size_t predictions_kept(std::uint32_t model) const noexcept;
  void note_change(OrderRow& order);
  void enter(InstrumentModel& at, std::uint32_t index, const Event& event, const Fill& fill, std::int64_t quantity_e9,
             std::int64_t commission_e9);
  void book_money(std::int64_t at_ns, bool keep_point);
  void push_log(LogRow row);
  OrderRow* find_order(std::uint64_t id);

  std::vector<std::int32_t> index_by_id_;
  std::unordered_map<std::string, std::uint32_t> index_by_name_;
  using NameIndex = std::unordered_map<std::string, std::vector<std::uint32_t>>;
  NameIndex index_by_symbol_;  // in capitals
  NameIndex index_by_stem_;
  std::unordered_map<std::uint64_t, std::uint64_t> order_number_;  // by id: how many orders came before it
  std::uint64_t orders_dropped_ = 0;
  std::uint64_t trades_made_ = 0;
  std::set<std::uint32_t> traded_;
  TextCollector text_{1u << 20};
  std::deque<CoreSample> samples_;
  // What the core's table of models said last; kept over begin_epoch(), for history that is read after it was looked at.
  std::vector<ModelSample> table_;
  std::uint32_t table_epoch_ = 0;
  std::uint64_t table_head_ = 0;  // no event behind it was out when it was looked at
};

// The model with its lock: the feed writes, everybody else reads.
class SharedModel {
 public:
  template <class Use>
  auto read(Use&& use) const {
    const std::shared_lock lock(mutex_);
    return use(static_cast<const CoreModel&>(model_));
  }
  template <class Use>
  auto write(Use&& use) {
    const std::unique_lock lock(mutex_);
    return use(model_);
  }

 private:
  mutable std::shared_mutex mutex_;
  CoreModel model_;
};

// "xau_usd", "XAU/USD", "XAUUSD.pro", "XAUUSDm": one spelling, "XAUUSD".
std::string symbol_stem(std::string_view symbol);
bool is_legal_symbol(
    std::string_view text) noexcept;  // [A-Za-z0-9._#+/-]{1,32}, with @venue behind it where one is meant
// "M1", "1m" and "1". Nothing: none of ours.
std::optional<BarPeriod> timeframe_from_text(std::string_view text);
bool is_fiat(std::string_view currency) noexcept;

std::int64_t wall_now_ns() noexcept;  // for what is shown
std::int64_t steady_now_ns() noexcept;  // for intervals

}  // namespace thintail::gateway
