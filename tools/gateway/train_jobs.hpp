// SPDX-License-Identifier: Apache-2.0
// TrainJobs: trainings as child processes, one at a time, with progress, a log, a way to end them, and a list that outlives us.
//   path       cold
//   threads    one of its own starts and watches the children; every member may be called from any other. list(), find() and cancel() wait
//              for no disk
//   invariant  a job is on disk before submit() returns; what was running when we died is `interrupted`, and its process died with us.
//              A folder's jobs are one process's: whoever finds it locked begins none until that one has gone
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/base/error.hpp"
#include "shm/segment/segment_file.hpp"
#include "tools/gateway/core_cpus.hpp"

namespace thintail::gateway {

enum class JobState : std::uint8_t { queued, running, succeeded, failed, cancelled, interrupted };
inline constexpr std::size_t kJobStates = 6;
std::string_view name_of(JobState state) noexcept;

struct Job {
  std::uint64_t number = 0;
  JobState state = JobState::queued;
  double progress = 0;  // 0 to 1
  std::string stage;
  std::int64_t created_ns = 0;  // wall time, like all of these
  std::int64_t started_ns = 0;  // 0: not yet
  std::int64_t ended_ns = 0;
  std::optional<int> exit_code;
  std::optional<int> signal;
  std::string detail;  // why it failed
  std::string by;
  std::string model;  // name of the pack's file, below models_folder()
  std::string sha256;  // the pack's digest, as models in force show theirs; empty unless it succeeded

  std::string id() const;  // "train-7"
  bool has_ended() const noexcept { return state != JobState::queued && state != JobState::running; }
};

struct TrainingFile {
  std::string name;
  std::uint64_t bytes = 0;
  std::int64_t modified_ns = 0;
};

// What is left out is thintail-train's own default.
struct TrainRequest {
  std::vector<std::string> files;  // names of the listing; empty: the simulator
  std::optional<std::uint64_t> seed;  // the simulator's, like the next
  std::optional<std::uint32_t> duration_s;
  std::string clock, format, instrument;  // of the files
  std::string set;
  std::string horizon;
  std::optional<int> rounds, depth;
  std::optional<double> eta, fraction;
  std::optional<std::uint64_t> rows;
  std::string name = "model";  // [A-Za-z0-9_-]+: the pack is NAME-7.ttm
};

struct TrainJobsOptions {
  std::string folder;  // jobs.json, and below it logs/ and models/
  std::string program;  // thintail-train
  std::string training_folder;  // tick files; empty: only the simulator is there to train on
  std::string config_path;  // of the core; empty: none
  PinnedCpus pinned_cpus;  // of cores, where trainings are not to run; empty: none
};

class TrainJobs {
 public:
  static Result<std::unique_ptr<TrainJobs>> open(TrainJobsOptions options);
  // stop().
  ~TrainJobs();
  TrainJobs(const TrainJobs&) = delete;
  TrainJobs& operator=(const TrainJobs&) = delete;

  // Regular files of the training folder, by name; nothing hidden, no links.
  Result<std::vector<TrainingFile>> files() const;

  enum class Refusal : std::uint8_t {
    busy,
    no_such_file,
    not_kept
  };  // not_kept: nor where another process has the folder
  struct Refused {
    Refusal why = Refusal::busy;
    std::string detail;  // the id of the job that runs; the file's name; what the disk said
  };
  std::expected<Job, Refused> submit(const TrainRequest& request, std::string by);

  std::vector<Job> list() const;  // the newest last
  std::optional<Job> find(std::string_view id) const;
  // False: no such job, or it has ended. The job says `cancelled` once its process is gone.
  bool cancel(std::string_view id);
  // The end of what its process wrote, tokens blotted out.
  std::string log_tail(const Job& job) const;
  std::string models_folder() const { return options_.folder + "/models"; }

  // Why no job is begun: another process has the folder. Empty: they are.
  std::string why_refused() const;

  // Ends the child, if one runs (interrupted), and the thread.
  void stop();

 private:
  struct Waiting {
    std::uint64_t number = 0;
    std::vector<std::string> arguments;
  };
  using List = std::deque<Job>;

  explicit TrainJobs(TrainJobsOptions options);
  // Locks the folder and reads its list. False: somebody else has it.
  bool take_folder();
  void load();
  // REQUIRES: disk_mutex_ is held, mutex_ is not.
  Result<void> write(const List& jobs, std::uint64_t next) const;
  // On disk first, as far as it takes it, then for everybody to see.
  void settle(const Job& changed);
  void settle_unbegun(std::uint64_t number, JobState state, std::string detail);
  Job copy_of(std::uint64_t number) const;
  std::vector<std::uint64_t> forget_old();  // REQUIRES: mutex_ is held. Returns their numbers
  std::optional<Waiting> next_to_run();  // none: stop() was called
  bool wait_for_folder();  // likewise
  void run();
  void run_one(const Waiting& waiting);
  // What is left once the child has ended: the pack, read and verified. No `status`: nobody could tell it.
  void finish(std::uint64_t number, std::optional<int> status);
  bool is_to_end(std::uint64_t number) const;
  std::string log_path(std::uint64_t number) const;
  std::string lock_path() const { return options_.folder + "/jobs.lock"; }

  TrainJobsOptions options_;
  std::mutex disk_mutex_;  // before mutex_ where both are held: whoever writes the list
  mutable std::mutex mutex_;  // of what follows; never held while a disk is waited for
  std::condition_variable wake_;
  shm::FileDescriptor lock_;  // of the folder, for as long as we live
  std::string why_refused_;
  List jobs_;  // changed by the jobs' own thread, but for new ones
  std::uint64_t next_ = 1;
  std::optional<Waiting> waiting_;
  std::uint64_t cancelled_ = 0;  // number of the job that is to end; 0: none, for they begin at 1
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace thintail::gateway
