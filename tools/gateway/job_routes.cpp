// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/job_routes.hpp"

#include <fmt/format.h>

#include "core/log/log.hpp"
#include "core/time/duration_text.hpp"
#include "ml/features/feature_set.hpp"
#include "tools/gateway/route_tools.hpp"
#include "tools/gateway/train_jobs.hpp"

namespace thintail::gateway {
namespace {

using http::Request;
using http::Response;
using http::Route;
using In = http::Parameter::In;
namespace s = schema;

constexpr std::size_t kFilesOfAJob = 1'000;

Json job_json(const TrainJobs& jobs, const Job& job) {
  const bool has_pack = job.state == JobState::succeeded;
  const std::string path = jobs.models_folder() + "/" + job.model;
  return {{"id", job.id()},
          {"kind", "train"},
          {"state", name_of(job.state)},
          {"progress", job.progress},
          {"stage", job.stage},
          {"created_ns", ns_text(job.created_ns)},
          {"started_ns", ns_or_null(job.started_ns)},
          {"ended_ns", ns_or_null(job.ended_ns)},
          {"exit_code", job.exit_code ? Json(*job.exit_code) : Json(nullptr)},
          {"signal", job.signal ? Json(*job.signal) : Json(nullptr)},
          {"detail", job.detail.empty() ? Json(nullptr) : Json(job.detail)},
          {"by", job.by},
          {"result", has_pack ? Json{{"model", job.model}, {"path", path}, {"sha256", job.sha256}} : Json(nullptr)},
          {"note", has_pack ? fmt::format("not in force: `thintail models promote {}` makes it so", path)
                            : "the pack that comes out is not put in force: `thintail models promote` does that"}};
}

std::vector<std::pair<const char*, nlohmann::json>> job_members() {
  const nlohmann::json integer = {{"type", "integer"}};
  return {{"id", s::text(32)},
          {"kind", s::one_of({"train"})},
          {"state", s::one_of({"queued", "running", "succeeded", "failed", "cancelled", "interrupted"})},
          {"progress", {{"type", "number"}, {"minimum", 0}, {"maximum", 1}}},
          {"stage", s::text(512)},
          {"created_ns", s::nanoseconds()},
          {"started_ns", s::maybe(s::nanoseconds())},
          {"ended_ns", s::maybe(s::nanoseconds())},
          {"exit_code", s::maybe(integer)},
          {"signal", s::maybe(integer)},
          {"detail", s::maybe(s::text())},
          {"by", s::text(256)},
          {"result", s::maybe(s::object({{"model", s::text(64)}, {"path", s::text()}, {"sha256", s::text(64)}}))},
          {"note", s::text()}};
}

nlohmann::json job_schema(bool with_log) {
  auto members = job_members();
  if (with_log) members.emplace_back("log", s::text(64 * 1024));
  return s::object(std::move(members));
}

std::string location_of(const Request& request, const std::string& id) {
  return fmt::format("{}/api/v1/jobs/{}", request.base, id);
}

Response no_such_job() { return http::problem(ErrorCode::http_not_found, "no job of that id is known"); }

Response list_jobs(const TrainJobs& jobs) {
  Json items = Json::array();
  for (const Job& job : jobs.list()) items.push_back(job_json(jobs, job));
  return Response::json_text(dumped({{"items", std::move(items)}, {"next_cursor", nullptr}}));
}

Response one_job(const TrainJobs& jobs, const Request& request) {
  const auto job = jobs.find(request.parameter("job_id"));
  if (!job) return no_such_job();
  Json json = job_json(jobs, *job);
  json["log"] = jobs.log_tail(*job);
  return Response::json_text(dumped(json));
}

Response cancel_job(TrainJobs& jobs, const Request& request) {
  const std::string id(request.parameter("job_id"));
  const bool was_asked = jobs.cancel(id);
  const auto job = jobs.find(id);
  if (!job) return no_such_job();
  if (!was_asked) {
    return http::problem(ErrorCode::command_refused, fmt::format("{} has ended: {}", id, name_of(job->state)));
  }
  return Response::json(job_json(jobs, *job), 202).with("Location", location_of(request, id));
}

Response training_files(const TrainJobs& jobs) {
  const auto files = jobs.files();
  if (!files) return http::problem(files.error());
  Json items = Json::array();
  for (const TrainingFile& file : *files) {
    items.push_back(
        {{"name", file.name}, {"bytes", fmt::format("{}", file.bytes)}, {"modified_ns", ns_text(file.modified_ns)}});
  }
  return Response::json_text(dumped({{"items", std::move(items)}, {"next_cursor", nullptr}}));
}

template <class T>
std::optional<T> optional_of(const nlohmann::json& body, const char* name) {
  const auto found = body.find(name);
  if (found == body.end()) return std::nullopt;
  return found->get<T>();
}

Response retrain(TrainJobs& jobs, const Request& request) {
  const nlohmann::json& body = request.body;
  const bool has_files = body.contains("files");
  const bool has_simulator = body.contains("simulator");
  if (has_files == has_simulator) return http::problem(ErrorCode::http_schema, "either files or simulator");
  if (!has_files) {
    for (const char* name : {"clock", "format", "instrument"}) {
      if (body.contains(name)) {
        return http::problem(ErrorCode::http_schema, "the simulator's ticks need none",
                             {{fmt::format("/{}", name), "it is of files"}});
      }
    }
  }
  TrainRequest wanted;
  if (has_files) wanted.files = body["files"].get<std::vector<std::string>>();
  if (has_simulator) {
    wanted.seed = optional_of<std::uint64_t>(body["simulator"], "seed");
    wanted.duration_s = optional_of<std::uint32_t>(body["simulator"], "duration_s");
  }
  wanted.clock = body.value("clock", std::string());
  wanted.format = body.value("format", std::string());
  wanted.instrument = body.value("instrument", std::string());
  wanted.set = body.value("feature_set", std::string());
  wanted.horizon = body.value("horizon", std::string());
  if (!wanted.horizon.empty()) {
    if (const auto length = duration_ns(wanted.horizon, "/horizon"); !length) {
      return http::problem(ErrorCode::http_schema, "horizon", {{"/horizon", length.error().message()}});
    }
  }
  wanted.rounds = optional_of<int>(body, "rounds");
  wanted.depth = optional_of<int>(body, "depth");
  wanted.eta = optional_of<double>(body, "eta");
  wanted.fraction = optional_of<double>(body, "fraction");
  wanted.rows = optional_of<std::uint64_t>(body, "rows");
  wanted.name = body.value("name", wanted.name);
  const auto made = jobs.submit(wanted, request.principal.id);
  if (made) {
    log::info("{} begun by {} from {}", made->id(), request.principal.id, request.remote);
    return Response::json(job_json(jobs, *made), 202).with("Location", location_of(request, made->id()));
  }
  const TrainJobs::Refused& refused = made.error();
  switch (refused.why) {
    case TrainJobs::Refusal::busy:
      return http::problem(ErrorCode::command_refused,
                           fmt::format("{} is running, and one trains at a time", refused.detail))
          .with("Location", location_of(request, refused.detail));
    case TrainJobs::Refusal::no_such_file:
      return http::problem(ErrorCode::http_schema, "a file that is not in the training folder",
                           {{"/files", fmt::format("no file \"{}\" (GET /api/v1/models/training-files lists them)",
                                                   printable(refused.detail))}});
    case TrainJobs::Refusal::not_kept: break;
  }
  return http::problem(ErrorCode::http_busy, refused.detail);  // 503: it was not begun, and its key is free again
}

nlohmann::json word(const char* pattern, std::size_t length_max) {
  return {{"type", "string"}, {"pattern", pattern}, {"maxLength", length_max}};
}

nlohmann::json body_of_retrain() {
  const auto integer = [](std::int64_t from, std::int64_t to) {
    return nlohmann::json{{"type", "integer"}, {"minimum", from}, {"maximum", to}};
  };
  auto sets = nlohmann::json::array();
  for (const FeatureSet* set : FeatureSet::all()) sets.push_back(std::string(set->name()));
  auto files = s::list_of(s::text(255));
  files["minItems"] = 1;
  files["maxItems"] = kFilesOfAJob;
  auto simulator = s::object(
      {{"seed", integer(0, std::numeric_limits<std::int64_t>::max())}, {"duration_s", integer(60, 100'000'000)}});
  simulator["required"] = nlohmann::json::array();
  auto body = s::object({{"files", std::move(files)},
                         {"simulator", std::move(simulator)},
                         {"clock", word("^[A-Za-z0-9_+:-]+$", 32)},
                         {"format", word("^[a-z0-9_-]+$", 32)},
                         {"instrument", word("^[A-Za-z0-9._#+/@-]+$", 49)},
                         {"feature_set", {{"type", "string"}, {"enum", std::move(sets)}}},
                         {"horizon", word("^[0-9]+(ms|s|m|h)$", 12)},
                         {"rounds", integer(1, 10'000)},
                         {"depth", integer(1, 16)},
                         {"eta", {{"type", "number"}, {"minimum", 1e-4}, {"maximum", 1}}},
                         {"fraction", {{"type", "number"}, {"minimum", 0.01}, {"maximum", 1}}},
                         {"rows", integer(2, 20'000'000)},
                         {"name", word("^[A-Za-z0-9][A-Za-z0-9_-]*$", 40)}});
  body["required"] = nlohmann::json::array();
  return body;
}

}  // namespace

void add_job_routes(std::vector<Route>& routes, const Parts& parts) {
  if (parts.jobs == nullptr) return;
  TrainJobs* const jobs = parts.jobs;
  const RouteAdder get(routes, http::Method::get, "system", true);
  const RouteAdder post(routes, http::Method::post, "system", true);
  const http::Parameter id{.name = "job_id",
                           .in = In::path,
                           .is_required = true,
                           .schema = word("^train-[0-9]+$", 26),
                           .description = "As Location said"};
  const auto listed = [](nlohmann::json item) {
    return s::object({{"items", s::list_of(std::move(item))}, {"next_cursor", {{"type", "null"}}}});
  };
  get("/api/v1/jobs", "listJobs", "The newest hundred jobs, the newest last", listed(job_schema(false)), {},
      [jobs](const Request&) { return list_jobs(*jobs); })
      .may_block = true;
  get("/api/v1/jobs/{job_id}", "getJob", "A job, with the end of its log", job_schema(true), {id},
      [jobs](const Request& request) { return one_job(*jobs, request); })
      .may_block = true;
  Route& listing =
      get("/api/v1/models/training-files", "listTrainingFiles", "What models/retrain may name",
          listed(s::object({{"name", s::text(255)}, {"bytes", s::nanoseconds()}, {"modified_ns", s::nanoseconds()}})),
          {}, [jobs](const Request&) { return training_files(*jobs); });
  listing.role = http::Role::admin;
  listing.may_block = true;

  const auto acts = [](Route& route, const char* words) {
    route.role = http::Role::admin;
    route.rate_class = http::RateClass::trading;
    route.may_block = true;
    route.replies = {{.status = 202, .description = words, .schema = job_schema(false)}};
  };
  Route& training = post(
      "/api/v1/models/retrain", "retrainModel",
      "Trains boosted trees on files of the training folder, or on simulated ticks", nullptr, {},
      [jobs](const Request& request) { return retrain(*jobs, request); }, std::vector<http::Alias>{{"/model/retrain"}});
  acts(training, "Begun: Location follows it. The pack is not put in force");
  training.needs_idempotency_key = true;
  training.body_bytes_max = 512 * 1024;
  training.body_schema = body_of_retrain();
  acts(post("/api/v1/jobs/{job_id}/cancel", "cancelJob", "Ends a job", nullptr, {id},
            [jobs](const Request& request) { return cancel_job(*jobs, request); }),
       "Asked to end: Location tells when it has");
}

}  // namespace thintail::gateway
