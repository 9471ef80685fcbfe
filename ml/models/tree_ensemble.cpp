// SPDX-License-Identifier: Apache-2.0
// TreeEnsemble: a model's text read, checked and laid out.
#include "ml/models/tree_ensemble.hpp"

#include <utility>

#include "ml/models/decision_trees.hpp"
#include "ml/models/tree_kernel.hpp"

namespace thintail {

struct TreeEnsemble::Impl {
  Impl(const DecisionTrees& trees, const Sha256Digest& digest)
      : kernel(trees),
        feature_count(trees.feature_count),
        tree_count(static_cast<std::uint32_t>(trees.roots.size())),
        depth_max(trees.depth_max),
        objective(trees.objective),
        sha256(digest) {}

  TreeKernel kernel;
  std::uint32_t feature_count;
  std::uint32_t tree_count;
  std::uint32_t depth_max;
  std::string objective;
  Sha256Digest sha256;
};

TreeEnsemble::TreeEnsemble(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
TreeEnsemble::~TreeEnsemble() = default;
TreeEnsemble::TreeEnsemble(TreeEnsemble&&) noexcept = default;
TreeEnsemble& TreeEnsemble::operator=(TreeEnsemble&&) noexcept = default;

Result<TreeEnsemble> TreeEnsemble::from_xgboost_json(std::string_view json, std::string_view file) {
  TT_TRY(const DecisionTrees trees, read_xgboost_json(json, file));
  return TreeEnsemble(std::make_unique<Impl>(trees, thintail::sha256(json)));
}

float TreeEnsemble::margin(const float* features) const noexcept { return impl_->kernel.margin(features); }

std::uint32_t TreeEnsemble::feature_count() const noexcept { return impl_->feature_count; }
std::uint32_t TreeEnsemble::tree_count() const noexcept { return impl_->tree_count; }
std::uint32_t TreeEnsemble::depth_max() const noexcept { return impl_->depth_max; }
const std::string& TreeEnsemble::objective() const noexcept { return impl_->objective; }
const Sha256Digest& TreeEnsemble::sha256() const noexcept { return impl_->sha256; }

}  // namespace thintail
