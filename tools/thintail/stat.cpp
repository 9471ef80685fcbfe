// SPDX-License-Identifier: Apache-2.0
// `thintail stat`: attaches to a running core from another process and prints how it fares; the core does not notice.
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/price/decimal.hpp"
#include "shm/segment/core_segment.hpp"
#include "tools/report/report_text.hpp"
#include "tools/thintail/commands.hpp"
#include "tools/thintail/run_options.hpp"

namespace thintail {
namespace {

struct StatArguments {
  std::string instance = "default";
  std::string directory = "/dev/shm";
  std::string interval = "1s";
  std::uint64_t count = 0;
  bool json = false;
};

Result<std::chrono::milliseconds> interval_of(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (fault != std::errc{} || number <= 0 || (unit != "s" && unit != "ms")) {
    return fail({.code = ErrorCode::usage,
                 .doing = "reading --interval",
                 .expected = "a number and s or ms, e.g. 1s",
                 .found = '"' + printable(text) + '"'});
  }
  return std::chrono::milliseconds(unit == "s" ? number * 1000 : number);
}

// One look at the core.
struct Sample {
  std::uint64_t events = 0;
  std::uint64_t ticks = 0;
  std::uint64_t durable = 0;
  shm::ProgressRow progress{};
};

Sample sample_of(const shm::CoreView& core) {
  Sample sample;
  sample.events = core->events->head();
  sample.ticks = core->ticks->head();
  sample.durable = core->run->durable();
  static_cast<void>(core->run->progress.load(sample.progress));  // unreadable: the last known stays zero
  return sample;
}

std::string_view state_of(const shm::CoreView& core) {
  if (core.segment().state() == shm::SegmentState::stopped) return "stopped";
  if (!core.segment().is_current()) return "stale";  // its name leads elsewhere: whoever writes now, writes another one
  return core.segment().writer_is_alive() ? "running" : "dead";
}

std::string_view name_of(shm::ThreadState state) {
  static constexpr std::array<std::string_view, 6> kNames = {"absent",   "starting", "running",
                                                             "stopping", "stopped",  "failed"};
  const auto index = static_cast<std::size_t>(state);
  return index < kNames.size() ? kNames[index] : "unknown";
}

std::uint64_t slowest_gate(const shm::Stream& stream) {
  std::uint64_t lag = 0;
  for (const shm::Gate& gate : stream.gates()) {
    if (gate.is_active()) lag = std::max(lag, stream.head() - std::min(stream.head(), gate.consumed()));
  }
  return lag;
}

struct PositionLine {
  std::string instrument;
  std::string quantity;
  std::string realised;
};

std::vector<PositionLine> positions_of(const shm::CoreView& core) {
  std::vector<PositionLine> lines;
  for (std::uint64_t id = 0; id < core->instruments->size(); ++id) {
    shm::PositionRow row{};
    if (id >= core->positions->rows() || !(*core->positions)[id].load(row) || row.time_ns == 0) continue;
    lines.push_back({std::string((*core->instruments)[id].name.view()), format_decimal_e9(row.quantity_e9),
                     format_money_e18(from_words(row.realised_low, row.realised_high))});
  }
  return lines;
}

void print_text(const shm::CoreView& core, const Sample& now, const Sample& before, double seconds) {
  const auto rate = [&](std::uint64_t a, std::uint64_t b) {
    return grouped(static_cast<std::uint64_t>(static_cast<double>(a - std::min(a, b)) / seconds));
  };
  const HistogramSnapshot latency = core->stage(shm::Stage::tick_to_intent).snapshot();
  std::string line = fmt::format(
      "{} epoch {}  {}  ticks/s {}  events/s {}  lag {}  not durable {}  tick-to-intent p50 {} ns p99 {} ns",
      state_of(core), core.segment().header().epoch, now.progress.time_ns == 0 ? "-" : utc_text(now.progress.time_ns),
      rate(now.progress.inputs, before.progress.inputs), rate(now.events, before.events), slowest_gate(*core->events),
      now.events - std::min(now.events, now.durable), latency.percentile_ns(50), latency.percentile_ns(99));
  for (const PositionLine& position : positions_of(core)) {
    line += fmt::format("  {} {} ({})", position.instrument, position.quantity, position.realised);
  }
  fmt::print("{}\n", line);
}

void print_json(const shm::CoreView& core, const Sample& now) {
  nlohmann::ordered_json root;
  root["schema"] = "thintail-stat/1";
  root["state"] = state_of(core);
  root["epoch"] = core.segment().header().epoch;
  root["pid"] = core.segment().header().writer_pid;
  root["time_ns"] = std::to_string(now.progress.time_ns);
  root["ticks"] = now.progress.inputs;
  root["events"] = now.events;
  root["durable"] = now.durable;
  root["lag"] = slowest_gate(*core->events);
  root["threads"] = nlohmann::ordered_json::array();
  for (std::uint64_t row = 0; row < core->health->rows(); ++row) {
    shm::HealthRow health{};
    if (!(*core->health)[row].load(health) || health.state == shm::ThreadState::absent) continue;
    root["threads"].push_back({{"name", health.name.view()},
                               {"state", name_of(health.state)},
                               {"cpu", health.cpu},
                               {"work", health.work_count},
                               {"idle", health.idle_count},
                               {"last_progress_ns", std::to_string(health.last_progress_ns)}});
  }
  root["quotes"] = nlohmann::ordered_json::array();
  for (std::uint64_t id = 0; id < core->instruments->size(); ++id) {
    shm::QuoteRow quote{};
    if (id >= core->quotes->rows() || !(*core->quotes)[id].load(quote) || quote.ticks == 0) continue;
    const shm::InstrumentNameRow& name = (*core->instruments)[id];
    root["quotes"].push_back({{"instrument", name.name.view()},
                              {"bid", format_decimal_e9(quote.bid_e9, name.digits)},
                              {"ask", format_decimal_e9(quote.ask_e9, name.digits)},
                              {"time_ns", std::to_string(quote.time_ns)}});
  }
  root["positions"] = nlohmann::ordered_json::array();
  for (const PositionLine& line : positions_of(core)) {
    root["positions"].push_back(
        {{"instrument", line.instrument}, {"quantity", line.quantity}, {"realised", line.realised}});
  }
  for (std::size_t stage = 0; stage < shm::kStageNames.size(); ++stage) {
    const HistogramSnapshot seen = core->stages[stage].snapshot();
    if (seen.count == 0) continue;
    root["latency_ns"][std::string(shm::kStageNames[stage])] = {{"n", seen.count},
                                                                {"p50", seen.percentile_ns(50)},
                                                                {"p99", seen.percentile_ns(99)},
                                                                {"p999", seen.percentile_ns(99.9)}};
  }
  fmt::print("{}\n", root.dump());
}

Result<ExitCode> stat(const StatArguments& arguments) {
  TT_TRY(const std::chrono::milliseconds interval, interval_of(arguments.interval));
  TT_TRY(shm::CoreView core, shm::CoreView::open(arguments.directory, arguments.instance));
  Sample before = sample_of(core);
  const double seconds = std::chrono::duration<double>(interval).count();
  for (std::uint64_t shown = 0; arguments.count == 0 || shown < arguments.count; ++shown) {
    // Looks every 100 ms whether a new epoch has replaced what we have mapped.
    for (auto waited = std::chrono::milliseconds(0); waited < interval;) {
      const auto step = std::min(interval - waited, std::chrono::milliseconds(100));
      std::this_thread::sleep_for(step);
      waited += step;
      if (core.segment().is_current()) continue;
      if (auto reopened = shm::CoreView::open(arguments.directory, arguments.instance)) {
        core = std::move(*reopened);
        before = sample_of(core);
      }
    }
    const Sample now = sample_of(core);
    if (arguments.json) {
      print_json(core, now);
    } else {
      print_text(core, now, before, seconds);
    }
    std::fflush(stdout);
    before = now;
    if (state_of(core) == "stopped") break;
  }
  return ExitCode::ok;
}

}  // namespace

void add_stat(CLI::App& app, Action& chosen) {
  auto* command =
      app.add_subcommand("stat", "Attaches to a running core and prints how it fares, a line each interval");
  auto arguments = std::make_shared<StatArguments>();
  command->add_option("--instance", arguments->instance, "Which core");
  command->add_option("--shm-directory", arguments->directory, "Where its segment lies");
  command->add_option("--interval", arguments->interval, "Time between lines, e.g. 1s or 250ms");
  command->add_option("--count", arguments->count, "End after this many lines; 0: when the core ends");
  command->add_flag("--json", arguments->json, "One JSON object a line");
  command->callback([arguments, &chosen] { chosen = [arguments] { return stat(*arguments); }; });
}

}  // namespace thintail
