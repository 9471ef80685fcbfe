// SPDX-License-Identifier: Apache-2.0
// Events for people: one aligned line each, the names of their instruments, and which of them somebody asked for.
//   path  cold
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/event/event.hpp"
#include "core/event/text_collector.hpp"

namespace thintail {

// "        17  2024-01-08T00:00:00.060000000Z  tick          XAUUSD@demo       bid 1284.065  ask 1284.1  ...". `instrument` is its name,
// or empty. Printable ASCII, whatever the event holds. Left out are digests, reserved bytes and the venue's own stamps.
std::string event_line(const Event& event, std::string_view instrument);

// to_json's object with "instrument_name" as its last member, where there is one.
std::string event_json(const Event& event, std::string_view instrument);

// The names of instruments as the events themselves tell them: for journals, which have no tables.
class InstrumentNames {
 public:
  void take(const Event& event);
  void set(std::uint32_t instrument, std::string name) { names_[instrument] = std::move(name); }
  // A new epoch numbers its instruments anew.
  void clear() noexcept { names_.clear(); }
  // Empty where it is not known.
  std::string_view of(std::uint32_t instrument) const noexcept;
  std::vector<std::string> all() const;

 private:
  std::map<std::uint32_t, std::string> names_;
  TextCollector text_{256};  // longer than any name: damage, which must not make us collect what follows
};

// Whether `name` is what somebody meant by `wanted`: "XAUUSD@oanda", or "XAUUSD" for any source of it.
bool is_instrument(std::string_view name, std::string_view wanted) noexcept;

// Which event types somebody wants. None named: all.
class TypeFilter {
 public:
  // Names as event_type_name() has them, each argument one or several with commas between. usage: an unknown one, with the nearest.
  static Result<TypeFilter> parse(const std::vector<std::string>& arguments);
  bool takes(EventType type) const noexcept;

 private:
  std::array<bool, kEventTypeCount> wanted_{};
  bool takes_all_ = true;
};

}  // namespace thintail
