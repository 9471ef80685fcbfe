// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/train_jobs.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <exception>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "adapters/http/text.hpp"
#include "core/base/hash.hpp"
#include "core/base/whole_file.hpp"
#include "core/log/log.hpp"
#include "core/thread/affinity.hpp"
#include "shm/segment/segment_file.hpp"
#include "strategies/model/decision_model_file.hpp"
#include "tools/gateway/child_process.hpp"
#include "tools/gateway/core_model.hpp"

namespace thintail::gateway {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, kJobStates> kStateNames = {"queued", "running",   "succeeded",
                                                                  "failed", "cancelled", "interrupted"};
constexpr std::string_view kSchema = "thintail-jobs/1";
constexpr std::size_t kJobsKept = 100;
constexpr std::size_t kListBytesMax = 1u << 20;
constexpr std::size_t kLogBytesMax = 256u << 10;
constexpr std::size_t kLogTailBytes = 8u << 10;
constexpr std::size_t kLineBytesMax = 4'096;
constexpr std::size_t kFilesListed = 10'000;
constexpr int kLookMs = 100;
// Of what a child has written, before its end and an order to end it are looked at: one that never falls silent is ended all the same.
constexpr int kReadsOfATurn = 16;
// More than a pipe holds. What left the child's group may write on for ever.
constexpr int kReadsAtTheEnd = 64;
constexpr std::uint64_t kNumberMax = 1'000'000'000'000'000;
constexpr auto kLookForFolder = std::chrono::seconds(1);
constexpr auto kGrace = std::chrono::seconds(5);  // between asking a child to end and ending it

Error not_kept(std::string doing, const std::string& path, std::string found) {
  return {.code = ErrorCode::file_unwritable, .doing = std::move(doing), .file = path, .found = std::move(found)};
}

Json json_of(const Job& job) {
  return {{"number", job.number},
          {"state", kStateNames[static_cast<std::size_t>(job.state)]},
          {"progress", job.progress},
          {"stage", job.stage},
          {"created_ns", job.created_ns},
          {"started_ns", job.started_ns},
          {"ended_ns", job.ended_ns},
          {"exit_code", job.exit_code ? Json(*job.exit_code) : Json(nullptr)},
          {"signal", job.signal ? Json(*job.signal) : Json(nullptr)},
          {"detail", job.detail},
          {"by", job.by},
          {"model", job.model},
          {"sha256", job.sha256}};
}

bool is_number_of_job(const Json& value) {
  return value.is_number_unsigned() && value.get<std::uint64_t>() >= 1 && value.get<std::uint64_t>() <= kNumberMax;
}

// Nothing where a member is missing or not what it should be.
std::optional<Job> job_of(const Json& json) {
  const auto has = [&](const char* name, auto&& is) { return json.contains(name) && is(json[name]); };
  const auto is_text = [](const Json& value) { return value.is_string(); };
  const auto is_integer = [](const Json& value) { return value.is_number_integer(); };
  if (!json.is_object() || !has("number", is_number_of_job) || !has("state", is_text)) return std::nullopt;
  for (const char* name : {"stage", "detail", "by", "model", "sha256"}) {
    if (!has(name, is_text)) return std::nullopt;
  }
  for (const char* name : {"created_ns", "started_ns", "ended_ns"}) {
    if (!has(name, is_integer)) return std::nullopt;
  }
  if (!has("progress", [](const Json& value) { return value.is_number(); })) return std::nullopt;
  const auto state = std::ranges::find(kStateNames, json["state"].get_ref<const std::string&>());
  if (state == kStateNames.end()) return std::nullopt;
  Job job;
  job.number = json["number"].get<std::uint64_t>();
  job.state = static_cast<JobState>(state - kStateNames.begin());
  job.progress = json["progress"].get<double>();
  job.stage = json["stage"].get<std::string>();
  job.created_ns = json["created_ns"].get<std::int64_t>();
  job.started_ns = json["started_ns"].get<std::int64_t>();
  job.ended_ns = json["ended_ns"].get<std::int64_t>();
  if (has("exit_code", is_integer)) job.exit_code = json["exit_code"].get<int>();
  if (has("signal", is_integer)) job.signal = json["signal"].get<int>();
  job.detail = json["detail"].get<std::string>();
  job.by = json["by"].get<std::string>();
  job.model = json["model"].get<std::string>();
  if (job.model.find('/') != std::string::npos) return std::nullopt;  // it may be removed
  job.sha256 = json["sha256"].get<std::string>();
  return job;
}

struct SavedJobs {
  std::deque<Job> jobs;
  std::uint64_t next = 1;
};

// Nothing where it is damaged.
std::optional<SavedJobs> saved_jobs(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  const auto has = [&](const char* name, auto&& is) { return json.contains(name) && is(json[name]); };
  const bool is_list = json.is_object() && has("schema", [](const Json& value) { return value == kSchema; }) &&
                       has("next", is_number_of_job) &&
                       has("items", [](const Json& value) { return value.is_array(); });
  if (!is_list) return std::nullopt;
  SavedJobs saved{.jobs = {}, .next = json["next"].get<std::uint64_t>()};
  for (const Json& item : json["items"]) {
    auto job = job_of(item);
    if (!job || (!saved.jobs.empty() && job->number <= saved.jobs.back().number)) return std::nullopt;
    saved.next = std::max(saved.next, job->number + 1);
    saved.jobs.push_back(*std::move(job));
  }
  return saved;
}

// The largest number that a pack or a log is of.
std::uint64_t largest_number(const std::string& folder) {
  std::uint64_t largest = 0;
  for (const char* below : {"/models", "/logs"}) {
    std::error_code fault;
    fs::directory_iterator entries(folder + below, fault);
    for (; !fault && entries != fs::directory_iterator(); entries.increment(fault)) {
      const std::string name = entries->path().stem().string();  // NAME-7, train-7
      const std::size_t dash = name.rfind('-');
      if (dash == std::string::npos) continue;
      std::uint64_t number = 0;
      const auto [end, failure] = std::from_chars(name.data() + dash + 1, name.data() + name.size(), number);
      const bool is_number = failure == std::errc{} && end == name.data() + name.size();
      if (is_number && number <= kNumberMax) largest = std::max(largest, number);
    }
  }
  return largest;
}

// How a child has ended, if it has.
struct ChildEnd {
  bool has_ended = false;
  std::optional<int> status;  // none: somebody else took note of it
};

// A child and what it started, which end with this at the latest.
class Family {
 public:
  explicit Family(pid_t pid) noexcept : pid_(pid) {}
  ~Family() {
    if (pid_ > 0) end_and_reap();
  }
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;

  void signal(int which) const noexcept { ::kill(-pid_, which); }
  ChildEnd look() noexcept {
    siginfo_t info{};
    // Left to be waited for until its group is dead: after that its number may be anybody's.
    const int looked = ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
    if (looked == 0 && info.si_pid == pid_) return {.has_ended = true, .status = end_and_reap()};
    if (looked == 0 || errno == EINTR) return {};
    pid_ = -1;  // and nobody may be sent a signal by that number
    return {.has_ended = true, .status = std::nullopt};
  }

 private:
  std::optional<int> end_and_reap() noexcept {
    signal(SIGKILL);
    int status = 0;
    pid_t reaped = -1;
    do {
      reaped = ::waitpid(pid_, &status, 0);
    } while (reaped < 0 && errno == EINTR);
    const bool is_known = reaped == pid_;
    pid_ = -1;
    return is_known ? std::optional(status) : std::nullopt;
  }

  pid_t pid_;  // -1: gone
};

std::string why_failed(std::optional<int> status, const std::string& program) {
  if (!status) return "it has ended, and nobody can tell how: somebody else took note of it";
  if (WIFSIGNALED(*status)) return fmt::format("ended by signal {}", WTERMSIG(*status));
  if (WEXITSTATUS(*status) == 127) return fmt::format("{} could not be started", program);
  return fmt::format("exit status {}: the log says why", WEXITSTATUS(*status));
}

// Ignored, as a service manager may leave it to us, the kernel keeps no child's status.
void keep_childrens_ends() {
  struct sigaction now{};
  if (::sigaction(SIGCHLD, nullptr, &now) != 0) return;
  if (now.sa_handler == SIG_IGN || (now.sa_flags & SA_NOCLDWAIT) != 0) std::signal(SIGCHLD, SIG_DFL);
}

std::vector<std::string> arguments_of(const TrainRequest& request, const TrainJobsOptions& options,
                                      const std::string& out) {
  std::vector<std::string> list = {"--out", out, "--progress"};
  const auto text = [&](const char* flag, const std::string& value) {
    if (!value.empty()) list.insert(list.end(), {flag, value});
  };
  const auto number = [&](const char* flag, const auto& value) {
    if (value) list.insert(list.end(), {flag, fmt::format("{}", *value)});
  };
  text("--config", options.config_path);
  text("--set", request.set);
  text("--horizon", request.horizon);
  number("--rounds", request.rounds);
  number("--depth", request.depth);
  number("--eta", request.eta);
  number("--fraction", request.fraction);
  number("--rows", request.rows);
  if (request.files.empty()) {
    list.emplace_back("--simulator");
    number("--seed", request.seed);
    number("--duration", request.duration_s);
  } else {
    text("--clock", request.clock);
    text("--format", request.format);
    text("--instrument", request.instrument);
    list.emplace_back("--ticks");
    for (const std::string& name : request.files) list.push_back(options.training_folder + "/" + name);
  }
  return list;
}

// Whole lines out of pieces; one longer than a bound is cut.
class Lines {
 public:
  template <class Take>
  void add(std::string_view piece, Take&& take) {
    for (const char c : piece) {
      if (c == '\n') {
        end(take);
      } else if (line_.size() < kLineBytesMax) {
        line_ += c;
      }
    }
  }
  template <class Take>
  void end(Take&& take) {
    if (!line_.empty()) take(std::string_view(line_));
    line_.clear();
  }

 private:
  std::string line_;
};

// "progress 0.42 computing features"
bool read_progress(std::string_view line, double& share, std::string_view& stage) {
  constexpr std::string_view kWord = "progress ";
  if (!line.starts_with(kWord)) return false;
  line.remove_prefix(kWord.size());
  double value = 0;
  const auto [end, fault] = std::from_chars(line.data(), line.data() + line.size(), value);
  if (fault != std::errc{} || !(value >= 0 && value <= 1)) return false;
  share = value;
  stage = line.substr(static_cast<std::size_t>(end - line.data()));
  if (stage.starts_with(' ')) stage.remove_prefix(1);
  return true;
}

class JobLog {
 public:
  explicit JobLog(const std::string& path)
      : file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)) {}

  void add(std::string_view line) {
    if (!file_ || written_ > kLogBytesMax) return;
    std::string text = http::redacted(printable(line, kLineBytesMax)) + "\n";
    written_ += text.size();
    if (written_ > kLogBytesMax) text = "(what follows is left out)\n";
    // A log that a full disk does not take is a smaller loss than the training.
    [[maybe_unused]] const auto count = ::write(file_.get(), text.data(), text.size());
  }

 private:
  shm::FileDescriptor file_;
  std::size_t written_ = 0;
};

}  // namespace

std::string_view name_of(JobState state) noexcept { return kStateNames[static_cast<std::size_t>(state)]; }

std::string Job::id() const { return fmt::format("train-{}", number); }

TrainJobs::TrainJobs(TrainJobsOptions options) : options_(std::move(options)) {}

Result<std::unique_ptr<TrainJobs>> TrainJobs::open(TrainJobsOptions options) {
  auto jobs = std::unique_ptr<TrainJobs>(new TrainJobs(std::move(options)));
  std::error_code fault;
  for (const char* below : {"", "/logs", "/models"}) {
    const std::string path = jobs->options_.folder + below;
    fs::create_directories(path, fault);
    if (!fault) fs::permissions(path, fs::perms::owner_all, fault);
    if (fault) return fail(not_kept("making a folder for jobs", path, fault.message()));
  }
  if (!jobs->options_.training_folder.empty()) {
    jobs->options_.training_folder = fs::absolute(jobs->options_.training_folder, fault).lexically_normal();
    if (fault || !fs::is_directory(jobs->options_.training_folder, fault)) {
      return fail({.code = ErrorCode::file_missing,
                   .doing = "opening the training folder",
                   .file = jobs->options_.training_folder,
                   .expected = "a folder of tick files",
                   .found = fault ? fault.message() : "no folder"});
    }
  }
  keep_childrens_ends();
  if (!jobs->take_folder()) log::warn("{}", jobs->why_refused());
  jobs->thread_ = std::thread([at = jobs.get()] {
    set_thread_name("jobs");
    try {
      at->run();
    } catch (const std::exception& failure) {
      log::error("no more jobs are begun: {}", failure.what());
    } catch (...) {
      log::error("no more jobs are begun");
    }
  });
  return jobs;
}

TrainJobs::~TrainJobs() { stop(); }

void TrainJobs::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_.store(true, std::memory_order_relaxed);  // relaxed: the mutex orders it for who sleeps, a loop looks again
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

bool TrainJobs::take_folder() {
  const std::string path = lock_path();
  shm::FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  const bool is_ours = file && ::flock(file.get(), LOCK_EX | LOCK_NB) == 0;
  const std::string found = errno == EWOULDBLOCK ? "another process holds it" : errno_text(errno);
  if (is_ours) load();
  const std::lock_guard lock(mutex_);
  if (is_ours) {
    lock_ = std::move(file);
    why_refused_.clear();
  } else {
    why_refused_ = not_kept("no job is begun: locking", path, found).message();
  }
  return is_ours;
}

std::string TrainJobs::why_refused() const {
  const std::lock_guard lock(mutex_);
  return why_refused_;
}

void TrainJobs::load() {
  const std::string path = options_.folder + "/jobs.json";
  SavedJobs saved;
  // Not over models and logs of a list that is lost.
  const std::uint64_t after_files = largest_number(options_.folder) + 1;
  std::error_code fault;
  const std::lock_guard disk(disk_mutex_);
  if (fs::exists(path, fault)) {
    const auto text = read_whole_file(
        path, {.doing = "reading the list of jobs", .expected = "thintail-jobs/1", .bytes_max = kListBytesMax});
    if (auto read = text ? saved_jobs(*text) : std::nullopt) {
      saved = *std::move(read);
    } else {
      log::warn("{} is damaged: it is kept as jobs.json.damaged, and the list begins anew", path);
      fs::rename(path, path + ".damaged", fault);
      // Nor of those that it told of, though nothing else does any more.
      saved.next = static_cast<std::uint64_t>(wall_now_ns() / 1'000'000'000);
    }
  }
  saved.next = std::max(saved.next, after_files);
  for (Job& one : saved.jobs) {
    if (one.has_ended()) continue;
    one.state = JobState::interrupted;
    one.ended_ns = wall_now_ns();
    one.detail = "the gateway ended while it ran";
    if (!one.model.empty()) fs::remove(models_folder() + "/" + one.model, fault);
  }
  if (!saved.jobs.empty()) {
    if (const auto kept = write(saved.jobs, saved.next); !kept) log::warn("{}", kept.error().message());
  }
  const std::lock_guard lock(mutex_);
  jobs_ = std::move(saved.jobs);
  next_ = saved.next;
}

Result<void> TrainJobs::write(const List& jobs, std::uint64_t next) const {
  Json items = Json::array();
  for (const Job& one : jobs) items.push_back(json_of(one));
  const Json json = {{"schema", kSchema}, {"next", next}, {"items", std::move(items)}};
  return replace_file(options_.folder + "/jobs.json", json.dump(1, ' ', false, Json::error_handler_t::replace),
                      "keeping the list of jobs", 0600);
}

void TrainJobs::settle(const Job& changed) {
  const std::lock_guard disk(disk_mutex_);
  List list;
  std::uint64_t next = 0;
  {
    const std::lock_guard lock(mutex_);
    list = jobs_;
    next = next_;
  }
  const auto place = [&](List& jobs) -> Job& { return *std::ranges::find(jobs, changed.number, &Job::number); };
  place(list) = changed;
  if (const auto kept = write(list, next); !kept) log::warn("{}", kept.error().message());
  const std::lock_guard lock(mutex_);
  place(jobs_) = changed;
}

void TrainJobs::settle_unbegun(std::uint64_t number, JobState state, std::string detail) {
  Job job = copy_of(number);
  job.state = state;
  job.ended_ns = wall_now_ns();
  job.detail = std::move(detail);
  settle(job);
}

Job TrainJobs::copy_of(std::uint64_t number) const {
  const std::lock_guard lock(mutex_);
  return *std::ranges::find(jobs_, number, &Job::number);
}

std::vector<std::uint64_t> TrainJobs::forget_old() {
  std::vector<std::uint64_t> forgotten;
  while (jobs_.size() > kJobsKept && jobs_.front().has_ended()) {
    forgotten.push_back(jobs_.front().number);
    jobs_.pop_front();
  }
  return forgotten;
}

std::string TrainJobs::log_path(std::uint64_t number) const {
  return fmt::format("{}/logs/train-{}.log", options_.folder, number);
}

Result<std::vector<TrainingFile>> TrainJobs::files() const {
  std::vector<TrainingFile> rows;
  if (options_.training_folder.empty()) return rows;
  std::error_code fault;
  fs::directory_iterator entries(options_.training_folder, fault);
  for (; !fault && entries != fs::directory_iterator() && rows.size() < kFilesListed; entries.increment(fault)) {
    const std::string path = entries->path().string();
    struct stat status{};
    TrainingFile row{.name = entries->path().filename().string()};
    if (row.name.starts_with('.') || ::lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    row.bytes = static_cast<std::uint64_t>(status.st_size);
    row.modified_ns = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
    rows.push_back(std::move(row));
  }
  if (fault) {
    return fail({.code = ErrorCode::file_unreadable,
                 .doing = "listing the training folder",
                 .file = options_.training_folder,
                 .found = fault.message()});
  }
  std::ranges::sort(rows, {}, &TrainingFile::name);
  return rows;
}

std::expected<Job, TrainJobs::Refused> TrainJobs::submit(const TrainRequest& request, std::string by) {
  if (!request.files.empty()) {
    const auto known = files();
    if (!known) return std::unexpected(Refused{Refusal::not_kept, known.error().message()});
    for (const std::string& name : request.files) {
      if (std::ranges::find(*known, name, &TrainingFile::name) == known->end()) {
        return std::unexpected(Refused{Refusal::no_such_file, name});
      }
    }
  }
  const std::lock_guard disk(disk_mutex_);
  Job made;
  List list;
  {
    const std::lock_guard lock(mutex_);
    if (!why_refused_.empty()) return std::unexpected(Refused{Refusal::not_kept, why_refused_});
    for (const Job& one : jobs_) {
      if (!one.has_ended()) return std::unexpected(Refused{Refusal::busy, one.id()});
    }
    list = jobs_;
    made.number = next_;
  }
  made.stage = "queued";
  made.created_ns = wall_now_ns();
  made.by = std::move(by);
  made.model = fmt::format("{}-{}.ttm", request.name, made.number);
  list.push_back(made);
  if (const auto kept = write(list, made.number + 1); !kept) {
    return std::unexpected(Refused{Refusal::not_kept, kept.error().message()});
  }
  Waiting waiting{made.number, arguments_of(request, options_, models_folder() + "/" + made.model)};
  std::vector<std::uint64_t> forgotten;
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(made);
    next_ = made.number + 1;
    waiting_ = std::move(waiting);
    forgotten = forget_old();
  }
  wake_.notify_all();
  for (const std::uint64_t number : forgotten) {
    std::error_code ignored;  // a log that stays is only a file
    fs::remove(log_path(number), ignored);
  }
  return made;
}

std::vector<Job> TrainJobs::list() const {
  const std::lock_guard lock(mutex_);
  return {jobs_.begin(), jobs_.end()};
}

std::optional<Job> TrainJobs::find(std::string_view id) const {
  const std::lock_guard lock(mutex_);
  for (const Job& one : jobs_) {
    if (one.id() == id) return one;
  }
  return std::nullopt;
}

bool TrainJobs::cancel(std::string_view id) {
  const std::lock_guard lock(mutex_);
  for (const Job& one : jobs_) {
    if (one.id() != id || one.has_ended()) continue;
    cancelled_ = one.number;
    wake_.notify_all();
    return true;
  }
  return false;
}

std::string TrainJobs::log_tail(const Job& job) const {
  const auto text = read_whole_file(
      log_path(job.number), {.doing = "reading a job's log", .expected = "its log", .bytes_max = 2 * kLogBytesMax});
  if (!text || text->size() <= kLogTailBytes) return text.value_or("");
  const std::size_t from = text->find('\n', text->size() - kLogTailBytes);
  return from == std::string::npos ? "" : text->substr(from + 1);
}

bool TrainJobs::wait_for_folder() {
  while (!why_refused().empty()) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, kLookForFolder, [this] {
        return stop_.load(std::memory_order_relaxed);  // relaxed: written under the mutex
      });
      if (stop_.load(std::memory_order_relaxed)) return false;  // relaxed: as above
    }
    if (take_folder()) log::info("jobs are begun from now on: {} is ours", lock_path());
  }
  return true;
}

std::optional<TrainJobs::Waiting> TrainJobs::next_to_run() {
  while (true) {
    std::optional<Waiting> next;
    bool is_stopping = false;
    bool is_cancelled = false;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] {
        return stop_.load(std::memory_order_relaxed) || waiting_.has_value();  // relaxed: written under the mutex
      });
      is_stopping = stop_.load(std::memory_order_relaxed);  // relaxed: as above
      next = std::exchange(waiting_, std::nullopt);
      is_cancelled = next && cancelled_ == next->number;
    }
    if (!is_stopping && !is_cancelled) return next;
    if (next && is_cancelled) settle_unbegun(next->number, JobState::cancelled, "");
    if (next && !is_cancelled) {
      settle_unbegun(next->number, JobState::interrupted, "the gateway ended before it began");
    }
    if (is_stopping) return std::nullopt;
  }
}

void TrainJobs::run() {
  if (!wait_for_folder()) return;
  while (const auto next = next_to_run()) {
    try {
      run_one(*next);
    } catch (const std::exception& failure) {
      settle_unbegun(next->number, JobState::failed,
                     fmt::format("the gateway could not follow it: {}", failure.what()));
    }
  }
}

bool TrainJobs::is_to_end(std::uint64_t number) const {
  const std::lock_guard lock(mutex_);
  return cancelled_ == number || stop_.load(std::memory_order_relaxed);  // relaxed: looked at again
}

void TrainJobs::run_one(const Waiting& waiting) {
  {
    Job begins = copy_of(waiting.number);
    begins.state = JobState::running;
    begins.stage = "starting";
    begins.started_ns = wall_now_ns();
    settle(begins);
  }
  JobLog log(log_path(waiting.number));
  std::vector<int> cpus;
  if (options_.pinned_cpus) {
    const std::vector<int> allowed = allowed_cpus();
    cpus = cpus_left(allowed, options_.pinned_cpus());
    if (cpus == allowed) cpus.clear();  // none is taken, or all are: then it is one of many
  }
  auto child = start_child(options_.program, waiting.arguments, cpus);
  if (!child) return settle_unbegun(waiting.number, JobState::failed, child.error().message());
  Family family(child->pid);
  std::string stage_logged;
  const auto take = [&](std::string_view line) {
    double share = 0;
    std::string_view stage;
    if (!read_progress(line, share, stage)) return log.add(line);
    if (stage != stage_logged) {
      stage_logged = stage;
      log.add(line);
    }
    std::string shown = http::redacted(printable(stage, 120));
    const std::lock_guard lock(mutex_);
    Job& at = *std::ranges::find(jobs_, waiting.number, &Job::number);
    at.progress = std::max(at.progress, share);
    at.stage = std::move(shown);
  };
  Lines lines;
  bool is_open = true;
  const auto read_some = [&](int reads) {
    std::array<char, 4'096> piece;  // NOLINT: only what is read is used
    for (int i = 0; i < reads && is_open; ++i) {
      const ssize_t count = ::read(child->output.get(), piece.data(), piece.size());
      if (count < 0) return;
      if (count == 0) is_open = false;  // it has closed its output; it may go on all the same
      lines.add({piece.data(), static_cast<std::size_t>(count)}, take);
    }
  };

  std::optional<std::chrono::steady_clock::time_point> asked;
  ChildEnd end;
  while (!end.has_ended) {
    std::array<pollfd, 2> ready = {{{.fd = child->end.get(), .events = POLLIN, .revents = 0},
                                    {.fd = is_open ? child->output.get() : -1, .events = POLLIN, .revents = 0}}};
    ::poll(ready.data(), ready.size(), kLookMs);
    read_some(kReadsOfATurn);
    end = family.look();
    if (end.has_ended || !is_to_end(waiting.number)) continue;
    const auto now = std::chrono::steady_clock::now();
    if (!asked) {
      asked = now;
      family.signal(SIGTERM);
    } else if (now - *asked > kGrace) {
      family.signal(SIGKILL);
    }
  }
  read_some(kReadsAtTheEnd);  // what it wrote last came before its end
  lines.end(take);
  finish(waiting.number, end.status);
}

void TrainJobs::finish(std::uint64_t number, std::optional<int> status) {
  Job at = copy_of(number);
  const std::string path = models_folder() + "/" + at.model;
  const bool is_good = status && WIFEXITED(*status) && WEXITSTATUS(*status) == 0;
  const auto model = is_good ? load_decision_model(path)
                             : fail({.code = ErrorCode::child_failed, .doing = "training", .found = "no pack"});
  at.ended_ns = wall_now_ns();
  if (status && WIFEXITED(*status)) at.exit_code = WEXITSTATUS(*status);
  if (status && WIFSIGNALED(*status)) at.signal = WTERMSIG(*status);
  const bool is_cancelled = [&] {
    const std::lock_guard lock(mutex_);
    return cancelled_ == number;
  }();
  if (model) {
    at.state = JobState::succeeded;
    at.progress = 1;
    at.stage = "done";
    at.sha256 = to_hex(model->digest);
  } else if (is_good) {
    at.state = JobState::failed;
    at.detail = http::redacted(model.error().message());
  } else if (is_cancelled) {
    at.state = JobState::cancelled;
  } else if (is_to_end(number)) {
    at.state = JobState::interrupted;
    at.detail = "the gateway ended while it ran";
  } else {
    at.state = JobState::failed;
    at.detail = why_failed(status, options_.program);
  }
  if (!model) {
    std::error_code ignored;  // there need not be one
    fs::remove(path, ignored);
  }
  settle(at);
}

}  // namespace thintail::gateway
