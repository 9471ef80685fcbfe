// SPDX-License-Identifier: Apache-2.0
#include "tools/monitor/screen.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace thintail {
namespace {

// SGR parameters: bold, red on bold, reverse video.
std::string_view begin_of(LineStyle style) noexcept {
  switch (style) {
    case LineStyle::heading: return "\x1b[1m";
    case LineStyle::alert: return "\x1b[1;31m";
    case LineStyle::bar: return "\x1b[7m";
    case LineStyle::plain: break;
  }
  return "";
}

}  // namespace

std::string Screen::update(const Frame& frame) {
  std::string out;
  if (!is_known_) {
    out = "\x1b[0m\x1b[2J";
    shown_.clear();
    is_known_ = true;
  }
  for (std::size_t row = 0; row < std::max(frame.size(), shown_.size()); ++row) {
    const bool is_new = row >= shown_.size();
    if (row >= frame.size()) {
      fmt::format_to(std::back_inserter(out), "\x1b[{};1H\x1b[K", row + 1);
    } else if (is_new || frame[row] != shown_[row]) {
      const std::string_view begin = begin_of(frame[row].style);
      // Erases before it writes: after a line of full width the cursor stands on the last column, which would be erased.
      fmt::format_to(std::back_inserter(out), "\x1b[{};1H\x1b[K{}{}{}", row + 1, begin, frame[row].text,
                     begin.empty() ? "" : "\x1b[0m");
    }
  }
  shown_ = frame;
  return out;
}

}  // namespace thintail
