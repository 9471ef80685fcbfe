// SPDX-License-Identifier: Apache-2.0
// Dukascopy's delta JSON: one object with running differences of time (ms from `timestamp`, UTC) and of ask
// and bid (in `multiplier` from `ask` and `bid`), and volumes in base units.
//   path  cold: a whole document at once, at most 256 MiB
#pragma once

#include "adapters/feeds/row_reader.hpp"

namespace thintail {

// Reads the document; fails where it is not of this form. A price that is not above 0 is a bad row.
Result<std::unique_ptr<RowReader>> read_dukascopy_json(std::unique_ptr<ByteSource> source, const std::string& path);

}  // namespace thintail
