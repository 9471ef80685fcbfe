// SPDX-License-Identifier: Apache-2.0
// Many WebSocket clients on the gateway's program: a thousand that read, a hundred that do not and what they cost, and every tick counted.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <ranges>

#include "adapters/journal/journal_reader.hpp"
#include "core/event/payloads.hpp"
#include "tests/support/data.hpp"
#include "tests/support/live_core.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/unix_client.hpp"

namespace thintail::test {
namespace {

using nlohmann::json;

class GatewayClients : public ::testing::Test {
 protected:
  void serve(double ticks_per_second) {
    rlimit files{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = std::min<rlim_t>(files.rlim_max, 8'192);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &files), 0);
    core_.emplace(ticks_per_second, 65'536);
    gateway_.emplace(std::vector<std::string>{
        program("thintail-gateway"), "--instance", "watched", "--shm-directory", core_->watched_by("stat").back(),
        "--journal-directory", std::filesystem::path(core_->journals()).parent_path().string(), "--state-directory",
        folder_.path() + "/state", "--port", "0", "--unix", socket_, "--keys", folder_.path() + "/keys.json",
        "--rate-limit", "read=1000000"});
    ASSERT_TRUE(eventually([&] { return http_over(socket_, "GET", "/readyz").status == 200; })) << gateway_->err();
  }
  std::unique_ptr<UnixSocketClient> subscribe(int rate_hz) {
    auto client = std::make_unique<UnixSocketClient>(socket_, "thintail.v1.json");
    EXPECT_EQ(client->status(), 101);
    client->send({{"type", "subscribe"}, {"id", 1}, {"topic", "quotes"}, {"max_rate_hz", rate_hz}});
    return client;
  }
  json status() const { return http_over(socket_, "GET", "/api/v1/system/status").json(); }
  // Of the gateway's own memory, not of files that it maps.
  std::size_t memory_bytes() const {
    std::ifstream in(fmt::format("/proc/{}/status", gateway_->pid()));
    for (std::string line; std::getline(in, line);) {
      if (line.starts_with("RssAnon:")) return std::stoull(line.substr(8)) * 1024;
    }
    return 0;
  }

  TempFolder folder_;
  std::string socket_ = folder_.path() + "/gateway.sock";
  std::optional<LiveCore> core_;
  std::optional<Process> gateway_;
};

TEST_F(GatewayClients, a_thousand_are_served_at_once) {
  serve(20);
  std::vector<std::unique_ptr<UnixSocketClient>> clients;
  for (int i = 0; i < 1'000; ++i) clients.push_back(subscribe(5));
  EXPECT_EQ(status()["gateway"]["clients"], 1'000);
  for (const auto& client : clients) {
    std::uint64_t seq = client->next("snapshot")["seq"];
    for (int i = 0; i < 3; ++i) ASSERT_EQ(client->next("delta")["seq"], ++seq);
  }
  clients.clear();
  EXPECT_TRUE(eventually([&] { return status()["gateway"]["clients"] == 0; }));
}

TEST_F(GatewayClients, a_hundred_that_do_not_read_cost_at_most_a_mebibyte_each_and_delay_nobody) {
  serve(3'000);
  const auto reader = subscribe(0);
  std::uint64_t seq = reader->next("snapshot")["seq"];
  // Deltas of so many bytes in all, each the next one.
  const auto follow = [&](std::size_t bytes) {
    for (std::size_t read = 0; read < bytes;) {
      const auto frame = reader->next_frame();
      ASSERT_TRUE(frame && frame->opcode == 1);
      const json message = json::parse(frame->data);
      if (message["type"] == "heartbeat") continue;
      ASSERT_EQ(message["type"], "delta");
      ASSERT_EQ(message["seq"], ++seq);
      read += frame->data.size();
    }
  };
  follow(100'000);
  const std::size_t before = memory_bytes();
  ASSERT_GT(before, 0u);
  std::vector<std::unique_ptr<UnixSocketClient>> stalled;
  for (int i = 0; i < 100; ++i) stalled.push_back(subscribe(0));
  // What the reader gets was to be told to each of them too: several times what their queues and the kernel hold.
  std::size_t most = before;
  for (int i = 0; i < 16; ++i) {
    follow(256 * 1024);
    most = std::max(most, memory_bytes());
  }
  const std::size_t each = (most - before) / stalled.size();
  RecordProperty("bytes_each", std::to_string(each));
  EXPECT_LE(each, std::size_t{1} << 20) << "bytes for each client that does not read";
  follow(100'000);
}

// The numbers after `"sequence":"` in one message.
void add_sequences(const std::string& text, std::vector<std::uint64_t>& out) {
  constexpr std::string_view kMark = R"("sequence":")";
  for (std::size_t at = text.find(kMark); at != std::string::npos; at = text.find(kMark, at)) {
    at += kMark.size();
    out.push_back(std::strtoull(text.c_str() + at, nullptr, 10));
  }
}

TEST_F(GatewayClients, with_conflation_off_each_gets_every_tick_once) {
  const std::size_t kClients = is_long_run() ? 100 : 20;
  const int kRounds = is_long_run() ? 200 : 20;
  serve(is_long_run() ? 3'000 : 1'000);
  std::vector<std::unique_ptr<UnixSocketClient>> clients;
  for (std::size_t i = 0; i < kClients; ++i) clients.push_back(subscribe(0));
  for (const auto& client : clients) client->next("snapshot");
  std::vector<std::vector<std::uint64_t>> got(kClients);
  std::size_t frames = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t i = 0; i < kClients; ++i) {
      for (int read = 0; read < 10;) {
        const auto frame = clients[i]->next_frame();
        ASSERT_TRUE(frame && frame->opcode == 1);
        if (!frame->data.starts_with(R"({"type":"delta")")) {
          ASSERT_FALSE(frame->data.starts_with(R"({"type":"snapshot")")) << "it fell behind";
          continue;
        }
        add_sequences(frame->data, got[i]);
        ++read;
        ++frames;
      }
    }
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  core_->stop();
  std::vector<std::uint64_t> ticks;
  auto reader = JournalReader::open(core_->journals());
  ASSERT_TRUE(reader.has_value());
  for (Event event{}; reader->poll(event);) {
    if (event.type == EventType::tick) ticks.push_back(event.sequence);
  }
  std::size_t updates = 0;
  for (const std::vector<std::uint64_t>& one : got) {
    ASSERT_FALSE(one.empty());
    const auto from = std::ranges::lower_bound(ticks, one.front());
    const auto to = std::ranges::upper_bound(ticks, one.back());
    ASSERT_TRUE(std::ranges::equal(one, std::ranges::subrange(from, to)));
    updates += one.size();
  }
  RecordProperty("updates_per_s", fmt::format("{:.0f}", static_cast<double>(updates) / seconds));
  RecordProperty("frames_per_s", fmt::format("{:.0f}", static_cast<double>(frames) / seconds));
}

}  // namespace
}  // namespace thintail::test
