// SPDX-License-Identifier: Apache-2.0
// SocketHub: what WebSocket clients are told: topics with a snapshot and then deltas, merged to each client's rate; events as they are.
//   path       cold
//   threads    on_open(), on_text(), on_drained(), on_close(): the io thread. pump(), on_events(): the feed's.
//   invariant  clients that asked for the same share one text; a topic's seq rises by one with each message, or a snapshot comes
//
// A client that does not read is left out once its queue is full, gets fresh snapshots when it is empty again, and is closed after 10 s.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "adapters/http/route.hpp"
#include "tools/gateway/core_feed.hpp"
#include "tools/gateway/json_views.hpp"

namespace thintail::gateway {

enum class Topic : std::uint8_t {
  quotes,
  bars,
  predictions,
  signals,
  orders,
  positions,
  trades,
  equity,
  latency,
  system,
  log,
};
inline constexpr std::size_t kTopicCount = 11;
std::string_view topic_name(Topic topic) noexcept;
std::optional<Topic> topic_from_name(std::string_view name) noexcept;

inline constexpr std::string_view kJsonProtocol = "thintail.v1.json";
inline constexpr std::string_view kEventsProtocol = "thintail.v1.events";

class SocketHub : public http::WebSocketEndpoint {
 public:
  SocketHub(SharedModel& model, std::function<GatewayFacts()> facts, std::function<std::vector<StageHistory>()> stages)
      : model_(&model), facts_(std::move(facts)), stages_(std::move(stages)) {}

  void on_open(const std::shared_ptr<http::WebSocketConnection>& connection) override;
  void on_text(const std::shared_ptr<http::WebSocketConnection>& connection, std::string_view text) override;
  void on_drained(const std::shared_ptr<http::WebSocketConnection>& connection) override;
  void on_close(const std::shared_ptr<http::WebSocketConnection>& connection) override;

  // Sends what is due.
  void pump(std::int64_t now_ns);
  void on_events(std::span<const Event> events);
  void close_all(std::uint16_t code, std::string_view reason);
  std::size_t clients() const noexcept {
    return client_count_.load(std::memory_order_relaxed);  // relaxed: a statistic
  }

 private:
  // What a subscription is for; those that are equal share their messages.
  struct Channel {
    Topic topic = Topic::quotes;
    BarPeriod period = BarPeriod::m1;
    std::vector<std::uint32_t> instruments;  // ascending; empty: all
    int rate_hz = 20;  // 0: every change
    auto operator<=>(const Channel&) const = default;

    bool wants(std::uint32_t instrument) const noexcept;
    std::int64_t interval_ns() const noexcept;
  };
  struct Member {
    bool needs_snapshot = true;
    std::optional<std::int64_t> id;  // of the request that the next snapshot answers
  };
  struct ChannelState {
    std::uint64_t seq = 0;
    std::uint64_t seen = 0;  // the model's change that its last message told of
    std::int64_t flushed_ns = 0;
    std::uint64_t resets = 0;
    std::uint32_t epoch = 0;
    std::map<std::uint64_t, Member> members;  // by connection
  };
  struct Client {
    std::shared_ptr<http::WebSocketConnection> connection;
    std::map<std::pair<Topic, BarPeriod>, Channel> channels;
    bool wants_events = false;
    std::uint32_t event_types = 0;  // a bit each
    std::uint64_t events_missed = 0;
    std::int64_t stalled_ns = 0;  // 0: it reads
  };
  using Text = std::shared_ptr<const std::string>;
  using Ticks = std::vector<std::pair<std::uint32_t, TickRow>>;
  struct Sending {
    std::uint64_t client = 0;
    Text text;
    const Channel* channel = nullptr;
  };

  void subscribe(Client& client, const nlohmann::json& message);
  void unsubscribe(Client& client, const nlohmann::json& message);
  void leave(std::uint64_t id, const Channel& channel);
  void tell(Client& client, const Json& message);
  void tell_error(Client& client, const nlohmann::json& message, ErrorCode code, const std::string& detail);
  void send(Client& client, const Text& text, std::int64_t now_ns);
  void stall(Client& client, std::int64_t now_ns);
  // The items that changed after `since`; of a snapshot, all. Empty: none.
  std::string items(const CoreModel& model, const Channel& channel, std::uint64_t since, bool is_snapshot,
                    const Ticks& fresh) const;
  bool may_have_changed(const CoreModel& model, const Channel& channel, const ChannelState& state,
                        const Ticks& fresh) const;
  Json system_item(const CoreModel& model) const;

  SharedModel* model_;
  std::function<GatewayFacts()> facts_;
  std::function<std::vector<StageHistory>()> stages_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, Client> clients_;
  std::atomic<std::size_t> client_count_{0};
  std::map<Channel, ChannelState> channels_;
  std::int64_t heartbeat_ns_ = 0;
  std::optional<CoreStanding> told_standing_;
};

}  // namespace thintail::gateway
