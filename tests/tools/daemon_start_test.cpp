// SPDX-License-Identifier: Apache-2.0
// A daemon whose threads cannot all be started ends those that run, and gives its name back; and what a start tells of
// positions that it does not carry.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <system_error>

#include "adapters/journal/journal_writer.hpp"
#include "strategies/pipeline/preamble.hpp"
#include "tests/support/strategy_run.hpp"
#include "tests/support/temp_folder.hpp"
#include "tools/daemon/daemon.hpp"

namespace {

std::atomic<int> threads_left{-1};  // before the system refuses one, once; below 0: it never does

}  // namespace

// As a system at its limit of threads.
extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*),
                              void* argument) {
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto real = reinterpret_cast<Create>(::dlsym(RTLD_NEXT, "pthread_create"));
  // relaxed: one thread makes the others
  if (threads_left.load(std::memory_order_relaxed) >= 0 && threads_left.fetch_sub(1, std::memory_order_relaxed) == 0) {
    return EAGAIN;
  }
  return real(thread, attributes, body, argument);
}

namespace thintail::test {
namespace {

class DaemonStart : public testing::Test {
 protected:
  DaemonStart() {
    settings_ = trading_settings(StrategyKind::fade_last_move);
    settings_.core.instance = "start";
    settings_.core.wait = WaitKind::park;
    settings_.core.lock_memory = false;
    settings_.shm.directory = shm_.path();
    settings_.shm.events_slots = 4096;
    settings_.shm.ticks_slots = 1024;
    settings_.journal.directory = folder_.path();
  }
  ~DaemonStart() override {
    threads_left.store(-1, std::memory_order_relaxed);  // relaxed: as above
    ::alarm(0);
  }

  DaemonOptions options(bool is_live) const {
    DaemonOptions made;
    made.settings = settings_;
    made.instruments = &instruments_;
    made.is_live = is_live;
    made.next_tick = [](Event&) { return false; };
    made.feed_has_ended = [] { return false; };
    made.on_event = [](const Event&) {};
    return made;
  }

  TempFolder shm_{kMemoryFolder};
  TempFolder folder_;
  Settings settings_;
  InstrumentTable instruments_ = table_of({"XAUUSD"});
};

TEST_F(DaemonStart, a_thread_that_cannot_be_started_leaves_none_waiting) {
  ::alarm(120);  // one that waits would wait for good: better killed than hung
  for (const bool is_live : {false, true}) {
    const int threads = is_live ? 5 : 4;
    for (int started = 0; started < threads; ++started) {
      SCOPED_TRACE(started);
      auto daemon = Daemon::create(options(is_live));
      ASSERT_TRUE(daemon.has_value()) << "the writer before has gone: " << daemon.error().message();
      threads_left.store(started, std::memory_order_relaxed);  // relaxed: as above
      EXPECT_THROW((*daemon)->start(), std::system_error);
      EXPECT_TRUE((*daemon)->finished());
      EXPECT_FALSE((*daemon)->join().has_value());
    }
  }
}

TEST_F(DaemonStart, a_position_of_an_unknown_instrument_is_told_of_unless_it_is_flat) {
  const InstrumentTable before = table_of({"BTCUSD", "ETHUSD"});
  JournalOptions journal;
  journal.directory = settings_.journal.directory;
  journal.instance = settings_.core.instance;
  auto writer = JournalWriter::create(journal);
  ASSERT_TRUE(writer.has_value()) << writer.error().message();
  Position flat{};
  flat.realised_low = 5;
  Position held{};
  held.quantity_e9 = kE9;
  auto events = to_events(make_preamble(settings_, before, nullptr, journal.epoch, {{0, flat}, {1, held}}), 1'000, 0);
  events.push_back(Event::make(1'000, kNoInstrument, Session{SessionState::stopping, 0, journal.epoch, 0, {}}));
  for (Event& event : events) {
    event.sequence = writer->last_sequence() + 1;
    ASSERT_TRUE(writer->append(event));
  }
  ASSERT_TRUE(writer->close().has_value());

  const auto daemon = Daemon::create(options(false));
  ASSERT_TRUE(daemon.has_value()) << daemon.error().message();
  EXPECT_EQ((*daemon)->carried().positions.size(), 2u);
  std::vector<std::string> told;
  for (const std::string& note : (*daemon)->notes()) {
    if (note.find("is held") != std::string::npos) told.push_back(note);
  }
  ASSERT_EQ(told.size(), 1u);
  EXPECT_NE(told[0].find("1 of ETHUSD"), std::string::npos) << told[0];
}

}  // namespace
}  // namespace thintail::test
