// SPDX-License-Identifier: Apache-2.0
// ema_bank_16: 16 averages of the mid by time, of consecutive gold ticks, with the weights of the engine's kernel.
// Peers: the same on the scalar kernel, and a plain loop with std::exp2.
#include <fmt/format.h>

#include "bench/features/decay_bank.hpp"
#include "bench/features/suite.hpp"
#include "bench/features/tick_work.hpp"
#include "bench/harness/pinned.hpp"

namespace thintail::bench {
namespace {

constexpr std::size_t kTicksMax = 100'000;
constexpr std::size_t kTicksPerSample = 1'000;  // one tick is shorter than the stopwatch's steps
constexpr int kRepetitions = 15;
constexpr const char* kScalar = "the same on the scalar kernel";
constexpr const char* kPlain = "plain loop with std::exp2";

struct Step {
  double mid2;
  double dt_ns;
};

struct alignas(64) Means {
  std::array<double, kDecayLanes> of{};
};

std::vector<Step> steps_of(const TickWork& work, std::size_t count) {
  std::vector<Step> steps;
  std::int64_t before_ns = work.ticks[0].time_ns;
  for (std::size_t i = 0; i < count; ++i) {
    const auto tick = work.ticks[i].as<Tick>();
    steps.push_back(
        {static_cast<double>(tick.bid_e9 + tick.ask_e9), static_cast<double>(work.ticks[i].time_ns - before_ns)});
    before_ns = work.ticks[i].time_ns;
  }
  return steps;
}

// Runs over all steps, a sample for each kTicksPerSample of them; `add(means, mid2, dt_ns)`.
template <class Add>
Means run(std::span<const Step> steps, const EngineClock& clock, std::vector<double>& samples_ns, Add&& add) {
  Means means;
  means.of.fill(steps[0].mid2);
  for (std::size_t at = 0; at < steps.size(); at += kTicksPerSample) {
    const auto part = steps.subspan(at, std::min(kTicksPerSample, steps.size() - at));
    const std::uint64_t begin = stamp();
    for (const Step& step : part) add(means.of.data(), step.mid2, step.dt_ns);
    keep(means.of[0]);
    const std::uint64_t end = stamp();
    samples_ns.push_back(static_cast<double>(clock.to_ns(end - begin)) / static_cast<double>(part.size()));
  }
  return means;
}

}  // namespace

Result<std::vector<CaseResult>> ema_bank_16(const Options& options) {
  TT_TRY(const TickWork work, make_tick_work(options, kTicksMax));
  const Pinned pinned(allowed_cpus().back());
  const auto steps = steps_of(work, static_cast<std::size_t>(std::min<std::uint64_t>(
                                        options.iterations_or(work.ticks.size()), work.ticks.size())));
  const DecayBank bank(options.isa);
  const DecayBank scalar_bank(Isa::scalar);
  const auto by = [](const DecayBank& one) {
    return [&one](double* means, double mid2, double dt_ns) { one.add<1>(means, {mid2}, dt_ns); };
  };
  std::vector<double> ours_ns;
  std::vector<double> scalar_ns;
  std::vector<double> plain_ns;
  std::string scalar_checked;
  std::string plain_checked;
  for (int repetition = 0; repetition < options.repetitions(kRepetitions); ++repetition) {
    Means ours = run(steps, work.clock, ours_ns, by(bank));
    if (options.ours_alone) continue;
    if (options.mutant) ours.of[0] += 1e6;
    const Means scalar = run(steps, work.clock, scalar_ns, by(scalar_bank));
    const Means plain = run(steps, work.clock, plain_ns, [](double* means, double mid2, double dt_ns) {
      plain_decay({means, kDecayLanes}, {&mid2, 1}, dt_ns);
    });
    std::uint64_t same = 0;
    for (std::size_t i = 0; i < kDecayLanes; ++i) same += ours.of[i] == scalar.of[i];
    TT_TRY(scalar_checked, all_equal(same, kDecayLanes, "averages with the scalar kernel's, bit for bit"));
    TT_TRY(plain_checked, all_equal(near_means(ours.of, plain.of), kDecayLanes, "averages with std::exp2's, to 1e-9"));
  }
  CaseResult result{.name = "ema_bank_16",
                    .unit = "ns",
                    .ours = stats_of(ours_ns),
                    .target = "<= 8",
                    .note = fmt::format("means of {} ticks back to back, the kernel's call included; {}",
                                        kTicksPerSample, work.source_text)};
  if (options.ours_alone) {
    for (const char* peer : {kScalar, kPlain}) result.add_left_out(peer);
  } else {
    result.add_peer(kScalar, stats_of(scalar_ns), std::move(scalar_checked));
    result.add_peer(kPlain, stats_of(plain_ns), std::move(plain_checked));
  }
  return std::vector<CaseResult>{std::move(result)};
}

}  // namespace thintail::bench
