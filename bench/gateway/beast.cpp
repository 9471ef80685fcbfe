// SPDX-License-Identifier: Apache-2.0
// thintail-bench-beast: what the gateway is measured against: a server of Boost.Beast that does nothing but answer every request
// with the same body, and tells its WebSockets updates of a given size. One thread, no checks, no credentials.
#include <fmt/format.h>
#include <sys/prctl.h>

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <deque>
#include <exception>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "bench/gateway/utc_now.hpp"

namespace thintail::bench {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using boost::system::error_code;
using Tcp = asio::ip::tcp;
using Text = std::shared_ptr<const std::string>;

struct Arguments {
  std::size_t body_bytes = 0;
  std::size_t update_bytes = 330;
  double rate = 0;  // updates a second; 0: a next one as soon as the last one has left
  std::uint64_t skip_every = 0;  // leave one number out of so many: the clients must notice
};

// In the members that our clients look at, the gateway's form.
Text update_text(std::string_view type, std::uint64_t number, std::size_t bytes) {
  std::string text =
      fmt::format(R"({{"type":"{}","topic":"quotes","seq":{},"items":[{{"time_ns":"{}","sequence":"{}","pad":")", type,
                  number, utc_ns(), number);
  if (text.size() + 4 < bytes) text.append(bytes - text.size() - 4, '0');
  return std::make_shared<const std::string>(text + R"("}]})");
}

class Push;

// The WebSockets that are open, and the clock that their updates come by.
class Broadcast {
 public:
  Broadcast(asio::io_context& io, const Arguments& arguments) : timer_(io), arguments_(arguments) {
    if (arguments.rate > 0) wait();
  }
  void join(Push* push) { members_.insert(push); }
  void leave(Push* push) { members_.erase(push); }
  const Arguments& arguments() const noexcept { return arguments_; }
  std::uint64_t number() const noexcept { return number_; }

 private:
  void wait();

  asio::steady_timer timer_;
  Arguments arguments_;
  std::set<Push*> members_;
  std::uint64_t number_ = 0;
};

class Push : public std::enable_shared_from_this<Push> {
 public:
  Push(beast::tcp_stream stream, Broadcast& all) : socket_(std::move(stream)), all_(&all) {}
  ~Push() { all_->leave(this); }

  void open(const http::request<http::empty_body>& request) {
    beast::get_lowest_layer(socket_).expires_never();
    socket_.set_option(websocket::stream_base::decorator(
        [](websocket::response_type& reply) { reply.set(http::field::sec_websocket_protocol, "thintail.v1.json"); }));
    socket_.async_accept(request, [self = shared_from_this()](const error_code& error) {
      if (error) return;
      self->socket_.text(true);
      self->read();
    });
  }
  void send(const Text& text) {
    waiting_.push_back(text);
    if (waiting_.size() == 1) write();
  }

 private:
  // The first message is the subscription.
  void read() {
    socket_.async_read(buffer_, [self = shared_from_this()](const error_code& error, std::size_t) {
      if (error) return;
      self->buffer_.clear();
      if (!std::exchange(self->is_subscribed_, true)) self->begin();
      self->read();
    });
  }
  void begin() {
    number_ = all_->number();
    all_->join(this);
    send(update_text("snapshot", number_, all_->arguments().update_bytes));
  }
  void write() {
    socket_.async_write(
        asio::buffer(*waiting_.front()), [self = shared_from_this()](const error_code& error, std::size_t) {
          if (error) {
            self->all_->leave(self.get());
            return;
          }
          self->waiting_.pop_front();
          if (self->all_->arguments().rate == 0) {
            self->waiting_.push_back(update_text("delta", ++self->number_, self->all_->arguments().update_bytes));
          }
          if (!self->waiting_.empty()) self->write();
        });
  }

  websocket::stream<beast::tcp_stream> socket_;
  beast::flat_buffer buffer_;
  Broadcast* all_;
  std::deque<Text> waiting_;
  std::uint64_t number_ = 0;
  bool is_subscribed_ = false;
};

void Broadcast::wait() {
  timer_.expires_after(std::chrono::nanoseconds(static_cast<std::int64_t>(1e9 / arguments_.rate)));
  timer_.async_wait([this](const error_code& error) {
    if (error) return;
    ++number_;
    if (arguments_.skip_every != 0 && number_ % arguments_.skip_every == 0) ++number_;
    const Text text = update_text("delta", number_, arguments_.update_bytes);
    for (Push* member : members_) member->send(text);
    wait();
  });
}

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Tcp::socket socket, const std::string& body, Broadcast& all)
      : stream_(std::move(socket)), body_(&body), all_(&all) {}

  void read() {
    request_ = {};
    http::async_read(stream_, buffer_, request_, [self = shared_from_this()](const error_code& error, std::size_t) {
      if (error) return;
      if (websocket::is_upgrade(self->request_)) {
        std::make_shared<Push>(std::move(self->stream_), *self->all_)->open(self->request_);
        return;
      }
      self->answer();
    });
  }

 private:
  void answer() {
    reply_ = {http::status::ok, request_.version()};
    reply_.set(http::field::content_type, "application/json");
    reply_.keep_alive(request_.keep_alive());
    reply_.body() = *body_;
    reply_.prepare_payload();
    http::async_write(stream_, reply_, [self = shared_from_this()](const error_code& error, std::size_t) {
      if (!error && self->reply_.keep_alive()) self->read();
    });
  }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  http::request<http::empty_body> request_;
  http::response<http::string_body> reply_;
  const std::string* body_;
  Broadcast* all_;
};

void accept(Tcp::acceptor& door, const std::string& body, Broadcast& all) {
  door.async_accept([&](const error_code& error, Tcp::socket socket) {
    if (!error) {
      error_code ignored;
      socket.set_option(Tcp::no_delay(true), ignored);
      std::make_shared<Session>(std::move(socket), body, all)->read();
    }
    accept(door, body, all);
  });
}

int run_main(int argc, char** argv) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  CLI::App app("An empty server, for comparison", "thintail-bench-beast");
  Arguments arguments;
  app.add_option("--body", arguments.body_bytes, "Bytes of each reply's body");
  app.add_option("--update", arguments.update_bytes, "Bytes of each update");
  app.add_option("--rate", arguments.rate, "Updates a second; 0: as fast as they are taken");
  app.add_option("--skip-every", arguments.skip_every, "Leave out one update of so many, for tests");
  CLI11_PARSE(app, argc, argv);
  asio::io_context io(1);
  Broadcast all(io, arguments);
  const std::string body(arguments.body_bytes, 'x');
  Tcp::acceptor door(io, Tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  fmt::print("port {}\n", door.local_endpoint().port());
  std::fflush(stdout);
  accept(door, body, all);
  io.run();
  return 0;
}

}  // namespace
}  // namespace thintail::bench

int main(int argc, char** argv) {
  try {
    return thintail::bench::run_main(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "thintail-bench-beast: {}\n", error.what());
  }
  return 1;
}
