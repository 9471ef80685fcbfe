// SPDX-License-Identifier: Apache-2.0
// The JSON schemas of docs/api.md: what the OpenAPI document shows, and what tests hold every reply and message against.
//   path  cold
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

namespace thintail::gateway::schema {

nlohmann::json reference(std::string_view component);  // {"$ref": "#/components/schemas/NAME"}
nlohmann::json text(std::size_t length_max = 4'096);
nlohmann::json nanoseconds();  // a decimal string
nlohmann::json decimal();
nlohmann::json list_of(nlohmann::json item);
nlohmann::json maybe(nlohmann::json schema);  // or null
// Every member required, no other allowed.
nlohmann::json object(std::vector<std::pair<const char*, nlohmann::json>> members);
nlohmann::json page_of(std::string_view component, std::vector<std::pair<const char*, nlohmann::json>> more = {});
nlohmann::json one_of(std::vector<const char*> words);

// By name, as references know them.
nlohmann::json components();

}  // namespace thintail::gateway::schema
