// SPDX-License-Identifier: Apache-2.0
#include "strategies/signal/signal_rule.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace thintail {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

struct Row {
  float score;
  float cost;
  int held;
  int direction;
  SignalReason reason;
};

void expect(const Row& row, double entry, double exit) {
  const Decision decision = with_hysteresis(row.score, row.cost, row.held, entry, exit);
  EXPECT_EQ(decision.direction, row.direction) << row.score << " cost " << row.cost << " held " << row.held;
  EXPECT_EQ(decision.reason, row.reason) << row.score << " cost " << row.cost << " held " << row.held;
}

TEST(SignalRule, enters_at_the_entry_multiple_and_leaves_at_the_exit_multiple) {
  using enum SignalReason;
  // Entry at 2 costs of 1.5, exit at half of one: 3 and 0.75.
  for (const Row& row : {
           Row{3.0f, 1.5f, 0, 1, enter},
           Row{2.999f, 1.5f, 0, 0, hold},
           Row{-3.0f, 1.5f, 0, -1, enter},
           Row{-2.999f, 1.5f, 0, 0, hold},
           Row{0.76f, 1.5f, 1, 1, hold},
           Row{0.75f, 1.5f, 1, 0, exit},
           Row{-0.75f, 1.5f, 1, 0, exit},
           Row{-2.999f, 1.5f, 1, 0, exit},
           Row{-3.0f, 1.5f, 1, -1, reverse},
           Row{-0.76f, 1.5f, -1, -1, hold},
           Row{-0.75f, 1.5f, -1, 0, exit},
           Row{2.999f, 1.5f, -1, 0, exit},
           Row{3.0f, 1.5f, -1, 1, reverse},
           Row{50.0f, 1.5f, 1, 1, hold},
           Row{-50.0f, 1.5f, -1, -1, hold},
       }) {
    expect(row, 2.0, 0.5);
  }
}

TEST(SignalRule, noise_between_exit_and_entry_never_trades) {
  for (int held = -1; held <= 1; ++held) {
    for (int i = -99; i < 100; ++i) {
      const float along =
          0.5f + 0.01f * static_cast<float>(i) * 0.49f;  // within (exit, entry) of the position's direction
      const float score = held == 0 ? 0.01f * static_cast<float>(i) : along * static_cast<float>(held);
      EXPECT_EQ(with_hysteresis(score, 1.0f, held, 1.0, 0.0).direction, held) << score;
    }
  }
}

TEST(SignalRule, what_is_not_a_number_keeps_what_is_held) {
  using enum SignalReason;
  for (int held = -1; held <= 1; ++held) {
    expect({kNan, 1.0f, held, held, hold}, 1.0, 0.0);
    expect({kNan, kNan, held, held, hold}, 1.0, 0.0);
    expect({1.0f, kNan, held, held, hold}, 1.0, 0.0);
    expect({-1.0f, kNan, held, held, hold}, 1.0, 0.0);
  }
}

TEST(SignalRule, no_finite_score_pays_an_infinite_cost) {
  using enum SignalReason;
  expect({3.0e38f, kInf, 0, 0, hold}, 1.0, 0.0);
  expect({-3.0e38f, kInf, 0, 0, hold}, 1.0, 0.0);
  expect({3.0e38f, kInf, 0, 0, hold}, 0.0, 0.0);
  expect({-3.0e38f, kInf, 1, 0, exit}, 1.0, 0.5);
}

TEST(SignalRule, a_free_round_trip_still_needs_an_expected_move) {
  using enum SignalReason;
  expect({0.0f, 0.0f, 0, 0, hold}, 1.0, 0.0);
  expect({-0.0f, 0.0f, 0, 0, hold}, 1.0, 0.0);
  expect({0.0f, 1.0f, 0, 0, hold}, 0.0, 0.0);
  expect({0.0f, 0.0f, 1, 0, exit}, 1.0, 0.0);
  expect({0.0f, 0.0f, -1, 0, exit}, 1.0, 0.0);
  expect({0.1f, 0.0f, 0, 1, enter}, 1.0, 0.0);
  expect({-0.1f, 0.0f, 0, -1, enter}, 1.0, 0.0);
  expect({-0.1f, 0.0f, 1, -1, reverse}, 1.0, 0.0);
}

TEST(SignalRule, fade_goes_against_the_last_move_and_stays_without_one) {
  EXPECT_EQ(fade(0.1, 0).direction, -1);
  EXPECT_EQ(fade(-0.1, 0).direction, 1);
  for (int held = -1; held <= 1; ++held) {
    EXPECT_EQ(fade(0.0, held).direction, held);
    EXPECT_EQ(fade(std::numeric_limits<double>::quiet_NaN(), held).direction, held);
    EXPECT_EQ(fade(0.0, held).reason, SignalReason::hold);
  }
}

}  // namespace
}  // namespace thintail
