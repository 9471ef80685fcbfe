// SPDX-License-Identifier: Apache-2.0
#include "bench/gateway/suite.hpp"

#include <memory>

namespace thintail::bench {

Suite gateway_suite() {
  auto shop = std::make_shared<Workshop>();
  return {"gateway",
          "the core over HTTP and WebSocket, asked by other processes on loopback",
          {{"rest_quotes", "one quote, over and over; and 10,000 times a second", &rest_quotes},
           {"rest_auth", "a key's check and the rate limit: cold, warm, wrong key", &rest_auth},
           {"history_page", "10,000 bars out of a year of minutes, and the page before", &history_page},
           {"ws_fanout_100", "every tick to 100 WebSockets, as fast as they take them", &ws_fanout_100},
           {"ws_clients_1000", "1,000 WebSockets: how long an update takes to each", &ws_clients_1000},
           {"ws_stalled_100", "100 WebSockets that never read, beside one that does", &ws_stalled_100},
           {"event_to_socket", "from the events stream to a client's socket", &event_to_socket},
           {"idle_memory", "the gateway's memory with a core and nobody who asks", &idle_memory},
           {"core_under_load", "tick to intent, while the gateway works for all it can",
            [shop](const Options& options) { return core_under_load(*shop, options); }}}};
}

}  // namespace thintail::bench
