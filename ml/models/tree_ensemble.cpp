// SPDX-License-Identifier: Apache-2.0
// TreeEnsemble: a model's text read, checked and laid out.
#include "ml/models/tree_ensemble.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "ml/models/decision_trees.hpp"
#include "ml/models/mask_forest.hpp"
#include "ml/models/piece_forest.hpp"
#include "ml/models/tree_kernel.hpp"

namespace thintail {

namespace {

// The mask kernels win where bytes of a whole register can be permuted at once; elsewhere TreeKernel does
// (docs/models.md).
bool masks_win(Isa isa) noexcept { return isa == Isa::avx512 && byte_permute_available(); }

// The trees of one output.
template <class Sum>
class Output {
 public:
  Output(const DecisionTrees& trees, std::uint32_t group, Isa isa)
      : start_(static_cast<Sum>(trees.base_margins[group])) {
    const std::vector<std::uint32_t> roots = trees.roots_of(group);
    if (masks_win(isa)) masks_ = MaskForest<Sum>::create(trees, roots);
    if (masks_win(isa) && !masks_) pieces_ = PieceForest<Sum>::create(trees, roots);
    if (!masks_ && !pieces_) walks_.emplace(trees, roots);
  }

  TT_HOT Sum margin(const float* row) const noexcept {
    if (masks_) return masks_->sum(Isa::avx512, row, start_);
    return pieces_ ? pieces_->sum(Isa::avx512, row, start_) : walks_->sum(row, start_);
  }

 private:
  std::optional<MaskForest<Sum>> masks_;
  std::optional<PieceForest<Sum>> pieces_;
  std::optional<TreeKernel<Sum>> walks_;
  Sum start_;
};

}  // namespace

struct TreeEnsemble::Impl {
  Impl(const DecisionTrees& trees, const Sha256Digest& digest, Isa isa)
      : zero_is_missing(trees.zero_is_missing),
        category_sets(trees.category_sets),
        averaged_over(trees.averaged_over),
        feature_count(trees.feature_count),
        tree_count(static_cast<std::uint32_t>(trees.roots.size())),
        depth_max(trees.depth_max),
        objective(trees.objective),
        sha256(digest) {
    for (std::uint32_t group = 0; group < trees.base_margins.size(); ++group) {
      if (trees.sum_type == SumType::float32) {
        in_float32.emplace_back(trees, group, isa);
      } else {
        in_float64.emplace_back(trees, group, isa);
      }
    }
  }

  // `use(row)` on the row that the trees are to see.
  template <class Use>
  TT_ALWAYS_INLINE auto with_row(const float* features, Use&& use) const noexcept {
    if (zero_is_missing.empty() && category_sets.empty()) [[likely]]
      return use(features);
    std::array<float, kModelRowMax> row;  // NOLINT: only what is used is written
    std::copy_n(features, feature_count, row.data());
    float* lane = row.data() + feature_count;
    for (const CategorySet& set : category_sets) *lane++ = set.lane(features[set.feature]);
    for (const std::uint32_t feature : zero_is_missing) {
      const float value = row[feature];
      const bool is_zero = value >= -DecisionTrees::kZeroMax && value <= DecisionTrees::kZeroMax;
      row[feature] = is_zero ? std::numeric_limits<float>::quiet_NaN() : value;
    }
    return use(row.data());
  }

  // One of the two is empty; in the other, outputs in order.
  std::vector<Output<float>> in_float32;
  std::vector<Output<double>> in_float64;
  std::vector<std::uint32_t> zero_is_missing;
  std::vector<CategorySet> category_sets;
  std::uint32_t averaged_over;
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

TreeEnsemble TreeEnsemble::from_trees(const DecisionTrees& trees, const Sha256Digest& digest, Isa isa) {
  return TreeEnsemble(std::make_unique<Impl>(trees, digest, isa));
}

TreeEnsemble TreeEnsemble::lay_out(const DecisionTrees& trees, std::string_view bytes, Isa isa) {
  return from_trees(trees, thintail::sha256(bytes), isa);
}

Result<TreeEnsemble> TreeEnsemble::from_xgboost_json(std::string_view json, std::string_view file, Isa isa) {
  TT_TRY(const DecisionTrees trees, read_xgboost_json(json, file));
  return lay_out(trees, json, isa);
}

Result<TreeEnsemble> TreeEnsemble::from_xgboost_ubj(std::string_view ubj, std::string_view file, Isa isa) {
  TT_TRY(const DecisionTrees trees, read_xgboost_ubj(ubj, file));
  return lay_out(trees, ubj, isa);
}

Result<TreeEnsemble> TreeEnsemble::from_lightgbm_text(std::string_view text, std::string_view file, Isa isa) {
  TT_TRY(const DecisionTrees trees, read_lightgbm_text(text, file));
  return lay_out(trees, text, isa);
}

float TreeEnsemble::margin(const float* features) const noexcept {
  return impl_->with_row(features, [this](const float* row) {
    return impl_->in_float64.empty() ? impl_->in_float32.front().margin(row)
                                     : static_cast<float>(impl_->in_float64.front().margin(row));
  });
}

void TreeEnsemble::margins(const float* features, double* out) const noexcept {
  impl_->with_row(features, [&](const float* row) {
    for (const Output<float>& output : impl_->in_float32) *out++ = static_cast<double>(output.margin(row));
    for (const Output<double>& output : impl_->in_float64) *out++ = output.margin(row);
  });
}

std::uint32_t TreeEnsemble::output_count() const noexcept {
  return static_cast<std::uint32_t>(impl_->in_float32.size() + impl_->in_float64.size());
}
std::uint32_t TreeEnsemble::averaged_over() const noexcept { return impl_->averaged_over; }
std::uint32_t TreeEnsemble::feature_count() const noexcept { return impl_->feature_count; }
std::uint32_t TreeEnsemble::tree_count() const noexcept { return impl_->tree_count; }
std::uint32_t TreeEnsemble::depth_max() const noexcept { return impl_->depth_max; }
const std::string& TreeEnsemble::objective() const noexcept { return impl_->objective; }
const Sha256Digest& TreeEnsemble::sha256() const noexcept { return impl_->sha256; }

}  // namespace thintail
