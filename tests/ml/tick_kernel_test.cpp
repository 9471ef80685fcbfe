// SPDX-License-Identifier: Apache-2.0
#include "ml/features/tick_kernel.hpp"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "ml/features/tick_plan.hpp"
#include "tests/support/feature_run.hpp"

namespace thintail {
namespace {

std::vector<Isa> available() {
  std::vector<Isa> out;
  for (const Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512}) {
    if (isa_available(isa)) out.push_back(isa);
  }
  return out;
}

// One line for each family that the kernels compute, over several half-lives and windows.
FeatureSet everything() {
  std::vector<std::string> lines;
  for (const FeatureFamily* family : feature_families()) {
    if (family->group == FamilyGroup::decayed) {
      for (const char* half_life : {"0.5", "15", "240", "3600", "9"}) {
        lines.push_back(fmt::format("feature = \"{}\", half_life_s = {}{}", family->name, half_life,
                                    family->parameters.size() > 1 ? ", half_life_2_s = 7200" : ""));
      }
    }
    if (family->group == FamilyGroup::windowed) {
      for (const int ticks : {4, 5, 64, 100, 255, 256}) {
        lines.push_back(fmt::format("feature = \"{}\", ticks = {}", family->name, ticks));
      }
    }
  }
  return test::set_of(lines);
}

BarBank no_bars() { return BarBank({}, {}); }

// What a kernel works on, owned.
struct alignas(64) Desk {
  std::array<double, 512> quads{};
  std::array<double, 4096> scratch{};
  std::array<double, 32> inputs{};
  std::array<float, kMaxLanes> row{};
  WindowState windows{};
  WindowInput window{};
  DecayWeights weights{};
  TickCall call{};

  void point() {
    call.quads = quads.data();
    call.inputs = inputs.data();
    call.scratch = scratch.data();
    call.row = row.data();
    call.windows = &windows;
    call.window = &window;
    call.weights = &weights;
  }
  void run(Isa isa, const TickProgram& program, double dt_ns) {
    point();
    kWeightKernels[isa](program, dt_ns, weights);
    kTickKernels[isa](program, call);
  }
};

TEST(TickKernel, weights_are_within_three_ulp_and_never_cancel) {
  const std::array half_lives_s = {1.0, 4.0, 15.0, 60.0, 240.0, 900.0, 3'600.0, 14'400.0};
  std::vector<std::string> lines;
  for (const double h : half_lives_s) lines.push_back(fmt::format("feature = \"intensity\", half_life_s = {}", h));
  const FeatureSet set = test::set_of(lines);
  const BarBank bars = no_bars();
  const TickPlan plan(set.features(), bars);
  ASSERT_EQ(plan.program.quads, 4u) << "share and count of four half-lives, then of the other four";
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> exponent(-3.0, 14.5);
  for (const Isa isa : available()) {
    long double worst_weight = 0;
    long double worst_kept = 0;
    for (int n = 0; n < 100'000; ++n) {
      Desk desk;
      // A share of 0 that becomes w, and a count of 1 with nothing to add, which becomes d.
      desk.inputs[static_cast<std::size_t>(Input::one)] = 1.0;
      for (std::size_t i = 0; i < kQuad; ++i) desk.quads[kQuad + i] = desk.quads[3 * kQuad + i] = 1.0;
      const double dt_ns = std::floor(std::pow(10.0, exponent(random)));
      desk.run(isa, plan.program, dt_ns);
      for (std::size_t i = 0; i < half_lives_s.size(); ++i) {
        const double share = desk.quads[i / kQuad * 2 * kQuad + i % kQuad];
        const double count = desk.quads[i / kQuad * 2 * kQuad + kQuad + i % kQuad];
        const long double x = std::min(static_cast<long double>(dt_ns) / (half_lives_s[i] * 1e9L), 64.0L);
        if (x == 0) {
          EXPECT_EQ(share, 0.0);
          EXPECT_EQ(count, 1.0);
          continue;
        }
        const long double weight = -std::expm1(-x * std::log(2.0L));
        const long double kept = std::exp2(-x);
        worst_weight = std::max(worst_weight, std::abs(share / weight - 1));
        // Rounding x moves 2^-x by x ln2 of it.
        worst_kept = std::max(worst_kept, std::abs(count / kept - 1) / (1 + x));
      }
    }
    EXPECT_LT(worst_weight, 3 * 0x1p-52L) << isa_name(isa);
    EXPECT_LT(worst_kept, 3 * 0x1p-52L) << isa_name(isa);
  }
}

TEST(TickKernel, every_isa_gives_the_same_bits_on_random_states_and_inputs) {
  const auto isas = available();
  if (isas.size() < 2) GTEST_SKIP() << "this machine has one instruction set only";
  const FeatureSet set = everything();
  const BarBank bars = no_bars();
  const TickPlan plan(set.features(), bars);
  const std::size_t quads = std::size_t{plan.program.quads} * kQuad;
  ASSERT_LE(quads, Desk{}.quads.size());
  ASSERT_LE(plan.scratch_size, Desk{}.scratch.size());
  std::mt19937_64 random(2);
  std::uniform_real_distribution<double> exponent(-2.0, 15.0);
  std::uniform_real_distribution<double> price(1e6, 1e14);
  std::uniform_real_distribution<double> relative(-0.01, 0.01);
  std::uniform_real_distribution<double> positive(0.0, 1000.0);
  Desk start;
  for (int n = 0; n < 60'000; ++n) {
    const double mid2 = price(random);
    const auto near = [&] { return std::floor(mid2 * (1 + relative(random))); };
    for (std::size_t i = 0; i < quads; ++i) {
      start.quads[i] = i % 5 == 0 ? near() : positive(random) - (i % 7 == 0 ? 500 : 0);
    }
    for (std::size_t i = 0; i < kInputs; ++i) start.inputs[i] = positive(random) - 300;
    start.inputs[static_cast<std::size_t>(Input::mid2)] = near();
    if (n % 50 == 0) {
      const auto any = [&](std::int64_t limit) {
        return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(2 * limit + 1)) - limit;
      };
      const int shift = n / 50 % 31;  // from still prices to the ends of the range
      const std::int64_t reach = (std::int64_t{1} << shift) - 1;
      for (auto& mid : start.windows.mid) mid = static_cast<std::int32_t>(any(reach));
      for (unsigned i = 0; i < kWindowRingCopies; ++i) start.windows.mid[kWindowRing + i] = start.windows.mid[i];
      for (auto& points : start.windows.spread_points) points = static_cast<std::int32_t>(any(reach));
      for (auto& time : start.windows.time) time = static_cast<std::uint32_t>(random());
      for (auto* sums :
           {&start.windows.square, &start.windows.product, &start.windows.bipower, &start.windows.path,
            &start.windows.two_move_square, &start.windows.net, &start.windows.gross, &start.windows.spread}) {
        for (auto& sum : *sums) sum = any(std::int64_t{1} << (2 * std::min(shift, 29)));
      }
    }
    start.window = {.at = static_cast<std::uint32_t>(random() % kWindowRing),
                    .mid = static_cast<std::int32_t>(random() % 1000),
                    .spread = static_cast<std::int32_t>(random() % 1000),
                    .time = static_cast<std::uint32_t>(random()),
                    .move = static_cast<std::int32_t>(random() % 2001) - 1000,
                    .move_before = static_cast<std::int32_t>(random() % 3) - 1,
                    .two_moves = static_cast<std::int32_t>(random() % 2001) - 1000,
                    .unit_bp = positive(random)};
    const double dt_ns = n % 7 == 0 ? 0.0 : std::floor(std::pow(10.0, exponent(random)));
    start.call.mid2 = mid2;
    start.call.mid_bp = 1e4 / mid2;
    start.call.spread_bp = positive(random);
    Desk expected = start;
    expected.run(Isa::scalar, plan.program, dt_ns);
    for (const Isa isa : isas) {
      Desk desk = start;
      desk.run(isa, plan.program, dt_ns);
      ASSERT_EQ(std::memcmp(&desk.weights, &expected.weights, sizeof(desk.weights)), 0) << isa_name(isa) << n;
      ASSERT_EQ(std::memcmp(desk.quads.data(), expected.quads.data(), sizeof(desk.quads)), 0) << isa_name(isa) << n;
      ASSERT_EQ(std::memcmp(&desk.windows, &expected.windows, sizeof(desk.windows)), 0) << isa_name(isa) << n;
      for (std::size_t lane = 0; lane < set.lanes().size(); ++lane) {
        // A NaN's payload says nothing: rows hold the canonical one.
        if (std::isnan(expected.row[lane]) && std::isnan(desk.row[lane])) continue;
        ASSERT_EQ(std::bit_cast<std::uint32_t>(desk.row[lane]), std::bit_cast<std::uint32_t>(expected.row[lane]))
            << isa_name(isa) << " at input " << n << ": " << set.lanes()[lane].name;
      }
    }
  }
}

TEST(TickKernel, quiet_days_leave_no_subnormal_behind) {
  const FeatureSet set = everything();
  const BarBank bars = no_bars();
  const TickPlan plan(set.features(), bars);
  for (const Isa isa : available()) {
    Desk desk;
    desk.call.mid2 = 1e12;
    desk.call.mid_bp = 1e-8;
    desk.inputs.fill(100.0);
    desk.run(isa, plan.program, 5e8);
    desk.inputs.fill(kTinyInput);
    for (int n = 0; n < 2 * 86'400; ++n) desk.run(isa, plan.program, 5e8);
    for (const double value : desk.quads) EXPECT_NE(std::fpclassify(value), FP_SUBNORMAL) << isa_name(isa);
  }
}

TEST(TickKernel, minus_zero_is_written_as_plus_zero) {
  EXPECT_FALSE(std::signbit(to_lane(-0.0)));
  EXPECT_FALSE(std::signbit(to_lane(-1e-300))) << "rounds to -0 in f32";
  const FeatureSet set = test::set_of({"feature = \"mid_deviation\", half_life_s = 1"});
  const BarBank bars = no_bars();
  const TickPlan plan(set.features(), bars);
  for (const Isa isa : available()) {
    Desk desk;
    desk.quads[0] = 1.0 + 0x1p-52;  // below the mid by less than f32 resolves at this factor
    desk.call.mid2 = 1.0;
    desk.call.mid_bp = 1e-300;
    desk.run(isa, plan.program, 0.0);
    EXPECT_EQ(desk.row[0], 0.0f);
    EXPECT_FALSE(std::signbit(desk.row[0])) << isa_name(isa);
  }
}

// Half-lives are ordered by how many signals share them, so that state fills few quads.
TEST(TickKernel, core_32_keeps_its_decays_in_fourteen_quads) {
  const FeatureSet& set = FeatureSet::core_32();
  std::vector<Feature> features;
  for (const Feature& feature : set.features()) {
    if (feature.family->group != FamilyGroup::bar) features.push_back(feature);
  }
  const BarBank bars = no_bars();
  const TickPlan plan(features, bars);
  EXPECT_EQ(plan.program.quads, 14u);
}

}  // namespace
}  // namespace thintail
