// SPDX-License-Identifier: Apache-2.0
// Settings: everything that can be configured, as values with their defaults. Where each came from is config.hpp's.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/instrument/instrument_table.hpp"
#include "core/price/decimal.hpp"

namespace thintail {

enum class WaitKind : std::uint8_t { automatic, spin, yield, park };
enum class Topology : std::uint8_t { pipelined, in_line };
enum class FeedKind : std::uint8_t { simulator, files };
enum class StrategyKind : std::uint8_t { flat, fade_last_move, model_edge };

struct CoreSettings {
  std::string instance = "default";  // [A-Za-z0-9_-]{1,32}: names the segment, its lock and its journal folder
  Topology topology = Topology::pipelined;
  WaitKind wait = WaitKind::automatic;  // spin where each hot thread has a core of its own, else park
  std::string isa = "auto";             // auto | scalar | avx2 | avx512
  std::int32_t feed_cpu = -1;           // -1: not pinned
  std::int32_t engine_cpu = -1;
  std::int32_t venue_cpu = -1;
  std::int32_t journal_cpu = -1;
  std::int32_t numa_node = -1;  // -1: where the engine's core is
  bool lock_memory = true;      // mlock the segment; a refused lock is reported, not fatal
  std::uint32_t instruments_max = 1024;
};

struct ShmSettings {
  std::string directory = "/dev/shm";
  std::uint64_t events_slots = 1u << 20;  // power of two >= 1024; 64 bytes each
  std::uint64_t ticks_slots = 1u << 16;
  bool huge_pages = false;
};

struct SourceSettings {
  std::string venue;             // "oanda"
  std::string clock;             // a clock profile, "utc"
  std::int64_t latency_ns = 0;   // receive time = venue time + this, for files without a receive time
};

struct FeedSettings {
  FeedKind kind = FeedKind::simulator;
  std::vector<std::string> files;
  std::string speed = "max";  // max | 1x | 10x | <n>x
  bool strict = false;        // refuse rows that are otherwise counted and skipped
};

struct SimulatorSettings {
  std::uint64_t seed = 1;
  std::vector<std::string> instruments = {"XAUUSD", "EURUSD", "BTCUSD"};
  std::uint32_t duration_s = 14'400;    // simulated span of a finite run; 0: endless
  double ticks_per_second = 8.0;        // mean rate of each instrument in the calm regime
};

struct FeaturesSettings {
  std::string set;  // a built-in set's name or the path of a set's TOML file; empty: the one that the model names
};

struct ModelSettings {
  std::string path;  // a .ttm of kind events; empty: none
};

struct StrategySettings {
  StrategyKind kind = StrategyKind::fade_last_move;
  double entry_cost_multiple = 1.0;  // enter when |score| >= this many round-trip costs
  double exit_cost_multiple = 0.0;   // leave when the score in the position's direction falls to this many
  std::uint32_t cooldown_ms = 1'000; // engine time between two changes of target of one instrument
  std::map<std::string, Quantity> quantity = {};  // by symbol, e.g. XAUUSD = "10": the position taken
};

// A missing limit is not "no limit": the gate refuses every order that it would have judged.
struct RiskLimits {
  std::optional<Quantity> max_order_quantity = {};
  std::optional<Quantity> max_position = {};        // working orders included
  std::optional<std::int64_t> max_quote_age_ms = {};
  std::optional<std::int64_t> max_orders_per_second = {};
};

struct VenueSettings {
  std::string kind = "paper";
  std::int64_t latency_us = 500;                   // engine to venue, and again venue to engine
  std::int64_t commission_per_million_e9 = 25 * kE9;  // quote units for each million of notional and side
};

struct JournalSettings {
  bool enabled = true;
  std::string directory = "journal";
  std::int64_t flush_ms = 20;  // longest time that an event waits in the journal thread's buffer
};

struct Settings {
  CoreSettings core = {};
  ShmSettings shm = {};
  FeedSettings feed = {};
  SimulatorSettings simulator = {};
  FeaturesSettings features = {};
  ModelSettings model = {};
  StrategySettings strategy = {};
  VenueSettings venue = {};
  JournalSettings journal = {};
  std::map<std::string, SourceSettings> sources = {};      // by file-name prefix: "oanda_"
  std::map<std::string, Instrument> instruments = {};      // by name "XAUUSD@oanda"; beside the built-in ones
  std::map<std::string, RiskLimits> risk = {};             // by "XAUUSD@oanda", by "XAUUSD", or "default"
};

// The most specific limits: by name, else by symbol, else "default", else none at all (refuse).
inline RiskLimits limits_for(const Settings& settings, const Instrument& instrument) {
  for (const auto& key : {instrument.name(), instrument.symbol, std::string("default")}) {
    if (const auto row = settings.risk.find(key); row != settings.risk.end()) return row->second;
  }
  return {};
}

}  // namespace thintail
