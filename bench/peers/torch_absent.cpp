// SPDX-License-Identifier: Apache-2.0
// TorchNetwork where libtorch is not installed.
#include <fmt/format.h>

#include "bench/peers/torch_network.hpp"

namespace thintail::bench {

struct TorchNetwork::Layers {};

std::string TorchNetwork::absent() { return "libtorch was not found when this was built; on Debian: libtorch-dev"; }

Result<TorchNetwork> TorchNetwork::create(const NetworkSpec& spec) {
  return fail({.code = ErrorCode::model_unsupported,
               .doing = "running a network in libtorch",
               .expected = "a program that was built with libtorch",
               .found = fmt::format("{} layers to run, and {}", spec.layers.size(), absent())});
}

TorchNetwork::TorchNetwork(TorchNetwork&&) noexcept = default;
TorchNetwork::~TorchNetwork() = default;
TorchNetwork::TorchNetwork(std::unique_ptr<Layers> layers) : layers_(std::move(layers)) {}
void TorchNetwork::step(const float*, float*) {}

}  // namespace thintail::bench
