// SPDX-License-Identifier: Apache-2.0
// GoldenEvents: the golden section of a pack of kind `events`: inputs as a journal holds them, and what each tick of them gives. Stored and
// held to bounds here; made and recomputed in strategies/model, where the path from event to score is.
//   path  cold
//   abi   v1, docs/packs.md
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/event/event.hpp"
#include "ml/pack/pack_container.hpp"

namespace thintail::pack {

inline constexpr std::uint32_t kGoldenEventsMin = 4'096;
inline constexpr std::uint32_t kGoldenEventsMax = 262'144;
inline constexpr std::uint32_t kGoldenInstrumentsMax = 16;

// What a tick gave.
struct GoldenRow {
  std::uint64_t feature_digest = 0;  // FeatureEngine::digest()
  std::uint32_t score_bits = 0;  // of the float32
  std::uint16_t state = 0;  // PredictionState
  std::uint16_t regime = 0;  // RegimeLabel in force

  friend bool operator==(const GoldenRow&, const GoldenRow&) = default;
};
static_assert(sizeof(GoldenRow) == 16);

struct GoldenEvents {
  std::vector<Event> events;
  std::vector<GoldenRow> rows;  // one a tick, in order
  // Where the arrays lie in the file; for errors.
  std::uint64_t events_offset = 0;
  std::uint64_t rows_offset = 0;
};

std::string encode_golden_events(const GoldenEvents& golden);
// Events are inputs that a feed or a clock gives, after the instruments' own, by time; prices and times lie within what arithmetic is exact for.
Result<GoldenEvents> decode_golden_events(const Section& section, std::string_view file);

}  // namespace thintail::pack
