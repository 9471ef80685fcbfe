// SPDX-License-Identifier: Apache-2.0
// Configuration: strict reading, precedence, exact round trips, and documents that equal the table of keys.
#include "core/config/config.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>
#include <sstream>

#include "core/config/demo_settings.hpp"
#include "core/config/nearest_name.hpp"
#include "core/config/reference.hpp"
#include "core/config/schema.hpp"

namespace thintail {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// A configuration file that lives as long as the test.
class ConfigFile {
 public:
  explicit ConfigFile(const std::string& text)
      : path_(fs::temp_directory_path() / fmt::format("thintail_{}_{}.toml", ::getpid(),
                                                      testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::ofstream(path_, std::ios::binary) << text;
  }
  ~ConfigFile() { fs::remove(path_); }
  ConfigFile(const ConfigFile&) = delete;
  ConfigFile& operator=(const ConfigFile&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

Result<Config> load(const std::string& text, const std::vector<Override>& flags = {},
                    const std::vector<EnvironmentVariable>& environment = {}) {
  const ConfigFile file(text);
  return load_config(file.path(), flags, environment);
}

// The error of a file that must be refused.
Error refusal(const std::string& text) {
  const auto loaded = load(text);
  EXPECT_FALSE(loaded.has_value()) << text;
  return loaded ? Error{.code = ErrorCode::internal, .doing = {}} : loaded.error();
}

TEST(Config, no_file_gives_the_defaults_which_hold_no_limit) {
  const auto loaded = load_config(std::nullopt, {}, {});
  ASSERT_TRUE(loaded) << loaded.error().message();
  EXPECT_EQ(loaded->settings.core.instance, "default");
  EXPECT_TRUE(loaded->settings.risk.empty());
  EXPECT_TRUE(loaded->origins.empty());
}

TEST(Config, a_file_sets_every_kind_of_value) {
  const auto loaded = load(R"(
[core]
instance = "desk-1"
topology = "inline"
engine_cpu = 3
lock_memory = false
[feed]
kind = "files"
files = ["a.csv", "b c.csv"]
speed = "10x"
[simulator]
ticks_per_second = 2
[strategy]
entry_cost_multiple = 1.25
[strategy.quantity]
XAUUSD = "0.5"
"US30.cash" = 2
[venue]
commission_per_million = "27.5"
[sources."oanda_"]
venue = "oanda"
clock = "utc"
latency_ns = 250_000
[instruments."US30.cash@mt5"]
quote = "USD"
digits = 1
tick_size = "0.1"
lot_step = "0.01"
contract_size = 1
calendar = "fx"
[risk.default]
max_order_quantity = "1"
[risk."XAUUSD@oanda"]
max_position = 100
max_quote_age_ms = 5000
)");
  ASSERT_TRUE(loaded) << loaded.error().message();
  const auto& settings = loaded->settings;
  EXPECT_EQ(settings.core.instance, "desk-1");
  EXPECT_EQ(settings.core.topology, Topology::in_line);
  EXPECT_EQ(settings.core.engine_cpu, 3);
  EXPECT_FALSE(settings.core.lock_memory);
  EXPECT_EQ(settings.feed.files, (std::vector<std::string>{"a.csv", "b c.csv"}));
  EXPECT_EQ(settings.simulator.ticks_per_second, 2.0);
  EXPECT_EQ(settings.strategy.entry_cost_multiple, 1.25);
  EXPECT_EQ(settings.strategy.quantity.at("XAUUSD").e9, 500'000'000);
  EXPECT_EQ(settings.strategy.quantity.at("US30.cash").e9, 2 * kE9);
  EXPECT_EQ(settings.venue.commission_per_million_e9, 27'500'000'000);
  EXPECT_EQ(settings.sources.at("oanda_").latency_ns, 250'000);
  EXPECT_EQ(settings.instruments.at("US30.cash@mt5").symbol, "US30.cash");
  EXPECT_EQ(settings.instruments.at("US30.cash@mt5").venue, "mt5");
  EXPECT_EQ(settings.instruments.at("US30.cash@mt5").tick_size_e9, 100'000'000);
  EXPECT_EQ(settings.instruments.at("US30.cash@mt5").calendar, CalendarId::fx);
  EXPECT_EQ(settings.risk.at("default").max_order_quantity, Quantity{kE9});
  EXPECT_FALSE(settings.risk.at("default").max_position.has_value());
  EXPECT_EQ(settings.risk.at("XAUUSD@oanda").max_position, Quantity{100 * kE9});
}

TEST(Config, an_unknown_key_is_refused_with_its_place_and_the_nearest_known_one) {
  const auto error = refusal("[core]\n  instanse = \"x\"\n");
  EXPECT_EQ(error.code, ErrorCode::config_unknown_key);
  EXPECT_EQ(error.line, 2u);
  EXPECT_EQ(error.column, 3u);
  EXPECT_EQ(error.field, "core.instanse");
  EXPECT_NE(error.expected.find("core.instance"), std::string::npos) << error.expected;
}

TEST(Config, unknown_keys_are_refused_wherever_they_stand) {
  EXPECT_EQ(refusal("instance = \"x\"").code, ErrorCode::config_unknown_key);
  EXPECT_EQ(refusal("[cores]\ninstance = \"x\"").code, ErrorCode::config_unknown_key);
  EXPECT_EQ(refusal("[cores]\n").code, ErrorCode::config_unknown_key);
  EXPECT_EQ(refusal("[core.deep]\nx = 1").code, ErrorCode::config_unknown_key);
  const auto in_row = refusal("[risk.\"XAUUSD@oanda\"]\nmax_positon = 5");
  EXPECT_EQ(in_row.code, ErrorCode::config_unknown_key);
  EXPECT_NE(in_row.expected.find("risk.\"XAUUSD@oanda\".max_position"), std::string::npos) << in_row.expected;
}

TEST(Config, the_first_mistake_of_the_file_is_reported) {
  const auto error = refusal("[shm]\nzzz = 1\n[core]\naaa = 1\n");
  EXPECT_EQ(error.field, "shm.zzz");
}

TEST(Config, a_syntax_error_names_line_and_column) {
  const auto error = refusal("[core]\ninstance = \"x\n");
  EXPECT_EQ(error.code, ErrorCode::config_syntax);
  EXPECT_EQ(error.line, 2u);
  EXPECT_GT(error.column, 0u);
  EXPECT_EQ(refusal("[core]\nisa = \"auto\"\nisa = \"avx2\"\n").code, ErrorCode::config_syntax);
}

TEST(Config, a_missing_file_a_folder_and_an_endless_file_are_refused) {
  const auto missing = load_config("/nonexistent/thintail.toml", {}, {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::file_missing);
  const auto folder = load_config("/tmp", {}, {});
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().code, ErrorCode::file_unreadable);
  const auto endless = load_config("/dev/zero", {}, {});
  ASSERT_FALSE(endless);
  EXPECT_EQ(endless.error().code, ErrorCode::file_unreadable);
}

struct BadValue {
  const char* text;
  const char* field;
};

TEST(Config, values_of_the_wrong_type_or_out_of_bounds_are_refused_with_expected_and_found) {
  const BadValue cases[] = {
      {"[core]\ninstance = 5", "core.instance"},
      {"[core]\ninstance = \"\"", "core.instance"},
      {"[core]\ninstance = \"../x\"", "core.instance"},
      {"[core]\ninstance = \"a23456789012345678901234567890123\"", "core.instance"},
      {"[core]\ntopology = \"Inline\"", "core.topology"},
      {"[core]\nengine_cpu = -2", "core.engine_cpu"},
      {"[core]\nengine_cpu = \"1\"", "core.engine_cpu"},
      {"[core]\nengine_cpu = 1.0", "core.engine_cpu"},
      {"[core]\nlock_memory = 1", "core.lock_memory"},
      {"[core]\nisa = 1979-05-27", "core.isa"},
      {"[core]\nisa = { a = 1 }", "core.isa"},
      {"core = 1", "core"},
      {"[shm]\nevents_slots = 1000", "shm.events_slots"},
      {"[shm]\nevents_slots = 512", "shm.events_slots"},
      {"[shm]\nevents_slots = 3000", "shm.events_slots"},
      {"[shm]\ndirectory = \"a\\u0000b\"", "shm.directory"},
      {"[feed]\nfiles = \"a.csv\"", "feed.files"},
      {"[feed]\nfiles = [\"a.csv\", 1]", "feed.files"},
      {"[feed]\nspeed = \"0x\"", "feed.speed"},
      {"[feed]\nspeed = \"fast\"", "feed.speed"},
      {"[simulator]\nseed = -1", "simulator.seed"},
      {"[simulator]\nticks_per_second = nan", "simulator.ticks_per_second"},
      {"[simulator]\nticks_per_second = inf", "simulator.ticks_per_second"},
      {"[strategy]\nexit_cost_multiple = 1.5", "strategy.exit_cost_multiple"},
      {"[strategy]\nquantity = 1", "strategy.quantity"},
      {"[strategy.quantity]\nXAUUSD = 0.5", "strategy.quantity.XAUUSD"},
      {"[strategy.quantity]\nXAUUSD = \"0\"", "strategy.quantity.XAUUSD"},
      {"[strategy.quantity]\nXAUUSD = \"1e3\"", "strategy.quantity.XAUUSD"},
      {"[strategy.quantity]\nXAUUSD = \"0.0000000001\"", "strategy.quantity.XAUUSD"},
      {"[strategy.quantity]\nXAUUSD = 9223372037", "strategy.quantity.XAUUSD"},
      {"[strategy.quantity]\n\"XAU USD\" = 1", "strategy.quantity.\"XAU USD\""},
      {"[risk]\ndefault = 5", "risk.default"},
      {"[risk.default]\nmax_position = \"-1\"", "risk.default.max_position"},
      {"[risk.default]\nmax_quote_age_ms = -1", "risk.default.max_quote_age_ms"},
      {"[risk.\"a b@y\"]", "risk.\"a b@y\""},
      {"[sources.x_]\nvenue = \"x\"\nclock = \"mars\"", "sources.x_.clock"},
      {"[sources.x_]\nvenue = \"X\"\nclock = \"utc\"", "sources.x_.venue"},
      {"[instruments.XAUUSD]\ndigits = 3", "instruments.XAUUSD"},
      {"[instruments.\"XAUUSD@x\"]\ndigits = 10", "instruments.\"XAUUSD@x\".digits"},
      {"[instruments.\"XAUUSD@x\"]\ndigits = 1", "instruments.\"XAUUSD@x\".tick_size"},
      {"[instruments.\"XAUUSD@x\"]\ntick_size = 0", "instruments.\"XAUUSD@x\".tick_size"},
  };
  for (const auto& [text, field] : cases) {
    const auto error = refusal(text);
    EXPECT_EQ(error.code, ErrorCode::config_bad_value) << text << ": " << error.message();
    EXPECT_EQ(error.field, field) << text;
    EXPECT_FALSE(error.file.empty()) << text;
    EXPECT_GT(error.line, 0u) << text;
    EXPECT_FALSE(error.expected.empty()) << text;
    EXPECT_FALSE(error.found.empty()) << text;
  }
}

TEST(Config, a_row_without_a_required_key_is_refused_naming_the_key) {
  const auto source = refusal("[sources.x_]\nvenue = \"x\"\n");
  EXPECT_EQ(source.code, ErrorCode::config_missing);
  EXPECT_EQ(source.field, "sources.x_.clock");
  EXPECT_EQ(source.line, 1u);
  EXPECT_EQ(refusal("[instruments.\"US30@x\"]\nquote = \"USD\"\n").field, "instruments.\"US30@x\".digits");
}

TEST(Config, a_built_in_symbol_needs_only_what_differs) {
  const auto loaded = load("[instruments.\"XAUUSD@x\"]\nlot_step = \"0.01\"\n");
  ASSERT_TRUE(loaded) << loaded.error().message();
  const auto& row = loaded->settings.instruments.at("XAUUSD@x");
  EXPECT_EQ(row.lot_step_e9, 10'000'000);
  EXPECT_EQ(row.quote, "USD");
  EXPECT_EQ(row.calendar, CalendarId::gold);
}

TEST(Config, an_empty_risk_row_hides_the_default_row) {
  const auto loaded = load("[risk.default]\nmax_position = 5\n[risk.XAUUSD]\n");
  ASSERT_TRUE(loaded) << loaded.error().message();
  const Instrument gold{.symbol = "XAUUSD", .venue = "oanda", .base = "XAU", .quote = "USD"};
  EXPECT_FALSE(limits_for(loaded->settings, gold).max_position.has_value());
}

TEST(Config, a_flag_goes_before_the_environment_and_that_before_the_file) {
  const std::string file = "[core]\ninstance = \"file\"\nisa = \"scalar\"\nengine_cpu = 1\n";
  const std::vector<EnvironmentVariable> environment = {{"THINTAIL_CORE_INSTANCE", "environment"},
                                                        {"THINTAIL_CORE_ISA", "avx2"}};
  const auto loaded = load(file, {{"core.instance", "flag", "--instance"}}, environment);
  ASSERT_TRUE(loaded) << loaded.error().message();
  EXPECT_EQ(loaded->settings.core.instance, "flag");
  EXPECT_EQ(loaded->settings.core.isa, "avx2");
  EXPECT_EQ(loaded->settings.core.engine_cpu, 1);
  EXPECT_EQ(loaded->origins.at("core.instance").text, "flag --instance");
  EXPECT_EQ(loaded->origins.at("core.isa").text, "environment THINTAIL_CORE_ISA");
  EXPECT_EQ(loaded->origins.at("core.engine_cpu").line, 4u);
  EXPECT_FALSE(loaded->origins.contains("core.topology"));
}

TEST(Config, flags_and_variables_are_read_by_the_type_of_their_key) {
  const std::vector<Override> flags = {{"feed.files", "a.csv,b.csv"},
                                       {"strategy.quantity.XAUUSD", "0.5"},
                                       {"risk.\"US30.cash\".max_position", "5"},
                                       {"simulator.ticks_per_second", "2.5"},
                                       {"core.lock_memory", "false"}};
  const std::vector<EnvironmentVariable> environment = {{"THINTAIL_SHM_EVENTS_SLOTS", "4096"}};
  const auto loaded = load_config(std::nullopt, flags, environment);
  ASSERT_TRUE(loaded) << loaded.error().message();
  EXPECT_EQ(loaded->settings.feed.files, (std::vector<std::string>{"a.csv", "b.csv"}));
  EXPECT_EQ(loaded->settings.strategy.quantity.at("XAUUSD").e9, kE9 / 2);
  EXPECT_EQ(loaded->settings.risk.at("US30.cash").max_position, Quantity{5 * kE9});
  EXPECT_EQ(loaded->settings.simulator.ticks_per_second, 2.5);
  EXPECT_FALSE(loaded->settings.core.lock_memory);
  EXPECT_EQ(loaded->settings.shm.events_slots, 4096u);
}

TEST(Config, bad_flags_and_variables_are_refused_and_named) {
  const std::vector<Override> unknown = {{"core.instanse", "x"}};
  auto loaded = load_config(std::nullopt, unknown, {});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::config_unknown_key);
  EXPECT_NE(loaded.error().message().find("core.instance"), std::string::npos);

  for (const char* key : {"", ".", "core.", "risk.\"XAUUSD.max_position"}) {
    const std::vector<Override> broken = {{key, "x"}};
    loaded = load_config(std::nullopt, broken, {});
    ASSERT_FALSE(loaded) << key;
    EXPECT_EQ(loaded.error().code, ErrorCode::config_unknown_key) << key;
  }

  const std::vector<Override> bad_text = {{"shm.directory", "a\xff"}};
  loaded = load_config(std::nullopt, bad_text, {});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::config_bad_value);

  const std::vector<EnvironmentVariable> bad = {{"THINTAIL_CORE_ENGINE_CPU", "one"}};
  loaded = load_config(std::nullopt, {}, bad);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, ErrorCode::config_bad_value);
  EXPECT_NE(loaded.error().message().find("THINTAIL_CORE_ENGINE_CPU"), std::string::npos);
}

TEST(Config, a_mistyped_variable_of_a_section_is_refused_and_others_are_left_alone) {
  const std::vector<EnvironmentVariable> mistyped = {{"THINTAIL_CORE_INSTNCE", "x"}};
  const auto refused = load_config(std::nullopt, {}, mistyped);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::config_unknown_key);
  EXPECT_NE(refused.error().expected.find("THINTAIL_CORE_INSTANCE"), std::string::npos);

  const std::vector<EnvironmentVariable> others = {{"THINTAIL_DATA", "/data"}, {"THINTAIL_LONG", "1"}};
  EXPECT_TRUE(load_config(std::nullopt, {}, others));
}

TEST(Config, set_takes_the_first_equals_sign_as_its_own) {
  const auto set = parse_override("model.path=a=b.json");
  ASSERT_TRUE(set);
  EXPECT_EQ(set->key, "model.path");
  EXPECT_EQ(set->value, "a=b.json");
  EXPECT_EQ(parse_override("core.instance").error().code, ErrorCode::usage);
  EXPECT_EQ(parse_override("=x").error().code, ErrorCode::usage);
}

TEST(Config, show_prints_every_value_with_its_origin_and_reads_back) {
  const std::vector<Override> flags = {{"risk.XAUUSD.max_position", "0.5"}};
  const auto loaded = load("[core]\ninstance = \"desk\"\n", flags);
  ASSERT_TRUE(loaded);
  const auto text = show(*loaded, true);
  EXPECT_NE(text.find("instance = \"desk\"  # file "), std::string::npos) << text;
  EXPECT_NE(text.find(".toml:2:1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("isa = \"auto\"  # default\n"), std::string::npos) << text;
  EXPECT_NE(text.find("max_position = \"0.5\"  # flag --set\n"), std::string::npos) << text;

  const auto again = load(text);
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(show(*again, false), show(*loaded, false));
}

TEST(Config, show_says_that_without_limits_every_order_is_refused) {
  EXPECT_NE(show(Config{}, false).find("every order is refused"), std::string::npos);
}

// --- canonical text ------------------------------------------------------------------------------------------------

void expect_same_decisions(const Settings& a, const Settings& b) {
  EXPECT_EQ(a.model.path, b.model.path);
  EXPECT_EQ(a.strategy.kind, b.strategy.kind);
  EXPECT_EQ(a.strategy.entry_cost_multiple, b.strategy.entry_cost_multiple);
  EXPECT_EQ(a.strategy.exit_cost_multiple, b.strategy.exit_cost_multiple);
  EXPECT_EQ(a.strategy.cooldown_ms, b.strategy.cooldown_ms);
  EXPECT_EQ(a.strategy.quantity, b.strategy.quantity);
  EXPECT_EQ(a.venue.kind, b.venue.kind);
  EXPECT_EQ(a.venue.latency_us, b.venue.latency_us);
  EXPECT_EQ(a.venue.commission_per_million_e9, b.venue.commission_per_million_e9);
  const auto same = [](const auto& left, const auto& right, const auto& equal) {
    return std::ranges::equal(
        left, right, [&](const auto& x, const auto& y) { return x.first == y.first && equal(x.second, y.second); });
  };
  EXPECT_TRUE(same(a.sources, b.sources, [](const SourceSettings& x, const SourceSettings& y) {
    return x.venue == y.venue && x.clock == y.clock && x.latency_ns == y.latency_ns;
  }));
  EXPECT_TRUE(same(a.instruments, b.instruments, [](const Instrument& x, const Instrument& y) {
    return x.symbol == y.symbol && x.venue == y.venue && x.base == y.base && x.quote == y.quote &&
           x.digits == y.digits && x.tick_size_e9 == y.tick_size_e9 && x.lot_step_e9 == y.lot_step_e9 &&
           x.contract_size_e9 == y.contract_size_e9 && x.calendar == y.calendar;
  }));
  EXPECT_TRUE(same(a.risk, b.risk, [](const RiskLimits& x, const RiskLimits& y) {
    return x.max_order_quantity == y.max_order_quantity && x.max_position == y.max_position &&
           x.max_quote_age_ms == y.max_quote_age_ms && x.max_orders_per_second == y.max_orders_per_second;
  }));
}

class RandomSettings {
 public:
  explicit RandomSettings(std::uint64_t seed) : random_(seed) {}

  Settings make() {
    Settings settings;
    settings.model.path = pick({"", "m.json", "a \"b\" \\ c.json", "m\u00e4rz/\u91d1.json"});
    settings.strategy.kind = static_cast<StrategyKind>(below(3));
    settings.strategy.entry_cost_multiple = std::uniform_real_distribution<double>(0, 1000)(random_);
    settings.strategy.exit_cost_multiple = std::uniform_real_distribution<double>(-1000, 0)(random_);
    settings.strategy.cooldown_ms = static_cast<std::uint32_t>(below(86'400'001));
    settings.venue.latency_us = below(60'000'001);
    settings.venue.commission_per_million_e9 = below(1'000'000 * kE9 + 1);
    for (const auto* symbol : {"XAUUSD", "US30.cash", "BTC/USD", "default", "A#B+C-D_E"}) {
      if (below(2) == 0) settings.strategy.quantity[symbol] = Quantity{1 + below(kMax - 1)};
      if (below(2) == 0) settings.risk[symbol] = limits();
      if (below(2) == 0) settings.risk[std::string(symbol) + "@oanda"] = limits();
      if (below(2) == 0) settings.instruments[std::string(symbol) + "@mt5-x"] = instrument(symbol);
    }
    for (const auto* prefix : {"oanda_", "a.b-c"}) {
      if (below(2) == 0) settings.sources[prefix] = {"oanda", pick({"utc", "utc-5"}), below(60'000'000'001)};
    }
    return settings;
  }

 private:
  static constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

  std::int64_t below(std::int64_t end) { return std::uniform_int_distribution<std::int64_t>(0, end - 1)(random_); }
  std::string pick(std::vector<std::string> from) {
    return from[static_cast<std::size_t>(below(static_cast<std::int64_t>(from.size())))];
  }
  RiskLimits limits() {
    RiskLimits limits;
    if (below(2) == 0) limits.max_order_quantity = Quantity{below(kMax)};
    if (below(2) == 0) limits.max_position = Quantity{below(kMax)};
    if (below(2) == 0) limits.max_quote_age_ms = below(86'400'001);
    if (below(2) == 0) limits.max_orders_per_second = below(10'001);
    return limits;
  }
  Instrument instrument(const std::string& symbol) {
    return {.symbol = symbol,
            .venue = "mt5-x",
            .base = pick({"", "XAU"}),
            .quote = "USD",
            .digits = 9,
            .tick_size_e9 = 1 + below(kMax - 1),
            .lot_step_e9 = 1 + below(kMax - 1),
            .contract_size_e9 = 1 + below(kMax - 1),
            .calendar = static_cast<CalendarId>(below(3))};
  }

  std::mt19937_64 random_;
};

TEST(CanonicalText, random_settings_come_back_exactly) {
  RandomSettings random(20140502);
  for (int i = 0; i < 500; ++i) {
    const auto settings = random.make();
    const auto text = canonical_text(settings);
    const auto parsed = parse_canonical(text);
    ASSERT_TRUE(parsed) << parsed.error().message() << '\n' << text;
    expect_same_decisions(settings, *parsed);
    ASSERT_EQ(canonical_text(*parsed), text);
  }
}

TEST(CanonicalText, leaves_out_where_things_lie_and_how_threads_run) {
  Settings settings;
  const auto before = canonical_text(settings);
  settings.core.instance = "other";
  settings.core.engine_cpu = 3;
  settings.core.isa = "scalar";
  settings.shm.directory = "/elsewhere";
  settings.journal.directory = "/elsewhere";
  settings.feed.files = {"x.csv"};
  EXPECT_EQ(canonical_text(settings), before);
  settings.venue.latency_us = 501;
  EXPECT_NE(canonical_text(settings), before);
}

TEST(CanonicalText, an_empty_row_stays_a_row) {
  Settings settings;
  settings.risk["XAUUSD"] = {};
  const auto parsed = parse_canonical(canonical_text(settings));
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(parsed->risk.contains("XAUUSD"));
}

TEST(CanonicalText, one_that_an_older_release_cannot_read_is_refused) {
  EXPECT_EQ(parse_canonical("[risk.default]\nmax_loss = 5\n").error().code, ErrorCode::config_unknown_key);
  EXPECT_EQ(parse_canonical("[risk").error().code, ErrorCode::config_syntax);
}

// --- what ships ----------------------------------------------------------------------------------------------------

// Turns the examples of the commented file into settings: "#key = value", unlike "# prose".
std::string uncommented(const std::string& text) {
  std::istringstream lines(text);
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    if (line.size() > 1 && line[0] == '#' && line[1] != ' ') line.erase(0, 1);
    out += line + '\n';
  }
  return out;
}

TEST(ShippedFiles, thintail_toml_is_the_printed_one) {
  EXPECT_TRUE(read(fs::path(THINTAIL_SOURCE_DIR) / "thintail.toml") == reference_toml())
      << "print it anew: thintail config reference > thintail.toml";
}

TEST(ShippedFiles, configuration_md_is_the_printed_one) {
  EXPECT_TRUE(read(fs::path(THINTAIL_SOURCE_DIR) / "docs/configuration.md") == reference_markdown())
      << "print it anew: thintail config reference --markdown > docs/configuration.md";
}

TEST(ShippedFiles, thintail_toml_gives_the_defaults) {
  const auto loaded = load_config(fs::path(THINTAIL_SOURCE_DIR) / "thintail.toml", {}, {});
  ASSERT_TRUE(loaded) << loaded.error().message();
  EXPECT_EQ(show(*loaded, false), show(Config{}, false));
}

TEST(ShippedFiles, thintail_toml_holds_every_key_and_its_examples_work) {
  const auto loaded = load(uncommented(reference_toml()));
  ASSERT_TRUE(loaded) << loaded.error().message();
  for (const auto& section : config::schema()) {
    const auto row = section.rows ? section.rows->example : std::string();
    for (const auto& key : section.keys) {
      const auto path = config::toml_path(section.path_of(row, &key));
      EXPECT_TRUE(loaded->origins.contains(path)) << path;
    }
  }
}

TEST(ShippedFiles, demo_limits_let_a_position_be_turned_round_and_bound_nothing_else) {
  const auto settings = demo_settings();
  const auto parsed = parse_canonical(canonical_text(settings));
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_FALSE(settings.risk.contains("default"));
  for (const auto& [symbol, quantity] : settings.strategy.quantity) {
    const auto& limits = settings.risk.at(symbol);
    EXPECT_LE(2 * quantity.e9, limits.max_order_quantity->e9) << symbol;
    EXPECT_LE(quantity.e9, limits.max_position->e9) << symbol;
    const auto known = built_in_instrument(symbol, "sim");
    ASSERT_TRUE(known) << symbol;
    EXPECT_EQ(quantity.e9 % known->lot_step_e9, 0) << symbol;
  }
}

TEST(NearestName, the_fewest_edits_win_and_nothing_known_gives_nothing) {
  const std::vector<std::string> known = {"core.instance", "core.isa", "feed.kind"};
  EXPECT_EQ(nearest_name("core.iza", known), "core.isa");
  EXPECT_EQ(nearest_name("kind", known), "feed.kind");
  EXPECT_EQ(nearest_name("x", {}), "");
}

}  // namespace
}  // namespace thintail
