// SPDX-License-Identifier: Apache-2.0
#include "tools/thintail/replay_swaps.hpp"

#include <algorithm>
#include <utility>

namespace thintail {
namespace {

template <class Unit, class Duration>
std::uint64_t count_of(Duration duration) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<Unit>(duration).count());
}

std::uint64_t median_of(std::vector<std::uint64_t> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

std::uint64_t largest_of(const std::vector<std::uint64_t>& values) {
  return values.empty() ? 0 : *std::ranges::max_element(values);
}

}  // namespace

ReplaySwaps::ReplaySwaps(std::function<Result<DecisionModel>()> load, std::size_t instruments, std::uint64_t every)
    : load_(std::move(load)), instruments_(instruments), every_(every) {
  prepare_next();
}

void ReplaySwaps::prepare_next() {
  preparing_ = std::async(std::launch::async, [this]() -> Prepared {
    const auto start = Clock::now();
    auto model = load_();
    if (!model) return {std::unexpected(std::move(model).error()), 0};
    auto deployed = std::make_unique<DeployedModel>(*std::move(model), instruments_);
    return {std::move(deployed), count_of<std::chrono::microseconds>(Clock::now() - start)};
  });
}

std::optional<ModelOffer> ReplaySwaps::next(std::uint64_t ticks, bool shadow_is_warm) {
  if (taken_at_ != Clock::time_point{}) {
    nexts_ns_.push_back(count_of<std::chrono::nanoseconds>(Clock::now() - taken_at_));
    taken_at_ = {};
  }
  if (step_ == Step::in_shadow) return shadow_is_warm ? offer(ModelStage::live) : std::nullopt;
  if (ticks % every_ != 0 || error_) return std::nullopt;
  // Simulated time waits for the loading thread, so that the same inputs swap at the same places.
  Prepared prepared = preparing_.get();
  if (!prepared.model) {
    error_ = std::move(prepared.model).error();
    return std::nullopt;
  }
  prepares_us_.push_back(prepared.took_us);
  const std::uint16_t other = slot_ == 0 ? 1 : 0;
  deployed_[other] = *std::move(prepared.model);
  ++version_;
  return offer(deployed_[other]->model().remembers() ? ModelStage::shadow : ModelStage::live);
}

std::optional<ModelOffer> ReplaySwaps::offer(ModelStage stage) {
  const std::uint16_t other = slot_ == 0 ? 1 : 0;
  offered_ = stage;
  offered_at_ = Clock::now();
  return ModelOffer{&deployed_[other]->predictor(), Model{other, stage, version_, deployed_[other]->model().digest}};
}

void ReplaySwaps::taken() {
  const auto now = Clock::now();
  if (offered_ == ModelStage::shadow) {
    step_ = Step::in_shadow;
    return;
  }
  flips_ns_.push_back(count_of<std::chrono::nanoseconds>(now - offered_at_));
  deployed_[slot_].reset();
  slot_ = slot_ == 0 ? 1 : 0;
  step_ = Step::waiting;
  prepare_next();
  taken_at_ = Clock::now();
}

SwapTimes ReplaySwaps::times() const {
  return {flips_ns_.size(),     median_of(flips_ns_),  largest_of(flips_ns_),
          median_of(nexts_ns_), largest_of(nexts_ns_), median_of(prepares_us_)};
}

}  // namespace thintail
