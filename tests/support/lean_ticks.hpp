// SPDX-License-Identifier: Apache-2.0
// Ticks of LEAN's CSV files (`ms_since_midnight,bid,ask`) read by the shortest code that can be right: the feed readers
// of adapters/ lie above the floors whose tests want real ticks.
#pragma once

#include <zstd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "core/event/payloads.hpp"
#include "core/price/decimal.hpp"

namespace thintail::test {

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline std::string read_zstd(const std::filesystem::path& path) {
  const std::string packed = read_file(path);
  std::string text;
  ZSTD_DStream* stream = ZSTD_createDStream();
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  std::vector<char> chunk(ZSTD_DStreamOutSize());
  while (in.pos < in.size) {
    ZSTD_outBuffer out{chunk.data(), chunk.size(), 0};
    if (ZSTD_isError(ZSTD_decompressStream(stream, &out, &in)) != 0) break;
    text.append(chunk.data(), out.pos);
  }
  ZSTD_freeDStream(stream);
  return text;
}

// `midnight_ns` is the UTC time that the file's milliseconds count from. Throws on a row that is none.
inline std::vector<Tick> lean_ticks(const std::filesystem::path& path, std::int64_t midnight_ns) {
  const std::string text = read_zstd(path);
  std::vector<Tick> ticks;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    std::string_view row = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (row.ends_with('\r')) row.remove_suffix(1);
    const std::size_t first = row.find(',');
    const std::size_t second = row.find(',', first + 1);
    std::int64_t ms_e9 = 0;
    Tick tick{};
    if (second == std::string_view::npos || parse_decimal_e9(row.substr(0, first), ms_e9) != DecimalFault::none ||
        parse_decimal_e9(row.substr(first + 1, second - first - 1), tick.bid_e9) != DecimalFault::none ||
        parse_decimal_e9(row.substr(second + 1), tick.ask_e9) != DecimalFault::none) {
      throw std::runtime_error("no LEAN tick: " + std::string(row));
    }
    tick.venue_ns = midnight_ns + ms_e9 / 1'000;
    tick.source_sequence = ticks.size() + 1;
    ticks.push_back(tick);
  }
  return ticks;
}

}  // namespace thintail::test
