// SPDX-License-Identifier: Apache-2.0
// Pty: `thintail` on a pseudo-terminal of its own: what it draws, what is typed to it, and how it leaves the terminal.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <utmp.h>

#include <csignal>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/process.hpp"

namespace thintail::test {

class Pty {
 public:
  Pty(std::vector<std::string> arguments, unsigned short columns, unsigned short rows) {
    arguments.insert(arguments.begin(), program("thintail"));
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    winsize size{rows, columns, 0, 0};
    // The terminal's end stays open here too: what the program leaves behind can be looked at after it.
    EXPECT_EQ(::openpty(&master_, &slave_, nullptr, nullptr, &size), 0);
    ::tcgetattr(slave_, &before_);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::login_tty(slave_);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
  }
  ~Pty() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(master_);
    ::close(slave_);
  }
  Pty(const Pty&) = delete;
  Pty& operator=(const Pty&) = delete;

  void type(std::string_view keys) const { EXPECT_EQ(::write(master_, keys.data(), keys.size()), std::ssize(keys)); }
  void resize(unsigned short columns, unsigned short rows) const {
    const winsize size{rows, columns, 0, 0};
    ::ioctl(master_, TIOCSWINSZ, &size);
    ::kill(pid_, SIGWINCH);
  }
  void signal(int number) const { ::kill(pid_, number); }
  bool has_shown(const std::string& text) {
    read();
    return seen_.find(text) != std::string::npos;
  }
  bool shows(const std::string& text) {
    return eventually([&] { return has_shown(text); });
  }
  void forget() { seen_.clear(); }
  const std::string& seen() const { return seen_; }
  bool is_raw() const {
    termios now{};
    ::tcgetattr(slave_, &now);
    return (now.c_lflag & (ICANON | ECHO)) == 0;
  }
  bool is_as_before() const {
    termios now{};
    ::tcgetattr(slave_, &now);
    return now.c_lflag == before_.c_lflag && now.c_iflag == before_.c_iflag && now.c_cc[VMIN] == before_.c_cc[VMIN] &&
           now.c_cc[VSUSP] == before_.c_cc[VSUSP];
  }
  int wait() {
    int status = 0;
    const bool ended = eventually([&] {
      read();
      return ::waitpid(pid_, &status, WNOHANG) == pid_;
    });
    EXPECT_TRUE(ended);
    if (!ended) return -1;
    read();
    pid_ = -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

 private:
  void read() {
    pollfd ready{master_, POLLIN, 0};
    char piece[4096];
    while (::poll(&ready, 1, 0) > 0 && (ready.revents & POLLIN) != 0) {
      const ssize_t count = ::read(master_, piece, sizeof piece);
      if (count <= 0) return;
      seen_.append(piece, static_cast<std::size_t>(count));
    }
  }

  int master_ = -1;
  int slave_ = -1;
  pid_t pid_ = -1;
  termios before_{};
  std::string seen_;
};

}  // namespace thintail::test
