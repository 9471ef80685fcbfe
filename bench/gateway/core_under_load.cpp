// SPDX-License-Identifier: Apache-2.0
// core_under_load: tick to intent on one CPU, into the events stream of a segment that the real gateway follows, while wrk asks the
// gateway for all it can on the other. Control: the same ticks with the gateway stopped (SIGSTOP) and nobody asking. And the instructions
// that a tick takes in both cases, by single steps: what the gateway does cannot change them.
#include <fmt/format.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "bench/gateway/load.hpp"
#include "bench/gateway/suite.hpp"
#include "bench/harness/pinned.hpp"
#include "bench/spine/pipeline_run.hpp"
#include "bench/transport/step_counter.hpp"

namespace thintail::bench {
namespace {

constexpr std::uint64_t kTicks = 50'000;
constexpr int kRepetitions = 5;
constexpr std::uint64_t kFewTicks = 8;
constexpr std::uint64_t kManyTicks = 48;
constexpr std::uint64_t kManyTicksQuick = 16;  // with --iterations
constexpr const char* kQuiet = "the same with the gateway stopped";

// What a pipeline reads and writes: the streams of a core's segment, a new epoch of it for each run.
class SegmentEnds {
 public:
  using Source = shm::GatedReader;
  using Sink = shm::StreamWriter;
  using Pages = shm::CoreSegment;

  explicit SegmentEnds(shm::CoreSegment& core) noexcept
      : events_(core->events),
        source_(*core->ticks, *core->ticks->add_gate("engine")),
        sink_(*core->events),
        feed_(*core->ticks) {}

  TT_HOT void publish(const Event& tick) noexcept {
    Event copy = tick;
    feed_.append(copy);
  }
  Source& source() noexcept { return source_; }
  Sink& sink() noexcept { return sink_; }
  std::uint64_t appended() const noexcept { return events_->head(); }
  Event event(std::uint64_t sequence) const noexcept {
    const shm::Cell& cell = events_->cells()[sequence & (events_->capacity() - 1)];
    TT_CHECK(cell.holds(sequence), "a ring that was not lapped");
    return cell.event();
  }

 private:
  shm::Stream* events_;
  Source source_;
  Sink sink_;
  shm::StreamWriter feed_;
};

// A segment of the daemon's own size, and its pipeline.
Result<std::unique_ptr<shm::CoreSegment>> make_segment(const Scratch& memory, const Work& work, std::uint32_t epoch) {
  TT_TRY(shm::WriterLock lock, shm::WriterLock::acquire(memory.path().string(), kInstance));
  shm::CoreSegmentOptions options;
  options.core.instance = kInstance;
  options.core.lock_memory = false;
  options.shm.directory = memory.path().string();
  options.shm.events_slots = kEventSlots;
  options.shm.ticks_slots = kTickSlots;
  options.epoch = epoch;
  options.build_id = "bench";
  TT_TRY(shm::CoreSegment core, shm::CoreSegment::create(options, std::move(lock)));
  for (const Instrument& instrument : work.instruments.rows()) {
    core->instruments->append(shm::InstrumentNameRow{shm::Text<52>::of(instrument.name()), instrument.digits,
                                                     static_cast<std::uint8_t>(instrument.calendar), 0,
                                                     instrument.tick_size_e9});
  }
  core.segment().heartbeat(utc_ns());
  return std::make_unique<shm::CoreSegment>(std::move(core));
}

// wrk, again and again, until this ends. On the servers' CPU: the engine has the other to itself.
class Asking {
 public:
  Asking(const Scratch& disk, const GatewayProcess& gateway, std::string path)
      : thread_([this, &disk, &gateway, path = std::move(path)] {
          while (!stop_.load(std::memory_order_relaxed)) {  // relaxed: nothing is handed over with it
            const auto report = run_wrk(disk, cpu_share().servers, gateway.port(), {path}, gateway.token(), 16,
                                        [] { sleep_us(20'000); });
            if (!report) return;
            requests_.fetch_add(report->requests, std::memory_order_relaxed);  // relaxed: read after the end
          }
        }) {}
  ~Asking() { end(); }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;

  std::uint64_t end() {
    stop_.store(true, std::memory_order_relaxed);  // relaxed: as above
    if (thread_.joinable()) thread_.join();
    return requests_.load(std::memory_order_relaxed);  // relaxed: joined
  }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> requests_{0};
  std::thread thread_;
};

// A stopped gateway, for as long as this lives.
class Stopped {
 public:
  explicit Stopped(pid_t pid) noexcept : pid_(pid) { ::kill(pid_, SIGSTOP); }
  ~Stopped() { ::kill(pid_, SIGCONT); }
  Stopped(const Stopped&) = delete;
  Stopped& operator=(const Stopped&) = delete;

 private:
  pid_t pid_;
};

struct RunRecord {
  Sha256Digest decision_hash{};
  std::uint64_t events = 0;
};

class LoadBench {
 public:
  static Result<std::unique_ptr<LoadBench>> create(Workshop& shop, const Options& options) {
    auto bench = std::unique_ptr<LoadBench>(new LoadBench(options));
    TT_TRY(bench->work_, shop.work(options));
    Options quick = options;
    quick.iterations = 1;  // trained on few rows: how good its answers are is not what is measured
    TT_TRY(bench->model_, shop.model(quick));
    TT_TRY(Scratch memory, Scratch::create("/dev/shm"));
    bench->memory_ = std::make_unique<Scratch>(std::move(memory));
    TT_TRY(Scratch disk, Scratch::create(std::filesystem::temp_directory_path()));
    bench->disk_ = std::make_unique<Scratch>(std::move(disk));
    TT_TRY_VOID(bench->next_segment());
    TT_TRY(bench->gateway_, GatewayProcess::start(bench->memory_->path().string(), *bench->disk_));
    bench->path_ = "/api/v1/quotes";
    TT_TRY_VOID(bench->gateway_->await_ok(bench->path_, [] {}));
    return bench;
  }

  Result<RunRecord> timed(bool is_loaded, std::size_t measured, Latencies& out) {
    TT_TRY_VOID(next_segment());
    const auto meanwhile = begin(is_loaded);
    const Pinned pinned(cpu_share().clients);
    PipelineRun<SegmentEnds> run(*segment_, *work_, model_, options_.isa);
    run_timed(run, *work_, measured, out, [] {});
    return RunRecord{run.decision_hash(), run.appended()};
  }

  // Instructions of a tick, publishing it included, from the first tick that features are defined for.
  Result<double> instructions(bool is_loaded) {
    TT_TRY_VOID(next_segment());
    const auto meanwhile = begin(is_loaded);
    const Pinned pinned(cpu_share().clients);
    PipelineRun<SegmentEnds> run(*segment_, *work_, model_, options_.isa);
    const auto steps = [&](std::uint64_t from, std::uint64_t to) {
      for (std::uint64_t i = from; i < to; ++i) {
        run.publish(work_->ticks[i]);
        run.step();
      }
    };
    const std::uint64_t first = work_->first_measured;
    const std::uint64_t many_ticks = options_.iterations == 0 ? kManyTicks : kManyTicksQuick;
    steps(0, first);
    TT_TRY(const std::uint64_t few, count_instructions([&] { steps(first, first + kFewTicks); }));
    TT_TRY(const std::uint64_t many, count_instructions([&] { steps(first, first + many_ticks); }));
    return static_cast<double>(many - few) / static_cast<double>(many_ticks - kFewTicks);
  }

  const Work& work() const noexcept { return *work_; }
  std::uint64_t requests() const noexcept { return requests_; }

 private:
  explicit LoadBench(const Options& options) : options_(options) {}

  Result<void> next_segment() {
    segment_.reset();  // gives the writer's lock back
    TT_TRY(segment_, make_segment(*memory_, *work_, ++epoch_));
    return segment_->publish();
  }

  // The load, or the silence, for as long as what it returns lives.
  struct Meanwhile {
    LoadBench* bench;
    std::unique_ptr<Asking> asking;
    std::unique_ptr<Stopped> stopped;
    Meanwhile(LoadBench& owner, std::unique_ptr<Asking> load, std::unique_ptr<Stopped> silence)
        : bench(&owner), asking(std::move(load)), stopped(std::move(silence)) {}
    ~Meanwhile() {
      if (asking) bench->requests_ += asking->end();
    }
    Meanwhile(const Meanwhile&) = delete;
    Meanwhile& operator=(const Meanwhile&) = delete;
  };
  std::unique_ptr<Meanwhile> begin(bool is_loaded) {
    auto asking = is_loaded ? std::make_unique<Asking>(*disk_, *gateway_, path_) : nullptr;
    auto stopped = is_loaded ? nullptr : std::make_unique<Stopped>(gateway_->pid());
    sleep_us(150'000);  // the gateway follows the new epoch, and wrk has connected
    return std::make_unique<Meanwhile>(*this, std::move(asking), std::move(stopped));
  }

  Options options_;
  const Work* work_ = nullptr;
  const DecisionModel* model_ = nullptr;
  std::unique_ptr<Scratch> memory_;
  std::unique_ptr<Scratch> disk_;
  std::unique_ptr<shm::CoreSegment> segment_;
  std::unique_ptr<GatewayProcess> gateway_;
  std::string path_;
  std::uint32_t epoch_ = 0;
  std::uint64_t requests_ = 0;
};

Result<CaseResult> count_steps(LoadBench& bench, const Options& options) {
  CaseResult result{.name = "core_under_load_instructions",
                    .unit = "instructions",
                    .target = "equal",
                    .note = "of a tick with 100 trees, its publishing included, by single steps"};
  const auto loaded = bench.instructions(true);
  if (!loaded && loaded.error().code == ErrorCode::peer_absent) {
    result.add_absent(kQuiet, loaded.error().message());
    return result;
  }
  TT_TRY(const double with, loaded);
  std::vector<double> with_samples{with};
  result.ours = stats_of(with_samples);
  if (options.ours_alone) {
    result.add_left_out(kQuiet);
    return result;
  }
  TT_TRY(const double without, bench.instructions(false));
  std::vector<double> without_samples{without};
  TT_TRY(std::string checked, all_equal(with == without ? 1 : 0, 1, "instructions of a tick"));
  result.add_peer(kQuiet, stats_of(without_samples), std::move(checked));
  return result;
}

}  // namespace

Result<std::vector<CaseResult>> core_under_load(Workshop& shop, const Options& options) {
  CaseResult result{.name = "core_under_load", .unit = "ns", .target = "<= 1.10 x with the gateway stopped"};
  if (!cpu_share().are_apart()) {
    result.add_absent(kQuiet, "this process may run on one CPU only");
    return std::vector<CaseResult>{std::move(result)};
  }
  TT_TRY(const auto bench, LoadBench::create(shop, options));
  const std::size_t measured = measured_ticks(bench->work(), options.iterations_or(kTicks));
  const int repetitions = options.repetitions(kRepetitions);
  Latencies loaded(measured * static_cast<std::size_t>(repetitions));
  Latencies quiet = loaded;
  std::string decided;
  for (int repetition = 0; repetition < repetitions; ++repetition) {
    TT_TRY(const RunRecord with, bench->timed(true, measured, loaded));
    if (options.ours_alone) continue;
    TT_TRY(const RunRecord without, bench->timed(false, measured, quiet));
    TT_TRY(decided, same_decisions(with.decision_hash, without.decision_hash, with.events, options.mutant, kQuiet));
  }
  result.ours = stats_of(loaded.all_ns);
  if (options.ours_alone) {
    result.add_left_out(kQuiet);
  } else {
    result.add_peer(kQuiet, stats_of(quiet.all_ns), "1/1 equal");
  }
  TT_TRY(CaseResult steps, count_steps(*bench, options));
  result.note = fmt::format(
      "{}; core-32, 100 trees, back to back on a CPU of its own; on the other one wrk, and the gateway that follows "
      "every event "
      "it can: {} requests answered meanwhile; {}",
      bench->work().source_text, bench->requests(), decided);
  std::vector<CaseResult> results;
  results.push_back(std::move(result));
  results.push_back(std::move(steps));
  return results;
}

}  // namespace thintail::bench
