// SPDX-License-Identifier: Apache-2.0
#include "ml/networks/safetensors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <set>
#include <utility>

#include "ml/networks/activation_names.hpp"
#include "ml/networks/json_document.hpp"
#include "ml/networks/torch_layers.hpp"

namespace thintail {
namespace {

constexpr const char* kDoing = "reading safetensors";
constexpr const char* kDoingLayers = "reading a JSON of layers";
constexpr std::size_t kLengthBytes = 8;

Error bad(const std::string& file, std::string field, std::string expected, std::string found,
          ErrorCode code = ErrorCode::model_syntax) {
  return {.code = code,
          .doing = kDoing,
          .file = file,
          .field = std::move(field),
          .expected = std::move(expected),
          .found = std::move(found)};
}

struct DType {
  std::string_view name;
  std::uint32_t bytes;
  bool is_float;
};

constexpr DType kDTypes[] = {{"F32", 4, true}, {"F16", 2, true},  {"BF16", 2, true}, {"I8", 1, false},
                             {"U8", 1, false}, {"I32", 4, false}, {"I64", 8, false}};

// Exact: every half is a float32.
float from_half(std::uint16_t half) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t exponent = half >> 10 & 31u;
  const std::uint32_t fraction = half & 0x3ffu;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  const float size = static_cast<float>(fraction) * 0x1p-24f;
  return sign == 0 ? size : -size;
}

struct Entry {
  NamedTensor tensor;
  std::string dtype = {};
  std::vector<std::uint64_t> offsets = {};
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

class HeaderReader {
 public:
  HeaderReader(std::string_view header, const std::string& file) : json_(header, kDoing, file), file_(file) {}

  Result<std::vector<Entry>> run() {
    std::set<std::string, std::less<>> names;
    TT_TRY_VOID(json_.read([&](std::string_view key, JsonDocument::Value value) -> Result<void> {
      if (!names.emplace(key).second) return fail(json_.error(printable(key), "each name once", "again"));
      if (names.size() > kNetworkTensorsMax) {
        return fail(json_.error("", fmt::format("at most {} tensors", kNetworkTensorsMax), "more"));
      }
      if (key == "__metadata__") return metadata(value);
      return entry(key, value);
    }));
    return std::move(entries_);
  }

 private:
  // Strings only; what they say is the importer's business.
  Result<void> metadata(JsonDocument::Value value) {
    return json_.object(value, "__metadata__", [&](std::string_view key, JsonDocument::Value member) {
      std::string text;
      return json_.text(member, fmt::format("__metadata__.{}", printable(key)), text);
    });
  }

  Result<void> entry(std::string_view key, JsonDocument::Value value) {
    Entry out{.tensor = {.name = std::string(key)}};
    const std::string path = printable(key);
    std::set<std::string, std::less<>> seen;
    TT_TRY_VOID(json_.object(value, path, [&](std::string_view name, JsonDocument::Value member) -> Result<void> {
      const std::string at = fmt::format("{}.{}", path, printable(name));
      if (!seen.emplace(name).second) return fail(json_.error(at, "each key once", "again"));
      if (name == "dtype") return json_.text(member, at, out.dtype);
      if (name == "shape") return shape(member, at, out.tensor.shape);
      if (name == "data_offsets") return offsets(member, at, out.offsets);
      return fail(json_.error(at, "dtype, shape or data_offsets", "another key"));
    }));
    if (seen.size() != 3) return fail(json_.error(path, "dtype, shape and data_offsets", "one of them missing"));
    TT_TRY_VOID(check_size(out, path));
    entries_.push_back(std::move(out));
    return {};
  }
  Result<void> shape(JsonDocument::Value value, const std::string& path, std::vector<std::uint32_t>& out) {
    return json_.array(value, path, [&](std::size_t index, JsonDocument::Value element) -> Result<void> {
      if (index == 8) return fail(json_.error(path, "at most 8 dimensions", "more"));
      return json_.size(element, path, out.emplace_back());
    });
  }
  Result<void> offsets(JsonDocument::Value value, const std::string& path, std::vector<std::uint64_t>& out) {
    return json_.array(value, path, [&](std::size_t index, JsonDocument::Value element) -> Result<void> {
      if (index == 2) return fail(json_.error(path, "a begin and an end", "a third number"));
      return json_.scalar(element, path, "a whole number", out.emplace_back());
    });
  }
  Result<void> check_size(Entry& entry, const std::string& path) const {
    const auto* dtype = std::ranges::find(kDTypes, std::string_view(entry.dtype), &DType::name);
    if (dtype == std::end(kDTypes)) {
      return fail(bad(file_, path + ".dtype", "F32, F16, BF16, I8, U8, I32 or I64", printable(entry.dtype),
                      ErrorCode::model_unsupported));
    }
    if (entry.offsets.size() != 2 || entry.offsets[0] > entry.offsets[1]) {
      return fail(bad(file_, path + ".data_offsets", "a begin and an end not before it",
                      fmt::format("[{}]", fmt::join(entry.offsets, ", "))));
    }
    entry.begin = entry.offsets[0];
    entry.end = entry.offsets[1];
    std::uint64_t bytes = dtype->bytes;
    for (const std::uint32_t dimension : entry.tensor.shape) {
      if (__builtin_mul_overflow(bytes, std::uint64_t{dimension}, &bytes)) {
        return fail(bad(file_, path + ".shape", "a size of at most 64 bits",
                        fmt::format("[{}]", fmt::join(entry.tensor.shape, ", "))));
      }
    }
    if (bytes != entry.end - entry.begin) {
      return fail(bad(file_, path + ".data_offsets", fmt::format("{} bytes, as its shape and type say", bytes),
                      fmt::format("{} bytes", entry.end - entry.begin)));
    }
    return {};
  }

  JsonDocument json_;
  const std::string& file_;
  std::vector<Entry> entries_;
};

void decode(Entry& entry, std::span<const std::byte> buffer) {
  const auto* dtype = std::ranges::find(kDTypes, std::string_view(entry.dtype), &DType::name);
  if (!dtype->is_float) return;
  const auto bytes = buffer.subspan(entry.begin, entry.end - entry.begin);
  auto& values = entry.tensor.values;
  values.resize(bytes.size() / dtype->bytes);
  if (dtype->bytes == 4) {
    if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
    return;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint16_t half = 0;
    std::memcpy(&half, bytes.data() + 2 * i, sizeof half);
    values[i] = entry.dtype == "F16" ? from_half(half) : std::bit_cast<float>(std::uint32_t{half} << 16);
  }
}

class LayersReader {
 public:
  LayersReader(std::string_view text, const std::string& file) : json_(text, kDoingLayers, file), file_(file) {}

  Result<void> run(std::uint32_t& inputs, std::vector<TorchLayer>& layers) {
    return json_.read([&](std::string_view key, JsonDocument::Value value) -> Result<void> {
      if (key == "inputs") return json_.size(value, "inputs", inputs);
      if (key == "layers") {
        return json_.array(value, "layers", [&](std::size_t index, JsonDocument::Value element) -> Result<void> {
          if (index == kNetworkLayersMax) {
            return fail(json_.error("layers", fmt::format("at most {} layers", kNetworkLayersMax), "more"));
          }
          return layer(element, fmt::format("layers[{}]", index), layers.emplace_back());
        });
      }
      return fail(json_.error(printable(key), "inputs or layers", "another key"));
    });
  }

 private:
  Result<void> layer(JsonDocument::Value value, const std::string& path, TorchLayer& out) {
    bool has_type = false;
    const auto on_member = [&](std::string_view key, JsonDocument::Value member) -> Result<void> {
      const std::string at = fmt::format("{}.{}", path, printable(key, 40));
      if (key == "type") {
        has_type = true;
        return type(member, at, out.kind);
      }
      if (key == "weights") return json_.text(member, at, out.weights);
      if (key == "activation") {
        std::string name;
        TT_TRY_VOID(json_.text(member, at, name));
        TT_TRY(out.activation, activation_from_name(name, at, kDoingLayers, file_));
        return {};
      }
      if (key == "stack") return json_.size(member, at, out.stack);
      if (key == "heads") return json_.size(member, at, out.heads);
      if (key == "window") return json_.size(member, at, out.window);
      if (key == "dilation") return json_.size(member, at, out.dilation);
      if (key == "residual") return json_.scalar(member, at, "true or false", out.residual);
      if (key == "epsilon") {
        double epsilon = 0;
        TT_TRY_VOID(json_.scalar(member, at, "a number", epsilon));
        out.epsilon = epsilon > 0 && epsilon <= 1 ? static_cast<float>(epsilon) : 0.0f;  // 0 is refused with the others
        return {};
      }
      return fail(json_.error(at, "type, weights, activation, stack, heads, window, dilation, residual or epsilon",
                              "another key"));
    };
    TT_TRY_VOID(json_.object(value, path, on_member));
    if (has_type) return {};
    return fail(json_.error(path, "a type", "none"));
  }
  Result<void> type(JsonDocument::Value value, const std::string& path, LayerKind& out) {
    std::string name;
    TT_TRY_VOID(json_.text(value, path, name));
    for (const LayerKind kind : {LayerKind::dense, LayerKind::lstm, LayerKind::gru, LayerKind::attention,
                                 LayerKind::layer_norm, LayerKind::conv1d, LayerKind::activation}) {
      if (name != layer_kind_name(kind)) continue;
      out = kind;
      return {};
    }
    return fail(json_.error(path, "dense, lstm, gru, attention, layer_norm, conv1d or activation", printable(name, 40),
                            ErrorCode::model_unsupported));
  }

  JsonDocument json_;
  const std::string& file_;
};

// Moves a tensor out of the list; an empty one where there is none.
NamedTensor extract(std::vector<NamedTensor>& tensors, std::string_view name) {
  const auto found = std::ranges::find(tensors, name, &NamedTensor::name);
  if (found == tensors.end()) return {};
  NamedTensor out = std::move(*found);
  tensors.erase(found);
  return out;
}

}  // namespace

Result<std::vector<NamedTensor>> read_safetensors(std::span<const std::byte> bytes, const std::string& file) {
  if (bytes.size() < kLengthBytes) {
    return fail(bad(file, "header length", "8 bytes", fmt::format("{} bytes", bytes.size())));
  }
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  const std::uint64_t room = std::min<std::uint64_t>(bytes.size() - kLengthBytes, kSafetensorsHeaderMax);
  if (length > room) {
    return fail(bad(file, "header length at byte 0", fmt::format("at most {}", room), fmt::to_string(length)));
  }
  const std::string_view header(reinterpret_cast<const char*>(bytes.data()) + kLengthBytes, length);
  if (!header.starts_with('{')) {
    return fail(bad(file, "header at byte 8", "'{'", fmt::format("\"{}\"", printable(header.substr(0, 8)))));
  }
  TT_TRY(std::vector<Entry> entries, HeaderReader(header, file).run());
  std::ranges::sort(
      entries, [](const Entry& a, const Entry& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  const auto buffer = bytes.subspan(kLengthBytes + length);
  std::uint64_t reached = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != reached) {
      return fail(bad(file, printable(entry.tensor.name) + ".data_offsets",
                      fmt::format("begin at {}, where the tensor before ends", reached), fmt::to_string(entry.begin)));
    }
    reached = entry.end;
  }
  if (reached != buffer.size()) {
    return fail(bad(file, fmt::format("bytes from {}", kLengthBytes + length),
                    fmt::format("{} bytes, as the header says", reached), fmt::format("{} bytes", buffer.size())));
  }
  std::vector<NamedTensor> tensors;
  for (Entry& entry : entries) {
    decode(entry, buffer);
    tensors.push_back(std::move(entry.tensor));
  }
  return tensors;
}

Result<TorchNetworkFile> read_torch_network(std::span<const std::byte> bytes, const std::string& file,
                                            std::string_view layers_text, const std::string& layers_file) {
  std::uint32_t inputs = 0;
  std::vector<TorchLayer> layers;
  TT_TRY_VOID(LayersReader(layers_text, layers_file).run(inputs, layers));
  TT_TRY(std::vector<NamedTensor> tensors, read_safetensors(bytes, file));
  TorchNetworkFile out;
  out.golden_x = extract(tensors, "golden.x");
  out.golden_y = extract(tensors, "golden.y");
  TT_TRY(out.spec, torch_network(inputs, layers, std::move(tensors), file));
  const auto shaped = [](const NamedTensor& tensor, std::uint32_t width) {
    return tensor.shape.size() == 2 && tensor.shape[1] == width && !tensor.values.empty();
  };
  const bool none = out.golden_x.name.empty() && out.golden_y.name.empty();
  if (!none && (!shaped(out.golden_x, out.spec.inputs) || !shaped(out.golden_y, out.spec.outputs()) ||
                out.golden_x.shape[0] != out.golden_y.shape[0])) {
    return fail(
        bad(file, "golden.x and golden.y",
            fmt::format("shapes [rows, {}] and [rows, {}]", out.spec.inputs, out.spec.outputs()),
            fmt::format("[{}] and [{}]", fmt::join(out.golden_x.shape, ", "), fmt::join(out.golden_y.shape, ", "))));
  }
  return out;
}

Result<void> check_golden(const TorchNetworkFile& from, const Network& network, float tolerance,
                          const std::string& file) {
  NetworkBlock state_block = network.make_state();
  NetworkBlock scratch_block = network.make_scratch();
  auto* const state = reinterpret_cast<float*>(state_block.data());
  auto* const scratch = reinterpret_cast<float*>(scratch_block.data());
  std::vector<float> out(network.outputs());
  const std::size_t rows = from.golden_x.values.size() / network.inputs();
  for (std::size_t row = 0; row < rows; ++row) {
    network.step(from.golden_x.values.data() + row * network.inputs(), state, scratch, out.data());
    for (std::size_t i = 0; i < out.size(); ++i) {
      const float golden = from.golden_y.values[row * out.size() + i];
      if (std::fabs(out[i] - golden) <= tolerance) continue;
      return fail({.code = ErrorCode::check_mismatch,
                   .doing = "checking a network against its golden rows",
                   .file = file,
                   .field = fmt::format("golden.y[{}][{}]", row, i),
                   .expected = fmt::format("{} within {:g}", golden, tolerance),
                   .found = fmt::format("{}", out[i])});
    }
  }
  return {};
}

}  // namespace thintail
