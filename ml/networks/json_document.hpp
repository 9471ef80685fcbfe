// SPDX-License-Identifier: Apache-2.0
// JsonDocument: simdjson's cursor with errors that say where: file, line, column and the path to the value.
//   path  cold
#pragma once

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "core/base/error.hpp"
#include "ml/networks/named_tensor.hpp"

namespace thintail {

class JsonDocument {
 public:
  using Value = simdjson::ondemand::value;

  JsonDocument(std::string_view text, std::string_view doing, std::string_view file)
      : text_(text), doing_(doing), file_(file) {}

  // `on_member(std::string_view key, Value)` of the outermost object; nothing may follow it.
  template <class OnMember>
  Result<void> read(OnMember&& on_member) {
    simdjson::ondemand::object object;
    if (const auto fault = parser_.iterate(text_).get(document_); fault != simdjson::SUCCESS) return syntax("", fault);
    is_open_ = true;
    if (const auto fault = document_.get_object().get(object); fault != simdjson::SUCCESS) return syntax("", fault);
    TT_TRY_VOID(members(object, "", std::forward<OnMember>(on_member)));
    // simdjson has no place to name once everything is read.
    const char* at = nullptr;
    if (document_.current_location().get(at) != simdjson::SUCCESS) return {};
    return fail(error("", "the end of the file after the outermost object", "more"));
  }

  template <class OnMember>
  Result<void> object(Value value, const std::string& path, OnMember&& on_member) {
    simdjson::ondemand::object object;
    if (const auto fault = value.get_object().get(object); fault != simdjson::SUCCESS) return syntax(path, fault);
    return members(object, path, std::forward<OnMember>(on_member));
  }

  // `on_element(std::size_t index, Value)`.
  template <class OnElement>
  Result<void> array(Value value, const std::string& path, OnElement&& on_element) {
    simdjson::ondemand::array array;
    if (const auto fault = value.get_array().get(array); fault != simdjson::SUCCESS) return syntax(path, fault);
    std::size_t index = 0;
    for (auto element : array) {
      Value inner;
      if (const auto fault = element.get(inner); fault != simdjson::SUCCESS) return syntax(path, fault);
      TT_TRY_VOID(on_element(index++, inner));
    }
    return {};
  }

  template <class T>
  Result<void> scalar(Value value, const std::string& path, const char* expected, T& out) {
    if (value.get(out) == simdjson::SUCCESS) return {};
    return fail(error(path, expected, found_here()));
  }
  Result<void> text(Value value, const std::string& path, std::string& out) {
    std::string_view view;
    TT_TRY_VOID(scalar(value, path, "a string", view));
    out = view;
    return {};
  }
  Result<void> size(Value value, const std::string& path, std::uint32_t& out) {
    std::uint64_t wide = 0;
    TT_TRY_VOID(scalar(value, path, "a whole number", wide));
    if (wide > 0xffff'ffffu) return fail(error(path, "at most 4294967295", fmt::to_string(wide)));
    out = static_cast<std::uint32_t>(wide);
    return {};
  }

  // Nested lists of numbers, rectangular, at most four deep, read from their digits straight to float32.
  Result<void> tensor(Value value, const std::string& path, NamedTensor& out) {
    out.shape.clear();
    out.values.clear();
    rank_ = 0;
    counts_.assign(kRankMax, kUnknown);
    TT_TRY_VOID(nested(value, path, 0, out));
    if (out.values.empty()) return fail(error(path, "numbers", "an empty list"));
    for (std::size_t level = 0; level < rank_; ++level) out.shape.push_back(static_cast<std::uint32_t>(counts_[level]));
    return {};
  }

  Error error(const std::string& path, std::string expected, std::string found,
              ErrorCode code = ErrorCode::model_syntax) {
    const std::string_view before(text_.data(), offset());
    std::uint64_t line = 1;
    for (const char byte : before) line += byte == '\n';
    return {.code = code,
            .doing = doing_,
            .file = file_,
            .line = line,
            .column = before.size() - (before.rfind('\n') + 1) + 1,
            .field = path,
            .expected = std::move(expected),
            .found = std::move(found)};
  }

 private:
  static constexpr std::size_t kRankMax = 4;
  static constexpr std::size_t kUnknown = static_cast<std::size_t>(-1);
  static constexpr std::size_t kNumbersMax = 1u << 26;

  template <class OnMember>
  Result<void> members(simdjson::ondemand::object object, const std::string& path, OnMember&& on_member) {
    for (auto field : object) {
      std::string_view key;
      if (const auto fault = field.unescaped_key().get(key); fault != simdjson::SUCCESS) return syntax(path, fault);
      const std::string name(key);  // the parser reuses the bytes of keys
      Value value;
      if (const auto fault = field.value().get(value); fault != simdjson::SUCCESS) return syntax(path, fault);
      TT_TRY_VOID(on_member(std::string_view(name), value));
    }
    return {};
  }

  Result<void> nested(Value value, const std::string& path, std::size_t depth, NamedTensor& out) {
    simdjson::ondemand::json_type type{};
    if (const auto fault = value.type().get(type); fault != simdjson::SUCCESS) return syntax(path, fault);
    if (type == simdjson::ondemand::json_type::number) return number(value, path, depth, out);
    if (type != simdjson::ondemand::json_type::array) {
      return fail(error(path, "a number or a list of numbers", found_here()));
    }
    if (depth == kRankMax) return fail(error(path, fmt::format("at most {} levels of lists", kRankMax), "more"));
    std::size_t count = 0;
    TT_TRY_VOID(array(value, path, [&](std::size_t index, Value element) {
      count = index + 1;
      return nested(element, path, depth + 1, out);
    }));
    if (counts_[depth] == kUnknown) counts_[depth] = count;
    if (counts_[depth] == count) return {};
    return fail(error(path, fmt::format("lists of {} as before", counts_[depth]), fmt::format("one of {}", count)));
  }

  Result<void> number(Value value, const std::string& path, std::size_t depth, NamedTensor& out) {
    if (rank_ == 0) rank_ = depth;
    if (depth == 0 || depth != rank_) return fail(error(path, "numbers all at one depth of lists", found_here()));
    if (out.values.size() == kNumbersMax) {
      return fail(error(path, fmt::format("at most {} numbers", kNumbersMax), "more"));
    }
    std::string_view token = value.raw_json_token();
    while (!token.empty() && static_cast<unsigned char>(token.back()) <= ' ') token.remove_suffix(1);
    float parsed = 0;
    const auto [stop, fault] = std::from_chars(token.data(), token.data() + token.size(), parsed);
    if (fault != std::errc{} || stop != token.data() + token.size() || !std::isfinite(parsed)) {
      return fail(error(path, "a number that float32 can hold", fmt::format("\"{}\"", printable(token, 40))));
    }
    // Read as simdjson does too, which moves its cursor on.
    double wide = 0;
    if (value.get_double().get(wide) != simdjson::SUCCESS) return fail(error(path, "a number", printable(token, 40)));
    out.values.push_back(parsed);
    return {};
  }

  Result<void> syntax(const std::string& path, simdjson::error_code fault) {
    return fail(error(path, "JSON of this kind of file", simdjson::error_message(fault)));
  }
  // Bytes read; all of them where there is no cursor, or where it has reached the end.
  std::size_t offset() {
    const char* at = nullptr;
    if (!is_open_ || document_.current_location().get(at) != simdjson::SUCCESS) return text_.size();
    return std::min(static_cast<std::size_t>(at - text_.data()), text_.size());
  }
  std::string found_here() {
    const std::size_t at = offset();
    if (at == text_.size()) return "the end of the file";
    return fmt::format("\"{}\"", printable(std::string_view(text_.data(), text_.size()).substr(at, 16)));
  }

  simdjson::padded_string text_;
  std::string doing_;
  std::string file_;
  simdjson::ondemand::parser parser_;
  simdjson::ondemand::document document_;
  bool is_open_ = false;
  std::size_t rank_ = 0;
  std::vector<std::size_t> counts_;
};

}  // namespace thintail
