// SPDX-License-Identifier: Apache-2.0
#include "ml/networks/torch_layers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

namespace thintail {
namespace {

constexpr const char* kDoing = "building a network from PyTorch tensors";
constexpr std::string_view kFirstRecurrent = "weight_ih_l";

class TorchBuilder {
 public:
  TorchBuilder(std::vector<NamedTensor> tensors, const std::string& file)
      : tensors_(std::move(tensors)), used_(tensors_.size(), false), file_(file) {}

  Result<NetworkSpec> build(std::uint32_t inputs, const std::vector<TorchLayer>& layers) {
    NetworkSpec spec{.inputs = inputs};
    std::uint32_t width = inputs;
    for (const TorchLayer& layer : layers) {
      TT_TRY_VOID(add(layer, width, spec));
      width = spec.layers.back().outputs;
    }
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      if (!used_[i]) {
        return fail(bad(tensors_[i].name, "tensors of the layers only (no bidirectional or projected LSTM)",
                        "a tensor that no layer takes", ErrorCode::model_unsupported));
      }
    }
    TT_TRY_VOID(check_network(spec, file_));
    return spec;
  }

  // What the names tell; `inputs` from the first layer's weights.
  Result<std::vector<TorchLayer>> infer(std::uint32_t& inputs) const {
    std::vector<TorchLayer> layers;
    for (const NamedTensor& tensor : tensors_) {
      const std::size_t dot = tensor.name.rfind('.');
      const std::string prefix = dot == std::string::npos ? std::string() : tensor.name.substr(0, dot);
      const std::string_view last = std::string_view(tensor.name).substr(dot == std::string::npos ? 0 : dot + 1);
      TorchLayer layer{.weights = prefix};
      if (last.starts_with(kFirstRecurrent)) {
        const std::string_view digits = last.substr(kFirstRecurrent.size());
        const auto [stop, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), layer.stack);
        if (fault != std::errc{} || stop != digits.data() + digits.size()) continue;  // left over, and refused as such
        TT_TRY(const LayerKind kind, recurrent_kind(tensor, prefix, layer.stack));
        layer.kind = kind;
      } else if (last != "weight") {
        continue;
      } else if (tensor.shape.size() != 2) {
        return fail(bad(tensor.name, "a matrix: other layers need a file of layers",
                        fmt::format("rank {}", tensor.shape.size()), ErrorCode::model_unsupported));
      }
      if (layers.empty()) inputs = tensor.shape.size() == 2 ? tensor.shape[1] : 0;
      layers.push_back(std::move(layer));
    }
    if (layers.empty()) return fail(bad("", "weights of at least one layer", "none"));
    return layers;
  }

 private:
  Error bad(std::string field, std::string expected, std::string found,
            ErrorCode code = ErrorCode::model_syntax) const {
    return {.code = code,
            .doing = kDoing,
            .file = file_,
            .field = printable(field, 80),
            .expected = std::move(expected),
            .found = std::move(found)};
  }

  static std::string full_name(std::string_view prefix, std::string_view last) {
    return prefix.empty() ? std::string(last) : fmt::format("{}.{}", prefix, last);
  }

  // Four gates or three, told by the recurrent matrix, which is gates x hidden by hidden.
  Result<LayerKind> recurrent_kind(const NamedTensor& tensor, const std::string& prefix, std::uint32_t stack) const {
    const std::string name = full_name(prefix, fmt::format("weight_hh_l{}", stack));
    const auto found = std::ranges::find(tensors_, name, &NamedTensor::name);
    if (found == tensors_.end()) return fail(bad(name, "a tensor", "none"));
    if (found->shape.size() == 2 && tensor.shape.size() == 2 && found->shape[1] > 0) {
      const std::uint64_t hidden = found->shape[1];
      if (found->shape[0] == 4 * hidden) return LayerKind::lstm;
      if (found->shape[0] == 3 * hidden) return LayerKind::gru;
    }
    return fail(
        bad(name, "4 or 3 times as many rows as columns", fmt::format("shape [{}]", fmt::join(found->shape, ", "))));
  }

  Result<const NamedTensor*> take(const TorchLayer& layer, std::string_view last) {
    const std::string name = full_name(layer.weights, last);
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      if (tensors_[i].name != name) continue;
      if (used_[i]) return fail(bad(name, "each tensor in one layer", "a second layer that takes it"));
      used_[i] = true;
      if (tensors_[i].values.empty()) return fail(bad(name, "floating-point numbers", "integers or nothing"));
      return &tensors_[i];
    }
    return fail(bad(name, "a tensor", "none"));
  }
  Result<std::vector<float>> take_shaped(const TorchLayer& layer, std::string_view last,
                                         const std::vector<std::uint32_t>& shape) {
    TT_TRY(const NamedTensor* tensor, take(layer, last));
    if (tensor->shape == shape) return tensor->values;
    return fail(bad(tensor->name, fmt::format("shape [{}]", fmt::join(shape, ", ")),
                    fmt::format("shape [{}]", fmt::join(tensor->shape, ", "))));
  }
  Result<std::vector<float>> take_optional(const TorchLayer& layer, std::string_view last, std::uint32_t count) {
    const std::string name = full_name(layer.weights, last);
    if (std::ranges::find(tensors_, name, &NamedTensor::name) == tensors_.end()) return std::vector<float>{};
    return take_shaped(layer, last, {count});
  }

  Result<void> add(const TorchLayer& layer, std::uint32_t width, NetworkSpec& spec);
  Result<void> fill(const TorchLayer& layer, LayerSpec& out);
  Result<void> fill_recurrent(const TorchLayer& layer, LayerSpec& out);
  Result<void> fill_attention(const TorchLayer& layer, LayerSpec& out);

  std::vector<NamedTensor> tensors_;
  std::vector<bool> used_;
  const std::string& file_;
};

Result<void> TorchBuilder::add(const TorchLayer& layer, std::uint32_t width, NetworkSpec& spec) {
  if (width == 0 || width > kNetworkWidthMax) {
    return fail(bad(layer.weights, fmt::format("1 to {} inputs", kNetworkWidthMax), fmt::to_string(width)));
  }
  LayerSpec out{.kind = layer.kind,
                .activation = layer.activation,
                .residual = layer.residual,
                .name = layer.weights,
                .inputs = width,
                .outputs = width,
                .heads = layer.heads,
                .window = layer.window,
                .dilation = layer.dilation,
                .epsilon = layer.epsilon};
  TT_TRY_VOID(fill(layer, out));
  spec.layers.push_back(std::move(out));
  return {};
}

Result<void> TorchBuilder::fill(const TorchLayer& layer, LayerSpec& out) {
  switch (layer.kind) {
    case LayerKind::lstm:
    case LayerKind::gru: return fill_recurrent(layer, out);
    case LayerKind::attention: return fill_attention(layer, out);
    case LayerKind::activation: return {};
    case LayerKind::dense:
    case LayerKind::conv1d:
    case LayerKind::layer_norm: break;
  }
  TT_TRY(const NamedTensor* weight, take(layer, "weight"));
  const std::size_t rank = layer.kind == LayerKind::dense ? 2 : layer.kind == LayerKind::conv1d ? 3 : 1;
  if (weight->shape.size() != rank || (rank > 1 && weight->shape[1] != out.inputs)) {
    return fail(bad(weight->name, fmt::format("rank {} for {} inputs", rank, out.inputs),
                    fmt::format("shape [{}]", fmt::join(weight->shape, ", "))));
  }
  out.outputs = weight->shape[0];
  if (layer.kind == LayerKind::conv1d) out.taps = weight->shape[2];
  out.weight = weight->values;
  TT_TRY(out.bias, take_optional(layer, "bias", out.outputs));
  return {};
}

Result<void> TorchBuilder::fill_recurrent(const TorchLayer& layer, LayerSpec& out) {
  TT_TRY(const NamedTensor* recurrent, take(layer, fmt::format("weight_hh_l{}", layer.stack)));
  const std::uint32_t gates = gates_of(layer.kind);
  if (recurrent->shape.size() != 2 || recurrent->shape[1] == 0 || recurrent->shape[1] > kNetworkWidthMax ||
      recurrent->shape[0] != gates * recurrent->shape[1]) {
    return fail(bad(recurrent->name, fmt::format("{} times as many rows as columns", gates),
                    fmt::format("shape [{}]", fmt::join(recurrent->shape, ", "))));
  }
  out.outputs = recurrent->shape[1];
  out.recurrent = recurrent->values;
  const std::uint32_t rows = gates * out.outputs;
  TT_TRY(out.weight, take_shaped(layer, fmt::format("weight_ih_l{}", layer.stack), {rows, out.inputs}));
  TT_TRY(out.bias, take_optional(layer, fmt::format("bias_ih_l{}", layer.stack), rows));
  TT_TRY(out.recurrent_bias, take_optional(layer, fmt::format("bias_hh_l{}", layer.stack), rows));
  return {};
}

Result<void> TorchBuilder::fill_attention(const TorchLayer& layer, LayerSpec& out) {
  const std::uint32_t width = out.inputs;
  TT_TRY(out.weight, take_shaped(layer, "in_proj_weight", {3 * width, width}));
  TT_TRY(out.bias, take_optional(layer, "in_proj_bias", 3 * width));
  TT_TRY(out.recurrent, take_shaped(layer, "out_proj.weight", {width, width}));
  TT_TRY(out.recurrent_bias, take_optional(layer, "out_proj.bias", width));
  return {};
}

}  // namespace

Result<NetworkSpec> torch_network(std::uint32_t inputs, const std::vector<TorchLayer>& layers,
                                  std::vector<NamedTensor> tensors, const std::string& file) {
  return TorchBuilder(std::move(tensors), file).build(inputs, layers);
}

Result<NetworkSpec> torch_state_dict(std::vector<NamedTensor> tensors, const std::string& file) {
  TorchBuilder builder(std::move(tensors), file);
  std::uint32_t inputs = 0;
  TT_TRY(const std::vector<TorchLayer> layers, builder.infer(inputs));
  return builder.build(inputs, layers);
}

}  // namespace thintail
