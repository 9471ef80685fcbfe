// SPDX-License-Identifier: Apache-2.0
// pack: one row through a pack's model, another row each time: golden inputs of kind vector, of kind events the feature rows of
// golden ticks through the predictor. The control is the same pack laid out for the plainest kernels; answers must be equal
// to the bit.
#include <fmt/format.h>

#include <bit>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "bench/harness/pinned.hpp"
#include "bench/harness/stopwatch.hpp"
#include "bench/model/suite.hpp"
#include "core/base/whole_file.hpp"
#include "ml/pack/pack_container.hpp"
#include "ml/pack/vector_pack.hpp"
#include "ml/predictor/predictor.hpp"
#include "strategies/model/decision_model_file.hpp"
#include "strategies/pipeline/market_state.hpp"
#include "strategies/pipeline/preamble.hpp"

namespace thintail::bench {
namespace {

constexpr int kRepetitions = 9;
constexpr std::size_t kTimerOutputs = 1'024;  // all bars that may close at once

struct Timed {
  std::vector<std::uint64_t> answers;  // bits, of the newest repetition
  std::vector<double> samples_ns;
};

// `step(i)` is timed, `answer(i)` and what prepares the next row are not.
template <class Step, class Answer>
void time_rows(std::size_t rows, const EngineClock& clock, Timed& out, Step&& step, Answer&& answer) {
  out.answers.clear();
  for (std::size_t i = 0; i < rows; ++i) {
    const std::uint64_t begin = stamp();
    step(i);
    const std::uint64_t end = stamp();
    out.samples_ns.push_back(static_cast<double>(clock.to_ns(end - begin)));
    answer(i, out.answers);
  }
}

// --- kind vector -----------------------------------------------------------------------------------------------------

struct GoldenInputs {
  std::vector<float> values;
  std::size_t width = 0;
  std::size_t rows = 0;
};

// REQUIRES: the pack was read, and with it its golden section.
GoldenInputs golden_inputs_of(const pack::Container& container) {
  GoldenInputs out;
  for (const pack::Section& section : container.sections) {
    if (section.name != "golden") continue;
    const pack::ArrayView<std::uint32_t> counts(section, 0, 4);
    out.rows = counts[0];
    out.width = counts[1];
    const pack::ArrayView<float> inputs(section, 4 * sizeof(std::uint32_t), out.rows * out.width);
    for (std::size_t i = 0; i < inputs.size(); ++i) out.values.push_back(inputs[i]);
  }
  return out;
}

void time_vector(const pack::AnyVectorPack& any, const GoldenInputs& inputs, std::size_t rows, const EngineClock& clock,
                 Timed& out) {
  const auto row_at = [&](std::size_t i) { return inputs.values.data() + i % inputs.rows * inputs.width; };
  if (const auto* trees = std::get_if<pack::VectorPack>(&any)) {
    std::vector<double> margins(trees->trees.output_count());
    time_rows(
        rows, clock, out, [&](std::size_t i) { trees->trees.margins(row_at(i), margins.data()); },
        [&](std::size_t, auto& answers) {
          for (const double margin : margins) answers.push_back(std::bit_cast<std::uint64_t>(margin));
        });
    return;
  }
  const Network& network = std::get<pack::NetworkPack>(any).network;
  NetworkBlock state_block = network.make_state();
  NetworkBlock scratch_block = network.make_scratch();
  auto* const state = reinterpret_cast<float*>(state_block.data());
  auto* const scratch = reinterpret_cast<float*>(scratch_block.data());
  std::vector<float> spoken(network.outputs());
  time_rows(
      rows, clock, out, [&](std::size_t i) { network.predict(row_at(i), state, scratch, spoken.data()); },
      [&](std::size_t, auto& answers) {
        network.prepare(state, scratch);
        for (const float one : spoken) answers.push_back(std::bit_cast<std::uint32_t>(one));
      });
}

// --- kind events -----------------------------------------------------------------------------------------------------

struct TickRow {
  InstrumentId id;
  std::uint32_t closed;
  std::int64_t twice_mid_e9;
  std::int64_t time_ns;
  FeatureRow row;
};

struct GoldenTicks {
  std::size_t instruments = 0;
  std::vector<TickRow> rows;
};

Result<GoldenTicks> golden_ticks_of(const LoadedPack& loaded, Isa isa) {
  PreambleReader reader;
  for (const Event& event : loaded.pack.golden.events) {
    if (!reader.take(event)) break;
  }
  TT_TRY(const Preamble preamble, std::move(reader).finish());
  InstrumentTable instruments(pack::kGoldenInstrumentsMax);
  for (const Instrument& instrument : preamble.instruments) TT_TRY_VOID(instruments.add(instrument));
  MarketState market(instruments, loaded.model.features, isa, instruments.size());
  for (InstrumentId id = 0; id < instruments.size(); ++id) market.enable(id);
  std::vector<std::uint32_t> closed(instruments.size());
  const auto note_bar = [&](InstrumentId id, const ClosedBar& bar) {
    closed[id] |= 1U << static_cast<unsigned>(bar.period);
  };
  GoldenTicks out{.instruments = instruments.size(), .rows = {}};
  for (const Event& event : loaded.pack.golden.events) {
    const InstrumentId id = event.instrument;
    if (event.type == EventType::trade) market.on_trade(id, event.as<Trade>());
    if (event.type == EventType::book) market.on_book(id, event.as<Book>(), event.flags);
    if (event.type == EventType::timer) market.on_timer(event.time_ns, kTimerOutputs, note_bar);
    if (event.type == EventType::gap) market.on_gap();
    if (event.type != EventType::tick) continue;
    const auto tick = event.as<Tick>();
    const FeatureRow& row = *market.on_tick(id, tick, event.time_ns, note_bar);
    out.rows.push_back({id, std::exchange(closed[id], 0U), tick.bid_e9 + tick.ask_e9, event.time_ns, row});
  }
  return out;
}

void time_events(const DecisionModel& model, const GoldenTicks& ticks, std::size_t rows, const EngineClock& clock,
                 Timed& out) {
  Predictor predictor(model, ticks.instruments);
  for (InstrumentId id = 0; id < ticks.instruments; ++id) predictor.enable(id);
  Predictor::Answer said;
  time_rows(
      std::min(rows, ticks.rows.size()), clock, out,
      [&](std::size_t i) {
        const TickRow& at = ticks.rows[i];
        said = predictor.on_tick(at.id, at.row, at.twice_mid_e9, at.closed, at.time_ns);
      },
      [&](std::size_t i, auto& answers) {
        predictor.after_tick(ticks.rows[i].id);
        answers.push_back(std::uint64_t{std::bit_cast<std::uint32_t>(said.score)} << 32 |
                          static_cast<std::uint64_t>(said.state));
      });
}

// --- both ------------------------------------------------------------------------------------------------------------

// `run(timed, is_ours)` takes every row once.
template <class Run>
Result<std::vector<CaseResult>> compare(const Options& options, const EngineClock& clock, std::string note, Run&& run) {
  const Pinned pinned(allowed_cpus().back());
  Timed ours;
  Timed plain;
  std::string checked;
  for (int repetition = 0; repetition < options.repetitions(kRepetitions); ++repetition) {
    run(ours, true);
    if (options.ours_alone) continue;
    if (options.mutant) ours.answers.front() ^= 1U;
    run(plain, false);
    std::uint64_t equal = 0;
    for (std::size_t i = 0; i < ours.answers.size(); ++i) equal += ours.answers[i] == plain.answers[i];
    TT_TRY(checked, all_equal(equal, plain.answers.size(), "answers of the plainest kernels"));
  }
  CaseResult result{.name = "pack",
                    .unit = "ns",
                    .ours = stats_of(ours.samples_ns),
                    .target = "none: a model of yours",
                    .note = std::move(note) + fmt::format("; {} answers; the stopwatch alone reads {} ns",
                                                          ours.answers.size(), stopwatch_cost_ns(clock))};
  constexpr const char* kPlain = "the same pack on the plainest kernels";
  if (options.ours_alone) {
    result.add_left_out(kPlain);
  } else {
    result.add_peer(kPlain, stats_of(plain.samples_ns), std::move(checked));
  }
  return std::vector<CaseResult>{std::move(result)};
}

}  // namespace

Result<std::vector<CaseResult>> pack_rows(const Options& options) {
  if (options.model.empty()) {
    return fail({.code = ErrorCode::usage,
                 .doing = "benching a pack",
                 .field = "--model",
                 .expected = "a .ttm file",
                 .found = "none"});
  }
  TT_TRY(const EngineClock clock, EngineClock::calibrate());
  TT_TRY(const std::string bytes, read_whole_file(options.model, model_reading("reading a model pack")));
  TT_TRY(const pack::Container container, pack::open_container(bytes, options.model));
  if (container.kind == pack::Kind::vector) {
    TT_TRY(const pack::AnyVectorPack ours, pack::decode_any_vector_pack(bytes, options.model, options.isa));
    TT_TRY(const pack::AnyVectorPack plain, pack::decode_any_vector_pack(bytes, options.model, Isa::scalar));
    const GoldenInputs inputs = golden_inputs_of(container);
    const std::size_t rows = options.iterations_or(inputs.rows);
    const auto* trees = std::get_if<pack::VectorPack>(&ours);
    return compare(
        options, clock,
        trees != nullptr ? fmt::format("{} trees of kind vector", trees->trees.tree_count())
                         : std::string("a network of kind vector, state carried"),
        [&](Timed& timed, bool is_ours) { time_vector(is_ours ? ours : plain, inputs, rows, clock, timed); });
  }
  TT_TRY(const LoadedPack ours, decode_pack(bytes, options.model, options.isa));
  TT_TRY(const LoadedPack plain, decode_pack(bytes, options.model, Isa::scalar));
  TT_TRY(const GoldenTicks ticks, golden_ticks_of(ours, options.isa));
  const std::size_t rows = options.iterations_or(ticks.rows.size());
  return compare(
      options, clock, describe(ours.model) + " on features of golden ticks, ensemble and regime included",
      [&](Timed& timed, bool is_ours) { time_events((is_ours ? ours : plain).model, ticks, rows, clock, timed); });
}

}  // namespace thintail::bench
