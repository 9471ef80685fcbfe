// SPDX-License-Identifier: Apache-2.0
// safe_text: text of other programs for aligned output: one byte is one column, and none can steer a terminal.
//   path  cold
#pragma once

#include <string>
#include <string_view>

namespace thintail {

// Every byte that is not printable ASCII becomes '?'.
inline std::string safe_text(std::string_view text) {
  std::string out(text);
  for (char& byte : out) {
    if (byte < 0x20 || byte > 0x7e) byte = '?';
  }
  return out;
}

}  // namespace thintail
