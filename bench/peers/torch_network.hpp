// SPDX-License-Identifier: Apache-2.0
// TorchNetwork: the layers of a NetworkSpec in libtorch, a row at a time, on one thread. The library is optional: without
// Debian's libtorch-dev there is none to measure, and create() says so.
//   path     warm: what the library does in step() is what is measured
//   threads  one
#pragma once

#include <memory>
#include <string>

#include "core/base/error.hpp"
#include "ml/networks/network_spec.hpp"

namespace thintail::bench {

class TorchNetwork {
 public:
  static constexpr const char* kName = "libtorch-1.13, float32";
  // Why there is none; empty where the library is linked.
  static std::string absent();

  // dense (linear, relu), lstm, gru and attention. REQUIRES: absent() is empty.
  static Result<TorchNetwork> create(const NetworkSpec& spec);
  TorchNetwork(TorchNetwork&&) noexcept;
  ~TorchNetwork();

  void step(const float* row, float* out);

 private:
  struct Layers;
  explicit TorchNetwork(std::unique_ptr<Layers> layers);

  std::unique_ptr<Layers> layers_;
};

}  // namespace thintail::bench
