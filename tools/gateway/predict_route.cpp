// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/predict_route.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <iterator>
#include <limits>
#include <memory>
#include <mutex>
#include <utility>

#include "core/base/hash.hpp"
#include "ml/predictor/predictor.hpp"
#include "tools/gateway/champion.hpp"
#include "tools/gateway/feature_view.hpp"
#include "tools/gateway/route_tools.hpp"

namespace thintail::gateway {
namespace {

using http::Request;
using http::Response;
using http::Route;
using In = http::Parameter::In;
namespace s = schema;
using Pack = std::shared_ptr<const DecisionModel>;

constexpr std::size_t kPredictRows = 256;
constexpr std::uint64_t kReplayBytesMax = 512u << 20;
constexpr std::chrono::seconds kReplayTimeMax{8};

Json score_json(const Predictor::Answer& answer) {
  const bool is_valid = answer.state == PredictionState::valid && std::isfinite(answer.score);
  return is_valid ? Json::parse(fmt::format("{}", answer.score), nullptr, false) : Json(nullptr);
}

Json reply_of(const DecisionModel& model, Json scores) {
  return {{"model_sha256", to_hex(model.digest)},
          {"feature_set", model.features->name()},
          {"unit", "bp"},
          {"scores", std::move(scores)},
          {"sequence", nullptr},
          {"time_ns", nullptr},
          {"is_engines", nullptr}};
}

Response needs_rows_before() {
  return http::problem(ErrorCode::model_feature_mismatch,
                       "the model's answer depends on the rows before: a single one has none. Its own answers are in "
                       "/api/v1/predictions/{symbol}/history");
}

// A pack in whose answer the rows before have a part: what networks and regimes remember, and weights that an ensemble has learned.
bool depends_on_rows_before(const DecisionModel& model) {
  return model.remembers() || model.ensemble.rule == EnsembleRule::online;
}

Response of_newest(const Parts& parts, const std::string& symbol) {
  return parts.model->read([&](const CoreModel& model) {
    const auto index = instrument_of(model, symbol);
    if (!index) return index.error();
    const auto& prediction = model.instruments[*index].prediction;
    if (!prediction || prediction->state != PredictionState::valid) {
      return http::problem(ErrorCode::command_refused, fmt::format("{} has no valid prediction yet", symbol));
    }
    const ModelRecord* made_by = model.model_of(*prediction);
    const bool has_facts = made_by != nullptr && made_by->facts;
    return Response::json({{"model_sha256", made_by == nullptr ? Json(nullptr) : Json(to_hex(made_by->digest))},
                           {"feature_set", has_facts ? Json(made_by->facts->feature_set) : Json(nullptr)},
                           {"unit", "bp"},
                           {"scores", Json::array({Json::parse(fmt::format("{}", prediction->score), nullptr, false)})},
                           {"sequence", fmt::format("{}", prediction->cause)},
                           {"time_ns", ns_text(prediction->time_ns)},
                           {"is_engines", true}});
  });
}

// The pack in force, or the problem.
std::expected<Pack, Response> pack_in_force(const Parts& parts) {
  struct Named {
    bool has_model = false;
    Sha256Digest digest{};
  };
  const Named named = parts.model->read([](const CoreModel& model) {
    const ModelRecord* record = model.model_in_force();
    return record == nullptr ? Named{} : Named{true, record->digest};
  });
  if (!named.has_model) {
    return std::unexpected(http::problem(ErrorCode::command_refused, "no model is known to be in force in the core"));
  }
  auto pack = parts.champions->fetch(named.digest);
  if (!pack) return std::unexpected(http::problem(ErrorCode::command_refused, pack.error().message()));
  return *std::move(pack);
}

Response of_rows(const Parts& parts, const nlohmann::json& body) {
  const auto pack = pack_in_force(parts);
  if (!pack) return pack.error();
  const DecisionModel& champion = **pack;
  const std::string name(champion.features->name());
  const std::string sha256 = to_hex(champion.digest);
  if (const auto set = body.value("feature_set", name); set != name) {
    return http::problem(ErrorCode::model_feature_mismatch,
                         fmt::format("the champion reads {}, the values are of {}", name, printable(set)));
  }
  if (const auto wanted = body.value("model", sha256); wanted != sha256) {
    return http::problem(ErrorCode::model_feature_mismatch,
                         fmt::format("the champion is {}, asked for was {}", sha256, printable(wanted)));
  }
  if (depends_on_rows_before(champion)) return needs_rows_before();
  const std::size_t lanes = champion.features->features().size();
  Json scores = Json::array();
  Predictor predictor(champion, 1);
  predictor.enable(0);
  std::int64_t time_ns = 0;
  for (const auto& values : body["values"]) {
    if (values.size() != lanes) {
      return http::problem(ErrorCode::model_feature_mismatch,
                           fmt::format("{} has {} lanes, a row has {}", name, lanes, values.size()));
    }
    FeatureRow row;
    row.values.fill(std::numeric_limits<float>::quiet_NaN());
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      if (values[lane].is_null()) continue;
      row.values[lane] = static_cast<float>(values[lane].get<double>());
      row.defined.set(lane);
    }
    scores.push_back(score_json(predictor.on_tick(0, row, 0, 0, ++time_ns)));
  }
  return Response::json(reply_of(champion, std::move(scores)));
}

Response unprocessable(ErrorCode code, std::string detail) { return http::problem(code, std::move(detail), {}, 422); }

// The features as they were at `at_ns`: the engine's code over the run's journal from its beginning.
Response of_moment(const Parts& parts, const std::string& symbol, std::int64_t at_ns, std::mutex& only_one) {
  const std::unique_lock lock(only_one, std::try_to_lock);
  if (!lock) {
    return http::problem(ErrorCode::http_busy, "another moment is being looked up: one at a time")
        .with("Retry-After", "2");
  }
  std::string name;
  std::uint64_t newest_sequence = 0;
  const auto refusal = parts.model->read([&](const CoreModel& model) -> std::optional<Response> {
    const auto index = instrument_of(model, symbol);
    if (!index) return index.error();
    name = model.instruments[*index].name;
    newest_sequence = model.sequence;
    if (at_ns <= model.time_ns) return std::nullopt;
    return unprocessable(ErrorCode::http_parameter,
                         fmt::format("at {} is yet to come: the newest event is of {}", at_ns, model.time_ns));
  });
  if (refusal) return *refusal;

  std::optional<Error> unknown_pack;
  std::vector<std::pair<std::uint64_t, Sha256Digest>> put_in_force;  // ascending by the event's sequence
  FeatureView view([&](const Sha256Digest& digest) -> const FeatureSet* {
    const auto pack = parts.champions->fetch(digest);
    if (!pack) unknown_pack = pack.error();
    return pack ? (*pack)->features : nullptr;
  });
  const auto deadline = std::chrono::steady_clock::now() + kReplayTimeMax;
  std::uint64_t count = 0;
  bool is_late = false;
  const auto read = parts.history->replay_run(at_ns, newest_sequence, kReplayBytesMax, [&](const Event& event) {
    constexpr std::uint64_t kClockEvery = 4'096;
    is_late = ++count % kClockEvery == 0 && std::chrono::steady_clock::now() > deadline;
    if (event.type == EventType::model && event.as<Model>().stage == ModelStage::live) {
      put_in_force.emplace_back(event.sequence, event.as<Model>().sha256);
    }
    view.take(event);
    return !is_late && !unknown_pack;
  });
  if (!read) return http::problem(read.error(), 422);
  if (is_late) {
    return unprocessable(ErrorCode::http_timeout,
                         fmt::format("more than {} s to compute: {} events since the run began led only to {}",
                                     kReplayTimeMax.count(), count, read->last_ns));
  }
  if (unknown_pack) return http::problem(ErrorCode::command_refused, unknown_pack->message());
  if (put_in_force.empty()) return http::problem(ErrorCode::command_refused, "that run had no model");
  const auto seen = view.row(name);
  if (!seen) {
    return unprocessable(ErrorCode::http_parameter,
                         fmt::format("{} has no tick at or before {} in epoch {}", name, at_ns, read->epoch));
  }
  // Of the tick, not of the moment: between the two another pack may have come into force.
  const auto later =
      std::ranges::upper_bound(put_in_force, seen->sequence, {}, [](const auto& one) { return one.first; });
  if (later == put_in_force.begin()) {
    return http::problem(ErrorCode::command_refused, fmt::format("no model was in force at {}'s tick", name));
  }
  const auto pack = parts.champions->fetch(std::prev(later)->second);
  if (!pack) return http::problem(ErrorCode::command_refused, pack.error().message());
  if (depends_on_rows_before(**pack)) return needs_rows_before();
  Predictor predictor(**pack, 1);
  predictor.enable(0);
  Json reply = reply_of(**pack, Json::array({score_json(predictor.on_tick(0, seen->row, 0, 0, seen->time_ns))}));
  reply["sequence"] = fmt::format("{}", seen->sequence);
  reply["time_ns"] = ns_text(seen->time_ns);
  reply["is_engines"] = seen->is_engines ? Json(*seen->is_engines) : Json(nullptr);
  return Response::json(reply);
}

Response predict(const Parts& parts, const Request& request, std::mutex& only_one) {
  const nlohmann::json& body = request.body;
  if (body.contains("values") == body.contains("symbol") || (body.contains("at") && !body.contains("symbol"))) {
    return http::problem(ErrorCode::http_schema, "either symbol and perhaps at, or feature_set and values");
  }
  if (body.contains("values")) return of_rows(parts, body);
  const auto symbol = body["symbol"].get<std::string>();
  if (!body.contains("at")) return of_newest(parts, symbol);
  const auto& text = body["at"].get_ref<const std::string&>();
  std::int64_t at_ns = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), at_ns);
  if (fault != std::errc{} || end != text.data() + text.size()) {
    return http::problem(ErrorCode::http_schema, "at: UTC ns since 1970", {{"/at", "64 bits"}});
  }
  return of_moment(parts, symbol, at_ns, only_one);
}

}  // namespace

void add_predict_route(std::vector<Route>& routes, const Parts& parts) {
  const nlohmann::json number = {{"type", "number"}};
  const auto only_one = std::make_shared<std::mutex>();
  const RouteAdder post(routes, http::Method::post, "system");
  Route& route = post(
      "/api/v1/predict", "predict", "Scores of the champion for given rows, its newest, or those of a time",
      s::object({{"model_sha256", s::maybe(s::text(64))},
                 {"feature_set", s::maybe(s::text())},
                 {"unit", s::text(8)},
                 {"scores", s::list_of(s::maybe(number))},
                 {"sequence", s::maybe(s::nanoseconds())},
                 {"time_ns", s::maybe(s::nanoseconds())},
                 {"is_engines", s::maybe({{"type", "boolean"}})}}),
      {}, [parts, only_one](const Request& request) { return predict(parts, request, *only_one); }, {{"/predict"}});
  route.may_block = true;
  route.body_bytes_max = 1024 * 1024;
  nlohmann::json row = s::list_of(s::maybe(number));
  row["maxItems"] = kMaxLanes;
  nlohmann::json rows = s::list_of(std::move(row));
  rows["maxItems"] = kPredictRows;
  auto body = s::object({{"symbol", s::text(49)},
                         {"at", s::nanoseconds()},
                         {"feature_set", s::text(64)},
                         {"values", std::move(rows)},
                         {"model", s::text(64)}});
  body["required"] = nlohmann::json::array();
  route.body_schema = std::move(body);
}

}  // namespace thintail::gateway
