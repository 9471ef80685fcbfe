// SPDX-License-Identifier: Apache-2.0
// JsonCursor: reads a JSON text once, front to back, pulled by the code that knows what should come next.
//   path       cold
//   invariant  the first fault sticks: later calls do nothing and return zeros, so a reader checks once, at the end.
//              Time is linear in the text; memory is the caller's containers alone.
//
// Floats are parsed from their digits straight to float32: a detour through double rounds twice. NaN, Infinity and
// -Infinity, which XGBoost writes although JSON has no such words, are read as the numbers they name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "ml/models/key_path.hpp"

namespace thintail {

class JsonCursor {
 public:
  static constexpr std::size_t kDepthMax = 64;

  // `doing` and `file` are what every error says. REQUIRES: all three outlive the cursor.
  JsonCursor(std::string_view text, std::string_view doing, std::string_view file) noexcept
      : text_(text), doing_(doing), file_(file) {}

  bool failed() const noexcept { return error_.has_value(); }
  const std::optional<Error>& error() const noexcept { return error_; }
  // Records a fault at the place reached, naming the path to it ("learner.trees[3].left_children[7]").
  void fail(ErrorCode code, std::string expected, std::string found);

  // `on_member(std::string_view key)` consumes the member's value. Keys are as written, escapes included.
  template <class OnMember>
  void object(OnMember&& on_member) {
    if (!enter('{', "an object")) return;
    KeysOnce keys;
    while (more('}')) {
      const std::string_view key = string();
      expect(':');
      if (failed()) return;
      path_.enter(key);
      if (!keys.insert(key)) return fail(ErrorCode::model_syntax, "every key once, and not too many", "it again");
      on_member(key);
      if (failed()) return;
      path_.leave();
    }
  }

  // `on_element(std::size_t index)` consumes the element.
  template <class OnElement>
  void array(OnElement&& on_element) {
    if (!enter('[', "an array")) return;
    for (std::size_t index = 0; more(']'); ++index) {
      path_.enter(index);
      on_element(index);
      if (failed()) return;
      path_.leave();
    }
  }

  std::string_view string();  // as written between its quotes, escapes included
  std::string_view scalar_text();  // a string's text or a number's digits: XGBoost writes its parameters as either
  float float32();
  std::int32_t int32();
  bool boolean();  // true, false, 1 or 0
  void skip();  // any value
  void end();  // nothing but white space may follow

 private:
  bool enter(char bracket, const char* expected);
  // True when another member or element follows; takes the comma before it, or the closing bracket.
  bool more(char closing);
  void expect(char byte);
  void skip_space() noexcept;
  std::string_view number_token() noexcept;
  bool take_word(std::string_view word) noexcept;
  std::string found_here() const;
  void fail_syntax(std::string expected) { fail(ErrorCode::model_syntax, std::move(expected), found_here()); }

  std::string_view text_;
  std::string_view doing_;
  std::string_view file_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  bool first_ = false;  // no member or element of the innermost container was read yet
  KeyPath path_;
  std::optional<Error> error_;
};

}  // namespace thintail
