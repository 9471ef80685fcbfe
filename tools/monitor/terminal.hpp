// SPDX-License-Identifier: Apache-2.0
// Terminal: the alternate screen with single keys, given back as it was however the program ends but by SIGKILL.
//   path     cold
//   threads  one; one Terminal at a time in a process, since signals know no objects
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "core/base/error.hpp"

namespace thintail {

struct TerminalSize {
  unsigned columns = 80;
  unsigned rows = 24;
};

class Terminal {
 public:
  // usage: standard input or output is no terminal.
  static Result<Terminal> open();
  Terminal(Terminal&& other) noexcept;
  Terminal& operator=(Terminal&&) = delete;
  ~Terminal();

  TerminalSize size() const noexcept;
  // Whether the size changed since the last call (SIGWINCH).
  bool was_resized() noexcept;
  // Whether SIGINT, SIGTERM or SIGHUP asked us to end, or the terminal is gone.
  bool is_to_end() const noexcept;
  // The next key typed within `limit`; a signal ends the wait.
  std::optional<char> key(std::chrono::milliseconds limit) noexcept;
  void write(std::string_view bytes) noexcept;

 private:
  Terminal() noexcept = default;
  bool is_open_ = true;
};

}  // namespace thintail
