// SPDX-License-Identifier: Apache-2.0
// The suite `transport` from outside: every case runs, keeps the bench contract, moves what it says, and can fail its
// checks. No time is asserted.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "bench/transport/links.hpp"
#include "bench/transport/step_counter.hpp"
#include "bench/transport/transfer.hpp"
#include "tests/support/process.hpp"

namespace thintail {
namespace {

using test::ProcessResult;

const std::set<std::string> kCases = {
    "one_way_latency", "one_way_latency_ipc", "throughput",    "throughput_ipc", "publish",
    "observers",       "table_read",          "command_queue", "bookkeeping",    "attach"};

ProcessResult bench_transport(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {test::program("thintail-bench-peers"), "transport"});
  return test::Process(arguments).wait();
}

// The case that a row belongs to: publish_built is one of publish's.
std::string case_of(const std::string& row) {
  if (kCases.contains(row)) return row;
  const auto found = std::ranges::find_if(kCases, [&](const std::string& name) { return row.starts_with(name + "_"); });
  return found == kCases.end() ? row : *found;
}

bool can_cross_cpus() { return bench::allowed_cpus().size() >= 2; }

TEST(BenchTransport, every_case_runs_and_keeps_the_contract) {
  const ProcessResult ended = bench_transport({"--json", "--iterations", "20"});
  ASSERT_EQ(ended.exit_code, 0) << ended.err;
  const auto json = nlohmann::json::parse(ended.out);
  EXPECT_EQ(json["schema"], "thintail-bench/1");
  EXPECT_EQ(json["suite"], "transport");
  std::set<std::string> seen;
  for (const auto& row : json["cases"]) {
    const auto name = row["name"].get<std::string>();
    SCOPED_TRACE(name);
    seen.insert(case_of(name));
    EXPECT_FALSE(row["unit"].get<std::string>().empty());
    EXPECT_FALSE(row["target"].get<std::string>().empty());
    for (const char* key : {"p50", "p99", "p999", "mean", "n"}) EXPECT_TRUE(row["ours"][key].is_number()) << key;
    EXPECT_FALSE(row["peers"].empty()) << "a figure without a peer or control";
    for (const auto& peer : row["peers"]) {
      if (peer.contains("absent")) {
        EXPECT_FALSE(peer["absent"].get<std::string>().empty()) << peer;
      } else {
        EXPECT_TRUE(peer["checked"].get<std::string>().ends_with(" equal")) << peer;
        EXPECT_TRUE(peer["ratio"].is_number()) << peer;
      }
    }
    if (name.starts_with("one_way_latency") && can_cross_cpus()) {
      EXPECT_TRUE(row["limit"]["ratio"].is_number());
    }
  }
  EXPECT_EQ(seen, kCases);
}

class SpoiltBenchTransport : public ::testing::TestWithParam<std::string> {};

TEST_P(SpoiltBenchTransport, fails_its_check) {
  if (!can_cross_cpus()) GTEST_SKIP() << "cases between two CPUs check nothing on one";
  const ProcessResult ended = bench_transport({"--case", GetParam(), "--iterations", "5", "--mutant"});
  EXPECT_EQ(ended.exit_code, 2) << ended.err;
  EXPECT_NE(ended.err.find("TT-0605"), std::string::npos) << ended.err;
  EXPECT_EQ(ended.out, "");
}

INSTANTIATE_TEST_SUITE_P(Cases, SpoiltBenchTransport, ::testing::ValuesIn(kCases),
                         [](const auto& one) { return one.param; });

TEST(BenchTransport, ours_alone_leaves_peers_out_and_says_so) {
  const ProcessResult ended = bench_transport({"--json", "--iterations", "5", "--ours-alone"});
  ASSERT_EQ(ended.exit_code, 0) << ended.err;
  for (const auto& row : nlohmann::json::parse(ended.out)["cases"]) {
    for (const auto& peer : row["peers"]) EXPECT_TRUE(peer.contains("absent")) << row["name"] << peer;
  }
}

constexpr std::size_t kSlots = 1024;
constexpr std::uint64_t kCount = 20'000;  // many laps

template <class Link>
class LinkTest : public ::testing::Test {};
using Links =
    ::testing::Types<bench::GatedLink<kSlots, shm::WordCopy>, bench::GatedLink<kSlots, shm::VectorCopy>,
                     bench::ObservedLink<kSlots, shm::WordCopy>, bench::ObservedLink<kSlots, shm::VectorCopy>,
                     bench::BoostLink<kSlots, false>, bench::BoostLink<kSlots, true>, bench::IndexRingLink<kSlots>>;
TYPED_TEST_SUITE(LinkTest, Links);

TYPED_TEST(LinkTest, hands_every_message_over_in_order_between_threads_and_between_processes) {
  const auto clock = EngineClock::calibrate();
  ASSERT_TRUE(clock) << clock.error().message();
  const std::vector<int> cpus = bench::allowed_cpus();
  const std::size_t size_bytes = sizeof(bench::Meeting) + TypeParam::kBytes;
  auto pages = bench::SharedPages::create(size_bytes);
  ASSERT_TRUE(pages) << pages.error().message();
  for (const bench::Across across : {bench::Across::threads, bench::Across::processes}) {
    std::byte* memory = pages->zeroed(size_bytes);
    auto* meeting = new (memory) bench::Meeting;
    const TypeParam link(memory + sizeof(bench::Meeting));
    bench::Tally tally;
    const auto elapsed_ns = bench::transfer(link, *meeting, across, {cpus.front(), cpus.back()}, kCount, *clock, tally);
    ASSERT_TRUE(elapsed_ns) << elapsed_ns.error().message();
    EXPECT_EQ(tally, bench::tally_of(kCount, bench::all_messages()));
  }
}

TEST(BenchTransport, a_tally_notices_a_lost_a_repeated_a_swapped_and_a_damaged_message) {
  const bench::Messages messages = bench::all_messages();
  const bench::Tally expected = bench::tally_of(100, messages);
  const auto tally_of_order = [&](std::vector<std::size_t> order) {
    bench::Tally tally;
    for (const std::size_t number : order) tally.take(messages[number]);
    return tally;
  };
  std::vector<std::size_t> order(100);
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  EXPECT_EQ(bench::arrived(tally_of_order(order), expected), 100u);
  auto lost = order;
  lost.erase(lost.begin() + 40);
  EXPECT_LT(bench::arrived(tally_of_order(lost), expected), 100u);
  auto repeated = order;
  repeated[41] = 40;
  EXPECT_LT(bench::arrived(tally_of_order(repeated), expected), 100u);
  auto swapped = order;
  std::swap(swapped[40], swapped[41]);
  EXPECT_LT(bench::arrived(tally_of_order(swapped), expected), 100u);
  bench::Messages damaged = messages;
  damaged[40].payload.back() ^= std::byte{1};
  EXPECT_LT(bench::arrived(bench::tally_of(100, damaged), expected), 100u);
}

TEST(BenchTransport, a_process_that_dies_ends_the_wait_for_it) {
  auto opposite = bench::Opposite::start(bench::Across::processes, bench::allowed_cpus().front(), [] { ::_exit(3); });
  ASSERT_TRUE(opposite) << opposite.error().message();
  bench::Patience patience(*opposite);
  while (patience.idle()) {
  }
  const auto joined = opposite->join();
  ASSERT_FALSE(joined);
  EXPECT_EQ(joined.error().code, ErrorCode::child_failed);
}

TEST(BenchTransport, counted_instructions_are_exact_and_grow_with_the_work) {
  const auto loop = [](std::uint64_t turns) {
    return bench::count_instructions([turns] {
      for (std::uint64_t i = 0; i < turns; ++i) asm volatile("nop\n\tnop\n\tnop");
    });
  };
  const auto one = loop(100);
  if (!one && one.error().code == ErrorCode::peer_absent) GTEST_SKIP() << one.error().message();
  ASSERT_TRUE(one) << one.error().message();
  EXPECT_EQ(*loop(100), *one) << "the same work, the same count";
  const std::uint64_t per_hundred = *loop(200) - *one;
  EXPECT_GE(per_hundred, 300u);
  EXPECT_EQ(*loop(300) - *loop(200), per_hundred);
}

}  // namespace
}  // namespace thintail
