// SPDX-License-Identifier: Apache-2.0
// HistData tick rows: "20200101 170000065,1.121200,1.121720,0" (local date, time with milliseconds, bid, ask,
// volume).
//   path  warm
#pragma once

#include "adapters/feeds/row_parser.hpp"

namespace thintail {

class HistDataParser final : public RowParser {
 public:
  ParsedRows parse(std::string_view bytes, bool is_last, std::uint64_t first_row,
                   std::span<Tick> out) noexcept override;
};

// Whether `line` starts as a row of this format does; for detection.
bool starts_like_histdata(std::string_view line) noexcept;

}  // namespace thintail
