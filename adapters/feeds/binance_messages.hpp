// SPDX-License-Identifier: Apache-2.0
// BinanceMessages: what the public messages of Binance (spot and USD-M futures) say of one instrument, as events.
//   path       warm: one parse a message, no copy of it
//   threads    one
//   invariant  prices and sizes are read digit by digit and never pass through a double on the way; a message that is refused
//              makes no event at all.
//   source     PROTOCOLS.md section 1
//
// Messages stand alone or in {"stream": NAME, "data": {...}}:
//   bookTicker   a Tick, source_sequence u
//   trade        a Trade, source_sequence t; m (the buyer is the maker) means that the aggressor sold
//   depthUpdate  a run of Book events, source_sequence u, previous_sequence pu (futures) or U - 1 (spot), bids before asks
//   snapshot     the REST answer of /depth: a run of Book events with kFlagSnapshot, source_sequence lastUpdateId. The stream is
//                ahead of it by then, so the updates kept that reach beyond it follow once more, at its time
// The venue's time is T, else E, else (spot bookTicker) the time of receipt; milli- or microseconds.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/feeds/row_parser.hpp"
#include "core/event/event.hpp"
#include "core/instrument/instrument_table.hpp"

namespace thintail {

enum class BinanceMessage : std::uint8_t { refused, tick, trade, book_update, book_snapshot };

class BinanceMessages {
 public:
  // Bytes that must be readable behind a message.
  static constexpr std::size_t kPaddingBytes = 64;
  // What is kept of the depth stream for a snapshot to join on to. The venue's own advice is to fetch one again where it is older.
  static constexpr std::size_t kUpdatesKeptMax = 512;
  static constexpr std::size_t kLevelsKeptMax = 1 << 16;

  // `symbol` as payloads spell it: "BTCUSDT".
  BinanceMessages(std::string symbol, InstrumentId instrument);
  ~BinanceMessages();
  BinanceMessages(BinanceMessages&&) noexcept;

  // Appends the message's events to `out`, all at `receive_ns`. Where it is refused `fault` says why, valid until the next call.
  BinanceMessage take(std::string_view json, std::int64_t receive_ns, std::vector<Event>& out, RowFault& fault);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace thintail
