// SPDX-License-Identifier: Apache-2.0
// TreeEnsemble: tree ensembles, evaluated so that the margin equals the library's bit for bit.
//   path       hot: margin(), margins(); cold: loading
//   threads    immutable after loading; any number of readers
//   invariant  base margin first, leaves added in file order in the type that the library adds in, the same on every
//              Isa (shared/MODEL_FORMATS.md sections 1 and 2).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/attributes.hpp"
#include "core/base/error.hpp"
#include "core/base/hash.hpp"
#include "core/isa/isa.hpp"

namespace thintail {

class FeatureSet;
struct DecisionTrees;

class TreeEnsemble {
 public:
  // `json` is an XGBoost model saved as JSON (1.x to 3.x); `file` names it in errors. Every index is range-checked
  // and every tree must be acyclic: a hostile file is refused in bounded time and memory.
  static Result<TreeEnsemble> from_xgboost_json(std::string_view json, std::string_view file, Isa isa = best_isa());
  // The same saved as Universal Binary JSON.
  static Result<TreeEnsemble> from_xgboost_ubj(std::string_view ubj, std::string_view file, Isa isa = best_isa());
  // `text` is a LightGBM model as that library saves it (v2 to v4).
  static Result<TreeEnsemble> from_lightgbm_text(std::string_view text, std::string_view file, Isa isa = best_isa());
  // Trees that a reader has checked; `digest` is what sha256() answers.
  static TreeEnsemble from_trees(const DecisionTrees& trees, const Sha256Digest& digest, Isa isa = best_isa());

  ~TreeEnsemble();
  TreeEnsemble(TreeEnsemble&&) noexcept;
  TreeEnsemble& operator=(TreeEnsemble&&) noexcept;

  // Sum of base margin and leaves. `features` holds feature_count() floats, NaN = missing. A sum in float64 is rounded
  // once. REQUIRES: output_count() == 1.
  TT_HOT float margin(const float* features) const noexcept;
  // The same of every output, as the library sums it. REQUIRES: `out` holds output_count() of them.
  TT_HOT void margins(const float* features, double* out) const noexcept;

  std::uint32_t output_count() const noexcept;
  std::uint32_t averaged_over() const noexcept;  // the library's prediction is the mean over so many iterations
  std::uint32_t feature_count() const noexcept;
  std::uint32_t tree_count() const noexcept;
  std::uint32_t depth_max() const noexcept;
  const std::string& objective() const noexcept;
  const Sha256Digest& sha256() const noexcept;  // of the file's bytes

 private:
  struct Impl;
  static TreeEnsemble lay_out(const DecisionTrees& trees, std::string_view bytes, Isa isa);
  explicit TreeEnsemble(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace thintail
