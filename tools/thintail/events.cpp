// SPDX-License-Identifier: Apache-2.0
// `thintail events`: what a running core publishes, or a journal holds, line by line; the core does not notice.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <limits>
#include <memory>
#include <thread>

#include "adapters/journal/journal_reader.hpp"
#include "shm/stream/observer.hpp"
#include "tools/monitor/core_sample.hpp"
#include "tools/monitor/event_line.hpp"
#include "tools/report/report_text.hpp"
#include "tools/thintail/commands.hpp"

namespace thintail {
namespace {

volatile std::sig_atomic_t g_interrupted = 0;
void on_interrupt(int) { g_interrupted = 1; }

struct EventsArguments {
  std::string instance = "default";
  std::string directory = "/dev/shm";
  std::string journal;
  std::vector<std::string> types;
  std::string instrument;
  std::string from;
  std::uint64_t count = 0;
  bool follow = false;
  bool json = false;
};

enum class Start : std::uint8_t { oldest, latest, sequence };

struct From {
  Start start = Start::oldest;
  std::uint64_t sequence = 0;
};

Result<From> from_of(const EventsArguments& arguments) {
  const std::string& text = arguments.from;
  if (text.empty()) return From{arguments.follow ? Start::latest : Start::oldest, 0};
  if (text == "oldest") return From{Start::oldest, 0};
  if (text == "latest") return From{Start::latest, 0};
  From from{Start::sequence, 0};
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), from.sequence);
  if (fault == std::errc{} && end == text.data() + text.size() && from.sequence > 0) return from;
  return fail({.code = ErrorCode::usage,
               .doing = "reading --from",
               .expected = "oldest, latest or a sequence number",
               .found = '"' + printable(text) + '"'});
}

Error unknown_instrument(const std::string& wanted, const std::vector<std::string>& known) {
  std::vector<std::string> shown;
  for (const std::string& name : known) shown.push_back(printable(name));
  return {
      .code = ErrorCode::instrument_unknown,
      .doing = "choosing events by --instrument",
      .expected = shown.empty() ? "an instrument that was told of" : fmt::format("one of {}", fmt::join(shown, ", ")),
      .found = '"' + printable(wanted) + '"'};
}

// Prints the events that were asked for, until there were enough of them.
class Printer {
 public:
  Printer(const EventsArguments& arguments, TypeFilter types) : arguments_(&arguments), types_(types) {}

  // False once no more are wanted.
  bool take(const Event& event, const InstrumentNames& names) {
    if (!types_.takes(event.type)) return true;
    const std::string_view name = names.of(event.instrument);
    if (!arguments_->instrument.empty() && !is_instrument(name, arguments_->instrument)) return true;
    fmt::print("{}\n", arguments_->json ? event_json(event, name) : event_line(event, name));
    return ++printed_ != arguments_->count;
  }

  void missed(std::uint64_t count, std::uint64_t next_sequence) {
    if (arguments_->json) {
      fmt::print("{{\"missed\":{},\"next_sequence\":{}}}\n", count, next_sequence);
    } else {
      fmt::print("-- missed {} events: overwritten before we read them; on with {}\n", grouped(count), next_sequence);
    }
  }

  // What was printed reaches its reader before we wait.
  Result<void> flush() {
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return {};
    return fail({.code = ErrorCode::file_unwritable, .doing = "printing events", .found = errno_text(errno)});
  }

 private:
  const EventsArguments* arguments_;
  TypeFilter types_;
  std::uint64_t printed_ = 0;
};

InstrumentNames names_of(const shm::CoreView& core) {
  InstrumentNames names;
  for (std::uint64_t id = 0; id < core->instruments->size(); ++id) {
    names.set(static_cast<std::uint32_t>(id), std::string((*core->instruments)[id].name.view()));
  }
  return names;
}

shm::Observer observer_from(const shm::Stream& stream, From from) {
  switch (from.start) {
    case Start::latest: return shm::Observer::from_latest(stream);
    case Start::sequence: return shm::Observer::from_sequence(stream, from.sequence);
    case Start::oldest: break;
  }
  return shm::Observer::from_oldest(stream);
}

Result<ExitCode> events_of_core(const EventsArguments& arguments, From from, Printer printer) {
  TT_TRY(CoreWatch watch, CoreWatch::open(arguments.directory, arguments.instance));
  InstrumentNames names = names_of(watch.core());
  if (!arguments.instrument.empty()) {
    const auto all = names.all();
    if (std::ranges::none_of(all, [&](const auto& name) { return is_instrument(name, arguments.instrument); })) {
      return fail(unknown_instrument(arguments.instrument, all));
    }
  }
  shm::Observer observer = observer_from(*watch.core()->events, from);
  // Without --follow: what was published when we came. One more than head, which a writer killed in an append leaves one short.
  const std::uint64_t last =
      arguments.follow ? std::numeric_limits<std::uint64_t>::max() : watch.core()->events->head() + 1;
  auto next_look = std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
  unsigned empty_turns = 0;
  while (g_interrupted == 0) {
    // Asked before the drain: what a core appended until it stopped is read first.
    const bool has_stopped = watch.core().segment().state() == shm::SegmentState::stopped;
    Event event;
    for (auto seen = observer.next(event); seen != shm::Observed::nothing; seen = observer.next(event)) {
      empty_turns = 0;
      if (seen == shm::Observed::lapped) {
        printer.missed(observer.missed(), observer.next_sequence());
        continue;
      }
      if (event.sequence > last || !printer.take(event, names) || g_interrupted != 0) {
        TT_TRY_VOID(printer.flush());
        return ExitCode::ok;
      }
    }
    TT_TRY_VOID(printer.flush());
    if (arguments.follow ? has_stopped : observer.next_sequence() >= last || ++empty_turns > 100) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(arguments.follow ? 5 : 1));
    if (std::chrono::steady_clock::now() < next_look) continue;
    next_look = std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
    // All of the old epoch has been read; all of the new one is new.
    if (arguments.follow && watch.follow()) {
      names = names_of(watch.core());
      const shm::Stream& stream = *watch.core()->events;
      observer = shm::Observer::from_sequence(stream, stream.first_sequence());
    }
    if (watch.refusal()) return fail(*watch.refusal());
  }
  return ExitCode::ok;
}

Result<ExitCode> events_of_journal(const EventsArguments& arguments, From from, Printer printer) {
  TT_TRY(JournalReader reader, JournalReader::open(arguments.journal));
  InstrumentNames names;
  bool is_known = arguments.instrument.empty();
  bool is_before = from.start == Start::latest;  // of what was there when we came
  while (g_interrupted == 0) {
    Event event;
    while (reader.poll(event)) {
      names.take(event);
      is_known = is_known || is_instrument(names.of(event.instrument), arguments.instrument);
      const bool is_early = is_before || (from.start == Start::sequence && event.sequence < from.sequence);
      if ((!is_early && !printer.take(event, names)) || g_interrupted != 0) {
        TT_TRY_VOID(printer.flush());
        return ExitCode::ok;
      }
    }
    TT_TRY_VOID(printer.flush());
    if (reader.error()) return fail(*reader.error());
    is_before = false;
    if (!arguments.follow || reader.closed()) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  if (!is_known) return fail(unknown_instrument(arguments.instrument, names.all()));
  if (reader.torn()) fmt::print(stderr, "note: {}\n", reader.torn()->message());
  return ExitCode::ok;
}

Result<ExitCode> events(const EventsArguments& arguments) {
  TT_TRY(const From from, from_of(arguments));
  TT_TRY(const TypeFilter types, TypeFilter::parse(arguments.types));
  struct sigaction action{};
  action.sa_handler = on_interrupt;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  const Printer printer(arguments, types);
  return arguments.journal.empty() ? events_of_core(arguments, from, printer)
                                   : events_of_journal(arguments, from, printer);
}

}  // namespace

void add_events(CLI::App& app, Action& chosen) {
  auto* command = app.add_subcommand("events", "Prints what a running core publishes, or a journal holds");
  auto arguments = std::make_shared<EventsArguments>();
  command->add_option("--instance", arguments->instance, "Which core");
  command->add_option("--shm-directory", arguments->directory, "Where its segment lies");
  command->add_option("--journal", arguments->journal,
                      "A journal file or an instance's folder of them instead of a core");
  command->add_option("--type", arguments->types, "Only these types, e.g. intent,fill,position")->type_name("TYPE,...");
  command->add_option("--instrument", arguments->instrument, "Only this instrument's, e.g. XAUUSD or XAUUSD@oanda");
  command->add_option("--from", arguments->from, "oldest (default), latest (default with --follow), or a sequence");
  command->add_option("--count", arguments->count, "End after this many; 0: no limit");
  command->add_flag("--follow", arguments->follow, "Go on with what comes, through restarts, until the core stops");
  command->add_flag("--json", arguments->json, "One JSON object a line");
  command->callback([arguments, &chosen] { chosen = [arguments] { return events(*arguments); }; });
}

}  // namespace thintail
