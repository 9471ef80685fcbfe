// SPDX-License-Identifier: Apache-2.0
// The vocabulary of features: a *family* is a formula with parameters ("mid_deviation"), a *feature* is a family with its
// parameters given ("mid_deviation_60s"), a *lane* is a feature's place in a row.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/bars/bar_builder.hpp"
#include "core/event/payloads.hpp"

namespace thintail {

inline constexpr std::size_t kMaxLanes = 256;

// Which lanes of a row: bit i of word i / 64.
struct LaneMask {
  std::array<std::uint64_t, kMaxLanes / 64> words{};

  constexpr bool test(std::size_t lane) const noexcept { return (words[lane / 64] >> (lane % 64) & 1) != 0; }
  constexpr void set(std::size_t lane, bool value = true) noexcept {
    const std::uint64_t bit = std::uint64_t{1} << (lane % 64);
    words[lane / 64] = value ? words[lane / 64] | bit : words[lane / 64] & ~bit;
  }
  constexpr std::size_t count() const noexcept {
    std::size_t lanes = 0;
    for (const std::uint64_t word : words) lanes += static_cast<std::size_t>(__builtin_popcountll(word));
    return lanes;
  }
  constexpr bool contains(const LaneMask& other) const noexcept {
    std::uint64_t missing = 0;
    for (std::size_t i = 0; i < words.size(); ++i) missing |= other.words[i] & ~words[i];
    return missing == 0;
  }
  friend constexpr bool operator==(const LaneMask&, const LaneMask&) = default;
};

// The other instrument of a feature, as a set names it: "EURUSD@fxcm"; "@fxcm" is the instrument's own symbol at that
// venue, "EURUSD" that symbol at the instrument's own venue. Zeros after the text.
struct PeerName {
  std::array<char, 56> text{};  // room for "<32 characters>@<16>" and a zero

  // Empty where it is longer than any instrument's name.
  static constexpr PeerName of(std::string_view name) noexcept {
    PeerName peer;
    if (name.size() < peer.text.size()) {
      for (std::size_t i = 0; i < name.size(); ++i) peer.text[i] = name[i];
    }
    return peer;
  }
  constexpr std::string_view view() const noexcept { return std::string_view(text.data()); }
  friend constexpr bool operator==(const PeerName&, const PeerName&) = default;
};

// What a feature takes from a feed. A feed that lacks one cannot serve the feature, nor train it.
enum class Need : std::uint8_t {
  bid = 1 << 0,
  ask = 1 << 1,
  sizes = 1 << 2,  // of the best bid and ask
  trades = 1 << 3,
  volume = 1 << 4,  // traded, of a bar: never its tick count
  ticks = 1 << 5,  // every quote, not only bars
  depth = 1 << 6,  // levels behind the best
  peers = 1 << 7,  // other instruments
};
using Needs = std::uint8_t;
constexpr Needs operator|(Need a, Need b) noexcept {
  return static_cast<Needs>(static_cast<Needs>(a) | static_cast<Needs>(b));
}
constexpr Needs operator|(Needs a, Need b) noexcept { return static_cast<Needs>(a | static_cast<Needs>(b)); }
constexpr bool has(Needs needs, Need need) noexcept { return (needs & static_cast<Needs>(need)) != 0; }

// Which part of the engine computes a family.
enum class FamilyGroup : std::uint8_t { tick, decayed, windowed, clock, forming, bar, book, cross };

// A family's parameters by name; which of them a family takes is in its FeatureFamily.
enum class Parameter : std::uint8_t {
  half_life_s,  // seconds of trading time
  half_life_2_s,  // of the slower one, in a ratio
  ticks,  // length of a sliding window
  period,  // BarPeriod
  bars,
  bars_2,
  bars_3,
  factor,  // multiplier, in deviations or true ranges
  levels,  // of the order book
  quantity,  // in the book's size unit
  seconds,  // sampling interval of a timer
};

struct ParameterInfo {
  Parameter parameter;
  double low;  // inclusive
  double high;
  double standard;  // used where a set gives none; NaN: must be given
};

// One formula. Texts are part of a set's hash: editing one makes new sets.
struct FeatureFamily {
  std::string_view name;  // "mid_deviation"
  FamilyGroup group;
  std::uint16_t code;  // within the group: the group's own enum
  std::uint16_t version;  // raised whenever the same input would give other values
  std::string_view unit;  // "bp", "s", "ratio"
  Needs needs;
  bool takes_basis;  // bid, ask or mid can be chosen (default mid); otherwise `basis` says what it uses
  std::string_view basis;  // "mid", "quote", "book"
  std::string_view warm_up;  // in words: "2 half-lives of trading time"
  std::string_view seeding;  // what stands before the first value
  std::string_view formula;
  std::string_view source;  // who published it
  std::string_view reference;  // the table it was checked against, or empty
  std::span<const ParameterInfo> parameters;
  bool takes_peer = false;  // must be given a `peer`
};

// A family with its parameters: one lane. Parameters that the family does not take are 0.
struct Feature {
  const FeatureFamily* family = nullptr;
  double half_life_s = 0.0;
  double half_life_2_s = 0.0;
  double factor = 0.0;
  double quantity = 0.0;
  double seconds = 0.0;
  std::uint16_t ticks = 0;
  std::uint16_t bars = 0;
  std::uint16_t bars_2 = 0;
  std::uint16_t bars_3 = 0;
  std::uint16_t levels = 0;
  BarPeriod period = BarPeriod::m1;
  QuoteSide basis = QuoteSide::mid;
  bool mandatory = false;  // undefined makes a prediction invalid
  PeerName peer{};  // of a family that takes one

  friend bool operator==(const Feature&, const Feature&) = default;
};

}  // namespace thintail
