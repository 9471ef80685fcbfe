// SPDX-License-Identifier: Apache-2.0
#include "tools/monitor/keys.hpp"

namespace thintail {
namespace {

constexpr char kEscape = 0x1b;
constexpr char kDelete = 0x7f;
constexpr std::size_t kFilterMax = 32;  // the longest market symbol

void type_filter(char key, FrameOptions& options) {
  if (key == '\r' || key == '\n') {
    options.is_typing_filter = false;
  } else if (key == kEscape) {
    options.filter.clear();
    options.is_typing_filter = false;
  } else if (key == kDelete || key == '\b') {
    if (!options.filter.empty()) options.filter.pop_back();
  } else if (key >= 0x20 && key < kDelete && options.filter.size() < kFilterMax) {
    options.filter += key;
  }
}

}  // namespace

bool apply_key(char key, FrameOptions& options) {
  if (options.is_typing_filter) {
    type_filter(key, options);
    return true;
  }
  switch (key) {
    case 'q': return false;
    case 'p': options.is_paused = !options.is_paused; break;
    case 's': options.sort = next_sort(options.sort); break;
    case '/': options.is_typing_filter = true; break;
    case 'h': options.shows_help = !options.shows_help; break;
    case kEscape:
      options.shows_help = false;
      options.filter.clear();
      break;
    default: break;
  }
  return true;
}

}  // namespace thintail
