// SPDX-License-Identifier: Apache-2.0
// Reads safetensors files: eight bytes of header length, a JSON header, then the tensors' bytes, which the header must
// cover without holes or overlaps. And networks made of one and a small JSON of layers (docs/networks.md).
//   path  cold
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "ml/networks/named_tensor.hpp"
#include "ml/networks/network.hpp"
#include "ml/networks/network_spec.hpp"

namespace thintail {

inline constexpr std::uint64_t kSafetensorsHeaderMax = 100'000'000;  // bytes: the format's own limit

// F32, F16 and BF16 as numbers; I8, U8, I32 and I64 as tensors without any. In the order of their bytes.
Result<std::vector<NamedTensor>> read_safetensors(std::span<const std::byte> bytes, const std::string& file);

struct TorchNetworkFile {
  NetworkSpec spec;
  NamedTensor golden_x;  // rows x inputs; empty where the file has none
  NamedTensor golden_y;  // rows x outputs, each the answer to its row in order, from a fresh state
};

// `layers_text` is the JSON of layers, `layers_file` its name in errors.
Result<TorchNetworkFile> read_torch_network(std::span<const std::byte> bytes, const std::string& file,
                                            std::string_view layers_text, const std::string& layers_file);

// Runs the golden rows; refused where an answer is further than `tolerance` from the file's. Without golden rows: passes.
Result<void> check_golden(const TorchNetworkFile& from, const Network& network, float tolerance,
                          const std::string& file);

}  // namespace thintail
