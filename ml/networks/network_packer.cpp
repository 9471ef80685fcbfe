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

// An input that hardly moved while calibrating may move later: its steps are at least this part of the widest one's.
constexpr float kNarrowest = 1e-3f;
// How far past its calibrated range an input may go before it is held at the bound: rows to come reach further than those
// seen, and being cut costs more than wider steps.
constexpr float kMargin = 1.15f;
constexpr float kMarginInt16 = 2.0f;  // where steps are fine enough to reach further
constexpr float kRangeMin = 1e-30f;  // below, the reciprocal of a step is infinite

// A matrix in the file's orientation and what it is padded to.
struct Source {
  Rows rows;  // parts x width outputs, by inputs
  std::vector<float> bias;
  std::uint32_t parts;
  std::uint32_t width;
  bool is_gated = false;  // parts are gates: those of the same units lie beside each other
  std::vector<float> centre = {};  // an input each, as the next; empty where not quantized
  std::vector<float> reach = {};  // from the centre to either end
  Eigen::MatrixXi whole = {};  // weights of a full reach each, in steps of `step`
  std::vector<float> step = {};  // an output each

  std::uint32_t gates() const noexcept { return is_gated ? parts : 1; }
  std::uint32_t units() const noexcept { return (is_gated ? 1 : parts) * (padded_lanes(width) / kNetworkLanes); }
  // Where the kernels have row `row`.
  std::size_t output_of(std::size_t row) const noexcept {
    const std::size_t part = row / width;
    const std::size_t unit = row % width;
    if (!is_gated) return part * padded_lanes(width) + unit;
    return (unit / kNetworkLanes * parts + part) * kNetworkLanes + unit % kNetworkLanes;
  }
  std::size_t outputs() const noexcept { return std::size_t{units()} * gates() * kNetworkLanes; }
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
    // Steps take at most two bytes an input, half a float; a window's several rows at once.
    net_.scratch_floats_ = 2 * row_ + work_ + steps_;
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
  // A number an output, where the kernels have it; `bases` of three gates leave room for a fourth.
  std::size_t store(const Source& source, const std::vector<float>& values, bool is_base) {
    const bool has_gap = is_base && source.gates() == 3;
    const std::size_t at = reserve(has_gap ? std::size_t{source.units()} * 64 : source.outputs());
    for (std::size_t row = 0; row < values.size(); ++row) {
      const std::size_t output = source.output_of(row);
      floats_[at + (has_gap ? output / 48 * 64 + output % 48 : output)] = values[row];
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
  template <class Weight, class Of>
  static void lay_out(const Source& source, const MatrixKernels& kernels, Weight* to, const Of& weight_of);
  void add_floats(const Source& source, Matrix& out);
  void add_quantized(const Source& source, Matrix& out);
  MatrixForm form_of(const Source& source, std::size_t matrix) const noexcept {
    const auto inputs = static_cast<std::uint32_t>(source.rows.cols());
    if (ranges_ == nullptr || inputs < kQuantizedInputsMin) return MatrixForm::float32;
    const MatrixForm form = ranges_->form_of(matrix);
    return form == MatrixForm::int16 && inputs > kInt16InputsMax ? MatrixForm::float32 : form;
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
              .state = state_,
              .floor = spec.activation == Activation::relu ? 0.0f : -std::numeric_limits<float>::infinity()};
  widen(spec.outputs);
  switch (spec.kind) {
    case LayerKind::dense:
      add_centred(
          {rows_of(spec.weight, spec.outputs, spec.inputs), bias_or_zeros(spec.bias, spec.outputs), 1, spec.outputs});
      break;
    case LayerKind::lstm:
    case LayerKind::gru: {
      const std::size_t rows = std::size_t{gates} * spec.outputs;
      Source in{rows_of(spec.weight, rows, spec.inputs), bias_or_zeros(spec.bias, rows), gates, spec.outputs, true};
      Source back{rows_of(spec.recurrent, rows, spec.outputs), bias_or_zeros(spec.recurrent_bias, rows), gates,
                  spec.outputs, true};
      take_centres(in, layer.matrix);
      take_centres(back, layer.matrix + 1);
      // Where both biases are only ever added the prepared part carries their sum: everywhere but in a GRU's n.
      const std::size_t shared = spec.kind == LayerKind::lstm ? rows : std::size_t{2} * spec.outputs;
      for (std::size_t i = 0; i < shared; ++i) back.bias[i] += std::exchange(in.bias[i], 0.0f);
      if (spec.kind == LayerKind::gru) move_last_first(in);
      add_matrix(in);
      add_matrix(back);
      // h; c of lstm; for each 16 units U h + b of four gates, or n's bias and U h + b of three.
      reserve_state(std::size_t{spec.kind == LayerKind::lstm ? 6u : 5u} * padded);
      net_.sums_floats_ = std::max<std::size_t>(net_.sums_floats_, std::size_t{gates} * padded);
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
      reserve_state(kNetworkLanes + padded + std::size_t{spec.inputs} * columns +
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
      layer.gain = store(as_rows, spec.weight, false);
      store(as_rows, bias_or_zeros(spec.bias, spec.outputs), false);
      break;
    }
    case LayerKind::activation: break;
  }
  net_.layers_.push_back(layer);
}

void Network::Packer::add_matrix(const Source& source) {
  const auto inputs = static_cast<std::uint32_t>(source.rows.cols());
  Matrix out{.inputs = inputs,
             .units = source.units(),
             .gates = source.gates(),
             .form = form_of(source, net_.matrices_.size()),
             .weights = 0,
             .bias = store(source, source.bias, true),
             .scale = 0,
             .centre = 0,
             .per_unit = 0,
             .start = 0};
  widen(inputs);
  if (out.form == MatrixForm::float32) {
    add_floats(source, out);
  } else {
    add_quantized(source, out);
  }
  net_.matrices_.push_back(out);
}

// In panels, as MatrixKernels has them. `weight_of(row, input)`; what no row owns stays zero.
template <class Weight, class Of>
void Network::Packer::lay_out(const Source& source, const MatrixKernels& kernels, Weight* to, const Of& weight_of) {
  struct Place {
    std::size_t panel;  // where it begins, in weights
    std::size_t outputs;  // of it
    std::size_t first;  // output
  };
  const std::size_t together = kernels.together;
  const auto inputs = static_cast<std::size_t>(source.rows.cols());
  const std::size_t rounded = (inputs + together - 1) / together * together;
  std::vector<Place> of_block;
  for (std::uint32_t unit = 0; unit < source.units();) {
    const std::uint32_t units = panel_units(source.gates(), kernels.panel_blocks, source.units() - unit);
    const std::size_t blocks = units == 0 ? 1 : std::size_t{units} * source.gates();
    const std::size_t first = of_block.size() * kNetworkLanes;
    const Place place{first * rounded, blocks * kNetworkLanes, first};
    of_block.insert(of_block.end(), blocks, place);
    unit = static_cast<std::uint32_t>(of_block.size() / source.gates());
  }
  for (std::size_t row = 0; row < static_cast<std::size_t>(source.rows.rows()); ++row) {
    const std::size_t output = source.output_of(row);
    const Place& place = of_block[output / kNetworkLanes];
    for (std::size_t i = 0; i < inputs; ++i) {
      to[place.panel + (i / together * place.outputs + output - place.first) * together + i % together] =
          weight_of(row, i);
    }
  }
}

void Network::Packer::add_floats(const Source& source, Matrix& out) {
  out.weights = reserve(source.outputs() * out.inputs);
  lay_out(source, net_.kernels_.of(out.form), floats_.data() + out.weights, [&](std::size_t row, std::size_t i) {
    return source.rows(static_cast<Eigen::Index>(row), static_cast<Eigen::Index>(i));
  });
}

// x = centre + reach * q / steps: the centres' part of the sums goes to the biases.
void Network::Packer::take_centres(Source& source, std::size_t matrix) {
  if (ranges_ == nullptr) return;
  const auto inputs = static_cast<std::size_t>(source.rows.cols());
  if (matrix >= ranges_->inputs.size() || ranges_->inputs[matrix].size() != inputs) {
    if (fault_.empty()) fault_ = fmt::format("no range for each of the {} inputs of matrix {}", inputs, matrix);
    return;
  }
  const MatrixForm form = form_of(source, matrix);
  if (form == MatrixForm::float32) return;
  const bool is_int8 = form == MatrixForm::int8;
  const float margin = is_int8 ? kMargin : kMarginInt16;
  // Products of the largest steps must not overflow their sum, however many inputs there are.
  const double most =
      is_int8 ? double{kInt8Max}
              : std::min(double{kInt16Max}, std::floor(0x7fffffff / (double{kInt16Max} * static_cast<double>(inputs))));
  float widest = 0;
  for (const NetworkRanges::Range& range : ranges_->inputs[matrix]) {
    widest = std::max(widest, 0.5f * range.largest - 0.5f * range.least);
  }
  const float least = widest > kRangeMin / kNarrowest ? widest * kNarrowest : 1.0f;
  for (const NetworkRanges::Range& range : ranges_->inputs[matrix]) {
    const float reach = margin * std::max(0.5f * range.largest - 0.5f * range.least, least);
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
    const auto step = static_cast<float>(reaching.cwiseAbs().maxCoeff() / most);
    const double unit = step > 0.0f ? double{step} : 1.0;
    const Eigen::RowVectorXd rounded = (reaching / unit).array().rint().cwiseMin(most).cwiseMax(-most);
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
  const MatrixKernels& kernels = net_.kernels_.of(out.form);
  const float most = out.form == MatrixForm::int8 ? kInt8Max : kInt16Max;
  const Source as_row{{}, {}, 1, out.inputs};
  out.centre = store(as_row, source.centre, false);
  std::vector<float> per_unit(out.inputs);
  for (std::uint32_t i = 0; i < out.inputs; ++i) per_unit[i] = most / source.reach[i];
  out.per_unit = store(as_row, per_unit, false);
  const std::uint32_t together = kernels.together;
  const std::size_t weights = source.outputs() * ((out.inputs + together - 1) / together * together);
  out.weights = bytes_.size();
  bytes_.resize(out.weights + (weights * bytes_of(out.form) + 63) / 64 * 64, 0);
  const auto whole = [&](std::size_t row, std::size_t i) {
    return source.whole(static_cast<Eigen::Index>(row), static_cast<Eigen::Index>(i));
  };
  if (out.form == MatrixForm::int8) {
    lay_out(source, kernels, bytes_.data() + out.weights,
            [&](std::size_t row, std::size_t i) { return static_cast<std::int8_t>(whole(row, i)); });
  } else {
    lay_out(source, kernels, reinterpret_cast<std::int16_t*>(bytes_.data() + out.weights),
            [&](std::size_t row, std::size_t i) { return static_cast<std::int16_t>(whole(row, i)); });
  }
  out.start = integers_.size();
  integers_.resize(out.start + source.outputs(), 0);
  std::vector<float> scales(source.step.size());
  for (std::size_t row = 0; row < scales.size(); ++row) {
    const auto sum = source.whole.row(static_cast<Eigen::Index>(row)).sum();
    integers_[out.start + source.output_of(row)] = -kernels.inputs_offset * sum;
    scales[row] = source.step[row] / most;
  }
  out.scale = store(source, scales, false);
  steps_ = std::max<std::size_t>(steps_, std::size_t{padded_lanes(out.inputs)} * kWindowRowsAtOnce / 2);
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
