// SPDX-License-Identifier: Apache-2.0
// RowCollector: labels, sessions and thinning.
#include "ml/train/row_collector.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/assert.hpp"

namespace thintail {

namespace {

constexpr float kUndecided = std::numeric_limits<float>::quiet_NaN();

float return_bp(std::int64_t from_twice_e9, std::int64_t to_twice_e9) noexcept {
  return static_cast<float>(static_cast<double>(to_twice_e9 - from_twice_e9) / static_cast<double>(from_twice_e9) *
                            1e4);
}

}  // namespace

RowCollector::RowCollector(const InstrumentTable& instruments, std::size_t lanes, std::size_t rows_max,
                           std::int64_t horizon_ns, Span span)
    : instruments_(&instruments),
      rows_max_(rows_max),
      horizon_ns_(horizon_ns),
      span_(span),
      markets_(instruments.size()) {
  TT_CHECK(rows_max >= 2 && horizon_ns > 0, "room to thin and a horizon ahead");
  rows_.lanes = lanes;
  rows_.features.reserve(rows_max * lanes);
  rows_.labels.reserve(rows_max);
  rows_.last_move.reserve(rows_max);
  rows_.spread.reserve(rows_max);
}

void RowCollector::on_tick(InstrumentId id, std::int64_t time_ns, std::int64_t bid_e9, std::int64_t ask_e9,
                           std::span<const float> row) {
  Market& market = markets_[id];
  decide_labels(market, time_ns);
  const std::int64_t twice_mid_e9 = bid_e9 + ask_e9;
  if (twice_mid_e9 <= 0) return;
  if (market.twice_mid_e9 > 0 && market.twice_mid_e9 != twice_mid_e9) {
    market.last_move = return_bp(market.twice_mid_e9, twice_mid_e9);
  }
  market.twice_mid_e9 = twice_mid_e9;

  if (row.empty() || time_ns < span_.begin_ns || time_ns > span_.end_ns - horizon_ns_) return;
  if (!horizon_within_session(id, market, time_ns)) return;
  if (candidates_++ % stride_ != 0) return;
  keep(market, time_ns, row, return_bp(twice_mid_e9, twice_mid_e9 + 2 * std::max<std::int64_t>(ask_e9 - bid_e9, 0)));
}

// A deadline that is reached is not yet past: another tick may come at that very time.
void RowCollector::decide_labels(Market& market, std::int64_t seen_until_ns) {
  while (!market.pending.empty() && market.pending.front().deadline_ns < seen_until_ns) {
    const Pending& due = market.pending.front();
    rows_.labels[due.row] = return_bp(due.twice_mid_e9, market.twice_mid_e9);
    market.pending.pop_front();
  }
}

bool RowCollector::horizon_within_session(InstrumentId id, Market& market, std::int64_t time_ns) const {
  if (time_ns >= market.session.close_ns) {
    market.session = TradingCalendar::get((*instruments_)[id].calendar).span_at(time_ns);
  }
  return market.session.open_ns <= time_ns && time_ns <= market.session.close_ns - horizon_ns_;
}

void RowCollector::keep(Market& market, std::int64_t time_ns, std::span<const float> row, float spread) {
  if (rows_.size() == rows_max_) {
    thin();
    if ((candidates_ - 1) % stride_ != 0) return;
  }
  market.pending.push_back({rows_.size(), time_ns + horizon_ns_, market.twice_mid_e9});
  rows_.features.insert(rows_.features.end(), row.begin(), row.end());
  rows_.labels.push_back(kUndecided);
  rows_.last_move.push_back(market.last_move);
  rows_.spread.push_back(spread);
}

void RowCollector::thin() {
  stride_ *= 2;
  const std::size_t kept = (rows_.size() + 1) / 2;
  for (std::size_t i = 1; i < kept; ++i) {
    std::ranges::copy(rows_.row(2 * i), rows_.features.begin() + static_cast<std::ptrdiff_t>(i * rows_.lanes));
    rows_.labels[i] = rows_.labels[2 * i];
    rows_.last_move[i] = rows_.last_move[2 * i];
    rows_.spread[i] = rows_.spread[2 * i];
  }
  rows_.features.resize(kept * rows_.lanes);
  rows_.labels.resize(kept);
  rows_.last_move.resize(kept);
  rows_.spread.resize(kept);
  for (Market& market : markets_) {
    std::erase_if(market.pending, [](const Pending& due) { return due.row % 2 != 0; });
    for (Pending& due : market.pending) due.row /= 2;
  }
}

LabelledRows RowCollector::finish(std::int64_t seen_until_ns) && {
  for (Market& market : markets_) decide_labels(market, seen_until_ns);
  LabelledRows out{.lanes = rows_.lanes, .features = {}, .labels = {}, .last_move = {}, .spread = {}};
  out.features.reserve(rows_.features.size());
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (std::isnan(rows_.labels[i])) continue;
    out.features.insert(out.features.end(), rows_.row(i).begin(), rows_.row(i).end());
    out.labels.push_back(rows_.labels[i]);
    out.last_move.push_back(rows_.last_move[i]);
    out.spread.push_back(rows_.spread[i]);
  }
  return out;
}

}  // namespace thintail
