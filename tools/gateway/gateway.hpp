// SPDX-License-Identifier: Apache-2.0
// Gateway: the core's view, the routes over it and the HTTP server, put together.
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
#include "tools/gateway/core_model.hpp"

namespace thintail::gateway {

struct GatewayOptions {
  std::string instance = "default";
  std::string shm_directory = "/dev/shm";
  std::string journal_directory = "journal";
  std::string state_directory;  // of what must outlive the gateway; empty: INSTANCE-gateway beside the journals
  std::string model_path;  // the champion's file; empty: predictions are shown, but not what made them
  std::string replay_speed;  // as whoever replays says: "60x"
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
  const SharedModel& model() const noexcept;
  // Once a second: a kill that waits on disk.
  void tend();
  // What is under way is finished, clients are told to come back.
  void drain();

 private:
  struct State;
  explicit Gateway(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace thintail::gateway
