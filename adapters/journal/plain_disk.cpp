// SPDX-License-Identifier: Apache-2.0
#include "adapters/journal/plain_disk.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <utility>

#include "core/base/assert.hpp"

namespace thintail {

void PlainDisk::start(int fd, std::span<const iovec> pieces, std::uint64_t offset) noexcept {
  std::size_t wanted_bytes = 0;
  for (const auto& piece : pieces) wanted_bytes += piece.iov_len;

  DiskOutcome outcome{.written = 0, .sync_error = ECANCELED};
  if (wanted_bytes > 0) {
    const auto written = ::pwritev(fd, pieces.data(), static_cast<int>(pieces.size()), static_cast<off_t>(offset));
    outcome.written = written < 0 ? -errno : written;
  }
  if (outcome.written == static_cast<std::int64_t>(wanted_bytes)) {
    outcome.sync_error = ::fdatasync(fd) == 0 ? 0 : errno;
  }
  outcome_ = outcome;
}

std::optional<DiskOutcome> PlainDisk::poll() noexcept { return std::exchange(outcome_, std::nullopt); }

DiskOutcome PlainDisk::wait() noexcept {
  TT_CHECK(outcome_.has_value(), "a write to wait for");
  return *std::exchange(outcome_, std::nullopt);
}

}  // namespace thintail
