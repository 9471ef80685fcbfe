// SPDX-License-Identifier: Apache-2.0
#include "adapters/journal/journal_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>

namespace thintail {
namespace {

constexpr std::string_view kPrefix = "journal-";
constexpr std::string_view kSuffix = ".ttj";
constexpr std::size_t kEpochDigits = 10;  // all of a u32, so that names sort as epochs do
constexpr mode_t kFileMode = 0640;
constexpr mode_t kFolderMode = 0750;

std::optional<std::uint32_t> epoch_of(std::string_view name) noexcept {
  if (name.size() != kPrefix.size() + kEpochDigits + kSuffix.size()) return std::nullopt;
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  const auto digits = name.substr(kPrefix.size(), kEpochDigits);
  std::uint32_t epoch = 0;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), epoch);
  if (code != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return epoch;
}

Error unwritable(const std::string& path, const char* call, int error_number) {
  return {.code = ErrorCode::file_unwritable,
          .doing = "creating a journal",
          .file = path,
          .field = call,
          .found = errno_text(error_number)};
}

// A new name is durable only once its folder is.
Result<void> sync_folder(const std::string& folder) {
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return fail(unwritable(folder, "fsync", errno));
  return {};
}

Result<void> make_folder(const std::filesystem::path& folder) {
  if (std::error_code ignored; std::filesystem::is_directory(folder, ignored)) return {};
  const auto parent = folder.has_parent_path() ? folder.parent_path() : std::filesystem::path(".");
  if (parent != folder) TT_TRY_VOID(make_folder(parent));
  if (::mkdir(folder.c_str(), kFolderMode) != 0 && errno != EEXIST) {
    return fail(unwritable(folder.string(), "mkdir", errno));
  }
  return sync_folder(parent.string());
}

Result<void> write_header(int fd, const std::string& path, const JournalHeader& header) {
  const auto written = ::pwrite(fd, &header, sizeof header, 0);
  if (written != static_cast<ssize_t>(sizeof header)) {
    return fail(unwritable(path, "pwrite", written < 0 ? errno : ENOSPC));
  }
  if (::fsync(fd) != 0) return fail(unwritable(path, "fsync", errno));
  return {};
}

}  // namespace

std::string journal_folder(const std::string& directory, const std::string& instance) {
  return fmt::format("{}/{}", directory.empty() ? "." : directory, instance);
}

std::string journal_path(const std::string& directory, const std::string& instance, std::uint32_t epoch) {
  return fmt::format("{}/{}{:0{}}{}", journal_folder(directory, instance), kPrefix, epoch, kEpochDigits, kSuffix);
}

Result<std::vector<JournalFileName>> list_journals(const std::string& folder) {
  std::vector<JournalFileName> files;
  std::error_code code;
  if (!std::filesystem::exists(folder, code)) return files;
  for (auto entry = std::filesystem::directory_iterator(folder, code);
       !code && entry != std::filesystem::directory_iterator(); entry.increment(code)) {
    if (const auto epoch = epoch_of(entry->path().filename().string())) {
      files.push_back({entry->path().string(), *epoch});
    }
  }
  if (code) {
    return fail(
        {.code = ErrorCode::file_unreadable, .doing = "listing journals", .file = folder, .found = code.message()});
  }
  std::ranges::sort(files, {}, &JournalFileName::epoch);
  return files;
}

Result<UniqueFd> create_journal(const std::string& directory, const JournalHeader& header) {
  const std::string instance(header.instance());
  const auto folder = journal_folder(directory, instance);
  const auto path = journal_path(directory, instance, header.epoch);
  TT_TRY_VOID(make_folder(folder));

  // What is left of an attempt that died here is ours to remove: an instance has one writer, by its lock.
  const auto unfinished = path + ".new";
  ::unlink(unfinished.c_str());
  UniqueFd fd(::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kFileMode));
  if (!fd) return fail(unwritable(unfinished, "open", errno));
  auto published = write_header(fd.get(), unfinished, header);
  // link(), unlike rename(), never replaces a journal that exists.
  if (published && ::link(unfinished.c_str(), path.c_str()) != 0) {
    published = fail(unwritable(path, "link", errno));
  }
  ::unlink(unfinished.c_str());
  if (!published) return fail(std::move(published).error());
  TT_TRY_VOID(sync_folder(folder));
  return fd;
}

}  // namespace thintail
