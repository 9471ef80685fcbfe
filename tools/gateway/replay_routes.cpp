// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/replay_routes.hpp"

#include <fmt/format.h>

#include <cmath>

#include "core/log/log.hpp"
#include "shm/control/replay_pace.hpp"
#include "tools/gateway/route_tools.hpp"

namespace thintail::gateway {
namespace {

using http::Request;
using http::Response;
using http::Route;
using shm::PaceWord;
namespace s = schema;

constexpr double kSpeedMin = PaceWord::kThousandthsMin / 1e3;
constexpr double kSpeedMax = PaceWord::kThousandthsMax / 1e3;

// Or 409: nobody plays one that could be steered.
std::expected<shm::ReplayControl, Response> control_of(const Parts& parts) {
  auto control = shm::ReplayControl::open(parts.shm_directory, parts.instance);
  if (control) return *std::move(control);
  if (control.error().code != ErrorCode::shm_not_found) return std::unexpected(http::problem(control.error()));
  return std::unexpected(http::problem(ErrorCode::command_refused,
                                       "this core plays no replay that can be steered: `thintail demo --serve` does"));
}

Response standing(const Parts& parts, const shm::ReplayControl& control) {
  const PaceWord word = control.wanted();
  const std::int64_t from_ns = control.from_ns();
  const std::int64_t to_ns = control.to_ns();
  return parts.model->read([&](const CoreModel& model) {
    const bool is_over = model.standing(wall_now_ns()) == CoreStanding::finished;
    const std::int64_t at_ns = model.time_ns;
    const double span = to_ns > from_ns ? static_cast<double>(to_ns) - static_cast<double>(from_ns) : 1.0;
    const double share = (static_cast<double>(at_ns) - static_cast<double>(from_ns)) / span;
    return Response::json_text(
        dumped(with_core(model, parts,
                         {{"state", is_over          ? "finished"
                                    : word.is_paused ? "paused"
                                                     : "running"},
                          {"speed", word.speed()},
                          {"speed_min", kSpeedMin},
                          {"speed_max", kSpeedMax},
                          {"loops", control.loops()},
                          {"position",
                           {{"time_ns", ns_or_null(at_ns)},
                            {"from_ns", ns_text(from_ns)},
                            {"to_ns", ns_text(to_ns)},
                            {"share", at_ns == 0 ? 0.0 : std::min(1.0, std::max(0.0, share))}}}})));
  });
}

Response replay(const Parts& parts) {
  const auto control = control_of(parts);
  return control ? standing(parts, *control) : control.error();
}

Response steer(const Parts& parts, const Request& request) {
  const auto& action = request.body["action"].get_ref<const std::string&>();
  const auto speed = request.body.find("speed");
  const bool has_speed = speed != request.body.end();
  if (has_speed != (action == "speed")) {
    return http::problem(ErrorCode::http_schema, has_speed ? "speed is of the action speed" : "a speed is wanted",
                         {{"/speed", has_speed ? "left out otherwise" : "a number"}});
  }
  auto control = control_of(parts);
  if (!control) return control.error();
  if (has_speed) {
    control->set_speed(static_cast<std::uint32_t>(std::lround(speed->get<double>() * 1e3)));
  } else {
    control->set_paused(action == "pause");
  }
  const PaceWord now = control->wanted();
  log::info("the replay is {} at {:g}x, by {} from {}", now.is_paused ? "paused" : "running", now.speed(),
            request.principal.id, request.remote);
  return standing(parts, *control);
}

}  // namespace

void add_replay_routes(std::vector<Route>& routes, const Parts& parts) {
  const nlohmann::json number = {{"type", "number"}};
  const auto shape =
      s::object({{"core", s::reference("Core")},
                 {"state", s::one_of({"running", "paused", "finished"})},
                 {"speed", number},
                 {"speed_min", number},
                 {"speed_max", number},
                 {"loops", {{"type", "integer"}}},
                 {"position", s::object({{"time_ns", s::maybe(s::nanoseconds())},
                                         {"from_ns", s::nanoseconds()},
                                         {"to_ns", s::nanoseconds()},
                                         {"share", {{"type", "number"}, {"minimum", 0}, {"maximum", 1}}}})}});
  const RouteAdder get(routes, http::Method::get, "system");
  get("/api/v1/replay", "getReplay", "Where a replay stands and how fast it goes", shape, {},
      [parts](const Request&) { return replay(parts); });
  const RouteAdder post(routes, http::Method::post, "system", true);
  Route& steering = post("/api/v1/replay", "steerReplay", "Pauses a replay, lets it go on, or sets its speed", shape,
                         {}, [parts](const Request& request) { return steer(parts, request); });
  steering.role = http::Role::trader;
  steering.rate_class = http::RateClass::read;  // no order hangs on it, and a slider is moved often
  steering.needs_idempotency_key = true;
  steering.resumes_interrupted = true;  // it sets a state: twice is once
  steering.may_block = true;
  steering.body_bytes_max = 1'024;
  auto body = s::object({{"action", s::one_of({"pause", "resume", "speed"})},
                         {"speed", {{"type", "number"}, {"minimum", kSpeedMin}, {"maximum", kSpeedMax}}}});
  body["required"] = {"action"};
  steering.body_schema = std::move(body);
}

}  // namespace thintail::gateway
