// SPDX-License-Identifier: Apache-2.0
// The stream of shm/stream with relacy's atomics, step by step and label by label as the sources have it.
//   source  cell.hpp, stream.hpp, stream_writer.hpp, gated_reader.hpp, observer.hpp; models/labels.sh compares the labels
//
// What differs: the ring has two cells and an event two words, which is enough for a lap and a tear; sequences are
// 32 bits wide; an observer looks at head() at every zero, not at every 1024th.
#pragma once

#include "tests/shm/models/model.hpp"

namespace model {

constexpr unsigned kCapacity = 2;
constexpr unsigned kWords = 2;
constexpr unsigned kGates = 2;

struct Event {
  unsigned sequence;
  unsigned words[kWords];
};

inline Event numbered(unsigned sequence) { return {sequence, {sequence * 10, sequence * 10 + 1}}; }

inline bool is_whole(const Event& event) {
  const Event expected = numbered(event.sequence);
  return event.words[0] == expected.words[0] && event.words[1] == expected.words[1];
}

// What observers copy: words that may be overwritten meanwhile.
struct WordCopy {
  using Word = rl::atomic<unsigned>;
  static void store(Word* cell, const Event& event) {
    for (unsigned i = 0; i < kWords; ++i) cell[i]($).store(event.words[i], rl::mo_relaxed);
  }
  static void load(Event& event, Word* cell) {
    for (unsigned i = 0; i < kWords; ++i) event.words[i] = cell[i]($).load(rl::mo_relaxed);
  }
};

// What gated readers copy: plain memory, on which relacy reports every race.
struct PlainCopy {
  using Word = rl::var<unsigned>;
  static void store(Word* cell, const Event& event) {
    for (unsigned i = 0; i < kWords; ++i) cell[i]($) = event.words[i];
  }
  static void load(Event& event, Word* cell) {
    for (unsigned i = 0; i < kWords; ++i) event.words[i] = cell[i]($);
  }
};

template <class Copy, Mutant kMutant>
class Cell {
 public:
  void clear() {
    sequence_($).store(0, rl::mo_relaxed);
    Copy::store(words_, Event{0, {0, 0}});
  }

  void publish(const Event& event, unsigned sequence) {
    if (kMutant != Mutant::no_invalidation) {
      sequence_($).store(0, rl::mo_relaxed);  // relaxed: W1 orders it
      if (kMutant != Mutant::no_release_fence) {
        rl::atomic_thread_fence(rl::mo_release, $);  // W1: zero before payload; pairs R2
      }
    }
    if (kMutant == Mutant::publish_before_payload) {
      sequence_($).store(sequence, rl::mo_release);  // mutant: W2 too early
    }
    Copy::store(words_, event);
    sequence_($).store(sequence, order(kMutant == Mutant::relaxed_publish, rl::mo_release));  // W2; pairs R1, G1
  }

  bool holds(unsigned sequence) {
    return sequence_($).load(order(kMutant == Mutant::relaxed_consume, rl::mo_acquire)) == sequence;  // G1: pairs W2
  }

  unsigned sequence() {
    return sequence_($).load(order(kMutant == Mutant::relaxed_consume, rl::mo_acquire));  // R1: pairs W2
  }

  bool copy_whole(Event& out, unsigned sequence) {
    Copy::load(out, words_);
    if (kMutant != Mutant::no_acquire_fence) {
      rl::atomic_thread_fence(rl::mo_acquire, $);  // R2: a new byte read => its zero is seen; pairs W1
    }
    const unsigned after = sequence_($).load(rl::mo_relaxed);  // relaxed: R2 orders it
    out.sequence = sequence;
    return kMutant == Mutant::no_recheck || after == sequence;
  }

  // A gated reader's plain copy.
  Event event(unsigned sequence) {
    Event out{sequence, {}};
    Copy::load(out, words_);
    return out;
  }

 private:
  rl::atomic<unsigned> sequence_;
  typename Copy::Word words_[kWords];
};

template <Mutant kMutant>
class Gate {
 public:
  void clear() { consumed_($).store(0, rl::mo_relaxed); }
  unsigned consumed() {
    return consumed_($).load(order(kMutant == Mutant::relaxed_limit, rl::mo_acquire));  // G2: pairs G3
  }
  void set_consumed(unsigned sequence) {
    consumed_($).store(sequence, order(kMutant == Mutant::relaxed_give_back, rl::mo_release));  // G3: pairs G2
  }

 private:
  rl::atomic<unsigned> consumed_;
};

template <class Copy, Mutant kMutant>
struct Stream {
  Cell<Copy, kMutant> cells[kCapacity];
  Gate<kMutant> gates[kGates];
  rl::atomic<unsigned> head_;
  bool has_gates = false;
  unsigned begun = 0;  // not part of the algorithm: what the writer has begun, for checking

  void clear() {
    for (auto& cell : cells) cell.clear();
    for (auto& gate : gates) gate.clear();
    head_($).store(0, rl::mo_relaxed);
  }
  unsigned head() {
    return head_($).load(order(kMutant == Mutant::relaxed_head_read, rl::mo_acquire));  // H2: pairs H1
  }
  void set_head(unsigned sequence) {
    head_($).store(sequence, order(kMutant == Mutant::relaxed_head, rl::mo_release));  // H1: pairs H2
  }
  unsigned write_limit() {
    if (!has_gates || kMutant == Mutant::overtaking) return ~0u;
    unsigned lowest = ~0u;
    for (auto& gate : gates) {
      const unsigned consumed = gate.consumed();
      if (consumed < lowest) lowest = consumed;
    }
    return lowest + kCapacity;
  }
};

template <class Copy, Mutant kMutant>
class StreamWriter {
 public:
  explicit StreamWriter(Stream<Copy, kMutant>& stream)
      : next_(stream.head() + 1), limit_(stream.write_limit()), stream_(&stream) {}

  unsigned append(const Event& event) {
    const unsigned sequence = next_;
    if (sequence > limit_ && !refresh_until(sequence)) return 0;
    stream_->begun = sequence;
    stream_->cells[sequence % kCapacity].publish(event, sequence);
    stream_->set_head(sequence);
    next_ = sequence + 1;
    return sequence;
  }

 private:
  bool refresh_until(unsigned sequence) {
    limit_ = stream_->write_limit();
    return sequence <= limit_;
  }

  unsigned next_;
  unsigned limit_;
  Stream<Copy, kMutant>* stream_;
};

template <class Copy, Mutant kMutant>
class GatedReader {
 public:
  GatedReader(Stream<Copy, kMutant>& stream, Gate<kMutant>& gate)
      : next_(gate.consumed() + 1), stream_(&stream), gate_(&gate) {}

  bool poll(Event& out) {
    auto& cell = stream_->cells[next_ % kCapacity];
    if (!cell.holds(next_)) return false;
    out = cell.event(next_);
    ++next_;
    gate_->set_consumed(next_ - 1);
    return true;
  }

 private:
  unsigned next_;
  Stream<Copy, kMutant>* stream_;
  Gate<kMutant>* gate_;
};

enum class Observed { nothing, event, lapped };

template <class Copy, Mutant kMutant>
class Observer {
 public:
  explicit Observer(Stream<Copy, kMutant>& stream) : next_(1), stream_(&stream) {}

  Observed next(Event& out) {
    auto& cell = stream_->cells[next_ % kCapacity];
    const unsigned seen = cell.sequence();
    if (seen == next_) {
      if (!cell.copy_whole(out, next_)) return resume();
      ++next_;
      return Observed::event;
    }
    if (seen < next_) return seen == 0 ? look_whether_lost() : Observed::nothing;
    return resume();
  }

  unsigned next_sequence() const { return next_; }
  unsigned missed() const { return missed_; }

 private:
  Observed look_whether_lost() {
    if (stream_->head() < next_) return Observed::nothing;
    return stream_->cells[next_ % kCapacity].sequence() == next_ ? Observed::nothing : resume();
  }

  Observed resume() {
    const unsigned mask = kCapacity - 1;
    const unsigned read_head = stream_->head();
    const unsigned head = read_head > next_ + mask ? read_head : next_ + mask;
    const unsigned resumed = head - mask / 2;
    missed_ = resumed - next_;
    next_ = resumed;
    return Observed::lapped;
  }

  unsigned next_;
  Stream<Copy, kMutant>* stream_;
  unsigned missed_ = 0;
};

}  // namespace model
