// SPDX-License-Identifier: Apache-2.0
// After it is made a network allocates nothing: every operator new of this program is counted.
#include <gtest/gtest.h>

#include "tests/support/counted_allocations.hpp"
#include "tests/support/networks.hpp"

namespace thintail {
namespace {

TEST(NetworkAllocation, steps_and_windows_allocate_nothing) {
  const NetworkSpec spec = test::every_layer(1);
  const auto rows = test::RandomNetworks(2).numbers(50 * spec.inputs, 1.0f);
  const auto exact = Network::make(spec, best_isa());
  const auto quantized = Network::make_quantized(spec, exact->calibrate(rows), best_isa());
  for (const Network* network : {&*exact, &*quantized}) {
    test::NetworkRun run(*network);
    NetworkBlock window_scratch = network->make_window_scratch(50);
    std::vector<float> out(network->outputs());
    const std::size_t before = test::allocations;
    for (std::size_t at = 0; at < rows.size(); at += spec.inputs) {
      network->step(rows.data() + at, run.state(), run.scratch(), out.data());
    }
    network->window(rows, run.state(), reinterpret_cast<float*>(window_scratch.data()), out.data());
    EXPECT_EQ(test::allocations, before);
  }
}

TEST(NetworkAllocation, the_counter_sees_an_allocation) {
  const std::size_t before = test::allocations;
  const NetworkBlock block(3);
  EXPECT_GT(test::allocations, before);
  EXPECT_EQ(block.size(), 3u);
}

}  // namespace
}  // namespace thintail
