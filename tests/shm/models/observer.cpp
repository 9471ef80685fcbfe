// SPDX-License-Identifier: Apache-2.0
// Model: a writer that waits for nobody and an observer on a ring of two: what is delivered is whole and in order, what is
// reported missed was overwritten, and together they are all that was gone past.
#include "tests/shm/models/stream_model.hpp"

namespace model {
namespace {

constexpr unsigned kEvents = 5;
constexpr unsigned kPolls = 8;

template <Mutant kMutant>
struct ObservedByOne : rl::test_suite<ObservedByOne<kMutant>, 2> {
  Stream<WordCopy, kMutant> stream;

  void before() { stream.clear(); }
  void thread(unsigned index) {
    if (index == 0) {
      StreamWriter<WordCopy, kMutant> writer(stream);
      for (unsigned sequence = 1; sequence <= kEvents; ++sequence) writer.append(numbered(sequence));
      return;
    }
    Observer<WordCopy, kMutant> observer(stream);
    unsigned gone_past = 0;
    for (unsigned poll = 0; poll < kPolls; ++poll) {
      const unsigned next = observer.next_sequence();
      Event event;
      const Observed seen = observer.next(event);
      if (seen == Observed::event) {
        ++gone_past;
        RL_ASSERT(event.sequence == gone_past);
        RL_ASSERT(is_whole(event));
      } else if (seen == Observed::lapped) {
        RL_ASSERT(stream.begun >= next + kCapacity);
        RL_ASSERT(observer.missed() > 0);
        gone_past += observer.missed();
      }
      RL_ASSERT(observer.next_sequence() == gone_past + 1);
    }
  }
};

}  // namespace
}  // namespace model

int main() {
  using namespace model;
  return true_holds<ObservedByOne<Mutant::none>>("true") +
         mutant_is_caught<ObservedByOne<Mutant::relaxed_publish>>("relaxed_publish") +
         mutant_is_caught<ObservedByOne<Mutant::relaxed_consume>>("relaxed_consume") +
         mutant_is_caught<ObservedByOne<Mutant::publish_before_payload>>("publish_before_payload") +
         mutant_is_caught<ObservedByOne<Mutant::no_invalidation>>("no_invalidation") +
         mutant_is_caught<ObservedByOne<Mutant::no_release_fence>>("no_release_fence") +
         mutant_is_caught<ObservedByOne<Mutant::no_acquire_fence>>("no_acquire_fence") +
         mutant_is_caught<ObservedByOne<Mutant::no_recheck>>("no_recheck") +
         mutant_is_caught<ObservedByOne<Mutant::relaxed_head>>("relaxed_head") +
         mutant_is_caught<ObservedByOne<Mutant::relaxed_head_read>>("relaxed_head_read");
}
