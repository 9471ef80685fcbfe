// SPDX-License-Identifier: Apache-2.0
// The members of every payload, by name and form, in order of declaration: the one list that JSON and comparison go by.
//   path  cold
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "core/event/payloads.hpp"

namespace thintail::fields {

// How a member is written. The number that it is in memory decides only whether two events differ.
struct Decimal {};  // i64 in 1e-9: an exact decimal, as a string
struct Money {};  // i128 in 1e-18, as two words: an exact decimal, as a string
struct Ns {};  // i64 beyond 2^53, which a JSON reader may hold in a double: a string
struct Id {};  // u64 likewise
struct Number {};  // any integer that stays below 2^53
struct Real {};  // f32, shortest form that reads back the same; null where not finite
struct Hex {};  // digests
struct Text {};  // bytes of text, padded with zeros
struct PackedBar {};  // Bar::ticks_period
struct Reserved {};  // zero, and then left out
struct Choice {  // an enum by name; by number where it has none
  std::span<const std::string_view> names;
};

inline constexpr std::string_view kSides[] = {"none", "buy", "sell"};
inline constexpr std::string_view kQuoteSides[] = {"bid", "ask", "mid"};
inline constexpr std::string_view kPredictionStates[] = {"valid", "warming_up", "not_finite"};
inline constexpr std::string_view kOrderKinds[] = {"market", "limit", "cancel"};
inline constexpr std::string_view kOrderStates[] = {"", "accepted", "cancelled", "refused", "expired"};
inline constexpr std::string_view kCommandKinds[] = {"none", "pause", "resume", "flatten", "kill", "reset_kill"};
inline constexpr std::string_view kModelStages[] = {"live", "shadow"};
inline constexpr std::string_view kSessionStates[] = {
    "", "started", "stopping", "journal_lagging", "journal_caught_up", "input_ended"};

// visit(payload, v) calls v(name, form, members...) once for each field; money alone has two members.
template <class V>
void visit(const Tick& p, V& v) {
  v("bid", Decimal{}, p.bid_e9);
  v("ask", Decimal{}, p.ask_e9);
  v("bid_size", Real{}, p.bid_size);
  v("ask_size", Real{}, p.ask_size);
  v("venue_ns", Ns{}, p.venue_ns);
  v("source_sequence", Number{}, p.source_sequence);
}

template <class V>
void visit(const Trade& p, V& v) {
  v("price", Decimal{}, p.price_e9);
  v("venue_ns", Ns{}, p.venue_ns);
  v("source_sequence", Number{}, p.source_sequence);
  v("size", Real{}, p.size);
  v("aggressor", Choice{kSides}, p.aggressor);
  v("reserved", Reserved{}, p.reserved);
}

template <class V>
void visit(const Book& p, V& v) {
  v("price", Decimal{}, p.price_e9);
  v("venue_ns", Ns{}, p.venue_ns);
  v("source_sequence", Number{}, p.source_sequence);
  v("size", Real{}, p.size);
  v("side", Choice{kSides}, p.side);
  v("reserved", Reserved{}, p.reserved);
  v("previous_sequence", Number{}, p.previous_sequence);
}

template <class V>
void visit(const Bar& p, V& v) {
  v("open", Decimal{}, p.open_e9);
  v("high", Decimal{}, p.high_e9);
  v("low", Decimal{}, p.low_e9);
  v("close", Decimal{}, p.close_e9);
  v("end_s", Number{}, p.end_s);
  v("ticks_period", PackedBar{}, p.ticks_period);
}

template <class V>
void visit(const Prediction& p, V& v) {
  v("cause", Number{}, p.cause);
  v("feature_digest", Hex{}, p.feature_digest);
  v("score", Real{}, p.score);
  v("cost", Real{}, p.cost);
  v("defined_lanes", Number{}, p.defined_lanes);
  v("model_slot", Number{}, p.model_slot);
  v("state", Choice{kPredictionStates}, p.state);
  v("reserved", Reserved{}, p.reserved);
}

template <class V>
void visit(const Regime& p, V& v) {
  v("cause", Number{}, p.cause);
  v("from", Number{}, p.from);
  v("to", Number{}, p.to);
  v("probability", Real{}, p.probability);
  v("reserved", Reserved{}, p.reserved);
}

template <class V>
void visit(const Signal& p, V& v) {
  v("cause", Number{}, p.cause);
  v("target", Decimal{}, p.target_e9);
  v("position", Decimal{}, p.position_e9);
  v("score", Real{}, p.score);
  v("cost", Real{}, p.cost);
  v("strategy", Number{}, p.strategy);
  v("reason", Number{}, p.reason);
  v("reserved", Reserved{}, p.reserved);
}

template <class V>
void visit(const Intent& p, V& v) {
  v("client_order_id", Id{}, p.client_order_id);
  v("cause", Number{}, p.cause);
  v("price", Decimal{}, p.price_e9);
  v("quantity", Decimal{}, p.quantity_e9);
  v("side", Choice{kSides}, p.side);
  v("kind", Choice{kOrderKinds}, p.kind);
  v("strategy", Number{}, p.strategy);
  v("reserved", Reserved{}, p.reserved);
}

template <class V>
void visit(const Reject& p, V& v) {
  v("cause", Number{}, p.cause);
  v("limit", Id{}, p.limit);
  v("observed", Id{}, p.observed);
  v("quantity", Decimal{}, p.quantity_e9);
  v("rule", Number{}, p.rule);
  v("strategy", Number{}, p.strategy);
  v("reserved", Reserved{}, p.reserved);
}

template <class V>
void visit(const Report& p, V& v) {
  v("client_order_id", Id{}, p.client_order_id);
  v("price", Decimal{}, p.price_e9);
  v("quantity", Decimal{}, p.quantity_e9);
  v("venue_ns", Ns{}, p.venue_ns);
  v("state", Choice{kOrderStates}, p.state);
  v("reason", Number{}, p.reason);
  v("reserved", Reserved{}, p.reserved);
}

template <class V>
void visit(const Fill& p, V& v) {
  v("client_order_id", Id{}, p.client_order_id);
  v("price", Decimal{}, p.price_e9);
  v("quantity", Decimal{}, p.quantity_e9);
  v("commission", Decimal{}, p.commission_e9);
  v("side", Choice{kSides}, p.side);
  v("last", Number{}, p.last);
  v("strategy", Number{}, p.strategy);
  v("number", Number{}, p.number);
}

template <class V>
void visit(const Position& p, V& v) {
  v("quantity", Decimal{}, p.quantity_e9);
  v("cost", Money{}, p.cost_low, p.cost_high);
  v("realised", Money{}, p.realised_low, p.realised_high);
}

template <class V>
void visit(const Command& p, V& v) {
  v("command_id", Id{}, p.command_id);
  v("kind", Choice{kCommandKinds}, p.kind);
  v("actor", Number{}, p.actor);
  v("reserved0", Reserved{}, p.reserved0);
  v("reserved", Reserved{}, p.reserved);
}

template <class V>
void visit(const Model& p, V& v) {
  v("slot", Number{}, p.slot);
  v("stage", Choice{kModelStages}, p.stage);
  v("version", Number{}, p.version);
  v("sha256", Hex{}, p.sha256);
}

template <class V>
void visit(const InstrumentRow& p, V& v) {
  v("tick_size", Decimal{}, p.tick_size_e9);
  v("lot_step", Decimal{}, p.lot_step_e9);
  v("contract_size", Decimal{}, p.contract_size_e9);
  v("name_bytes", Number{}, p.name_bytes);
  v("calendar", Number{}, p.calendar);
  v("digits", Number{}, p.digits);
  v("enabled", Number{}, p.enabled);
  v("reserved", Reserved{}, p.reserved);
}

template <class V>
void visit(const ConfigText& p, V& v) {
  v("text_bytes", Number{}, p.text_bytes);
  v("reserved", Reserved{}, p.reserved);
  v("sha256", Hex{}, p.sha256);
}

template <class V>
void visit(const Session& p, V& v) {
  v("state", Choice{kSessionStates}, p.state);
  v("reserved0", Reserved{}, p.reserved0);
  v("epoch", Number{}, p.epoch);
  v("detail", Id{}, p.detail);
  v("reserved", Reserved{}, p.reserved);
}

template <class V>
void visit(const Timer& p, V& v) {
  v("second_s", Number{}, p.second_s);
  v("reserved", Reserved{}, p.reserved);
}

template <class V>
void visit(const Gap& p, V& v) {
  v("count", Number{}, p.count);
  v("first_sequence", Number{}, p.first_sequence);
  v("reserved", Reserved{}, p.reserved);
}

template <class V>
void visit(const Continuation& p, V& v) {
  v("text", Text{}, p.text);
}

template <class... P>
struct PayloadList {
  static_assert(sizeof...(P) + 1 == kEventTypeCount, "every type but `none` has a payload");

  // Calls `use` with the payload of `event`; false where its type is none of ours.
  template <class Use>
  static bool with_payload(const Event& event, Use&& use) {
    return ((event.type == P::kType && (use(event.as<P>()), true)) || ...);
  }
};
using Payloads = PayloadList<Tick, Trade, Book, Bar, Prediction, Regime, Signal, Intent, Reject, Report, Fill, Position,
                             Command, Model, InstrumentRow, ConfigText, Session, Timer, Gap, Continuation>;

}  // namespace thintail::fields
