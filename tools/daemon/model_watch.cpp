// SPDX-License-Identifier: Apache-2.0
#include "tools/daemon/model_watch.hpp"

#include <sys/stat.h>

#include <chrono>
#include <utility>

#include "core/base/whole_file.hpp"
#include "core/log/log.hpp"
#include "ml/models/decision_trees.hpp"

namespace thintail {
namespace {

std::int64_t ns_of(const timespec& time) noexcept { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

std::string short_digest(const DecisionModel& model) { return to_hex(model.digest).substr(0, 12); }

}  // namespace

ModelWatch::ModelWatch(ModelWatchOptions options, ModelOffers& offers)
    : options_(std::move(options)), offers_(&offers) {}

ModelWatch::Stamp ModelWatch::stamp_of_file() const {
  struct stat found{};
  if (::stat(options_.path.c_str(), &found) != 0) return {};
  return {found.st_dev, found.st_ino, static_cast<std::uint64_t>(found.st_size), ns_of(found.st_mtim),
          ns_of(found.st_ctim)};
}

std::uint32_t ModelWatch::do_work(std::int64_t now_ns) {
  switch (step_) {
    case Step::watching: return look_at_file(now_ns) ? 1 : 0;
    case Step::entering_shadow:
      if (offers_->is_pending()) return 0;
      shadow_since_ns_ = now_ns;
      step_ = Step::in_shadow;
      return 1;
    case Step::in_shadow:
      if (!offers_->shadow_is_warm() && now_ns - shadow_since_ns_ < kShadowNsMax) return 0;
      return offer(ModelStage::live) ? 1 : 0;
    case Step::going_live:
      if (offers_->is_pending()) return 0;
      deployed_[slot_].reset();
      slot_ = other_slot();
      options_.in_force = deployed_[slot_]->model().digest;
      ++swapped_;
      log::info("model {} is in force in slot {}, version {}; made ready in {} us",
                short_digest(deployed_[slot_]->model()), slot_, version_, prepared_us_);
      step_ = Step::watching;
      return 1;
  }
  return 0;
}

bool ModelWatch::look_at_file(std::int64_t now_ns) {
  const Stamp now = stamp_of_file();
  const bool is_settled = now == std::exchange(last_, now);  // else somebody still writes it, or just renamed it here
  if (!is_settled || now == seen_ || now == Stamp{}) return false;
  seen_ = now;
  const auto start = std::chrono::steady_clock::now();
  if (const Result<void> prepared = prepare(); !prepared) {
    ++refused_;
    log::error("{}; the model in force stays", prepared.error().message());
    return true;
  }
  DeployedModel* const next = deployed_[other_slot()].get();
  if (next == nullptr) return false;  // the model in force once more
  prepared_us_ =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start).count();
  ++version_;
  shadow_since_ns_ = now_ns;
  return offer(next->model().remembers() ? ModelStage::shadow : ModelStage::live);
}

Result<void> ModelWatch::prepare() {
  // One reading: what is checked, kept and run are these bytes, whatever becomes of the file.
  TT_TRY(const std::string bytes, read_whole_file(options_.path, model_reading("loading a new model")));
  TT_TRY(DecisionModel model, options_.decode(bytes, options_.path));
  if (model.digest == options_.in_force) return {};
  if (options_.store) TT_TRY_VOID(options_.store->keep(bytes, options_.path));
  deployed_[other_slot()] = std::make_unique<DeployedModel>(std::move(model), options_.instruments);
  return {};
}

bool ModelWatch::offer(ModelStage stage) {
  DeployedModel& next = *deployed_[other_slot()];
  if (!offers_->offer({&next.predictor(), Model{other_slot(), stage, version_, next.model().digest}})) return false;
  step_ = stage == ModelStage::live ? Step::going_live : Step::entering_shadow;
  return true;
}

}  // namespace thintail
