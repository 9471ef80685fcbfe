// SPDX-License-Identifier: Apache-2.0
// Running a relacy model: the true one must hold in every execution tried, and each mutant must be caught.
//   source  docs/proofs.md
#pragma once

#include <relacy/relacy.hpp>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <streambuf>

namespace model {

enum class Mutant {
  none,
  relaxed_publish,         // W2
  relaxed_consume,         // R1, in the gated model G1
  publish_before_payload,  // W2 too early
  no_invalidation,         // W1 left out
  no_release_fence,        // the zero stays, its fence goes
  no_acquire_fence,        // R2 left out
  no_recheck,              // what R2 orders is not asked
  relaxed_give_back,       // G3
  relaxed_limit,           // G2
  overtaking,              // the writer does not ask for the limit
  relaxed_head,            // H1
  relaxed_head_read,       // H2
};

// The order that the source names, or none where this mutant weakens it.
constexpr rl::memory_order order(bool is_weakened, rl::memory_order named) {
  return is_weakened ? rl::mo_relaxed : named;
}

inline bool is_long() { return std::getenv("THINTAIL_LONG") != nullptr; }

// Swallows relacy's reports. A string stream would allocate inside a run, where relacy owns operator new.
class Silence : public std::streambuf {
  int overflow(int character) override { return character; }
};

// Whether `Suite` held in all of the random interleavings (and stale values) tried. A failing one is printed where a
// failure is not what is wanted.
template <class Suite>
bool holds(unsigned long executions, bool failure_is_wanted, rl::test_params& params) {
  Silence silence;
  std::ostream nowhere(&silence);
  params.iteration_count = executions;
  params.output_stream = failure_is_wanted ? &nowhere : &std::cout;
  params.progress_stream = &nowhere;
  return rl::simulate<Suite>(params);
}

template <class Suite>
int true_holds(const char* name) {
  rl::test_params params;
  const bool held = holds<Suite>(is_long() ? 5000000 : 200000, false, params);
  std::printf("%-24s %s in %lu executions\n", name, held ? "holds" : "FAILS", (unsigned long)params.stop_iteration);
  return held ? 0 : 1;
}

// Caught for what it does: a race, a stale read or a broken promise, and not because it ran too long.
template <class Suite>
int mutant_is_caught(const char* name) {
  rl::test_params params;
  const bool held = holds<Suite>(200000, true, params);
  const bool is_wrong_result =
      params.test_result == rl::test_result_user_assert_failed || params.test_result == rl::test_result_data_race;
  std::printf("%-24s %s %lu executions (%s)\n", name, held ? "NOT CAUGHT in" : "caught after",
              (unsigned long)params.stop_iteration, rl::test_result_str(params.test_result));
  return !held && is_wrong_result ? 0 : 1;
}

}  // namespace model
