// SPDX-License-Identifier: Apache-2.0
// UnixClient, UnixSocketClient: HTTP and WebSocket spoken by hand over a Unix socket, for tests of what serves them.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace thintail::test {

struct HttpReply {
  int status = 0;  // 0: none came
  std::string head;
  std::string body;

  nlohmann::json json() const { return nlohmann::json::parse(body, nullptr, false); }
  // Empty where there is none; names as they are sent, without case.
  std::string header(std::string name) const {
    const auto lower = [](std::string text) {
      for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      return text;
    };
    const std::string all = lower(head);
    const std::size_t at = all.find("\r\n" + lower(std::move(name)) + ":");
    if (at == std::string::npos) return {};
    const std::size_t from = head.find_first_not_of(' ', head.find(':', at + 2) + 1);
    return head.substr(from, head.find("\r\n", from) - from);
  }
};

inline int connect_unix(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  ::close(fd);
  return -1;
}

inline bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

// More bytes, or false at the end or when nothing came for a while.
inline bool receive_some(int fd, std::string& bytes, int wait_ms = 20'000) {
  pollfd waiting{fd, POLLIN, 0};
  if (::poll(&waiting, 1, wait_ms) <= 0) return false;
  char piece[65'536];
  const ssize_t count = ::recv(fd, piece, sizeof piece, 0);
  if (count <= 0) return false;
  bytes.append(piece, static_cast<std::size_t>(count));
  return true;
}

// One request on a connection of its own. `headers`: whole lines, each with its CRLF.
inline HttpReply http_over(const std::string& socket, std::string_view method, const std::string& target,
                           const std::string& body = "", const std::string& headers = "") {
  HttpReply reply;
  const int fd = connect_unix(socket);
  if (fd < 0) return reply;
  std::string text =
      std::string(method) + " " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + headers;
  if (!body.empty()) {
    text += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  }
  std::string bytes;
  if (send_all(fd, text + "\r\n" + body)) {
    while (receive_some(fd, bytes)) {
    }
  }
  ::close(fd);
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string::npos || bytes.size() < 12) return reply;
  reply.head = bytes.substr(0, end + 2);
  reply.body = bytes.substr(end + 4);
  reply.status = std::atoi(bytes.c_str() + 9);
  return reply;
}

class UnixSocketClient {
 public:
  // Opens a WebSocket; status() says what the server made of it.
  UnixSocketClient(const std::string& socket, const std::string& protocol, const std::string& path = "/ws")
      : fd_(connect_unix(socket)) {
    if (fd_ < 0) return;
    send_all(
        fd_,
        "GET " + path +
            " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: " +
            protocol + "\r\n\r\n");
    while (bytes_.find("\r\n\r\n") == std::string::npos && receive_some(fd_, bytes_)) {
    }
    const std::size_t end = bytes_.find("\r\n\r\n");
    if (end == std::string::npos) return;
    status_ = std::atoi(bytes_.c_str() + 9);
    bytes_.erase(0, end + 4);
  }
  ~UnixSocketClient() {
    if (fd_ >= 0) ::close(fd_);
  }
  UnixSocketClient(const UnixSocketClient&) = delete;
  UnixSocketClient& operator=(const UnixSocketClient&) = delete;

  int status() const noexcept { return status_; }

  void send(const nlohmann::json& message) {
    const std::string text = message.dump();
    std::string frame = "\x81";
    if (text.size() < 126) {
      frame += static_cast<char>(0x80 | text.size());
    } else {
      frame += static_cast<char>(0x80 | 126);
      frame += static_cast<char>(text.size() >> 8);
      frame += static_cast<char>(text.size() & 0xff);
    }
    const char mask[4] = {0x11, 0x22, 0x33, 0x44};
    frame.append(mask, 4);
    for (std::size_t i = 0; i < text.size(); ++i) frame += static_cast<char>(text[i] ^ mask[i % 4]);
    send_all(fd_, frame);
  }

  struct Frame {
    int opcode = 0;  // 1 text, 2 binary, 8 close
    std::string data;
  };
  // Nothing: none came.
  std::optional<Frame> next_frame() {
    while (true) {
      if (const auto frame = take_frame()) return frame;
      if (!receive_some(fd_, bytes_)) return std::nullopt;
    }
  }
  // The next JSON message of that type; others are passed over.
  nlohmann::json next(const std::string& type) {
    for (int seen = 0; seen < 10'000; ++seen) {
      const auto frame = next_frame();
      if (!frame || frame->opcode == 8) break;
      if (frame->opcode != 1) continue;
      auto message = nlohmann::json::parse(frame->data, nullptr, false);
      if (message.is_object() && message.value("type", "") == type) return message;
    }
    ADD_FAILURE() << "no message of type " << type;
    return nlohmann::json::object();
  }

 private:
  std::optional<Frame> take_frame() {
    if (bytes_.size() < 2) return std::nullopt;
    const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes_[i]); };
    std::size_t length = at(1) & 0x7f;
    std::size_t head = 2;
    const std::size_t more = length == 126 ? 2 : length == 127 ? 8 : 0;
    if (bytes_.size() < 2 + more) return std::nullopt;
    if (more != 0) length = 0;
    for (std::size_t i = 0; i < more; ++i) length = length << 8 | at(2 + i);
    head += more;
    if (bytes_.size() < head + length) return std::nullopt;
    Frame frame{at(0) & 0x0f, bytes_.substr(head, length)};
    bytes_.erase(0, head + length);
    return frame;
  }

  int fd_;
  int status_ = 0;
  std::string bytes_;
};

}  // namespace thintail::test
