// SPDX-License-Identifier: Apache-2.0
// BarDump: closed bars as CSV, bid and ask of one period in a row, prices as exact decimals.
//   path  cold
#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "core/bars/bar_builder.hpp"
#include "core/base/error.hpp"
#include "core/event/payloads.hpp"
#include "core/instrument/instrument_table.hpp"

namespace thintail {

class BarDump {
 public:
  // Writes the header. `instruments` must outlive the dump.
  static Result<BarDump> create(const std::string& path, BarPeriod period, const InstrumentTable& instruments);

  // Any event of a run, in order: the ask side of a bar follows its bid side.
  void add(const Event& event);
  // Fails where a write did.
  Result<std::uint64_t> finish();

 private:
  BarDump(std::ofstream file, std::string path, BarPeriod period, const InstrumentTable& instruments)
      : file_(std::move(file)), path_(std::move(path)), period_(period), instruments_(&instruments) {}

  std::ofstream file_;
  std::string path_;
  BarPeriod period_;
  const InstrumentTable* instruments_;
  Bar bid_{};
  std::uint64_t rows_ = 0;
};

}  // namespace thintail
