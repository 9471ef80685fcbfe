// SPDX-License-Identifier: Apache-2.0
#include "adapters/http/websocket_frames.hpp"

#include <algorithm>
#include <utility>

#include "adapters/http/text.hpp"

namespace thintail::http {
namespace {

constexpr std::uint8_t kContinuation = 0x0;
constexpr std::uint8_t kText = 0x1;
constexpr std::uint8_t kBinary = 0x2;
constexpr std::uint8_t kClose = 0x8;
constexpr std::uint8_t kPing = 0x9;
constexpr std::uint8_t kPong = 0xA;
constexpr std::size_t kControlBytesMax = 125;
constexpr std::size_t kMaskBytes = 4;

FrameEvent failed(std::uint16_t code, std::string_view problem) {
  FrameEvent event;
  event.kind = FrameKind::failed;
  event.code = code;
  event.problem = problem;
  return event;
}

std::uint8_t opcode_of(FrameKind kind) noexcept {
  switch (kind) {
    case FrameKind::binary: return kBinary;
    case FrameKind::ping: return kPing;
    case FrameKind::pong: return kPong;
    case FrameKind::close: return kClose;
    default: return kText;
  }
}

}  // namespace

bool is_close_code(std::uint16_t code) noexcept {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

FrameEvent FrameReader::next(std::string_view& bytes) {
  while (true) {
    if (bytes.size() < 2) return {};
    const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
    const bool is_last = (at(0) & 0x80) != 0;
    const std::uint8_t opcode = at(0) & 0x0F;
    if ((at(0) & 0x70) != 0) return failed(1002, "reserved bits are set");
    if ((at(1) & 0x80) == 0) return failed(1002, "the frame is not masked");
    const bool is_control = (opcode & 0x8) != 0;
    const bool is_known = opcode <= kBinary || (opcode >= kClose && opcode <= kPong);
    if (!is_known) return failed(1002, "the opcode is not known");

    std::uint64_t size = at(1) & 0x7F;
    std::size_t head = 2;
    const std::size_t extra = size == 126 ? 2 : size == 127 ? 8 : 0;
    if (is_control && (extra != 0 || !is_last)) return failed(1002, "a control frame is long or split");
    if (bytes.size() < head + extra) return {};
    if (extra != 0) {
      size = 0;
      for (std::size_t i = 0; i < extra; ++i) size = size << 8 | at(head + i);
      head += extra;
      const bool is_shortest = extra == 2 ? size > 125 : size > 0xFFFF;
      if (!is_shortest || size >> 63 != 0) return failed(1002, "the length is not written the shortest way");
    }
    // Before any byte of it is waited for.
    if (!is_control && size > message_bytes_max_ - message_.size()) return failed(1009, "the message is too long");
    const auto length = static_cast<std::size_t>(size);
    if (bytes.size() < head + kMaskBytes + length) return {};
    const std::string_view mask = bytes.substr(head, kMaskBytes);
    std::string payload(bytes.substr(head + kMaskBytes, length));
    for (std::size_t i = 0; i < length; ++i) payload[i] = static_cast<char>(payload[i] ^ mask[i % kMaskBytes]);
    bytes.remove_prefix(head + kMaskBytes + length);
    FrameEvent event = take(opcode, is_last, std::move(payload));
    if (event.kind != FrameKind::none) return event;
  }
}

FrameEvent FrameReader::take(std::uint8_t opcode, bool is_last, std::string payload) {
  FrameEvent event;
  if (opcode == kPing || opcode == kPong) {
    event.kind = opcode == kPing ? FrameKind::ping : FrameKind::pong;
    event.payload = std::move(payload);
    return event;
  }
  if (opcode == kClose) {
    event.kind = FrameKind::close;
    event.code = 1005;
    if (payload.empty()) return event;
    if (payload.size() < 2) return failed(1002, "a close frame with half a code");
    event.code =
        static_cast<std::uint16_t>(static_cast<std::uint8_t>(payload[0]) << 8 | static_cast<std::uint8_t>(payload[1]));
    event.payload = payload.substr(2);
    if (!is_close_code(event.code)) return failed(1002, "a close code that nobody may send");
    if (!is_utf8(event.payload)) return failed(1007, "a reason that is not UTF-8");
    return event;
  }
  const bool is_first = opcode != kContinuation;
  if (is_first == (message_kind_ != FrameKind::none)) {
    return failed(1002, is_first ? "a message within a message" : "a continuation of nothing");
  }
  if (is_first) message_kind_ = opcode == kText ? FrameKind::text : FrameKind::binary;
  if (++fragments_ > kFragmentsMax) return failed(1008, "the message has too many frames");
  message_ += payload;
  if (!is_last) return event;
  event.kind = std::exchange(message_kind_, FrameKind::none);
  event.payload = std::exchange(message_, {});
  fragments_ = 0;
  if (event.kind == FrameKind::text && !is_utf8(event.payload)) return failed(1007, "a text that is not UTF-8");
  return event;
}

std::string frame_head(FrameKind kind, std::size_t size_bytes) {
  std::string head(1, static_cast<char>(0x80 | opcode_of(kind)));
  std::size_t extra = 0;
  if (size_bytes < 126) {
    head += static_cast<char>(size_bytes);
  } else if (size_bytes <= 0xFFFF) {
    head += static_cast<char>(126);
    extra = 2;
  } else {
    head += static_cast<char>(127);
    extra = 8;
  }
  for (std::size_t i = extra; i > 0; --i) head += static_cast<char>(size_bytes >> (8 * (i - 1)) & 0xFF);
  return head;
}

std::string close_frame(std::uint16_t code, std::string_view reason) {
  reason = reason.substr(0, kControlBytesMax - 2);
  std::string frame = frame_head(FrameKind::close, reason.size() + 2);
  frame += static_cast<char>(code >> 8);
  frame += static_cast<char>(code & 0xFF);
  frame += reason;
  return frame;
}

}  // namespace thintail::http
