// SPDX-License-Identifier: Apache-2.0
// Model: a writer and two gated readers on a ring of two: every event whole, in order, once; no cell overwritten that is
// still read.
#include "tests/shm/models/stream_model.hpp"

namespace model {
namespace {

constexpr unsigned kEvents = 4;  // two laps

template <Mutant kMutant>
struct Gated : rl::test_suite<Gated<kMutant>, 1 + kGates> {
  Stream<PlainCopy, kMutant> stream;

  void before() {
    stream.has_gates = true;
    stream.clear();
  }
  void thread(unsigned index) {
    if (index == 0) {
      StreamWriter<PlainCopy, kMutant> writer(stream);
      for (unsigned sequence = 1; sequence <= kEvents; ++sequence) {
        while (writer.append(numbered(sequence)) == 0) rl::yield(1, $);
      }
      return;
    }
    GatedReader<PlainCopy, kMutant> reader(stream, stream.gates[index - 1]);
    for (unsigned sequence = 1; sequence <= kEvents; ++sequence) {
      Event event;
      while (!reader.poll(event)) rl::yield(1, $);
      RL_ASSERT(event.sequence == sequence);
      RL_ASSERT(is_whole(event));
    }
  }
};

}  // namespace
}  // namespace model

int main() {
  using namespace model;
  return true_holds<Gated<Mutant::none>>("true") + mutant_is_caught<Gated<Mutant::relaxed_publish>>("relaxed_publish") +
         mutant_is_caught<Gated<Mutant::relaxed_consume>>("relaxed_consume") +
         mutant_is_caught<Gated<Mutant::publish_before_payload>>("publish_before_payload") +
         mutant_is_caught<Gated<Mutant::relaxed_give_back>>("relaxed_give_back") +
         mutant_is_caught<Gated<Mutant::relaxed_limit>>("relaxed_limit") +
         mutant_is_caught<Gated<Mutant::overtaking>>("overtaking");
}
