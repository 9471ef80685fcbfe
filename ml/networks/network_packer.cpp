// SPDX-License-Identifier: Apache-2.0
// Lays a NetworkSpec out for the kernels: weights transposed into columns, gates padded to whole registers, or rounded to
// int8 in the order that the Isa's integer kernel reads.
#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "ml/networks/network.hpp"

namespace thintail {
namespace {

using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Columns = Eigen::MatrixXf;

// An input that hardly moved while calibrating may move later: its steps are at least this part of the widest one's.
constexpr float kNarrowest = 1e-3f;
// How far past its calibrated range an input may go before it is held at the bound: rows to come reach further than those
// seen, and being cut costs more than wider steps.
constexpr float kMargin = 1.15f;
constexpr float kRangeMin = 1e-30f;  // below, the reciprocal of a step is infinite

// A matrix in the file's orientation and what it is padded to.
struct Source {
  Rows rows;  // blocks x width outputs, by inputs
  std::vector<float> bias;
  std::uint32_t blocks;
  std::uint32_t width;
  std::vector<float> centre = {};  // an input each, as the next; empty where not quantized
  std::vector<float> reach = {};  // from the centre to either end
  Eigen::MatrixXi whole = {};  // weights of a full reach each, in steps of `step`
  std::vector<float> step = {};  // an output each
};

Rows rows_of(const std::vector<float>& values, std::uint64_t rows, std::uint64_t columns) {
  return Eigen::Map<const Rows>(values.data(), static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(columns));
}

std::vector<float> bias_or_zeros(const std::vector<float>& bias, std::size_t count) {
  return bias.empty() ? std::vector<float>(count, 0.0f) : bias;
}

// A GRU's n before r and z, so that what the prepared part gives r and z follows n's own bias in the state.
void move_last_first(Source& source) {
  const auto width = static_cast<std::ptrdiff_t>(source.width);
  const Rows last = source.rows.bottomRows(width);
  const Rows others = source.rows.topRows(source.rows.rows() - width);
  source.rows.topRows(width) = last;
  source.rows.bottomRows(source.rows.rows() - width) = others;
  std::rotate(source.bias.begin(), source.bias.end() - width, source.bias.end());
  if (source.step.empty()) return;
  std::rotate(source.step.begin(), source.step.end() - width, source.step.end());
  const Eigen::MatrixXi last_whole = source.whole.bottomRows(width);
  const Eigen::MatrixXi other_whole = source.whole.topRows(source.whole.rows() - width);
  source.whole.topRows(width) = last_whole;
  source.whole.bottomRows(source.whole.rows() - width) = other_whole;
}

// PyTorch's outputs x inputs x taps, as outputs x (taps x inputs): the order in which past rows are gathered.
Rows tap_major(const LayerSpec& layer) {
  Rows out(layer.outputs, static_cast<Eigen::Index>(layer.taps) * layer.inputs);
  for (std::uint32_t o = 0; o < layer.outputs; ++o) {
    const Eigen::Map<const Rows> by_channel(layer.weight.data() + std::size_t{o} * layer.inputs * layer.taps,
                                            layer.inputs, layer.taps);
    for (std::uint32_t tap = 0; tap < layer.taps; ++tap) {
      out.row(o).segment(static_cast<Eigen::Index>(tap) * layer.inputs, layer.inputs) = by_channel.col(tap).transpose();
    }
  }
  return out;
}

}  // namespace

class Network::Packer {
 public:
  Packer(Network& network, const NetworkRanges* ranges) : net_(network), ranges_(ranges) {}

  void run(const NetworkSpec& spec) {
    net_.inputs_ = spec.inputs;
    net_.outputs_ = spec.outputs();
    widen(spec.inputs);
    for (const LayerSpec& layer : spec.layers) add(layer);
    net_.row_floats_ = row_;
    net_.work_floats_ = work_;
    net_.state_floats_ = state_;
    // Steps take at most two bytes an input.
    net_.scratch_floats_ = 2 * row_ + work_ + steps_;
    net_.zeros_ = reserve(row_);
    net_.floats_ = block_of(floats_);
    net_.bytes_ = block_of(bytes_);
    net_.integers_ = block_of(integers_);
  }

  std::size_t matrices() const noexcept { return net_.matrices_.size(); }
  const std::string& fault() const noexcept { return fault_; }  // of the ranges; empty where they fit

 private:
  template <class T>
  static NetworkBlock block_of(const std::vector<T>& values) {
    NetworkBlock block(values.size() * sizeof(T) / sizeof(NetworkLine) + 1);
    std::copy_n(values.data(), values.size(), reinterpret_cast<T*>(block.data()));
    return block;
  }
  void widen(std::size_t width) {
    row_ = std::max<std::size_t>(row_, padded_lanes(static_cast<std::uint32_t>(width)) + kNetworkLanes);
  }
  // Room for floats at a multiple of a register.
  std::size_t reserve(std::size_t count) {
    const std::size_t at = floats_.size();
    floats_.resize(at + padded_lanes(static_cast<std::uint32_t>(count)), 0.0f);
    return at;
  }
  std::size_t store(const Source& source, const std::vector<float>& values) {
    const std::uint32_t padded = padded_lanes(source.width);
    const std::size_t at = reserve(std::size_t{source.blocks} * padded);
    for (std::uint32_t b = 0; b < source.blocks; ++b) {
      std::copy_n(values.begin() + b * source.width, source.width,
                  floats_.begin() + static_cast<std::ptrdiff_t>(at + b * padded));
    }
    return at;
  }
  std::size_t reserve_state(std::size_t floats) {
    const std::size_t at = state_;
    state_ += padded_lanes(static_cast<std::uint32_t>(floats));
    return at;
  }

  void add(const LayerSpec& spec);
  void add_matrix(const Source& source);
  void add_centred(Source source) {
    take_centres(source, net_.matrices_.size());
    add_matrix(source);
  }
  void add_columns(const Source& source, Matrix& out);
  void add_quantized(const Source& source, Matrix& out);
  bool is_quantized(const Source& source, std::size_t matrix) const noexcept {
    if (ranges_ == nullptr || source.rows.cols() < kQuantizedInputsMin) return false;
    return matrix >= ranges_->in_float.size() || ranges_->in_float[matrix] == 0;
  }
  void take_centres(Source& source, std::size_t matrix);

  Network& net_;
  const NetworkRanges* ranges_;
  std::vector<float> floats_;
  std::vector<std::int8_t> bytes_;
  std::vector<std::int32_t> integers_;
  std::size_t row_ = 0;
  std::size_t work_ = 0;
  std::size_t steps_ = 0;
  std::size_t state_ = 0;
  std::string fault_;
};

void Network::Packer::add(const LayerSpec& spec) {
  const std::uint32_t padded = padded_lanes(spec.outputs);
  const std::uint32_t gates = gates_of(spec.kind);
  Layer layer{.kind = spec.kind,
              .activation = spec.activation,
              .residual = spec.residual,
              .inputs = spec.inputs,
              .outputs = spec.outputs,
              .head_width = spec.inputs / std::max(spec.heads, 1u),
              .window = spec.window,
              .taps = spec.taps,
              .dilation = spec.dilation,
              .epsilon = spec.epsilon,
              .matrix = static_cast<std::uint32_t>(net_.matrices_.size()),
              .gain = 0,
              .state = state_};
  widen(spec.outputs);
  switch (spec.kind) {
    case LayerKind::dense:
      add_centred(
          {rows_of(spec.weight, spec.outputs, spec.inputs), bias_or_zeros(spec.bias, spec.outputs), 1, spec.outputs});
      break;
    case LayerKind::lstm:
    case LayerKind::gru: {
      const std::size_t rows = std::size_t{gates} * spec.outputs;
      Source in{rows_of(spec.weight, rows, spec.inputs), bias_or_zeros(spec.bias, rows), gates, spec.outputs};
      Source back{rows_of(spec.recurrent, rows, spec.outputs), bias_or_zeros(spec.recurrent_bias, rows), gates,
                  spec.outputs};
      take_centres(in, layer.matrix);
      take_centres(back, layer.matrix + 1);
      // Where both biases are only ever added the prepared part carries their sum: everywhere but in a GRU's n.
      const std::size_t shared = spec.kind == LayerKind::lstm ? rows : std::size_t{2} * spec.outputs;
      for (std::size_t i = 0; i < shared; ++i) back.bias[i] += std::exchange(in.bias[i], 0.0f);
      if (spec.kind == LayerKind::gru) move_last_first(in);
      add_matrix(in);
      add_matrix(back);
      work_ = std::max<std::size_t>(work_, std::size_t{gates} * padded);
      reserve_state(std::size_t{2 + gates} * padded);  // h; c of lstm or n's bias of gru; U h + b
      break;
    }
    case LayerKind::attention: {
      const std::uint32_t columns = padded_lanes(spec.window);
      Source in{rows_of(spec.weight, std::uint64_t{3} * spec.inputs, spec.inputs),
                bias_or_zeros(spec.bias, std::size_t{3} * spec.inputs), 3, spec.inputs};
      // Queries take over the scores' 1 / sqrt(head width).
      const float factor = 1.0f / std::sqrt(static_cast<float>(layer.head_width));
      in.rows.topRows(spec.inputs) *= factor;
      for (std::uint32_t i = 0; i < spec.inputs; ++i) in.bias[i] *= factor;
      add_centred(std::move(in));
      add_centred({rows_of(spec.recurrent, spec.outputs, spec.inputs), bias_or_zeros(spec.recurrent_bias, spec.outputs),
                   1, spec.outputs});
      work_ = std::max<std::size_t>(work_, 4 * padded + kNetworkLanes + columns);
      row_ = std::max<std::size_t>(row_, columns);
      reserve_state(kNetworkLanes + std::size_t{spec.inputs} * columns +
                    std::size_t{spec.window} * (padded + kNetworkLanes));
      break;
    }
    case LayerKind::conv1d: {
      add_centred({tap_major(spec), bias_or_zeros(spec.bias, spec.outputs), 1, spec.outputs});
      work_ = std::max<std::size_t>(work_, padded_lanes(spec.taps * spec.inputs));
      reserve_state(kNetworkLanes + (std::size_t{spec.taps - 1} * spec.dilation + 1) * padded_lanes(spec.inputs));
      break;
    }
    case LayerKind::layer_norm: {
      const Source as_rows{{}, {}, 1, spec.outputs};
      layer.gain = store(as_rows, spec.weight);
      store(as_rows, bias_or_zeros(spec.bias, spec.outputs));
      break;
    }
    case LayerKind::activation: break;
  }
  net_.layers_.push_back(layer);
}

void Network::Packer::add_matrix(const Source& source) {
  const auto inputs = static_cast<std::uint32_t>(source.rows.cols());
  Matrix out{.inputs = inputs,
             .outputs = source.blocks * padded_lanes(source.width),
             .quantized = is_quantized(source, net_.matrices_.size()),
             .columns = 0,
             .bias = store(source, source.bias),
             .scale = 0,
             .centre = 0,
             .per_unit = 0,
             .start = 0};
  widen(inputs);
  if (out.quantized) {
    add_quantized(source, out);
  } else {
    add_columns(source, out);
  }
  net_.matrices_.push_back(out);
}

void Network::Packer::add_columns(const Source& source, Matrix& out) {
  const std::uint32_t padded = padded_lanes(source.width);
  out.columns = reserve(std::size_t{out.outputs} * out.inputs);
  Eigen::Map<Columns> columns(floats_.data() + out.columns, out.outputs, out.inputs);
  for (std::uint32_t b = 0; b < source.blocks; ++b) {
    columns.middleRows(b * padded, source.width) = source.rows.middleRows(b * source.width, source.width);
  }
}

// x = centre + reach * q / 127: the centres' part of the sums goes to the biases.
void Network::Packer::take_centres(Source& source, std::size_t matrix) {
  if (ranges_ == nullptr) return;
  const auto inputs = static_cast<std::size_t>(source.rows.cols());
  if (matrix >= ranges_->inputs.size() || ranges_->inputs[matrix].size() != inputs) {
    if (fault_.empty()) fault_ = fmt::format("no range for each of the {} inputs of matrix {}", inputs, matrix);
    return;
  }
  if (!is_quantized(source, matrix)) return;
  float widest = 0;
  for (const NetworkRanges::Range& range : ranges_->inputs[matrix]) {
    widest = std::max(widest, 0.5f * range.largest - 0.5f * range.least);
  }
  const float least = widest > kRangeMin / kNarrowest ? widest * kNarrowest : 1.0f;
  for (const NetworkRanges::Range& range : ranges_->inputs[matrix]) {
    const float reach = kMargin * std::max(0.5f * range.largest - 0.5f * range.least, least);
    // What was never negative has its zeros exact: after relu most numbers are.
    source.centre.push_back(range.least == 0.0f ? reach : 0.5f * range.least + 0.5f * range.largest);
    source.reach.push_back(reach);
  }
  const auto columns = static_cast<Eigen::Index>(inputs);
  const Eigen::RowVectorXd centre = Eigen::Map<const Eigen::RowVectorXf>(source.centre.data(), columns).cast<double>();
  const Eigen::RowVectorXd reach = Eigen::Map<const Eigen::RowVectorXf>(source.reach.data(), columns).cast<double>();
  Eigen::RowVectorXd off(columns);  // of the mean from the centre, in reaches
  for (Eigen::Index i = 0; i < columns; ++i) {
    off[i] = (double{ranges_->inputs[matrix][static_cast<std::size_t>(i)].mean} - centre[i]) / reach[i];
  }
  source.whole.resize(source.rows.rows(), columns);
  for (Eigen::Index row = 0; row < source.rows.rows(); ++row) {
    const Eigen::RowVectorXd weights = source.rows.row(row).cast<double>();
    const Eigen::RowVectorXd reaching = weights.cwiseProduct(reach);
    const auto step = static_cast<float>(reaching.cwiseAbs().maxCoeff() / double{kQuantizedMax});
    const double unit = step > 0.0f ? double{step} : 1.0;
    const Eigen::RowVectorXd rounded = (reaching / unit).array().rint().cwiseMin(127.0).cwiseMax(-127.0);
    source.whole.row(row) = rounded.cast<int>();
    source.step.push_back(step);
    // What rounding the weights does to the mean answer goes to the bias too.
    const double moved = weights.dot(centre) + (reaching - rounded * unit).dot(off);
    float& bias = source.bias[static_cast<std::size_t>(row)];
    bias = static_cast<float>(double{bias} + moved);
  }
}

void Network::Packer::add_quantized(const Source& source, Matrix& out) {
  if (source.reach.empty()) return;  // a fault that is told at the end
  const std::uint32_t padded = padded_lanes(source.width);
  const auto together = static_cast<std::uint32_t>(net_.kernels_.layout);
  const std::uint32_t inputs = (out.inputs + 3) / 4 * 4;
  const Source as_row{{}, {}, 1, out.inputs};
  out.centre = store(as_row, source.centre);
  std::vector<float> per_unit(out.inputs);
  for (std::uint32_t i = 0; i < out.inputs; ++i) per_unit[i] = kQuantizedMax / source.reach[i];
  out.per_unit = store(as_row, per_unit);
  out.columns = bytes_.size();
  bytes_.resize(out.columns + (std::size_t{inputs} * out.outputs + 63) / 64 * 64, 0);
  out.start = integers_.size();
  integers_.resize(out.start + out.outputs, 0);
  std::vector<float> scales(std::size_t{source.blocks} * source.width);
  for (std::uint32_t row = 0; row < scales.size(); ++row) {
    const auto whole = source.whole.row(row);
    const std::size_t j = std::size_t{row / source.width} * padded + row % source.width;
    for (std::uint32_t i = 0; i < out.inputs; ++i) {
      bytes_[out.columns + (std::size_t{i / together} * out.outputs + j) * together + i % together] =
          static_cast<std::int8_t>(whole[i]);
    }
    if (net_.kernels_.layout == QuantizedLayout::quads_u8) integers_[out.start + j] = -128 * whole.sum();
    scales[row] = source.step[row] / kQuantizedMax;
  }
  out.scale = store(source, scales);
  steps_ = std::max<std::size_t>(steps_, padded_lanes(out.inputs));
}

Result<Network> Network::make(const NetworkSpec& spec, Isa isa, const std::string& file) {
  TT_TRY_VOID(check_network(spec, file));
  Network network;
  network.kernels_ = network_kernels(isa);
  Packer(network, nullptr).run(spec);
  return network;
}

Result<Network> Network::make_quantized(const NetworkSpec& spec, const NetworkRanges& ranges, Isa isa,
                                        const std::string& file) {
  TT_TRY_VOID(check_network(spec, file));
  constexpr float kMost = std::numeric_limits<float>::max();
  for (std::size_t i = 0; i < ranges.inputs.size(); ++i) {
    for (const NetworkRanges::Range& range : ranges.inputs[i]) {
      if (range.least >= -kMost && range.least <= range.largest && range.largest <= kMost &&
          std::fabs(range.mean) <= kMost)
        continue;
      return fail({.code = ErrorCode::model_unsupported,
                   .doing = "quantizing a network",
                   .file = file,
                   .field = fmt::format("ranges of matrix {}", i),
                   .expected = "finite numbers, the least before the largest",
                   .found = fmt::format("{}, {}, {}", range.least, range.mean, range.largest)});
    }
  }
  Network network;
  network.kernels_ = network_kernels(isa);
  Packer packer(network, &ranges);
  packer.run(spec);
  if (!packer.fault().empty() || ranges.inputs.size() != packer.matrices()) {
    return fail({.code = ErrorCode::model_syntax,
                 .doing = "quantizing a network",
                 .file = file,
                 .field = "ranges",
                 .expected = fmt::format("{} lists, one for each matrix, of its inputs", packer.matrices()),
                 .found = packer.fault().empty() ? fmt::format("{} lists", ranges.inputs.size()) : packer.fault()});
  }
  return network;
}

}  // namespace thintail
