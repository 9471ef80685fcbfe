// SPDX-License-Identifier: Apache-2.0
#include "adapters/journal/journal_reader.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "adapters/journal/journal_files.hpp"

namespace thintail {
namespace {

Result<std::vector<std::string>> files_of(const std::string& path) {
  if (std::error_code ignored; !std::filesystem::is_directory(path, ignored)) return std::vector{path};
  TT_TRY(const auto journals, list_journals(path));
  if (journals.empty()) {
    return fail({.code = ErrorCode::file_missing,
                 .doing = "reading a journal",
                 .file = path,
                 .expected = "a file journal-<epoch>.ttj",
                 .found = "none"});
  }
  std::vector<std::string> paths;
  for (const auto& journal : journals) paths.push_back(journal.path);
  return paths;
}

Error torn_note(const BlockSource& source) {
  return {.code = ErrorCode::journal_torn,
          .doing = fmt::format("reading the block at byte {}", source.offset()),
          .file = source.path(),
          .found = fmt::format("{} bytes after event {}", source.torn_bytes(), source.next_sequence() - 1)};
}

}  // namespace

JournalReader::JournalReader(std::vector<std::string> paths, BlockSource source) noexcept
    : paths_(std::move(paths)), source_(std::move(source)), last_sequence_(source_.next_sequence() - 1) {}

Result<JournalReader> JournalReader::open(const std::string& path) {
  TT_TRY(auto paths, files_of(path));
  TT_TRY(auto source, BlockSource::open(paths.front()));
  return JournalReader(std::move(paths), std::move(source));
}

bool JournalReader::next_block() noexcept {
  while (!error_) {
    const auto step = source_.next();
    torn_.reset();
    switch (step) {
      case BlockStep::block:
        closed_ = (source_.header().flags & kBlockClosing) != 0;
        next_event_ = source_.event_bytes();
        block_end_ = next_event_ + source_.header().events * sizeof(Event);
        if (next_event_ != block_end_) return true;
        break;
      case BlockStep::end:
      case BlockStep::torn:
        if (step == BlockStep::torn) torn_ = torn_note(source_);
        if (current_ + 1 == paths_.size() || !next_epoch()) return false;
        break;
      case BlockStep::failed: error_ = source_.error(); break;
    }
  }
  return false;
}

// Goes to the next file; false where it cannot be read or does not follow on.
bool JournalReader::next_epoch() noexcept {
  auto next = BlockSource::open(paths_[current_ + 1]);
  if (!next) {
    error_ = std::move(next).error();
    return false;
  }
  const auto& before = source_.file_header();
  const auto& after = next->file_header();
  const auto refuse = [&](const char* field, std::string expected, std::string found) {
    error_ = {.code = ErrorCode::journal_corrupt,
              .doing = fmt::format("going on from epoch {} to epoch {}", before.epoch, after.epoch),
              .file = next->path(),
              .field = field,
              .expected = std::move(expected),
              .found = std::move(found)};
    return false;
  };
  if (after.instance() != before.instance()) {
    return refuse("instance", std::string(before.instance()), std::string(after.instance()));
  }
  if (after.epoch <= before.epoch) {
    return refuse("epoch", fmt::format("more than {}", before.epoch), fmt::format("{}", after.epoch));
  }
  if (!epoch_follows(source_.next_sequence() - 1, after.first_sequence)) {
    return refuse("first_sequence", fmt::format("{0} or, after power loss, {0} + 2^32", source_.next_sequence()),
                  fmt::format("{}", after.first_sequence));
  }
  source_ = std::move(*next);
  closed_ = false;
  torn_.reset();
  ++current_;
  return true;
}

}  // namespace thintail
