// SPDX-License-Identifier: Apache-2.0
// Schema: the part of JSON Schema 2020-12 that our routes use, checked against values. The same texts stand in the OpenAPI
// document, and tests hold every reply against them.
//   path  warm
//
// Keywords: type (one or a list), properties, required, additionalProperties (false or a schema), items, prefixItems, minItems,
// maxItems, enum, const, minimum, maximum, exclusiveMinimum, minLength, maxLength, pattern (with maxLength <= 256), anyOf,
// oneOf, $ref to "#/components/schemas/NAME". title, description, default, examples, format, readOnly are words for people.
// Any other keyword is refused when the schema is made: a check that nobody does must not look like one.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/http/route.hpp"
#include "core/base/error.hpp"

namespace thintail::http {

// What "#/components/schemas/NAME" stands for.
using Components = nlohmann::json;

class Schema {
 public:
  // `components` is copied; may be null. Fails where a keyword, reference or pattern is not ours.
  static Result<Schema> make(const nlohmann::json& schema, const Components& components, std::string_view name);

  // Everything that does not fit, at most 16 of them; empty: it fits. Pointers begin with `pointer`.
  std::vector<FieldProblem> check(const nlohmann::json& value, const std::string& pointer = "") const;

  struct Node;  // defined in schema.cpp

 private:
  explicit Schema(std::shared_ptr<const Node> root) : root_(std::move(root)) {}

  std::shared_ptr<const Node> root_;
};

// A parameter's text as the JSON value that its schema's type asks for; a string where it does not read as one, which the
// schema then refuses.
nlohmann::json parameter_value(const nlohmann::json& schema, std::string_view text);

// JSON of others, strictly: at most 32 deep, no key twice, numbers within f64 and i64/u64, UTF-8 without lone surrogates.
Result<nlohmann::json> parse_json(std::string_view text);

}  // namespace thintail::http
