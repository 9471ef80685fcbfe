// SPDX-License-Identifier: Apache-2.0
#include "shm/segment/process_identity.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace thintail::shm {
namespace {

constexpr int kFieldsFromStateToStart = 19;  // proc(5): the state is field 3, the start time field 22

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string boot_id() { return first_line("/proc/sys/kernel/random/boot_id"); }

struct ProcessStatus {
  char state = ' ';  // ' ': there is no such process
  std::uint64_t start_ticks = 0;
};

ProcessStatus status_of(const std::string& process) {
  ProcessStatus status;
  const std::string line = first_line("/proc/" + process + "/stat");
  // The process name, in parentheses, may itself hold spaces and parentheses: fields are counted after the last one.
  const auto name_end = line.rfind(')');
  if (name_end == std::string::npos) return status;
  std::istringstream fields(line.substr(name_end + 1));
  fields >> status.state;
  std::string skipped;
  for (int i = 1; i < kFieldsFromStateToStart; ++i) fields >> skipped;
  fields >> status.start_ticks;
  return status;
}

}  // namespace

ProcessIdentity this_process() {
  return {.pid = getpid(), .start_ticks = status_of("self").start_ticks, .boot_id = boot_id()};
}

bool is_running(const ProcessIdentity& process) {
  if (process.pid <= 0 || process.start_ticks == 0 || process.boot_id != boot_id()) return false;
  const ProcessStatus status = status_of(fmt::format("{}", process.pid));
  const bool has_ended = status.state == ' ' || status.state == 'Z' || status.state == 'X';
  return !has_ended && status.start_ticks == process.start_ticks;
}

}  // namespace thintail::shm
