// SPDX-License-Identifier: Apache-2.0
#include "core/base/whole_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <utility>

namespace thintail {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const noexcept { return fd_; }
  bool close() noexcept {
    const int fd = std::exchange(fd_, -1);
    return fd < 0 || ::close(fd) == 0;
  }

 private:
  int fd_;
};

bool write_all(int fd, std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

// The name itself is on disk only once its folder is. Some file systems cannot sync one, and need not.
bool sync_folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const Descriptor file(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return file.get() >= 0 && (::fsync(file.get()) == 0 || errno == EINVAL);
}

}  // namespace

Result<std::string> read_whole_file(const std::string& path, const FileReading& reading) {
  const auto refuse = [&](ErrorCode code, std::string expected, std::string found) {
    return fail({.code = code,
                 .doing = std::string(reading.doing),
                 .file = path,
                 .expected = std::move(expected),
                 .found = std::move(found)});
  };
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    return refuse(errno == ENOENT ? reading.missing : ErrorCode::file_unreadable, std::string(reading.expected),
                  errno_text(errno));
  }
  struct stat status{};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return refuse(ErrorCode::file_unreadable, "a regular file",
                  S_ISDIR(status.st_mode) ? "a folder" : "something else");
  }
  std::string bytes;
  std::array<char, 64 * 1024> block;  // NOLINT: only what is read is used
  while (bytes.size() <= reading.bytes_max) {
    const ssize_t count = ::read(file.get(), block.data(), block.size());
    if (count == 0) return bytes;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return refuse(ErrorCode::file_unreadable, "its bytes", errno_text(errno));
    bytes.append(block.data(), static_cast<std::size_t>(count));
  }
  return refuse(reading.too_long, fmt::format("at most {} bytes", reading.bytes_max), "more");
}

Result<void> replace_file(const std::string& path, std::string_view bytes, std::string_view doing, unsigned mode) {
  // Of each call its own: another thread may be writing the same file.
  static std::atomic<std::uint64_t> calls{0};
  // relaxed: different numbers are all that is wanted
  const std::string temporary =
      fmt::format("{}.{}.{}.tmp", path, ::getpid(), calls.fetch_add(1, std::memory_order_relaxed));
  ::unlink(temporary.c_str());  // of a process that had our number and died
  Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
  const bool is_written = file.get() >= 0 && write_all(file.get(), bytes) && ::fsync(file.get()) == 0 && file.close() &&
                          std::rename(temporary.c_str(), path.c_str()) == 0 && sync_folder_of(path);
  if (is_written) return {};
  const std::string reason = errno_text(errno);
  ::unlink(temporary.c_str());
  return fail({.code = ErrorCode::file_unwritable,
               .doing = std::string(doing),
               .file = path,
               .expected = "room and permission to write it",
               .found = reason});
}

}  // namespace thintail
