// SPDX-License-Identifier: Apache-2.0
#include "tools/report/held_out_rows.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "strategies/backtest/feature_pass.hpp"

namespace thintail {
namespace {

struct Times {
  std::string instrument;
  std::vector<std::int64_t> ns;  // of its ticks
};

// Refuses, before a row is made, a source that lacks what the set needs.
Result<Times> tick_times(const HeldOutOptions& options) {
  InstrumentTable instruments;
  TT_TRY(TickSource source, TickSource::open(options.source, instruments));
  TT_TRY_VOID(options.set->require(needs_served(source.contents(), instruments.size()), describe(options.source)));
  Times out;
  std::optional<InstrumentId> first;
  EngineTime engine_time;
  Event event{};
  while (source.poll(event)) {
    const std::int64_t time_ns = engine_time.advance(event.time_ns, [](std::int64_t) {});
    if (event.type != EventType::tick || event.instrument != first.value_or(event.instrument)) continue;
    first = event.instrument;
    out.ns.push_back(time_ns);
  }
  if (auto error = source.error()) return fail(*std::move(error));
  if (!first) {
    return fail({.code = ErrorCode::no_ticks,
                 .doing = "reading " + describe(options.source),
                 .expected = "ticks",
                 .found = "none"});
  }
  out.instrument = instruments[*first].name();
  return out;
}

}  // namespace

Result<HeldOutRows> collect_held_out(const HeldOutOptions& options) {
  TT_TRY(const Times times, tick_times(options));
  const auto count = static_cast<double>(times.ns.size());
  const auto cut = std::min(static_cast<std::size_t>(count * options.earlier_share), times.ns.size() - 1);
  const std::int64_t cut_ns = times.ns[cut];
  const std::int64_t begin_ns = times.ns[cut - std::min(cut, options.earlier_max)];
  // Rows enough that none is thinned out: networks that remember take consecutive ones.
  const auto within = static_cast<std::size_t>(std::ranges::upper_bound(times.ns, cut_ns) -
                                               std::ranges::lower_bound(times.ns, begin_ns));

  InstrumentTable instruments;
  TT_TRY(TickSource source, TickSource::open(options.source, instruments));
  const std::size_t lanes = options.set->lanes().size();
  RowCollector earlier(instruments, lanes, std::max<std::size_t>(within, 2), options.horizon_ns, {begin_ns, cut_ns});
  RowCollector later(instruments, lanes, std::max<std::size_t>(options.later_max + 1, 2), options.horizon_ns,
                     {cut_ns + 1, std::numeric_limits<std::int64_t>::max()});
  FeatureRun run(instruments, *options.set, options.isa);
  std::optional<InstrumentId> first;
  std::int64_t first_ns = 0;  // of the later rows, as the next
  std::int64_t last_ns = 0;
  std::int64_t seen_until_ns = 0;
  feature_pass(source, run, [&](std::int64_t time_ns, const Event& event, const FeatureRow& row) {
    if (event.instrument != first.value_or(event.instrument)) return true;
    first = event.instrument;
    seen_until_ns = time_ns;
    const bool is_full = later.candidates() >= options.later_max;
    if (is_full && time_ns > last_ns + options.horizon_ns) return false;  // the last label is decided
    const auto tick = event.as<Tick>();
    const bool is_usable = row.defined.contains(options.mandatory);
    const std::span<const float> values = is_usable ? std::span(row.values).first(lanes) : std::span<const float>();
    earlier.on_tick(event.instrument, time_ns, tick.bid_e9, tick.ask_e9, values);
    const std::uint64_t before = later.candidates();
    later.on_tick(event.instrument, time_ns, tick.bid_e9, tick.ask_e9, is_full ? std::span<const float>() : values);
    if (later.candidates() == before) return true;
    if (before == 0) first_ns = time_ns;
    last_ns = time_ns;
    return true;
  });
  if (auto error = source.error()) return fail(*std::move(error));
  HeldOutRows out{.instrument = times.instrument, .earlier = {}, .later = {}, .ticks = times.ns.size()};
  out.earlier = std::move(earlier).finish(seen_until_ns);
  out.later = std::move(later).finish(seen_until_ns);
  const auto span_ns = static_cast<double>(std::max<std::int64_t>(last_ns - first_ns, 1));
  out.rows_per_horizon = static_cast<double>(out.later.size()) * static_cast<double>(options.horizon_ns) / span_ns;
  return out;
}

}  // namespace thintail
