// SPDX-License-Identifier: Apache-2.0
#include "adapters/http/schema.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bitset>
#include <charconv>
#include <cmath>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <utility>

#include "adapters/http/text.hpp"

namespace thintail::http {
namespace {

using nlohmann::json;

constexpr std::size_t kProblemsMax = 16;
constexpr std::size_t kDepthMax = 32;
constexpr std::size_t kPatternLengthMax = 256;  // std::regex recurses once a character

const std::set<std::string_view>& words_for_people() {
  static const std::set<std::string_view> kWords = {"title",  "description", "default",   "examples",
                                                    "format", "readOnly",    "deprecated"};
  return kWords;
}

std::string escaped(std::string_view token) {  // of a JSON pointer
  std::string out;
  for (const char c : token) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

std::string_view type_of(const json& value) noexcept {
  if (value.is_null()) return "null";
  if (value.is_boolean()) return "boolean";
  if (value.is_number_integer()) return "integer";
  if (value.is_number()) return "number";
  if (value.is_string()) return "string";
  return value.is_array() ? "array" : "object";
}

std::size_t code_points(std::string_view text) noexcept {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// The bytes of the class in ^[..]+$, made of bytes and ranges without escapes.
std::optional<std::bitset<256>> one_class(std::string_view pattern) {
  if (!pattern.starts_with("^[") || !pattern.ends_with("]+$") || pattern.size() < 6) return std::nullopt;
  const std::string_view inner = pattern.substr(2, pattern.size() - 5);
  if (inner.starts_with('^') || inner.find_first_of("[]\\") != std::string_view::npos) return std::nullopt;
  std::bitset<256> out;
  for (std::size_t i = 0; i < inner.size(); ++i) {
    const auto from = static_cast<unsigned char>(inner[i]);
    const bool is_range = i + 2 < inner.size() && inner[i + 1] == '-';
    const auto to = is_range ? static_cast<unsigned char>(inner[i + 2]) : from;
    if (from >= 0x80 || to >= 0x80 || to < from) return std::nullopt;
    for (unsigned byte = from; byte <= to; ++byte) out.set(byte);
    if (is_range) i += 2;
  }
  return out;
}

bool matches(const std::string& text, const std::optional<std::bitset<256>>& characters, const std::regex& pattern) {
  if (!characters) return std::regex_search(text, pattern);
  return !text.empty() &&
         std::ranges::all_of(text, [&](char c) { return characters->test(static_cast<unsigned char>(c)); });
}

std::string shown(const json& value) {
  return printable(redacted(value.dump(-1, ' ', false, json::error_handler_t::replace)), 60);
}

}  // namespace

struct Schema::Node {
  std::vector<std::string> types;
  std::map<std::string, std::shared_ptr<const Node>, std::less<>> properties;
  std::vector<std::string> required;
  bool is_closed = false;                  // additionalProperties: false
  std::shared_ptr<const Node> additional;  // or a schema for them
  std::shared_ptr<const Node> items;
  std::vector<std::shared_ptr<const Node>> prefix_items;
  std::optional<std::size_t> min_items, max_items, min_length, max_length;
  std::vector<json> choices;  // enum, or the one of const
  bool has_choices = false;
  std::optional<double> minimum, maximum, exclusive_minimum;
  std::string pattern_text;
  std::optional<std::regex> pattern;
  std::optional<std::bitset<256>> characters;  // of a pattern ^[..]+$, which most are: checked without the regex
  std::vector<std::shared_ptr<const Node>> any_of, one_of;
  std::shared_ptr<const Node> referred;
};

namespace {

using Node = Schema::Node;
using NodePointer = std::shared_ptr<const Node>;

// Makes nodes; references are followed, and stand for themselves while they are being made would be endless: refused.
class Maker {
 public:
  Maker(const Components& components, std::string_view name) : components_(components), name_(name) {}

  Result<NodePointer> make(const json& schema, const std::string& at) {
    auto node = std::make_shared<Node>();
    if (schema.is_boolean() && schema.get<bool>()) return node;
    if (!schema.is_object()) return no(at, "an object", shown(schema));
    for (const auto& [key, value] : schema.items()) {
      TT_TRY_VOID(take(*node, key, value, at + "/" + escaped(key)));
    }
    if (node->pattern && node->max_length.value_or(kPatternLengthMax + 1) > kPatternLengthMax) {
      return no(at + "/pattern", fmt::format("maxLength <= {} beside it", kPatternLengthMax), "none or more");
    }
    return node;
  }

 private:
  std::unexpected<Error> no(const std::string& at, std::string expected, std::string found) const {
    return fail({.code = ErrorCode::internal,
                 .doing = fmt::format("making the schema of {}", name_),
                 .field = at,
                 .expected = std::move(expected),
                 .found = std::move(found)});
  }

  Result<std::vector<NodePointer>> list(const json& values, const std::string& at) {
    std::vector<NodePointer> nodes;
    if (!values.is_array() || values.empty()) return no(at, "a list of schemas", shown(values));
    for (const json& value : values) {
      TT_TRY(NodePointer node, make(value, fmt::format("{}/{}", at, nodes.size())));
      nodes.push_back(std::move(node));
    }
    return nodes;
  }

  Result<void> take(Node& node, const std::string& key, const json& value, const std::string& at) {
    const auto count = [&](std::optional<std::size_t>& out) -> Result<void> {
      if (!value.is_number_unsigned() && !(value.is_number_integer() && value.get<std::int64_t>() >= 0)) {
        return no(at, "a count", shown(value));
      }
      out = value.get<std::size_t>();
      return {};
    };
    const auto number = [&](std::optional<double>& out) -> Result<void> {
      if (!value.is_number()) return no(at, "a number", shown(value));
      out = value.get<double>();
      return {};
    };
    if (words_for_people().contains(key)) return {};
    if (key == "type") {
      for (const json& type : value.is_array() ? value : json::array({value})) {
        static const std::set<std::string> kTypes = {"null",   "boolean", "integer", "number",
                                                     "string", "array",   "object"};
        if (!type.is_string() || !kTypes.contains(type.get<std::string>())) return no(at, "a type", shown(type));
        node.types.push_back(type.get<std::string>());
      }
      return {};
    }
    if (key == "properties") {
      if (!value.is_object()) return no(at, "an object", shown(value));
      for (const auto& [name, schema] : value.items()) {
        TT_TRY(NodePointer property, make(schema, at + "/" + escaped(name)));
        node.properties.emplace(name, std::move(property));
      }
      return {};
    }
    if (key == "required") {
      if (!value.is_array()) return no(at, "a list of names", shown(value));
      for (const json& name : value) {
        if (!name.is_string()) return no(at, "a list of names", shown(value));
        node.required.push_back(name.get<std::string>());
      }
      return {};
    }
    if (key == "additionalProperties") {
      if (value.is_boolean()) {
        node.is_closed = !value.get<bool>();
        return {};
      }
      TT_TRY(node.additional, make(value, at));
      return {};
    }
    if (key == "items") {
      TT_TRY(node.items, make(value, at));
      return {};
    }
    if (key == "prefixItems") {
      TT_TRY(node.prefix_items, list(value, at));
      return {};
    }
    if (key == "anyOf" || key == "oneOf") {
      TT_TRY((key == "anyOf" ? node.any_of : node.one_of), list(value, at));
      return {};
    }
    if (key == "minItems") return count(node.min_items);
    if (key == "maxItems") return count(node.max_items);
    if (key == "minLength") return count(node.min_length);
    if (key == "maxLength") return count(node.max_length);
    if (key == "minimum") return number(node.minimum);
    if (key == "maximum") return number(node.maximum);
    if (key == "exclusiveMinimum") return number(node.exclusive_minimum);
    if (key == "enum" || key == "const") {
      if (key == "enum" && !value.is_array()) return no(at, "a list", shown(value));
      node.choices = key == "enum" ? value.get<std::vector<json>>() : std::vector<json>{value};
      node.has_choices = true;
      return {};
    }
    if (key == "pattern") return take_pattern(node, value, at);
    if (key == "$ref") return take_reference(node, value, at);
    return no(at, "a keyword that schema.hpp lists", key);
  }

  Result<void> take_pattern(Node& node, const json& value, const std::string& at) {
    if (!value.is_string()) return no(at, "a text", shown(value));
    node.pattern_text = value.get<std::string>();
    try {
      node.pattern.emplace(node.pattern_text, std::regex::ECMAScript | std::regex::optimize);
    } catch (const std::regex_error& error) {
      return no(at, "a regular expression", error.what());
    }
    node.characters = one_class(node.pattern_text);
    return {};
  }

  Result<void> take_reference(Node& node, const json& value, const std::string& at) {
    constexpr std::string_view kPrefix = "#/components/schemas/";
    const std::string target = value.is_string() ? value.get<std::string>() : std::string();
    const std::string name = target.starts_with(kPrefix) ? target.substr(kPrefix.size()) : std::string();
    if (name.empty() || !components_.is_object() || !components_.contains(name)) {
      return no(at, fmt::format("{}NAME of a schema that is there", kPrefix), shown(value));
    }
    if (const auto made = made_.find(name); made != made_.end()) {
      if (made->second == nullptr) return no(at, "schemas that do not hold themselves", name);
      node.referred = made->second;
      return {};
    }
    made_[name] = nullptr;
    TT_TRY(node.referred, make(components_.at(name), "/components/schemas/" + name));
    made_[name] = node.referred;
    return {};
  }

  const Components& components_;
  std::string_view name_;
  std::map<std::string, NodePointer, std::less<>> made_;
};

using Problems = std::vector<FieldProblem>;

void check_node(const Node& node, const json& value, const std::string& pointer, Problems& out);

bool fits(const Node& node, const json& value) {
  Problems problems;
  check_node(node, value, "", problems);
  return problems.empty();
}

bool has_type(const Node& node, const json& value) {
  if (node.types.empty()) return true;
  const std::string_view type = type_of(value);
  return std::ranges::any_of(node.types, [&](const std::string& allowed) {
    return allowed == type || (allowed == "number" && type == "integer") ||
           // 1.0 is an integer by JSON Schema, and by what other languages write
           (allowed == "integer" && value.is_number_float() && value.get<double>() == std::floor(value.get<double>()));
  });
}

void check_object(const Node& node, const json& value, const std::string& pointer, Problems& out) {
  for (const std::string& name : node.required) {
    if (!value.contains(name)) out.push_back({pointer + "/" + escaped(name), "is required"});
  }
  for (const auto& [name, member] : value.items()) {
    if (out.size() >= kProblemsMax) return;
    const std::string at = pointer + "/" + escaped(name);
    if (const auto known = node.properties.find(name); known != node.properties.end()) {
      check_node(*known->second, member, at, out);
    } else if (node.is_closed) {
      std::string names;
      for (const auto& [known_name, unused] : node.properties) names += (names.empty() ? "" : ", ") + known_name;
      out.push_back({printable(redacted(at)), fmt::format("is not known; {} are", names.empty() ? "none" : names)});
    } else if (node.additional) {
      check_node(*node.additional, member, at, out);
    }
  }
}

void check_array(const Node& node, const json& value, const std::string& pointer, Problems& out) {
  if (node.min_items && value.size() < *node.min_items) {
    out.push_back({pointer, fmt::format("has {} items, at least {} are needed", value.size(), *node.min_items)});
  }
  if (node.max_items && value.size() > *node.max_items) {
    out.push_back({pointer, fmt::format("has {} items, at most {} are taken", value.size(), *node.max_items)});
    return;
  }
  for (std::size_t i = 0; i < value.size() && out.size() < kProblemsMax; ++i) {
    const Node* item = i < node.prefix_items.size() ? node.prefix_items[i].get() : node.items.get();
    if (item != nullptr) check_node(*item, value[i], fmt::format("{}/{}", pointer, i), out);
  }
}

void check_text(const Node& node, const json& value, const std::string& pointer, Problems& out) {
  const auto& text = value.get_ref<const std::string&>();
  const std::size_t length = code_points(text);
  if (node.min_length && length < *node.min_length) {
    out.push_back({pointer, fmt::format("is {} characters long, at least {} are needed", length, *node.min_length)});
  }
  if (node.max_length && length > *node.max_length) {
    out.push_back({pointer, fmt::format("is {} characters long, at most {} are taken", length, *node.max_length)});
  } else if (node.pattern && !matches(text, node.characters, *node.pattern)) {
    out.push_back({pointer, fmt::format("does not match {}", node.pattern_text)});
  }
}

void check_number(const Node& node, const json& value, const std::string& pointer, Problems& out) {
  const double number = value.get<double>();
  // Accept-style: a NaN fits no bound.
  if (node.minimum && !(number >= *node.minimum)) out.push_back({pointer, fmt::format("is below {}", *node.minimum)});
  if (node.maximum && !(number <= *node.maximum)) out.push_back({pointer, fmt::format("is above {}", *node.maximum)});
  if (node.exclusive_minimum && !(number > *node.exclusive_minimum)) {
    out.push_back({pointer, fmt::format("is not above {}", *node.exclusive_minimum)});
  }
}

void check_node(const Node& node, const json& value, const std::string& pointer, Problems& out) {
  if (out.size() >= kProblemsMax) return;
  if (node.referred) check_node(*node.referred, value, pointer, out);
  if (!has_type(node, value)) {
    out.push_back({pointer, fmt::format("is {}, expected {}", type_of(value), fmt::join(node.types, " or "))});
    return;
  }
  if (node.has_choices && std::ranges::find(node.choices, value) == node.choices.end()) {
    out.push_back({pointer, fmt::format("is {}, expected one of {}", shown(value), json(node.choices).dump())});
  }
  if (value.is_object()) check_object(node, value, pointer, out);
  if (value.is_array()) check_array(node, value, pointer, out);
  if (value.is_string()) check_text(node, value, pointer, out);
  if (value.is_number()) check_number(node, value, pointer, out);
  const auto fitting = [&](const std::vector<NodePointer>& nodes) {
    return std::ranges::count_if(nodes, [&](const NodePointer& one) { return fits(*one, value); });
  };
  if (!node.any_of.empty() && fitting(node.any_of) == 0) {
    // With one that is not null, its own words help most.
    Problems inner;
    for (const NodePointer& one : node.any_of) {
      if (one->types != std::vector<std::string>{"null"} && inner.empty()) check_node(*one, value, pointer, inner);
    }
    out.insert(out.end(), inner.begin(), inner.end());
  }
  if (!node.one_of.empty()) {
    if (const auto count = fitting(node.one_of); count != 1) {
      out.push_back({pointer, fmt::format("fits {} of {} forms, expected one", count, node.one_of.size())});
    }
  }
}

// Nesting is bounded before anything is built; brackets within texts do not count.
std::optional<std::size_t> too_deep_at(std::string_view text) noexcept {
  std::size_t depth = 0;
  bool is_text = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_text) {
      if (c == '\\') ++i;
      if (c == '"') is_text = false;
    } else if (c == '"') {
      is_text = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kDepthMax) return i;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return std::nullopt;
}

}  // namespace

Result<Schema> Schema::make(const json& schema, const Components& components, std::string_view name) {
  Maker maker(components, name);
  TT_TRY(NodePointer root, maker.make(schema, ""));
  return Schema(std::move(root));
}

std::vector<FieldProblem> Schema::check(const json& value, const std::string& pointer) const {
  Problems problems;
  check_node(*root_, value, pointer, problems);
  return problems;
}

json parameter_value(const json& schema, std::string_view text) {
  const auto type = schema.find("type");
  const std::string name = type != schema.end() && type->is_string() ? type->get<std::string>() : "string";
  const char* const end = text.data() + text.size();
  if (name == "integer") {
    std::int64_t value = 0;
    if (const auto [at, error] = std::from_chars(text.data(), end, value); error == std::errc{} && at == end) {
      return value;
    }
  } else if (name == "number") {
    double value = 0;
    if (const auto [at, error] = std::from_chars(text.data(), end, value);
        error == std::errc{} && at == end && std::isfinite(value)) {
      return value;
    }
  } else if (name == "boolean" && (text == "true" || text == "false")) {
    return text == "true";
  }
  return std::string(text);
}

Result<json> parse_json(std::string_view text) {
  const auto no = [](std::uint64_t byte, std::string expected, std::string found) {
    return fail({.code = ErrorCode::http_json,
                 .doing = "reading the body",
                 .field = fmt::format("byte {}", byte),
                 .expected = std::move(expected),
                 .found = std::move(found)});
  };
  if (const auto at = too_deep_at(text)) return no(*at, fmt::format("at most {} levels", kDepthMax), "more");
  // One set of keys for each open object: a key named twice would mean one thing here and another elsewhere.
  std::vector<std::set<std::string>> keys;
  std::optional<std::string> twice;
  const auto watch = [&](int /*depth*/, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end && !keys.empty()) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.empty() && !keys.back().insert(parsed.get<std::string>()).second) {
      twice = parsed.get<std::string>();
    }
    return true;
  };
  try {
    json value = json::parse(text, watch);
    if (twice) return no(0, "each key once", fmt::format("\"{}\" twice", printable(redacted(*twice))));
    return value;
  } catch (const json::parse_error& error) {
    return no(error.byte, "JSON", "something else");
  } catch (const json::exception& error) {  // a number out of range
    return no(0, "numbers within range", printable(error.what()));
  }
}

}  // namespace thintail::http
