// SPDX-License-Identifier: Apache-2.0
// A small segment laid out by the daemon's own code, for what the sources keep to themselves: regions, layout hash, bytes.
//   path  cold
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/event/event.hpp"

namespace thintail::abi {

struct SampleRegion {
  std::string name;
  std::uint32_t type = 0;
  std::uint32_t element_bytes = 0;
};

struct Sample {
  std::uint64_t layout_hash = 0;
  std::vector<SampleRegion> regions;  // in the order of the directory
  std::array<std::byte, sizeof(Event)> cell{};  // the first cell of "events", after one Tick was published
};

Result<Sample> take_sample();

}  // namespace thintail::abi
