// SPDX-License-Identifier: Apache-2.0
// The demo that goes on: the same ticks again and again at a pace that can be watched, with the gateway beside it.
//   path  cold
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "adapters/feeds/tick_source.hpp"
#include "core/base/error.hpp"
#include "core/config/settings.hpp"
#include "core/isa/isa.hpp"
#include "ml/predictor/decision_model.hpp"

namespace thintail {

struct ServedDemo {
  Settings settings;
  TickSourceOptions source;
  std::optional<DecisionModel> model;
  Isa isa = Isa::scalar;
  std::int64_t from_ns = 0;  // ticks before it are passed over
  std::int64_t to_ns = 0;  // the last one's time
  std::string speed;
  std::string folder;  // of the demo: the gateway's socket and state go there
  std::uint16_t port = 8000;
};

// Until a signal ends it, or the gateway ends.
Result<ExitCode> serve_demo(const ServedDemo& demo);

}  // namespace thintail
