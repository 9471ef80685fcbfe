// SPDX-License-Identifier: Apache-2.0
// The network section of a pack: layers as records of fixed width, then their tensors, then the ranges that int8 is made of.
#include <fmt/format.h>

#include <utility>

#include "ml/pack/pack_sections.hpp"

namespace thintail::pack {

namespace {

struct Counts {
  std::uint32_t inputs = 0;
  std::uint32_t layers = 0;
  std::uint32_t matrices = 0;  // with ranges; 0: float32
  std::uint32_t quantized = 0;  // 1: the network is int8, if only in part
};
static_assert(sizeof(Counts) == 16);

struct LayerRecord {
  std::uint32_t kind = 0;
  std::uint32_t activation = 0;
  std::uint32_t residual = 0;
  std::uint32_t inputs = 0;
  std::uint32_t outputs = 0;
  std::uint32_t heads = 0;
  std::uint32_t window = 0;
  std::uint32_t taps = 0;
  std::uint32_t dilation = 0;
  float epsilon = 0;
  // How many numbers each tensor has.
  std::uint32_t weight = 0;
  std::uint32_t bias = 0;
  std::uint32_t recurrent = 0;
  std::uint32_t recurrent_bias = 0;
  std::uint32_t reserved[2] = {0, 0};
};
static_assert(sizeof(LayerRecord) == 64);

struct MatrixRecord {
  std::uint32_t inputs = 0;
  std::uint32_t form = 0;  // MatrixForm
};
static_assert(sizeof(MatrixRecord) == 8 && sizeof(NetworkRanges::Range) == 12);

// A layer of 4 matrices at most.
constexpr std::uint32_t kMatricesMax = kNetworkLayersMax * 4;

template <class T>
void append_all(std::string& out, const std::vector<T>& values) {
  for (const T& value : values) append(out, value);
}

class NetworkReader {
 public:
  NetworkReader(const Section& section, std::string_view file) : section_(section), file_(file) {}

  Result<NetworkSource> read() {
    TT_TRY(const auto counts, next<Counts>("counts"));
    if (counts.layers > kNetworkLayersMax || counts.matrices > kMatricesMax || counts.quantized > 1 ||
        (counts.quantized == 0 && counts.matrices != 0)) {
      return no(
          "counts", 0,
          fmt::format("at most {} layers and {} matrices, 1 or 0, no matrices with 0", kNetworkLayersMax, kMatricesMax),
          fmt::format("{}, {}, {}", counts.layers, counts.matrices, counts.quantized), ErrorCode::model_unsupported);
    }
    NetworkSource out{.spec = {.inputs = counts.inputs}, .ranges = {}};
    std::vector<LayerRecord> records;
    for (std::uint32_t i = 0; i < counts.layers; ++i) {
      TT_TRY(const auto record, next<LayerRecord>(fmt::format("layers[{}]", i)));
      records.push_back(record);
    }
    for (std::uint32_t i = 0; i < counts.layers; ++i) {
      TT_TRY(LayerSpec layer, read_layer(i, records[i]));
      out.spec.layers.push_back(std::move(layer));
    }
    if (counts.quantized == 1) {
      TT_TRY(out.ranges, read_ranges(counts.matrices));
    }
    if (at_ != section_.bytes.size()) {
      return no("end", at_, fmt::format("the end at byte {} of it", at_),
                fmt::format("{} bytes", section_.bytes.size()));
    }
    if (auto sound = check_network(out.spec, std::string(file_)); !sound) {
      Error& error = sound.error();
      return no(error.field, 0, std::move(error.expected), std::move(error.found), error.code);
    }
    return out;
  }

 private:
  std::unexpected<Error> no(std::string_view item, std::uint64_t at, std::string expected, std::string found,
                            ErrorCode code = ErrorCode::pack_damaged) const {
    return refuse(file_, section_.name, item, section_.offset + at, std::move(expected), std::move(found), code);
  }

  template <class T>
  Result<T> next(const std::string& item) {
    if (section_.bytes.size() - at_ < sizeof(T)) {
      return no(item, at_, fmt::format("{} bytes of it", sizeof(T)), fmt::format("{}", section_.bytes.size() - at_));
    }
    const T value = ArrayView<T>(section_, at_, 1)[0];
    at_ += sizeof(T);
    return value;
  }

  template <class T>
  Result<std::vector<T>> next_all(const std::string& item, std::uint64_t count) {
    if (count > (section_.bytes.size() - at_) / sizeof(T)) {
      return no(item, at_, fmt::format("{} numbers", count), fmt::format("{} bytes", section_.bytes.size() - at_));
    }
    const ArrayView<T> values(section_, at_, count);
    std::vector<T> out(count);
    for (std::size_t i = 0; i < count; ++i) out[i] = values[i];
    at_ += count * sizeof(T);
    return out;
  }

  Result<LayerSpec> read_layer(std::uint32_t index, const LayerRecord& record) {
    const std::string name = fmt::format("layers[{}]", index);
    const std::uint64_t place = sizeof(Counts) + std::uint64_t{index} * sizeof(LayerRecord);
    if (record.kind > static_cast<std::uint32_t>(LayerKind::activation) ||
        record.activation > static_cast<std::uint32_t>(Activation::softmax) || record.residual > 1 ||
        record.reserved[0] != 0 || record.reserved[1] != 0) {
      return no(name, place, "a known kind and activation, 0 or 1, zeros",
                fmt::format("{}, {}, {}", record.kind, record.activation, record.residual),
                ErrorCode::model_unsupported);
    }
    LayerSpec layer{.kind = static_cast<LayerKind>(record.kind),
                    .activation = static_cast<Activation>(record.activation),
                    .residual = record.residual == 1,
                    .name = name,
                    .inputs = record.inputs,
                    .outputs = record.outputs,
                    .heads = record.heads,
                    .window = record.window,
                    .taps = record.taps,
                    .dilation = record.dilation,
                    .epsilon = record.epsilon};
    TT_TRY(layer.weight, next_all<float>(name + ".weight", record.weight));
    TT_TRY(layer.bias, next_all<float>(name + ".bias", record.bias));
    TT_TRY(layer.recurrent, next_all<float>(name + ".recurrent", record.recurrent));
    TT_TRY(layer.recurrent_bias, next_all<float>(name + ".recurrent_bias", record.recurrent_bias));
    return layer;
  }

  Result<NetworkRanges> read_ranges(std::uint32_t matrices) {
    NetworkRanges out;
    for (std::uint32_t i = 0; i < matrices; ++i) {
      const std::string name = fmt::format("ranges[{}]", i);
      TT_TRY(const auto record, next<MatrixRecord>(name));
      if (record.form >= kMatrixForms)
        return no(name, at_ - sizeof record, "0, 1 or 2", fmt::format("{}", record.form));
      TT_TRY(auto inputs, next_all<NetworkRanges::Range>(name, record.inputs));
      out.inputs.push_back(std::move(inputs));
      out.forms.push_back(static_cast<MatrixForm>(record.form));
    }
    return out;
  }

  const Section& section_;
  std::string_view file_;
  std::uint64_t at_ = 0;
};

}  // namespace

std::string encode_network(const NetworkSource& network) {
  const NetworkRanges* ranges = network.ranges ? &*network.ranges : nullptr;
  std::string out;
  append(out, Counts{.inputs = network.spec.inputs,
                     .layers = static_cast<std::uint32_t>(network.spec.layers.size()),
                     .matrices = static_cast<std::uint32_t>(ranges != nullptr ? ranges->inputs.size() : 0),
                     .quantized = ranges != nullptr ? 1U : 0U});
  const auto count = [](const std::vector<float>& values) { return static_cast<std::uint32_t>(values.size()); };
  for (const LayerSpec& layer : network.spec.layers) {
    append(out, LayerRecord{.kind = static_cast<std::uint32_t>(layer.kind),
                            .activation = static_cast<std::uint32_t>(layer.activation),
                            .residual = layer.residual ? 1U : 0U,
                            .inputs = layer.inputs,
                            .outputs = layer.outputs,
                            .heads = layer.heads,
                            .window = layer.window,
                            .taps = layer.taps,
                            .dilation = layer.dilation,
                            .epsilon = layer.epsilon,
                            .weight = count(layer.weight),
                            .bias = count(layer.bias),
                            .recurrent = count(layer.recurrent),
                            .recurrent_bias = count(layer.recurrent_bias)});
  }
  for (const LayerSpec& layer : network.spec.layers) {
    for (const std::vector<float>* tensor : {&layer.weight, &layer.bias, &layer.recurrent, &layer.recurrent_bias})
      append_all(out, *tensor);
  }
  for (std::size_t i = 0; ranges != nullptr && i < ranges->inputs.size(); ++i) {
    append(out, MatrixRecord{.inputs = static_cast<std::uint32_t>(ranges->inputs[i].size()),
                             .form = static_cast<std::uint32_t>(ranges->form_of(i))});
    append_all(out, ranges->inputs[i]);
  }
  return out;
}

Result<NetworkSource> decode_network(const Section& section, std::string_view file) {
  return NetworkReader(section, file).read();
}

std::uint64_t network_steps(const NetworkSpec& spec) noexcept {
  std::uint64_t steps = 0;
  for (const LayerSpec& layer : spec.layers) {
    // Attention also meets what it remembers, once for the weights and once for the values.
    steps +=
        layer.weight.size() + layer.recurrent.size() + 2 * std::uint64_t{layer.window} * layer.inputs + layer.outputs;
  }
  return steps;
}

std::uint64_t network_state_floats(const NetworkSpec& spec) noexcept {
  std::uint64_t floats = 0;
  for (const LayerSpec& layer : spec.layers) {
    switch (layer.kind) {
      case LayerKind::lstm:
      case LayerKind::gru: floats += (gates_of(layer.kind) + 2ULL) * layer.outputs; break;
      case LayerKind::attention: floats += 2ULL * layer.inputs * layer.window; break;
      case LayerKind::conv1d: floats += std::uint64_t{layer.inputs} * layer.taps * layer.dilation; break;
      case LayerKind::dense:
      case LayerKind::layer_norm:
      case LayerKind::activation: break;
    }
  }
  return floats;
}

}  // namespace thintail::pack
