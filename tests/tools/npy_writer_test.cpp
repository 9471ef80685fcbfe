// SPDX-License-Identifier: Apache-2.0
#include "tools/report/npy_writer.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "tests/support/feed_files.hpp"
#include "tests/support/temp_folder.hpp"

namespace thintail::test {
namespace {

TEST(NpyWriter, what_a_killed_run_of_the_same_number_left_stands_in_nobodys_way) {
  const TempFolder folder;
  const std::string path = folder.path() + "/f.npy";
  const std::string left = fmt::format("{}.{}.partial", path, ::getpid());
  std::ofstream(left) << "half";
  auto writer = NpyWriter::create(path, "<i8", 0);
  ASSERT_TRUE(writer.has_value()) << writer.error().message();
  const std::int64_t value = 7;
  writer->append(&value, sizeof value);
  ASSERT_TRUE(writer->finish(1).has_value());
  ASSERT_TRUE(writer->commit().has_value());
  EXPECT_EQ(std::filesystem::file_size(path), 128u + sizeof value);
  ASSERT_TRUE(write_text_file(path, "text").has_value());
  EXPECT_EQ(feed_file_bytes(path), "text");
  EXPECT_EQ(feed_file_bytes(left), "half") << "it may be a live run's, of another container";
}

TEST(NpyWriter, an_error_names_the_file_that_it_is_about) {
  const TempFolder folder(kMemoryFolder);
  const auto no_folder = NpyWriter::create(folder.path() + "/none/f.npy", "<i8", 0);
  ASSERT_FALSE(no_folder.has_value());
  EXPECT_EQ(no_folder.error().file, folder.path() + "/none/f.npy");

  const std::string path = folder.path() + "/f.npy";
  std::string taken = fmt::format("{}.{}.partial", path, ::getpid());
  for (int i = 1; i <= 1'000; ++i) {
    std::ofstream(taken) << "half";
    if (i < 1'000) taken = fmt::format("{}.{}.{}.partial", path, ::getpid(), i);
  }
  const auto no_name = NpyWriter::create(path, "<i8", 0);
  ASSERT_FALSE(no_name.has_value());
  EXPECT_EQ(no_name.error().file, taken);
}

}  // namespace
}  // namespace thintail::test
