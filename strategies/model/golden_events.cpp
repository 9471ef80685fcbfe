// SPDX-License-Identifier: Apache-2.0
#include "strategies/model/golden_events.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "ml/predictor/predictor.hpp"
#include "strategies/model/golden_market.hpp"
#include "strategies/pipeline/market_state.hpp"
#include "strategies/pipeline/preamble.hpp"

namespace thintail {
namespace {

using pack::GoldenRow;

// Of valid rows. With fewer the inputs are made longer; a model that never speaks cannot be proven.
constexpr std::size_t kValidRowsWanted = 512;
constexpr std::array kSpans = {GoldenSpan{}, GoldenSpan{.ticks = 12'288, .sparseness = 4},
                               GoldenSpan{.ticks = 24'576, .sparseness = 16}};

Result<InstrumentTable> instruments_of(std::span<const Event> events) {
  PreambleReader reader;
  for (const Event& event : events) {
    if (!reader.take(event)) break;
  }
  TT_TRY(const Preamble preamble, std::move(reader).finish());
  InstrumentTable table(pack::kGoldenInstrumentsMax);
  for (const Instrument& instrument : preamble.instruments) TT_TRY_VOID(table.add(instrument));
  return table;
}

std::size_t valid_rows(std::span<const GoldenRow> rows) {
  return static_cast<std::size_t>(
      std::ranges::count(rows, static_cast<std::uint16_t>(PredictionState::valid), &GoldenRow::state));
}

// What DecisionPipeline does from an input to a prediction.
class GoldenRun {
 public:
  GoldenRun(const DecisionModel& model, const InstrumentTable& instruments, Isa isa)
      : market_(instruments, model.features, isa, instruments.size()),
        predictor_(model, instruments.size()),
        closed_(instruments.size()) {
    for (InstrumentId id = 0; id < instruments.size(); ++id) {
      market_.enable(id);
      predictor_.enable(id);
    }
  }

  void take(const Event& event, std::vector<GoldenRow>& rows) {
    const auto note_bar = [&](InstrumentId id, const ClosedBar& bar) {
      closed_[id] |= 1u << static_cast<unsigned>(bar.period);
    };
    const InstrumentId id = event.instrument;
    switch (event.type) {
      case EventType::tick: rows.push_back(row_of(event, note_bar)); return;
      case EventType::trade: market_.on_trade(id, event.as<Trade>()); return;
      case EventType::book: market_.on_book(id, event.as<Book>(), event.flags); return;
      case EventType::timer: market_.on_timer(event.time_ns, kTimerOutputs, note_bar); return;
      case EventType::gap:
        market_.on_gap();
        predictor_.on_gap();
        return;
      default: return;
    }
  }

 private:
  static constexpr std::size_t kTimerOutputs = 1'024;  // all bars that may close at once

  template <class OnBar>
  GoldenRow row_of(const Event& event, const OnBar& note_bar) {
    const InstrumentId id = event.instrument;
    const auto tick = event.as<Tick>();
    const FeatureRow& row = *market_.on_tick(id, tick, event.time_ns, note_bar);
    const Predictor::Answer answer = predictor_.on_tick(id, row, tick.bid_e9 + tick.ask_e9, closed_[id], event.time_ns);
    predictor_.after_tick(id);
    closed_[id] = 0;
    return {.feature_digest = market_.features()->digest(row),
            .score_bits = std::bit_cast<std::uint32_t>(answer.score),
            .state = static_cast<std::uint16_t>(answer.state),
            .regime = static_cast<std::uint16_t>(predictor_.regime(id))};
  }

  MarketState market_;
  Predictor predictor_;
  std::vector<std::uint32_t> closed_;
};

std::string text_of(const GoldenRow& row, bool features_differ) {
  if (features_differ) return fmt::format("features of digest {:016x}", row.feature_digest);
  return fmt::format("score {:.9g}, state {}, regime {}", std::bit_cast<float>(row.score_bits), row.state, row.regime);
}

}  // namespace

std::vector<Event> golden_inputs(const FeatureSet& set, const GoldenSpan& span) {
  GoldenMarket market(golden_instruments(set), set.needs(), span.sparseness);
  Preamble preamble;
  preamble.instruments = golden_instruments(set);
  std::vector<Event> events = to_events(preamble, market.start_ns(), 0);
  for (std::uint32_t tick = 0; tick < span.ticks; ++tick) market.append_next(events);
  return events;
}

Result<std::vector<GoldenRow>> run_golden(const DecisionModel& model, std::span<const Event> events, Isa isa) {
  TT_TRY(const InstrumentTable instruments, instruments_of(events));
  GoldenRun run(model, instruments, isa);
  std::vector<GoldenRow> rows;
  for (const Event& event : events) run.take(event, rows);
  return rows;
}

Result<void> check_golden_events(const DecisionModel& model, const pack::GoldenEvents& golden, Isa isa,
                                 std::string_view file) {
  auto rows = run_golden(model, golden.events, isa);
  if (!rows) {
    Error& error = rows.error();
    return pack::refuse(file, "golden", error.field, golden.events_offset, std::move(error.expected),
                        std::move(error.found));
  }
  if (valid_rows(golden.rows) == 0) {
    return pack::refuse(file, "golden", "rows", golden.rows_offset, "a valid prediction at least", "none");
  }
  const auto [ours, theirs] = std::ranges::mismatch(*rows, golden.rows);
  if (ours == rows->end()) return {};
  const auto index = static_cast<std::uint64_t>(ours - rows->begin());
  const bool features_differ = ours->feature_digest != theirs->feature_digest;
  return pack::refuse(file, "golden", fmt::format("rows[{}]", index), golden.rows_offset + index * sizeof(GoldenRow),
                      text_of(*theirs, features_differ), text_of(*ours, features_differ) + " computed here",
                      ErrorCode::pack_golden_mismatch);
}

Result<pack::GoldenEvents> make_golden_events(const DecisionModel& model) {
  pack::GoldenEvents golden;
  for (const GoldenSpan& span : kSpans) {
    golden.events = golden_inputs(*model.features, span);
    TT_TRY(golden.rows, run_golden(model, golden.events, Isa::scalar));
    if (valid_rows(golden.rows) >= kValidRowsWanted) return golden;
  }
  if (valid_rows(golden.rows) > 0) return golden;
  return fail({.code = ErrorCode::model_unsupported,
               .doing = "making golden events",
               .file = model.path,
               .field = "warm_up_steps",
               .expected = "a model that speaks within two years of a made-up market",
               .found = fmt::format("no valid prediction in {} ticks", golden.rows.size())});
}

}  // namespace thintail
