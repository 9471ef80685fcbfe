// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/binance_capture.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace thintail {
namespace {

// The longest message known is a snapshot of 5,000 levels a side, 250 KB. A file without line ends must not be gathered into memory.
constexpr std::size_t kLineBytesMax = 4u << 20;
// About what a batch of ticks holds in other formats; a snapshot alone may be more.
constexpr std::size_t kBatchEvents = 1024;
// A file whose first 16 lines are all bad is of another format, not a damaged one.
constexpr std::uint64_t kFirstLinesBadMax = 16;
constexpr std::string_view kTimeExpected = "nanoseconds since 1970 and one space";

// Splits "<ns> <message>".
bool split_line(std::string_view line, std::int64_t& receive_ns, std::string_view& message) noexcept {
  const auto [end, fault] = std::from_chars(line.data(), line.data() + line.size(), receive_ns);
  if (fault != std::errc{} || receive_ns <= 0) return false;
  const auto digits = static_cast<std::size_t>(end - line.data());
  if (digits == line.size() || line[digits] != ' ') return false;
  message = line.substr(digits + 1);
  return !message.starts_with(' ');
}

}  // namespace

bool starts_like_binance_capture(std::string_view line) noexcept {
  std::int64_t receive_ns = 0;
  std::string_view message;
  return split_line(line, receive_ns, message) && message.starts_with('{');
}

Result<std::unique_ptr<BinanceCapture>> BinanceCapture::open(const TickFile& file, bool strict, FeedStats& stats) {
  TT_TRY(auto bytes, open_bytes(file.path, file.compression));
  return std::unique_ptr<BinanceCapture>(new BinanceCapture(file, strict, stats, std::move(bytes)));
}

BinanceCapture::BinanceCapture(const TickFile& file, bool strict, FeedStats& stats, std::unique_ptr<ByteSource> bytes)
    : file_(file),
      strict_(strict),
      stats_(stats),
      bytes_(std::move(bytes)),
      messages_(file.symbol, file.instrument),
      stamps_(file.refused_rows),
      buffer_(BinanceMessages::kPaddingBytes, '\0') {}

std::optional<std::string_view> BinanceCapture::next_line() {
  for (;;) {
    const auto* const begin = buffer_.data() + searched_;
    if (const auto* const found = static_cast<const char*>(std::memchr(begin, '\n', end_ - searched_))) {
      const auto line_end = static_cast<std::size_t>(found - buffer_.data());
      std::string_view line(buffer_.data() + at_, line_end - at_);
      if (line.ends_with('\r')) line.remove_suffix(1);
      at_ = searched_ = line_end + 1;
      return line;
    }
    searched_ = end_;
    if (end_ - at_ > kLineBytesMax) {
      ++line_;
      stop(ErrorCode::format_mismatch, "line", fmt::format("a line of at most {} bytes", kLineBytesMax),
           "a longer one");
      return std::nullopt;
    }
    const std::string_view piece = ended_ ? std::string_view() : bytes_->next();
    if (piece.empty()) {
      ended_ = true;
      if (bytes_->error()) {  // a line that was cut together with the compressed stream is no line
        error_ = bytes_->error();
        return std::nullopt;
      }
      if (at_ == end_) return std::nullopt;
      const std::string_view line(buffer_.data() + at_, end_ - at_);
      at_ = end_;
      return line;
    }
    // What is left moves to the front, the piece goes behind it.
    std::memmove(buffer_.data(), buffer_.data() + at_, end_ - at_);
    end_ -= at_;
    at_ = 0;
    buffer_.resize(std::max(buffer_.size(), end_ + piece.size() + BinanceMessages::kPaddingBytes));
    std::memcpy(buffer_.data() + end_, piece.data(), piece.size());
    searched_ = end_;
    end_ += piece.size();
  }
}

std::span<const Event> BinanceCapture::next() {
  batch_.clear();
  while (batch_.size() < kBatchEvents && !error_) {
    const auto line = next_line();
    if (!line) break;
    ++line_;
    take(*line);
  }
  return batch_;
}

void BinanceCapture::take(std::string_view line) {
  ++stats_.rows;
  std::int64_t receive_ns = 0;
  std::string_view message;
  RowFault fault;
  if (!split_line(line, receive_ns, message)) {
    fault = {.field = "time", .expected = kTimeExpected, .found = line.substr(0, 40)};
    refuse(fault);
    return;
  }
  if (!stamps_.take(receive_ns)) {
    refuse(stamps_.fault());
    return;
  }
  const bool is_backward = receive_ns < last_ns_;
  if (is_backward && strict_) {
    stop(ErrorCode::time_backwards, "time", "not before the line before it",
         fmt::format("{} ns before it", last_ns_ - receive_ns));
    return;
  }
  const std::size_t first_event = batch_.size();
  const BinanceMessage kind = messages_.take(message, std::max(receive_ns, last_ns_), batch_, fault);
  if (kind == BinanceMessage::refused) {
    refuse(fault);
    return;
  }
  stats_.backwards += is_backward ? 1 : 0;
  stats_.same_time += receive_ns == last_ns_ ? 1 : 0;
  last_ns_ = std::max(receive_ns, last_ns_);
  any_good_ = true;
  count(kind, first_event);
}

void BinanceCapture::count(BinanceMessage message, std::size_t first_event) {
  switch (message) {
    case BinanceMessage::tick: {
      const auto tick = batch_[first_event].as<Tick>();
      if (strict_ && tick.ask_e9 < tick.bid_e9) {
        batch_.resize(first_event);
        stop(ErrorCode::crossed_quote, "a", "at least the bid " + format_decimal_e9(tick.bid_e9),
             format_decimal_e9(tick.ask_e9));
        return;
      }
      ++stats_.ticks;
      stats_.crossed += tick.ask_e9 < tick.bid_e9 ? 1 : 0;
      stats_.locked += tick.ask_e9 == tick.bid_e9 ? 1 : 0;
      break;
    }
    case BinanceMessage::trade: ++stats_.trades; break;
    case BinanceMessage::book_update: ++stats_.book_updates; break;
    case BinanceMessage::book_snapshot: ++stats_.book_snapshots; break;
    case BinanceMessage::refused: break;
  }
}

void BinanceCapture::refuse(const RowFault& fault) {
  ++stats_.bad_rows;
  first_lines_bad_ += any_good_ ? 0 : 1;
  const bool is_other_format = first_lines_bad_ == kFirstLinesBadMax;
  if (!is_other_format && !strict_ && stats_.first_bad_row) return;
  Error error{.code = is_other_format ? ErrorCode::format_mismatch : ErrorCode::row_bad_field,
              .doing = fmt::format("reading a {}", format_name(file_.format)),
              .file = file_.path,
              .line = line_,
              .field = std::string(fault.field),
              .expected = std::string(fault.expected),
              .found = fmt::format("\"{}\"", printable(fault.found))};
  if (is_other_format || strict_) error_ = error;
  if (!stats_.first_bad_row) stats_.first_bad_row = std::move(error);
}

void BinanceCapture::stop(ErrorCode code, std::string_view field, std::string expected, std::string found) {
  error_ = Error{.code = code,
                 .doing = fmt::format("reading a {}", format_name(file_.format)),
                 .file = file_.path,
                 .line = line_,
                 .field = std::string(field),
                 .expected = std::move(expected),
                 .found = std::move(found)};
}

}  // namespace thintail
