// SPDX-License-Identifier: Apache-2.0
// The bench contract (CONTRACTS.md): ours and each peer run in turn in one process on the same work, are checked to
// have computed the same, and are reported by medians and ratios beside the machine's own limits.
//   path  cold; what it measures is hot
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/base/error.hpp"
#include "core/isa/isa.hpp"

namespace thintail::bench {

struct Stats {
  double p50 = 0;
  double p99 = 0;
  double p999 = 0;
  double mean = 0;
  std::uint64_t n = 0;
};

// Of all repetitions together; the percentiles p99 and p999 are towards the worse end, which for rates is the low one.
// `samples` is reordered.
Stats stats_of(std::vector<double>& samples, bool lower_is_better = true);

struct Peer {
  std::string name;
  Stats stats;
  double ratio = 0;  // how many times better ours is than the peer
  std::string checked;  // "4096/4096 equal"
  std::string absent;  // why it did not run; empty where it did
};

struct Limit {
  std::string name;
  double p50 = 0;
  double ratio = 0;  // ours over the limit
};

struct CaseResult {
  std::string name;
  std::string unit;
  bool lower_is_better = true;
  Stats ours = {};
  std::vector<Peer> peers = {};
  std::optional<Limit> limit = {};
  std::string target = {};
  std::string note = {};

  // Adds a peer that ran, its ratio computed from the medians. REQUIRES: `ours` is set.
  void add_peer(std::string peer_name, const Stats& stats, std::string checked);
  void add_absent(std::string peer_name, std::string why);
  void add_left_out(std::string peer_name) { add_absent(std::move(peer_name), "left out (--ours-alone)"); }
  void set_limit(std::string limit_name, double p50);
};

struct Options {
  std::string case_name;  // empty: all
  Isa isa = Isa::scalar;
  std::uint64_t iterations = 0;  // 0: the case's own choice. Otherwise so many, once: for profilers and tests
  std::vector<std::string> ticks;  // empty: the market data of the checkout, else the simulator
  std::string model;  // MODEL.json; empty: one is trained
  bool mutant = false;  // spoil what ours computed: every check must then fail
  bool ours_alone = false;  // no peers and no checks, for profilers

  std::uint64_t iterations_or(std::uint64_t usual) const noexcept { return iterations != 0 ? iterations : usual; }
  int repetitions(int usual) const noexcept { return iterations != 0 ? 1 : usual; }
};

struct Case {
  std::string name;
  std::string about;
  std::function<Result<std::vector<CaseResult>>(const Options&)> run;
};

struct Suite {
  std::string name;
  std::string about;
  std::vector<Case> cases;
};

struct Machine {
  std::string cpu;
  std::string isa;
  unsigned cores = 0;
  double jitter_over_10us_per_s = 0;
};
// Without `ours_alone` it spins for half a second to count the gaps.
Result<Machine> describe_machine(const Options& options);

std::string to_json(const Suite& suite, const Machine& machine, std::span<const CaseResult> results);
std::string to_table(const Suite& suite, const Machine& machine, std::span<const CaseResult> results);

// "4096/4096 equal", or check_mismatch: a figure for work that differs is no figure.
Result<std::string> all_equal(std::uint64_t equal, std::uint64_t total, std::string_view what);

// Keeps the compiler from dropping a computed value.
template <class T>
inline void keep(const T& value) noexcept {
  asm volatile("" : : "r,m"(value) : "memory");
}

}  // namespace thintail::bench
