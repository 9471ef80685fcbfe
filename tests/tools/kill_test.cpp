// SPDX-License-Identifier: Apache-2.0
// The kill campaign: writers with segment, stream, control segment, journal and recovery as the daemon has them, observers and
// senders of commands, killed at random points, over and over; and a writer that was stopped past its replacement.
//   source  FAULTS.md rows 1 and 4, docs/proofs.md
//
// A writer here is a forked process without threads: it takes over, publishes events that tell their epoch and sequence, takes
// commands, and turns its journal itself, so that hundreds can be killed a second. The whole daemon is killed in
// daemon_test.cpp. $THINTAIL_KILLS sets how many are killed.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "adapters/journal/journal_files.hpp"
#include "adapters/journal/journal_stage.hpp"
#include "shm/control/control_client.hpp"
#include "shm/control/control_segment.hpp"
#include "shm/segment/core_segment.hpp"
#include "shm/segment/process_identity.hpp"
#include "shm/segment/segment_file.hpp"
#include "shm/stream/gated_reader.hpp"
#include "shm/stream/observer.hpp"
#include "shm/stream/stream_writer.hpp"
#include "strategies/pipeline/preamble.hpp"
#include "tests/support/data.hpp"
#include "tests/support/journal.hpp"
#include "tests/support/process.hpp"
#include "tools/daemon/command_inbox.hpp"
#include "tools/daemon/recovery.hpp"

namespace thintail::test {
namespace {

constexpr int kCouldNotStart = 3;
constexpr std::uint64_t kSlots = shm::Stream::kCapacityMin;

Settings settings_of(const std::string& folder, const std::string& instance) {
  Settings settings;
  settings.core.instance = instance;
  settings.core.instruments_max = 8;
  settings.core.lock_memory = false;
  settings.shm.directory = folder;
  settings.shm.events_slots = kSlots;
  settings.shm.ticks_slots = kSlots;
  settings.journal.directory = folder + "/journal";
  return settings;
}

// What number `sequence` of `epoch` is, to the last bit: an event of another epoch or in pieces differs.
Event written_event(std::uint32_t epoch, std::uint64_t sequence) {
  Event event = numbered_event(sequence);
  event.instrument = epoch;
  return event;
}

// Stores of words with time between them: most kills then come in the middle of a write.
struct SlowWordCopy {
  static void store(shm::Word* cell, const Event& event) noexcept {
    const auto* from = reinterpret_cast<const shm::Word*>(&event);
    for (std::size_t i = 1; i < shm::kCellWords; ++i) {
      for (int pause = 0; pause < 32; ++pause) _mm_pause();
      __atomic_store_n(cell + i, from[i], __ATOMIC_RELAXED);  // relaxed: as WordCopy
    }
  }
};

// Time between a command's event and its answer, for kills that leave its sender to ask again.
template <class Copy>
void linger() noexcept {
  if constexpr (std::is_same_v<Copy, SlowWordCopy>) {
    for (int pause = 0; pause < 2'000; ++pause) _mm_pause();
  }
}

struct PublishesFirst : shm::CellProtocol {
  static constexpr bool kPublishesLast = false;
};

// What the senders of commands know of each: in memory that outlives whoever is killed. Ids count from 1.
class CommandRecord {
 public:
  enum State : std::uint8_t { kUnused, kSent, kAnswered };
  static constexpr std::uint64_t kIdsMax = 1u << 20;

  CommandRecord()
      : shared_(static_cast<Shared*>(
            ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
  ~CommandRecord() { ::munmap(shared_, sizeof(Shared)); }
  CommandRecord(const CommandRecord&) = delete;
  CommandRecord& operator=(const CommandRecord&) = delete;

  // 0: no more are left.
  std::uint64_t new_id() noexcept {
    const std::uint64_t id = shared_->last_id.fetch_add(1, std::memory_order_relaxed) + 1;  // relaxed: only a number
    return id < kIdsMax ? id : 0;
  }
  // relaxed, both: read once the senders have ended, which their parent waits for
  void note(std::uint64_t id, State state) noexcept { shared_->states[id].store(state, std::memory_order_relaxed); }
  State state(std::uint64_t id) const noexcept {
    return static_cast<State>(shared_->states[id].load(std::memory_order_relaxed));
  }
  void count_refused() noexcept { shared_->refused.fetch_add(1, std::memory_order_relaxed); }  // relaxed: as above
  std::uint64_t refused() const noexcept {
    return shared_->refused.load(std::memory_order_relaxed);
  }  // relaxed: as above

  void senders_have_ended() noexcept { shared_->no_senders.store(true, std::memory_order_release); }  // Z1: pairs Z2
  bool has_senders() const noexcept { return !shared_->no_senders.load(std::memory_order_acquire); }  // Z2: pairs Z1

 private:
  struct Shared {  // zeroes are its empty state, as the kernel maps it
    std::atomic<std::uint64_t> last_id;
    std::atomic<std::uint64_t> refused;
    std::atomic<bool> no_senders;
    std::array<std::atomic<std::uint8_t>, kIdsMax> states;
  };
  Shared* shared_;
};

struct Life {
  bool is_orderly = false;  // ends by itself after a thousand events, and once there are no senders
  bool is_fenced = true;  // its journal asks whether it still is the writer
  bool remembers = true;  // the commands of the lives before
  const CommandRecord* commands = nullptr;
};

// Whoever was killed has left nothing behind: every slot is free, and holds as much as ever.
Result<void> expect_whole_slots(const Settings& settings, std::uint32_t epoch) {
  std::vector<shm::ControlClient> clients;
  for (std::uint32_t i = 0; i < shm::kControlSlots; ++i) {
    TT_TRY(shm::ControlClient client, shm::ControlClient::open(settings.shm.directory, settings.core.instance, epoch));
    std::size_t queued = 0;
    while (queued < 2 * shm::kCommandsPerSlot && client.send(CommandKind::pause, 1 + queued) == shm::Offered::queued) {
      ++queued;
    }
    if (queued != shm::kCommandsPerSlot) {
      return fail({.code = ErrorCode::internal,
                   .doing = "filling a command slot after kills",
                   .expected = fmt::format("{} commands", shm::kCommandsPerSlot),
                   .found = fmt::format("{}", queued)});
    }
    clients.push_back(std::move(client));
  }
  return {};
}

// One life of a writer: takes over, publishes, and takes commands, until it is killed or ends in order.
template <class Copy, class Protocol>
Result<void> live(const Settings& settings, const Life& life) {
  TT_TRY(shm::WriterLock lock, shm::WriterLock::acquire(settings.shm.directory, settings.core.instance));
  TT_TRY(const Carried carried, take_over(settings, lock));
  JournalOptions options;
  options.directory = settings.journal.directory;
  options.instance = settings.core.instance;
  options.epoch = carried.epoch;
  options.first_sequence = carried.first_sequence;
  options.created_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  options.boot_id = shm::this_process().boot_id;
  options.buffers = 4;
  options.flush_ns = 100'000;
  if (life.is_fenced) options.may_write = [watch = lock.watch()] { return watch.is_in_place(); };
  TT_TRY(JournalWriter journal, JournalWriter::create(options));
  TT_TRY(shm::CoreSegment core,
         shm::CoreSegment::create({settings.core, settings.shm, carried.epoch, carried.first_sequence, "kill_test"},
                                  std::move(lock)));
  shm::Gate* gate = core->events->add_gate("journal");
  TT_TRY(const auto control,
         shm::ControlSegment::create(settings.shm.directory, settings.core.instance, carried.epoch));
  CommandInbox inbox(*control, life.remembers ? std::span(carried.commands) : std::span<const SeenCommand>());
  TT_TRY_VOID(control->publish());
  TT_TRY_VOID(core.publish());
  shm::GatedReader reader(*core->events, *gate);
  JournalStage stage(reader, journal, [&core](std::uint64_t sequence) noexcept { core->run->set_durable(sequence); });
  shm::BasicStreamWriter<Copy, Protocol> writer(*core->events);
  // The event's sequence; 0 where nothing can be published any more.
  const auto append = [&](const Event& made) {
    Event event = made;
    std::uint64_t sequence = 0;
    while ((sequence = writer.append(event)) == 0 && !journal.is_fenced()) stage.do_work();
    return sequence;
  };
  const auto take_commands = [&](std::uint32_t looks) {
    Event command{};
    for (; looks > 0; --looks) {
      if (!inbox.poll(command, 0, 0)) continue;
      const std::uint64_t sequence = append(command);
      if (sequence == 0) return;
      linger<Copy>();
      inbox.taken(sequence);
    }
  };
  const InstrumentTable no_instruments;
  const auto preamble = to_events(make_preamble(settings, no_instruments, nullptr, carried.epoch), 0, 0);
  for (const Event& event : preamble) append(event);
  const std::uint64_t end = writer.next_sequence() + 1'000;
  while (!life.is_orderly || writer.next_sequence() < end ||
         (life.commands != nullptr && life.commands->has_senders())) {
    if (append(written_event(carried.epoch, writer.next_sequence())) == 0) return {};
    take_commands(1);
    if (writer.next_sequence() % 32 == 0) stage.do_work();
    if (writer.next_sequence() % 1'024 == 0) {
      control->reset_dead_slots();
      if (!core.segment().is_current()) return {};
    }
  }
  take_commands(shm::kControlSlots * shm::CommandQueue::kCells);  // what the senders left
  control->reset_dead_slots();
  TT_TRY_VOID(expect_whole_slots(settings, carried.epoch));
  while (reader.peek() != nullptr) stage.do_work();
  TT_TRY_VOID(journal.close());
  core.segment().mark_stopped();
  return {};
}

// A child of ours that ends with us.
template <class Body>
pid_t forked(Body&& body) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::_exit(body());
}

template <class Copy, class Protocol>
pid_t start_writer(const Settings& settings, const Life& life) {
  return forked([&] {
    const auto lived = live<Copy, Protocol>(settings, life);
    if (!lived && !std::is_same_v<Protocol, PublishesFirst>) {
      std::fprintf(stderr, "%s\n", lived.error().message().c_str());
    }
    return lived ? 0 : kCouldNotStart;
  });
}

// Another process that reads along, from segment to segment, checking nothing: it is there to be killed as well.
pid_t start_observer(const Settings& settings) {
  return forked([&] {
    while (true) {
      const auto view = shm::CoreView::open(settings.shm.directory, settings.core.instance);
      if (!view) {
        ::usleep(100);
        continue;
      }
      auto observer = shm::Observer::from_oldest(*(*view)->events);
      Event event;
      while (view->segment().is_current()) {
        for (int turn = 0; turn < 256; ++turn) observer.next(event);
        ::usleep(100);  // the writers need the cores
      }
    }
    return 0;
  });
}

// Sends one command after another to whichever core lives, and the same one again to the next core where the last one died
// without an answer.
pid_t start_sender(const Settings& settings, CommandRecord& record) {
  return forked([&] {
    std::uint64_t id = 0;
    while (true) {
      ::usleep(100);  // the writers need the cores
      const auto core = shm::CoreView::open(settings.shm.directory, settings.core.instance);
      if (!core) continue;
      auto client =
          shm::ControlClient::open(settings.shm.directory, settings.core.instance, core->segment().header().epoch);
      if (!client) continue;
      bool is_queued = false;
      while (core->segment().is_current()) {
        if (id == 0) {
          id = record.new_id();
          if (id == 0) return 0;
          record.note(id, CommandRecord::kSent);
          is_queued = false;
        }
        if (!is_queued) is_queued = client->send(CommandKind::resume, id) == shm::Offered::queued;
        if (const auto reply = client->reply_to(id)) {
          if (reply->answer == shm::CommandAnswer::refused) record.count_refused();
          record.note(id, CommandRecord::kAnswered);
          id = 0;
        } else {
          ::usleep(50);
        }
      }
    }
  });
}

int ended(pid_t pid) {
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status;
}

// Asks without waiting, and without taking the answer from ended().
bool has_ended(pid_t pid) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

void kill_and_wait(pid_t pid) {
  ::kill(pid, SIGKILL);
  ended(pid);
}

struct Tally {
  std::uint64_t kills = 0;
  std::uint64_t mid_write = 0;
  std::uint64_t corrupt = 0;
  std::uint64_t lost = 0;
  std::uint64_t events = 0;  // in the journals
  std::uint64_t commands = 0;  // answered
  std::string line() const {
    return fmt::format("kills {}, mid-write {}, corrupt {}, lost {}", kills, mid_write, corrupt, lost);
  }
};

// An instance and what was seen of it: the last event that each epoch published.
class Instance {
 public:
  Instance(const std::string& folder, const std::string& name) : settings_(settings_of(folder, name)) {}
  const Settings& settings() const noexcept { return settings_; }
  CommandRecord& commands() noexcept { return commands_; }

  // Whether the name leads to another file than when the last writer died.
  bool has_new_segment() const {
    struct stat status{};
    return ::stat(segment_path().c_str(), &status) == 0 && status.st_ino != inode_;
  }

  // What the dead writer left: a reader of the living one may have seen as much.
  void note_published(Tally& tally) {
    const auto view = shm::CoreView::open(settings_.shm.directory, settings_.core.instance);
    if (!view) return;
    struct stat status{};
    if (::stat(segment_path().c_str(), &status) == 0) inode_ = status.st_ino;
    const std::uint32_t epoch = view->segment().header().epoch;
    const shm::Stream& events = *(*view)->events;
    const std::uint64_t head = events.head();
    const shm::Cell& next = events.cells()[(head + 1) & (events.capacity() - 1)];
    Event there;
    shm::WordCopy::load(there, reinterpret_cast<const shm::Word*>(&next));
    const bool is_complete = next.sequence() == head + 1;
    const bool was_touched = there.time_ns != 0 || head + 1 >= events.first_sequence() + events.capacity();
    const bool is_new =
        published_.insert_or_assign(epoch, Published{events.first_sequence(), head + (is_complete ? 1 : 0)}).second;
    // The rest died before their segment had its name.
    if (is_new) tally.mid_write += is_complete || (next.sequence() == 0 && was_touched);
  }

  // Every published event once, in order, as it was written, and every command that was answered once: by all journals of the
  // instance.
  void check(Tally& tally) const {
    const std::string folder = journal_folder(settings_.journal.directory, settings_.core.instance);
    auto reader = JournalReader::open(folder);
    if (!reader) {
      ++tally.corrupt;
      return;
    }
    std::map<std::uint32_t, std::uint64_t> recorded;
    std::map<std::uint64_t, std::uint64_t> times_taken;  // commands by id
    std::uint64_t last = 0;
    for (Event event; reader->poll(event); last = event.sequence) {
      const std::uint32_t epoch = reader->header().epoch;
      ++tally.events;
      // Before the first segment of all had its name there was nothing that could be lost, and a number may be skipped.
      if (event.sequence != last + 1 && last != 0) ++tally.corrupt;
      if (event.type == EventType::tick && !same_bytes(event, written_event(epoch, event.sequence))) ++tally.corrupt;
      if (event.type == EventType::command) ++times_taken[event.as<Command>().command_id];
      recorded[epoch] = event.sequence;
    }
    if (reader->error()) ++tally.corrupt;
    for (const auto& [epoch, published] : published_) {
      const auto found = recorded.find(epoch);
      const std::uint64_t until = found == recorded.end() ? published.first - 1 : found->second;
      if (until < published.last) tally.lost += published.last - until;
      if (until > published.last) ++tally.corrupt;  // what nobody published
    }
    tally.corrupt += commands_.refused();
    for (std::uint64_t id = 1; id < CommandRecord::kIdsMax && commands_.state(id) != CommandRecord::kUnused; ++id) {
      const bool is_answered = commands_.state(id) == CommandRecord::kAnswered;
      const auto taken = times_taken.extract(id);
      const std::uint64_t times = taken.empty() ? 0 : taken.mapped();
      tally.commands += is_answered;
      if (is_answered && times == 0) ++tally.lost;
      if (times > 1) tally.corrupt += times - 1;
    }
    tally.corrupt += times_taken.size();  // what nobody sent
  }

 private:
  Settings settings_;
  struct Published {
    std::uint64_t first, last;  // sequences; last = first - 1 where there is none
  };
  std::string segment_path() const { return settings_.shm.directory + "/thintail-" + settings_.core.instance; }

  std::map<std::uint32_t, Published> published_;  // by epoch
  CommandRecord commands_;
  ino_t inode_ = 0;
};

// The campaign's result, which main() prints after everything else.
std::string& last_line() {
  static std::string line;
  return line;
}

// Kills `kills` processes. A new instance begins every few hundred, so that the folders stay short.
template <class Protocol>
Tally campaign(std::uint64_t kills, bool remembers = true) {
  constexpr std::uint64_t kKillsOfInstance = 250;
  Tally tally;
  std::mt19937_64 random(20'161'014);
  while (tally.kills < kills) {
    const TempFolder folder(kMemoryFolder);
    Instance instance(folder.path(), "kill");
    const std::uint64_t until = std::min(kills, tally.kills + kKillsOfInstance);
    const Life life{.remembers = remembers, .commands = &instance.commands()};
    pid_t observer = start_observer(instance.settings());
    std::array<pid_t, 2> senders{};
    for (pid_t& sender : senders) sender = start_sender(instance.settings(), instance.commands());
    bool could_start = true;
    while (tally.kills < until && could_start) {
      const bool is_slow = random() % 2 == 0;
      const pid_t writer = is_slow ? start_writer<SlowWordCopy, Protocol>(instance.settings(), life)
                                   : start_writer<shm::WordCopy, Protocol>(instance.settings(), life);
      // Half of them die at any point of their start or soon after it, the others while they publish.
      if (random() % 2 == 0) {
        ::usleep(static_cast<useconds_t>(random() % 6'000));
      } else {
        eventually([&] { return instance.has_new_segment() || has_ended(writer); });
        ::usleep(static_cast<useconds_t>(random() % 2'000));
      }
      // While the writer lives, mostly in the middle of a command.
      if (tally.kills + 1 < until && random() % 4 == 0) {
        pid_t& sender = senders[random() % senders.size()];
        kill_and_wait(sender);
        ++tally.kills;
        sender = start_sender(instance.settings(), instance.commands());
      }
      ::kill(writer, SIGKILL);
      could_start = WIFSIGNALED(ended(writer));
      tally.corrupt += !could_start;
      ++tally.kills;
      instance.note_published(tally);
      if (tally.kills < until && random() % 8 == 0) {
        kill_and_wait(observer);
        ++tally.kills;
        observer = start_observer(instance.settings());
      }
    }
    kill_and_wait(observer);
    // The last one takes over what the last killed one left, and ends in order once the senders are gone.
    if (could_start) {
      Life last = life;
      last.is_orderly = true;
      const pid_t writer = start_writer<shm::WordCopy, shm::CellProtocol>(instance.settings(), last);
      eventually([&] { return instance.has_new_segment() || has_ended(writer); });
      ::usleep(2'000);
      for (const pid_t sender : senders) kill_and_wait(sender);
      instance.commands().senders_have_ended();
      const int status = ended(writer);
      tally.corrupt += !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
      instance.note_published(tally);
    } else {
      for (const pid_t sender : senders) kill_and_wait(sender);
    }
    instance.check(tally);
  }
  return tally;
}

TEST(KillCampaign, notices_a_journal_that_lacks_what_was_published) {
  const TempFolder folder(kMemoryFolder);
  Instance instance(folder.path(), "cut");
  const int status = ended(start_writer<shm::WordCopy, shm::CellProtocol>(instance.settings(), {.is_orderly = true}));
  ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  Tally whole;
  instance.note_published(whole);
  instance.check(whole);
  EXPECT_EQ(whole.corrupt + whole.lost, 0u) << whole.line();
  EXPECT_GT(whole.events, 1'000u);

  instance.commands().note(instance.commands().new_id(), CommandRecord::kAnswered);
  Tally without_command;
  instance.check(without_command);
  EXPECT_EQ(without_command.lost, 1u) << "a command was answered and never taken";

  const std::string path = journal_path(instance.settings().journal.directory, "cut", 1);
  auto bytes = file_bytes(path);
  bytes.resize(bytes.size() / 2);
  write_file(path, bytes);
  Tally cut;
  instance.check(cut);
  EXPECT_GT(cut.lost, 0u) << cut.line();
}

TEST(KillCampaign, a_writer_that_publishes_before_the_payload_is_caught) {
  const Tally tally = campaign<PublishesFirst>(200);
  fmt::print("publish before payload: {}\n", tally.line());
  EXPECT_GT(tally.corrupt + tally.lost, 0u);
}

TEST(KillCampaign, a_core_that_forgets_the_commands_before_its_restart_is_caught) {
  const Tally tally = campaign<shm::CellProtocol>(400, false);
  fmt::print("forgets commands: {}\n", tally.line());
  EXPECT_GT(tally.corrupt, 0u);
}

TEST(KillCampaign, no_kill_corrupts_or_loses_a_published_event_or_an_accepted_command) {
  const char* const asked = std::getenv("THINTAIL_KILLS");
  const std::uint64_t kills = asked != nullptr ? std::strtoull(asked, nullptr, 10) : is_long_run() ? 100'000 : 2'000;
  const Tally tally = campaign<shm::CellProtocol>(kills);
  EXPECT_EQ(tally.kills, kills);
  EXPECT_EQ(tally.corrupt, 0u);
  EXPECT_EQ(tally.lost, 0u);
  EXPECT_GT(tally.mid_write, kills / 100);
  EXPECT_GT(tally.events, kills);
  EXPECT_GT(tally.commands, kills / 10);
  fmt::print("{} events in the journals, {} commands answered\n", tally.events, tally.commands);
  last_line() = tally.line();
}

// How much more of its journal a writer acknowledged after it was replaced while it stood still.
//
// A writer that stands still holds its lock: it is not taken for dead. Whoever takes the lock's file away regardless gets a
// segment of its own, and the one that wakes up writes on into its old one, sees that its place is taken, and ends.
void replace_a_stopped_writer(bool is_fenced, std::uint64_t& acknowledged_late) {
  const TempFolder folder(kMemoryFolder);
  const Settings settings = settings_of(folder.path(), "stop");
  const pid_t stopped = start_writer<shm::WordCopy, shm::CellProtocol>(settings, {.is_fenced = is_fenced});
  std::optional<shm::CoreView> old;
  ASSERT_TRUE(eventually([&] {
    if (!old) {
      if (auto view = shm::CoreView::open(settings.shm.directory, "stop")) old.emplace(*std::move(view));
    }
    return old && (*old)->events->head() > 5'000;
  }));
  ::kill(stopped, SIGSTOP);
  int status = 0;
  ASSERT_EQ(::waitpid(stopped, &status, WUNTRACED), stopped);
  ASSERT_TRUE(WIFSTOPPED(status));
  for (int attempt = 0; attempt < 100; ++attempt) {
    const auto refused = shm::WriterLock::acquire(settings.shm.directory, "stop");
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::shm_held);
  }
  EXPECT_TRUE(old->segment().is_current());

  const auto paths = shm::segment_paths(settings.shm.directory, "stop");
  ASSERT_TRUE(paths.has_value());
  std::filesystem::remove(paths->lock);
  auto lock = shm::WriterLock::acquire(settings.shm.directory, "stop");
  ASSERT_TRUE(lock.has_value()) << lock.error().message();
  const auto carried = take_over(settings, *lock);
  ASSERT_TRUE(carried.has_value()) << carried.error().message();
  EXPECT_EQ(carried->epoch, 2u);
  EXPECT_TRUE(carried->replaced_a_live_writer);
  const std::string journal = journal_path(settings.journal.directory, "stop", 1);
  const auto recovered = file_bytes(journal);
  const std::uint64_t old_durable = (*old)->run->durable();
  auto core = shm::CoreSegment::create({settings.core, settings.shm, 2, carried->first_sequence, "kill_test"},
                                       *std::move(lock));
  ASSERT_TRUE(core.has_value()) << core.error().message();
  ASSERT_TRUE(core->publish().has_value());
  shm::StreamWriter writer(*(*core)->events);
  for (int i = 0; i < 100; ++i) {
    Event event = written_event(2, writer.next_sequence());
    writer.append(event);
  }
  EXPECT_FALSE(old->segment().is_current());
  const auto bytes_of = [](shm::Segment& segment) {
    const auto* first = reinterpret_cast<const std::byte*>(&segment.header());
    return std::vector<std::byte>(first, first + segment.header().segment_bytes);
  };
  const auto before = bytes_of(core->segment());
  const std::uint64_t old_head = (*old)->events->head();

  ::kill(stopped, SIGCONT);
  status = ended(stopped);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  if (!is_fenced) {
    EXPECT_GT((*old)->events->head(), old_head) << "it never woke up to write: the test shows nothing";
  }
  EXPECT_EQ(bytes_of(core->segment()), before) << "writes of the old epoch landed in the new segment";
  EXPECT_EQ(old->segment().header().epoch, 1u);
  EXPECT_EQ(old->segment().state(), shm::SegmentState::retired);
  EXPECT_EQ(file_bytes(journal), recovered) << "writes of the old epoch landed in what was recovered";
  acknowledged_late = (*old)->run->durable() - old_durable;
}

TEST(StoppedWriter, is_never_reaped_and_never_reaches_segment_or_journal_of_its_replacement) {
  std::uint64_t acknowledged_late = 0;
  replace_a_stopped_writer(true, acknowledged_late);
  EXPECT_EQ(acknowledged_late, 0u);
}

TEST(StoppedWriter, mutant_whose_journal_does_not_ask_acknowledges_what_nobody_will_read) {
  std::uint64_t acknowledged_late = 0;
  replace_a_stopped_writer(false, acknowledged_late);
  EXPECT_GT(acknowledged_late, 0u);
}

}  // namespace
}  // namespace thintail::test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const int result = RUN_ALL_TESTS();
  if (!thintail::test::last_line().empty()) fmt::print("{}\n", thintail::test::last_line());
  return result;
}
