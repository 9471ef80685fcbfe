// SPDX-License-Identifier: Apache-2.0
// An ensemble's configuration as TOML, the form that packs and people write.
//   path       cold
//   invariant  reading what to_toml() wrote gives the same values.
#pragma once

#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "ml/ensemble/ensemble.hpp"

namespace thintail {

// Errors name file, line and field. `file` is only named in them. What it gives is valid; a meta-model is not part of a file.
Result<EnsembleConfig> ensemble_from_toml(std::string_view text, const std::string& file);

// Every key, also those that the rule does not read, in one order. REQUIRES: no meta-model; a valid configuration, save that
// values which the rule does not read may be anything finite.
std::string to_toml(const EnsembleConfig& config);

// "soft", "hard", "weighted", "stacking", "online".
std::string_view ensemble_rule_name(EnsembleRule rule) noexcept;

}  // namespace thintail
