// SPDX-License-Identifier: Apache-2.0
// Sine and cosine of a part of a turn, without libm, which selects its code by CPU.
#pragma once

#include <cstdint>

namespace thintail {

struct SineCosine {
  double sine, cosine;
};

// Of 2 pi `turns`, within 3e-16. REQUIRES: 0 <= turns <= 1.
// The turn is cut into eighths around multiples of a quarter, where the polynomials of FreeBSD's k_sin.c and k_cos.c hold.
inline SineCosine sine_cosine_of_turn(double turns) noexcept {
  const auto quarter = static_cast<std::int64_t>(4.0 * turns + 0.5);
  const double x = 0x1.921fb54442d18p2 * (turns - 0.25 * static_cast<double>(quarter));
  const double z = x * x;
  const auto fma = [](double a, double b, double c) { return __builtin_fma(a, b, c); };
  double s = fma(z, 1.58969099521155010221e-10, -2.50507602534068634195e-08);
  s = fma(z, s, 2.75573137070700676789e-06);
  s = fma(z, s, -1.98412698298579493134e-04);
  s = fma(z, s, 8.33333333332248946124e-03);
  s = fma(z, s, -1.66666666666666324348e-01);
  const double sine = fma(x * z, s, x);
  double c = fma(z, -1.13596475577881948265e-11, 2.08757232129817482790e-09);
  c = fma(z, c, -2.75573143513906633035e-07);
  c = fma(z, c, 2.48015872894767294178e-05);
  c = fma(z, c, -1.38888888888741095749e-03);
  c = fma(z, c, 4.16666666666666019037e-02);
  const double cosine = fma(z * z, c, fma(z, -0.5, 1.0));
  switch (quarter & 3) {
    case 0: return {sine, cosine};
    case 1: return {cosine, -sine};
    case 2: return {-sine, -cosine};
    default: return {-cosine, sine};
  }
}

}  // namespace thintail
