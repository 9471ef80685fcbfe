// SPDX-License-Identifier: Apache-2.0
// The control segment: commands arrive once and whole, slots outlive their clients, and no bytes make the core misbehave.
#include "shm/control/control_segment.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "shm/control/control_client.hpp"
#include "tests/support/data.hpp"
#include "tests/support/temp_folder.hpp"

namespace thintail::shm {
namespace {

constexpr std::uint32_t kEpoch = 7;

class ControlTest : public testing::Test {
 protected:
  test::TempFolder folder_{test::kMemoryFolder};
  std::unique_ptr<ControlSegment> core_ = make(kEpoch);

  std::unique_ptr<ControlSegment> make(std::uint32_t epoch) const {
    auto made = ControlSegment::create(folder_.path(), "test", epoch);
    EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().message());
    EXPECT_TRUE((*made)->publish().has_value());
    return *std::move(made);
  }
  Result<ControlClient> client(std::uint32_t epoch = kEpoch) const {
    return ControlClient::open(folder_.path(), "test", epoch);
  }
  // Everything that the core finds while it goes round all slots until `quiet_rounds` in a row hold nothing.
  std::vector<ReceivedCommand> polled() const {
    std::vector<ReceivedCommand> all;
    ReceivedCommand command{};
    // One look at each cell of each slot: damaged and endless queues end too.
    for (std::size_t look = 0; look < kControlSlots * CommandQueue::kCells; ++look) {
      if (core_->poll(command)) all.push_back(command);
    }
    return all;
  }
  std::size_t fill_to_the_brim(ControlClient& sender) const {
    std::size_t queued = 0;
    while (queued < 2 * kCommandsPerSlot && sender.send(CommandKind::pause, 1 + queued) == Offered::queued) ++queued;
    return queued;
  }
  ControlLayout& layout() const { return *reinterpret_cast<ControlLayout*>(core_->data()); }
};

TEST_F(ControlTest, commands_arrive_in_order_and_are_answered) {
  auto sender = client();
  ASSERT_TRUE(sender.has_value()) << sender.error().message();
  // Several laps, so that every cell is used and reused.
  for (std::uint64_t id = 1; id <= 5 * CommandQueue::kCells; ++id) {
    const auto kind = static_cast<CommandKind>(1 + id % 5);
    ASSERT_EQ(sender->send(kind, id), Offered::queued);
    const auto received = polled();
    ASSERT_EQ(received.size(), 1u);
    EXPECT_EQ(received[0].command_id, id);
    EXPECT_EQ(received[0].kind, kind);
    EXPECT_EQ(received[0].slot, sender->slot());
    EXPECT_FALSE(sender->reply_to(id).has_value());
    core_->answer(received[0], CommandAnswer::applied, 1000 + id);
    const auto reply = sender->reply_to(id);
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(reply->answer, CommandAnswer::applied);
    EXPECT_EQ(reply->sequence, 1000 + id);
  }
  EXPECT_EQ(core_->refused(), 0u);
}

TEST_F(ControlTest, a_queue_holds_its_capacity_and_then_says_that_it_is_full) {
  auto sender = client();
  ASSERT_TRUE(sender.has_value());
  for (int lap = 0; lap < 3; ++lap) {
    EXPECT_EQ(fill_to_the_brim(*sender), kCommandsPerSlot);
    EXPECT_EQ(sender->send(CommandKind::kill, 999), Offered::full);
    EXPECT_EQ(polled().size(), kCommandsPerSlot);
  }
}

TEST_F(ControlTest, clients_have_slots_of_their_own_until_none_is_left) {
  std::vector<ControlClient> clients;
  std::set<std::uint32_t> slots;
  for (std::uint32_t i = 0; i < kControlSlots; ++i) {
    auto sender = client();
    ASSERT_TRUE(sender.has_value()) << sender.error().message();
    slots.insert(sender->slot());
    EXPECT_EQ(sender->send(CommandKind::pause, 100 + i), Offered::queued);
    clients.push_back(*std::move(sender));
  }
  EXPECT_EQ(slots.size(), kControlSlots);
  EXPECT_EQ(polled().size(), kControlSlots);
  const auto refused = client();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::shm_held);
  clients.pop_back();
  EXPECT_TRUE(client().has_value()) << "a slot that was given back is free";
  EXPECT_EQ(core_->reset_dead_slots(), 0u) << "living clients keep theirs";
}

TEST_F(ControlTest, only_the_core_of_the_right_epoch_is_sent_to) {
  const auto other = client(kEpoch + 1);
  ASSERT_FALSE(other.has_value());
  EXPECT_EQ(other.error().code, ErrorCode::shm_not_found);
  auto orphan = client();
  ASSERT_TRUE(orphan.has_value());
  auto next = make(kEpoch + 1);
  EXPECT_TRUE(client(kEpoch + 1).has_value());
  // The old core's end takes nothing away from the new one.
  core_.reset();
  EXPECT_TRUE(client(kEpoch + 1).has_value());
  next.reset();
  EXPECT_EQ(client(kEpoch + 1).error().code, ErrorCode::shm_not_found);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(ControlTest, a_file_that_is_not_ours_is_not_attached_to) {
  const std::string path = core_->path();
  const auto expect_code = [&](ErrorCode code) {
    const auto refused = client();
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, code) << refused.error().message();
  };
  layout().header.major = 2;
  expect_code(ErrorCode::shm_layout_mismatch);
  layout().header.major = kControlMajor;
  layout().header.slots = 1000;
  expect_code(ErrorCode::shm_layout_mismatch);
  layout().header.slots = kControlSlots;
  layout().header.magic ^= 1;
  expect_code(ErrorCode::shm_layout_mismatch);
  layout().header.magic ^= 1;
  EXPECT_TRUE(client().has_value());
  std::filesystem::permissions(path, std::filesystem::perms(0666));
  expect_code(ErrorCode::shm_hostile);
  std::filesystem::remove(path);
  std::ofstream(path) << "short";
  std::filesystem::permissions(path, std::filesystem::perms(0600));
  expect_code(ErrorCode::shm_layout_mismatch);
  std::filesystem::rename(path, path + ".elsewhere");
  std::filesystem::create_symlink(path + ".elsewhere", path);
  expect_code(ErrorCode::shm_hostile);
  // What stands in the core's way is replaced, and what a link leads to is left alone.
  std::filesystem::create_symlink(path + ".elsewhere", path + ".new");
  const auto next = make(kEpoch);
  EXPECT_TRUE(client().has_value());
  EXPECT_EQ(std::filesystem::file_size(path + ".elsewhere"), 5u);
}

TEST_F(ControlTest, its_file_is_closed_to_others_even_under_umask_0_and_its_removal_is_noticed) {
  const mode_t before = ::umask(0);
  const auto next = make(kEpoch + 1);
  ::umask(before);
  struct stat status{};
  ASSERT_EQ(::stat(next->path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0640u);
  EXPECT_FALSE(core_->is_current()) << "it was replaced";
  EXPECT_TRUE(next->is_current());
  std::filesystem::remove(next->path());
  EXPECT_FALSE(next->is_current());
}

TEST_F(ControlTest, a_full_file_system_is_an_error_and_never_a_signal) {
  constexpr int kSkipped = 2;
  const pid_t child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, "size=16k") != 0) {
      ::_exit(kSkipped);
    }
    const auto made = ControlSegment::create(folder_.path(), "test", kEpoch);
    const bool is_told = !made && made.error().code == ErrorCode::shm_too_small && !made.error().expected.empty();
    ::_exit(is_told && std::filesystem::is_empty(folder_.path()) ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  if (WEXITSTATUS(status) == kSkipped) GTEST_SKIP() << "mounting a small tmpfs is not permitted here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(ControlTest, a_request_that_is_no_valid_command_is_refused) {
  auto sender = client();
  ASSERT_TRUE(sender.has_value());
  CommandQueue& queue = layout().slots[sender->slot()].queue;
  const auto checked = [](CommandRequest request) {
    request.check = command_check(request.command_id, rest_of(request));
    return request;
  };
  const CommandRequest good = CommandRequest::of(CommandKind::kill, 5, kEpoch);
  std::vector<CommandRequest> bad(6, good);
  bad[0].kind = 0;
  bad[1].kind = 6;
  bad[2].kind = 0xffff;
  bad[3].epoch = kEpoch + 1;
  bad[4].command_id = 0;
  bad[5].reserved = 1;
  std::uint64_t refused = 0;
  for (const CommandRequest& request : bad) {
    ASSERT_EQ(queue.offer(checked(request)), Offered::queued);
    EXPECT_TRUE(polled().empty());
    EXPECT_EQ(core_->refused(), ++refused);
    const auto reply = sender->reply_to(request.command_id);
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(reply->answer, CommandAnswer::refused);
  }
  CommandRequest changed = good;
  changed.command_id ^= 1;  // with the check of another
  ASSERT_EQ(queue.offer(changed), Offered::queued);
  EXPECT_TRUE(polled().empty());
  ASSERT_EQ(queue.offer(good), Offered::queued);
  EXPECT_EQ(polled().size(), 1u);
}

TEST_F(ControlTest, what_was_taken_is_never_taken_again_by_an_index_gone_astray) {
  auto sender = client();
  ASSERT_TRUE(sender.has_value());
  EXPECT_EQ(fill_to_the_brim(*sender), kCommandsPerSlot);
  EXPECT_EQ(polled().size(), kCommandsPerSlot);
  auto* indices = reinterpret_cast<std::atomic<std::size_t>*>(&layout().slots[sender->slot()].queue);
  for (std::size_t written = 0; written < CommandQueue::kCells; ++written) {
    indices->store(written, std::memory_order_relaxed);  // relaxed: one thread
    EXPECT_TRUE(polled().empty());
  }
}

TEST_F(ControlTest, a_dead_clients_commands_are_carried_out_and_its_slot_is_reset) {
  const pid_t child = ::fork();
  if (child == 0) {
    auto sender = client();
    if (sender) sender->send(CommandKind::kill, 42);
    ::kill(::getpid(), SIGKILL);  // the slot is not given back
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(layout().slots[0].owner_pid.load(std::memory_order_relaxed), child);  // relaxed: it is dead
  EXPECT_EQ(core_->reset_dead_slots(), 0u) << "not before its last command was taken";
  const auto received = polled();
  ASSERT_EQ(received.size(), 1u);
  EXPECT_EQ(received[0].command_id, 42u);
  EXPECT_EQ(core_->reset_dead_slots(), 1u);
  EXPECT_EQ(core_->reset_dead_slots(), 0u);
  EXPECT_EQ(layout().slots[0].owner_pid.load(std::memory_order_relaxed), 0);  // relaxed: one thread
}

TEST_F(ControlTest, a_damaged_queue_is_passed_over_and_mended_once_its_client_is_gone) {
  auto hostile = client();
  ASSERT_TRUE(hostile.has_value());
  auto* indices = reinterpret_cast<std::atomic<std::size_t>*>(&layout().slots[hostile->slot()].queue);
  indices->store(std::size_t{1} << 40, std::memory_order_relaxed);  // relaxed: one thread
  EXPECT_TRUE(polled().empty());
  EXPECT_EQ(hostile->send(CommandKind::kill, 1), Offered::damaged);
  EXPECT_EQ(core_->reset_dead_slots(), 0u) << "its client still holds it";
  auto other = client();
  ASSERT_TRUE(other.has_value());
  EXPECT_EQ(other->send(CommandKind::kill, 2), Offered::queued);
  EXPECT_EQ(polled().size(), 1u) << "the others' slots go on";
  const std::uint32_t slot = hostile->slot();
  hostile = fail({});
  EXPECT_NE(client()->slot(), slot) << "a damaged slot is given to nobody";
  EXPECT_EQ(core_->reset_dead_slots(), 1u);
  auto next = client();
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->slot(), slot);
  EXPECT_EQ(fill_to_the_brim(*next), kCommandsPerSlot);
  EXPECT_EQ(polled().size(), kCommandsPerSlot);
}

TEST_F(ControlTest, random_bytes_crash_nothing_and_make_no_command) {
  // Another thread writes all over the segment while the core reads it: whole words and single bytes, at random and at the indices.
  const int mutations = test::is_long_run() ? 100'000'000 : 2'000'000;
  std::atomic<bool> done{false};
  std::thread vandal([&] {
    std::mt19937_64 random(3);
    std::byte* bytes = core_->data();
    const std::size_t words = core_->size_bytes() / 8;
    for (int i = 0; i < mutations; ++i) {
      std::size_t word = random() % words;
      const auto* queue = reinterpret_cast<std::byte*>(&layout().slots[random() % kControlSlots].queue);
      if (i % 3 == 0) word = static_cast<std::size_t>(queue - bytes + (i % 2 == 0 ? 0 : 64)) / 8;
      const std::uint64_t value = i % 4 == 0 ? random() : random() % (CommandQueue::kCells + 3);
      std::atomic_ref target(*reinterpret_cast<std::uint64_t*>(bytes + word * 8));
      target.store(value, std::memory_order_relaxed);  // relaxed: any order is as hostile
    }
    done.store(true, std::memory_order_release);  // F1: pairs F2
  });
  ReceivedCommand command{};
  std::uint64_t accepted = 0;
  while (!done.load(std::memory_order_acquire)) {  // F2: pairs F1
    for (int look = 0; look < 1'000; ++look) accepted += core_->poll(command);
    core_->reset_dead_slots();
  }
  vandal.join();
  EXPECT_EQ(accepted, 0u);
  EXPECT_GT(core_->refused(), 0u) << "the core has looked at what was written";
  // Once the vandal is gone, what it left is drained or mended, and every slot serves again.
  static_cast<void>(polled());
  core_->reset_dead_slots();
  layout().header = {kControlMagic, kControlMajor, kEpoch, kControlSlots, sizeof(ControlSlot)};
  std::vector<ControlClient> clients;
  for (std::uint32_t i = 0; i < kControlSlots; ++i) {
    auto sender = client();
    ASSERT_TRUE(sender.has_value()) << sender.error().message();
    EXPECT_EQ(fill_to_the_brim(*sender), kCommandsPerSlot) << "slot " << sender->slot();
    clients.push_back(*std::move(sender));
  }
  EXPECT_EQ(polled().size(), kControlSlots * kCommandsPerSlot);
  for (auto& sender : clients) {
    ASSERT_EQ(sender.send(CommandKind::kill, 77), Offered::queued);
  }
  for (const ReceivedCommand& received : polled()) core_->answer(received, CommandAnswer::applied, 9);
  for (const auto& sender : clients) EXPECT_TRUE(sender.reply_to(77).has_value()) << "slot " << sender.slot();
}

TEST_F(ControlTest, a_check_that_any_bytes_pass_would_be_noticed) {
  // The same damage with the check made to fit: then it is a command, so what refuses it above is the check.
  auto sender = client();
  ASSERT_TRUE(sender.has_value());
  CommandQueue& queue = layout().slots[sender->slot()].queue;
  std::mt19937_64 random(4);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(queue.offer({random() | 1, kEpoch, static_cast<std::uint16_t>(1 + random() % 5), 0, random()}),
              Offered::queued);
    EXPECT_TRUE(polled().empty());
    ASSERT_EQ(queue.offer(CommandRequest::of(CommandKind::flatten, random() | 1, kEpoch)), Offered::queued);
    EXPECT_EQ(polled().size(), 1u);
  }
}

TEST_F(ControlTest, killing_clients_in_mid_push_costs_no_capacity) {
  const char* const asked = std::getenv("THINTAIL_KILLS");
  const int kills = asked != nullptr ? std::atoi(asked) : test::is_long_run() ? 200'000 : 2'000;
  std::mt19937_64 random(20'140'502);
  std::uint64_t received = 0;
  int died_pushing = 0;
  for (int round = 0; round < kills; ++round) {
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      auto sender = client();
      if (!sender) ::_exit(1);
      const char told = 1;
      if (::write(ready[1], &told, 1) != 1) ::_exit(2);
      for (std::uint64_t id = 1;; ++id) {
        while (sender->send(CommandKind::pause, id) != Offered::queued) {
        }
      }
    }
    ::close(ready[1]);
    char told = 0;
    ASSERT_EQ(::read(ready[0], &told, 1), 1) << "round " << round << ": the client got no slot";
    ::close(ready[0]);
    // From none to a few thousand pushes; the core takes meanwhile, so that some die in mid-push and not all at a full queue.
    ReceivedCommand command{};
    std::uint64_t last = 0;
    const auto take = [&] {
      if (!core_->poll(command)) return;
      ++received;
      EXPECT_EQ(command.command_id, last + 1) << "round " << round;
      EXPECT_EQ(command.kind, CommandKind::pause);
      last = command.command_id;
    };
    for (std::uint64_t looks = random() % 20'000; looks > 0; --looks) take();
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    died_pushing += WIFSIGNALED(status);
    for (std::size_t look = 0; look < kControlSlots * CommandQueue::kCells; ++look) take();
    ASSERT_EQ(core_->reset_dead_slots(), 1u) << "round " << round;
  }
  EXPECT_EQ(died_pushing, kills);
  EXPECT_EQ(core_->refused(), 0u);
  EXPECT_GT(received, static_cast<std::uint64_t>(kills));
  std::vector<ControlClient> clients;
  for (std::uint32_t i = 0; i < kControlSlots; ++i) {
    auto sender = client();
    ASSERT_TRUE(sender.has_value()) << sender.error().message();
    EXPECT_EQ(fill_to_the_brim(*sender), kCommandsPerSlot);
    clients.push_back(*std::move(sender));
  }
  EXPECT_EQ(polled().size(), kControlSlots * kCommandsPerSlot);
  std::printf("kills %d, received %llu, refused %llu, capacity %u x %zu unchanged\n", kills,
              static_cast<unsigned long long>(received), static_cast<unsigned long long>(core_->refused()),
              kControlSlots, kCommandsPerSlot);
}

}  // namespace
}  // namespace thintail::shm
