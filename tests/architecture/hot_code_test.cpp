// SPDX-License-Identifier: Apache-2.0
// What hot code can reach, read from the machine code: no allocation, lock, system call, exception, formatting or libm.
//
// Functions marked TT_HOT lie in sections .text.hot. From each of them calls are followed through every object; the way ends
// at TT_COLD functions (.text.unlikely), which are the exits that hot code may take.
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "tests/architecture/source_tree.hpp"

namespace thintail::architecture {
namespace {

struct Forbidden {
  std::string_view pattern;  // of the whole mangled name
  std::string_view reason;
};

constexpr Forbidden kForbidden[] = {
    {"(m|c|re)alloc|free|aligned_alloc|posix_memalign|_Zn[wa].*|_Zd[la].*", "allocates"},
    {"__cxa_(throw|rethrow|allocate_exception|begin_catch)|_ZSt\\d+__throw_.*|_ZSt\\d+rethrow_exception.*", "throws"},
    {"__cxa_guard_acquire", "initialises a static under a lock"},
    {"pthread_.*|_ZNSt(5mutex|18condition_variable|12__condvar).*|sem_.*|mtx_.*", "locks"},
    {"syscall|read|write|pread|pwrite|open|openat|close|mmap|munmap|madvise|nanosleep|usleep|sched_yield|clock_gettime|"
     "gettimeofday|time|io_uring_.*",
     "calls the system"},
    {".*printf|puts|_ZN3fmt.*|_ZN6spdlog.*|_ZNSo.*|_ZStls.*", "formats"},
    {"_ZNSt7__cxx1112basic_string.*|_ZNSt13unordered_map.*", "handles std::string"},
    {"(exp|exp2|exp10|expm1|log|log2|log10|log1p|pow|sin|cos|tan|sinh|cosh|tanh|asin|acos|atan|atan2|erf|cbrt|hypot|"
     "fmod)f?",
     "calls libm, which differs between machines"},
    {"__(u?div|u?mod)ti[34]", "divides 128-bit integers"},
};

// What hot code may reach all the same, and why that is harmless.
struct Allowed {
  std::string_view from;  // part of the calling function's mangled name; empty: any
  std::string_view pattern;  // of the whole mangled name called
  std::string_view reason;
};

constexpr Allowed kAllowed[] = {
    {"11OutputQueue", "_Zn.*|_Zd.*|_ZSt20__throw_length_errorPKc",
     "replay collects outputs in a vector; the daemon's sink, which is judged too, appends to the stream"},
    {"6Waiter4idle", "sched_yield|nanosleep|clock_nanosleep",
     "the wait strategies yield and park: only a stage that found nothing to do idles"},
    {"", "__divti3",
     "a fill that reduces a position releases its share of the cost exactly: once a fill, never a tick"},
};

// Empty where the call is harmless.
std::string reason_against(const std::string& caller, const std::string& symbol) {
  using Pattern = std::pair<std::regex, std::string>;
  const auto compiled = [](const auto& rules) {
    std::vector<Pattern> patterns;
    for (const auto& rule : rules) patterns.emplace_back(std::string(rule.pattern), std::string(rule.reason));
    return patterns;
  };
  static const auto kPatterns = compiled(kForbidden);
  static const auto kAllowedPatterns = compiled(kAllowed);
  for (std::size_t i = 0; i < std::size(kAllowed); ++i) {
    if (caller.contains(kAllowed[i].from) && std::regex_match(symbol, kAllowedPatterns[i].first)) return {};
  }
  for (const auto& [pattern, reason] : kPatterns) {
    if (std::regex_match(symbol, pattern)) return reason;
  }
  return {};
}

struct Function {
  bool is_hot = false;
  bool is_cold = false;
  std::set<std::string> calls;
};

using Program = std::map<std::string, Function>;

// "_Zfoo.cold" and "_Zfoo.constprop.0" are parts and variants of _Zfoo, and judged with it.
std::string base_name(std::string_view symbol) { return std::string(symbol.substr(0, symbol.find('.', 1))); }

// "\t\t\t15f: R_X86_64_PLT32\t_Zfoo-0x4" -> "_Zfoo"; empty for other lines, and for constants (.rodata and the like).
std::string relocation_target(std::string_view line) {
  const auto kind = line.find(": R_X86_64_");
  if (kind == std::string_view::npos) return {};
  const auto target = line.substr(line.find('\t', kind) + 1);
  return target.starts_with('.') ? std::string() : base_name(target.substr(0, target.find_first_of("+-@")));
}

// "  e9:\tcall   4a0 <_Zfoo>" -> "_Zfoo"; empty for other lines, and for jumps inside a function (<_Zfoo+0x12>).
std::string direct_target(std::string_view line) {
  if (!line.ends_with('>') || (!line.contains("\tcall ") && !line.contains("\tjmp "))) return {};
  const auto target = line.substr(line.rfind('<') + 1, line.size() - line.rfind('<') - 2);
  return target.contains("+0x") ? std::string() : base_name(target);
}

// Adds the functions of one object and what they call.
void read_object(const fs::path& object, Program& program) {
  std::istringstream lines(run("objdump -dr --no-show-raw-insn " + shell_quoted(object) + " 2>/dev/null").output);
  std::string section;
  std::string
      direct;  // holds only if no relocation follows: before linking every other call seems to go to the next line
  Function* function = nullptr;
  for (std::string line; std::getline(lines, line);) {
    if (line.contains(": R_X86_64_")) {
      const auto target = relocation_target(line);
      if (function != nullptr && !target.empty()) function->calls.insert(target);
      direct.clear();
      continue;
    }
    if (function != nullptr && !direct.empty()) function->calls.insert(direct);
    direct = direct_target(line);
    if (line.starts_with("Disassembly of section ")) {
      section = line.substr(23);
      function = nullptr;
    } else if (line.ends_with(">:")) {
      const auto name = line.substr(line.find('<') + 1, line.size() - line.find('<') - 3);
      function = &program[base_name(name)];
      if (section.starts_with(".text.hot")) function->is_hot = true;
      // A split-off cold part belongs to its function; a whole function there is TT_COLD.
      if (section.starts_with(".text.unlikely") && !name.contains(".cold")) function->is_cold = true;
    }
  }
}

void follow(const Program& program, const std::string& name, std::vector<std::string>& way, std::set<std::string>& seen,
            Violations& found) {
  const auto reason = way.empty() ? std::string() : reason_against(way.back(), name);
  if (!reason.empty()) {
    found.push_back(fmt::format("{} -> {}: {}", fmt::join(way, " -> "), name, reason));
    return;
  }
  const auto function = program.find(name);
  if (function == program.end() || function->second.is_cold || !seen.insert(name).second) return;
  way.push_back(name);
  for (const auto& called : function->second.calls) follow(program, called, way, seen, found);
  way.pop_back();
}

struct HotCode {
  std::size_t functions = 0;
  Violations violations;
};

HotCode hot_code(const fs::path& folder) {
  Program program;
  for (const auto* floor : {"core", "shm", "ml", "strategies", "adapters", "tools/daemon"}) {
    if (!fs::is_directory(folder / floor)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(folder / floor)) {
      if (entry.path().extension() == ".o") read_object(entry.path(), program);
    }
  }
  HotCode result;
  std::set<std::string> seen;
  for (const auto& [name, function] : program) {
    if (!function.is_hot) continue;
    ++result.functions;
    std::vector<std::string> way;
    follow(program, name, way, seen, result.violations);
  }
  return result;
}

bool is_optimised() {
  const auto type = cmake_value("CMAKE_BUILD_TYPE");
  return (type.empty() || type == "Release") && cmake_value("THINTAIL_SANITIZE").empty();  // none: Release
}

TEST(HotCode, reaches_nothing_that_blocks_allocates_or_throws) {
  if (!is_optimised()) GTEST_SKIP() << "hot sections exist only in optimised builds";
  const auto code = hot_code(binary_root());
  ASSERT_GT(code.functions, 0u) << "no hot function found: are the libraries built?";
  const PlantedTree scratch;
  scratch.write("violations", listed(code.violations));
  EXPECT_TRUE(code.violations.empty()) << run("c++filt <" + shell_quoted(scratch.root() / "violations")).output;
}

// Compiles `text` as an object of a planted build folder and judges it.
HotCode judged(const std::string& text) {
  const PlantedTree tree;
  tree.write("shm/a/a.cpp",
             "#include <cstdlib>\n#include <string>\n#include <mutex>\n#include <cmath>\n"
             "[[gnu::cold, gnu::noinline]] int* cold(int x) { return new int(x); }\n"
             "[[gnu::noinline]] int* warm(int x) { return new int(x); }\n" +
                 text);
  const auto ran = run(fmt::format("cd {} && {} -std=c++23 -O3 -fno-math-errno -c shm/a/a.cpp -o shm/a/a.cpp.o",
                                   shell_quoted(tree.root()), shell_quoted(compiler())));
  EXPECT_EQ(ran.status, 0);
  return hot_code(tree.root());
}

TEST(HotCode, clean_hot_code_passes_and_may_leave_to_cold_code) {
  const auto code = judged("[[gnu::hot]] int* hot(int x) { return x > 5 ? cold(x) : nullptr; }\n");
  EXPECT_EQ(code.functions, 1u);
  EXPECT_TRUE(code.violations.empty()) << listed(code.violations);
}

TEST(HotCode, each_planted_offence_is_found) {
  const std::vector<std::string> bodies = {
      "[[gnu::hot]] int* hot(int x) { return new int(x); }\n",
      "[[gnu::hot]] void* hot(std::size_t n) { return std::malloc(n); }\n",
      "[[gnu::hot]] int hot(int x) { if (x > 5) throw x; return x; }\n",
      "[[gnu::hot]] char hot(const std::string& s, std::size_t i) { return s.at(i); }\n",
      "std::mutex m;\n[[gnu::hot]] int hot(int x) { std::scoped_lock l(m); return x; }\n",
      "[[gnu::hot]] double hot(double x) { return std::exp(x); }\n",
      "[[gnu::hot]] int hot(int x) { return *warm(x) + 1; }\n",
      "int make();\n[[gnu::hot]] int hot() { static const int kOnce = make(); return kOnce; }\n",
      "[[gnu::hot]] __int128 hot(__int128 a, __int128 b) { return a % b; }\n",
  };
  for (const auto& body : bodies) EXPECT_GE(judged(body).violations.size(), 1u) << body;
}

// Targets built without exceptions, by their CMakeLists.txt: nothing of ours may throw there.
TEST(HotCode, hot_targets_contain_no_throw) {
  if (!is_optimised()) GTEST_SKIP() << "read from optimised builds";
  static const std::regex kHotTarget(R"(thintail_library\s*\(\s*(\w+)[^)]*\bHOT\b[^)]*\))");
  std::size_t objects = 0;
  for (const auto& file : files_of(source_root(), {"CMakeLists.txt"})) {
    const auto text = text_of(source_root() / file);
    std::smatch match;
    if (!std::regex_search(text, match, kHotTarget)) continue;
    const auto folder = binary_root() / fs::path(file).parent_path();
    if (!fs::is_directory(folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.path().extension() != ".o") continue;
      ++objects;
      const auto symbols = run("nm -u " + shell_quoted(entry.path())).output;
      EXPECT_FALSE(symbols.contains(" __cxa_throw\n")) << entry.path() << " throws";
    }
  }
  EXPECT_GT(objects, 0u);
}

}  // namespace
}  // namespace thintail::architecture
