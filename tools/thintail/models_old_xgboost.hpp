// SPDX-License-Identifier: Apache-2.0
// Models of XGBoost's old binary form, which only the library reads: `thintail-train --convert` makes JSON of them.
//   path  cold
#pragma once

#include <string>

#include "core/base/error.hpp"

namespace thintail {

// What an importer is to read of the model at `path` that holds `bytes`: these, or the JSON that they convert to.
Result<std::string> without_old_xgboost(const std::string& path, std::string bytes);

}  // namespace thintail
