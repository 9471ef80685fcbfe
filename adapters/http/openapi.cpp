// SPDX-License-Identifier: Apache-2.0
#include "adapters/http/openapi.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace thintail::http {
namespace {

// Words stay in the order that a person expects; schemas keep their own.
Json ordered(const nlohmann::json& json) { return Json::parse(json.dump()); }

Json parameter_json(const Parameter& parameter) {
  const bool is_path = parameter.in == Parameter::In::path;
  Json json = {{"name", parameter.name},
               {"in", is_path ? "path" : "query"},
               {"required", is_path || parameter.is_required},
               {"schema", ordered(parameter.schema)}};
  if (!parameter.description.empty()) json["description"] = parameter.description;
  return json;
}

Json header_parameter(std::string_view name, bool is_required, std::string_view description) {
  return {{"name", name},
          {"in", "header"},
          {"required", is_required},
          {"schema", {{"type", "string"}}},
          {"description", description}};
}

Json problem_reply(std::string_view description) {
  return {{"description", description},
          {"content", {{"application/problem+json", {{"schema", {{"$ref", "#/components/schemas/Problem"}}}}}}}};
}

Json replies_json(const Route& route, bool is_public) {
  Json json = Json::object();
  for (const Reply& reply : route.replies) {
    Json one = {{"description", reply.description}};
    if (!reply.schema.is_null()) {
      one["content"] = {{reply.content_type, {{"schema", ordered(reply.schema)}}}};
    } else if (reply.content_type != "application/json") {
      one["content"] = {{reply.content_type, {{"schema", {{"type", "string"}}}}}};
    }
    json[fmt::format("{}", reply.status)] = std::move(one);
  }
  const auto add = [&](const char* status, std::string_view description) {
    if (!json.contains(status)) json[status] = problem_reply(description);
  };
  add("400", "The request, a parameter or the Idempotency-Key is not valid");
  if (!is_public) {
    add("401", "Credentials are missing or not valid");
    add("403", "The role, the Origin or the CSRF token does not allow it");
    if (route.rate_class != RateClass::none) add("429", "Too many requests of this class; see Retry-After");
  }
  if (!route.body_schema.is_null()) {
    add("413", "The body is too large");
    add("415", "The body is not application/json");
    add("422", "The body does not fit its schema, or the Idempotency-Key was used for another one");
  }
  if (route.needs_idempotency_key) add("409", "In flight, or its outcome is not known, or refused");
  add("503", "Busy, or the core does not answer");
  return json;
}

Json operation_json(const Route& route, std::string_view operation, const Alias* alias) {
  const bool is_public = route.role == Role::none;
  Json json = {{"operationId", operation}, {"summary", route.summary}, {"tags", {route.tag}}};
  if (alias != nullptr)
    json["description"] = fmt::format("The same as {} {}.", method_name(route.method), route.pattern);
  Json parameters = Json::array();
  for (const Parameter& parameter : route.parameters) {
    const bool is_fixed = alias != nullptr && std::ranges::any_of(alias->parameters, [&](const auto& fixed) {
                            return fixed.first == parameter.name;
                          });
    if (!is_fixed) parameters.push_back(parameter_json(parameter));
  }
  if (route.needs_idempotency_key) {
    parameters.push_back(
        header_parameter("Idempotency-Key", alias == nullptr,
                         "Stands for one request with one body for 24 hours; a repeat gets its reply"));
  }
  if (!parameters.empty()) json["parameters"] = std::move(parameters);
  if (!route.body_schema.is_null()) {
    json["requestBody"] = {{"required", true},
                           {"content", {{"application/json", {{"schema", ordered(route.body_schema)}}}}}};
  }
  json["responses"] = replies_json(route, is_public);
  json["x-thintail-role"] = role_name(route.role);
  json["x-thintail-rate-class"] = rate_class_name(route.rate_class);
  if (is_public) json["security"] = Json::array();
  return json;
}

std::string lower_method(Method method) {
  std::string name(method_name(method));
  std::ranges::transform(name, name.begin(), [](char c) { return static_cast<char>(c - 'A' + 'a'); });
  return name;
}

}  // namespace

nlohmann::json problem_schema() {
  return {{"type", "object"},
          {"required", {"type", "title", "status", "detail", "code", "advice"}},
          {"additionalProperties", false},
          {"properties",
           {{"type", {{"type", "string"}}},
            {"title", {{"type", "string"}}},
            {"status", {{"type", "integer"}, {"minimum", 400}, {"maximum", 599}}},
            {"detail", {{"type", "string"}}},
            {"instance", {{"type", "string"}}},
            {"code", {{"type", "string"}, {"maxLength", 7}, {"pattern", "^TT-[0-9]{4}$"}}},
            {"advice", {{"type", "string"}}},
            {"errors",
             {{"type", "array"},
              {"items",
               {{"type", "object"},
                {"required", {"pointer", "detail"}},
                {"additionalProperties", false},
                {"properties", {{"pointer", {{"type", "string"}}}, {"detail", {{"type", "string"}}}}}}}}}}}};
}

Json openapi_document(const std::vector<Route>& routes, const Components& components,
                      const ApiDescription& description) {
  Json json = {{"openapi", "3.1.0"},
               {"info",
                {{"title", description.title},
                 {"version", description.version},
                 {"description", description.description},
                 {"license", {{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
               {"servers", Json::array()},
               {"security", {{{"bearer", Json::array()}}, {{"session", Json::array()}}}}};
  for (const std::string& url : description.servers) json["servers"].push_back({{"url", url}});
  Json paths = Json::object();
  for (const Route& route : routes) {
    paths[route.pattern][lower_method(route.method)] = operation_json(route, route.operation, nullptr);
    std::size_t number = 0;
    for (const Alias& alias : route.aliases) {
      const std::string operation = fmt::format("{}Alias{}", route.operation, ++number);
      paths[alias.pattern][lower_method(alias.method.value_or(route.method))] =
          operation_json(route, operation, &alias);
    }
  }
  json["paths"] = std::move(paths);
  Json schemas = components.is_object() ? ordered(components) : Json::object();
  schemas["Problem"] = ordered(problem_schema());
  json["components"] = {
      {"schemas", std::move(schemas)},
      {"securitySchemes",
       {{"bearer",
         {{"type", "http"}, {"scheme", "bearer"}, {"description", "An API key (tt_..) or a JSON Web Token (HS256)"}}},
        {"session",
         {{"type", "apiKey"},
          {"in", "cookie"},
          {"name", "thintail_<instance>_<port>"},
          {"description", "Of POST /api/v1/login; other methods than GET need Origin and X-Thintail-CSRF too"}}}}}};
  return json;
}

}  // namespace thintail::http
