// SPDX-License-Identifier: Apache-2.0
// TreeEnsemble: gradient-boosted trees, evaluated so that the margin equals XGBoost's bit for bit.
//   path       hot: margin(); cold: loading
//   threads    immutable after loading; any number of readers
//   invariant  float32 throughout, base margin first, leaves added in file order, `x < t` goes left, NaN takes the
//              stored default direction (shared/MODEL_FORMATS.md section 1).
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

class TreeEnsemble {
 public:
  // `json` is an XGBoost model saved as JSON (1.x to 3.x); `file` names it in errors. Every index is range-checked
  // and every tree must be acyclic: a hostile file is refused in bounded time and memory.
  static Result<TreeEnsemble> from_xgboost_json(std::string_view json, std::string_view file);

  ~TreeEnsemble();
  TreeEnsemble(TreeEnsemble&&) noexcept;
  TreeEnsemble& operator=(TreeEnsemble&&) noexcept;

  // Sum of base margin and leaves. `features` holds feature_count() floats, NaN = missing. Single-output models only.
  TT_HOT float margin(const float* features) const noexcept;

  std::uint32_t feature_count() const noexcept;
  std::uint32_t tree_count() const noexcept;
  std::uint32_t depth_max() const noexcept;
  const std::string& objective() const noexcept;
  const Sha256Digest& sha256() const noexcept;  // of the JSON bytes

 private:
  struct Impl;
  explicit TreeEnsemble(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

// What a model file means: kept beside it as MODEL.features.toml until packs exist.
struct ModelSidecar {
  std::string feature_set;  // "core-32"
  Sha256Digest feature_hash{};  // FeatureSet::hash() at training
  Sha256Digest model_hash{};  // SHA-256 of the model file
  std::string label;  // "mid_return_bp": forward return of the mid in basis points
  std::int64_t horizon_ns = 0;
  std::string trained_on;  // in words: files or simulator, span, rows
};

// Reads MODEL.json and its sidecar; refuses a model whose hash or feature count contradicts it.
struct LoadedModel {
  TreeEnsemble trees;
  ModelSidecar sidecar;
  std::string path;
};
Result<LoadedModel> load_model(const std::string& path);
// MODEL.features.toml of MODEL.json; refuses a path that does not end in .json.
Result<std::string> sidecar_path(const std::string& model_path);
Result<void> write_sidecar(const std::string& model_path, const ModelSidecar& sidecar);

}  // namespace thintail
