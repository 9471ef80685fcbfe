// SPDX-License-Identifier: Apache-2.0
// BarReader: the good bars of one file, in UTC and in order, with what is wrong with the others counted.
//   path       warm: one call a bar
//   invariant  bars ascend in time and end on boundaries of their period; high is the highest, low the lowest price of each.
//              Nothing is dropped without being counted.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/feeds/bar_file.hpp"
#include "core/bars/bar_resampler.hpp"
#include "core/time/calendar.hpp"

namespace thintail {

// One bar of a file. Prices of a side that the file does not have are 0.
struct FileBar {
  ClosedBar bar;
  double volume = kVolumeUnknown;  // traded, in base units
};

struct BarStats {
  std::uint64_t rows = 0;  // bars + bad_rows + repeated + backwards + fillers
  std::uint64_t bars = 0;
  std::uint64_t with_volume = 0;  // of the bars: those with a traded volume of more than 0
  std::uint64_t bad_rows = 0;
  std::uint64_t repeated = 0;  // an earlier row once more, price by price
  std::uint64_t backwards = 0;  // a time that was passed, with other prices
  std::uint64_t fillers = 0;  // rows that say that nothing was quoted
  std::uint64_t gaps = 0;  // steps of more than one period within a session
  std::uint64_t crossed = 0;  // the ask closes below the bid
  std::optional<Error> first_bad_row;  // an example for the report
};

class BarReader {
 public:
  // `file` and `instruments` must outlive the reader.
  static Result<std::unique_ptr<BarReader>> open(const BarFile& file, const InstrumentTable& instruments, bool strict);
  ~BarReader();

  // The next bar; false at the end or after an error.
  bool next(FileBar& out);
  const std::optional<Error>& error() const noexcept { return error_; }
  const BarStats& stats() const noexcept { return stats_; }
  const BarFile& file() const noexcept { return file_; }

 private:
  class Records;
  enum class Order : std::uint8_t { next, repeated, backwards };
  static constexpr std::size_t kRemembered = 256;  // more than HistData's repeated hour

  BarReader(const BarFile& file, const InstrumentTable& instruments, bool strict, std::unique_ptr<Records> records);

  bool take_row(std::string_view record, FileBar& out);
  // The bar's end in UTC ns; false with the fault where it is not on the period's grid.
  bool end_of(const BarRow& row, std::int64_t& end_ns, RowFault& fault);
  bool check_scale(const BarRow& row, RowFault& fault);
  Order place(const ClosedBar& bar) const noexcept;
  void pass_over(Order order, std::int64_t end_ns);
  void count_step(std::int64_t end_ns);
  void remember(const ClosedBar& bar) noexcept;
  void handle_bad_row(const RowFault& fault);
  void refuse(ErrorCode code, std::string field, std::string expected, std::string found);

  const BarFile& file_;
  const Instrument& instrument_;
  bool strict_;
  std::unique_ptr<Records> records_;
  ClockProfile clock_;
  CalendarCursor calendar_;
  BarStats stats_;
  std::array<ClosedBar, kRemembered> recent_;  // of what was given, by number of the bar
  std::int64_t last_end_ns_ = 0;
  std::uint64_t last_line_ = 0;  // of the last bar
  std::int64_t last_step_ns_ = 0;
  std::uint64_t same_steps_ = 0;  // in a row, each one longer period
  std::uint64_t integer_rows_ = 0;  // before the first price with a decimal point
  bool has_fraction_ = false;
  std::int64_t other_scale_e9_ = 0;  // the last price of another scale than the last bar's
  std::uint64_t same_scale_ = 0;  // rows in a row that agree on it
  std::string found_;  // what a fault shows that no text of the row does
  std::uint64_t first_rows_bad_ = 0;
  std::optional<Error> error_;
};

}  // namespace thintail
