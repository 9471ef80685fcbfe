// SPDX-License-Identifier: Apache-2.0
#include "tools/daemon/kill_latch.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>

#include "adapters/journal/unique_fd.hpp"
#include "core/base/whole_file.hpp"

namespace thintail {
namespace {

constexpr std::string_view kFirstLine = "thintail-kill-latch/1\n";
constexpr std::size_t kBytesMax = 4'096;

// The name itself: without it a power loss could take the file away again.
Result<void> sync_folder(const std::string& folder) {
  const UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() >= 0 && ::fsync(fd.get()) == 0) return {};
  return fail({.code = ErrorCode::file_unwritable,
               .doing = "syncing the folder of a kill latch",
               .file = folder,
               .found = errno_text(errno)});
}

template <class Number>
Number number_after(std::string_view text, std::string_view key) {
  Number value = 0;
  const std::size_t at = text.find(key);
  if (at == std::string_view::npos) return value;
  const std::string_view rest = text.substr(at + key.size());
  std::from_chars(rest.data(), rest.data() + rest.size(), value);
  return value;
}

}  // namespace

Result<void> write_kill_latch(const std::string& journal_directory, const std::string& instance,
                              const KillLatch& latch) {
  const std::string folder = journal_folder(journal_directory, instance);
  std::error_code fault;
  std::filesystem::create_directories(folder, fault);
  if (fault) {
    return fail({.code = ErrorCode::file_unwritable,
                 .doing = "making the folder of a kill latch",
                 .file = folder,
                 .found = fault.message()});
  }
  const std::string text = fmt::format("{}command_id {}\ntime_ns {}\nby {}\n", kFirstLine, latch.command_id,
                                       latch.time_ns, printable(latch.by));
  return replace_file(kill_latch_path(journal_directory, instance), text, "writing a kill latch");
}

std::optional<KillLatch> read_kill_latch(const std::string& journal_directory, const std::string& instance) {
  const std::string path = kill_latch_path(journal_directory, instance);
  std::error_code fault;
  const auto status = std::filesystem::symlink_status(path, fault);
  if (status.type() == std::filesystem::file_type::not_found) return std::nullopt;
  const auto text =
      read_whole_file(path, {.doing = "reading a kill latch", .expected = "a kill latch", .bytes_max = kBytesMax});
  if (!text || !text->starts_with(kFirstLine)) return KillLatch{};
  KillLatch latch;
  latch.command_id = number_after<std::uint64_t>(*text, "\ncommand_id ");
  latch.time_ns = number_after<std::int64_t>(*text, "\ntime_ns ");
  const std::size_t by = text->find("\nby ");
  if (by != std::string::npos) latch.by = text->substr(by + 4, text->find('\n', by + 4) - by - 4);
  return latch;
}

Result<void> remove_kill_latch(const std::string& journal_directory, const std::string& instance) {
  const std::string path = kill_latch_path(journal_directory, instance);
  if (::unlink(path.c_str()) != 0) {
    if (errno == ENOENT) return {};
    return fail({.code = ErrorCode::file_unwritable,
                 .doing = "removing a kill latch",
                 .file = path,
                 .found = errno_text(errno)});
  }
  return sync_folder(journal_folder(journal_directory, instance));
}

}  // namespace thintail
