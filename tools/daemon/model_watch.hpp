// SPDX-License-Identifier: Apache-2.0
// ModelWatch: the cold side of a model swap: notices that the model file was replaced, makes the new model ready in memory of its own,
// and offers it to the engine; frees the old one once the engine has left it.
//   path       cold
//   threads    one
//   invariant  whatever is wrong with a file, the model in force stays. A model is in the store before any event names it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/base/error.hpp"
#include "core/base/hash.hpp"
#include "strategies/swap/deployed_model.hpp"
#include "strategies/swap/model_offers.hpp"
#include "strategies/swap/model_store.hpp"

namespace thintail {

struct ModelWatchOptions {
  std::string path;  // of the model file, which a new one is renamed over
  std::size_t instruments = 0;
  Sha256Digest in_force{};  // what slot 0 started with
  std::optional<ModelStore> store;
  // From the file's bytes to a model that is verified on this machine and fits the features in force.
  std::function<Result<DecisionModel>(std::string_view bytes, const std::string& file)> decode;
};

class ModelWatch {
 public:
  // How long a model may be in the shadow before it comes into force with some instruments still cold: those answer
  // warming_up until they are not.
  static constexpr std::int64_t kShadowNsMax = 600'000'000'000;

  ModelWatch(ModelWatchOptions options, ModelOffers& offers);

  // One look; a few times a second. `now_ns` never decreases. Returns how many steps of a swap it did.
  std::uint32_t do_work(std::int64_t now_ns);

  std::uint64_t swapped() const noexcept { return swapped_; }
  std::uint64_t refused() const noexcept { return refused_; }

 private:
  // What tells one state of a file from another without reading it.
  struct Stamp {
    std::uint64_t device = 0, inode = 0, bytes = 0;
    std::int64_t modified_ns = 0, changed_ns = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  enum class Step : std::uint8_t { watching, entering_shadow, in_shadow, going_live };

  Stamp stamp_of_file() const;
  bool look_at_file(std::int64_t now_ns);
  Result<void> prepare();
  bool offer(ModelStage stage);
  std::uint16_t other_slot() const noexcept { return slot_ == 0 ? 1 : 0; }

  ModelWatchOptions options_;
  ModelOffers* offers_;
  std::array<std::unique_ptr<DeployedModel>, 2> deployed_;  // by slot; slot 0's first one is the daemon's
  std::uint16_t slot_ = 0;  // in force
  std::uint32_t version_ = 1;
  Step step_ = Step::watching;
  Stamp seen_{};  // that was loaded or refused; the first is what the start loaded, or what came since
  Stamp last_{};  // at the last look
  std::int64_t shadow_since_ns_ = 0;
  std::int64_t prepared_us_ = 0;
  std::uint64_t swapped_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace thintail
