// SPDX-License-Identifier: Apache-2.0
#include "core/config/schema.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>

#include "core/config/codec.hpp"
#include "core/time/clock_profile.hpp"

namespace thintail::config {
namespace {

constexpr std::int64_t kDecimalMaxE9 = std::numeric_limits<std::int64_t>::max();

// --- what texts may be ---------------------------------------------------------------------------------------------

constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kLowerLetters = kLetters.substr(26);
constexpr std::string_view kDigits = "0123456789";

std::function<bool(std::string_view)> only(std::size_t size_max, std::string_view letters, std::string_view others) {
  return [=](std::string_view text) {
    return !text.empty() && text.size() <= size_max && std::ranges::all_of(text, [&](char c) {
      return letters.contains(c) || kDigits.contains(c) || others.contains(c);
    });
  };
}

bool is_symbol(std::string_view text) { return only(32, kLetters, "._#+/-")(text); }
bool is_venue(std::string_view text) { return only(16, kLowerLetters, "_-")(text); }

bool is_instrument_name(std::string_view text) {
  const auto at = text.find('@');
  return at != std::string_view::npos && is_symbol(text.substr(0, at)) && is_venue(text.substr(at + 1));
}

// "10x": whole multiples of recorded time.
bool is_speed(std::string_view text) {
  if (text == "max") return true;
  if (!text.ends_with('x') || text.starts_with('0')) return false;
  return only(6, "", "")(text.substr(0, text.size() - 1));
}

Codec<std::string> path_text() {
  return text("a path", [](std::string_view path) { return !path.empty() && path.size() < 4096; });
}

bool is_currency(std::string_view text) { return only(16, kLetters, "")(text); }

// --- keys of plain sections ----------------------------------------------------------------------------------------

// Keys of one part of Settings, such as Settings::core.
template <class Part>
class KeysOf {
 public:
  explicit KeysOf(Part Settings::* part) : part_(part) {}

  template <class T>
  Key operator()(const std::string& name, T Part::* member, const Codec<T>& codec, const std::string& doc) const {
    return {
        .name = name,
        .type = codec.type,
        .doc = doc,
        .example = {},
        .required = false,
        .read = [part = part_, member, read = codec.read](Settings& out, const std::string&,
                                                          const RawValue& raw) { return read(raw, out.*part.*member); },
        .write = [part = part_, member, write = codec.write](const Settings& from,
                                                             const std::string&) { return write(from.*part.*member); }};
  }

 private:
  Part Settings::* part_;
};

Section core_section() {
  const KeysOf key(&Settings::core);
  const auto cpu = integer<std::int32_t>(-1, 4095);
  return {.path = {"core"},
          .doc = "The daemon: its name, its threads and where they run.",
          .keys = {
              key("instance", &CoreSettings::instance, text("1 to 32 of [A-Za-z0-9_-]", only(32, kLetters, "_-")),
                  "Names the segment, its lock and its journal folder; one daemon for each."),
              key("topology", &CoreSettings::topology,
                  choice<Topology>({{"pipelined", Topology::pipelined}, {"inline", Topology::in_line}}),
                  "pipelined: feed, engine and venue on cores of their own; inline: on one core."),
              key("wait", &CoreSettings::wait,
                  choice<WaitKind>({{"auto", WaitKind::automatic},
                                    {"spin", WaitKind::spin},
                                    {"yield", WaitKind::yield},
                                    {"park", WaitKind::park}}),
                  "How an idle thread waits; auto spins where each hot thread has a core of its own, else parks."),
              key("isa", &CoreSettings::isa,
                  text("one of auto, scalar, avx2, avx512",
                       [](std::string_view word) {
                         return word == "auto" || word == "scalar" || word == "avx2" || word == "avx512";
                       }),
                  "Instruction set of the kernels; auto takes the best there is. Decisions are the same on each."),
              key("feed_cpu", &CoreSettings::feed_cpu, cpu, "Core of the feed thread; -1: not pinned."),
              key("engine_cpu", &CoreSettings::engine_cpu, cpu, "Core of the engine thread; -1: not pinned."),
              key("venue_cpu", &CoreSettings::venue_cpu, cpu, "Core of the venue thread; -1: not pinned."),
              key("journal_cpu", &CoreSettings::journal_cpu, cpu, "Core of the journal thread; -1: not pinned."),
              key("numa_node", &CoreSettings::numa_node, integer<std::int32_t>(-1, 1023),
                  "Memory node of the segment; -1: that of the engine's core."),
              key("lock_memory", &CoreSettings::lock_memory, boolean(),
                  "Locks the segment in memory; a refused lock is reported and the daemon goes on."),
              key("instruments_max", &CoreSettings::instruments_max, integer<std::uint32_t>(1, 65'536),
                  "Room for this many instruments, reserved at start."),
          }};
}

Section shm_section() {
  const KeysOf key(&Settings::shm);
  const auto slots = power_of_two<std::uint64_t>(1024, std::uint64_t{1} << 30);
  return {.path = {"shm"},
          .doc = "Shared memory. A slot is 64 bytes: the default rings take 64 MiB and 4 MiB.",
          .keys = {
              key("directory", &ShmSettings::directory, path_text(), "Folder of the segments, on tmpfs or hugetlbfs."),
              key("events_slots", &ShmSettings::events_slots, slots, "Slots of the events stream."),
              key("ticks_slots", &ShmSettings::ticks_slots, slots, "Slots of each tick stream."),
              key("huge_pages", &ShmSettings::huge_pages, boolean(),
                  "Asks for 2 MiB pages; falls back to 4 KiB ones and says so."),
          }};
}

Section feed_section() {
  const KeysOf key(&Settings::feed);
  return {.path = {"feed"},
          .doc = "Where ticks come from.",
          .keys = {
              key("kind", &FeedSettings::kind,
                  choice<FeedKind>({{"simulator", FeedKind::simulator}, {"files", FeedKind::files}}),
                  "simulator: made-up ticks, flagged as such; files: recorded ones."),
              key("files", &FeedSettings::files,
                  text_list("a list of paths", [](std::string_view path) { return !path.empty(); }),
                  "Tick files, merged by time."),
              key("speed", &FeedSettings::speed, text("max, or a whole multiple of real time such as 10x", is_speed),
                  "Pace of recorded ticks."),
              key("strict", &FeedSettings::strict, boolean(),
                  "Refuses bad rows, crossed quotes and backward times, which are otherwise counted."),
          }};
}

Section simulator_section() {
  const KeysOf key(&Settings::simulator);
  return {.path = {"simulator"},
          .doc = "The market simulator: the same settings give the same ticks on every machine.",
          .keys = {
              key("seed", &SimulatorSettings::seed,
                  integer<std::uint64_t>(0, std::numeric_limits<std::uint64_t>::max()), "Chooses one of its markets."),
              key("instruments", &SimulatorSettings::instruments, text_list("a list of symbols", is_symbol),
                  "Symbols to simulate, at the venue sim."),
              key("duration_s", &SimulatorSettings::duration_s,
                  integer<std::uint32_t>(0, std::numeric_limits<std::uint32_t>::max()),
                  "Simulated span in seconds; 0: endless."),
              key("ticks_per_second", &SimulatorSettings::ticks_per_second, real(0.001, 100'000),
                  "Mean rate of each instrument in the calm regime."),
          }};
}

Section features_section() {
  const KeysOf key(&Settings::features);
  return {.path = {"features"},
          .doc = "What models see of the market.",
          .decides = true,
          .keys = {key("set", &FeaturesSettings::set,
                       text("a name, a path, or nothing", [](std::string_view path) { return path.size() < 4096; }),
                       "A built-in feature set or a set's TOML file (see docs/features.md); empty: the model's.")}};
}

Section model_section() {
  const KeysOf key(&Settings::model);
  return {.path = {"model"},
          .doc = "The model that scores ticks.",
          .decides = true,
          .keys = {key("path", &ModelSettings::path,
                       text("a path, or nothing", [](std::string_view path) { return path.size() < 4096; }),
                       "A model pack (.ttm of kind events); empty: no model.")}};
}

Section strategy_section() {
  const KeysOf key(&Settings::strategy);
  return {.path = {"strategy"},
          .doc = "What turns scores into target positions.",
          .decides = true,
          .keys = {
              key("kind", &StrategySettings::kind,
                  choice<StrategyKind>({{"flat", StrategyKind::flat},
                                        {"fade_last_move", StrategyKind::fade_last_move},
                                        {"model_edge", StrategyKind::model_edge}}),
                  "flat: never trades; fade_last_move: against the last move of the mid; model_edge: by the model."),
              key("entry_cost_multiple", &StrategySettings::entry_cost_multiple, real(0, 1000),
                  "Enters when the score is at least this many round-trip costs."),
              key("exit_cost_multiple", &StrategySettings::exit_cost_multiple, real(-1000, 1000),
                  "Leaves when the score in the position's direction falls to this many round-trip costs."),
              key("cooldown_ms", &StrategySettings::cooldown_ms, integer<std::uint32_t>(0, 86'400'000),
                  "Engine time in ms between two changes of target of one instrument."),
          }};
}

Section venue_section() {
  const KeysOf key(&Settings::venue);
  return {.path = {"venue"},
          .doc = "Where orders go.",
          .decides = true,
          .keys = {
              key("kind", &VenueSettings::kind, text("paper", [](std::string_view kind) { return kind == "paper"; }),
                  "paper: fills are simulated at the touch; no order leaves the machine."),
              key("latency_us", &VenueSettings::latency_us, integer<std::int64_t>(0, 60'000'000),
                  "From engine to venue in us, and again from venue to engine."),
              key("commission_per_million", &VenueSettings::commission_per_million_e9, decimal_e9(0, 1'000'000 * kE9),
                  "Quote units for each million of notional and side."),
          }};
}

Section journal_section() {
  const KeysOf key(&Settings::journal);
  return {.path = {"journal"},
          .doc = "The record of every event, from which a run is replayed.",
          .keys = {
              key("enabled", &JournalSettings::enabled, boolean(), "Writes a journal."),
              key("directory", &JournalSettings::directory, path_text(), "Holds one folder for each instance."),
              key("flush_ms", &JournalSettings::flush_ms, integer<std::int64_t>(1, 10'000),
                  "Longest time in ms that an event waits in the journal thread's buffer."),
          }};
}

// --- sections with rows --------------------------------------------------------------------------------------------

// Sections whose rows are a map by name.
template <class Row>
class RowsOf {
 public:
  explicit RowsOf(std::map<std::string, Row> Settings::* map) : map_(map) {}

  template <class T>
  Key operator()(const std::string& name, T Row::* member, const Codec<T>& codec, const std::string& example,
                 bool required, const std::string& doc) const {
    return {.name = name,
            .type = codec.type,
            .doc = doc,
            .example = example,
            .required = required,
            .read = [map = map_, member, read = codec.read](
                        Settings& out, const std::string& row,
                        const RawValue& raw) { return read(raw, (out.*map)[row].*member); },
            .write = [map = map_, member, write = codec.write](const Settings& from,
                                                               const std::string& row) -> std::optional<std::string> {
              const auto found = (from.*map).find(row);
              return found == (from.*map).end() ? std::nullopt : write(found->second.*member);
            }};
  }

  Rows rows(const std::string& type, const std::string& example,
            const std::function<bool(const std::string&)>& accepts) const {
    return {.type = type,
            .example = example,
            .accepts = accepts,
            .names = [map = map_](const Settings& from) { return names_in(from.*map); },
            .add =
                [map = map_](Settings& out, const std::string& row) {
                  (out.*map).try_emplace(row);
                  return false;
                },
            .check = [](const Settings&, const std::string&) { return Result<void>{}; }};
  }

  static std::vector<std::string> names_in(const std::map<std::string, Row>& map) {
    std::vector<std::string> names;
    names.reserve(map.size());
    for (const auto& [name, row] : map) names.push_back(name);
    return names;
  }

 private:
  std::map<std::string, Row> Settings::* map_;
};

// One quantity for each symbol: the row is the key.
Section quantity_section() {
  const auto codec = quantity(1, kDecimalMaxE9);
  Key key{.name = {},
          .type = codec.type,
          .doc = "Position taken in this symbol, in base units. Without one the strategy does not trade it.",
          .example = "\"10\"",
          .required = false,
          .read = [read = codec.read](Settings& out, const std::string& row,
                                      const RawValue& raw) { return read(raw, out.strategy.quantity[row]); },
          .write = [write = codec.write](const Settings& from, const std::string& row) -> std::optional<std::string> {
            const auto found = from.strategy.quantity.find(row);
            return found == from.strategy.quantity.end() ? std::nullopt : write(found->second);
          }};
  return {.path = {"strategy", "quantity"},
          .doc = "How much the strategy trades, by symbol.",
          .decides = true,
          .rows = Rows{.type = "a symbol, 1 to 32 of [A-Za-z0-9._#+/-]",
                       .example = "XAUUSD",
                       .accepts = is_symbol,
                       .names = [](const Settings& from) { return RowsOf<Quantity>::names_in(from.strategy.quantity); },
                       .add = [](Settings&, const std::string&) { return true; },
                       .check = [](const Settings&, const std::string&) { return Result<void>{}; }},
          .keys = {std::move(key)}};
}

Section sources_section() {
  const RowsOf key(&Settings::sources);
  const auto clock = text("a clock profile, such as utc, utc-5, new-york or mt5-eu",
                          [](std::string_view name) { return ClockProfile::find(name).has_value(); });
  return {
      .path = {"sources"},
      .doc = "What files are, by the beginning of their names; beside the built-in ones.",
      .decides = true,
      .rows = key.rows("the beginning of file names, 1 to 64 of [A-Za-z0-9._-]", "oanda_", only(64, kLetters, "._-")),
      .keys = {
          key("venue", &SourceSettings::venue, text("1 to 16 of [a-z0-9_-]", is_venue), "\"oanda\"", true,
              "Venue of their instruments."),
          key("clock", &SourceSettings::clock, clock, "\"utc\"", true,
              "How they write time; a wrong one shifts every bar and session, so none is guessed."),
          key("latency_ns", &SourceSettings::latency_ns, integer<std::int64_t>(0, 60'000'000'000), "250_000", false,
              "Receive time is venue time plus this many ns, for files without a receive time."),
      }};
}

Section instruments_section() {
  const RowsOf key(&Settings::instruments);
  auto rows = key.rows("SYMBOL@venue, such as XAUUSD@oanda", "XAUUSD@oanda", is_instrument_name);
  rows.add = [](Settings& out, const std::string& name) {
    if (out.instruments.contains(name)) return true;
    const auto at = name.find('@');
    const auto symbol = name.substr(0, at);
    const auto venue = name.substr(at + 1);
    const auto known = built_in_instrument(symbol, venue);
    Instrument row = known.value_or(Instrument{});
    row.symbol = symbol;
    row.venue = venue;
    out.instruments.emplace(name, std::move(row));
    return known.has_value();
  };
  rows.check = [](const Settings& settings, const std::string& name) {
    return validate(settings.instruments.at(name));
  };
  const auto size = decimal_e9(1, kDecimalMaxE9);
  return {
      .path = {"instruments"},
      .doc = "Instruments beside the built-in ones. Keys left out are those of the built-in symbol, if there is one.",
      .decides = true,
      .rows = std::move(rows),
      .keys = {
          key("base", &Instrument::base,
              text("nothing, or 1 to 16 letters and digits",
                   [](std::string_view code) { return code.empty() || is_currency(code); }),
              "\"XAU\"", false, "What is bought and sold; nothing for an index."),
          key("quote", &Instrument::quote, text("1 to 16 letters and digits", is_currency), "\"USD\"", true,
              "Currency of its prices."),
          key("digits", &Instrument::digits, integer<std::uint8_t>(0, 9), "3", true,
              "Decimal places that prices are shown with."),
          key("tick_size", &Instrument::tick_size_e9, size, "\"0.001\"", true, "Smallest price step."),
          key("lot_step", &Instrument::lot_step_e9, size, "\"1\"", true, "Smallest quantity step, in base units."),
          key("contract_size", &Instrument::contract_size_e9, size, "\"100\"", true, "Base units in one lot."),
          key("calendar", &Instrument::calendar,
              choice<CalendarId>({{"always", CalendarId::always}, {"fx", CalendarId::fx}, {"gold", CalendarId::gold}}),
              "\"gold\"", true, "When it trades; closed time ages no indicator."),
      }};
}

Section risk_section() {
  const RowsOf key(&Settings::risk);
  const auto limit = [](std::int64_t max) { return optional(integer<std::int64_t>(0, max)); };
  const auto amount = optional(quantity(0, kDecimalMaxE9));
  return {.path = {"risk"},
          .doc =
              "Limits of the risk gate, most specific row first: SYMBOL@venue, SYMBOL, default. Rows are not merged. "
              "A limit that is not set refuses every order it would have judged.",
          .decides = true,
          .rows = key.rows("default, a symbol, or SYMBOL@venue", "XAUUSD",
                           [](const std::string& row) { return is_symbol(row) || is_instrument_name(row); }),
          .keys = {
              key("max_order_quantity", &RiskLimits::max_order_quantity, amount, "\"10\"", false,
                  "Largest order, in base units."),
              key("max_position", &RiskLimits::max_position, amount, "\"100\"", false,
                  "Largest position to either side in base units, working orders included."),
              key("max_quote_age_ms", &RiskLimits::max_quote_age_ms, limit(86'400'000), "5_000", false,
                  "Oldest quote in ms of engine time on which new risk is taken."),
              key("max_orders_per_second", &RiskLimits::max_orders_per_second, limit(10'000), "10", false,
                  "Orders of one instrument in any second."),
          }};
}

}  // namespace

std::vector<std::string> Section::path_of(const std::string& row, const Key* key) const {
  auto full = path;
  if (rows) full.push_back(row);
  if (key != nullptr && !key->name.empty()) full.push_back(key->name);
  return full;
}

std::span<const Section> schema() {
  static const std::vector<Section> kSections = {
      core_section(),    shm_section(),         feed_section(),     simulator_section(), features_section(),
      model_section(),   strategy_section(),    quantity_section(), venue_section(),     journal_section(),
      sources_section(), instruments_section(), risk_section()};
  return kSections;
}

}  // namespace thintail::config
