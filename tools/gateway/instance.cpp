// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/instance.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "adapters/journal/journal_files.hpp"
#include "core/base/hash.hpp"
#include "core/log/log.hpp"
#include "shm/control/replay_pace.hpp"
#include "tools/gateway/train_jobs.hpp"

namespace thintail::gateway {
namespace {

constexpr std::int64_t kFactsNs = 500'000'000;

}  // namespace

Instance::Instance(GatewayOptions options, const GapSampler& gaps, bool has_dashboard)
    : options_(std::move(options)), gaps_(&gaps), has_dashboard_(has_dashboard), started_ns_(wall_now_ns()) {}

Instance::~Instance() { stop(); }

Result<std::unique_ptr<Instance>> Instance::make(const GatewayOptions& options, std::string name,
                                                 std::string model_path, std::string state_directory,
                                                 const GapSampler& gaps, PinnedCpus pinned,
                                                 bool has_dashboard) {
  GatewayOptions own = options;
  own.instance = std::move(name);
  own.model_path = std::move(model_path);
  own.state_directory = std::move(state_directory);
  auto instance = std::unique_ptr<Instance>(new Instance(std::move(own), gaps, has_dashboard));
  Instance& at = *instance;
  const std::string journals = journal_folder(at.options_.journal_directory, at.options_.instance);
  if (!has_dashboard) {
    at.notes_.emplace_back(
        "the dashboard was not built: dashboard/build.sh makes it, then build thintail-gateway again");
  }
  at.champions_.emplace(at.model_, journals, at.options_.model_path);
  for (std::string& note : at.champions_->start()) {
    log::warn("{}", note);
    at.notes_.push_back(std::move(note));
  }
  at.history_.emplace(journals);
  at.desk_.emplace(DeskOptions{.shm_directory = at.options_.shm_directory,
                               .instance = at.options_.instance,
                               .journal_directory = at.options_.journal_directory,
                               .timeout = at.options_.command_timeout});
  at.model_.write([&](CoreModel& model) { model.symbol_map = at.options_.symbol_map; });
  at.features_.emplace([&at](const Sha256Digest& digest) -> const FeatureSet* {
    const auto pack = at.champions_->find(digest);
    return pack ? pack->features : nullptr;
  });
  if (!at.options_.bars_directory.empty()) {
    at.bars_.emplace(at.options_.bars_directory, at.options_.state_directory + "/bars", at.options_.bar_sources);
  }
  at.hub_ = std::make_shared<SocketHub>(at.model_, [&at] { return at.facts(); }, [&at] { return at.feed_->stages(); });
  at.events_ = std::make_shared<EventStreams>(at.model_);
  at.feed_.emplace(
      FeedOptions{.shm_directory = at.options_.shm_directory,
                  .instance = at.options_.instance,
                  .history_bytes = at.options_.history_bytes},
      at.model_, *at.history_, &*at.features_, [&at] { at.hub_->pump(wall_now_ns()); },
      [&at](std::span<const Event> events) {
        at.hub_->on_events(events);
        at.events_->on_events(events);
      });
  if (!at.options_.train_program.empty()) {
    TT_TRY(at.jobs_, TrainJobs::open({.folder = at.options_.state_directory + "/jobs",
                                      .program = at.options_.train_program,
                                      .training_folder = at.options_.training_folder,
                                      .config_path = at.options_.config_path,
                                      .pinned_cpus = std::move(pinned)}));
  }
  return instance;
}

void Instance::start() {
  if (bars_) bars_->start();
  feed_->start();
}

void Instance::stop() {
  if (feed_) feed_->stop();
  if (bars_) bars_->stop();
  if (jobs_) jobs_->stop();
}

void Instance::tend() {
  desk_->tend(model_.read([](const CoreModel& model) { return model.standing(wall_now_ns()) == CoreStanding::running; }));
  if (journal_breaker_.state().phase != BreakerPhase::closed && list_journals(history_->folder())) {
    journal_breaker_.is_alive();
  }
}

void Instance::close_streams() {
  hub_->close_all(1012, "the gateway is restarting");
  events_->close_all();
}

Parts Instance::parts() {
  Parts parts;
  parts.model = &model_;
  parts.feed = &*feed_;
  parts.history = &*history_;
  parts.desk = &*desk_;
  parts.hub = hub_;
  parts.events = events_;
  parts.champions = &*champions_;
  parts.features = &*features_;
  parts.bars = bars_ ? &*bars_ : nullptr;
  parts.facts = [this] { return facts(); };
  parts.instance = options_.instance;
  parts.shm_directory = options_.shm_directory;
  parts.jobs = jobs_.get();
  parts.gaps = gaps_;
  return parts;
}

GatewayFacts Instance::facts() {
  GatewayFacts out;
  out.instance = options_.instance;
  out.version = options_.version;
  out.started_ns = started_ns_;
  out.clients = hub_->clients();
  out.has_dashboard = has_dashboard_;
  out.has_latch_file = desk_->has_latch_file();
  out.replay_speed = options_.replay_speed;
  out.notes = notes_;
  if (bars_) {
    for (std::string& why : bars_->refused()) out.notes.push_back(fmt::format("bars: {}", std::move(why)));
  }
  if (jobs_) {
    if (std::string why = jobs_->why_refused(); !why.empty()) out.notes.push_back(std::move(why));
  }
  out.breakers = {desk_->breaker(), journal_breaker_.state()};
  const std::lock_guard lock(facts_mutex_);
  const std::int64_t now_ns = wall_now_ns();
  if (now_ns - looked_ns_ > kFactsNs) {
    looked_ns_ = now_ns;
    if (const auto replay = shm::ReplayControl::open(options_.shm_directory, options_.instance)) {
      steered_speed_ = fmt::format("{:g}x", replay->wanted().speed());
    }
    journal_path_.clear();
    journal_bytes_.reset();
    if (const auto journals = list_journals(history_->folder()); journals && !journals->empty()) {
      std::error_code fault;
      const std::filesystem::path newest = journals->back().path;
      journal_path_ = newest.filename().string();
      if (const auto bytes = std::filesystem::file_size(newest, fault); !fault) journal_bytes_ = bytes;
    }
  }
  if (!steered_speed_.empty()) out.replay_speed = steered_speed_;
  out.journal_path = journal_path_;
  out.journal_bytes = journal_bytes_;
  return out;
}

}  // namespace thintail::gateway
