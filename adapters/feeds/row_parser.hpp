// SPDX-License-Identifier: Apache-2.0
// RowParser: what every row format has in common: a range of bytes in, a batch of ticks out, resumable at any
// row.
//   path  warm
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/event/payloads.hpp"

namespace thintail {

// Why a row gives no tick. `found` points into the bytes that were parsed.
struct RowFault {
  std::string_view field;
  std::string_view expected;
  std::string_view found;
  bool fatal = false;  // the file cannot be of this format at all, so that going on would be guessing
};

struct ParsedRows {
  std::size_t bytes = 0;  // consumed; the rest is less than one row, or did not fit into the batch
  std::size_t rows = 0;   // consumed, a bad one included
  std::size_t ticks = 0;  // written: equal to rows, or one less where the last row is bad
  bool is_bad = false;    // the last row consumed is bad: parsing stopped right after it
  RowFault fault = {};
};

class RowParser {
 public:
  virtual ~RowParser() = default;

  // Parses whole rows until the bytes or `out` are used up or a row is bad. Without `is_last` an unterminated
  // row at the end stays unconsumed; with it the row counts. Tick::venue_ns is the source's local time;
  // source_sequence counts from `first_row`.
  virtual ParsedRows parse(std::string_view bytes, bool is_last, std::uint64_t first_row,
                           std::span<Tick> out) noexcept = 0;
  // Lines before row 1, so that a fault can name its line.
  virtual std::uint64_t header_lines() const noexcept { return 0; }
};

// One line of text: `size` without its end, `consumed` with it. False where it is not yet complete.
struct TextLine {
  std::string_view text;
  std::size_t consumed = 0;
};

inline bool next_line(std::string_view bytes, bool is_last, TextLine& out) noexcept {
  const std::size_t end = bytes.find('\n');
  if (end == std::string_view::npos && (!is_last || bytes.empty())) return false;
  out.consumed = end == std::string_view::npos ? bytes.size() : end + 1;
  out.text = bytes.substr(0, end == std::string_view::npos ? bytes.size() : end);
  if (out.text.ends_with('\r')) out.text.remove_suffix(1);
  return true;
}

// The loop of a line format. `parse_line(text, Tick&, RowFault&)` fills bid_e9, ask_e9 and venue_ns, or the
// fault and returns false.
template <class ParseLine>
ParsedRows parse_lines(std::string_view bytes, bool is_last, std::uint64_t first_row, std::span<Tick> out,
                       ParseLine&& parse_line) noexcept {
  ParsedRows done;
  TextLine line;
  while (done.ticks < out.size() && next_line(bytes.substr(done.bytes), is_last, line)) {
    done.bytes += line.consumed;
    Tick tick{};
    tick.source_sequence = first_row + done.rows++;
    if (!parse_line(line.text, tick, done.fault)) {
      done.is_bad = true;
      return done;
    }
    out[done.ticks++] = tick;
  }
  return done;
}

}  // namespace thintail
