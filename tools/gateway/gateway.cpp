// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/gateway.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "tools/gateway/api_schemas.hpp"
#include "tools/gateway/core_cpus.hpp"
#include "tools/gateway/gap_sampler.hpp"
#include "tools/gateway/instance.hpp"
#include "tools/gateway/instance_routes.hpp"

namespace thintail::gateway {
namespace {

constexpr std::int64_t kDrainMs = 3'000;
constexpr std::string_view kSeveral = "several";  // in the cookie's name

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

// They stand in paths of files and of requests.
Result<void> check_names(const std::vector<std::string>& names) {
  for (auto name = names.begin(); name != names.end(); ++name) {
    const bool is_legal = !name->empty() && name->size() <= 32 && std::ranges::all_of(*name, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
    if (is_legal && std::find(names.begin(), name, *name) == name) continue;
    return fail({.code = ErrorCode::usage,
                 .doing = "reading the instances to serve",
                 .expected = "different names of 1 to 32 of [A-Za-z0-9_-]",
                 .found = '"' + printable(*name) + '"'});
  }
  return {};
}

}  // namespace

struct Gateway::State {
  GapSampler gaps;
  std::vector<std::unique_ptr<Instance>> instances;
  std::unique_ptr<http::Server> server;
};

Gateway::Gateway(std::unique_ptr<State> state) : state_(std::move(state)) {}

Gateway::~Gateway() {
  if (state_->server) state_->server->drain(0);
  for (const auto& instance : state_->instances) instance->stop();
  state_->gaps.stop();
}

Result<std::unique_ptr<Gateway>> Gateway::start(GatewayOptions options, http::Assets assets) {
  auto state = std::make_unique<State>();
  std::vector<std::string> names = options.instances;
  if (names.empty()) names.push_back(options.instance);
  TT_TRY_VOID(check_names(names));
  const bool is_one = names.size() == 1;
  if (options.state_directory.empty()) {
    options.state_directory =
        fmt::format("{}/{}", options.journal_directory, is_one ? names.front() + "-gateway" : ".gateway");
  }
  TT_TRY_VOID(make_private_folder(options.state_directory));
  // Of all cores: a training of one, or a measurement, is not to stand in another's way.
  const PinnedCpus pinned = [at = state.get()] {
    std::vector<int> all;
    for (const auto& instance : at->instances) {
      for (const int cpu : pinned_cpus(instance->model())) all.push_back(cpu);
    }
    return all;
  };
  std::vector<InstanceTable> tables;
  for (const std::string& name : names) {
    std::string own_directory = options.state_directory;
    if (!is_one) {
      own_directory += '/' + name;
      TT_TRY_VOID(make_private_folder(own_directory));
    }
    const auto model = options.model_paths.find(name);
    TT_TRY(auto instance,
           Instance::make(options, name, model == options.model_paths.end() ? options.model_path : model->second,
                          std::move(own_directory), state->gaps, pinned, assets.count() != 0));
    std::vector<http::Route> routes = gateway_routes(instance->parts());
    guard_journal_reads(routes, instance->journal_breaker());
    share_quotes(routes, instance->model());
    tables.emplace_back(name, std::move(routes));
    state->instances.push_back(std::move(instance));
  }
  http::ServerOptions server = options.server;
  server.front.idempotency.path = options.state_directory + "/idempotency.log";
  server.front.access.instance = is_one ? names.front() : std::string(kSeveral);
  server.front.instances = std::move(names);
  server.front.description.version = options.version;
  server.front.description.description =
      "A running trading core: what it sees, decides and holds, and the commands it takes.";
  TT_TRY(state->server, http::Server::start(std::move(server), joined_routes(std::move(tables)), schema::components(),
                                            std::move(assets)));
  for (const auto& instance : state->instances) instance->start();
  state->gaps.start(pinned);
  return std::unique_ptr<Gateway>(new Gateway(std::move(state)));
}

http::Server& Gateway::server() noexcept { return *state_->server; }
const SharedModel& Gateway::model() const noexcept { return state_->instances.front()->model(); }

void Gateway::tend() {
  for (const auto& instance : state_->instances) instance->tend();
}

void Gateway::drain() {
  for (const auto& instance : state_->instances) instance->close_streams();
  state_->server->drain(kDrainMs);
}

}  // namespace thintail::gateway
