// SPDX-License-Identifier: Apache-2.0
// `thintail models promote` into a running core: in force while it trades, refused where it must be, replayed from the journal, and still
// there after a kill -9.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "adapters/journal/journal_files.hpp"
#include "core/base/whole_file.hpp"
#include "ml/models/decision_trees.hpp"
#include "shm/segment/core_segment.hpp"
#include "tests/support/process.hpp"
#include "tests/support/small_model.hpp"
#include "tests/support/temp_folder.hpp"

namespace thintail::test {
namespace {

using nlohmann::json;

class ModelsPromote : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(first_.is_loaded()) << first_.why_not();
    ASSERT_TRUE(second_.is_loaded()) << second_.why_not();
    std::filesystem::copy_file(first_.path(), model_);
    std::ofstream(config()) << "[core]\ninstance = \"swap\"\ninstruments_max = 8\n[shm]\ndirectory = \"" << shm_.path()
                            << "\"\nevents_slots = 16384\nticks_slots = 4096\n[simulator]\nduration_s = 0\n"
                            << "instruments = [\"BTCUSD\", \"ETHUSD\"]\nticks_per_second = 300\n"
                            << "[model]\npath = \"" << model_ << "\"\n[strategy]\nkind = \"model_edge\"\n"
                            << "[strategy.quantity]\nBTCUSD = \"1\"\nETHUSD = \"1\"\n[journal]\ndirectory = \""
                            << folder_.path() << "/journal\"\n";
  }
  std::string config() const { return folder_.path() + "/thintail.toml"; }
  Process start(std::uint32_t epoch) const {
    Process daemon = start_thintail({"run", "--config", config()});
    EXPECT_TRUE(eventually([&] {
      const auto core = view();
      return core && core->segment().header().epoch >= epoch && (*core)->ticks->head() > 10;
    })) << daemon.err();
    return daemon;
  }
  Result<shm::CoreView> view() const { return shm::CoreView::open(shm_.path(), "swap"); }
  ProcessResult promote(const std::string& pack) const {
    return run_thintail({"models", "promote", pack, "--config", config(), "--json"});
  }
  shm::ModelRow row(std::size_t slot) const {
    shm::ModelRow out{};
    const auto core = view();
    EXPECT_TRUE(core && (*(*core)->models)[slot].load(out));
    return out;
  }
  void wait_for_ticks(std::uint64_t more) const {
    const auto core = view();
    ASSERT_TRUE(core);
    const std::uint64_t wanted = (*core)->ticks->head() + more;
    ASSERT_TRUE(eventually([&] { return (*core)->ticks->head() >= wanted; }));
  }

  TempFolder shm_{kMemoryFolder};
  TempFolder folder_;
  std::string model_ = folder_.path() + "/model.ttm";
  SmallModel first_{3.0};
  SmallModel second_{9.0};
};

TEST_F(ModelsPromote, a_pack_comes_into_force_while_ticks_flow_and_the_journal_replays_it) {
  Process daemon = start(1);
  const ProcessResult promoted = promote(second_.path());
  ASSERT_EQ(promoted.exit_code, 0) << promoted.err;
  const json said = json::parse(promoted.out, nullptr, false);
  EXPECT_EQ(said.value("state", ""), "active");
  EXPECT_EQ(said.value("sha256", ""), to_hex(second_.loaded().digest));
  EXPECT_EQ(row(1).state, shm::ModelState::active);
  EXPECT_EQ(row(1).sha256, second_.loaded().digest);
  EXPECT_EQ(row(0).state, shm::ModelState::retired);
  wait_for_ticks(100);

  // A kill -9 takes nothing: the next start is of the promoted model, and both epochs replay from the journal and its packs alone.
  daemon.signal(SIGKILL);
  EXPECT_EQ(daemon.wait().exit_code, 128 + SIGKILL);
  Process again = start(2);
  EXPECT_EQ(row(0).sha256, second_.loaded().digest);
  wait_for_ticks(100);
  again.signal(SIGTERM);
  ASSERT_EQ(again.wait().exit_code, 0) << again.err();
  std::filesystem::remove(model_);
  const ProcessResult replayed =
      run_thintail({"replay", journal_folder(folder_.path() + "/journal", "swap"), "--json"});
  ASSERT_EQ(replayed.exit_code, 0) << replayed.err;
  EXPECT_NE(replayed.out.find("\"equal\":true"), std::string::npos) << replayed.out;
}

TEST_F(ModelsPromote, what_does_not_fit_is_refused_here_and_by_the_core_and_the_model_in_force_stays) {
  Process daemon = start(1);
  const std::string broken = folder_.path() + "/broken.ttm";
  auto bytes = read_whole_file(second_.path(), model_reading("reading a test's model"));
  ASSERT_TRUE(bytes);
  (*bytes)[bytes->size() / 2] ^= 1;
  std::ofstream(broken, std::ios::binary) << *bytes;
  const ProcessResult refused = promote(broken);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.err.find("broken.ttm"), std::string::npos) << refused.err;
  auto still = read_whole_file(model_, model_reading("reading a test's model"));
  auto first = read_whole_file(first_.path(), model_reading("reading a test's model"));
  ASSERT_TRUE(still && first);
  EXPECT_EQ(*still, *first) << "the file that the core takes its model from is untouched";

  // Somebody else writes over that file: first rubbish, then half of a pack, then nothing at all.
  for (const std::string& bad : {std::string("rubbish"), bytes->substr(0, bytes->size() / 2), std::string()}) {
    std::ofstream(model_, std::ios::binary | std::ios::trunc) << bad;
    ASSERT_TRUE(eventually([&] { return daemon.err().find("the model in force stays") != std::string::npos; }))
        << daemon.err();
    wait_for_ticks(50);
    EXPECT_EQ(row(0).sha256, first_.loaded().digest);
    EXPECT_EQ(row(0).state, shm::ModelState::active);
  }
  EXPECT_EQ(promote(second_.path()).exit_code, 0) << daemon.err();
  EXPECT_EQ(row(1).sha256, second_.loaded().digest);
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait().exit_code, 0);
}

TEST_F(ModelsPromote, without_a_core_the_next_start_takes_it) {
  const ProcessResult promoted = promote(second_.path());
  ASSERT_EQ(promoted.exit_code, 0) << promoted.err;
  EXPECT_EQ(json::parse(promoted.out, nullptr, false).value("state", ""), "no_core");
  Process daemon = start(1);
  EXPECT_EQ(row(0).sha256, second_.loaded().digest);
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait().exit_code, 0);
}

}  // namespace
}  // namespace thintail::test
