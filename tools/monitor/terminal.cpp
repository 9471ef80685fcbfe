// SPDX-License-Identifier: Apache-2.0
#include "tools/monitor/terminal.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

namespace thintail {
namespace {

// Handlers reach nothing else.
volatile std::sig_atomic_t g_end = 0;
volatile std::sig_atomic_t g_resized = 0;
volatile std::sig_atomic_t g_is_raw = 0;
termios g_before{};

constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[?7l";  // alternate screen, no cursor, no wrapping
constexpr std::string_view kLeave = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";
constexpr std::array kEndSignals = {SIGINT, SIGTERM, SIGHUP};
// SIGBUS: a segment that somebody truncated under us.
constexpr std::array kFatalSignals = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};

// Only calls that a signal handler may make.
void give_back() noexcept {
  if (g_is_raw == 0) return;
  g_is_raw = 0;
  [[maybe_unused]] const ssize_t written = ::write(STDOUT_FILENO, kLeave.data(), kLeave.size());
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &g_before);
}

void on_end(int) { g_end = 1; }
void on_resize(int) { g_resized = 1; }
// The handler was reset on entry: raised again, the signal kills as it would have.
void on_fatal(int signal_number) {
  give_back();
  ::raise(signal_number);
}

void handle(int signal_number, void (*handler)(int), int flags) noexcept {
  struct sigaction action{};
  action.sa_handler = handler;
  action.sa_flags = flags;
  ::sigaction(signal_number, &action, nullptr);
}

}  // namespace

Result<Terminal> Terminal::open() {
  if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDOUT_FILENO) != 1 || ::tcgetattr(STDIN_FILENO, &g_before) != 0) {
    return fail({.code = ErrorCode::usage,
                 .doing = "opening the terminal",
                 .expected = "standard input and output on a terminal (--once prints one frame into a pipe)",
                 .found = "something else"});
  }
  g_end = 0;
  g_resized = 0;
  g_is_raw = 1;
  for (const int signal_number : kEndSignals) handle(signal_number, on_end, 0);
  for (const int signal_number : kFatalSignals) handle(signal_number, on_fatal, static_cast<int>(SA_RESETHAND));
  handle(SIGWINCH, on_resize, 0);
  termios raw = g_before;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | IEXTEN);  // ISIG stays: Ctrl-C ends
  raw.c_iflag &= ~static_cast<tcflag_t>(IXON | ICRNL);
  raw.c_cc[VSUSP] = _POSIX_VDISABLE;  // stopped, it would leave the shell a raw terminal
  raw.c_cc[VMIN] = 0;
  raw.c_cc[VTIME] = 0;
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
  Terminal terminal;
  terminal.write(kEnter);
  return terminal;
}

Terminal::Terminal(Terminal&& other) noexcept : is_open_(std::exchange(other.is_open_, false)) {}

Terminal::~Terminal() {
  if (!is_open_) return;
  give_back();
  for (const int signal_number : kEndSignals) handle(signal_number, SIG_DFL, 0);
  for (const int signal_number : kFatalSignals) handle(signal_number, SIG_DFL, 0);
  handle(SIGWINCH, SIG_DFL, 0);
}

TerminalSize Terminal::size() const noexcept {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {std::min<unsigned>(size.ws_col, 1'000), std::min<unsigned>(size.ws_row, 1'000)};
}

bool Terminal::was_resized() noexcept {
  const bool resized = g_resized != 0;
  g_resized = 0;
  return resized;
}

bool Terminal::is_to_end() const noexcept { return g_end != 0; }

std::optional<char> Terminal::key(std::chrono::milliseconds limit) noexcept {
  pollfd wait{STDIN_FILENO, POLLIN, 0};
  if (::poll(&wait, 1, static_cast<int>(limit.count())) <= 0) return std::nullopt;
  char key = 0;
  const ssize_t count = ::read(STDIN_FILENO, &key, 1);
  if (count == 1) return key;
  // Readable without a byte: the terminal was closed. Going on would spin.
  if (count == 0 || errno != EINTR) g_end = 1;
  return std::nullopt;
}

void Terminal::write(std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR || g_end != 0) {
      g_end = 1;  // a terminal that takes nothing any more
      return;
    }
  }
}

}  // namespace thintail
