// SPDX-License-Identifier: Apache-2.0
#include "tools/report/bar_dump.hpp"

#include <fmt/format.h>

#include "core/price/decimal.hpp"
#include "tools/report/report_text.hpp"

namespace thintail {

Result<BarDump> BarDump::create(const std::string& path, BarPeriod period, const InstrumentTable& instruments) {
  std::ofstream file(path, std::ios::trunc);
  if (!file) {
    return fail(
        {.code = ErrorCode::file_unwritable, .doing = "writing bars", .file = path, .found = errno_text(errno)});
  }
  file << "end_utc,instrument,period,bid_open,bid_high,bid_low,bid_close,ask_open,ask_high,ask_low,ask_close,ticks\n";
  return BarDump(std::move(file), path, period, instruments);
}

void BarDump::add(const Event& event) {
  if (event.type != EventType::bar) return;
  const auto bar = event.as<Bar>();
  if (bar.period() != static_cast<unsigned>(period_)) return;
  if (bar.side() == QuoteSide::bid) {
    bid_ = bar;
    return;
  }
  const Instrument& instrument = (*instruments_)[event.instrument];
  const auto price = [&](std::int64_t e9) { return format_decimal_e9(e9, instrument.digits); };
  file_ << fmt::format("{},{},{},{},{},{},{},{},{},{},{},{}\n",
                       utc_text(static_cast<std::int64_t>(bar.end_s) * 1'000'000'000), instrument.name(),
                       kBarPeriodNames[bar.period()], price(bid_.open_e9), price(bid_.high_e9), price(bid_.low_e9),
                       price(bid_.close_e9), price(bar.open_e9), price(bar.high_e9), price(bar.low_e9),
                       price(bar.close_e9), bar.ticks());
  ++rows_;
}

Result<std::uint64_t> BarDump::finish() {
  file_.close();
  if (!file_) {
    return fail(
        {.code = ErrorCode::file_unwritable, .doing = "writing bars", .file = path_, .found = errno_text(errno)});
  }
  return rows_;
}

}  // namespace thintail
