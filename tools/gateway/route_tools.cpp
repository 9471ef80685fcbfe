// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/route_tools.hpp"

#include <fmt/format.h>

namespace thintail::gateway {

http::Route& RouteAdder::operator()(std::string pattern, std::string operation, std::string summary,
                                    nlohmann::json reply, std::vector<http::Parameter> parameters, Handler handler,
                                    std::vector<http::Alias> aliases) const {
  http::Route route;
  route.method = method_;
  route.pattern = std::move(pattern);
  route.operation = std::move(operation);
  route.summary = std::move(summary);
  route.tag = tag_;
  route.is_account_data = is_account_data_;
  route.parameters = std::move(parameters);
  route.replies = {{.status = 200, .description = "As docs/api.md tells", .schema = std::move(reply)}};
  route.handler = std::move(handler);
  route.aliases = std::move(aliases);
  return routes_->emplace_back(std::move(route));
}

http::Parameter symbol_parameter(http::Parameter::In in) {
  return {.name = "symbol",
          .in = in,
          .is_required = in == http::Parameter::In::path,
          .schema = {{"type", "string"}, {"pattern", "^[A-Za-z0-9._#+/@-]+$"}, {"maxLength", 49}},
          .description = "XAUUSD, xau_usd, XAU/USD or XAUUSD@oanda"};
}

http::Parameter timeframe_parameter() {
  return {.name = "timeframe",
          .in = http::Parameter::In::path,
          .is_required = true,
          .schema = {{"type", "string"}, {"pattern", "^[A-Za-z0-9]+$"}, {"maxLength", 4}},
          .description = "M1 M5 M15 M30 H1 H4 D1; 1m and 1 mean M1"};
}

std::vector<http::Parameter> page_parameters() {
  return {{.name = "limit",
           .in = http::Parameter::In::query,
           .is_required = false,
           .schema = {{"type", "integer"}, {"minimum", 1}, {"maximum", kRowsMax}},
           .description = "Rows of a page; 500 where it is left out"},
          {.name = "cursor",
           .in = http::Parameter::In::query,
           .is_required = false,
           .schema = {{"type", "string"}, {"pattern", "^[0-9]+$"}, {"maxLength", 20}},
           .description = "next_cursor of the page before: older rows"}};
}

std::vector<http::Parameter> span_parameters() {
  const auto one = [](const char* name, const char* words) {
    return http::Parameter{.name = name,
                           .in = http::Parameter::In::query,
                           .is_required = false,
                           .schema = {{"type", "integer"}},
                           .description = words};
  };
  return {one("from_ns", "UTC ns since 1970: nothing before"), one("to_ns", "UTC ns since 1970: nothing after")};
}

std::expected<std::uint32_t, http::Response> instrument_of(const CoreModel& model, std::string_view text) {
  const auto found = model.find(text);
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    return std::unexpected(
        http::problem(ErrorCode::instrument_unknown, fmt::format("no instrument \"{}\"", printable(text, 64))));
  }
  std::vector<http::FieldProblem> names;
  for (const std::uint32_t index : found) names.push_back({"path.symbol", model.instruments[index].name});
  return std::unexpected(http::problem(
      ErrorCode::choice_needed, fmt::format("\"{}\" is several instruments: name its venue too", printable(text, 64)),
      std::move(names)));
}

std::expected<std::optional<std::uint32_t>, http::Response> wanted_instrument(const CoreModel& model,
                                                                              const http::Request& request) {
  const auto text = request.query_value("symbol");
  if (!text) return std::nullopt;
  const auto found = instrument_of(model, *text);
  if (!found) return std::unexpected(found.error());
  return *found;
}

bool is_complete(const Parts& parts, const std::vector<TimeSpan>& gaps, std::int64_t from_ns, std::int64_t to_ns) {
  const auto is_within = [&](const TimeSpan& gap) { return gap.first < to_ns && gap.second > from_ns; };
  if (std::ranges::any_of(gaps, is_within)) return false;
  return parts.model->read([&](const CoreModel& model) {
    return std::ranges::none_of(model.gaps, [&](const TimeSpan& gap) {
      return is_within({gap.first, gap.second == 0 ? model.time_ns : gap.second});
    });
  });
}

std::string coverage_text(std::optional<std::int64_t> from_ns, std::optional<std::int64_t> to_ns,
                          const std::optional<std::string>& missing) {
  const auto one = [](const std::optional<std::int64_t>& ns) { return ns ? fmt::format("\"{}\"", *ns) : "null"; };
  return fmt::format(R"({{"from_ns":{},"to_ns":{},"complete":{},"detail":{}}})", one(from_ns), one(to_ns), !missing,
                     missing ? dumped(Json(printable(*missing, 400))) : "null");
}

Json with_core(const CoreModel& model, const Parts& parts, Json members) {
  Json json = {{"core", core_json(model, parts.instance, wall_now_ns())}};
  json.update(members);
  return json;
}

}  // namespace thintail::gateway
