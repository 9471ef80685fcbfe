// SPDX-License-Identifier: Apache-2.0
#include "ml/networks/keras_json.hpp"

#include <Eigen/Core>
#include <algorithm>

#include "ml/networks/activation_names.hpp"
#include "ml/networks/json_document.hpp"
#include "ml/networks/torch_layers.hpp"

namespace thintail {
namespace {

constexpr const char* kDoing = "reading a network's JSON";

using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// A layer as Keras writes it: kernels are inputs x outputs.
struct KerasLayer {
  std::string type;
  std::string activation;
  std::uint32_t outputs = 0;
  std::uint32_t kernel_size = 0;
  std::uint32_t dilation = 1;
  std::vector<NamedTensor> weights;
};

std::string shape_text(const std::vector<std::uint32_t>& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

// [rows][columns] -> [columns][rows]
std::vector<float> transposed(const NamedTensor& tensor) {
  const auto rows = static_cast<Eigen::Index>(tensor.shape[0]);
  const auto columns = static_cast<Eigen::Index>(tensor.shape[1]);
  std::vector<float> out(tensor.values.size());
  Eigen::Map<Rows>(out.data(), columns, rows) = Eigen::Map<const Rows>(tensor.values.data(), rows, columns).transpose();
  return out;
}

// Keras orders a GRU's gates z, r, h; ours are r, z, n.
void swap_first_gates(std::vector<float>& values) {
  const auto third = static_cast<std::ptrdiff_t>(values.size() / 3);
  std::swap_ranges(values.begin(), values.begin() + third, values.begin() + third);
}

class KerasReader {
 public:
  KerasReader(std::string_view text, const std::string& file) : json_(text, kDoing, file), file_(file) {}

  Result<NetworkSpec> run() {
    const auto on_member = [this](std::string_view key, JsonDocument::Value value) -> Result<void> {
      if (key == "in_shape") return in_shape(value);
      if (key == "layers") return layers(value);
      if (tensors_.size() == kNetworkTensorsMax) {
        return fail(json_.error("", fmt::format("at most {} tensors", kNetworkTensorsMax), "more"));
      }
      NamedTensor tensor{.name = std::string(key)};
      TT_TRY_VOID(json_.tensor(value, printable(key, 80), tensor));
      tensors_.push_back(std::move(tensor));
      return {};
    };
    TT_TRY_VOID(json_.read(on_member));
    if (!tensors_.empty()) {
      if (has_layers_ || has_in_shape_) {
        return fail(bad(tensors_.front().name, "only in_shape and layers beside layers", "a tensor"));
      }
      return torch_state_dict(std::move(tensors_), file_);
    }
    if (!has_layers_ || !has_in_shape_) return fail(bad("", "in_shape and layers", "one of them missing"));
    NetworkSpec spec{.inputs = in_width_};
    std::uint32_t width = in_width_;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      TT_TRY_VOID(add(layers_[i], fmt::format("layers[{}]", i), width, spec));
    }
    TT_TRY_VOID(check_network(spec, file_));
    return spec;
  }

 private:
  Error bad(std::string field, std::string expected, std::string found,
            ErrorCode code = ErrorCode::model_syntax) const {
    return {.code = code,
            .doing = kDoing,
            .file = file_,
            .field = std::move(field),
            .expected = std::move(expected),
            .found = std::move(found)};
  }

  // [null, null, n]: what counts is the last.
  Result<void> last_of(JsonDocument::Value value, const std::string& path, std::uint32_t& out) {
    out = 0;
    const auto on_element = [&](std::size_t, JsonDocument::Value element) -> Result<void> {
      bool is_null = false;
      TT_TRY_VOID(null(element, path, is_null));
      return is_null ? Result<void>{} : json_.size(element, path, out);
    };
    TT_TRY_VOID(json_.array(value, path, on_element));
    if (out == 0 || out > kNetworkWidthMax) {
      return fail(json_.error(path, fmt::format("1 to {} as the last number", kNetworkWidthMax), fmt::to_string(out)));
    }
    return {};
  }
  Result<void> null(JsonDocument::Value value, const std::string& path, bool& out) {
    if (value.is_null().get(out) == simdjson::SUCCESS) return {};
    return fail(json_.error(path, "null or a number", "neither"));
  }
  Result<void> in_shape(JsonDocument::Value value) {
    has_in_shape_ = true;
    return last_of(value, "in_shape", in_width_);
  }
  Result<void> layers(JsonDocument::Value value) {
    if (has_layers_) return fail(json_.error("layers", "layers once", "again"));
    has_layers_ = true;
    return json_.array(value, "layers", [this](std::size_t index, JsonDocument::Value element) -> Result<void> {
      if (index >= kNetworkLayersMax) {
        return fail(json_.error("layers", fmt::format("at most {} layers", kNetworkLayersMax), "more"));
      }
      return layer(element, fmt::format("layers[{}]", index));
    });
  }
  Result<void> layer(JsonDocument::Value value, const std::string& path) {
    KerasLayer out;
    TT_TRY_VOID(json_.object(value, path, [&](std::string_view key, JsonDocument::Value member) -> Result<void> {
      const std::string at = fmt::format("{}.{}", path, printable(key, 40));
      if (key == "type") return json_.text(member, at, out.type);
      if (key == "activation") return json_.text(member, at, out.activation);
      if (key == "shape") return last_of(member, at, out.outputs);
      if (key == "dilation") return last_or_one(member, at, out.dilation);
      if (key == "kernel_size") return last_or_one(member, at, out.kernel_size);
      if (key == "weights") {
        return json_.array(member, at, [&](std::size_t index, JsonDocument::Value element) -> Result<void> {
          if (index >= 3) return fail(json_.error(at, "at most 3 tensors", "more"));
          out.weights.emplace_back();
          return json_.tensor(element, fmt::format("{}[{}]", at, index), out.weights.back());
        });
      }
      return fail(json_.error(at, "type, activation, shape, weights, kernel_size or dilation", "another key",
                              ErrorCode::model_unsupported));
    }));
    layers_.push_back(std::move(out));
    return {};
  }
  // A number, or Keras's list of one.
  Result<void> last_or_one(JsonDocument::Value value, const std::string& path, std::uint32_t& out) {
    simdjson::ondemand::json_type type{};
    if (value.type().get(type) == simdjson::SUCCESS && type == simdjson::ondemand::json_type::array) {
      return last_of(value, path, out);
    }
    return json_.size(value, path, out);
  }

  Result<void> shape(const KerasLayer& layer, const std::string& path, std::size_t index,
                     const std::vector<std::uint32_t>& expected) const {
    if (layer.weights[index].shape == expected) return {};
    return fail(bad(fmt::format("{}.weights[{}]", path, index), fmt::format("shape {}", shape_text(expected)),
                    fmt::format("shape {}", shape_text(layer.weights[index].shape))));
  }
  Result<void> count(const KerasLayer& layer, const std::string& path, std::size_t least, std::size_t most) const {
    if (layer.weights.size() >= least && layer.weights.size() <= most) return {};
    return fail(bad(path + ".weights", fmt::format("{} to {} tensors", least, most),
                    fmt::format("{} tensors", layer.weights.size())));
  }

  Result<void> add(const KerasLayer& layer, const std::string& path, std::uint32_t& width, NetworkSpec& spec) const {
    LayerSpec out{.inputs = width, .outputs = layer.outputs};
    TT_TRY(const Activation activation, activation_from_name(layer.activation, path + ".activation", kDoing, file_));
    out.activation = activation;
    if (layer.type == "dense" || layer.type == "time-distributed-dense") {
      TT_TRY_VOID(count(layer, path, 1, 2));
      TT_TRY_VOID(shape(layer, path, 0, {width, layer.outputs}));
      out.weight = transposed(layer.weights[0]);
      if (layer.weights.size() == 2) {
        TT_TRY_VOID(shape(layer, path, 1, {layer.outputs}));
        out.bias = layer.weights[1].values;
      }
    } else if (layer.type == "lstm" || layer.type == "gru") {
      TT_TRY_VOID(recurrent(layer, path, width, out));
    } else if (layer.type == "conv1d") {
      TT_TRY_VOID(convolution(layer, path, width, out));
    } else if (layer.type == "activation") {
      TT_TRY_VOID(count(layer, path, 0, 0));
      out.kind = LayerKind::activation;
    } else {
      return fail(bad(path + ".type", "dense, time-distributed-dense, lstm, gru, conv1d or activation",
                      fmt::format("\"{}\"", printable(layer.type, 40)), ErrorCode::model_unsupported));
    }
    width = layer.outputs;
    spec.layers.push_back(std::move(out));
    return {};
  }

  Result<void> recurrent(const KerasLayer& layer, const std::string& path, std::uint32_t width, LayerSpec& out) const {
    if (out.activation != Activation::tanh && !layer.activation.empty()) {
      return fail(bad(path + ".activation", "tanh", fmt::format("\"{}\"", printable(layer.activation, 40)),
                      ErrorCode::model_unsupported));
    }
    out.activation = Activation::linear;
    out.kind = layer.type == "lstm" ? LayerKind::lstm : LayerKind::gru;
    const std::uint32_t rows = gates_of(out.kind) * layer.outputs;
    TT_TRY_VOID(count(layer, path, 3, 3));
    TT_TRY_VOID(shape(layer, path, 0, {width, rows}));
    TT_TRY_VOID(shape(layer, path, 1, {layer.outputs, rows}));
    out.weight = transposed(layer.weights[0]);
    out.recurrent = transposed(layer.weights[1]);
    const std::vector<float>& bias = layer.weights[2].values;
    if (out.kind == LayerKind::lstm) {
      TT_TRY_VOID(shape(layer, path, 2, {rows}));
      out.bias = bias;
      return {};
    }
    // One row would mean reset_after=False: the reset gate before the product, which is another network.
    TT_TRY_VOID(shape(layer, path, 2, {2, rows}));
    const auto middle = bias.begin() + static_cast<std::ptrdiff_t>(rows);
    out.bias.assign(bias.begin(), middle);
    out.recurrent_bias.assign(middle, bias.end());
    for (auto* values : {&out.weight, &out.recurrent, &out.bias, &out.recurrent_bias}) swap_first_gates(*values);
    return {};
  }

  // Keras: [taps][inputs][outputs]; ours: [outputs][inputs][taps].
  Result<void> convolution(const KerasLayer& layer, const std::string& path, std::uint32_t width,
                           LayerSpec& out) const {
    TT_TRY_VOID(count(layer, path, 1, 2));
    TT_TRY_VOID(shape(layer, path, 0, {layer.kernel_size, width, layer.outputs}));
    out.kind = LayerKind::conv1d;
    out.taps = layer.kernel_size;
    out.dilation = layer.dilation;
    const std::vector<float>& from = layer.weights[0].values;
    out.weight.resize(from.size());
    std::size_t at = 0;
    for (std::size_t tap = 0; tap < out.taps; ++tap) {
      for (std::size_t i = 0; i < width; ++i) {
        for (std::size_t o = 0; o < layer.outputs; ++o) out.weight[(o * width + i) * out.taps + tap] = from[at++];
      }
    }
    if (layer.weights.size() == 2) {
      TT_TRY_VOID(shape(layer, path, 1, {layer.outputs}));
      out.bias = layer.weights[1].values;
    }
    return {};
  }

  JsonDocument json_;
  const std::string& file_;
  bool has_in_shape_ = false;
  bool has_layers_ = false;
  std::uint32_t in_width_ = 0;
  std::vector<KerasLayer> layers_;
  std::vector<NamedTensor> tensors_;
};

}  // namespace

Result<NetworkSpec> read_network_json(std::string_view text, const std::string& file) {
  return KerasReader(text, file).run();
}

}  // namespace thintail
