// SPDX-License-Identifier: Apache-2.0
// CoreSample: one look at a running core, as plain values that any monitor can show; CoreWatch takes them and follows the core
// through its restarts.
//   path     cold
//   threads  one at a time, in any process; the core does not notice
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/int128.hpp"
#include "core/event/payloads.hpp"
#include "core/event/quote.hpp"
#include "shm/segment/core_segment.hpp"
#include "strategies/risk/risk_gate.hpp"
#include "tools/monitor/events_tail.hpp"

namespace thintail {

// running: a writer holds the lock. stopped: it ended in order. dead: it ended otherwise. stale: the name leads elsewhere, so whoever
// writes now writes another segment.
enum class CoreState : std::uint8_t { running, stopped, dead, stale };
std::string_view name_of(CoreState state) noexcept;
std::string_view name_of(shm::ThreadState state) noexcept;

struct ThreadSample {
  std::string name;
  shm::ThreadState state = shm::ThreadState::absent;
  std::int32_t cpu = -1;  // -1: not pinned
  std::uint64_t work = 0;  // items done
  std::uint64_t idle = 0;  // turns that found nothing to do
  std::int64_t last_progress_ns = 0;
};

struct GateSample {
  std::string name;
  std::uint64_t lag = 0;  // published events that its reader still needs
};

struct StreamSample {
  std::string name;
  std::uint64_t capacity = 0;
  std::uint64_t published = 0;  // by this epoch
  std::uint64_t refused = 0;
  std::vector<GateSample> gates;

  // Of the slowest gate: how much of the ring is not free. 0 where nobody gates.
  std::uint64_t depth() const noexcept;
};

struct StageSample {
  std::string name;
  std::uint64_t count = 0;
  std::uint64_t p50_ns = 0;
  std::uint64_t p99_ns = 0;
  std::uint64_t p999_ns = 0;
  std::uint64_t max_ns = 0;
};

// Where an instrument stands against the gate's limits, of which -1 is none set: then no order passes.
struct RiskSample {
  RiskStanding standing;  // orders_in_second: of the second up to the newest input

  // The most that can be held on either side when working orders fill, as the gate counts it.
  i128 worst_e9() const noexcept;
  // The largest share of a limit that is taken: of the position's, or of the orders a second. Absent where either is not set.
  std::optional<double> used() const noexcept;
};

struct InstrumentSample {
  std::string name;
  std::uint8_t digits = 0;
  bool has_quote = false;
  std::uint32_t quote_flags = 0;  // shm::QuoteFlag
  std::int64_t bid_e9 = 0;
  std::int64_t ask_e9 = 0;
  std::int64_t quote_ns = 0;
  std::uint64_t ticks = 0;
  bool has_position = false;
  std::int64_t quantity_e9 = 0;
  i128 realised_e18 = 0;
  std::optional<i128> unrealised_e18;  // at the touch; absent without a quote
  std::optional<RiskSample> risk;
};

struct ModelSample {
  std::uint32_t slot = 0;
  std::uint32_t version = 0;
  shm::ModelState state = shm::ModelState::absent;
  std::string sha256;  // the first 12 of its digits
  std::optional<SeenPrediction> last;  // that we saw
  std::array<std::uint8_t, 32> digest{};  // all of it
  std::int64_t since_ns = 0;  // engine time since when it has been there
};

struct CounterSample {
  std::string name;
  std::uint64_t value = 0;
};

struct CoreSample {
  std::string instance;
  CoreState state = CoreState::stale;
  std::uint32_t epoch = 0;
  std::int32_t pid = 0;
  std::int64_t sampled_ns = 0;  // when we looked, UTC
  std::int64_t heartbeat_ns = 0;  // when the writer last said that it was alive, UTC
  std::int64_t engine_ns = 0;  // the newest input's time; 0: none yet
  std::uint64_t inputs = 0;
  std::uint64_t events_head = 0;
  std::uint64_t durable = 0;
  std::uint64_t unreadable = 0;  // rows that a writer left half-written, or kept writing while we looked
  std::vector<ThreadSample> threads;
  std::vector<StreamSample> streams;  // events, ticks, venue, reports
  std::vector<StageSample> stages;  // those that have recorded anything
  std::vector<InstrumentSample> instruments;
  shm::GateRow gate{};
  std::vector<ModelSample> models;
  std::string refusal;  // CoreWatch::refusal() as text
  TailCounts observer;  // our own look at the events; nobody can know of the others', who leave no trace
  std::vector<CounterSample> counters;
};

// `tail` has read what is to be shown of it.
CoreSample sample_core(const shm::CoreView& core, const EventsTail& tail, std::string_view instance);

// What closing the position would add now, before its commission, by the accounting that the engine books fills with. Absent without a
// quote, and for a position that no fills can have led to.
std::optional<i128> unrealised_at_touch(const Position& position, const Quote& quote) noexcept;

// An attached core, sampled again and again. A restart is followed: the samples are then of the new epoch.
class CoreWatch {
 public:
  static Result<CoreWatch> open(const std::string& directory, const std::string& instance);

  // Looks whether a new epoch replaced the one we have mapped, and attaches to it. True where it did. Every 100 ms, or the epoch's
  // beginning is missed.
  bool follow();
  CoreSample sample();
  // Why follow() could not attach to the segment that has the name now: it is of another build's layout, or damaged.
  const std::optional<Error>& refusal() const noexcept { return refusal_; }
  const shm::CoreView& core() const noexcept { return core_; }

 private:
  CoreWatch(std::string directory, std::string instance, shm::CoreView core) noexcept
      : directory_(std::move(directory)),
        instance_(std::move(instance)),
        core_(std::move(core)),
        tail_(*core_->events) {}
  std::string directory_;
  std::string instance_;
  shm::CoreView core_;
  EventsTail tail_;
  std::optional<Error> refusal_;
};

// The samples of the last second, so that rates are of a second however often somebody looks.
class SampleWindow {
 public:
  static constexpr std::int64_t kSpanNs = 1'000'000'000;

  void add(CoreSample sample);
  // REQUIRES: a sample was added.
  const CoreSample& newest() const noexcept { return samples_.back(); }
  // The one to take rates against; the newest itself where it is alone in its epoch.
  const CoreSample& earlier() const noexcept { return samples_.front(); }

 private:
  std::deque<CoreSample> samples_;
};

}  // namespace thintail
