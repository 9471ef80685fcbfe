// SPDX-License-Identifier: Apache-2.0
// rest_quotes, rest_quotes_varied: GET /api/v1/quotes/{symbol} with an API key, over 16 connections kept alive, while a thousand
// ticks a second come in: how many a second wrk gets, of one instrument and of three in turn, and how long each takes when 10,000 are due
// every second. Controls in turn: nginx and an empty Beast server with a body of the same size.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "bench/gateway/load.hpp"
#include "bench/gateway/suite.hpp"
#include "bench/harness/pinned.hpp"

namespace thintail::bench {
namespace {

constexpr int kRepetitions = 7;
constexpr int kVariedRepetitions = 4;
constexpr int kPacedRepetitions = 3;
constexpr unsigned kConnections = 16;
constexpr double kTicksPerS = 1'000;
constexpr double kRequestsPerS = 10'000;
constexpr std::uint64_t kPacedRequests = 10'000;
constexpr std::uint64_t kCompared = 300;
constexpr const char* kPath = "/api/v1/quotes/XAUUSD";
const std::vector<std::string> kSame = {kPath};
// The gateway remembers a connection's last request: here it is another one each time.
const std::vector<std::string> kVaried = {kPath, "/api/v1/quotes/EURUSD", "/api/v1/quotes/BTCUSD"};

std::uint64_t unsigned_of(const nlohmann::json& quote, const char* name) {
  return quote.contains(name) && quote[name].is_string()
             ? std::strtoull(quote[name].get_ref<const std::string&>().c_str(), nullptr, 10)
             : 0;
}

// Whether a reply tells the tick that was appended under its sequence.
bool is_of_source(const BenchCore& core, const std::string& body, bool mutant) {
  const auto reply = nlohmann::json::parse(body, nullptr, false);
  if (!reply.is_object() || !reply.contains("quote")) return false;
  const auto& quote = reply["quote"];
  const PublishedTick* row = core.find(unsigned_of(quote, "sequence"));
  return row != nullptr && quote.value("instrument", "") == BenchCore::instrument_name(row->instrument) &&
         unsigned_of(quote, "bid_e9") == static_cast<std::uint64_t>(row->bid_e9) + (mutant ? 1 : 0) &&
         unsigned_of(quote, "ask_e9") == static_cast<std::uint64_t>(row->ask_e9) &&
         unsigned_of(quote, "time_ns") == static_cast<std::uint64_t>(row->time_ns) &&
         unsigned_of(quote, "source_sequence") == row->source_sequence;
}

Result<std::string> compare_with_source(Stage& stage, const Options& options) {
  const std::uint64_t total = options.iterations_or(kCompared);
  std::uint64_t equal = 0;
  for (std::uint64_t i = 0; i < total; ++i) {
    stage.core->publish();
    TT_TRY(const HttpReply reply, stage.gateway->get(kPath));
    equal += reply.status == 200 && is_of_source(*stage.core, reply.body, options.mutant);
  }
  return all_equal(equal, total, "quotes with the ticks of their sequences");
}

// What wrk got, a sample a repetition.
struct Throughput {
  std::vector<double> rates = {};
  std::vector<double> cpu_us = {};  // of a request
};

// One server under test, and what was measured of it.
struct Contestant {
  std::string name;
  std::uint16_t port = 0;
  std::string token = {};
  std::string token_file = {};
  std::string absent = {};
  std::vector<pid_t> pids = {};
  Throughput same = {};
  Throughput varied = {};
  std::vector<double> latencies_us = {};
  std::uint64_t replies = 0;
  std::uint64_t failed = 0;
};

Result<void> measure_rate(Contestant& one, const std::vector<std::string>& paths, Throughput& out, const Stage& stage,
                          Pacer& pacer) {
  const double before_us = cpu_us(one.pids);
  TT_TRY(const WrkReport report, run_wrk(*stage.disk, cpu_share().clients, one.port, paths, one.token, kConnections,
                                         [&] { pacer.catch_up(); }));
  out.rates.push_back(report.requests_per_s);
  out.cpu_us.push_back((cpu_us(one.pids) - before_us) / std::max(1.0, static_cast<double>(report.requests)));
  one.replies += report.requests;
  one.failed += report.failed;
  return {};
}

Result<void> measure_latency(Contestant& one, const Stage& stage, Pacer& pacer, std::uint64_t requests) {
  std::vector<std::string> arguments{"http",
                                     "--port",
                                     fmt::format("{}", one.port),
                                     "--path",
                                     kPath,
                                     "--clients",
                                     fmt::format("{}", kConnections),
                                     "--rate",
                                     fmt::format("{}", kRequestsPerS),
                                     "--requests",
                                     fmt::format("{}", requests)};
  if (!one.token_file.empty()) arguments.insert(arguments.end(), {"--token-file", one.token_file});
  TT_TRY(const auto clients, Clients::start(*stage.disk, std::move(arguments)));
  while (!clients->child().has_ended()) {
    pacer.catch_up();
    sleep_us(1'000);
  }
  const std::vector<double> samples = clients->samples();
  one.latencies_us.insert(one.latencies_us.end(), samples.begin(), samples.end());
  one.replies += requests;
  one.failed += requests - clients->page().good_replies.value();
  return {};
}

std::string note_of(const CpuShare& cpus) {
  return fmt::format(
      "API key and rate limit on; {:.0f} ticks a second come in meanwhile; {}", kTicksPerS,
      cpus.are_apart() ? "servers on one CPU, whoever asks on another" : "servers and those who ask share the one CPU");
}

}  // namespace

Result<std::vector<CaseResult>> rest_quotes(const Options& options) {
  TT_TRY(Stage stage, Stage::set());
  const Pinned pinned(cpu_share().clients);
  TT_TRY(const HttpReply sample, stage.gateway->get(kPath));
  std::vector<Contestant> all(1);
  all[0] = {.name = "ours",
            .port = stage.gateway->port(),
            .token = stage.gateway->token(),
            .token_file = stage.gateway->token_file()};
  all[0].pids = {stage.gateway->pid()};
  std::optional<PeerServer> nginx;
  std::optional<PeerServer> beast;
  std::string compared;
  if (!options.ours_alone) {
    TT_TRY(compared, compare_with_source(stage, options));
    auto started = start_nginx(*stage.disk, sample.body.size());
    if (!started && started.error().code != ErrorCode::peer_absent) return fail(started.error());
    all.push_back({.name = kNginx, .absent = started ? "" : kNginxAbsent});
    if (started) {
      nginx.emplace(std::move(*started));
      all.back().port = nginx->port;
      all.back().pids = nginx->pids();
    }
    TT_TRY(PeerServer empty, start_beast(*stage.disk, {.body_bytes = sample.body.size()}));
    beast.emplace(std::move(empty));
    all.push_back({.name = kBeast, .port = beast->port});
    all.back().pids = beast->pids();
  }
  Pacer pacer(*stage.core, kTicksPerS);
  bool has_wrk = true;
  const auto measure_rates = [&](const std::vector<std::string>& paths, Throughput Contestant::* out,
                                 int repetitions) -> Result<void> {
    for (int repetition = 0; repetition < options.repetitions(repetitions) && has_wrk; ++repetition) {
      for (Contestant& one : all) {
        if (!one.absent.empty()) continue;
        const auto measured = measure_rate(one, paths, one.*out, stage, pacer);
        if (!measured && measured.error().code != ErrorCode::peer_absent) return measured;
        has_wrk = has_wrk && measured.has_value();
      }
    }
    return {};
  };
  TT_TRY_VOID(measure_rates(kSame, &Contestant::same, kRepetitions));
  TT_TRY_VOID(measure_rates(kVaried, &Contestant::varied, kVariedRepetitions));
  for (int repetition = 0; repetition < options.repetitions(kPacedRepetitions); ++repetition) {
    for (Contestant& one : all) {
      if (one.absent.empty()) {
        TT_TRY_VOID(measure_latency(one, stage, pacer, options.iterations_or(kPacedRequests)));
      }
    }
  }
  for (const Contestant& one : all) {
    if (one.absent.empty()) {
      TT_TRY_VOID(all_equal(one.replies - one.failed, one.replies, "replies that were 200 of " + one.name));
    }
  }
  const std::string note = note_of(cpu_share());
  std::vector<CaseResult> results;
  for (const bool is_same : {true, false}) {
    const auto out = is_same ? &Contestant::same : &Contestant::varied;
    const std::string name = is_same ? "rest_quotes" : "rest_quotes_varied";
    const std::string what =
        is_same ? "" : "three instruments in turn, so that no connection asks the same twice in a row; ";
    CaseResult rate{.name = name,
                    .unit = "req/s",
                    .lower_is_better = false,
                    .ours = stats_of((all[0].*out).rates, false),
                    .target = is_same ? ">= 0.9 x nginx" : "stated",
                    .note = has_wrk ? what + note : kWrkAbsent};
    CaseResult cpu{.name = name + "_cpu",
                   .unit = "us",
                   .ours = stats_of((all[0].*out).cpu_us),
                   .target = rate.target,
                   .note = has_wrk ? what +
                                         "the server's time on a CPU for each of those requests, kernel and all "
                                         "threads included: holds on "
                                         "a busy machine too, where the rates are what is left of it"
                                   : kWrkAbsent};
    for (CaseResult* const row : {&rate, &cpu}) {
      if (options.ours_alone) row->add_left_out(kNginx);
    }
    for (std::size_t i = 1; i < all.size(); ++i) {
      const std::string why = !all[i].absent.empty() ? all[i].absent : has_wrk ? "" : kWrkAbsent;
      if (why.empty()) {
        rate.add_peer(all[i].name, stats_of((all[i].*out).rates, false), compared);
        cpu.add_peer(all[i].name, stats_of((all[i].*out).cpu_us), compared);
      } else {
        rate.add_absent(all[i].name, why);
        cpu.add_absent(all[i].name, why);
      }
    }
    results.push_back(std::move(rate));
    results.push_back(std::move(cpu));
  }
  CaseResult paced{.name = "rest_quotes_10k",
                   .unit = "us",
                   .ours = stats_of(all[0].latencies_us),
                   .target = "p99 < 5000",
                   .note = fmt::format("{:.0f} requests due every second, each timed from when it was due; {}",
                                       kRequestsPerS, note)};
  if (options.ours_alone) paced.add_left_out(kNginx);
  for (std::size_t i = 1; i < all.size(); ++i) {
    if (all[i].absent.empty()) {
      paced.add_peer(all[i].name, stats_of(all[i].latencies_us), compared);
    } else {
      paced.add_absent(all[i].name, all[i].absent);
    }
  }
  results.push_back(std::move(paced));
  return results;
}

}  // namespace thintail::bench
