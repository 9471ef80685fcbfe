// SPDX-License-Identifier: Apache-2.0
// Rebasing: an event as it would be had its run started at sequence 1 of epoch 1, so that the outputs of two runs can
// be compared and hashed wherever in a journal they stand.
//   path  hot (the decision hash sees every output)
#pragma once

#include "core/event/payloads.hpp"

namespace thintail {

struct RunOrigin {
  std::uint64_t first_sequence;  // sequence of the run's first event
  std::uint32_t epoch;
};

TT_HOT inline Event rebased(const Event& original, RunOrigin origin) noexcept {
  Event event = original;
  const std::uint64_t shift = origin.first_sequence - 1;
  // 0 means "none" in both and stays 0: shifted, it would tell two equal runs apart.
  const auto rebase_sequence = [&](std::uint64_t& sequence) { sequence -= sequence == 0 ? 0 : shift; };
  const auto rebase_order = [&](std::uint64_t& id) {
    if (id >> 32 == origin.epoch) id = (std::uint64_t{1} << 32) | (id & 0xffff'ffffu);
  };
  const auto edit = [&]<EventPayload P>(auto&& change) {
    P payload = event.as<P>();
    change(payload);
    event.payload = std::bit_cast<std::array<std::byte, kPayloadBytes>>(payload);
  };

  rebase_sequence(event.sequence);
  switch (event.type) {
    case EventType::prediction: edit.template operator()<Prediction>([&](auto& p) { rebase_sequence(p.cause); }); break;
    case EventType::regime: edit.template operator()<Regime>([&](auto& p) { rebase_sequence(p.cause); }); break;
    case EventType::signal: edit.template operator()<Signal>([&](auto& p) { rebase_sequence(p.cause); }); break;
    case EventType::reject: edit.template operator()<Reject>([&](auto& p) { rebase_sequence(p.cause); }); break;
    case EventType::intent:
      edit.template operator()<Intent>([&](auto& p) {
        rebase_sequence(p.cause);
        rebase_order(p.client_order_id);
      });
      break;
    case EventType::report: edit.template operator()<Report>([&](auto& p) { rebase_order(p.client_order_id); }); break;
    case EventType::fill: edit.template operator()<Fill>([&](auto& p) { rebase_order(p.client_order_id); }); break;
    case EventType::session:
      edit.template operator()<Session>([&](auto& p) { p.epoch = p.epoch == origin.epoch ? 1 : p.epoch; });
      break;
    default: break;  // the others (ticks, bars, positions, ...) name no sequence, order or epoch
  }
  return event;
}

}  // namespace thintail
