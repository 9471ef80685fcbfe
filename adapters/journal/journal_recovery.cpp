// SPDX-License-Identifier: Apache-2.0
#include "adapters/journal/journal_recovery.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <vector>

#include "adapters/journal/block_source.hpp"
#include "adapters/journal/journal_files.hpp"
#include "adapters/journal/unique_fd.hpp"
#include "core/journal_format/journal_block.hpp"

namespace thintail {
namespace {

Error io_error(const std::string& path, const char* call, int error_number) {
  return {.code = ErrorCode::journal_io,
          .doing = "recovering a journal",
          .file = path,
          .field = call,
          .expected = "success",
          .found = errno_text(error_number)};
}

Result<void> write_all(int fd, const std::string& path, const JournalBlock& block) {
  const auto* bytes = reinterpret_cast<const std::byte*>(&block);
  const std::size_t size_bytes = block_bytes(block.header.events);
  for (std::size_t done = 0; done < size_bytes;) {
    const auto written =
        ::pwrite(fd, bytes + done, size_bytes - done, static_cast<off_t>(block.header.file_offset + done));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return fail(io_error(path, "pwrite", written < 0 ? errno : ENOSPC));
    done += static_cast<std::size_t>(written);
  }
  return {};
}

Result<void> sync(int fd, const std::string& path) {
  if (::fsync(fd) != 0) return fail(io_error(path, "fsync", errno));
  return {};
}

}  // namespace

Result<RecoveredTail> find_end(const std::string& path) {
  TT_TRY(auto source, BlockSource::open(path));
  TT_TRY(const std::uint64_t size_bytes, source.file_bytes());

  RecoveredTail tail{.path = path, .header = source.file_header()};
  // Writes under way at a crash were bounded by the writer's memory, so the last valid block is near the end.
  const std::uint64_t aligned_bytes = size_bytes - size_bytes % kBlockAlignBytes;
  if (BlockHeader last{}; source.find_last_block(kJournalHeaderBytes, aligned_bytes, last)) {
    source.seek(last.durable_offset, last.durable_sequence + 1);
  }
  BlockStep step = source.next();
  for (; step == BlockStep::block; step = source.next()) {
    tail.closed = (source.header().flags & kBlockClosing) != 0;
  }
  if (step == BlockStep::failed) return fail(source.error());
  tail.end_offset = source.offset();
  tail.last_sequence = source.next_sequence() - 1;
  tail.torn_bytes = size_bytes - tail.end_offset;
  return tail;
}

Result<std::optional<RecoveredTail>> find_newest_end(const std::string& directory, const std::string& instance) {
  TT_TRY(const auto journals, list_journals(journal_folder(directory, instance)));
  if (journals.empty()) return std::nullopt;
  TT_TRY(auto tail, find_end(journals.back().path));
  return tail;
}

Result<void> replace_with_copy(const std::string& path) {
  const std::string copied = path + ".new";
  ::unlink(copied.c_str());
  const UniqueFd from(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!from) return fail(io_error(path, "open", errno));
  struct stat status{};
  if (::fstat(from.get(), &status) != 0) return fail(io_error(path, "fstat", errno));
  const UniqueFd to(
      ::open(copied.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, status.st_mode & 0777));
  if (!to) return fail(io_error(copied, "open", errno));
  std::vector<std::byte> piece(std::size_t{1} << 20);
  while (true) {
    const auto count = ::read(from.get(), piece.data(), piece.size());
    if (count == 0) break;
    if (count < 0) return fail(io_error(path, "read", errno));
    for (ssize_t done = 0; done < count;) {
      const auto written = ::write(to.get(), piece.data() + done, static_cast<std::size_t>(count - done));
      if (written <= 0) return fail(io_error(copied, "write", written < 0 ? errno : ENOSPC));
      done += written;
    }
  }
  TT_TRY_VOID(sync(to.get(), copied));
  if (std::rename(copied.c_str(), path.c_str()) != 0) return fail(io_error(path, "rename", errno));
  const UniqueFd folder(::open(std::filesystem::path(path).parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return fail(io_error(path, "open", errno));
  return sync(folder.get(), path);
}

Result<RecoveredTail> append_recovered(const std::string& path, std::span<const Event> events) {
  TT_TRY(RecoveredTail tail, find_end(path));
  const auto first_new =
      std::ranges::find_if(events, [&](const Event& event) { return event.sequence > tail.last_sequence; });
  auto rest = events.subspan(static_cast<std::size_t>(first_new - events.begin()));
  std::uint64_t expected = tail.last_sequence;
  for (const auto& event : rest) {
    if (event.sequence == ++expected) continue;
    return fail({.code = ErrorCode::journal_corrupt,
                 .doing = "appending recovered events",
                 .file = path,
                 .field = "sequence",
                 .expected = fmt::format("{}", expected),
                 .found = fmt::format("{}", event.sequence)});
  }
  if (rest.empty() && tail.torn_bytes == 0) return tail;

  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return fail(io_error(path, "open", errno));
  if (::ftruncate(fd.get(), static_cast<off_t>(tail.end_offset)) != 0) {
    return fail(io_error(path, "ftruncate", errno));
  }
  // The valid blocks before the end may still be in the page cache only: they are synced before a block calls them durable.
  TT_TRY_VOID(sync(fd.get(), path));
  const BlockSeal seal{.durable_offset = tail.end_offset,
                       .durable_sequence = tail.last_sequence,
                       .epoch = tail.header.epoch,
                       .flags = kBlockRecovered};
  const auto block = std::make_unique<JournalBlock>();
  while (!rest.empty()) {
    const auto part = rest.first(std::min(rest.size(), kBlockEventsMax));
    std::memcpy(block->events.data(), part.data(), part.size_bytes());
    auto part_seal = seal;
    part_seal.file_offset = tail.end_offset;
    part_seal.first_sequence = part.front().sequence;
    seal_block(*block, part.size(), part_seal);
    TT_TRY_VOID(write_all(fd.get(), path, *block));
    tail.end_offset += block_bytes(part.size());
    tail.last_sequence = part.back().sequence;
    rest = rest.subspan(part.size());
  }
  TT_TRY_VOID(sync(fd.get(), path));
  tail.torn_bytes = 0;
  tail.closed = false;
  return tail;
}

}  // namespace thintail
