// SPDX-License-Identifier: Apache-2.0
// FeatureSet: an ordered list of features, each with its definition, and the hash that models and events carry.
//   path       cold
//   threads    immutable once built; find() may be called from any thread
//   invariant  equal hashes mean equal rows for equal events: everything that decides a value is in the canonical text.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/hash.hpp"
#include "ml/features/feature_catalogue.hpp"
#include "ml/features/feature_family.hpp"

namespace thintail {

inline constexpr std::size_t kSetHalfLivesMax = 16;  // distinct ones in a set: a decayed signal is two cache lines
inline constexpr std::size_t kSetWindowsMax = 8;  // distinct lengths of sliding windows: one column each

// A lane in words. Texts belong to the set, or live as long as the process.
struct FeatureInfo {
  std::string_view name;  // "mid_deviation_60s"
  std::string_view unit;  // "bp", "s", "ratio"
  std::string_view basis;  // "mid", "bid", "ask", "quote"
  std::string_view needs;  // "bid ask"
  std::string_view warm_up;  // in words: "2 half-lives of trading time"
  std::string_view formula;
  std::uint16_t version;  // raised whenever the same input would give other values
  bool mandatory;  // undefined makes a prediction invalid
};

// What gives every feature its values without being part of a formula: part of each set's hash.
struct FeatureRules {
  struct Rule {
    std::string key;
    std::string text;
  };
  struct ZoneDigest {
    std::string name;
    Sha256Digest sha256;  // of its transitions from 1990 to 2040
  };
  // Raised when the arithmetic of CONTRACTS "Numbers" or "Decays" changes for all features at once.
  std::string numeric_contract;
  std::vector<Rule> rules;
  std::vector<ZoneDigest> zones;  // that bars and clocks use

  static const FeatureRules& in_force();
};

class FeatureSet {
 public:
  // A built-in set by name, or the TOML file at a path (it has a slash or ends in .toml). A file is read anew at each
  // call, and the set lives as long as the process; equal files give one set.
  static Result<const FeatureSet*> find(std::string_view name_or_path);
  static bool is_path(std::string_view name_or_path) noexcept {
    return name_or_path.contains('/') || name_or_path.ends_with(".toml");
  }
  // `file` names the text in errors. docs/features.md describes the form.
  static Result<FeatureSet> from_toml(std::string_view text, const std::string& file,
                                      FamilyList families = feature_families());
  // The set whose canonical_text() is `text`, as a model pack holds it; it lives as long as the process, and equal texts give
  // one set. Refused where this build would compute the set otherwise: by the first line of rules, zones or lanes that differs.
  static Result<const FeatureSet*> from_canonical(std::string_view text, const std::string& file);
  static const FeatureSet* built_in(std::string_view name) noexcept;  // null where there is none of that name
  static const FeatureSet& core_32();  // "core-32": the spine's set, ticks without sizes
  static std::span<const FeatureSet* const> all() noexcept;  // built in

  FeatureSet(FeatureSet&&) noexcept = default;
  FeatureSet& operator=(FeatureSet&&) noexcept = default;

  std::string_view name() const noexcept { return name_; }
  std::string_view description() const noexcept { return description_; }  // for people; not part of the hash
  std::span<const Feature> features() const noexcept { return features_; }
  std::span<const FeatureInfo> lanes() const noexcept { return lanes_; }  // as many as features, in the same order
  std::optional<std::size_t> lane(std::string_view name) const noexcept;
  Needs needs() const noexcept { return needs_; }
  LaneMask mandatory() const noexcept { return mandatory_; }

  // Refuses data that lacks what a lane needs. `source` names the data: a file, a feed.
  Result<void> require(Needs have, std::string_view source) const;

  // Ordered canonical TOML: what the hash is over, together with the rules, which are part of it.
  const std::string& canonical_text() const noexcept { return text_; }
  std::string canonical_text(const FeatureRules& rules) const;
  const Sha256Digest& hash() const noexcept { return hash_; }

 private:
  friend class FeatureSetReader;
  FeatureSet(std::string name, std::string description, std::vector<Feature> features, std::vector<std::string> names);

  std::string name_;
  std::string description_;
  std::vector<Feature> features_;
  std::vector<std::string> texts_;  // that lanes_ points into: names, then needs
  std::vector<FeatureInfo> lanes_;
  Needs needs_ = 0;
  LaneMask mandatory_;
  std::string text_;
  Sha256Digest hash_{};
};

}  // namespace thintail
