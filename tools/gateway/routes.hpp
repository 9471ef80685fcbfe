// SPDX-License-Identifier: Apache-2.0
// The gateway's routes: docs/api.md as a table, each row with its handler.
//   path     cold
//   threads  handlers run on the server's io thread, those that read journals, wait for the core or compute on its workers
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/http/route.hpp"
#include "tools/gateway/champion.hpp"
#include "tools/gateway/command_desk.hpp"
#include "tools/gateway/core_feed.hpp"
#include "tools/gateway/event_streams.hpp"
#include "tools/gateway/journal_history.hpp"
#include "tools/gateway/json_views.hpp"
#include "tools/gateway/socket_hub.hpp"

namespace thintail::gateway {

class BarStore;
class GapSampler;
class TrainJobs;

// What handlers work on. All of it outlives the routes.
struct Parts {
  SharedModel* model = nullptr;
  const CoreFeed* feed = nullptr;
  const JournalHistory* history = nullptr;
  CommandDesk* desk = nullptr;
  std::shared_ptr<SocketHub> hub;
  std::shared_ptr<EventStreams> events;
  ChampionBook* champions = nullptr;
  const FeatureView* features = nullptr;
  const BarStore* bars = nullptr;  // null: no folder of bar files
  std::function<GatewayFacts()> facts;
  std::string instance;
  std::string shm_directory;
  TrainJobs* jobs = nullptr;  // null: no place for them
  const GapSampler* gaps = nullptr;
};

std::vector<http::Route> gateway_routes(const Parts& parts);

}  // namespace thintail::gateway
