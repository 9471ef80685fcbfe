// SPDX-License-Identifier: Apache-2.0
// BinanceCapture: a recorded Binance websocket, "<local ns since 1970> <message>" a line, as ticks, trades and book events in the
// order received.
//   path       warm
//   invariant  what is received later in the file never has an earlier time_ns. A line that is refused makes no event: of a depth
//              update that means a gap, which the book sees by its numbers.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "adapters/feeds/binance_messages.hpp"
#include "adapters/feeds/stamp_check.hpp"
#include "adapters/feeds/tick_file.hpp"

namespace thintail {

// "1723161255030314667 {...": what a line of such a file begins with.
bool starts_like_binance_capture(std::string_view line) noexcept;

class BinanceCapture {
 public:
  // Counts into `stats`, which must outlive the reader; `file` likewise.
  static Result<std::unique_ptr<BinanceCapture>> open(const TickFile& file, bool strict, FeedStats& stats);

  // The next batch, valid until the next call; empty at the end or after an error. What precedes an error is given first.
  std::span<const Event> next();
  const std::optional<Error>& error() const noexcept { return error_; }
  std::uint64_t consumed_bytes() const noexcept { return bytes_->consumed_bytes(); }
  const StampCheck& stamps() const noexcept { return stamps_; }  // of receipt

 private:
  BinanceCapture(const TickFile& file, bool strict, FeedStats& stats, std::unique_ptr<ByteSource> bytes);

  // The next line without its end, with BinanceMessages::kPaddingBytes behind it; empty at the end of the file or after an error.
  std::optional<std::string_view> next_line();
  void take(std::string_view line);
  void count(BinanceMessage message, std::size_t first_event);
  void refuse(const RowFault& fault);
  void stop(ErrorCode code, std::string_view field, std::string expected, std::string found);

  const TickFile& file_;
  bool strict_;
  FeedStats& stats_;
  std::unique_ptr<ByteSource> bytes_;
  BinanceMessages messages_;
  StampCheck stamps_;
  std::string buffer_;  // lines at_..end_, then what was there before, or padding
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  std::size_t searched_ = 0;  // no line end lies before it
  bool ended_ = false;  // no more bytes come
  std::uint64_t line_ = 0;  // of the file, from 1
  std::uint64_t first_lines_bad_ = 0;  // before the first good one
  bool any_good_ = false;
  std::int64_t last_ns_ = 0;
  std::vector<Event> batch_;
  std::optional<Error> error_;
};

}  // namespace thintail
