// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/core_feed.hpp"

#include <fmt/format.h>

#include <exception>

#include "core/journal_format/journal_header.hpp"
#include "core/log/log.hpp"
#include "core/thread/affinity.hpp"

namespace thintail::gateway {
namespace {

constexpr std::size_t kBatch = 512;  // events for which the model is locked at once
constexpr std::size_t kEventsATurn = 16'384;  // before others get a turn
constexpr std::int64_t kLookNs = 100'000'000;
constexpr std::int64_t kStagesNs = 1'000'000'000;
constexpr std::size_t kSecondsKept = 300;

}  // namespace

CoreFeed::CoreFeed(FeedOptions options, SharedModel& model, const JournalHistory& history, FeatureView* features,
                   std::function<void()> on_turn, std::function<void(std::span<const Event>)> on_events)
    : options_(std::move(options)),
      model_(&model),
      history_(&history),
      features_(features),
      on_turn_(std::move(on_turn)),
      on_events_(std::move(on_events)) {
  batch_.reserve(kBatch);
}

CoreFeed::~CoreFeed() { stop(); }

void CoreFeed::start() {
  thread_ = std::thread([this] {
    set_thread_name("core feed");
    try {
      run();
    } catch (const std::exception& failure) {
      log::error("the gateway's feed has ended: {}", failure.what());
    } catch (...) {
      log::error("the gateway's feed has ended");
    }
  });
}

void CoreFeed::stop() {
  stop_.store(true, std::memory_order_relaxed);  // relaxed: the join orders what matters
  if (thread_.joinable()) thread_.join();
}

void CoreFeed::run() {
  std::int64_t next_look_ns = 0;
  std::int64_t next_stages_ns = 0;
  while (!stop_.load(std::memory_order_relaxed)) {  // relaxed: as in stop()
    const std::int64_t now_ns = steady_now_ns();
    const bool has_more = observer_ && drain();
    if (observer_ && !has_more && !is_filled_) {
      is_filled_ = true;
      model_->write([](CoreModel& model) { model.is_filled = true; });
    }
    if (now_ns >= next_look_ns) {
      next_look_ns = now_ns + kLookNs;
      look();
    }
    if (watch_ && now_ns >= next_stages_ns) {
      next_stages_ns = now_ns + kStagesNs;
      look_at_stages();
    }
    on_turn_();
    // What came meanwhile makes one turn, and one message to each client, instead of many.
    if (!has_more) std::this_thread::sleep_for(options_.pause);
  }
}

// Every 100 ms: whether a core, or another one, is there, and what its tables say.
void CoreFeed::look() {
  if (!watch_) {
    auto opened = CoreWatch::open(options_.shm_directory, options_.instance);
    if (!opened) {
      model_->write([&](CoreModel& model) { model.set_absent(opened.error().message()); });
      return;
    }
    watch_.emplace(std::move(*opened));
    attach();
  } else if (!watch_->core().segment().is_current()) {
    while (drain()) {  // what the old core still left: all of it, before the next one's
    }
    if (watch_->follow()) attach();
  }
  CoreSample sample = watch_->sample();
  model_->write([&](CoreModel& model) { model.take_sample(std::move(sample)); });
}

void CoreFeed::attach() {
  const auto& core = watch_->core();
  attached_epoch_ = core.segment().header().epoch;
  const bool is_next = observer_.has_value();
  attachments_.fetch_add(1, std::memory_order_relaxed);  // relaxed: a statistic
  if (!has_history_) {
    has_history_ = true;
    std::uint64_t count = 0;
    // Before the history: what it does not reach back to, the core's tables tell.
    CoreSample sample = watch_->sample();
    model_->write([&](CoreModel& model) { model.take_sample(std::move(sample)); });
    std::vector<Error> faults;
    const auto read = history_->replay_tail(
        options_.history_bytes,
        [&](const Event& event) {
          batch_.push_back(event);
          if (batch_.size() < kBatch) return true;
          pass_batch(0);
          batch_.clear();
          return !stop_.load(std::memory_order_relaxed);  // relaxed: as in stop()
        },
        &faults);
    if (read) count = *read;
    std::uint64_t bytes = 0;
    if (const auto sessions = history_->sessions()) {
      for (const JournalSession& session : *sessions) bytes += session.bytes;
    }
    pass_batch(0);
    model_->write([&](CoreModel& model) {
      model.has_all_history = read.has_value() && faults.empty() && bytes <= options_.history_bytes;
      for (const Error& fault : faults) {
        model.add_log(LogLevel::warn, "gateway", fmt::format("history is incomplete: {}", fault.message()));
      }
      if (!read) {
        model.add_log(LogLevel::warn, "gateway", fmt::format("no history: {}", read.error().message()));
      } else if (count != 0) {
        model.add_log(LogLevel::info, "gateway", fmt::format("{} events of history read from the journal", count));
      }
    });
    batch_.clear();
  }
  const std::uint64_t instruments = core->instruments->size();
  const shm::Stream& events = *core->events;
  const std::uint64_t next = model_->write([&](CoreModel& model) {
    // Numbers go on from the journal's last. Of a core that keeps none they begin again, wherever the one before it ended.
    const bool is_later = is_next || model.epoch < attached_epoch_;
    const bool begins_anew = is_later && events.first_sequence() <= model.sequence;
    if (begins_anew) model.begin_anew();
    if (begins_anew || model.epoch != attached_epoch_) model.begin_epoch(attached_epoch_);
    for (std::uint64_t id = 0; id < instruments; ++id) {
      const shm::InstrumentNameRow& row = (*core->instruments)[id];
      model.add_instrument(static_cast<std::uint32_t>(id), row.name.view(), row.digits, row.tick_size_e9,
                           static_cast<CalendarId>(row.calendar));
    }
    model.add_log(LogLevel::info, "gateway",
                  fmt::format("attached to epoch {}{}", attached_epoch_,
                              begins_anew ? ", whose numbers begin again: what was known before is dropped" : ""));
    return model.sequence + 1;
  });
  const shm::Observer oldest = shm::Observer::from_oldest(events);
  const bool follows = next > 1 && next >= oldest.next_sequence() && next <= events.head() + 1;
  if (next > 1 && oldest.next_sequence() > next) {
    const std::uint64_t lost = (oldest.next_sequence() - next) % kPowerLossSkip;
    if (lost != 0) model_->write([&](CoreModel& model) { model.miss(lost); });
  }
  observer_.emplace(follows ? shm::Observer::from_sequence(events, next) : oldest);
}

void CoreFeed::pass_batch(std::uint64_t missed) {
  model_->write([&](CoreModel& model) {
    for (const Event& event : batch_) model.take(event);
    if (missed != 0) model.miss(missed);
  });
  if (features_ == nullptr) return;
  for (const Event& event : batch_) features_->take(event);
}

// True where it stopped before the end.
bool CoreFeed::drain() {
  std::size_t taken = 0;
  while (taken < kEventsATurn && !stop_.load(std::memory_order_relaxed)) {  // relaxed: as in stop()
    std::uint64_t missed = 0;
    batch_.clear();
    Event event{};  // g++ 12 does not see that next() fills it
    while (batch_.size() < kBatch) {
      const shm::Observed seen = observer_->next(event);
      if (seen == shm::Observed::nothing) break;
      if (seen == shm::Observed::lapped) {
        missed = observer_->missed();
        break;
      }
      batch_.push_back(event);
    }
    if (batch_.empty() && missed == 0) break;
    pass_batch(missed);
    if (on_events_ && !batch_.empty()) on_events_(batch_);
    taken += batch_.size() + 1;
  }
  batch_.clear();
  return taken >= kEventsATurn;
}

void CoreFeed::look_at_stages() {
  const std::lock_guard lock(stages_mutex_);
  StageSecond second;
  second.wall_ns = wall_now_ns();
  for (std::size_t i = 0; i < shm::kStageNames.size(); ++i) {
    stages_now_[i] = watch_->core()->stages[i].snapshot();
    // A new core counts from nothing.
    const bool is_new = stages_now_[i].count < stages_then_[i].count;
    const HistogramSnapshot since = is_new ? stages_now_[i] : stages_now_[i].since(stages_then_[i]);
    stages_then_[i] = stages_now_[i];
    if (since.count == 0) continue;
    second.stages.push_back(
        {i, since.count, since.percentile_ns(50), since.percentile_ns(99), since.percentile_ns(99.9)});
  }
  if (second.stages.empty()) return;
  stage_seconds_.push_back(std::move(second));
  if (stage_seconds_.size() > kSecondsKept) stage_seconds_.pop_front();
}

std::vector<StageHistory> CoreFeed::stages() const {
  const std::lock_guard lock(stages_mutex_);
  std::vector<StageHistory> out;
  for (std::size_t i = 0; i < shm::kStageNames.size(); ++i) {
    if (stages_now_[i].count != 0) out.push_back({std::string(shm::kStageNames[i]), stages_now_[i]});
  }
  return out;
}

std::deque<StageSecond> CoreFeed::stage_seconds() const {
  const std::lock_guard lock(stages_mutex_);
  return stage_seconds_;
}

}  // namespace thintail::gateway
