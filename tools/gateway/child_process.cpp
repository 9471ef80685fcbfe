// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/child_process.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string_view>
#include <utility>

namespace thintail::gateway {
namespace {

constexpr int kNice = 10;

cpu_set_t set_of(const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) {
    if (cpu >= 0 && cpu < CPU_SETSIZE) CPU_SET(static_cast<std::size_t>(cpu), &set);
  }
  return set;
}

// Whatever of it is refused is no reason not to run. Only system calls: it is called between fork and exec.
void yield_to_all(const cpu_set_t* cpus) {
  ::setpriority(PRIO_PROCESS, 0, kNice);
  if (cpus != nullptr) {
    const sched_param none{};
    ::sched_setaffinity(0, sizeof *cpus, cpus);
    ::sched_setscheduler(0, SCHED_IDLE, &none);
  }
  const int score = ::open("/proc/self/oom_score_adj", O_WRONLY);
  [[maybe_unused]] const auto count = ::write(score, "1000", 4);
}

}  // namespace

Result<Child> start_child(const std::string& program, const std::vector<std::string>& arguments,
                          const std::vector<int>& cpus) {
  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  // XGBoost's threads spin while they wait for one another unless told otherwise; the core needs those cores.
  std::string passive = "OMP_WAIT_POLICY=passive";
  std::vector<char*> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!std::string_view(*variable).starts_with("OMP_WAIT_POLICY=")) variables.push_back(*variable);
  }
  variables.push_back(passive.data());
  variables.push_back(nullptr);

  const cpu_set_t set = set_of(cpus);
  const cpu_set_t* const only = cpus.empty() ? nullptr : &set;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return fail({.code = ErrorCode::system_call, .doing = "pipe2", .found = errno_text(errno)});
  }
  shm::FileDescriptor output(ends[0]);
  const shm::FileDescriptor input(ends[1]);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) {
    // Only system calls from here to exec: other threads may have held any lock.
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(126);  // it died before that was set
    yield_to_all(only);
    std::signal(SIGPIPE, SIG_DFL);  // ignored signals stay ignored over exec
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    const int nothing = ::open("/dev/null", O_RDONLY);
    ::dup2(nothing, STDIN_FILENO);
    ::dup2(ends[1], STDOUT_FILENO);
    ::dup2(ends[1], STDERR_FILENO);
    ::close_range(3, ~0U, 0);
    ::execve(program.c_str(), argv.data(), variables.data());
    ::_exit(127);
  }
  if (child < 0) return fail({.code = ErrorCode::system_call, .doing = "fork", .found = errno_text(errno)});
  ::setpgid(child, child);  // here too: a kill of the group may come before the child has run
  ::fcntl(output.get(), F_SETFL, O_NONBLOCK);
  return Child{child, shm::FileDescriptor(static_cast<int>(::syscall(SYS_pidfd_open, child, 0))), std::move(output)};
}

}  // namespace thintail::gateway
