// SPDX-License-Identifier: Apache-2.0
// WebSocket frames (RFC 6455): a client's bytes into messages, and the head of what we send.
//   path       warm
//   threads    one
//   invariant  no length is believed before it is compared with the limit; a message takes at most `message_bytes_max` bytes
//              and kFragmentsMax frames
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace thintail::http {

enum class FrameKind : std::uint8_t { none, text, binary, ping, pong, close, failed };

struct FrameEvent {
  FrameKind kind = FrameKind::none;  // none: more bytes are needed
  std::string payload;  // of text, binary, ping, pong; the reason of close
  std::uint16_t code = 0;  // of close: 1005 where none came; of failed: what to close with
  std::string_view problem;  // of failed
};

class FrameReader {
 public:
  static constexpr std::size_t kFragmentsMax = 1'024;

  explicit FrameReader(std::size_t message_bytes_max) : message_bytes_max_(message_bytes_max) {}

  // Takes frames from the front of `bytes` until something happened. After `failed` nothing more may be fed.
  FrameEvent next(std::string_view& bytes);

 private:
  FrameEvent take(std::uint8_t opcode, bool is_last, std::string payload);

  std::size_t message_bytes_max_;
  std::string message_;
  FrameKind message_kind_ = FrameKind::none;
  std::size_t fragments_ = 0;
};

// FIN set, unmasked: what a server sends before `size_bytes` of payload.
std::string frame_head(FrameKind kind, std::size_t size_bytes);
std::string close_frame(std::uint16_t code, std::string_view reason);

// Whether a peer may send this code (RFC 6455 7.4).
bool is_close_code(std::uint16_t code) noexcept;

}  // namespace thintail::http
