// SPDX-License-Identifier: Apache-2.0
// Every header compiles alone, so that the order of includes never matters.
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "tests/architecture/source_tree.hpp"

namespace thintail::architecture {
namespace {

// Compiles each header in a unit of its own, under `scratch`. Unoptimised and without debug information, which is several
// times as fast; through ccache where the build uses it, which makes the next time nearly free.
Violations headers_that_fail(const fs::path& root, const fs::path& scratch) {
  const auto headers = files_of(root, {".hpp"});
  const auto ccache = cmake_value("CCACHE");
  const auto launcher = fs::exists(ccache) ? shell_quoted(ccache) + " " : std::string();
  fs::create_directories(scratch);
  Violations found;
  std::mutex found_mutex;
  std::atomic<std::size_t> next{0};

  const auto work = [&] {
    // relaxed: only the count itself is shared
    for (std::size_t i = 0; (i = next.fetch_add(1, std::memory_order_relaxed)) < headers.size();) {
      auto name = headers[i];
      std::ranges::replace(name, '/', '_');
      const auto unit = scratch / (name + ".cpp");
      // Written only when new, as ccache goes by content but make-like tools by time.
      const auto text = fmt::format("#include \"{}\"\n#include \"{}\"\n", headers[i], headers[i]);
      if (text_of(unit) != text) std::ofstream(unit) << text;
      const auto ran =
          run(fmt::format("cd {} && {}{} -std=c++23 -march=x86-64-v3 -O0 -Wall -Wextra -Wpedantic "
                          "-Wconversion -Wshadow -Werror -I{} "
                          "-DTHINTAIL_SOURCE_DIR='\"\"' -DTHINTAIL_BINARY_DIR='\"\"' "
                          "-c {} -o {} 2>&1",
                          shell_quoted(scratch), launcher, shell_quoted(compiler()), shell_quoted(root),
                          shell_quoted(unit.filename()), shell_quoted(name + ".o")));
      if (ran.status == 0) continue;
      const std::scoped_lock lock(found_mutex);
      found.push_back(headers[i] + ":\n" + ran.output);
    }
  };
  std::vector<std::jthread> workers;
  const auto count = std::max(1u, std::thread::hardware_concurrency());
  for (unsigned i = 0; i < count; ++i) workers.emplace_back(work);
  workers.clear();
  std::ranges::sort(found);
  return found;
}

TEST(Headers, every_header_compiles_alone) {
  ASSERT_FALSE(files_of(source_root(), {".hpp"}).empty());
  const auto violations = headers_that_fail(source_root(), binary_root() / "header_checks");
  EXPECT_TRUE(violations.empty()) << listed(violations);
}

TEST(Headers, a_planted_header_that_needs_another_before_it_is_found) {
  const PlantedTree tree;
  tree.write("core/a/good.hpp", "#pragma once\n#include <string>\ninline std::string text() { return {}; }\n");
  tree.write("core/a/needy.hpp", "#pragma once\ninline std::string text() { return {}; }\n");
  tree.write("core/a/twice.hpp", "struct NoGuard {};\n");
  const auto violations = headers_that_fail(tree.root(), tree.root() / "scratch");
  ASSERT_EQ(violations.size(), 2u) << listed(violations);
  EXPECT_TRUE(violations[0].starts_with("core/a/needy.hpp"));
  EXPECT_TRUE(violations[1].starts_with("core/a/twice.hpp"));
}

}  // namespace
}  // namespace thintail::architecture
