// SPDX-License-Identifier: Apache-2.0
#include "core/config/demo_settings.hpp"

#include <array>
#include <string_view>

namespace thintail {
namespace {

struct DemoLimits {
  std::string_view symbol;
  std::int64_t max_order_e9;
  std::int64_t max_position_e9;
};

// Orders of roughly the same small size: 10,000 to 20,000 USD.
constexpr std::array kLimits = {
    DemoLimits{"XAUUSD", 10 * kE9, 100 * kE9},         DemoLimits{"XAGUSD", 500 * kE9, 5'000 * kE9},
    DemoLimits{"BTCUSD", kE9 / 10, 1 * kE9},           DemoLimits{"BTCUSDT", kE9 / 10, 1 * kE9},
    DemoLimits{"ETHUSD", 4 * kE9, 40 * kE9},           DemoLimits{"ETHUSDT", 4 * kE9, 40 * kE9},
    DemoLimits{"EURUSD", 10'000 * kE9, 100'000 * kE9}, DemoLimits{"GBPUSD", 10'000 * kE9, 100'000 * kE9},
    DemoLimits{"AUDUSD", 10'000 * kE9, 100'000 * kE9}, DemoLimits{"NZDUSD", 10'000 * kE9, 100'000 * kE9},
    DemoLimits{"USDCAD", 10'000 * kE9, 100'000 * kE9}, DemoLimits{"USDCHF", 10'000 * kE9, 100'000 * kE9},
    DemoLimits{"USDJPY", 10'000 * kE9, 100'000 * kE9}, DemoLimits{"EURGBP", 10'000 * kE9, 100'000 * kE9},
    DemoLimits{"EURJPY", 10'000 * kE9, 100'000 * kE9}, DemoLimits{"GBPJPY", 10'000 * kE9, 100'000 * kE9},
};

}  // namespace

Settings demo_settings() {
  Settings settings;
  for (const auto& row : kLimits) {
    settings.risk.emplace(row.symbol, RiskLimits{.max_order_quantity = Quantity{row.max_order_e9},
                                                 .max_position = Quantity{row.max_position_e9},
                                                 .max_quote_age_ms = 5'000,
                                                 .max_orders_per_second = 10});
    // Half an order: turning a position round is then one order at the limit, and not a refused one.
    settings.strategy.quantity.emplace(row.symbol, Quantity{row.max_order_e9 / 2});
  }
  return settings;
}

}  // namespace thintail
