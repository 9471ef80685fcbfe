// SPDX-License-Identifier: Apache-2.0
// Networks for tests: random ones, a runner over ours, and the same layers in double with Eigen, window by window.
#pragma once

#include <cmath>
#include <cstdint>
#include <eigen3/Eigen/Dense>  // by its place, so that the header compiles without the package's flags
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "ml/networks/network.hpp"

namespace thintail::test {

inline std::vector<Isa> available_isas() {
  std::vector<Isa> out;
  for (const Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512}) {
    if (isa_available(isa)) out.push_back(isa);
  }
  return out;
}

class RandomNetworks {
 public:
  explicit RandomNetworks(std::uint32_t seed) : random_(seed) {}

  std::vector<float> numbers(std::size_t count, float deviation) {
    std::normal_distribution<float> normal(0.0f, deviation);
    std::vector<float> out(count);
    for (float& value : out) value = normal(random_);
    return out;
  }

  LayerSpec layer(LayerKind kind, std::uint32_t inputs, std::uint32_t outputs,
                  Activation activation = Activation::linear) {
    LayerSpec out{.kind = kind, .activation = activation, .inputs = inputs, .outputs = outputs};
    const std::size_t rows = std::size_t{gates_of(kind)} * outputs;
    const float deviation = 1.0f / std::sqrt(static_cast<float>(inputs));
    switch (kind) {
      case LayerKind::dense:
        out.weight = numbers(rows * inputs, deviation);
        out.bias = numbers(rows, 0.1f);
        break;
      case LayerKind::lstm:
      case LayerKind::gru:
        out.weight = numbers(rows * inputs, deviation);
        out.bias = numbers(rows, 0.1f);
        out.recurrent = numbers(rows * outputs, 0.7f / std::sqrt(static_cast<float>(outputs)));
        out.recurrent_bias = numbers(rows, 0.1f);
        break;
      case LayerKind::attention:
        out.window = 7;
        out.weight = numbers(std::size_t{3} * inputs * inputs, deviation);
        out.bias = numbers(std::size_t{3} * inputs, 0.1f);
        out.recurrent = numbers(std::size_t{inputs} * inputs, deviation);
        out.recurrent_bias = numbers(inputs, 0.1f);
        break;
      case LayerKind::layer_norm:
        out.weight = numbers(inputs, 1.0f);
        out.bias = numbers(inputs, 0.3f);
        break;
      case LayerKind::conv1d:
        out.taps = 3;
        out.dilation = 2;
        out.weight = numbers(std::size_t{outputs} * inputs * out.taps, deviation);
        out.bias = numbers(outputs, 0.1f);
        break;
      case LayerKind::activation: break;
    }
    return out;
  }

 private:
  std::mt19937 random_;
};

// Every kind of layer, at widths that are no multiple of a register.
inline NetworkSpec every_layer(std::uint32_t seed) {
  RandomNetworks random(seed);
  NetworkSpec spec{.inputs = 13};
  const auto add = [&](LayerSpec layer) { spec.layers.push_back(std::move(layer)); };
  add(random.layer(LayerKind::conv1d, 13, 21, Activation::elu));
  add(random.layer(LayerKind::dense, 21, 20, Activation::relu));
  LayerSpec attention = random.layer(LayerKind::attention, 20, 20);
  attention.heads = 4;
  attention.residual = true;
  add(attention);
  add(random.layer(LayerKind::layer_norm, 20, 20));
  add(random.layer(LayerKind::lstm, 20, 19));
  add(random.layer(LayerKind::gru, 19, 37));
  LayerSpec same = random.layer(LayerKind::gru, 37, 37);
  same.residual = true;
  add(same);
  add(random.layer(LayerKind::dense, 37, 9, Activation::tanh));
  add(random.layer(LayerKind::activation, 9, 9, Activation::sigmoid));
  add(random.layer(LayerKind::dense, 9, 3, Activation::softmax));
  return spec;
}

// One network with its own state, as an instrument has it.
class NetworkRun {
 public:
  explicit NetworkRun(const Network& network)
      : network_(network), state_(network.make_state()), scratch_(network.make_scratch()) {}

  std::vector<float> step(const float* row) {
    std::vector<float> out(network_.outputs());
    network_.step(row, state(), scratch(), out.data());
    return out;
  }
  // All answers, one after the other.
  std::vector<float> all(const std::vector<float>& rows) {
    std::vector<float> out;
    for (std::size_t at = 0; at + network_.inputs() <= rows.size(); at += network_.inputs()) {
      const auto answer = step(rows.data() + at);
      out.insert(out.end(), answer.begin(), answer.end());
    }
    return out;
  }
  float* state() { return reinterpret_cast<float*>(state_.data()); }
  float* scratch() { return reinterpret_cast<float*>(scratch_.data()); }

 private:
  const Network& network_;
  NetworkBlock state_;
  NetworkBlock scratch_;
};

// The layers by their definitions in double: a layer takes a whole sequence, so nothing is carried by hand but h and c.
class ReferenceNetwork {
 public:
  using Vector = Eigen::VectorXd;
  using Matrix = Eigen::MatrixXd;
  using Sequence = std::vector<Vector>;

  explicit ReferenceNetwork(const NetworkSpec& spec) : spec_(spec) {}

  std::vector<double> all(const std::vector<float>& rows) const {
    Sequence x;
    for (std::size_t at = 0; at + spec_.inputs <= rows.size(); at += spec_.inputs) {
      x.push_back(Eigen::Map<const Eigen::VectorXf>(rows.data() + at, spec_.inputs).cast<double>());
    }
    for (const LayerSpec& layer : spec_.layers) {
      Sequence y = apply(layer, x);
      if (layer.residual) {
        for (std::size_t t = 0; t < x.size(); ++t) y[t] += x[t];
      }
      x = std::move(y);
    }
    std::vector<double> out;
    for (const Vector& row : x) out.insert(out.end(), row.begin(), row.end());
    return out;
  }

 private:
  static Matrix matrix(const std::vector<float>& values, Eigen::Index rows) {
    using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    return Eigen::Map<const Rows>(values.data(), rows, static_cast<Eigen::Index>(values.size()) / rows).cast<double>();
  }
  static Vector vector(const std::vector<float>& values, Eigen::Index count) {
    if (values.empty()) return Vector::Zero(count);
    return Eigen::Map<const Eigen::VectorXf>(values.data(), count).cast<double>();
  }
  static Vector sigmoid(const Vector& x) { return (1.0 + (-x.array()).exp()).inverse(); }
  static Vector softmax(const Vector& x) {
    const Vector e = (x.array() - x.maxCoeff()).exp();
    return e / e.sum();
  }
  static Vector activated(Activation activation, const Vector& x) {
    switch (activation) {
      case Activation::linear: return x;
      case Activation::tanh: return x.array().tanh();
      case Activation::relu: return x.cwiseMax(0.0);
      case Activation::elu: return x.unaryExpr([](double v) { return v > 0 ? v : std::expm1(v); });
      case Activation::sigmoid: return sigmoid(x);
      case Activation::softmax: return softmax(x);
    }
    return x;
  }

  static Sequence apply(const LayerSpec& layer, const Sequence& x) {
    const Eigen::Index h = layer.outputs;
    Sequence y;
    if (layer.kind == LayerKind::attention) return attention(layer, x);
    if (layer.kind == LayerKind::conv1d) return convolution(layer, x);
    if (layer.kind == LayerKind::lstm || layer.kind == LayerKind::gru) return recurrent(layer, x);
    for (const Vector& row : x) {
      if (layer.kind == LayerKind::dense) {
        y.push_back(activated(layer.activation, matrix(layer.weight, h) * row + vector(layer.bias, h)));
      } else if (layer.kind == LayerKind::layer_norm) {
        const Vector centred = row.array() - row.mean();
        const double deviation = std::sqrt(centred.squaredNorm() / static_cast<double>(h) + double{layer.epsilon});
        y.push_back((centred / deviation).cwiseProduct(vector(layer.weight, h)) + vector(layer.bias, h));
      } else {
        y.push_back(activated(layer.activation, row));
      }
    }
    return y;
  }

  static Sequence recurrent(const LayerSpec& layer, const Sequence& x) {
    const Eigen::Index h = layer.outputs;
    const Eigen::Index rows = h * gates_of(layer.kind);
    const Matrix w = matrix(layer.weight, rows);
    const Matrix u = matrix(layer.recurrent, rows);
    Vector hidden = Vector::Zero(h);
    Vector cell = Vector::Zero(h);
    Sequence y;
    for (const Vector& row : x) {
      const Vector a = w * row + vector(layer.bias, rows);
      const Vector b = u * hidden + vector(layer.recurrent_bias, rows);
      if (layer.kind == LayerKind::lstm) {
        const Vector g = a + b;
        const Vector fresh = g.segment(2 * h, h).array().tanh();
        cell = sigmoid(g.segment(h, h)).cwiseProduct(cell) + sigmoid(g.head(h)).cwiseProduct(fresh);
        const Vector bent = cell.array().tanh();
        hidden = sigmoid(g.tail(h)).cwiseProduct(bent);
      } else {
        const Vector reset = sigmoid(a.head(h) + b.head(h));
        const Vector keep = sigmoid(a.segment(h, h) + b.segment(h, h));
        const Vector fresh = (a.tail(h) + reset.cwiseProduct(b.tail(h))).array().tanh();
        hidden = (1.0 - keep.array()).matrix().cwiseProduct(fresh) + keep.cwiseProduct(hidden);
      }
      y.push_back(hidden);
    }
    return y;
  }

  static Sequence attention(const LayerSpec& layer, const Sequence& x) {
    const Eigen::Index width = layer.inputs;
    const Eigen::Index head = width / layer.heads;
    Sequence projected;
    for (const Vector& row : x)
      projected.push_back(matrix(layer.weight, 3 * width) * row + vector(layer.bias, 3 * width));
    Sequence y;
    for (std::size_t t = 0; t < x.size(); ++t) {
      const std::size_t first = t + 1 > layer.window ? t + 1 - layer.window : 0;
      Vector context(width);
      for (Eigen::Index at = 0; at < width; at += head) {
        Vector scores(static_cast<Eigen::Index>(t + 1 - first));
        for (std::size_t s = first; s <= t; ++s) {
          scores[static_cast<Eigen::Index>(s - first)] =
              projected[t].segment(at, head).dot(projected[s].segment(width + at, head)) /
              std::sqrt(static_cast<double>(head));
        }
        const Vector weights = softmax(scores);
        context.segment(at, head).setZero();
        for (std::size_t s = first; s <= t; ++s) {
          context.segment(at, head) +=
              weights[static_cast<Eigen::Index>(s - first)] * projected[s].segment(2 * width + at, head);
        }
      }
      y.push_back(matrix(layer.recurrent, width) * context + vector(layer.recurrent_bias, width));
    }
    return y;
  }

  static Sequence convolution(const LayerSpec& layer, const Sequence& x) {
    Sequence y;
    for (std::size_t t = 0; t < x.size(); ++t) {
      Vector sum = vector(layer.bias, layer.outputs);
      for (std::size_t tap = 0; tap < layer.taps; ++tap) {
        const std::size_t back = (layer.taps - 1 - tap) * layer.dilation;
        if (back > t) continue;
        for (std::uint32_t o = 0; o < layer.outputs; ++o) {
          for (std::uint32_t i = 0; i < layer.inputs; ++i) {
            sum[o] += double{layer.weight[(std::size_t{o} * layer.inputs + i) * layer.taps + tap]} * x[t - back][i];
          }
        }
      }
      y.push_back(activated(layer.activation, sum));
    }
    return y;
  }

  const NetworkSpec& spec_;
};

}  // namespace thintail::test
