// SPDX-License-Identifier: Apache-2.0
// Neural networks of FIGURES.md's shapes, a row at a time, quantized as far as the accuracy gate allows, beside our own
// float32 form, the same network written with Eigen, and libtorch where it is installed. The limit of each is what reading
// its weights once takes from the cache that they fit in. Answers are checked: the peers' with float32's, the quantized ones
// with float32's within the gate RMS(q - f) / std(f) <= 0.02.
#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "bench/harness/pinned.hpp"
#include "bench/harness/stopwatch.hpp"
#include "bench/inference/eigen_network.hpp"
#include "bench/inference/suite.hpp"
#include "bench/peers/torch_network.hpp"
#include "ml/networks/quantize_network.hpp"

namespace thintail::bench {
namespace {

constexpr std::uint32_t kWidth = 64;
constexpr std::uint32_t kStacWidth = 100;
constexpr std::size_t kStacWindow = 50;
constexpr std::size_t kRows = 4'096;
constexpr std::size_t kWindows = 256;
// Enough that no branch or cache knows them, few enough to stay near.
constexpr std::size_t kDistinctRows = 1'024;
constexpr std::size_t kCalibrationRows = 2'048;
constexpr int kRepetitions = 5;
constexpr double kErrorMax = 0.02;
constexpr double kCalibratedMax = 0.018;  // leaves room for rows that calibration has not seen
constexpr double kFloatTolerance = 1e-4;
constexpr const char* kFloat32 = "our float32 form";
constexpr const char* kEigen = "Eigen 3.4, float32";

struct Work {
  NetworkSpec spec;
  std::string name;
  std::string target;
  bool is_prepared = false;  // U h + b is computed outside of the interval
  std::size_t window = 0;  // rows of one run from a fresh state; 0: one row follows the other
  std::size_t rows_before = 0;  // that follow each other before the first one timed
};

// One contender: how often it is asked, and what it says. A row, or a window of rows, is copied to where the last one was
// before the interval, as a feature engine leaves its row in the cache.
struct Contender {
  std::size_t inputs;
  std::size_t outputs;
  std::vector<float> answers;
  std::vector<double> samples_ns;
  std::vector<NetworkLine> line;
  std::vector<float> out;

  Contender(const Work& work, std::size_t count)
      : inputs(work.spec.inputs * std::max<std::size_t>(work.window, 1)),
        outputs(work.spec.outputs()),
        answers(count * outputs),
        samples_ns(sample_room(count * kRepetitions)),
        line((inputs + kNetworkLanes - 1) / kNetworkLanes),
        out(outputs) {}

  template <class Before, class Step, class After>
  void run(const std::vector<float>& rows, std::size_t stride, const EngineClock& clock, Before&& before, Step&& step,
           After&& after) {
    auto* const row = reinterpret_cast<float*>(line.data());
    for (std::size_t i = 0; i < answers.size() / outputs; ++i) {
      std::copy_n(rows.begin() + static_cast<std::ptrdiff_t>(i % kDistinctRows * stride), inputs, row);
      before();
      const std::uint64_t begin = stamp();
      step(row, out.data());
      const std::uint64_t end = stamp();
      after();
      samples_ns.push_back(static_cast<double>(clock.to_ns(end - begin)));
      std::ranges::copy(out, answers.begin() + static_cast<std::ptrdiff_t>(i * outputs));
    }
  }
};

// One network's state and scratch, started afresh by each repetition.
struct Running {
  const Network& network;
  std::size_t window;
  NetworkBlock state_block = network.make_state();
  NetworkBlock scratch_block = network.make_window_scratch(window);
  float* state = reinterpret_cast<float*>(state_block.data());
  float* scratch = reinterpret_cast<float*>(scratch_block.data());
};

void run_ours(Running& of, const Work& work, const std::vector<float>& rows, const EngineClock& clock, Contender& out) {
  const Network& network = of.network;
  network.reset(of.state, of.scratch);
  for (std::size_t i = 0; i < work.rows_before; ++i) {
    network.step(rows.data() + i * work.spec.inputs, of.state, of.scratch, out.out.data());
  }
  const auto nothing = [] {};
  if (work.window != 0) {
    out.run(
        rows, work.spec.inputs, clock, nothing,
        [&](const float* row, float* to) {
          network.window({row, work.window * work.spec.inputs}, of.state, of.scratch, to);
        },
        nothing);
  } else if (work.is_prepared) {
    out.run(
        rows, work.spec.inputs, clock, nothing,
        [&](const float* row, float* to) { network.predict(row, of.state, of.scratch, to); },
        [&] { network.prepare(of.state, of.scratch); });
  } else {
    out.run(
        rows, work.spec.inputs, clock, nothing,
        [&](const float* row, float* to) { network.step(row, of.state, of.scratch, to); }, nothing);
  }
}

// `create` gives a peer in its first state.
template <class Create>
void run_peer(const Work& work, const std::vector<float>& rows, const EngineClock& clock, Contender& out,
              const Create& create) {
  auto peer = create();
  for (std::size_t i = 0; i < work.rows_before; ++i) peer->step(rows.data() + i * work.spec.inputs, out.out.data());
  out.run(
      rows, work.spec.inputs, clock,
      [&] {
        if (work.window != 0) peer.emplace(std::move(*create()));
      },
      [&](const float* row, float* to) {
        for (std::size_t i = 0; i < std::max<std::size_t>(work.window, 1); ++i)
          peer->step(row + i * work.spec.inputs, to);
      },
      [] {});
}

Result<std::string> near(const std::vector<float>& a, const std::vector<float>& b, double tolerance,
                         std::string_view what) {
  std::uint64_t equal = 0;
  for (std::size_t i = 0; i < a.size(); ++i) equal += std::fabs(double{a[i]} - double{b[i]}) <= tolerance;
  return all_equal(equal, a.size(), what);
}

// Four sums, so that none waits for the last. Written with the compiler's own vectors: they become registers of the target.
template <class Vector>
[[gnu::always_inline]] inline void read_all(const NetworkLine* lines, std::size_t count) noexcept {
  constexpr std::size_t kVectors = sizeof(NetworkLine) / sizeof(Vector);
  Vector seen[4] = {};
  for (std::size_t i = 0; i < count; i += 4) {
    for (std::size_t k = 0; k < 4; ++k) {
      const auto* line = reinterpret_cast<const Vector*>(lines + i + k);
      for (std::size_t v = 0; v < kVectors; ++v) seen[k] |= line[v];
    }
  }
  const Vector all = (seen[0] | seen[1]) | (seen[2] | seen[3]);
  keep(all[0]);
}

using Bytes32 [[gnu::vector_size(32), gnu::may_alias]] = long long;
using Bytes64 [[gnu::vector_size(64), gnu::may_alias]] = long long;

void read_by_32(const NetworkLine* lines, std::size_t count) noexcept { read_all<Bytes32>(lines, count); }
[[gnu::target("avx512f")]] void read_by_64(const NetworkLine* lines, std::size_t count) noexcept {
  read_all<Bytes64>(lines, count);
}

// What reading so many bytes takes once they are in the cache nearest to hold them: no step that needs them all is faster.
double reading_ns(std::size_t bytes, Isa isa, const EngineClock& clock) {
  constexpr std::size_t kTimes = 64;
  const NetworkBlock block((bytes + 4 * sizeof(NetworkLine) - 1) / sizeof(NetworkLine) / 4 * 4);
  std::vector<double> samples = sample_room(65);
  for (int sample = 0; sample < 65; ++sample) {
    const std::uint64_t begin = stamp();
    for (std::size_t time = 0; time < kTimes; ++time) {
      const NetworkLine* lines = block.data();
      keep(lines);
      if (isa == Isa::avx512) {
        read_by_64(lines, block.size());
      } else {
        read_by_32(lines, block.size());
      }
    }
    samples.push_back(static_cast<double>(clock.to_ns(stamp() - begin)) / double{kTimes});
  }
  return stats_of(samples).p50;
}

std::string forms_of(const Network& network, Isa isa) {
  const char* by = vnni_available() && isa == Isa::avx512 ? "VNNI" : "madd";
  return fmt::format("{} of {} matrices in int8, {} in int16, {} in float32, by {}",
                     network.matrices_in(MatrixForm::int8), network.matrices(), network.matrices_in(MatrixForm::int16),
                     network.matrices_in(MatrixForm::float32), by);
}

Result<std::vector<CaseResult>> run_case(const Options& options, const Work& work) {
  const Pinned pinned(allowed_cpus().back());
  TT_TRY(const EngineClock clock, EngineClock::calibrate());
  const NetworkSpec& spec = work.spec;
  const std::size_t count = options.iterations_or(work.window == 0 ? kRows : kWindows);
  const auto rows = normal_numbers((kDistinctRows + work.window) * spec.inputs, 1.0f, 77);
  TT_TRY(const Network exact, Network::make(spec, options.isa));
  const auto calibration = normal_numbers(kCalibrationRows * spec.inputs, 1.0f, 78);
  TT_TRY(const QuantizedNetwork chosen, quantize_within(spec, calibration, kCalibratedMax, options.isa));
  const Network& quantized = chosen.network;
  Running of_quantized{quantized, work.window};
  Running of_exact{exact, work.window};
  Contender ours(work, count);
  Contender float32(work, count);
  Contender eigen(work, count);
  Contender torch(work, count);
  std::string float32_checked;
  std::string eigen_checked;
  std::string torch_checked;
  std::string torch_absent = options.ours_alone ? std::string("left out (--ours-alone)") : TorchNetwork::absent();
  for (int repetition = 0; repetition < options.repetitions(kRepetitions); ++repetition) {
    run_ours(of_quantized, work, rows, clock, ours);
    if (options.ours_alone) continue;
    if (options.mutant) ours.answers.front() += 100.0f;
    run_ours(of_exact, work, rows, clock, float32);
    run_peer(work, rows, clock, eigen, [&] { return std::optional<EigenNetwork>(spec); });
    TT_TRY(eigen_checked, near(eigen.answers, float32.answers, kFloatTolerance, "answers of float32, to 1e-4"));
    if (torch_absent.empty()) {
      TT_TRY(const TorchNetwork checked, TorchNetwork::create(spec));
      run_peer(work, rows, clock, torch, [&] {
        auto made = TorchNetwork::create(spec);
        return made ? std::optional<TorchNetwork>(std::move(*made)) : std::nullopt;
      });
      TT_TRY(torch_checked, near(torch.answers, float32.answers, kFloatTolerance, "answers of float32, to 1e-4"));
    }
    const double error = quantization_error(ours.answers, float32.answers);
    TT_TRY(float32_checked, all_equal(error <= kErrorMax ? count : 0, count,
                                      fmt::format("rows; RMS(q - f) / std(f) = {:.4f}, at most {}", error, kErrorMax)));
  }
  CaseResult result{
      .name = work.name,
      .unit = "ns",
      .ours = stats_of(ours.samples_ns),
      .target = work.target,
      .note = fmt::format("{}; {} {} in turn; the stopwatch alone reads {} ns", forms_of(quantized, options.isa), count,
                          work.window == 0 ? "rows" : "windows", stopwatch_cost_ns(clock))};
  const std::size_t bytes = quantized.weight_bytes();
  const auto steps = static_cast<double>(std::max<std::size_t>(work.window, 1));
  result.set_limit(fmt::format("{} bytes of weights read once{}", bytes, work.window == 0 ? "" : " a row"),
                   reading_ns(bytes, options.isa, clock) * steps);
  if (options.ours_alone) {
    for (const char* peer : {kFloat32, kEigen}) result.add_left_out(peer);
  } else {
    result.add_peer(kFloat32, stats_of(float32.samples_ns), std::move(float32_checked));
    result.add_peer(kEigen, stats_of(eigen.samples_ns), std::move(eigen_checked));
  }
  if (torch_absent.empty()) {
    result.add_peer(TorchNetwork::kName, stats_of(torch.samples_ns), std::move(torch_checked));
  } else {
    result.add_absent(TorchNetwork::kName, std::move(torch_absent));
  }
  return std::vector<CaseResult>{std::move(result)};
}

NetworkSpec one_layer(LayerKind kind, std::uint32_t seed) {
  return {.inputs = kWidth, .layers = {make_layer(kind, kWidth, kWidth, Activation::linear, seed)}};
}

// STAC-ML's LSTM_A: two layers of 100 units on 100 features.
NetworkSpec stac_lstm_a() {
  return {.inputs = kStacWidth,
          .layers = {make_layer(LayerKind::lstm, kStacWidth, kStacWidth, Activation::linear, 71),
                     make_layer(LayerKind::lstm, kStacWidth, kStacWidth, Activation::linear, 81)}};
}

}  // namespace

// How much of a network passes the gate in int8 depends on its random weights: the note says how many matrices did. The
// seeds are the first ones tried.
Result<std::vector<CaseResult>> mlp_64_128_64_3(const Options& options) {
  const NetworkSpec spec{.inputs = kWidth,
                         .layers = {make_layer(LayerKind::dense, 64, 128, Activation::relu, 1),
                                    make_layer(LayerKind::dense, 128, 64, Activation::relu, 11),
                                    make_layer(LayerKind::dense, 64, 3, Activation::linear, 21)}};
  return run_case(options, {.spec = spec, .name = "mlp_64_128_64_3", .target = "<= 55"});
}
Result<std::vector<CaseResult>> lstm_64_step(const Options& options) {
  return run_case(options, {.spec = one_layer(LayerKind::lstm, 31), .name = "lstm_64_step", .target = "<= 140"});
}
Result<std::vector<CaseResult>> lstm_64_step_precomputed(const Options& options) {
  return run_case(options, {.spec = one_layer(LayerKind::lstm, 31),
                            .name = "lstm_64_step_precomputed",
                            .target = "<= 90",
                            .is_prepared = true});
}
Result<std::vector<CaseResult>> gru_64_step(const Options& options) {
  return run_case(options, {.spec = one_layer(LayerKind::gru, 41), .name = "gru_64_step", .target = "<= 110"});
}
Result<std::vector<CaseResult>> attention_64x32(const Options& options) {
  return run_case(options, {.spec = one_layer(LayerKind::attention, 51),
                            .name = "attention_64x32",
                            .target = "none stated",
                            .rows_before = kAttentionWindow});
}
Result<std::vector<CaseResult>> stac_lstm_a_step(const Options& options) {
  return run_case(options, {.spec = stac_lstm_a(), .name = "stac_lstm_a_step", .target = "p99 <= 1200"});
}
Result<std::vector<CaseResult>> stac_lstm_a_window(const Options& options) {
  return run_case(options,
                  {.spec = stac_lstm_a(), .name = "stac_lstm_a_window", .target = "<= 40000", .window = kStacWindow});
}

}  // namespace thintail::bench
