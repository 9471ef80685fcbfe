// SPDX-License-Identifier: Apache-2.0
// GatewayDesk: a gateway in this process, spoken to over its Unix socket, whose owner needs no key.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>

#include "tests/support/process.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/unix_client.hpp"
#include "tools/gateway/gateway.hpp"

namespace thintail::test {

// Looks less often than the core's tests do: each look is a request.
inline bool soon(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + kWatchdog;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
  }
  return true;
}

class GatewayDesk {
 public:
  using Change = std::function<void(gateway::GatewayOptions&)>;

  GatewayDesk(const std::string& instance, const std::string& shm_directory, const std::string& journal_directory,
              const std::string& model = "", const std::string& bars = "")
      : GatewayDesk(instance, shm_directory, journal_directory, [&](gateway::GatewayOptions& options) {
          options.model_path = model;
          options.bars_directory = bars;
        }) {}
  // `change` sees the options last.
  GatewayDesk(const std::string& instance, const std::string& shm_directory, const std::string& journal_directory,
              const Change& change)
      : socket_(folder_.path() + "/gateway.sock") {
    gateway::GatewayOptions options;
    options.instance = instance;
    options.shm_directory = shm_directory;
    options.journal_directory = journal_directory;
    options.state_directory = folder_.path() + "/state";
    options.version = "test";
    options.command_timeout = kWatchdog;  // of a busy machine, not of the core
    options.server.listeners = {{.address = "127.0.0.1", .port = 0}};
    options.server.unix_path = socket_;
    options.server.front.rates.read = {1'000'000, 60};
    options.server.front.rates.data = {1'000'000, 60};
    options.server.front.rates.trading = {1'000'000, 60};
    change(options);
    auto started = gateway::Gateway::start(std::move(options));
    EXPECT_TRUE(started.has_value()) << (started ? "" : started.error().message());
    if (started) gateway_ = std::move(*started);
  }

  gateway::Gateway& gateway() { return *gateway_; }
  const std::string& socket() const { return socket_; }
  HttpReply get(const std::string& target, const std::string& headers = "") const {
    return http_over(socket_, "GET", target, "", headers);
  }
  HttpReply post(const std::string& target, const nlohmann::json& body, const std::string& key = "") const {
    return http_over(socket_, "POST", target, body.dump(), key.empty() ? "" : "Idempotency-Key: " + key + "\r\n");
  }
  // Of the core; `base`: "/i/NAME" of one of several.
  std::string state(const std::string& base = "") const {
    return get(base + "/api/v1/system/status").json()["core"].value("state", "");
  }

 private:
  TempFolder folder_;
  std::string socket_;
  std::unique_ptr<gateway::Gateway> gateway_;
};

}  // namespace thintail::test
