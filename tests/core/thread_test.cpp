// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <vector>

#include "core/thread/affinity.hpp"
#include "core/thread/float_mode.hpp"
#include "core/thread/memory.hpp"
#include "core/thread/numa.hpp"
#include "core/thread/worker.hpp"

namespace thintail {
namespace {

TEST(Worker, runs_named_pinned_and_in_ieee_mode) {
  StopFlag stop;
  const int cpu = current_cpu();
  std::array<char, 16> name{};
  int ran_on = -1;
  bool ieee = false;
  _mm_setcsr(kMxcsr | 0x8040);  // FTZ and DAZ, which a new thread inherits
  Worker worker({.name = "tt-engine", .cpu = cpu}, stop, [&](Waiter&) {
    pthread_getname_np(pthread_self(), name.data(), name.size());
    ran_on = current_cpu();
    ieee = float_mode_is_ieee();
  });
  EXPECT_FALSE(float_mode_is_ieee()) << "the check must see a wrong mode";
  set_float_mode();
  worker.join();
  EXPECT_STREQ(name.data(), "tt-engine");
  EXPECT_EQ(ran_on, cpu);
  EXPECT_TRUE(ieee);
  EXPECT_TRUE(float_mode_is_ieee());
  EXPECT_EQ(worker.note(), "");
  EXPECT_FALSE(stop.requested());
}

TEST(Worker, an_exception_trips_the_stop_flag_with_the_threads_name) {
  StopFlag stop;
  {
    const Worker first({.name = "feed"}, stop, [](Waiter&) { throw std::runtime_error("bad tick"); });
  }
  EXPECT_TRUE(stop.requested());
  EXPECT_TRUE(stop.failed());
  EXPECT_EQ(stop.failure(), "feed: bad tick");
  {
    const Worker second({.name = "engine"}, stop, [](Waiter&) { throw 42; });
  }
  EXPECT_EQ(stop.failure(), "feed: bad tick") << "the first failure is the one that is kept";
}

TEST(Worker, an_exception_that_is_no_std_exception_is_recorded_too) {
  StopFlag stop;
  run_guarded("callback", stop, [] { throw 42; });
  EXPECT_EQ(stop.failure(), "callback: an exception of unknown type");
}

TEST(Worker, a_refused_pin_is_noted_and_the_thread_runs_all_the_same) {
  StopFlag stop;
  bool ran = false;
  Worker worker({.name = "far", .cpu = CPU_SETSIZE - 1}, stop, [&](Waiter&) { ran = true; });
  worker.join();
  EXPECT_TRUE(ran);
  EXPECT_NE(worker.note().find("TT-0601"), std::string::npos);
}

TEST(Worker, run_until_turns_the_loop_until_stop_is_requested) {
  for (const auto kind : {WaitKind::spin, WaitKind::yield, WaitKind::park}) {
    StopFlag stop;
    std::uint32_t turns = 0;
    Worker worker({.name = "loop", .wait = kind}, stop, [&](Waiter& waiter) {
      EXPECT_EQ(waiter.kind(), kind);
      run_until(stop, waiter, [&]() -> std::uint32_t {
        if (++turns == 200) stop.request();
        return turns % 100 == 0 ? 1 : 0;
      });
    });
    worker.join();
    EXPECT_EQ(turns, 200u);
    EXPECT_FALSE(stop.failed());
  }
}

TEST(Wait, automatic_spins_only_with_a_core_for_each_hot_thread) {
  EXPECT_EQ(resolve_wait(WaitKind::automatic, 3, 4), WaitKind::spin);
  EXPECT_EQ(resolve_wait(WaitKind::automatic, 3, 2), WaitKind::park);
  EXPECT_EQ(resolve_wait(WaitKind::spin, 3, 1), WaitKind::spin);
  EXPECT_EQ(resolve_wait(WaitKind::yield, 1, 64), WaitKind::yield);
}

TEST(Affinity, an_impossible_cpu_is_refused) {
  EXPECT_GE(cpu_count(), 1);
  for (const int cpu : {-1, CPU_SETSIZE, CPU_SETSIZE - 1}) {
    const auto pinned = pin_to_cpu(cpu);
    ASSERT_FALSE(pinned);
    EXPECT_EQ(pinned.error().code, ErrorCode::system_call);
  }
}

class Pages {
 public:
  explicit Pages(std::size_t count)
      : size_bytes_(count * static_cast<std::size_t>(sysconf(_SC_PAGESIZE))),
        data_(mmap(nullptr, size_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {}
  ~Pages() { munmap(data_, size_bytes_); }
  void* data() const { return data_; }
  std::size_t size_bytes() const { return size_bytes_; }
  std::size_t count() const { return size_bytes_ / static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

 private:
  std::size_t size_bytes_;
  void* data_;
};

std::size_t present_pages(const Pages& pages) {
  std::vector<unsigned char> present(pages.count());
  EXPECT_EQ(mincore(pages.data(), pages.size_bytes(), present.data()), 0);
  return static_cast<std::size_t>(std::ranges::count_if(present, [](unsigned char page) { return (page & 1) != 0; }));
}

TEST(Memory, prefault_makes_every_page_present) {
  const Pages pages(256);
  EXPECT_EQ(present_pages(pages), 0u);
  ASSERT_TRUE(prefault(pages.data(), pages.size_bytes()));
  EXPECT_EQ(present_pages(pages), 256u);
}

TEST(Memory, prefault_leaves_contents_alone) {
  const Pages pages(2);
  static_cast<char*>(pages.data())[5000] = 42;
  ASSERT_TRUE(prefault(pages.data(), pages.size_bytes()));
  EXPECT_EQ(static_cast<char*>(pages.data())[5000], 42);
}

TEST(Memory, a_refused_lock_says_why) {
  const auto locked = lock_memory(nullptr, 4096);
  ASSERT_FALSE(locked);
  EXPECT_EQ(locked.error().code, ErrorCode::system_call);
  EXPECT_NE(locked.error().message().find("memlock limit"), std::string::npos);
}

TEST(Numa, one_node_machines_answer_zero) {
  EXPECT_GE(numa_node_count(), 1);
  EXPECT_LT(numa_node_of_cpu(-1), numa_node_count());
  const Pages pages(4);
  EXPECT_TRUE(bind_to_node(pages.data(), pages.size_bytes(), 0));
  EXPECT_FALSE(bind_to_node(pages.data(), pages.size_bytes(), numa_node_count()));
  EXPECT_FALSE(bind_to_node(pages.data(), pages.size_bytes(), -1));
}

}  // namespace
}  // namespace thintail
