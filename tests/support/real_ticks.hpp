// SPDX-License-Identifier: Apache-2.0
// Recorded ticks as the feed reads them, for tests that need a real market.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "adapters/feeds/file_feed.hpp"
#include "tests/support/data.hpp"

namespace thintail::test {

// At most `ticks_max` ticks of files in ticks/, as events; their instruments are added to `instruments`.
inline std::vector<Event> real_ticks(const std::vector<std::string>& names, InstrumentTable& instruments,
                                     std::size_t ticks_max = ~std::size_t{0}) {
  std::vector<std::string> paths;
  for (const std::string& name : names) paths.push_back((data_dir() / "ticks" / name).string());
  auto feed = FileFeed::open(paths, {}, instruments);
  if (!feed) {
    ADD_FAILURE() << feed.error().message();
    return {};
  }
  std::vector<Event> events;
  Event event;
  while (events.size() < ticks_max && feed->poll(event)) events.push_back(event);
  if (feed->error()) ADD_FAILURE() << feed->error()->message();
  return events;
}

inline constexpr const char* kGoldPayrolls = "oanda_xauusd_tick_20140502.csv.zst";  // 265,015 ticks

}  // namespace thintail::test
