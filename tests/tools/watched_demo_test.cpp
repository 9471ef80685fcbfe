// SPDX-License-Identifier: Apache-2.0
// A running demo under every eye at once, `top`, `stat`, `events --follow` and the Python reader, of which one after another is killed
// and begun again: its decisions are those of a demo that nobody watched.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "shm/segment/core_segment.hpp"
#include "tests/support/core_model.hpp"
#include "tests/support/data.hpp"
#include "tests/support/process.hpp"
#include "tests/support/pty.hpp"
#include "tests/support/temp_folder.hpp"

namespace thintail::test {
namespace {

// A python3 that has numpy, which may be Debian's behind another one; empty where there is none.
std::string python_with_numpy() {
  for (const char* candidate : {"/usr/bin/python3", "/usr/local/bin/python3"}) {
    if (Process({candidate, "-c", "import numpy"}).wait().exit_code == 0) return candidate;
  }
  return {};
}

// One of them: begun, seen to show something of the core, killed.
class Watcher {
 public:
  virtual ~Watcher() = default;
  virtual const char* name() const = 0;
  virtual void begin() = 0;
  virtual bool shows_something() = 0;
  virtual void kill() = 0;  // SIGKILL, and gone
  int kills = 0;
};

class Program : public Watcher {
 public:
  Program(const char* name, std::vector<std::string> command, std::string shows)
      : name_(name), command_(std::move(command)), shows_(std::move(shows)) {}
  const char* name() const override { return name_; }
  void begin() override { process_.emplace(command_); }
  bool shows_something() override { return process_->out().find(shows_) != std::string::npos; }
  void kill() override { process_.reset(); }  // as the destructor of Process does it

 private:
  const char* name_;
  std::vector<std::string> command_;
  std::string shows_;
  std::optional<Process> process_;
};

class Top : public Watcher {
 public:
  explicit Top(std::vector<std::string> arguments) : arguments_(std::move(arguments)) {}
  const char* name() const override { return "top"; }
  void begin() override { pty_.emplace(arguments_, 80, 24); }
  bool shows_something() override { return pty_->has_shown("RISK gate"); }
  void kill() override { pty_.reset(); }

 private:
  std::vector<std::string> arguments_;
  std::optional<Pty> pty_;
};

class WatchedDemoTest : public testing::Test {
 protected:
  std::vector<std::string> demo(std::vector<std::string> more) const {
    std::vector<std::string> command{"demo",
                                     "--folder",
                                     folder_.path(),
                                     "--set",
                                     "shm.directory=" + shm_.path(),
                                     "--set",
                                     "simulator.duration_s=600",
                                     "--model",
                                     model_,
                                     "--json"};
    command.insert(command.end(), more.begin(), more.end());
    return command;
  }
  static std::string hash_of(const ProcessResult& result) {
    EXPECT_EQ(result.exit_code, 0) << result.err;
    const auto report = nlohmann::json::parse(result.out, nullptr, false);
    return report.is_object() ? report.value("decision_hash", "") : "";
  }
  bool is_running() const { return shm::CoreView::open(shm_.path(), "demo").has_value(); }

  TempFolder shm_{kMemoryFolder};
  TempFolder folder_;
  std::string model_ = write_core_model(folder_.path());
};

TEST_F(WatchedDemoTest, decides_the_same_while_its_watchers_are_killed) {
  const std::string unwatched = hash_of(run_thintail(demo({})));
  ASSERT_FALSE(unwatched.empty());
  EXPECT_NE(hash_of(run_thintail(demo({"--seed", "2"}))), unwatched) << "the hash can tell";

  const auto watching = [&](std::vector<std::string> command) {
    command.insert(command.end(), {"--instance", "demo", "--shm-directory", shm_.path()});
    return command;
  };
  const std::string thintail = program("thintail");
  Top top(watching({"top"}));
  Program stat("stat", watching({thintail, "stat", "--interval", "20ms"}), "running epoch 1");
  Program events("events", watching({thintail, "events", "--follow", "--json"}), "\"type\":\"tick\"");
  std::vector<Watcher*> watchers{&top, &stat, &events};
  std::optional<Program> reader;
  if (const std::string python = python_with_numpy(); !python.empty()) {
    reader.emplace("python",
                   watching({python, THINTAIL_SOURCE_DIR "/deploy/python/thintail_reader.py", "--start", "latest"}),
                   "\"type\": \"tick\"");
    watchers.push_back(&*reader);
  } else {
    fmt::print("no python3 with numpy here: watched by the other three\n");
  }

  Process watched = start_thintail(demo({"--speed", "60x"}));  // six seconds for the 360 that are run
  ASSERT_TRUE(eventually([&] { return is_running(); })) << watched.err();
  for (Watcher* watcher : watchers) watcher->begin();
  for (std::size_t turn = 0; is_running(); ++turn) {
    Watcher& watcher = *watchers[turn % watchers.size()];
    ASSERT_TRUE(eventually([&] { return watcher.shows_something() || !is_running(); })) << watcher.name();
    if (!is_running()) break;
    watcher.kill();
    ++watcher.kills;
    watcher.begin();
  }
  EXPECT_EQ(hash_of(watched.wait()), unwatched);
  for (const Watcher* watcher : watchers) {
    fmt::print("{} killed {} times\n", watcher->name(), watcher->kills);
    EXPECT_GT(watcher->kills, 0) << watcher->name();
  }
}

}  // namespace
}  // namespace thintail::test
