// SPDX-License-Identifier: Apache-2.0
// Counts every operator new of the program that includes it, in its one source file: what must not allocate is held to it.
#pragma once

#include <cstdlib>
#include <new>

namespace thintail::test {

inline std::size_t allocations = 0;

inline void* counted(std::size_t size_bytes, std::size_t alignment) {
  ++allocations;
  void* block = nullptr;
  if (posix_memalign(&block, alignment, size_bytes) != 0) std::abort();
  return block;
}

}  // namespace thintail::test

void* operator new(std::size_t size_bytes) {
  return thintail::test::counted(size_bytes, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
}
void* operator new(std::size_t size_bytes, std::align_val_t alignment) {
  return thintail::test::counted(size_bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
void operator delete(void* block, std::align_val_t) noexcept { std::free(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { std::free(block); }
