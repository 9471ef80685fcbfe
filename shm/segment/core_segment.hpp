// SPDX-License-Identifier: Apache-2.0
// CoreSegment, CoreView: what lies in the core's segment, as the daemon writes it and as everybody else reads it.
//   path  cold to make; its parts are hot
//   abi   v1: the regions "health", "stages", "counters", "run", "models", "quotes", "positions", "risk", "instruments",
//         "venue", "reports", "ticks", "events"
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "core/base/error.hpp"
#include "core/config/settings.hpp"
#include "core/histogram/histogram.hpp"
#include "shm/segment/segment.hpp"
#include "shm/stream/stream.hpp"
#include "shm/tables/append_table.hpp"
#include "shm/tables/rows.hpp"
#include "shm/tables/table.hpp"

namespace thintail::shm {

// Where the time of a tick goes. One histogram each, written by one thread each.
enum class Stage : std::uint32_t {
  in_ring = 0,  // appended by the feed until taken by the engine
  features = 1,
  model = 2,
  decide = 3,
  append = 4,
  tick_to_intent = 5,  // input visible until the last output is appended
  journal = 6,  // published until durable
  tick_with_intent = 7,  // tick_to_intent of only those ticks that ended in an intent
};
inline constexpr std::array<std::string_view, 8> kStageNames = {
    "in_ring", "features", "model", "decide", "append", "tick_to_intent", "journal", "tick_with_intent"};

inline constexpr std::uint64_t kHealthRows = 8;
inline constexpr std::uint64_t kCounters = 64;
inline constexpr std::uint64_t kModelSlots = 8;
inline constexpr std::uint64_t kVenueSlots = 8'192;  // intents and reports: a flatten of 10,000 positions is chunked
inline constexpr std::uint64_t kReportSlots = 8'192;

// How far the run is.
//   threads  progress, gate: the engine. durable: the journal thread.
class alignas(kCacheLinePairBytes) RunStatus {
 public:
  SeqCell<ProgressRow> progress;
  SeqCell<GateRow> gate;

  // The last sequence of the events stream that a power loss would not take.
  std::uint64_t durable() const noexcept {
    return durable_.load(std::memory_order_acquire);  // D2: up to it, all is on disk; pairs D1
  }
  void set_durable(std::uint64_t sequence) noexcept {
    durable_.store(sequence, std::memory_order_release);  // D1: the sync came before; pairs D2
  }

 private:
  alignas(kCacheLinePairBytes) std::atomic<std::uint64_t> durable_{0};
};

// Pointers to the parts of a mapped segment: to const ones for readers.
template <bool kWritable>
struct CoreParts {
  template <class T>
  using Part = std::conditional_t<kWritable, T, const T>;

  Part<Stream>* events;  // the one total order: all inputs taken and all outputs decided
  Part<Stream>* ticks;  // feed to engine
  Part<Stream>* venue;  // engine to venue: copies of intents
  Part<Stream>* reports;  // venue to engine
  Part<Table<QuoteRow>>* quotes;  // by instrument
  Part<Table<PositionRow>>* positions;  // by instrument
  Part<Table<RiskRow>>* risk;  // by instrument
  Part<Table<ModelRow>>* models;  // by slot
  Part<AppendTable<InstrumentNameRow>>* instruments;
  Part<Table<HealthRow>>* health;  // by thread
  std::span<Part<Histogram>, kStageNames.size()> stages;
  Part<AppendTable<CounterRow>>* counters;
  Part<RunStatus>* run;

  Part<Histogram>& stage(Stage stage) const noexcept { return stages[static_cast<std::size_t>(stage)]; }
};

struct CoreSegmentOptions {
  CoreSettings core;
  ShmSettings shm;
  std::uint32_t epoch = 1;
  std::uint64_t first_event_sequence = 1;  // the journal's last + 1
  std::string build_id;
};

// Bytes that the settings ask for, before rounding to pages.
std::uint64_t core_segment_bytes(const CoreSettings& core, const ShmSettings& shm);

class CoreSegment {
 public:
  // Checks the sizes, builds the segment and lays out every part. Gates are added next, then publish().
  static Result<CoreSegment> create(const CoreSegmentOptions& options, WriterLock lock);

  const CoreParts<true>* operator->() const noexcept { return &parts_; }
  Segment& segment() noexcept { return segment_; }
  Result<void> publish() { return segment_.publish(); }

 private:
  CoreSegment(Segment segment, const CoreParts<true>& parts) noexcept : segment_(std::move(segment)), parts_(parts) {}
  Segment segment_;
  CoreParts<true> parts_;
};

class CoreView {
 public:
  static Result<CoreView> open(std::string_view directory, std::string_view instance, std::optional<uid_t> owner = {});
  // What the last writer left; see SegmentView::open_previous.
  static Result<std::optional<CoreView>> open_previous(const WriterLock& lock);

  const CoreParts<false>* operator->() const noexcept { return &parts_; }
  const SegmentView& segment() const noexcept { return segment_; }

 private:
  CoreView(SegmentView segment, const CoreParts<false>& parts) noexcept : segment_(std::move(segment)), parts_(parts) {}
  static Result<CoreView> attach(SegmentView segment);
  SegmentView segment_;
  CoreParts<false> parts_;
};

}  // namespace thintail::shm
