// SPDX-License-Identifier: Apache-2.0
#include "ml/cross/cross_bank.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string_view>
#include <type_traits>

#include "core/base/assert.hpp"

namespace thintail {
namespace {

using cross::HayashiYoshida;
using cross::Leg;
using cross::LegView;

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr float kUndefined = std::numeric_limits<float>::quiet_NaN();
constexpr std::size_t kShifts = kLeadShiftsMs.size();

std::int64_t nearest(double value) noexcept { return static_cast<std::int64_t>(value + (value < 0.0 ? -0.5 : 0.5)); }

std::int8_t major(std::string_view currency) noexcept {
  const auto found = std::ranges::find(kMajors, currency);
  return static_cast<std::int8_t>(found == kMajors.end() ? -1 : found - kMajors.begin());
}

// Whether an instrument means the other one by `peer`.
bool names(std::string_view peer, const std::string& own_symbol, const std::string& own_venue,
           const std::string& other_symbol, const std::string& other_venue) noexcept {
  const std::size_t at = peer.find('@');
  const std::string_view symbol = at == 0 ? std::string_view(own_symbol) : peer.substr(0, at);
  const std::string_view venue = at == std::string_view::npos ? std::string_view(own_venue) : peer.substr(at + 1);
  return symbol == other_symbol && venue == other_venue;
}

template <class T>
std::uint16_t place_in(std::vector<T>& all, const T& wanted, const auto& same) {
  const auto found = std::ranges::find_if(all, [&](const T& one) { return same(one, wanted); });
  if (found != all.end()) return static_cast<std::uint16_t>(found - all.begin());
  all.push_back(wanted);
  return static_cast<std::uint16_t>(all.size() - 1);
}

}  // namespace

CrossBank::CrossBank(std::span<const Feature> features, std::span<const std::uint16_t> lanes,
                     std::size_t instruments_max)
    : lanes_(lanes.begin(), lanes.end()), capacity_(instruments_max), section_(instruments_max) {
  TT_CHECK(features.size() == lanes.size() && features.size() <= kMaxLanes, "a lane for each of at most 256 features");
  for (std::size_t i = 0; i < features.size(); ++i) plan(features[i], static_cast<std::uint16_t>(i));
  padded_ = (lanes_.size() + 7) / 8 * 8;
  for (TickSum& one : tick_sums_) one.first = sums_of_each_++;
  for (TickSum& one : leads_) {
    one.first = sums_of_each_;
    sums_of_each_ += static_cast<std::uint32_t>(kShifts);
  }
  // The move that leaves a window of n lies between the samples n and n + 1 seconds back.
  if (!windows_.empty()) rows_ = std::ranges::max(windows_) + std::size_t{2};
  clock_ = {.version = kSnapshotVersion,
            .instruments = 0,
            .second_s = std::numeric_limits<std::int64_t>::min(),
            .tick_ns = std::numeric_limits<std::int64_t>::min(),
            .newest = 0};
  names_.resize(capacity_);
  points_per_e9_.resize(capacity_);
  peer_ids_.resize(peers_.size() * capacity_, kNone);
  majors_.resize(capacity_, {-1, -1});
  sums_e9_.resize(capacity_);
  spreads_e9_.resize(capacity_);
  origins_e9_.resize(capacity_);
  units_per_e9_.resize(capacity_);
  samples_seen_.resize(capacity_);
  samples_.resize(rows_ * capacity_);
  squares_.resize(windows_.size() * capacity_);
  products_.resize(pairs_.size() * capacity_);
  legs_.resize(capacity_);
  tick_states_.resize(capacity_);
  values_.resize(padded_ * capacity_, kUndefined);
  defined_.resize(capacity_);
  column_.resize(capacity_);
  scores_.resize(capacity_);
}

CrossBank CrossBank::of_set(std::span<const Feature> features, std::size_t instruments_max) {
  std::vector<Feature> own;
  std::vector<std::uint16_t> lanes;
  for (std::size_t lane = 0; lane < features.size(); ++lane) {
    if (features[lane].family->group != FamilyGroup::cross) continue;
    own.push_back(features[lane]);
    lanes.push_back(static_cast<std::uint16_t>(lane));
  }
  return CrossBank(own, lanes, instruments_max);
}

std::uint16_t CrossBank::peer(const PeerName& name) {
  return place_in(peers_, name, [](const PeerName& a, const PeerName& b) { return a == b; });
}

std::uint16_t CrossBank::window(double seconds) {
  return place_in(windows_, static_cast<std::uint32_t>(seconds),
                  [](std::uint32_t a, std::uint32_t b) { return a == b; });
}

void CrossBank::give(std::uint16_t& place, std::uint16_t lane) {
  TT_CHECK(place == kNoLane, "features of which no two are alike");
  place = lane;
}

void CrossBank::plan(const Feature& feature, std::uint16_t lane) {
  TT_CHECK(feature.family->group == FamilyGroup::cross, "a feature of other instruments");
  const auto column = [&](ColumnKind kind) -> Column& {
    const Column wanted{kind, kind == ColumnKind::spread ? std::uint16_t{0} : window(feature.seconds)};
    const auto same = [](const Column& a, const Column& b) { return a.kind == b.kind && a.window == b.window; };
    return columns_[place_in(columns_, wanted, same)];
  };
  const auto tick_sum = [&](std::vector<TickSum>& all) -> TickSum& {
    const TickSum wanted{peer(feature.peer), static_cast<std::int64_t>(feature.seconds) * kSecondNs};
    const auto same = [](const TickSum& a, const TickSum& b) { return a.peer == b.peer && a.window_ns == b.window_ns; };
    return all[place_in(all, wanted, same)];
  };
  const auto pair = [&]() -> Pair& {
    const Pair wanted{peer(feature.peer), window(feature.seconds)};
    const auto same = [](const Pair& a, const Pair& b) { return a.peer == b.peer && a.window == b.window; };
    return pairs_[place_in(pairs_, wanted, same)];
  };
  const auto strength = [&]() -> Strength& {
    const auto same = [](const Strength& a, const Strength& b) { return a.window == b.window; };
    return strengths_[place_in(strengths_, Strength{window(feature.seconds)}, same)];
  };
  switch (static_cast<CrossFamily>(feature.family->code)) {
    case CrossFamily::peer_correlation: return give(pair().correlation_lane, lane);
    case CrossFamily::peer_beta: return give(pair().beta_lane, lane);
    case CrossFamily::peer_tick_correlation: return give(tick_sum(tick_sums_).lane, lane);
    case CrossFamily::peer_lead: return give(tick_sum(leads_).lane, lane);
    case CrossFamily::peer_lead_share: return give(tick_sum(leads_).share_lane, lane);
    case CrossFamily::currency_base_strength: return give(strength().base_lane, lane);
    case CrossFamily::currency_quote_strength: return give(strength().quote_lane, lane);
    case CrossFamily::currency_residual: return give(strength().residual_lane, lane);
    case CrossFamily::cross_move_rank: return give(column(ColumnKind::move).rank_lane, lane);
    case CrossFamily::cross_move_z: return give(column(ColumnKind::move).score_lane, lane);
    case CrossFamily::cross_volatility_rank: return give(column(ColumnKind::volatility).rank_lane, lane);
    case CrossFamily::cross_volatility_z: return give(column(ColumnKind::volatility).score_lane, lane);
    case CrossFamily::cross_spread_rank: return give(column(ColumnKind::spread).rank_lane, lane);
    case CrossFamily::cross_spread_z: return give(column(ColumnKind::spread).score_lane, lane);
  }
  TT_CHECK(false, "a family of the table");
}

void CrossBank::enable(InstrumentId id, const Instrument& instrument) {
  TT_CHECK(id < capacity_, "an instrument within the bank's capacity");
  TT_CHECK(names_[id].symbol.empty(), "an instrument that is not enabled yet");
  names_[id] = {instrument.symbol, instrument.venue};
  points_per_e9_[id] = 1.0 / static_cast<double>(instrument.tick_size_e9);
  limit_ = std::max(limit_, std::size_t{id} + 1);
  ++clock_.instruments;
  const std::int8_t base = major(instrument.base);
  const std::int8_t quote = major(instrument.quote);
  majors_[id] = {base, quote};
  if (base >= 0 && quote >= 0 && base != quote) {
    const Edge edge{id, static_cast<std::uint32_t>(base), static_cast<std::uint32_t>(quote)};
    edges_.insert(std::ranges::upper_bound(edges_, id, {}, &Edge::id), edge);
    moves_.resize(edges_.size());
  }
  find_peers(id);
}

void CrossBank::find_peers(InstrumentId id) {
  const Named& one = names_[id];
  for (std::size_t peer = 0; peer < peers_.size(); ++peer) {
    const std::string_view pattern = peers_[peer].view();
    for (InstrumentId other = 0; other < limit_; ++other) {
      const Named& two = names_[other];
      if (other == id || two.symbol.empty()) continue;
      const auto match = [&](InstrumentId owner, const Named& own, InstrumentId found, const Named& its) {
        if (!names(pattern, own.symbol, own.venue, its.symbol, its.venue)) return;
        peer_ids_[peer * capacity_ + owner] = found;
        open_legs(owner, peer);
      };
      match(id, one, other, two);
      match(other, two, id, one);
    }
  }
}

void CrossBank::open_legs(InstrumentId owner, std::size_t peer) {
  const auto names_it = [peer](const TickSum& sum) { return sum.peer == peer; };
  if (std::ranges::none_of(tick_sums_, names_it) && std::ranges::none_of(leads_, names_it)) return;
  for (const InstrumentId id : {owner, peer_ids_[peer * capacity_ + owner]}) {
    if (legs_[id] == nullptr) legs_[id] = std::make_unique<Leg>();
  }
  if (tick_states_[owner] != nullptr) return;
  tick_states_[owner] = std::make_unique<HayashiYoshida[]>(sums_of_each_);
  owners_.insert(std::ranges::upper_bound(owners_, owner), owner);
}

void CrossBank::on_tick(InstrumentId id, std::int64_t bid_e9, std::int64_t ask_e9, std::int64_t engine_ns) noexcept {
  if (bid_e9 <= 0 || ask_e9 <= 0) return;
  const std::int64_t sum_e9 = bid_e9 + ask_e9;
  sums_e9_[id] = sum_e9;
  spreads_e9_[id] = std::max(ask_e9 - bid_e9, std::int64_t{0});
  Leg* leg = legs_[id].get();
  if (leg == nullptr) return;
  if (leg->count == 0) leg->origin = sum_e9;
  // Ticks of one instrument lie apart, at least 1 ns, and no tick of another one lies behind those.
  std::int64_t tick_ns = std::max(engine_ns, clock_.tick_ns);
  if (leg->count != 0 && tick_ns == (*leg)[leg->count - 1].time_ns) ++tick_ns;
  clock_.tick_ns = tick_ns;
  constexpr auto kBound = static_cast<double>(cross::kLegPriceMax);
  const double points = static_cast<double>(sum_e9 - leg->origin) * points_per_e9_[id];
  leg->push(tick_ns, nearest(std::clamp(points, -kBound, kBound)));
  if (tick_states_[id] != nullptr) update_tick_sums(id, tick_ns);
}

void CrossBank::on_timer(std::int64_t second_s) noexcept {
  if (second_s <= clock_.second_s) return;
  clock_.second_s = second_s;
  sample();
  update_pairs();
  update_columns();
  update_currencies();
  const std::int64_t now_ns = std::max(second_s * kSecondNs, clock_.tick_ns);
  for (const InstrumentId id : owners_) {
    update_tick_sums(id, now_ns);
    update_leads(id, now_ns);
  }
}

std::int32_t* CrossBank::row(std::uint32_t back) noexcept {
  const std::uint64_t number = clock_.newest >= back ? clock_.newest - back : clock_.newest + rows_ - back;
  return samples_.data() + number * capacity_;
}

// The next sample is the first: as if the instrument had had no quote before.
void CrossBank::start(InstrumentId id) noexcept {
  origins_e9_[id] = sums_e9_[id];
  units_per_e9_[id] = points_per_e9_[id];
  const auto sum_e9 = static_cast<double>(sums_e9_[id]);
  while (sum_e9 * units_per_e9_[id] > static_cast<double>(kUnitsAtStartMax)) units_per_e9_[id] *= 0.5;
  samples_seen_[id] = 0;
  for (std::size_t i = 0; i < rows_; ++i) samples_[i * capacity_ + id] = 0;
  for (std::size_t i = 0; i < windows_.size(); ++i) squares_[i * capacity_ + id] = 0;
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    const InstrumentId* peers = peer_ids_.data() + pairs_[i].peer * capacity_;
    for (InstrumentId x = 0; x < limit_; ++x) {
      if (x == id || peers[x] == id) products_[i * capacity_ + x] = 0;
    }
  }
}

void CrossBank::sample() noexcept {
  if (rows_ == 0) return;
  constexpr auto kFarthest = static_cast<double>(kSamplePriceMax);
  constexpr auto kCoarsest = static_cast<double>(kCoarseUnitsMin);
  const std::int32_t* before = row(0);
  clock_.newest = clock_.newest + 1 < rows_ ? clock_.newest + 1 : 0;
  std::int32_t* now = row(0);
  for (std::size_t id = 0; id < limit_; ++id) {
    if (sums_e9_[id] == 0) {
      now[id] = 0;
      continue;
    }
    const double level = static_cast<double>(sums_e9_[id]) * units_per_e9_[id];
    double units = static_cast<double>(sums_e9_[id] - origins_e9_[id]) * units_per_e9_[id];
    const bool is_far = units < -kFarthest || units > kFarthest;
    const bool is_coarse = level < kCoarsest && units_per_e9_[id] < points_per_e9_[id];
    if (samples_seen_[id] == 0 || is_far || is_coarse) [[unlikely]] {
      start(static_cast<InstrumentId>(id));
      units = 0.0;
    }
    if (samples_seen_[id] <= kCrossSecondsMax) ++samples_seen_[id];
    const std::int64_t move = std::clamp(nearest(units) - before[id], -kSampleMoveMax, kSampleMoveMax);
    now[id] = static_cast<std::int32_t>(before[id] + move);
  }
  for (std::size_t window = 0; window < windows_.size(); ++window) {
    const std::int32_t* last = row(windows_[window]);
    const std::int32_t* gone = row(windows_[window] + 1);
    std::int64_t* squares = squares_.data() + window * capacity_;
    for (std::size_t id = 0; id < limit_; ++id) {
      const std::int64_t enters = now[id] - before[id];
      const std::int64_t leaves = last[id] - gone[id];
      squares[id] += enters * enters - leaves * leaves;
    }
  }
}

double CrossBank::mid_units(InstrumentId id) const noexcept {
  return static_cast<double>(origins_e9_[id]) * units_per_e9_[id] +
         static_cast<double>(samples_[clock_.newest * capacity_ + id]);
}

double CrossBank::move_bp(InstrumentId id, std::uint32_t window) noexcept {
  const double move = static_cast<double>(row(0)[id] - row(windows_[window])[id]);
  return cross::log_move_bp(move, 2.0 * mid_units(id) - move);
}

void CrossBank::write(InstrumentId id, std::uint16_t lane, bool is_defined, double value) noexcept {
  if (lane == kNoLane) return;
  values_[std::size_t{id} * padded_ + lane] = is_defined ? static_cast<float>(value) + 0.0F : kUndefined;  // -0 is +0
  defined_[id].set(lane, is_defined);
}

void CrossBank::write_all(std::uint16_t lane, std::span<const float> column) noexcept {
  const std::uint64_t bit = std::uint64_t{1} << (lane % 64);
  for (std::size_t id = 0; id < column.size(); ++id) {
    values_[id * padded_ + lane] = column[id];
    std::uint64_t& word = defined_[id].words[lane / 64];
    word = column[id] == column[id] ? word | bit : word & ~bit;
  }
}

void CrossBank::update_pairs() noexcept {
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    const Pair& pair = pairs_[i];
    const std::int64_t n = windows_[pair.window];
    const std::int32_t* now = row(0);
    const std::int32_t* before = row(1);
    const std::int32_t* last = row(windows_[pair.window]);
    const std::int32_t* gone = row(windows_[pair.window] + 1);
    const std::int64_t* squares = squares_.data() + pair.window * capacity_;
    std::int64_t* products = products_.data() + i * capacity_;
    const InstrumentId* peers = peer_ids_.data() + pair.peer * capacity_;
    // n S(ab) - S(a) S(b), exact until it is rounded once.
    const auto centred = [&](InstrumentId a, InstrumentId b, std::int64_t sum) {
      const std::int64_t sum_a = now[a] - last[a];
      const std::int64_t sum_b = now[b] - last[b];
      return static_cast<double>(static_cast<i128>(n) * sum - static_cast<i128>(sum_a) * sum_b);
    };
    for (InstrumentId x = 0; x < limit_; ++x) {
      const InstrumentId y = peers[x];
      if (y == kNone) continue;
      products[x] += std::int64_t{now[x] - before[x]} * (now[y] - before[y]) -
                     std::int64_t{last[x] - gone[x]} * (last[y] - gone[y]);
      const double covariance = centred(x, y, products[x]);
      const double variance_x = centred(x, x, squares[x]);
      const double variance_y = centred(y, y, squares[y]);
      const bool is_warm = is_sampled(x, pair.window) && is_sampled(y, pair.window) && variance_y > 0.0;
      write(x, pair.correlation_lane, is_warm && variance_x > 0.0,
            covariance / __builtin_sqrt(variance_x * variance_y));
      write(x, pair.beta_lane, is_warm, covariance / variance_y * (mid_units(y) / mid_units(x)));
    }
  }
}

void CrossBank::fill(std::span<float> column, const Column& of) noexcept {
  switch (of.kind) {
    case ColumnKind::move:
      for (InstrumentId id = 0; id < column.size(); ++id) {
        column[id] = is_sampled(id, of.window) ? static_cast<float>(move_bp(id, of.window)) : kUndefined;
      }
      break;
    case ColumnKind::volatility: {
      const auto n = static_cast<double>(windows_[of.window]);
      const std::int64_t* squares = squares_.data() + of.window * capacity_;
      for (InstrumentId id = 0; id < column.size(); ++id) {
        const double volatility = 1e4 * __builtin_sqrt(static_cast<double>(squares[id]) / n) / mid_units(id);
        column[id] = is_sampled(id, of.window) ? static_cast<float>(volatility) : kUndefined;
      }
      break;
    }
    case ColumnKind::spread:
      for (InstrumentId id = 0; id < column.size(); ++id) {
        const double spread = 2e4 * static_cast<double>(spreads_e9_[id]) / static_cast<double>(sums_e9_[id]);
        column[id] = sums_e9_[id] != 0 ? static_cast<float>(spread) : kUndefined;
      }
      break;
  }
}

void CrossBank::update_columns() noexcept {
  const std::span<float> column(column_.data(), limit_);
  const std::span<float> scores(scores_.data(), limit_);
  for (const Column& one : columns_) {
    fill(column, one);
    if (one.rank_lane != kNoLane) {
      section_.rank(column, scores);
      write_all(one.rank_lane, scores);
    }
    if (one.score_lane != kNoLane) {
      section_.standard_scores(column, scores);
      write_all(one.score_lane, scores);
    }
  }
}

void CrossBank::update_currencies() noexcept {
  for (const Strength& one : strengths_) {
    std::size_t count = 0;
    for (const Edge& edge : edges_) {
      if (is_sampled(edge.id, one.window)) moves_[count++] = {edge.base, edge.quote, move_bp(edge.id, one.window)};
    }
    const auto solved = cross::currency_strengths(std::span(moves_).first(count));
    const auto is_defined = [&](std::int8_t currency) {
      return currency >= 0 && (solved.defined >> currency & 1) != 0;
    };
    const auto strength = [&](std::int8_t currency) {
      return is_defined(currency) ? solved.strength_bp[static_cast<std::size_t>(currency)] : 0.0;
    };
    for (InstrumentId id = 0; id < limit_; ++id) {
      const auto [base, quote] = majors_[id];
      write(id, one.base_lane, is_defined(base), strength(base));
      write(id, one.quote_lane, is_defined(quote), strength(quote));
      // An instrument of twice the same currency is no edge.
      const bool is_edge = base != quote && is_defined(base) && is_defined(quote) && is_sampled(id, one.window);
      const double move = is_edge ? move_bp(id, one.window) : 0.0;
      write(id, one.residual_lane, is_edge, move - (strength(base) - strength(quote)));
    }
  }
}

void CrossBank::update_tick_sums(InstrumentId id, std::int64_t now_ns) noexcept {
  for (const TickSum& one : tick_sums_) {
    const InstrumentId peer = peer_ids_[one.peer * capacity_ + id];
    if (peer == kNone) continue;
    const Leg& x = *legs_[id];
    const Leg& y = *legs_[peer];
    if (x.count == 0 || y.count == 0) continue;
    HayashiYoshida& sum = tick_states_[id][one.first];
    sum.advance({x, 0}, {y, 0}, now_ns, one.window_ns);
    const bool is_warm = now_ns - std::max(x.first_ns, y.first_ns) >= one.window_ns;
    const bool is_defined = is_warm && sum.is_defined();
    write(id, one.lane, is_defined, is_defined ? sum.correlation() : 0.0);
  }
}

void CrossBank::update_leads(InstrumentId id, std::int64_t now_ns) noexcept {
  for (const TickSum& one : leads_) {
    const InstrumentId peer = peer_ids_[one.peer * capacity_ + id];
    if (peer == kNone) continue;
    const Leg& x = *legs_[id];
    const Leg& y = *legs_[peer];
    if (x.count == 0 || y.count == 0) continue;
    double best = 0.0;
    double best_s = 0.0;
    double leads = 0.0;
    double follows = 0.0;
    for (std::size_t shift = 0; shift < kShifts; ++shift) {
      const std::int64_t shift_ns = kLeadShiftsMs[shift] * (kSecondNs / 1'000);
      HayashiYoshida& sum = tick_states_[id][one.first + shift];
      sum.advance({x, std::max(shift_ns, std::int64_t{0})}, {y, std::max(-shift_ns, std::int64_t{0})}, now_ns,
                  one.window_ns);
      const double square = sum.correlation_squared();
      if (shift_ns > 0) leads += square;
      if (shift_ns < 0) follows += square;
      if (square > best) {
        best = square;
        best_s = static_cast<double>(kLeadShiftsMs[shift]) / 1e3;
      }
    }
    const bool is_warm = now_ns - std::max(x.first_ns, y.first_ns) >= one.window_ns;
    write(id, one.lane, is_warm && best > 0.0, best_s);
    write(id, one.share_lane, is_warm && leads + follows > 0.0, (leads - follows) / (leads + follows));
  }
}

// All of the state, in one order: only what instruments up to limit_ have.
template <class Self, class Visit>
void CrossBank::for_each_block(Self& self, Visit&& visit) {
  static_assert(std::has_unique_object_representations_v<Clock>, "a snapshot copies bytes");
  const std::size_t n = self.limit_;
  const auto rows = [&](auto& all, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) visit(std::span(all.data() + i * self.capacity_, n));
  };
  visit(std::span(&self.clock_, 1));
  rows(self.sums_e9_, 1);
  rows(self.spreads_e9_, 1);
  rows(self.origins_e9_, 1);
  rows(self.units_per_e9_, 1);
  rows(self.samples_seen_, 1);
  rows(self.samples_, self.rows_);
  rows(self.squares_, self.windows_.size());
  rows(self.products_, self.pairs_.size());
  for (std::size_t id = 0; id < n; ++id) {
    if (self.legs_[id] != nullptr) visit(std::span(self.legs_[id].get(), 1));
    if (self.tick_states_[id] != nullptr) visit(std::span(self.tick_states_[id].get(), self.sums_of_each_));
  }
  visit(std::span(self.values_.data(), n * self.padded_));
  rows(self.defined_, 1);
}

std::size_t CrossBank::snapshot_bytes() const noexcept {
  std::size_t bytes = 0;
  for_each_block(*this, [&](auto block) { bytes += block.size_bytes(); });
  return bytes;
}

void CrossBank::snapshot(std::span<std::byte> out) const noexcept {
  TT_CHECK(out.size() == snapshot_bytes(), "room for the snapshot");
  std::byte* to = out.data();
  for_each_block(*this, [&](auto block) {
    std::memcpy(to, block.data(), block.size_bytes());
    to += block.size_bytes();
  });
}

bool CrossBank::restore(std::span<const std::byte> in) noexcept {
  if (in.size() != snapshot_bytes()) return false;
  Clock clock;
  std::memcpy(&clock, in.data(), sizeof clock);
  if (clock.version != kSnapshotVersion || clock.instruments != clock_.instruments) return false;
  if (clock.newest != 0 && clock.newest >= rows_) return false;
  const std::byte* from = in.data();
  for_each_block(*this, [&](auto block) {
    std::memcpy(block.data(), from, block.size_bytes());
    from += block.size_bytes();
  });
  return true;
}

}  // namespace thintail
