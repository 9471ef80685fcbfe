// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/thread_cpu.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>

namespace thintail::gateway {

bool read_thread_stat(std::string_view text, double ticks_per_s, ThreadCpu& out) {
  // "4711 (a name) S 1 ...": a name may hold blanks and brackets, so the last bracket ends it.
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return false;
  out.name = text.substr(open + 1, close - open - 1);
  std::string_view rest = text.substr(close + 1);
  // proc(5): the state is field 3; utime and stime are 14 and 15.
  for (int field = 3; field <= 15; ++field) {
    const std::size_t from = rest.find_first_not_of(' ');
    if (from == std::string_view::npos) return false;
    rest.remove_prefix(from);
    const std::string_view word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(word.size());
    if (field < 14) continue;
    std::uint64_t ticks = 0;
    if (std::from_chars(word.data(), word.data() + word.size(), ticks).ec != std::errc{}) return false;
    (field == 14 ? out.user_s : out.system_s) = static_cast<double>(ticks) / ticks_per_s;
  }
  return true;
}

std::vector<ThreadCpu> thread_cpu(int pid) {
  const auto ticks_per_s = static_cast<double>(::sysconf(_SC_CLK_TCK));
  std::map<std::string, ThreadCpu> by_name;
  std::error_code fault;
  std::filesystem::directory_iterator tasks(fmt::format("/proc/{}/task", pid), fault);
  for (; !fault && tasks != std::filesystem::directory_iterator(); tasks.increment(fault)) {
    std::ifstream file(tasks->path() / "stat");
    std::string text;
    ThreadCpu one;
    if (!std::getline(file, text) || !read_thread_stat(text, ticks_per_s, one)) continue;  // it ended meanwhile
    ThreadCpu& sum = by_name[one.name];
    sum.name = one.name;
    sum.user_s += one.user_s;
    sum.system_s += one.system_s;
  }
  std::vector<ThreadCpu> rows;
  for (auto& [name, row] : by_name) rows.push_back(std::move(row));
  return rows;
}

void ThreadShares::look(int pid, std::int64_t now_ns) {
  if (pid == pid_ && now_ns - looked_ns_ < kLookNs) return;
  take(pid, now_ns, pid == 0 ? std::vector<ThreadCpu>{} : thread_cpu(pid));
}

void ThreadShares::take(int pid, std::int64_t now_ns, const std::vector<ThreadCpu>& seen) {
  const double passed_s = static_cast<double>(now_ns - looked_ns_) / 1e9;
  const bool is_same = pid == pid_ && passed_s > 0;
  shares_.clear();
  std::map<std::string, double> now_s;
  for (const ThreadCpu& thread : seen) {
    const double total_s = now_s[thread.name] = thread.user_s + thread.system_s;
    const auto before = before_s_.find(thread.name);
    if (!is_same || before == before_s_.end()) continue;
    shares_[thread.name] = std::max(0.0, total_s - before->second) / passed_s;  // one of that name may have ended
  }
  before_s_ = std::move(now_s);
  pid_ = pid;
  looked_ns_ = now_ns;
}

}  // namespace thintail::gateway
