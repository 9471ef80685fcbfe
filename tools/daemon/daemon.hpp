// SPDX-License-Identifier: Apache-2.0
// Daemon: the core as threads over shared memory: feed, engine, venue and journal, each on its own stream.
//   path     cold to make; its threads are hot
//   threads  create() to join() by one thread, which calls keep_alive() a few times a second meanwhile
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "adapters/journal/journal_disk.hpp"
#include "core/config/settings.hpp"
#include "core/event/event.hpp"
#include "core/isa/isa.hpp"
#include "core/time/engine_clock.hpp"
#include "ml/predictor/decision_model.hpp"
#include "shm/segment/core_segment.hpp"
#include "tools/daemon/recovery.hpp"

namespace thintail {

struct DaemonOptions {
  Settings settings;
  const InstrumentTable* instruments = nullptr;  // complete; must outlive the daemon
  const DecisionModel* model = nullptr;  // must outlive it too
  // From a new model file's bytes to a model that fits: where set, a file that replaces model.path comes into force while ticks flow.
  std::function<Result<DecisionModel>(std::string_view bytes, const std::string& file)> decode_model = {};
  Isa isa = Isa::scalar;
  // True: real time; ticks are stamped when they are published, and a venue thread answers. False: simulated time,
  // where the ticks' own times rule and the venue is stepped on the engine thread.
  bool is_live = false;
  std::function<bool(Event&)> next_tick;  // called by the feed thread alone (by the engine's in topology inline)
  std::function<bool()> feed_has_ended;  // asked after next_tick gave nothing: true: there will be no more
  // Sees every event in order on a thread of its own, and gates the engine.
  std::function<void(const Event&)> on_event = {};
  // What the journal writes through; tests stall it.
  std::function<std::unique_ptr<JournalDisk>()> make_disk = make_journal_disk;
  std::uint64_t ticks_total = 0;  // for progress; 0: not known
};

class Daemon {
 public:
  // Takes the instance's lock, takes over from the epoch before, makes journal and segment, and publishes it.
  static Result<std::unique_ptr<Daemon>> create(DaemonOptions options);
  ~Daemon();

  void start();
  // Heartbeat and a look whether the segment is still ours; a few times a second, from the owning thread.
  void keep_alive() noexcept;
  bool finished() const noexcept;
  void request_stop() noexcept;
  // Waits for the feed's end (or request_stop), the engine, and the journal's last sync. Fails with what stopped a
  // thread.
  Result<void> join();

  const shm::CoreSegment& core() const noexcept;
  const Carried& carried() const noexcept;
  std::vector<std::string> notes() const;  // what could not be done as asked: pins, locks, huge pages
  std::string journal_path() const;  // empty without a journal
  std::uint64_t events_appended() const noexcept;
  // Takes the segment's name away after join(), for runs that nobody attaches to later.
  void remove_segment() noexcept;

 private:
  struct Impl;
  explicit Daemon(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace thintail
