// SPDX-License-Identifier: Apache-2.0
// RowPass: ticks through the same bars and features as live, into rows to train on and rows to judge by.
//   path       warm
//   invariant  training rows and held-out rows share no tick: a label never reaches over the cut between them.
#pragma once

#include <cstdint>
#include <string>

#include "adapters/feeds/tick_source.hpp"
#include "core/base/error.hpp"
#include "core/isa/isa.hpp"
#include "ml/features/feature_set.hpp"
#include "ml/train/row_collector.hpp"
#include "tools/train/progress.hpp"

namespace thintail {

struct RowPassOptions {
  TickSourceOptions source;
  const FeatureSet* set = nullptr;
  Isa isa = Isa::scalar;
  std::int64_t horizon_ns = 0;
  double train_share = 0.4;     // of the time span, from its start
  double held_out_share = 0.1;  // of the time span, from the first tick after the cut: a weekend may lie between
  std::size_t rows_max = 0;     // of each kind
};

struct RowPassResult {
  LabelledRows train;
  LabelledRows held_out;
  TimeSpan span;              // of the whole source
  std::int64_t cut_ns = 0;    // training rows end here
  std::uint64_t candidates = 0;  // ticks that could have become training rows
};

// Reads the source twice: once for its time span, once for the rows. Reports progress from 0 to `progress_end`.
Result<RowPassResult> collect_rows(const RowPassOptions& options, Progress& progress, double progress_end);

}  // namespace thintail
