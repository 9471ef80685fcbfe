// SPDX-License-Identifier: Apache-2.0
#include "adapters/journal/journal_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "adapters/journal/journal_files.hpp"
#include "core/base/assert.hpp"

namespace thintail {
namespace {

constexpr std::uint32_t kBuffersMin = 2;
constexpr std::uint32_t kBuffersMax = 1024;  // the most pieces one writev takes (IOV_MAX)

bool sequences_follow(std::span<const Event> events, std::uint64_t first) noexcept {
  return std::ranges::all_of(events, [&](const Event& event) { return event.sequence == first++; });
}

}  // namespace

Result<JournalWriter> JournalWriter::create(const JournalOptions& options) {
  return create(options, make_journal_disk());
}

Result<JournalWriter> JournalWriter::create(const JournalOptions& options, std::unique_ptr<JournalDisk> disk) {
  if (options.buffers < kBuffersMin || options.buffers > kBuffersMax) {
    return fail({.code = ErrorCode::config_bad_value,
                 .doing = "creating a journal",
                 .field = "buffers",
                 .expected = fmt::format("{} to {}", kBuffersMin, kBuffersMax),
                 .found = fmt::format("{}", options.buffers)});
  }
  TT_TRY(const JournalHeader header, make_journal_header({.instance = options.instance,
                                                          .epoch = options.epoch,
                                                          .first_sequence = options.first_sequence,
                                                          .created_ns = options.created_ns,
                                                          .boot_id = options.boot_id,
                                                          .build_id = options.build_id}));
  TT_TRY(UniqueFd fd, create_journal(options.directory, header));
  return JournalWriter(options, std::move(fd), std::move(disk));
}

JournalWriter::JournalWriter(const JournalOptions& options, UniqueFd fd, std::unique_ptr<JournalDisk> disk)
    : options_(options),
      path_(journal_path(options.directory, options.instance, options.epoch)),
      fd_(std::move(fd)),
      disk_(std::move(disk)),
      blocks_(std::make_unique<JournalBlock[]>(options.buffers)),  // zeroed, so every page is touched before use
      next_sequence_(options.first_sequence),
      durable_sequence_(options.first_sequence - 1) {
  pieces_.reserve(options.buffers);
  stats_.bytes = kJournalHeaderBytes;
}

JournalWriter::~JournalWriter() {
  if (disk_ && in_flight_) disk_->wait();
}

std::size_t JournalWriter::append(std::span<const Event> events) noexcept {
  std::size_t accepted = 0;
  while (accepted < events.size() && has_filling_block()) {
    const auto part = events.subspan(accepted, std::min(kBlockEventsMax - filled_, events.size() - accepted));
    TT_CHECK(sequences_follow(part, next_sequence_), "the journal's sequences to follow on");
    std::memcpy(&block(filling_).events[filled_], part.data(), part.size_bytes());
    filled_ += part.size();
    next_sequence_ += part.size();
    accepted += part.size();
    if (filled_ == kBlockEventsMax) seal(0);
  }
  stats_.events += accepted;
  return accepted;
}

std::size_t JournalWriter::free_events() const noexcept {
  return (options_.buffers - (filling_ - oldest_)) * kBlockEventsMax - filled_;
}

// REQUIRES: has_filling_block().
void JournalWriter::seal(std::uint16_t flags) noexcept {
  seal_block(block(filling_), filled_,
             {.file_offset = next_offset_,
              .first_sequence = next_sequence_ - filled_,
              .durable_offset = durable_offset_,
              .durable_sequence = durable_sequence_,
              .epoch = options_.epoch,
              .flags = flags});
  next_offset_ += block_bytes(filled_);
  ++filling_;
  filled_ = 0;
  filling_since_ns_ = kNever;
  ++stats_.blocks;
}

std::uint32_t JournalWriter::poll(std::int64_t now_ns) noexcept {
  std::uint32_t work = 0;
  if (in_flight_) {
    if (const auto outcome = disk_->poll()) {
      if (!settle(*outcome)) retry_at_ns_ = now_ns + options_.retry_ns;
      ++work;
    }
  }
  if (filled_ > 0 && filling_since_ns_ == kNever) filling_since_ns_ = now_ns;
  if (in_flight_ || is_fenced_ || now_ns < retry_at_ns_) return work;

  // A block that is not full is closed only when it can be written at once: until then it goes on filling, so that a slow
  // disk costs no memory for small blocks.
  const bool is_due = filled_ > 0 && (flush_requested_ || now_ns - filling_since_ns_ >= options_.flush_ns);
  if (is_due) seal(0);
  if (filled_ == 0) flush_requested_ = false;
  if (start_write()) ++work;
  return work;
}

// Hands the sealed blocks to the disk, at most half of the ring, so that the other half can fill meanwhile. One write at a
// time, each with its sync: whatever queued up behind a slow sync shares the next one.
bool JournalWriter::start_write() noexcept {
  const std::uint64_t end = std::min<std::uint64_t>(filling_, oldest_ + options_.buffers / 2);
  if (end == oldest_ || !is_still_ours()) return false;
  pieces_.clear();
  std::uint64_t skip_bytes = written_;
  for (std::uint64_t number = oldest_; number < end; ++number) {
    auto* const bytes = reinterpret_cast<std::byte*>(&block(number));
    const std::size_t size_bytes = block_bytes(block(number).header.events);
    if (skip_bytes < size_bytes) {
      pieces_.push_back({.iov_base = bytes + skip_bytes, .iov_len = size_bytes - skip_bytes});
      skip_bytes = 0;
    } else {
      skip_bytes -= size_bytes;
    }
  }
  writing_ = end;
  in_flight_ = true;
  disk_->start(fd_.get(), pieces_, durable_offset_ + written_);
  return true;
}

// A process that stood still may find its place taken. It was asked of the kernel just before a write, so that only what
// slips in between is left; take_over() sees to that by giving the journal another file.
bool JournalWriter::is_still_ours() noexcept {
  if (is_fenced_) return false;
  if (!options_.may_write || options_.may_write()) [[likely]]
    return true;
  is_fenced_ = true;
  error_ = {.code = ErrorCode::shm_lost,
            .doing = fmt::format("making events {} to {} durable", durable_sequence_ + 1, last_sequence()),
            .file = path_,
            .field = "writer lock",
            .expected = "to be held by this writer alone",
            .found = "its file taken away or replaced"};
  return false;
}

// Takes the disk's answer; false where it refused, and trying again at once would be of no use.
bool JournalWriter::settle(const DiskOutcome& outcome) noexcept {
  in_flight_ = false;
  std::uint64_t wanted_bytes = 0;
  for (const auto& piece : pieces_) wanted_bytes += piece.iov_len;

  if (outcome.written < 0) return refused("writev", static_cast<int>(-outcome.written));
  const auto taken_bytes = static_cast<std::uint64_t>(outcome.written);
  written_ += taken_bytes;
  if (taken_bytes < wanted_bytes) {
    // Disks that fill up take a part first and refuse the rest with the reason: that is asked for at once.
    ++stats_.short_writes;
    return taken_bytes > 0 || refused("writev", EIO);
  }
  if (outcome.sync_error == ECANCELED) return true;  // the write is complete after all: sync it next
  if (outcome.sync_error != 0) {
    // The kernel may have marked the pages clean although they never reached the disk: a second fdatasync would then
    // succeed without writing them. The blocks are still in memory, and are written again.
    written_ = 0;
    return refused("fdatasync", outcome.sync_error);
  }
  // Whoever took over while the write was under way may have cut it off.
  if (!is_still_ours()) return false;
  acknowledge();
  return true;
}

void JournalWriter::acknowledge() noexcept {
  const auto& last = block(writing_ - 1).header;
  durable_offset_ = last.file_offset + block_bytes(last.events);
  durable_sequence_ = last.first_sequence + last.events - 1;
  oldest_ = writing_;
  written_ = 0;
  ++stats_.syncs;
  stats_.bytes = durable_offset_;
  error_.reset();
}

TT_COLD bool JournalWriter::refused(const char* call, int error_number) noexcept {
  ++stats_.failures;
  error_ = {.code = ErrorCode::journal_io,
            .doing = fmt::format("making events {} to {} durable", durable_sequence_ + 1, last_sequence()),
            .file = path_,
            .field = call,
            .expected = "success",
            .found = errno_text(error_number)};
  return false;
}

Result<void> JournalWriter::flush_and_wait() {
  while (durable_sequence_ < last_sequence() || oldest_ < filling_) {
    if (!in_flight_) {
      if (filled_ > 0 && has_filling_block()) seal(0);
      if (!start_write()) return fail(*error_);  // there is something to write, so it is fenced
    }
    // The pause after a failure belongs to poll(): who waits here wants to know now.
    if (!settle(disk_->wait())) return fail(*error_);
  }
  flush_requested_ = false;
  return {};
}

Result<void> JournalWriter::close() {
  TT_TRY_VOID(flush_and_wait());
  seal(kBlockClosing);
  TT_TRY_VOID(flush_and_wait());
  fd_.reset();
  return {};
}

}  // namespace thintail
