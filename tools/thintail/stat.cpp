// SPDX-License-Identifier: Apache-2.0
// `thintail stat`: attaches to a running core from another process and prints how it fares; the core does not notice.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/price/decimal.hpp"
#include "tools/monitor/core_sample.hpp"
#include "tools/report/report_text.hpp"
#include "tools/thintail/commands.hpp"

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

void print_text(const CoreSample& now, const CoreSample& before, double seconds) {
  const auto rate = [&](std::uint64_t a, std::uint64_t b) {
    return grouped(static_cast<std::uint64_t>(static_cast<double>(a - std::min(a, b)) / seconds));
  };
  const auto latency = std::ranges::find(now.stages, "tick_to_intent", &StageSample::name);
  const bool is_timed = latency != now.stages.end();
  std::string line = fmt::format(
      "{} epoch {}  {}  ticks/s {}  events/s {}  lag {}  not durable {}  tick-to-intent p50 {} ns p99 {} ns",
      name_of(now.state), now.epoch, now.engine_ns == 0 ? "-" : utc_text(now.engine_ns),
      rate(now.inputs, before.inputs), rate(now.events_head, before.events_head), now.streams.front().depth(),
      now.events_head - std::min(now.events_head, now.durable), is_timed ? latency->p50_ns : 0,
      is_timed ? latency->p99_ns : 0);
  for (const InstrumentSample& row : now.instruments) {
    if (!row.has_position) continue;
    line += fmt::format("  {} {} ({})", printable(row.name), format_decimal_e9(row.quantity_e9),
                        format_money_e18(row.realised_e18));
  }
  fmt::print("{}\n", line);
}

nlohmann::ordered_json json_of(const std::string& name, const RiskSample& risk) {
  const RiskStanding& at = risk.standing;
  const auto limit = [](std::int64_t value_e9) {  // null: none is set, and nothing passes
    return value_e9 < 0 ? nlohmann::ordered_json() : nlohmann::ordered_json(format_decimal_e9(value_e9));
  };
  const auto used = risk.used();
  return {{"instrument", name},
          {"position_with_working", format_decimal_e9(saturated(risk.worst_e9()))},
          {"max_position", limit(at.max_position_e9)},
          {"max_order_quantity", limit(at.max_order_quantity_e9)},
          {"orders_in_second", at.orders_in_second},
          {"max_orders_per_second", at.max_orders_per_second},
          {"used", used ? nlohmann::ordered_json(*used) : nlohmann::ordered_json()}};
}

void print_json(const CoreSample& now) {
  nlohmann::ordered_json root;
  root["schema"] = "thintail-stat/1";
  root["state"] = name_of(now.state);
  root["epoch"] = now.epoch;
  root["pid"] = now.pid;
  root["time_ns"] = std::to_string(now.engine_ns);
  root["ticks"] = now.inputs;
  root["events"] = now.events_head;
  root["durable"] = now.durable;
  root["lag"] = now.streams.front().depth();
  root["threads"] = nlohmann::ordered_json::array();
  for (const ThreadSample& thread : now.threads) {
    root["threads"].push_back({{"name", thread.name},
                               {"state", name_of(thread.state)},
                               {"cpu", thread.cpu},
                               {"work", thread.work},
                               {"idle", thread.idle},
                               {"last_progress_ns", std::to_string(thread.last_progress_ns)}});
  }
  root["quotes"] = nlohmann::ordered_json::array();
  root["positions"] = nlohmann::ordered_json::array();
  for (const InstrumentSample& row : now.instruments) {
    if (row.has_quote) {
      root["quotes"].push_back({{"instrument", row.name},
                                {"bid", format_decimal_e9(row.bid_e9, row.digits)},
                                {"ask", format_decimal_e9(row.ask_e9, row.digits)},
                                {"time_ns", std::to_string(row.quote_ns)}});
    }
    if (row.has_position) {
      root["positions"].push_back(
          {{"instrument", row.name},
           {"quantity", format_decimal_e9(row.quantity_e9)},
           {"realised", format_money_e18(row.realised_e18)},
           {"unrealised", row.unrealised_e18 ? nlohmann::ordered_json(format_money_e18(*row.unrealised_e18))
                                             : nlohmann::ordered_json()}});
    }
    if (row.risk) root["risk"]["limits"].push_back(json_of(row.name, *row.risk));
  }
  const shm::GateRow& gate = now.gate;
  root["risk"]["gate"] = {{"killed", (gate.flags & shm::kGateKilled) != 0},
                          {"paused", (gate.flags & shm::kGatePaused) != 0},
                          {"journal_lagging", (gate.flags & shm::kGateJournalLagging) != 0},
                          {"flattening", (gate.flags & shm::kGateFlattening) != 0},
                          {"intents", gate.intents},
                          {"rejects", gate.rejects},
                          {"last_rule", risk_rule_name(static_cast<RiskRule>(gate.last_rule))}};
  root["models"] = nlohmann::ordered_json::array();
  for (const ModelSample& model : now.models) {
    root["models"].push_back({{"slot", model.slot}, {"version", model.version}, {"sha256", model.sha256}});
    if (model.last) root["models"].back()["score"] = model.last->score;
  }
  root["observer"] = {{"lapped", now.observer.lapped}, {"missed", now.observer.missed}};
  for (const StageSample& stage : now.stages) {
    root["latency_ns"][stage.name] = {
        {"n", stage.count}, {"p50", stage.p50_ns}, {"p99", stage.p99_ns}, {"p999", stage.p999_ns}};
  }
  // Names from a damaged segment may be no UTF-8.
  fmt::print("{}\n", root.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

Result<ExitCode> stat(const StatArguments& arguments) {
  TT_TRY(const std::chrono::milliseconds interval, interval_of(arguments.interval));
  TT_TRY(CoreWatch core, CoreWatch::open(arguments.directory, arguments.instance));
  CoreSample before = core.sample();
  const double seconds = std::chrono::duration<double>(interval).count();
  for (std::uint64_t shown = 0; arguments.count == 0 || shown < arguments.count; ++shown) {
    // Looks every 100 ms whether a new epoch has replaced what we have mapped.
    for (auto waited = std::chrono::milliseconds(0); waited < interval;) {
      const auto step = std::min(interval - waited, std::chrono::milliseconds(100));
      std::this_thread::sleep_for(step);
      waited += step;
      if (core.follow()) before = core.sample();
      if (core.refusal()) return fail(*core.refusal());
    }
    CoreSample now = core.sample();
    if (arguments.json) {
      print_json(now);
    } else {
      print_text(now, before, seconds);
    }
    std::fflush(stdout);
    if (now.state == CoreState::stopped) break;
    before = std::move(now);
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
