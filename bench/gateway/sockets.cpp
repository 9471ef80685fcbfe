// SPDX-License-Identifier: Apache-2.0
// ws_fanout_100, ws_clients_1000, ws_stalled_100, event_to_socket: WebSockets of another process, every update of which is counted by its
// sequence. Latency runs from the time that stands in the event, which is taken right before it is appended, to the end of the
// client's recv(). Control: a Beast server that sends updates of the same size and checks nothing.
#include <fmt/format.h>

#include <algorithm>

#include "bench/gateway/load.hpp"
#include "bench/gateway/suite.hpp"
#include "bench/harness/pinned.hpp"

namespace thintail::bench {
namespace {

constexpr std::size_t kUpdateBytes = 420;  // one quote in a message of its own
constexpr const char* kTarget100k = ">= 100000 updates/s";

// --- fan-out -----------------------------------------------------------------------------------------------------------------

constexpr unsigned kFanout = 100;
constexpr std::uint64_t kWindow = 1'024;  // ticks that the slowest client may be behind: its queue holds twice as many
constexpr std::int64_t kFanoutMs = 1'200;
constexpr int kFanoutRepetitions = 5;

struct Rate {
  double updates_per_s = 0;
  double frames_per_s = 0;
  double distinct_per_s = 0;
};

// Ticks are appended as fast as the slowest client takes them, for a while, or until there were `distinct_max`.
Result<Rate> fan_out(Stage& stage, Clients& clients, std::uint64_t distinct_max) {
  BenchCore& core = *stage.core;
  const ClientTotals before = totals(clients.page(), kFanout);
  const std::uint64_t first = core.last_sequence();
  const std::int64_t begin_ns = utc_ns();
  const std::int64_t end_ns = begin_ns + kFanoutMs * 1'000'000;
  for (std::int64_t now_ns = begin_ns; now_ns < end_ns && core.last_sequence() - first < distinct_max;
       now_ns = utc_ns()) {
    const std::uint64_t until = std::min(totals(clients.page(), kFanout).last_min + kWindow, first + distinct_max);
    while (core.last_sequence() < until) core.publish();
    sleep_us(200);
  }
  const std::uint64_t last = core.last_sequence();
  // What is on its way still counts, and so does its time.
  TT_TRY_VOID(await(
      [&] {
        core.beat();
        return totals(clients.page(), kFanout).last_min >= last;
      },
      "the last update at every client"));
  const double seconds = static_cast<double>(utc_ns() - begin_ns) / 1e9;
  const ClientTotals after = totals(clients.page(), kFanout);
  return Rate{static_cast<double>(after.updates - before.updates) / seconds,
              static_cast<double>(after.frames - before.frames) / seconds, static_cast<double>(last - first) / seconds};
}

Result<Rate> fan_out_beast(const Stage& stage, std::int64_t milliseconds, ClientTotals& sum) {
  TT_TRY(const PeerServer beast, start_beast(*stage.disk, {.update_bytes = kUpdateBytes}));
  TT_TRY(const auto clients, start_websockets(*stage.disk, {.port = beast.port, .clients = kFanout}, [] {}));
  const ClientTotals before = totals(clients->page(), kFanout);
  const std::int64_t begin_ns = utc_ns();
  sleep_us(milliseconds * 1'000);
  const ClientTotals after = totals(clients->page(), kFanout);
  const double seconds = static_cast<double>(utc_ns() - begin_ns) / 1e9;
  sum.updates += after.updates;
  sum.missed += after.missed;
  return Rate{static_cast<double>(after.updates - before.updates) / seconds,
              static_cast<double>(after.frames - before.frames) / seconds, 0};
}

// --- latency -----------------------------------------------------------------------------------------------------------------

// From publishing at a rate for a while; every client must have got every tick of it.
Result<std::vector<double>> latencies(Stage& stage, Clients& clients, unsigned count, double ticks_per_s,
                                      std::int64_t milliseconds, bool is_random = false) {
  clients.page().is_measuring.set(1);
  Pacer pacer(*stage.core, ticks_per_s, is_random);
  pacer.run_for(milliseconds);
  const std::uint64_t last = stage.core->last_sequence();
  TT_TRY_VOID(await(
      [&] {
        stage.core->beat();
        return totals(clients.page(), count).last_min >= last;
      },
      "the last update at every client"));
  clients.page().is_measuring.set(0);
  TT_TRY_VOID(clients.check());
  return clients.samples();
}

Result<std::vector<double>> beast_latencies(const Stage& stage, unsigned count, double rate,
                                            std::int64_t milliseconds) {
  TT_TRY(const PeerServer beast, start_beast(*stage.disk, {.update_bytes = kUpdateBytes, .rate = rate}));
  TT_TRY(const auto clients, start_websockets(*stage.disk, {.port = beast.port, .clients = count}, [] {}));
  clients->page().is_measuring.set(1);
  sleep_us(milliseconds * 1'000);
  clients->page().is_measuring.set(0);
  TT_TRY_VOID(clients->check());
  return clients->samples();
}

std::vector<double> in_ms(std::vector<double> microseconds) {
  for (double& value : microseconds) value /= 1e3;
  return microseconds;
}

WebSocketLoad load_of(const Stage& stage, unsigned clients, int max_rate_hz = 0) {
  return {.port = stage.gateway->port(),
          .token_file = stage.gateway->token_file(),
          .clients = clients,
          .max_rate_hz = max_rate_hz};
}

Result<std::string> nothing_missed(const ClientTotals& sum, const Options& options, std::string_view what) {
  const std::uint64_t missed = sum.missed + sum.breaks + (options.mutant ? 1 : 0);
  return all_equal(sum.updates, sum.updates + missed, what);
}

// Shortened for tests and profilers.
std::int64_t milliseconds_or(const Options& options, std::int64_t usual) {
  return options.iterations == 0 ? usual : std::min<std::int64_t>(usual, 300);
}

}  // namespace

Result<std::vector<CaseResult>> ws_fanout_100(const Options& options) {
  TT_TRY(Stage stage, Stage::set());
  const Pinned pinned(cpu_share().clients);
  std::vector<double> updates;
  std::vector<double> frames;
  std::vector<double> distinct;
  std::vector<double> beast_updates;
  ClientTotals sum;
  ClientTotals of_beast;
  for (int repetition = 0; repetition < options.repetitions(kFanoutRepetitions); ++repetition) {
    {
      TT_TRY(const auto clients, start_websockets(*stage.disk, load_of(stage, kFanout), [&] { stage.core->beat(); }));
      TT_TRY(const Rate rate, fan_out(stage, *clients, options.iterations_or(~std::uint64_t{0} / 2)));
      updates.push_back(rate.updates_per_s);
      frames.push_back(rate.frames_per_s);
      distinct.push_back(rate.distinct_per_s);
      const ClientTotals all = totals(clients->page(), kFanout);
      sum.updates += all.updates;
      sum.missed += all.missed;
      sum.breaks += all.breaks;
    }
    if (options.ours_alone) continue;
    TT_TRY(const Rate rate, fan_out_beast(stage, milliseconds_or(options, kFanoutMs), of_beast));
    beast_updates.push_back(rate.updates_per_s);
  }
  CaseResult all{
      .name = "ws_fanout_100",
      .unit = "updates/s",
      .lower_is_better = false,
      .ours = stats_of(updates, false),
      .target = kTarget100k,
      .note = fmt::format(
          "counted at 100 clients, conflation off: {} updates, {} missed; {:.0f} distinct ones a second; Beast "
          "sends one update a message",
          sum.updates, sum.missed, stats_of(distinct, false).p50)};
  CaseResult as_frames{.name = "ws_fanout_100_frames",
                       .unit = "frames/s",
                       .lower_is_better = false,
                       .ours = stats_of(frames, false),
                       .target = "stated",
                       .note = "the messages that those updates came in"};
  if (options.ours_alone) {
    all.add_left_out(kBeast);
    as_frames.add_left_out(kBeast);
  } else {
    TT_TRY(std::string checked, nothing_missed(sum, options, "updates that arrived in order"));
    TT_TRY_VOID(nothing_missed(of_beast, {}, "updates of Beast that arrived in order"));
    const Stats beast = stats_of(beast_updates, false);
    all.add_peer(kBeast, beast, checked);
    as_frames.add_peer(kBeast, beast, std::move(checked));
  }
  std::vector<CaseResult> results;
  results.push_back(std::move(all));
  results.push_back(std::move(as_frames));
  return results;
}

Result<std::vector<CaseResult>> ws_clients_1000(const Options& options) {
  constexpr unsigned kClients = 1'000;
  constexpr double kTicksPerS = 10;
  constexpr std::int64_t kMilliseconds = 5'500;  // a heartbeat comes every 5 s
  TT_TRY(Stage stage, Stage::set());
  const Pinned pinned(cpu_share().clients);
  std::vector<double> ours_us;
  ClientTotals sum;
  double grown_mb = rss_mb(stage.gateway->pid());
  {
    TT_TRY(const auto clients, start_websockets(*stage.disk, load_of(stage, kClients), [&] { stage.core->beat(); }));
    TT_TRY(ours_us, latencies(stage, *clients, kClients, kTicksPerS, milliseconds_or(options, kMilliseconds)));
    TT_TRY_VOID(await(
        [&] {
          stage.core->beat();
          // Shortened runs do not wait for it.
          return options.iterations != 0 || totals(clients->page(), kClients).with_heartbeat == kClients;
        },
        "a heartbeat at each of 1,000 clients"));
    sum = totals(clients->page(), kClients);
    grown_mb = rss_mb(stage.gateway->pid()) - grown_mb;
  }
  std::vector<double> ours_ms = in_ms(std::move(ours_us));
  CaseResult result{.name = "ws_clients_1000",
                    .unit = "ms",
                    .ours = stats_of(ours_ms),
                    .target = "1000 connected and served",
                    .note = fmt::format(
                        "every one of {:.0f} ticks a second at each of 1,000 clients; {} had a heartbeat; {:.0f} KB of "
                        "the gateway's memory a client",
                        kTicksPerS, sum.with_heartbeat, grown_mb * 1'024 / kClients)};
  if (options.ours_alone) {
    result.add_left_out(kBeast);
    return std::vector<CaseResult>{std::move(result)};
  }
  TT_TRY(std::vector<double> beast_us,
         beast_latencies(stage, kClients, kTicksPerS, milliseconds_or(options, kMilliseconds)));
  TT_TRY(std::string checked, nothing_missed(sum, options, "updates that arrived in order at 1,000 clients"));
  std::vector<double> beast_ms = in_ms(std::move(beast_us));
  result.add_peer(kBeast, stats_of(beast_ms), std::move(checked));
  return std::vector<CaseResult>{std::move(result)};
}

Result<std::vector<CaseResult>> ws_stalled_100(const Options& options) {
  constexpr unsigned kStalled = 100;
  constexpr double kTicksPerS = 2'000;
  constexpr std::int64_t kMilliseconds = 1'500;
  constexpr std::uint64_t kFilling = 20'000;  // ticks, of which each stalled client's queue holds about a tenth
  constexpr const char* kAlone = "the same client without stalled ones";
  TT_TRY(Stage stage, Stage::set());
  const Pinned pinned(cpu_share().clients);
  const auto beat = [&] { stage.core->beat(); };
  const std::int64_t milliseconds = milliseconds_or(options, kMilliseconds);
  TT_TRY(const auto healthy, start_websockets(*stage.disk, load_of(stage, 1), beat));
  TT_TRY(std::vector<double> alone_us, latencies(stage, *healthy, 1, kTicksPerS, milliseconds));
  const std::size_t alone_count = alone_us.size();
  const double before_mb = rss_mb(stage.gateway->pid());
  WebSocketLoad stalled = load_of(stage, 0);
  stalled.stalled = kStalled;
  TT_TRY(const auto idle, start_websockets(*stage.disk, stalled, beat));
  double highest_mb = 0;
  const std::uint64_t until = stage.core->last_sequence() + kFilling;
  while (stage.core->last_sequence() < until) {
    while (stage.core->last_sequence() < std::min(totals(healthy->page(), 1).last_min + kWindow / 4, until))
      stage.core->publish();
    highest_mb = std::max(highest_mb, rss_mb(stage.gateway->pid()));
    sleep_us(500);
  }
  TT_TRY(std::vector<double> beside_us, latencies(stage, *healthy, 1, kTicksPerS, milliseconds));
  highest_mb = std::max(highest_mb, rss_mb(stage.gateway->pid()));
  beside_us.erase(beside_us.begin(),
                  beside_us.begin() + static_cast<std::ptrdiff_t>(std::min(alone_count, beside_us.size())));
  const ClientTotals sum = totals(healthy->page(), 1);
  std::vector<double> beside_ms = in_ms(std::move(beside_us));
  std::vector<double> alone_ms = in_ms(std::move(alone_us));
  CaseResult latency{
      .name = "ws_stalled_100",
      .unit = "ms",
      .ours = stats_of(beside_ms),
      .target = "not delayed",
      .note = fmt::format("event to socket of a client that reads, {:.0f} ticks a second, beside 100 that never do",
                          kTicksPerS)};
  std::vector<double> each_kb{(highest_mb - before_mb) * 1'024 / kStalled};
  CaseResult memory{
      .name = "ws_stalled_100_memory",
      .unit = "KB",
      .ours = stats_of(each_kb),
      .target = "<= 1024",
      .note = fmt::format(
          "highest resident memory with 100 stalled clients, less what it was without them, for each; {:.1f} MB before",
          before_mb)};
  memory.set_limit("the cap of a client's queue", 768);
  if (options.ours_alone) {
    latency.add_left_out(kAlone);
    memory.add_left_out(kAlone);
  } else {
    TT_TRY(std::string checked, nothing_missed(sum, options, "updates of the client that reads"));
    latency.add_peer(kAlone, stats_of(alone_ms), std::move(checked));
  }
  std::vector<CaseResult> results;
  results.push_back(std::move(latency));
  results.push_back(std::move(memory));
  return results;
}

Result<std::vector<CaseResult>> event_to_socket(const Options& options) {
  struct Kind {
    const char* name;
    double ticks_per_s;
    int max_rate_hz;
    std::int64_t milliseconds;
    const char* note;
  };
  TT_TRY(Stage stage, Stage::set());
  const Pinned pinned(cpu_share().clients);
  std::vector<CaseResult> results;
  for (const Kind& kind : {Kind{"event_to_socket", 200, 0, 3'000, "one client, every one of 200 ticks a second"},
                           Kind{"event_to_socket_20hz", 8, 20, 8'000,
                                "one client at the page's 20 messages a second at most; ticks at random, 8 a second: "
                                "those that come within 50 ms of a "
                                "message wait for the next one"}}) {
    const std::int64_t milliseconds = milliseconds_or(options, kind.milliseconds);
    TT_TRY(const auto clients,
           start_websockets(*stage.disk, load_of(stage, 1, kind.max_rate_hz), [&] { stage.core->beat(); }));
    TT_TRY(std::vector<double> ours_us,
           latencies(stage, *clients, 1, kind.ticks_per_s, milliseconds, kind.max_rate_hz != 0));
    std::vector<double> ours_ms = in_ms(std::move(ours_us));
    ClientTotals sum = totals(clients->page(), 1);
    if (kind.max_rate_hz != 0) sum.missed = 0;  // merging is what was asked for
    CaseResult result{
        .name = kind.name, .unit = "ms", .ours = stats_of(ours_ms), .target = "p50 <= 5, p99 <= 60", .note = kind.note};
    if (options.ours_alone) {
      result.add_left_out(kBeast);
    } else {
      TT_TRY(std::vector<double> beast_us, beast_latencies(stage, 1, kind.ticks_per_s, milliseconds));
      std::vector<double> beast_ms = in_ms(std::move(beast_us));
      TT_TRY(std::string checked, nothing_missed(sum, options, "updates that arrived in order"));
      result.add_peer(kBeast, stats_of(beast_ms), std::move(checked));
    }
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace thintail::bench
