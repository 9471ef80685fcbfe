// SPDX-License-Identifier: Apache-2.0
// RowPass: engine time, timers and the split by time.
#include "tools/train/row_pass.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include "strategies/pipeline/decision_pipeline.hpp"
#include "strategies/pipeline/engine_time.hpp"
#include "strategies/pipeline/market_state.hpp"

namespace thintail {

namespace {

constexpr std::uint64_t kTicksPerReport = 1 << 14;

// Calls `on_event(event)` for each tick, trade and level of a book until it returns false or the source ends.
template <class OnEvent>
Result<void> for_each_event(TickSource& source, Progress& progress, std::string_view stage, double share_begin,
                            double share_end, OnEvent&& on_event) {
  Event event;
  for (std::uint64_t count = 0; source.poll(event); ++count) {
    if (count % kTicksPerReport == 0) {
      progress.report(share_begin + (share_end - share_begin) * source.progress(), stage);
    }
    if (!on_event(event)) return {};
  }
  if (auto error = source.error()) return fail(*std::move(error));
  return {};
}

// Refuses, before a tick is read, a source that lacks what the set needs.
Result<TimeSpan> measure_span(const TickSourceOptions& options, const FeatureSet& set, Progress& progress,
                              double progress_end) {
  InstrumentTable instruments;
  TT_TRY(TickSource source, TickSource::open(options, instruments));
  TT_TRY_VOID(set.require(needs_served(source.contents(), instruments.size()), describe(options)));
  TimeSpan span{.first_ns = std::numeric_limits<std::int64_t>::max(),
                .last_ns = std::numeric_limits<std::int64_t>::min()};
  TT_TRY_VOID(for_each_event(source, progress, "measuring the time span", 0, progress_end, [&](const Event& event) {
    if (event.type != EventType::tick) return true;
    span.first_ns = std::min(span.first_ns, event.time_ns);
    span.last_ns = std::max(span.last_ns, event.time_ns);
    ++span.ticks;
    return true;
  }));
  if (span.ticks == 0) {
    return fail({.code = ErrorCode::no_ticks,
                 .doing = "training on " + describe(options),
                 .expected = "ticks",
                 .found = "none"});
  }
  return span;
}

}  // namespace

Result<RowPassResult> collect_rows(const RowPassOptions& options, Progress& progress, double progress_end) {
  const double measured_share = progress_end * 0.3;
  RowPassResult out;
  TT_TRY(out.span, measure_span(options.source, *options.set, progress, measured_share));
  const auto length_ns = static_cast<double>(out.span.last_ns - out.span.first_ns);
  out.cut_ns = out.span.first_ns + static_cast<std::int64_t>(length_ns * options.train_share);
  const auto held_out_ns = static_cast<std::int64_t>(length_ns * options.held_out_share);

  InstrumentTable instruments;
  TT_TRY(TickSource source, TickSource::open(options.source, instruments));
  MarketState market(instruments, options.set, options.isa, instruments.size());
  for (InstrumentId id = 0; id < instruments.size(); ++id) market.enable(id);

  const std::size_t lanes = options.set->lanes().size();
  const LaneMask mandatory = options.set->mandatory();
  RowCollector train(instruments, lanes, options.rows_max, options.horizon_ns, {out.span.first_ns, out.cut_ns});
  std::optional<RowCollector> held_out;  // begins with the first tick after the cut
  std::int64_t held_out_end_ns = std::numeric_limits<std::int64_t>::max();
  const auto no_bar = [](InstrumentId, const ClosedBar&) {};
  EngineTime engine_time;
  std::int64_t seen_until_ns = out.span.first_ns;
  TT_TRY_VOID(
      for_each_event(source, progress, "computing features", measured_share, progress_end, [&](const Event& event) {
        const std::int64_t time_ns = engine_time.advance(event.time_ns, [&](std::int64_t timer_ns) {
          market.on_timer(timer_ns, DecisionPipeline::kTimerBarOutputs, no_bar);
        });
        if (event.type == EventType::trade) market.on_trade(event.instrument, event.as<Trade>());
        if (event.type == EventType::book) market.on_book(event.instrument, event.as<Book>(), event.flags);
        if (event.type != EventType::tick) return true;
        seen_until_ns = time_ns;
        if (time_ns > held_out_end_ns) return false;
        if (time_ns > out.cut_ns && !held_out) {
          held_out_end_ns = time_ns + held_out_ns;
          held_out.emplace(instruments, lanes, options.rows_max, options.horizon_ns,
                           RowCollector::Span{time_ns, held_out_end_ns});
        }
        const auto tick = event.as<Tick>();
        const FeatureRow* row = market.on_tick(event.instrument, tick, time_ns, no_bar);
        const bool usable = row->defined.contains(mandatory);
        const std::span<const float> values = usable ? std::span(row->values).first(lanes) : std::span<const float>();
        train.on_tick(event.instrument, time_ns, tick.bid_e9, tick.ask_e9, values);
        if (held_out) held_out->on_tick(event.instrument, time_ns, tick.bid_e9, tick.ask_e9, values);
        return true;
      }));
  out.candidates = train.candidates();
  out.train = std::move(train).finish(seen_until_ns);
  if (held_out) out.held_out = std::move(*held_out).finish(seen_until_ns);
  return out;
}

}  // namespace thintail
