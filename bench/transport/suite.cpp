// SPDX-License-Identifier: Apache-2.0
#include "bench/transport/suite.hpp"

namespace thintail::bench {

Suite transport_suite() {
  return {"transport",
          "handing events over in shared memory",
          {{"one_way_latency", "one event at a time from thread to thread", &one_way_latency},
           {"one_way_latency_ipc", "the same from process to process, by an observer", &one_way_latency_ipc},
           {"throughput", "events a second from thread to thread, gated", &throughput},
           {"throughput_ipc", "the same from process to process, by an observer that misses nothing", &throughput_ipc},
           {"publish", "the writer alone: events resident or just built, small ring and 64 MiB, words and vectors",
            &publish},
           {"observers", "what eight attached observers cost the writer", &observers},
           {"table_read", "reading the newest value of a row, and of 1,000 rows", &table_read},
           {"command_queue", "a command to the core and its answer, and the engine's look at an empty queue",
            &command_queue},
           {"bookkeeping", "what a thread's health note and a counter add to each event", &bookkeeping},
           {"attach", "opening a running core's segment of default size", &attach}}};
}

}  // namespace thintail::bench
