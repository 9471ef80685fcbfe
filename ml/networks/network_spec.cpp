// SPDX-License-Identifier: Apache-2.0
#include "ml/networks/network_spec.hpp"

#include <fmt/format.h>

#include <cmath>
#include <string_view>
#include <utility>

namespace thintail {
namespace {

class SpecCheck {
 public:
  SpecCheck(const NetworkSpec& spec, const std::string& file) : spec_(spec), file_(file) {}

  Result<void> run() {
    TT_TRY_VOID(within("inputs", spec_.inputs, 1, kNetworkWidthMax));
    TT_TRY_VOID(within("layers", spec_.layers.size(), 1, kNetworkLayersMax));
    std::uint32_t width = spec_.inputs;
    for (std::size_t i = 0; i < spec_.layers.size(); ++i) {
      const LayerSpec& layer = spec_.layers[i];
      path_ = fmt::format("layer {} ({}{}{})", i, layer_kind_name(layer.kind), layer.name.empty() ? "" : " ",
                          printable(layer.name, 40));
      TT_TRY_VOID(equal("inputs", layer.inputs, width));
      TT_TRY_VOID(check(layer));
      width = layer.outputs;
    }
    TT_TRY_VOID(within("floats of state", state_, 0, kNetworkStateMax));
    return within("weights", weights_, 0, kNetworkWeightsMax);
  }

 private:
  Error bad(ErrorCode code, std::string_view field, std::string expected, std::string found) const {
    return {.code = code,
            .doing = "checking a network",
            .file = file_,
            .field = path_.empty() ? std::string(field) : fmt::format("{}: {}", path_, field),
            .expected = std::move(expected),
            .found = std::move(found)};
  }
  Result<void> within(std::string_view field, std::uint64_t value, std::uint64_t least, std::uint64_t most) const {
    if (value >= least && value <= most) return {};
    return fail(bad(ErrorCode::model_unsupported, field, fmt::format("{} to {}", least, most), fmt::to_string(value)));
  }
  Result<void> equal(std::string_view field, std::uint64_t value, std::uint64_t expected) const {
    if (value == expected) return {};
    return fail(bad(ErrorCode::model_syntax, field, fmt::to_string(expected), fmt::to_string(value)));
  }
  Result<void> values(std::string_view field, const std::vector<float>& tensor, std::uint64_t size) {
    if (tensor.size() != size) {
      return fail(bad(ErrorCode::model_syntax, field, fmt::format("{} numbers", size),
                      fmt::format("{} numbers", tensor.size())));
    }
    for (std::size_t i = 0; i < tensor.size(); ++i) {
      if (std::fabs(tensor[i]) <= kNetworkWeightMax) continue;  // NaN is not
      return fail(bad(ErrorCode::model_unsupported, fmt::format("{}[{}]", field, i),
                      fmt::format("a number within +-{:g}", kNetworkWeightMax), fmt::format("{}", tensor[i])));
    }
    weights_ += size;
    return {};
  }
  Result<void> optional_values(std::string_view field, const std::vector<float>& tensor, std::uint64_t size) {
    return tensor.empty() ? Result<void>{} : values(field, tensor, size);
  }
  Result<void> check(const LayerSpec& layer);
  Result<void> check_recurrent(const LayerSpec& layer);
  Result<void> check_attention(const LayerSpec& layer);
  Result<void> check_conv1d(const LayerSpec& layer);

  const NetworkSpec& spec_;
  const std::string& file_;
  std::string path_;
  std::uint64_t weights_ = 0;
  std::uint64_t state_ = 0;
};

// All sizes are 32-bit numbers checked against small bounds before they are multiplied in 64 bits.
Result<void> SpecCheck::check(const LayerSpec& layer) {
  TT_TRY_VOID(within("outputs", layer.outputs, 1, kNetworkWidthMax));
  TT_TRY_VOID(within("activation", static_cast<std::uint64_t>(layer.activation), 0,
                     static_cast<std::uint64_t>(Activation::softmax)));
  if (layer.residual) TT_TRY_VOID(equal("outputs of a residual layer", layer.outputs, layer.inputs));
  const std::uint64_t inputs = layer.inputs;
  const std::uint64_t outputs = layer.outputs;
  switch (layer.kind) {
    case LayerKind::dense:
      TT_TRY_VOID(values("weight", layer.weight, outputs * inputs));
      return optional_values("bias", layer.bias, outputs);
    case LayerKind::lstm:
    case LayerKind::gru: return check_recurrent(layer);
    case LayerKind::attention: return check_attention(layer);
    case LayerKind::conv1d: return check_conv1d(layer);
    case LayerKind::layer_norm:
      TT_TRY_VOID(equal("outputs", outputs, inputs));
      if (!(layer.epsilon > 0.0f && layer.epsilon <= 1.0f)) {
        return fail(
            bad(ErrorCode::model_unsupported, "epsilon", "above 0, at most 1", fmt::format("{}", layer.epsilon)));
      }
      TT_TRY_VOID(values("weight", layer.weight, outputs));
      return optional_values("bias", layer.bias, outputs);
    case LayerKind::activation: return equal("outputs", outputs, inputs);
  }
  return fail(
      bad(ErrorCode::model_unsupported, "kind", "a known layer", fmt::to_string(static_cast<unsigned>(layer.kind))));
}

Result<void> SpecCheck::check_recurrent(const LayerSpec& layer) {
  const std::uint64_t rows = std::uint64_t{gates_of(layer.kind)} * layer.outputs;
  TT_TRY_VOID(values("weight", layer.weight, rows * layer.inputs));
  TT_TRY_VOID(optional_values("bias", layer.bias, rows));
  TT_TRY_VOID(values("recurrent", layer.recurrent, rows * layer.outputs));
  TT_TRY_VOID(optional_values("recurrent_bias", layer.recurrent_bias, rows));
  state_ += rows + 2 * std::uint64_t{layer.outputs};
  return {};
}

Result<void> SpecCheck::check_attention(const LayerSpec& layer) {
  const std::uint64_t width = layer.inputs;
  TT_TRY_VOID(equal("outputs", layer.outputs, width));
  TT_TRY_VOID(within("heads", layer.heads, 1, width));
  TT_TRY_VOID(equal("inputs modulo heads", width % layer.heads, 0));
  TT_TRY_VOID(within("window", layer.window, 1, kNetworkWindowMax));
  TT_TRY_VOID(values("weight", layer.weight, 3 * width * width));
  TT_TRY_VOID(optional_values("bias", layer.bias, 3 * width));
  TT_TRY_VOID(values("recurrent", layer.recurrent, width * width));
  TT_TRY_VOID(optional_values("recurrent_bias", layer.recurrent_bias, width));
  state_ += 2 * width * layer.window;
  return {};
}

Result<void> SpecCheck::check_conv1d(const LayerSpec& layer) {
  TT_TRY_VOID(within("taps", layer.taps, 1, kNetworkTapsMax));
  TT_TRY_VOID(within("dilation", layer.dilation, 1, kNetworkWindowMax));
  TT_TRY_VOID(within("inputs x taps", std::uint64_t{layer.inputs} * layer.taps, 1, 1u << 16));
  TT_TRY_VOID(values("weight", layer.weight, std::uint64_t{layer.outputs} * layer.inputs * layer.taps));
  TT_TRY_VOID(optional_values("bias", layer.bias, layer.outputs));
  state_ += std::uint64_t{layer.inputs} * layer.taps * layer.dilation;
  return {};
}

}  // namespace

const char* layer_kind_name(LayerKind kind) noexcept {
  switch (kind) {
    case LayerKind::dense: return "dense";
    case LayerKind::lstm: return "lstm";
    case LayerKind::gru: return "gru";
    case LayerKind::attention: return "attention";
    case LayerKind::layer_norm: return "layer_norm";
    case LayerKind::conv1d: return "conv1d";
    case LayerKind::activation: return "activation";
  }
  return "unknown";
}

Result<void> check_network(const NetworkSpec& spec, const std::string& file) { return SpecCheck(spec, file).run(); }

}  // namespace thintail
