// SPDX-License-Identifier: Apache-2.0
#include "shm/segment/process_identity.hpp"

#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace thintail::shm {
namespace {

constexpr int kFieldsFromStateToStart = 19;  // proc(5): the state is field 3, the start time field 22

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

}  // namespace

ProcessIdentity this_process() {
  ProcessIdentity identity{.pid = getpid(), .boot_id = first_line("/proc/sys/kernel/random/boot_id")};
  const std::string status = first_line("/proc/self/stat");
  // The process name, in parentheses, may itself hold spaces and parentheses: fields are counted after the last one.
  if (const auto name_end = status.rfind(')'); name_end != std::string::npos) {
    std::istringstream fields(status.substr(name_end + 1));
    std::string skipped;
    for (int i = 0; i < kFieldsFromStateToStart; ++i) fields >> skipped;
    fields >> identity.start_ticks;
  }
  return identity;
}

}  // namespace thintail::shm
