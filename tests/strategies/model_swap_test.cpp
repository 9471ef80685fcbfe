// SPDX-License-Identifier: Apache-2.0
// Models that come into force between two inputs: what is decided before, on and after the flip, and that a journal replays it.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <thread>

#include "strategies/backtest/replayer.hpp"
#include "strategies/model/decision_model_file.hpp"
#include "strategies/swap/deployed_model.hpp"
#include "tests/support/networks.hpp"
#include "tests/support/small_model.hpp"
#include "tests/support/strategy_run.hpp"
#include "tests/support/temp_folder.hpp"

namespace thintail::test {
namespace {

using Make = std::function<DecisionModel()>;

// Puts models of one kind in force, each in memory of its own, every so many inputs.
class EveryInputs final : public ModelSwaps {
 public:
  EveryInputs(Make make, std::uint64_t every, std::size_t instruments)
      : make_(std::move(make)), every_(every), instruments_(instruments) {}

  std::optional<ModelOffer> next(std::uint64_t ticks, bool shadow_is_warm) override {
    if (in_shadow_) {
      if (!shadow_is_warm) return std::nullopt;
      return offer(ModelStage::live);
    }
    if (ticks % every_ != 0) return std::nullopt;
    deployed_[other()] = std::make_unique<DeployedModel>(make_(), instruments_);
    ++version_;
    return offer(deployed_[other()]->model().remembers() ? ModelStage::shadow : ModelStage::live);
  }
  void taken() override {
    in_shadow_ = stage_ == ModelStage::shadow;
    if (in_shadow_) return;
    deployed_[slot_].reset();  // what the engine has left is gone at once
    slot_ = other();
    ++flips_;
  }
  std::uint64_t flips() const noexcept { return flips_; }

 private:
  std::uint16_t other() const noexcept { return slot_ == 0 ? 1 : 0; }
  ModelOffer offer(ModelStage stage) {
    stage_ = stage;
    DeployedModel& next = *deployed_[other()];
    return {&next.predictor(), Model{other(), stage, version_, next.model().digest}};
  }

  Make make_;
  std::uint64_t every_;
  std::size_t instruments_;
  std::array<std::unique_ptr<DeployedModel>, 2> deployed_;
  std::uint16_t slot_ = 0;
  std::uint32_t version_ = 1;
  ModelStage stage_ = ModelStage::live;
  bool in_shadow_ = false;
  std::uint64_t flips_ = 0;
};

// What was decided, without what a swap changes by itself: sequences, causes, slots, and the Model events.
std::vector<Event> decisions(std::span<const Event> events) {
  std::vector<Event> out;
  for (Event event : events) {
    if (event.type == EventType::model || event.type == EventType::continuation || !event.is_output()) continue;
    event.sequence = 0;
    if (event.type == EventType::prediction) {
      auto prediction = event.as<Prediction>();
      prediction.cause = 0;
      prediction.model_slot = 0;
      event = Event::make(event.time_ns, event.instrument, prediction, event.flags);
    } else if (event.type == EventType::signal) {
      auto signal = event.as<Signal>();
      signal.cause = 0;
      event = Event::make(event.time_ns, event.instrument, signal, event.flags);
    } else if (event.type == EventType::intent) {
      auto intent = event.as<Intent>();
      intent.cause = 0;
      event = Event::make(event.time_ns, event.instrument, intent, event.flags);
    } else if (event.type == EventType::regime) {
      auto regime = event.as<Regime>();
      regime.cause = 0;
      event = Event::make(event.time_ns, event.instrument, regime, event.flags);
    } else if (event.type == EventType::reject) {
      auto reject = event.as<Reject>();
      reject.cause = 0;
      event = Event::make(event.time_ns, event.instrument, reject, event.flags);
    }
    out.push_back(event);
  }
  return out;
}

ReplayResult replayed(std::span<const Event> events, const ReplayOptions& options) {
  std::size_t at = 0;
  const auto next = [&](Event& event) {
    if (at == events.size()) return false;
    event = events[at++];
    return true;
  };
  auto result = replay_journal(next, options);
  EXPECT_TRUE(result) << result.error().message();
  return result.value_or(ReplayResult{});
}

class ModelSwap : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(model_.is_loaded()) << model_.why_not();
    ASSERT_TRUE(other_.is_loaded()) << other_.why_not();
  }
  DecisionModel reload(const SmallModel& model) {
    auto loaded = load_decision_model(model.path(), best_isa());
    if (!loaded) ADD_FAILURE() << loaded.error().message();
    return std::move(loaded).value();
  }
  RecordedRun run(ModelSwaps* swaps = nullptr) {
    return record(ticks_, trading_settings(StrategyKind::model_edge), instruments_,
                  {best_isa(), 1, &model_.loaded(), swaps});
  }

  InstrumentTable instruments_ = table_of({"XAUUSD", "EURUSD"});
  std::vector<Event> ticks_ = random_ticks(11, 20'000, std::uint32_t{2});
  SmallModel model_{3.0};
  SmallModel other_{9.0};
};

TEST_F(ModelSwap, a_model_swapped_for_itself_a_thousand_times_decides_what_it_would_have_decided_anyway) {
  const RecordedRun plain = run();
  ASSERT_GT(of_type(plain.events, EventType::intent).size(), 50u);
  EveryInputs swaps([&] { return reload(model_); }, 20, instruments_.size());
  const RecordedRun swapped = run(&swaps);
  EXPECT_EQ(swaps.flips(), 1'000u);
  EXPECT_EQ(of_type(swapped.events, EventType::model).size(), 1'001u);
  EXPECT_TRUE(same_bytes(decisions(plain.events), decisions(swapped.events)));
}

TEST_F(ModelSwap, a_model_of_other_leaves_is_told_from_it) {
  EveryInputs swaps([&] { return reload(other_); }, 7'000, instruments_.size());
  const RecordedRun plain = run();
  const RecordedRun swapped = run(&swaps);
  const auto before = decisions(plain.events);
  const auto after = decisions(swapped.events);
  EXPECT_FALSE(same_bytes(before, after));
  const auto predictions = of_type(swapped.events, EventType::prediction);
  const auto unchanged = of_type(plain.events, EventType::prediction);
  ASSERT_EQ(predictions.size(), unchanged.size());
  std::size_t valid = 0;
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    const auto now = predictions[i].as<Prediction>();
    const auto then = unchanged[i].as<Prediction>();
    if (i < 7'000) {
      ASSERT_EQ(now.score, then.score) << i;
      ASSERT_EQ(now.model_slot, 0) << i;
    } else if (now.state == PredictionState::valid) {
      ASSERT_EQ(now.score, 3.0f * then.score) << i << ": leaves are three times as large, from the very next input on";
      ++valid;
    }
  }
  EXPECT_GT(valid, 10'000u);
}

TEST_F(ModelSwap, the_journal_of_a_run_with_swaps_replays_byte_for_byte_and_needs_every_model) {
  TempFolder folder;
  const ModelStore store(folder.path() + "/models");
  int turn = 0;
  EveryInputs swaps([&] { return reload(++turn % 2 != 0 ? other_ : model_); }, 3'000, instruments_.size());
  const RecordedRun swapped = run(&swaps);
  ASSERT_TRUE(store.keep_file(model_.path(), model_.loaded().digest));
  ASSERT_TRUE(store.keep_file(other_.path(), other_.loaded().digest));
  const ReplayResult result = replayed(swapped.events, {best_isa(), {}, store});
  EXPECT_FALSE(result.difference) << result.difference->what << ' ' << result.difference->recorded << ' '
                                  << result.difference->replayed;
  EXPECT_EQ(result.events, swapped.events.size());
  EXPECT_EQ(result.decision_hash, swapped.result.decision_hash);

  std::size_t at = 0;
  const auto missing = replay_journal(
      [&](Event& event) {
        if (at == swapped.events.size()) return false;
        event = swapped.events[at++];
        return true;
      },
      {best_isa(), model_.path(), {}});
  ASSERT_FALSE(missing) << "the second model is nowhere to be found";
  EXPECT_EQ(missing.error().code, ErrorCode::model_hash_mismatch);
}

TEST_F(ModelSwap, a_model_that_remembers_begins_anew_each_time_it_comes_back_and_replays_so) {
  TempFolder folder;
  const std::string path = write_pack(folder.path(), full_spec(FeatureSet::core_32()));
  const ModelStore store(folder.path() + "/models");
  int turn = 0;
  EveryInputs swaps(
      [&] {
        auto loaded = load_decision_model(++turn % 2 != 0 ? path : model_.path(), best_isa());
        if (!loaded) ADD_FAILURE() << loaded.error().message();
        return std::move(loaded).value();
      },
      2'500, instruments_.size());
  const RecordedRun swapped = run(&swaps);
  ASSERT_GE(swaps.flips(), 3u) << "in, out, and in again";
  for (const std::string& file : {path, model_.path()}) {
    auto loaded = load_decision_model(file, best_isa());
    ASSERT_TRUE(loaded && store.keep_file(file, loaded->digest));
  }
  const ReplayResult result = replayed(swapped.events, {best_isa(), {}, store});
  EXPECT_FALSE(result.difference) << result.difference->what << ' ' << result.difference->recorded << ' '
                                  << result.difference->replayed;
  EXPECT_EQ(result.events, swapped.events.size());
  EXPECT_FALSE(of_type(swapped.events, EventType::regime).empty());
}

TEST_F(ModelSwap, an_event_that_names_no_model_changes_nothing) {
  const Settings settings = trading_settings(StrategyKind::model_edge);
  DecisionPipeline pipeline(settings, instruments_, {best_isa(), 1, &model_.loaded()});
  struct Nowhere {
    std::uint64_t append(Event&) noexcept { return 1; }
  } sink;
  NoProbe probe;
  for (const Model& model : {Model{1, ModelStage::live, 2, model_.loaded().digest},  // an empty slot
                             Model{0, ModelStage::live, 2, other_.loaded().digest},  // another model
                             Model{99, ModelStage::live, 2, model_.loaded().digest}}) {
    pipeline.on_input(Event::make(kNoonNs, kNoInstrument, model), sink, probe);
  }
  EXPECT_EQ(pipeline.unknown_models(), 3u);
  EXPECT_EQ(pipeline.slot_in_force(), 0);
}

// --- models that remember -------------------------------------------------------------------------------------------

DecisionModel recurrent(std::uint32_t warm_up_steps) {
  RandomNetworks random(3);
  NetworkSpec spec{.inputs = 32};
  spec.layers.push_back(random.layer(LayerKind::lstm, 32, 16));
  spec.layers.push_back(random.layer(LayerKind::dense, 16, 1));
  auto network = Network::make(spec, best_isa());
  if (!network) ADD_FAILURE() << network.error().message();
  DecisionModel model;
  model.features = &FeatureSet::core_32();
  model.mandatory = model.features->mandatory();
  ModelMember& member = model.members.emplace_back(ModelMember{.name = "lstm", .model = std::move(network).value()});
  for (std::uint16_t lane = 0; lane < 32; ++lane) member.lanes.push_back(lane);
  member.warm_up_steps = warm_up_steps;
  model.ensemble.members = 1;
  model.ensemble.member[0].age_ns_max = kSecondNs;
  model.digest[0] = 1;
  const auto checked = model.validate();
  if (!checked) ADD_FAILURE() << checked.error().message();
  return model;
}

TEST_F(ModelSwap, a_recurrent_model_warms_up_in_the_shadow_and_goes_on_from_there) {
  constexpr std::uint64_t kEnter = 6'000;
  EveryInputs swaps([] { return recurrent(500); }, kEnter, instruments_.size());
  ticks_.resize(11'000);
  const RecordedRun swapped = run(&swaps);
  ASSERT_EQ(swaps.flips(), 1u);
  const auto models = of_type(swapped.events, EventType::model);
  ASSERT_EQ(models.size(), 3u);
  EXPECT_EQ(models[1].as<Model>().stage, ModelStage::shadow);
  EXPECT_EQ(models[2].as<Model>().stage, ModelStage::live);

  // The same model alone, which sees what the shadow saw, from the same input on.
  const DecisionModel alone = recurrent(500);
  Predictor predictor(alone, instruments_.size());
  MarketState market(instruments_, &FeatureSet::core_32(), best_isa(), instruments_.size());
  for (InstrumentId id = 0; id < instruments_.size(); ++id) {
    predictor.enable(id);
    market.enable(id);
  }
  const auto no_bar = [](InstrumentId, const ClosedBar&) {};
  bool in_shadow = false;
  bool is_live = false;
  std::size_t compared = 0;
  Predictor::Answer answer;
  for (const Event& event : swapped.events) {
    if (event.type == EventType::timer) market.on_timer(event.time_ns, DecisionPipeline::kTimerBarOutputs, no_bar);
    if (event.type == EventType::model) {
      in_shadow |= event.as<Model>().stage == ModelStage::shadow;
      is_live = in_shadow && event.as<Model>().stage == ModelStage::live;
    }
    if (event.type == EventType::tick) {
      const FeatureRow* row = market.on_tick(event.instrument, event.as<Tick>(), event.time_ns, no_bar);
      const auto tick = event.as<Tick>();
      if (in_shadow) {
        answer = predictor.on_tick(event.instrument, *row, tick.bid_e9 + tick.ask_e9, 0, event.time_ns);
      }
    }
    if (event.type == EventType::prediction && is_live) {
      ASSERT_EQ(event.as<Prediction>().state, answer.state) << event.sequence;
      ASSERT_EQ(event.as<Prediction>().score, answer.score) << event.sequence;
      ASSERT_EQ(event.as<Prediction>().state, PredictionState::valid) << "it was warm before it came into force";
      ++compared;
    }
  }
  EXPECT_GT(compared, 1'000u);
}

// --- between threads ------------------------------------------------------------------------------------------------

TEST(ModelOffers, hand_over_one_model_at_a_time) {
  const DecisionModel model = recurrent(1);
  Predictor predictor(model, 1);
  ModelOffers offers;
  EXPECT_EQ(offers.poll(), nullptr);
  ASSERT_TRUE(offers.offer({&predictor, Model{1, ModelStage::live, 7, {}}}));
  EXPECT_FALSE(offers.offer({&predictor, Model{1, ModelStage::live, 8, {}}})) << "the engine has not taken the first";
  ASSERT_NE(offers.poll(), nullptr);
  EXPECT_EQ(offers.poll()->event.version, 7u);
  offers.taken();
  EXPECT_EQ(offers.poll(), nullptr);
  EXPECT_FALSE(offers.is_pending());
}

TEST(ModelOffers, what_the_engine_has_left_may_be_freed_while_it_runs) {
  constexpr std::uint32_t kSwaps = 20'000;
  struct Slot {
    std::uint64_t value;
  };
  // The predictor stands for memory that the cold thread makes and frees: the thread sanitizer and the values watch both.
  ModelOffers offers;
  std::array<std::unique_ptr<Slot>, 2> slots;
  std::thread cold([&] {
    for (std::uint32_t version = 1; version <= kSwaps; ++version) {
      const std::uint16_t slot = version % 2;
      slots[slot] = std::make_unique<Slot>(Slot{version});
      while (!offers.offer(
          {reinterpret_cast<Predictor*>(slots[slot].get()), Model{slot, ModelStage::live, version, {}}})) {
        std::this_thread::yield();
      }
      while (offers.is_pending()) std::this_thread::yield();
      slots[1 - slot].reset();
    }
  });
  std::uint32_t seen = 0;
  std::uint64_t wrong = 0;
  const Slot* live = nullptr;  // used until the next one is taken, as the engine uses it
  while (seen < kSwaps) {
    const ModelOffer* offer = offers.poll();
    if (live != nullptr) wrong += live->value != seen;
    if (offer == nullptr) {
      std::this_thread::yield();
      continue;
    }
    live = reinterpret_cast<const Slot*>(offer->predictor);
    seen = offer->event.version;
    wrong += live->value != seen;
    offers.taken();
  }
  cold.join();
  EXPECT_EQ(wrong, 0u);
}

}  // namespace
}  // namespace thintail::test
