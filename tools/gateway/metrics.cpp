// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/metrics.hpp"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cmath>
#include <iterator>

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
      fmt::format_to(std::back_inserter(out_), "{}{}=\"{}\"", separator, label, escaped(text));
      separator = ',';
    }
    if (separator == ',') out_ += '}';
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

void write_stages(Writer& out, const std::vector<StageHistory>& stages) {
  out.family("stage_seconds", "histogram", "Where the time of a tick goes, by stage.");
  for (const StageHistory& stage : stages) {
    std::uint64_t below = 0;
    std::uint32_t bucket = 0;
    for (unsigned power = kFirstPower; power <= kLastPower; ++power) {
      const std::uint64_t end = std::uint64_t{1} << power;
      for (; bucket < kHistogramBuckets && histogram_bucket_high(bucket) <= end; ++bucket) {
        below += stage.run.counts[bucket];
      }
      out.row("stage_seconds_bucket",
              {{"stage", stage.name}, {"le", fmt::format("{:g}", static_cast<double>(end) / 1e9)}}, below);
    }
    out.row("stage_seconds_bucket", {{"stage", stage.name}, {"le", "+Inf"}}, stage.run.count);
    out.row("stage_seconds_sum", {{"stage", stage.name}}, static_cast<double>(stage.run.total_ns) / 1e9);
    out.row("stage_seconds_count", {{"stage", stage.name}}, stage.run.count);
  }
}

void write_core(Writer& out, const CoreSample& core) {
  out.single("inputs_total", "counter", "Inputs that the engine took in this epoch.", core.inputs);
  out.single("events_head", "gauge", "Sequence of the newest event.", core.events_head);
  out.single("durable_sequence", "gauge", "Last sequence that a power loss would not take.", core.durable);
  out.single("journal_lag_events", "gauge", "Published events that are not durable yet.",
             core.events_head - std::min(core.events_head, core.durable));
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
      if (const auto known = value(at)) out.row(name, {{"instrument", at.name}}, *known);
    }
  };
  each("ticks_total", "counter", "Ticks of an instrument.",
       [](const InstrumentModel& at) { return std::optional<std::uint64_t>(at.ticks_seen); });
  each("quote_age_seconds", "gauge", "Engine time since the newest quote.", [&](const InstrumentModel& at) {
    return at.has_quote ? std::optional(seconds(std::max<std::int64_t>(0, model.time_ns - at.tick.time_ns)))
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

std::string metrics_text(const CoreModel& model, const std::vector<StageHistory>& stages, const GatewayFacts& facts,
                         std::int64_t now_ns) {
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
               seconds(std::max<std::int64_t>(0, now_ns - model.sample->heartbeat_ns)));
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
  out.single("kill_latch_file", "gauge", "1 while a kill waits on disk.", facts.has_latch_file ? 1 : 0);
  return out.take();
}

}  // namespace thintail::gateway
