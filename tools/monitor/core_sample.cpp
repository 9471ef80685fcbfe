// SPDX-License-Identifier: Apache-2.0
#include "tools/monitor/core_sample.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "strategies/portfolio/portfolio.hpp"

namespace thintail {
namespace {

StreamSample stream_sample(std::string_view name, const shm::Stream& stream) {
  StreamSample sample{std::string(name), stream.capacity(), 0, stream.refused(), {}};
  const std::uint64_t head = stream.head();
  sample.published = head + 1 - std::min(head + 1, stream.first_sequence());
  for (const shm::Gate& gate : stream.gates()) {
    if (!gate.is_active()) continue;
    sample.gates.push_back({std::string(gate.name()), head - std::min(head, gate.consumed())});
  }
  return sample;
}

CoreState state_of(const shm::SegmentView& segment) {
  if (segment.state() == shm::SegmentState::stopped) return CoreState::stopped;
  if (!segment.is_current()) return CoreState::stale;
  return segment.writer_is_alive() ? CoreState::running : CoreState::dead;
}

template <class Row>
bool load(const shm::Table<Row>& table, std::uint64_t row, Row& out, std::uint64_t& unreadable) {
  if (row >= table.rows()) return false;
  if (table[row].load(out)) return true;
  ++unreadable;
  return false;
}

RiskSample risk_sample(const shm::RiskRow& row, std::int64_t engine_ns) {
  // The engine writes the row when something changes; orders grow old without it.
  const bool is_recent = row.last_order_ns != 0 && engine_ns - row.last_order_ns < 1'000'000'000;
  return {{{row.position_e9, row.working_buy_e9, row.working_sell_e9},
           row.max_position_e9,
           row.max_order_quantity_e9,
           row.max_quote_age_ns,
           row.max_orders_per_second,
           is_recent ? row.orders_in_second : 0,
           row.last_order_ns}};
}

InstrumentSample instrument_sample(const shm::CoreView& core, std::uint64_t id, std::int64_t engine_ns,
                                   std::uint64_t& unreadable) {
  const shm::InstrumentNameRow& name = (*core->instruments)[id];
  InstrumentSample sample;
  sample.name = name.name.view();
  sample.digits = std::min<std::uint8_t>(name.digits, 9);
  shm::QuoteRow quote{};
  if (load(*core->quotes, id, quote, unreadable) && quote.ticks != 0) {
    sample.has_quote = true;
    sample.quote_flags = quote.flags;
    sample.bid_e9 = quote.bid_e9;
    sample.ask_e9 = quote.ask_e9;
    sample.quote_ns = quote.time_ns;
    sample.ticks = quote.ticks;
  }
  shm::PositionRow position{};
  if (load(*core->positions, id, position, unreadable) && position.time_ns != 0) {
    sample.has_position = true;
    sample.quantity_e9 = position.quantity_e9;
    sample.realised_e18 = from_words(position.realised_low, position.realised_high);
    sample.unrealised_e18 = unrealised_at_touch(
        {position.quantity_e9, position.cost_low, position.cost_high, position.realised_low, position.realised_high},
        {sample.bid_e9, sample.ask_e9, sample.quote_ns});
  }
  shm::RiskRow risk{};
  if (load(*core->risk, id, risk, unreadable)) sample.risk = risk_sample(risk, engine_ns);
  return sample;
}

ModelSample model_sample(const shm::ModelRow& row, const EventsTail& tail) {
  ModelSample sample{row.slot, row.version, row.state, {}, tail.last_of(row.slot), row.sha256, row.time_ns};
  for (std::size_t i = 0; i < 6; ++i) sample.sha256 += fmt::format("{:02x}", row.sha256[i]);
  return sample;
}

}  // namespace

std::string_view name_of(CoreState state) noexcept {
  static constexpr std::array<std::string_view, 4> kNames = {"running", "stopped", "dead", "stale"};
  return kNames[static_cast<std::size_t>(state)];
}

std::string_view name_of(shm::ThreadState state) noexcept {
  static constexpr std::array<std::string_view, 6> kNames = {"absent",   "starting", "running",
                                                             "stopping", "stopped",  "failed"};
  const auto index = static_cast<std::size_t>(state);
  return index < kNames.size() ? kNames[index] : "unknown";
}

std::uint64_t StreamSample::depth() const noexcept {
  std::uint64_t lag = 0;
  for (const GateSample& gate : gates) lag = std::max(lag, gate.lag);
  return lag;
}

std::optional<i128> unrealised_at_touch(const Position& position, const Quote& quote) noexcept {
  Holding holding;
  if (!holding.restore(position)) return std::nullopt;
  if (holding.quantity_e9() == 0) return 0;
  if (!quote.is_present()) return std::nullopt;
  const std::int64_t price_e9 = holding.quantity_e9() > 0 ? quote.sell_e9() : quote.buy_e9();
  return holding.pnl_e18(price_e9) - holding.realised_e18();
}

i128 RiskSample::worst_e9() const noexcept {
  const Exposure& at = standing.exposure;
  return std::max(static_cast<i128>(at.position_e9) + at.working_buy_e9,
                  static_cast<i128>(at.working_sell_e9) - at.position_e9);
}

std::optional<double> RiskSample::used() const noexcept {
  if (standing.max_position_e9 < 0 || standing.max_orders_per_second <= 0) return std::nullopt;
  const auto worst = static_cast<double>(worst_e9());
  const double position = standing.max_position_e9 == 0 ? 1.0 : worst / static_cast<double>(standing.max_position_e9);
  const double orders =
      static_cast<double>(standing.orders_in_second) / static_cast<double>(standing.max_orders_per_second);
  return std::max(position, orders);
}

CoreSample sample_core(const shm::CoreView& core, const EventsTail& tail, std::string_view instance) {
  CoreSample sample;
  sample.instance = instance;
  sample.state = state_of(core.segment());
  sample.epoch = core.segment().header().epoch;
  sample.pid = core.segment().header().writer_pid;
  sample.sampled_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  sample.heartbeat_ns = core.segment().heartbeat_ns();
  shm::ProgressRow progress{};
  if (!core->run->progress.load(progress)) ++sample.unreadable;
  sample.engine_ns = progress.time_ns;
  sample.inputs = progress.inputs;
  sample.durable = core->run->durable();
  sample.events_head = core->events->head();
  for (std::uint64_t row = 0; row < core->health->rows(); ++row) {
    shm::HealthRow health{};
    if (!load(*core->health, row, health, sample.unreadable) || health.state == shm::ThreadState::absent) continue;
    sample.threads.push_back({std::string(health.name.view()), health.state, health.cpu, health.work_count,
                              health.idle_count, health.last_progress_ns});
  }
  sample.streams = {stream_sample("events", *core->events), stream_sample("ticks", *core->ticks),
                    stream_sample("venue", *core->venue), stream_sample("reports", *core->reports)};
  for (std::size_t stage = 0; stage < shm::kStageNames.size(); ++stage) {
    const HistogramSnapshot seen = core->stages[stage].snapshot();
    if (seen.count == 0) continue;
    sample.stages.push_back({std::string(shm::kStageNames[stage]), seen.count, seen.percentile_ns(50),
                             seen.percentile_ns(99), seen.percentile_ns(99.9), seen.max_ns});
  }
  for (std::uint64_t id = 0; id < core->instruments->size(); ++id) {
    sample.instruments.push_back(instrument_sample(core, id, sample.engine_ns, sample.unreadable));
  }
  if (!core->run->gate.load(sample.gate)) ++sample.unreadable;
  for (std::uint64_t slot = 0; slot < core->models->rows(); ++slot) {
    shm::ModelRow row{};
    if (!load(*core->models, slot, row, sample.unreadable) || row.state == shm::ModelState::absent) continue;
    sample.models.push_back(model_sample(row, tail));
  }
  sample.observer = tail.counts();
  for (std::uint64_t row = 0; row < core->counters->size(); ++row) {
    const shm::CounterRow& counter = (*core->counters)[row];
    sample.counters.push_back({std::string(counter.name()), counter.value()});
  }
  return sample;
}

Result<CoreWatch> CoreWatch::open(const std::string& directory, const std::string& instance) {
  TT_TRY(shm::CoreView core, shm::CoreView::open(directory, instance));
  return CoreWatch(directory, instance, std::move(core));
}

CoreSample CoreWatch::sample() {
  tail_.read();
  CoreSample sample = sample_core(core_, tail_, instance_);
  if (refusal_) sample.refusal = refusal_->message();
  return sample;
}

bool CoreWatch::follow() {
  if (core_.segment().is_current()) return false;
  auto reopened = shm::CoreView::open(directory_, instance_);
  refusal_.reset();
  if (!reopened) {
    if (reopened.error().code != ErrorCode::shm_not_found) refusal_ = std::move(reopened).error();
    return false;
  }
  core_ = std::move(*reopened);
  tail_ = EventsTail(*core_->events);
  return true;
}

void SampleWindow::add(CoreSample sample) {
  if (!samples_.empty() && samples_.back().epoch != sample.epoch) samples_.clear();
  samples_.push_back(std::move(sample));
  const std::int64_t from_ns = samples_.back().sampled_ns - kSpanNs;
  // Keeps one that is a second old or more, so that the span is never less than it where there is history.
  while (samples_.size() > 2 && samples_[1].sampled_ns <= from_ns) samples_.pop_front();
}

}  // namespace thintail
