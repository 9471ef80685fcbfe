// SPDX-License-Identifier: Apache-2.0
// RegimeModel: a regime model as a TOML file holds it: the hidden Markov model, its features, its change rule, its table.
//   path       cold
//   invariant  reading what to_toml() wrote gives the same values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "ml/regime/change_rule.hpp"
#include "ml/regime/gaussian_hmm.hpp"
#include "ml/regime/regime_table.hpp"

namespace thintail {

struct RegimeModel {
  std::string name{};
  std::vector<std::string> features{};  // lanes of a feature set, in the model's order
  GaussianHmm hmm{};
  ChangeRuleConfig change{};
  RegimeTable table{};

  // Errors name file, line, column and field. `file` is only named in them.
  static Result<RegimeModel> from_toml(std::string_view text, const std::string& file);
  static Result<RegimeModel> load(const std::string& path);

  // REQUIRES: from from_toml(), or of parameters that are valid.
  std::string to_toml() const;

  friend bool operator==(const RegimeModel&, const RegimeModel&) = default;
};

}  // namespace thintail
