// SPDX-License-Identifier: Apache-2.0
#include "tools/monitor/core_sample.hpp"

#include <algorithm>
#include <array>
#include <chrono>

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

InstrumentSample instrument_sample(const shm::CoreView& core, std::uint64_t id, std::uint64_t& unreadable) {
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
    if (position.quantity_e9 == 0) {
      sample.unrealised_e18 = 0;
    } else if (sample.has_quote) {
      sample.unrealised_e18 = unrealised_at_touch(
          position.quantity_e9, from_words(position.cost_low, position.cost_high), sample.bid_e9, sample.ask_e9);
    }
  }
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

i128 unrealised_at_touch(std::int64_t quantity_e9, i128 cost_e18, std::int64_t bid_e9, std::int64_t ask_e9) noexcept {
  const std::int64_t price_e9 = quantity_e9 > 0 ? std::min(bid_e9, ask_e9) : std::max(bid_e9, ask_e9);
  return static_cast<i128>(static_cast<u128>(static_cast<i128>(price_e9) * quantity_e9) - static_cast<u128>(cost_e18));
}

CoreSample sample_core(const shm::CoreView& core, std::string_view instance) {
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
    sample.instruments.push_back(instrument_sample(core, id, sample.unreadable));
  }
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

bool CoreWatch::follow() {
  if (core_.segment().is_current()) return false;
  auto reopened = shm::CoreView::open(directory_, instance_);
  if (!reopened) return false;
  core_ = std::move(*reopened);
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
