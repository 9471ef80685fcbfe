// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/instance.hpp"

#include <fmt/format.h>

#include <chrono>
#include <exception>
#include <filesystem>

#include "adapters/journal/journal_files.hpp"
#include "core/base/hash.hpp"
#include "core/log/log.hpp"
#include "core/thread/affinity.hpp"
#include "shm/control/replay_pace.hpp"
#include "tools/gateway/train_jobs.hpp"

namespace thintail::gateway {
namespace {

constexpr std::chrono::milliseconds kLookEvery{500};

}  // namespace

Instance::Instance(GatewayOptions options, const GapSampler& gaps, bool has_dashboard)
    : options_(std::move(options)), gaps_(&gaps), has_dashboard_(has_dashboard), started_ns_(wall_now_ns()) {}

Instance::~Instance() { stop(); }

Result<std::unique_ptr<Instance>> Instance::make(const GatewayOptions& options, std::string name,
                                                 std::string model_path, std::string state_directory,
                                                 const GapSampler& gaps, PinnedCpus pinned, bool has_dashboard) {
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
  at.features_.emplace([&at](const Sha256Digest& digest) { return at.champions_->set_of(digest); });
  if (!at.options_.bars_directory.empty()) {
    at.bars_.emplace(at.options_.bars_directory, at.options_.state_directory + "/bars", at.options_.bar_sources);
  }
  at.hub_ = std::make_shared<SocketHub>(at.model_, [&at] { return at.facts(); }, [&at] { return at.feed_->stages(); });
  at.events_ = std::make_shared<EventStreams>(at.model_);
  at.feed_.emplace(
      FeedOptions{.shm_directory = at.options_.shm_directory,
                  .instance = at.options_.instance,
                  .history_bytes = at.options_.history_bytes},
      at.model_, *at.history_, &*at.features_, [&at] { at.hub_->pump(wall_now_ns(), steady_now_ns()); },
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
  at.look_at_disk();
  return instance;
}

void Instance::start() {
  if (bars_) bars_->start();
  feed_->start();
  looker_ = std::jthread([this](const std::stop_token& stop) {
    set_thread_name("disk facts");
    while (!stop.stop_requested()) {
      {
        std::unique_lock lock(seen_mutex_);
        seen_wake_.wait_for(lock, stop, kLookEvery, [] { return false; });
      }
      if (stop.stop_requested()) return;
      try {
        look_at_disk();
      } catch (const std::exception& failure) {
        log::error("asking the disk what is there: {}", failure.what());
      }
    }
  });
}

void Instance::stop() {
  looker_ = {};
  if (feed_) feed_->stop();
  if (bars_) bars_->stop();
  if (jobs_) jobs_->stop();
}

void Instance::tend() {
  desk_->tend(
      model_.read([](const CoreModel& model) { return model.standing(wall_now_ns()) == CoreStanding::running; }));
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

GatewayFacts Instance::facts() const {
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
  const std::lock_guard lock(seen_mutex_);
  if (!seen_.steered_speed.empty()) out.replay_speed = seen_.steered_speed;
  out.journal_path = seen_.journal_path;
  out.journal_bytes = seen_.journal_bytes;
  out.cpu_shares = seen_.cpu_shares;
  return out;
}

void Instance::look_at_disk() {
  Seen now;
  thread_shares_.look(model_.read([](const CoreModel& model) {
    return model.sample && model.sample->state == CoreState::running ? model.sample->pid : 0;
  }),
                      CircuitBreaker::monotonic_now_ns());
  now.cpu_shares = thread_shares_.shares();
  if (const auto replay = shm::ReplayControl::open(options_.shm_directory, options_.instance)) {
    now.steered_speed = fmt::format("{:g}x", replay->wanted().speed());
  }
  if (const auto journals = list_journals(history_->folder()); journals && !journals->empty()) {
    std::error_code fault;
    const std::filesystem::path newest = journals->back().path;
    now.journal_path = newest.filename().string();
    if (const auto bytes = std::filesystem::file_size(newest, fault); !fault) now.journal_bytes = bytes;
  }
  const std::lock_guard lock(seen_mutex_);
  if (now.steered_speed.empty()) now.steered_speed = std::move(seen_.steered_speed);  // it has ended, and had one
  seen_ = std::move(now);
}

}  // namespace thintail::gateway
