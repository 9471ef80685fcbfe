// SPDX-License-Identifier: Apache-2.0
#include "core/base/whole_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <thread>
#include <vector>

#include "tests/support/temp_folder.hpp"

namespace thintail {
namespace {

constexpr FileReading kReading{.doing = "reading a test's file",
                               .expected = "a file",
                               .bytes_max = 100'000,
                               .missing = ErrorCode::model_missing,
                               .too_long = ErrorCode::model_unsupported};

TEST(WholeFile, gives_back_what_was_written_and_replaces_it_whole) {
  const test::TempFolder folder;
  const std::string path = folder.path() + "/file";
  ASSERT_TRUE(replace_file(path, std::string(100'000, 'a'), "writing"));
  EXPECT_EQ(*read_whole_file(path, kReading), std::string(100'000, 'a'));
  ASSERT_TRUE(replace_file(path, "", "writing"));
  EXPECT_EQ(*read_whole_file(path, kReading), "");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1) << "no temporary file is left";
}

TEST(WholeFile, writers_of_one_process_do_not_break_each_others_files) {
  const test::TempFolder folder{test::kMemoryFolder};
  const std::string path = folder.path() + "/file";
  std::atomic<int> failed{0};
  std::vector<std::jthread> writers;
  for (char name = 'a'; name < 'e'; ++name) {
    writers.emplace_back([&, name] {
      for (int i = 0; i < 200; ++i) {
        if (!replace_file(path, std::string(1'000, name), "writing")) ++failed;
      }
    });
  }
  writers.clear();
  EXPECT_EQ(failed, 0);
  const std::string last = *read_whole_file(path, kReading);
  EXPECT_EQ(last, std::string(1'000, last.at(0))) << "one of them whole";
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(WholeFile, a_byte_too_many_is_refused) {
  const test::TempFolder folder;
  const std::string path = folder.path() + "/file";
  ASSERT_TRUE(replace_file(path, std::string(100'001, 'a'), "writing"));
  const auto read = read_whole_file(path, kReading);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::model_unsupported);
  EXPECT_EQ(read.error().expected, "at most 100000 bytes");
}

TEST(WholeFile, what_is_no_regular_file_is_refused_and_not_waited_for) {
  const test::TempFolder folder;
  const std::string pipe = folder.path() + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(read_whole_file(pipe, kReading).error().found, "something else");
  EXPECT_EQ(read_whole_file(folder.path(), kReading).error().found, "a folder");
  const auto missing = read_whole_file(folder.path() + "/none", kReading);
  EXPECT_EQ(missing.error().code, ErrorCode::model_missing);
  EXPECT_EQ(missing.error().file, folder.path() + "/none");
}

TEST(WholeFile, a_failed_write_says_why) {
  const test::TempFolder folder;
  const auto written = replace_file(folder.path() + "/no/file", "x", "writing a test's file");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::file_unwritable);
  EXPECT_EQ(written.error().doing, "writing a test's file");
  EXPECT_FALSE(written.error().found.empty());
}

}  // namespace
}  // namespace thintail
