// SPDX-License-Identifier: Apache-2.0
// ReplaySwaps: `replay --swap-every N`: after every N inputs a model that another thread has just loaded, verified and made ready comes
// into force, while the replay runs on.
//   path     warm
//   threads  the replay's; one of its own loads
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <vector>

#include "strategies/backtest/backtest.hpp"
#include "strategies/swap/deployed_model.hpp"
#include "tools/report/report_text.hpp"

namespace thintail {

class ReplaySwaps final : public ModelSwaps {
 public:
  // REQUIRES: every > 0.
  ReplaySwaps(std::function<Result<DecisionModel>()> load, std::size_t instruments, std::uint64_t every);

  std::optional<ModelOffer> next(std::uint64_t ticks, bool shadow_is_warm) override;
  void taken() override;

  SwapTimes times() const;
  // What a model could not be loaded for: then no more are swapped.
  const std::optional<Error>& error() const noexcept { return error_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Prepared {
    Result<std::unique_ptr<DeployedModel>> model;
    std::uint64_t took_us;
  };
  enum class Step : std::uint8_t { waiting, in_shadow };

  void prepare_next();
  std::optional<ModelOffer> offer(ModelStage stage);

  std::function<Result<DecisionModel>()> load_;
  std::size_t instruments_;
  std::uint64_t every_;
  std::array<std::unique_ptr<DeployedModel>, 2> deployed_;  // by slot; slot 0's first one is the backtest's
  std::uint16_t slot_ = 0;  // in force
  std::uint32_t version_ = 1;
  Step step_ = Step::waiting;
  ModelStage offered_ = ModelStage::live;
  std::future<Prepared> preparing_;
  Clock::time_point offered_at_{};
  Clock::time_point taken_at_{};  // of a flip, until the next input is through
  std::vector<std::uint64_t> flips_ns_;
  std::vector<std::uint64_t> nexts_ns_;
  std::vector<std::uint64_t> prepares_us_;
  std::optional<Error> error_;
};

}  // namespace thintail
