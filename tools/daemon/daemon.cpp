// SPDX-License-Identifier: Apache-2.0
#include "tools/daemon/daemon.hpp"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <thread>

#include "adapters/journal/journal_files.hpp"
#include "adapters/journal/journal_stage.hpp"
#include "adapters/venues/paper_venue.hpp"
#include "core/log/log.hpp"
#include "core/thread/affinity.hpp"
#include "core/thread/worker.hpp"
#include "shm/control/control_segment.hpp"
#include "shm/segment/process_identity.hpp"
#include "shm/stream/gated_reader.hpp"
#include "shm/tables/health_note.hpp"
#include "strategies/backtest/backtest.hpp"
#include "strategies/pipeline/live_driver.hpp"
#include "tools/daemon/command_inbox.hpp"
#include "tools/daemon/durable_latency.hpp"
#include "tools/daemon/events_sink.hpp"
#include "tools/daemon/kill_latch.hpp"
#include "tools/daemon/live_ticks.hpp"
#include "tools/daemon/model_watch.hpp"

namespace thintail {
namespace {

constexpr const char* kBuildId = "thintail " THINTAIL_VERSION;

// One tick in kStampEvery is timed from the feed's append to the engine's taking it. The stamps lie in the feed's own
// array, indexed by sequence, so that the tick itself stays one line.
class RingStamps {
 public:
  static constexpr std::uint64_t kStampEvery = 64;

  explicit RingStamps(std::uint64_t slots) : stamps_(slots / kStampEvery + 1) {}

  // Before the append of `sequence`: the append's release makes the stamp visible with the tick.
  TT_HOT void stamp(std::uint64_t sequence) noexcept {
    if (sequence % kStampEvery == 0) stamps_[sequence / kStampEvery % stamps_.size()] = read_tsc();
  }
  TT_HOT void record(std::uint64_t sequence, const EngineClock& clock, Histogram& histogram) noexcept {
    if (sequence % kStampEvery != 0) return;
    const std::uint64_t stamp = stamps_[sequence / kStampEvery % stamps_.size()];
    const std::uint64_t now = read_tsc();
    if (now > stamp) histogram.record(static_cast<std::uint64_t>(clock.to_ns(now - stamp)));
  }

 private:
  std::vector<std::uint64_t> stamps_;
};

using CoreProbe = StageProbe<Histogram>;

// Raises a flag when a thread leaves its work, by whatever way: others wait for it.
class RaiseAtEnd {
 public:
  explicit RaiseAtEnd(std::atomic<bool>& flag) noexcept : flag_(&flag) {}
  ~RaiseAtEnd() { flag_->store(true, std::memory_order_release); }  // E1: after the last append; pairs E2
  RaiseAtEnd(const RaiseAtEnd&) = delete;
  RaiseAtEnd& operator=(const RaiseAtEnd&) = delete;

 private:
  std::atomic<bool>* flag_;
};

}  // namespace

struct Daemon::Impl {
  DaemonOptions options;
  Carried carried;
  EngineClock clock;
  std::optional<shm::LockWatch> lock_watch;
  std::optional<shm::CoreSegment> core;
  std::unique_ptr<shm::ControlSegment> control;
  std::optional<CommandInbox> commands;
  std::optional<JournalWriter> journal;
  shm::Gate* ticks_gate = nullptr;
  shm::Gate* journal_gate = nullptr;
  shm::Gate* report_gate = nullptr;
  shm::Gate* venue_gate = nullptr;
  shm::Gate* answers_gate = nullptr;
  WaitKind wait = WaitKind::park;
  StopFlag stop_all;  // a thread failed, or everything is to end at once
  StopFlag stop_input;  // the feed is to end; what is in the rings is still worked off
  std::atomic<bool> feed_ended{false};
  std::atomic<bool> engine_ended{false};
  std::atomic<std::uint32_t> running{0};
  std::optional<DecisionPipeline> pipeline;
  std::uint64_t preamble_end = 0;  // sequence of its last event
  std::optional<KillLatch> kill_latch;  // a file that is to go once the kill stands in the journal
  ModelOffers model_offers;
  std::optional<ModelWatch> model_watch;
  std::optional<RingStamps> stamps;
  std::vector<std::unique_ptr<Worker>> workers;
  bool has_engine = false;  // its thread was started, and will raise engine_ended
  std::vector<std::string> notes;
  std::optional<Error> lost_segment;  // the owning thread's

  bool is_inline() const noexcept { return options.settings.core.topology == Topology::in_line && !options.is_live; }

  Result<void> prepare();
  void spawn_all();
  void spawn(std::string name, int cpu, std::function<void(Waiter&, shm::HealthNote&)> body);
  void run_feed(Waiter& waiter, shm::HealthNote& health);
  void run_simulated_engine(Waiter& waiter, shm::HealthNote& health);
  template <class Source>
  void run_simulated(Source& source, Waiter& waiter, shm::HealthNote& health);
  void run_live_engine(Waiter& waiter, shm::HealthNote& health);
  void run_venue(Waiter& waiter, shm::HealthNote& health);
  void run_journal(Waiter& waiter, shm::HealthNote& health);
  void run_report(Waiter& waiter, shm::HealthNote& health);
  void run_models(Waiter& waiter, shm::HealthNote& health);
  Result<void> prepare_models();
  void settle_kill_latch() noexcept;
  // The event of a model that waits to come in, where one does; its predictor lies in its slot then.
  std::optional<Event> waiting_model(std::int64_t time_ns, unsigned flags) noexcept;
  CoreProbe probe();
  std::vector<Event> preamble() const;
  void store_progress(const EventsSink& sink, shm::RunPhase phase, std::int64_t first_ns,
                      std::int64_t last_ns) noexcept;
};

Result<void> Daemon::Impl::prepare() {
  const Settings& settings = options.settings;
  TT_TRY(clock, EngineClock::calibrate());
  TT_TRY(shm::WriterLock lock, shm::WriterLock::acquire(settings.shm.directory, settings.core.instance));
  lock_watch.emplace(lock.watch());
  TT_TRY(carried, take_over(settings, lock));
  kill_latch = read_kill_latch(settings.journal.directory, settings.core.instance);
  if (kill_latch) {
    carried.latches.killed = true;
    notes.push_back(
        fmt::format("killed by {} while no core ran: nothing is traded until `thintail ctl reset-kill`, and venues "
                    "were told nothing",
                    kill_latch->by.empty() ? "somebody" : kill_latch->by));
  }
  if (settings.journal.enabled) {
    JournalOptions journal_options;
    journal_options.directory = settings.journal.directory;
    journal_options.instance = settings.core.instance;
    journal_options.epoch = carried.epoch;
    journal_options.first_sequence = carried.first_sequence;
    journal_options.created_ns = clock.now_ns();
    journal_options.boot_id = shm::this_process().boot_id;
    journal_options.build_id = kBuildId;
    journal_options.flush_ns = settings.journal.flush_ms * 1'000'000;
    journal_options.may_write = [watch = *lock_watch] { return watch.is_in_place(); };
    TT_TRY(JournalWriter writer, JournalWriter::create(journal_options, options.make_disk()));
    journal.emplace(std::move(writer));
  }
  TT_TRY(shm::CoreSegment created,
         shm::CoreSegment::create({settings.core, settings.shm, carried.epoch, carried.first_sequence, kBuildId},
                                  std::move(lock)));
  core.emplace(std::move(created));
  for (const Instrument& instrument : options.instruments->rows()) {
    (*core)->instruments->append(shm::InstrumentNameRow{shm::Text<52>::of(instrument.name()), instrument.digits,
                                                        static_cast<std::uint8_t>(instrument.calendar), 0,
                                                        instrument.tick_size_e9});
  }
  if (journal) journal_gate = (*core)->events->add_gate("journal");
  if (options.on_event) report_gate = (*core)->events->add_gate("report");
  if (options.is_live) {
    venue_gate = (*core)->venue->add_gate("venue");
    answers_gate = (*core)->reports->add_gate("engine");
  } else if (!is_inline()) {
    ticks_gate = (*core)->ticks->add_gate("engine");
  }
  TT_TRY_VOID(prepare_models());
  pipeline.emplace(settings, *options.instruments, PipelineOptions{options.isa, carried.epoch, options.model});
  for (InstrumentId id = 0; id < options.instruments->size(); ++id) {
    pipeline->enable(id);
    (*(*core)->risk)[id].store(risk_row(id, pipeline->standing(id), 0));
  }
  stamps.emplace((*core)->ticks->capacity());
  preamble_end = carried.first_sequence + preamble().size() - 1;

  const int hot_threads = 1 + !is_inline() + options.is_live;
  wait = resolve_wait(settings.core.wait, hot_threads + 1, cpu_count());
  for (const std::string& note : core->segment().notes()) notes.push_back(note);
  if (carried.replaced_a_live_writer) {
    notes.push_back(
        "the writer before has not ended, though its lock was free: whoever removed its lock file should end it; its "
        "journal was given a file of its own");
  }
  if (!clock.kernel_uses_tsc()) {
    notes.push_back(
        "the kernel's clocksource is not tsc: a hypervisor may move us to a host of another rate, and latencies with "
        "it");
  }
  for (const auto& [name, position] : carried.positions) {
    if (position.quantity_e9 != 0 && !options.instruments->find(name)) {
      notes.push_back(
          fmt::format("{} of {} is held, but no such instrument is configured: the position is carried no further",
                      format_decimal_e9(position.quantity_e9), name));
    }
  }
  // Before the core's own name: whoever finds the core finds where to send commands to.
  TT_TRY(control, shm::ControlSegment::create(settings.shm.directory, settings.core.instance, carried.epoch));
  commands.emplace(*control, carried.commands);
  TT_TRY_VOID(control->publish());
  return core->publish();
}

Result<void> Daemon::Impl::prepare_models() {
  if (options.model == nullptr) return {};
  std::optional<ModelStore> store;
  if (options.settings.journal.enabled) {
    store.emplace(
        ModelStore::beside(journal_folder(options.settings.journal.directory, options.settings.core.instance)));
    TT_TRY_VOID(store->keep_file(options.model->path, options.model->digest));
  }
  if (options.decode_model) {
    model_watch.emplace(ModelWatchOptions{options.settings.model.path, options.instruments->size(),
                                          options.model->digest, std::move(store), options.decode_model},
                        model_offers);
  }
  return {};
}

// Takes the file away once it says nothing that is not known otherwise: the journal has the kill, or without one an operator has reset it.
void Daemon::Impl::settle_kill_latch() noexcept {
  if (!kill_latch) return;
  bool is_settled = false;
  if (journal) {
    is_settled = (*core)->run->durable() >= preamble_end;
  } else {
    shm::GateRow gate{};
    const bool is_read = (*core)->events->head() >= preamble_end && (*core)->run->gate.try_load(gate);
    is_settled = is_read && gate.time_ns != 0 && (gate.flags & shm::kGateKilled) == 0;
  }
  if (!is_settled) return;
  if (const auto removed = remove_kill_latch(options.settings.journal.directory, options.settings.core.instance);
      !removed) {
    log::error("{}; the next start will be killed again", removed.error().message());
  }
  kill_latch.reset();
}

CoreProbe Daemon::Impl::probe() {
  const auto stage = [&](shm::Stage name) { return &(*core)->stage(name); };
  // In the order of strategies/pipeline's Stage, whose `total` is "tick_to_intent" here.
  return CoreProbe({stage(shm::Stage::append), stage(shm::Stage::features), stage(shm::Stage::model),
                    stage(shm::Stage::decide), stage(shm::Stage::tick_to_intent)},
                   stage(shm::Stage::tick_with_intent), clock);
}

std::vector<Event> Daemon::Impl::preamble() const {
  std::map<InstrumentId, Position> positions;
  for (const auto& [name, position] : carried.positions) {
    if (const auto id = options.instruments->find(name)) positions[*id] = position;
  }
  Preamble preamble =
      make_preamble(options.settings, *options.instruments, options.model, carried.epoch, std::move(positions));
  preamble.latches = carried.latches;
  return to_events(preamble, 0, options.is_live ? 0u : unsigned{kFlagSimulated});
}

void Daemon::Impl::store_progress(const EventsSink& sink, shm::RunPhase phase, std::int64_t first_ns,
                                  std::int64_t last_ns) noexcept {
  (*core)->run->progress.store({phase, 0, sink.ticks(), options.ticks_total, first_ns, last_ns, 0});
}

void Daemon::Impl::run_feed(Waiter& waiter, shm::HealthNote& health) {
  const RaiseAtEnd ended(feed_ended);
  shm::StreamWriter ticks(*(*core)->ticks);
  Event tick;
  bool have_tick = false;
  while (!stop_all.requested() && !stop_input.requested()) {
    std::uint32_t work = 0;
    if (!have_tick) have_tick = options.next_tick(tick);
    if (have_tick) {
      if (options.is_live) tick.time_ns = clock.now_ns();
      stamps->stamp(ticks.next_sequence());
      if (ticks.append(tick) != 0) {
        have_tick = false;
        work = 1;
      }
    } else if (options.feed_has_ended()) {
      break;
    }
    health.turn(work);
    waiter.idle(work);
  }
}

template <class Source>
void Daemon::Impl::run_simulated(Source& source, Waiter& waiter, shm::HealthNote& health) {
  EventsSink sink(*core, stop_all, nullptr);
  FillModel venue(fill_model_settings(options.settings.venue), options.instruments->size());
  CoreProbe stage_probe = probe();
  SimulatedDriver driver(source, *pipeline, venue, sink, stage_probe, preamble());
  const std::uint64_t half = sink.capacity() / 2;
  std::int64_t first_ns = 0;
  store_progress(sink, shm::RunPhase::starting, 0, 0);
  while (!stop_all.requested()) {
    // E2: read before the step, so that a feed that ends after an empty step is noticed in the next turn; pairs E1
    const bool no_more =
        is_inline() ? stop_input.requested() || source.has_ended() : feed_ended.load(std::memory_order_acquire);
    std::uint32_t work = 0;
    if (sink.has_room(half) && !(is_inline() && no_more)) {
      while (work < 64 && driver.step()) ++work;
    } else if (!no_more) {
      health.turn(0);
      waiter.idle(0);
      continue;
    }
    if (work == 0 && no_more && sink.has_room(half)) break;
    if (work != 0 && first_ns == 0) first_ns = driver.last_ns();
    // Between ticks, at the engine's last time; before the first tick there is no time to take a command at.
    if (Event command;
        first_ns != 0 && sink.has_room(half) && commands->poll(command, driver.last_ns(), kFlagSimulated)) {
      driver.take(command);
      if (command.sequence != 0) commands->taken(command.sequence);  // 0: the daemon stops, and the stream has ended
      ++work;
    }
    if (first_ns != 0 && sink.has_room(half)) {
      if (std::optional<Event> model = waiting_model(driver.last_ns(), kFlagSimulated)) [[unlikely]] {
        driver.take(*model);
        model_offers.taken();
      }
    }
    if (work != 0 && (sink.ticks() & 0x3ff) < 64)
      store_progress(sink, shm::RunPhase::running, first_ns, driver.last_ns());
    health.turn(work);
    waiter.idle(work);
  }
  if (!stop_all.requested()) driver.finish();
  store_progress(sink, shm::RunPhase::done, first_ns, driver.last_ns());
}

void Daemon::Impl::run_simulated_engine(Waiter& waiter, shm::HealthNote& health) {
  const RaiseAtEnd ended(engine_ended);
  struct Ring {  // the ticks stream, timing what the ring itself takes
    shm::GatedReader reader;
    Impl* owner;
    bool poll(Event& out) noexcept {
      if (!reader.poll(out)) return false;
      owner->stamps->record(out.sequence, owner->clock, (*owner->core)->stage(shm::Stage::in_ring));
      return true;
    }
    bool has_ended() const noexcept { return false; }
  };
  struct Direct {  // the feed on this very thread
    Impl* owner;
    bool poll(Event& out) noexcept { return owner->options.next_tick(out); }
    bool has_ended() const noexcept { return owner->options.feed_has_ended(); }
  };
  if (is_inline()) {
    Direct source{this};
    run_simulated(source, waiter, health);
  } else {
    Ring source{shm::GatedReader(*(*core)->ticks, *ticks_gate), this};
    run_simulated(source, waiter, health);
  }
}

void Daemon::Impl::run_live_engine(Waiter& waiter, shm::HealthNote& health) {
  const RaiseAtEnd ended(engine_ended);
  shm::StreamWriter intents(*(*core)->venue);
  EventsSink sink(*core, stop_all, &intents);
  LiveTicks ticks(*(*core)->ticks, clock);
  shm::GatedReader answers(*(*core)->reports, *answers_gate);
  CoreProbe stage_probe = probe();
  LiveDriver driver(ticks, answers, *pipeline, sink, stage_probe, preamble());
  const std::int64_t first_ns = clock.now_ns();
  store_progress(sink, shm::RunPhase::running, first_ns, first_ns);
  std::uint64_t turns = 0;
  while (!stop_all.requested() && !stop_input.requested()) {
    const std::int64_t now_ns = clock.now_ns();
    std::uint32_t work = driver.do_work(now_ns);
    // A halted engine leaves it waiting; then it comes again.
    if (Event command; commands->poll(command, now_ns, 0) && driver.take(command)) {
      commands->taken(command.sequence);
      ++work;
    }
    if (std::optional<Event> model = waiting_model(now_ns, 0); model && driver.take(*model)) [[unlikely]] {
      model_offers.taken();
      ++work;
    }
    if ((++turns & 0x3ff) == 0 || work == 0) store_progress(sink, shm::RunPhase::running, first_ns, driver.last_ns());
    health.turn(work);
    waiter.idle(work);
  }
  Event stopping = Event::make(clock.now_ns(), kNoInstrument, Session{SessionState::stopping, 0, carried.epoch, 0, {}});
  // A journal that is far behind catches up first.
  while (!driver.take(stopping) && !stop_all.requested()) waiter.idle(0);
  store_progress(sink, shm::RunPhase::done, first_ns, driver.last_ns());
}

std::optional<Event> Daemon::Impl::waiting_model(std::int64_t time_ns, unsigned flags) noexcept {
  model_offers.tell(pipeline->shadow_is_warm());
  const ModelOffer* const offer = model_offers.poll();
  if (offer == nullptr) [[likely]]
    return std::nullopt;
  if (offer->event.slot != pipeline->slot_in_force()) pipeline->place(offer->event.slot, *offer->predictor);
  return Event::make(time_ns, kNoInstrument, offer->event, flags);
}

void Daemon::Impl::run_models(Waiter&, shm::HealthNote& health) {
  constexpr std::chrono::milliseconds kLook{20};
  while (!stop_all.requested() && !engine_ended.load(std::memory_order_acquire)) {  // E2: pairs E1
    health.turn(model_watch->do_work(clock.now_ns()));
    std::this_thread::sleep_for(kLook);
  }
}

void Daemon::Impl::run_venue(Waiter& waiter, shm::HealthNote& health) {
  LiveTicks ticks(*(*core)->ticks, clock);
  shm::GatedReader intents(*(*core)->venue, *venue_gate);
  shm::StreamWriter answers(*(*core)->reports);
  PaperVenue venue(fill_model_settings(options.settings.venue), options.instruments->size(), ticks, intents, answers);
  while (!stop_all.requested() && !engine_ended.load(std::memory_order_acquire)) {  // E2: pairs E1
    const std::uint32_t work = venue.do_work(clock.now_ns());
    health.turn(work);
    waiter.idle(work);
  }
}

void Daemon::Impl::run_journal(Waiter& waiter, shm::HealthNote& health) {
  shm::GatedReader reader(*(*core)->events, *journal_gate);
  DurableLatency latency((*core)->stage(shm::Stage::journal), reader.next_sequence() - 1, clock.now_ns());
  const auto publish = [&](std::uint64_t sequence) noexcept {
    (*core)->run->set_durable(sequence);
    latency.durable(sequence, clock.now_ns());
  };
  JournalStage stage(reader, *journal, publish);
  bool refused = false;
  // After a failure elsewhere too it goes on to the engine's end: whatever was published is worth keeping.
  while (true) {
    const bool no_more = engine_ended.load(std::memory_order_acquire);  // E2: pairs E1
    const std::int64_t looked_ns = clock.now_ns();
    const std::uint32_t work = stage.do_work();
    // Where the next cell is empty nothing was there before the turn either, and the head's line stays with the engine.
    latency.seen(reader.peek() == nullptr ? reader.next_sequence() - 1 : (*core)->events->head(), looked_ns);
    if (work == 0 && no_more && reader.peek() == nullptr) break;
    if (journal->is_fenced()) break;
    if (refused != journal->error().has_value()) {
      refused = !refused;
      if (refused) {
        log::error("{}; events wait in memory until the disk takes them", journal->error()->message());
      } else {
        log::info("the journal's disk takes writes again");
      }
    }
    // A disk that refuses writes holds the engine back, but not the end: what it did not take stays in the segment, and
    // the next start moves it.
    if (refused && (stop_input.requested() || stop_all.requested())) break;
    health.turn(work);
    waiter.idle(work);
  }
  const Result<void> closed = journal->error() ? fail(*journal->error()) : journal->close();
  if (!closed) stop_all.trip("journal", closed.error().message());
  publish(journal->durable_sequence());
}

void Daemon::Impl::run_report(Waiter& waiter, shm::HealthNote& health) {
  shm::GatedReader reader(*(*core)->events, *report_gate);
  while (!stop_all.requested()) {
    const bool no_more = engine_ended.load(std::memory_order_acquire);  // E2: pairs E1
    const auto batch = reader.peek_batch(256);
    for (const Event& event : batch) options.on_event(event);
    if (!batch.empty()) reader.advance(batch.size());
    if (batch.empty() && no_more && reader.peek() == nullptr) break;
    health.turn(static_cast<std::uint32_t>(batch.size()));
    waiter.idle(static_cast<std::uint32_t>(batch.size()));
  }
}

void Daemon::Impl::spawn(std::string name, int cpu, std::function<void(Waiter&, shm::HealthNote&)> body) {
  const std::uint64_t row = workers.size();
  running.fetch_add(1, std::memory_order_relaxed);  // relaxed: only counts; the thread's start orders it
  workers.push_back(std::make_unique<Worker>(
      WorkerOptions{name, cpu, wait}, stop_all, [this, name, cpu, row, body = std::move(body)](Waiter& waiter) {
        shm::HealthNote health(*(*core)->health, row, name, cpu, clock);
        body(waiter, health);
        health.end(stop_all.failed() ? shm::ThreadState::failed : shm::ThreadState::stopped);
        running.fetch_sub(1, std::memory_order_release);  // J1: all its work is done; pairs J2
      }));
  if (!workers.back()->note().empty()) notes.push_back(workers.back()->note());
}

Daemon::Daemon(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}

Daemon::~Daemon() {
  request_stop();
  impl_->stop_all.request();
  impl_->workers.clear();
}

Result<std::unique_ptr<Daemon>> Daemon::create(DaemonOptions options) {
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  TT_TRY_VOID(impl->prepare());
  return std::unique_ptr<Daemon>(new Daemon(std::move(impl)));
}

void Daemon::start() {
  try {
    impl_->spawn_all();
  } catch (const std::exception& failure) {
    // No more threads: those that run must not wait for one that never began. The feed is the last, and ends nobody here.
    impl_->stop_all.trip("start", failure.what());
    if (!impl_->has_engine) impl_->engine_ended.store(true, std::memory_order_release);  // E1: nothing came; pairs E2
    throw;
  }
}

void Daemon::Impl::spawn_all() {
  const CoreSettings& settings = options.settings.core;
  // Consumers first: whatever is published finds them waiting.
  if (journal) spawn("journal", settings.journal_cpu, [&](auto& waiter, auto& health) { run_journal(waiter, health); });
  if (options.on_event) spawn("report", -1, [&](auto& waiter, auto& health) { run_report(waiter, health); });
  if (options.is_live) {
    spawn("venue", settings.venue_cpu, [&](auto& waiter, auto& health) { run_venue(waiter, health); });
    spawn("engine", settings.engine_cpu, [&](auto& waiter, auto& health) { run_live_engine(waiter, health); });
  } else {
    spawn("engine", settings.engine_cpu, [&](auto& waiter, auto& health) { run_simulated_engine(waiter, health); });
  }
  has_engine = true;
  if (model_watch) spawn("models", -1, [&](auto& waiter, auto& health) { run_models(waiter, health); });
  if (!is_inline()) spawn("feed", settings.feed_cpu, [&](auto& waiter, auto& health) { run_feed(waiter, health); });
}

void Daemon::keep_alive() noexcept {
  impl_->core->segment().heartbeat(impl_->clock.now_ns());
  impl_->control->reset_dead_slots();
  impl_->settle_kill_latch();
  const std::string* lost = nullptr;
  if (!impl_->core->segment().is_current()) {
    lost = &impl_->core->segment().path();
  } else if (!impl_->lock_watch->is_in_place()) {
    lost = &impl_->lock_watch->path();  // the next start would not be refused
  } else if (!impl_->control->is_current()) {
    lost = &impl_->control->path();  // no command, a kill among them, would reach us
  }
  if (lost == nullptr) return;
  if (!impl_->lost_segment) {
    impl_->lost_segment = Error{.code = ErrorCode::shm_lost,
                                .doing = "keeping the segment alive",
                                .file = *lost,
                                .expected = "its name to lead to it",
                                .found = "another file or none"};
  }
  impl_->stop_all.trip("segment", impl_->lost_segment->message());
}

bool Daemon::finished() const noexcept {
  return impl_->running.load(std::memory_order_acquire) == 0 || impl_->stop_all.requested();  // J2: pairs J1
}

void Daemon::request_stop() noexcept { impl_->stop_input.request(); }

Result<void> Daemon::join() {
  for (const auto& worker : impl_->workers) worker->join();
  impl_->settle_kill_latch();
  impl_->core->segment().heartbeat(impl_->clock.now_ns());
  if (impl_->lost_segment) return fail(*impl_->lost_segment);
  if (impl_->journal && impl_->journal->error()) return fail(*impl_->journal->error());
  if (impl_->stop_all.failed()) {
    return fail({.code = ErrorCode::internal, .doing = "running the daemon", .found = impl_->stop_all.failure()});
  }
  impl_->core->segment().mark_stopped();
  return {};
}

const shm::CoreSegment& Daemon::core() const noexcept { return *impl_->core; }
const Carried& Daemon::carried() const noexcept { return impl_->carried; }
std::vector<std::string> Daemon::notes() const { return impl_->notes; }
std::string Daemon::journal_path() const { return impl_->journal ? impl_->journal->path() : std::string(); }
std::uint64_t Daemon::events_appended() const noexcept {
  return (*impl_->core)->events->head() + 1 - impl_->carried.first_sequence;
}
void Daemon::remove_segment() noexcept { impl_->core->segment().remove(); }

}  // namespace thintail
