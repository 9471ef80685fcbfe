// SPDX-License-Identifier: Apache-2.0
// Gateway: the view of one core or several, the routes over it and the HTTP server, put together.
//   path     cold
//   threads  start() makes the feed's and the server's; every member may be called from any other
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "adapters/http/server.hpp"
#include "core/base/error.hpp"
#include "core/config/settings.hpp"
#include "tools/gateway/core_model.hpp"

namespace thintail::gateway {

struct GatewayOptions {
  std::string instance = "default";
  std::vector<std::string> instances;  // several, /i/NAME/..; empty: `instance`
  std::map<std::string, std::string> model_paths;  // of an instance, where it is not `model_path`
  std::string shm_directory = "/dev/shm";
  std::string journal_directory = "journal";
  std::string
      state_directory;  // of what must outlive the gateway; empty: INSTANCE-gateway beside the journals, of several .gateway
  std::string model_path;  // the champion's file; empty: predictions are shown, but not what made them
  std::string bars_directory;  // bar files for history before the journals; empty: none
  std::map<std::string, SourceSettings> bar_sources;  // their clocks by file-name prefix
  std::string replay_speed;  // as whoever replays says: "60x"
  std::string training_folder;  // tick files that models/retrain may name; empty: simulated ticks only
  std::string train_program;  // thintail-train; empty: no jobs
  std::string config_path;  // of the core, for trainings; empty: none
  std::map<std::string, std::string> symbol_map;  // spellings, in capitals, and the symbols that they mean
  std::uint64_t history_bytes = 256u << 20;  // of journal read at the start
  std::chrono::milliseconds command_timeout{1'000};  // how long a command's answer is waited for
  std::string version;
  http::ServerOptions server;  // front.idempotency.path and the clock are the gateway's to fill
};

class Gateway {
 public:
  // Serves once it returns. A core need not be there.
  static Result<std::unique_ptr<Gateway>> start(GatewayOptions options, http::Assets assets = {});
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  http::Server& server() noexcept;
  const SharedModel& model() const noexcept;  // of the first instance
  // Once a second: kills that wait on disk.
  void tend();
  // What is under way is finished, clients are told to come back.
  void drain();

 private:
  struct State;
  explicit Gateway(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace thintail::gateway
