// SPDX-License-Identifier: Apache-2.0
// EventStreams: GET /api/v1/events: the core's events as Server-Sent Events, filtered, resumable while the newest few thousand last.
//   path     cold
//   threads  on_open(), on_drained(), on_close(): the io thread. on_events(): the feed's.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>

#include "adapters/http/route.hpp"
#include "tools/gateway/core_model.hpp"
#include "tools/monitor/event_line.hpp"

namespace thintail::gateway {

class EventStreams : public http::EventStreamEndpoint {
 public:
  explicit EventStreams(SharedModel& model) : model_(&model) {}

  void on_open(const std::shared_ptr<http::EventStream>& stream, const http::Request& request) override;
  void on_drained(const std::shared_ptr<http::EventStream>& stream) override;
  void on_close(const std::shared_ptr<http::EventStream>& stream) override;
  void on_events(std::span<const Event> events);
  void close_all();

 private:
  struct Reader {
    std::shared_ptr<http::EventStream> stream;
    TypeFilter types;
    std::set<std::string> instruments;  // names; empty: all
    std::uint64_t missed = 0;
    bool is_stalled = false;
  };
  bool wants(const Reader& reader, const Event& event, std::string_view name) const;
  void tell(Reader& reader, const Event& event, std::string_view name);

  SharedModel* model_;
  std::mutex mutex_;
  std::map<std::uint64_t, Reader> readers_;
  std::deque<Event> recent_;
};

}  // namespace thintail::gateway
