// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/socket_channel.hpp"

#include <algorithm>
#include <array>
#include <deque>

namespace thintail::gateway {
namespace {

constexpr std::array<std::string_view, kTopicCount> kTopics = {
    "quotes", "bars", "predictions", "signals", "orders", "positions", "trades", "equity", "latency", "system", "log"};
constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::size_t kRowsOfSnapshot = 200;
constexpr std::size_t kBarsOfSnapshot = 2;
constexpr std::size_t kBarsOfDelta = 512;  // of an instrument: more do not go into a part
constexpr std::size_t kLinesLookedAt = 1'000;  // of the log, which it keeps fewer of

void put(std::string& out, const Json& item) {
  if (!out.empty()) out += ',';
  out += dumped(item);
}

// The rows that changed, in order; of a snapshot the last few hundred. False: there may be more. `has_old`: others changed too than the
// last so many that are looked at.
template <class Row, class Show>
bool add_rows(std::string& out, const std::deque<Row>& rows, const Told& told, std::size_t looks, bool has_old,
              Show&& show) {
  const std::uint64_t since = told.since(0);
  std::size_t first = rows.size() - std::min(rows.size(), kRowsOfSnapshot);
  if (!told.is_whole && has_old) {
    const auto is_changed = [&](const Row& row) { return row.changed > since; };
    if (static_cast<std::size_t>(std::ranges::count_if(rows, is_changed)) > looks) return false;
    first = 0;
  } else if (!told.is_whole) {
    // A row changes soon after it is made, if at all.
    if (rows.size() >= looks && rows[rows.size() - looks].changed > since) return false;
    const std::size_t last_look = rows.size() - std::min(rows.size(), looks);
    first = rows.size();
    for (std::size_t i = rows.size(); i-- > last_look;) {
      if (rows[i].changed > since) first = i;
    }
  }
  for (std::size_t i = first; i < rows.size(); ++i) {
    if (told.is_whole || rows[i].changed > since) show(out, rows[i]);
  }
  return true;
}

// Shows the channel's instruments from where the round goes on, until a part is full. Returns where the next one begins; 0: at none.
template <class Show>
std::uint32_t add_instruments(const std::string& out, const CoreModel& model, const Channel& channel, const Told& told,
                              Show&& show) {
  const auto count = static_cast<std::uint32_t>(model.instruments.size());
  const auto show_one = [&](std::uint32_t i) { show(i, model.instruments[i], told.since(i)); };
  if (channel.instruments.empty()) {
    for (std::uint32_t i = told.next; i < count; ++i) {
      if (i != told.next && out.size() >= kPartBytes) return i;
      show_one(i);
    }
    return 0;
  }
  const auto begin = std::ranges::lower_bound(channel.instruments, told.next);
  for (auto at = begin; at != channel.instruments.end() && *at < count; ++at) {
    if (at != begin && out.size() >= kPartBytes) return *at;
    show_one(*at);
  }
  return 0;
}

Json system_item(const CoreModel& model, const GatewayFacts& facts) {
  return {{"gate", gate_json(model, facts.has_latch_file)},
          {"rates", rates_json(model)},
          {"threads", threads_json(model, facts)},
          {"streams", streams_json(model)},
          {"feeds", feeds_json(model)},
          {"stores", stores_json(model, facts)},
          {"portfolio", currencies_json(model)},
          {"session_day", session_day(model)},
          {"replay", replay_json(model, facts)}};
}

// False: more closed than a part has room for.
bool add_bars(std::string& out, const InstrumentModel& at, BarPeriod period, bool is_whole, std::uint64_t since) {
  const auto& rows = at.bars[static_cast<std::size_t>(period)];
  std::size_t first = rows.size() - std::min(rows.size(), kBarsOfSnapshot - 1);
  if (!is_whole) {
    for (first = rows.size(); first > 0 && rows[first - 1].changed > since; --first) {
      if (rows.size() - first == kBarsOfDelta) return false;
    }
  }
  for (std::size_t i = first; i < rows.size(); ++i) {
    if (!out.empty()) out += ',';
    append_bar(out, at, period, QuoteSide::bid, rows[i], true, true);
  }
  if (const auto forming = forming_bar(at, period)) {
    if (!out.empty()) out += ',';
    append_bar(out, at, period, QuoteSide::bid, *forming, false, true);
  }
  return true;
}

}  // namespace

std::string_view topic_name(Topic topic) noexcept { return kTopics[static_cast<std::size_t>(topic)]; }

std::optional<Topic> topic_from_name(std::string_view name) noexcept {
  const auto found = std::ranges::find(kTopics, name);
  if (found == kTopics.end()) return std::nullopt;
  return static_cast<Topic>(found - kTopics.begin());
}

bool is_of_account(Topic topic) noexcept {
  return topic == Topic::signals || topic == Topic::orders || topic == Topic::positions || topic == Topic::trades ||
         topic == Topic::equity || topic == Topic::system || topic == Topic::log;
}

bool Channel::wants(std::uint32_t instrument) const noexcept {
  return instruments.empty() || std::ranges::binary_search(instruments, instrument);
}

std::int64_t Channel::interval_ns() const noexcept {
  // What is sampled is no newer however often one asks.
  if (topic == Topic::latency) return kSecondNs;
  if (topic == Topic::system) return kSecondNs / 2;
  return rate_hz == 0 ? 0 : kSecondNs / rate_hz;
}

std::uint64_t Told::since(std::uint32_t instrument) const noexcept {
  for (const Mark& mark : marks) {
    if (instrument < mark.end) return mark.change;
  }
  return 0;
}

bool Told::settles_with(std::uint32_t part_next, std::uint64_t change) const noexcept {
  return part_next == 0 && std::ranges::all_of(round, [&](const Mark& mark) { return mark.change == change; });
}

void Told::advance(std::uint32_t part_next, std::uint64_t change) {
  const std::uint32_t end = part_next == 0 ? kEnd : part_next;
  if (!round.empty() && round.back().change == change) {
    round.back().end = end;
  } else {
    round.push_back({end, change});
  }
  next = part_next;
  if (part_next != 0) return;
  marks.swap(round);
  round.clear();
  is_whole = false;
}

bool Told::gets_same_as(const Told& other) const noexcept {
  return is_whole == other.is_whole && next == other.next && (is_whole || marks == other.marks);
}

bool may_have_changed(const CoreModel& model, const Channel& channel, std::uint64_t since) {
  switch (channel.topic) {
    case Topic::signals: return model.signals_changed > since;
    case Topic::orders: return model.orders_changed > since;
    case Topic::trades: return model.trades_changed > since;
    case Topic::equity: return model.money_changed > since;
    case Topic::log: return model.log_changed > since;
    case Topic::latency:
    case Topic::system: return true;
    default: return model.change > since;
  }
}

Part part_of(const CoreModel& model, const Channel& channel, const Told& told, const Sources& sources) {
  Part part;
  std::string& out = part.items;
  const bool is_whole = told.is_whole;
  switch (channel.topic) {
    case Topic::quotes:
      part.next = add_instruments(out, model, channel, told, [&](auto, const InstrumentModel& at, std::uint64_t since) {
        if (!at.has_quote || (!is_whole && at.quote_changed <= since)) return;
        if (!out.empty()) out += ',';
        append_quote(out, at, at.tick, is_whole);
      });
      break;
    case Topic::bars:
      part.next = add_instruments(out, model, channel, told, [&](auto, const InstrumentModel& at, std::uint64_t since) {
        if (!is_whole && at.bars_changed <= since) return;
        if (!add_bars(out, at, channel.period, is_whole, since)) part.has_lost = true;
      });
      break;
    case Topic::predictions:
      part.next = add_instruments(out, model, channel, told, [&](auto, const InstrumentModel& at, std::uint64_t since) {
        if (at.prediction && (is_whole || at.prediction_changed > since)) {
          put(out, prediction_json(model, at, *at.prediction));
        }
      });
      break;
    case Topic::positions:
      part.next = add_instruments(out, model, channel, told,
                                  [&](std::uint32_t index, const InstrumentModel& at, std::uint64_t since) {
                                    if (!at.has_position) return;
                                    // An open position is worth something else with each quote.
                                    const bool moved = at.holding.quantity_e9() != 0 && at.quote_changed > since;
                                    if (is_whole || at.position_changed > since || moved)
                                      put(out, position_json(model, index));
                                  });
      break;
    case Topic::signals:
      part.has_lost = !add_rows(out, model.signals, told, kNewRows, false, [&](std::string& to, const SignalRow& row) {
        if (channel.wants(row.instrument)) put(to, signal_json(model, row));
      });
      break;
    case Topic::orders: {
      const bool has_old = model.old_orders_changed > told.since(0);
      part.has_lost = !add_rows(out, model.orders, told, kNewRows, has_old, [&](std::string& to, const OrderRow& row) {
        if (channel.wants(row.instrument)) put(to, order_json(model, row));
      });
      break;
    }
    case Topic::trades:
      if (told.next == 0) {
        part.has_lost = !add_rows(out, model.trades, told, kNewRows, false, [&](std::string& to, const TradeRow& row) {
          if (channel.wants(row.instrument)) put(to, trade_json(model, row));
        });
      }
      part.next = add_instruments(out, model, channel, told, [&](auto, const InstrumentModel& at, std::uint64_t since) {
        if (at.trade && (is_whole || at.trade->changed > since)) put(out, trade_json(model, *at.trade));
      });
      break;
    case Topic::equity:
      for (const auto& [currency, row] : model.money) {
        if (is_whole || row.changed > told.since(0)) put(out, money_json(row, currency));
      }
      break;
    case Topic::log:
      part.has_lost = !add_rows(out, model.log, told, kLinesLookedAt, false,
                                [&](std::string& to, const LogRow& row) { put(to, log_json(model, row)); });
      break;
    case Topic::latency:
      for (const StageHistory& stage : sources.stages()) put(out, stage_json(stage, false));
      break;
    case Topic::system: put(out, system_item(model, sources.facts())); break;
  }
  return part;
}

std::vector<std::string> parts_of_ticks(const CoreModel& model, const Channel& channel, const Ticks& ticks) {
  std::vector<std::string> parts;
  for (const auto& [index, tick] : ticks) {
    if (!channel.wants(index)) continue;
    if (parts.empty() || parts.back().size() >= kPartBytes) parts.emplace_back();
    if (!parts.back().empty()) parts.back() += ',';
    append_quote(parts.back(), model.instruments[index], tick, false);
  }
  return parts;
}

}  // namespace thintail::gateway
