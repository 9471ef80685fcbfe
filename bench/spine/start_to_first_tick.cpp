// SPDX-License-Identifier: Apache-2.0
// start_to_first_tick: from just before `thintail run` is started to the first tick in its events stream, seen from
// this process through the shared segment. Journal on, default sizes. Control: starting a program that does nothing.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "bench/harness/child.hpp"
#include "bench/harness/scratch.hpp"
#include "bench/spine/suite.hpp"
#include "shm/segment/core_segment.hpp"
#include "shm/stream/observer.hpp"

namespace thintail::bench {
namespace {

constexpr std::uint64_t kStarts = 10;
constexpr std::chrono::seconds kPatience{20};

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

Result<std::string> write_config(const Scratch& scratch, const std::string& instance) {
  std::string path = scratch.file("thintail.toml");
  std::ofstream file(path);
  // A market that ticks at once: waiting for a quiet one's first tick would be measured otherwise.
  file << fmt::format(
      "[core]\ninstance = \"{}\"\n[shm]\ndirectory = \"{}\"\n"
      "[feed]\nkind = \"simulator\"\n[simulator]\nticks_per_second = 1000.0\n"
      "[journal]\nenabled = true\ndirectory = \"{}\"\n",
      instance, scratch.path().string(), scratch.file("journal"));
  file.close();
  if (!file) return fail({.code = ErrorCode::file_unwritable, .doing = "writing a configuration", .file = path});
  return path;
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Waits until another process can see a tick; its event.
Result<Event> first_tick(Child& child, const Scratch& scratch, const std::string& instance, const std::string& log) {
  std::optional<shm::CoreView> view;
  std::optional<shm::Observer> observer;
  for (const auto begin = Clock::now(); Clock::now() - begin < kPatience;) {
    if (!view) {
      if (auto opened = shm::CoreView::open(scratch.path().string(), instance)) {
        view.emplace(std::move(*opened));
        observer.emplace(shm::Observer::from_oldest(*(*view)->events));
      }
    }
    Event event{};
    while (observer && observer->next(event) == shm::Observed::event) {
      if (event.type == EventType::tick) return event;
    }
    if (child.has_ended()) break;
    std::this_thread::sleep_for(
        std::chrono::microseconds(100));  // short against what is measured, and leaves the CPU to it
  }
  return fail({.code = ErrorCode::child_failed,
               .doing = "waiting for the first tick of `thintail run`",
               .file = log,
               .expected = fmt::format("a tick within {} s", kPatience.count()),
               .found = printable(text_of(log), 300)});
}

struct Start {
  double first_tick_ms = 0;
  bool as_expected = false;  // the tick is the simulator's, and the program ended in order
};

Result<Start> timed_start(const std::string& program) {
  TT_TRY(const Scratch scratch, Scratch::create("/dev/shm"));
  const std::string instance = fmt::format("bench-{}", ::getpid());
  TT_TRY(const std::string config, write_config(scratch, instance));
  const std::string log = scratch.file("log");
  const auto begin = Clock::now();
  TT_TRY(Child child, Child::start(program, {"run", "--config", config}, log));
  TT_TRY(const Event tick, first_tick(child, scratch, instance, log));
  Start start;
  start.first_tick_ms = ms_since(begin);
  child.ask_to_end();
  start.as_expected = child.wait() == 0 && tick.as<Tick>().bid_e9 > 0;
  return start;
}

}  // namespace

Result<std::vector<CaseResult>> start_to_first_tick(Workshop&, const Options& options) {
  TT_TRY(const std::string program, program_beside("thintail"));
  TT_TRY_VOID(timed_start(program));  // pulls program and libraries into the page cache
  const std::uint64_t starts = options.iterations_or(kStarts);
  std::vector<double> ours_ms;
  std::vector<double> nothing_ms;
  std::uint64_t as_expected = 0;
  std::uint64_t ended = 0;
  for (std::uint64_t i = 0; i < starts; ++i) {
    TT_TRY(const Start start, timed_start(program));
    ours_ms.push_back(start.first_tick_ms);
    as_expected += start.as_expected;
    const auto begin = Clock::now();
    TT_TRY(Child nothing, Child::start("/bin/true", {}, "/dev/null"));
    ended += nothing.wait() == 0;
    nothing_ms.push_back(ms_since(begin));
  }
  if (options.mutant) --as_expected;
  TT_TRY(const std::string checked,
         all_equal(std::min(as_expected, ended), starts, "starts that ticked and ended in order"));
  CaseResult result{.name = "start_to_first_tick",
                    .unit = "ms",
                    .ours = stats_of(ours_ms),
                    .target = "<= 100",
                    .note =
                        "warm page cache; journal on, default ring sizes, live simulator of 3 instruments at 1,000 "
                        "ticks/s each; each "
                        "start is of a new instance"};
  result.add_peer("start and end of /bin/true", stats_of(nothing_ms), checked);
  return std::vector<CaseResult>{std::move(result)};
}

}  // namespace thintail::bench
