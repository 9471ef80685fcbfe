// SPDX-License-Identifier: Apache-2.0
#include "core/instrument/instrument_table.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "core/price/decimal.hpp"
#include "tests/support/data.hpp"

namespace thintail {
namespace {

Instrument gold() { return *built_in_instrument("XAUUSD", "oanda"); }

std::string fault_of(const Instrument& row) {
  const auto status = validate(row);
  if (status) return "";
  EXPECT_EQ(status.error().code, ErrorCode::config_bad_value);
  return status.error().field;
}

TEST(BuiltIn, gold_is_gold_at_any_venue) {
  const auto row = gold();
  EXPECT_EQ(row.name(), "XAUUSD@oanda");
  EXPECT_EQ(row.base, "XAU");
  EXPECT_EQ(row.quote, "USD");
  EXPECT_EQ(row.digits, 3);
  EXPECT_EQ(row.tick_size_e9, kE9 / 1000);
  EXPECT_EQ(row.lot_step_e9, kE9);
  EXPECT_EQ(row.contract_size_e9, 100 * kE9);
  EXPECT_EQ(row.calendar, CalendarId::gold);
  EXPECT_EQ(built_in_instrument("XAUUSD", "sim")->name(), "XAUUSD@sim");
}

TEST(BuiltIn, fx_pairs_follow_the_market_order_of_currencies) {
  for (const auto* symbol : {"EURUSD", "GBPUSD", "AUDUSD", "NZDUSD", "USDCAD", "USDCHF", "EURGBP", "CADCHF"}) {
    const auto row = built_in_instrument(symbol, "fxcm");
    ASSERT_TRUE(row.has_value()) << symbol;
    EXPECT_EQ(row->tick_size_e9, kE9 / 100'000);
    EXPECT_EQ(row->lot_step_e9, 1'000 * kE9);
    EXPECT_EQ(row->contract_size_e9, 100'000 * kE9);
    EXPECT_EQ(row->calendar, CalendarId::fx);
    EXPECT_EQ(row->base + row->quote, symbol);
  }
  for (const auto* symbol : {"USDJPY", "EURJPY", "GBPJPY", "CHFJPY"}) {
    EXPECT_EQ(built_in_instrument(symbol, "fxcm")->tick_size_e9, kE9 / 1'000) << symbol;
  }
}

TEST(BuiltIn, a_venue_may_tick_in_several_points) {
  EXPECT_EQ(built_in_instrument("BTCUSDT", "binance-usdm")->tick_size_e9, kE9 / 10);
  EXPECT_EQ(built_in_instrument("BTCUSDT", "binance")->tick_size_e9, kE9 / 100);
  EXPECT_EQ(built_in_instrument("ETHUSDT", "binance-usdm")->tick_size_e9, kE9 / 100);
}

TEST(BuiltIn, crypto_never_closes) {
  for (const auto* symbol : {"BTCUSD", "BTCUSDT", "ETHUSD", "ETHUSDT"}) {
    const auto row = built_in_instrument(symbol, "binance");
    ASSERT_TRUE(row.has_value()) << symbol;
    EXPECT_EQ(row->calendar, CalendarId::always);
    EXPECT_EQ(row->digits, 2);
    EXPECT_EQ(row->base + row->quote, symbol);
  }
}

TEST(BuiltIn, unknown_symbols_are_not_guessed) {
  for (const auto* symbol :
       {"", "XAU", "XAUEUR", "USDEUR", "JPYUSD", "EUREUR", "eurusd", "EURUSDX", "EURUSD ", "BTCUSDC"}) {
    EXPECT_FALSE(built_in_instrument(symbol, "oanda").has_value()) << symbol;
  }
}

// Prices of every venue in LEAN's table must be whole numbers of our points.
TEST(BuiltIn, points_divide_the_price_steps_of_real_venues) {
  const auto path = test::data_dir() / "bars/symbol_properties_fx_gold_crypto.csv";
  TT_REQUIRE_DATA(path);
  std::ifstream file(path);
  int compared = 0;
  for (std::string line; std::getline(file, line);) {
    std::vector<std::string> cells;
    std::stringstream row(line);
    for (std::string cell; std::getline(row, cell, ',');) cells.push_back(cell);
    const auto instrument = cells.size() > 6 ? built_in_instrument(cells[1], cells[0]) : std::nullopt;
    if (!instrument) continue;
    std::int64_t step_e9 = 0;
    ASSERT_EQ(parse_decimal_e9(cells[6], step_e9), DecimalFault::none) << line;
    EXPECT_EQ(step_e9 % instrument->tick_size_e9, 0) << line;
    EXPECT_EQ(instrument->quote, cells[4]) << line;
    ++compared;
  }
  EXPECT_GE(compared, 20);
}

TEST(Validate, accepts_every_built_in) {
  for (const auto* symbol : {"XAUUSD", "XAGUSD", "EURUSD", "USDJPY", "BTCUSDT"}) {
    EXPECT_EQ(fault_of(*built_in_instrument(symbol, "sim")), "") << symbol;
  }
}

TEST(Validate, names_the_field_at_fault) {
  const auto with = [](auto&& change) {
    auto row = gold();
    change(row);
    return fault_of(row);
  };
  EXPECT_EQ(with([](auto& r) { r.symbol = ""; }), "symbol");
  EXPECT_EQ(with([](auto& r) { r.symbol = "XAU USD"; }), "symbol");
  EXPECT_EQ(with([](auto& r) { r.symbol = "XAU@USD"; }), "symbol");
  EXPECT_EQ(with([](auto& r) { r.symbol = std::string(33, 'X'); }), "symbol");
  EXPECT_EQ(with([](auto& r) { r.symbol = "a.b_c#d+e/f-1"; }), "");
  EXPECT_EQ(with([](auto& r) { r.venue = "OANDA"; }), "venue");
  EXPECT_EQ(with([](auto& r) { r.venue = ""; }), "venue");
  EXPECT_EQ(with([](auto& r) { r.venue = std::string(17, 'v'); }), "venue");
  EXPECT_EQ(with([](auto& r) { r.quote = ""; }), "quote");
  EXPECT_EQ(with([](auto& r) { r.base = "X\n"; }), "base");
  EXPECT_EQ(with([](auto& r) { r.base = ""; }), "") << "an index has no base currency";
  EXPECT_EQ(with([](auto& r) { r.digits = 10; }), "digits");
  EXPECT_EQ(with([](auto& r) { r.digits = 2; }), "tick_size") << "two digits cannot show 0.001";
  EXPECT_EQ(with([](auto& r) { r.tick_size_e9 = 0; }), "tick_size");
  EXPECT_EQ(with([](auto& r) { r.tick_size_e9 = 250'000'000; }), "") << "a quarter is shown by three digits";
  EXPECT_EQ(with([](auto& r) { r.lot_step_e9 = -1; }), "lot_step");
  EXPECT_EQ(with([](auto& r) { r.contract_size_e9 = 0; }), "contract_size");
}

TEST(InstrumentTable, gives_dense_ids_and_finds_by_name) {
  InstrumentTable table(8);
  EXPECT_EQ(table.add(gold()).value(), 0u);
  EXPECT_EQ(table.add(*built_in_instrument("EURUSD", "oanda")).value(), 1u);
  EXPECT_EQ(table.add(*built_in_instrument("EURUSD", "fxcm")).value(), 2u);
  EXPECT_EQ(table.find("EURUSD@fxcm"), 2u);
  EXPECT_EQ(table.find("EURUSD"), std::nullopt);
  EXPECT_EQ(table[0].symbol, "XAUUSD");
  EXPECT_EQ(table.size(), 3u);
  EXPECT_EQ(table.capacity(), 8u);
  EXPECT_EQ(table.rows().size(), 3u);
}

TEST(InstrumentTable, refuses_duplicates_invalid_rows_and_a_row_too_many) {
  InstrumentTable table(2);
  ASSERT_TRUE(table.add(gold()).has_value());
  EXPECT_EQ(table.add(gold()).error().field, "name");
  auto broken = *built_in_instrument("EURUSD", "oanda");
  broken.lot_step_e9 = 0;
  EXPECT_EQ(table.add(broken).error().field, "lot_step");
  ASSERT_TRUE(table.add(*built_in_instrument("EURUSD", "oanda")).has_value());
  EXPECT_EQ(table.add(*built_in_instrument("USDJPY", "oanda")).error().field, "core.instruments_max");
  EXPECT_EQ(table.size(), 2u) << "a refused row leaves nothing behind";
  EXPECT_EQ(table.find("USDJPY@oanda"), std::nullopt);
}

TEST(InstrumentTable, holds_tens_of_thousands_without_moving_a_row) {
  constexpr std::uint32_t kRows = 40'000;
  InstrumentTable table(kRows);
  ASSERT_TRUE(table.add(gold()).has_value());
  const Instrument* first = &table[0];
  for (std::uint32_t i = 1; i < kRows; ++i) {
    auto row = gold();
    row.symbol = fmt::format("S{}", i);
    ASSERT_EQ(table.add(row).value(), i);
  }
  EXPECT_EQ(&table[0], first);
  EXPECT_EQ(table.find("S39999@oanda"), 39'999u);
  EXPECT_FALSE(table.add(*built_in_instrument("EURUSD", "oanda")).has_value());
}

}  // namespace
}  // namespace thintail
