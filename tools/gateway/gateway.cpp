// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/gateway.hpp"

#include <fmt/format.h>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <optional>

#include "adapters/journal/journal_files.hpp"
#include "core/base/hash.hpp"
#include "core/log/log.hpp"
#include "strategies/model/decision_model_file.hpp"
#include "tools/gateway/api_schemas.hpp"
#include "tools/gateway/routes.hpp"

namespace thintail::gateway {
namespace {

constexpr std::int64_t kDrainMs = 3'000;
constexpr std::int64_t kFactsNs = 500'000'000;

ChampionFacts facts_of(const DecisionModel& model) {
  ChampionFacts facts;
  facts.name = std::filesystem::path(model.path).filename().string();
  facts.sha256 = to_hex(model.digest);
  if (model.features != nullptr) facts.feature_set = model.features->name();
  facts.label = model.meaning.label;
  facts.horizon_ns = model.meaning.horizon_ns;
  facts.trained_on = model.meaning.trained_on;
  const bool is_one_of_trees =
      model.members.size() == 1 && std::holds_alternative<TreeEnsemble>(model.members.front().model);
  facts.kind = is_one_of_trees ? "trees" : model.members.size() == 1 ? "network" : "ensemble";
  if (is_one_of_trees) facts.trees = std::get<TreeEnsemble>(model.members.front().model).tree_count();
  return facts;
}

Result<void> make_private_folder(const std::string& path) {
  std::error_code fault;
  std::filesystem::create_directories(path, fault);
  if (!fault) std::filesystem::permissions(path, std::filesystem::perms::owner_all, fault);
  if (!fault) return {};
  return fail({.code = ErrorCode::file_unwritable,
               .doing = "making the gateway's folder",
               .file = path,
               .found = fault.message()});
}

}  // namespace

struct Gateway::State {
  GatewayOptions options;
  SharedModel model;
  std::optional<JournalHistory> history;
  std::optional<CommandDesk> desk;
  std::shared_ptr<SocketHub> hub;
  std::shared_ptr<EventStreams> events;
  std::optional<DecisionModel> champion;
  std::optional<FeatureView> features;
  std::optional<CoreFeed> feed;
  std::unique_ptr<http::Server> server;
  std::vector<std::string> notes;
  bool has_dashboard = false;
  std::int64_t started_ns = 0;

  // The journal's name and size change slowly, and asking for them is a look at a disk.
  std::mutex facts_mutex;
  std::int64_t journal_looked_ns = 0;
  std::string journal_path;
  std::optional<std::uint64_t> journal_bytes;

  GatewayFacts facts();
};

GatewayFacts Gateway::State::facts() {
  GatewayFacts out;
  out.instance = options.instance;
  out.version = options.version;
  out.started_ns = started_ns;
  out.clients = hub ? hub->clients() : 0;
  out.has_dashboard = has_dashboard;
  out.has_latch_file = desk->has_latch_file();
  out.replay_speed = options.replay_speed;
  out.notes = notes;
  const std::lock_guard lock(facts_mutex);
  const std::int64_t now_ns = wall_now_ns();
  if (now_ns - journal_looked_ns > kFactsNs) {
    journal_looked_ns = now_ns;
    journal_path.clear();
    journal_bytes.reset();
    if (const auto journals = list_journals(history->folder()); journals && !journals->empty()) {
      std::error_code fault;
      const std::filesystem::path newest = journals->back().path;
      journal_path = newest.filename().string();
      if (const auto bytes = std::filesystem::file_size(newest, fault); !fault) journal_bytes = bytes;
    }
  }
  out.journal_path = journal_path;
  out.journal_bytes = journal_bytes;
  return out;
}

Gateway::Gateway(std::unique_ptr<State> state) : state_(std::move(state)) {}

Gateway::~Gateway() {
  if (state_->server) state_->server->drain(0);
  if (state_->feed) state_->feed->stop();
}

Result<std::unique_ptr<Gateway>> Gateway::start(GatewayOptions options, http::Assets assets) {
  auto state = std::make_unique<State>();
  State& at = *state;
  at.options = std::move(options);
  at.started_ns = wall_now_ns();
  at.has_dashboard = assets.count() != 0;
  if (!at.has_dashboard) {
    at.notes.emplace_back(
        "the dashboard was not built: dashboard/build.sh makes it, then build thintail-gateway again");
  }
  if (at.options.state_directory.empty()) {
    at.options.state_directory = fmt::format("{}/{}-gateway", at.options.journal_directory, at.options.instance);
  }
  TT_TRY_VOID(make_private_folder(at.options.state_directory));
  if (!at.options.model_path.empty()) {
    if (auto champion = load_decision_model(at.options.model_path)) {
      at.champion.emplace(std::move(*champion));
    } else {
      at.notes.push_back(fmt::format("the model is not known here: {}", champion.error().message()));
      log::warn("{}", at.notes.back());
    }
  }
  at.history.emplace(journal_folder(at.options.journal_directory, at.options.instance));
  at.desk.emplace(DeskOptions{.shm_directory = at.options.shm_directory,
                              .instance = at.options.instance,
                              .journal_directory = at.options.journal_directory,
                              .timeout = at.options.command_timeout});
  at.model.write([&](CoreModel& model) {
    model.symbol_map = at.options.symbol_map;
    if (at.champion) model.horizon_ns = at.champion->meaning.horizon_ns;
  });
  if (at.champion && at.champion->features != nullptr) at.features.emplace(*at.champion->features);
  const auto facts = [&at] { return at.facts(); };
  at.hub = std::make_shared<SocketHub>(at.model, facts, [&at] { return at.feed->stages(); });
  at.events = std::make_shared<EventStreams>(at.model);
  at.feed.emplace(
      FeedOptions{.shm_directory = at.options.shm_directory,
                  .instance = at.options.instance,
                  .history_bytes = at.options.history_bytes},
      at.model, *at.history, at.features ? &*at.features : nullptr, [&at] { at.hub->pump(wall_now_ns()); },
      [&at](std::span<const Event> events) {
        at.hub->on_events(events);
        at.events->on_events(events);
      });
  Parts parts;
  parts.model = &at.model;
  parts.feed = &*at.feed;
  parts.history = &*at.history;
  parts.desk = &*at.desk;
  parts.hub = at.hub;
  parts.events = at.events;
  if (at.champion) {
    parts.champion = &*at.champion;
    parts.champion_facts = facts_of(*at.champion);
  }
  parts.features = at.features ? &*at.features : nullptr;
  parts.facts = facts;
  parts.instance = at.options.instance;
  http::ServerOptions server = at.options.server;
  server.front.idempotency.path = at.options.state_directory + "/idempotency.log";
  server.front.access.instance = at.options.instance;
  server.front.description = {"Thintail", at.options.version,
                              "A running trading core: what it sees, decides and holds, and the commands it takes."};
  TT_TRY(at.server,
         http::Server::start(std::move(server), gateway_routes(parts), schema::components(), std::move(assets)));
  at.feed->start();
  return std::unique_ptr<Gateway>(new Gateway(std::move(state)));
}

http::Server& Gateway::server() noexcept { return *state_->server; }
const SharedModel& Gateway::model() const noexcept { return state_->model; }
void Gateway::tend() { state_->desk->tend(); }

void Gateway::drain() {
  state_->hub->close_all(1012, "the gateway is restarting");
  state_->events->close_all();
  state_->server->drain(kDrainMs);
}

}  // namespace thintail::gateway
