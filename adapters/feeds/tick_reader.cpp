// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/tick_reader.hpp"

#include <limits>

#include "core/price/decimal.hpp"

namespace thintail {
namespace {

// 40 KiB of ticks: in the first-level cache between parsing and polling, and a refill costs nothing beside
// 1,024 rows.
constexpr std::size_t kBatchTicks = 1024;
// A file whose first 16 rows are all bad is of another format, not a damaged one.
constexpr std::uint64_t kFirstRowsBadMax = 16;

}  // namespace

Result<std::unique_ptr<TickReader>> TickReader::open(const TickFile& file, bool strict, FeedStats& stats) {
  TT_TRY(auto rows, open_rows(file));
  return std::unique_ptr<TickReader>(new TickReader(file, strict, stats, std::move(rows)));
}

TickReader::TickReader(const TickFile& file, bool strict, FeedStats& stats, std::unique_ptr<RowReader> rows)
    : file_(file),
      strict_(strict),
      stats_(stats),
      rows_(std::move(rows)),
      clock_(file.clock),
      stamps_(file.refused_rows),
      batch_(kBatchTicks) {}

std::span<const Tick> TickReader::next() {
  std::size_t used = 0;
  while (used < batch_.size() && !error_) {
    const std::span<Tick> room = std::span(batch_).subspan(used);
    const ReadRows read = rows_->read(room);
    const std::size_t kept = check(room.first(read.ticks));
    used += kept;
    if (read.is_bad && !error_) handle_bad_row(read);
    if (!error_ && !read.is_bad && read.ticks < room.size()) {
      error_ = rows_->error();
      break;
    }
  }
  return std::span(batch_).first(used);
}

std::size_t TickReader::check(std::span<Tick> ticks) {
  std::uint64_t crossed = 0;
  std::uint64_t locked = 0;
  std::uint64_t backwards = 0;
  std::uint64_t same_time = 0;
  std::size_t kept = 0;
  std::int64_t last_ns = last_venue_ns_.value_or(std::numeric_limits<std::int64_t>::min());
  for (Tick& tick : ticks) {
    tick.venue_ns = clock_.to_utc_ns(tick.venue_ns);
    if (!stamps_.take(tick.venue_ns)) [[unlikely]] {
      if (kept != 0) last_venue_ns_ = last_ns;
      handle_bad_row({.is_bad = true, .fault = stamps_.fault(), .line = tick.source_sequence + rows_->header_lines()});
      if (error_) break;
      continue;
    }
    const bool is_crossed = tick.ask_e9 < tick.bid_e9;
    const bool is_backward = tick.venue_ns < last_ns;
    if (strict_ && (is_crossed || is_backward)) [[unlikely]] {
      if (is_crossed) {
        refuse(ErrorCode::crossed_quote, tick, "ask", "at least the bid " + format_decimal_e9(tick.bid_e9),
               format_decimal_e9(tick.ask_e9));
      } else {
        refuse(ErrorCode::time_backwards, tick, "time", "not before the previous row's",
               std::to_string(last_ns - tick.venue_ns) + " ns before it");
      }
      break;
    }
    crossed += is_crossed ? 1 : 0;
    locked += tick.ask_e9 == tick.bid_e9 ? 1 : 0;
    backwards += is_backward ? 1 : 0;
    same_time += tick.venue_ns == last_ns ? 1 : 0;
    last_ns = tick.venue_ns;
    ticks[kept++] = tick;
  }
  if (kept != 0) last_venue_ns_ = last_ns;
  stats_.rows += kept;
  stats_.ticks += kept;
  stats_.crossed += crossed;
  stats_.locked += locked;
  stats_.backwards += backwards;
  stats_.same_time += same_time;
  return kept;
}

void TickReader::handle_bad_row(const ReadRows& read) {
  ++stats_.rows;
  ++stats_.bad_rows;
  if (!last_venue_ns_) ++first_rows_bad_;
  const bool is_other_format = read.fault.fatal || first_rows_bad_ == kFirstRowsBadMax;
  if (!is_other_format && !strict_ && stats_.first_bad_row) return;

  Error error{.code = is_other_format ? ErrorCode::format_mismatch : ErrorCode::row_bad_field,
              .doing = "reading " + std::string(format_name(file_.format)) + " ticks",
              .file = file_.path,
              .line = read.line,
              .field = std::string(read.fault.field),
              .expected = std::string(read.fault.expected),
              .found = "\"" + printable(read.fault.found) + "\""};
  if (is_other_format || strict_) error_ = error;
  if (!stats_.first_bad_row) stats_.first_bad_row = std::move(error);
}

void TickReader::refuse(ErrorCode code, const Tick& tick, std::string_view field, std::string expected,
                        std::string found) {
  error_ = Error{.code = code,
                 .doing = "reading ticks strictly",
                 .file = file_.path,
                 .line = tick.source_sequence + rows_->header_lines(),
                 .field = std::string(field),
                 .expected = std::move(expected),
                 .found = std::move(found)};
}

}  // namespace thintail
