// SPDX-License-Identifier: Apache-2.0
#include "adapters/http/connection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>

#include "adapters/http/schema.hpp"
#include "adapters/http/text.hpp"
#include "core/log/log.hpp"

namespace thintail::http {
namespace {

constexpr std::size_t kReadBytes = 8 * 1024;
constexpr std::size_t kRepeatableBytesMax = 2 * 1024;
// Of one client in a turn: the others wait behind it.
constexpr std::size_t kRequestsATurn = 16;
constexpr std::size_t kStreamWriteBytes = 64 * 1024;
constexpr std::int64_t kDrainingLingerMs = 500;  // a stop does not wait for clients that keep their end open
constexpr std::uint16_t kUnauthorised = 4401;
constexpr std::uint16_t kRestarting = 1012;
constexpr std::uint16_t kTooSlow = 1013;

// An endpoint's bug ends its connection, not the server.
template <class Call>
bool guarded(const Call& call) {
  try {
    call();
    return true;
  } catch (const std::exception& error) {
    log::error("a stream's endpoint ended by itself: {}", redacted(error.what()));
    return false;
  }
}

}  // namespace

// What endpoints hold: lives on after the connection, and then says `closed`.
class Connection::SocketHandle final : public WebSocketConnection {
 public:
  SocketHandle(std::uint64_t id, const Upgrade& upgrade, Principal principal, std::shared_ptr<StreamQueue> queue)
      : id_(id),
        protocol_(upgrade.protocol),
        remote_(upgrade.remote),
        principal_(std::move(principal)),
        queue_(std::move(queue)) {}

  Sent send(std::shared_ptr<const std::string> text) override {
    std::string head = frame_head(FrameKind::text, text->size());  // before `text` is moved from
    return queue_->send(std::move(head), std::move(text));
  }
  Sent send(std::string_view head, std::shared_ptr<const std::string> rest, std::size_t keep_free_bytes) override {
    std::string front = frame_head(FrameKind::text, head.size() + rest->size());
    front += head;
    return queue_->send(std::move(front), std::move(rest), keep_free_bytes);
  }
  Sent send_binary(std::shared_ptr<const std::string> bytes) override {
    std::string head = frame_head(FrameKind::binary, bytes->size());
    return queue_->send(std::move(head), std::move(bytes));
  }
  void close(std::uint16_t code, std::string_view reason) override {
    queue_->end(close_frame(code, reason), code == kTooSlow);
  }
  std::size_t queued_bytes() const noexcept override { return queue_->queued_bytes(); }
  std::size_t queued_bytes_max() const noexcept override { return queue_->bytes_max(); }
  std::uint64_t id() const noexcept override { return id_; }
  const Principal& principal() const noexcept override { return principal_; }
  const std::string& remote() const noexcept override { return remote_; }
  const std::string& protocol() const noexcept override { return protocol_; }

 private:
  const std::uint64_t id_;
  const std::string protocol_;
  const std::string remote_;
  const Principal principal_;
  const std::shared_ptr<StreamQueue> queue_;
};

class Connection::EventsHandle final : public EventStream {
 public:
  EventsHandle(std::uint64_t id, const Request& request, std::shared_ptr<StreamQueue> queue)
      : id_(id), remote_(request.remote), principal_(request.principal), queue_(std::move(queue)) {}

  Sent send(std::shared_ptr<const std::string> block) override { return queue_->send({}, std::move(block)); }
  void close() override { queue_->end({}, false); }
  std::size_t queued_bytes() const noexcept override { return queue_->queued_bytes(); }
  std::size_t queued_bytes_max() const noexcept override { return queue_->bytes_max(); }
  std::uint64_t id() const noexcept override { return id_; }
  const Principal& principal() const noexcept override { return principal_; }
  const std::string& remote() const noexcept override { return remote_; }

 private:
  const std::uint64_t id_;
  const std::string remote_;
  const Principal principal_;
  const std::shared_ptr<StreamQueue> queue_;
};

Connection::Connection(ConnectionContext& context, std::unique_ptr<Wire> wire, Peer peer, std::uint64_t id)
    : context_(context),
      wire_(std::move(wire)),
      peer_(std::move(peer)),
      id_(id),
      parser_(context.limits.request,
              [&context](std::string_view target) { return context.front->body_bytes_max(target); }),
      frames_(context.limits.message_bytes_max) {}

Connection::~Connection() {
  if (queue_) queue_->close();
}

void Connection::start() {
  since_ms_ = context_.now_ms();
  read();
}

bool Connection::is_idle() const noexcept {
  return mode_ == Mode::requests && !is_busy_ && !is_yielding_ && !is_writing_ && out_.empty() && !parser_.has_begun();
}

// --- bytes in --------------------------------------------------------------------------------------------------------

void Connection::read() {
  if (is_reading_ || is_gone_ || is_eof_) return;
  if (mode_ == Mode::requests && (is_busy_ || is_yielding_ || out_.size() > context_.limits.waiting_bytes_max)) return;
  is_reading_ = true;
  // What is left of the last bytes moves to the front, so that the parser sees a request in one piece.
  if (in_begin_ > 0) std::memmove(in_.data(), in_.data() + in_begin_, in_end_ - in_begin_);
  in_end_ -= in_begin_;
  in_begin_ = 0;
  if (in_.size() < in_end_ + kReadBytes) in_.resize(in_end_ + kReadBytes);
  wire_->read_some(shared_from_this(), in_.data() + in_end_, kReadBytes);
}

void Connection::on_read(std::size_t count, bool is_ok) {
  is_reading_ = false;
  if (is_gone_) return;
  if (!is_ok) {
    // A half-closed client may still wait for replies that are on their way.
    is_eof_ = true;
    const bool is_owed = (mode_ == Mode::requests || mode_ == Mode::closing) &&
                         (is_busy_ || is_yielding_ || is_writing_ || !out_.empty());
    if (!is_owed) closed();
    return;
  }
  context_.counts.bytes_in += count;
  in_end_ += count;
  heard_ms_ = context_.now_ms();
  switch (mode_) {
    case Mode::requests: process(); break;
    case Mode::websocket: process_frames(); break;
    case Mode::events: forget_input(); break;  // an event stream's client has nothing to say
    case Mode::closing: forget_input(); break;  // until its end, so that our last words are not lost to a reset
  }
  flush();
  read();
}

void Connection::process() {
  if (is_processing_ || is_yielding_) return;
  is_processing_ = true;
  std::size_t requests = 0;
  while (mode_ == Mode::requests && !is_busy_ && in_end_ > in_begin_ &&
         out_.size() <= context_.limits.waiting_bytes_max) {
    if (requests++ == kRequestsATurn) {
      yield();
      break;
    }
    if (repeat()) continue;
    const bool had_begun = parser_.has_begun();
    const std::string_view bytes = input();
    const RequestParser::Fed fed = parser_.feed(bytes);
    in_begin_ += fed.consumed;
    if (!had_begun) since_ms_ = context_.now_ms();
    if (fed.status == RequestParser::Status::failed) {
      refuse(parser_.error_code(), parser_.error_detail(), parser_.error_status());
      break;
    }
    if (fed.status == RequestParser::Status::need_more) {
      if (parser_.wants_continue() && !std::exchange(has_continued_, true)) out_ += "HTTP/1.1 100 Continue\r\n\r\n";
      break;
    }
    has_continued_ = false;
    RawRequest request = parser_.take();
    const bool is_head = request.method == Method::head;
    const bool is_keep_alive = parser_.is_keep_alive();
    // Kept before it is answered, for the answer says whether it may be repeated.
    const bool is_whole = !had_begun && is_keep_alive && !is_head && fed.consumed <= kRepeatableBytesMax;
    repeatable_.reset();
    repeatable_bytes_.assign(is_whole ? bytes.substr(0, fed.consumed) : std::string_view());
    is_busy_ = true;
    ++context_.counts.requests;
    context_.front->handle(std::move(request), peer_,
                           [self = shared_from_this(), is_head, is_keep_alive](Outcome outcome) {
                             self->on_outcome(std::move(outcome), is_head, is_keep_alive);
                           });
  }
  is_processing_ = false;
}

void Connection::yield() {
  is_yielding_ = true;
  context_.post([self = shared_from_this()] {
    self->is_yielding_ = false;
    if (self->is_gone_) return;
    self->process();
    self->flush();
    self->read();
  });
}

// A request of no body that is byte for byte the one before it needs neither parsing nor proof again.
bool Connection::repeat() {
  if (!repeatable_ || parser_.has_begun() || !input().starts_with(repeatable_bytes_)) return false;
  auto outcome = context_.front->repeat(repeatable_);
  if (!outcome) {
    repeatable_.reset();
    return false;
  }
  in_begin_ += repeatable_bytes_.size();
  ++context_.counts.requests;
  on_outcome(*std::move(outcome), false, true);
  return true;
}

void Connection::on_outcome(Outcome outcome, bool is_head, bool is_keep_alive) {
  is_busy_ = false;
  has_served_ = true;
  if (is_gone_) return;
  since_ms_ = context_.now_ms();
  if (outcome.response.status >= 400) ++context_.counts.refused;
  const bool is_last = is_eof_ && in_begin_ == in_end_;
  const bool goes_on = is_keep_alive && !context_.is_draining && !is_last && !outcome.response.events;
  append_response(out_, outcome.response,
                  {.is_head = is_head,
                   .is_keep_alive = goes_on,
                   .is_stream = outcome.response.events != nullptr,
                   .fixed_lines = outcome.fixed_headers == nullptr ? std::string_view() : *outcome.fixed_headers,
                   .date = context_.date()});
  if (outcome.repeatable && !repeatable_bytes_.empty()) repeatable_ = std::move(outcome.repeatable);
  if (outcome.upgrade) {
    open_websocket(*outcome.upgrade);
  } else if (outcome.response.events && !is_head) {
    open_events(outcome);
  } else if (!goes_on) {
    finish_after_writing();
  }
  if (is_processing_) return;  // process() goes on by itself
  process();
  flush();
  read();
}

void Connection::refuse(ErrorCode code, const std::string& detail, int status) {
  const Outcome outcome = context_.front->refuse(code, detail, status, peer_.is_tls);
  ++context_.counts.refused;
  append_response(out_, outcome.response,
                  {.is_keep_alive = false, .fixed_lines = *outcome.fixed_headers, .date = context_.date()});
  finish_after_writing();
}

// --- bytes out -------------------------------------------------------------------------------------------------------

void Connection::flush() {
  if (is_writing_ || is_gone_) return;
  writing_stream_bytes_ = 0;
  if (queue_ && out_.size() < kStreamWriteBytes) {
    const std::size_t before = out_.size();
    queue_->take(out_, kStreamWriteBytes);
    writing_stream_bytes_ = out_.size() - before;
  }
  if (out_.empty()) {
    const bool is_stream_over = queue_ && queue_->is_drained();
    const bool is_done = mode_ == Mode::closing || (is_eof_ && !is_busy_ && !is_yielding_) ||
                         (is_stream_over && (mode_ == Mode::events || is_peer_closed_));
    if (is_done && !std::exchange(is_shut_, true)) {
      mode_ = Mode::closing;
      forget_input();
      ending_ms_ = context_.now_ms();
      leave();
      // Only our side ends: closing with bytes of theirs unread would reset what they have not read of ours.
      wire_->shut_down(shared_from_this());
      if (is_eof_) closed();
    }
    return;
  }
  writing_.swap(out_);
  out_.clear();
  // Of two buffers a stream's client keeps one: there are thousands of them.
  if (queue_ && out_.capacity() > kReadBytes) out_ = {};
  written_ = 0;
  is_writing_ = true;
  progress_ms_ = context_.now_ms();
  wire_->write_some(shared_from_this(), writing_);
}

void Connection::on_written(std::size_t count, bool is_ok) {
  if (is_gone_) return;
  if (!is_ok) {
    is_writing_ = false;
    closed();
    return;
  }
  context_.counts.bytes_out += count;
  written_ += count;
  progress_ms_ = context_.now_ms();
  if (written_ < writing_.size()) {
    wire_->write_some(shared_from_this(), std::string_view(writing_).substr(written_));
    return;
  }
  is_writing_ = false;
  // One large reply must not stay in memory for as long as the client does.
  if (writing_.capacity() > 4 * kStreamWriteBytes) writing_ = {};
  writing_.clear();
  if (queue_ && queue_->written(writing_stream_bytes_) && is_admitted_) {
    ++context_.counts.streams_slow;
    guarded([&] {
      if (socket_) upgrade_.endpoint->on_drained(socket_);
      if (events_) events_endpoint_->on_drained(events_);
    });
  }
  process();
  flush();
  read();
}

void Connection::finish_after_writing() {
  mode_ = Mode::closing;
  forget_input();
}

std::string_view Connection::input() const noexcept {
  return std::string_view(in_).substr(in_begin_, in_end_ - in_begin_);
}

void Connection::forget_input() noexcept { in_begin_ = in_end_ = 0; }

void Connection::forget_repeatable() noexcept {
  repeatable_.reset();
  repeatable_bytes_ = {};
}

void Connection::closed() {
  if (std::exchange(is_gone_, true)) return;
  const auto self = shared_from_this();  // the server may drop its last hold on us
  wire_->close();
  if (queue_) queue_->close();
  leave();
  context_.on_closed(id_);
}

// The endpoint is told once, when its stream is over: the socket may stay for a while.
void Connection::leave() {
  if (std::exchange(is_admitted_, false)) {
    guarded([&] {
      if (socket_) upgrade_.endpoint->on_close(socket_);
      if (events_) events_endpoint_->on_close(events_);
    });
  }
  socket_.reset();
  events_.reset();
}

void Connection::abort() { closed(); }

// --- streams ---------------------------------------------------------------------------------------------------------

std::function<void()> Connection::waker() {
  // The queue lives on in the endpoint's hands; the server's io thread does not.
  return [weak = weak_from_this(), post = context_.post] {
    post([weak] {
      if (const auto self = weak.lock()) self->flush();
    });
  };
}

void Connection::open_websocket(const Upgrade& upgrade) {
  mode_ = Mode::websocket;
  forget_repeatable();
  upgrade_ = upgrade;
  route_ = upgrade.route;
  heard_ms_ = spoken_ms_ = since_ms_ = context_.now_ms();
  queue_ = std::make_shared<StreamQueue>(context_.limits.stream_bytes_max, waker());
  ++context_.counts.streams_opened;
  if (upgrade.principal.how != Proof::none) admit(upgrade.principal);
  process_frames();
}

void Connection::open_events(Outcome& outcome) {
  mode_ = Mode::events;
  forget_repeatable();
  heard_ms_ = spoken_ms_ = context_.now_ms();
  forget_input();
  queue_ = std::make_shared<StreamQueue>(context_.limits.stream_bytes_max, waker());
  ++context_.counts.streams_opened;
  events_endpoint_ = outcome.response.events;
  upgrade_.principal = outcome.request->principal;
  events_ = std::make_shared<EventsHandle>(id_, *outcome.request, queue_);
  is_admitted_ = true;
  if (!guarded([&] { events_endpoint_->on_open(events_, *outcome.request); })) events_->close();
}

void Connection::admit(Principal principal) {
  upgrade_.principal = principal;
  socket_ = std::make_shared<SocketHandle>(id_, upgrade_, std::move(principal), queue_);
  is_admitted_ = true;
  if (!guarded([&] { upgrade_.endpoint->on_open(socket_); })) end_websocket(1011, "a bug of ours", false);
}

void Connection::process_frames() {
  std::string_view bytes = input();
  while (!bytes.empty() && mode_ == Mode::websocket && !is_peer_closed_) {
    FrameEvent event = frames_.next(bytes);
    if (event.kind == FrameKind::none) break;
    on_frame(std::move(event));
  }
  in_begin_ = in_end_ - bytes.size();
  if (is_peer_closed_) forget_input();
}

void Connection::on_frame(FrameEvent event) {
  switch (event.kind) {
    case FrameKind::ping:
      // A flood of pings from a client that reads nothing must not pile up answers.
      if (out_.size() < kStreamWriteBytes) {
        out_ += frame_head(FrameKind::pong, event.payload.size());
        out_ += event.payload;
      }
      return;
    case FrameKind::pong: return;
    case FrameKind::close:
      is_peer_closed_ = true;
      end_websocket(event.code == 1005 ? std::uint16_t{1000} : event.code, "", false);
      return;
    case FrameKind::failed:
      is_peer_closed_ = true;  // what follows cannot be understood any more
      end_websocket(event.code, event.problem, false);
      return;
    case FrameKind::binary: end_websocket(1003, "texts only", false); return;
    case FrameKind::text:
      if (queue_->is_ended()) return;
      if (!is_admitted_) {
        on_first_message(event.payload);
      } else if (!guarded([&] { upgrade_.endpoint->on_text(socket_, event.payload); })) {
        end_websocket(1011, "a bug of ours", false);
      }
      return;
    case FrameKind::none: return;
  }
}

void Connection::on_first_message(std::string_view text) {
  const auto message = parse_json(text);
  const bool is_auth = message && message->is_object() && message->value("type", nlohmann::json()) == "auth" &&
                       message->value("token", nlohmann::json()).is_string();
  auto principal =
      is_auth ? context_.front->authenticate_first_message((*message)["token"].get<std::string>(), upgrade_.remote)
              : std::nullopt;
  if (!principal || principal->role < route_->role) {
    end_websocket(kUnauthorised, is_auth ? "these credentials do not open this" : "the first message must be auth",
                  false);
    return;
  }
  admit(std::move(*principal));
}

void Connection::end_websocket(std::uint16_t code, std::string_view reason, bool drops_waiting) {
  queue_->end(close_frame(code, reason), drops_waiting);
  if (ending_ms_ == 0) ending_ms_ = context_.now_ms();
}

// --- time ------------------------------------------------------------------------------------------------------------

void Connection::tick() {
  if (is_gone_) return;
  const std::int64_t now = context_.now_ms();
  const ConnectionLimits& limits = context_.limits;
  if (is_writing_ && now - progress_ms_ > limits.write_ms) {
    ++context_.counts.timeouts;
    closed();
    return;
  }
  if (queue_ && queue_->is_ended() && ending_ms_ == 0) ending_ms_ = now;
  const std::int64_t linger_ms = context_.is_draining ? std::min(limits.close_ms, kDrainingLingerMs) : limits.close_ms;
  if (ending_ms_ != 0 && now - ending_ms_ > linger_ms) {
    closed();
    return;
  }
  if (mode_ == Mode::websocket || mode_ == Mode::events) {
    tick_stream(now);
    flush();
    return;
  }
  if (mode_ != Mode::requests || is_busy_ || is_writing_) return;
  const bool has_begun = parser_.has_begun();
  const std::int64_t allowed = !has_begun                 ? (has_served_ ? limits.idle_ms : limits.header_ms)
                               : parser_.is_header_done() ? limits.header_ms + limits.body_ms
                                                          : limits.header_ms;
  if (now - since_ms_ <= allowed) return;
  ++context_.counts.timeouts;
  if (!has_begun) {
    closed();
    return;
  }
  refuse(ErrorCode::http_timeout, fmt::format("a request has {} ms", allowed), 408);
  flush();
}

void Connection::tick_stream(std::int64_t now) {
  const ConnectionLimits& limits = context_.limits;
  if (queue_->is_ended()) return;
  if (mode_ == Mode::events) {
    if (!context_.front->is_still_valid(upgrade_.principal)) {
      events_->close();
    } else if (now - spoken_ms_ > limits.comment_ms) {
      spoken_ms_ = now;
      if (out_.size() < kStreamWriteBytes) out_ += ":\n\n";
    }
    return;
  }
  if (!is_admitted_) {
    if (now - since_ms_ > limits.first_message_ms)
      end_websocket(kUnauthorised, "the first message must be auth", false);
  } else if (!context_.front->is_still_valid(upgrade_.principal)) {
    end_websocket(kUnauthorised, "the credentials are not valid any more", true);
  } else if (now - heard_ms_ > limits.silent_ms) {
    ++context_.counts.timeouts;
    closed();
  } else if (now - spoken_ms_ > limits.ping_ms) {
    spoken_ms_ = now;
    if (out_.size() < kStreamWriteBytes) out_ += frame_head(FrameKind::ping, 0);
  }
}

void Connection::drain() {
  if (is_gone_) return;
  if (mode_ == Mode::websocket) {
    end_websocket(kRestarting, "the gateway is stopping", true);
  } else if (mode_ == Mode::events) {
    events_->close();
  } else if (is_idle()) {
    closed();
  }
  flush();
}

}  // namespace thintail::http
