// SPDX-License-Identifier: Apache-2.0
// replay_pipeline, replay_no_model: tick files from disk through decompression, parsing, merging and the whole
// pipeline, with fills and the decision hash, on one core. Control: reading and parsing alone.
#include <fmt/format.h>

#include "bench/harness/pinned.hpp"
#include "bench/spine/suite.hpp"
#include "strategies/backtest/backtest.hpp"

namespace thintail::bench {
namespace {

constexpr int kRepetitions = 5;
constexpr const char* kParseOnly = "read and parse only";

// Counts, and ends early where fewer ticks are wanted.
class Counted {
 public:
  Counted(TickSource& source, std::uint64_t ticks_max) noexcept : source_(&source), left_(ticks_max) {}
  bool poll(Event& out) noexcept {
    if (left_ == 0 || !source_->poll(out)) return false;
    --left_;
    ++ticks_;
    return true;
  }
  std::uint64_t ticks() const noexcept { return ticks_; }

 private:
  TickSource* source_;
  std::uint64_t left_;
  std::uint64_t ticks_ = 0;
};

struct Pass {
  std::uint64_t ticks = 0;
  double ticks_per_s = 0;
  Sha256Digest decision_hash{};
};

// `replay(source, instruments)` takes every tick out of its source.
template <class Replay>
Result<Pass> timed_pass(const Work& work, std::uint64_t ticks_max, Replay&& replay) {
  InstrumentTable instruments(work.instruments.capacity());
  TT_TRY(TickSource source, TickSource::open(work.source, instruments));
  Counted counted(source, ticks_max);
  Pass pass;
  const std::uint64_t begin = read_tsc();
  replay(counted, instruments, pass);
  const auto elapsed_ns = static_cast<double>(work.clock.to_ns(read_tsc() - begin));
  if (source.error()) return fail(*source.error());
  pass.ticks = counted.ticks();
  pass.ticks_per_s = static_cast<double>(pass.ticks) / elapsed_ns * 1e9;
  return pass;
}

Result<std::vector<CaseResult>> measure(std::string name, std::string target, const Work& work,
                                        const Settings& settings, const DecisionModel* model, const Options& options) {
  const Pinned pinned(allowed_cpus().back());
  const std::uint64_t ticks_max = options.iterations_or(std::numeric_limits<std::uint64_t>::max());
  std::vector<double> ours;
  std::vector<double> control;
  std::string counted;
  Sha256Digest first_hash{};
  for (int repetition = 0; repetition < options.repetitions(kRepetitions); ++repetition) {
    std::uint64_t seen = 0;
    TT_TRY(Pass full, timed_pass(work, ticks_max, [&](Counted& source, const InstrumentTable& instruments, Pass& pass) {
             pass.decision_hash =
                 run_backtest(source, settings, instruments, {options.isa, 1, model}, [&](const Event& event) {
                   seen += event.type == EventType::tick;
                 }).decision_hash;
           }));
    ours.push_back(full.ticks_per_s);
    if (options.ours_alone) continue;
    TT_TRY(const Pass parse, timed_pass(work, ticks_max, [](Counted& source, const InstrumentTable&, Pass&) {
             Event tick;
             while (source.poll(tick)) keep(tick);
           }));
    if (repetition == 0) first_hash = full.decision_hash;
    if (options.mutant) ++seen;
    const bool same_count = seen == parse.ticks && full.decision_hash == first_hash;
    TT_TRY(counted, all_equal(same_count ? parse.ticks : seen, parse.ticks, "ticks decided on with ticks parsed"));
    control.push_back(parse.ticks_per_s);
  }
  CaseResult result{
      .name = std::move(name),
      .unit = "ticks/s",
      .lower_is_better = false,
      .ours = stats_of(ours, false),
      .target = std::move(target),
      .note = fmt::format("{}; decompression, parsing, pipeline, fills and the decision hash on one core; every "
                          "repetition decided the same",
                          work.source_text)};
  if (options.ours_alone) {
    result.add_left_out(kParseOnly);
  } else {
    result.add_peer(kParseOnly, stats_of(control, false), std::move(counted));
  }
  return std::vector<CaseResult>{std::move(result)};
}

}  // namespace

Result<std::vector<CaseResult>> replay_pipeline(Workshop& shop, const Options& options) {
  TT_TRY(const Work* work, shop.work(options));
  TT_TRY(const DecisionModel* model, shop.model(options));
  return measure("replay_pipeline", ">= 500000", *work, work->with_model, model, options);
}

Result<std::vector<CaseResult>> replay_no_model(Workshop& shop, const Options& options) {
  TT_TRY(const Work* work, shop.work(options));
  return measure("replay_no_model", ">= 1500000", *work, work->without_model, nullptr, options);
}

}  // namespace thintail::bench
