// SPDX-License-Identifier: Apache-2.0
// Instruments: one symbol at one venue, by dense index. Rows are only ever appended.
//   threads  filled by one cold thread; a row is immutable once added, and the table never reallocates, so
//            readers that learned of a row through an Instrument event need no lock.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/error.hpp"
#include "core/time/calendar.hpp"

namespace thintail {

using InstrumentId = std::uint32_t;

struct Instrument {
  std::string symbol;  // "XAUUSD": [A-Za-z0-9._#+/-]{1,32}
  std::string venue;   // "oanda": [a-z0-9_-]{1,16}
  std::string base;    // "XAU"; may be empty (an index)
  std::string quote;   // "USD"
  std::uint8_t digits = 0;             // decimal places that prices are shown with
  std::int64_t tick_size_e9 = 0;       // the point: smallest price step, also the unit of exact window sums
  std::int64_t lot_step_e9 = 0;        // smallest quantity step, base units
  std::int64_t contract_size_e9 = 0;   // base units in one lot
  CalendarId calendar = CalendarId::always;

  std::string name() const { return symbol + "@" + venue; }
};

// What is known of common FX, metal and crypto symbols at any venue; empty where the symbol is not among them.
std::optional<Instrument> built_in_instrument(std::string_view symbol, std::string_view venue);

// Checks names, sizes > 0 and that `digits` places show the tick size. Failures are ErrorCode::config_bad_value.
Result<void> validate(const Instrument& instrument);

class InstrumentTable {
 public:
  explicit InstrumentTable(std::size_t capacity = 16'384);

  // Refuses a duplicate name, an invalid row, or a full table.
  Result<InstrumentId> add(Instrument instrument);
  std::optional<InstrumentId> find(std::string_view name) const;
  const Instrument& operator[](InstrumentId id) const noexcept { return rows_[id]; }
  std::size_t size() const noexcept { return rows_.size(); }
  std::size_t capacity() const noexcept { return capacity_; }
  std::span<const Instrument> rows() const noexcept { return rows_; }

 private:
  std::size_t capacity_;
  std::vector<Instrument> rows_;  // reserved in full: its address never changes
  std::unordered_map<std::string, InstrumentId> by_name_;
};

}  // namespace thintail
