// SPDX-License-Identifier: Apache-2.0
// EventStreams: GET /api/v1/events: the core's events as Server-Sent Events, filtered, resumable while the newest few thousand last.
//   path       cold
//   threads    on_open(), on_drained(), on_close(): the io thread. on_events(): the feed's.
//   invariant  a reader gets each event that it wants once and in order, or is told how many went by
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>

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
  using Text = std::shared_ptr<const std::string>;

  struct Reader {
    std::shared_ptr<http::EventStream> stream;
    TypeFilter types;
    std::set<std::string, std::less<>> instruments;  // names; empty: all
    std::uint64_t told = 0;  // the newest event that was told, or was not wanted
    std::uint64_t missed = 0;
    bool is_full = false;  // it goes on from what is kept, once it has taken what waits
  };
  struct Recent {
    Event event{};
    std::string name;  // of its instrument
    Text text;  // made for the first who wants it
  };

  std::uint64_t newest_known() const;
  // What came since: until all is told, or no more fits.
  void catch_up(Reader& reader);
  http::Sent tell(Reader& reader, Recent& recent);

  SharedModel* model_;
  std::mutex mutex_;
  std::map<std::uint64_t, Reader> readers_;
  std::deque<Recent> recent_;
};

}  // namespace thintail::gateway
