// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/socket_hub.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/event/describe.hpp"
#include "core/journal_format/journal_header.hpp"

namespace thintail::gateway {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kHeartbeatNs = 5 * kSecondNs;
constexpr std::int64_t kBlockedNs = 10 * kSecondNs;
constexpr std::size_t kAskedMax = 65'536;
constexpr std::size_t kReserveBytes = 64 * 1024;  // of a client's queue, kept for answers
constexpr std::uint16_t kBadMessage = 1008;
constexpr std::uint16_t kTooSlow = 1013;
constexpr int kRateMax = 100;
constexpr int kRateDefault = 20;

Json id_of(const nlohmann::json& message) {
  const auto found = message.find("id");
  return found != message.end() && found->is_number_integer() ? Json(found->get<std::int64_t>()) : Json(nullptr);
}

std::string text_of(const nlohmann::json& message, const char* name) {
  const auto found = message.find(name);
  return found != message.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// An answer, for which room is kept: who leaves thousands of them unread is not served further.
void tell(http::WebSocketConnection& connection, const Json& message) {
  if (connection.send(std::make_shared<const std::string>(dumped(message))) == http::Sent::full) {
    connection.close(kTooSlow, "too slow");
  }
}

void tell_error(http::WebSocketConnection& connection, const nlohmann::json& message, ErrorCode code,
                const std::string& detail) {
  const http::Response problem = http::problem(code, detail);
  tell(connection, {{"type", "error"}, {"id", id_of(message)}, {"problem", Json::parse(problem.body, nullptr, false)}});
}

bool has_room(const http::WebSocketConnection& connection) noexcept {
  return connection.queued_bytes() <= connection.queued_bytes_max() / 2;
}

}  // namespace

// --- the io thread ---------------------------------------------------------------------------------------------------

void SocketHub::later(const Connection& connection, std::function<void()> work) {
  {
    const std::lock_guard lock(asked_mutex_);
    if (asked_.size() < kAskedMax) {
      asked_.push_back(std::move(work));
      return;
    }
  }
  connection->close(kTooSlow, "more is asked than can be answered");
}

void SocketHub::on_open(const Connection& connection) {
  client_count_.fetch_add(1, std::memory_order_relaxed);  // relaxed: a statistic
  const GatewayFacts facts = sources_.facts();
  const std::int64_t now_ns = wall_now_ns();
  Json topics = Json::array();
  for (std::size_t i = 0; i < kTopicCount; ++i) topics.push_back(topic_name(static_cast<Topic>(i)));
  const bool is_json = connection->protocol() != kEventsProtocol;
  tell(*connection,
       {{"type", "hello"},
        {"schema", is_json ? kJsonProtocol : kEventsProtocol},
        {"server_time_ns", ns_text(now_ns)},
        {"heartbeat_s", kHeartbeatNs / kSecondNs},
        {"topics", is_json ? topics : Json::array({"events"})},
        {"core", model_->read([&](const CoreModel& model) { return core_json(model, facts.instance, now_ns); })}});
  later(connection, [this, connection] { clients_[connection->id()].connection = connection; });
}

void SocketHub::on_close(const Connection& connection) {
  client_count_.fetch_sub(1, std::memory_order_relaxed);  // relaxed: a statistic
  const std::lock_guard lock(asked_mutex_);  // whatever else waits: who has gone is forgotten
  asked_.push_back([this, id = connection->id()] {
    const auto found = clients_.find(id);
    if (found == clients_.end()) return;
    for (const auto& [key, channel] : found->second.channels) leave(found->second, channel);
    clients_.erase(found);
  });
}

void SocketHub::on_text(const Connection& connection, std::string_view text) {
  const auto message = nlohmann::json::parse(text, nullptr, false);
  if (!message.is_object() || !message.contains("type") || !message["type"].is_string()) {
    connection->close(kBadMessage, "each message is a JSON object with a type");
    return;
  }
  const auto type = message["type"].get<std::string>();
  if (type == "ping") {
    tell(*connection, {{"type", "pong"}, {"id", id_of(message)}});
  } else if (type == "subscribe") {
    on_subscribe(connection, message);
  } else if (type == "unsubscribe") {
    on_unsubscribe(connection, message);
  } else {
    tell_error(*connection, message, ErrorCode::http_schema, "type: subscribe, unsubscribe or ping");
  }
}

void SocketHub::on_subscribe_to_events(const Connection& connection, const nlohmann::json& message) {
  if (text_of(message, "topic") != "events") {
    return tell_error(*connection, message, ErrorCode::http_schema, "topic: this sub-protocol has events only");
  }
  if (!connection->principal().may_see(account_of(sources_.facts().instance))) {
    return tell_error(*connection, message, ErrorCode::auth_role, "events: not an account of yours");
  }
  std::uint32_t types = 0;
  if (const auto named = message.find("types"); named != message.end() && named->is_array()) {
    for (const auto& name : *named) {
      const EventType type =
          name.is_string() ? event_type_from_name(name.get_ref<const std::string&>()) : EventType::none;
      if (type == EventType::none) {
        return tell_error(*connection, message, ErrorCode::http_schema, "types: unknown one");
      }
      types |= 1u << static_cast<unsigned>(type);
    }
  }
  later(connection, [this, connection, types, id = id_of(message)] {
    const auto found = clients_.find(connection->id());
    if (found == clients_.end()) return;
    found->second.event_types = types == 0 ? ~0u : types;
    found->second.wants_events = true;
    tell(*connection, {{"type", "subscribed"}, {"id", id}, {"topic", "events"}});
  });
}

void SocketHub::on_subscribe(const Connection& connection, const nlohmann::json& message) {
  if (connection->protocol() == kEventsProtocol) return on_subscribe_to_events(connection, message);
  const std::string topic_text = text_of(message, "topic");
  const auto topic = topic_from_name(topic_text);
  if (!topic) return tell_error(*connection, message, ErrorCode::http_schema, "topic: unknown");
  if (is_of_account(*topic) && !connection->principal().may_see(account_of(sources_.facts().instance))) {
    return tell_error(*connection, message, ErrorCode::auth_role,
                      fmt::format("{}: not an account of yours", topic_text));
  }
  Channel channel;
  channel.topic = *topic;
  if (*topic == Topic::bars && message.contains("timeframe")) {
    const auto period = timeframe_from_text(text_of(message, "timeframe"));
    if (!period) {
      return tell_error(*connection, message, ErrorCode::http_schema, "timeframe: M1 M5 M15 M30 H1 H4 D1");
    }
    channel.period = *period;
  }
  channel.rate_hz = kRateDefault;
  if (const auto rate = message.find("max_rate_hz"); rate != message.end()) {
    if (!rate->is_number()) return tell_error(*connection, message, ErrorCode::http_schema, "max_rate_hz: 0 to 100");
    const double hz = rate->get<double>();
    channel.rate_hz = hz <= 0 ? 0 : static_cast<int>(std::clamp(hz, 1.0, static_cast<double>(kRateMax)));
  }
  if (const auto names = message.find("instruments"); names != message.end() && !names->is_null()) {
    auto instruments = instruments_of(*names);
    if (!instruments) {
      const Error& why = instruments.error();
      return tell_error(*connection, message, why.code,
                        fmt::format("instruments: {}, found {}", why.expected, why.found));
    }
    channel.instruments = std::move(*instruments);
  }
  std::optional<std::int64_t> id;
  if (const Json told = id_of(message); !told.is_null()) id = told.get<std::int64_t>();
  later(connection,
        [this, client_id = connection->id(), channel = std::move(channel), id] { subscribe(client_id, channel, id); });
}

Result<std::vector<std::uint32_t>> SocketHub::instruments_of(const nlohmann::json& names) const {
  const auto refused = [](ErrorCode code, std::string expected, std::string found) {
    return fail({.code = code, .doing = "subscribing", .expected = std::move(expected), .found = std::move(found)});
  };
  if (!names.is_array() || names.empty()) {
    return refused(ErrorCode::http_schema, "a list of names (left out: all)", printable(names.dump(), 64));
  }
  if (names.size() > kNamesOfSubscription) {
    return refused(ErrorCode::http_schema, fmt::format("at most {} names (left out: all)", kNamesOfSubscription),
                   fmt::format("{}", names.size()));
  }
  std::vector<std::string_view> wanted;
  for (const auto& name : names) {
    if (!name.is_string()) return refused(ErrorCode::http_schema, "names", printable(name.dump(), 64));
    wanted.emplace_back(name.get_ref<const std::string&>());
  }
  std::ranges::sort(wanted);
  const auto doubled = std::ranges::unique(wanted);
  wanted.erase(doubled.begin(), doubled.end());
  std::vector<std::uint32_t> instruments;
  for (const std::string_view name : wanted) {
    // A lock for each, so that the feed gets its turn between them.
    const auto found = model_->read([&](const CoreModel& model) { return model.find(name); });
    if (found.empty()) return refused(ErrorCode::instrument_unknown, "names that are known", printable(name, 64));
    instruments.insert(instruments.end(), found.begin(), found.end());
  }
  std::ranges::sort(instruments);
  const auto same = std::ranges::unique(instruments);
  instruments.erase(same.begin(), same.end());
  return instruments;
}

void SocketHub::on_unsubscribe(const Connection& connection, const nlohmann::json& message) {
  const std::string text = text_of(message, "topic");
  const auto topic = topic_from_name(text);
  if (!topic && text != "events") {
    return tell_error(*connection, message, ErrorCode::http_schema, "topic: unknown");
  }
  std::optional<BarPeriod> period;
  if (message.contains("timeframe")) period = timeframe_from_text(text_of(message, "timeframe"));
  later(connection, [this, connection, topic, period, text, id = id_of(message)] {
    const auto found = clients_.find(connection->id());
    if (found == clients_.end()) return;
    Client& client = found->second;
    if (!topic) client.wants_events = client.has_events = false;
    std::erase_if(client.channels, [&](const auto& row) {
      const bool is_meant = topic && row.first.first == *topic && (!period || row.first.second == *period);
      if (is_meant) leave(client, row.second);
      return is_meant;
    });
    tell(*connection, {{"type", "unsubscribed"}, {"id", id}, {"topic", text}});
  });
}

void SocketHub::close_all(std::uint16_t code, std::string reason) {
  const std::lock_guard lock(asked_mutex_);
  asked_.push_back([this, code, reason = std::move(reason)] {
    for (auto& [id, client] : clients_) client.connection->close(code, reason);
  });
}

// --- the feed's thread -----------------------------------------------------------------------------------------------

void SocketHub::do_what_was_asked() {
  {
    const std::lock_guard lock(asked_mutex_);
    doing_.swap(asked_);
  }
  for (const auto& work : doing_) work();
  doing_.clear();
}

void SocketHub::subscribe(std::uint64_t client_id, const Channel& channel, std::optional<std::int64_t> id) {
  const auto found = clients_.find(client_id);
  if (found == clients_.end()) return;
  Client& client = found->second;
  const std::pair key{channel.topic, channel.period};
  if (const auto old = client.channels.find(key); old != client.channels.end()) leave(client, old->second);
  client.channels.insert_or_assign(key, channel);
  const auto [at, is_new] = channels_.try_emplace(channel);
  ChannelState& state = at->second;
  if (is_new) {
    const std::string timeframe =
        channel.topic == Topic::bars ? fmt::format(R"("{}")", kBarPeriodNames[static_cast<std::size_t>(channel.period)])
                                     : "null";
    state.head = fmt::format(R"("topic":"{}","timeframe":{},)", topic_name(channel.topic), timeframe);
  }
  state.has_unsettled = true;
  Member& member = state.members.emplace_back();
  member.client = &client;
  member.id = id;
}

void SocketHub::leave(const Client& client, const Channel& channel) {
  const auto found = channels_.find(channel);
  if (found == channels_.end()) return;
  std::erase_if(found->second.members, [&](const Member& member) { return member.client == &client; });
  if (found->second.members.empty()) channels_.erase(found);
}

// Those that came since the last turn, where somebody wants each of them. A turn brings fewer than the model keeps.
void SocketHub::take_ticks() {
  ticks_.clear();
  const bool wants_ticks = std::ranges::any_of(channels_, [](const auto& row) { return row.first.tells_each_tick(); });
  if (!wants_ticks && !keeps_ticks_) return;
  keeps_ticks_ = wants_ticks;
  model_->write([&](CoreModel& model) {
    ticks_.swap(model.fresh_ticks);
    model.keeps_fresh_ticks = wants_ticks;
  });
}

std::string SocketHub::heartbeat(const CoreModel& model, std::int64_t wall_ns) {
  const CoreStanding standing = model.standing(wall_ns);
  if (now_ns_ - heartbeat_ns_ < kHeartbeatNs && told_standing_ == standing && told_epoch_ == model.epoch) return {};
  heartbeat_ns_ = now_ns_;
  told_standing_ = standing;
  told_epoch_ = model.epoch;
  return dumped({{"type", "heartbeat"},
                 {"server_time_ns", ns_text(wall_ns)},
                 {"core", core_json(model, sources_.facts().instance, wall_ns)}});
}

void SocketHub::pump(std::int64_t wall_ns, std::int64_t steady_ns) {
  now_ns_ = steady_ns;
  do_what_was_asked();
  take_ticks();
  model_->read([&](const CoreModel& model) {
    // First, so that a new epoch is known before its snapshots come.
    if (std::string beat = heartbeat(model, wall_ns); !beat.empty()) {
      const auto text = std::make_shared<const std::string>(std::move(beat));
      for (auto& [id, client] : clients_) client.connection->send("", text, kReserveBytes / 2);
    }
    for (auto& [channel, state] : channels_) serve(model, channel, state, steady_ns);
  });
  parts_.clear();
  for (auto& [id, client] : clients_) {
    if (client.blocked_ns == 0) continue;
    if (has_room(*client.connection)) {
      client.blocked_ns = 0;
    } else if (steady_ns - client.blocked_ns > kBlockedNs) {
      client.connection->close(kTooSlow, "too slow");
      client.blocked_ns = 0;
    }
  }
}

void SocketHub::serve(const CoreModel& model, const Channel& channel, ChannelState& state, std::int64_t now_ns) {
  if (state.resets != model.resets || state.epoch != model.epoch) {
    state.resets = model.resets;
    state.epoch = model.epoch;
    state.has_unsettled = true;
    for (Member& member : state.members) member.told = {};
  }
  const std::int64_t interval_ns = channel.interval_ns();
  const bool is_due = now_ns - state.flushed_ns >= interval_ns && may_have_changed(model, channel, state.seen);
  if (!is_due && !state.has_unsettled) return;
  parts_.clear();
  std::vector<Text> texts;
  if (is_due && channel.tells_each_tick()) {
    for (std::string& part : parts_of_ticks(model, channel, ticks_)) {
      texts.push_back(std::make_shared<const std::string>(std::move(part += "]}")));
    }
  }
  state.has_unsettled = false;
  for (Member& member : state.members) {
    const std::uint64_t seq = member.seq;
    const bool is_live = member.told.is_settled() && !member.is_behind;
    if (is_live) {
      if (!is_due) continue;
      if (channel.tells_each_tick()) {
        tell_ticks(state, member, texts, model.change, now_ns);
      } else {
        tell_parts(model, channel, state, member, now_ns);
      }
      if (member.seq != seq) state.flushed_ns = now_ns;
    } else if (member.told.is_whole || member.told.next != 0 || now_ns - member.round_ns >= interval_ns) {
      // Half a queue at once, so that what is sent to all does not find it full again.
      if (has_room(*member.client->connection)) {
        tell_parts(model, channel, state, member, now_ns);
      } else if (member.client->blocked_ns == 0) {
        member.client->blocked_ns = now_ns;
      }
    }
    if (member.is_behind || !member.told.is_settled()) state.has_unsettled = true;
  }
  if (is_due) state.seen = model.change;
}

void SocketHub::tell_ticks(ChannelState& state, Member& member, std::span<const Text> texts, std::uint64_t change,
                           std::int64_t now_ns) {
  for (const Text& text : texts) {
    if (send(state, member, "delta", "", text, now_ns) == http::Sent::full) {
      // It was promised every tick and gets one less: a snapshot says so.
      member.told = {};
      return;
    }
  }
  member.told.marks.front().change = change;
}

void SocketHub::tell_parts(const CoreModel& model, const Channel& channel, ChannelState& state, Member& member,
                           std::int64_t now_ns) {
  Told& told = member.told;
  const bool is_live = told.is_settled() && !member.is_behind;
  if (told.next == 0) member.round_ns = now_ns;
  while (true) {
    const MadePart& part = made_part(model, channel, told);
    if (part.has_lost) {
      told = {};
      continue;
    }
    const bool is_snapshot = told.is_whole && told.next == 0;
    const bool settles = told.settles_with(part.next, model.change);
    const bool is_end = !is_snapshot && member.owes_end && settles;
    if (is_snapshot || is_end || !part.is_empty) {
      const std::string_view flag = is_end                    ? R"("complete":true,)"
                                    : is_snapshot && !settles ? R"("complete":false,)"
                                                              : "";
      const http::Sent sent = send(state, member, is_snapshot ? "snapshot" : "delta", flag, part.text, now_ns);
      if (sent == http::Sent::full) {
        member.is_behind = true;
        return;
      }
      if (is_snapshot) member.owes_end = !settles;
      if (is_end) member.owes_end = false;
    }
    told.advance(part.next, model.change);
    if (part.next == 0) {
      member.is_behind = false;
      return;
    }
    if (!is_live && !has_room(*member.client->connection)) return;
  }
}

const SocketHub::MadePart& SocketHub::made_part(const CoreModel& model, const Channel& channel, const Told& told) {
  for (const auto& made : parts_) {
    if (made->told.gets_same_as(told)) return *made;
  }
  Part part = part_of(model, channel, told, sources_);
  MadePart& made = *parts_.emplace_back(std::make_unique<MadePart>());
  made.told = told;
  made.next = part.next;
  made.has_lost = part.has_lost;
  made.is_empty = part.items.empty();
  made.text = std::make_shared<const std::string>(std::move(part.items += "]}"));
  return made;
}

http::Sent SocketHub::send(ChannelState& state, Member& member, std::string_view type, std::string_view flag,
                           const Text& items, std::int64_t now_ns) {
  fmt::memory_buffer head;
  const auto out = std::back_inserter(head);
  fmt::format_to(out, R"({{"type":"{}",)", type);
  if (type == "snapshot") {
    if (member.id) {
      fmt::format_to(out, R"("id":{},)", *member.id);
    } else {
      fmt::format_to(out, R"("id":null,)");
    }
  }
  fmt::format_to(out, R"({}"seq":{},{}"items":[)", state.head, member.seq + 1, flag);
  Client& client = *member.client;
  const http::Sent sent = client.connection->send({head.data(), head.size()}, items, kReserveBytes);
  if (sent == http::Sent::full) {
    if (client.blocked_ns == 0) client.blocked_ns = now_ns;
    return sent;
  }
  client.blocked_ns = 0;
  ++member.seq;
  if (type == "snapshot") member.id.reset();
  return sent;
}

void SocketHub::on_events(std::span<const Event> events) {
  do_what_was_asked();
  if (events.empty()) return;
  // What the gateway itself never saw.
  const std::uint64_t first = events.front().sequence;
  const std::uint64_t unseen = last_event_ != 0 && first > last_event_ ? first - last_event_ - 1 : 0;
  last_event_ = events.back().sequence;
  std::map<std::uint32_t, Text> by_types;
  for (auto& [id, client] : clients_) {
    if (!client.wants_events) continue;
    if (std::exchange(client.has_events, true)) client.events_missed += unseen % kPowerLossSkip;
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
    if (client.blocked_ns != 0 && !has_room(*client.connection)) {
      client.events_missed += bytes->size() / sizeof(Event);
      continue;
    }
    if (client.events_missed != 0) {
      tell(*client.connection, {{"type", "missed"}, {"count", client.events_missed}});
      client.events_missed = 0;
    }
    client.blocked_ns = 0;
    const std::size_t queued = client.connection->queued_bytes();
    const bool fits = queued == 0 || queued + bytes->size() + kReserveBytes <= client.connection->queued_bytes_max();
    if (!fits || client.connection->send_binary(bytes) == http::Sent::full) {
      client.events_missed = bytes->size() / sizeof(Event);
      client.blocked_ns = now_ns_;
    }
  }
}

}  // namespace thintail::gateway
