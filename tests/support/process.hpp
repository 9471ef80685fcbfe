// SPDX-License-Identifier: Apache-2.0
// Process: a program under test: its arguments and environment, what it wrote, how it ended. A watchdog ends one that
// hangs.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace thintail::test {

// Generous: it ends a hang, and judges no speed.
inline constexpr std::chrono::seconds kWatchdog{120};

// Looks until `holds` does, or the watchdog's time is over.
inline bool eventually(const std::function<bool()>& holds, std::chrono::seconds limit = kWatchdog) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

struct ProcessResult {
  int exit_code = -1;  // 128 + signal where a signal ended it
  std::string out;
  std::string err;
};

class Process {
 public:
  explicit Process(const std::vector<std::string>& command, const std::vector<std::string>& environment = {})
      : out_(::memfd_create("stdout", MFD_CLOEXEC)), err_(::memfd_create("stderr", MFD_CLOEXEC)) {
    std::vector<char*> argv;
    for (const std::string& argument : command) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that dies leaves no daemon behind
    ::dup2(out_, STDOUT_FILENO);
    ::dup2(err_, STDERR_FILENO);
    for (const std::string& variable : environment) ::putenv(const_cast<char*>(variable.c_str()));
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  Process(Process&& other) noexcept
      : out_(std::exchange(other.out_, -1)), err_(std::exchange(other.err_, -1)), pid_(std::exchange(other.pid_, -1)) {}
  Process& operator=(Process&&) = delete;
  ~Process() {
    if (pid_ > 0) {
      signal(SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    if (out_ >= 0) ::close(out_);
    if (err_ >= 0) ::close(err_);
  }

  pid_t pid() const noexcept { return pid_; }
  // SIGSTOP: returns once every thread stands, which kill() alone does not wait for.
  void signal(int number) const noexcept {
    ::kill(pid_, number);
    siginfo_t ignored{};
    if (number == SIGSTOP) ::waitid(P_PID, static_cast<id_t>(pid_), &ignored, WSTOPPED | WEXITED | WNOWAIT);
  }
  // What it has written so far.
  std::string out() const { return content_of(out_); }
  std::string err() const { return content_of(err_); }

  ProcessResult wait() {
    int status = 0;
    const bool ended = eventually([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; });
    if (!ended) {
      ADD_FAILURE() << "killed by the watchdog\n" << err();
      signal(SIGKILL);
      ::waitpid(pid_, &status, 0);
    }
    pid_ = -1;
    return {WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), out(), err()};
  }

 private:
  static std::string content_of(int descriptor) {
    std::string text;
    char piece[4096];
    ssize_t count = 0;
    while ((count = ::pread(descriptor, piece, sizeof piece, static_cast<off_t>(text.size()))) > 0) {
      text.append(piece, static_cast<std::size_t>(count));
    }
    return text;
  }

  int out_;
  int err_;
  pid_t pid_ = -1;
};

// A program of the build under test.
inline std::string program(std::string_view name) {
  const char* named = std::getenv("THINTAIL_BIN");
  return std::string(named != nullptr ? named : THINTAIL_BINARY_DIR "/bin") + "/" + std::string(name);
}

inline Process start_thintail(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), program("thintail"));
  return Process(arguments);
}

inline ProcessResult run_thintail(std::vector<std::string> arguments) {
  return start_thintail(std::move(arguments)).wait();
}

}  // namespace thintail::test
