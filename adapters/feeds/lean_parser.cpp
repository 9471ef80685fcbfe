// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/lean_parser.hpp"

#include <immintrin.h>

#include <array>
#include <bit>
#include <cstring>

#include "adapters/feeds/row_fields.hpp"

namespace thintail {
namespace {

constexpr std::int64_t kMsPerDay = 86'400'000;

// The fast path looks at 64 bytes from the row's start, and loads 8 from any of them.
constexpr std::size_t kFastReadBytes = 64 + 8;

// Bit i: byte i is no digit.
TT_ALWAYS_INLINE std::uint64_t non_digits(const char* at) noexcept {
  const auto half = [](const char* from) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    const __m256i values = _mm256_sub_epi8(bytes, _mm256_set1_epi8('0'));
    const __m256i is_digit = _mm256_cmpeq_epi8(_mm256_min_epu8(values, _mm256_set1_epi8(9)), values);
    return static_cast<std::uint32_t>(_mm256_movemask_epi8(is_digit));
  };
  return ~(static_cast<std::uint64_t>(half(at)) | (static_cast<std::uint64_t>(half(at + 32)) << 32));
}

// The value of eight decimal digits held as bytes 0..9, the most significant in the lowest byte: pairs, then
// fours, then all.
TT_ALWAYS_INLINE std::uint64_t eight_digits(std::uint64_t digits) noexcept {
  constexpr std::uint64_t kPairs = 0x0000'00ff'0000'00ff;
  digits = digits * 10 + (digits >> 8);
  return ((digits & kPairs) * (100 + (1'000'000ull << 32)) + ((digits >> 16) & kPairs) * (1 + (10'000ull << 32))) >> 32;
}

TT_ALWAYS_INLINE std::uint64_t load_digits(const char* at) noexcept {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, at, sizeof bytes);
  return bytes ^ 0x3030'3030'3030'3030;
}

// One number of a row: up to 8 digits, then optionally a point and up to 8 more.
struct FastNumber {
  std::uint64_t whole;
  std::uint64_t fraction_e8;
  unsigned end;  // offset of the byte after it
};

// Reads the number at `start`. `marks` holds the non-digits at and after it, and loses those that were
// passed.
TT_ALWAYS_INLINE bool read_number(const char* row, unsigned start, std::uint64_t& marks, FastNumber& out) noexcept {
  const auto pop = [&marks] {
    const auto at = static_cast<unsigned>(std::countr_zero(marks));
    marks &= marks - 1;
    return at;
  };
  out.end = pop();
  const unsigned whole_digits = out.end - start;
  if (whole_digits - 1 > 7) return false;  // none (".5"), or more than 8
  // Shifting the digits up fills with zeros below, which are leading zeros of the number.
  out.whole = eight_digits(load_digits(row + start) << (64 - 8 * whole_digits));
  out.fraction_e8 = 0;
  if (row[out.end] == '.') {
    const unsigned fraction_start = out.end + 1;
    out.end = pop();
    const unsigned fraction_digits = out.end - fraction_start;
    if (fraction_digits > 8) return false;
    // Clearing what follows the digits leaves trailing zeros: the fraction in 1e-8, whatever its length.
    out.fraction_e8 = eight_digits(_bzhi_u64(load_digits(row + fraction_start), 8 * fraction_digits));
  }
  return true;
}

// Reads the row at `row` where it has the usual shape, and returns its length with its end; 0 leaves it to
// the plain reading. REQUIRES: kFastReadBytes readable bytes. Where no mark is left, an `end` of 64 still is
// inside them.
TT_ALWAYS_INLINE unsigned read_row(const char* row, std::int64_t midnight_ns, Tick& tick) noexcept {
  std::uint64_t marks = non_digits(row);
  FastNumber time{};
  FastNumber bid{};
  FastNumber ask{};
  if (!read_number(row, 0, marks, time) || row[time.end] != ',') return 0;
  if (!read_number(row, time.end + 1, marks, bid) || row[bid.end] != ',') return 0;
  if (!read_number(row, bid.end + 1, marks, ask)) return 0;
  const unsigned line_end = ask.end + (row[ask.end] == '\r' ? 1 : 0);
  if (row[line_end] != '\n' || time.whole >= static_cast<std::uint64_t>(kMsPerDay)) return 0;

  const std::uint64_t bid_e9 = bid.whole * static_cast<std::uint64_t>(kE9) + bid.fraction_e8 * 10;
  const std::uint64_t ask_e9 = ask.whole * static_cast<std::uint64_t>(kE9) + ask.fraction_e8 * 10;
  if (bid_e9 == 0 || ask_e9 == 0) return 0;
  tick.bid_e9 = static_cast<std::int64_t>(bid_e9);
  tick.ask_e9 = static_cast<std::int64_t>(ask_e9);
  tick.bid_size = 0.0F;
  tick.ask_size = 0.0F;
  tick.venue_ns = midnight_ns +
                  static_cast<std::int64_t>(time.whole * static_cast<std::uint64_t>(kNsPerMs) + time.fraction_e8 / 100);
  return line_end + 1;
}

// Milliseconds of the day with any number of decimals, to ns.
bool parse_time(std::string_view text, std::int64_t& out_ns) noexcept {
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  std::int64_t ms = 0;
  if (!parse_digits(whole, ms) || ms >= kMsPerDay) return false;
  std::int64_t fraction_ns = 0;
  std::int64_t place_ns = kNsPerMs / 10;
  if (point != std::string_view::npos) {
    for (const char c : text.substr(point + 1)) {
      if (c < '0' || c > '9') return false;
      fraction_ns += (c - '0') * place_ns;
      place_ns /= 10;
    }
  }
  out_ns = ms * kNsPerMs + fraction_ns;
  return true;
}

}  // namespace

bool LeanParser::parse_line(std::string_view text, Tick& tick, RowFault& fault) const noexcept {
  std::array<std::string_view, 3> fields;
  if (!split_fields(text, fields)) {
    fault = {.field = "row", .expected = "milliseconds,bid,ask", .found = text};
    return false;
  }
  std::int64_t time_ns = 0;
  if (!parse_time(fields[0], time_ns)) {
    fault = {.field = "time", .expected = "milliseconds since midnight below 86400000", .found = fields[0]};
    return false;
  }
  tick.venue_ns = midnight_ns_ + time_ns;
  return parse_price(fields[1], "bid", tick.bid_e9, fault) && parse_price(fields[2], "ask", tick.ask_e9, fault);
}

ParsedRows LeanParser::parse(std::string_view bytes, bool is_last, std::uint64_t first_row,
                             std::span<Tick> out) noexcept {
  ParsedRows done;
  while (done.ticks < out.size()) {
    const char* row = bytes.data() + done.bytes;
    while (done.ticks < out.size() && bytes.size() - done.bytes >= kFastReadBytes) {
      Tick& tick = out[done.ticks];
      const unsigned row_bytes = read_row(row, midnight_ns_, tick);
      if (row_bytes == 0) break;
      tick.source_sequence = first_row + done.rows;
      row += row_bytes;
      done.bytes += row_bytes;
      ++done.rows;
      ++done.ticks;
    }
    // One row by the plain reading: the last ones of the range, and whatever the fast path does not know.
    const std::size_t room = done.ticks < out.size() ? 1 : 0;
    const ParsedRows one =
        parse_lines(bytes.substr(done.bytes), is_last, first_row + done.rows, out.subspan(done.ticks, room),
                    [this](auto text, Tick& tick, RowFault& fault) { return parse_line(text, tick, fault); });
    done.bytes += one.bytes;
    done.rows += one.rows;
    done.ticks += one.ticks;
    if (one.is_bad) {
      done.is_bad = true;
      done.fault = one.fault;
    }
    if (one.is_bad || one.rows == 0) break;
  }
  return done;
}

}  // namespace thintail
