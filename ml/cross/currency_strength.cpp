// SPDX-License-Identifier: Apache-2.0
#include "ml/cross/currency_strength.hpp"

#include <algorithm>
#include <bit>

namespace thintail::cross {
namespace {

constexpr std::size_t kSize = kMajors.size();
using Vector = std::array<double, kSize>;
using Matrix = std::array<Vector, kSize>;

// Which currencies are connected with each one, itself included.
std::array<std::uint32_t, kSize> components(std::span<const CurrencyMove> moves) noexcept {
  std::array<std::uint32_t, kSize> connected{};
  for (std::size_t i = 0; i < kSize; ++i) connected[i] = 1U << i;
  for (const CurrencyMove& move : moves) {
    const std::uint32_t both = connected[move.base] | connected[move.quote];
    for (std::size_t i = 0; i < kSize; ++i) {
      if ((both >> i & 1) != 0) connected[i] = both;
    }
  }
  return connected;
}

// x of m x = x, m positive definite: its factors are unit lower, diagonal, and the first one's transpose.
void solve(Matrix& m, Vector& x) noexcept {
  for (std::size_t i = 0; i < kSize; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      double value = m[i][j];
      for (std::size_t k = 0; k < j; ++k) value -= m[i][k] * m[j][k] * m[k][k];
      m[i][j] = value / m[j][j];
    }
    for (std::size_t k = 0; k < i; ++k) m[i][i] -= m[i][k] * m[i][k] * m[k][k];
  }
  for (std::size_t i = 0; i < kSize; ++i) {
    for (std::size_t k = 0; k < i; ++k) x[i] -= m[i][k] * x[k];
  }
  for (std::size_t i = 0; i < kSize; ++i) x[i] /= m[i][i];
  for (std::size_t i = kSize; i-- > 0;) {
    for (std::size_t k = i + 1; k < kSize; ++k) x[i] -= m[k][i] * x[k];
  }
}

}  // namespace

CurrencyStrengths currency_strengths(std::span<const CurrencyMove> moves) noexcept {
  CurrencyStrengths result{};
  Matrix m{};
  Vector& x = result.strength_bp;
  for (const CurrencyMove& move : moves) {
    m[move.base][move.base] += 1.0;
    m[move.quote][move.quote] += 1.0;
    m[move.base][move.quote] -= 1.0;
    m[move.quote][move.base] -= 1.0;
    x[move.base] += move.move_bp;
    x[move.quote] -= move.move_bp;
    result.defined |= 1U << move.base | 1U << move.quote;
  }
  // The Laplacian leaves the mean of each component open; 1/k in all places of a component of k makes it 0. A currency that
  // no move has is a component of its own.
  const auto connected = components(moves);
  for (std::size_t i = 0; i < kSize; ++i) {
    const double share = 1.0 / static_cast<double>(std::popcount(connected[i]));
    for (std::size_t j = 0; j < kSize; ++j) {
      if ((connected[i] >> j & 1) != 0) m[i][j] += share;
    }
  }
  solve(m, x);
  return result;
}

}  // namespace thintail::cross
