// SPDX-License-Identifier: Apache-2.0
// HttpClient: a raw socket that says what it is told to and reads replies, frames or nothing; TLS where asked.
#pragma once

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace thintail::test {

struct HttpReply {
  int status = 0;  // 0: the connection ended without one
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

struct WsFrame {
  int opcode = -1;  // -1: the connection ended
  std::string payload;
  std::uint16_t code() const {
    return payload.size() < 2 ? std::uint16_t{0}
                              : static_cast<std::uint16_t>(static_cast<std::uint8_t>(payload[0]) << 8 |
                                                           static_cast<std::uint8_t>(payload[1]));
  }
};

class HttpClient {
 public:
  // `from`: our own address, one of loopback's; any where it is null.
  explicit HttpClient(std::uint16_t port, const char* from = nullptr) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (from != nullptr) {
      sockaddr_in own{};
      own.sin_family = AF_INET;
      if (::inet_pton(AF_INET, from, &own.sin_addr) != 1 ||
          ::bind(fd_, reinterpret_cast<sockaddr*>(&own), sizeof(own)) != 0) {
        return;
      }
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    is_connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }

  explicit HttpClient(const std::string& unix_path) {
    fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, unix_path.c_str(), sizeof(address.sun_path) - 1);
    is_connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }

  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient() {
    if (ssl_ != nullptr) SSL_free(ssl_);
    if (context_ != nullptr) SSL_CTX_free(context_);
    if (fd_ >= 0) ::close(fd_);
  }

  bool is_connected() const { return is_connected_; }
  int fd() const { return fd_; }

  // Without checking the certificate: it is the test's own.
  bool start_tls(int version_min, int version_max) {
    context_ = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(context_, version_min);
    SSL_CTX_set_max_proto_version(context_, version_max);
    SSL_CTX_set_security_level(context_, 0);
    ssl_ = SSL_new(context_);
    SSL_set_fd(ssl_, fd_);
    return SSL_connect(ssl_) == 1;
  }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto count = ssl_ != nullptr ? SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()))
                                         : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

  // GET or any other, with Host and `more` header lines ("A: b\r\n").
  HttpReply request(std::string_view method, std::string_view target, std::string_view more = "",
                    std::string_view body = "") {
    std::string text = fmt::format("{} {} HTTP/1.1\r\nHost: localhost\r\n{}", method, target, more);
    if (!body.empty()) text += fmt::format("Content-Type: application/json\r\nContent-Length: {}\r\n", body.size());
    send(text + "\r\n" + std::string(body));
    return reply(method == "HEAD");
  }

  // The next reply; a body without a length goes to the end of the connection.
  HttpReply reply(bool is_head = false) {
    HttpReply out;
    std::size_t end = 0;
    while ((end = in_.find("\r\n\r\n")) == std::string::npos) {
      if (!more()) return out;
    }
    std::string_view head = std::string_view(in_).substr(0, end + 2);
    out.status = std::atoi(std::string(head.substr(9, 3)).c_str());
    head.remove_prefix(head.find("\r\n") + 2);
    while (!head.empty()) {
      const std::size_t line = head.find("\r\n");
      const std::size_t colon = head.find(": ");
      std::string name(head.substr(0, colon));
      for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      out.headers[name] = std::string(head.substr(colon + 2, line - colon - 2));
      head.remove_prefix(line + 2);
    }
    in_.erase(0, end + 4);
    if (is_head || out.status == 101 || out.status == 100 || out.status == 204 || out.status == 304) return out;
    const auto length = out.headers.find("content-length");
    if (length == out.headers.end()) return out;
    const auto size = static_cast<std::size_t>(std::atoll(length->second.c_str()));
    while (in_.size() < size && more()) {
    }
    out.body = in_.substr(0, size);
    in_.erase(0, size);
    return out;
  }

  // Everything until the end of the connection, or what came in `milliseconds`.
  std::string rest(int milliseconds = 5'000) {
    while (more(milliseconds)) {
    }
    return std::exchange(in_, {});
  }
  // Bytes until `text` has come.
  bool wait_for(std::string_view text, int milliseconds = 5'000) {
    while (in_.find(text) == std::string::npos) {
      if (!more(milliseconds)) return false;
    }
    return true;
  }
  const std::string& received() const { return in_; }
  // True where the other side ended the connection within the time.
  bool is_ended(int milliseconds = 5'000) {
    while (more(milliseconds)) {
    }
    return is_eof_;
  }

  // --- WebSocket ---

  HttpReply upgrade(std::string_view target, std::string_view more = "",
                    std::string_view protocol = "thintail.v1.json") {
    return request("GET", target,
                   fmt::format("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {}\r\n{}",
                               protocol, more));
  }

  static std::string frame(int opcode, std::string_view payload, bool is_last = true, bool is_masked = true) {
    std::string out(1, static_cast<char>((is_last ? 0x80 : 0) | opcode));
    const int mask_bit = is_masked ? 0x80 : 0;
    if (payload.size() < 126) {
      out += static_cast<char>(mask_bit | static_cast<int>(payload.size()));
    } else if (payload.size() <= 0xFFFF) {
      out += static_cast<char>(mask_bit | 126);
      for (const int shift : {8, 0}) out += static_cast<char>(payload.size() >> shift & 0xFF);
    } else {
      out += static_cast<char>(mask_bit | 127);
      for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(payload.size() >> shift & 0xFF);
    }
    constexpr std::string_view kMask = "\x11\x22\x33\x44";
    if (is_masked) out += kMask;
    for (std::size_t i = 0; i < payload.size(); ++i) {
      out += is_masked ? static_cast<char>(payload[i] ^ kMask[i % 4]) : payload[i];
    }
    return out;
  }

  WsFrame read_frame(int milliseconds = 5'000) {
    const auto need = [&](std::size_t size) {
      while (in_.size() < size) {
        if (!more(milliseconds)) return false;
      }
      return true;
    };
    WsFrame out;
    if (!need(2)) return out;
    std::size_t head = 2;
    std::uint64_t size = static_cast<std::uint8_t>(in_[1]) & 0x7F;
    const std::size_t extra = size == 126 ? 2 : size == 127 ? 8 : 0;
    if (!need(2 + extra)) return out;
    if (extra > 0) {
      size = 0;
      for (std::size_t i = 0; i < extra; ++i) size = size << 8 | static_cast<std::uint8_t>(in_[2 + i]);
      head += extra;
    }
    if (!need(head + size)) return out;
    out.opcode = in_[0] & 0x0F;
    out.payload = in_.substr(head, size);
    in_.erase(0, head + size);
    return out;
  }

 private:
  bool more(int milliseconds = 5'000) {
    if (is_eof_) return false;
    if (ssl_ == nullptr || SSL_pending(ssl_) == 0) {
      pollfd waiting{.fd = fd_, .events = POLLIN, .revents = 0};
      if (::poll(&waiting, 1, milliseconds) <= 0) return false;
    }
    char block[16 * 1024];  // NOLINT: only what is read is used
    const auto count = ssl_ != nullptr ? SSL_read(ssl_, block, sizeof(block)) : ::recv(fd_, block, sizeof(block), 0);
    if (count <= 0) {
      is_eof_ = true;
      return false;
    }
    in_.append(block, static_cast<std::size_t>(count));
    return true;
  }

  int fd_ = -1;
  bool is_connected_ = false;
  bool is_eof_ = false;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  std::string in_;
};

}  // namespace thintail::test
