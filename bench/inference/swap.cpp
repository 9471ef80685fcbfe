// SPDX-License-Identifier: Apache-2.0
// swap: what putting another model in force costs the engine while ticks flow: the input that does it and the tick after it together.
//   path  hot inside
#include <array>
#include <future>
#include <memory>

#include "bench/harness/pinned.hpp"
#include "bench/harness/stopwatch.hpp"
#include "bench/inference/suite.hpp"
#include "bench/spine/pipeline_run.hpp"
#include "strategies/model/decision_model_file.hpp"
#include "strategies/swap/deployed_model.hpp"

namespace thintail::bench {
namespace {

constexpr std::uint64_t kEvery = 1'000;
constexpr std::uint64_t kTicks = 200'000;
constexpr int kRepetitions = 3;

enum class Loading : std::uint8_t { beside_the_engine, on_the_engine };

// Every kEvery ticks the same pack once more, in memory of its own. Times the gap in the engine's work: from where it would have taken the
// next tick until it has taken it.
class TimedSwaps final : public ModelSwaps {
 public:
  TimedSwaps(const std::string& pack, Isa isa, std::size_t instruments, Loading loading, const EngineClock& clock,
             std::size_t swaps_max)
      : pack_(&pack),
        isa_(isa),
        instruments_(instruments),
        loading_(loading),
        clock_(&clock),
        gaps_ns(sample_room(swaps_max)),
        ticks_ns(sample_room(swaps_max)) {}

  std::optional<ModelOffer> next(std::uint64_t ticks, bool) override {
    const std::uint64_t now = stamp();
    if (begin_ != 0) (is_swap_ ? gaps_ns : ticks_ns).push_back(static_cast<double>(clock_->to_ns(now - begin_)));
    begin_ = 0;
    is_swap_ = ticks % kEvery == 0;
    // Halfway between two swaps, a tick like any other.
    if (ticks % kEvery == kEvery / 2) begin_ = stamp();
    if (!is_swap_) return std::nullopt;
    const std::uint16_t other = slot_ == 0 ? 1 : 0;
    if (loading_ == Loading::beside_the_engine) {
      deployed_[other] = std::async(std::launch::async, [this] { return load(); }).get();
      begin_ = stamp();
    } else {
      begin_ = stamp();
      deployed_[other] = load();
    }
    if (deployed_[other] == nullptr) return std::nullopt;
    return ModelOffer{&deployed_[other]->predictor(),
                      Model{other, ModelStage::live, ++version_, deployed_[other]->model().digest}};
  }
  void taken() override {
    // Freed by the next swap: on the thread that loads it would be freed at once.
    slot_ = slot_ == 0 ? 1 : 0;
  }
  const std::optional<Error>& error() const noexcept { return error_; }

 private:
  std::unique_ptr<DeployedModel> load() {
    auto model = decode_decision_model(*pack_, "the pack of this case", isa_);
    if (!model) {
      error_ = std::move(model).error();
      return nullptr;
    }
    return std::make_unique<DeployedModel>(*std::move(model), instruments_);
  }

  const std::string* pack_;
  Isa isa_;
  std::size_t instruments_;
  Loading loading_;
  const EngineClock* clock_;
  std::array<std::unique_ptr<DeployedModel>, 2> deployed_;
  std::uint16_t slot_ = 0;
  std::uint32_t version_ = 1;
  std::uint64_t begin_ = 0;
  bool is_swap_ = false;
  std::optional<Error> error_;

 public:
  std::vector<double> gaps_ns;  // across a swap
  std::vector<double> ticks_ns;  // of a tick alone
};

// Ticks in memory.
class Ticks {
 public:
  Ticks(const std::vector<Event>& ticks, std::size_t count) noexcept : ticks_(&ticks), count_(count) {}
  TT_HOT bool poll(Event& out) noexcept {
    if (at_ == count_) return false;
    out = (*ticks_)[at_++];
    return true;
  }

 private:
  const std::vector<Event>* ticks_;
  std::size_t count_;
  std::size_t at_ = 0;
};

Result<Sha256Digest> run_once(const Work& work, const DecisionModel& model, std::size_t count, Isa isa,
                              TimedSwaps& swaps) {
  Ticks ticks(work.ticks, count);
  const BacktestResult result =
      run_backtest(ticks, work.with_model, work.instruments, {isa, 1, &model, &swaps}, [](const Event&) {});
  if (swaps.error()) return fail(*swaps.error());
  return result.decision_hash;
}

}  // namespace

Result<std::vector<CaseResult>> swap(const Options& options) {
  Workshop shop;
  TT_TRY(const Work* work, shop.work(options));
  TT_TRY(const DecisionModel* model, shop.model(options));
  TT_TRY(const std::string pack, shop.pack(options));
  const Pinned pinned(allowed_cpus().back());
  const auto count =
      static_cast<std::size_t>(std::min<std::uint64_t>(options.iterations_or(kTicks) + 3 * kEvery, work->ticks.size()));
  const std::size_t room = kRepetitions * (count / kEvery + 1);
  TimedSwaps beside(pack, options.isa, work->instruments.size(), Loading::beside_the_engine, work->clock, room);
  std::vector<double> stopped_ns;
  std::string checked;
  for (int repetition = 0; repetition < options.repetitions(kRepetitions); ++repetition) {
    TimedSwaps ours(pack, options.isa, work->instruments.size(), Loading::beside_the_engine, work->clock, room);
    TT_TRY(const Sha256Digest hash, run_once(*work, *model, count, options.isa, ours));
    beside.gaps_ns.insert(beside.gaps_ns.end(), ours.gaps_ns.begin(), ours.gaps_ns.end());
    beside.ticks_ns.insert(beside.ticks_ns.end(), ours.ticks_ns.begin(), ours.ticks_ns.end());
    if (options.ours_alone) continue;
    TimedSwaps theirs(pack, options.isa, work->instruments.size(), Loading::on_the_engine, work->clock, room);
    TT_TRY(const Sha256Digest other, run_once(*work, *model, count, options.isa, theirs));
    TT_TRY_VOID(same_decisions(hash, other, count, options.mutant, "a run that loads on the engine's thread"));
    checked = fmt::format("decisions on {} ticks equal", count);
    stopped_ns.insert(stopped_ns.end(), theirs.gaps_ns.begin(), theirs.gaps_ns.end());
  }
  CaseResult result{
      .name = "swap",
      .unit = "ns",
      .ours = stats_of(beside.gaps_ns),
      .target = "a gap that is not seen beside the machine's jitter",
      .note = fmt::format(
          "every {} of {} ticks a pack of {} bytes is loaded, verified by its golden events and put in force; "
          "ours and the peer are the gap in the engine's work, the tick after the swap included; {}",
          kEvery, count, pack.size(), work->source_text)};
  constexpr const char* kStopped = "load and verify on the engine's thread";
  if (options.ours_alone) {
    result.add_left_out(kStopped);
  } else {
    result.add_peer(kStopped, stats_of(stopped_ns), std::move(checked));
  }
  result.set_limit("a tick without a swap", stats_of(beside.ticks_ns).p50);
  return std::vector<CaseResult>{std::move(result)};
}

}  // namespace thintail::bench
