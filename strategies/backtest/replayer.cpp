// SPDX-License-Identifier: Apache-2.0
#include "strategies/backtest/replayer.hpp"

#include <cstring>
#include <memory>
#include <vector>

#include "core/config/config.hpp"
#include "core/event/decision_hash.hpp"
#include "ml/features/feature_set.hpp"
#include "strategies/pipeline/preamble.hpp"

namespace thintail {
namespace {

// Collects what the pipeline appends for one input, numbered as the events stream would.
class OutputQueue {
 public:
  explicit OutputQueue(std::size_t capacity) { outputs_.reserve(capacity); }

  void begin(std::uint64_t input_sequence) noexcept {
    sequence_ = input_sequence;
    outputs_.clear();
    taken_ = 0;
  }
  std::uint64_t append(Event& event) noexcept {
    event.sequence = ++sequence_;
    if (outputs_.size() < outputs_.capacity()) outputs_.push_back(event);
    return event.sequence;
  }
  const Event* peek() const noexcept { return taken_ < outputs_.size() ? &outputs_[taken_] : nullptr; }
  void pop() noexcept { ++taken_; }

 private:
  std::vector<Event> outputs_;
  std::size_t taken_ = 0;
  std::uint64_t sequence_ = 0;
};

// The pipeline of one epoch and everything it refers to.
struct EpochRun {
  Settings settings;
  InstrumentTable instruments;
  std::optional<LoadedModel> model;
  std::optional<DecisionPipeline> pipeline;
};

Result<std::unique_ptr<EpochRun>> build(const Preamble& preamble, const ReplayOptions& options) {
  auto run = std::make_unique<EpochRun>();
  TT_TRY(run->settings, parse_canonical(preamble.config_text));
  for (const Instrument& instrument : preamble.instruments) TT_TRY_VOID(run->instruments.add(instrument));
  run->settings.core.instruments_max =
      std::max<std::uint32_t>(1, static_cast<std::uint32_t>(preamble.instruments.size()));
  if (preamble.has_model) {
    const std::string& path = options.model_path.empty() ? run->settings.model.path : options.model_path;
    const FeatureSet* set = nullptr;
    if (!run->settings.features.set.empty()) {
      TT_TRY(set, FeatureSet::find(run->settings.features.set));
    }
    TT_TRY(LoadedModel model, load_model(path, set));
    if (model.trees.sha256() != preamble.model_hash) {
      return fail({.code = ErrorCode::model_hash_mismatch,
                   .doing = "replaying with the model that the journal names",
                   .file = path,
                   .expected = to_hex(preamble.model_hash),
                   .found = to_hex(model.trees.sha256())});
    }
    run->model.emplace(std::move(model));
  }
  if (run->settings.strategy.kind == StrategyKind::model_edge && !run->model) {
    return fail({.code = ErrorCode::replay_incomplete,
                 .doing = "replaying a run of strategy model_edge",
                 .expected = "a Model event",
                 .found = "none"});
  }
  run->pipeline.emplace(run->settings, run->instruments,
                        PipelineOptions{options.isa, preamble.epoch, run->model ? &*run->model : nullptr});
  for (InstrumentId id = 0; id < run->instruments.size(); ++id) run->pipeline->enable(id);
  return run;
}

}  // namespace

Result<ReplayResult> replay_journal(const std::function<bool(Event&)>& next, const ReplayOptions& options,
                                    const std::function<void(const Event&)>& on_event) {
  ReplayResult result;
  OutputQueue queue(DecisionPipeline::kOutputsMax * 2);
  std::unique_ptr<EpochRun> run;
  std::optional<PreambleReader> preamble{std::in_place};
  std::optional<DecisionHash> hash;
  std::vector<Event> positions;  // preamble inputs that the pipeline must see
  NoProbe probe;
  Event event;
  while (next(event)) {
    ++result.events;
    const bool starts_epoch =
        event.type == EventType::session && !event.is_output() && event.as<Session>().state == SessionState::started;
    if (starts_epoch) {
      preamble.emplace();
      positions.clear();
      run.reset();
      queue.begin(event.sequence);  // what a crash kept from the epoch before's last input is no output of this one
      hash.emplace(event.as<Session>().epoch);
      ++result.epochs;
    }
    if (hash) hash->add(event);
    if (preamble) {
      if (preamble->take(event)) {
        ++result.inputs;
        if (event.type == EventType::position) positions.push_back(event);
        if (on_event) on_event(event);
        continue;
      }
      TT_TRY(const Preamble recorded, std::move(*preamble).finish());
      preamble.reset();
      TT_TRY(run, build(recorded, options));
      for (const Event& position : positions) run->pipeline->on_input(position, queue, probe);
    }
    if (event.is_output()) {
      const Event* replayed = queue.peek();
      if (replayed == nullptr) {
        result.difference = difference_of(&event, nullptr);
        break;
      }
      if (std::memcmp(replayed, &event, sizeof event) != 0) {
        result.difference = difference_of(&event, replayed);
        break;
      }
      queue.pop();
      ++result.outputs_compared;
    } else {
      if (const Event* extra = queue.peek()) {
        result.difference = difference_of(nullptr, extra);
        break;
      }
      ++result.inputs;
      queue.begin(event.sequence);
      run->pipeline->on_input(event, queue, probe);
    }
    if (on_event) on_event(event);
  }
  // Outputs left over at the end may have been cut off with the journal's last block: only complete inputs are held against it.
  if (hash) result.decision_hash = hash->digest();
  if (result.epochs == 0) {
    return fail({.code = ErrorCode::replay_incomplete,
                 .doing = "replaying a journal",
                 .expected = "a Session{started} event",
                 .found = std::to_string(result.events) + " events without one"});
  }
  return result;
}

}  // namespace thintail
