// SPDX-License-Identifier: Apache-2.0
// Trainings as jobs: progress and log of a child, its end by every way, one at a time, a list that outlives the gateway, and over HTTP a real
// training whose pack `thintail models verify` accepts.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "tests/support/data.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/unix_client.hpp"
#include "tools/gateway/gateway.hpp"
#include "tools/gateway/train_jobs.hpp"

namespace thintail::gateway {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::HttpReply;

bool soon(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + test::kWatchdog;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Neither running nor waiting for somebody to take note of its end.
bool is_gone(int pid) {
  const std::string stat = text_of(fmt::format("/proc/{}/stat", pid));
  const std::size_t bracket = stat.rfind(')');
  return bracket == std::string::npos || stat.substr(bracket, 4).find('Z') != std::string::npos;
}

// A shell script in thintail-train's place.
class Jobs : public testing::Test {
 protected:
  // `body` finds the folder for what it tells as $at.
  void program(const std::string& body) const {
    std::ofstream(script()) << "#!/bin/sh\nat=" << folder_.path() << "\n" << body << "\n";
    ::chmod(script().c_str(), 0700);
  }
  std::unique_ptr<TrainJobs> open(const std::string& training_folder = "", PinnedCpus pinned = {}) const {
    auto jobs = TrainJobs::open({.folder = folder_.path() + "/jobs",
                                 .program = script(),
                                 .training_folder = training_folder,
                                 .config_path = {},
                                 .pinned_cpus = std::move(pinned)});
    EXPECT_TRUE(jobs.has_value()) << (jobs ? "" : jobs.error().message());
    return jobs ? *std::move(jobs) : nullptr;
  }
  Job ended(const TrainJobs& jobs, const std::string& id) const {
    EXPECT_TRUE(soon([&] { return jobs.find(id)->has_ended(); }));
    return *jobs.find(id);
  }
  bool has_written(const std::string& name) const {
    return soon([&] { return text_of(folder_.path() + "/" + name).ends_with("\n"); });
  }
  int number_in(const std::string& name) const { return std::atoi(text_of(folder_.path() + "/" + name).c_str()); }
  std::string script() const { return folder_.path() + "/train.sh"; }

  test::TempFolder folder_;
};

TEST_F(Jobs, progress_stage_and_log_are_the_childs_and_no_token_is_kept) {
  program(
      "echo \"$@\" > $at/arguments\n"
      "echo progress 0.25 computing features\n"
      "echo a key: tt_0123456789_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopq >&2\n"
      "echo progress 7 out of range\n"
      "while [ ! -e $at/go ]; do sleep 0.02; done\n"
      "echo progress 0.75 boosting\nexit 3");
  const auto jobs = open();
  TrainRequest request;
  request.rounds = 9;
  request.seed = 5;
  request.name = "gold";
  const auto made = jobs->submit(request, "key:ann");
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(made->id(), "train-1");
  EXPECT_EQ(made->by, "key:ann");
  ASSERT_TRUE(soon([&] { return jobs->find("train-1")->progress == 0.25; }));
  EXPECT_EQ(jobs->find("train-1")->state, JobState::running);
  EXPECT_EQ(jobs->find("train-1")->stage, "computing features");
  EXPECT_NE(jobs->find("train-1")->started_ns, 0);
  std::ofstream(folder_.path() + "/go") << "\n";
  const Job job = ended(*jobs, "train-1");
  EXPECT_EQ(job.state, JobState::failed);
  EXPECT_EQ(job.exit_code, 3);
  EXPECT_EQ(job.progress, 0.75);
  const std::string log = jobs->log_tail(job);
  EXPECT_NE(log.find("a key: ***"), std::string::npos) << log;
  EXPECT_EQ(log.find("ABCDEFGHIJ"), std::string::npos) << log;
  EXPECT_NE(log.find("progress 7 out of range"), std::string::npos) << "what is no progress is a line like any other";
  EXPECT_EQ(text_of(folder_.path() + "/arguments"),
            fmt::format("--out {}/gold-1.ttm --progress --rounds 9 --simulator --seed 5\n", jobs->models_folder()));
}

TEST_F(Jobs, one_trains_at_a_time_in_a_group_of_its_own_and_yields_to_others) {
  program(
      "cut -d' ' -f5 /proc/$$/stat > $at/group\nnice > $at/nice\necho $$ > $at/pid\n"
      "while [ ! -e $at/go ]; do sleep 0.02; done\nexit 1");
  const auto jobs = open();
  ASSERT_TRUE(jobs->submit({}, "a").has_value());
  ASSERT_TRUE(has_written("pid"));
  const auto second = jobs->submit({}, "b");
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().why, TrainJobs::Refusal::busy);
  EXPECT_EQ(second.error().detail, "train-1");
  EXPECT_EQ(number_in("group"), number_in("pid"));
  EXPECT_NE(number_in("group"), ::getpgrp());
  EXPECT_GE(number_in("nice"), 10);
  std::ofstream(folder_.path() + "/go") << "\n";
  ended(*jobs, "train-1");
  EXPECT_TRUE(jobs->submit({}, "b").has_value());
}

TEST_F(Jobs, a_child_ended_by_a_signal_failed_and_says_by_which) {
  program("echo $$ > $at/pid\nexec sleep 600");
  const auto jobs = open();
  ASSERT_TRUE(jobs->submit({}, "a").has_value());
  ASSERT_TRUE(has_written("pid"));
  ::kill(number_in("pid"), SIGKILL);
  const Job job = ended(*jobs, "train-1");
  EXPECT_EQ(job.state, JobState::failed);
  EXPECT_EQ(job.signal, SIGKILL);
  EXPECT_FALSE(job.exit_code);
  EXPECT_NE(job.detail.find("signal 9"), std::string::npos);
}

TEST_F(Jobs, cancelling_ends_the_child_and_what_it_started) {
  program("sleep 600 &\necho $! > $at/grandchild\necho $$ > $at/pid\nwait");
  const auto jobs = open();
  ASSERT_TRUE(jobs->submit({}, "a").has_value());
  ASSERT_TRUE(has_written("pid"));
  EXPECT_FALSE(jobs->cancel("train-2"));
  EXPECT_TRUE(jobs->cancel("train-1"));
  EXPECT_EQ(ended(*jobs, "train-1").state, JobState::cancelled);
  EXPECT_TRUE(soon([&] { return is_gone(number_in("grandchild")) && is_gone(number_in("pid")); }));
  EXPECT_FALSE(jobs->cancel("train-1")) << "it has ended";
}

TEST_F(Jobs, a_child_that_will_not_end_is_ended) {
  program("trap '' TERM\necho $$ > $at/pid\nwhile true; do sleep 0.05; done");
  const auto jobs = open();
  ASSERT_TRUE(jobs->submit({}, "a").has_value());
  ASSERT_TRUE(has_written("pid"));
  EXPECT_TRUE(jobs->cancel("train-1"));
  const Job job = ended(*jobs, "train-1");
  EXPECT_EQ(job.state, JobState::cancelled);
  EXPECT_EQ(job.signal, SIGKILL);
}

TEST_F(Jobs, success_without_a_whole_pack_is_none) {
  program("echo no pack at all > \"$2\"\nexit 0");
  const auto jobs = open();
  ASSERT_TRUE(jobs->submit({}, "a").has_value());
  const Job job = ended(*jobs, "train-1");
  EXPECT_EQ(job.state, JobState::failed);
  EXPECT_EQ(job.sha256, "");
  EXPECT_NE(job.detail, "");
  EXPECT_FALSE(fs::exists(jobs->models_folder() + "/" + job.model)) << "what is no pack is not left among them";
}

TEST_F(Jobs, a_program_that_is_not_there_fails_its_job) {
  const auto jobs = open();
  ASSERT_TRUE(jobs->submit({}, "a").has_value());
  const Job job = ended(*jobs, "train-1");
  EXPECT_EQ(job.state, JobState::failed);
  EXPECT_EQ(job.exit_code, 127);
}

TEST_F(Jobs, an_orderly_end_interrupts_what_runs_and_the_list_is_there_again) {
  program("echo $$ > $at/pid\nexec sleep 600");
  {
    const auto jobs = open();
    ASSERT_TRUE(jobs->submit({}, "a").has_value());
    ASSERT_TRUE(has_written("pid"));
  }
  EXPECT_TRUE(is_gone(number_in("pid")));
  program("exit 1");
  const auto jobs = open();
  ASSERT_EQ(jobs->list().size(), 1u);
  EXPECT_EQ(jobs->list()[0].state, JobState::interrupted);
  EXPECT_NE(jobs->list()[0].ended_ns, 0);
  const auto next = jobs->submit({}, "a");
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->id(), "train-2") << "no number is given twice";
}

TEST_F(Jobs, a_gateway_that_is_killed_takes_its_child_along_and_the_next_says_interrupted) {
  program("echo $$ > $at/pid\nexec sleep 600");
  const pid_t gateway = ::fork();
  if (gateway == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const auto jobs = TrainJobs::open({.folder = folder_.path() + "/jobs",
                                       .program = script(),
                                       .training_folder = {},
                                       .config_path = {},
                                       .pinned_cpus = {}});
    if (!jobs || !(*jobs)->submit({}, "a")) ::_exit(1);
    while (true) ::pause();
  }
  ASSERT_TRUE(has_written("pid"));
  ::kill(gateway, SIGKILL);
  ::waitpid(gateway, nullptr, 0);
  EXPECT_TRUE(soon([&] { return is_gone(number_in("pid")); }));
  const auto jobs = open();
  ASSERT_EQ(jobs->list().size(), 1u);
  EXPECT_EQ(jobs->list()[0].state, JobState::interrupted);
}

TEST_F(Jobs, a_damaged_list_is_kept_aside) {
  program("exit 1");
  fs::create_directories(folder_.path() + "/jobs");
  std::ofstream(folder_.path() + "/jobs/jobs.json") << R"({"schema": "thintail-jobs/1", "next": 4, "items": [{}]})";
  const auto jobs = open();
  EXPECT_TRUE(jobs->list().empty());
  EXPECT_TRUE(fs::exists(folder_.path() + "/jobs/jobs.json.damaged"));
  const auto made = jobs->submit({}, "a");
  ASSERT_TRUE(made.has_value());
  EXPECT_GT(made->number, 4u) << "the damaged list's models are not written over";
}

TEST_F(Jobs, no_damage_of_the_list_keeps_the_gateway_from_starting) {
  program("exit 1");
  const auto with = [](const std::string& number, const std::string& model) {
    return fmt::format(
        R"({{"number": {}, "state": "failed", "progress": 0, "stage": "", "created_ns": 1, "started_ns": 1,
                           "ended_ns": 1, "detail": "", "by": "", "model": "{}", "sha256": ""}})",
        number, model);
  };
  const auto list = [](const std::string& schema, const std::string& next, const std::string& items) {
    return fmt::format(R"({{"schema": {}, "next": {}, "items": [{}]}})", schema, next, items);
  };
  const std::string schema = R"("thintail-jobs/1")";
  int number = 0;
  const auto opens_anew = [&](const std::string& text) {
    const std::string folder = fmt::format("{}/jobs-{}", folder_.path(), ++number);
    fs::create_directories(folder);
    std::ofstream(folder + "/jobs.json") << text;
    const auto jobs = TrainJobs::open(
        {.folder = folder, .program = script(), .training_folder = {}, .config_path = {}, .pinned_cpus = {}});
    EXPECT_TRUE(jobs.has_value()) << text;
    return !fs::exists(folder + "/jobs.json.damaged") ? (*jobs)->list().size() : std::size_t{99};
  };
  EXPECT_EQ(opens_anew(list(schema, "9", with("7", "a") + "," + with("8", "b"))), 2u) << "this one is whole";
  for (const std::string& text :
       {list("3", "4", ""), list("null", "4", ""), list(schema, "0", ""), list(schema, "-1", ""),
        list(schema, "18446744073709551615", ""), list(schema, "1e300", ""), list(schema, "9", with("0", "a")),
        list(schema, "9", with("18446744073709551615", "a")), list(schema, "9", with("7", "a") + "," + with("7", "b")),
        list(schema, "9", with("7", "../../keys.json")), std::string("[]"), std::string("{"), std::string(),
        std::string("\"thintail-jobs/1\"")}) {
    EXPECT_EQ(opens_anew(text), 99u) << text;
  }
}

TEST_F(Jobs, without_its_list_no_number_of_a_pack_or_log_is_given_twice) {
  program("exit 1");
  fs::create_directories(folder_.path() + "/jobs/models");
  fs::create_directories(folder_.path() + "/jobs/logs");
  std::ofstream(folder_.path() + "/jobs/models/gold-m1-41.ttm") << "x";
  std::ofstream(folder_.path() + "/jobs/logs/train-43.log") << "x";
  std::ofstream(folder_.path() + "/jobs/models/mine.ttm") << "x";
  const auto made = open()->submit({}, "a");
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(made->id(), "train-44");
}

TEST_F(Jobs, an_end_that_the_kernel_does_not_keep_is_an_end) {
  program("exit 3");
  std::signal(SIGCHLD, SIG_IGN);  // as whoever started us may have left it
  const auto jobs = open();
  EXPECT_TRUE(jobs->submit({}, "a").has_value());
  EXPECT_EQ(ended(*jobs, "train-1").exit_code, 3);
  std::signal(SIGCHLD, SIG_IGN);  // and by somebody since
  EXPECT_TRUE(jobs->submit({}, "a").has_value());
  const Job job = ended(*jobs, "train-2");
  std::signal(SIGCHLD, SIG_DFL);
  EXPECT_EQ(job.state, JobState::failed);
  EXPECT_FALSE(job.exit_code || job.signal);
  EXPECT_NE(job.detail.find("nobody can tell how"), std::string::npos) << job.detail;
}

TEST_F(Jobs, a_child_that_never_falls_silent_is_cancelled_all_the_same) {
  program("echo $$ > $at/pid\nyes progress 0.5 boosting & yes progress 0.6 boosting &\nexec yes progress 0.7 boosting");
  const auto jobs = open();
  ASSERT_TRUE(jobs->submit({}, "a").has_value());
  ASSERT_TRUE(has_written("pid"));
  EXPECT_TRUE(jobs->cancel("train-1"));
  EXPECT_EQ(ended(*jobs, "train-1").state, JobState::cancelled);
}

TEST_F(Jobs, a_folder_is_one_gateways_and_the_next_ones_once_that_is_gone) {
  program("echo $$ > $at/pid\nwhile [ ! -e $at/go ]; do sleep 0.02; done\nexit 1");
  auto first = open();
  ASSERT_TRUE(first->submit({}, "a").has_value());
  ASSERT_TRUE(has_written("pid"));
  const auto second = open();
  EXPECT_NE(second->why_refused().find("/jobs/jobs.lock"), std::string::npos) << second->why_refused();
  EXPECT_TRUE(second->list().empty());
  const auto refused = second->submit({}, "b");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().why, TrainJobs::Refusal::not_kept);
  EXPECT_EQ(refused.error().detail, second->why_refused());
  EXPECT_NE(text_of(folder_.path() + "/jobs/jobs.json").find("running"), std::string::npos)
      << "what the first does is not called interrupted";
  std::ofstream(folder_.path() + "/go") << "\n";
  ended(*first, "train-1");
  EXPECT_TRUE(first->why_refused().empty());
  first.reset();
  ASSERT_TRUE(soon([&] { return second->why_refused().empty(); }));
  ASSERT_EQ(second->list().size(), 1u);
  EXPECT_EQ(second->list()[0].state, JobState::failed);
  const auto next = second->submit({}, "b");
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->id(), "train-2");
}

TEST_F(Jobs, a_child_runs_where_no_core_is_pinned_and_is_the_first_to_go_when_memory_ends) {
  program(
      "grep Cpus_allowed_list /proc/$$/status | cut -f2 > $at/cpus\ncat /proc/$$/oom_score_adj > $at/score\n"
      "cut -d' ' -f41 /proc/$$/stat > $at/policy\nexit 1");
  std::vector<int> pinned = allowed_cpus();
  const std::string first = fmt::format("{}\n", pinned.front());
  if (pinned.size() > 1) pinned.erase(pinned.begin());
  const auto jobs = open("", [&] { return pinned; });
  ASSERT_TRUE(jobs->submit({}, "a").has_value());
  ended(*jobs, "train-1");
  EXPECT_EQ(text_of(folder_.path() + "/cpus"), first);
  EXPECT_EQ(number_in("score"), 1'000);
  if (allowed_cpus().size() > 1) {
    EXPECT_EQ(number_in("policy"), SCHED_IDLE);
  }
  pinned = allowed_cpus();
  ASSERT_TRUE(jobs->submit({}, "a").has_value());
  ended(*jobs, "train-2");
  EXPECT_EQ(number_in("policy"), SCHED_OTHER) << "where all are taken it would never come to run";
}

TEST_F(Jobs, one_that_cannot_be_followed_has_failed_and_the_next_begins) {
  program("exit 3");
  std::atomic<bool> is_bad{true};
  const auto jobs = open("", [&]() -> std::vector<int> {
    if (is_bad.load(std::memory_order_relaxed)) throw std::runtime_error("no memory");  // relaxed: a flag
    return {};
  });
  ASSERT_TRUE(jobs->submit({}, "a").has_value());
  const Job job = ended(*jobs, "train-1");
  EXPECT_EQ(job.state, JobState::failed);
  EXPECT_NE(job.detail.find("no memory"), std::string::npos) << job.detail;
  is_bad.store(false, std::memory_order_relaxed);  // relaxed: a flag
  ASSERT_TRUE(jobs->submit({}, "a").has_value());
  EXPECT_EQ(ended(*jobs, "train-2").exit_code, 3);
}

TEST_F(Jobs, a_list_that_cannot_be_written_forgets_nothing) {
  program("exit 1");
  const auto jobs = open();
  for (int i = 1; i <= 100; ++i) {
    ASSERT_TRUE(jobs->submit({}, "a").has_value());
    ASSERT_TRUE(test::eventually([&] { return jobs->find(fmt::format("train-{}", i))->has_ended(); }));
  }
  fs::remove(folder_.path() + "/jobs/jobs.json");
  fs::create_directories(folder_.path() + "/jobs/jobs.json/in the way");
  const auto made = jobs->submit({}, "a");
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().why, TrainJobs::Refusal::not_kept);
  EXPECT_EQ(jobs->list().size(), 100u);
  EXPECT_TRUE(jobs->find("train-1").has_value());
  EXPECT_TRUE(fs::exists(folder_.path() + "/jobs/logs/train-1.log"));
}

TEST_F(Jobs, only_files_that_lie_in_the_training_folder_itself_are_listed_and_taken) {
  program("echo \"$@\" > $at/arguments\nexit 1");
  const std::string training = folder_.path() + "/ticks";
  fs::create_directories(training + "/below");
  for (const char* name : {"gold.csv", "below/deep.csv", ".hidden"}) std::ofstream(training + "/" + name) << "x\n";
  std::ofstream(folder_.path() + "/outside.csv") << "x\n";
  fs::create_symlink(folder_.path() + "/outside.csv", training + "/link.csv");
  const auto jobs = open(training);
  const auto files = jobs->files();
  ASSERT_TRUE(files.has_value());
  ASSERT_EQ(files->size(), 1u);
  EXPECT_EQ((*files)[0].name, "gold.csv");
  EXPECT_EQ((*files)[0].bytes, 2u);
  for (const char* name : {"../outside.csv", "below/deep.csv", "link.csv", ".hidden", "", "/etc/passwd", "below"}) {
    TrainRequest request;
    request.files = {"gold.csv", name};
    const auto made = jobs->submit(request, "a");
    ASSERT_FALSE(made.has_value()) << name;
    EXPECT_EQ(made.error().why, TrainJobs::Refusal::no_such_file) << name;
  }
  TrainRequest request;
  request.files = {"gold.csv"};
  request.clock = "utc";
  ASSERT_TRUE(jobs->submit(request, "a").has_value());
  ended(*jobs, "train-1");
  EXPECT_EQ(text_of(folder_.path() + "/arguments"),
            fmt::format("--out {}/model-1.ttm --progress --clock utc --ticks {}/gold.csv\n", jobs->models_folder(),
                        training));
  EXPECT_FALSE(TrainJobs::open({.folder = folder_.path() + "/jobs2",
                                .program = script(),
                                .training_folder = folder_.path() + "/nowhere",
                                .config_path = {},
                                .pinned_cpus = {}})
                   .has_value());
}

TEST_F(Jobs, the_list_keeps_the_newest_hundred) {
  program("exit 1");
  const auto jobs = open();
  for (int i = 1; i <= 103; ++i) {
    ASSERT_TRUE(jobs->submit({}, "a").has_value());
    ASSERT_TRUE(test::eventually([&] { return jobs->find(fmt::format("train-{}", i))->has_ended(); }));
  }
  EXPECT_EQ(jobs->list().size(), 100u);
  EXPECT_EQ(jobs->list().front().number, 4u);
  EXPECT_FALSE(fs::exists(folder_.path() + "/jobs/logs/train-1.log"));
  EXPECT_TRUE(fs::exists(folder_.path() + "/jobs/logs/train-103.log"));
}

// --- over HTTP ------------------------------------------------------------------------------------------------------------

class Served {
 public:
  explicit Served(const std::string& folder, const std::string& training_folder = "") : folder_(folder) {
    GatewayOptions options;
    options.instance = "trained";
    options.shm_directory = folder;
    options.journal_directory = folder + "/journal";
    options.state_directory = folder + "/state";
    options.version = "test";
    options.training_folder = training_folder;
    options.train_program = test::program("thintail-train");
    options.server.listeners = {{.address = "127.0.0.1", .port = 0}};
    options.server.unix_path = folder + "/gateway.sock";
    options.server.front.rates.read = {1'000'000, 60};
    options.server.front.rates.trading = {1'000'000, 60};
    auto started = Gateway::start(std::move(options));
    EXPECT_TRUE(started.has_value()) << (started ? "" : started.error().message());
    if (started) gateway_ = *std::move(started);
  }
  HttpReply get(const std::string& target) const { return test::http_over(folder_ + "/gateway.sock", "GET", target); }
  HttpReply post(const std::string& target, const json& body, const std::string& key) const {
    return test::http_over(folder_ + "/gateway.sock", "POST", target, body.is_null() ? "" : body.dump(),
                           key.empty() ? "" : "Idempotency-Key: " + key + "\r\n");
  }
  json ended(const std::string& location) const {
    json job;
    EXPECT_TRUE(soon([&] {
      job = get(location).json();
      return job.contains("state") && job["state"] != "running" && job["state"] != "queued";
    })) << job;
    return job;
  }
  // What a reply's schema says of it; empty: it fits.
  std::string faults(const std::string& pattern, http::Method method, const HttpReply& reply) const {
    std::string all;
    const http::Router& router = gateway_->server().router();
    for (const http::Route& route : router.routes()) {
      if (route.pattern != pattern || route.method != method) continue;
      for (const auto& problem : router.check_reply(route, reply.status, reply.json())) {
        all += problem.pointer + ": " + problem.detail + "\n";
      }
      return all;
    }
    return "no such route";
  }
  Gateway& gateway() { return *gateway_; }

 private:
  std::string folder_;
  std::unique_ptr<Gateway> gateway_;
};

// Simulated ticks: four hours, a few small trees.
json small_training() {
  return {{"simulator", {{"seed", 5}, {"duration_s", 14'400}}},
          {"rounds", 4},
          {"depth", 3},
          {"rows", 3'000},
          {"name", "small"}};
}

void expect_verified(const json& job) {
  ASSERT_EQ(job["state"], "succeeded") << job;
  EXPECT_EQ(job["progress"], 1.0);
  EXPECT_EQ(job["exit_code"], 0);
  const auto path = job["result"]["path"].get<std::string>();
  const auto verified = test::run_thintail({"models", "verify", path});
  EXPECT_EQ(verified.exit_code, 0) << verified.out << verified.err;
  const auto inspected = test::run_thintail({"models", "inspect", path, "--json"});
  EXPECT_NE(inspected.out.find(job["result"]["sha256"].get<std::string>()), std::string::npos) << inspected.out;
  EXPECT_NE(job["note"].get<std::string>().find("thintail models promote " + path), std::string::npos);
}

TEST(Retraining, a_training_over_http_ends_with_a_pack_that_verifies_and_is_not_in_force) {
  const test::TempFolder folder;
  std::string location;
  {
    Served served(folder.path());
    const HttpReply begun = served.post("/api/v1/models/retrain", small_training(), "once");
    ASSERT_EQ(begun.status, 202) << begun.body;
    EXPECT_EQ(served.faults("/api/v1/models/retrain", http::Method::post, begun), "");
    location = begun.header("location");
    EXPECT_EQ(location, "/api/v1/jobs/train-1");
    const HttpReply again = served.post("/api/v1/models/retrain", small_training(), "once");
    EXPECT_EQ(again.status, 202);
    EXPECT_EQ(again.header("location"), location) << "the same key begins nothing new";
    // Until it has ended another one is refused with its id.
    const HttpReply second = served.post("/model/retrain", small_training(), "");
    if (second.status == 409) {
      EXPECT_NE(second.json()["detail"].get<std::string>().find("train-1"), std::string::npos);
      EXPECT_EQ(second.header("location"), location);
    } else {
      EXPECT_TRUE(served.get(location).json()["state"] == "succeeded") << second.body;
    }
    const json job = served.ended(location);
    expect_verified(job);
    EXPECT_EQ(served.faults("/api/v1/jobs/{job_id}", http::Method::get, served.get(location)), "");
    EXPECT_NE(job["log"].get<std::string>().find("parity"), std::string::npos) << job["log"];
    EXPECT_EQ(served.faults("/api/v1/jobs", http::Method::get, served.get("/api/v1/jobs")), "");
    EXPECT_NE(served.get("/metrics").body.find("thintail_jobs{state=\"succeeded\"} 1"), std::string::npos);
  }
  Served next(folder.path());
  EXPECT_EQ(next.get(location).json()["state"], "succeeded") << "the list outlives the gateway";
}

TEST(Retraining, real_ticks_of_the_training_folder_train_too) {
  const fs::path ticks = test::data_dir() / "ticks" / "oanda_xauusd_tick_20140502.csv.zst";
  TT_REQUIRE_DATA(ticks);
  const test::TempFolder folder;
  Served served(folder.path(), ticks.parent_path().string());
  const HttpReply listed = served.get("/api/v1/models/training-files");
  EXPECT_EQ(served.faults("/api/v1/models/training-files", http::Method::get, listed), "");
  EXPECT_NE(listed.body.find("oanda_xauusd_tick_20140502.csv.zst"), std::string::npos);
  const json body = {{"files", {"oanda_xauusd_tick_20140502.csv.zst"}},
                     {"clock", "utc"},
                     {"rounds", 3},
                     {"depth", 3},
                     {"rows", 3'000}};
  const HttpReply begun = served.post("/api/v1/models/retrain", body, "gold");
  ASSERT_EQ(begun.status, 202) << begun.body;
  expect_verified(served.ended(begun.header("location")));
}

TEST(Retraining, a_job_is_cancelled_over_http) {
  const test::TempFolder folder;
  Served served(folder.path());
  json body = small_training();
  body["simulator"]["duration_s"] = 5'000'000;
  const HttpReply begun = served.post("/api/v1/models/retrain", body, "long");
  ASSERT_EQ(begun.status, 202) << begun.body;
  const std::string location = begun.header("location");
  const HttpReply busy = served.post("/api/v1/models/retrain", body, "longer");
  EXPECT_EQ(busy.status, 409);
  EXPECT_NE(busy.json()["detail"].get<std::string>().find("train-1"), std::string::npos) << busy.body;
  const HttpReply asked = served.post(location + "/cancel", nullptr, "");
  EXPECT_EQ(asked.status, 202) << asked.body;
  EXPECT_EQ(served.faults("/api/v1/jobs/{job_id}/cancel", http::Method::post, asked), "");
  EXPECT_EQ(served.ended(location)["state"], "cancelled");
  EXPECT_EQ(served.post(location + "/cancel", nullptr, "").status, 409);
  EXPECT_EQ(served.get("/api/v1/jobs/train-77").status, 404);
}

// The trainer among our children; 0: none runs.
int trainer_of_ours() {
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const int pid = std::atoi(entry.path().filename().c_str());
    const std::string stat = pid > 0 ? text_of(entry.path() / "stat") : "";
    const std::string mark = "(thintail-train) ";
    const std::size_t at = stat.find(mark);
    if (at == std::string::npos) continue;
    // "S 4711": the state, then the parent.
    if (std::atoi(stat.c_str() + at + mark.size() + 2) == ::getpid() && stat[at + mark.size()] != 'Z') return pid;
  }
  return 0;
}

TEST(Retraining, a_trainer_that_is_killed_is_a_failed_job) {
  const test::TempFolder folder;
  Served served(folder.path());
  json body = small_training();
  body["simulator"]["duration_s"] = 5'000'000;
  const HttpReply begun = served.post("/api/v1/models/retrain", body, "long");
  ASSERT_EQ(begun.status, 202) << begun.body;
  int pid = 0;
  ASSERT_TRUE(soon([&] { return (pid = trainer_of_ours()) != 0; }));
  ::kill(pid, SIGKILL);
  const json job = served.ended(begun.header("location"));
  EXPECT_EQ(job["state"], "failed") << job;
  EXPECT_EQ(job["signal"], SIGKILL);
  EXPECT_EQ(job["exit_code"], nullptr);
  EXPECT_EQ(job["result"], nullptr);
}

TEST(Retraining, what_is_no_request_for_a_training_begins_none) {
  const test::TempFolder folder;
  Served served(folder.path());
  const std::string path = "/api/v1/models/retrain";
  EXPECT_EQ(served.post(path, small_training(), "").status, 400) << "without a key";
  const json simulator = json::object();
  int key = 0;
  for (const json& body : std::vector<json>{json::object(),
                                            {{"simulator", simulator}, {"files", {"a.csv"}}},
                                            {{"simulator", simulator}, {"out", "/tmp/x.ttm"}},
                                            {{"simulator", simulator}, {"name", "../x"}},
                                            {{"simulator", simulator}, {"name", "-x"}},
                                            {{"simulator", simulator}, {"feature_set", "/etc/passwd"}},
                                            {{"simulator", simulator}, {"horizon", "0s"}},
                                            {{"simulator", simulator}, {"horizon", "60"}},
                                            {{"simulator", simulator}, {"clock", "utc"}},
                                            {{"simulator", {{"start", 1}}}},
                                            {{"simulator", simulator}, {"rounds", 0}},
                                            {{"files", json::array()}},
                                            {{"files", {"../../etc/passwd"}}},
                                            {{"files", {"--out"}}}}) {
    const HttpReply reply = served.post(path, body, fmt::format("bad-{}", ++key));
    EXPECT_EQ(reply.status, 422) << body << reply.body;
  }
  EXPECT_TRUE(served.get("/api/v1/jobs").json()["items"].empty());
  for (const http::Route& route : served.gateway().server().router().routes()) {
    const bool is_ours = route.pattern == path || route.pattern == "/api/v1/jobs/{job_id}/cancel" ||
                         route.pattern == "/api/v1/models/training-files";
    EXPECT_TRUE(!is_ours || route.role == http::Role::admin) << route.pattern;
    if (route.pattern.starts_with("/api/v1/jobs") || is_ours) {
      EXPECT_TRUE(route.is_account_data) << route.pattern << " stays closed under public_read";
    }
  }
}

}  // namespace
}  // namespace thintail::gateway
