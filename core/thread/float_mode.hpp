// SPDX-License-Identifier: Apache-2.0
// The floating-point mode that every thread computes in: IEEE defaults, no flushing of denormals.
//   threads  MXCSR belongs to the thread. Set it at a thread's start and after loading a library, whose start-up code
//            may have changed it (anything linked with -ffast-math does): results would differ in their last bits.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace thintail {

inline constexpr std::uint32_t kMxcsr = 0x1F80;  // all exceptions masked, round to nearest, no FTZ, no DAZ
inline constexpr std::uint32_t kMxcsrStickyFlags = 0x3F;  // raised by ordinary arithmetic; they change no result

inline void set_float_mode() noexcept { _mm_setcsr(kMxcsr); }
inline bool float_mode_is_ieee() noexcept { return (_mm_getcsr() & ~kMxcsrStickyFlags) == kMxcsr; }

}  // namespace thintail
