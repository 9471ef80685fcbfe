// SPDX-License-Identifier: Apache-2.0
// LEAN tick rows, "46.2042,1284.065,1284.405": milliseconds since local midnight with an optional fraction,
// bid, ask.
//   path       warm, and the fastest of the formats: 8 digits at a time, no copy of a field
//   invariant  never reads past the end of the bytes given; agrees with the plain reading of every row
//              (prices exact to 1e-9, time to the nanosecond, what lies below one cut off).
#pragma once

#include "adapters/feeds/row_parser.hpp"

namespace thintail {

class LeanParser final : public RowParser {
 public:
  explicit LeanParser(std::int64_t midnight_ns) noexcept : midnight_ns_(midnight_ns) {}

  ParsedRows parse(std::string_view bytes, bool is_last, std::uint64_t first_row,
                   std::span<Tick> out) noexcept override;

  // One row by the plain reading: what the fast path must agree with, and what it leaves odd rows to.
  bool parse_line(std::string_view text, Tick& tick, RowFault& fault) const noexcept;

 private:
  std::int64_t midnight_ns_;
};

}  // namespace thintail
