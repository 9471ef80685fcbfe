// SPDX-License-Identifier: Apache-2.0
// SocketHub: what WebSocket clients are told: topics with a snapshot and then deltas, merged to each client's rate; events as they are.
//   path       cold
//   threads    on_open(), on_text(), on_close(): the io thread, which leaves what is to be done to the feed's. pump(), on_events(): the feed's
//   invariant  clients that are to be told the same share one text; a client's seq of a topic rises by one with each message of it
//
// A client whose queue is full is told later, and then only what is newest; one that makes no room for 10 s is closed. Snapshots go out in
// parts, as the queue drains, so they never fill it by themselves.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/http/route.hpp"
#include "tools/gateway/socket_channel.hpp"

namespace thintail::gateway {

inline constexpr std::string_view kJsonProtocol = "thintail.v1.json";
inline constexpr std::string_view kEventsProtocol = "thintail.v1.events";
inline constexpr std::size_t kNamesOfSubscription = 1'000;

class SocketHub : public http::WebSocketEndpoint {
 public:
  SocketHub(SharedModel& model, std::function<GatewayFacts()> facts, std::function<std::vector<StageHistory>()> stages)
      : model_(&model), sources_{std::move(facts), std::move(stages)} {}

  void on_open(const std::shared_ptr<http::WebSocketConnection>& connection) override;
  void on_text(const std::shared_ptr<http::WebSocketConnection>& connection, std::string_view text) override;
  void on_close(const std::shared_ptr<http::WebSocketConnection>& connection) override;

  // Sends what is due. `wall_ns` is shown; `steady_ns` tells how long ago something was, however the clock is set.
  void pump(std::int64_t wall_ns, std::int64_t steady_ns);
  void on_events(std::span<const Event> events);
  // With the next pump().
  void close_all(std::uint16_t code, std::string reason);
  std::size_t clients() const noexcept {
    return client_count_.load(std::memory_order_relaxed);  // relaxed: a statistic
  }

 private:
  using Connection = std::shared_ptr<http::WebSocketConnection>;
  using Text = std::shared_ptr<const std::string>;

  struct Client {
    Connection connection;
    std::map<std::pair<Topic, BarPeriod>, Channel> channels;
    std::int64_t blocked_ns = 0;  // since when there is no room for what it is to be told; 0: there is
    bool wants_events = false;
    bool has_events = false;
    std::uint32_t event_types = 0;  // a bit each
    std::uint64_t events_missed = 0;
  };
  struct Member {
    Client* client = nullptr;
    Told told;
    std::uint64_t seq = 0;
    std::optional<std::int64_t> id;  // of the request that the next snapshot answers
    bool is_behind = false;  // there was no room for a part
    bool owes_end = false;  // of a snapshot in parts, the last has not been told
    std::int64_t round_ns = 0;  // when its last round began
  };
  struct ChannelState {
    std::string head;  // of each message, after its type and id
    std::uint64_t seen = 0;  // the model's change when it was looked at last
    std::int64_t flushed_ns = 0;
    std::uint64_t resets = 0;
    std::uint32_t epoch = 0;
    bool has_unsettled = true;
    std::vector<Member> members;
  };
  // A part as it was made in this turn, and for whom.
  struct MadePart {
    Told told;
    Text text;
    std::uint32_t next = 0;
    bool has_lost = false;
    bool is_empty = false;
  };

  // --- on the io thread ---
  void later(const Connection& connection, std::function<void()> work);
  void on_subscribe(const Connection& connection, const nlohmann::json& message);
  void on_subscribe_to_events(const Connection& connection, const nlohmann::json& message);
  void on_unsubscribe(const Connection& connection, const nlohmann::json& message);
  Result<std::vector<std::uint32_t>> instruments_of(const nlohmann::json& names) const;

  // --- on the feed's ---
  void do_what_was_asked();
  void subscribe(std::uint64_t client_id, const Channel& channel, std::optional<std::int64_t> id);
  void leave(const Client& client, const Channel& channel);
  void take_ticks();
  void serve(const CoreModel& model, const Channel& channel, ChannelState& state, std::int64_t now_ns);
  void tell_ticks(ChannelState& state, Member& member, std::span<const Text> texts, std::uint64_t change,
                  std::int64_t now_ns);
  // Parts until there is no more, or no more room.
  void tell_parts(const CoreModel& model, const Channel& channel, ChannelState& state, Member& member,
                  std::int64_t now_ns);
  const MadePart& made_part(const CoreModel& model, const Channel& channel, const Told& told);
  http::Sent send(ChannelState& state, Member& member, std::string_view type, std::string_view flag, const Text& items,
                  std::int64_t now_ns);
  std::string heartbeat(const CoreModel& model, std::int64_t wall_ns);

  SharedModel* model_;
  Sources sources_;
  std::mutex asked_mutex_;
  std::vector<std::function<void()>> asked_;  // by the io thread, to be done on the feed's
  std::atomic<std::size_t> client_count_{0};

  // The feed's thread alone; times are of the steady clock:
  std::int64_t now_ns_ = 0;  // of this turn
  std::vector<std::function<void()>> doing_;
  std::map<std::uint64_t, Client> clients_;
  std::map<Channel, ChannelState> channels_;
  std::vector<std::unique_ptr<MadePart>> parts_;  // of the channel at hand
  Ticks ticks_;
  bool keeps_ticks_ = false;
  std::int64_t heartbeat_ns_ = 0;
  std::optional<CoreStanding> told_standing_;
  std::uint32_t told_epoch_ = 0;
  std::uint64_t last_event_ = 0;
};

}  // namespace thintail::gateway
