// SPDX-License-Identifier: Apache-2.0
#include "shm/stream/stream.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "core/event/payloads.hpp"
#include "shm/stream/gated_reader.hpp"
#include "shm/stream/observer.hpp"
#include "shm/stream/stream_writer.hpp"

namespace thintail::shm {
namespace {

constexpr std::uint64_t kSlots = Stream::kCapacityMin;

// A stream in zeroed memory of this process, as a fresh mapping is.
class Ring {
 public:
  explicit Ring(std::uint64_t capacity = kSlots, std::uint64_t first_sequence = 1)
      : memory_(std::aligned_alloc(alignof(Stream), Stream::bytes_for(capacity)), &std::free) {
    std::memset(memory_.get(), 0, Stream::bytes_for(capacity));
    stream_ = Stream::create(memory_.get(), capacity, first_sequence);
  }
  Stream& operator*() const { return *stream_; }
  Stream* operator->() const { return stream_; }

 private:
  std::unique_ptr<void, decltype(&std::free)> memory_;
  Stream* stream_;
};

// An event whose every word follows from one number, so that a mixture of two is recognised.
Event event_of(std::uint64_t number) {
  const auto word = static_cast<std::int64_t>(number);
  return Event::make(word, 7, Bar{word, word + 1, word + 2, word + 3, 0, static_cast<std::uint32_t>(number)});
}

bool is_whole(const Event& event, std::uint64_t number) {
  const Event expected = event_of(number);
  return event.time_ns == expected.time_ns && event.payload == expected.payload && event.type == EventType::bar;
}

void append_range(auto& writer, std::uint64_t first, std::uint64_t last) {
  for (std::uint64_t number = first; number <= last; ++number) {
    Event event = event_of(number);
    ASSERT_EQ(writer.append(event), number);
  }
}

TEST(Stream, capacity_is_a_power_of_two_of_at_least_1024) {
  EXPECT_TRUE(Stream::is_capacity(1024));
  EXPECT_TRUE(Stream::is_capacity(std::uint64_t{1} << 20));
  for (const std::uint64_t slots :
       {std::uint64_t{0}, std::uint64_t{512}, std::uint64_t{1025}, std::uint64_t{1} << 33}) {
    EXPECT_FALSE(Stream::is_capacity(slots)) << slots;
  }
}

TEST(Stream, open_refuses_a_header_that_does_not_fit_the_memory) {
  const Ring ring;
  EXPECT_EQ(Stream::open(&*ring, Stream::bytes_for(kSlots)), &*ring);
  EXPECT_EQ(Stream::open(&*ring, Stream::bytes_for(kSlots) - 1), nullptr);
  EXPECT_EQ(Stream::open(&*ring, sizeof(Stream) - 1), nullptr);
  EXPECT_EQ(Stream::open(reinterpret_cast<const std::byte*>(&*ring) + 64, Stream::bytes_for(kSlots)), nullptr);
  alignas(128) const std::array<std::byte, sizeof(Stream)> zeros{};
  EXPECT_EQ(Stream::open(zeros.data(), zeros.size()), nullptr);
}

TEST(Stream, append_stamps_consecutive_sequences_from_the_first) {
  const Ring ring(kSlots, 1'000'001);
  StreamWriter writer(*ring);
  EXPECT_EQ(ring->head(), 1'000'000u);
  for (std::uint64_t number = 1'000'001; number < 1'000'100; ++number) {
    Event event = event_of(number);
    EXPECT_EQ(writer.append(event), number);
    EXPECT_EQ(event.sequence, number);
    EXPECT_EQ(ring->head(), number);
  }
}

TEST(Stream, gated_reader_gets_every_event_once_and_in_order) {
  const Ring ring;
  GatedReader reader(*ring, *ring->add_gate("journal"));
  StreamWriter writer(*ring);
  Event out;
  EXPECT_FALSE(reader.poll(out));
  append_range(writer, 1, 100);
  for (std::uint64_t number = 1; number <= 100; ++number) {
    ASSERT_TRUE(reader.poll(out));
    EXPECT_EQ(out.sequence, number);
    EXPECT_TRUE(is_whole(out, number));
  }
  EXPECT_FALSE(reader.poll(out));
}

TEST(Stream, writer_refuses_to_overtake_a_gated_reader_and_goes_on_once_it_advanced) {
  const Ring ring;
  GatedReader reader(*ring, *ring->add_gate("slow"));
  StreamWriter writer(*ring);
  append_range(writer, 1, kSlots);
  EXPECT_FALSE(writer.has_room(1));
  EXPECT_EQ(writer.free_slots(), 0u);
  Event event = event_of(kSlots + 1);
  EXPECT_EQ(writer.append(event), 0u);
  EXPECT_EQ(event.sequence, 0u) << "a refused event is left as it was";
  EXPECT_EQ(ring->head(), kSlots);
  EXPECT_EQ(ring->refused(), 1u);
  reader.advance(3);
  EXPECT_TRUE(writer.has_room(3));
  EXPECT_FALSE(writer.has_room(4));
  EXPECT_EQ(writer.append(event), kSlots + 1);
}

TEST(Stream, slowest_of_several_gates_holds_the_writer) {
  const Ring ring;
  Gate* first = ring->add_gate("first");
  Gate* second = ring->add_gate("second");
  StreamWriter writer(*ring);
  append_range(writer, 1, kSlots);
  first->set_consumed(500);
  second->set_consumed(20);
  EXPECT_EQ(writer.free_slots(), 20u);
  EXPECT_EQ(second->name(), "second");
}

TEST(Stream, ladder_of_room_follows_how_full_the_stream_is) {
  const Ring ring;
  Gate* gate = ring->add_gate("journal");
  StreamWriter writer(*ring);
  append_range(writer, 1, kSlots / 2);
  EXPECT_TRUE(writer.has_room(kSlots / 2));
  append_range(writer, kSlots / 2 + 1, kSlots / 2 + 1);
  EXPECT_FALSE(writer.has_room(kSlots / 2)) << "more than half full";
  gate->set_consumed(1);
  EXPECT_TRUE(writer.has_room(kSlots / 2));
}

TEST(Stream, without_gates_the_writer_never_waits) {
  const Ring ring;
  StreamWriter writer(*ring);
  append_range(writer, 1, 5 * kSlots);
  EXPECT_TRUE(writer.has_room(kSlots));
  EXPECT_EQ(writer.free_slots(), kSlots);
}

TEST(Stream, there_are_eight_gates) {
  const Ring ring;
  for (std::size_t i = 0; i < Stream::kGates; ++i) EXPECT_NE(ring->add_gate("gate"), nullptr);
  EXPECT_EQ(ring->add_gate("one too many"), nullptr);
}

TEST(Stream, batches_end_where_the_ring_wraps_or_events_are_not_ready) {
  const Ring ring;
  GatedReader reader(*ring, *ring->add_gate("batch"));
  StreamWriter writer(*ring);
  EXPECT_TRUE(reader.peek_batch(10).empty());
  append_range(writer, 1, kSlots - 10);
  EXPECT_EQ(reader.peek_batch(100).size(), 100u);
  reader.advance(kSlots - 10);
  append_range(writer, kSlots - 9, kSlots + 50);
  const auto tail = reader.peek_batch(kSlots);
  ASSERT_EQ(tail.size(), 9u) << "cells 1015..1023; sequence 1,024 lies in cell 0";
  for (std::size_t i = 0; i < tail.size(); ++i) EXPECT_TRUE(is_whole(tail[i], kSlots - 9 + i));
  std::vector<Event> copied(200);
  ASSERT_EQ(reader.read_batch(copied), 60u) << "copies go on round the ring";
  EXPECT_TRUE(is_whole(copied[59], kSlots + 50));
  EXPECT_EQ(reader.read_batch(copied), 0u);
}

TEST(Stream, a_full_batch_is_all_or_nothing_and_ends_where_the_ring_wraps) {
  const Ring ring;
  GatedReader reader(*ring, *ring->add_gate("full"));
  StreamWriter writer(*ring);
  append_range(writer, 1, 63);
  EXPECT_TRUE(reader.peek_full(64).empty());
  append_range(writer, 64, 64);
  const auto batch = reader.peek_full(64);
  ASSERT_EQ(batch.size(), 64u);
  for (std::size_t i = 0; i < batch.size(); ++i) EXPECT_TRUE(is_whole(batch[i], i + 1));
  reader.advance(64);
  append_range(writer, 65, kSlots - 1);
  reader.advance(kSlots - 1 - 64 - 10);
  const auto tail = reader.peek_full(64);
  ASSERT_EQ(tail.size(), 10u) << "the last cells before the ring's end";
  EXPECT_TRUE(is_whole(tail.front(), kSlots - 10));
}

TEST(Stream, observer_follows_from_oldest_latest_and_a_sequence) {
  const Ring ring;
  StreamWriter writer(*ring);
  append_range(writer, 1, 10);
  auto oldest = Observer::from_oldest(*ring);
  auto latest = Observer::from_latest(*ring);
  auto sixth = Observer::from_sequence(*ring, 6);
  Event out;
  ASSERT_EQ(oldest.next(out), Observed::event);
  EXPECT_EQ(out.sequence, 1u);
  EXPECT_EQ(latest.next(out), Observed::nothing);
  ASSERT_EQ(sixth.next(out), Observed::event);
  EXPECT_TRUE(is_whole(out, 6));
  append_range(writer, 11, 11);
  ASSERT_EQ(latest.next(out), Observed::event);
  EXPECT_EQ(out.sequence, 11u);
}

TEST(Stream, from_oldest_starts_at_an_event_that_is_still_there) {
  const Ring ring(kSlots, 5'000);
  StreamWriter writer(*ring);
  append_range(writer, 5'000, 5'000 + 3 * kSlots);
  auto observer = Observer::from_oldest(*ring);
  Event out;
  std::uint64_t count = 0;
  while (observer.next(out) == Observed::event) ++count;
  EXPECT_EQ(observer.lapped_total(), 0u);
  EXPECT_EQ(count, kSlots - 1);
  EXPECT_EQ(out.sequence, 5'000 + 3 * kSlots);
}

TEST(Stream, lapped_observer_learns_how_many_it_missed_and_goes_on) {
  const Ring ring;
  StreamWriter writer(*ring);
  auto observer = Observer::from_sequence(*ring, 1);
  append_range(writer, 1, 3 * kSlots);
  Event out;
  std::uint64_t delivered = 0;
  ASSERT_EQ(observer.next(out), Observed::lapped);
  EXPECT_EQ(observer.missed(), observer.next_sequence() - 1);
  while (observer.next(out) == Observed::event) {
    ++delivered;
    EXPECT_TRUE(is_whole(out, out.sequence));
  }
  EXPECT_EQ(delivered + observer.missed_total(), 3 * kSlots);
  EXPECT_GE(delivered, kSlots / 2);
}

TEST(Stream, a_cell_left_invalid_by_a_dead_writer_reads_as_nothing) {
  const Ring ring;
  StreamWriter writer(*ring);
  append_range(writer, 1, kSlots);
  // Killed between W1 and W2 of sequence 1,025: its cell, which held sequence 1, is zero.
  std::memset(static_cast<void*>(ring->cells() + (kSlots + 1) % kSlots), 0, 8);
  auto observer = Observer::from_oldest(*ring);
  Event out;
  std::uint64_t expected = 2;
  while (observer.next(out) == Observed::event) EXPECT_EQ(out.sequence, expected++);
  EXPECT_EQ(expected, kSlots + 1);
  EXPECT_EQ(observer.lapped_total(), 0u);
}

TEST(Stream, an_event_that_a_dead_writer_was_overwriting_counts_as_missed_at_once) {
  const Ring ring;
  StreamWriter writer(*ring);
  append_range(writer, 1, kSlots);
  std::memset(static_cast<void*>(ring->cells() + 1), 0, 8);  // killed between W1 and W2 of sequence 1,025
  auto observer = Observer::from_sequence(*ring, 1);
  Event out;
  EXPECT_EQ(observer.next(out), Observed::lapped);
  EXPECT_GE(observer.missed(), 1u);
  EXPECT_EQ(observer.next(out), Observed::event);
}

TEST(Stream, an_event_published_without_its_head_is_still_found) {
  const Ring ring;
  StreamWriter writer(*ring);
  append_range(writer, 1, 2 * kSlots);
  ring->set_head(2 * kSlots - 1);  // killed between W2 and H1
  auto observer = Observer::from_oldest(*ring);
  Event out;
  while (observer.next(out) == Observed::event) {
  }
  EXPECT_EQ(observer.lapped_total(), 0u);
  EXPECT_EQ(out.sequence, 2 * kSlots);
}

// --- each step of the protocol is needed: a copy interrupted half way shows what the other side sees right then ---

struct InterruptedCopy {
  static inline std::function<void()> in_store, in_load;
  static void call(std::function<void()>& hook) {
    if (const auto once = std::exchange(hook, nullptr)) once();
  }
  static void store(Word* cell, const Event& event) noexcept {
    const auto* from = reinterpret_cast<const Word*>(&event);
    for (std::size_t i = 1; i < kCellWords; ++i) {
      if (i == kCellWords / 2) call(in_store);
      __atomic_store_n(cell + i, from[i], __ATOMIC_RELAXED);
    }
  }
  static void load(Event& event, const Word* cell) noexcept {
    auto* to = reinterpret_cast<Word*>(&event);
    for (std::size_t i = 1; i < kCellWords; ++i) {
      if (i == kCellWords / 2) call(in_load);
      to[i] = __atomic_load_n(cell + i, __ATOMIC_RELAXED);
    }
  }
};

struct WithoutInvalidation : CellProtocol {
  static constexpr bool kInvalidates = false;
};
struct PublishFirst : CellProtocol {
  static constexpr bool kPublishesLast = false;
};
struct WithoutRecheck : CellProtocol {
  static constexpr bool kRechecks = false;
};

// Whether an observer that reads in the middle of an append accepts a mixture of two events.
template <class Protocol>
bool observer_accepts_torn_event_during_append() {
  const Ring ring;
  BasicStreamWriter<InterruptedCopy, Protocol> writer(*ring);
  append_range(writer, 1, kSlots);
  auto observer = BasicObserver<WordCopy, Protocol>::from_sequence(*ring, 1);
  bool torn = false;
  InterruptedCopy::in_store = [&] {
    Event out;
    torn = observer.next(out) == Observed::event && !is_whole(out, out.sequence);
  };
  append_range(writer, kSlots + 1, kSlots + 1);
  return torn;
}

// Whether an observer overtaken in the middle of its copy accepts a mixture of two events.
template <class Protocol>
bool observer_accepts_torn_event_when_overtaken() {
  const Ring ring;
  BasicStreamWriter<WordCopy, Protocol> writer(*ring);
  append_range(writer, 1, kSlots);
  auto observer = BasicObserver<InterruptedCopy, Protocol>::from_sequence(*ring, 1);
  InterruptedCopy::in_load = [&] { append_range(writer, kSlots + 1, kSlots + 1); };
  Event out;
  return observer.next(out) == Observed::event && !is_whole(out, out.sequence);
}

// Whether a gated reader is given an event whose payload is not yet there.
template <class Protocol>
bool gated_reader_sees_unready_event() {
  const Ring ring;
  GatedReader reader(*ring, *ring->add_gate("gate"));
  BasicStreamWriter<InterruptedCopy, Protocol> writer(*ring);
  bool unready = false;
  InterruptedCopy::in_store = [&] {
    Event out;
    unready = reader.poll(out) && !is_whole(out, 1);
  };
  append_range(writer, 1, 1);
  return unready;
}

TEST(CellProtocolProof, torn_and_unready_events_are_never_accepted) {
  EXPECT_FALSE(observer_accepts_torn_event_during_append<CellProtocol>());
  EXPECT_FALSE(observer_accepts_torn_event_when_overtaken<CellProtocol>());
  EXPECT_FALSE(gated_reader_sees_unready_event<CellProtocol>());
}

TEST(CellProtocolProof, mutant_without_invalidation_is_caught) {
  EXPECT_TRUE(observer_accepts_torn_event_during_append<WithoutInvalidation>());
}

TEST(CellProtocolProof, mutant_without_recheck_is_caught) {
  EXPECT_TRUE(observer_accepts_torn_event_when_overtaken<WithoutRecheck>());
}

TEST(CellProtocolProof, mutant_that_publishes_first_is_caught) {
  EXPECT_TRUE(gated_reader_sees_unready_event<PublishFirst>());
}

// --- concurrent runs, for both ways to copy ---

template <class Copy>
class StreamStress : public testing::Test {};
using Copies = testing::Types<WordCopy, VectorCopy>;
TYPED_TEST_SUITE(StreamStress, Copies);

std::uint64_t stress_events() { return std::getenv("THINTAIL_LONG") != nullptr ? 200'000'000 : 5'000'000; }

// The machine may have fewer cores than the test has threads: whoever has nothing to do lets another run.
void breathe(std::uint64_t& idle) {
  if (++idle % 64 == 0) std::this_thread::yield();
}

TYPED_TEST(StreamStress, gated_readers_lose_nothing_while_observers_watch) {
  const Ring ring;
  GatedReader polling(*ring, *ring->add_gate("polling"));
  GatedReader batching(*ring, *ring->add_gate("batching"));
  BasicStreamWriter<TypeParam> writer(*ring);
  const std::uint64_t events = stress_events();
  std::atomic<std::uint64_t> wrong{0};
  std::vector<std::jthread> threads;
  threads.emplace_back([&] {
    Event out;
    std::uint64_t idle = 0;
    for (std::uint64_t number = 1; number <= events;) {
      if (!polling.poll(out)) {
        breathe(idle);
        continue;
      }
      if (out.sequence != number || !is_whole(out, number)) wrong.fetch_add(1, std::memory_order_relaxed);
      ++number;
    }
  });
  threads.emplace_back([&] {
    std::uint64_t idle = 0;
    for (std::uint64_t number = 1; number <= events;) {
      const auto batch = batching.peek_batch(256);
      if (batch.empty()) breathe(idle);
      for (const Event& event : batch) {
        if (event.sequence != number || !is_whole(event, number)) wrong.fetch_add(1, std::memory_order_relaxed);
        ++number;
      }
      if (!batch.empty()) batching.advance(batch.size());
    }
  });
  threads.emplace_back([&] {
    auto observer = BasicObserver<TypeParam>::from_sequence(*ring, 1);
    Event out;
    std::uint64_t idle = 0, delivered = 0, last = 0;
    while (last < events && observer.next_sequence() <= events) {
      const auto seen = observer.next(out);
      if (seen == Observed::nothing) breathe(idle);
      if (seen != Observed::event) continue;
      ++delivered;
      if (out.sequence <= last || !is_whole(out, out.sequence)) wrong.fetch_add(1, std::memory_order_relaxed);
      last = out.sequence;
    }
    if (delivered + observer.missed_total() != observer.next_sequence() - 1) {
      wrong.fetch_add(1, std::memory_order_relaxed);
    }
  });
  std::uint64_t idle = 0;
  for (std::uint64_t number = 1; number <= events; ++number) {
    while (!writer.has_room(1)) breathe(idle);
    Event event = event_of(number);
    writer.append(event);
  }
  threads.clear();
  EXPECT_EQ(wrong.load(), 0u);
  EXPECT_EQ(ring->refused(), 0u);
}

TYPED_TEST(StreamStress, observers_of_an_unhindered_writer_never_get_a_torn_event) {
  const Ring ring;
  BasicStreamWriter<TypeParam> writer(*ring);
  const std::uint64_t events = stress_events();
  std::atomic<std::uint64_t> wrong{0}, delivered{0}, lapped{0};
  const auto watch = [&] {
    auto observer = BasicObserver<TypeParam>::from_oldest(*ring);
    Event out;
    std::uint64_t idle = 0, got = 0;
    while (observer.next_sequence() <= events) {
      switch (observer.next(out)) {
        case Observed::event:
          ++got;
          if (!is_whole(out, out.sequence)) wrong.fetch_add(1, std::memory_order_relaxed);
          break;
        case Observed::lapped: break;
        case Observed::nothing: breathe(idle);
      }
    }
    delivered.fetch_add(got, std::memory_order_relaxed);
    lapped.fetch_add(observer.lapped_total(), std::memory_order_relaxed);
  };
  {
    const std::jthread first(watch), second(watch);
    for (std::uint64_t number = 1; number <= events; ++number) {
      Event event = event_of(number);
      writer.append(event);
    }
  }
  EXPECT_EQ(wrong.load(), 0u);
  this->RecordProperty("delivered", std::to_string(delivered.load()));
  this->RecordProperty("lapped", std::to_string(lapped.load()));
}

}  // namespace
}  // namespace thintail::shm
