// SPDX-License-Identifier: Apache-2.0
// demo_settings: what `thintail demo` runs on without a file: small limits for the built-in symbols.
#pragma once

#include "core/config/settings.hpp"

namespace thintail {

// REQUIRES: only the paper venue. Symbols without a row here stay without limits, so their orders are refused.
Settings demo_settings();

}  // namespace thintail
