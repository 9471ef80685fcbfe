// SPDX-License-Identifier: Apache-2.0
// After its start the engine thread makes no system call, allocates nothing, takes no lock and meets no page fault:
// four gates on the daemon's own engine thread, and for each of them something planted that it must catch.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "adapters/venues/paper_venue.hpp"
#include "shm/stream/gated_reader.hpp"
#include "strategies/pipeline/live_driver.hpp"
#include "tests/support/core_model.hpp"
#include "tests/support/data.hpp"
#include "tests/support/process.hpp"
#include "tests/support/strategy_run.hpp"
#include "tests/support/temp_folder.hpp"
#include "tools/daemon/daemon.hpp"
#include "tools/daemon/events_sink.hpp"
#include "tools/daemon/live_ticks.hpp"

// --- counting what seccomp cannot see: memory from the heap, and locks that nobody else holds ------------------------

namespace {

// Of the thread that reads them; counted only while it asks.
thread_local bool g_counting = false;
thread_local std::uint64_t g_allocations = 0;
thread_local std::uint64_t g_locks = 0;

void count_allocation() noexcept { g_allocations += g_counting; }

}  // namespace

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kCounted = false;  // a sanitizer brings an allocator and locks of its own
#else
constexpr bool kCounted = true;
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);

void* malloc(std::size_t bytes) noexcept {
  count_allocation();
  return __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) noexcept {
  count_allocation();
  return __libc_calloc(count, bytes);
}
void* realloc(void* memory, std::size_t bytes) noexcept {
  count_allocation();
  return __libc_realloc(memory, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  count_allocation();
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** out, std::size_t alignment, std::size_t bytes) noexcept {
  count_allocation();
  *out = __libc_memalign(alignment, bytes);
  return *out == nullptr ? ENOMEM : 0;
}
void free(void* memory) noexcept {
  if (memory != nullptr) count_allocation();  // giving back is as slow as taking
  __libc_free(memory);
}
int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  using Lock = int (*)(pthread_mutex_t*);
  static std::atomic<Lock> real{nullptr};
  Lock lock = real.load(std::memory_order_relaxed);  // relaxed: whoever finds none looks it up again
  if (lock == nullptr) {
    lock = reinterpret_cast<Lock>(::dlsym(RTLD_NEXT, "pthread_mutex_lock"));
    real.store(lock, std::memory_order_relaxed);  // relaxed: as above
  }
  g_locks += g_counting;
  return lock(mutex);
}
}
#endif

namespace thintail::test {
namespace {

// --- what the engine thread does -------------------------------------------------------------------------------------

// The same ticks over and over, each lap after the one before.
class EndlessTicks {
 public:
  EndlessTicks() : lap_(random_ticks(20'140'502, 100'000, 2)) {
    lap_ns_ = (lap_.back().time_ns - lap_.front().time_ns) / kMinuteNs * kMinuteNs + 10 * kMinuteNs;
  }
  void next(Event& out) noexcept {
    out = lap_[at_];
    out.time_ns += offset_ns_;
    auto tick = out.as<Tick>();
    tick.venue_ns += offset_ns_;
    out = Event::make(out.time_ns, out.instrument, tick);
    if (++at_ == lap_.size()) {
      at_ = 0;
      offset_ns_ += lap_ns_;
    }
  }

 private:
  std::vector<Event> lap_;
  std::int64_t lap_ns_ = 0;
  std::int64_t offset_ns_ = 0;
  std::size_t at_ = 0;
};

enum class Planted { nothing, sleep, text, lock, fresh_page };

// Not seen by the optimiser.
std::atomic<const void*> g_sink{nullptr};

void plant(Planted what) {
  switch (what) {
    case Planted::nothing: return;
    case Planted::sleep: ::usleep(1000); return;
    case Planted::text: {
      const std::string text(200, 'x');
      g_sink.store(text.data(), std::memory_order_relaxed);  // relaxed: only keeps the text alive
      return;
    }
    case Planted::lock: {
      static std::mutex mutex;
      const std::lock_guard guard(mutex);
      return;
    }
    case Planted::fresh_page: {
      void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      *static_cast<volatile char*>(page) = 1;
      return;
    }
  }
}

// A stretch of an engine thread's ticks between two marks, with something planted in its middle.
class Stretch {
 public:
  static constexpr std::uint64_t kWarmUp = 200'000;  // two laps: every period of bars has closed, every table been used

  Stretch(std::uint64_t ticks, Planted planted)
      : last_(kWarmUp + ticks), middle_(kWarmUp + ticks / 2), planted_(planted) {}

  // On the engine thread, after each tick. `begin` and `end` at the marks.
  template <class Begin, class End>
  void tick(Begin&& begin, End&& end) {
    ++seen_;
    if (seen_ == kWarmUp) begin();
    if (seen_ == middle_) plant(planted_);
    if (seen_ == last_) end();
  }
  bool is_over() const noexcept { return seen_ >= last_; }

 private:
  std::uint64_t last_;
  std::uint64_t middle_;
  Planted planted_;
  std::uint64_t seen_ = 0;
};

std::uint64_t ticks_to_measure() { return is_long_run() ? 20'000'000 : 1'000'000; }

// Two instruments that trade by a model, on shared memory and a journal of their own.
struct Bed {
  TempFolder shm{kMemoryFolder};
  TempFolder folder;
  Settings settings;
  InstrumentTable instruments = table_of({"XAUUSD", "EURUSD"});
  std::optional<DecisionModel> model;

  explicit Bed(StrategyKind kind) {
    settings = trading_settings(kind);
    settings.core.topology = Topology::in_line;
    settings.core.wait = WaitKind::spin;
    settings.core.instance = "hot";
    settings.shm.directory = shm.path();
    settings.shm.events_slots = 1u << 18;
    settings.journal.directory = folder.path();
    settings.strategy.cooldown_ms = 10;
    if (kind == StrategyKind::model_edge) {
      auto loaded = load_decision_model(write_core_model(folder.path()));
      EXPECT_TRUE(loaded.has_value());
      if (loaded) model.emplace(*std::move(loaded));
    }
  }
};

// The daemon's own engine thread, whose ticks come from this test: its callable is where the marks are set.
template <class Begin, class End>
void run_daemon(Bed& bed, Stretch& stretch, Begin begin, End end) {
  EndlessTicks ticks;
  DaemonOptions options;
  options.settings = bed.settings;
  options.instruments = &bed.instruments;
  options.model = bed.model ? &*bed.model : nullptr;
  options.isa = best_isa();
  options.next_tick = [&](Event& out) {
    if (stretch.is_over()) return false;
    stretch.tick(begin, end);
    ticks.next(out);
    return true;
  };
  options.feed_has_ended = [&] { return stretch.is_over(); };
  auto daemon = Daemon::create(std::move(options));
  ASSERT_TRUE(daemon.has_value()) << daemon.error().message();
  (*daemon)->start();
  while (!(*daemon)->finished()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_TRUE((*daemon)->join().has_value());
}

// The live driver over shared memory: a feed that never waits, a venue that answers, and a reader that gates.
template <class Begin, class End>
void run_live(Bed& bed, Stretch& stretch, Begin begin, End end) {
  auto lock = shm::WriterLock::acquire(bed.settings.shm.directory, bed.settings.core.instance);
  ASSERT_TRUE(lock.has_value());
  auto core = shm::CoreSegment::create({bed.settings.core, bed.settings.shm, 1, 1, "test"}, *std::move(lock));
  ASSERT_TRUE(core.has_value()) << core.error().message();
  shm::Gate* journal_gate = (*core)->events->add_gate("journal");
  shm::Gate* venue_gate = (*core)->venue->add_gate("venue");
  shm::Gate* answers_gate = (*core)->reports->add_gate("engine");
  const EngineClock clock = EngineClock::calibrate().value();
  DecisionPipeline pipeline(bed.settings, bed.instruments, {best_isa(), 1, bed.model ? &*bed.model : nullptr});
  for (InstrumentId id = 0; id < bed.instruments.size(); ++id) pipeline.enable(id);
  std::atomic<bool> over{false};

  std::thread feed([&] {
    EndlessTicks ticks;
    shm::StreamWriter writer(*(*core)->ticks);
    while (!over.load(std::memory_order_relaxed)) {  // relaxed: only ends the loop
      Event tick;
      ticks.next(tick);
      tick.time_ns = clock.now_ns();
      writer.append(tick);
      if (writer.next_sequence() % 512 == 0) sched_yield();
    }
  });
  std::thread others([&] {
    LiveTicks ticks(*(*core)->ticks, clock);
    shm::GatedReader intents(*(*core)->venue, *venue_gate);
    shm::StreamWriter answers(*(*core)->reports);
    PaperVenue venue(fill_model_settings(bed.settings.venue), bed.instruments.size(), ticks, intents, answers);
    shm::GatedReader journal(*(*core)->events, *journal_gate);
    while (!over.load(std::memory_order_relaxed)) {  // relaxed: only ends the loop
      journal.advance(journal.peek_batch(4096).size());
      if (venue.do_work(clock.now_ns()) == 0) sched_yield();
    }
  });
  std::thread engine([&] {
    const StopFlag stop;
    shm::StreamWriter intents(*(*core)->venue);
    EventsSink sink(*core, stop, &intents);
    LiveTicks ticks(*(*core)->ticks, clock);
    shm::GatedReader answers(*(*core)->reports, *answers_gate);
    NoProbe probe;
    LiveDriver driver(
        ticks, answers, pipeline, sink, probe,
        to_events(make_preamble(bed.settings, bed.instruments, bed.model ? &*bed.model : nullptr, 1), 0, 0));
    std::uint64_t counted = 0;
    while (!stretch.is_over()) {
      driver.do_work(clock.now_ns());
      for (; counted < sink.ticks() && !stretch.is_over(); ++counted) stretch.tick(begin, end);
    }
    over.store(true, std::memory_order_relaxed);  // relaxed: only ends the loops
  });
  engine.join();
  feed.join();
  others.join();
}

enum class Engine { daemon_model, daemon_fade, live_model };

StrategyKind strategy_of(Engine engine) {
  return engine == Engine::daemon_fade ? StrategyKind::fade_last_move : StrategyKind::model_edge;
}

template <class Begin, class End>
void run(Engine engine, Bed& bed, std::uint64_t ticks, Planted planted, Begin begin, End end) {
  Stretch stretch(ticks, planted);
  if (engine == Engine::live_model) {
    run_live(bed, stretch, begin, end);
  } else {
    run_daemon(bed, stretch, begin, end);
  }
}

// --- gates on the counters -------------------------------------------------------------------------------------------

struct Counted {
  std::uint64_t allocations = 0;
  std::uint64_t locks = 0;
  long faults_minor = 0;
  long faults_major = 0;
  long switches_voluntary = 0;
};

Counted count(Engine engine, std::uint64_t ticks, Planted planted = Planted::nothing) {
  Counted counted;
  rusage before{}, after{};
  Bed bed(strategy_of(engine));
  run(
      engine, bed, ticks, planted,
      [&] {
        ::getrusage(RUSAGE_THREAD, &after);  // what it needs itself is there from now on
        g_allocations = g_locks = 0;
        g_counting = true;
        ::getrusage(RUSAGE_THREAD, &before);
      },
      [&] {
        ::getrusage(RUSAGE_THREAD, &after);
        g_counting = false;
        counted = {g_allocations, g_locks, after.ru_minflt - before.ru_minflt, after.ru_majflt - before.ru_majflt,
                   after.ru_nvcsw - before.ru_nvcsw};
      });
  return counted;
}

constexpr std::uint64_t kPlantedTicks = 20'000;

class HotPath : public testing::TestWithParam<Engine> {};

TEST_P(HotPath, neither_allocates_nor_locks_nor_faults_nor_sleeps) {
  const Counted counted = count(GetParam(), ticks_to_measure());
  if (kCounted) {
    EXPECT_EQ(counted.allocations, 0u);
    EXPECT_EQ(counted.locks, 0u);
  }
  EXPECT_EQ(counted.faults_minor, 0);
  EXPECT_EQ(counted.faults_major, 0);
  EXPECT_EQ(counted.switches_voluntary, 0);
}

TEST(HotPathGates, catch_a_text_on_the_heap) {
  if (!kCounted) GTEST_SKIP() << "not counted under a sanitizer";
  EXPECT_GE(count(Engine::daemon_fade, kPlantedTicks, Planted::text).allocations, 2u);
}

TEST(HotPathGates, catch_a_lock_that_nobody_else_wants) {
  if (!kCounted) GTEST_SKIP() << "not counted under a sanitizer";
  EXPECT_EQ(count(Engine::daemon_fade, kPlantedTicks, Planted::lock).locks, 1u);
}

TEST(HotPathGates, catch_a_page_that_was_never_touched) {
  EXPECT_GE(count(Engine::daemon_fade, kPlantedTicks, Planted::fresh_page).faults_minor, 1);
}

TEST(HotPathGates, catch_a_sleep) {
  EXPECT_GE(count(Engine::daemon_fade, kPlantedTicks, Planted::sleep).switches_voluntary, 1);
}

// --- gate on system calls --------------------------------------------------------------------------------------------

// Shared with the child that runs behind the filter.
struct Verdict {
  std::atomic<bool> over{false};
  std::atomic<int> system_call{-1};
};
Verdict* g_verdict = nullptr;

// From here on every system call of this thread traps. Other threads go on as before.
void forbid_system_calls() {
  struct sigaction action{};
  action.sa_flags = SA_SIGINFO;
  action.sa_sigaction = [](int, siginfo_t* info, void*) {
    g_verdict->system_call.store(info->si_syscall, std::memory_order_relaxed);  // relaxed: V1 publishes it
    g_verdict->over.store(true, std::memory_order_release);  // V1: the verdict is complete; pairs V2
    while (true) _mm_pause();  // the call that was not made must not be gone on from
  };
  ::sigaction(SIGSYS, &action, nullptr);
  sock_filter program[] = {
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
  };
  const sock_fprog filter{static_cast<unsigned short>(std::size(program)), program};
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) ::_exit(errno);
}

// The first system call of the stretch, in words; empty where there was none.
std::string system_call_of(Engine engine, std::uint64_t ticks, Planted planted = Planted::nothing) {
  void* shared = ::mmap(nullptr, sizeof(Verdict), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_verdict = new (shared) Verdict;
  Bed bed(strategy_of(engine));  // here, since the child ends without tidying up
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::thread ender([] {
      while (!g_verdict->over.load(std::memory_order_acquire)) ::usleep(1000);  // V2: pairs V1
      ::_exit(0);
    });
    run(
        engine, bed, ticks, planted, [] { forbid_system_calls(); },
        [] {
          g_verdict->over.store(true, std::memory_order_release);  // V1: pairs V2
          while (true) _mm_pause();  // the thread cannot end without a system call
        });
    ::_exit(4);
  }
  int status = -1;
  const auto limit = is_long_run() ? 5 * kWatchdog : kWatchdog;
  if (!eventually([&] { return ::waitpid(child, &status, WNOHANG) == child; }, limit)) {
    ::kill(child, SIGKILL);
    ::waitpid(child, &status, 0);
  }
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "status " << status;
  const int found = g_verdict->system_call.load(std::memory_order_relaxed);  // relaxed: the child has ended
  ::munmap(shared, sizeof(Verdict));
  return found < 0 ? "" : "system call " + std::to_string(found);
}

TEST_P(HotPath, makes_no_system_call) { EXPECT_EQ(system_call_of(GetParam(), ticks_to_measure()), ""); }

TEST(HotPathGates, catch_a_system_call) {
  EXPECT_EQ(system_call_of(Engine::daemon_fade, kPlantedTicks, Planted::sleep),
            "system call " + std::to_string(SYS_clock_nanosleep));
  EXPECT_EQ(system_call_of(Engine::live_model, kPlantedTicks, Planted::fresh_page),
            "system call " + std::to_string(SYS_mmap));
}

INSTANTIATE_TEST_SUITE_P(Engines, HotPath,
                         testing::Values(Engine::daemon_model, Engine::daemon_fade, Engine::live_model),
                         [](const auto& test) {
                           return std::string(test.param == Engine::daemon_model  ? "daemon_with_a_model"
                                              : test.param == Engine::daemon_fade ? "daemon_on_a_rule"
                                                                                  : "live_with_a_model");
                         });

}  // namespace
}  // namespace thintail::test
