// SPDX-License-Identifier: Apache-2.0
// is_xgboost_binary: the form in which XGBoost saved models before JSON, and which it gave up in 3.1. It is the library's
// memory written out, so only the library reads it (tools/train/convert.hpp).
//   path    cold
//   source  shared/data/models/gbdt: 136 bytes of parameters, perhaps after a magic word, then the objective's name
#pragma once

#include <string_view>

namespace thintail {

bool is_xgboost_binary(std::string_view bytes) noexcept;

}  // namespace thintail
