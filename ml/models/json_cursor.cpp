// SPDX-License-Identifier: Apache-2.0
// JsonCursor: the scanner behind the header's templates.
#include "ml/models/json_cursor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "ml/models/number_text.hpp"

namespace thintail {

namespace {

bool is_space(char byte) noexcept { return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t'; }
bool is_number_byte(char byte) noexcept {
  return (byte >= '0' && byte <= '9') || byte == '-' || byte == '+' || byte == '.' || byte == 'e' || byte == 'E';
}

}  // namespace

void JsonCursor::fail(ErrorCode code, std::string expected, std::string found) {
  if (failed()) return;
  const std::string_view before = text_.substr(0, at_);
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 == 0: the first line
  error_ = Error{.code = code,
                 .doing = std::string(doing_),
                 .file = std::string(file_),
                 .line = static_cast<std::uint64_t>(std::ranges::count(before, '\n')) + 1,
                 .column = at_ - line_start + 1,
                 .field = path_.text(),
                 .expected = std::move(expected),
                 .found = std::move(found)};
}

std::string JsonCursor::found_here() const {
  if (at_ >= text_.size()) return "the end of the file";
  return fmt::format("\"{}\"", printable(text_.substr(at_, 16)));
}

void JsonCursor::skip_space() noexcept {
  while (at_ < text_.size() && is_space(text_[at_])) ++at_;
}

void JsonCursor::expect(char byte) {
  if (failed()) return;
  skip_space();
  if (at_ >= text_.size() || text_[at_] != byte) return fail_syntax(fmt::format("'{}'", byte));
  ++at_;
}

bool JsonCursor::enter(char bracket, const char* expected) {
  if (failed()) return false;
  skip_space();
  if (at_ >= text_.size() || text_[at_] != bracket) {
    fail_syntax(expected);
    return false;
  }
  if (++depth_ > kDepthMax) {
    fail(ErrorCode::model_syntax, fmt::format("at most {} levels of nesting", kDepthMax), "more");
    return false;
  }
  ++at_;
  first_ = true;
  return true;
}

bool JsonCursor::more(char closing) {
  if (failed()) return false;
  skip_space();
  if (at_ < text_.size() && text_[at_] == closing) {
    ++at_;
    --depth_;
    first_ = false;  // the container just closed was one of its parent's values
    return false;
  }
  if (!first_) expect(',');
  first_ = false;
  return !failed();
}

std::string_view JsonCursor::string() {
  expect('"');
  if (failed()) return {};
  const std::size_t start = at_;
  while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
  if (at_ >= text_.size()) {
    at_ = text_.size();
    fail_syntax("the end of the string");
    return {};
  }
  return text_.substr(start, at_++ - start);
}

std::string_view JsonCursor::number_token() noexcept {
  skip_space();
  std::size_t stop = at_;
  while (stop < text_.size() && is_number_byte(text_[stop])) ++stop;
  return text_.substr(at_, stop - at_);
}

bool JsonCursor::take_word(std::string_view word) noexcept {
  skip_space();
  if (!text_.substr(at_).starts_with(word)) return false;
  at_ += word.size();
  return true;
}

std::string_view JsonCursor::scalar_text() {
  if (failed()) return {};
  skip_space();
  if (at_ < text_.size() && text_[at_] == '"') return string();
  const std::string_view token = number_token();
  if (token.empty()) fail_syntax("a string or a number");
  at_ += token.size();
  return token;
}

float JsonCursor::float32() {
  if (failed()) return 0;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::string_view token = number_token();
  float value = 0;
  if (parse_number(token, value)) {
    at_ += token.size();
    return value;
  }
  if (take_word("NaN")) return std::numeric_limits<float>::quiet_NaN();
  if (take_word("Infinity")) return kInfinity;
  if (take_word("-Infinity")) return -kInfinity;
  fail_syntax("a number that float32 can hold");
  return 0;
}

std::int32_t JsonCursor::int32() {
  if (failed()) return 0;
  const std::string_view token = number_token();
  std::int32_t value = 0;
  if (!parse_number(token, value)) {
    fail_syntax("an integer of 32 bits");
    return 0;
  }
  at_ += token.size();
  return value;
}

bool JsonCursor::boolean() {
  if (failed()) return false;
  if (take_word("true")) return true;
  if (take_word("false")) return false;
  const std::string_view token = number_token();
  if (token != "0" && token != "1") {
    fail_syntax("true, false, 1 or 0");
    return false;
  }
  at_ += token.size();
  return token == "1";
}

void JsonCursor::skip() {
  if (failed()) return;
  skip_space();
  const char byte = at_ < text_.size() ? text_[at_] : '\0';
  if (byte == '{') return object([this](std::string_view) { skip(); });
  if (byte == '[') return array([this](std::size_t) { skip(); });
  if (byte == '"') {
    static_cast<void>(string());
    return;
  }
  for (const std::string_view word : {"true", "false", "null", "NaN", "Infinity", "-Infinity"}) {
    if (take_word(word)) return;
  }
  const std::string_view token = number_token();
  if (token.empty()) fail_syntax("a value");
  at_ += token.size();
}

void JsonCursor::end() {
  if (failed()) return;
  skip_space();
  if (at_ < text_.size()) fail_syntax("the end of the file");
}

}  // namespace thintail
