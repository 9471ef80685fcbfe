// SPDX-License-Identifier: Apache-2.0
// Networks trained here learn what there is to learn, and nothing where there is nothing; rows are scaled as packs say.
#include "ml/train/network_training.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "ml/quant/network_gate.hpp"
#include "ml/quant/reference_networks.hpp"
#include "ml/train/lane_scaling.hpp"
#include "ml/train/metrics.hpp"
#include "tests/support/networks.hpp"

namespace thintail {
namespace {

constexpr std::uint32_t kInputs = 16;
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

double auc_of(const NetworkSpec& spec, const std::vector<float>& rows, const std::vector<float>& labels,
              std::uint32_t output) {
  const auto network = Network::make(spec, best_isa());
  EXPECT_TRUE(network.has_value());
  return auc_of_sign(network_scores(*network, rows, output), labels);
}

TEST(NetworkTraining, a_signal_that_is_not_linear_is_learned_and_noise_is_not) {
  const auto rows = test::RandomNetworks(1).numbers(8'000 * kInputs, 1.0f);
  const auto held_out = test::RandomNetworks(2).numbers(8'000 * kInputs, 1.0f);
  const DenseTraining training{.hidden = {32}, .epochs = 6};
  const auto learned = train_dense(rows, kInputs, strong_signal(rows, kInputs, 3), training);
  ASSERT_TRUE(learned.has_value()) << learned.error().message();
  EXPECT_GT(auc_of(*learned, held_out, strong_signal(held_out, kInputs, 4), kUpOutput), 0.85);
  const auto noise = train_dense(rows, kInputs, test::RandomNetworks(5).numbers(8'000, 1.0f), training);
  ASSERT_TRUE(noise.has_value()) << noise.error().message();
  EXPECT_NEAR(auc_of(*noise, held_out, test::RandomNetworks(6).numbers(8'000, 1.0f), kUpOutput), 0.5, 0.03);
}

TEST(NetworkTraining, a_readout_recalls_what_the_reservoir_has_seen) {
  const auto rows = test::RandomNetworks(7).numbers(8'000 * 4, 1.0f);
  std::vector<float> labels(8'000);
  for (std::size_t i = 2; i < labels.size(); ++i) labels[i] = rows[(i - 2) * 4];  // two rows back
  const auto spec = with_readout(lstm_reservoir(4, 64, 1), rows, labels, 1e-5);
  ASSERT_TRUE(spec.has_value()) << spec.error().message();
  EXPECT_GT(auc_of(*spec, rows, labels, 0), 0.65);  // without memory: 0.5
}

TEST(NetworkTraining, rows_that_do_not_fit_their_labels_are_refused) {
  const std::vector<float> rows(10 * kInputs);
  for (const std::size_t labels : {0, 1, 9, 11}) {
    const auto spec = train_dense(rows, kInputs, std::vector<float>(labels, 1.0f), DenseTraining{});
    ASSERT_FALSE(spec.has_value()) << labels;
    EXPECT_EQ(spec.error().field, "rows");
  }
  EXPECT_FALSE(with_readout(lstm_reservoir(kInputs, 8, 1), rows, std::vector<float>(9), 1.0).has_value());
  // A rate that drives weights off leaves no network.
  const auto wild = train_dense(test::RandomNetworks(1).numbers(4'096 * kInputs, 1.0f), kInputs,
                                test::RandomNetworks(2).numbers(4'096, 1.0f), DenseTraining{.epochs = 8, .rate = 1e6f});
  EXPECT_FALSE(wild.has_value());
}

TEST(LaneScaling, lanes_come_to_mean_0_and_deviation_1_and_missing_ones_to_0) {
  const std::vector<float> rows = {1.0f, 5.0f, kNaN, 5.0f, 3.0f, 5.0f, 5.0f, 5.0f};
  const auto scaling = fit_scaling(rows, 2, 1.0f);
  EXPECT_FLOAT_EQ(scaling[0].mean, 3.0f);
  EXPECT_FLOAT_EQ(scaling[0].per_unit, std::sqrt(3.0f / 8.0f));
  EXPECT_EQ(scaling[1].per_unit, 1.0f);  // never moves
  const std::vector<std::uint16_t> lanes = {1, 0};
  const auto taken = network_rows(rows, 2, lanes, std::vector<LaneScaling>{scaling[1], scaling[0]});
  EXPECT_EQ(taken, (std::vector<float>{0.0f, -1.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 1.0f}));  // held at the clip
  const std::vector<std::uint16_t> first = {0};
  EXPECT_EQ(network_rows(rows, 2, first, {}), (std::vector<float>{1.0f, 0.0f, 3.0f, 5.0f}));  // as they are
}

}  // namespace
}  // namespace thintail
