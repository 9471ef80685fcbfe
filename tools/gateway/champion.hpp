// SPDX-License-Identifier: Apache-2.0
// ChampionBook: the packs that the core's events name, loaded from the store beside the journals; what they mean is told to the model.
//   path       cold: a thread of its own loads; whoever asks for a pack that is there gets it at once
//   threads    any; want() may be called with the model's lock held, the others not
//   invariant  a pack is handed out only under the digest of its own bytes
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/hash.hpp"
#include "ml/predictor/decision_model.hpp"
#include "strategies/swap/model_store.hpp"
#include "tools/gateway/core_model.hpp"

namespace thintail::gateway {

ModelFacts facts_of(const DecisionModel& model);

class ChampionBook {
 public:
  // `journals`: the instance's folder; the packs lie in models/ in it. `model_path`: where else the core takes its model from; may be empty.
  ChampionBook(SharedModel& model, std::string journals, std::string model_path);
  ~ChampionBook();
  ChampionBook(const ChampionBook&) = delete;
  ChampionBook& operator=(const ChampionBook&) = delete;

  // Loads the pack at model_path and those that the newest journals begin with, then goes on on its thread. Returns what could not be loaded.
  std::vector<std::string> start();
  void stop();

  // The pack of that digest is wanted soon.
  void want(const Sha256Digest& digest);
  // Null: not loaded.
  std::shared_ptr<const DecisionModel> find(const Sha256Digest& digest);
  // Of a pack that has been loaded at any time, whether it still is or not. Null: never.
  const FeatureSet* set_of(const Sha256Digest& digest) const;
  // As find(), but loads it now. May take as long as reading and checking a pack does.
  Result<std::shared_ptr<const DecisionModel>> fetch(const Sha256Digest& digest);

 private:
  static constexpr std::size_t kPacksMax = 4;  // that stay loaded; the others are read again

  void run();
  void load(const Sha256Digest& digest);
  Result<DecisionModel> read(const Sha256Digest& digest) const;
  std::shared_ptr<const DecisionModel> keep(DecisionModel model);

  SharedModel* model_;
  std::string journals_;
  ModelStore store_;
  std::string model_path_;
  mutable std::mutex mutex_;
  std::condition_variable is_wanted_;
  std::deque<Sha256Digest> wanted_;
  std::vector<std::pair<Sha256Digest, std::shared_ptr<const DecisionModel>>> packs_;  // the one used last comes last
  std::map<Sha256Digest, const FeatureSet*> sets_;  // they live as long as the process
  bool stops_ = false;
  std::thread thread_;
};

}  // namespace thintail::gateway
