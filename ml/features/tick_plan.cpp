// SPDX-License-Identifier: Apache-2.0
#include "ml/features/tick_plan.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

#include "core/base/assert.hpp"
#include "ml/features/tick_families.hpp"

namespace thintail {
namespace {

// The signals that a result is made of. The two ratios and what is relative to a time of day are made of other results.
std::uint32_t signals_of(DecayedFamily family) {
  constexpr std::uint32_t kRate = bit(Input::one);
  switch (family) {
    case DecayedFamily::mid_deviation: return bit(Input::mid2);
    case DecayedFamily::volatility:
    case DecayedFamily::volatility_ratio:
    case DecayedFamily::relative_volatility: return bit(Input::two_move_square) | kRate;
    case DecayedFamily::realised_volatility: return bit(Input::move_square) | kRate;
    case DecayedFamily::bipower_volatility: return bit(Input::bipower) | kRate;
    case DecayedFamily::move_autocorrelation: return bit(Input::move_product) | bit(Input::move_square);
    case DecayedFamily::roll_spread: return bit(Input::move_product) | bit(Input::tick);
    case DecayedFamily::imbalance: return bit(Input::sign) | bit(Input::gross);
    case DecayedFamily::intensity:
    case DecayedFamily::intensity_ratio: return bit(Input::tick) | kRate;
    case DecayedFamily::spread_z: return bit(Input::spread) | bit(Input::spread_square);
    case DecayedFamily::spread_ratio: return bit(Input::spread);
    case DecayedFamily::crossed_share: return bit(Input::crossed);
    case DecayedFamily::queue_imbalance_mean: return bit(Input::queue);
    case DecayedFamily::order_flow_imbalance: return bit(Input::flow) | bit(Input::flow_gross);
    case DecayedFamily::trade_imbalance: return bit(Input::trade_size) | bit(Input::trade_gross);
    case DecayedFamily::trade_sign_imbalance: return bit(Input::trade_sign) | bit(Input::trade_count);
    case DecayedFamily::trade_impact: return bit(Input::impact) | bit(Input::impact_square);
  }
  TT_CHECK(false, "a decayed family");
  return 0;
}

bool is_ratio(const Feature& feature) {
  const auto family = static_cast<DecayedFamily>(feature.family->code);
  return family == DecayedFamily::volatility_ratio || family == DecayedFamily::intensity_ratio;
}

bool is_group(const Feature& feature, FamilyGroup group) { return feature.family->group == group; }

// Calls `visit(half-life, family)` for every decay that the set's features read.
template <class Visit>
void each_decay(std::span<const Feature> features, Visit&& visit) {
  for (const Feature& feature : features) {
    if (!is_group(feature, FamilyGroup::decayed)) continue;
    const auto family = static_cast<DecayedFamily>(feature.family->code);
    visit(feature.half_life_s, family);
    if (is_ratio(feature)) visit(feature.half_life_2_s, family);
  }
}

constexpr std::uint16_t slot(Slot at) noexcept { return static_cast<std::uint16_t>(at); }

}  // namespace

TickPlan::TickPlan(std::span<const Feature> features, const BarBank& bars) {
  TT_CHECK(features.size() <= kMaxLanes, "no more features than a row has lanes");
  scratch_size = kSlots;
  for (const Feature& feature : features) {
    if (is_group(feature, FamilyGroup::windowed)) windows.push_back(feature.ticks);
    if (is_group(feature, FamilyGroup::forming)) {
      const auto period = static_cast<std::uint8_t>(feature.period);
      const auto used = std::span(forming).first(forming_count);
      if (std::ranges::find(used, period) == used.end()) forming[forming_count++] = period;
    }
  }
  std::ranges::sort(windows);
  windows.erase(std::ranges::unique(windows).begin(), windows.end());
  TT_CHECK(windows.size() <= kWindowLanes, "at most eight window lengths");
  uses_windows = !windows.empty();

  place_half_lives(features);
  place_quads(features);
  fill_constants();
  program.bars_out = scratch_size;
  fill_bars(bars);
  scratch_size += program.bars;
  forming_out = scratch_size;
  if (forming_count != 0) scratch_size += 3 * kFormingPeriods;

  warm.resize(features.size());
  std::uint16_t bar = 0;
  for (std::size_t lane = 0; lane < features.size(); ++lane) {
    all.set(lane);
    const Feature& feature = features[lane];
    if (is_group(feature, FamilyGroup::bar)) {
      // The bank keeps the order of the features that it was given.
      const BarLaneForm& form = bars.forms()[bar];
      TT_CHECK(bars.lanes()[bar] == lane, "the bank's lanes in the order of the set");
      if (form.scale_bp != 0.0) {
        (form.bp_bid_weight != 0.0 ? form.bp_ask_weight != 0.0 ? mid_price : bid_price : ask_price).set(lane);
      }
      sources_.push_back(static_cast<std::uint16_t>(program.bars_out + bar++));
    } else if (is_group(feature, FamilyGroup::book) || is_group(feature, FamilyGroup::cross)) {
      if (is_group(feature, FamilyGroup::cross)) guests.push_back(static_cast<std::uint16_t>(lane));
      sources_.push_back(slot(Slot::undefined));
    } else {
      sources_.push_back(source(feature));
      timed.set(lane);
      require(feature, lane);
    }
  }
  link();
}

// Half-lives that many signals share come first, so that signals fill few quads.
void TickPlan::place_half_lives(std::span<const Feature> features) {
  struct Use {
    double half_life_s;
    std::uint32_t signals = 0;
    int count() const { return std::popcount(signals); }
  };
  std::vector<Use> uses;
  each_decay(features, [&](double half_life_s, DecayedFamily family) {
    auto use = std::ranges::find(uses, half_life_s, &Use::half_life_s);
    if (use == uses.end()) use = uses.insert(uses.end(), Use{half_life_s});
    use->signals |= signals_of(family);
  });
  TT_CHECK(uses.size() <= kDecayLanes, "at most sixteen half-lives");
  std::ranges::sort(uses, [](const Use& a, const Use& b) {
    return a.count() != b.count() ? a.count() > b.count() : a.half_life_s < b.half_life_s;
  });
  for (const Use& use : uses) half_lives_s_.push_back(use.half_life_s);
  for (std::size_t i = 0; i < half_lives_s_.size(); ++i) {
    program.per_ns[i] = 1.0 / (half_lives_s_[i] * 1e9);
    program.ln2_per_s[i] = std::numbers::ln2 / half_lives_s_[i];
  }
  program.half_lives = static_cast<unsigned>((half_lives_s_.size() + kQuad - 1) / kQuad * kQuad);
}

void TickPlan::place_quads(std::span<const Feature> features) {
  each_decay(features, [&](double half_life_s, DecayedFamily family) {
    DecayQuads& of = program.decays[half_life_index(half_life_s) / kQuad];
    of.signals |= signals_of(family);
    of.results |= 1u << static_cast<unsigned>(family);
  });
  for (DecayQuads& of : program.decays) {
    of.first = program.quads * kQuad;
    program.quads += static_cast<unsigned>(std::popcount(of.signals));
  }
  program.decays_out = scratch_size;
  if (program.quads != 0) scratch_size += kDecayLanes * (static_cast<unsigned>(DecayedFamily::trade_impact) + 1);
}

unsigned TickPlan::half_life_index(double half_life_s) const {
  const auto found = std::ranges::find(half_lives_s_, half_life_s);
  TT_CHECK(found != half_lives_s_.end(), "a half-life of the set");
  return static_cast<unsigned>(found - half_lives_s_.begin());
}

std::uint16_t TickPlan::result(DecayedFamily family, double half_life_s) const {
  return static_cast<std::uint16_t>(program.decays_out + kDecayLanes * static_cast<unsigned>(family) +
                                    half_life_index(half_life_s));
}

std::uint16_t TickPlan::ratio(std::uint16_t above, std::uint16_t below, double floor) {
  const auto out = static_cast<std::uint16_t>(scratch_size);
  scratch_size += kQuad;  // blocks after it stay aligned
  ratios_.push_back({.out = out, .above = above, .below = below, .floor = floor});
  return out;
}

std::uint16_t TickPlan::decayed(const Feature& feature) {
  const auto family = static_cast<DecayedFamily>(feature.family->code);
  const auto of = [&](DecayedFamily part) { return result(part, feature.half_life_s); };
  switch (family) {
    case DecayedFamily::volatility_ratio:
      return ratio(of(DecayedFamily::volatility), result(DecayedFamily::volatility, feature.half_life_2_s),
                   kVolatilityFloor_bp);
    case DecayedFamily::intensity_ratio:
      return ratio(of(DecayedFamily::intensity), result(DecayedFamily::intensity, feature.half_life_2_s), 0.0);
    case DecayedFamily::relative_volatility:
      return ratio(of(DecayedFamily::volatility), slot(Slot::day_volatility), kVolatilityFloor_bp);
    default: return of(family);
  }
}

std::uint16_t TickPlan::windowed(const Feature& feature) {
  const auto formula = static_cast<WindowFormula>(feature.family->code);
  const auto column = static_cast<unsigned>(std::ranges::find(windows, feature.ticks) - windows.begin());
  const double constant = formula == WindowFormula::jump ? feature.factor * feature.factor * std::numbers::pi / 2 : 0.0;
  const WindowBlock wanted{.out = static_cast<std::uint16_t>(scratch_size),
                           .column = static_cast<std::uint16_t>(column / kQuad * kQuad),
                           .constant = constant};
  const auto known = std::ranges::find_if(keyed_windows_, [&](const KeyedWindow& other) {
    return other.formula == formula && other.block.column == wanted.column && other.block.constant == constant;
  });
  if (known != keyed_windows_.end()) return static_cast<std::uint16_t>(known->block.out + column % kQuad);
  scratch_size += kQuad;
  keyed_windows_.push_back({formula, wanted});
  return static_cast<std::uint16_t>(wanted.out + column % kQuad);
}

std::uint16_t TickPlan::source(const Feature& feature) {
  const std::uint16_t code = feature.family->code;
  switch (feature.family->group) {
    case FamilyGroup::tick:
      switch (static_cast<TickFamily>(code)) {
        case TickFamily::spread: return slot(Slot::spread);
        case TickFamily::last_move: return slot(Slot::last_move);
        case TickFamily::quote_age: return slot(Slot::quote_age);
        case TickFamily::microprice_deviation: return slot(Slot::microprice);
        case TickFamily::queue_imbalance: return slot(Slot::queue);
        case TickFamily::relative_spread: return ratio(slot(Slot::spread), slot(Slot::day_spread), kSpreadFloor_bp);
      }
      break;
    case FamilyGroup::decayed: return decayed(feature);
    case FamilyGroup::windowed: return windowed(feature);
    case FamilyGroup::clock: {
      const auto first = static_cast<unsigned>(Slot::fx_day);
      static_assert(static_cast<unsigned>(Slot::rollover) - static_cast<unsigned>(Slot::fx_day) ==
                    static_cast<unsigned>(ClockFamily::rollover));
      return static_cast<std::uint16_t>(first + code);
    }
    case FamilyGroup::forming: {
      const auto column = std::ranges::find(forming, static_cast<std::uint8_t>(feature.period)) - forming.begin();
      return static_cast<std::uint16_t>(forming_out + kFormingPeriods * code + static_cast<unsigned>(column));
    }
    default: break;
  }
  TT_CHECK(false, "a family of a group that the engine computes");
  return 0;
}

// When the lane is defined.
void TickPlan::require(const Feature& feature, std::size_t lane) {
  const auto after = [&](double half_life_s) {
    return static_cast<std::int64_t>(std::llround(kWarmHalfLives * half_life_s * 1e9));
  };
  const std::uint16_t code = feature.family->code;
  Warm& rule = warm[lane];
  if (has(feature.family->needs, Need::sizes)) {
    sizes.set(lane);
    uses_flow = true;
  }
  if (has(feature.family->needs, Need::trades)) {
    traded.set(lane);
    uses_flow = true;
  }
  if (feature.family->unit == "bp" && feature.family->group != FamilyGroup::decayed) mid_price.set(lane);
  switch (feature.family->group) {
    case FamilyGroup::tick: {
      const auto family = static_cast<TickFamily>(code);
      if (family == TickFamily::last_move || family == TickFamily::quote_age) rule.ticks = 2;
      if (family == TickFamily::relative_spread) {
        day.set(lane);
        mid_price.set(lane);
        uses_day = true;
      }
      break;
    }
    case FamilyGroup::decayed: {
      const auto family = static_cast<DecayedFamily>(code);
      rule.after_ns =
          after(is_ratio(feature) ? std::max(feature.half_life_s, feature.half_life_2_s) : feature.half_life_s);
      if (family == DecayedFamily::mid_deviation || family == DecayedFamily::spread_z ||
          family == DecayedFamily::spread_ratio) {
        mid_price.set(lane);
      }
      if (family == DecayedFamily::relative_volatility) {
        day.set(lane);
        uses_day = true;
      }
      break;
    }
    case FamilyGroup::windowed:
      rule.ticks = feature.ticks;
      if (feature.family->unit == "bp/sqrt(tick)") mid_price.set(lane);
      break;
    case FamilyGroup::clock: {
      const auto family = static_cast<ClockFamily>(code);
      const bool is_session = family == ClockFamily::session_open || family == ClockFamily::session_close;
      uses_session |= is_session;
      uses_clock |= !is_session && family != ClockFamily::fx_day;
      uses_phase |= family >= ClockFamily::fx_day_sin && family <= ClockFamily::fx_week_cos;
      if (is_session) session.set(lane);
      break;
    }
    default: break;
  }
}

void TickPlan::fill_constants() {
  program.windows = static_cast<unsigned>((windows.size() + kQuad - 1) / kQuad * kQuad);
  for (unsigned i = 0; i < kWindowLanes && uses_windows; ++i) {
    const std::int32_t ticks = i < windows.size() ? windows[i] : windows[0];
    const double n = ticks;
    TT_CHECK(ticks >= 4 && ticks <= static_cast<std::int32_t>(kWindowTicksMax), "a window of 4 to 256 ticks");
    // Of two subgrids: the mean number of their moves over the number of all moves.
    const double share = (n - 2) / (2 * (n - 1));
    window_constants_.per_n[i] = 1 / n;
    window_constants_.per_n1[i] = 1 / (n - 1);
    window_constants_.per_n2[i] = 1 / (n - 2);
    window_constants_.per_n3[i] = 1 / (n - 3);
    window_constants_.n1[i] = n - 1;
    window_constants_.two_scale_share[i] = share;
    window_constants_.two_scale_per[i] = 1 / ((1 - share) * (n - 1));
    window_constants_.variance_ratio[i] = (n - 1) / (2 * (n - 2));
    window_constants_.ticks[i] = ticks;
  }
}

void TickPlan::fill_bars(const BarBank& bars) {
  const std::size_t padded = (bars.size() + 7) / 8 * 8;
  program.bars = static_cast<unsigned>((bars.size() + kQuad - 1) / kQuad * kQuad);
  forms_.assign(5 * padded + 8, 0.0);
  // The first address in forms_ that kernels can load from aligned.
  double* const at = forms_.data() + (64 - reinterpret_cast<std::uintptr_t>(forms_.data()) % 64) % 64 / sizeof(double);
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const BarLaneForm& form = bars.forms()[i];
    at[i] = form.bid_weight;
    at[padded + i] = form.ask_weight;
    const bool bid = form.bp_bid_weight != 0.0;
    const bool ask = form.bp_ask_weight != 0.0;
    TT_CHECK(form.scale_bp == 0.0 || bid || ask, "a price that basis points are of");
    TT_CHECK(!(bid && ask) || (form.bp_bid_weight == 1.0 && form.bp_ask_weight == 1.0), "bp of the mid");
    TT_CHECK(bid == ask || form.bp_bid_weight + form.bp_ask_weight == 2.0, "bp of a side: of twice its price");
    at[padded * (bid && ask ? 2 : bid ? 3 : 4) + i] = form.scale_bp;
    program.bars_of_sides |= form.scale_bp != 0.0 && bid != ask;
  }
  program.bar_forms = {at, at + padded, at + 2 * padded, at + 3 * padded, at + 4 * padded};
}

void TickPlan::link() {
  std::ranges::stable_sort(keyed_windows_, {}, &KeyedWindow::formula);
  for (const KeyedWindow& keyed : keyed_windows_) window_blocks_.push_back(keyed.block);
  program.window_blocks = window_blocks_.data();
  for (unsigned i = 0; i < kWindowFormulas; ++i) {
    const auto upto =
        std::ranges::upper_bound(keyed_windows_, static_cast<WindowFormula>(i), {}, &KeyedWindow::formula);
    program.window_block_ends[i] = window_blocks_.data() + (upto - keyed_windows_.begin());
  }
  program.ratios = ratios_.data();
  program.ratio_count = static_cast<unsigned>(ratios_.size());
  program.window_constants = &window_constants_;
  while (sources_.size() % 8 != 0) sources_.push_back(slot(Slot::undefined));
  program.lanes = static_cast<unsigned>(sources_.size());
  program.sources = sources_.data();
}

}  // namespace thintail
