// SPDX-License-Identifier: Apache-2.0
#include "ml/features/feature_set.hpp"

#include <array>

#include "core/base/assert.hpp"
#include "core/time/zone.hpp"
#include "ml/features/core_32.hpp"

namespace thintail {
namespace {

// Raised when the arithmetic of CONTRACTS "Numbers" or "Decays" changes for every feature at once.
constexpr std::string_view kNumericContract = "1";

// Rules that give a feature its values without being part of its formula. Part of the hash.
struct Rule {
  std::string_view key;
  std::string_view text;
};
constexpr std::array kRules = {
    Rule{"arithmetic", "f64 state, f32 row rounded once; fused multiply-add only where written; -0 is +0"},
    Rule{"bars",
         "[start, end) by venue time; a tick at end belongs to the next bar; no empty bars; M1 to H1 in UTC; H4 and D1 "
         "from 17:00 New York"},
    Rule{"calendar",
         "fx: Sunday 17:00 to Friday 17:00 New York; gold: from 18:00, daily break 17:00 to 18:00; no holidays"},
    Rule{"decay", "w = 1 - 2^(-dt/h), d = 2^(-dt/h), dt in trading time, dt/h at most 64; x' is x of the tick before"},
    Rule{"missing", "NaN 0x7fc00000 and a clear mask bit"},
    Rule{"time", "venue time, non-decreasing for each instrument"},
    Rule{"warm_up", "a decay is defined two half-lives of trading time after the first tick"},
};

// Basic TOML strings; catalogue texts hold no character that one would have to escape.
void append_string(std::string& out, std::string_view key, std::string_view value) {
  TT_CHECK(value.find_first_of("\"\\\n") == std::string_view::npos, "text that needs no TOML escape");
  out.append(key).append(" = \"").append(value).append("\"\n");
}

}  // namespace

FeatureSet::FeatureSet(std::string_view name, std::span<const FeatureInfo> lanes) : name_(name), lanes_(lanes) {
  TT_CHECK(lanes.size() <= kMaxLanes, "no more lanes than a row holds");
  append_string(text_, "name", name);
  append_string(text_, "numeric_contract", kNumericContract);
  append_string(text_, "zone", Zone::new_york().name());
  append_string(text_, "zone_sha256", to_hex(Zone::new_york().hash()));
  text_.append("\n[rules]\n");
  for (const Rule& rule : kRules) append_string(text_, rule.key, rule.text);
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    const FeatureInfo& lane = lanes[i];
    if (lane.mandatory) mandatory_mask_ |= std::uint64_t{1} << i;
    text_.append("\n[[feature]]\n");
    append_string(text_, "name", lane.name);
    append_string(text_, "unit", lane.unit);
    append_string(text_, "basis", lane.basis);
    append_string(text_, "needs", lane.needs);
    append_string(text_, "warm_up", lane.warm_up);
    append_string(text_, "formula", lane.formula);
    text_.append("version = ").append(std::to_string(lane.version)).append("\n");
    text_.append("mandatory = ").append(lane.mandatory ? "true" : "false").append("\n");
  }
  hash_ = sha256(text_);
}

const FeatureSet& FeatureSet::core_32() {
  static const FeatureSet set("core-32", core_32::catalogue());
  return set;
}

std::span<const FeatureSet* const> FeatureSet::all() noexcept {
  static const std::array<const FeatureSet*, 1> sets = {&core_32()};
  return sets;
}

Result<const FeatureSet*> FeatureSet::find(std::string_view name) {
  std::string known;
  for (const FeatureSet* set : all()) {
    if (set->name() == name) return set;
    known.append(known.empty() ? "" : ", ").append(set->name());
  }
  return fail({.code = ErrorCode::feature_unknown,
               .doing = "looking up a feature set",
               .field = "feature_set",
               .expected = known,
               .found = printable(name)});
}

}  // namespace thintail
