// SPDX-License-Identifier: Apache-2.0
// Channel: what a WebSocket client asked for; Told: how much of it that client has been told; and the items that it is to be told next.
//   path       cold
//   threads    values; the model is read: hold its lock
//   invariant  parts told one after another, at whatever times, leave a client with every item's newest state
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/gateway/core_feed.hpp"
#include "tools/gateway/core_model.hpp"
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
bool is_of_account(Topic topic) noexcept;

// Those that are equal share their messages.
struct Channel {
  Topic topic = Topic::quotes;
  BarPeriod period = BarPeriod::m1;
  std::vector<std::uint32_t> instruments;  // ascending; empty: all
  int rate_hz = 20;  // 0: every change
  auto operator<=>(const Channel&) const = default;

  bool wants(std::uint32_t instrument) const noexcept;
  std::int64_t interval_ns() const noexcept;
  // Every tick is told of, not only the newest of each instrument.
  bool tells_each_tick() const noexcept { return topic == Topic::quotes && rate_hz == 0; }
};

// As numbers of CoreModel::change. Instruments are told of in ascending order; a round in which not all of them had room goes on later.
struct Told {
  struct Mark {
    std::uint32_t end = 0;  // of the instruments before it that no mark before has: told of what changed up to `change`
    std::uint64_t change = 0;
    bool operator==(const Mark&) const = default;
  };
  static constexpr std::uint32_t kEnd = std::numeric_limits<std::uint32_t>::max();

  bool is_whole = true;  // the round tells everything: a snapshot
  std::uint32_t next = 0;  // where the round goes on; 0: with its beginning
  std::vector<Mark> marks = {{kEnd, 0}};  // of the rounds before; ascending
  std::vector<Mark> round;  // of the round under way, before `next`

  std::uint64_t since(std::uint32_t instrument) const noexcept;
  // It lacks nothing but what changed since one moment.
  bool is_settled() const noexcept { return !is_whole && next == 0 && marks.size() == 1; }
  // Whether it will be, once told a part that ends at `part_next` and was made at `change`.
  bool settles_with(std::uint32_t part_next, std::uint64_t change) const noexcept;
  void advance(std::uint32_t part_next, std::uint64_t change);
  bool gets_same_as(const Told& other) const noexcept;
};

// Beyond this a part of a round ends, after the item at hand.
inline constexpr std::size_t kPartBytes = 64 * 1024;

struct Part {
  std::string items;  // separated by commas; empty: nothing changed
  std::uint32_t next = 0;  // 0: it is the round's last
  bool has_lost = false;  // more rows changed than are looked at: a snapshot is needed
};

// Where what is not in the model comes from.
struct Sources {
  std::function<GatewayFacts()> facts;
  std::function<std::vector<StageHistory>()> stages;
};

Part part_of(const CoreModel& model, const Channel& channel, const Told& told, const Sources& sources);
bool may_have_changed(const CoreModel& model, const Channel& channel, std::uint64_t since);

using Ticks = std::vector<std::pair<std::uint32_t, TickRow>>;
// Each of them that the channel wants, in as many parts as needed; none: empty.
std::vector<std::string> parts_of_ticks(const CoreModel& model, const Channel& channel, const Ticks& ticks);

}  // namespace thintail::gateway
