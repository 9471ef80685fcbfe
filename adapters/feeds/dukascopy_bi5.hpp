// SPDX-License-Identifier: Apache-2.0
// Dukascopy .bi5 tick records, after LZMA: 20 bytes, big-endian: u32 ms from the start of the hour, u32 ask,
// u32 bid (points), f32 ask volume, f32 bid volume (millions of base units).
//   path  warm
#pragma once

#include <optional>

#include "adapters/feeds/row_parser.hpp"

namespace thintail {

class DukascopyBi5Parser final : public RowParser {
 public:
  DukascopyBi5Parser(std::int64_t hour_ns, std::int64_t point_e9) noexcept : hour_ns_(hour_ns), point_e9_(point_e9) {}

  // A record out of its hour or before its predecessor is fatal: these are not tick records (a candle file
  // also divides by 20).
  ParsedRows parse(std::string_view bytes, bool is_last, std::uint64_t first_row,
                   std::span<Tick> out) noexcept override;

 private:
  std::int64_t hour_ns_;
  std::int64_t point_e9_;
  std::uint32_t last_ms_ = 0;
};

// What one point is worth for a symbol in Dukascopy's files, which do not say; empty where it is not known.
std::optional<std::int64_t> dukascopy_point_e9(std::string_view symbol) noexcept;

}  // namespace thintail
