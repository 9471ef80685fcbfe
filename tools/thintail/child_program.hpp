// SPDX-License-Identifier: Apache-2.0
// Programs that `thintail` starts: those that link what the core must not (XGBoost), found beside it.
//   path  cold
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/error.hpp"

namespace thintail {

// "thintail-train" beside the running program. Fails with child_failed where it is not there.
Result<std::string> find_program(std::string_view name);

// Becomes the program; returns only to say why it could not.
Error exec_program(const std::string& path, const std::vector<std::string>& arguments);

// Runs the program, shows each line of its standard output to `on_line`, and waits. Its standard error is ours.
// Fails with child_failed unless it exits 0.
Result<void> run_program(const std::string& path, const std::vector<std::string>& arguments,
                         const std::function<void(std::string_view)>& on_line);

// A program that runs beside this one and ends with it.
class Companion {
 public:
  static Result<Companion> start(const std::string& path, const std::vector<std::string>& arguments);
  // SIGTERM, and waits until it has ended.
  ~Companion();
  Companion(Companion&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  Companion& operator=(Companion&&) = delete;

  // False once it has ended by itself.
  bool is_running() noexcept;

 private:
  explicit Companion(int pid) noexcept : pid_(pid) {}
  int pid_;
};

}  // namespace thintail
