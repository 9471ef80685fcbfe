// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/champion.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <filesystem>

#include "core/log/log.hpp"
#include "core/thread/affinity.hpp"
#include "strategies/model/decision_model_file.hpp"
#include "tools/gateway/journal_history.hpp"

namespace thintail::gateway {

ModelFacts facts_of(const DecisionModel& model) {
  ModelFacts facts;
  facts.name = std::filesystem::path(model.path).filename().string();
  // In the store it is the whole digest, which stands beside it.
  if (const std::string digest = to_hex(model.digest); facts.name.starts_with(digest)) {
    facts.name = digest.substr(0, 12) + facts.name.substr(digest.size());
  }
  if (model.features != nullptr) facts.feature_set = model.features->name();
  facts.label = model.meaning.label;
  facts.horizon_ns = model.meaning.horizon_ns;
  facts.trained_on = model.meaning.trained_on;
  const bool is_one_of_trees =
      model.members.size() == 1 && std::holds_alternative<TreeEnsemble>(model.members.front().model);
  facts.kind = is_one_of_trees ? "trees" : model.members.size() == 1 ? "network" : "ensemble";
  if (is_one_of_trees) facts.trees = std::get<TreeEnsemble>(model.members.front().model).tree_count();
  return facts;
}

ChampionBook::ChampionBook(SharedModel& model, std::string journals, std::string model_path)
    : model_(&model),
      journals_(std::move(journals)),
      store_(ModelStore::beside(journals_)),
      model_path_(std::move(model_path)) {}

ChampionBook::~ChampionBook() { stop(); }

std::vector<std::string> ChampionBook::start() {
  std::vector<std::string> notes;
  if (!model_path_.empty()) {
    if (auto model = load_decision_model(model_path_)) {
      keep(std::move(*model));
    } else {
      notes.push_back(fmt::format("the model is not known here: {}", model.error().message()));
    }
  }
  constexpr std::size_t kJournals = 3;
  for (const Sha256Digest& digest : JournalHistory(journals_).models_of_newest(kJournals)) {
    if (const auto found = fetch(digest); !found) notes.push_back(found.error().message());
  }
  model_->write([this](CoreModel& model) {
    model.on_new_model = [this](const Sha256Digest& digest) { want(digest); };
    for (const ModelRecord& known : model.models) want(known.digest);
  });
  thread_ = std::thread([this] {
    set_thread_name("packs");
    try {
      run();
    } catch (const std::exception& failure) {
      log::error("the gateway loads no more models: {}", failure.what());
    } catch (...) {
      log::error("the gateway loads no more models");
    }
  });
  return notes;
}

void ChampionBook::stop() {
  {
    const std::lock_guard lock(mutex_);
    stops_ = true;
  }
  is_wanted_.notify_all();
  if (!thread_.joinable()) return;
  thread_.join();
  model_->write([](CoreModel& model) { model.on_new_model = nullptr; });
}

void ChampionBook::want(const Sha256Digest& digest) {
  {
    const std::lock_guard lock(mutex_);
    wanted_.push_back(digest);
  }
  is_wanted_.notify_one();
}

void ChampionBook::run() {
  for (;;) {
    Sha256Digest digest;
    {
      std::unique_lock lock(mutex_);
      is_wanted_.wait(lock, [this] { return stops_ || !wanted_.empty(); });
      if (stops_) return;
      digest = wanted_.front();
      wanted_.pop_front();
    }
    load(digest);
  }
}

void ChampionBook::load(const Sha256Digest& digest) {
  const auto found = fetch(digest);
  if (!found) log::warn("{}", found.error().message());
  model_->write([&](CoreModel& model) {
    if (found) {
      model.learn(digest, std::make_shared<const ModelFacts>(facts_of(**found)));
    } else {
      model.learn_why_unknown(digest, found.error().message());
    }
  });
}

std::shared_ptr<const DecisionModel> ChampionBook::find(const Sha256Digest& digest) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(packs_, digest, [](const auto& held) { return held.first; });
  if (found == packs_.end()) return nullptr;
  std::rotate(found, found + 1, packs_.end());
  return packs_.back().second;
}

const FeatureSet* ChampionBook::set_of(const Sha256Digest& digest) const {
  const std::lock_guard lock(mutex_);
  const auto found = sets_.find(digest);
  return found == sets_.end() ? nullptr : found->second;
}

Result<std::shared_ptr<const DecisionModel>> ChampionBook::fetch(const Sha256Digest& digest) {
  if (auto found = find(digest)) return found;
  TT_TRY(DecisionModel model, read(digest));
  return keep(std::move(model));
}

// From the store; without a journal there is none, and then from where the core takes it.
Result<DecisionModel> ChampionBook::read(const Sha256Digest& digest) const {
  const bool is_stored = store_.has(digest);
  if (!is_stored && model_path_.empty()) {
    return fail({.code = ErrorCode::model_missing,
                 .doing = "looking for a model that the core named",
                 .file = store_.path_of(digest),
                 .expected = "its pack, which the core keeps beside its journal; or --model",
                 .found = "no such file"});
  }
  const std::string path = is_stored ? store_.path_of(digest) : model_path_;
  TT_TRY(DecisionModel model, load_decision_model(path));
  if (model.digest == digest) return model;
  return fail({.code = ErrorCode::model_hash_mismatch,
               .doing = "looking for a model that the core named",
               .file = path,
               .expected = to_hex(digest),
               .found = to_hex(model.digest)});
}

std::shared_ptr<const DecisionModel> ChampionBook::keep(DecisionModel model) {
  auto pack = std::make_shared<const DecisionModel>(std::move(model));
  const std::lock_guard lock(mutex_);
  std::erase_if(packs_, [&](const auto& held) { return held.first == pack->digest; });
  packs_.emplace_back(pack->digest, pack);
  if (pack->features != nullptr) sets_[pack->digest] = pack->features;
  if (packs_.size() > kPacksMax) packs_.erase(packs_.begin());
  return pack;
}

}  // namespace thintail::gateway
