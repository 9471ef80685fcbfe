// SPDX-License-Identifier: Apache-2.0
#include "bench/transport/step_counter.hpp"

#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace thintail::bench {
namespace {

// How the work's begin and end are seen from outside.
void stop_here() noexcept { ::raise(SIGSTOP); }

// The traced process's next stop; false: it ended.
bool await_stop(pid_t pid, int& signal) noexcept {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return false;
  }
  signal = WIFSTOPPED(status) ? WSTOPSIG(status) : 0;
  return WIFSTOPPED(status);
}

}  // namespace

Result<std::uint64_t> count_instructions(const std::function<void()>& work) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    [&]() noexcept {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(1);
      stop_here();
      work();
      stop_here();
    }();
    ::_exit(0);
  }
  std::uint64_t steps = 0;
  int signal = 0;
  bool counted = pid > 0 && await_stop(pid, signal) && signal == SIGSTOP;
  while (counted) {
    if (::ptrace(PTRACE_SINGLESTEP, pid, nullptr, nullptr) != 0 || !await_stop(pid, signal)) counted = false;
    if (!counted || signal == SIGSTOP) break;
    ++steps;
  }
  if (pid > 0) {
    ::kill(pid, SIGKILL);
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  if (counted) return steps;
  return fail({.code = ErrorCode::peer_absent,
               .doing = "counting instructions by single steps",
               .expected = "that this system lets a process trace its child",
               .found = "it does not"});
}

}  // namespace thintail::bench
