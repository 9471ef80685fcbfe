// SPDX-License-Identifier: Apache-2.0
// UbjCursor: JsonCursor's twin for the part of Universal Binary JSON that XGBoost writes.
//   path       cold
//   invariant  the first fault sticks: later calls do nothing and return zeros. Time is linear in the bytes; memory is the
//              caller's containers alone.
//   source     shared/MODEL_FORMATS.md section 1: big-endian; keys are a length and bytes; arrays plain, counted
//              ("[#"), or counted and of one type ("[$"), the latter two without a closing bracket
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "ml/models/key_path.hpp"

namespace thintail {

class UbjCursor {
 public:
  static constexpr std::size_t kDepthMax = 64;

  // `doing` and `file` are what every error says. REQUIRES: all three outlive the cursor.
  UbjCursor(std::string_view bytes, std::string_view doing, std::string_view file) noexcept
      : bytes_(bytes), doing_(doing), file_(file) {}

  bool failed() const noexcept { return error_.has_value(); }
  const std::optional<Error>& error() const noexcept { return error_; }
  // Records a fault at the place reached, naming the path to it and the byte.
  void fail(ErrorCode code, std::string expected, std::string found);

  // `on_member(std::string_view key)` consumes the member's value.
  template <class OnMember>
  void object(OnMember&& on_member) {
    if (!enter('{', "an object")) return;
    KeysOnce keys;
    while (more('}')) {
      const std::string_view key = sized_text();
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
    const char outer = element_type_;
    const Head head = array_head();
    for (std::size_t index = 0; !failed() && (head.counted ? index < head.count : more(']')); ++index) {
      path_.enter(index);
      element_type_ = head.type;
      on_element(index);
      if (failed()) return;
      path_.leave();
    }
    element_type_ = outer;
    if (head.counted) --depth_;
  }

  std::string_view string();
  std::string_view scalar_text();  // a string's text, or an integer's digits (until the next call)
  float float32();
  std::int32_t int32();
  bool boolean();
  void skip();  // any value
  void end();  // nothing may follow

 private:
  struct Head {
    bool counted = false;
    char type = '\0';  // of every element; '\0': each has its own marker
    std::size_t count = 0;
  };

  bool enter(char bracket, const char* expected);
  bool more(char closing);
  Head array_head();
  char marker();  // the next value's type: the array's, or a byte of its own
  bool take(char byte) noexcept;
  std::string_view take_bytes(std::size_t count);
  std::uint64_t take_unsigned(std::size_t bytes);  // big-endian
  std::int64_t integer_of(char type);
  std::int64_t sized_integer();
  std::string_view sized_text();  // a length and as many bytes
  std::string found_here() const;
  void fail_syntax(std::string expected) { fail(ErrorCode::model_syntax, std::move(expected), found_here()); }

  std::string_view bytes_;
  std::string_view doing_;
  std::string_view file_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  char element_type_ = '\0';
  std::string digits_;
  KeyPath path_;
  std::optional<Error> error_;
};

}  // namespace thintail
