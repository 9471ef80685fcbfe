// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/core_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <iterator>

#include "core/event/describe.hpp"
#include "core/price/decimal.hpp"
#include "strategies/pipeline/market_state.hpp"
#include "strategies/pipeline/preamble.hpp"

namespace thintail::gateway {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kSilentNs = 2 * kSecondNs;
constexpr std::size_t kLogRows = 2'000;
constexpr std::size_t kCommandRows = 2'000;
constexpr std::size_t kRegimeRows = 512;
constexpr std::size_t kMidsMax = 65'536;
constexpr std::size_t kModelsMax = 4'096;
constexpr std::uint32_t kSlotsMax = 64;
constexpr std::size_t kFreshTicks = 65'536;
constexpr std::int64_t kSampleAgeNs = kSecondNs;

template <class Row>
void push_bounded(std::deque<Row>& rows, Row row, std::size_t bound) {
  rows.push_back(std::move(row));
  if (rows.size() > bound) rows.pop_front();
}

char upper(char c) noexcept { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

std::string in_capitals(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), upper);
  return out;
}

bool is_letter_or_digit(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

void split_name(InstrumentModel& at) {
  const std::size_t mark = at.name.find('@');
  at.symbol = at.name.substr(0, mark);
  at.venue = mark == std::string::npos ? std::string() : at.name.substr(mark + 1);
  if (const auto known = built_in_instrument(at.symbol, at.venue)) {
    at.base = known->base;
    at.quote = known->quote;
  }
}

std::int64_t sign_of(Side side) noexcept { return side == Side::buy ? 1 : -1; }

}  // namespace

std::int64_t wall_now_ns() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::int64_t steady_now_ns() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string symbol_stem(std::string_view symbol) {
  // A broker's suffix: behind a dot, a plus or a hash, or small letters after at least six others.
  std::string_view stem = symbol.substr(0, symbol.find_first_of(".+#"));
  std::size_t end = stem.size();
  while (end > 6 && stem[end - 1] >= 'a' && stem[end - 1] <= 'z') --end;
  const bool is_suffix = std::ranges::none_of(stem.substr(0, end), [](char c) { return c >= 'a' && c <= 'z'; });
  if (is_suffix) stem = stem.substr(0, end);
  std::string out;
  for (const char c : stem) {
    if (is_letter_or_digit(c)) out += upper(c);
  }
  return out;
}

bool is_legal_symbol(std::string_view text) noexcept {
  const std::size_t mark = text.find('@');
  const std::string_view symbol = text.substr(0, mark);
  if (symbol.empty() || symbol.size() > 32) return false;
  const bool is_plain = std::ranges::all_of(symbol, [](char c) {
    return is_letter_or_digit(c) || std::string_view("._#+/-").find(c) != std::string_view::npos;
  });
  if (!is_plain || mark == std::string_view::npos) return is_plain;
  const std::string_view venue = text.substr(mark + 1);
  return !venue.empty() && venue.size() <= 16 &&
         std::ranges::all_of(venue, [](char c) { return is_letter_or_digit(c) || c == '_' || c == '-'; });
}

std::optional<BarPeriod> timeframe_from_text(std::string_view text) {
  static constexpr std::array<std::array<std::string_view, 2>, kBarPeriodCount> kOthers = {
      {{"1M", "1"}, {"5M", "5"}, {"15M", "15"}, {"30M", "30"}, {"1H", "60"}, {"4H", "240"}, {"1D", "1440"}}};
  const std::string wanted = in_capitals(text);
  for (std::size_t period = 0; period < kBarPeriodCount; ++period) {
    if (wanted == kBarPeriodNames[period] || wanted == kOthers[period][0] || wanted == kOthers[period][1]) {
      return static_cast<BarPeriod>(period);
    }
  }
  return std::nullopt;
}

bool is_fiat(std::string_view currency) noexcept {
  static constexpr std::array<std::string_view, 17> kFiat = {"EUR", "GBP", "AUD", "NZD", "USD", "CAD",
                                                             "CHF", "SGD", "HKD", "NOK", "SEK", "DKK",
                                                             "MXN", "ZAR", "PLN", "CNH", "JPY"};
  return std::ranges::find(kFiat, currency) != kFiat.end();
}

std::string_view name_of(CoreStanding standing) noexcept {
  static constexpr std::array<std::string_view, 6> kNames = {"absent",   "running", "silent",
                                                             "finished", "stopped", "dead"};
  return kNames[static_cast<std::size_t>(standing)];
}

i128 TradeRow::result_e18(std::int64_t price_e9) const noexcept {
  const i128 held = static_cast<i128>(price_e9) * held_e9();
  return (exit_e18 + held - entry_e18) * sign_of(side);
}

i128 InstrumentModel::unrealised_e18() const noexcept {
  if (holding.quantity_e9() == 0 || !has_quote) return 0;
  return holding.pnl_e18(touch_e9(holding.quantity_e9() > 0)) - holding.realised_e18();
}

void CoreModel::begin_epoch(std::uint32_t number) {
  epoch = number;
  epoch_began_ns = 0;
  input_ended = false;
  index_by_id_.clear();
  slots.clear();
  slot_in_force = 0;
  text_.drop();
  for (InstrumentModel& at : instruments) {
    at.is_current = false;
    at.risk.reset();
  }
  samples_.clear();
  sample.reset();
  earlier.reset();
}

void CoreModel::add_instrument(std::uint32_t id, std::string_view name, std::uint8_t digits, std::int64_t tick_size_e9,
                               CalendarId calendar) {
  constexpr std::uint32_t kIdsMax = 1u << 20;
  if (name.empty() || id >= kIdsMax) return;
  const auto [found, is_new] =
      index_by_name_.try_emplace(std::string(name), static_cast<std::uint32_t>(instruments.size()));
  if (is_new) {
    InstrumentModel& made = instruments.emplace_back();
    made.name = name;
    split_name(made);
    index_by_symbol_[in_capitals(made.symbol)].push_back(found->second);
    index_by_stem_[symbol_stem(made.symbol)].push_back(found->second);
  }
  InstrumentModel& at = instruments[found->second];
  at.digits = std::min<std::uint8_t>(digits, 9);
  at.tick_size_e9 = tick_size_e9;
  at.calendar =
      static_cast<unsigned>(calendar) <= static_cast<unsigned>(CalendarId::gold) ? calendar : CalendarId::always;
  at.is_current = true;
  if (index_by_id_.size() <= id) index_by_id_.resize(id + 1, -1);
  index_by_id_[id] = static_cast<std::int32_t>(found->second);
}

InstrumentModel* CoreModel::by_id(std::uint32_t id, std::uint32_t& index) {
  if (id >= index_by_id_.size() || index_by_id_[id] < 0) return nullptr;
  index = static_cast<std::uint32_t>(index_by_id_[id]);
  return &instruments[index];
}

// A replay began anew: what came later in it than now is not known yet.
void CoreModel::clear_market() {
  for (InstrumentModel& at : instruments) {
    InstrumentModel fresh;
    fresh.name = at.name;
    fresh.symbol = at.symbol;
    fresh.venue = at.venue;
    fresh.base = at.base;
    fresh.quote = at.quote;
    fresh.digits = at.digits;
    fresh.tick_size_e9 = at.tick_size_e9;
    fresh.calendar = at.calendar;
    fresh.is_current = at.is_current;
    at = std::move(fresh);
  }
  signals.clear();
  orders.clear();
  order_number_.clear();
  orders_dropped_ = 0;
  fills.clear();
  trades.clear();
  money.clear();
  traded_.clear();
  gaps.clear();
  for (ModelRecord& model : models) {
    model.predictions = 0;
    model.judged = {};
  }
  predictions_by_slot.clear();
  rejects_by_rule.clear();
  session_end_ns = 0;
  ++resets;
}

void CoreModel::begin_anew() {
  clear_market();
  commands.clear();
  log.clear();
  sequence = first_sequence = 0;
  time_ns = 0;
}

void CoreModel::take(const Event& event) {
  if (event.type == EventType::session && event.as<Session>().state == SessionState::started) {
    const std::uint32_t number = event.as<Session>().epoch;
    // The clock of a live core may have been set back: what it told of is true all the same.
    const bool is_replay = simulated || (event.flags & kFlagSimulated) != 0;
    if (is_replay && time_ns != 0 && event.time_ns < time_ns - kSecondNs) {
      clear_market();
      ++loops;
    }
    if (number != epoch) begin_epoch(number);
    epoch_began_ns = event.time_ns;
  }
  if (first_sequence == 0) first_sequence = event.sequence;
  if (sequence != 0 && event.sequence != sequence + 1) doubt_slots();
  const std::int64_t before_ns = time_ns;
  sequence = event.sequence;
  time_ns = event.time_ns;
  ++change;
  // A file's ticks do not say that time is simulated; what the driver makes does.
  if (event.type == EventType::timer || event.type == EventType::session) {
    simulated = (event.flags & kFlagSimulated) != 0;
  }
  if (text_.take(event)) finish_text();
  switch (event.type) {
    case EventType::tick: on_tick(event); break;
    case EventType::bar: on_bar(event); break;
    case EventType::prediction: on_prediction(event); break;
    case EventType::regime: on_regime(event); break;
    case EventType::signal: on_signal(event); break;
    case EventType::intent: on_intent(event); break;
    case EventType::reject: on_reject(event); break;
    case EventType::report: on_report(event); break;
    case EventType::fill: on_fill(event); break;
    case EventType::position: on_position(event); break;
    case EventType::timer: on_timer(event); break;
    case EventType::session: on_session(event); break;
    case EventType::command: on_command(event); break;
    case EventType::gap:
      begin_gap(before_ns);
      push_log({0,
                event.time_ns,
                LogLevel::warn,
                "gap",
                fmt::format("{} ticks never reached the engine", event.as<Gap>().count),
                {},
                0});
      break;
    case EventType::model: on_model(event); break;
    default: break;
  }
}

void CoreModel::miss(std::uint64_t count) {
  missed += count;
  ++lapped;
  begin_gap(time_ns);
  doubt_slots();
  push_log({0, time_ns, LogLevel::warn, "gateway", fmt::format("{} events were overwritten unread", count), {}, 0});
}

void CoreModel::begin_gap(std::int64_t from_ns) {
  if (!gaps.empty() && gaps.back().second == 0) return;  // one goes on
  gaps.emplace_back(from_ns, 0);  // its end is known with the next tick
  constexpr std::size_t kGapsMax = 1'000;
  if (gaps.size() > kGapsMax) gaps.erase(gaps.begin());
}

// Events are missing, and one of them may have put another model there.
void CoreModel::doubt_slots() {
  for (auto& [number, slot] : slots) slot.is_sure = false;
}

void CoreModel::on_tick(const Event& event) {
  std::uint32_t index = 0;
  InstrumentModel* at = by_id(event.instrument, index);
  if (at == nullptr) return;
  if (!gaps.empty() && gaps.back().second == 0) gaps.back().second = event.time_ns;
  const auto tick = event.as<Tick>();
  at->tick = {event.sequence, event.time_ns, tick.venue_ns, tick.bid_e9, tick.ask_e9, tick.source_sequence};
  at->has_quote = true;
  ++at->ticks_seen;
  at->quote_flags = (tick.ask_e9 < tick.bid_e9 ? shm::kQuoteCrossed : 0u) |
                    ((event.flags & kFlagStale) != 0 ? shm::kQuoteStale : 0u) |
                    ((event.flags & kFlagSimulated) != 0 ? shm::kQuoteSimulated : 0u);
  at->quote_changed = change;
  push_bounded(at->ticks, at->tick, limits.ticks);
  if (keeps_fresh_ticks && fresh_ticks.size() < kFreshTicks) fresh_ticks.emplace_back(index, at->tick);

  at->venue_ns = held_venue_ns(tick.venue_ns, event.time_ns, at->venue_ns);
  at->forming.close_until(at->venue_ns, [](const ClosedBar&) {});
  at->forming.add(tick.bid_e9, tick.ask_e9, at->venue_ns);
  at->bars_changed = change;

  if (at->trade) {
    const i128 now_e18 = at->trade->result_e18(at->touch_e9(at->trade->side == Side::buy));
    at->trade->worst_e18 = std::min(at->trade->worst_e18, now_e18);
    at->trade->best_e18 = std::max(at->trade->best_e18, now_e18);
  }
  judge_all(*at, event.time_ns);
}

void CoreModel::judge(InstrumentModel& at, WaitingPredictions& waiting, std::int64_t now_ns, double mid) {
  ModelRecord& model = models[waiting.model];
  const std::int64_t horizon_ns = model.facts->horizon_ns;
  for (; !waiting.rows.empty(); waiting.rows.pop_front()) {
    const WaitingPredictions::Row& next = waiting.rows.front();
    if (horizon_ns > 0 && next.time_ns > now_ns - horizon_ns) return;
    const auto row = std::ranges::lower_bound(at.predictions, next.sequence, {}, &PredictionRow::sequence);
    // Without a horizon there is no outcome; and what memory has let go has no use for one.
    if (horizon_ns <= 0 || row == at.predictions.end() || row->sequence != next.sequence) continue;
    row->realised = (mid / row->mid - 1.0) * 1e4;
    if (at.prediction && at.prediction->sequence == row->sequence) at.prediction->realised = row->realised;
    if (*row->realised == 0.0 || row->score == 0.0f) continue;
    ++model.judged.judged;
    model.judged.right += (*row->realised > 0) == (row->score > 0) ? 1 : 0;
  }
}

void CoreModel::judge_all(InstrumentModel& at, std::int64_t now_ns) {
  bool keeps_mid = false;
  for (WaitingPredictions& waiting : at.waiting) {
    const ModelRecord& model = models[waiting.model];
    if (model.facts) {
      judge(at, waiting, now_ns, at.mid());
    } else if (!model.why_unknown.empty()) {
      waiting.rows.clear();
    } else {
      keeps_mid = keeps_mid || !waiting.rows.empty();
    }
  }
  if (!keeps_mid) {
    at.mids.clear();
    return;
  }
  at.mids.push_back({now_ns, at.mid()});
  if (at.mids.size() <= kMidsMax) return;
  // Longer than any pack takes to load: what waits is never judged, rather than by a mid that was not the first.
  at.mids.clear();
  for (WaitingPredictions& waiting : at.waiting) {
    if (!models[waiting.model].facts) waiting.rows.clear();
  }
}

void CoreModel::learn(const Sha256Digest& digest, std::shared_ptr<const ModelFacts> facts) {
  const auto known = std::ranges::find(models, digest, &ModelRecord::digest);
  if (known == models.end() || known->facts || facts == nullptr) return;
  known->facts = std::move(facts);
  known->why_unknown.clear();
  const auto index = static_cast<std::uint32_t>(known - models.begin());
  for (InstrumentModel& at : instruments) {
    for (WaitingPredictions& waiting : at.waiting) {
      if (waiting.model != index) continue;
      for (const MidAt& seen : at.mids) judge(at, waiting, seen.time_ns, seen.mid);
    }
    at.prediction_changed = ++change;
  }
}

void CoreModel::learn_why_unknown(const Sha256Digest& digest, std::string why) {
  const auto known = std::ranges::find(models, digest, &ModelRecord::digest);
  if (known != models.end() && !known->facts) known->why_unknown = std::move(why);
}

void CoreModel::on_bar(const Event& event) {
  std::uint32_t index = 0;
  InstrumentModel* at = by_id(event.instrument, index);
  const auto bar = event.as<Bar>();
  if (at == nullptr || bar.period() >= kBarPeriodCount) return;
  if (bar.side() != QuoteSide::bid && bar.side() != QuoteSide::ask) return;
  auto& rows = at->bars[bar.period()];
  if (!rows.empty() && rows.back().end_s >= bar.end_s) return;
  // Until both sides have been told it stays the forming one, which has both.
  BarRow& half = at->half_bars[bar.period()];
  if (half.end_s != bar.end_s) half = {bar.end_s, bar.ticks(), {}, {}, 0};
  (bar.side() == QuoteSide::ask ? half.ask : half.bid) = {bar.open_e9, bar.high_e9, bar.low_e9, bar.close_e9};
  if (half.bid.open_e9 == 0 || half.ask.open_e9 == 0) return;
  half.changed = change;
  push_bounded(rows, half, limits.bars);
  at->forming.close_until(bar.end_s * kSecondNs, [](const ClosedBar&) {});
  at->bars_changed = change;
}

void CoreModel::on_prediction(const Event& event) {
  std::uint32_t index = 0;
  InstrumentModel* at = by_id(event.instrument, index);
  if (at == nullptr) return;
  const auto told = event.as<Prediction>();
  PredictionRow row{event.sequence,  told.cause, event.time_ns,
                    told.score,      told.cost,  told.defined_lanes,
                    told.model_slot, told.state, at->has_quote ? at->mid() : 0.0,
                    kNoModel,        {}};
  if (const auto slot = slots.find(told.model_slot); slot != slots.end() && slot->second.is_sure) {
    const bool is_older = slot->second.is_from_table && event.time_ns <= slot->second.since_ns;
    if (!is_older) row.model = slot->second.model;
  } else {
    row.model = model_of_table(told.model_slot, event);
  }
  at->prediction = row;
  at->prediction_changed = change;
  ++predictions_by_slot[told.model_slot];
  if (row.model != kNoModel) ++models[row.model].predictions;
  const auto queue_of = [&](std::uint32_t model) -> std::deque<WaitingPredictions::Row>& {
    const auto found = std::ranges::find(at->waiting, model, &WaitingPredictions::model);
    if (found != at->waiting.end()) return found->rows;
    std::erase_if(at->waiting, [](const WaitingPredictions& waiting) { return waiting.rows.empty(); });
    return at->waiting.emplace_back(WaitingPredictions{model, {}}).rows;
  };
  auto& rows = at->predictions;
  const bool is_thinned =
      !rows.empty() && !rows.back().realised && rows.back().time_ns / kSecondNs == row.time_ns / kSecondNs;
  if (is_thinned) {
    if (rows.back().model != kNoModel) {
      auto& queue = queue_of(rows.back().model);
      if (!queue.empty() && queue.back().sequence == rows.back().sequence) queue.pop_back();
    }
    rows.back() = row;
  } else {
    rows.push_back(row);
    const std::size_t kept = predictions_kept(row.model);
    while (rows.size() > kept) rows.pop_front();
  }
  if (row.model == kNoModel || row.state != PredictionState::valid || row.mid <= 0) return;
  push_bounded(queue_of(row.model), {row.sequence, row.time_ns}, limits.predictions_most);
}

// One for each second, and until their horizon has passed.
std::size_t CoreModel::predictions_kept(std::uint32_t model) const noexcept {
  if (model >= models.size() || !models[model].facts) return limits.predictions;
  constexpr std::int64_t kSlackS = 60;  // a quiet market's first mid after the horizon
  const std::int64_t wanted = models[model].facts->horizon_ns / kSecondNs + kSlackS;
  const auto most = static_cast<std::int64_t>(std::max(limits.predictions, limits.predictions_most));
  return static_cast<std::size_t>(std::clamp(wanted, static_cast<std::int64_t>(limits.predictions), most));
}

std::uint32_t CoreModel::index_of(const Sha256Digest& digest) {
  const auto known = std::ranges::find(models, digest, &ModelRecord::digest);
  if (known != models.end()) return static_cast<std::uint32_t>(known - models.begin());
  if (models.size() >= kModelsMax) return kNoModel;
  models.push_back({.digest = digest, .facts = nullptr, .why_unknown = {}, .predictions = 0, .judged = {}});
  if (on_new_model) on_new_model(digest);
  return static_cast<std::uint32_t>(models.size() - 1);
}

void CoreModel::on_model(const Event& event) {
  const auto told = event.as<Model>();
  if (told.slot >= kSlotsMax) return;  // damage
  const bool is_live = told.stage == ModelStage::live;
  slots[told.slot] = {index_of(told.sha256), told.version, event.time_ns, false, true};
  if (is_live) slot_in_force = told.slot;
  push_log({0,
            event.time_ns,
            LogLevel::info,
            "model",
            fmt::format("model {} in slot {}, version {}: {}", to_hex(told.sha256).substr(0, 12), told.slot,
                        told.version, is_live ? "in force" : "in the shadow, warming up"),
            {},
            0});
}

// Of an event before which others were not seen: the table names what has been in the slot since, where it was looked at later.
std::uint32_t CoreModel::model_of_table(std::uint16_t slot, const Event& event) {
  if (epoch != table_epoch_ || event.sequence > table_head_) return kNoModel;
  for (const ModelSample& told : table_) {
    if (told.slot == slot && told.state == shm::ModelState::active && event.time_ns > told.since_ns) {
      return index_of(told.digest);
    }
  }
  return kNoModel;
}

// What the core's table says of a slot, where events have not told it, or some were missed that may have.
void CoreModel::take_slot(const ModelSample& told) {
  const auto number = static_cast<std::uint16_t>(told.slot);
  if (told.slot >= kSlotsMax) return;
  if (told.state == shm::ModelState::retired) return;  // it scores no more
  const auto known = slots.find(number);
  if (known != slots.end() && known->second.is_sure) return;
  const std::uint32_t model = index_of(told.digest);
  if (known != slots.end() && known->second.model == model && known->second.version == told.version) {
    known->second.is_sure = true;
  } else {
    slots[number] = {model, told.version, told.since_ns, true, true};
  }
  if (told.state == shm::ModelState::active) slot_in_force = number;
}

void CoreModel::on_regime(const Event& event) {
  std::uint32_t index = 0;
  InstrumentModel* at = by_id(event.instrument, index);
  if (at == nullptr) return;
  const auto told = event.as<Regime>();
  if (!at->regimes.empty()) at->regimes.back().end_ns = event.time_ns;
  push_bounded(at->regimes, RegimeRow{event.sequence, event.time_ns, 0, told.to, told.from, told.probability},
               kRegimeRows);
}

void CoreModel::on_signal(const Event& event) {
  std::uint32_t index = 0;
  InstrumentModel* at = by_id(event.instrument, index);
  if (at == nullptr) return;
  SignalRow row;
  row.sequence = event.sequence;
  row.time_ns = event.time_ns;
  row.instrument = index;
  row.signal = event.as<Signal>();
  row.changed = signals_changed = change;
  at->last_signal = event.sequence;
  push_bounded(signals, row, limits.rows);
}

namespace {

// The signal of the same cause and instrument: it comes with the first after its cause.
SignalRow* signal_of(std::deque<SignalRow>& signals, std::uint32_t instrument, std::uint64_t cause) {
  constexpr std::ptrdiff_t kLooks = 64;
  const auto first = std::ranges::upper_bound(signals, cause, {}, &SignalRow::sequence);
  const auto last = first + std::min(kLooks, signals.end() - first);
  const auto found = std::find_if(
      first, last, [&](const SignalRow& row) { return row.instrument == instrument && row.signal.cause == cause; });
  return found == last ? nullptr : &*found;
}

}  // namespace

void CoreModel::on_intent(const Event& event) {
  std::uint32_t index = 0;
  if (by_id(event.instrument, index) == nullptr) return;
  OrderRow row;
  row.intent = event.as<Intent>();
  row.id = row.intent.client_order_id;
  row.sequence = event.sequence;
  row.time_ns = row.updated_ns = event.time_ns;
  row.instrument = index;
  row.changed = orders_changed = change;
  if (SignalRow* signal = signal_of(signals, index, row.intent.cause)) {
    signal->outcome = SignalOutcome::intent;
    signal->side = row.intent.side;
    signal->price_e9 = row.intent.price_e9;
    signal->client_order_id = row.id;
    signal->changed = signals_changed = change;
  }
  order_number_[row.id] = orders_dropped_ + orders.size();
  orders.push_back(row);
  if (orders.size() > limits.rows) {
    order_number_.erase(orders.front().id);
    orders.pop_front();
    ++orders_dropped_;
  }
}

void CoreModel::on_reject(const Event& event) {
  const auto reject = event.as<Reject>();
  ++rejects_by_rule[reject.rule];
  std::uint32_t index = 0;
  if (by_id(event.instrument, index) == nullptr) return;
  if (SignalRow* signal = signal_of(signals, index, reject.cause)) {
    signal->outcome = SignalOutcome::rejected;
    signal->side = reject.quantity_e9 < 0 ? Side::sell : Side::buy;
    signal->reject = reject;
    signal->changed = signals_changed = change;
  }
  push_log({0, event.time_ns, LogLevel::warn, "reject",
            fmt::format("order of {} refused: {}", format_decimal_e9(reject.quantity_e9),
                        risk_rule_name(static_cast<RiskRule>(reject.rule))),
            index, 0});
}

OrderRow* CoreModel::find_order(std::uint64_t id) {
  const auto found = order_number_.find(id);
  if (found == order_number_.end()) return nullptr;
  return &orders[found->second - orders_dropped_];
}

const ModelRecord* CoreModel::model_of(const PredictionRow& row) const noexcept {
  return row.model < models.size() ? &models[row.model] : nullptr;
}

const ModelRecord* CoreModel::model_of(const Sha256Digest& digest) const noexcept {
  const auto known = std::ranges::find(models, digest, &ModelRecord::digest);
  return known == models.end() ? nullptr : &*known;
}

const ModelRecord* CoreModel::model_in_force() const noexcept {
  const auto slot = slots.find(slot_in_force);
  if (slot == slots.end() || !slot->second.is_sure || slot->second.model >= models.size()) return nullptr;
  return &models[slot->second.model];
}

const OrderRow* CoreModel::order(std::uint64_t id) const { return const_cast<CoreModel*>(this)->find_order(id); }

void CoreModel::note_change(OrderRow& order) {
  order.changed = orders_changed = change;
  const std::uint64_t place = order_number_[order.id] - orders_dropped_;
  if (orders.size() - place > kNewRows) old_orders_changed = change;
}

void CoreModel::on_report(const Event& event) {
  const auto report = event.as<Report>();
  OrderRow* row = find_order(report.client_order_id);
  if (row == nullptr) return;
  row->updated_ns = event.time_ns;
  row->reason = report.reason;
  note_change(*row);
  switch (report.state) {
    case OrderState::accepted:
      if (row->status == OrderStatus::sent) row->status = OrderStatus::accepted;
      break;
    case OrderState::cancelled: row->status = OrderStatus::cancelled; break;
    case OrderState::expired: row->status = OrderStatus::expired; break;
    case OrderState::refused:
      row->status = OrderStatus::refused;
      push_log({0, event.time_ns, LogLevel::warn, "report",
                fmt::format("order {} refused by the venue", report.client_order_id), row->instrument, 0});
      break;
  }
}

void CoreModel::on_fill(const Event& event) {
  std::uint32_t index = 0;
  InstrumentModel* at = by_id(event.instrument, index);
  if (at == nullptr) return;
  const auto fill = event.as<Fill>();
  FillRow row{event.sequence, event.time_ns, index, fill, {}};
  OrderRow* order = find_order(fill.client_order_id);
  if (order != nullptr) {
    order->filled_e9 += fill.quantity_e9;
    order->value_e18 += static_cast<i128>(fill.price_e9) * fill.quantity_e9;
    order->commission_e9 += fill.commission_e9;
    order->updated_ns = event.time_ns;
    order->status =
        fill.last != 0 || order->filled_e9 >= order->intent.quantity_e9 ? OrderStatus::filled : OrderStatus::partial;
    note_change(*order);
    row.slippage_e9 = (fill.price_e9 - order->intent.price_e9) * sign_of(fill.side);
  }
  push_bounded(fills, row, limits.rows);
  money[at->quote].commission_e18 += static_cast<i128>(fill.commission_e9) * kE9;
  traded_.insert(index);
  if (fill.quantity_e9 <= 0 || fill.side == Side::none) return;

  std::int64_t left_e9 = fill.quantity_e9;
  std::int64_t commission_e9 = fill.commission_e9;
  if (at->trade && at->trade->side != fill.side) {
    TradeRow& trade = *at->trade;
    const std::int64_t closed_e9 = std::min(left_e9, trade.held_e9());
    // Of a reversal, the old trade bears its part of the commission.
    const auto part_e9 = static_cast<std::int64_t>(static_cast<i128>(commission_e9) * closed_e9 / fill.quantity_e9);
    trade.left_e9 += closed_e9;
    trade.exit_e18 += static_cast<i128>(fill.price_e9) * closed_e9;
    trade.commission_e9 += part_e9;
    trade.changed = trades_changed = change;
    left_e9 -= closed_e9;
    commission_e9 -= part_e9;
    if (trade.held_e9() == 0) {
      trade.close_ns = event.time_ns;
      trade.close_sequence = event.sequence;
      const i128 result_e18 = trade.result_e18(0);
      trade.worst_e18 = std::min(trade.worst_e18, result_e18);
      trade.best_e18 = std::max(trade.best_e18, result_e18);
      const SignalRow* signal = order == nullptr ? nullptr : signal_of(signals, index, order->intent.cause);
      if (signal != nullptr) trade.reason = signal->signal.reason;
      push_bounded(trades, trade, limits.rows);
      at->trade.reset();
    }
  }
  if (left_e9 > 0) enter(*at, index, event, fill, left_e9, commission_e9);
}

void CoreModel::enter(InstrumentModel& at, std::uint32_t index, const Event& event, const Fill& fill,
                      std::int64_t quantity_e9, std::int64_t commission_e9) {
  if (!at.trade) {
    TradeRow trade;
    trade.id = ++trades_made_;
    trade.instrument = index;
    trade.side = fill.side;
    trade.open_ns = event.time_ns;
    trade.strategy = fill.strategy;
    if (const OrderRow* order = find_order(fill.client_order_id)) {
      if (const SignalRow* signal = signal_of(signals, index, order->intent.cause)) trade.score = signal->signal.score;
    }
    at.trade = trade;
  }
  TradeRow& trade = *at.trade;
  trade.entered_e9 += quantity_e9;
  trade.entry_e18 += static_cast<i128>(fill.price_e9) * quantity_e9;
  trade.commission_e9 += commission_e9;
  trade.quantity_max_e9 = std::max(trade.quantity_max_e9, trade.held_e9());
  trade.changed = trades_changed = change;
}

void CoreModel::on_position(const Event& event) {
  std::uint32_t index = 0;
  InstrumentModel* at = by_id(event.instrument, index);
  if (at == nullptr) return;
  Holding holding;
  if (!holding.restore(event.as<Position>())) return;
  at->holding = holding;
  at->has_position = true;
  at->position_ns = event.time_ns;
  at->position_sequence = event.sequence;
  at->position_changed = change;
  traded_.insert(index);
  // What was held before the gateway looked has no fills that it knows: the trade is taken from the position.
  const std::int64_t held_e9 = at->trade ? at->trade->held_e9() * sign_of(at->trade->side) : 0;
  if (held_e9 != holding.quantity_e9()) {
    at->trade.reset();
    if (holding.quantity_e9() != 0) {
      TradeRow trade;
      trade.id = ++trades_made_;
      trade.instrument = index;
      trade.side = holding.quantity_e9() > 0 ? Side::buy : Side::sell;
      trade.open_ns = event.time_ns;
      trade.entered_e9 = trade.quantity_max_e9 = std::abs(holding.quantity_e9());
      trade.entry_e18 = holding.cost_e18() < 0 ? -holding.cost_e18() : holding.cost_e18();
      trade.changed = trades_changed = change;
      at->trade = trade;
    }
  }
  book_money(event.time_ns, false);
}

void CoreModel::on_timer(const Event& event) {
  if (event.time_ns >= session_end_ns) {
    session_end_ns = period_end_ns(BarPeriod::d1, event.time_ns, Zone::new_york());
    book_money(event.time_ns, true);
    for (auto& [currency, row] : money) row.day_start_e18 = row.now.equity_e18();
    return;
  }
  if (!traded_.empty()) book_money(event.time_ns, true);
}

void CoreModel::book_money(std::int64_t at_ns, bool keep_point) {
  std::map<std::string, MoneyPoint> sums;
  for (const std::uint32_t index : traded_) {
    const InstrumentModel& at = instruments[index];
    MoneyPoint& sum = sums[at.quote];
    sum.realised_e18 += at.holding.realised_e18();
    sum.unrealised_e18 += at.unrealised_e18();
  }
  for (auto& [currency, sum] : sums) {
    CurrencyMoney& row = money[currency];
    row.highest_e18 = std::max(row.highest_e18, sum.equity_e18());
    sum.drawdown_e18 = sum.equity_e18() - row.highest_e18;
    sum.time_ns = at_ns;
    row.drawdown_max_e18 = std::min(row.drawdown_max_e18, sum.drawdown_e18);
    row.now = sum;
    row.changed = money_changed = change;
    if (!keep_point) continue;
    row.points.push_back(sum);
    if (row.points.size() <= limits.points) continue;
    // The older half keeps every other point.
    std::deque<MoneyPoint> kept;
    for (std::size_t i = 0; i < row.points.size(); ++i) {
      if (i >= row.points.size() / 2 || i % 2 == 0) kept.push_back(row.points[i]);
    }
    row.points = std::move(kept);
  }
}

void CoreModel::on_session(const Event& event) {
  static constexpr std::array<std::string_view, 6> kTexts = {
      "", "started", "stopping", "the journal lags: no new risk", "the journal has caught up", "the input has ended"};
  const auto session = event.as<Session>();
  const auto state = static_cast<std::size_t>(session.state);
  if (session.state == SessionState::input_ended) input_ended = true;
  push_log({0,
            event.time_ns,
            session.state == SessionState::journal_lagging ? LogLevel::warn : LogLevel::info,
            "session",
            state < kTexts.size() ? fmt::format("epoch {}: {}", epoch, kTexts[state]) : "unknown",
            {},
            0});
}

void CoreModel::on_command(const Event& event) {
  static constexpr std::array<std::string_view, 6> kKinds = {"none",    "pause", "resume",
                                                             "flatten", "kill",  "reset_kill"};
  const auto command = event.as<Command>();
  const auto kind = static_cast<std::size_t>(command.kind);
  push_bounded(commands, CommandRow{event.sequence, event.time_ns, command}, kCommandRows);
  push_log({0,
            event.time_ns,
            command.kind == CommandKind::kill ? LogLevel::error : LogLevel::info,
            "command",
            (event.flags & kFlagSnapshot) != 0
                ? fmt::format("{} carried over from the run before", kKinds[std::min(kind, kKinds.size() - 1)])
                : fmt::format("{} applied (actor {})", kKinds[std::min(kind, kKinds.size() - 1)], command.actor),
            {},
            0});
}

void CoreModel::finish_text() {
  if (text_.owner().type == EventType::config) {
    config_text = text_.text();
    return;
  }
  const auto row = text_.owner().as<InstrumentRow>();
  const auto instrument = instrument_from_text(row, text_.text());
  if (!instrument) return;  // damage
  add_instrument(text_.owner().instrument, instrument->name(), row.digits, row.tick_size_e9, instrument->calendar);
  std::uint32_t index = 0;
  InstrumentModel* at = by_id(text_.owner().instrument, index);
  if (at == nullptr) return;
  at->base = instrument->base;
  at->quote = instrument->quote;
}

void CoreModel::push_log(LogRow row) {
  if (row.sequence == 0) row.sequence = sequence;
  row.changed = log_changed = ++change;
  push_bounded(log, std::move(row), kLogRows);
}

void CoreModel::add_log(LogLevel level, std::string type, std::string text) {
  push_log({sequence, time_ns, level, std::move(type), std::move(text), {}, 0});
}

void CoreModel::set_absent(std::string why) { absence = std::move(why); }

void CoreModel::take_sample(CoreSample taken) {
  if (epoch != 0 && taken.epoch != epoch) return;
  // The next core holds the instance's lock before its segment takes the dead one's place: nobody comes back in an old epoch.
  const bool was_over = sample && sample->epoch == taken.epoch && sample->state != CoreState::running;
  if (was_over && taken.state == CoreState::running) taken.state = sample->state;
  const bool is_same = sample && sample->epoch == taken.epoch;
  if (!is_same) {
    heard_ns = std::min(taken.heartbeat_ns, taken.sampled_ns);
  } else if (sample->heartbeat_ns != taken.heartbeat_ns) {
    heard_ns = taken.sampled_ns;
  }
  absence.clear();
  for (std::uint32_t id = 0; id < taken.instruments.size(); ++id) {
    std::uint32_t index = 0;
    InstrumentModel* at = by_id(id, index);
    if (at == nullptr) continue;
    InstrumentSample& told = taken.instruments[id];
    at->risk = told.risk;
    // Events tell more; but of an instrument that was quiet since we look, only the table knows.
    if (!at->has_quote && told.has_quote) {
      at->tick = {0, told.quote_ns, told.quote_ns, told.bid_e9, told.ask_e9, 0};
      at->quote_flags = told.quote_flags;
      at->has_quote = true;
      at->quote_changed = ++change;
    }
    at->ticks_seen = std::max(at->ticks_seen, told.ticks);
  }
  for (const ModelSample& model : taken.models) take_slot(model);
  table_ = taken.models;
  table_epoch_ = taken.epoch;
  table_head_ = taken.events_head;
  // Of another core; or our clock was set back, and nothing would be old enough for a long time.
  const bool is_other =
      !samples_.empty() && (samples_.back().epoch != taken.epoch || samples_.back().sampled_ns > taken.sampled_ns);
  if (is_other) samples_.clear();
  while (!samples_.empty() && samples_.size() > 1 && samples_[1].sampled_ns <= taken.sampled_ns - kSampleAgeNs) {
    samples_.pop_front();
  }
  earlier = samples_.empty() ? std::nullopt : std::optional(samples_.front());
  samples_.push_back(taken);
  sample = std::move(taken);
}

const InstrumentModel* CoreModel::by_id(std::uint32_t id) const noexcept {
  if (id >= index_by_id_.size() || index_by_id_[id] < 0) return nullptr;
  return &instruments[static_cast<std::size_t>(index_by_id_[id])];
}

std::vector<std::uint32_t> CoreModel::find(std::string_view text) const {
  if (!is_legal_symbol(text)) return {};
  std::string wanted = in_capitals(text);
  if (const auto mapped = symbol_map.find(wanted); mapped != symbol_map.end()) wanted = in_capitals(mapped->second);
  const std::size_t mark = wanted.find('@');
  const std::string symbol = wanted.substr(0, mark);
  const std::string venue = mark == std::string::npos ? std::string() : wanted.substr(mark + 1);
  const bool is_mapped = symbol_map.contains(in_capitals(text));
  const std::string stem = symbol_stem(is_mapped ? std::string_view(symbol) : text.substr(0, text.find('@')));
  std::vector<std::uint32_t> exact;
  std::vector<std::uint32_t> alike;
  const auto take = [&](const NameIndex& index, const std::string& name, std::vector<std::uint32_t>& to) {
    const auto known = index.find(name);
    if (known == index.end()) return;
    std::ranges::copy_if(known->second, std::back_inserter(to),
                         [&](std::uint32_t i) { return venue.empty() || in_capitals(instruments[i].venue) == venue; });
  };
  take(index_by_symbol_, symbol, exact);
  if (exact.empty() && !stem.empty()) take(index_by_stem_, stem, alike);
  std::vector<std::uint32_t> found = exact.empty() ? std::move(alike) : std::move(exact);
  // An instrument of an earlier epoch does not stand in the way of one in force.
  const bool any_current = std::ranges::any_of(found, [&](std::uint32_t i) { return instruments[i].is_current; });
  if (any_current) std::erase_if(found, [&](std::uint32_t i) { return !instruments[i].is_current; });
  return found;
}

CoreStanding CoreModel::standing(std::int64_t now_ns) const noexcept {
  if (!sample) return CoreStanding::absent;
  const bool has_ended = input_ended && simulated;
  if (sample->state == CoreState::running) {
    if (has_ended) return CoreStanding::finished;
    return now_ns - heard_ns > kSilentNs ? CoreStanding::silent : CoreStanding::running;
  }
  if (has_ended) return CoreStanding::finished;
  return sample->state == CoreState::stopped ? CoreStanding::stopped : CoreStanding::dead;
}

bool CoreModel::is_stale(std::int64_t now_ns) const noexcept {
  const CoreStanding at = standing(now_ns);
  return at != CoreStanding::running && at != CoreStanding::finished;
}

std::uint32_t CoreModel::forming_ticks(std::uint32_t instrument, BarPeriod period) const noexcept {
  return instruments[instrument].forming.forming(period).ticks;
}

}  // namespace thintail::gateway
