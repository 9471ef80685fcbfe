// SPDX-License-Identifier: Apache-2.0
// CategorySet: a categorical split's set as a lane that numeric nodes can ask: 1 where a feature's value is in the set, 0
// where it is not, NaN where it is missing.
//   path       hot: lane()
//   source     shared/MODEL_FORMATS.md sections 1 and 2; what libxgboost 1.7.4 does is checked by thintail-train --self-check
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace thintail {

inline constexpr std::size_t kCategorySetsMax = 4'096;  // of a model, distinct ones
inline constexpr std::uint32_t kCategoriesMax = 65'536;  // of a feature: 0 to one less
inline constexpr float kSetThreshold = 0.5F;  // of nodes over a set's lane: what is in the set goes right

struct CategorySet {
  std::uint32_t feature = 0;
  // LightGBM cuts a value to its whole part first, so that -0.5 is category 0. To XGBoost it is in no set.
  bool cuts_first = false;
  std::vector<std::uint32_t> words;  // bit c % 32 of word c / 32: category c is in the set. The last is not 0

  float lane(float value) const noexcept {
    if (value != value) return value;
    const bool is_category = cuts_first ? value > -1.0F : value >= 0.0F;
    if (!is_category || value >= static_cast<float>(kCategoriesMax)) return 0.0F;
    const auto category = static_cast<std::uint32_t>(static_cast<std::int32_t>(value));
    if (category / 32 >= words.size()) return 0.0F;
    return static_cast<float>(words[category / 32] >> category % 32 & 1U);
  }

  friend auto operator<=>(const CategorySet&, const CategorySet&) = default;
};

// Sets by number, each once: many nodes of a model ask about the same.
class CategorySets {
 public:
  // The set's number; nothing where there are too many. Zeros at the end of its words are dropped.
  std::optional<std::uint32_t> add(CategorySet set) {
    while (!set.words.empty() && set.words.back() == 0) set.words.pop_back();
    const auto known = numbers_.find(set);
    if (known != numbers_.end()) return known->second;
    if (numbers_.size() == kCategorySetsMax) return std::nullopt;
    const auto number = static_cast<std::uint32_t>(numbers_.size());
    numbers_.emplace(std::move(set), number);
    return number;
  }

  void clear() { numbers_.clear(); }
  std::vector<CategorySet> in_order() const {
    std::vector<CategorySet> out(numbers_.size());
    for (const auto& [set, number] : numbers_) out[number] = set;
    return out;
  }

 private:
  std::map<CategorySet, std::uint32_t> numbers_;
};

}  // namespace thintail
