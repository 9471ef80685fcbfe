// SPDX-License-Identifier: Apache-2.0
// TrueFX rows with a header: "2013-01-01 22:00:00.295000+00:00,86.655,86.728". The rows hold their own UTC
// offset; a whole second may lack its fraction.
//   path  warm
#pragma once

#include "adapters/feeds/row_parser.hpp"

namespace thintail {

inline constexpr std::string_view kTrueFxHeader = "timestamp,bid,ask";

class TrueFxParser final : public RowParser {
 public:
  ParsedRows parse(std::string_view bytes, bool is_last, std::uint64_t first_row,
                   std::span<Tick> out) noexcept override;
  std::uint64_t header_lines() const noexcept override { return header_lines_; }

 private:
  bool started_ = false;
  std::uint64_t header_lines_ = 0;
};

}  // namespace thintail
