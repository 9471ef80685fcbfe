// SPDX-License-Identifier: Apache-2.0
#include "tools/report/counted_bar_dump.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "core/price/decimal.hpp"
#include "tools/report/report_text.hpp"

namespace thintail {
namespace {

constexpr std::int64_t kCountMax = std::numeric_limits<std::uint32_t>::max();

bool parse_count(std::string_view text, std::int64_t& out) {
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), out);
  return fault == std::errc{} && end == text.data() + text.size() && out > 0 && out <= kCountMax;
}

// Events hold sizes in single precision: the shortest decimal that it stands for is what the venue sent, up to 7 digits.
std::int64_t size_e9(float size) {
  if (!(size > 0.0F)) return 0;
  std::array<char, 64> text;
  const auto [end, fault] = std::to_chars(text.data(), text.data() + text.size(), size, std::chars_format::fixed);
  std::int64_t exact = 0;
  if (fault == std::errc{} && parse_decimal_e9({text.data(), end}, exact) == DecimalFault::none) return exact;
  return size < 9e9F ? std::llround(static_cast<double>(size) * 1e9) : std::numeric_limits<std::int64_t>::max();
}

}  // namespace

Result<CountedBarSpec> CountedBarSpec::parse(std::string_view text) {
  CountedBarSpec spec;
  spec.text = text;
  const std::size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  const std::string_view size = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  const auto refuse = [&](std::string expected) {
    return fail({.code = ErrorCode::usage,
                 .doing = "reading --bars",
                 .expected = std::move(expected),
                 .found = '"' + printable(text) + '"'});
  };
  if (kind == "volume") {
    spec.kind = Kind::volume;
    if (parse_decimal_e9(size, spec.size) != DecimalFault::none || spec.size <= 0) {
      return refuse("volume:N with N a decimal number of traded base units above 0, such as volume:100 or volume:0.5");
    }
    return spec;
  }
  if (kind != "ticks" && kind != "range") return refuse("ticks:N, volume:N or range:N, such as ticks:500");
  spec.kind = kind == "ticks" ? Kind::ticks : Kind::range;
  if (!parse_count(size, spec.size)) {
    return refuse(fmt::format("{0}:N with N a whole number of {1} from 1 to {2}, such as {0}:{3}", kind,
                              spec.kind == Kind::ticks ? "ticks" : "points", kCountMax,
                              spec.kind == Kind::ticks ? 500 : 50));
  }
  return spec;
}

Result<void> CountedBarSpec::require(const FeedContents& contents, std::string_view source) const {
  if (kind != Kind::volume || contents.trades) return {};
  return fail({.code = ErrorCode::feature_needs,
               .doing = fmt::format("checking that {} can serve bars by {}", printable(source, 300), text),
               .field = "--bars",
               .expected = "trades, whose volume these bars count",
               .found = contents.sizes ? "quotes with sizes, which are not traded volume" : "quotes alone"});
}

Result<CountedBarDump> CountedBarDump::create(const std::string& path, CountedBarSpec spec,
                                              const InstrumentTable& instruments) {
  std::ofstream file(path, std::ios::trunc);
  if (!file) {
    return fail(
        {.code = ErrorCode::file_unwritable, .doing = "writing bars", .file = path, .found = errno_text(errno)});
  }
  file << "first_utc,last_utc,instrument,bars,"
       << (spec.kind == CountedBarSpec::Kind::volume
               ? "open,high,low,close,volume,trades\n"
               : "bid_open,bid_high,bid_low,bid_close,ask_open,ask_high,ask_low,ask_close,ticks\n");
  return CountedBarDump(std::move(file), path, std::move(spec), instruments);
}

CountedBarDump::Bars& CountedBarDump::bars_of(InstrumentId instrument) {
  if (bars_.size() <= instrument) bars_.resize(instrument + std::size_t{1});
  Bars& bars = bars_[instrument];
  if (!std::holds_alternative<std::monostate>(bars)) return bars;
  switch (spec_.kind) {
    case CountedBarSpec::Kind::ticks: bars.emplace<TickBars>(static_cast<std::uint32_t>(spec_.size)); break;
    case CountedBarSpec::Kind::volume: bars.emplace<VolumeBars>(spec_.size); break;
    case CountedBarSpec::Kind::range: {
      std::int64_t range_e9 = 0;
      if (__builtin_mul_overflow(spec_.size, (*instruments_)[instrument].tick_size_e9, &range_e9)) {
        range_e9 = std::numeric_limits<std::int64_t>::max();
      }
      bars.emplace<RangeBars>(range_e9);
      break;
    }
  }
  return bars;
}

std::string CountedBarDump::row_start(InstrumentId instrument, std::int64_t first_ns, std::int64_t last_ns) const {
  constexpr int kPlaces = 9;
  return fmt::format("{},{},{},{}", utc_text(first_ns, kPlaces), utc_text(last_ns, kPlaces),
                     (*instruments_)[instrument].name(), spec_.text);
}

void CountedBarDump::add(const Event& event) {
  if (event.type == EventType::trade && spec_.kind == CountedBarSpec::Kind::volume) add_trade(event);
  if (event.type == EventType::tick && spec_.kind != CountedBarSpec::Kind::volume) add_quote(event);
}

void CountedBarDump::add_quote(const Event& event) {
  const auto tick = event.as<Tick>();
  Bars& bars = bars_of(event.instrument);
  TickBar bar{};
  auto* const by_count = std::get_if<TickBars>(&bars);
  const bool is_complete = by_count != nullptr
                               ? by_count->add(tick.bid_e9, tick.ask_e9, tick.venue_ns, bar)
                               : std::get<RangeBars>(bars).add(tick.bid_e9, tick.ask_e9, tick.venue_ns, bar);
  if (!is_complete) return;
  file_ << row_start(event.instrument, bar.first_ns, bar.last_ns);
  for (const Ohlc& side : {bar.bid, bar.ask}) {
    for (const std::int64_t e9 : {side.open_e9, side.high_e9, side.low_e9, side.close_e9}) {
      file_ << ',' << format_decimal_e9(e9, (*instruments_)[event.instrument].digits);
    }
  }
  file_ << fmt::format(",{}\n", bar.ticks);
  ++rows_;
}

void CountedBarDump::add_trade(const Event& event) {
  const auto trade = event.as<Trade>();
  VolumeBar bar{};
  if (!std::get<VolumeBars>(bars_of(event.instrument)).add(trade.price_e9, size_e9(trade.size), trade.venue_ns, bar)) {
    return;
  }
  file_ << row_start(event.instrument, bar.first_ns, bar.last_ns);
  for (const std::int64_t e9 : {bar.price.open_e9, bar.price.high_e9, bar.price.low_e9, bar.price.close_e9}) {
    file_ << ',' << format_decimal_e9(e9, (*instruments_)[event.instrument].digits);
  }
  file_ << fmt::format(",{},{}\n", format_decimal_e9(bar.volume_e9), bar.trades);
  ++rows_;
}

Result<std::uint64_t> CountedBarDump::finish() {
  file_.close();
  if (!file_) {
    return fail(
        {.code = ErrorCode::file_unwritable, .doing = "writing bars", .file = path_, .found = errno_text(errno)});
  }
  return rows_;
}

}  // namespace thintail
