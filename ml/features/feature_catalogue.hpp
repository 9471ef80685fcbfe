// SPDX-License-Identifier: Apache-2.0
// The catalogue of all feature sets as text: what docs/features.md holds and a test keeps equal.
#pragma once

#include <string>

namespace thintail {

std::string feature_catalogue_markdown();

}  // namespace thintail
