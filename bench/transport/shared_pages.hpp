// SPDX-License-Identifier: Apache-2.0
// SharedPages: memory that a forked process shares with us, present before it is measured.
//   path  cold
#pragma once

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/error.hpp"
#include "core/thread/memory.hpp"

namespace thintail::bench {

class SharedPages {
 public:
  static Result<SharedPages> create(std::size_t size_bytes) {
    void* pages = ::mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) {
      return fail({.code = ErrorCode::system_call, .doing = "mapping shared memory", .found = errno_text(errno)});
    }
    SharedPages memory(static_cast<std::byte*>(pages), size_bytes);
    TT_TRY_VOID(prefault(pages, size_bytes));
    return memory;
  }
  ~SharedPages() {
    if (pages_ != nullptr) ::munmap(pages_, size_bytes_);
  }
  SharedPages(SharedPages&& other) noexcept
      : pages_(std::exchange(other.pages_, nullptr)), size_bytes_(other.size_bytes_) {}
  SharedPages& operator=(SharedPages&&) = delete;

  // The first `size_bytes` of it, zeroed.
  std::byte* zeroed(std::size_t size_bytes) noexcept {
    std::memset(pages_, 0, size_bytes);
    return pages_;
  }

 private:
  SharedPages(std::byte* pages, std::size_t size_bytes) noexcept : pages_(pages), size_bytes_(size_bytes) {}
  std::byte* pages_;
  std::size_t size_bytes_;
};

}  // namespace thintail::bench
