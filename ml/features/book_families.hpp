// SPDX-License-Identifier: Apache-2.0
// The families of the order book: what BookBank computes once for each whole update of a valid book.
//   path  cold
#pragma once

#include <cstdint>
#include <span>

#include "ml/features/feature_family.hpp"

namespace thintail {

// FeatureFamily::code within FamilyGroup::book. Values are never reused.
enum class BookFamily : std::uint16_t {
  imbalance = 1,
  microprice = 2,
  slope = 3,
  depth = 4,
  cost_to_buy = 5,
  cost_to_sell = 6,
  queue_change = 7,
  order_flow = 8,
  spread_ticks = 9,
};

// Levels of a side that a feature may ask for.
inline constexpr std::size_t kBookFeatureLevelsMax = 64;

std::span<const FeatureFamily> book_families() noexcept;

}  // namespace thintail
