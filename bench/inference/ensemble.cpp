// SPDX-License-Identifier: Apache-2.0
// ensemble_full: one tick's row through a whole decision model: trees, an LSTM and a perceptron in int8, weights learned online, a regime
// filter on every row. Peers: the members alone, in the libraries (XGBoost, Eigen), one after the other, without ensemble or regime; and
// ours on the scalar kernels, whose answers must have the same bits.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <optional>

#include "bench/harness/pinned.hpp"
#include "bench/harness/stopwatch.hpp"
#include "bench/inference/eigen_network.hpp"
#include "bench/inference/plain_ensemble.hpp"
#include "bench/inference/suite.hpp"
#include "bench/inference/tree_rows.hpp"
#include "bench/inference/xgboost_training.hpp"
#include "bench/peers/xgboost_row.hpp"
#include "ml/networks/quantize_network.hpp"
#include "ml/predictor/predictor.hpp"

namespace thintail::bench {
namespace {

constexpr std::uint32_t kWidth = 64;
constexpr std::size_t kTrainingRows = 20'000;
constexpr std::size_t kRows = 4'096;
constexpr std::size_t kCalibrationRows = 2'048;
constexpr int kRepetitions = 5;
constexpr std::int64_t kTickNs = 250'000'000;
constexpr double kErrorMax = 0.02;
constexpr double kCalibratedMax = 0.016;  // leaves room for rows that calibration has not seen
constexpr const char* kScalar = "ours on the scalar kernels";

std::string peer_name() { return XgboostRow::name() + ", Eigen 3.4 float32: the members alone"; }

// What the model is made of, for ours and for the peers.
struct Parts {
  TreeRows rows;
  std::string trees_json;
  NetworkSpec lstm;
  NetworkSpec perceptron;
};

Result<Parts> make_parts(const Options& options) {
  Parts parts;
  const TreeRows training = make_tree_rows(options.iterations != 0 ? 300 : kTrainingRows, kWidth, 0, 1);
  parts.rows = make_tree_rows(options.iterations_or(kRows), kWidth, 0, 2);
  TT_TRY(parts.trees_json, train_xgboost({.trees = 100}, training.values, training.labels));
  parts.lstm = {.inputs = kWidth,
                .layers = {make_layer(LayerKind::lstm, kWidth, kWidth, Activation::linear, 31),
                           make_layer(LayerKind::dense, kWidth, 1, Activation::linear, 61)}};
  parts.perceptron = {.inputs = kWidth,
                      .layers = {make_layer(LayerKind::dense, 64, 128, Activation::relu, 1),
                                 make_layer(LayerKind::dense, 128, 64, Activation::relu, 11),
                                 make_layer(LayerKind::dense, 64, 3, Activation::linear, 21)}};
  return parts;
}

// Four states of the first two features; every row a step.
RegimeModel make_regime() {
  RegimeModel regime{.name = "rows", .features = {"first", "second"}};
  const double mean[4][2] = {{0.0, -0.5}, {1.0, 0.0}, {-1.0, 0.0}, {0.0, 1.0}};
  regime.hmm.states = 4;
  regime.hmm.features = 2;
  regime.hmm.volatility_feature = 1;
  for (std::size_t i = 0; i < 4; ++i) {
    regime.hmm.initial[i] = 0.25;
    for (std::size_t j = 0; j < 4; ++j) regime.hmm.transition[i][j] = i == j ? 0.85 : 0.05;
    for (std::size_t f = 0; f < 2; ++f) {
      regime.hmm.mean[i][f] = mean[i][f];
      regime.hmm.variance[i][f] = 0.5;
    }
  }
  regime.change = {.probability_min = 0.7, .margin_min = 0.3, .steps_min = 2};
  regime.table.members = 3;
  for (std::size_t i = 0; i < kRegimeLabels; ++i) {
    regime.table.rows[i] = {.risk_scale = 0.5, .weights = {1.0, 0.5 + 0.25 * static_cast<double>(i), 1.0}};
  }
  return regime;
}

Result<DecisionModel> make_model(const Parts& parts, Isa isa) {
  const auto rows = normal_numbers(kCalibrationRows * kWidth, 1.0f, 78);
  TT_TRY(TreeEnsemble trees, TreeEnsemble::from_xgboost_json(parts.trees_json, "trained", isa));
  TT_TRY(QuantizedNetwork lstm, quantize_within(parts.lstm, rows, kCalibratedMax, isa));
  TT_TRY(QuantizedNetwork perceptron, quantize_within(parts.perceptron, rows, kCalibratedMax, isa));
  DecisionModel model;
  TT_TRY(model.features, FeatureSet::find("scalper-64"));
  std::vector<std::uint16_t> lanes(kWidth);
  for (std::size_t i = 0; i < lanes.size(); ++i) lanes[i] = static_cast<std::uint16_t>(i);
  const auto add = [&](const char* name, auto&& of) {
    model.members.push_back(
        {.name = name, .model = std::forward<decltype(of)>(of), .lanes = lanes, .scaling = {}, .period = {}});
  };
  add("trees", std::move(trees));
  add("lstm", std::move(lstm.network));
  add("perceptron", std::move(perceptron.network));
  model.mandatory = model.features->mandatory();
  model.regime = make_regime();
  model.regime_lanes = {0, 1};
  model.ensemble.rule = EnsembleRule::online;
  model.ensemble.members = 3;
  for (MemberConfig& member : model.ensemble.member) member.age_ns_max = 4 * kTickNs;
  model.ensemble.outcome = {.horizon_ns = 10'000'000'000, .sample_ns = 1'000'000'000, .silence_ns_max = 10'000'000'000};
  TT_TRY_VOID(model.validate());
  return model;
}

// Row i as a tick has it: every lane defined, a mid that wanders.
struct Ticks {
  explicit Ticks(const TreeRows& rows) {
    std::int64_t twice_mid_e9 = 2'600'000'000'000;
    for (std::size_t i = 0; i < rows.count(); ++i) {
      FeatureRow& row = made.emplace_back();
      std::copy_n(rows.row(i), kWidth, row.values.data());
      for (std::size_t lane = 0; lane < kWidth; ++lane) row.defined.set(lane);
      twice_mid_e9 += static_cast<std::int64_t>(rows.labels[i] * 2e7f);
      twice_mids_e9.push_back(twice_mid_e9);
    }
  }
  static std::int64_t time_ns(std::size_t i) noexcept { return static_cast<std::int64_t>(i + 1) * kTickNs; }

  std::vector<FeatureRow> made;
  std::vector<std::int64_t> twice_mids_e9;
};

// One repetition's answers, and what each member said; samples are of all repetitions.
struct Contender {
  std::vector<float> answers;
  std::array<std::vector<float>, 3> said;
  std::vector<double> samples_ns;
  std::vector<double> after_ns;

  explicit Contender(std::size_t rows)
      : answers(rows), samples_ns(sample_room(rows * kRepetitions)), after_ns(sample_room(rows * kRepetitions)) {
    said.fill(std::vector<float>(rows));
  }
};

// How often the regime changed; nothing where a row was not answered.
std::optional<std::size_t> run_ours(const DecisionModel& model, const Ticks& ticks, const EngineClock& clock,
                                    Contender& out) {
  Predictor predictor(model, 1);
  predictor.enable(0);
  bool is_valid = true;
  std::size_t changes = 0;
  FeatureRow row;
  for (std::size_t i = 0; i < out.answers.size(); ++i) {
    row = ticks.made[i];  // where a feature engine has just written it
    const std::uint64_t begin = stamp();
    const Predictor::Answer answer = predictor.on_tick(0, row, ticks.twice_mids_e9[i], 0, Ticks::time_ns(i));
    const std::uint64_t end = stamp();
    predictor.after_tick(0);
    const std::uint64_t after = stamp();
    out.samples_ns.push_back(static_cast<double>(clock.to_ns(end - begin)));
    out.after_ns.push_back(static_cast<double>(clock.to_ns(after - end)));
    out.answers[i] = answer.score;
    is_valid = is_valid && answer.state == PredictionState::valid;
    changes += answer.regime_changed ? 1 : 0;
    for (std::size_t m = 0; m < 3; ++m) out.said[m][i] = static_cast<float>(predictor.ensemble(0)->state().score[m]);
  }
  if (!is_valid) return std::nullopt;
  return changes;
}

// The same members without all that Predictor does around them.
void run_members_alone(const DecisionModel& model, const Ticks& ticks, const EngineClock& clock,
                       std::vector<double>& samples_ns) {
  const auto& trees = std::get<TreeEnsemble>(model.members[0].model);
  const auto& lstm = std::get<Network>(model.members[1].model);
  const auto& perceptron = std::get<Network>(model.members[2].model);
  NetworkBlock state = lstm.make_state();
  NetworkBlock scratch = lstm.make_scratch();
  NetworkBlock perceptron_scratch = perceptron.make_scratch();
  std::array<float, 4> said{};
  FeatureRow row;
  for (const FeatureRow& made : ticks.made) {
    row = made;
    const std::uint64_t begin = stamp();
    said[0] = trees.margin(row.values.data());
    lstm.predict(row.values.data(), state.front().lanes, scratch.front().lanes, &said[1]);
    keep(said);
    perceptron.predict(row.values.data(), nullptr, perceptron_scratch.front().lanes, &said[1]);
    keep(said);
    const std::uint64_t end = stamp();
    lstm.prepare(state.front().lanes, scratch.front().lanes);
    samples_ns.push_back(static_cast<double>(clock.to_ns(end - begin)));
  }
}

bool run_peers(const Parts& parts, XgboostRow& library, const EngineClock& clock, Contender& out) {
  EigenNetwork lstm(parts.lstm);
  EigenNetwork perceptron(parts.perceptron);
  std::vector<float> classes(3 * out.answers.size());
  bool predicted = true;
  for (std::size_t i = 0; i < out.answers.size(); ++i) {
    const float* const row = parts.rows.row(i);
    std::copy_n(row, kWidth, library.row().data());
    const std::uint64_t begin = stamp();
    predicted = library.predict(out.said[0][i]) && predicted;
    lstm.step(row, &out.said[1][i]);
    perceptron.step(row, classes.data() + 3 * i);
    const std::uint64_t end = stamp();
    out.samples_ns.push_back(static_cast<double>(clock.to_ns(end - begin)));
    out.said[2][i] = classes[3 * i];
  }
  return predicted;
}

// The peers' answers: their members' through the control. Returns how often the regime changed.
std::size_t combine(const DecisionModel& model, const Parts& parts, const Ticks& ticks, Contender& peers) {
  PlainEnsemble plain(model);
  for (std::size_t i = 0; i < peers.answers.size(); ++i) {
    const std::array<double, 3> said = {double{peers.said[0][i]}, double{peers.said[1][i]}, double{peers.said[2][i]}};
    peers.answers[i] = static_cast<float>(
        plain.answer(said, {parts.rows.row(i), 2}, static_cast<double>(ticks.twice_mids_e9[i]), Ticks::time_ns(i)));
  }
  return plain.regimes_seen();
}

std::uint64_t equal_bits(const std::vector<float>& a, const std::vector<float>& b) {
  std::uint64_t equal = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    equal += std::bit_cast<std::uint32_t>(a[i]) == std::bit_cast<std::uint32_t>(b[i]) ? 1 : 0;
  }
  return equal;
}

// Trees to the bit; what is in int8, and the whole answer, within the gate.
Result<std::string> check(const Contender& ours, std::size_t our_changes, const Contender& peers,
                          std::size_t their_changes) {
  const std::size_t count = ours.answers.size();
  if (our_changes != their_changes) TT_TRY_VOID(all_equal(our_changes, their_changes, "changes of the regime"));
  TT_TRY_VOID(all_equal(equal_bits(ours.said[0], peers.said[0]), count, "margins of the trees"));
  const double whole = quantization_error(ours.answers, peers.answers);
  const double lstm = quantization_error(ours.said[1], peers.said[1]);
  const double perceptron = quantization_error(ours.said[2], peers.said[2]);
  const bool is_close = whole <= kErrorMax && lstm <= kErrorMax && perceptron <= kErrorMax;
  return all_equal(
      is_close ? count : 0, count,
      fmt::format("rows; trees to the bit, RMS(q - f) / std(f) of LSTM {:.4f}, perceptron {:.4f}, answer {:.4f}, "
                  "each at most {}",
                  lstm, perceptron, whole, kErrorMax));
}

}  // namespace

Result<std::vector<CaseResult>> ensemble_full(const Options& options) {
  const Pinned pinned(allowed_cpus().back());
  TT_TRY(const EngineClock clock, EngineClock::calibrate());
  TT_TRY(const Parts parts, make_parts(options));
  const Ticks ticks(parts.rows);
  TT_TRY(const DecisionModel model, make_model(parts, options.isa));
  TT_TRY(const DecisionModel scalar_model, make_model(parts, Isa::scalar));
  TT_TRY(XgboostRow library, XgboostRow::create(parts.trees_json, kWidth));
  const std::size_t count = parts.rows.count();
  Contender ours(count);
  Contender scalar(count);
  Contender peers(count);
  std::vector<double> alone_ns = sample_room(count * kRepetitions);
  std::string peers_checked;
  std::string scalar_checked;
  std::optional<std::size_t> changes;
  for (int repetition = 0; repetition < options.repetitions(kRepetitions); ++repetition) {
    changes = run_ours(model, ticks, clock, ours);
    if (!changes)
      return fail({.code = ErrorCode::internal, .doing = "running ensemble_full", .found = "a row without an answer"});
    if (options.ours_alone) continue;
    run_members_alone(model, ticks, clock, alone_ns);
    if (options.mutant) ours.answers.front() += 100.0f;
    run_ours(scalar_model, ticks, clock, scalar);
    if (!run_peers(parts, library, clock, peers))
      return fail({.code = ErrorCode::peer_absent, .doing = "predicting a row with XGBoost"});
    TT_TRY(peers_checked, check(ours, *changes, peers, combine(model, parts, ticks, peers)));
    TT_TRY(scalar_checked, all_equal(equal_bits(ours.answers, scalar.answers), count, "answers to the bit"));
  }
  CaseResult result{
      .name = "ensemble_full",
      .unit = "ns",
      .ours = stats_of(ours.samples_ns),
      .target = "<= 450: 600 from tick to intent less 150 of its features",
      .note = fmt::format(
          "100 trees of depth 6, LSTM 64 with a head, perceptron 64-128-64-3, online weights, 4 regimes ({} "
          "changes), {} rows in turn; what is prepared after the answer takes {:.0f} ns more; the stopwatch "
          "alone reads {} ns",
          changes.value_or(0), count, stats_of(ours.after_ns).p50, stopwatch_cost_ns(clock))};
  if (options.ours_alone) {
    for (const std::string& peer : {peer_name(), std::string(kScalar)}) result.add_left_out(peer);
  } else {
    result.set_limit("our members alone", stats_of(alone_ns).p50);
    result.add_peer(peer_name(), stats_of(peers.samples_ns), std::move(peers_checked));
    result.add_peer(kScalar, stats_of(scalar.samples_ns), std::move(scalar_checked));
  }
  return std::vector<CaseResult>{std::move(result)};
}

}  // namespace thintail::bench
