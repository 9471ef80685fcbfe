// SPDX-License-Identifier: Apache-2.0
// Keeping memory present: a hot thread must take no page fault after start-up.
//   path  cold. Where the system refuses, the caller reports it and goes on: slower at worst, never wrong.
#pragma once

#include <cstddef>

#include "core/base/error.hpp"

namespace thintail {

// Maps every page of a writable region now. Contents are left alone, so that it may run beside a writer.
// REQUIRES: `memory` starts on a page.
Result<void> prefault(void* memory, std::size_t size_bytes);

// Keeps the pages that are present, and each later one from its first touch, out of swap.
Result<void> lock_memory(const void* memory, std::size_t size_bytes);

// Asks for transparent huge pages. An error where the kernel would not give them to this kind of memory.
Result<void> advise_huge_pages(void* memory, std::size_t size_bytes);

}  // namespace thintail
