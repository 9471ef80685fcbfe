// SPDX-License-Identifier: Apache-2.0
#include "core/thread/memory.hpp"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace thintail {
namespace {

std::unexpected<Error> refused(const char* call, std::size_t size_bytes, std::string expected = {}) {
  return fail({.code = ErrorCode::system_call,
               .doing = fmt::format("{} of {} bytes", call, size_bytes),
               .expected = std::move(expected),
               .found = errno_text(errno)});
}

// For kernels before 5.14: adding zero to one byte of each page makes it present without changing what another thread
// may be writing beside it.
void touch_pages(void* memory, std::size_t size_bytes) noexcept {
  const auto page_bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  auto* bytes = static_cast<std::uint8_t*>(memory);
  for (std::size_t at = 0; at < size_bytes; at += page_bytes) {
    __atomic_fetch_add(bytes + at, std::uint8_t{0}, __ATOMIC_RELAXED);  // relaxed: only the fault matters
  }
}

}  // namespace

Result<void> prefault(void* memory, std::size_t size_bytes) {
  if (size_bytes == 0 || madvise(memory, size_bytes, MADV_POPULATE_WRITE) == 0) return {};
  if (errno != EINVAL) return refused("madvise(MADV_POPULATE_WRITE)", size_bytes);
  touch_pages(memory, size_bytes);
  return {};
}

Result<void> lock_memory(const void* memory, std::size_t size_bytes) {
  if (mlock2(memory, size_bytes, MLOCK_ONFAULT) == 0) return {};
  const int reason = errno;
  rlimit limit{};
  getrlimit(RLIMIT_MEMLOCK, &limit);
  errno = reason;
  return refused("mlock2", size_bytes, fmt::format("a memlock limit (now {} bytes) that allows it", limit.rlim_cur));
}

Result<void> advise_huge_pages(void* memory, std::size_t size_bytes) {
  if (madvise(memory, size_bytes, MADV_HUGEPAGE) != 0) return refused("madvise(MADV_HUGEPAGE)", size_bytes);
  return {};
}

}  // namespace thintail
