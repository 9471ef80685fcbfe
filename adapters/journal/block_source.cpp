// SPDX-License-Identifier: Apache-2.0
#include "adapters/journal/block_source.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace thintail {
namespace {

Error unreadable(const std::string& path, const char* call, int error_number) {
  return {.code = error_number == ENOENT ? ErrorCode::file_missing : ErrorCode::file_unreadable,
          .doing = "reading a journal",
          .file = path,
          .field = call,
          .found = errno_text(error_number)};
}

bool has_block_magic(const std::byte* bytes) noexcept {
  return std::memcmp(bytes, &kBlockMagic, sizeof kBlockMagic) == 0;
}

}  // namespace

BlockSource::BlockSource(std::string path, UniqueFd fd) noexcept
    : path_(std::move(path)), fd_(std::move(fd)), window_(std::make_unique_for_overwrite<Window>()) {}

Result<BlockSource> BlockSource::open(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail(unreadable(path, "open", errno));
  BlockSource source(path, std::move(fd));
  const auto bytes = source.load(0, kJournalHeaderBytes);
  if (source.read_error_ != 0) return fail(unreadable(path, "pread", source.read_error_));
  TT_TRY(source.file_header_, parse_journal_header(bytes, path));
  source.next_sequence_ = source.file_header_.first_sequence;
  return source;
}

Result<std::uint64_t> BlockSource::file_bytes() const {
  struct stat status{};
  if (::fstat(fd_.get(), &status) != 0) return fail(unreadable(path_, "fstat", errno));
  return static_cast<std::uint64_t>(status.st_size);
}

void BlockSource::seek(std::uint64_t offset, std::uint64_t next_sequence) noexcept {
  offset_ = offset;
  next_sequence_ = next_sequence;
}

// The bytes from `offset` on that are at hand: at least wanted_bytes unless the file ends before.
std::span<const std::byte> BlockSource::load(std::uint64_t offset, std::size_t wanted_bytes) {
  if (offset < window_offset_ || offset + wanted_bytes > window_offset_ + window_bytes_) {
    window_offset_ = offset;
    window_bytes_ = 0;
    while (window_bytes_ < kWindowBytes) {
      const auto got = ::pread(fd_.get(), window_->bytes + window_bytes_, kWindowBytes - window_bytes_,
                               static_cast<off_t>(window_offset_ + window_bytes_));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) read_error_ = errno;
      if (got <= 0) break;
      window_bytes_ += static_cast<std::size_t>(got);
    }
  }
  return std::span<const std::byte>(window_->bytes, window_bytes_).subspan(offset - window_offset_);
}

std::expected<BlockHeader, BlockFault> BlockSource::block_at(std::uint64_t offset) {
  auto bytes = load(offset, sizeof(BlockHeader));
  if (bytes.size() >= sizeof(BlockHeader) && has_block_magic(bytes.data())) {
    BlockHeader header;
    std::memcpy(&header, bytes.data(), sizeof header);
    bytes = load(offset, block_bytes(std::min<std::size_t>(header.events, kBlockEventsMax)));
  }
  return check_block(bytes, offset, file_header_.epoch);
}

// The same from the file rather than from bytes read earlier, when a live writer may not have finished.
std::expected<BlockHeader, BlockFault> BlockSource::fresh_block_at(std::uint64_t offset) {
  window_bytes_ = 0;
  return block_at(offset);
}

BlockStep BlockSource::next() {
  auto block = block_at(offset_);
  if (block) return take(*block);
  if (read_error_ == 0 && load(offset_, 1).empty()) return BlockStep::end;
  if (was_acknowledged(offset_)) {
    // A live writer may have completed the block between our two looks; an acknowledged one is certainly complete now.
    block = fresh_block_at(offset_);
    return block ? take(*block) : give_up(block.error());
  }
  const auto size_bytes = file_bytes();
  if (read_error_ != 0 || !size_bytes) return give_up(block.error());
  torn_bytes_ = *size_bytes - std::min(*size_bytes, offset_);
  return BlockStep::torn;
}

BlockStep BlockSource::take(const BlockHeader& header) {
  if (header.first_sequence != next_sequence_) {
    return give_up({.field = "first_sequence", .expected = next_sequence_, .found = header.first_sequence});
  }
  header_ = header;
  event_bytes_ = load(offset_, block_bytes(header.events)).data() + sizeof(BlockHeader);
  offset_ += block_bytes(header.events);
  next_sequence_ += header.events;
  return BlockStep::block;
}

BlockStep BlockSource::give_up(const BlockFault& fault) {
  if (read_error_ != 0) {
    error_ = unreadable(path_, "pread", read_error_);
  } else {
    error_ = {.code = ErrorCode::journal_corrupt,
              .doing = fmt::format("reading the block at byte {}", offset_),
              .file = path_,
              .field = fault.field,
              .expected = fault.expected_text(),
              .found = fault.found_text()};
  }
  return BlockStep::failed;
}

// Whether a later block says that the bytes at `offset` were on stable storage when it was sealed. After power loss later
// blocks may have reached the disk and this one not; they then say that it had not been acknowledged.
bool BlockSource::was_acknowledged(std::uint64_t offset) {
  for (std::uint64_t at = offset + kBlockAlignBytes;; at += kBlockAlignBytes) {
    const auto bytes = load(at, sizeof(BlockHeader));
    if (bytes.size() < sizeof(BlockHeader)) return false;
    if (!has_block_magic(bytes.data())) continue;
    if (const auto later = block_at(at); later && later->durable_offset > offset) return true;
  }
}

bool BlockSource::find_last_block(std::uint64_t from, std::uint64_t to, BlockHeader& found) {
  for (std::uint64_t chunk_end = to; chunk_end > from;) {
    const std::uint64_t chunk = chunk_end - std::min<std::uint64_t>(chunk_end - from, kBlockBytesMax);
    for (std::uint64_t at = chunk_end; at > chunk;) {
      at -= kBlockAlignBytes;
      // Loading from the chunk's start keeps it in the window, with room behind it for the largest block.
      const auto bytes = load(chunk, static_cast<std::size_t>(at - chunk) + sizeof(BlockHeader));
      if (bytes.size() < at - chunk + sizeof(BlockHeader)) continue;
      if (!has_block_magic(bytes.data() + (at - chunk))) continue;
      if (const auto block = block_at(at)) {
        found = *block;
        return true;
      }
    }
    chunk_end = chunk;
  }
  return false;
}

}  // namespace thintail
