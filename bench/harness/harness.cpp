// SPDX-License-Identifier: Apache-2.0
#include "bench/harness/harness.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/thread/affinity.hpp"
#include "perf/jitter/jitter.hpp"

namespace thintail::bench {
namespace {

using nlohmann::ordered_json;

double ratio_of(const CaseResult& result, double peer_p50) {
  if (result.ours.p50 == 0 || peer_p50 == 0) return 0;
  return result.lower_is_better ? peer_p50 / result.ours.p50 : result.ours.p50 / peer_p50;
}

std::string figure(double value) {
  if (value >= 1e6) return fmt::format("{:.4g} M", value / 1e6);
  if (value >= 100) return fmt::format("{:.0f}", value);
  return fmt::format("{:.3g}", value);
}

// JSON has no NaN, and six digits are more than any of these figures mean.
double rounded(double value) {
  return std::isfinite(value) ? std::strtod(fmt::format("{:.6g}", value).c_str(), nullptr) : 0;
}

ordered_json to_json(const Stats& stats) {
  return {{"p50", rounded(stats.p50)},
          {"p99", rounded(stats.p99)},
          {"p999", rounded(stats.p999)},
          {"mean", rounded(stats.mean)},
          {"n", stats.n}};
}

ordered_json to_json(const Peer& peer) {
  if (!peer.absent.empty()) return {{"name", peer.name}, {"absent", peer.absent}};
  return {{"name", peer.name},
          {"p50", rounded(peer.stats.p50)},
          {"p99", rounded(peer.stats.p99)},
          {"ratio", rounded(peer.ratio)},
          {"checked", peer.checked}};
}

ordered_json to_json(const CaseResult& result) {
  ordered_json row{{"name", result.name},
                   {"unit", result.unit},
                   {"lower_is_better", result.lower_is_better},
                   {"ours", to_json(result.ours)},
                   {"peers", ordered_json::array()}};
  for (const Peer& peer : result.peers) row["peers"].push_back(to_json(peer));
  if (result.limit) {
    row["limit"] = {
        {"name", result.limit->name}, {"p50", rounded(result.limit->p50)}, {"ratio", rounded(result.limit->ratio)}};
  }
  row["target"] = result.target;
  row["note"] = result.note;
  return row;
}

}  // namespace

Stats stats_of(std::vector<double>& samples, bool lower_is_better) {
  Stats stats;
  stats.n = samples.size();
  if (samples.empty()) return stats;
  std::ranges::sort(samples);
  if (!lower_is_better) std::ranges::reverse(samples);
  const auto at = [&](double share) {
    return samples[std::min(samples.size() - 1, static_cast<std::size_t>(share * static_cast<double>(samples.size())))];
  };
  stats.p50 = at(0.5);
  stats.p99 = at(0.99);
  stats.p999 = at(0.999);
  stats.mean = std::accumulate(samples.begin(), samples.end(), 0.0) / static_cast<double>(samples.size());
  return stats;
}

void CaseResult::add_peer(std::string peer_name, const Stats& stats, std::string checked) {
  peers.push_back({std::move(peer_name), stats, ratio_of(*this, stats.p50), std::move(checked), {}});
}

void CaseResult::add_absent(std::string peer_name, std::string why) {
  peers.push_back({std::move(peer_name), {}, 0, {}, std::move(why)});
}

void CaseResult::set_limit(std::string limit_name, double p50) {
  limit = Limit{std::move(limit_name), p50, p50 == 0 ? 0 : ours.p50 / p50};
}

Result<Machine> describe_machine(const Options& options) {
  Machine machine;
  machine.isa = isa_name(options.isa);
  machine.cores = static_cast<unsigned>(cpu_count());
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    if (!line.starts_with("model name")) continue;
    machine.cpu = line.substr(std::min(line.size(), line.find(':') + 2));
    break;
  }
  if (options.ours_alone) return machine;
  TT_TRY(const perf::JitterReport jitter, perf::measure_jitter(std::chrono::milliseconds(500)));
  machine.jitter_over_10us_per_s = jitter.per_second(jitter.gaps_10us);
  return machine;
}

std::string to_json(const Suite& suite, const Machine& machine, std::span<const CaseResult> results) {
  ordered_json root;
  root["schema"] = "thintail-bench/1";
  root["suite"] = suite.name;
  root["machine"] = {{"cpu", machine.cpu},
                     {"isa", machine.isa},
                     {"cores", machine.cores},
                     {"jitter_over_10us_per_s", rounded(machine.jitter_over_10us_per_s)}};
  root["cases"] = ordered_json::array();
  for (const CaseResult& result : results) root["cases"].push_back(to_json(result));
  return root.dump(2) + "\n";
}

std::string to_table(const Suite& suite, const Machine& machine, std::span<const CaseResult> results) {
  std::string out = fmt::format(
      "suite {} on {} ({} cores, isa {}; a spinning core loses itself for over 10 us {:.0f} times a second)\n",
      suite.name, machine.cpu, machine.cores, machine.isa, machine.jitter_over_10us_per_s);
  for (const CaseResult& result : results) {
    out += fmt::format("\n{}  [{}]  target {}\n", result.name, result.unit, result.target);
    out += fmt::format("  {:<38} p50 {:>9}  p99 {:>9}  p99.9 {:>9}  n {}\n", "ours", figure(result.ours.p50),
                       figure(result.ours.p99), figure(result.ours.p999), result.ours.n);
    for (const Peer& peer : result.peers) {
      if (!peer.absent.empty()) {
        out += fmt::format("  {:<38} absent: {}\n", peer.name, peer.absent);
        continue;
      }
      out += fmt::format("  {:<38} p50 {:>9}  p99 {:>9}  ours is {:.2f} x better ({})\n", peer.name,
                         figure(peer.stats.p50), figure(peer.stats.p99), peer.ratio, peer.checked);
    }
    if (result.limit) {
      out += fmt::format("  limit: {:<31} p50 {:>9}  ours is {:.2f} of it\n", result.limit->name,
                         figure(result.limit->p50), result.limit->ratio);
    }
    if (!result.note.empty()) out += fmt::format("  {}\n", result.note);
  }
  return out;
}

Result<std::string> all_equal(std::uint64_t equal, std::uint64_t total, std::string_view what) {
  if (equal == total && total != 0) return fmt::format("{}/{} equal", equal, total);
  return fail({.code = ErrorCode::check_mismatch,
               .doing = fmt::format("comparing {}", what),
               .expected = total == 0 ? "something to compare" : fmt::format("{} equal", total),
               .found = std::to_string(equal)});
}

}  // namespace thintail::bench
