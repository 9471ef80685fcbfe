// SPDX-License-Identifier: Apache-2.0
#include "adapters/http/secret_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "adapters/http/text.hpp"
#include "adapters/journal/unique_fd.hpp"
#include "core/base/whole_file.hpp"

namespace thintail::http {
namespace {

std::unexpected<Error> refuse(ErrorCode code, std::string doing, const std::string& path, std::string expected,
                              std::string found) {
  return fail({.code = code,
               .doing = std::move(doing),
               .file = path,
               .expected = std::move(expected),
               .found = std::move(found)});
}

std::string upper_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

}  // namespace

Result<std::string> read_secret_file(const std::string& path, std::size_t bytes_max) {
  const std::string doing = "reading a secret";
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file) {
    const int reason = errno;
    if (reason == ELOOP) return refuse(ErrorCode::auth_secret, doing, path, "a file, not a link", "a symbolic link");
    return refuse(reason == ENOENT ? ErrorCode::file_missing : ErrorCode::file_unreadable, doing, path,
                  "a file with mode 0600", errno_text(reason));
  }
  struct stat status{};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return refuse(ErrorCode::auth_secret, doing, path, "a regular file", "something else");
  }
  if (status.st_uid != ::geteuid() && status.st_uid != 0) {
    return refuse(ErrorCode::auth_secret, doing, path, fmt::format("a file of user {}", ::geteuid()),
                  fmt::format("one of user {}", status.st_uid));
  }
  if ((status.st_mode & 077) != 0) {
    return refuse(ErrorCode::auth_secret, doing, path, fmt::format("mode 0600 (chmod 600 {})", path),
                  fmt::format("mode {:04o}", status.st_mode & 07777));
  }
  std::string bytes;
  std::array<char, 16 * 1024> block;  // NOLINT: only what is read is used
  while (bytes.size() <= bytes_max) {
    const ssize_t count = ::read(file.get(), block.data(), block.size());
    if (count == 0) return bytes;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return refuse(ErrorCode::file_unreadable, doing, path, "its bytes", errno_text(errno));
    bytes.append(block.data(), static_cast<std::size_t>(count));
  }
  return refuse(ErrorCode::file_unreadable, doing, path, fmt::format("at most {} bytes", bytes_max), "more");
}

Result<void> write_secret_file(const std::string& path, std::string_view bytes) {
  return replace_file(path, bytes, "writing a secret", 0600);
}

FileStamp stamp_of(const std::string& path) noexcept {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {.modified_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec,
          .inode = status.st_ino,
          .size_bytes = static_cast<std::uint64_t>(status.st_size)};
}

Result<void> with_file_lock(const std::string& path, const std::function<Result<void>()>& work) {
  const std::string lock = path + ".lock";
  const UniqueFd file(::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) {
    return refuse(ErrorCode::file_unwritable, "locking a file", lock, "permission to make it", errno_text(errno));
  }
  while (::flock(file.get(), LOCK_EX) != 0) {
    if (errno != EINTR) {
      return refuse(ErrorCode::system_call, "locking a file", lock, "the lock", errno_text(errno));
    }
  }
  return work();
}

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nobody sets variables
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

Result<std::optional<std::string>> find_secret(std::string_view name, const std::string& path,
                                               const Environment& environment) {
  const std::string variable = "THINTAIL_" + upper_case(name);
  if (environment(variable)) {
    return refuse(ErrorCode::auth_secret, fmt::format("looking for the secret {}", name), "",
                  fmt::format("a file with mode 0600, named by {}_FILE", variable),
                  fmt::format("the secret itself in the variable {}", variable));
  }
  std::string file = path;
  if (file.empty()) file = environment(variable + "_FILE").value_or("");
  if (file.empty()) {
    if (const auto folder = environment("CREDENTIALS_DIRECTORY")) {
      const std::string credential = fmt::format("{}/thintail_{}", *folder, name);
      if (stamp_of(credential) != FileStamp{}) file = credential;
    }
  }
  if (file.empty()) return std::nullopt;
  TT_TRY(std::string secret, read_secret_file(file));
  if (secret.ends_with('\n')) secret.pop_back();
  if (secret.ends_with('\r')) secret.pop_back();
  return secret;
}

Error secret_in_flag(std::string_view flag, std::string_view name) {
  return {.code = ErrorCode::auth_secret,
          .doing = fmt::format("reading {}", flag),
          .expected = fmt::format("a file with mode 0600: {}-file, or THINTAIL_{}_FILE", flag, upper_case(name)),
          .found = "the secret itself on the command line, where every process sees it"};
}

}  // namespace thintail::http
