// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/socket_hub.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "core/event/describe.hpp"

namespace thintail::gateway {
namespace {

constexpr std::array<std::string_view, kTopicCount> kTopics = {
    "quotes", "bars", "predictions", "signals", "orders", "positions", "trades", "equity", "latency", "system", "log"};
constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kHeartbeatNs = 5 * kSecondNs;
constexpr std::int64_t kStallNs = 10 * kSecondNs;
constexpr std::size_t kRowsOfSnapshot = 200;
constexpr std::size_t kBarsOfSnapshot = 2;
constexpr std::size_t kInstrumentsMax = 16'384;
constexpr int kRateMax = 100;
constexpr int kRateDefault = 20;

bool is_of_account(Topic topic) noexcept {
  return topic == Topic::signals || topic == Topic::orders || topic == Topic::positions || topic == Topic::trades ||
         topic == Topic::equity || topic == Topic::system || topic == Topic::log;
}

void put(std::string& out, const Json& item) {
  if (!out.empty()) out += ',';
  out += dumped(item);
}

Json id_of(const nlohmann::json& message) {
  const auto found = message.find("id");
  return found != message.end() && found->is_number_integer() ? Json(found->get<std::int64_t>()) : Json(nullptr);
}

std::string id_text(const std::optional<std::int64_t>& id) { return id ? fmt::format("{}", *id) : "null"; }

}  // namespace

std::string_view topic_name(Topic topic) noexcept { return kTopics[static_cast<std::size_t>(topic)]; }
std::optional<Topic> topic_from_name(std::string_view name) noexcept {
  const auto found = std::ranges::find(kTopics, name);
  if (found == kTopics.end()) return std::nullopt;
  return static_cast<Topic>(found - kTopics.begin());
}

bool SocketHub::Channel::wants(std::uint32_t instrument) const noexcept {
  return instruments.empty() || std::ranges::binary_search(instruments, instrument);
}

std::int64_t SocketHub::Channel::interval_ns() const noexcept {
  // What is sampled is no newer however often one asks.
  if (topic == Topic::latency) return kSecondNs;
  if (topic == Topic::system) return kSecondNs / 2;
  return rate_hz == 0 ? 0 : kSecondNs / rate_hz;
}

void SocketHub::on_open(const std::shared_ptr<http::WebSocketConnection>& connection) {
  const GatewayFacts facts = facts_();
  const std::int64_t now_ns = wall_now_ns();
  Json topics = Json::array();
  for (const std::string_view topic : kTopics) topics.push_back(topic);
  const bool is_json = connection->protocol() != kEventsProtocol;
  const Json hello = {
      {"type", "hello"},
      {"schema", is_json ? kJsonProtocol : kEventsProtocol},
      {"server_time_ns", ns_text(now_ns)},
      {"heartbeat_s", kHeartbeatNs / kSecondNs},
      {"topics", is_json ? topics : Json::array({"events"})},
      {"core", model_->read([&](const CoreModel& model) { return core_json(model, facts.instance, now_ns); })}};
  const std::lock_guard lock(mutex_);
  Client& client = clients_[connection->id()];
  client.connection = connection;
  client_count_.store(clients_.size(), std::memory_order_relaxed);  // relaxed: a statistic
  tell(client, hello);
}

void SocketHub::on_close(const std::shared_ptr<http::WebSocketConnection>& connection) {
  const std::lock_guard lock(mutex_);
  const auto found = clients_.find(connection->id());
  if (found == clients_.end()) return;
  for (const auto& [key, channel] : found->second.channels) leave(found->first, channel);
  clients_.erase(found);
  client_count_.store(clients_.size(), std::memory_order_relaxed);  // relaxed: a statistic
}

void SocketHub::on_drained(const std::shared_ptr<http::WebSocketConnection>& connection) {
  const std::lock_guard lock(mutex_);
  const auto found = clients_.find(connection->id());
  if (found != clients_.end()) found->second.stalled_ns = 0;
}

void SocketHub::on_text(const std::shared_ptr<http::WebSocketConnection>& connection, std::string_view text) {
  const auto message = nlohmann::json::parse(text, nullptr, false);
  const std::lock_guard lock(mutex_);
  const auto found = clients_.find(connection->id());
  if (found == clients_.end()) return;
  Client& client = found->second;
  if (!message.is_object() || !message.contains("type") || !message["type"].is_string()) {
    connection->close(1008, "each message is a JSON object with a type");
    return;
  }
  const auto type = message["type"].get<std::string>();
  if (type == "ping") {
    tell(client, {{"type", "pong"}, {"id", id_of(message)}});
  } else if (type == "subscribe") {
    subscribe(client, message);
  } else if (type == "unsubscribe") {
    unsubscribe(client, message);
  } else {
    tell_error(client, message, ErrorCode::http_schema, "type: subscribe, unsubscribe or ping");
  }
}

void SocketHub::tell(Client& client, const Json& message) {
  send(client, std::make_shared<const std::string>(dumped(message)), wall_now_ns());
}

void SocketHub::tell_error(Client& client, const nlohmann::json& message, ErrorCode code, const std::string& detail) {
  const http::Response problem = http::problem(code, detail);
  tell(client, {{"type", "error"}, {"id", id_of(message)}, {"problem", Json::parse(problem.body, nullptr, false)}});
}

void SocketHub::subscribe(Client& client, const nlohmann::json& message) {
  const auto text_of = [&](const char* name) {
    const auto found = message.find(name);
    return found != message.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  const std::string topic_text = text_of("topic");
  const bool is_events = client.connection->protocol() == kEventsProtocol;
  if (is_events) {
    if (topic_text != "events") {
      return tell_error(client, message, ErrorCode::http_schema, "topic: this sub-protocol has events only");
    }
    if (!client.connection->principal().may_see(account_of(facts_().instance))) {
      return tell_error(client, message, ErrorCode::auth_role, "events: not an account of yours");
    }
    std::uint32_t types = 0;
    if (const auto named = message.find("types"); named != message.end() && named->is_array()) {
      for (const auto& name : *named) {
        const EventType type =
            name.is_string() ? event_type_from_name(name.get_ref<const std::string&>()) : EventType::none;
        if (type == EventType::none) return tell_error(client, message, ErrorCode::http_schema, "types: unknown one");
        types |= 1u << static_cast<unsigned>(type);
      }
    }
    client.event_types = types == 0 ? ~0u : types;
    client.wants_events = true;
    return tell(client, {{"type", "subscribed"}, {"id", id_of(message)}, {"topic", "events"}});
  }
  const auto topic = topic_from_name(topic_text);
  if (!topic) return tell_error(client, message, ErrorCode::http_schema, "topic: unknown");
  if (is_of_account(*topic) && !client.connection->principal().may_see(account_of(facts_().instance))) {
    return tell_error(client, message, ErrorCode::auth_role, fmt::format("{}: not an account of yours", topic_text));
  }
  Channel channel;
  channel.topic = *topic;
  if (*topic == Topic::bars && message.contains("timeframe")) {
    const auto period = timeframe_from_text(text_of("timeframe"));
    if (!period) return tell_error(client, message, ErrorCode::http_schema, "timeframe: M1 M5 M15 M30 H1 H4 D1");
    channel.period = *period;
  }
  channel.rate_hz = kRateDefault;
  if (const auto rate = message.find("max_rate_hz"); rate != message.end()) {
    if (!rate->is_number()) return tell_error(client, message, ErrorCode::http_schema, "max_rate_hz: 0 to 100");
    const double hz = rate->get<double>();
    channel.rate_hz = hz <= 0 ? 0 : static_cast<int>(std::clamp(hz, 1.0, static_cast<double>(kRateMax)));
  }
  if (const auto names = message.find("instruments"); names != message.end() && !names->is_null()) {
    if (!names->is_array() || names->size() > kInstrumentsMax) {
      return tell_error(client, message, ErrorCode::http_schema, "instruments: a list of names");
    }
    for (const auto& name : *names) {
      const auto indices = model_->read([&](const CoreModel& model) {
        return name.is_string() ? model.find(name.get_ref<const std::string&>()) : std::vector<std::uint32_t>();
      });
      if (indices.empty()) {
        return tell_error(client, message, ErrorCode::instrument_unknown,
                          fmt::format("instruments: {} is not known", printable(name.dump(), 64)));
      }
      channel.instruments.insert(channel.instruments.end(), indices.begin(), indices.end());
    }
    std::ranges::sort(channel.instruments);
    const auto doubled = std::ranges::unique(channel.instruments);
    channel.instruments.erase(doubled.begin(), doubled.end());
  }
  const std::pair key{*topic, channel.period};
  const std::uint64_t client_id = client.connection->id();
  if (const auto old = client.channels.find(key); old != client.channels.end()) leave(client_id, old->second);
  client.channels.insert_or_assign(key, channel);
  Member member;
  if (const Json id = id_of(message); !id.is_null()) member.id = id.get<std::int64_t>();
  channels_[channel].members[client_id] = member;
}

void SocketHub::unsubscribe(Client& client, const nlohmann::json& message) {
  const auto named = message.find("topic");
  const std::string text = named != message.end() && named->is_string() ? named->get<std::string>() : std::string();
  if (text == "events") client.wants_events = false;
  const auto topic = topic_from_name(text);
  if (!topic && text != "events") return tell_error(client, message, ErrorCode::http_schema, "topic: unknown");
  for (auto at = client.channels.begin(); at != client.channels.end();) {
    if (topic && at->first.first == *topic) {
      leave(client.connection->id(), at->second);
      at = client.channels.erase(at);
    } else {
      ++at;
    }
  }
  tell(client, {{"type", "unsubscribed"}, {"id", id_of(message)}, {"topic", text}});
}

void SocketHub::leave(std::uint64_t id, const Channel& channel) {
  const auto found = channels_.find(channel);
  if (found == channels_.end()) return;
  found->second.members.erase(id);
  if (found->second.members.empty()) channels_.erase(found);
}

void SocketHub::send(Client& client, const Text& text, std::int64_t now_ns) {
  if (client.stalled_ns != 0) return;
  if (client.connection->send(text) == http::Sent::full) stall(client, now_ns);
}

// From here on it misses messages: each of its topics begins anew once it reads again.
void SocketHub::stall(Client& client, std::int64_t now_ns) {
  client.stalled_ns = now_ns;
  for (const auto& [key, channel] : client.channels) {
    Member& member = channels_[channel].members[client.connection->id()];
    member.needs_snapshot = true;
  }
}

bool SocketHub::may_have_changed(const CoreModel& model, const Channel& channel, const ChannelState& state,
                                 const Ticks& fresh) const {
  switch (channel.topic) {
    case Topic::quotes: return channel.rate_hz == 0 ? !fresh.empty() : model.change > state.seen;
    case Topic::signals: return model.signals_changed > state.seen;
    case Topic::orders: return model.orders_changed > state.seen;
    case Topic::trades: return model.trades_changed > state.seen;
    case Topic::equity: return model.money_changed > state.seen;
    case Topic::log: return model.log_changed > state.seen;
    case Topic::latency:
    case Topic::system: return true;
    default: return model.change > state.seen;
  }
}

Json SocketHub::system_item(const CoreModel& model) const {
  const GatewayFacts facts = facts_();
  return {{"gate", gate_json(model, facts.has_latch_file)},
          {"rates", rates_json(model)},
          {"threads", threads_json(model)},
          {"streams", streams_json(model)},
          {"feeds", feeds_json(model)},
          {"stores", stores_json(model, facts)},
          {"portfolio", currencies_json(model)},
          {"session_day", session_day(model)},
          {"replay", replay_json(model, facts)}};
}

namespace {

// The rows that changed, in order; of a snapshot the last few hundred.
template <class Row, class Show>
void changed_rows(std::string& out, const std::deque<Row>& rows, std::uint64_t since, bool is_snapshot,
                  const SocketHub*, Show&& show) {
  std::size_t first = rows.size();
  if (is_snapshot) {
    first = rows.size() - std::min(rows.size(), kRowsOfSnapshot);
  } else {
    // A row changes soon after it is made, if at all.
    constexpr std::size_t kLooks = 4'096;
    const std::size_t last_look = rows.size() - std::min(rows.size(), kLooks);
    for (std::size_t i = rows.size(); i-- > last_look;) {
      if (rows[i].changed > since) first = i;
    }
  }
  for (std::size_t i = first; i < rows.size(); ++i) {
    if (is_snapshot || rows[i].changed > since) show(out, rows[i]);
  }
}

}  // namespace

std::string SocketHub::items(const CoreModel& model, const Channel& channel, std::uint64_t since, bool is_snapshot,
                             const Ticks& fresh) const {
  std::string out;
  const auto each_instrument = [&](auto&& show) {
    for (std::uint32_t i = 0; i < model.instruments.size(); ++i) {
      if (channel.wants(i)) show(i, model.instruments[i]);
    }
  };
  switch (channel.topic) {
    case Topic::quotes:
      if (!is_snapshot && channel.rate_hz == 0) {
        for (const auto& [index, tick] : fresh) {
          if (!channel.wants(index)) continue;
          if (!out.empty()) out += ',';
          append_quote(out, model.instruments[index], tick, false);
        }
        break;
      }
      each_instrument([&](std::uint32_t, const InstrumentModel& at) {
        if (!at.has_quote || (!is_snapshot && at.quote_changed <= since)) return;
        if (!out.empty()) out += ',';
        append_quote(out, at, at.tick, is_snapshot);
      });
      break;
    case Topic::bars:
      each_instrument([&](std::uint32_t, const InstrumentModel& at) {
        if (!is_snapshot && at.bars_changed <= since) return;
        const auto& rows = at.bars[static_cast<std::size_t>(channel.period)];
        const std::size_t first = is_snapshot ? rows.size() - std::min(rows.size(), kBarsOfSnapshot - 1)
                                              : rows.size() - std::min<std::size_t>(rows.size(), 64);
        for (std::size_t i = first; i < rows.size(); ++i) {
          if (!is_snapshot && rows[i].changed <= since) continue;
          if (!out.empty()) out += ',';
          append_bar(out, at, channel.period, QuoteSide::bid, rows[i], true, true);
        }
        if (const auto forming = forming_bar(at, channel.period)) {
          if (!out.empty()) out += ',';
          append_bar(out, at, channel.period, QuoteSide::bid, *forming, false, true);
        }
      });
      break;
    case Topic::predictions:
      each_instrument([&](std::uint32_t, const InstrumentModel& at) {
        if (!at.prediction || (!is_snapshot && at.prediction_changed <= since)) return;
        put(out, prediction_json(model, at, *at.prediction));
      });
      break;
    case Topic::positions:
      each_instrument([&](std::uint32_t index, const InstrumentModel& at) {
        if (!at.has_position) return;
        // An open position is worth something else with each quote.
        const bool moved = at.holding.quantity_e9() != 0 && at.quote_changed > since;
        if (is_snapshot || at.position_changed > since || moved) put(out, position_json(model, index));
      });
      break;
    case Topic::signals:
      changed_rows(out, model.signals, since, is_snapshot, this, [&](std::string& to, const SignalRow& row) {
        if (channel.wants(row.instrument)) put(to, signal_json(model, row));
      });
      break;
    case Topic::orders:
      changed_rows(out, model.orders, since, is_snapshot, this, [&](std::string& to, const OrderRow& row) {
        if (channel.wants(row.instrument)) put(to, order_json(model, row));
      });
      break;
    case Topic::trades:
      changed_rows(out, model.trades, since, is_snapshot, this, [&](std::string& to, const TradeRow& row) {
        if (channel.wants(row.instrument)) put(to, trade_json(model, row));
      });
      each_instrument([&](std::uint32_t, const InstrumentModel& at) {
        if (at.trade && (is_snapshot || at.trade->changed > since)) put(out, trade_json(model, *at.trade));
      });
      break;
    case Topic::equity:
      for (const auto& [currency, row] : model.money) {
        if (is_snapshot || row.changed > since) put(out, money_json(row, currency));
      }
      break;
    case Topic::log:
      changed_rows(out, model.log, since, is_snapshot, this,
                   [&](std::string& to, const LogRow& row) { put(to, log_json(model, row)); });
      break;
    case Topic::latency:
      for (const StageHistory& stage : stages_()) put(out, stage_json(stage, false));
      break;
    case Topic::system: put(out, system_item(model)); break;
  }
  return out;
}

void SocketHub::pump(std::int64_t now_ns) {
  const std::lock_guard lock(mutex_);
  Ticks fresh;
  const bool wants_fresh = std::ranges::any_of(
      channels_, [](const auto& row) { return row.first.topic == Topic::quotes && row.first.rate_hz == 0; });
  model_->write([&](CoreModel& model) {
    fresh.swap(model.fresh_ticks);
    model.keeps_fresh_ticks = wants_fresh;
  });
  std::vector<Sending> sendings;
  std::string beat;
  model_->read([&](const CoreModel& model) {
    const CoreStanding standing = model.standing(now_ns);
    if (now_ns - heartbeat_ns_ >= kHeartbeatNs || told_standing_ != standing) {
      heartbeat_ns_ = now_ns;
      told_standing_ = standing;
      beat = dumped({{"type", "heartbeat"},
                     {"server_time_ns", ns_text(now_ns)},
                     {"core", core_json(model, facts_().instance, now_ns)}});
    }
    for (auto& [channel, state] : channels_) {
      if (state.resets != model.resets || state.epoch != model.epoch) {
        state.resets = model.resets;
        state.epoch = model.epoch;
        for (auto& [id, member] : state.members) member.needs_snapshot = true;
      }
      const std::string timeframe =
          channel.topic == Topic::bars
              ? fmt::format("\"{}\"", kBarPeriodNames[static_cast<std::size_t>(channel.period)])
              : "null";
      const auto frame = [&](std::string_view type, std::string_view id, const std::string& items_text) {
        return std::make_shared<const std::string>(
            fmt::format(R"({{"type":"{}",{}"topic":"{}","timeframe":{},"seq":{},"items":[{}]}})", type, id,
                        topic_name(channel.topic), timeframe, state.seq, items_text));
      };
      const bool has_readers =
          std::ranges::any_of(state.members, [](const auto& row) { return !row.second.needs_snapshot; });
      const bool is_due = now_ns - state.flushed_ns >= channel.interval_ns();
      if (has_readers && is_due && may_have_changed(model, channel, state, fresh)) {
        const std::string told = items(model, channel, state.seen, false, fresh);
        state.seen = model.change;
        if (!told.empty()) {
          ++state.seq;
          state.flushed_ns = now_ns;
          const Text text = frame("delta", "", told);
          for (const auto& [id, member] : state.members) {
            if (!member.needs_snapshot) sendings.push_back({id, text, &channel});
          }
        }
      }
      std::optional<std::string> whole;
      for (auto& [id, member] : state.members) {
        if (!member.needs_snapshot || clients_[id].stalled_ns != 0) continue;
        if (!whole) {
          whole = items(model, channel, 0, true, fresh);
          if (!has_readers) state.seen = model.change;
        }
        sendings.push_back({id, frame("snapshot", fmt::format(R"("id":{},)", id_text(member.id)), *whole), &channel});
        member.needs_snapshot = false;
        member.id.reset();
      }
    }
  });
  for (const Sending& sending : sendings) {
    const auto found = clients_.find(sending.client);
    if (found != clients_.end()) send(found->second, sending.text, now_ns);
  }
  if (!beat.empty()) {
    const auto text = std::make_shared<const std::string>(std::move(beat));
    for (auto& [id, client] : clients_) send(client, text, now_ns);
  }
  for (auto& [id, client] : clients_) {
    if (client.stalled_ns != 0 && now_ns - client.stalled_ns > kStallNs) {
      client.connection->close(1013, "too slow");
      client.stalled_ns = now_ns;
    }
  }
}

void SocketHub::on_events(std::span<const Event> events) {
  const std::lock_guard lock(mutex_);
  std::map<std::uint32_t, Text> by_types;
  for (auto& [id, client] : clients_) {
    if (!client.wants_events) continue;
    Text& bytes = by_types[client.event_types];
    if (!bytes) {
      std::string made;
      for (const Event& event : events) {
        if ((client.event_types >> (static_cast<unsigned>(event.type) & 31u) & 1u) == 0) continue;
        made.append(reinterpret_cast<const char*>(&event), sizeof event);
      }
      bytes = std::make_shared<const std::string>(std::move(made));
    }
    if (bytes->empty()) continue;
    if (client.stalled_ns == 0 && client.events_missed != 0) {
      tell(client, {{"type", "missed"}, {"count", client.events_missed}});
      client.events_missed = 0;
    }
    if (client.stalled_ns != 0) {
      client.events_missed += bytes->size() / sizeof(Event);
    } else if (client.connection->send_binary(bytes) == http::Sent::full) {
      client.events_missed += bytes->size() / sizeof(Event);
      stall(client, wall_now_ns());
    }
  }
}

void SocketHub::close_all(std::uint16_t code, std::string_view reason) {
  const std::lock_guard lock(mutex_);
  for (auto& [id, client] : clients_) client.connection->close(code, reason);
}

}  // namespace thintail::gateway
