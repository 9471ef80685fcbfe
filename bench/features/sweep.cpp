// SPDX-License-Identifier: Apache-2.0
// sweep_10258x32: two signals over 16 half-lives of 10,258 instruments brought up to one time, each from its own last tick,
// with the weights of the engine's kernel and on the engine's layout: a loop over instruments. Control: a plain loop with std::exp2.
#include <fmt/format.h>

#include <cstdlib>
#include <memory>

#include "bench/features/decay_bank.hpp"
#include "bench/features/suite.hpp"
#include "bench/features/tick_work.hpp"
#include "bench/harness/pinned.hpp"

namespace thintail::bench {
namespace {

constexpr std::size_t kInstruments = 10'258;
constexpr unsigned kSignals = 2;
constexpr std::size_t kLanes = kSignals * kDecayLanes;
constexpr int kSweeps = 200;
constexpr int kPlainSweeps = 10;
constexpr const char* kPlain = "plain loop with std::exp2";

struct alignas(64) State {
  std::array<double, kLanes> means{};
};

struct Instruments {
  std::vector<State> states;
  std::vector<std::array<double, kSignals>> inputs;  // what held since the last tick
  std::vector<double> ages_ns;
};

// Each instrument as a stretch of gold's ticks leaves it.
Instruments instruments_of(const TickWork& work, std::size_t count) {
  Instruments out{std::vector<State>(count), std::vector<std::array<double, kSignals>>(count),
                  std::vector<double>(count)};
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = 1 + i % (work.ticks.size() - 1);
    const auto tick = work.ticks[at].as<Tick>();
    const auto before = work.ticks[at - 1].as<Tick>();
    out.inputs[i] = {static_cast<double>(tick.bid_e9 + tick.ask_e9), static_cast<double>(tick.ask_e9 - tick.bid_e9)};
    for (std::size_t lane = 0; lane < kDecayLanes; ++lane) {
      out.states[i].means[bank_index(kSignals, 0, lane)] = static_cast<double>(before.bid_e9 + before.ask_e9);
      out.states[i].means[bank_index(kSignals, 1, lane)] = static_cast<double>(before.ask_e9 - before.bid_e9);
    }
    out.ages_ns[i] = static_cast<double>(work.ticks[at].time_ns - work.ticks[at - 1].time_ns + 1);
  }
  return out;
}

template <class Sweep>
void measure(Instruments& instruments, const EngineClock& clock, int sweeps, std::vector<double>& samples_us,
             Sweep&& sweep) {
  for (int i = 0; i < sweeps; ++i) {
    const std::uint64_t begin = stamp();
    sweep(instruments);
    const std::uint64_t end = stamp();
    samples_us.push_back(static_cast<double>(clock.to_ns(end - begin)) / 1e3);
  }
}

std::span<const double> all_means(const Instruments& of) {
  return {of.states[0].means.data(), of.states.size() * kLanes};
}

}  // namespace

Result<std::vector<CaseResult>> sweep_10258x32(const Options& options) {
  TT_TRY(const TickWork work, make_tick_work(options, kInstruments * 4));
  const Pinned pinned(allowed_cpus().back());
  const DecayBank bank(options.isa);
  const auto ours_sweep = [&bank](Instruments& of) {
    for (std::size_t i = 0; i < of.states.size(); ++i) {
      bank.add(of.states[i].means.data(), of.inputs[i], of.ages_ns[i]);
    }
  };
  const auto plain_sweep = [](Instruments& of) {
    for (std::size_t i = 0; i < of.states.size(); ++i) plain_decay(of.states[i].means, of.inputs[i], of.ages_ns[i]);
  };
  Instruments ours = instruments_of(work, kInstruments);
  Instruments plain = ours;
  ours_sweep(ours);
  plain_sweep(plain);
  if (options.mutant) ours.states[7].means[0] += 1e7;
  TT_TRY(std::string checked, all_equal(near_means(all_means(ours), all_means(plain)), kInstruments * kLanes,
                                        "averages with std::exp2's, to 1e-9"));
  std::vector<double> ours_us;
  std::vector<double> plain_us;
  const int sweeps = static_cast<int>(std::min<std::uint64_t>(options.iterations_or(kSweeps), kSweeps));
  measure(ours, work.clock, sweeps, ours_us, ours_sweep);
  if (!options.ours_alone) measure(plain, work.clock, std::min(sweeps, kPlainSweeps), plain_us, plain_sweep);
  CaseResult result{
      .name = "sweep_10258x32",
      .unit = "us",
      .ours = stats_of(ours_us),
      .target = "<= 150",
      .note = fmt::format(
          "{} instruments, {} signals over {} half-lives, one call of the weights' kernel each, {} bytes of "
          "state; {}",
          kInstruments, kSignals, kDecayLanes, kInstruments * sizeof(State), work.source_text)};
  if (options.ours_alone) {
    result.add_left_out(kPlain);
  } else {
    result.add_peer(kPlain, stats_of(plain_us), std::move(checked));
  }
  return std::vector<CaseResult>{std::move(result)};
}

}  // namespace thintail::bench
