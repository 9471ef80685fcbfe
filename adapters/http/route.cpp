// SPDX-License-Identifier: Apache-2.0
#include "adapters/http/route.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "adapters/http/text.hpp"

namespace thintail::http {
namespace {

constexpr std::array<std::string_view, 7> kMethods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
constexpr std::array<std::string_view, 4> kRoles = {"none", "viewer", "trader", "admin"};
constexpr std::array<std::string_view, 4> kClasses = {"none", "read", "data", "trading"};

// Text of others never breaks a reply: what is not UTF-8 is replaced.
std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Response problem_response(ErrorCode code, std::string detail, const std::vector<FieldProblem>& errors, int status) {
  const ErrorInfo& info = error_info(code);
  Json json = {{"type", "urn:thintail:" + code_name(code)},
               {"title", info.title},
               {"status", status == 0 ? status_of(code) : status},
               {"detail", std::move(detail)},
               {"code", code_name(code)},
               {"advice", info.advice}};
  if (!errors.empty()) {
    Json list = Json::array();
    for (const FieldProblem& error : errors) list.push_back({{"pointer", error.pointer}, {"detail", error.detail}});
    json["errors"] = std::move(list);
  }
  Response response = Response::json(json, json["status"].get<int>());
  response.content_type = "application/problem+json";
  return response;
}

}  // namespace

std::string_view method_name(Method method) noexcept { return kMethods[static_cast<std::size_t>(method)]; }
std::string_view role_name(Role role) noexcept { return kRoles[static_cast<std::size_t>(role)]; }
std::string_view rate_class_name(RateClass rate_class) noexcept {
  return kClasses[static_cast<std::size_t>(rate_class)];
}

std::optional<Role> role_from_name(std::string_view name) noexcept {
  const auto found = std::ranges::find(kRoles, name);
  if (found == kRoles.end()) return std::nullopt;
  return static_cast<Role>(found - kRoles.begin());
}

bool Principal::may_see(std::string_view account) const noexcept {
  return role != Role::none && (accounts.empty() || std::ranges::find(accounts, account) != accounts.end());
}

std::string_view Request::parameter(std::string_view name) const noexcept {
  for (const auto& [key, value] : parameters) {
    if (key == name) return value;
  }
  return {};
}

std::optional<std::string_view> Request::query_value(std::string_view name) const noexcept {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::string_view Request::header(std::string_view name) const noexcept {
  for (const Field& field : headers) {
    if (equal_without_case(field.name, name)) return field.value;
  }
  return {};
}

std::int64_t Request::query_integer(std::string_view name, std::int64_t otherwise) const noexcept {
  const auto text = query_value(name);
  std::int64_t value = otherwise;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

Response Response::json(const Json& json, int status) { return json_text(dumped(json), status); }

Response Response::json_text(std::string text, int status) {
  Response response;
  response.status = status;
  response.body = std::move(text);
  return response;
}

Response Response::text(std::string text, std::string content_type, int status) {
  Response response;
  response.status = status;
  response.content_type = std::move(content_type);
  response.body = std::move(text);
  return response;
}

Response& Response::with(std::string name, std::string value) & {
  headers.push_back({std::move(name), std::move(value)});
  return *this;
}

Response&& Response::with(std::string name, std::string value) && {
  headers.push_back({std::move(name), std::move(value)});
  return std::move(*this);
}

Response problem(ErrorCode code, std::string detail, std::vector<FieldProblem> errors, int status) {
  return problem_response(code, std::move(detail), errors, status);
}

Response problem(const Error& error, int status) { return problem_response(error.code, error.message(), {}, status); }

int status_of(ErrorCode code) noexcept {
  using enum ErrorCode;
  switch (code) {
    case http_malformed:
    case http_json:
    case http_parameter:
    case idempotency_missing: return 400;
    case auth_missing:
    case auth_invalid: return 401;
    case http_origin:
    case auth_role: return 403;
    case http_not_found:
    case auth_key_unknown:
    case instrument_unknown:
    case file_missing: return 404;
    case http_method: return 405;
    case http_timeout: return 408;
    case idempotency_in_flight:
    case idempotency_unknown:
    case command_refused:
    case kill_latched:
    case choice_needed: return 409;
    case http_too_large: return 413;
    case http_media_type: return 415;
    case http_host: return 421;
    case http_schema:
    case idempotency_mismatch:
    case model_feature_mismatch: return 422;
    case auth_rate:
    case auth_locked: return 429;
    case http_busy:
    case core_away:
    case shm_not_found: return 503;
    default: return 500;
  }
}

std::string event_text(std::string_view id, std::string_view event, std::string_view data) {
  std::string out;
  if (!id.empty()) out.append("id: ").append(id).append("\n");
  if (!event.empty()) out.append("event: ").append(event).append("\n");
  // Each line of the data has its own field, or the rest would be read as fields.
  for (std::size_t at = 0; at <= data.size();) {
    const std::size_t end = std::min(data.find('\n', at), data.size());
    out.append("data: ").append(data.substr(at, end - at)).append("\n");
    at = end + 1;
  }
  out += '\n';
  return out;
}

}  // namespace thintail::http
