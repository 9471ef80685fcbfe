// SPDX-License-Identifier: Apache-2.0
// EightSeries: the number types of an indicator that follows eight series at once, a lane each. A recurrence is never
// vectorised across time, so every lane goes through the operations that OneSeries would: the same bits.
//   path       cold: batch runs
//   invariant  lane i of every result is OneSeries' result of lane i of the operands.
#pragma once

#include <array>
#include <xsimd/xsimd.hpp>

#include "ml/indicators/numbers.hpp"

namespace thintail::indicators {

inline constexpr std::size_t kBatchSeries = 8;

// Eight values in as many registers as the whole build's instruction set (AVX2) needs for them.
template <class T>
struct Eight {
  using Part = xsimd::batch<T, xsimd::avx2>;
  static constexpr std::size_t kParts = kBatchSeries / Part::size;
  std::array<Part, kParts> parts;

  Eight() noexcept { parts.fill(Part(T{0})); }
  Eight(T value) noexcept { parts.fill(Part(value)); }  // NOLINT: constants appear in formulas as they are written
  explicit Eight(const std::array<Part, kParts>& from) noexcept : parts(from) {}

  // `from` is aligned to 32 bytes, as `to` below.
  static Eight load(const T* from) noexcept {
    return each([&](std::size_t i) { return Part::load_aligned(from + i * Part::size); });
  }
  void store(T* to) const noexcept {
    for (std::size_t i = 0; i < kParts; ++i) parts[i].store_aligned(to + i * Part::size);
  }
  template <class Make>
  static Eight each(Make&& make) noexcept {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return Eight(std::array<Part, kParts>{make(I)...});
    }(std::make_index_sequence<kParts>{});
  }

  friend Eight operator+(const Eight& a, const Eight& b) noexcept {
    return each([&](std::size_t i) { return a.parts[i] + b.parts[i]; });
  }
  friend Eight operator-(const Eight& a, const Eight& b) noexcept {
    return each([&](std::size_t i) { return a.parts[i] - b.parts[i]; });
  }
  friend Eight operator*(const Eight& a, const Eight& b) noexcept {
    return each([&](std::size_t i) { return a.parts[i] * b.parts[i]; });
  }
  friend Eight operator/(const Eight& a, const Eight& b) noexcept {
    return each([&](std::size_t i) { return a.parts[i] / b.parts[i]; });
  }
  Eight& operator+=(const Eight& other) noexcept { return *this = *this + other; }
  Eight& operator-=(const Eight& other) noexcept { return *this = *this - other; }

  struct Mask {
    std::array<typename Part::batch_bool_type, kParts> parts;
  };
  friend Mask operator>(const Eight& a, const Eight& b) noexcept {
    Mask mask;
    for (std::size_t i = 0; i < kParts; ++i) mask.parts[i] = a.parts[i] > b.parts[i];
    return mask;
  }
};

// Eight i128: no vector unit multiplies to 128 bits, scalar ones do in a cycle.
struct EightWide {
  std::array<i128, kBatchSeries> lanes{};

  template <class Make>
  static EightWide each(Make&& make) noexcept {
    EightWide out;
    for (std::size_t i = 0; i < kBatchSeries; ++i) out.lanes[i] = make(i);
    return out;
  }
  friend EightWide operator+(const EightWide& a, const EightWide& b) noexcept {
    return each([&](std::size_t i) { return a.lanes[i] + b.lanes[i]; });
  }
  friend EightWide operator-(const EightWide& a, const EightWide& b) noexcept {
    return each([&](std::size_t i) { return a.lanes[i] - b.lanes[i]; });
  }
  friend EightWide operator*(const EightWide& a, std::int64_t b) noexcept {
    return each([&](std::size_t i) { return a.lanes[i] * b; });
  }
  EightWide& operator+=(const EightWide& other) noexcept { return *this = *this + other; }
};

struct EightSeries {
  using Float = Eight<double>;
  using Integer = Eight<std::int64_t>;
  using Wide = EightWide;

  struct alignas(64) Lanes {
    std::int64_t values[kBatchSeries];
    explicit Lanes(const Integer& from) noexcept { from.store(values); }
  };

  static Wide widen(const Integer& value) noexcept {
    const Lanes lanes(value);
    return Wide::each([&](std::size_t i) { return static_cast<i128>(lanes.values[i]); });
  }
  static Wide product(const Integer& a, const Integer& b) noexcept {
    const Lanes x(a);
    const Lanes y(b);
    return Wide::each([&](std::size_t i) { return static_cast<i128>(x.values[i]) * y.values[i]; });
  }
  static Float to_float(const Integer& value) noexcept {
    return Float::each([&](std::size_t i) { return xsimd::to_float(value.parts[i]); });
  }
  static Float to_float(const Wide& value) noexcept {
    alignas(64) double lanes[kBatchSeries];
    for (std::size_t i = 0; i < kBatchSeries; ++i) lanes[i] = to_double(value.lanes[i]);
    return Float::load(lanes);
  }
  static Integer max(const Integer& a, const Integer& b) noexcept { return select(b > a, b, a); }
  static Integer min(const Integer& a, const Integer& b) noexcept { return select(a > b, b, a); }
  static Float select(const Float::Mask& which, const Float& a, const Float& b) noexcept {
    return Float::each([&](std::size_t i) { return xsimd::select(which.parts[i], a.parts[i], b.parts[i]); });
  }
  static Integer select(const Integer::Mask& which, const Integer& a, const Integer& b) noexcept {
    return Integer::each([&](std::size_t i) { return xsimd::select(which.parts[i], a.parts[i], b.parts[i]); });
  }
  static Wide abs(const Wide& value) noexcept {
    return Wide::each([&](std::size_t i) { return OneSeries::abs(value.lanes[i]); });
  }
  static Float abs(const Float& value) noexcept { return select(Float(0.0) > value, Float(0.0) - value, value); }
  static Float sqrt(const Float& value) noexcept {
    return Float::each([&](std::size_t i) { return xsimd::sqrt(value.parts[i]); });
  }
};

}  // namespace thintail::indicators
