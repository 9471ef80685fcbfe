// SPDX-License-Identifier: Apache-2.0
#include "tools/report/report_text.hpp"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

namespace thintail {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;

std::string percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? "-" : fmt::format("{:.2f} %", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string duration_text(std::int64_t ns) {
  if (ns < 10'000) return fmt::format("{} ns", ns);
  if (ns < 10'000'000) return fmt::format("{:.1f} us", static_cast<double>(ns) / 1e3);
  return fmt::format("{:.1f} ms", static_cast<double>(ns) / 1e6);
}

std::string signed_money(i128 e18) {
  const std::string text = format_money_e18(e18, 2);
  return text.starts_with('-') ? text : "+" + text;
}

std::string money_line(std::string_view name, const RunReport::Money& money, std::string_view currency,
                       std::uint64_t fills) {
  return fmt::format("  {:<24} {:>14} {:<4} {:>8} fills   max drawdown {:>12}   commission {:>10}\n", name,
                     signed_money(money.pnl_e18), currency, grouped(fills), format_money_e18(money.drawdown_max_e18, 2),
                     format_money_e18(money.commission_e18, 2));
}

void section(std::string& out, std::string_view title) { out += fmt::format("\n{}\n", title); }

}  // namespace

std::string utc_text(std::int64_t utc_ns, int fraction_digits) {
  using namespace std::chrono;
  const sys_time<nanoseconds> time{nanoseconds{utc_ns}};
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                                 static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                                 clock.hours().count(), clock.minutes().count(), clock.seconds().count());
  if (fraction_digits > 0) {
    text += "." + fmt::format("{:09}", clock.subseconds().count()).substr(0, static_cast<std::size_t>(fraction_digits));
  }
  return text + "Z";
}

std::string grouped(std::uint64_t value) {
  std::string digits = std::to_string(value);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

std::string span_text(std::int64_t span_ns) {
  const std::int64_t seconds = span_ns / kSecondNs;
  const std::string clock = fmt::format("{:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
  return seconds >= 86'400 ? fmt::format("{} d {}", seconds / 86'400, clock) : clock;
}

std::string report_text(const ReportInput& input) {
  const RunReport& run = *input.run;
  std::string out;
  out += fmt::format("{}\n{}\n", input.title, std::string(input.title.size(), '='));
  out +=
      fmt::format("  source      {}{}\n", input.source, run.is_simulated() ? "  SIMULATED MARKET: no real prices" : "");
  out += fmt::format("  strategy    {}\n", input.strategy);
  if (run.count(EventType::tick) != 0) {
    out += fmt::format("  span        {} to {}  ({})\n", utc_text(run.first_ns()), utc_text(run.last_ns()),
                       span_text(run.last_ns() - run.first_ns()));
  }
  if (input.wall_s > 0) {
    out += fmt::format(
        "  run time    {:.2f} s, {} ticks/s, isa {}\n", input.wall_s,
        grouped(static_cast<std::uint64_t>(static_cast<double>(run.count(EventType::tick)) / input.wall_s)), input.isa);
  }

  section(out, "Market");
  out += fmt::format("  {:<18} {:>12} {:>14} {:>10} {:>10} {:>10}\n", "instrument", "ticks", "median spread", "crossed",
                     "locked", "M1 bars");
  for (std::size_t id = 0; id < run.rows().size(); ++id) {
    const auto& row = run.rows()[id];
    if (row.ticks == 0) continue;
    const Instrument& instrument = run.instruments()[static_cast<InstrumentId>(id)];
    out += fmt::format("  {:<18} {:>12} {:>14} {:>10} {:>10} {:>10}\n", instrument.name(), grouped(row.ticks),
                       format_decimal_e9(row.median_spread_e9(), instrument.digits), percent(row.crossed, row.ticks),
                       percent(row.locked, row.ticks), grouped(row.bars_m1));
  }
  if (input.feed && (input.feed->bad_rows != 0 || input.feed->backwards != 0)) {
    out += fmt::format("  warning: {} bad rows skipped, {} backward times held\n", grouped(input.feed->bad_rows),
                       grouped(input.feed->backwards));
    if (input.feed->first_bad_row) out += fmt::format("  first: {}\n", input.feed->first_bad_row->message());
  }
  if (run.venue_clamps() != 0)
    out +=
        fmt::format("  warning: {} venue times held: before the instrument's last or over 60 s ahead of the engine\n",
                    grouped(run.venue_clamps()));
  if (run.lost_inputs() != 0)
    out += fmt::format("  warning: {} ticks lost before the engine\n", grouped(run.lost_inputs()));

  section(out, "Decisions");
  out += fmt::format("  bars {}   predictions {} ({} valid)   signals {}   intents {}   fills {}\n",
                     grouped(run.count(EventType::bar)), grouped(run.count(EventType::prediction)),
                     grouped(run.valid_predictions()), grouped(run.count(EventType::signal)),
                     grouped(run.count(EventType::intent)), grouped(run.count(EventType::fill)));
  out += fmt::format("  rejects {}", grouped(run.count(EventType::reject)));
  for (std::size_t rule = 1; rule < kRiskRuleCount; ++rule) {
    if (const auto n = run.rejects(static_cast<RiskRule>(rule)); n != 0) {
      out += fmt::format("   {} {}", risk_rule_name(static_cast<RiskRule>(rule)), grouped(n));
    }
  }
  out += "\n";
  if (input.swaps) {
    out += fmt::format("  model swaps {}: flip {} p50, {} longest; next input {}, {}; made ready in {} p50\n",
                       grouped(input.swaps->swaps), duration_text(static_cast<std::int64_t>(input.swaps->flip_p50_ns)),
                       duration_text(static_cast<std::int64_t>(input.swaps->flip_max_ns)),
                       duration_text(static_cast<std::int64_t>(input.swaps->next_p50_ns)),
                       duration_text(static_cast<std::int64_t>(input.swaps->next_max_ns)),
                       duration_text(static_cast<std::int64_t>(input.swaps->prepare_p50_us * 1000)));
  }

  section(out, "Profit and loss, after spread and commission");
  if (run.money().empty()) out += "  no fills\n";
  for (const auto& [currency, money] : run.money()) {
    out += money_line("this run", money, currency, run.count(EventType::fill));
    for (const BaselineRow& baseline : input.baselines) {
      const auto found = baseline.money.find(currency);
      out += money_line(baseline.name, found == baseline.money.end() ? RunReport::Money{} : found->second, currency,
                        baseline.fills);
    }
  }

  if (!input.latency.empty()) {
    section(out, "Latency by stage");
    out += fmt::format("  {:<24} {:>12} {:>10} {:>10} {:>10} {:>10}\n", "stage", "count", "p50", "p90", "p99", "p99.9");
    for (const LatencyRow& row : input.latency) {
      out += fmt::format("  {:<24} {:>12} {:>10} {:>10} {:>10} {:>10}\n", row.stage, grouped(row.count),
                         duration_text(row.p50_ns), duration_text(row.p90_ns), duration_text(row.p99_ns),
                         duration_text(row.p999_ns));
    }
    if (!input.latency_note.empty()) out += fmt::format("  {}\n", input.latency_note);
    if (input.jitter) {
      out += fmt::format(
          "  this machine alone, spinning: {:.0f} gaps/s over 1 us, {:.0f} over 10 us, {:.0f} over 100 us, longest "
          "{}\n",
          input.jitter->over_1us_per_s, input.jitter->over_10us_per_s, input.jitter->over_100us_per_s,
          duration_text(input.jitter->max_ns));
    }
  }

  section(out, "Decision hash");
  out += fmt::format("  {}  over {} outputs\n", to_hex(input.decision_hash), grouped(input.hashed_outputs));

  if (!input.next_steps.empty()) {
    section(out, "Next");
    for (const std::string& step : input.next_steps) out += fmt::format("  {}\n", step);
  }
  return out;
}

std::string report_json(const ReportInput& input) {
  using nlohmann::ordered_json;
  const RunReport& run = *input.run;
  const auto money_json = [](const std::map<std::string, RunReport::Money>& by_currency) {
    ordered_json out = ordered_json::object();
    for (const auto& [currency, money] : by_currency) {
      out[currency] = {{"pnl", format_money_e18(money.pnl_e18, 6)},
                       {"commission", format_money_e18(money.commission_e18, 6)},
                       {"max_drawdown", format_money_e18(money.drawdown_max_e18, 6)}};
    }
    return out;
  };
  ordered_json root;
  root["schema"] = "thintail-report/1";
  root["source"] = input.source;
  root["strategy"] = input.strategy;
  root["simulated"] = run.is_simulated();
  root["ticks"] = run.count(EventType::tick);
  root["first_ns"] = std::to_string(run.first_ns());
  root["last_ns"] = std::to_string(run.last_ns());
  for (std::size_t id = 0; id < run.rows().size(); ++id) {
    const auto& row = run.rows()[id];
    const Instrument& instrument = run.instruments()[static_cast<InstrumentId>(id)];
    root["instruments"].push_back({{"name", instrument.name()},
                                   {"ticks", row.ticks},
                                   {"median_spread", format_decimal_e9(row.median_spread_e9(), instrument.digits)},
                                   {"crossed", row.crossed},
                                   {"locked", row.locked},
                                   {"bars_m1", row.bars_m1},
                                   {"fills", row.fills},
                                   {"position", format_decimal_e9(row.holding.quantity_e9())}});
  }
  static constexpr std::pair<const char*, EventType> kCounted[] = {
      {"bars", EventType::bar},       {"predictions", EventType::prediction}, {"signals", EventType::signal},
      {"intents", EventType::intent}, {"rejects", EventType::reject},         {"fills", EventType::fill},
      {"timers", EventType::timer}};
  for (const auto& [name, type] : kCounted) root[name] = run.count(type);
  root["valid_predictions"] = run.valid_predictions();
  for (std::size_t rule = 1; rule < kRiskRuleCount; ++rule) {
    if (const auto n = run.rejects(static_cast<RiskRule>(rule)); n != 0) {
      root["rejects_by_rule"][std::string(risk_rule_name(static_cast<RiskRule>(rule)))] = n;
    }
  }
  root["money"] = money_json(run.money());
  for (const BaselineRow& row : input.baselines) {
    root["baselines"].push_back(
        {{"name", row.name}, {"intents", row.intents}, {"fills", row.fills}, {"money", money_json(row.money)}});
  }
  for (const LatencyRow& row : input.latency) {
    root["latency_ns"].push_back({{"stage", row.stage},
                                  {"n", row.count},
                                  {"p50", row.p50_ns},
                                  {"p90", row.p90_ns},
                                  {"p99", row.p99_ns},
                                  {"p999", row.p999_ns}});
  }
  if (input.jitter) {
    root["machine_jitter"] = {{"over_1us_per_s", input.jitter->over_1us_per_s},
                              {"over_10us_per_s", input.jitter->over_10us_per_s},
                              {"over_100us_per_s", input.jitter->over_100us_per_s},
                              {"max_ns", input.jitter->max_ns}};
  }
  if (input.swaps) {
    const SwapTimes& times = *input.swaps;
    root["model_swaps"] = {{"swaps", times.swaps},
                           {"flip_p50_ns", times.flip_p50_ns},
                           {"flip_max_ns", times.flip_max_ns},
                           {"next_input_p50_ns", times.next_p50_ns},
                           {"next_input_max_ns", times.next_max_ns},
                           {"prepare_p50_us", times.prepare_p50_us}};
  }
  if (input.feed) {
    root["feed"] = {{"rows", input.feed->rows},           {"bad_rows", input.feed->bad_rows},
                    {"crossed", input.feed->crossed},     {"locked", input.feed->locked},
                    {"backwards", input.feed->backwards}, {"same_time", input.feed->same_time}};
  }
  root["venue_clamps"] = run.venue_clamps();
  root["lost_inputs"] = run.lost_inputs();
  root["isa"] = input.isa;
  root["wall_s"] = input.wall_s;
  root["outputs"] = input.hashed_outputs;
  root["decision_hash"] = to_hex(input.decision_hash);
  return root.dump(2) + "\n";
}

}  // namespace thintail
