// SPDX-License-Identifier: Apache-2.0
// TickProgram: what a feature set asks of one tick, as plain arrays that the kernels run over.
//   abi  no functions and no standard containers: what the kernels' translation units share with others must not be a
//        function, or the linker could hand AVX-512 code to all of them. The arrays belong to the TickPlan.
//
// A decayed signal is one input (a price, a count) over some of the set's half-lives. Its state is held in quads: four
// f64 of one input over four half-lives, which is one AVX2 register and half a cache line. The quads of the first four
// half-lives come first, those of each four in the order of Input.
#pragma once

#include <cstddef>
#include <cstdint>

namespace thintail {

inline constexpr unsigned kQuad = 4;
inline constexpr unsigned kDecayLanes = 16;  // half-lives of a set, in four quads
inline constexpr unsigned kWindowLanes = 8;  // window lengths of a set, in two quads

// What signals take in at a tick, in the order in which the kernel goes through them. Means take the value that held
// since the tick before, sums that of this tick.
enum class Input : std::uint8_t {
  mid2,  // a mean: of bid + ask in e9, twice the mid, so that no half is lost
  spread,
  spread_square,
  crossed,
  queue,
  one,  // a mean from 0: the share of the decay's weight seen so far
  two_move_square,  // sums from here on
  tick,
  sign,
  gross,
  move_product,
  move_square,
  bipower,
  flow,
  flow_gross,
  trade_size,
  trade_gross,
  trade_sign,
  trade_count,
  impact,
  impact_square,
};
inline constexpr unsigned kMeans = 6;
inline constexpr unsigned kInputs = 21;
constexpr std::uint32_t bit(Input input) noexcept { return std::uint32_t{1} << static_cast<unsigned>(input); }

// What four half-lives keep and give: bits of Input and of DecayedFamily.
struct DecayQuads {
  std::uint32_t signals;
  std::uint32_t results;
  std::uint32_t first;  // of its quads in the state, in f64
};

// One quotient of two results.
struct RatioStep {
  std::uint16_t out, above, below;
  double floor;
};

// Formulas over four window lengths.
enum class WindowFormula : std::uint8_t {
  move,
  volatility,
  realised_volatility,
  bipower_volatility,
  two_scale_volatility,
  autocorrelation,
  variance_ratio,
  roll_spread,
  imbalance,
  efficiency,
  spread,
  duration,
  rate,
  jump,
};
inline constexpr unsigned kWindowFormulas = 14;

struct WindowBlock {
  std::uint16_t out;     // in the scratch
  std::uint16_t column;  // first of the four
  double constant;
};

// Of each window length n. Lengths that pad a quad repeat the first.
struct alignas(64) WindowConstants {
  double per_n[kWindowLanes];   // 1 / n
  double per_n1[kWindowLanes];  // 1 / (n - 1)
  double per_n2[kWindowLanes];  // 1 / (n - 2)
  double per_n3[kWindowLanes];  // 1 / (n - 3)
  double n1[kWindowLanes];      // n - 1
  double two_scale_share[kWindowLanes];
  double two_scale_per[kWindowLanes];
  double variance_ratio[kWindowLanes];  // (n - 1) / (2 (n - 2))
  std::int32_t ticks[kWindowLanes];
};

// Cold block of one instrument: the last ticks and exact sums over each window.
inline constexpr unsigned kWindowRing = 256;
inline constexpr unsigned kWindowRingCopies = 4;  // the ring's first entries again, so that four in a row can be read
struct alignas(64) WindowState {
  std::int64_t square[kWindowLanes];
  std::int64_t product[kWindowLanes];
  std::int64_t bipower[kWindowLanes];
  std::int64_t path[kWindowLanes];
  std::int64_t two_move_square[kWindowLanes];
  std::int64_t net[kWindowLanes];
  std::int64_t gross[kWindowLanes];
  std::int64_t spread[kWindowLanes];
  std::int32_t mid[kWindowRing + kWindowRingCopies];  // half points from the first tick's
  std::int32_t spread_points[kWindowRing];
  std::uint32_t time[kWindowRing];  // 100 us of trading time, wrapping
};

// What a tick brings to the windows.
struct WindowInput {
  std::uint32_t at;  // slot of this tick; it still holds the tick 256 before
  std::int32_t mid;
  std::int32_t spread;
  std::uint32_t time;
  std::int32_t move;  // r, within kWindowMoveMax
  std::int32_t move_before;  // r'
  std::int32_t two_moves;  // mid - mid''
  double unit_bp;  // a half point in bp of the mid
};

// The lanes of bars: weights and bp coefficients of BarLaneForm, padded to quads.
struct BarForms {
  const double* bid_weight;
  const double* ask_weight;
  const double* mid_bp;  // scale_bp where bp is of the mid, else 0
  const double* bid_bp;
  const double* ask_bp;
};

struct alignas(64) TickProgram {
  double per_ns[kDecayLanes];
  double ln2_per_s[kDecayLanes];
  unsigned half_lives;  // rounded up to quads
  DecayQuads decays[kDecayLanes / kQuad];
  unsigned quads;
  unsigned decays_out;  // kDecayLanes results of each DecayedFamily
  const RatioStep* ratios;
  unsigned ratio_count;
  unsigned windows;  // window lengths rounded up to quads
  const WindowConstants* window_constants;
  const WindowBlock* window_blocks;  // ordered by formula
  const WindowBlock* window_block_ends[kWindowFormulas];
  unsigned bars;  // bar lanes rounded up to quads
  bool bars_of_sides;  // some measure bp against the bid or the ask
  unsigned bars_out;
  BarForms bar_forms;
  unsigned lanes;  // rounded up to eight
  const std::uint16_t* sources;  // of each lane, in the scratch
};

// What the time since the tick before makes of each half-life.
struct alignas(64) DecayWeights {
  double weight[kDecayLanes];  // w = 1 - 2^(-dt/h)
  double kept[kDecayLanes];  // d = 2^(-dt/h)
};

// One tick of one instrument. Aligned to 64 bytes: quads, windows, levels, scales, scratch, row.
struct TickCall {
  double* quads;
  const DecayWeights* weights;
  const double* inputs;  // [kInputs]
  double mid2;
  double mid_bp;  // 1e4 / mid2; 0 where mid2 <= 0
  double spread_bp;
  double bid, ask;
  double bid_bp, ask_bp;  // 1e4 / (2 bid); 0 where the price <= 0
  WindowState* windows;
  const WindowInput* window;
  const double* levels;
  const double* scales;
  double* scratch;
  float* row;
};

}  // namespace thintail
