// SPDX-License-Identifier: Apache-2.0
#include "bench/harness/child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <utility>

namespace thintail::bench {

Result<Child> Child::start(const std::string& path, const std::vector<std::string>& arguments,
                           const std::string& log_path) {
  std::vector<char*> argv{const_cast<char*>(path.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  pid_t pid = 0;
  const int fault = ::posix_spawn(&pid, path.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (fault == 0) return Child(pid);
  return fail(
      {.code = ErrorCode::child_failed, .doing = "starting a program", .file = path, .found = errno_text(fault)});
}

Child::Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, 0)), status_(other.status_) {}

Child::~Child() {
  ask_to_end();
  wait();
}

void Child::ask_to_end() noexcept {
  if (pid_ != 0) ::kill(pid_, SIGTERM);
}

bool Child::has_ended() noexcept {
  if (pid_ != 0 && ::waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = 0;
  return pid_ == 0;
}

int Child::wait() noexcept {
  while (pid_ != 0 && ::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
  return WIFSIGNALED(status_) ? 128 + WTERMSIG(status_) : WEXITSTATUS(status_);
}

Result<std::string> program_beside(std::string_view name) {
  std::error_code fault;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", fault).parent_path() / name;
  if (!fault && ::access(path.c_str(), X_OK) == 0) return path.string();
  return fail({.code = ErrorCode::child_failed,
               .doing = fmt::format("looking for {}", name),
               .expected = path.string(),
               .found = fmt::format("no such program (build it: ninja {})", name)});
}

}  // namespace thintail::bench
