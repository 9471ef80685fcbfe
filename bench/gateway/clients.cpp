// SPDX-License-Identifier: Apache-2.0
// thintail-bench-clients: the other side of the gateway's benchmarks, so that no client's time is the server's: WebSockets that count
// every update, some that never read, or requests at a fixed rate. It looks at no more of a message than it must.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "bench/gateway/clients_page.hpp"
#include "bench/gateway/utc_now.hpp"

namespace thintail::bench {
namespace {

constexpr std::size_t kReadBytes = 256 * 1024;
constexpr int kStalledReceiveBytes = 4'096;
constexpr std::int64_t kPatienceNs = 20'000'000'000;

struct Arguments {
  std::string page;
  std::uint16_t port = 0;
  unsigned clients = 1;
  unsigned stalled = 0;
  std::string path = "/";
  std::string token;
  std::string subscribe;  // the message
  double rate = 0;  // requests a second
  std::uint64_t requests = 0;
};

std::unexpected<Error> no_socket(std::string doing) {
  return fail({.code = ErrorCode::system_call, .doing = std::move(doing), .found = errno_text(errno)});
}

Result<int> connect_to(std::uint16_t port, int receive_bytes) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int one = 1;
  if (fd < 0) return no_socket("making a socket");
  // Before connect(), which says how large the window may become.
  if (receive_bytes != 0) ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return no_socket(fmt::format("connecting to port {}", port));
  }
  return fd;
}

Result<void> send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return no_socket("sending to the server");
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

std::string authorization(const Arguments& arguments) {
  return arguments.token.empty() ? std::string() : fmt::format("Authorization: Bearer {}\r\n", arguments.token);
}

// --- WebSockets ------------------------------------------------------------------------------------------------------------

// RFC 6455: a client's frames are masked; ours with zeroes.
std::string text_frame(std::string_view text) {
  std::string frame = "\x81";
  if (text.size() < 126) {
    frame += static_cast<char>(0x80 | text.size());
  } else {
    frame += static_cast<char>(0x80 | 126);
    frame += static_cast<char>(text.size() >> 8);
    frame += static_cast<char>(text.size() & 0xFF);
  }
  return frame.append(4, '\0').append(text);
}

// A connected and subscribed socket; what came behind the handshake is in `rest`.
Result<int> open_websocket(const Arguments& arguments, int receive_bytes, std::string& rest) {
  TT_TRY(const int fd, connect_to(arguments.port, receive_bytes));
  TT_TRY_VOID(
      send_all(fd, fmt::format("GET {} HTTP/1.1\r\nHost: localhost:{}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                               "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                               "Sec-WebSocket-Protocol: thintail.v1.json\r\n{}\r\n",
                               arguments.path, arguments.port, authorization(arguments))));
  rest.clear();
  std::size_t end = std::string::npos;
  while ((end = rest.find("\r\n\r\n")) == std::string::npos) {
    char block[4'096];
    const ssize_t count = ::recv(fd, block, sizeof block, 0);
    if (count <= 0) return no_socket("reading the handshake's reply");
    rest.append(block, static_cast<std::size_t>(count));
  }
  if (!rest.starts_with("HTTP/1.1 101")) {
    return fail({.code = ErrorCode::child_failed,
                 .doing = "opening a WebSocket",
                 .expected = "101 Switching Protocols",
                 .found = printable(rest, 200)});
  }
  rest.erase(0, end + 4);
  if (!arguments.subscribe.empty()) TT_TRY_VOID(send_all(fd, text_frame(arguments.subscribe)));
  return fd;
}

std::size_t find_from(std::string_view text, std::size_t from, std::string_view what) noexcept {
  const void* found = ::memmem(text.data() + from, text.size() - from, what.data(), what.size());
  return found == nullptr ? std::string_view::npos
                          : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

std::uint64_t number_at(std::string_view text, std::size_t at) noexcept {
  std::uint64_t number = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    number = number * 10 + static_cast<std::uint64_t>(text[at] - '0');
  }
  return number;
}

class WebSocketClient {
 public:
  WebSocketClient(int fd, std::string rest, ClientRow& row, ClientsPage& page)
      : fd_(fd), in_(std::move(rest)), row_(&row), page_(&page) {}

  int fd() const noexcept { return fd_; }

  // False: the server has ended the connection.
  bool read(std::string& block) {
    const ssize_t count = ::recv(fd_, block.data(), block.size(), MSG_DONTWAIT);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    if (count == 0) return false;
    now_ns_ = utc_ns();
    const std::string_view fresh(block.data(), static_cast<std::size_t>(count));
    if (in_.empty()) {
      in_.assign(fresh.substr(take_frames(fresh)));
    } else {
      in_.append(fresh);
      in_.erase(0, take_frames(in_));
    }
    return true;
  }

 private:
  // Takes whole frames off the front and returns how many bytes they were.
  std::size_t take_frames(std::string_view bytes) {
    std::size_t used = 0;
    while (bytes.size() - used >= 2) {
      const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(bytes[used + at]); };
      std::size_t head = 2;
      std::size_t size = byte(1) & 0x7F;
      if (size >= 126) {
        const std::size_t more = size == 126 ? 2 : 8;
        head += more;
        if (bytes.size() - used < head) break;
        size = 0;
        for (std::size_t i = 0; i < more; ++i) size = size << 8 | byte(2 + i);
      }
      if (bytes.size() - used - head < size) break;
      if ((byte(0) & 0x0F) == 1) take_text(bytes.substr(used + head, size));
      used += head + size;
    }
    return used;
  }

  void take_text(std::string_view text) {
    const bool is_delta = text.starts_with(R"({"type":"delta")");
    const bool is_snapshot = text.starts_with(R"({"type":"snapshot")");
    if (text.starts_with(R"({"type":"heartbeat")")) row_->heartbeats.add(1);
    if (!is_delta && !is_snapshot) return;
    const std::size_t at = find_from(text, 0, R"("seq":)");
    const std::uint64_t seq = at == std::string_view::npos ? 0 : number_at(text, at + 6);
    if (is_delta) {
      row_->frames.add(1);
      if (seq != seq_ + 1) row_->breaks.add(1);
    } else {
      row_->snapshots.add(1);
    }
    seq_ = seq;
    take_items(text, is_delta);
  }

  void take_items(std::string_view text, bool is_delta) {
    constexpr std::string_view kTime = R"("time_ns":")";
    constexpr std::string_view kSequence = R"("sequence":")";
    const bool is_measuring = is_delta && page_->is_measuring.value() != 0;
    std::uint64_t updates = 0;
    std::uint64_t missed = 0;
    std::uint64_t last = row_->last.value();
    for (std::size_t at = 0; (at = find_from(text, at, kTime)) != std::string_view::npos;) {
      const auto time_ns = static_cast<std::int64_t>(number_at(text, at + kTime.size()));
      at = find_from(text, at, kSequence);
      if (at == std::string_view::npos) break;
      const std::uint64_t sequence = number_at(text, at + kSequence.size());
      if (!is_delta) {
        last = std::max(last, sequence);
        continue;
      }
      if (sequence != last + 1) missed += sequence > last ? sequence - last - 1 : 1;
      last = std::max(last, sequence);  // merged items come by instrument, not by sequence
      ++updates;
      if (is_measuring) page_->add_sample(static_cast<double>(now_ns_ - time_ns) / 1e3);
    }
    row_->missed.add(missed);
    row_->updates.add(updates);
    row_->last.set(last);
  }

  int fd_;
  std::string in_;
  ClientRow* row_;
  ClientsPage* page_;
  std::uint64_t seq_ = 0;
  std::int64_t now_ns_ = 0;
};

// Until the benchmark asks for the end.
Result<void> run_websockets(const Arguments& arguments, ClientsPage& page) {
  const int poll = ::epoll_create1(EPOLL_CLOEXEC);
  if (poll < 0) return no_socket("making an epoll");
  std::vector<std::unique_ptr<WebSocketClient>> clients;
  std::string rest;
  for (unsigned i = 0; i < arguments.clients; ++i) {
    TT_TRY(const int fd, open_websocket(arguments, 0, rest));
    clients.push_back(std::make_unique<WebSocketClient>(fd, std::exchange(rest, {}), page.rows[i], page));
    epoll_event event{.events = EPOLLIN, .data = {.ptr = clients.back().get()}};
    if (::epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) != 0) return no_socket("watching a socket");
    page.connected.add(1);
  }
  for (unsigned i = 0; i < arguments.stalled; ++i) {
    TT_TRY_VOID(open_websocket(arguments, kStalledReceiveBytes, rest));  // kept open until this process ends
    page.stalled.add(1);
  }
  std::string block(kReadBytes, '\0');
  std::vector<epoll_event> events(256);
  for (;;) {
    const int ready = ::epoll_wait(poll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < ready; ++i) {
      auto* client = static_cast<WebSocketClient*>(events[static_cast<std::size_t>(i)].data.ptr);
      if (client->read(block)) continue;
      ::epoll_ctl(poll, EPOLL_CTL_DEL, client->fd(), nullptr);
      page.ended.add(1);
    }
  }
}

// --- requests at a fixed rate ------------------------------------------------------------------------------------------------

struct Caller {
  int fd = -1;
  std::int64_t intended_ns = 0;  // 0: free
  std::string in;
};

// Whole where its length says so; its size then, and whether it was a 200.
std::optional<std::pair<std::size_t, bool>> whole_reply(std::string_view in) noexcept {
  const std::size_t head = find_from(in, 0, "\r\n\r\n");
  if (head == std::string_view::npos) return std::nullopt;
  constexpr std::string_view kLength = "Content-Length: ";
  const std::size_t at = find_from(in.substr(0, head), 0, kLength);
  const std::size_t size = head + 4 + (at == std::string_view::npos ? 0 : number_at(in, at + kLength.size()));
  if (in.size() < size) return std::nullopt;
  return std::pair{size, in.starts_with("HTTP/1.1 200 ")};
}

// An open loop: a request is due when it is due, whatever became of those before it, and its time runs from then on.
Result<void> run_requests(const Arguments& arguments, ClientsPage& page) {
  const int poll = ::epoll_create1(EPOLL_CLOEXEC);
  if (poll < 0) return no_socket("making an epoll");
  const std::string request = fmt::format("GET {} HTTP/1.1\r\nHost: localhost:{}\r\n{}\r\n", arguments.path,
                                          arguments.port, authorization(arguments));
  std::vector<Caller> callers(arguments.clients);
  for (Caller& caller : callers) {
    TT_TRY(caller.fd, connect_to(arguments.port, 0));
    epoll_event event{.events = EPOLLIN, .data = {.ptr = &caller}};
    if (::epoll_ctl(poll, EPOLL_CTL_ADD, caller.fd, &event) != 0) return no_socket("watching a socket");
    page.connected.add(1);
  }
  std::vector<Caller*> free;
  for (Caller& caller : callers) free.push_back(&caller);
  const double period_ns = 1e9 / arguments.rate;
  const std::int64_t begin_ns = utc_ns();
  std::uint64_t issued = 0;
  std::string block(kReadBytes, '\0');
  std::vector<epoll_event> events(64);
  while (page.replies.value() < arguments.requests) {
    const std::int64_t now_ns = utc_ns();
    const auto due_ns = [&] { return begin_ns + static_cast<std::int64_t>(static_cast<double>(issued) * period_ns); };
    while (issued < arguments.requests && !free.empty() && due_ns() <= now_ns) {
      free.back()->intended_ns = due_ns();
      TT_TRY_VOID(send_all(free.back()->fd, request));
      free.pop_back();
      ++issued;
    }
    if (now_ns - begin_ns >
        kPatienceNs + static_cast<std::int64_t>(static_cast<double>(arguments.requests) * period_ns))
      break;
    std::int64_t wait_ns = 100'000'000;
    if (issued < arguments.requests && !free.empty()) wait_ns = std::clamp<std::int64_t>(due_ns() - now_ns, 0, wait_ns);
    const timespec wait{.tv_sec = 0, .tv_nsec = wait_ns};
    const int ready = ::epoll_pwait2(poll, events.data(), static_cast<int>(events.size()), &wait, nullptr);
    for (int i = 0; i < ready; ++i) {
      auto* caller = static_cast<Caller*>(events[static_cast<std::size_t>(i)].data.ptr);
      const ssize_t count = ::recv(caller->fd, block.data(), block.size(), MSG_DONTWAIT);
      if (count == 0) return no_socket("reading a reply from a server that hung up");
      if (count < 0) continue;
      caller->in.append(block.data(), static_cast<std::size_t>(count));
      const auto reply = whole_reply(caller->in);
      if (!reply) continue;
      page.add_sample(static_cast<double>(utc_ns() - caller->intended_ns) / 1e3);
      page.replies.add(1);
      if (reply->second) page.good_replies.add(1);
      caller->in.erase(0, reply->first);
      free.push_back(caller);
    }
  }
  return {};
}

void raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 8'192);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int run_main(int argc, char** argv) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  CLI::App app("Clients of a gateway, for its benchmarks", "thintail-bench-clients");
  Arguments arguments;
  std::string kind;
  app.add_option("KIND", kind, "ws or http")->required()->check(CLI::IsMember({"ws", "http"}));
  app.add_option("--page", arguments.page, "File that the benchmark made")->required();
  app.add_option("--port", arguments.port, "On loopback")->required();
  app.add_option("--clients", arguments.clients, "WebSockets that read, or connections")
      ->check(CLI::Range(std::size_t{0}, ClientsPage::kClientsMax));
  app.add_option("--stalled", arguments.stalled, "WebSockets that never read");
  app.add_option("--path", arguments.path, "Of the request");
  app.add_option(
      "--token-file",
      [&](const CLI::results_t& paths) {
        std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(paths.front().c_str(), "re"), &std::fclose);
        char block[256];
        const std::size_t size = file ? std::fread(block, 1, sizeof block, file.get()) : 0;
        arguments.token.assign(block, size);
        return size > 0;
      },
      "File with an API key");
  app.add_option("--subscribe", arguments.subscribe, "The message that subscribes");
  app.add_option("--rate", arguments.rate, "Requests a second")->check(CLI::PositiveNumber);
  app.add_option("--requests", arguments.requests, "How many");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage);
  }
  raise_descriptor_limit();
  const auto run = [&]() -> Result<void> {
    TT_TRY(const MappedClientsPage page, MappedClientsPage::open(arguments.page));
    return kind == "ws" ? run_websockets(arguments, *page) : run_requests(arguments, *page);
  };
  const Result<void> done = run();
  if (done) return 0;
  fmt::print(stderr, "{}\n", done.error().message());
  return 1;
}

}  // namespace
}  // namespace thintail::bench

int main(int argc, char** argv) {
  try {
    return thintail::bench::run_main(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "thintail-bench-clients: {}\n", error.what());
  }
  return static_cast<int>(thintail::ExitCode::internal);
}
