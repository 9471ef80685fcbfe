// SPDX-License-Identifier: Apache-2.0
// DecisionPipeline: events in, events out. Quote, bars, features, model, signal, risk gate and positions of every instrument as one pure
// object: no thread, no I/O, no wall clock. Live, replay, backtest and tests run this and nothing else.
//   path       hot: on_input(tick)
//   threads    one
//   invariant  outputs depend on the inputs and the configuration alone. One input makes at most kOutputsMax outputs. Nothing is allocated
//              after the instruments are enabled.
#pragma once

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "core/config/settings.hpp"
#include "core/event/payloads.hpp"
#include "core/isa/isa.hpp"
#include "ml/predictor/predictor.hpp"
#include "strategies/pipeline/market_state.hpp"
#include "strategies/pipeline/probe.hpp"
#include "strategies/portfolio/portfolio.hpp"
#include "strategies/risk/risk_gate.hpp"
#include "strategies/signal/signal_rule.hpp"

namespace thintail {

// Values reach the journal.
enum class StrategyId : std::uint16_t { none = 0, fade_last_move = 1, model_edge = 2, operator_command = 3 };

struct PipelineOptions {
  Isa isa = Isa::scalar;
  std::uint32_t epoch = 1;  // high half of every client order id
  // In force from the start, in slot 0; its features are the pipeline's. Required by StrategyKind::model_edge; must outlive the
  // pipeline.
  const DecisionModel* model = nullptr;
};

// A sink may also be told where an instrument and the gate stand each time that changes: monitors show it.
template <class S>
concept RiskSink =
    requires(S& sink, InstrumentId id, const RiskStanding& standing, const GateLatches& latches, std::int64_t time_ns) {
      { sink.stands(id, standing, time_ns) } noexcept;
      { sink.latched(latches, time_ns) } noexcept;
    };

class DecisionPipeline {
 public:
  // What the engine keeps free in the events stream before it takes an input (CONTRACTS "Back-pressure").
  static constexpr std::size_t kOutputsMax = 64;
  // Bars of one timer may fill this much of an input's outputs; the rest of them is left to flattening.
  static constexpr std::size_t kTimerBarOutputs = 40;

  // `settings` and `instruments` must outlive the pipeline.
  DecisionPipeline(const Settings& settings, const InstrumentTable& instruments, const PipelineOptions& options);
  DecisionPipeline(const DecisionPipeline&) = delete;
  DecisionPipeline& operator=(const DecisionPipeline&) = delete;

  // Allocates what the instrument needs; before its first tick. Cold.
  void enable(InstrumentId id);

  // Places of models: one is in force, the other waits for a Model event that names it.
  static constexpr std::uint16_t kModelSlots = 2;
  // REQUIRES: between two inputs; the slot is not the one in force; of the features in force; enabled for every instrument that
  // this is enabled for; it outlives its stay: until a Model event has put another slot in force.
  void place(std::uint16_t slot, Predictor& predictor) noexcept;
  std::uint16_t slot_in_force() const noexcept { return slot_; }
  // Whether the model in the shadow has seen enough of every instrument that ticked since it was put there. As of the last timer.
  bool shadow_is_warm() const noexcept { return shadow_is_warm_; }

  // Takes an input that already stands in the stream (its sequence and time are final) and appends what it decides to `sink`.
  template <EventSink Sink, class Probe>
  TT_HOT void on_input(const Event& input, Sink& sink, Probe& probe) noexcept {
    switch (input.type) {
      case EventType::tick: on_tick(input, sink, probe); break;
      case EventType::trade:
        if (market_.is_enabled(input.instrument)) market_.on_trade(input.instrument, input.as<Trade>());
        break;
      case EventType::book:
        if (market_.is_enabled(input.instrument)) {
          market_.on_book(input.instrument, input.as<thintail::Book>(), input.flags);
        }
        break;
      case EventType::gap: on_gap(); break;
      case EventType::model: on_model(input); break;
      case EventType::fill: on_fill(input, sink); break;
      case EventType::timer: on_timer(input, sink); break;
      case EventType::report: on_report(input, sink); break;
      case EventType::command: on_command(input, sink); break;
      case EventType::session: on_session(input, sink); break;
      case EventType::position: restore(input, sink); break;
      default: break;  // configuration and instruments change nothing here
    }
  }

  bool has_forming_minute() const noexcept { return market_.has_forming_minute(); }
  const MarketState& market() const noexcept { return market_; }
  const Holding& holding(InstrumentId id) const noexcept { return books_[id].holding; }
  const RiskGate& gate() const noexcept { return gate_; }
  // REQUIRES: market().is_enabled(id).
  RiskStanding standing(InstrumentId id) const noexcept { return gate_.standing(id, books_[id].exposure()); }
  GateLatches latches() const noexcept {
    return {gate_.is_killed(), gate_.is_paused(), gate_.is_journal_lagging(), flattening_};
  }
  // Model events that name a slot with no such model in it: they change nothing.
  std::uint64_t unknown_models() const noexcept { return unknown_models_; }
  // Answers to no order in flight (of another epoch, repeated, or contradicting their order): counted, and otherwise left alone.
  std::uint64_t unknown_fills() const noexcept { return unknown_fills_; }

 private:
  static constexpr std::size_t kFlattenPerInput = 8;
  static constexpr std::size_t kOrdersMax = 4096;  // power of two; in flight at once
  static constexpr std::uint64_t kOrderCounterMax = 0xffff'ffff;  // low half of a client order id

  struct Order {
    std::uint64_t id = 0;  // 0: free
    std::int64_t open_e9 = 0;
    InstrumentId instrument = 0;
    Side side = Side::none;
  };

  struct Book {  // what the engine holds and has ordered of one instrument
    Holding holding;
    std::int64_t working_buy_e9 = 0;
    std::int64_t working_sell_e9 = 0;
    std::int64_t trade_quantity_e9 = 0;  // the position that the strategy takes
    std::int64_t next_change_ns = std::numeric_limits<std::int64_t>::min();
    double last_mid = 0;
    std::int64_t lot_step_e9 = 1;
    std::uint32_t closed = 0;  // a bit for each BarPeriod of which a bar closed since the last tick
    RegimeLabel regime = RegimeLabel::unknown;  // announced last
    bool in_shadow = false;  // it ticked while a model was in the shadow

    Exposure exposure() const noexcept { return {holding.quantity_e9(), working_buy_e9, working_sell_e9}; }
  };

  template <EventSink Sink, class Probe>
  TT_HOT void on_tick(const Event& input, Sink& sink, Probe& probe) noexcept {
    if (!market_.is_enabled(input.instrument)) [[unlikely]]
      return;
    const auto tick = input.as<Tick>();
    Book& book = books_[input.instrument];
    const FeatureRow* row =
        market_.on_tick(input.instrument, tick, input.time_ns, [&](InstrumentId id, const ClosedBar& bar) {
          book.closed |= bit_of(bar.period);
          append_bar(id, bar, input.time_ns, sink);
        });
    probe.mark(Stage::features);
    const Quote& quote = market_.quote(input.instrument);
    const double mid = quote.mid();
    bool intent = false;
    if (kind_ == StrategyKind::model_edge) {
      RegimeChange change{};
      const Prediction prediction = predict(input, *row, quote, mid, book, change);
      if (change.from != change.to) [[unlikely]]
        append_regime(input, change, sink);
      append(sink, input.time_ns, input.instrument, prediction);
      probe.mark(Stage::model);
      if (prediction.state == PredictionState::valid) {
        const int held = direction_of(book.exposure().expected_e9());
        const Decision decision = with_hysteresis(prediction.score, prediction.cost, held, entry_, exit_);
        intent = follow(input, book, decision, held, prediction.score, prediction.cost, StrategyId::model_edge, sink);
      }
    } else if (kind_ == StrategyKind::fade_last_move) {
      const double move = book.last_mid > 0 ? mid - book.last_mid : 0.0;
      const int held = direction_of(book.exposure().expected_e9());
      const auto score = static_cast<float>(mid > 0 ? -move / mid * 1e4 : 0.0);
      intent = follow(input, book, fade(move, held), held, score, 0.0f, StrategyId::fade_last_move, sink);
    }
    book.last_mid = mid;
    probe.end(intent);
    after_tick(input, row, book);
  }

  static int direction_of(std::int64_t quantity_e9) noexcept { return (quantity_e9 > 0) - (quantity_e9 < 0); }

  static constexpr std::uint32_t bit_of(BarPeriod period) noexcept { return 1u << static_cast<unsigned>(period); }

  // `change`: where the regime changes on this tick.
  TT_HOT Prediction predict(const Event& input, const FeatureRow& row, const Quote& quote, double mid, Book& book,
                            RegimeChange& change) noexcept;
  // What can wait until the decision is out.
  TT_HOT void after_tick(const Event& input, const FeatureRow* row, Book& book) noexcept;
  void on_gap() noexcept;
  void on_model(const Event& input) noexcept;
  // Called by timers while a model is in the shadow.
  void look_at_shadow() noexcept;
  // What the strategy takes of an instrument in the regime in force: never more than is configured, in whole lots.
  std::int64_t trade_quantity_e9(InstrumentId id, const Book& book) const noexcept;

  // Moves the position to what `decision` wants, when it differs from what is held and working. True where an intent went out.
  template <EventSink Sink>
  TT_HOT bool follow(const Event& input, Book& book, Decision decision, int held, float score, float cost,
                     StrategyId strategy, Sink& sink) noexcept {
    if (decision.direction == held || input.time_ns < book.next_change_ns || book.trade_quantity_e9 == 0) return false;
    const std::int64_t expected_e9 = book.exposure().expected_e9();
    const std::int64_t target_e9 = decision.direction * trade_quantity_e9(input.instrument, book);
    if (target_e9 == expected_e9) return false;  // flat, in a regime that takes no risk
    book.next_change_ns = input.time_ns + cooldown_ns_;
    append(sink, input.time_ns, input.instrument,
           thintail::Signal{input.sequence, target_e9, expected_e9, score, cost, static_cast<std::uint16_t>(strategy),
                            static_cast<std::uint16_t>(decision.reason), 0});
    return order(input, input.instrument, saturated(static_cast<i128>(target_e9) - expected_e9), strategy, sink);
  }

  // Puts a signed quantity through the gate: an Intent or a Reject comes out.
  template <EventSink Sink>
  TT_HOT bool order(const Event& input, InstrumentId id, std::int64_t signed_e9, StrategyId strategy,
                    Sink& sink) noexcept {
    Book& book = books_[id];
    const Quote& quote = market_.quote(id);
    const OrderRequest request{id, signed_e9 > 0 ? Side::buy : Side::sell, signed_e9 > 0 ? signed_e9 : -signed_e9,
                               static_cast<std::uint16_t>(strategy)};
    Verdict verdict = gate_.judge(request, book.exposure(), quote, input.time_ns);
    Order& slot = orders_[(order_counter_ + 1) % kOrdersMax];
    if (verdict.passed() && (slot.id != 0 || order_counter_ == kOrderCounterMax)) {
      verdict = {RiskRule::open_orders, kOrdersMax, kOrdersMax};
    }
    if (!verdict.passed()) {
      append(sink, input.time_ns, id,
             Reject{input.sequence, verdict.limit, verdict.observed, signed_e9,
                    static_cast<std::uint16_t>(verdict.rule), request.strategy, 0});
      return false;
    }
    ++order_counter_;
    slot = {epoch_ << 32 | order_counter_, request.quantity_e9, id, request.side};
    (request.side == Side::buy ? book.working_buy_e9 : book.working_sell_e9) += request.quantity_e9;
    gate_.count_order(id, input.time_ns);
    append(sink, input.time_ns, id,
           Intent{slot.id, input.sequence, request.side == Side::buy ? quote.buy_e9() : quote.sell_e9(),
                  request.quantity_e9, request.side, OrderKind::market, request.strategy, 0});
    tell_standing(input, id, sink);
    return true;
  }

  template <EventSink Sink>
  void on_fill(const Event& input, Sink& sink) noexcept {
    const auto fill = input.as<Fill>();
    Order* const order = find_order(fill.client_order_id, input.instrument);
    Book& book = books_[order != nullptr ? input.instrument : 0];
    if (order == nullptr || fill.side != order->side ||
        !book.holding.fill(fill.side, fill.price_e9, fill.quantity_e9, fill.commission_e9)) {
      ++unknown_fills_;
      return;
    }
    release(*order, fill.last != 0 ? order->open_e9 : fill.quantity_e9);
    append(sink, input.time_ns, input.instrument, book.holding.to_payload());
    tell_standing(input, input.instrument, sink);
  }

  template <EventSink Sink>
  void on_timer(const Event& input, Sink& sink) noexcept {
    market_.on_timer(input.time_ns, kTimerBarOutputs, [&](InstrumentId id, const ClosedBar& bar) {
      books_[id].closed |= bit_of(bar.period);
      append_bar(id, bar, input.time_ns, sink);
    });
    if (shadow_ != nullptr) look_at_shadow();
    if (flattening_) flatten(input, sink);
  }

  template <EventSink Sink>
  void on_report(const Event& input, Sink& sink) noexcept {
    if (take_report(input)) tell_standing(input, input.instrument, sink);
  }

  template <EventSink Sink>
  void on_session(const Event& input, Sink& sink) noexcept {
    take_session(input);
    tell_latches(input, sink);
  }

  template <EventSink Sink>
  void restore(const Event& input, Sink& sink) noexcept {
    if (!market_.is_enabled(input.instrument)) return;
    // What nobody can have held is not traded on: the position is unknown.
    if (!books_[input.instrument].holding.restore(input.as<Position>())) gate_.kill();
    tell_standing(input, input.instrument, sink);
    tell_latches(input, sink);
  }

  template <class Sink>
  void tell_standing(const Event& input, InstrumentId id, Sink& sink) const noexcept {
    if constexpr (RiskSink<Sink>) sink.stands(id, standing(id), input.time_ns);
  }
  template <class Sink>
  void tell_latches(const Event& input, Sink& sink) const noexcept {
    if constexpr (RiskSink<Sink>) sink.latched(latches(), input.time_ns);
  }

  template <EventSink Sink>
  void on_command(const Event& input, Sink& sink) noexcept {
    switch (input.as<Command>().kind) {
      case CommandKind::pause: gate_.pause(); break;
      case CommandKind::resume:
        gate_.resume();
        flattening_ = false;
        break;
      case CommandKind::kill:
        gate_.kill();
        flattening_ = false;  // a reset does not take up orders that were meant before the kill
        break;
      case CommandKind::reset_kill: gate_.reset_kill(); break;
      case CommandKind::flatten:  // no new risk, then close at market, a few positions an input
        gate_.pause();
        flattening_ = true;
        flatten(input, sink);
        break;
      case CommandKind::none: break;
    }
    tell_latches(input, sink);
  }

  // Goes on at each timer until nothing is held and nothing works; a refused order (a stale quote, say) is tried again. The cursor goes
  // round, so that positions which cannot be closed do not keep others open.
  template <EventSink Sink>
  void flatten(const Event& input, Sink& sink) noexcept {
    bool all_flat = true;
    std::size_t ordered = 0;
    for (std::size_t seen = 0; seen < books_.size() && ordered < kFlattenPerInput; ++seen) {
      const auto id = static_cast<InstrumentId>(flatten_next_);
      flatten_next_ = flatten_next_ + 1 == books_.size() ? 0 : flatten_next_ + 1;
      const Exposure exposure = books_[id].exposure();
      if (exposure.is_flat()) continue;
      all_flat = false;
      if (exposure.is_working()) continue;  // an order beside the one in flight could overshoot
      const std::int64_t held_e9 = exposure.position_e9;
      const std::int64_t largest_e9 = gate_.largest_order_e9(id);
      // Without a limit the whole is asked for, and the refusal names the rule.
      const std::int64_t part_e9 = largest_e9 > 0 ? std::clamp(-held_e9, -largest_e9, largest_e9) : -held_e9;
      order(input, id, part_e9, StrategyId::operator_command, sink);
      ++ordered;
    }
    flattening_ = !all_flat;
    if (all_flat) tell_latches(input, sink);
  }

  // True where an order in flight was meant.
  bool take_report(const Event& input) noexcept;
  void take_session(const Event& input) noexcept;
  // The order in flight that an answer names; null where there is none of that instrument.
  Order* find_order(std::uint64_t order_id, InstrumentId id) noexcept;
  // Takes up to `quantity_e9` of an order off the working quantities.
  void release(Order& order, std::int64_t quantity_e9) noexcept;

  template <EventSink Sink>
  static void append_bar(InstrumentId id, const ClosedBar& bar, std::int64_t time_ns, Sink& sink) noexcept {
    for (const auto& [side, prices] : {std::pair{QuoteSide::bid, &bar.bid}, std::pair{QuoteSide::ask, &bar.ask}}) {
      append(sink, time_ns, id,
             Bar{prices->open_e9, prices->high_e9, prices->low_e9, prices->close_e9, bar.end_s,
                 Bar::pack(bar.ticks, static_cast<unsigned>(bar.period), side)});
    }
  }

  template <EventSink Sink>
  static void append_regime(const Event& input, const RegimeChange& change, Sink& sink) noexcept {
    append(sink, input.time_ns, input.instrument, to_payload(change, input.sequence));
  }

  // An output carries its cause's time.
  template <EventSink Sink, EventPayload P>
  TT_HOT static void append(Sink& sink, std::int64_t time_ns, InstrumentId id, const P& payload) noexcept {
    Event event = Event::make(time_ns, id, payload, kFlagOutput);
    sink.append(event);
  }

  const Settings* settings_;
  const InstrumentTable* instruments_;
  std::optional<Predictor> first_;  // in slot 0 until another one is placed there
  std::array<Predictor*, kModelSlots> slots_{};
  Predictor* live_ = nullptr;  // of slot_
  Predictor* shadow_ = nullptr;
  std::uint16_t slot_ = 0;
  bool shadow_is_warm_ = false;
  bool tells_regimes_ = false;  // a model in force has had a regime
  MarketState market_;
  RiskGate gate_;
  std::vector<Book> books_;
  std::vector<Order> orders_;
  StrategyKind kind_;
  double entry_;
  double exit_;
  double commission_bp_;  // of one side, in basis points of notional
  std::int64_t cooldown_ns_;
  std::uint64_t epoch_;
  std::uint64_t order_counter_ = 0;
  std::uint64_t unknown_fills_ = 0;
  std::uint64_t unknown_models_ = 0;
  std::size_t flatten_next_ = 0;
  bool flattening_ = false;
};

}  // namespace thintail
