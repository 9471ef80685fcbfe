// SPDX-License-Identifier: Apache-2.0
#include "ml/models/xgboost_binary.hpp"

#include <cstdint>
#include <cstring>

namespace thintail {

bool is_xgboost_binary(std::string_view bytes) noexcept {
  constexpr std::size_t kParametersBytes = 136;
  constexpr std::size_t kNameMax = 64;
  if (bytes.starts_with("binf")) bytes.remove_prefix(4);
  std::uint64_t length = 0;  // little-endian, as the library's hosts
  if (bytes.size() < kParametersBytes + sizeof length) return false;
  std::memcpy(&length, bytes.data() + kParametersBytes, sizeof length);
  bytes.remove_prefix(kParametersBytes + sizeof length);
  if (length == 0 || length > kNameMax || length > bytes.size()) return false;
  const std::string_view name = bytes.substr(0, length);
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_:") == std::string_view::npos && name.contains(':');
}

}  // namespace thintail
