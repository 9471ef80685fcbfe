// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/metrics.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <iterator>

#include "core/time/calendar.hpp"
#include "tools/gateway/gap_sampler.hpp"

namespace thintail::gateway {
namespace {

// Buckets of latencies end at these powers of two, in ns, and never change: 64 ns to 2.1 s.
constexpr unsigned kFirstPower = 6;
constexpr unsigned kLastPower = 31;

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

class Writer {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    fmt::format_to(std::back_inserter(out_), "# HELP thintail_{0} {2}\n# TYPE thintail_{0} {1}\n", name, type, help);
  }
  template <class Value>
  void row(std::string_view name, std::initializer_list<std::pair<std::string_view, std::string_view>> labels,
           Value value) {
    fmt::format_to(std::back_inserter(out_), "thintail_{}", name);
    char separator = '{';
    for (const auto& [label, text] : labels) {
      if (text.empty()) continue;  // to Prometheus an empty label is none
      fmt::format_to(std::back_inserter(out_), "{}{}=\"{}\"", separator, label, escaped(text));
      separator = ',';
    }
    if (separator == ',') out_ += '}';
    if constexpr (std::is_floating_point_v<Value>) {
      // The format's words for what is no number.
      if (std::isnan(value)) {
        out_ += " NaN\n";
        return;
      }
      if (std::isinf(value)) {
        out_ += value > 0 ? " +Inf\n" : " -Inf\n";
        return;
      }
    }
    fmt::format_to(std::back_inserter(out_), " {}\n", value);
  }
  template <class Value>
  void single(std::string_view name, std::string_view type, std::string_view help, Value value) {
    family(name, type, help);
    row(name, {}, value);
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

double seconds(std::int64_t ns) { return static_cast<double>(ns) / 1e9; }
double units(i128 money_e18) { return static_cast<double>(money_e18) / 1e18; }

// Buckets, sum and count of one histogram; `label` may be none.
void write_histogram(Writer& out, std::string_view name, std::pair<std::string_view, std::string_view> label,
                     const HistogramSnapshot& seen) {
  const auto row = [&](std::string_view part, std::string_view le, auto value) {
    const std::string full = fmt::format("{}_{}", name, part);
    out.row(full, {label, {"le", le}}, value);
  };
  std::uint64_t below = 0;
  std::uint32_t bucket = 0;
  for (unsigned power = kFirstPower; power <= kLastPower; ++power) {
    const std::uint64_t end = std::uint64_t{1} << power;
    for (; bucket < kHistogramBuckets && histogram_bucket_high(bucket) <= end; ++bucket) below += seen.counts[bucket];
    row("bucket", fmt::format("{:g}", static_cast<double>(end) / 1e9), below);
  }
  row("bucket", "+Inf", seen.count);
  row("sum", "", static_cast<double>(seen.total_ns) / 1e9);
  row("count", "", seen.count);
}

void write_stages(Writer& out, const std::vector<StageHistory>& stages) {
  if (stages.empty()) return;
  out.family("stage_seconds", "histogram", "Where the time of a tick goes, by stage.");
  for (const StageHistory& stage : stages) write_histogram(out, "stage_seconds", {"stage", stage.name}, stage.run);
}

void write_threads(Writer& out, std::string_view name, std::string_view help, const std::vector<ThreadCpu>& threads) {
  if (threads.empty()) return;
  out.family(name, "counter", help);
  for (const ThreadCpu& thread : threads) {
    out.row(name, {{"thread", thread.name}, {"mode", "user"}}, thread.user_s);
    out.row(name, {{"thread", thread.name}, {"mode", "system"}}, thread.system_s);
  }
}

void write_machine(Writer& out, const MachineFacts& machine) {
  write_threads(out, "core_thread_cpu_seconds_total", "CPU time of the core's threads, by name.", machine.core_threads);
  write_threads(out, "gateway_thread_cpu_seconds_total", "CPU time of the gateway's threads, by name.",
                machine.gateway_threads);
  out.family("scheduling_gap_seconds", "histogram",
             "How late timed wakes come, over all CPUs that no thread of the core is pinned to: no latency measured "
             "here can be read below it.");
  write_histogram(out, "scheduling_gap_seconds", {}, machine.gaps);
  out.family("jobs", "gauge", "Jobs that are remembered, by state.");
  for (std::size_t state = 0; state < kJobStates; ++state) {
    out.row("jobs", {{"state", name_of(static_cast<JobState>(state))}}, machine.jobs[state]);
  }
  out.family("job_progress_ratio", "gauge", "How far the job that runs has come, 0 to 1.");
  if (machine.job_progress) out.row("job_progress_ratio", {}, *machine.job_progress);
}

void write_breakers(Writer& out, const std::vector<BreakerState>& breakers) {
  if (breakers.empty()) return;
  out.family("breaker_state", "gauge", "1 for the state that the breaker before an upstream is in.");
  for (const BreakerState& breaker : breakers) {
    for (const BreakerPhase phase : {BreakerPhase::closed, BreakerPhase::open, BreakerPhase::half_open}) {
      out.row("breaker_state", {{"upstream", breaker.upstream}, {"state", name_of(phase)}},
              breaker.phase == phase ? 1 : 0);
    }
  }
  const auto each = [&](std::string_view name, std::string_view type, std::string_view help, auto&& value) {
    out.family(name, type, help);
    for (const BreakerState& breaker : breakers) out.row(name, {{"upstream", breaker.upstream}}, value(breaker));
  };
  each("breaker_failures", "gauge", "Calls in a row that an upstream did not answer.",
       [](const BreakerState& breaker) { return breaker.failures; });
  each("breaker_opened_total", "counter", "Times that a breaker opened.",
       [](const BreakerState& breaker) { return breaker.opened; });
  each("breaker_refused_total", "counter", "Calls answered without asking the upstream.",
       [](const BreakerState& breaker) { return breaker.refused; });
}

// Its reader has a gate in the events' stream.
bool has_journal(const CoreSample& core) {
  return std::ranges::any_of(core.streams, [](const StreamSample& stream) {
    return std::ranges::find(stream.gates, "journal", &GateSample::name) != stream.gates.end();
  });
}

void write_core(Writer& out, const CoreSample& core) {
  out.single("inputs_total", "counter", "Inputs that the engine took in this epoch.", core.inputs);
  out.single("events_head", "gauge", "Sequence of the newest event.", core.events_head);
  out.single("durable_sequence", "gauge", "Last sequence that a power loss would not take.", core.durable);
  out.family("journal_lag_events", "gauge", "Published events that are not durable yet; none without a journal.");
  if (has_journal(core)) {
    out.row("journal_lag_events", {}, core.events_head - std::min(core.events_head, core.durable));
  }
  out.single("core_observer_lapped_total", "counter", "Times that the core overtook our look at its events.",
             core.observer.lapped);
  out.family("stream_depth", "gauge", "Events of a stream that its slowest gated reader still needs.");
  for (const StreamSample& stream : core.streams) out.row("stream_depth", {{"stream", stream.name}}, stream.depth());
  out.family("stream_published_total", "counter", "Events published to a stream in this epoch.");
  for (const StreamSample& stream : core.streams) {
    out.row("stream_published_total", {{"stream", stream.name}}, stream.published);
  }
  out.family("stream_refused_total", "counter", "Appends refused because a gated reader was a ring behind.");
  for (const StreamSample& stream : core.streams) {
    out.row("stream_refused_total", {{"stream", stream.name}}, stream.refused);
  }
  out.family("thread_work_total", "counter", "Items that a thread of the core has done.");
  for (const ThreadSample& thread : core.threads) out.row("thread_work_total", {{"thread", thread.name}}, thread.work);
  out.family("thread_idle_turns_total", "counter", "Turns of a thread's loop that found nothing to do.");
  for (const ThreadSample& thread : core.threads) {
    out.row("thread_idle_turns_total", {{"thread", thread.name}}, thread.idle);
  }
  out.family("thread_up", "gauge", "1 while the thread runs.");
  for (const ThreadSample& thread : core.threads) {
    out.row("thread_up", {{"thread", thread.name}}, thread.state == shm::ThreadState::running ? 1 : 0);
  }
  out.single("intents_total", "counter", "Orders that passed the risk gate.", core.gate.intents);
  out.single("rejects_total", "counter", "Orders that the risk gate refused.", core.gate.rejects);
  out.family("latch", "gauge", "1 while latched.");
  out.row("latch", {{"latch", "killed"}}, (core.gate.flags & shm::kGateKilled) != 0 ? 1 : 0);
  out.row("latch", {{"latch", "paused"}}, (core.gate.flags & shm::kGatePaused) != 0 ? 1 : 0);
  out.row("latch", {{"latch", "flattening"}}, (core.gate.flags & shm::kGateFlattening) != 0 ? 1 : 0);
  out.row("latch", {{"latch", "journal_lagging"}}, (core.gate.flags & shm::kGateJournalLagging) != 0 ? 1 : 0);
  if (!core.counters.empty()) {
    out.family("counter", "gauge", "The core's own counters, by name.");
    for (const CounterSample& counter : core.counters) out.row("counter", {{"name", counter.name}}, counter.value);
  }
}

void write_instruments(Writer& out, const CoreModel& model) {
  const auto each = [&](std::string_view name, std::string_view type, std::string_view help, auto&& value) {
    out.family(name, type, help);
    for (const InstrumentModel& at : model.instruments) {
      if (!at.is_current) continue;  // of a core before this one: it would be shown as it was for ever
      if (const auto known = value(at)) out.row(name, {{"instrument", at.name}}, *known);
    }
  };
  each("ticks_total", "counter", "Ticks of an instrument.",
       [](const InstrumentModel& at) { return std::optional<std::uint64_t>(at.ticks_seen); });
  each("quote_age_seconds", "gauge", "Engine time since the newest quote, while it trades.",
       [&](const InstrumentModel& at) {
    // No quote comes over a weekend, and none is missed.
         const bool is_open = TradingCalendar::get(at.calendar).is_open(model.time_ns);
         return at.has_quote && is_open
                    ? std::optional(seconds(std::max<std::int64_t>(0, model.time_ns - at.tick.time_ns)))
                    : std::nullopt;
       });
  each("position_units", "gauge", "Position in base units.", [](const InstrumentModel& at) {
    return at.has_position ? std::optional(static_cast<double>(at.holding.quantity_e9()) / 1e9) : std::nullopt;
  });
  each("risk_used_ratio", "gauge", "The largest share of a limit that is taken.",
       [](const InstrumentModel& at) { return at.risk ? at.risk->used() : std::nullopt; });
  each("prediction_score", "gauge", "Newest valid score of the champion.", [](const InstrumentModel& at) {
    const bool is_valid = at.prediction && at.prediction->state == PredictionState::valid;
    return is_valid ? std::optional<float>(at.prediction->score) : std::nullopt;
  });
}

void write_money(Writer& out, const CoreModel& model) {
  const auto each = [&](std::string_view name, std::string_view help, auto&& value) {
    out.family(name, "gauge", help);
    for (const auto& [currency, row] : model.money) out.row(name, {{"currency", currency}}, units(value(row)));
  };
  each("realised", "Realised result after commission.", [](const CurrencyMoney& row) { return row.now.realised_e18; });
  each("unrealised", "What closing at the touch would add.",
       [](const CurrencyMoney& row) { return row.now.unrealised_e18; });
  each("commission", "Commission paid.", [](const CurrencyMoney& row) { return row.commission_e18; });
  each("drawdown", "Below the highest result so far.", [](const CurrencyMoney& row) { return row.now.drawdown_e18; });
}

}  // namespace

MachineFacts machine_facts(const SharedModel& model, const TrainJobs* jobs, const GapSampler* gaps) {
  MachineFacts facts;
  const int pid = model.read([](const CoreModel& seen) {
    return seen.sample && seen.sample->state == CoreState::running ? seen.sample->pid : 0;
  });
  if (pid > 0) facts.core_threads = thread_cpu(pid);
  facts.gateway_threads = thread_cpu(::getpid());
  if (gaps != nullptr) facts.gaps = gaps->snapshot();
  if (jobs == nullptr) return facts;
  for (const Job& job : jobs->list()) {
    ++facts.jobs[static_cast<std::size_t>(job.state)];
    if (job.state == JobState::running) facts.job_progress = job.progress;
  }
  return facts;
}

std::string metrics_text(const CoreModel& model, const std::vector<StageHistory>& stages, const GatewayFacts& facts,
                         const MachineFacts& machine, std::int64_t now_ns) {
  Writer out;
  out.family("build_info", "gauge", "Versions.");
  out.row("build_info", {{"version", facts.version}, {"instance", facts.instance}}, 1);
  const CoreStanding standing = model.standing(now_ns);
  out.family("core_state", "gauge", "1 for the state that the core is in.");
  for (const CoreStanding state : {CoreStanding::absent, CoreStanding::running, CoreStanding::silent,
                                   CoreStanding::finished, CoreStanding::stopped, CoreStanding::dead}) {
    out.row("core_state", {{"state", name_of(state)}}, state == standing ? 1 : 0);
  }
  out.single("core_stale", "gauge", "1 while what the gateway shows is stale.", model.is_stale(now_ns) ? 1 : 0);
  out.single("core_epoch", "gauge", "Epoch of the core.", model.epoch);
  if (model.sample) {
    out.single("core_age_seconds", "gauge", "Since the core's last sign of life.",
               seconds(std::max<std::int64_t>(0, now_ns - model.heard_ns)));
    write_core(out, *model.sample);
  }
  write_stages(out, stages);
  write_instruments(out, model);
  write_money(out, model);
  out.family("rejects_by_rule_total", "counter", "Orders refused, by rule.");
  for (const auto& [rule, count] : model.rejects_by_rule) {
    out.row("rejects_by_rule_total", {{"rule", risk_rule_name(static_cast<RiskRule>(rule))}}, count);
  }
  out.family("predictions_total", "counter", "Predictions, by the model's slot.");
  for (const auto& [slot, count] : model.predictions_by_slot) {
    out.row("predictions_total", {{"slot", fmt::format("{}", slot)}}, count);
  }
  out.single("trades_known", "gauge", "Closed round trips that the gateway remembers.", model.trades.size());
  out.single("gateway_events_missed_total", "counter", "Events that were overwritten before the gateway read them.",
             model.missed);
  out.single("gateway_lapped_total", "counter", "Times that the core overtook the gateway.", model.lapped);
  out.single("gateway_websocket_clients", "gauge", "WebSocket clients.", facts.clients);
  out.single("gateway_uptime_seconds", "gauge", "Since the gateway started.", seconds(now_ns - facts.started_ns));
  write_machine(out, machine);
  write_breakers(out, facts.breakers);
  out.single("kill_latch_file", "gauge", "1 while a kill waits on disk.", facts.has_latch_file ? 1 : 0);
  return out.take();
}

}  // namespace thintail::gateway
