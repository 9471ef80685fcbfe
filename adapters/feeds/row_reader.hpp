// SPDX-License-Identifier: Apache-2.0
// RowReader: the rows of one file, batch after batch, whatever its format and compression.
//   path  warm: a virtual call a batch
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "adapters/feeds/byte_source.hpp"
#include "adapters/feeds/row_parser.hpp"
#include "core/base/error.hpp"

namespace thintail {

struct ReadRows {
  std::size_t rows = 0;   // read, a bad one included
  std::size_t ticks = 0;  // written
  bool is_bad = false;    // the last row read is bad
  RowFault fault = {};    // valid until the next read()
  std::uint64_t line = 0;  // of the bad row, from 1; the record's number where the format has no lines
};

class RowReader {
 public:
  virtual ~RowReader() = default;

  // Reads until `out` is full or a row is bad. Fewer without a bad row: the end, or an error.
  virtual ReadRows read(std::span<Tick> out) = 0;
  virtual const std::optional<Error>& error() const noexcept = 0;
  virtual std::uint64_t consumed_bytes() const noexcept = 0;
  virtual std::uint64_t header_lines() const noexcept { return 0; }  // lines before row 1
};

// Rows that cross the border of two pieces are put together; every other row is parsed where it lies.
std::unique_ptr<RowReader> stream_rows(std::unique_ptr<ByteSource> source, std::unique_ptr<RowParser> parser,
                                       const std::string& path);

}  // namespace thintail
