// SPDX-License-Identifier: Apache-2.0
#include "adapters/journal/journal_disk.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <string>

#include "adapters/journal/plain_disk.hpp"
#include "adapters/journal/unique_fd.hpp"
#include "adapters/journal/uring_disk.hpp"
#include "tests/support/journal.hpp"

namespace thintail {
namespace {

enum class Kind : std::uint8_t { uring, plain };

class JournalDiskTest : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (GetParam() == Kind::plain) {
      disk_ = std::make_unique<PlainDisk>();
    } else if (auto uring = UringDisk::create()) {
      disk_ = std::move(*uring);
    } else {
      GTEST_SKIP() << uring.error().message();
    }
  }

  test::TempFolder folder_;
  std::unique_ptr<JournalDisk> disk_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, JournalDiskTest, ::testing::Values(Kind::uring, Kind::plain),
                         [](const auto& kind) { return kind.param == Kind::uring ? "uring" : "plain"; });

TEST_P(JournalDiskTest, pieces_are_written_one_after_the_other) {
  const std::string path = folder_.path() + "/file";
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  std::string a = "one ";
  std::string b = "two";
  const std::array pieces{iovec{a.data(), a.size()}, iovec{b.data(), b.size()}};
  disk_->start(fd.get(), pieces, 2);
  const auto outcome = disk_->wait();
  EXPECT_EQ(outcome.written, 7);
  EXPECT_EQ(outcome.sync_error, 0);
  const auto bytes = test::file_bytes(path);
  ASSERT_EQ(bytes.size(), 9U);
  EXPECT_EQ(std::memcmp(bytes.data() + 2, "one two", 7), 0);
}

TEST_P(JournalDiskTest, nothing_to_write_still_syncs) {
  const UniqueFd fd(::open((folder_.path() + "/file").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  disk_->start(fd.get(), {}, 0);
  const auto outcome = disk_->wait();
  EXPECT_EQ(outcome.written, 0);
  EXPECT_EQ(outcome.sync_error, 0);
}

TEST_P(JournalDiskTest, a_failed_write_is_not_synced) {
  const UniqueFd fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  std::string text = "text";
  const std::array pieces{iovec{text.data(), text.size()}};
  disk_->start(fd.get(), pieces, 0);
  const auto outcome = disk_->wait();
  EXPECT_EQ(outcome.written, -EBADF);
  EXPECT_EQ(outcome.sync_error, ECANCELED);
}

// As a kernel that finds memory for the first request alone; the rest is taken when it is offered again.
int submit_one(io_uring* ring) {
  if (io_uring_sq_ready(ring) < 2) return io_uring_submit(ring);
  io_uring_smp_store_release(ring->sq.ktail, ring->sq.sqe_tail);
  ring->sq.sqe_head = ring->sq.sqe_tail;
  return io_uring_enter(static_cast<unsigned>(ring->ring_fd), 1, 0, 0, nullptr);
}

TEST(UringDisk, a_write_that_the_kernel_took_without_its_sync_is_not_synced) {
  auto disk = UringDisk::create(submit_one);
  if (!disk) GTEST_SKIP() << disk.error().message();
  const test::TempFolder folder;
  const UniqueFd fd(::open((folder.path() + "/file").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  std::string text = "text";
  const std::array pieces{iovec{text.data(), text.size()}};
  (*disk)->start(fd.get(), pieces, 0);
  const auto split = (*disk)->wait();
  EXPECT_EQ(split.written, 4);
  EXPECT_EQ(split.sync_error, ECANCELED) << "a sync beside the write may have ended before it";
  (*disk)->start(fd.get(), {}, 4);
  EXPECT_EQ((*disk)->wait().sync_error, 0) << "the writer syncs next";
}

TEST_P(JournalDiskTest, an_outcome_is_given_once) {
  const UniqueFd fd(::open((folder_.path() + "/file").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  EXPECT_FALSE(disk_->poll().has_value());
  disk_->start(fd.get(), {}, 0);
  EXPECT_EQ(disk_->wait().sync_error, 0);
  EXPECT_FALSE(disk_->poll().has_value());
}

}  // namespace
}  // namespace thintail
