// SPDX-License-Identifier: Apache-2.0
// Child: a program started and ended by a benchmark.
//   path  cold
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"

namespace thintail::bench {

class Child {
 public:
  // Starts `path`; what it writes goes to `log_path`.
  static Result<Child> start(const std::string& path, const std::vector<std::string>& arguments,
                             const std::string& log_path);
  // Asks it to end (SIGTERM) and waits, where that was not done yet.
  ~Child();
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;

  void ask_to_end() noexcept;
  bool has_ended() noexcept;
  // Waits; the exit status, or 128 + the signal that ended it.
  int wait() noexcept;
  // 0: it has been waited for.
  pid_t pid() const noexcept { return pid_; }

 private:
  explicit Child(pid_t pid) noexcept : pid_(pid) {}
  pid_t pid_;  // 0: waited for
  int status_ = 0;
};

// "thintail" beside the running program, or child_failed.
Result<std::string> program_beside(std::string_view name);

}  // namespace thintail::bench
