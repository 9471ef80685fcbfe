// SPDX-License-Identifier: Apache-2.0
#include "bench/transport/opposite.hpp"

#include <fmt/format.h>
#include <immintrin.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "bench/harness/pinned.hpp"

namespace thintail::bench {

Result<Opposite> Opposite::start(Across across, int cpu, std::function<void()> body) {
  Opposite opposite;
  if (across == Across::threads) {
    opposite.thread_ = std::thread([cpu, body = std::move(body)]() noexcept {
      const Pinned pinned(cpu);
      body();
    });
    return opposite;
  }
  const pid_t pid = ::fork();
  if (pid < 0) {
    return fail(
        {.code = ErrorCode::system_call, .doing = "starting a process to measure with", .found = errno_text(errno)});
  }
  if (pid == 0) {
    [&]() noexcept {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const Pinned pinned(cpu);
      body();
    }();
    ::_exit(0);  // nothing of the parent's is flushed or destroyed here
  }
  opposite.pid_ = pid;
  return opposite;
}

Opposite::Opposite(Opposite&& other) noexcept
    : thread_(std::move(other.thread_)), pid_(std::exchange(other.pid_, 0)), status_(other.status_) {}

Opposite::~Opposite() {
  if (thread_.joinable()) thread_.join();
  if (pid_ != 0) ::kill(pid_, SIGKILL);
  reap(0);
}

void Opposite::reap(int options) noexcept {
  while (pid_ != 0) {
    const pid_t ended = ::waitpid(pid_, &status_, options);
    if (ended == pid_) pid_ = 0;
    if (ended >= 0 || errno != EINTR) return;
  }
}

bool Opposite::has_ended() noexcept {
  if (thread_.joinable()) return false;
  reap(WNOHANG);
  return pid_ == 0;
}

Result<void> Opposite::join() {
  if (thread_.joinable()) {
    thread_.join();
    return {};
  }
  reap(0);
  if (WIFEXITED(status_) && WEXITSTATUS(status_) == 0) return {};
  return fail({.code = ErrorCode::child_failed,
               .doing = "handing events to another process",
               .expected = "that it ends in order",
               .found = fmt::format("wait status {:#x}", static_cast<unsigned>(status_))});
}

bool Patience::idle() noexcept {
  _mm_pause();
  if (--turns_left_ != 0) [[likely]]
    return true;
  turns_left_ = kTurnsBetweenLooks;
  return !opposite_->has_ended();
}

}  // namespace thintail::bench
