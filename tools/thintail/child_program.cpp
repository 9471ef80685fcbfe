// SPDX-License-Identifier: Apache-2.0
#include "tools/thintail/child_program.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>

namespace thintail {
namespace {

std::vector<char*> to_argv(const std::string& path, const std::vector<std::string>& arguments) {
  std::vector<char*> argv{const_cast<char*>(path.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  return argv;
}

}  // namespace

Result<std::string> find_program(std::string_view name) {
  std::error_code fault;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", fault);
  const auto path = self.parent_path() / name;
  if (fault || ::access(path.c_str(), X_OK) != 0) {
    return fail({.code = ErrorCode::child_failed,
                 .doing = fmt::format("looking for {}", name),
                 .expected = path.string(),
                 .found = "no such program (build it: ninja " + std::string(name) + ")"});
  }
  return path.string();
}

Error exec_program(const std::string& path, const std::vector<std::string>& arguments) {
  std::fflush(nullptr);
  ::execv(path.c_str(), to_argv(path, arguments).data());
  return {.code = ErrorCode::child_failed, .doing = "starting a program", .file = path, .found = errno_text(errno)};
}

Result<void> run_program(const std::string& path, const std::vector<std::string>& arguments,
                         const std::function<void(std::string_view)>& on_line) {
  int pipe_ends[2];
  if (::pipe2(pipe_ends, O_CLOEXEC) != 0) {
    return fail({.code = ErrorCode::system_call, .doing = "pipe2", .found = errno_text(errno)});
  }
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(pipe_ends[1], STDOUT_FILENO);
    ::execv(path.c_str(), to_argv(path, arguments).data());
    ::_exit(127);
  }
  ::close(pipe_ends[1]);
  if (child < 0) {
    ::close(pipe_ends[0]);
    return fail({.code = ErrorCode::system_call, .doing = "fork", .found = errno_text(errno)});
  }
  std::string last_line;
  if (std::FILE* lines = ::fdopen(pipe_ends[0], "r")) {
    char buffer[4096];
    while (std::fgets(buffer, sizeof buffer, lines) != nullptr) {
      std::string_view line(buffer);
      if (line.ends_with('\n')) line.remove_suffix(1);
      last_line = line;
      on_line(line);
    }
    std::fclose(lines);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return fail({.code = ErrorCode::child_failed,
               .doing = path,
               .expected = "exit status 0",
               .found = WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                                            : fmt::format("exit status {}, last line \"{}\"", WEXITSTATUS(status),
                                                          printable(last_line, 200))});
}

Result<Companion> Companion::start(const std::string& path, const std::vector<std::string>& arguments) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::execv(path.c_str(), to_argv(path, arguments).data());
    ::_exit(127);
  }
  if (child < 0) {
    return fail({.code = ErrorCode::system_call, .doing = "fork", .found = errno_text(errno)});
  }
  return Companion(child);
}

Companion::~Companion() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGTERM);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

bool Companion::is_running() noexcept {
  if (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
  return pid_ > 0;
}

}  // namespace thintail
