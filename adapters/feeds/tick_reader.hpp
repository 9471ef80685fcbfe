// SPDX-License-Identifier: Apache-2.0
// TickReader: the good ticks of one file in UTC, a batch ahead, with what is wrong with the others counted.
//   path  warm
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "adapters/feeds/stamp_check.hpp"
#include "adapters/feeds/tick_file.hpp"

namespace thintail {

class TickReader {
 public:
  // Counts into `stats`, which must outlive the reader. `file` likewise.
  static Result<std::unique_ptr<TickReader>> open(const TickFile& file, bool strict, FeedStats& stats);

  // The next batch, valid until the next call; empty at the end or after an error. Ticks before an error are
  // given first.
  std::span<const Tick> next();
  const std::optional<Error>& error() const noexcept { return error_; }
  std::uint64_t consumed_bytes() const noexcept { return rows_->consumed_bytes(); }
  const StampCheck& stamps() const noexcept { return stamps_; }

 private:
  TickReader(const TickFile& file, bool strict, FeedStats& stats, std::unique_ptr<RowReader> rows);

  void handle_bad_row(const ReadRows& read);
  // Moves those that may be used to the front; how many they are: fewer where a stamp is bad or `strict` refuses one.
  std::size_t check(std::span<Tick> ticks);
  void refuse(ErrorCode code, const Tick& tick, std::string_view field, std::string expected, std::string found);

  const TickFile& file_;
  bool strict_;
  FeedStats& stats_;
  std::unique_ptr<RowReader> rows_;
  ClockProfile clock_;
  StampCheck stamps_;
  std::vector<Tick> batch_;
  std::optional<std::int64_t> last_venue_ns_;
  std::uint64_t first_rows_bad_ = 0;  // bad rows before the first good one
  std::optional<Error> error_;
};

}  // namespace thintail
