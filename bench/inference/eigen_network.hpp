// SPDX-License-Identifier: Apache-2.0
// Layers of random weights for benchmarks, and EigenNetwork, their peer: the same layers as one writes them with Eigen.
//   path  warm
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <eigen3/Eigen/Core>  // by its place, so that the header compiles without the package's flags
#include <random>
#include <utility>
#include <vector>

#include "ml/networks/network_spec.hpp"

namespace thintail::bench {

inline constexpr std::uint32_t kAttentionWindow = 32;

inline std::vector<float> normal_numbers(std::size_t count, float deviation, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, deviation);
  std::vector<float> out(count);
  for (float& value : out) value = normal(random);
  return out;
}

inline LayerSpec make_layer(LayerKind kind, std::uint32_t inputs, std::uint32_t outputs, Activation activation,
                            std::uint32_t seed) {
  const std::size_t rows = std::size_t{kind == LayerKind::attention ? 3 : gates_of(kind)} * outputs;
  // Dense layers as networks with relu are begun with (He), so that answers vary as much as inputs do.
  const float deviation = std::sqrt((kind == LayerKind::dense ? 2.0f : 1.0f) / static_cast<float>(inputs));
  LayerSpec layer{
      .kind = kind, .activation = activation, .inputs = inputs, .outputs = outputs, .window = kAttentionWindow};
  layer.weight = normal_numbers(rows * inputs, deviation, seed);
  layer.bias = normal_numbers(rows, 0.1f, seed + 1);
  if (kind == LayerKind::dense) return layer;
  const std::size_t back = kind == LayerKind::attention ? outputs : rows;
  layer.recurrent = normal_numbers(back * outputs, 0.7f * deviation, seed + 2);
  layer.recurrent_bias = normal_numbers(back, 0.1f, seed + 3);
  return layer;
}

// State is kept in vectors of their final size.
class EigenNetwork {
 public:
  explicit EigenNetwork(const NetworkSpec& spec) {
    for (const LayerSpec& from : spec.layers) {
      Layer layer{from.kind,
                  from.activation,
                  matrix(from.weight, from.inputs),
                  vector(from.bias),
                  matrix(from.recurrent, from.outputs),
                  vector(from.recurrent_bias)};
      layer.h = Eigen::VectorXf::Zero(from.outputs);
      layer.c = Eigen::VectorXf::Zero(from.outputs);
      layer.keys = Eigen::MatrixXf::Zero(from.outputs, kAttentionWindow);
      layer.values = Eigen::MatrixXf::Zero(from.outputs, kAttentionWindow);
      layer.a = Eigen::VectorXf::Zero(layer.w.rows());
      layer.b = Eigen::VectorXf::Zero(layer.u.rows());
      layers_.push_back(std::move(layer));
    }
  }

  void step(const float* row, float* out) {
    x_ = Eigen::Map<const Eigen::VectorXf>(row, layers_.front().w.cols());
    for (Layer& layer : layers_) run(layer);
    Eigen::Map<Eigen::VectorXf>(out, x_.size()) = x_;
  }

 private:
  struct Layer {
    LayerKind kind;
    Activation activation;
    Eigen::MatrixXf w;
    Eigen::VectorXf w_bias;
    Eigen::MatrixXf u;
    Eigen::VectorXf u_bias;
    Eigen::VectorXf h = {};
    Eigen::VectorXf c = {};
    Eigen::MatrixXf keys = {};
    Eigen::MatrixXf values = {};
    Eigen::VectorXf a = {};
    Eigen::VectorXf b = {};
    Eigen::Index count = 0;
    Eigen::Index next = 0;
  };

  static Eigen::MatrixXf matrix(const std::vector<float>& values, std::uint32_t columns) {
    using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    return Eigen::Map<const Rows>(values.data(), static_cast<Eigen::Index>(values.size() / columns), columns);
  }
  static Eigen::VectorXf vector(const std::vector<float>& values) {
    return Eigen::Map<const Eigen::VectorXf>(values.data(), static_cast<Eigen::Index>(values.size()));
  }
  template <class Vector>
  static auto sigmoid(const Vector& x) {
    return (1.0f + (-x.array()).exp()).inverse();
  }

  void run(Layer& layer) {
    const Eigen::Index n = layer.h.size();
    layer.a.noalias() = layer.w * x_;
    layer.a += layer.w_bias;
    switch (layer.kind) {
      case LayerKind::dense:
        if (layer.activation == Activation::relu) layer.a = layer.a.cwiseMax(0.0f);
        x_ = layer.a;
        return;
      case LayerKind::lstm:
        layer.a.noalias() += layer.u * layer.h;
        layer.a += layer.u_bias;
        layer.c.array() = sigmoid(layer.a.segment(n, n)) * layer.c.array() +
                          sigmoid(layer.a.head(n)) * layer.a.segment(2 * n, n).array().tanh();
        layer.h.array() = sigmoid(layer.a.tail(n)) * layer.c.array().tanh();
        x_ = layer.h;
        return;
      case LayerKind::gru:
        layer.b.noalias() = layer.u * layer.h;
        layer.b += layer.u_bias;
        layer.a.head(2 * n) += layer.b.head(2 * n);
        layer.c.array() = (layer.a.tail(n).array() + sigmoid(layer.a.head(n)) * layer.b.tail(n).array()).tanh();
        layer.h.array() = layer.c.array() + sigmoid(layer.a.segment(n, n)) * (layer.h - layer.c).array();
        x_ = layer.h;
        return;
      case LayerKind::attention: {
        layer.keys.col(layer.next) = layer.a.segment(n, n);
        layer.values.col(layer.next) = layer.a.tail(n);
        layer.next = layer.next + 1 == kAttentionWindow ? 0 : layer.next + 1;
        layer.count = std::min<Eigen::Index>(layer.count + 1, kAttentionWindow);
        const auto keys = layer.keys.leftCols(layer.count);
        layer.b.noalias() = keys.transpose() * layer.a.head(n) * (1.0f / std::sqrt(static_cast<float>(n)));
        layer.b.array() = (layer.b.array() - layer.b.maxCoeff()).exp();
        layer.b /= layer.b.sum();
        layer.h.noalias() = layer.values.leftCols(layer.count) * layer.b;
        x_.noalias() = layer.u * layer.h;
        x_ += layer.u_bias;
        return;
      }
      case LayerKind::layer_norm:
      case LayerKind::conv1d:
      case LayerKind::activation: return;  // in no case here
    }
  }

  std::vector<Layer> layers_;
  Eigen::VectorXf x_;
};

}  // namespace thintail::bench
