// SPDX-License-Identifier: Apache-2.0
// Function attributes that make hot and cold code visible where it is declared.
#pragma once

#include <cstddef>
#include <cstdint>

#define TT_HOT [[gnu::hot]]
#define TT_COLD [[gnu::cold, gnu::noinline]]
#define TT_ALWAYS_INLINE [[gnu::always_inline]] inline

namespace thintail {

// x86-64 and every server ARM core we know of move memory between cores in lines of 64 bytes. The
// adjacent-line prefetcher of some Intel cores pulls pairs; cursors that must not share are therefore
// padded to kCacheLinePairBytes.
inline constexpr std::size_t kCacheLineBytes = 64;
inline constexpr std::size_t kCacheLinePairBytes = 128;

}  // namespace thintail
