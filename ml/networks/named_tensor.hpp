// SPDX-License-Identifier: Apache-2.0
// NamedTensor: numbers of a file, row-major, under the name that the file gives them.
//   path  cold
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace thintail {

inline constexpr std::size_t kNetworkTensorsMax = 4096;  // of a file; bounds the search by name

struct NamedTensor {
  std::string name = {};
  std::vector<std::uint32_t> shape = {};
  std::vector<float> values = {};  // empty where the file holds integers, which no layer takes
};

}  // namespace thintail
