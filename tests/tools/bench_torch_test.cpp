// SPDX-License-Identifier: Apache-2.0
// Our float32 networks beside libtorch's, the library that most of them come from. Skipped where it is not installed.
#include <algorithm>
#include <cmath>

#include "bench/peers/torch_network.hpp"
#include "tests/support/networks.hpp"

namespace thintail {
namespace {

using bench::TorchNetwork;

// libtorch's own answers are up to 1.3e-6 from float64's, ours up to 5.4e-7: docs/networks.md.
constexpr double kTolerance = 2.5e-6;
constexpr std::size_t kRows = 2'000;

double largest_difference(const NetworkSpec& ours, const NetworkSpec& theirs) {
  auto torch = TorchNetwork::create(theirs);
  EXPECT_TRUE(torch.has_value()) << (torch ? "" : torch.error().message());
  const auto network = Network::make(ours, best_isa());
  EXPECT_TRUE(network.has_value()) << (network ? "" : network.error().message());
  if (!torch || !network) return INFINITY;
  const auto rows = test::RandomNetworks(9).numbers(kRows * ours.inputs, 1.0f);
  const auto found = test::NetworkRun(*network).all(rows);
  std::vector<float> out(theirs.outputs());
  double worst = 0;
  for (std::size_t i = 0; i < kRows; ++i) {
    torch->step(rows.data() + i * ours.inputs, out.data());
    for (std::size_t j = 0; j < out.size(); ++j) {
      worst = std::max(worst, std::fabs(double{out[j]} - double{found[i * out.size() + j]}));
    }
  }
  return worst;
}

NetworkSpec one(LayerKind kind, std::uint32_t inputs, std::uint32_t outputs, std::uint32_t heads = 1,
                std::uint32_t window = 0) {
  NetworkSpec spec{.inputs = inputs, .layers = {test::RandomNetworks(7).layer(kind, inputs, outputs)}};
  spec.layers[0].heads = heads;
  spec.layers[0].window = window;
  return spec;
}

TEST(BenchTorch, recurrent_layers_attention_and_dense_ones_answer_as_libtorch) {
  if (!TorchNetwork::absent().empty()) GTEST_SKIP() << TorchNetwork::absent();
  for (const NetworkSpec& spec :
       {one(LayerKind::dense, 64, 128), one(LayerKind::lstm, 64, 64), one(LayerKind::lstm, 100, 100),
        one(LayerKind::gru, 64, 64), one(LayerKind::gru, 13, 37), one(LayerKind::attention, 64, 64, 1, 32),
        one(LayerKind::attention, 64, 64, 4, 32), one(LayerKind::attention, 60, 60, 5, 7)}) {
    const double worst = largest_difference(spec, spec);
    fmt::print("{} {} -> {}, {} heads: {:.2e}\n", layer_kind_name(spec.layers[0].kind), spec.inputs, spec.outputs(),
               spec.layers[0].heads, worst);
    EXPECT_LE(worst, kTolerance) << layer_kind_name(spec.layers[0].kind);
  }
}

TEST(BenchTorch, exchanged_gates_would_be_noticed) {
  if (!TorchNetwork::absent().empty()) GTEST_SKIP() << TorchNetwork::absent();
  const NetworkSpec spec = one(LayerKind::gru, 16, 16);
  NetworkSpec exchanged = spec;
  auto& weight = exchanged.layers[0].weight;
  std::swap_ranges(weight.begin(), weight.begin() + 256, weight.begin() + 256);
  EXPECT_GT(largest_difference(spec, exchanged), kTolerance);
}

TEST(BenchTorch, what_the_peer_does_not_know_is_refused) {
  const auto refused = TorchNetwork::create(one(LayerKind::conv1d, 8, 8));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::model_unsupported);
}

}  // namespace
}  // namespace thintail
