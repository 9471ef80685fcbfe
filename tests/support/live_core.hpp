// SPDX-License-Identifier: Apache-2.0
// LiveCore: `thintail run` on the simulator, with a configuration and folders of its own, for tests of what watches it.
#pragma once

#include <fmt/format.h>

#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapters/journal/journal_files.hpp"
#include "shm/segment/core_segment.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temp_folder.hpp"

namespace thintail::test {

class LiveCore {
 public:
  // Starts the daemon and waits until its engine has taken ticks.
  explicit LiveCore(double ticks_per_second = 300, unsigned events_slots = 16'384, std::string instance = "watched")
      : instance_(std::move(instance)) {
    std::ofstream(config())
        << "[core]\ninstance = \"" << instance_ << "\"\ninstruments_max = 8\n[shm]\ndirectory = \"" << shm_.path()
        << "\"\nevents_slots = " << events_slots << "\nticks_slots = 4096\n[simulator]\nduration_s = 0\n"
        << "instruments = [\"BTCUSD\", \"ETHUSD\"]\nticks_per_second = " << ticks_per_second
        << "\n[strategy]\nkind = \"fade_last_move\"\ncooldown_ms = 5\n[strategy.quantity]\nBTCUSD = \"1\"\n"
        << "ETHUSD = \"1\"\n[risk.default]\nmax_order_quantity = \"1000000\"\nmax_position = \"1000000\"\n"
        << "max_quote_age_ms = 60_000\nmax_orders_per_second = 1_000\n[journal]\ndirectory = \"" << folder_.path()
        << "/journal\"\n";
    start(1);
  }

  // Starts it (again) and waits until the segment of `epoch` carries fills.
  void start(std::uint32_t epoch) {
    daemon_.reset();
    daemon_.emplace(start_thintail({"run", "--config", config()}));
    EXPECT_TRUE(eventually([&] {
      const auto core = shm::CoreView::open(shm_.path(), instance_);
      shm::PositionRow row{};
      return core && core->segment().header().epoch >= epoch && (*core)->positions->rows() > 0 &&
             (*(*core)->positions)[0].load(row) && row.time_ns != 0;
    })) << daemon_->err();
  }
  ProcessResult stop() {
    daemon_->signal(SIGTERM);
    return daemon_->wait();
  }
  Process& daemon() { return *daemon_; }

  // The command line of a monitor of it.
  std::vector<std::string> watched_by(const std::string& command, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments{command, "--instance", instance_, "--shm-directory", shm_.path()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  std::string journal() const { return journal_path(folder_.path() + "/journal", instance_, 1); }
  std::string journals() const { return journal_folder(folder_.path() + "/journal", instance_); }

 private:
  std::string config() const { return folder_.path() + "/thintail.toml"; }
  std::string instance_;
  TempFolder shm_{kMemoryFolder};
  TempFolder folder_;
  std::optional<Process> daemon_;
};

}  // namespace thintail::test
