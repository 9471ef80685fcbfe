// SPDX-License-Identifier: Apache-2.0
#include "tools/thintail/daemon_run.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <thread>

#include "perf/jitter/jitter.hpp"

namespace thintail {
namespace {

volatile std::sig_atomic_t g_stop_signal = 0;
void on_stop_signal(int signal_number) { g_stop_signal = signal_number; }

// A mapped file that somebody cut short is met at any instruction, and nothing can be saved in here: it is told, and the
// instruction meets it again, with the system's answer. The next start takes over what is left.
void on_bus_error(int) {
  constexpr std::string_view kLost =
      "TT-0307 shared memory was lost: a file that is mapped was cut short by another process (SIGBUS)\n";
  static std::atomic<bool> is_told{false};
  // relaxed: it only picks one thread. The others come back here until that one has written and let go.
  if (is_told.exchange(true, std::memory_order_relaxed)) return;
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kLost.data(), kLost.size());
  std::signal(SIGBUS, SIG_DFL);
}

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

Result<std::unique_ptr<DaemonFeed>> DaemonFeed::open(const TickSourceOptions& options, const std::string& speed,
                                                     std::int64_t from_ns, InstrumentTable& instruments) {
  TT_TRY(const Pace pace, Pace::parse(speed));
  TT_TRY(TickSource source, TickSource::open(options, instruments));
  return std::unique_ptr<DaemonFeed>(new DaemonFeed(std::move(source), pace, from_ns));
}

void outlive_failed_writes() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

Result<void> watch(Daemon& daemon, const std::function<void()>& on_turn) {
  // A signal that came between two runs of one process (the passes of a served demo) ends the second.
  struct sigaction action{};
  action.sa_handler = on_stop_signal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGHUP, &action, nullptr);
  struct sigaction lost{};
  lost.sa_handler = on_bus_error;
  ::sigaction(SIGBUS, &lost, nullptr);
  daemon.start();
  // Woken often enough to notice a short run's end at once, keeping alive and redrawing ten times a second.
  for (unsigned turn = 0; !daemon.finished(); ++turn) {
    if (turn % 10 == 0) {
      daemon.keep_alive();
      on_turn();
    }
    if (g_stop_signal != 0) daemon.request_stop();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return daemon.join();
}

bool was_asked_to_stop() noexcept { return g_stop_signal != 0; }

ProgressBar::ProgressBar() : is_terminal_(::isatty(STDERR_FILENO) == 1) {}

void ProgressBar::show(std::string_view stage, double share, std::string_view detail) {
  constexpr int kWidth = 30;
  const double bounded = std::min(1.0, std::max(0.0, share));
  if (is_terminal_) {
    const int filled = static_cast<int>(bounded * kWidth);
    fmt::print(stderr, "\r\033[K{:<10} [{:#<{}}{:.<{}}] {:3.0f} %  {}", stage, "", filled, "", kWidth - filled,
               bounded * 100, detail);
    std::fflush(stderr);
    return;
  }
  // In a log, a line when the stage changes and every two seconds is progress enough.
  const double now_s = seconds_now();
  if (stage == last_stage_ && now_s < next_line_s_) return;
  next_line_s_ = now_s + 2;
  last_stage_ = stage;
  fmt::print(stderr, "{} {:.0f} %  {}\n", stage, bounded * 100, detail);
}

void ProgressBar::finish(std::string_view stage, std::string_view detail) {
  fmt::print(stderr, "{}{:<10} {}\n", is_terminal_ ? "\r\033[K" : "", stage, detail);
}

std::vector<LatencyRow> latency_rows(const shm::CoreParts<true>& core) {
  std::vector<LatencyRow> rows;
  for (std::size_t stage = 0; stage < shm::kStageNames.size(); ++stage) {
    const HistogramSnapshot seen = core.stages[stage].snapshot();
    if (seen.count == 0) continue;
    const auto at = [&](double percent) { return static_cast<std::int64_t>(seen.percentile_ns(percent)); };
    rows.push_back({std::string(shm::kStageNames[stage]), seen.count, at(50), at(90), at(99), at(99.9)});
  }
  return rows;
}

std::optional<MachineJitter> machine_jitter() {
  const auto measured = perf::measure_jitter(std::chrono::milliseconds(300));
  if (!measured) return std::nullopt;
  return MachineJitter{measured->per_second(measured->gaps_1us), measured->per_second(measured->gaps_10us),
                       measured->per_second(measured->gaps_100us), measured->gap_ns_max};
}

}  // namespace thintail
