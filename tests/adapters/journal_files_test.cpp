// SPDX-License-Identifier: Apache-2.0
#include "adapters/journal/journal_files.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/support/journal.hpp"

namespace thintail {
namespace {

JournalHeader header_of(std::uint32_t epoch) {
  return *make_journal_header({.instance = "gold", .epoch = epoch, .first_sequence = 1, .boot_id = {}, .build_id = {}});
}

mode_t mode_of(const std::string& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777;
}

TEST(JournalFiles, a_journal_is_made_with_its_folders_for_owner_and_group_only) {
  const test::TempFolder temp;
  const std::string directory = temp.path() + "/a/b";
  const mode_t mask = ::umask(0);
  const auto fd = create_journal(directory, header_of(12));
  ::umask(mask);
  ASSERT_TRUE(fd.has_value()) << fd.error().message();
  EXPECT_EQ(journal_path(directory, "gold", 12), directory + "/gold/journal-0000000012.ttj");
  EXPECT_EQ(mode_of(journal_path(directory, "gold", 12)), 0640U);
  EXPECT_EQ(mode_of(directory + "/gold"), 0750U);
  EXPECT_EQ(test::file_bytes(journal_path(directory, "gold", 12)).size(), kJournalHeaderBytes);
}

TEST(JournalFiles, an_epoch_that_has_a_journal_is_refused_and_left_alone) {
  const test::TempFolder temp;
  const auto path = test::write_journal({.directory = temp.path(), .instance = "gold", .epoch = 5}, {10});
  const auto before = test::file_bytes(path);
  const auto again = create_journal(temp.path(), header_of(5));
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code, ErrorCode::file_unwritable);
  EXPECT_EQ(again.error().file, path);
  EXPECT_EQ(test::file_bytes(path), before);
}

TEST(JournalFiles, what_an_attempt_that_died_left_behind_is_no_obstacle) {
  const test::TempFolder temp;
  std::filesystem::create_directories(journal_folder(temp.path(), "gold"));
  std::ofstream(journal_path(temp.path(), "gold", 5) + ".new") << "half a header";
  EXPECT_TRUE(create_journal(temp.path(), header_of(5)).has_value());
  EXPECT_EQ(list_journals(journal_folder(temp.path(), "gold"))->size(), 1U);
}

TEST(JournalFiles, a_folder_that_cannot_be_made_is_named) {
  const test::TempFolder temp;
  std::ofstream(temp.path() + "/file") << "in the way";
  const auto fd = create_journal(temp.path() + "/file", header_of(1));
  ASSERT_FALSE(fd.has_value());
  EXPECT_EQ(fd.error().code, ErrorCode::file_unwritable);
  EXPECT_FALSE(fd.error().found.empty());
}

TEST(JournalFiles, journals_are_listed_by_epoch_and_other_files_passed_over) {
  const test::TempFolder temp;
  for (const std::uint32_t epoch : {10U, 9U, 4'294'967'295U})
    ASSERT_TRUE(create_journal(temp.path(), header_of(epoch)));
  const auto folder = journal_folder(temp.path(), "gold");
  for (const char* name : {"notes.txt", "journal-1.ttj", "journal-00000000x1.ttj", "journal-0000000001.ttj.new"}) {
    std::ofstream(folder + "/" + name) << "x";
  }
  const auto journals = list_journals(folder);
  ASSERT_TRUE(journals.has_value());
  ASSERT_EQ(journals->size(), 3U);
  EXPECT_EQ((*journals)[0].epoch, 9U);
  EXPECT_EQ((*journals)[1].epoch, 10U);
  EXPECT_EQ((*journals)[2].epoch, 4'294'967'295U);
}

TEST(JournalFiles, an_instance_without_a_folder_has_no_journals) {
  const test::TempFolder temp;
  EXPECT_TRUE(list_journals(temp.path() + "/absent")->empty());
}

}  // namespace
}  // namespace thintail
