// SPDX-License-Identifier: Apache-2.0
// The paper venue where its reports find no room: whatever it has to say waits, and nothing is dropped.
#include "adapters/venues/paper_venue.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <vector>

namespace thintail {
namespace {

struct Events {
  std::deque<Event> waiting;
  bool poll(Event& out) noexcept {
    if (waiting.empty()) return false;
    out = waiting.front();
    waiting.pop_front();
    return true;
  }
};

struct Reports {
  std::size_t room = 0;
  std::vector<Event> taken;
  bool has_room(std::uint64_t slots) const noexcept { return room >= slots; }
  std::uint64_t append(Event& event) noexcept {
    if (room == 0) return 0;
    --room;
    taken.push_back(event);
    return taken.size();
  }
};

TEST(PaperVenue, an_order_that_it_cannot_hold_is_refused_once_the_reports_have_room) {
  Events ticks;
  Events intents;
  Reports reports;
  PaperVenue venue({}, 1, ticks, intents, reports);
  constexpr std::uint64_t kOrders = FillModel::kOrdersMax + 2;
  for (std::uint64_t order = 1; order <= kOrders; ++order) {
    intents.waiting.push_back(
        Event::make(1'000, 0, Intent{order, 1, 1, kE9, Side::buy, OrderKind::market, 7, 0}, kFlagOutput));
  }
  while (venue.do_work(1'000) != 0) {
  }
  EXPECT_EQ(intents.waiting.size(), 2u) << "no room to refuse them";
  reports.room = kOrders;
  while (venue.do_work(1'000) != 0) {
  }
  ASSERT_EQ(reports.taken.size(), 2u);
  for (std::uint64_t i = 0; i < 2; ++i) {
    const auto refusal = reports.taken[i].as<Report>();
    EXPECT_EQ(refusal.client_order_id, FillModel::kOrdersMax + 1 + i);
    EXPECT_EQ(refusal.state, OrderState::refused);
    EXPECT_EQ(refusal.reason, FillModel::kRefusedFull);
  }
}

}  // namespace
}  // namespace thintail
