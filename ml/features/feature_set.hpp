// SPDX-License-Identifier: Apache-2.0
// FeatureSet: an ordered list of features, each with its definition, and the hash that models and events carry.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "core/base/hash.hpp"

namespace thintail {

inline constexpr std::size_t kMaxLanes = 64;

struct FeatureInfo {
  std::string_view name;     // "return_ema_60s"
  std::string_view unit;     // "bp", "s", "ratio"
  std::string_view basis;    // "mid", "bid", "ask", "quote"
  std::string_view needs;    // "bid ask"
  std::string_view warm_up;  // in words: "300 s of trading time"
  std::string_view formula;  // with its source
  std::uint16_t version;     // raised whenever the same input would give other values
  bool mandatory;            // undefined makes a prediction invalid
};

class FeatureSet {
 public:
  static Result<const FeatureSet*> find(std::string_view name);
  static const FeatureSet& core_32();  // "core-32": the spine's set, ticks without sizes
  static std::span<const FeatureSet* const> all() noexcept;

  std::string_view name() const noexcept { return name_; }
  std::span<const FeatureInfo> lanes() const noexcept { return lanes_; }
  std::uint64_t mandatory_mask() const noexcept { return mandatory_mask_; }
  // Ordered canonical TOML: what the hash is over, together with bar, calendar and zone rules.
  const std::string& canonical_text() const noexcept { return text_; }
  const Sha256Digest& hash() const noexcept { return hash_; }

  FeatureSet(std::string_view name, std::span<const FeatureInfo> lanes);

 private:
  std::string_view name_;
  std::span<const FeatureInfo> lanes_;
  std::uint64_t mandatory_mask_ = 0;
  std::string text_;
  Sha256Digest hash_{};
};

}  // namespace thintail
