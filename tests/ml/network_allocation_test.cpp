// SPDX-License-Identifier: Apache-2.0
// After it is made a network allocates nothing: every operator new of this program is counted.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "tests/support/networks.hpp"

namespace {
std::size_t allocations = 0;

void* counted(std::size_t size_bytes, std::size_t alignment) {
  ++allocations;
  void* block = nullptr;
  if (posix_memalign(&block, alignment, size_bytes) != 0) std::abort();
  return block;
}
}  // namespace

void* operator new(std::size_t size_bytes) { return counted(size_bytes, __STDCPP_DEFAULT_NEW_ALIGNMENT__); }
void* operator new(std::size_t size_bytes, std::align_val_t alignment) {
  return counted(size_bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
void operator delete(void* block, std::align_val_t) noexcept { std::free(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { std::free(block); }

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
    const std::size_t before = allocations;
    for (std::size_t at = 0; at < rows.size(); at += spec.inputs) {
      network->step(rows.data() + at, run.state(), run.scratch(), out.data());
    }
    network->window(rows, run.state(), reinterpret_cast<float*>(window_scratch.data()), out.data());
    EXPECT_EQ(allocations, before);
  }
}

TEST(NetworkAllocation, the_counter_sees_an_allocation) {
  const std::size_t before = allocations;
  const NetworkBlock block(3);
  EXPECT_GT(allocations, before);
  EXPECT_EQ(block.size(), 3u);
}

}  // namespace
}  // namespace thintail
