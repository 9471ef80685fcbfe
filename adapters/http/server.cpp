// SPDX-License-Identifier: Apache-2.0
#include "adapters/http/server.hpp"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <future>
#include <map>
#include <thread>
#include <unordered_map>
#include <utility>

#include "adapters/http/secret_file.hpp"
#include "adapters/http/text.hpp"
#include "adapters/http/workers.hpp"
#include "core/log/log.hpp"
#include "core/thread/affinity.hpp"

namespace thintail::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Socket = asio::generic::stream_protocol::socket;
using Tcp = asio::ip::tcp;
using Local = asio::local::stream_protocol;

constexpr auto kTick = std::chrono::milliseconds(250);
constexpr auto kThreadPatience = std::chrono::seconds(5);  // a thread that ended early answers nobody
// A kill that has reached its core may still wait for a disk: the next one, to another core, does not wait behind it.
constexpr std::size_t kUrgentWorkers = 4;
constexpr auto kAcceptPause = std::chrono::milliseconds(100);

std::int64_t utc_ns() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::int64_t monotonic_ms() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return std::int64_t{now.tv_sec} * 1'000 + now.tv_nsec / 1'000'000;
}

Address address_of(const asio::ip::address& address) {
  Address out;
  if (address.is_v6()) {
    out.bytes = address.to_v6().to_bytes();
  } else {
    const auto bytes = address.to_v4().to_bytes();
    out.bytes[10] = out.bytes[11] = 0xFF;
    std::ranges::copy(bytes, out.bytes.begin() + 12);
  }
  return out;
}

class PlainWire final : public Wire {
 public:
  explicit PlainWire(Socket socket) : socket_(std::move(socket)) {}

  void read_some(const std::shared_ptr<Connection>& owner, char* into, std::size_t size_bytes) override {
    socket_.async_read_some(asio::buffer(into, size_bytes),
                            [owner](const error_code& error, std::size_t count) { owner->on_read(count, !error); });
  }

  void write_some(const std::shared_ptr<Connection>& owner, std::string_view bytes) override {
    socket_.async_write_some(asio::buffer(bytes.data(), bytes.size()),
                             [owner](const error_code& error, std::size_t count) { owner->on_written(count, !error); });
  }

  void shut_down(const std::shared_ptr<Connection>& /*owner*/) override {
    error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
  }

  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  Socket socket_;
};

// The handshake is part of the first read, and so of the time that a first request has.
class TlsWire final : public Wire {
 public:
  TlsWire(Socket socket, asio::ssl::context& context) : stream_(std::move(socket), context) {}

  void read_some(const std::shared_ptr<Connection>& owner, char* into, std::size_t size_bytes) override {
    if (!is_shaken_) {
      stream_.async_handshake(asio::ssl::stream_base::server, [this, owner, into, size_bytes](const error_code& error) {
        if (error) {
          owner->on_read(0, false);
          return;
        }
        is_shaken_ = true;
        read_some(owner, into, size_bytes);
      });
      return;
    }
    stream_.async_read_some(asio::buffer(into, size_bytes),
                            [owner](const error_code& error, std::size_t count) { owner->on_read(count, !error); });
  }

  void write_some(const std::shared_ptr<Connection>& owner, std::string_view bytes) override {
    if (!is_shaken_) {
      asio::post(stream_.get_executor(), [owner] { owner->on_written(0, false); });
      return;
    }
    stream_.async_write_some(asio::buffer(bytes.data(), bytes.size()),
                             [owner](const error_code& error, std::size_t count) { owner->on_written(count, !error); });
  }

  // Sends close_notify; the read under way sees the other's.
  void shut_down(const std::shared_ptr<Connection>& owner) override {
    if (is_shaken_) stream_.async_shutdown([owner](const error_code&) {});
  }

  void close() override {
    error_code ignored;
    stream_.next_layer().close(ignored);
  }

 private:
  asio::ssl::stream<Socket> stream_;
  bool is_shaken_ = false;
};

std::unexpected<Error> no_socket(std::string doing, std::string expected, std::string found,
                                 ErrorCode code = ErrorCode::system_call) {
  return fail({.code = code, .doing = std::move(doing), .expected = std::move(expected), .found = std::move(found)});
}

int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                    unsigned int offered_size, void*) {
  static constexpr std::array<unsigned char, 9> kOurs = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* chosen = nullptr;
  const int found = SSL_select_next_proto(&chosen, out_size, kOurs.data(), static_cast<unsigned>(kOurs.size()), offered,
                                          offered_size);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

Result<std::unique_ptr<asio::ssl::context>> tls_context(const TlsFiles& files) {
  TT_TRY(const std::string key, read_secret_file(files.key_path));
  auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
  SSL_CTX* const native = context->native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_cipher_list(native, "ECDHE+AESGCM:ECDHE+CHACHA20");  // of TLS 1.2; 1.3 has only good ones
  SSL_CTX_set_alpn_select_cb(native, choose_protocol, nullptr);
  error_code error;
  context->use_certificate_chain_file(files.certificate_path, error);
  if (error) {
    return fail({.code = ErrorCode::file_unreadable,
                 .doing = "reading the certificate",
                 .file = files.certificate_path,
                 .expected = "a chain in PEM",
                 .found = error.message()});
  }
  context->use_private_key(asio::buffer(key), asio::ssl::context::pem, error);
  if (error || SSL_CTX_check_private_key(native) != 1) {
    return fail({.code = ErrorCode::file_unreadable,
                 .doing = "reading the private key",
                 .file = files.key_path,
                 .expected = "the PEM key of the certificate",
                 .found = error ? error.message() : "a key of another one"});
  }
  return context;
}

// A client needs a descriptor; the usual soft limit of 1,024 is for programs that use select().
void raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 65'536);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

struct Server::State {
  explicit State(ServerOptions server_options) : options(std::move(server_options)) {}

  struct Door {
    const Listener* listener = nullptr;
    Tcp::acceptor acceptor;
    std::uint16_t port = 0;
  };

  ServerOptions options;
  asio::io_context io{1};
  std::unique_ptr<asio::ssl::context> tls;
  std::vector<std::unique_ptr<Door>> doors;
  std::optional<Local::acceptor> local_door;
  asio::steady_timer timer{io};
  std::unique_ptr<Front> front;
  ConnectionContext context;
  std::unordered_map<std::uint64_t, std::shared_ptr<Connection>> connections;
  std::unordered_map<std::string, std::size_t> per_address;
  std::uint64_t next_id = 1;
  std::uint64_t accepted = 0;
  std::uint64_t turned_away = 0;
  std::int64_t date_second = -1;
  std::string date_text;
  std::promise<void> emptied;
  bool has_emptied = false;
  bool is_drained = false;
  std::unique_ptr<Workers> workers;
  std::unique_ptr<Workers> command_workers;
  std::thread thread;

  // --- making ---

  Result<void> open(std::vector<Route> routes, Components components, Assets assets) {
    if (!options.clock) options.clock = utc_ns;
    raise_descriptor_limit();
    workers = std::make_unique<Workers>(options.workers, options.workers_waiting_max);
    command_workers = std::make_unique<Workers>(options.command_workers, options.commands_waiting_max, kUrgentWorkers);
    Front::Threads threads{
        .run_on_worker = [this](std::function<void()> work) { return workers->submit(std::move(work)); },
        .run_on_io = [this](std::function<void()> work) { asio::post(io, std::move(work)); },
        .run_command = [this](std::function<void()> work,
                              bool is_urgent) { return command_workers->submit(std::move(work), is_urgent); }};
    TT_TRY(front, Front::make(options.front, std::move(routes), std::move(components), std::move(assets),
                              std::move(threads), options.clock));
    context.front = front.get();
    context.limits = options.limits;
    context.now_ms = monotonic_ms;
    context.post = [this](std::function<void()> work) { asio::post(io, std::move(work)); };
    context.on_closed = [this](std::uint64_t id) { forget(id); };
    context.date = [this]() -> const std::string& { return date(); };
    if (options.tls) {
      TT_TRY(tls, tls_context(*options.tls));
    }
    for (const Listener& listener : options.listeners) {
      TT_TRY_VOID(open_door(listener));
    }
    if (!options.unix_path.empty()) TT_TRY_VOID(open_local_door());
    return {};
  }

  Result<void> open_door(const Listener& listener) {
    const std::string doing = fmt::format("listening on {}:{}", printable(listener.address), listener.port);
    error_code error;
    const auto address = asio::ip::make_address(listener.address, error);
    if (error) return no_socket(doing, "an IP address", error.message(), ErrorCode::config_bad_value);
    if (!address_of(address).is_loopback()) {
      const bool has_credentials = front->access().has_credentials(front->now_ns());
      if (!tls || !has_credentials) {
        return no_socket(doing, "TLS and at least one credential, or a loopback address",
                         !tls ? (has_credentials ? "no TLS" : "neither") : "no credential", ErrorCode::auth_exposed);
      }
    }
    auto door = std::make_unique<Door>(Door{.listener = &listener, .acceptor = Tcp::acceptor(io), .port = 0});
    const Tcp::endpoint endpoint(address, listener.port);
    door->acceptor.open(endpoint.protocol(), error);
    if (!error) door->acceptor.set_option(Tcp::acceptor::reuse_address(true), error);
    if (!error) door->acceptor.bind(endpoint, error);
    if (!error) door->acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error) return no_socket(doing, "the address for itself", error.message());
    door->port = door->acceptor.local_endpoint().port();
    doors.push_back(std::move(door));
    return {};
  }

  Result<void> open_local_door() {
    const std::string& path = options.unix_path;
    const std::string doing = fmt::format("listening on {}", path);
    if (path.size() >= sizeof(sockaddr_un::sun_path)) {
      return no_socket(doing, "a path of at most 107 bytes", "a longer one", ErrorCode::config_bad_value);
    }
    error_code error;
    {  // A socket that somebody answers is not ours to take; one that nobody does is left from a death.
      Local::socket probe(io);
      probe.connect(Local::endpoint(path), error);
      if (!error) return no_socket(doing, "a path that nobody serves", "a running server");
    }
    struct stat status{};
    if (::lstat(path.c_str(), &status) == 0) {
      if (!S_ISSOCK(status.st_mode)) return no_socket(doing, "nothing or an old socket there", "another file");
      ::unlink(path.c_str());
    }
    local_door.emplace(io);
    error = {};
    local_door->open(Local(), error);
    if (!error) local_door->bind(Local::endpoint(path), error);
    // Before listen(): until then nobody can connect.
    if (!error && ::chmod(path.c_str(), 0600) != 0) error = error_code(errno, boost::system::system_category());
    if (!error) local_door->listen(asio::socket_base::max_listen_connections, error);
    if (error) return no_socket(doing, "a socket there", error.message());
    return {};
  }

  void run() noexcept {
    const auto guarded = [](const auto& work) {
      try {
        work();
        return true;
      } catch (const std::exception& error) {
        log::error("a handler of the server ended by itself: {}", redacted(error.what()));
      } catch (...) {
        log::error("a handler of the server ended by itself");
      }
      return false;
    };
    guarded([this] {
      for (const auto& door : doors) accept(*door);
      if (local_door) accept_local();
      wait_tick();
    });
    // One bad handler must not end the service of everybody: the others are still there.
    while (!guarded([this] { io.run(); })) {
    }
  }

  // What was posted and not run holds responders, which answer when they are dropped: while the front is there.
  void run_what_is_left() {
    try {
      io.restart();
      io.poll();
    } catch (const std::exception& error) {
      log::error("a handler of the server ended by itself: {}", redacted(error.what()));
    }
  }

  // --- connections ---

  void accept(Door& door) {
    door.acceptor.async_accept([this, &door](const error_code& error, Tcp::socket socket) {
      if (error == asio::error::operation_aborted || !door.acceptor.is_open()) return;
      if (error) {  // out of descriptors: waiting is better than spinning
        pause([this, &door] { accept(door); });
        return;
      }
      accept(door);  // first: what throws below costs one client, not the door
      error_code ignored;
      socket.set_option(Tcp::no_delay(true), ignored);
      const auto remote = socket.remote_endpoint(ignored);
      const auto local = socket.local_endpoint(ignored);
      Peer peer{.address = address_of(remote.address()),
                .uid = std::nullopt,
                .local = address_of(local.address()),
                .is_tls = tls != nullptr,
                .is_bearer_only = door.listener->is_bearer_only,
                .tags = &door.listener->tags,
                .remote = address_of(remote.address()).text()};
      admit(Socket(std::move(socket)), std::move(peer));
    });
  }

  void accept_local() {
    local_door->async_accept([this](const error_code& error, Local::socket socket) {
      if (error == asio::error::operation_aborted || !local_door->is_open()) return;
      if (error) {
        pause([this] { accept_local(); });
        return;
      }
      accept_local();
      ucred credentials{};
      socklen_t size = sizeof(credentials);
      Peer peer;
      if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0) {
        peer.uid = credentials.uid;
      }
      admit(Socket(std::move(socket)), std::move(peer));
    });
  }

  void pause(std::function<void()> then) {
    const auto pause_timer = std::make_shared<asio::steady_timer>(io, kAcceptPause);
    pause_timer->async_wait([pause_timer, next = std::move(then)](const error_code& error) {
      if (!error) next();
    });
  }

  void admit(Socket socket, Peer peer) {
    ++accepted;
    const std::string unit = peer.address ? rate_unit(peer.address->text()) : "unix";
    const bool is_proxy = peer.address && is_trusted(*peer.address, options.front.trusted_proxies);
    const auto known = per_address.find(unit);
    const std::size_t count = known == per_address.end() ? 0 : known->second;
    if (connections.size() >= options.connections_max || (!is_proxy && count >= options.connections_per_address_max)) {
      ++turned_away;
      return;  // the socket closes
    }
    const bool is_tls = peer.is_tls;
    std::unique_ptr<Wire> wire;
    if (is_tls) {
      wire = std::make_unique<TlsWire>(std::move(socket), *tls);
    } else {
      wire = std::make_unique<PlainWire>(std::move(socket));
    }
    const std::uint64_t id = next_id++;
    const auto connection = std::make_shared<Connection>(context, std::move(wire), std::move(peer), id);
    connections.emplace(id, connection);
    ++per_address[unit];
    connection->start();
  }

  void forget(std::uint64_t id) {
    const auto found = connections.find(id);
    if (found == connections.end()) return;
    const Peer& peer = found->second->peer();
    const auto count = per_address.find(peer.address ? rate_unit(peer.address->text()) : "unix");
    if (count != per_address.end() && --count->second == 0) per_address.erase(count);
    connections.erase(found);
    tell_empty();
  }

  void tell_empty() {
    if (context.is_draining && connections.empty() && !std::exchange(has_emptied, true)) emptied.set_value();
  }

  std::vector<std::shared_ptr<Connection>> all() const {
    std::vector<std::shared_ptr<Connection>> out;
    out.reserve(connections.size());
    for (const auto& [id, connection] : connections) out.push_back(connection);
    return out;
  }

  void wait_tick() {
    timer.expires_after(kTick);
    timer.async_wait([this](const error_code& error) {
      if (error) return;
      wait_tick();  // first: what throws below is seen to again in the next second
      front->tick();
      for (const auto& connection : all()) connection->tick();
    });
  }

  const std::string& date() {
    const std::int64_t second = utc_ns() / 1'000'000'000;
    if (second != date_second) {
      date_second = second;
      date_text = http_date(second);
    }
    return date_text;
  }

  // --- the end ---

  void drain(std::int64_t milliseconds) {
    if (std::exchange(is_drained, true)) return;
    auto done = emptied.get_future();
    asio::post(io, [this] {
      context.is_draining = true;
      error_code ignored;
      for (const auto& door : doors) door->acceptor.close(ignored);
      if (local_door) local_door->close(ignored);
      for (const auto& connection : all()) connection->drain();
      tell_empty();
    });
    done.wait_for(std::chrono::milliseconds(milliseconds));
    const auto aborted = std::make_shared<std::promise<void>>();
    asio::post(io, [this, aborted] {
      for (const auto& connection : all()) connection->abort();
      aborted->set_value();
    });
    aborted->get_future().wait_for(kThreadPatience);
  }
};

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, std::vector<Route> routes, Components components,
                                              Assets assets) {
  auto state = std::make_unique<State>(std::move(options));
  try {
    TT_TRY_VOID(state->open(std::move(routes), std::move(components), std::move(assets)));
  } catch (const std::exception& error) {
    return fail({.code = ErrorCode::system_call,
                 .doing = "starting the server",
                 .expected = "sockets and threads",
                 .found = error.what()});
  }
  state->thread = std::thread([raw = state.get()] {
    set_thread_name("http");
    raw->run();
  });
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}

Server::~Server() {
  state_->drain(0);
  // Whoever may still answer ends first: replies, also of what is dropped, then find the io context and the front.
  state_->workers->stop();
  state_->command_workers->stop();
  state_->front->stop();
  state_->io.stop();
  state_->thread.join();
  state_->run_what_is_left();
  if (!state_->options.unix_path.empty()) ::unlink(state_->options.unix_path.c_str());
}

std::uint16_t Server::port(std::size_t listener) const noexcept {
  return listener < state_->doors.size() ? state_->doors[listener]->port : std::uint16_t{0};
}

bool Server::is_tls() const noexcept { return state_->tls != nullptr; }

std::string Server::issue_code(Role role) {
  return state_->front->access().codes().issue(role, state_->options.clock());
}

void Server::drain(std::int64_t milliseconds) { state_->drain(milliseconds); }

ServerCounts Server::counts() const {
  const auto counts = std::make_shared<std::promise<ServerCounts>>();
  asio::post(state_->io, [state = state_.get(), counts] {
    counts->set_value({.connections = state->context.counts,
                       .open = state->connections.size(),
                       .accepted = state->accepted,
                       .turned_away = state->turned_away});
  });
  auto told = counts->get_future();
  return told.wait_for(kThreadPatience) == std::future_status::ready ? told.get() : ServerCounts{};
}

const Router& Server::router() const noexcept { return state_->front->router(); }

void Server::post(std::function<void()> work) { asio::post(state_->io, std::move(work)); }

}  // namespace thintail::http
