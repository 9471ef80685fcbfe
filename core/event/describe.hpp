// SPDX-License-Identifier: Apache-2.0
// Events in words: type names, one-line JSON, and the field by which two events differ.
//   path  cold
#pragma once

#include <string>
#include <string_view>

#include "core/event/event.hpp"

namespace thintail {

std::string_view event_type_name(EventType type) noexcept;      // "tick"; "unknown" outside the enum
EventType event_type_from_name(std::string_view name) noexcept;  // EventType::none where no type has that name

// {"sequence":1,"time_ns":"...","instrument":0,"type":"tick","flags":4,"bid":"1284.065",...} on one line. Names are
// those of the members without their _e9. Decimals are exact and, like ns and ids, strings; enums are names; floats
// that are not finite and kNoInstrument are null; reserved bytes appear only where they are not zero.
std::string to_json(const Event& event);

// Name of the first field whose bytes differ ("time_ns", "payload.score"); empty where the events are equal.
std::string first_difference(const Event& a, const Event& b);

}  // namespace thintail
