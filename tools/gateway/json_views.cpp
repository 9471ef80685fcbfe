// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/json_views.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <iterator>
#include <set>

#include "core/base/hash.hpp"
#include "core/price/decimal.hpp"
#include "core/time/calendar.hpp"
#include "tools/report/report_text.hpp"

namespace thintail::gateway {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kDayNs = 86'400 * kSecondNs;
constexpr std::size_t kSparkPoints = 32;
constexpr std::int64_t kQuietNs = 10 * kSecondNs;

constexpr std::array<std::string_view, 4> kStrategies = {"none", "fade_last_move", "model_edge", "operator_command"};
constexpr std::array<std::string_view, 6> kReasons = {"hold", "enter", "exit", "reverse", "fade", "flatten"};
constexpr std::array<std::string_view, 3> kSides = {"flat", "buy", "sell"};
constexpr std::array<std::string_view, 6> kCommands = {"none", "pause", "resume", "flatten", "kill", "reset_kill"};

template <std::size_t N>
std::string_view named(const std::array<std::string_view, N>& names, std::size_t value) noexcept {
  return value < N ? names[value] : std::string_view("unknown");
}

std::string json_text(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string price(const InstrumentModel& at, std::int64_t price_e9) { return format_decimal_e9(price_e9, at.digits); }
std::string quantity(std::int64_t quantity_e9) { return format_decimal_e9(quantity_e9); }
std::string money(i128 money_e18) { return format_money_e18(money_e18); }
std::string number(std::uint64_t value) { return fmt::format("{}", value); }

Json real(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }
// A float's shortest text is not a double's: 0.41f must not become 0.40999999.
Json real(float value) {
  if (!std::isfinite(value)) return nullptr;
  return Json::parse(fmt::format("{}", value), nullptr, false);
}

// cost / quantity, with two places more than the instrument's prices have.
std::string average(const InstrumentModel& at, i128 value_e18, std::int64_t quantity_e9) {
  if (quantity_e9 == 0) return {};
  i128 price_e9 = value_e18 / quantity_e9;
  std::int64_t step = 1;
  for (int places = at.digits + 2; places < 9; ++places) step *= 10;
  price_e9 = (price_e9 + (price_e9 < 0 ? -step / 2 : step / 2)) / step * step;
  return format_decimal_e9(static_cast<std::int64_t>(price_e9), at.digits);
}

void put_names(Json& json, const InstrumentModel& at) {
  json["instrument"] = at.name;
  json["symbol"] = at.symbol;
}

const Ohlc& side_of(const BarRow& row, QuoteSide side) noexcept { return side == QuoteSide::ask ? row.ask : row.bid; }

Ohlc prices_of(const BarRow& row, QuoteSide side) noexcept {
  if (side != QuoteSide::mid) return side_of(row, side);
  const auto between = [](std::int64_t a, std::int64_t b) { return a + (b - a) / 2; };
  return {between(row.bid.open_e9, row.ask.open_e9), between(row.bid.high_e9, row.ask.high_e9),
          between(row.bid.low_e9, row.ask.low_e9), between(row.bid.close_e9, row.ask.close_e9)};
}

std::optional<double> change_24h(const InstrumentModel& at) {
  const auto& minutes = at.bars[0];
  if (minutes.empty()) return std::nullopt;
  const std::int64_t from_s = (at.tick.time_ns - kDayNs) / kSecondNs;
  auto before =
      std::ranges::lower_bound(minutes, from_s, {}, [](const BarRow& row) { return std::int64_t{row.end_s}; });
  if (before == minutes.end()) return std::nullopt;
  const std::int64_t then_e9 = before->bid.close_e9;
  if (then_e9 <= 0) return std::nullopt;
  return static_cast<double>(at.tick.bid_e9) / static_cast<double>(then_e9) - 1.0;
}

double seconds_between(const CoreModel& model) {
  if (!model.sample || !model.earlier) return 0.0;
  return static_cast<double>(model.sample->sampled_ns - model.earlier->sampled_ns) / 1e9;
}

double rate(std::uint64_t now, std::uint64_t then, double seconds) {
  return seconds <= 0 || now < then ? 0.0 : static_cast<double>(now - then) / seconds;
}

}  // namespace

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }
std::string ns_text(std::int64_t time_ns) { return fmt::format("{}", time_ns); }
Json ns_or_null(std::int64_t time_ns) { return time_ns == 0 ? Json(nullptr) : Json(ns_text(time_ns)); }

std::string_view order_state_name(OrderStatus status) noexcept {
  static constexpr std::array<std::string_view, 7> kStates = {"sent",      "accepted", "partial", "filled",
                                                              "cancelled", "refused",  "expired"};
  return named(kStates, static_cast<std::size_t>(status));
}
std::string_view log_level_name(LogLevel level) noexcept {
  static constexpr std::array<std::string_view, 3> kLevels = {"info", "warn", "error"};
  return named(kLevels, static_cast<std::size_t>(level));
}

std::string_view command_name(CommandKind kind) noexcept { return named(kCommands, static_cast<std::size_t>(kind)); }
std::optional<CommandKind> command_from_name(std::string_view name) noexcept {
  for (std::size_t i = 1; i < kCommands.size(); ++i) {
    if (kCommands[i] == name) return static_cast<CommandKind>(i);
  }
  return std::nullopt;
}
std::string account_of(std::string_view instance) { return fmt::format("paper:{}", instance); }
std::string_view mode_of(const CoreModel& model) noexcept { return model.simulated ? "replay" : "paper"; }

Json core_json(const CoreModel& model, std::string_view instance, std::int64_t now_ns) {
  Json json;
  json["instance"] = instance;
  json["state"] = name_of(model.standing(now_ns));
  json["stale"] = model.is_stale(now_ns);
  json["mode"] = mode_of(model);
  if (model.sample) {
    json["age_ms"] = std::max<std::int64_t>(0, now_ns - model.heard_ns) / 1'000'000;
    json["epoch"] = model.sample->epoch;
    json["pid"] = model.sample->pid;
  } else {
    json["age_ms"] = nullptr;
    json["epoch"] = model.epoch == 0 ? Json(nullptr) : Json(model.epoch);
    json["pid"] = nullptr;
  }
  json["sequence"] = number(model.sequence);
  json["durable"] = model.sample ? Json(number(model.sample->durable)) : Json(nullptr);
  json["time_ns"] = ns_or_null(model.time_ns);
  json["detail"] = model.absence.empty() ? Json(nullptr) : Json(model.absence);
  return json;
}

Json instrument_json(const CoreModel& model, std::uint32_t index) {
  static constexpr std::array<std::string_view, 3> kCalendars = {"always", "fx", "gold"};
  const InstrumentModel& at = model.instruments[index];
  const bool is_metal = at.base == "XAU" || at.base == "XAG";
  Json json;
  json["id"] = index;
  put_names(json, at);
  json["venue"] = at.venue;
  json["base"] = at.base;
  json["quote"] = at.quote;
  json["digits"] = at.digits;
  json["tick_size"] = format_decimal_e9(at.tick_size_e9);
  json["calendar"] = named(kCalendars, static_cast<std::size_t>(at.calendar));
  json["is_forex"] = is_metal || (is_fiat(at.base) && is_fiat(at.quote));
  json["enabled"] = at.is_current;
  return json;
}

void append_quote(std::string& out, const InstrumentModel& at, const TickRow& tick, bool with_past) {
  const bool is_newest = tick.sequence == at.tick.sequence;
  const bool is_crossed = tick.ask_e9 < tick.bid_e9;
  fmt::format_to(std::back_inserter(out),
                 R"({{"instrument":{},"symbol":{},"bid":"{}","ask":"{}","mid":"{}","spread":"{}",)"
                 R"("bid_e9":"{}","ask_e9":"{}","time_ns":"{}","venue_ns":"{}","ticks":"{}",)",
                 json_text(at.name), json_text(at.symbol), price(at, tick.bid_e9), price(at, tick.ask_e9),
                 format_decimal_e9(tick.bid_e9 + (tick.ask_e9 - tick.bid_e9) / 2, at.digits + 1),
                 price(at, tick.ask_e9 - tick.bid_e9), tick.bid_e9, tick.ask_e9, tick.time_ns, tick.venue_ns,
                 at.ticks_seen);
  if (tick.sequence == 0) {
    out += R"("sequence":null,"source_sequence":null,)";
  } else {
    fmt::format_to(std::back_inserter(out), R"("sequence":"{}","source_sequence":"{}",)", tick.sequence,
                   tick.source_sequence);
  }
  fmt::format_to(std::back_inserter(out), R"("crossed":{},"stale":{},"simulated":{})", is_crossed,
                 is_newest && (at.quote_flags & shm::kQuoteStale) != 0, (at.quote_flags & shm::kQuoteSimulated) != 0);
  if (with_past) {
    const auto change = change_24h(at);
    out += R"(,"change_24h":)";
    if (change && std::isfinite(*change)) {
      fmt::format_to(std::back_inserter(out), "{:.6f}", *change);
    } else {
      out += "null";
    }
    out += R"(,"spark":[)";
    const auto& minutes = at.bars[0];
    const std::size_t first = minutes.size() - std::min(minutes.size(), kSparkPoints);
    for (std::size_t i = first; i < minutes.size(); ++i) {
      fmt::format_to(std::back_inserter(out), R"({}"{}")", i == first ? "" : ",", price(at, minutes[i].bid.close_e9));
    }
    out += ']';
  }
  out += '}';
}

void append_tick(std::string& out, const InstrumentModel& at, const TickRow& row) {
  fmt::format_to(std::back_inserter(out),
                 R"({{"sequence":"{}","time_ns":"{}","venue_ns":"{}","bid":"{}","ask":"{}","source_sequence":"{}"}})",
                 row.sequence, row.time_ns, row.venue_ns, price(at, row.bid_e9), price(at, row.ask_e9),
                 row.source_sequence);
}

void append_bar(std::string& out, const InstrumentModel& at, BarPeriod period, QuoteSide side, const BarRow& row,
                bool is_closed, bool names) {
  const Ohlc prices = prices_of(row, side);
  const std::int64_t end_ns = row.end_s * kSecondNs;
  const std::int64_t start_ns = bar_start_ns(period, end_ns);
  out += '{';
  if (names) {
    fmt::format_to(std::back_inserter(out), R"("instrument":{},"symbol":{},"timeframe":"{}",)", json_text(at.name),
                   json_text(at.symbol), kBarPeriodNames[static_cast<std::size_t>(period)]);
  }
  fmt::format_to(
      std::back_inserter(out),
      R"("start_ns":"{}","end_ns":"{}","open":"{}","high":"{}","low":"{}","close":"{}","ticks":{},"closed":{}}})",
      start_ns, end_ns, price(at, prices.open_e9), price(at, prices.high_e9), price(at, prices.low_e9),
      price(at, prices.close_e9), row.ticks, is_closed);
}

std::int64_t bar_start_ns(BarPeriod period, std::int64_t end_ns) {
  const std::int64_t usual_ns = end_ns - bar_period_seconds(period) * kSecondNs;
  if (period < BarPeriod::h4) return usual_ns;
  // Cut on New York's wall clock: the one with the change of clocks is an hour shorter or longer. It begins where the one before ends.
  const Zone& zone = Zone::new_york();
  constexpr std::int64_t kHourNs = 3'600 * kSecondNs;
  for (const std::int64_t start_ns : {usual_ns, usual_ns + kHourNs, usual_ns - kHourNs}) {
    if (period_end_ns(period, start_ns, zone) == end_ns && period_end_ns(period, start_ns - 1, zone) == start_ns) {
      return start_ns;
    }
  }
  return usual_ns;  // no bar of ours ends there: damage
}

std::optional<BarRow> forming_bar(const InstrumentModel& at, BarPeriod period) {
  const ClosedBar bar = at.forming.forming(period);
  const auto& closed = at.bars[static_cast<std::size_t>(period)];
  if (bar.ticks == 0 || (!closed.empty() && closed.back().end_s >= bar.end_s)) return std::nullopt;
  return BarRow{bar.end_s, bar.ticks, bar.bid, bar.ask, at.bars_changed};
}

Json prediction_json(const CoreModel& model, const InstrumentModel& at, const PredictionRow& row) {
  static constexpr std::array<std::string_view, 3> kStates = {"valid", "warming_up", "not_finite"};
  Json json;
  put_names(json, at);
  json["sequence"] = number(row.sequence);
  json["time_ns"] = ns_text(row.time_ns);
  json["cause"] = number(row.cause);
  json["score"] = real(row.score);
  json["cost"] = real(row.cost);
  json["unit"] = "bp";
  const bool is_clear = row.state == PredictionState::valid && std::abs(row.score) > row.cost;
  json["direction"] = !is_clear ? "flat" : row.score > 0 ? "buy" : "sell";
  json["state"] = named(kStates, static_cast<std::size_t>(row.state));
  json["defined_lanes"] = row.defined_lanes;
  json["model_slot"] = row.slot;
  const ModelRecord* made_by = model.model_of(row);
  const std::int64_t horizon_ns = made_by != nullptr && made_by->facts ? made_by->facts->horizon_ns : 0;
  json["model_sha256"] = made_by == nullptr ? Json(nullptr) : Json(to_hex(made_by->digest));
  json["model_reason"] = model_reason(made_by);
  json["horizon_ns"] = ns_or_null(horizon_ns);
  json["mid"] = fmt::format("{:.{}f}", row.mid, at.digits + 1);
  json["realised"] = row.realised ? real(*row.realised) : Json(nullptr);
  const bool is_judged = row.realised && row.state == PredictionState::valid;
  const bool is_flat = is_judged && (*row.realised == 0.0 || row.score == 0.0f);
  // Of a horizon beyond what is kept there is no outcome to wait for.
  const bool is_kept = horizon_ns / kSecondNs <= static_cast<std::int64_t>(model.limits.predictions_most);
  if (horizon_ns == 0 || row.state != PredictionState::valid || (!is_kept && !is_judged)) {
    json["outcome"] = nullptr;
  } else {
    json["outcome"] = !is_judged                               ? "pending"
                      : is_flat                                ? "flat"
                      : (*row.realised > 0) == (row.score > 0) ? "right"
                                                               : "wrong";
  }
  json["due_ns"] = horizon_ns == 0 ? Json(nullptr) : Json(ns_text(row.time_ns + horizon_ns));
  return json;
}

namespace {

// What the gate compared, in the unit of its rule; null where the rule compares nothing.
Json veto_json(const InstrumentModel& at, const Reject& reject) {
  const auto rule = static_cast<RiskRule>(reject.rule);
  Json json = {{"rule", risk_rule_name(rule)}, {"limit", nullptr}, {"observed", nullptr}, {"unit", nullptr}};
  const auto put = [&](std::string limit, std::string observed, const char* unit) {
    json["limit"] = std::move(limit);
    json["observed"] = std::move(observed);
    json["unit"] = unit;
  };
  const std::string limit = fmt::format("{}", reject.limit);
  const std::string observed = fmt::format("{}", reject.observed);
  switch (rule) {
    case RiskRule::stale_quote: put(limit, observed, "ns"); break;
    case RiskRule::crossed_quote: put(price(at, reject.limit), price(at, reject.observed), "bid, ask"); break;
    case RiskRule::lot_step:
    case RiskRule::max_order_quantity:
    case RiskRule::max_position: put(quantity(reject.limit), quantity(reject.observed), "base"); break;
    case RiskRule::throttle: put(limit, observed, "orders/s, ns since the oldest of that many"); break;
    case RiskRule::open_orders: put(limit, observed, "orders"); break;
    default: break;
  }
  return json;
}

}  // namespace

Json signal_json(const CoreModel& model, const SignalRow& row) {
  static constexpr std::array<std::string_view, 3> kOutcomes = {"none", "intent", "rejected"};
  const InstrumentModel& at = model.instruments[row.instrument];
  Json json;
  json["sequence"] = number(row.sequence);
  json["time_ns"] = ns_text(row.time_ns);
  put_names(json, at);
  json["strategy"] = named(kStrategies, row.signal.strategy);
  json["reason"] = named(kReasons, row.signal.reason);
  json["score"] = real(row.signal.score);
  json["cost"] = real(row.signal.cost);
  json["target"] = quantity(row.signal.target_e9);
  json["position"] = quantity(row.signal.position_e9);
  const Side wanted = row.signal.target_e9 > row.signal.position_e9 ? Side::buy : Side::sell;
  json["side"] = named(kSides, static_cast<std::size_t>(row.side == Side::none ? wanted : row.side));
  const bool is_intent = row.outcome == SignalOutcome::intent;
  json["price"] = is_intent ? Json(price(at, row.price_e9)) : Json(nullptr);
  json["outcome"] = named(kOutcomes, static_cast<std::size_t>(row.outcome));
  json["client_order_id"] = is_intent ? Json(number(row.client_order_id)) : Json(nullptr);
  json["veto"] = nullptr;
  if (row.outcome == SignalOutcome::rejected) {
    json["veto"] = veto_json(at, row.reject);
  }
  return json;
}

Json order_json(const CoreModel& model, const OrderRow& row) {
  static constexpr std::array<std::string_view, 3> kKinds = {"market", "limit", "cancel"};
  const InstrumentModel& at = model.instruments[row.instrument];
  Json json;
  json["client_order_id"] = number(row.id);
  json["sequence"] = number(row.sequence);
  json["time_ns"] = ns_text(row.time_ns);
  json["updated_ns"] = ns_text(row.updated_ns);
  put_names(json, at);
  json["side"] = named(kSides, static_cast<std::size_t>(row.intent.side));
  json["kind"] = named(kKinds, static_cast<std::size_t>(row.intent.kind));
  json["quantity"] = quantity(row.intent.quantity_e9);
  json["filled"] = quantity(row.filled_e9);
  json["price"] = price(at, row.intent.price_e9);
  json["average_price"] = row.filled_e9 == 0 ? Json(nullptr) : Json(average(at, row.value_e18, row.filled_e9));
  json["commission"] = money(static_cast<i128>(row.commission_e9) * kE9);
  json["currency"] = at.quote;
  json["strategy"] = named(kStrategies, row.intent.strategy);
  json["state"] = order_state_name(row.status);
  json["reason"] = row.reason == 0 ? Json(nullptr) : Json(fmt::format("{}", row.reason));
  return json;
}

Json fill_json(const CoreModel& model, const FillRow& row) {
  const InstrumentModel& at = model.instruments[row.instrument];
  Json json;
  json["sequence"] = number(row.sequence);
  json["time_ns"] = ns_text(row.time_ns);
  json["client_order_id"] = number(row.fill.client_order_id);
  put_names(json, at);
  json["side"] = named(kSides, static_cast<std::size_t>(row.fill.side));
  json["quantity"] = quantity(row.fill.quantity_e9);
  json["price"] = price(at, row.fill.price_e9);
  json["commission"] = money(static_cast<i128>(row.fill.commission_e9) * kE9);
  json["currency"] = at.quote;
  json["strategy"] = named(kStrategies, row.fill.strategy);
  json["slippage"] = row.slippage_e9 ? Json(price(at, *row.slippage_e9)) : Json(nullptr);
  json["last"] = row.fill.last != 0;
  json["durable"] = model.sample && row.sequence <= model.sample->durable;
  return json;
}

Json trade_json(const CoreModel& model, const TradeRow& row) {
  const InstrumentModel& at = model.instruments[row.instrument];
  // Without a quote an open one is worth what was paid for it.
  const auto paid_e9 = static_cast<std::int64_t>(row.entered_e9 == 0 ? 0 : row.entry_e18 / row.entered_e9);
  const std::int64_t touch_e9 = !row.is_open() ? 0 : at.has_quote ? at.touch_e9(row.side == Side::buy) : paid_e9;
  Json json;
  json["id"] = number(row.id);
  put_names(json, at);
  json["side"] = named(kSides, static_cast<std::size_t>(row.side));
  json["quantity"] = quantity(row.quantity_max_e9);
  json["open_ns"] = ns_text(row.open_ns);
  json["close_ns"] = ns_or_null(row.close_ns);
  json["entry"] = average(at, row.entry_e18, row.entered_e9);
  json["exit"] = row.is_open() ? Json(nullptr) : Json(average(at, row.exit_e18, row.left_e9));
  json["pnl"] = money(row.pnl_e18(touch_e9));
  json["commission"] = money(static_cast<i128>(row.commission_e9) * kE9);
  json["currency"] = at.quote;
  json["mae"] = money(row.worst_e18);
  json["mfe"] = money(row.best_e18);
  json["duration_ns"] = ns_text((row.is_open() ? std::max(model.time_ns, row.open_ns) : row.close_ns) - row.open_ns);
  json["strategy"] = named(kStrategies, row.strategy);
  json["reason"] = row.is_open() ? Json(nullptr) : Json(named(kReasons, row.reason));
  json["open"] = row.is_open();
  json["score"] = real(row.score);
  return json;
}

std::string trades_csv(const CoreModel& model, const std::vector<TradeRow>& rows) {
  // A cell that a spreadsheet would take for a formula is text behind a quote mark; numbers are left alone.
  const auto cell = [](const Json& value) {
    if (value.is_null()) return std::string();
    std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    double parsed = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), parsed);
    const bool is_number = fault == std::errc{} && end == text.data() + text.size();
    if (!text.empty() && !is_number && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos) {
      text.insert(text.begin(), '\'');
    }
    if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
    std::string out = "\"";
    for (const char c : text) {
      if (c == '"') out += '"';
      out += c;
    }
    return out + '"';
  };
  std::string out =
      "id,instrument,symbol,side,quantity,open_ns,close_ns,entry,exit,pnl,commission,currency,mae,mfe,duration_ns,"
      "strategy,reason,open,score\r\n";
  for (const TradeRow& row : rows) {
    const Json json = trade_json(model, row);
    bool is_first = true;
    for (const auto& [key, value] : json.items()) {
      if (!is_first) out += ',';
      is_first = false;
      out += cell(value);
    }
    out += "\r\n";
  }
  return out;
}

Json trades_summary(const CoreModel& model, const std::vector<TradeRow>& rows) {
  struct Sum {
    i128 pnl = 0, commission = 0, best = 0, worst = 0, gained = 0, lost = 0;
    std::int64_t count = 0;
  };
  std::map<std::string, Sum> sums;
  std::uint64_t wins = 0;
  std::uint64_t count = 0;
  for (const TradeRow& row : rows) {
    if (row.is_open()) continue;
    const i128 pnl = row.pnl_e18(0);
    Sum& sum = sums[model.instruments[row.instrument].quote];
    sum.best = sum.count == 0 ? pnl : std::max(sum.best, pnl);
    sum.worst = sum.count == 0 ? pnl : std::min(sum.worst, pnl);
    sum.pnl += pnl;
    sum.commission += static_cast<i128>(row.commission_e9) * kE9;
    (pnl > 0 ? sum.gained : sum.lost) += pnl;
    ++sum.count;
    ++count;
    wins += pnl > 0 ? 1 : 0;
  }
  Json list = Json::array();
  for (const auto& [currency, sum] : sums) {
    Json row;
    row["currency"] = currency;
    row["pnl"] = money(sum.pnl);
    row["commission"] = money(sum.commission);
    row["best"] = money(sum.best);
    row["worst"] = money(sum.worst);
    row["average"] = money(sum.pnl / sum.count);
    row["profit_factor"] =
        sum.lost == 0 ? Json(nullptr) : real(static_cast<double>(sum.gained) / -static_cast<double>(sum.lost));
    list.push_back(std::move(row));
  }
  return {{"count", count},
          {"wins", wins},
          {"win_rate", count == 0 ? Json(nullptr) : Json(static_cast<double>(wins) / static_cast<double>(count))},
          {"currencies", std::move(list)}};
}

Json position_json(const CoreModel& model, std::uint32_t index) {
  const InstrumentModel& at = model.instruments[index];
  const std::int64_t held_e9 = at.holding.quantity_e9();
  Json json;
  put_names(json, at);
  json["quantity"] = quantity(held_e9);
  json["side"] = held_e9 == 0 ? "flat" : held_e9 > 0 ? "buy" : "sell";
  json["average_price"] = held_e9 == 0 ? Json(nullptr) : Json(average(at, at.holding.cost_e18(), held_e9));
  json["bid"] = at.has_quote ? Json(price(at, at.tick.bid_e9)) : Json(nullptr);
  json["ask"] = at.has_quote ? Json(price(at, at.tick.ask_e9)) : Json(nullptr);
  json["currency"] = at.quote;
  json["realised"] = money(at.holding.realised_e18());
  json["unrealised"] = at.has_quote || held_e9 == 0 ? Json(money(at.unrealised_e18())) : Json(nullptr);
  json["time_ns"] = ns_text(at.position_ns);
  json["durable"] = model.sample && at.position_sequence <= model.sample->durable;
  return json;
}

Json regime_json(const RegimeRow& row) {
  return {{"state", row.state},
          {"from", row.from},
          {"probability", real(row.probability)},
          {"start_ns", ns_text(row.start_ns)},
          {"end_ns", ns_or_null(row.end_ns)}};
}

Json point_json(const MoneyPoint& point) {
  return {{"time_ns", ns_text(point.time_ns)},
          {"realised", money(point.realised_e18)},
          {"unrealised", money(point.unrealised_e18)},
          {"equity", money(point.equity_e18())},
          {"drawdown", money(point.drawdown_e18)}};
}

Json money_json(const CurrencyMoney& row, const std::string& currency) {
  Json json = {{"currency", currency}};
  json.update(point_json(row.now));
  return json;
}

Json currencies_json(const CoreModel& model) {
  std::map<std::string, i128> exposures;
  for (const InstrumentModel& at : model.instruments) {
    if (!at.has_position || !at.has_quote) continue;
    const std::int64_t mid_e9 = at.tick.bid_e9 + (at.tick.ask_e9 - at.tick.bid_e9) / 2;
    const i128 exposure = static_cast<i128>(at.holding.quantity_e9()) * mid_e9;
    exposures[at.quote] += exposure < 0 ? -exposure : exposure;
  }
  Json list = Json::array();
  for (const auto& [currency, row] : model.money) {
    list.push_back({{"currency", currency},
                    {"realised", money(row.now.realised_e18)},
                    {"unrealised", money(row.now.unrealised_e18)},
                    {"pnl", money(row.now.equity_e18())},
                    {"commission", money(row.commission_e18)},
                    {"today", money(row.now.equity_e18() - row.day_start_e18)},
                    {"max_drawdown", money(row.drawdown_max_e18)},
                    {"exposure", money(exposures[currency])}});
  }
  return list;
}

std::string session_day(const CoreModel& model) {
  // It ends at 17:00 New York, which is the same date in UTC.
  return model.session_end_ns == 0 ? std::string() : utc_text(model.session_end_ns).substr(0, 10);
}

Json command_json(const CoreModel& model, const CommandRow& row) {
  return {{"command_id", number(row.command.command_id)},
          {"command", command_name(row.command.kind)},
          {"state", "applied"},
          {"sequence", number(row.sequence)},
          {"time_ns", ns_text(row.time_ns)},
          {"durable", model.sample && row.sequence <= model.sample->durable},
          {"actor", row.command.actor},
          {"by", nullptr},
          {"remote", nullptr}};
}

Json log_json(const CoreModel& model, const LogRow& row) {
  return {{"sequence", number(row.sequence)},
          {"time_ns", ns_text(row.time_ns)},
          {"level", log_level_name(row.level)},
          {"type", row.type},
          {"text", printable(row.text, 400)},
          {"instrument", row.instrument ? Json(model.instruments[*row.instrument].name) : Json(nullptr)}};
}

Json gate_json(const CoreModel& model, bool has_latch_file) {
  const shm::GateRow gate = model.sample ? model.sample->gate : shm::GateRow{};
  Json rules = Json::object();
  for (const auto& [rule, count] : model.rejects_by_rule) {
    rules[std::string(risk_rule_name(static_cast<RiskRule>(rule)))] = count;
  }
  Json last = nullptr;
  if (gate.last_reject_ns != 0) {
    last = Json{{"rule", risk_rule_name(static_cast<RiskRule>(gate.last_rule))},
                {"time_ns", ns_text(gate.last_reject_ns)}};
  }
  return {{"killed", (gate.flags & shm::kGateKilled) != 0 || has_latch_file},
          {"paused", (gate.flags & shm::kGatePaused) != 0},
          {"flattening", (gate.flags & shm::kGateFlattening) != 0},
          {"journal_lagging", (gate.flags & shm::kGateJournalLagging) != 0},
          {"latch_file", has_latch_file},
          {"intents", number(gate.intents)},
          {"rejects", number(gate.rejects)},
          {"last_reject", std::move(last)},
          {"rejects_by_rule", std::move(rules)}};
}

Json risk_json(const CoreModel& model, std::uint32_t index) {
  const InstrumentModel& at = model.instruments[index];
  Json json;
  put_names(json, at);
  const RiskStanding standing = at.risk ? at.risk->standing : RiskStanding{{}, -1, -1, -1, -1, 0, 0};
  const i128 worst = at.risk ? at.risk->worst_e9() : 0;
  const auto bounded = saturated(worst);
  json["position"] = quantity(standing.exposure.position_e9);
  json["working_buy"] = quantity(standing.exposure.working_buy_e9);
  json["working_sell"] = quantity(standing.exposure.working_sell_e9);
  json["worst"] = quantity(bounded);
  Json limits = Json::array();
  const auto add = [&](std::string_view rule, std::int64_t limit, std::optional<std::int64_t> used,
                       std::string_view unit, bool is_quantity) {
    const auto text = [&](std::int64_t value) { return is_quantity ? quantity(value) : fmt::format("{}", value); };
    Json row = {{"rule", rule}};
    row["limit"] = limit < 0 ? Json(nullptr) : Json(text(limit));
    row["used"] = used ? Json(text(*used)) : Json(nullptr);
    row["share"] = nullptr;
    row["distance"] = nullptr;
    if (limit >= 0 && used) {
      row["share"] = limit == 0 ? 1.0 : static_cast<double>(*used) / static_cast<double>(limit);
      row["distance"] = text(limit - std::min(limit, *used));
    }
    row["unit"] = unit;
    limits.push_back(std::move(row));
  };
  add("max_position", standing.max_position_e9, bounded, "base", true);
  add("max_order_quantity", standing.max_order_quantity_e9, std::nullopt, "base", true);
  const std::optional<std::int64_t> age =
      at.has_quote ? std::optional(std::max<std::int64_t>(0, model.time_ns - at.tick.time_ns)) : std::nullopt;
  add("stale_quote", standing.max_quote_age_ns, age, "ns", false);
  add("throttle", standing.max_orders_per_second, standing.orders_in_second, "orders/s", false);
  json["limits"] = std::move(limits);
  return json;
}

Json model_reason(const ModelRecord* model) {
  if (model == nullptr) return "the event that named it was never seen";
  if (model->facts) return nullptr;
  return model->why_unknown.empty() ? Json("its pack is being loaded") : Json(printable(model->why_unknown, 400));
}

Json models_json(const CoreModel& model) {
  static constexpr std::array<std::string_view, 4> kStates = {"absent", "active", "shadow", "retired"};
  static constexpr std::array<std::string_view, 4> kRoles = {"none", "champion", "challenger", "retired"};
  Json items = Json::array();
  if (!model.sample) return items;
  for (const ModelSample& slot : model.sample->models) {
    const ModelRecord* known = model.model_of(slot.digest);
    const ModelFacts* facts = known == nullptr ? nullptr : known->facts.get();
    const auto text = [&](std::string ModelFacts::* member) {
      return facts == nullptr || (facts->*member).empty() ? Json(nullptr) : Json(facts->*member);
    };
    Json json;
    json["slot"] = slot.slot;
    json["state"] = named(kStates, static_cast<std::size_t>(slot.state));
    json["role"] = named(kRoles, static_cast<std::size_t>(slot.state));
    json["version"] = slot.version;
    json["sha256"] = to_hex(slot.digest);
    json["since_ns"] = ns_or_null(slot.since_ns);
    json["reason"] = model_reason(known);
    json["name"] = text(&ModelFacts::name);
    json["feature_set"] = text(&ModelFacts::feature_set);
    json["label"] = text(&ModelFacts::label);
    json["horizon_ns"] = facts == nullptr ? Json(nullptr) : ns_or_null(facts->horizon_ns);
    json["kind"] = text(&ModelFacts::kind);
    json["trees"] = facts != nullptr && facts->trees != 0 ? Json(facts->trees) : Json(nullptr);
    json["trained_on"] = text(&ModelFacts::trained_on);
    // What a slot said before this model came into it was another's.
    const bool has_last = slot.last && slot.last->time_ns >= slot.since_ns;
    json["last_score"] = has_last ? real(slot.last->score) : Json(nullptr);
    json["last_ns"] = has_last ? Json(ns_text(slot.last->time_ns)) : Json(nullptr);
    json["last_state"] = !has_last                                         ? Json(nullptr)
                         : slot.last->state == PredictionState::valid      ? Json("valid")
                         : slot.last->state == PredictionState::warming_up ? Json("warming_up")
                                                                           : Json("not_finite");
    const bool is_judged = known != nullptr && known->judged.judged != 0;
    json["predictions"] = known == nullptr ? Json(nullptr) : Json(number(known->predictions));
    json["hit_rate"] = is_judged
                           ? Json(static_cast<double>(known->judged.right) / static_cast<double>(known->judged.judged))
                           : Json(nullptr);
    items.push_back(std::move(json));
  }
  return items;
}

Json stage_json(const StageHistory& stage, bool with_buckets) {
  const HistogramSnapshot& run = stage.run;
  Json json = {{"stage", stage.name},
               {"count", number(run.count)},
               {"mean_ns", std::round(run.mean_ns())},
               {"p50_ns", run.percentile_ns(50)},
               {"p90_ns", run.percentile_ns(90)},
               {"p99_ns", run.percentile_ns(99)},
               {"p999_ns", run.percentile_ns(99.9)},
               {"max_ns", run.max_ns}};
  if (!with_buckets) return json;
  Json buckets = Json::array();
  for (const auto& [le_ns, count] : powers_of_two(run)) buckets.push_back({{"le_ns", le_ns}, {"count", count}});
  json["buckets"] = std::move(buckets);
  return json;
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> powers_of_two(const HistogramSnapshot& seen) {
  std::map<unsigned, std::uint64_t> powers;
  for (std::uint32_t bucket = 0; bucket < kHistogramBuckets; ++bucket) {
    if (seen.counts[bucket] != 0)
      powers[static_cast<unsigned>(std::bit_width(histogram_bucket_low(bucket)))] += seen.counts[bucket];
  }
  std::vector<std::pair<std::uint64_t, std::uint64_t>> rows;
  if (powers.empty()) return rows;
  for (unsigned power = powers.begin()->first; power <= powers.rbegin()->first; ++power) {
    rows.emplace_back(std::uint64_t{1} << power, powers.contains(power) ? powers[power] : 0);
  }
  return rows;
}

Json stage_second_json(const StageSecond& second) {
  Json stages = Json::object();
  for (const StageSecond::Stage& stage : second.stages) {
    stages[std::string(shm::kStageNames[stage.index])] = {
        {"count", stage.count}, {"p50_ns", stage.p50_ns}, {"p99_ns", stage.p99_ns}, {"p999_ns", stage.p999_ns}};
  }
  return {{"time_ns", ns_text(second.wall_ns)}, {"stages", std::move(stages)}};
}

Json replay_json(const CoreModel& model, const GatewayFacts& facts) {
  if (!model.simulated) return nullptr;
  return {{"speed", facts.replay_speed.empty() ? Json(nullptr) : Json(facts.replay_speed)}, {"loops", model.loops}};
}

Json threads_json(const CoreModel& model, const GatewayFacts& facts) {
  Json items = Json::array();
  if (!model.sample) return items;
  const double seconds = seconds_between(model);
  for (const ThreadSample& thread : model.sample->threads) {
    const ThreadSample* then = nullptr;
    if (model.earlier) {
      for (const ThreadSample& other : model.earlier->threads) {
        if (other.name == thread.name) then = &other;
      }
    }
    const std::uint64_t worked = then == nullptr ? 0 : thread.work - std::min(thread.work, then->work);
    const std::uint64_t idled = then == nullptr ? 0 : thread.idle - std::min(thread.idle, then->idle);
    constexpr std::size_t kKernelNameMax = 15;
    const auto share = facts.cpu_shares.find(thread.name.substr(0, kKernelNameMax));
    items.push_back(
        {{"name", thread.name},
         {"state", thintail::name_of(thread.state)},
         {"cpu", thread.cpu < 0 ? Json(nullptr) : Json(thread.cpu)},
         {"work", number(thread.work)},
         {"idle", number(thread.idle)},
         {"last_progress_ns", ns_or_null(thread.last_progress_ns)},
         {"work_per_s", then == nullptr ? 0.0 : rate(thread.work, then->work, seconds)},
         {"busy", worked + idled == 0 ? Json(nullptr)
                                      : Json(static_cast<double>(worked) / static_cast<double>(worked + idled))},
         {"cpu_share", share == facts.cpu_shares.end() ? Json(nullptr) : Json(share->second)}});
  }
  return items;
}

Json streams_json(const CoreModel& model) {
  Json items = Json::array();
  if (!model.sample) return items;
  const double seconds = seconds_between(model);
  for (std::size_t i = 0; i < model.sample->streams.size(); ++i) {
    const StreamSample& stream = model.sample->streams[i];
    Json gates = Json::array();
    for (const GateSample& gate : stream.gates) gates.push_back({{"name", gate.name}, {"lag", number(gate.lag)}});
    const bool has_then = model.earlier && i < model.earlier->streams.size();
    items.push_back(
        {{"name", stream.name},
         {"capacity", number(stream.capacity)},
         {"published", number(stream.published)},
         {"per_s", has_then ? rate(stream.published, model.earlier->streams[i].published, seconds) : 0.0},
         {"refused", number(stream.refused)},
         {"depth", number(stream.depth())},
         {"share",
          stream.capacity == 0 ? 0.0 : static_cast<double>(stream.depth()) / static_cast<double>(stream.capacity)},
         {"gates", std::move(gates)}});
  }
  return items;
}

Json feeds_json(const CoreModel& model) {
  struct Feed {
    std::size_t instruments = 0;
    std::uint64_t ticks = 0, ticks_then = 0;
    std::int64_t newest_ns = 0;
    bool is_open = false;
  };
  std::map<std::string, Feed> feeds;
  for (const InstrumentModel& at : model.instruments) {
    if (!at.is_current) continue;
    Feed& feed = feeds[at.venue];
    ++feed.instruments;
    feed.ticks += at.ticks_seen;
    feed.is_open = feed.is_open || TradingCalendar::get(at.calendar).is_open(model.time_ns);
    if (at.has_quote) feed.newest_ns = std::max(feed.newest_ns, at.tick.time_ns);
  }
  const double seconds = seconds_between(model);
  if (model.sample && model.earlier) {
    for (std::size_t i = 0; i < model.sample->instruments.size() && i < model.earlier->instruments.size(); ++i) {
      const std::string& name = model.sample->instruments[i].name;
      const std::size_t mark = name.find('@');
      Feed& feed = feeds[mark == std::string::npos ? std::string() : name.substr(mark + 1)];
      feed.ticks_then += model.sample->instruments[i].ticks -
                         std::min(model.sample->instruments[i].ticks, model.earlier->instruments[i].ticks);
    }
  }
  Json items = Json::array();
  for (const auto& [venue, feed] : feeds) {
    const std::int64_t age_ns = std::max<std::int64_t>(0, model.time_ns - feed.newest_ns);
    const char* state = feed.newest_ns == 0 ? "none" : age_ns <= kQuietNs ? "fresh" : feed.is_open ? "quiet" : "closed";
    items.push_back({{"venue", venue},
                     {"instruments", feed.instruments},
                     {"ticks", number(feed.ticks)},
                     {"ticks_per_s", rate(feed.ticks_then, 0, seconds)},
                     {"age_ms", feed.newest_ns == 0 ? Json(nullptr) : Json(age_ns / 1'000'000)},
                     {"state", state}});
  }
  return items;
}

Json stores_json(const CoreModel& model, const GatewayFacts& facts) {
  bool is_enabled = false;
  if (model.sample && !model.sample->streams.empty()) {
    for (const GateSample& gate : model.sample->streams.front().gates) is_enabled |= gate.name == "journal";
  }
  const std::uint64_t durable = model.sample ? model.sample->durable : 0;
  const std::uint64_t head = model.sample ? model.sample->events_head : 0;
  return Json::array({{{"name", "journal"},
                       {"enabled", is_enabled},
                       {"durable", number(durable)},
                       {"lag", is_enabled ? Json(number(head - std::min(head, durable))) : Json(nullptr)},
                       {"path", facts.journal_path.empty() ? Json(nullptr) : Json(facts.journal_path)},
                       {"bytes", facts.journal_bytes ? Json(number(*facts.journal_bytes)) : Json(nullptr)}}});
}

Json rates_json(const CoreModel& model) {
  if (!model.sample || !model.earlier) {
    return {{"ticks_per_s", 0.0}, {"events_per_s", 0.0}, {"intents_per_s", 0.0}};
  }
  const double seconds = seconds_between(model);
  return {{"ticks_per_s", rate(model.sample->inputs, model.earlier->inputs, seconds)},
          {"events_per_s", rate(model.sample->events_head, model.earlier->events_head, seconds)},
          {"intents_per_s", rate(model.sample->gate.intents, model.earlier->gate.intents, seconds)}};
}

Json sessions_json(const CoreModel& model, const std::vector<JournalSession>& sessions, const std::string& instance,
                   std::int64_t now_ns) {
  Json items = Json::array();
  const CoreStanding standing = model.standing(now_ns);
  const bool is_alive = standing == CoreStanding::running || standing == CoreStanding::silent;
  const auto add = [&](std::uint32_t epoch, Json started, Json ended, Json events, bool is_closed) {
    const bool is_current = is_alive && epoch == model.epoch;
    const bool is_paused = model.sample && (model.sample->gate.flags & (shm::kGatePaused | shm::kGateKilled)) != 0;
    items.push_back({{"epoch", epoch},
                     {"session_id", fmt::format("{}-{}", instance, epoch)},
                     {"account", account_of(instance)},
                     {"mode", mode_of(model)},
                     {"state", is_current  ? (is_paused ? "paused" : "running")
                               : is_closed ? "ended"
                                           : "broken"},
                     {"started_ns", std::move(started)},
                     {"ended_ns", is_current ? Json(nullptr) : std::move(ended)},
                     {"events", std::move(events)}});
  };
  bool has_current = false;
  for (const JournalSession& session : sessions) {
    has_current |= session.epoch == model.epoch;
    add(session.epoch, ns_or_null(session.created_ns),
        session.ended_ns ? Json(ns_text(*session.ended_ns)) : Json(nullptr), number(session.events), session.is_closed);
  }
  if (!has_current && model.epoch != 0) {
    add(model.epoch, ns_or_null(model.epoch_began_ns), ns_or_null(model.time_ns), nullptr,
        standing == CoreStanding::finished || standing == CoreStanding::stopped);
  }
  return items;
}

}  // namespace thintail::gateway
