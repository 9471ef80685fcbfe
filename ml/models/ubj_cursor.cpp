// SPDX-License-Identifier: Apache-2.0
// UbjCursor: the scanner behind the header's templates.
#include "ml/models/ubj_cursor.hpp"

#include <fmt/format.h>

#include <bit>
#include <limits>
#include <utility>

namespace thintail {

namespace {

// Bytes of a value of fixed size; 0 for every other marker.
std::size_t size_of(char type) noexcept {
  switch (type) {
    case 'i':
    case 'U':
    case 'C': return 1;
    case 'I': return 2;
    case 'l':
    case 'd': return 4;
    case 'L':
    case 'D': return 8;
    default: return 0;
  }
}

}  // namespace

void UbjCursor::fail(ErrorCode code, std::string expected, std::string found) {
  if (failed()) return;
  error_ = Error{.code = code,
                 .doing = std::string(doing_),
                 .file = std::string(file_),
                 .field = path_.text(),
                 .expected = std::move(expected),
                 .found = fmt::format("{} (byte {})", found, at_)};
}

std::string UbjCursor::found_here() const {
  if (at_ >= bytes_.size()) return "the end of the file";
  return fmt::format("\"{}\"", printable(bytes_.substr(at_, 8)));
}

bool UbjCursor::take(char byte) noexcept {
  if (failed() || at_ >= bytes_.size() || bytes_[at_] != byte) return false;
  ++at_;
  return true;
}

std::string_view UbjCursor::take_bytes(std::size_t count) {
  if (failed()) return {};
  if (count > bytes_.size() - at_) {
    fail(ErrorCode::model_syntax, fmt::format("{} bytes", count), fmt::format("{} to the end", bytes_.size() - at_));
    return {};
  }
  at_ += count;
  return bytes_.substr(at_ - count, count);
}

std::uint64_t UbjCursor::take_unsigned(std::size_t bytes) {
  std::uint64_t out = 0;
  for (const char byte : take_bytes(bytes)) out = out << 8 | static_cast<unsigned char>(byte);
  return out;
}

char UbjCursor::marker() {
  if (element_type_ != '\0') return std::exchange(element_type_, '\0');
  if (failed()) return '\0';
  if (at_ >= bytes_.size()) {
    fail_syntax("a value");
    return '\0';
  }
  return bytes_[at_++];
}

bool UbjCursor::enter(char bracket, const char* expected) {
  if (failed()) return false;
  // An array's type is a scalar: array_head() refuses others.
  if (element_type_ != '\0' || !take(bracket)) {
    fail_syntax(expected);
    return false;
  }
  if (++depth_ > kDepthMax) {
    fail(ErrorCode::model_syntax, fmt::format("at most {} levels of nesting", kDepthMax), "more");
    return false;
  }
  return true;
}

bool UbjCursor::more(char closing) {
  if (failed()) return false;
  if (take(closing)) {
    --depth_;
    return false;
  }
  if (at_ < bytes_.size()) return true;
  fail_syntax(closing == '}' ? "a key or '}'" : "a value or ']'");
  return false;
}

UbjCursor::Head UbjCursor::array_head() {
  Head head;
  element_type_ = '\0';
  if (take('$')) {
    const std::string_view type = take_bytes(1);
    if (failed()) return head;
    head.type = type[0];
    if (size_of(head.type) == 0) {
      --at_;
      fail_syntax("an array of numbers");
      return head;
    }
    if (at_ >= bytes_.size() || bytes_[at_] != '#') {
      fail_syntax("'#' and a count");
      return head;
    }
  }
  if (!take('#')) return head;
  head.counted = true;
  const std::int64_t count = sized_integer();
  // Every element is a byte at least: a count beyond the file is refused before anything is made of it.
  const std::size_t size = head.type == '\0' ? 1 : size_of(head.type);
  if (!failed() && (count < 0 || static_cast<std::uint64_t>(count) > (bytes_.size() - at_) / size)) {
    fail(ErrorCode::model_syntax, "a count of elements that the file holds", fmt::format("{}", count));
  }
  head.count = failed() ? 0 : static_cast<std::size_t>(count);
  return head;
}

std::int64_t UbjCursor::integer_of(char type) {
  switch (type) {
    case 'i': return static_cast<std::int8_t>(take_unsigned(1));
    case 'U':
    case 'C': return static_cast<std::int64_t>(take_unsigned(1));
    case 'I': return static_cast<std::int16_t>(take_unsigned(2));
    case 'l': return static_cast<std::int32_t>(take_unsigned(4));
    case 'L': return static_cast<std::int64_t>(take_unsigned(8));
    default: break;
  }
  fail(ErrorCode::model_syntax, "an integer", fmt::format("a value of type \"{}\"", printable({&type, 1})));
  return 0;
}

std::int64_t UbjCursor::sized_integer() {
  const std::string_view type = take_bytes(1);
  return failed() ? 0 : integer_of(type[0]);
}

std::string_view UbjCursor::sized_text() {
  const std::int64_t size = sized_integer();
  if (!failed() && size < 0) fail(ErrorCode::model_syntax, "a length", fmt::format("{}", size));
  return failed() ? std::string_view{} : take_bytes(static_cast<std::size_t>(size));
}

std::string_view UbjCursor::string() {
  const char type = marker();
  if (failed()) return {};
  if (type != 'S') {
    --at_;
    fail_syntax("a string");
    return {};
  }
  return sized_text();
}

std::string_view UbjCursor::scalar_text() {
  if (element_type_ == '\0' && at_ < bytes_.size() && bytes_[at_] == 'S') return string();
  const std::int64_t number = integer_of(marker());
  digits_ = fmt::format("{}", number);
  return digits_;
}

float UbjCursor::float32() {
  const char type = marker();
  if (failed()) return 0;
  if (type == 'd') return std::bit_cast<float>(static_cast<std::uint32_t>(take_unsigned(4)));
  if (type == 'D') {
    const auto wide = std::bit_cast<double>(take_unsigned(8));
    const bool in_range = wide >= -static_cast<double>(std::numeric_limits<float>::max()) &&
                          wide <= static_cast<double>(std::numeric_limits<float>::max());
    if (in_range && static_cast<double>(static_cast<float>(wide)) == wide) return static_cast<float>(wide);
    fail(ErrorCode::model_syntax, "a number that float32 holds exactly", fmt::format("{}", wide));
    return 0;
  }
  const std::int64_t number = integer_of(type);
  constexpr std::int64_t kExact = 1 << 24;
  if (number < -kExact || number > kExact) {
    fail(ErrorCode::model_syntax, "a number that float32 holds exactly", fmt::format("{}", number));
  }
  return static_cast<float>(number);
}

std::int32_t UbjCursor::int32() {
  const std::int64_t number = integer_of(marker());
  if (number < std::numeric_limits<std::int32_t>::min() || number > std::numeric_limits<std::int32_t>::max()) {
    fail(ErrorCode::model_syntax, "an integer of 32 bits", fmt::format("{}", number));
    return 0;
  }
  return static_cast<std::int32_t>(number);
}

bool UbjCursor::boolean() {
  const char type = marker();
  if (failed() || type == 'F') return false;
  if (type == 'T') return true;
  const std::int64_t number = integer_of(type);
  if (number != 0 && number != 1) fail(ErrorCode::model_syntax, "true, false, 1 or 0", fmt::format("{}", number));
  return number == 1;
}

void UbjCursor::skip() {
  if (failed()) return;
  if (element_type_ == '\0' && at_ < bytes_.size()) {
    if (bytes_[at_] == '{') return object([this](std::string_view) { skip(); });
    if (bytes_[at_] == '[') return array([this](std::size_t) { skip(); });
  }
  const char type = marker();
  if (type == 'S') {
    static_cast<void>(sized_text());
  } else if (const std::size_t size = size_of(type); size != 0) {
    static_cast<void>(take_bytes(size));
  } else if (!failed() && type != 'T' && type != 'F' && type != 'Z') {
    --at_;
    fail_syntax("a value");
  }
}

void UbjCursor::end() {
  if (!failed() && at_ < bytes_.size()) fail_syntax("the end of the file");
}

}  // namespace thintail
