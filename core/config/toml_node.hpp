// SPDX-License-Identifier: Apache-2.0
// describe_node: what stands in a TOML file, in words for an error.
//   path  cold
#pragma once

#include <fmt/format.h>

#include <string>

// Errors come back as values.
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "core/base/error.hpp"

namespace thintail::config {

// "none" for no node.
inline std::string describe_node(const toml::node* node) {
  if (node == nullptr) return "none";
  if (const auto* text = node->as_string()) return fmt::format("the text \"{}\"", printable(text->get()));
  if (const auto* whole = node->as_integer()) return fmt::format("the integer {}", whole->get());
  if (const auto* number = node->as_floating_point()) return fmt::format("the number {}", number->get());
  if (const auto* flag = node->as_boolean()) return flag->get() ? "true" : "false";
  if (const auto* list = node->as_array()) return fmt::format("a list of {}", list->size());
  return node->is_table() ? "a table" : "a date or time";
}

}  // namespace thintail::config
