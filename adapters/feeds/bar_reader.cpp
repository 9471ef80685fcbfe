// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/bar_reader.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "adapters/feeds/row_fields.hpp"

namespace thintail {
namespace {

// A file whose first 16 rows are all bad is of another format, not a damaged one; and one whose first 16 rows have no
// decimal point, of an instrument that is quoted with decimals, holds prices in points.
constexpr std::uint64_t kFirstRowsMax = 16;
// So many steps of one and the same longer period in a row are no quiet market: rows of that period stand in the file.
constexpr std::uint64_t kSameStepsMax = 12;
constexpr std::uint64_t kSameDaysMax = 3;
// From one bar to the next no price moves as far; a decimal point that is missing or misplaced does.
constexpr std::int64_t kScaleMax = 8;
// So many rows that contradict the bar before but not each other: then it may be that bar which is wrong.
constexpr std::uint64_t kSameScaleMax = 3;
constexpr std::size_t kRowBytesMax = 4096;

bool same_prices(const ClosedBar& a, const ClosedBar& b) noexcept { return a.bid == b.bid && a.ask == b.ask; }

}  // namespace

// Lines, or records of fixed size, of a file of any length.
class BarReader::Records {
 public:
  Records(std::unique_ptr<ByteSource> source, std::string path, std::size_t record_bytes)
      : source_(std::move(source)), path_(std::move(path)), record_bytes_(record_bytes) {}

  // The next one without its line end, valid until the next call; false at the end or after an error.
  bool next(std::string_view& out) {
    if (joined_) carry_.clear();
    joined_ = false;
    for (;;) {
      if (take(out)) {
        ++number_;
        return true;
      }
      if (carry_.size() + piece_.size() > kRowBytesMax) return refuse("a row of at most 4096 bytes", "a longer one");
      carry_.append(piece_);
      piece_ = source_->next();
      if (!piece_.empty()) continue;
      // A row that was cut together with the compressed stream is no row.
      error_ = source_->error();
      if (error_ || carry_.empty()) return false;
      if (record_bytes_ != 0) return refuse(fmt::format("records of {} bytes", record_bytes_), "less at the end");
      out = carry_;
      if (out.ends_with('\r')) out.remove_suffix(1);
      joined_ = true;
      ++number_;
      return true;
    }
  }

  std::uint64_t number() const noexcept { return number_; }  // of the last one, from 1
  const std::optional<Error>& error() const noexcept { return error_; }

 private:
  bool take(std::string_view& out) {
    const std::size_t wanted =
        record_bytes_ == 0 ? piece_.find('\n') : record_bytes_ - std::min(carry_.size(), record_bytes_);
    if (wanted == std::string_view::npos || piece_.size() < wanted) return false;
    out = piece_.substr(0, wanted);
    piece_.remove_prefix(record_bytes_ == 0 ? wanted + 1 : wanted);
    if (!carry_.empty()) {
      carry_.append(out);
      out = carry_;
      joined_ = true;
    }
    if (record_bytes_ == 0 && out.ends_with('\r')) out.remove_suffix(1);
    return true;
  }

  bool refuse(std::string expected, std::string found) {
    error_ = Error{.code = ErrorCode::format_mismatch,
                   .doing = "reading bars",
                   .file = path_,
                   .line = number_ + 1,
                   .field = "row",
                   .expected = std::move(expected),
                   .found = std::move(found)};
    return false;
  }

  std::unique_ptr<ByteSource> source_;
  std::string path_;
  std::size_t record_bytes_;  // 0: lines
  std::string_view piece_;    // not yet taken
  std::string carry_;         // a row's beginning, from earlier pieces; the whole row while `joined_`
  bool joined_ = false;
  std::uint64_t number_ = 0;
  std::optional<Error> error_;
};

Result<std::unique_ptr<BarReader>> BarReader::open(const BarFile& file, const InstrumentTable& instruments,
                                                   bool strict) {
  const bool is_binary = file.rules.format == BarFormat::dukascopy_candles;
  TT_TRY(auto bytes, open_bytes(file.path, is_binary ? Compression::lzma_alone : file.compression));
  auto records = std::make_unique<Records>(std::move(bytes), file.path, is_binary ? kCandleBytes : 0);
  return std::unique_ptr<BarReader>(new BarReader(file, instruments, strict, std::move(records)));
}

BarReader::BarReader(const BarFile& file, const InstrumentTable& instruments, bool strict,
                     std::unique_ptr<Records> records)
    : file_(file),
      instrument_(instruments[file.instrument]),
      strict_(strict),
      records_(std::move(records)),
      clock_(file.clock),
      calendar_(TradingCalendar::get(instrument_.calendar)),
      recent_{} {}

BarReader::~BarReader() = default;

bool BarReader::next(FileBar& out) {
  std::string_view record;
  while (!error_ && records_->next(record)) {
    if (records_->number() > file_.header_lines && take_row(record, out)) return true;
  }
  if (!error_) error_ = records_->error();
  if (!error_ && stats_.bars == 0) {
    error_ = stats_.first_bad_row;
    if (error_) {
      error_->code = ErrorCode::format_mismatch;
    } else {
      refuse(ErrorCode::no_ticks, {}, {}, "no row");
    }
  }
  return false;
}

bool BarReader::take_row(std::string_view record, FileBar& out) {
  ++stats_.rows;
  BarRow row;
  RowFault fault;
  std::int64_t end_ns = 0;
  const bool is_good =
      (file_.rules.format == BarFormat::dukascopy_candles ? parse_bar_candle(record, file_.rules, row, fault)
                                                          : parse_bar_row(record, file_.rules, row, fault)) &&
      end_of(row, end_ns, fault) && check_scale(row, fault);
  if (!is_good) {
    handle_bad_row(fault);
    return false;
  }
  if (row.is_filler) {
    ++stats_.fillers;
    return false;
  }
  if (!has_fraction_ && row.is_integer && instrument_.tick_size_e9 % kE9 != 0 && ++integer_rows_ == kFirstRowsMax) {
    refuse(ErrorCode::format_mismatch, "open", "prices with a decimal point, as the instrument is quoted",
           fmt::format("{} rows of whole numbers: prices in points?", integer_rows_));
    return false;
  }
  has_fraction_ |= !row.is_integer;

  out.bar = {file_.period, static_cast<std::uint32_t>(end_ns / kNsPerSecond), 0, row.bid, row.ask};
  if (file_.side == QuoteSide::ask) std::swap(out.bar.bid, out.bar.ask);
  // MetaTrader writes 0 where a venue tells no volume: whatever was traded, it was not nothing.
  const bool is_known = file_.volume == BarVolume::traded &&
                        (row.volume_e9 > 0 || (row.volume_e9 == 0 && file_.rules.format != BarFormat::mt5_export));
  out.volume = is_known ? static_cast<double>(row.volume_e9) / static_cast<double>(kE9) : kVolumeUnknown;

  if (const Order order = place(out.bar); order != Order::next) {
    pass_over(order, end_ns);
    return false;
  }
  count_step(end_ns);
  if (error_) return false;
  if (file_.side == QuoteSide::mid && row.ask.close_e9 < row.bid.close_e9) {
    ++stats_.crossed;
    if (strict_) {
      refuse(ErrorCode::crossed_quote, "ask close", "at least the bid's " + format_decimal_e9(row.bid.close_e9),
             format_decimal_e9(row.ask.close_e9));
      return false;
    }
  }
  remember(out.bar);
  last_end_ns_ = end_ns;
  last_line_ = records_->number();
  ++stats_.bars;
  if (out.volume > 0) ++stats_.with_volume;
  return true;
}

// A row whose time was passed already.
void BarReader::pass_over(Order order, std::int64_t end_ns) {
  const std::int64_t back_s = (last_end_ns_ - end_ns) / kNsPerSecond;
  if (file_.rules.format == BarFormat::histdata_m1 && file_.clock.name() != "histdata-2019") {
    refuse(ErrorCode::time_backwards, "time",
           "times that ascend, or --clock histdata-2019 for the hour that HistData repeats (files from 2019)",
           fmt::format("{} s before the row above by the clock {}", back_s, file_.clock.name()));
    return;
  }
  ++(order == Order::repeated ? stats_.repeated : stats_.backwards);
  if (strict_ && order == Order::backwards) {
    refuse(ErrorCode::time_backwards, "time", "after the previous row's", fmt::format("{} s before it", back_s));
  }
}

bool BarReader::end_of(const BarRow& row, std::int64_t& end_ns, RowFault& fault) {
  const std::int64_t utc_ns =
      file_.has_own_offsets ? row.time_ns - row.ahead_s.value_or(0) * kNsPerSecond : clock_.to_utc_ns(row.time_ns);
  // Within the period: its first instant, or the one before its end.
  const std::int64_t inside_ns = file_.stamp == BarStamp::open ? utc_ns : utc_ns - 1;
  end_ns = period_end_ns(file_.period, inside_ns, Zone::new_york());
  const bool is_on_grid = file_.stamp == BarStamp::close
                              ? end_ns == utc_ns
                              : utc_ns == 0 || period_end_ns(file_.period, utc_ns - 1, Zone::new_york()) == utc_ns;
  if (!is_on_grid) {
    fault = {.field = "time",
             .expected = file_.period >= BarPeriod::h4 ? "a boundary of the period: H4 and D1 turn at 17:00 New York"
                                                       : "a boundary of the file's period",
             .found = "another time"};
  }
  return is_on_grid;
}

bool BarReader::check_scale(const BarRow& row, RowFault& fault) {
  if (stats_.bars == 0) return true;
  const ClosedBar& before = recent_[(stats_.bars - 1) % kRemembered];
  const std::int64_t close_e9 = file_.side == QuoteSide::ask ? before.ask.close_e9 : before.bid.close_e9;
  const auto is_same_scale = [](std::int64_t price_e9, std::int64_t other_e9) {
    return price_e9 / kScaleMax <= other_e9 && price_e9 >= other_e9 / kScaleMax;
  };
  const auto is_near = [&](std::string_view field, std::int64_t price_e9) {
    if (is_same_scale(price_e9, close_e9)) return true;
    same_scale_ = is_same_scale(price_e9, other_scale_e9_) ? same_scale_ + 1 : 1;
    other_scale_e9_ = price_e9;
    if (same_scale_ == kSameScaleMax) {
      refuse(ErrorCode::format_mismatch, std::string(field),
             fmt::format("a price within 8 times the close of the last good row, {} in line {}",
                         format_decimal_e9(close_e9), last_line_),
             fmt::format("{}, and {} rows in a row of that scale: either they or the good row are wrong",
                         format_decimal_e9(price_e9), same_scale_));
    }
    found_ = fmt::format("{} after a close of {}", format_decimal_e9(price_e9), format_decimal_e9(close_e9));
    fault = {.field = field, .expected = "a price within 8 times the previous bar's close", .found = found_};
    return false;
  };
  const bool is_good = is_near("low", row.bid.low_e9) && is_near("high", row.bid.high_e9) &&
                       (file_.side != QuoteSide::mid || is_near("ask close", row.ask.close_e9));
  if (is_good) same_scale_ = 0;
  return is_good;
}

BarReader::Order BarReader::place(const ClosedBar& bar) const noexcept {
  if (stats_.bars == 0 || bar.end_s > recent_[(stats_.bars - 1) % kRemembered].end_s) return Order::next;
  const std::uint64_t known = std::min<std::uint64_t>(stats_.bars, kRemembered);
  for (std::uint64_t i = 1; i <= known; ++i) {
    const ClosedBar& earlier = recent_[(stats_.bars - i) % kRemembered];
    if (earlier.end_s == bar.end_s) return same_prices(earlier, bar) ? Order::repeated : Order::backwards;
    if (earlier.end_s < bar.end_s) break;
  }
  return Order::backwards;
}

// Counts gaps, and refuses rows of a longer period among those of the file's own.
void BarReader::count_step(std::int64_t end_ns) {
  const std::int64_t period_ns = bar_period_seconds(file_.period) * kNsPerSecond;
  const std::int64_t before_ns = last_end_ns_;
  if (stats_.bars == 0) {
    calendar_.trading_ns(end_ns - 1);
    return;
  }
  const TradingCalendar::Span session = calendar_.span();
  calendar_.trading_ns(end_ns - 1);
  const std::int64_t step_ns = end_ns - before_ns;
  if (step_ns > period_ns && session.open_ns < before_ns && end_ns <= session.close_ns) ++stats_.gaps;

  bool is_period = false;
  for (std::size_t i = static_cast<std::size_t>(file_.period) + 1; i < kBarPeriodCount; ++i) {
    is_period |= step_ns == bar_period_seconds(static_cast<BarPeriod>(i)) * kNsPerSecond;
  }
  same_steps_ = is_period && step_ns == last_step_ns_ ? same_steps_ + 1 : is_period ? 1 : 0;
  last_step_ns_ = step_ns;
  const std::uint64_t limit = step_ns == kNsPerDay ? kSameDaysMax : kSameStepsMax;
  if (same_steps_ >= limit) {
    refuse(ErrorCode::format_mismatch, "time",
           fmt::format("rows one {} apart", kBarPeriodNames[static_cast<std::size_t>(file_.period)]),
           fmt::format("{} in a row {} s apart: bars of a longer period stand in the file", same_steps_,
                       step_ns / kNsPerSecond));
  }
}

void BarReader::remember(const ClosedBar& bar) noexcept { recent_[stats_.bars % kRemembered] = bar; }

void BarReader::handle_bad_row(const RowFault& fault) {
  ++stats_.bad_rows;
  if (stats_.bars == 0) ++first_rows_bad_;
  const bool is_other_format = fault.fatal || first_rows_bad_ == kFirstRowsMax;
  if (!is_other_format && !strict_ && stats_.first_bad_row) return;
  Error error{.code = is_other_format ? ErrorCode::format_mismatch : ErrorCode::row_bad_field,
              .doing = fmt::format("reading {} bars", bar_format_info(file_.rules.format).name),
              .file = file_.path,
              .line = records_->number(),
              .field = std::string(fault.field),
              .expected = std::string(fault.expected),
              .found = fmt::format("\"{}\"", printable(fault.found))};
  if (is_other_format || strict_) error_ = error;
  if (!stats_.first_bad_row) stats_.first_bad_row = std::move(error);
}

void BarReader::refuse(ErrorCode code, std::string field, std::string expected, std::string found) {
  error_ = Error{.code = code,
                 .doing = fmt::format("reading {} bars", bar_format_info(file_.rules.format).name),
                 .file = file_.path,
                 .line = records_->number(),
                 .field = std::move(field),
                 .expected = std::move(expected),
                 .found = std::move(found)};
}

}  // namespace thintail
