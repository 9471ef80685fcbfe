// SPDX-License-Identifier: Apache-2.0
#include "ml/train/network_training.hpp"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/numeric/split_mix.hpp"
#include "ml/networks/network.hpp"

namespace thintail {
namespace {

constexpr std::uint32_t kClasses = 3;

using Matrix = Eigen::MatrixXf;
using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Nearly normal: twelve uniform numbers.
float normal(numeric::SplitMix& random) {
  double sum = -6.0;
  for (int i = 0; i < 12; ++i) sum += random.uniform();
  return static_cast<float>(sum);
}

std::vector<float> normals(std::size_t count, float deviation, numeric::SplitMix& random) {
  std::vector<float> out(count);
  for (float& value : out) value = deviation * normal(random);
  return out;
}

Result<void> check_rows(std::span<const float> rows, std::uint32_t inputs, std::span<const float> labels) {
  if (inputs != 0 && labels.size() > 1 && rows.size() == labels.size() * inputs) return {};
  return fail({.code = ErrorCode::training_failed,
               .doing = "training a network",
               .field = "rows",
               .expected = fmt::format("two or more of {} inputs and a label each", inputs),
               .found = fmt::format("{} numbers and {} labels", rows.size(), labels.size())});
}

class DenseTrainer {
 public:
  DenseTrainer(std::uint32_t inputs, const DenseTraining& training) : random_(training.seed) {
    std::uint32_t width = inputs;
    for (const std::uint32_t hidden : training.hidden) width = add(width, hidden);
    add(width, kClasses);
  }

  void step(const Matrix& x, std::span<const std::uint8_t> classes, float rate, const DenseTraining& training) {
    activations_[0] = x;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      Matrix& y = activations_[i + 1];
      y.noalias() = layers_[i].weight * activations_[i];
      y.colwise() += layers_[i].bias;
      if (i + 1 < layers_.size()) y = y.cwiseMax(0.0f);
    }
    // Of softmax and cross-entropy together: the chances less 1 at the class that came.
    Matrix gradient = activations_.back();
    for (Eigen::Index column = 0; column < gradient.cols(); ++column) {
      auto chances = gradient.col(column);
      chances = (chances.array() - chances.maxCoeff()).exp();
      chances /= chances.sum();
      chances[classes[static_cast<std::size_t>(column)]] -= 1.0f;
    }
    gradient /= static_cast<float>(gradient.cols());
    for (std::size_t i = layers_.size(); i-- > 0;) {
      Layer& layer = layers_[i];
      const Matrix& below = activations_[i];
      layer.weight_speed = training.momentum * layer.weight_speed -
                           rate * (gradient * below.transpose() + training.decay * layer.weight);
      layer.bias_speed = training.momentum * layer.bias_speed - rate * gradient.rowwise().sum();
      if (i > 0) {
        Matrix back = layer.weight.transpose() * gradient;
        gradient = (below.array() > 0.0f).select(back, 0.0f);
      }
      layer.weight += layer.weight_speed;
      layer.bias += layer.bias_speed;
    }
  }

  NetworkSpec spec() const {
    NetworkSpec out{.inputs = static_cast<std::uint32_t>(layers_.front().weight.cols())};
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const Layer& from = layers_[i];
      LayerSpec layer{.kind = LayerKind::dense,
                      .activation = i + 1 < layers_.size() ? Activation::relu : Activation::softmax,
                      .inputs = static_cast<std::uint32_t>(from.weight.cols()),
                      .outputs = static_cast<std::uint32_t>(from.weight.rows())};
      layer.weight.resize(static_cast<std::size_t>(from.weight.size()));
      Eigen::Map<RowMajor>(layer.weight.data(), from.weight.rows(), from.weight.cols()) = from.weight;
      layer.bias.assign(from.bias.data(), from.bias.data() + from.bias.size());
      out.layers.push_back(std::move(layer));
    }
    return out;
  }

 private:
  struct Layer {
    Matrix weight;
    Eigen::VectorXf bias;
    Matrix weight_speed;
    Eigen::VectorXf bias_speed;
  };

  std::uint32_t add(std::uint32_t inputs, std::uint32_t outputs) {
    Layer layer{Matrix(outputs, inputs), Eigen::VectorXf::Zero(outputs), Matrix::Zero(outputs, inputs),
                Eigen::VectorXf::Zero(outputs)};
    const float deviation = std::sqrt(2.0f / static_cast<float>(inputs));  // He, for relu
    for (Eigen::Index i = 0; i < layer.weight.size(); ++i) layer.weight.data()[i] = deviation * normal(random_);
    layers_.push_back(std::move(layer));
    activations_.resize(layers_.size() + 1);
    return outputs;
  }

  numeric::SplitMix random_;
  std::vector<Layer> layers_;
  std::vector<Matrix> activations_;  // a column a row of the batch; the first is what came in
};

std::vector<std::uint8_t> thirds(std::span<const float> labels) {
  std::vector<float> sorted(labels.begin(), labels.end());
  std::ranges::sort(sorted);
  const float low = sorted[sorted.size() / 3];
  const float high = sorted[sorted.size() - 1 - sorted.size() / 3];
  std::vector<std::uint8_t> out;
  for (const float label : labels) out.push_back(label < low ? 0 : label > high ? 2 : 1);
  return out;
}

}  // namespace

Result<NetworkSpec> train_dense(std::span<const float> rows, std::uint32_t inputs, std::span<const float> labels,
                                const DenseTraining& training) {
  TT_TRY_VOID(check_rows(rows, inputs, labels));
  const std::vector<std::uint8_t> classes = thirds(labels);
  DenseTrainer trainer(inputs, training);
  numeric::SplitMix random(~training.seed);
  std::vector<std::uint32_t> order(labels.size());
  std::iota(order.begin(), order.end(), 0U);
  const std::size_t batch = std::min<std::size_t>(std::max(training.batch, 1U), order.size());
  const std::size_t steps = order.size() / batch * training.epochs;
  Matrix x(inputs, static_cast<Eigen::Index>(batch));
  std::vector<std::uint8_t> classes_here(batch);
  std::size_t done = 0;
  for (std::uint32_t epoch = 0; epoch < training.epochs; ++epoch) {
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
    for (std::size_t first = 0; first + batch <= order.size(); first += batch) {
      for (std::size_t i = 0; i < batch; ++i) {
        const std::uint32_t row = order[first + i];
        std::copy_n(rows.data() + std::size_t{row} * inputs, inputs, x.col(static_cast<Eigen::Index>(i)).data());
        classes_here[i] = classes[row];
      }
      const float left = 1.0f - static_cast<float>(done++) / static_cast<float>(steps);
      trainer.step(x, classes_here, training.rate * left, training);
    }
  }
  NetworkSpec spec = trainer.spec();
  TT_TRY_VOID(check_network(spec, "the trained network"));  // a rate that is too high leaves no numbers
  return spec;
}

NetworkSpec lstm_reservoir(std::uint32_t inputs, std::uint32_t units, std::uint64_t seed) {
  numeric::SplitMix random(seed);
  LayerSpec layer{.kind = LayerKind::lstm, .inputs = inputs, .outputs = units};
  const std::size_t rows = std::size_t{4} * units;
  layer.weight = normals(rows * inputs, 1.0f / std::sqrt(static_cast<float>(inputs)), random);
  layer.bias = normals(rows, 0.1f, random);
  layer.recurrent = normals(rows * units, 0.7f / std::sqrt(static_cast<float>(units)), random);
  layer.recurrent_bias.assign(rows, 0.0f);
  // Gates i, f, g, o: what is kept decays over some ten rows.
  for (std::uint32_t unit = 0; unit < units; ++unit) layer.recurrent_bias[units + unit] = 2.0f;
  return {.inputs = inputs, .layers = {std::move(layer)}};
}

Result<NetworkSpec> with_readout(const NetworkSpec& spec, std::span<const float> rows, std::span<const float> labels,
                                 double ridge) {
  TT_TRY_VOID(check_rows(rows, spec.inputs, labels));
  TT_TRY(const Network network, Network::make(spec, best_isa()));
  const auto width = static_cast<Eigen::Index>(network.outputs());
  NetworkBlock state_block = network.make_state();
  NetworkBlock scratch_block = network.make_scratch();
  auto* const state = reinterpret_cast<float*>(state_block.data());
  auto* const scratch = reinterpret_cast<float*>(scratch_block.data());
  // Normal equations of the states and a constant.
  Eigen::MatrixXd square = Eigen::MatrixXd::Zero(width + 1, width + 1);
  Eigen::VectorXd target = Eigen::VectorXd::Zero(width + 1);
  Eigen::VectorXf out(width);
  Eigen::VectorXd x = Eigen::VectorXd::Ones(width + 1);
  for (std::size_t row = 0; row < labels.size(); ++row) {
    network.step(rows.data() + row * spec.inputs, state, scratch, out.data());
    x.head(width) = out.cast<double>();
    square.selfadjointView<Eigen::Lower>().rankUpdate(x);
    target += x * static_cast<double>((labels[row] > 0) - (labels[row] < 0));
  }
  const double least = ridge * static_cast<double>(labels.size());
  square.diagonal().head(width).array() += least;
  const Eigen::VectorXd fitted = square.selfadjointView<Eigen::Lower>().ldlt().solve(target);
  NetworkSpec read = spec;
  LayerSpec layer{.kind = LayerKind::dense, .inputs = network.outputs(), .outputs = 1};
  for (Eigen::Index i = 0; i < width; ++i) layer.weight.push_back(static_cast<float>(fitted[i]));
  layer.bias = {static_cast<float>(fitted[width])};
  read.layers.push_back(std::move(layer));
  TT_TRY_VOID(check_network(read, "the fitted network"));
  return read;
}

}  // namespace thintail
