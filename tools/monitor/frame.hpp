// SPDX-License-Identifier: Apache-2.0
// render_frame: one look at a core as lines of text for a screen of a given size. A pure function: tests read it without a terminal.
//   path       cold
//   invariant  no line is longer than the width, there are at most `height` of them (a page apart), and every byte is printable ASCII, whatever the
//              core's memory holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tools/monitor/core_sample.hpp"

namespace thintail {

enum class QuoteSort : std::uint8_t { name, age, ticks, position };
std::string_view name_of(QuoteSort sort) noexcept;
QuoteSort next_sort(QuoteSort sort) noexcept;

struct FrameOptions {
  std::size_t width = 80;
  std::size_t height = 24;
  QuoteSort sort = QuoteSort::name;
  std::string filter = {};  // instruments whose name contains it, in any case
  bool is_typing_filter = false;
  bool is_paused = false;
  bool shows_help = false;
  bool is_page = false;  // for a pipe: all rows, however many, and no line of keys
  std::string note = {};  // of a moment: "attached to epoch 4"
};

enum class LineStyle : std::uint8_t { plain, heading, alert, bar };

struct FrameLine {
  std::string text;
  LineStyle style = LineStyle::plain;
  friend bool operator==(const FrameLine&, const FrameLine&) = default;
};

using Frame = std::vector<FrameLine>;

// Rates are of the time between `earlier`, a sample of the same epoch, and `now`; none are shown where they are one.
Frame render_frame(const CoreSample& now, const CoreSample& earlier, const FrameOptions& options);

}  // namespace thintail
