// SPDX-License-Identifier: Apache-2.0
// Model: one writer and one reader of a SeqCell: what is loaded is one of the stored values, whole and never older than the
// one before.
//   source  shm/tables/seq_cell.hpp, with two words; models/labels.sh compares the labels
#include "tests/shm/models/model.hpp"

namespace model {
namespace {

constexpr unsigned kWords = 2;
constexpr unsigned kStores = 3;
constexpr unsigned kLoads = 4;

template <Mutant kMutant>
class SeqCell {
 public:
  void clear() {
    version_($).store(0, rl::mo_relaxed);
    for (auto& word : words_) word($).store(0, rl::mo_relaxed);
  }

  void store(unsigned value) {
    const unsigned version = version_($).load(rl::mo_relaxed);  // relaxed: only we write it
    if (kMutant != Mutant::no_invalidation) {
      version_($).store(version + 1, rl::mo_relaxed);  // relaxed: W1 orders it
      if (kMutant != Mutant::no_release_fence) {
        rl::atomic_thread_fence(rl::mo_release, $);  // W1: odd before any new word; pairs R2
      }
    }
    if (kMutant == Mutant::publish_before_payload) {
      version_($).store(version + 2, rl::mo_release);  // mutant: W2 too early
    }
    for (auto& word : words_) word($).store(value, rl::mo_relaxed);  // relaxed: W1 and W2 order them as a whole
    version_($).store(version + 2, order(kMutant == Mutant::relaxed_publish, rl::mo_release));  // W2; pairs R1
  }

  bool try_load(unsigned (&out)[kWords]) {
    unsigned words[kWords];
    const unsigned before =
        version_($).load(order(kMutant == Mutant::relaxed_consume, rl::mo_acquire));  // R1: even => whole; pairs W2
    for (unsigned i = 0; i < kWords; ++i) {
      words[i] = words_[i]($).load(rl::mo_relaxed);  // relaxed: R1 and R2 order them as a whole
    }
    if (kMutant != Mutant::no_acquire_fence) {
      rl::atomic_thread_fence(rl::mo_acquire, $);  // R2: new word => odd seen; pairs W1
    }
    const unsigned after = version_($).load(rl::mo_relaxed);  // relaxed: R2 orders it
    if ((before & 1) != 0) return false;
    if (kMutant != Mutant::no_recheck && before != after) return false;
    for (unsigned i = 0; i < kWords; ++i) out[i] = words[i];
    return true;
  }

 private:
  rl::atomic<unsigned> version_;
  rl::atomic<unsigned> words_[kWords];
};

template <Mutant kMutant>
struct Record : rl::test_suite<Record<kMutant>, 2> {
  SeqCell<kMutant> cell;

  void before() { cell.clear(); }
  void thread(unsigned index) {
    if (index == 0) {
      for (unsigned value = 1; value <= kStores; ++value) cell.store(value);
      return;
    }
    unsigned newest = 0;
    for (unsigned load = 0; load < kLoads; ++load) {
      unsigned words[kWords];
      if (!cell.try_load(words)) continue;
      RL_ASSERT(words[0] == words[1]);
      RL_ASSERT(words[0] >= newest && words[0] <= kStores);
      newest = words[0];
    }
  }
};

}  // namespace
}  // namespace model

int main() {
  using namespace model;
  return true_holds<Record<Mutant::none>>("true") +
         mutant_is_caught<Record<Mutant::relaxed_publish>>("relaxed_publish") +
         mutant_is_caught<Record<Mutant::relaxed_consume>>("relaxed_consume") +
         mutant_is_caught<Record<Mutant::publish_before_payload>>("publish_before_payload") +
         mutant_is_caught<Record<Mutant::no_invalidation>>("no_invalidation") +
         mutant_is_caught<Record<Mutant::no_release_fence>>("no_release_fence") +
         mutant_is_caught<Record<Mutant::no_acquire_fence>>("no_acquire_fence") +
         mutant_is_caught<Record<Mutant::no_recheck>>("no_recheck");
}
