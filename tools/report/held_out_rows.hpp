// SPDX-License-Identifier: Apache-2.0
// collect_held_out(): ticks through the same bars and features as live, into consecutive rows to calibrate (or train) on and
// later ones to judge by.
//   path       warm
//   invariant  labels of the earlier rows end where the later rows begin: no price is in both.
#pragma once

#include <cstdint>
#include <string>

#include "adapters/feeds/tick_source.hpp"
#include "core/base/error.hpp"
#include "core/isa/isa.hpp"
#include "ml/features/feature_set.hpp"
#include "ml/train/row_collector.hpp"

namespace thintail {

struct HeldOutOptions {
  TickSourceOptions source;
  const FeatureSet* set = nullptr;
  LaneMask mandatory;  // a row that lacks one of these is none
  Isa isa = Isa::scalar;
  std::int64_t horizon_ns = 0;
  double earlier_share = 0.4;  // of the ticks, from the first
  std::size_t earlier_max = 65'536;  // the last so many of them
  std::size_t later_max = 100'000;  // the first so many
};

struct HeldOutRows {
  std::string instrument;  // of the first tick; others are its peers at most
  LabelledRows earlier;
  LabelledRows later;
  double rows_per_horizon = 0;  // of the later ones, on average
  std::uint64_t ticks = 0;  // of the instrument, in all
};

// Reads the source twice: for its length, then for the rows.
Result<HeldOutRows> collect_held_out(const HeldOutOptions& options);

}  // namespace thintail
