// SPDX-License-Identifier: Apache-2.0
// The features of other instruments as an engine reads them: against definitions, cut streams and restarts.
#include "ml/cross/cross_bank.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <set>
#include <string_view>
#include <vector>

namespace thintail {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kStart_s = 1'398'988'800;  // 2014-05-02

const FeatureFamily& family(CrossFamily code) {
  for (const FeatureFamily& one : cross_families()) {
    if (one.code == static_cast<std::uint16_t>(code)) return one;
  }
  ADD_FAILURE() << "no such family";
  return cross_families()[0];
}

Feature feature(CrossFamily code, double seconds = 0, std::string_view peer = "") {
  return {.family = &family(code), .seconds = seconds, .peer = PeerName::of(peer)};
}

std::vector<std::uint16_t> lanes_of(const std::vector<Feature>& features) {
  std::vector<std::uint16_t> lanes(features.size());
  for (std::size_t i = 0; i < lanes.size(); ++i) lanes[i] = static_cast<std::uint16_t>(i);
  return lanes;
}

CrossBank bank_of(const std::vector<Feature>& features, const std::vector<Instrument>& instruments) {
  CrossBank bank(features, lanes_of(features), instruments.size());
  for (InstrumentId id = 0; id < instruments.size(); ++id) bank.enable(id, instruments[id]);
  return bank;
}

Instrument pair(std::string_view symbol, std::string_view venue) { return *built_in_instrument(symbol, venue); }

std::vector<Instrument> six() {
  return {pair("EURUSD", "oanda"), pair("EURUSD", "fxcm"),  pair("GBPUSD", "oanda"),
          pair("USDJPY", "oanda"), pair("XAUUSD", "oanda"), pair("EURGBP", "oanda")};
}

// One of each family and some more: what a set could ask for.
std::vector<Feature> everything() {
  return {feature(CrossFamily::peer_correlation, 60, "EURUSD@oanda"),
          feature(CrossFamily::peer_beta, 60, "EURUSD@oanda"),
          feature(CrossFamily::peer_correlation, 20, "GBPUSD"),
          feature(CrossFamily::peer_tick_correlation, 30, "EURUSD@oanda"),
          feature(CrossFamily::peer_tick_correlation, 10, "@fxcm"),
          feature(CrossFamily::peer_lead, 40, "EURUSD@oanda"),
          feature(CrossFamily::peer_lead_share, 40, "EURUSD@oanda"),
          feature(CrossFamily::currency_base_strength, 60),
          feature(CrossFamily::currency_quote_strength, 60),
          feature(CrossFamily::currency_residual, 60),
          feature(CrossFamily::cross_move_rank, 60),
          feature(CrossFamily::cross_move_z, 60),
          feature(CrossFamily::cross_volatility_rank, 20),
          feature(CrossFamily::cross_volatility_z, 20),
          feature(CrossFamily::cross_spread_rank),
          feature(CrossFamily::cross_spread_z)};
}

// A timer where id is none.
struct Step {
  InstrumentId id;
  std::int64_t time_ns;
  std::int64_t bid_e9;
  std::int64_t ask_e9;
};
constexpr InstrumentId kTimer = ~InstrumentId{0};

// Ticks of a common walk and one of each instrument's own, a timer before the first one of each second. Instruments begin
// one after another, and the last falls silent.
std::vector<Step> random_market(const std::vector<Instrument>& instruments, std::int64_t seconds, unsigned seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::vector<double> logs(instruments.size(), 0.0);
  std::vector<Step> steps;
  for (std::int64_t second = 0; second < seconds; ++second) {
    const std::int64_t start_ns = (kStart_s + second) * kSecondNs;
    steps.push_back({kTimer, start_ns, 0, 0});
    std::vector<std::int64_t> times(random() % 25);
    for (std::int64_t& time : times) time = start_ns + static_cast<std::int64_t>(random() % 400) * 2'500'000;
    std::ranges::sort(times);
    for (const std::int64_t time_ns : times) {
      const double common = 1e-5 * normal(random);
      for (double& one : logs) one += common + 1e-5 * normal(random);
      const auto id = static_cast<InstrumentId>(random() % instruments.size());
      if (second < std::int64_t{id} * 3 || (id + 1 == instruments.size() && second > seconds / 2)) continue;
      const std::int64_t tick = instruments[id].tick_size_e9;
      const double level = 1.2e9 / 1e4 * static_cast<double>(tick);  // of 12,000 ticks
      const auto bid = static_cast<std::int64_t>(level * std::exp(logs[id]) / static_cast<double>(tick)) * tick;
      steps.push_back({id, time_ns, bid, bid + static_cast<std::int64_t>(random() % 5) * tick});
    }
  }
  return steps;
}

void feed(CrossBank& bank, const Step& step) {
  if (step.id == kTimer) {
    bank.on_timer(step.time_ns / kSecondNs);
  } else {
    bank.on_tick(step.id, step.bid_e9, step.ask_e9, step.time_ns);
  }
}

std::vector<float> values_of(const CrossBank& bank, std::size_t instruments) {
  std::vector<float> values;
  for (InstrumentId id = 0; id < instruments; ++id) {
    values.insert(values.end(), bank.values(id), bank.values(id) + bank.size());
    for (std::size_t lane = 0; lane < bank.size(); ++lane) {
      EXPECT_EQ(bank.defined(id).test(lane), !std::isnan(bank.values(id)[lane])) << lane;
      if (std::isnan(bank.values(id)[lane])) {
        EXPECT_EQ(std::bit_cast<std::uint32_t>(bank.values(id)[lane]), 0x7FC0'0000U) << "the canonical NaN";
      }
    }
  }
  return values;
}

bool same_bytes(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

std::vector<std::byte> snapshot_of(const CrossBank& bank) {
  std::vector<std::byte> bytes(bank.snapshot_bytes());
  bank.snapshot(bytes);
  return bytes;
}

// What the definitions need, kept in full: mids in half points at each timer, NaN before the first quote.
class Recorder {
 public:
  explicit Recorder(const std::vector<Instrument>& instruments)
      : instruments_(instruments),
        last_(instruments.size(), NAN),
        spread_(instruments.size(), NAN),
        mids(instruments.size()) {}

  void take(const Step& step) {
    if (step.id == kTimer) {
      for (std::size_t id = 0; id < mids.size(); ++id) mids[id].push_back(last_[id]);
      spreads = spread_;
      return;
    }
    const auto tick = static_cast<double>(instruments_[step.id].tick_size_e9);
    last_[step.id] = static_cast<double>(step.bid_e9 + step.ask_e9) / tick;
    spread_[step.id] =
        2e4 * static_cast<double>(step.ask_e9 - step.bid_e9) / static_cast<double>(step.bid_e9 + step.ask_e9);
  }

  // The last `n` moves; empty where there are fewer.
  std::vector<long double> moves(std::size_t id, std::size_t n) const {
    std::vector<long double> found;
    const auto& all = mids[id];
    if (all.size() < n + 1 || std::isnan(all[all.size() - n - 1])) return found;
    for (std::size_t i = all.size() - n; i < all.size(); ++i) found.push_back(all[i] - all[i - 1]);
    return found;
  }
  double move_bp(std::size_t id, std::size_t n) const {
    const auto& all = mids[id];
    return moves(id, n).empty() ? static_cast<double>(NAN) : 1e4 * std::log(all.back() / all[all.size() - n - 1]);
  }

 private:
  const std::vector<Instrument>& instruments_;
  std::vector<double> last_;
  std::vector<double> spread_;

 public:
  std::vector<std::vector<double>> mids;
  std::vector<double> spreads;
};

struct Moments {
  long double covariance = 0, variance_x = 0, variance_y = 0;
};

Moments moments(const std::vector<long double>& x, const std::vector<long double>& y) {
  const auto n = static_cast<long double>(x.size());
  long double mean_x = 0, mean_y = 0;
  for (std::size_t i = 0; i < x.size(); ++i) mean_x += x[i] / n, mean_y += y[i] / n;
  Moments sums;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sums.covariance += (x[i] - mean_x) * (y[i] - mean_y);
    sums.variance_x += (x[i] - mean_x) * (x[i] - mean_x);
    sums.variance_y += (y[i] - mean_y) * (y[i] - mean_y);
  }
  return sums;
}

void expect_value(const CrossBank& bank, InstrumentId id, std::size_t lane, double wanted) {
  const float value = bank.values(id)[lane];
  if (std::isnan(wanted)) {
    ASSERT_TRUE(std::isnan(value)) << "instrument " << id << " lane " << lane << ": " << value;
  } else {
    ASSERT_NEAR(value, wanted, 2e-6 * std::max(1.0, std::fabs(wanted))) << "instrument " << id << " lane " << lane;
  }
}

TEST(CrossFamilies, the_table_is_complete_and_of_one_group) {
  std::set<std::string_view> names;
  std::set<std::uint16_t> codes;
  for (const FeatureFamily& one : cross_families()) {
    EXPECT_EQ(one.group, FamilyGroup::cross);
    EXPECT_TRUE(has(one.needs, Need::peers) && has(one.needs, Need::bid) && has(one.needs, Need::ask)) << one.name;
    for (const std::string_view text :
         {one.name, one.unit, one.basis, one.warm_up, one.seeding, one.formula, one.source}) {
      EXPECT_FALSE(text.empty()) << one.name;
    }
    EXPECT_EQ(one.takes_peer, one.name.starts_with("peer_"));
    EXPECT_TRUE(names.insert(one.name).second && codes.insert(one.code).second) << one.name;
  }
  EXPECT_EQ(names.size(), 14U);
  for (std::size_t i = 1; i < kLeadShiftsMs.size(); i += 2) {
    EXPECT_EQ(kLeadShiftsMs[i], -kLeadShiftsMs[i + 1]);
    EXPECT_LT(kLeadShiftsMs[i], 0);
    if (i > 1) {
      EXPECT_LT(kLeadShiftsMs[i], kLeadShiftsMs[i - 2]) << "farther with each pair";
    }
  }
}

TEST(CrossBank, correlation_and_beta_over_seconds_equal_their_definitions) {
  const auto instruments = six();
  const std::vector<Feature> features = {
      feature(CrossFamily::peer_correlation, 60, "EURUSD@oanda"), feature(CrossFamily::peer_beta, 60, "EURUSD@oanda"),
      feature(CrossFamily::peer_correlation, 7, "EURUSD@oanda"), feature(CrossFamily::peer_beta, 2, "EURUSD@oanda")};
  CrossBank bank = bank_of(features, instruments);
  Recorder recorder(instruments);
  std::size_t compared = 0;
  for (const Step& step : random_market(instruments, 400, 1)) {
    feed(bank, step);
    recorder.take(step);
    if (step.id != kTimer) continue;
    for (InstrumentId id = 0; id < instruments.size(); ++id) {
      for (std::size_t lane = 0; lane < features.size(); ++lane) {
        const auto n = static_cast<std::size_t>(features[lane].seconds);
        const auto x = recorder.moves(id, n);
        const auto y = recorder.moves(0, n);
        double wanted = NAN;
        if (id != 0 && !x.empty() && !y.empty()) {
          const Moments sums = moments(x, y);
          const bool is_beta = features[lane].family->code == static_cast<std::uint16_t>(CrossFamily::peer_beta);
          if (is_beta && sums.variance_y > 1e-9L) {
            const double scale = recorder.mids[0].back() / recorder.mids[id].back();
            wanted = static_cast<double>(sums.covariance / sums.variance_y) * scale;
          } else if (!is_beta && sums.variance_x > 1e-9L && sums.variance_y > 1e-9L) {
            wanted = static_cast<double>(sums.covariance / std::sqrt(sums.variance_x * sums.variance_y));
          }
        }
        expect_value(bank, id, lane, wanted);
        if (HasFatalFailure()) return;
        compared += std::isnan(wanted) ? 0 : 1;
      }
    }
  }
  EXPECT_GT(compared, 5'000U);
}

TEST(CrossBank, strengths_ranks_and_scores_equal_their_definitions) {
  const auto instruments = six();
  const std::vector<Feature> features = {feature(CrossFamily::currency_base_strength, 30),
                                         feature(CrossFamily::currency_quote_strength, 30),
                                         feature(CrossFamily::currency_residual, 30),
                                         feature(CrossFamily::cross_move_rank, 30),
                                         feature(CrossFamily::cross_move_z, 30),
                                         feature(CrossFamily::cross_volatility_rank, 30),
                                         feature(CrossFamily::cross_volatility_z, 30),
                                         feature(CrossFamily::cross_spread_rank),
                                         feature(CrossFamily::cross_spread_z)};
  CrossBank bank = bank_of(features, instruments);
  Recorder recorder(instruments);
  const std::size_t count = instruments.size();
  for (const Step& step : random_market(instruments, 300, 2)) {
    feed(bank, step);
    recorder.take(step);
    if (step.id != kTimer) continue;
    std::vector<double> moves(count), volatilities(count, NAN);
    for (std::size_t id = 0; id < count; ++id) {
      moves[id] = recorder.move_bp(id, 30);
      long double squares = 0;
      for (const long double move : recorder.moves(id, 30)) squares += move * move;
      if (!std::isnan(moves[id])) {
        volatilities[id] = 1e4 * std::sqrt(static_cast<double>(squares) / 30) / recorder.mids[id].back();
      }
    }
    const auto by_definition = [&](std::vector<double> column, std::size_t rank_lane) {
      for (double& value : column) value = static_cast<float>(value);
      double n = 0, sum = 0, squares = 0;
      for (const double value : column) {
        if (!std::isnan(value)) ++n, sum += value;
      }
      for (const double value : column) {
        if (!std::isnan(value)) squares += (value - sum / n) * (value - sum / n);
      }
      for (InstrumentId id = 0; id < count; ++id) {
        double below = 0, equal = 0;
        for (const double other : column) below += other < column[id] ? 1 : 0, equal += other == column[id] ? 1 : 0;
        const bool is_defined = n >= 2 && !std::isnan(column[id]);
        expect_value(bank, id, rank_lane, is_defined ? (below + equal / 2) / n : static_cast<double>(NAN));
        if (is_defined && squares > 1e-12) {
          EXPECT_NEAR(bank.values(id)[rank_lane + 1], (column[id] - sum / n) / std::sqrt(squares / n), 1e-4);
        }
      }
    };
    // Rounding to f32 may make equals of what differs in f64; ranks are of f32.
    by_definition(recorder.spreads, 7);
    by_definition(moves, 3);
    by_definition(volatilities, 5);
    if (HasFatalFailure()) return;
    // EURUSD twice, GBPUSD, USDJPY and EURGBP; gold has a quote currency only.
    const std::vector<std::pair<std::uint32_t, std::uint32_t>> nodes = {{1, 0}, {1, 0}, {3, 0}, {0, 2}, {9, 0}, {1, 3}};
    std::vector<cross::CurrencyMove> edges;
    for (std::size_t id = 0; id < count; ++id) {
      if (id != 4 && !std::isnan(moves[id])) edges.push_back({nodes[id].first, nodes[id].second, moves[id]});
    }
    const auto solved = cross::currency_strengths(edges);
    for (InstrumentId id = 0; id < count; ++id) {
      const auto strength = [&](std::uint32_t node) {
        return node < 8 && (solved.defined >> node & 1) != 0 ? solved.strength_bp[node] : static_cast<double>(NAN);
      };
      expect_value(bank, id, 0, strength(nodes[id].first));
      expect_value(bank, id, 1, strength(nodes[id].second));
      const double residual = moves[id] - (strength(nodes[id].first) - strength(nodes[id].second));
      if (std::isnan(residual)) {
        expect_value(bank, id, 2, residual);
      } else {
        EXPECT_NEAR(bank.values(id)[2], residual, 1e-6);
      }
    }
    if (HasFatalFailure()) return;
  }
}

TEST(CrossBank, tick_correlation_and_leads_equal_sums_over_the_same_ticks) {
  const auto instruments = six();
  const std::vector<Feature> features = {feature(CrossFamily::peer_tick_correlation, 30, "EURUSD@oanda"),
                                         feature(CrossFamily::peer_lead, 30, "EURUSD@oanda"),
                                         feature(CrossFamily::peer_lead_share, 30, "EURUSD@oanda")};
  CrossBank bank = bank_of(features, instruments);
  struct Interval {
    std::int64_t begin, end;
    double move;
  };
  std::vector<std::vector<std::pair<std::int64_t, std::int64_t>>> ticks(instruments.size());
  std::int64_t last_ns = 0;
  const auto correlation = [&](std::size_t id, std::int64_t delay_ns, std::int64_t now_ns) {
    const auto intervals = [&](std::size_t of, std::int64_t delay) {
      std::vector<Interval> found;
      for (std::size_t i = 1; i < ticks[of].size(); ++i) {
        const Interval one = {ticks[of][i - 1].first + delay, ticks[of][i].first + delay,
                              static_cast<double>(ticks[of][i].second - ticks[of][i - 1].second)};
        if (one.begin >= now_ns - 30 * kSecondNs && one.end <= now_ns) found.push_back(one);
      }
      return found;
    };
    double covariance = 0, xx = 0, yy = 0;
    const auto xs = intervals(id, std::max(delay_ns, std::int64_t{0}));
    const auto ys = intervals(0, std::max(-delay_ns, std::int64_t{0}));
    for (const Interval& x : xs) {
      xx += x.move * x.move;
      for (const Interval& y : ys) {
        if (std::max(x.begin, y.begin) < std::min(x.end, y.end)) covariance += x.move * y.move;
      }
    }
    for (const Interval& y : ys) yy += y.move * y.move;
    return covariance / std::sqrt(xx * yy);
  };
  std::size_t compared = 0;
  std::size_t number = 0;
  for (const Step& step : random_market(instruments, 120, 3)) {
    feed(bank, step);
    std::int64_t now_ns = std::max(step.time_ns, last_ns);
    if (step.id != kTimer) {
      auto& own = ticks[step.id];
      if (!own.empty() && own.back().first == now_ns) ++now_ns;
      own.emplace_back(now_ns, (step.bid_e9 + step.ask_e9) / instruments[step.id].tick_size_e9);
      last_ns = now_ns;
    }
    if (++number % 7 != 0 && step.id != kTimer) continue;
    for (InstrumentId id = 0; id < instruments.size(); ++id) {
      if (step.id != kTimer && step.id != id) continue;
      const bool is_warm = id != 0 && !ticks[id].empty() && !ticks[0].empty() &&
                           now_ns - std::max(ticks[id][0].first, ticks[0][0].first) >= 30 * kSecondNs;
      expect_value(bank, id, 0, is_warm ? correlation(id, 0, now_ns) : static_cast<double>(NAN));
      if (HasFatalFailure()) return;
      if (step.id != kTimer || number % 3 != 0) continue;
      double best = 0, best_s = NAN, leads = 0, follows = 0;
      for (const std::int32_t shift_ms : kLeadShiftsMs) {
        if (!is_warm) break;
        const double value = correlation(id, std::int64_t{shift_ms} * 1'000'000, now_ns);
        if (std::isnan(value)) continue;
        (shift_ms > 0 ? leads : follows) += shift_ms != 0 ? value * value : 0;
        if (value * value > best * (1 + 1e-12)) best = value * value, best_s = shift_ms / 1e3;
      }
      expect_value(bank, id, 1, best_s);
      expect_value(bank, id, 2, is_warm ? (leads - follows) / (leads + follows) : static_cast<double>(NAN));
      if (HasFatalFailure()) return;
      ++compared;
    }
  }
  EXPECT_GT(compared, 100U);
}

TEST(CrossBank, a_peer_is_found_by_symbol_by_venue_or_by_both_whoever_comes_first) {
  const auto instruments = six();
  const std::vector<Feature> features = {
      feature(CrossFamily::peer_correlation, 5, "EURUSD@fxcm"), feature(CrossFamily::peer_correlation, 5, "@fxcm"),
      feature(CrossFamily::peer_correlation, 5, "GBPUSD"), feature(CrossFamily::peer_correlation, 5, "EURUSD@nowhere"),
      feature(CrossFamily::peer_correlation, 5, "")};
  // Which lanes each instrument has: EURUSD@fxcm is no peer of itself, and GBPUSD of fxcm is unknown.
  const std::vector<std::vector<bool>> wanted = {
      {true, true, true, false, false},  {false, false, false, false, false}, {true, false, false, false, false},
      {true, false, true, false, false}, {true, false, true, false, false},   {true, false, true, false, false}};
  for (const bool forwards : {true, false}) {
    CrossBank bank(features, lanes_of(features), instruments.size());
    for (InstrumentId i = 0; i < instruments.size(); ++i) {
      const InstrumentId id = forwards ? i : static_cast<InstrumentId>(instruments.size() - 1 - i);
      bank.enable(id, instruments[id]);
    }
    std::mt19937 random(4);
    for (std::int64_t second = 0; second < 40; ++second) {
      bank.on_timer(second);
      for (InstrumentId id = 0; id < instruments.size(); ++id) {
        const std::int64_t bid =
            1'000'000'000 + static_cast<std::int64_t>(random() % 100) * instruments[id].tick_size_e9;
        bank.on_tick(id, bid, bid, second * kSecondNs);
      }
    }
    for (InstrumentId id = 0; id < instruments.size(); ++id) {
      for (std::size_t lane = 0; lane < features.size(); ++lane) {
        EXPECT_EQ(bank.defined(id).test(lane), wanted[id][lane]) << instruments[id].name() << " lane " << lane;
      }
    }
  }
}

TEST(CrossBank, what_has_no_peer_no_quote_or_no_variation_is_undefined) {
  const auto instruments = six();
  CrossBank bank = bank_of(everything(), instruments);
  const auto defined = [&] {
    std::size_t lanes = 0;
    for (InstrumentId id = 0; id < instruments.size(); ++id) lanes += bank.defined(id).count();
    return lanes;
  };
  EXPECT_EQ(defined(), 0U);
  for (std::int64_t second = 0; second < 200; ++second) bank.on_timer(second);
  EXPECT_EQ(defined(), 0U) << "no quote";
  for (std::int64_t second = 200; second < 400; ++second) {
    bank.on_timer(second);
    for (InstrumentId id = 0; id < instruments.size(); ++id) bank.on_tick(id, 0, -5, second * kSecondNs);
  }
  EXPECT_EQ(defined(), 0U) << "no price";
  for (std::int64_t second = 400; second < 600; ++second) {
    bank.on_timer(second);
    for (InstrumentId id = 0; id < instruments.size(); ++id) {
      bank.on_tick(id, 1'000'000'000, 1'000'000'000, second * kSecondNs);
    }
  }
  for (InstrumentId id = 0; id < instruments.size(); ++id) {
    for (std::size_t lane = 0; lane < 7; ++lane) EXPECT_FALSE(bank.defined(id).test(lane)) << "no variation " << lane;
    EXPECT_EQ(bank.values(id)[10], 0.5F) << "all equal";
    EXPECT_FALSE(bank.defined(id).test(11));
  }
  EXPECT_EQ(bank.values(0)[7], 0.0F) << "strength of a currency that did not move";
  EXPECT_FALSE(bank.defined(4).test(7)) << "gold is no major";
  EXPECT_TRUE(bank.defined(4).test(8));
}

TEST(CrossBank, a_second_that_was_already_sampled_changes_nothing) {
  const auto instruments = six();
  CrossBank bank = bank_of(everything(), instruments);
  for (const Step& step : random_market(instruments, 150, 5)) feed(bank, step);
  const auto before = snapshot_of(bank);
  bank.on_timer(kStart_s + 149);
  bank.on_timer(kStart_s);
  EXPECT_EQ(snapshot_of(bank), before);
}

TEST(CrossBank, jumps_beyond_the_bounds_of_a_sample_are_followed_and_nothing_overflows) {
  const auto instruments = six();
  CrossBank bank = bank_of(everything(), instruments);
  std::mt19937_64 random(6);
  for (std::int64_t second = 0; second < 500; ++second) {
    bank.on_timer(second);
    for (InstrumentId id = 0; id < instruments.size(); ++id) {
      const auto bid = static_cast<std::int64_t>(random() >> (4 + random() % 40)) + 1;
      bank.on_tick(id, bid, bid, second * kSecondNs);
    }
    for (InstrumentId id = 0; id < instruments.size(); ++id) {
      for (const std::size_t lane : {0U, 2U}) {
        if (bank.defined(id).test(lane)) {
          EXPECT_LE(std::fabs(bank.values(id)[lane]), 1.0F + 1e-6F);
        }
      }
    }
  }
  // Quiet for longer than the windows and than the way back takes: nothing of it is left.
  CrossBank fresh = bank_of(everything(), instruments);
  for (CrossBank* one : {&bank, &fresh}) {
    for (std::int64_t second = 1'000; second < 2'000; ++second) {
      one->on_timer(second);
      for (InstrumentId id = 0; id < instruments.size(); ++id) {
        const std::int64_t bid = 1'000'000'000 + ((second * (id + 3)) % 17) * instruments[id].tick_size_e9;
        one->on_tick(id, bid, bid, second * kSecondNs);
      }
    }
  }
  for (InstrumentId id = 0; id < instruments.size(); ++id) {
    for (const std::size_t lane : {0U, 2U, 3U, 4U}) {
      EXPECT_EQ(std::bit_cast<std::uint32_t>(bank.values(id)[lane]),
                std::bit_cast<std::uint32_t>(fresh.values(id)[lane]));
    }
  }
}

TEST(CrossBank, sums_over_seconds_do_not_drift) {
  const std::vector<Instrument> instruments = {pair("EURUSD", "oanda"), pair("EURUSD", "fxcm")};
  const std::vector<Feature> features = {feature(CrossFamily::peer_correlation, 60, "@fxcm"),
                                         feature(CrossFamily::peer_correlation, 1'800, "@oanda")};
  CrossBank old = bank_of(features, instruments);
  CrossBank young = bank_of(features, instruments);
  std::mt19937_64 random(7);
  constexpr std::int64_t kSeconds = 1'000'000;
  for (std::int64_t second = 0; second < kSeconds; ++second) {
    for (InstrumentId id = 0; id < 2; ++id) {
      const auto bid = static_cast<std::int64_t>(100'000 + random() % 5'000) * instruments[id].tick_size_e9;
      old.on_tick(id, bid, bid, second * kSecondNs);
      if (second >= kSeconds - 1'801) young.on_tick(id, bid, bid, second * kSecondNs);
    }
    old.on_timer(second);
    if (second >= kSeconds - 1'801) young.on_timer(second);
  }
  EXPECT_TRUE(old.defined(0).test(0) && old.defined(1).test(1));
  EXPECT_TRUE(same_bytes(values_of(old, 2), values_of(young, 2)));
}

// Runs the steps and keeps all values as of each one.
using Run = std::vector<std::vector<float>>;
using Feeder = void (*)(CrossBank& bank, std::span<const Step> steps, std::size_t at);

Run run(std::span<const Step> steps, const std::vector<Instrument>& instruments, Feeder feeder) {
  CrossBank bank = bank_of(everything(), instruments);
  Run values;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    feeder(bank, steps, i);
    values.push_back(values_of(bank, instruments.size()));
  }
  return values;
}

// How many of so many random cuts give other values at the cut than the full stream had there.
std::size_t cuts_that_differ(Feeder feeder, std::size_t cuts) {
  const auto instruments = six();
  const auto steps = random_market(instruments, 130, 8);
  const Run full = run(steps, instruments, feeder);
  std::mt19937_64 random(9);
  std::vector<std::size_t> ends(cuts);
  for (std::size_t& end : ends) end = 1 + random() % steps.size();
  std::size_t differ = 0;
  for (const std::size_t end : ends) {
    CrossBank bank = bank_of(everything(), instruments);
    for (std::size_t i = 0; i < end; ++i) feeder(bank, std::span(steps).first(end), i);
    differ += same_bytes(values_of(bank, instruments.size()), full[end - 1]) ? 0 : 1;
  }
  return differ;
}

void feed_in_order(CrossBank& bank, std::span<const Step> steps, std::size_t at) { feed(bank, steps[at]); }

// The planted mistake: the timer of a second sees the first tick after it.
void feed_the_tick_after_a_timer_first(CrossBank& bank, std::span<const Step> steps, std::size_t at) {
  if (steps[at].id == kTimer && at + 1 < steps.size()) feed(bank, steps[at + 1]);
  feed(bank, steps[at]);
}

TEST(CrossBank, values_of_a_cut_stream_are_those_of_the_whole_one) {
  EXPECT_EQ(cuts_that_differ(&feed_in_order, 200), 0U);
}

TEST(CrossBank, the_check_finds_a_planted_look_ahead) {
  EXPECT_GT(cuts_that_differ(&feed_the_tick_after_a_timer_first, 200), 0U);
}

TEST(CrossBank, a_restored_bank_goes_on_byte_for_byte) {
  const auto instruments = six();
  const auto steps = random_market(instruments, 130, 10);
  std::mt19937_64 random(11);
  std::vector<std::size_t> stops(20);
  for (std::size_t& stop : stops) stop = random() % steps.size();
  std::ranges::sort(stops);
  CrossBank whole = bank_of(everything(), instruments);
  std::size_t at = 0;
  std::vector<CrossBank> restored;
  for (const std::size_t stop : stops) {
    for (; at < stop; ++at) {
      feed(whole, steps[at]);
      for (CrossBank& one : restored) feed(one, steps[at]);
    }
    restored.push_back(bank_of(everything(), instruments));
    ASSERT_TRUE(restored.back().restore(snapshot_of(whole)));
  }
  for (; at < steps.size(); ++at) {
    feed(whole, steps[at]);
    for (CrossBank& one : restored) feed(one, steps[at]);
  }
  for (const CrossBank& one : restored) {
    EXPECT_TRUE(same_bytes(values_of(one, instruments.size()), values_of(whole, instruments.size())));
    EXPECT_EQ(snapshot_of(one), snapshot_of(whole));
  }
}

TEST(CrossBank, a_snapshot_of_other_instruments_or_features_is_refused_and_changes_nothing) {
  const auto instruments = six();
  CrossBank bank = bank_of(everything(), instruments);
  for (const Step& step : random_market(instruments, 20, 12)) feed(bank, step);
  const auto before = snapshot_of(bank);
  auto five = instruments;
  five.pop_back();
  EXPECT_FALSE(bank.restore(snapshot_of(bank_of(everything(), five))));
  auto fewer = everything();
  fewer.pop_back();
  fewer.erase(fewer.begin());
  EXPECT_FALSE(bank.restore(snapshot_of(bank_of({feature(CrossFamily::cross_move_z, 30)}, instruments))));
  auto other_version = before;
  other_version[0] ^= std::byte{0xFF};
  EXPECT_FALSE(bank.restore(other_version));
  EXPECT_FALSE(bank.restore(std::span(before).first(before.size() - 1)));
  EXPECT_EQ(snapshot_of(bank), before);
}

TEST(CrossBank, instruments_that_are_not_enabled_are_no_part_of_the_cross_section) {
  const auto instruments = six();
  const std::vector<Feature> features = {feature(CrossFamily::cross_spread_rank)};
  CrossBank bank(features, lanes_of(features), 100);
  bank.enable(90, instruments[0]);
  bank.enable(7, instruments[1]);
  bank.on_tick(90, 1'000'000'000, 1'000'020'000, 0);
  bank.on_timer(1);
  EXPECT_FALSE(bank.defined(90).test(0)) << "alone";
  bank.on_tick(7, 1'000'000'000, 1'000'010'000, kSecondNs);
  bank.on_timer(2);
  EXPECT_EQ(bank.values(90)[0], 0.75F);
  EXPECT_EQ(bank.values(7)[0], 0.25F);
  EXPECT_FALSE(bank.defined(50).test(0));
}

}  // namespace
}  // namespace thintail
