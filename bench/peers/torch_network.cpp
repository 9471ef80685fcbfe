// SPDX-License-Identifier: Apache-2.0
// TorchNetwork in libtorch's own cells and modules. Linked by the benchmark's program and by tests alone.
#include "bench/peers/torch_network.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <torch/nn/modules/activation.h>

#include <cstring>
#include <utility>
#include <vector>

namespace thintail::bench {

namespace {

struct TorchLayer {
  LayerKind kind;
  Activation activation;
  at::Tensor weight = {};
  at::Tensor bias = {};
  at::Tensor recurrent = {};
  at::Tensor recurrent_bias = {};
  at::Tensor h = {};
  at::Tensor c = {};
  torch::nn::MultiheadAttention attention = nullptr;
  std::vector<at::Tensor> past = {};  // of attention: the rows that it sees, oldest first
  std::size_t window = 0;
};

at::Tensor tensor_of(const std::vector<float>& values, std::vector<std::int64_t> shape) {
  at::Tensor out = at::zeros(shape);
  if (!values.empty()) std::memcpy(out.data_ptr<float>(), values.data(), values.size() * sizeof(float));
  return out;
}

TorchLayer layer_of(const LayerSpec& spec) {
  const std::int64_t in = spec.inputs;
  const std::int64_t out = spec.outputs;
  const std::int64_t rows = (spec.kind == LayerKind::attention ? 3 : std::int64_t{gates_of(spec.kind)}) * out;
  TorchLayer layer{.kind = spec.kind,
                   .activation = spec.activation,
                   .weight = tensor_of(spec.weight, {rows, in}),
                   .bias = tensor_of(spec.bias, {rows}),
                   .h = at::zeros({1, out}),
                   .c = at::zeros({1, out}),
                   .window = spec.window};
  if (spec.kind == LayerKind::dense) return layer;
  const std::int64_t back = spec.kind == LayerKind::attention ? out : rows;
  layer.recurrent = tensor_of(spec.recurrent, {back, out});
  layer.recurrent_bias = tensor_of(spec.recurrent_bias, {back});
  if (spec.kind == LayerKind::attention) {
    layer.attention = torch::nn::MultiheadAttention(torch::nn::MultiheadAttentionOptions(in, spec.heads));
    layer.attention->eval();
    layer.attention->in_proj_weight.copy_(layer.weight);
    layer.attention->in_proj_bias.copy_(layer.bias);
    layer.attention->out_proj->weight.copy_(layer.recurrent);
    layer.attention->out_proj->bias.copy_(layer.recurrent_bias);
  }
  return layer;
}

at::Tensor applied(TorchLayer& layer, const at::Tensor& x) {
  switch (layer.kind) {
    case LayerKind::lstm:
      std::tie(layer.h, layer.c) =
          at::lstm_cell(x, {layer.h, layer.c}, layer.weight, layer.recurrent, layer.bias, layer.recurrent_bias);
      return layer.h;
    case LayerKind::gru:
      layer.h = at::gru_cell(x, layer.h, layer.weight, layer.recurrent, layer.bias, layer.recurrent_bias);
      return layer.h;
    case LayerKind::attention: {
      if (layer.past.size() == layer.window) layer.past.erase(layer.past.begin());
      layer.past.push_back(x.view({1, 1, -1}));
      const at::Tensor seen = at::cat(layer.past);
      return std::get<0>(layer.attention->forward(x.view({1, 1, -1}), seen, seen)).view({1, -1});
    }
    default: {
      const at::Tensor y = at::linear(x, layer.weight, layer.bias);
      return layer.activation == Activation::relu ? at::relu(y) : y;
    }
  }
}

Error unsupported(std::string found) {
  return {.code = ErrorCode::model_unsupported,
          .doing = "running a network in libtorch",
          .expected = "dense layers with relu or none, LSTM, GRU and attention, none of them residual",
          .found = std::move(found)};
}

bool is_known(const LayerSpec& layer) {
  if (layer.residual) return false;
  if (layer.kind == LayerKind::dense) {
    return layer.activation == Activation::linear || layer.activation == Activation::relu;
  }
  return layer.kind == LayerKind::lstm || layer.kind == LayerKind::gru || layer.kind == LayerKind::attention;
}

}  // namespace

struct TorchNetwork::Layers {
  std::int64_t inputs = 0;
  std::vector<TorchLayer> all = {};
};

std::string TorchNetwork::absent() { return {}; }

Result<TorchNetwork> TorchNetwork::create(const NetworkSpec& spec) {
  for (const LayerSpec& layer : spec.layers) {
    if (!is_known(layer)) return fail(unsupported(layer_kind_name(layer.kind)));
  }
  try {
    at::set_num_threads(1);
    const c10::InferenceMode inference;
    auto layers = std::make_unique<Layers>();
    layers->inputs = spec.inputs;
    for (const LayerSpec& layer : spec.layers) layers->all.push_back(layer_of(layer));
    return TorchNetwork(std::move(layers));
  } catch (const std::exception& error) {
    return fail(unsupported(error.what()));
  }
}

TorchNetwork::TorchNetwork(TorchNetwork&&) noexcept = default;
TorchNetwork::~TorchNetwork() = default;
TorchNetwork::TorchNetwork(std::unique_ptr<Layers> layers) : layers_(std::move(layers)) {}

void TorchNetwork::step(const float* row, float* out) {
  const c10::InferenceMode inference;
  at::Tensor x = at::empty({1, layers_->inputs});
  std::memcpy(x.data_ptr<float>(), row, static_cast<std::size_t>(layers_->inputs) * sizeof(float));
  for (TorchLayer& layer : layers_->all) x = applied(layer, x);
  const at::Tensor answer = x.contiguous();
  std::memcpy(out, answer.data_ptr<float>(), static_cast<std::size_t>(answer.numel()) * sizeof(float));
}

}  // namespace thintail::bench
