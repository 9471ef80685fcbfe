// SPDX-License-Identifier: Apache-2.0
// Connection: one client, from its first byte to its last: requests one after another, then perhaps a WebSocket or an event
// stream. Knows no sockets: bytes come and go by a Wire.
//   path     warm
//   threads  the server's io thread; the handles that endpoints get may be used from any
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "adapters/http/front.hpp"
#include "adapters/http/request_parser.hpp"
#include "adapters/http/response_text.hpp"
#include "adapters/http/stream_queue.hpp"
#include "adapters/http/websocket_frames.hpp"

namespace thintail::http {

class Connection;

// A transport. Each call keeps `owner` alive until it has called it back, on the io thread, never from within the call.
class Wire {
 public:
  virtual ~Wire() = default;
  virtual void read_some(const std::shared_ptr<Connection>& owner, char* into,
                         std::size_t size_bytes) = 0;  // on_read()
  virtual void write_some(const std::shared_ptr<Connection>& owner, std::string_view bytes) = 0;  // on_written()
  // Says that nothing more will come (TLS close_notify, FIN) and lets what was sent arrive.
  virtual void shut_down(const std::shared_ptr<Connection>& owner) = 0;
  virtual void close() = 0;
};

struct ConnectionLimits {
  RequestLimits request = {};
  std::int64_t header_ms = 10'000;  // from a request's first byte to the end of its headers
  std::int64_t body_ms = 30'000;  // and to the end of its body
  std::int64_t idle_ms = 75'000;  // between requests
  std::int64_t write_ms = 30'000;  // without one byte taken by the client
  std::int64_t first_message_ms = 5'000;  // of a WebSocket without credentials
  std::int64_t ping_ms = 20'000;
  std::int64_t silent_ms = 60'000;  // of a WebSocket that answers no ping
  std::int64_t comment_ms = 15'000;  // keep-alive of event streams
  std::int64_t close_ms = 5'000;  // for the other side's close
  std::size_t stream_bytes_max = 768 * 1024;
  std::size_t message_bytes_max = 64 * 1024;
  std::size_t waiting_bytes_max = 1024 * 1024;  // replies not yet taken: no further request is read until they are
};

struct ConnectionCounts {
  std::uint64_t requests = 0;
  std::uint64_t refused = 0;  // 4xx and 5xx
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t streams_opened = 0;
  std::uint64_t streams_slow = 0;  // sends refused for being full
  std::uint64_t timeouts = 0;
};

// What a connection needs of the server.
struct ConnectionContext {
  Front* front = nullptr;
  ConnectionLimits limits = {};
  ConnectionCounts counts = {};
  std::function<std::int64_t()> now_ms;  // monotonic
  std::function<void(std::function<void()>)> post;  // onto the io thread, from any
  std::function<void(std::uint64_t id)> on_closed;  // the server forgets it
  std::function<const std::string&()> date;
  bool is_draining = false;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(ConnectionContext& context, std::unique_ptr<Wire> wire, Peer peer, std::uint64_t id);
  ~Connection();

  void start();
  // Of the Wire. `is_ok` false: the other side is gone.
  void on_read(std::size_t count, bool is_ok);
  void on_written(std::size_t count, bool is_ok);

  // Every 250 ms: times, credentials, keep-alive.
  void tick();
  // No further request; streams are told to go away; what is under way is finished.
  void drain();
  void abort();  // at once
  std::uint64_t id() const noexcept { return id_; }
  const Peer& peer() const noexcept { return peer_; }
  bool is_idle() const noexcept;

 private:
  enum class Mode : std::uint8_t { requests, websocket, events, closing };
  class Handle;
  class SocketHandle;
  class EventsHandle;

  void read();
  void process();
  void yield();
  bool repeat();
  void on_outcome(Outcome outcome, bool is_head, bool is_keep_alive);
  void refuse(ErrorCode code, const std::string& detail, int status);
  void flush();
  void finish_after_writing();
  std::string_view input() const noexcept;
  void forget_input() noexcept;
  void forget_repeatable() noexcept;
  void closed();
  void leave();

  void open_websocket(const Upgrade& upgrade);
  void open_events(Outcome& outcome);
  void admit(Principal principal);
  void process_frames();
  void on_frame(FrameEvent event);
  void on_first_message(std::string_view text);
  void end_websocket(std::uint16_t code, std::string_view reason, bool drops_waiting);
  void tick_stream(std::int64_t now_ms);
  std::function<void()> waker();

  ConnectionContext& context_;
  std::unique_ptr<Wire> wire_;
  Peer peer_;
  std::uint64_t id_;
  Mode mode_ = Mode::requests;

  RequestParser parser_;
  std::string repeatable_bytes_;  // of the request that `repeatable_` stands for
  std::shared_ptr<RequestWork> repeatable_;
  std::string in_;
  std::size_t in_begin_ = 0;  // what has not been parsed yet: [begin, end)
  std::size_t in_end_ = 0;
  std::string writing_;  // given to the wire
  std::size_t written_ = 0;  // of it
  std::size_t writing_stream_bytes_ = 0;  // of it, from the stream's queue
  std::string out_;  // goes next
  bool is_reading_ = false;
  bool is_writing_ = false;
  bool is_busy_ = false;  // a handler works on a request
  bool is_processing_ = false;
  bool is_yielding_ = false;  // the rest of what was read is dealt with after others had a turn
  bool is_gone_ = false;
  bool has_continued_ = false;
  bool has_served_ = false;
  bool is_eof_ = false;  // the other side sends nothing more
  bool is_shut_ = false;  // nor do we

  std::int64_t since_ms_ = 0;  // of what is waited for: idle, header, body
  std::int64_t progress_ms_ = 0;  // the last byte written
  std::int64_t heard_ms_ = 0;  // the last byte read of a stream's client
  std::int64_t spoken_ms_ = 0;  // the last ping or comment
  std::int64_t ending_ms_ = 0;  // when closing began; 0: not

  // of a stream
  const Route* route_ = nullptr;
  std::shared_ptr<StreamQueue> queue_;
  std::shared_ptr<SocketHandle> socket_;
  std::shared_ptr<EventsHandle> events_;
  std::shared_ptr<EventStreamEndpoint> events_endpoint_;
  FrameReader frames_;
  Upgrade upgrade_;
  bool is_admitted_ = false;
  bool is_peer_closed_ = false;  // by a close frame, or by what was none
};

}  // namespace thintail::http
