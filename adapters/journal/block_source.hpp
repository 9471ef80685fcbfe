// SPDX-License-Identifier: Apache-2.0
// BlockSource: the valid blocks of one journal file in order, and what stands where they end.
//   path       cold: one read for each 256 KiB
//   threads    one; a live writer in another process may extend the file meanwhile
//   invariant  a block is handed out only if it is whole, valid and follows on from the one before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>

#include "adapters/journal/unique_fd.hpp"
#include "core/base/error.hpp"
#include "core/journal_format/journal_block.hpp"
#include "core/journal_format/journal_header.hpp"

namespace thintail {

enum class BlockStep : std::uint8_t {
  block,   // the next one is in header() and events()
  end,     // the file ends here, after a whole block
  torn,    // what follows was never acknowledged: a write that a crash cut short, or that is under way
  failed,  // acknowledged data is damaged, or the file cannot be read: error() says which
};

class BlockSource {
 public:
  // file_missing, file_unreadable, or what is wrong with the header.
  static Result<BlockSource> open(const std::string& path);

  // After `end` and `torn` it may be called again: the writer may have gone on.
  BlockStep next();

  const JournalHeader& file_header() const noexcept { return file_header_; }
  const std::string& path() const noexcept { return path_; }

  // Of the block handed out last; valid until next().
  const BlockHeader& header() const noexcept { return header_; }
  // header().events events, one after the other.
  const std::byte* event_bytes() const noexcept { return event_bytes_; }

  std::uint64_t offset() const noexcept { return offset_; }                // end of the blocks handed out
  std::uint64_t next_sequence() const noexcept { return next_sequence_; }  // expected of the next event
  std::uint64_t torn_bytes() const noexcept { return torn_bytes_; }        // after the last step was `torn`
  const Error& error() const noexcept { return error_; }                   // after the last step was `failed`

  // Goes on at `offset`, where a block starts with `next_sequence`.
  void seek(std::uint64_t offset, std::uint64_t next_sequence) noexcept;
  // Starts of blocks between `from` and `to` are tried from the last to the first; the first valid one found goes to `found`.
  bool find_last_block(std::uint64_t from, std::uint64_t to, BlockHeader& found);
  Result<std::uint64_t> file_bytes() const;

 private:
  static constexpr std::size_t kWindowBytes = 256 * 1024;
  static_assert(kWindowBytes >= 2 * kBlockBytesMax);

  struct alignas(kBlockAlignBytes) Window {
    std::byte bytes[kWindowBytes];
  };

  BlockSource(std::string path, UniqueFd fd) noexcept;

  std::span<const std::byte> load(std::uint64_t offset, std::size_t wanted_bytes);
  std::expected<BlockHeader, BlockFault> block_at(std::uint64_t offset);
  std::expected<BlockHeader, BlockFault> fresh_block_at(std::uint64_t offset);
  bool was_acknowledged(std::uint64_t offset);
  BlockStep take(const BlockHeader& header);
  BlockStep give_up(const BlockFault& fault);

  std::string path_;
  UniqueFd fd_;
  JournalHeader file_header_{};
  std::unique_ptr<Window> window_;
  std::uint64_t window_offset_ = 0;
  std::size_t window_bytes_ = 0;
  int read_error_ = 0;

  BlockHeader header_{};
  const std::byte* event_bytes_ = nullptr;
  std::uint64_t offset_ = kJournalHeaderBytes;
  std::uint64_t next_sequence_ = 1;
  std::uint64_t torn_bytes_ = 0;
  Error error_;
};

}  // namespace thintail
