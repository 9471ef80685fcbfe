// SPDX-License-Identifier: Apache-2.0
// The families that look at other instruments: names, formulas, warm-up. CrossBank computes them.
//   path  cold
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "ml/features/feature_family.hpp"

namespace thintail {

// FeatureFamily::code within FamilyGroup::cross. Values are never reused.
enum class CrossFamily : std::uint16_t {
  peer_correlation = 1,
  peer_beta = 2,
  peer_tick_correlation = 3,
  peer_lead = 4,
  peer_lead_share = 5,
  currency_base_strength = 6,
  currency_quote_strength = 7,
  currency_residual = 8,
  cross_move_rank = 9,
  cross_move_z = 10,
  cross_volatility_rank = 11,
  cross_volatility_z = 12,
  cross_spread_rank = 13,
  cross_spread_z = 14,
};

// The longest window of whole seconds: a ring of 4 bytes a second for each instrument.
inline constexpr std::uint32_t kCrossSecondsMax = 1'800;
// The longest window of ticks, in time.
inline constexpr std::uint32_t kTickSecondsMax = 3'600;

// The currencies whose strength is solved for.
inline constexpr std::array<std::string_view, 8> kMajors = {"USD", "EUR", "JPY", "GBP", "CHF", "AUD", "CAD", "NZD"};

// By how much the instrument is delayed against its peer when a lead is looked for. Nearest to 0 first, since of equal
// correlations the first one counts; each beside its opposite.
inline constexpr std::array<std::int32_t, 21> kLeadShiftsMs = {
    0, -25, 25, -50, 50, -100, 100, -150, 150, -200, 200, -300, 300, -400, 400, -600, 600, -800, 800, -1000, 1000};

std::span<const FeatureFamily> cross_families() noexcept;

}  // namespace thintail
