// SPDX-License-Identifier: Apache-2.0
#include "strategies/backtest/replayer.hpp"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "core/config/config.hpp"
#include "core/event/decision_hash.hpp"
#include "ml/features/feature_set.hpp"
#include "strategies/model/decision_model_file.hpp"
#include "strategies/pipeline/preamble.hpp"
#include "strategies/swap/deployed_model.hpp"

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
  const FeatureSet* features = nullptr;  // configured; null: what the model reads
  std::optional<DecisionModel> first_model;
  std::array<std::unique_ptr<DeployedModel>, DecisionPipeline::kModelSlots> models;  // later ones, by slot
  std::optional<DecisionPipeline> pipeline;
};

// The model of a digest: from the store, or else from the file in use, which may have become another one since.
Result<DecisionModel> find_model(const Sha256Digest& digest, const EpochRun& run, const ReplayOptions& options) {
  const std::string& file = options.model_path.empty() ? run.settings.model.path : options.model_path;
  const std::string path = options.models && options.models->has(digest) ? options.models->path_of(digest) : file;
  auto model = load_decision_model(path, options.isa, run.features);
  if (!model) {
    Error error = std::move(model).error();
    error.doing = fmt::format("replaying with the model {} that the journal names: {}", to_hex(digest), error.doing);
    return fail(std::move(error));
  }
  if (model->digest == digest) return model;
  return fail({.code = ErrorCode::model_hash_mismatch,
               .doing = "replaying with a model that the journal names",
               .file = path,
               .expected = to_hex(digest),
               .found = to_hex(model->digest)});
}

// A model that came into the shadow or into force in mid-run lies in its slot before the event is taken.
Result<void> place_model(const Event& input, EpochRun& run, const ReplayOptions& options) {
  const auto event = input.as<Model>();
  if (event.slot >= run.models.size() || event.slot == run.pipeline->slot_in_force()) return {};
  if (!run.first_model) {
    return fail({.code = ErrorCode::replay_incomplete,
                 .doing = fmt::format("replaying event {}", input.sequence),
                 .expected = "a run that began with a model",
                 .found = "a Model event in one that began without"});
  }
  auto& place = run.models[event.slot];
  if (place != nullptr && place->model().digest == event.sha256 && event.stage == ModelStage::live) return {};
  TT_TRY(DecisionModel model, find_model(event.sha256, run, options));
  auto deployed = std::make_unique<DeployedModel>(std::move(model), run.instruments.size());
  run.pipeline->place(event.slot, deployed->predictor());
  place = std::move(deployed);
  return {};
}

Result<std::unique_ptr<EpochRun>> build(const Preamble& preamble, const ReplayOptions& options) {
  auto run = std::make_unique<EpochRun>();
  TT_TRY(run->settings, parse_canonical(preamble.config_text));
  for (const Instrument& instrument : preamble.instruments) TT_TRY_VOID(run->instruments.add(instrument));
  run->settings.core.instruments_max =
      std::max<std::uint32_t>(1, static_cast<std::uint32_t>(preamble.instruments.size()));
  if (!run->settings.features.set.empty()) {
    TT_TRY(run->features, FeatureSet::find(run->settings.features.set));
  }
  if (preamble.has_model) {
    TT_TRY(DecisionModel model, find_model(preamble.model_hash, *run, options));
    run->features = model.features;  // of every later one, too
    run->first_model.emplace(std::move(model));
  }
  if (run->settings.strategy.kind == StrategyKind::model_edge && !run->first_model) {
    return fail({.code = ErrorCode::replay_incomplete,
                 .doing = "replaying a run of strategy model_edge",
                 .expected = "a Model event",
                 .found = "none"});
  }
  run->pipeline.emplace(run->settings, run->instruments,
                        PipelineOptions{options.isa, preamble.epoch, run->first_model ? &*run->first_model : nullptr});
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
      const std::uint16_t slot = run->pipeline->slot_in_force();
      if (event.type == EventType::model) TT_TRY_VOID(place_model(event, *run, options));
      run->pipeline->on_input(event, queue, probe);
      // As in the daemon: what comes back into force begins anew.
      if (slot != run->pipeline->slot_in_force()) run->models[slot].reset();
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
