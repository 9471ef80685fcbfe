// SPDX-License-Identifier: Apache-2.0
#include "tools/thintail/demo_serve.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>

#include "shm/control/replay_pace.hpp"
#include "strategies/model/decision_model_file.hpp"
#include "tools/daemon/daemon.hpp"
#include "tools/thintail/child_program.hpp"
#include "tools/thintail/daemon_run.hpp"
#include "tools/thintail/run_options.hpp"

namespace thintail {
namespace {

Result<Companion> start_gateway(const ServedDemo& demo) {
  TT_TRY(const std::string program, find_program("thintail-gateway"));
  const Settings& settings = demo.settings;
  std::vector<std::string> arguments = {"--instance",
                                        settings.core.instance,
                                        "--shm-directory",
                                        settings.shm.directory,
                                        "--journal-directory",
                                        settings.journal.directory,
                                        "--state-directory",
                                        demo.folder + "/gateway",
                                        "--unix",
                                        demo.folder + "/gateway.sock",
                                        "--port",
                                        fmt::format("{}", demo.port),
                                        "--replay-speed",
                                        demo.speed,
                                        "--print-code",
                                        "admin",
                                        "--end-with-parent"};
  if (demo.model) arguments.insert(arguments.end(), {"--model", settings.model.path});
  return Companion::start(program, arguments);
}

// What the replay begins with, until somebody sets another pace.
Result<shm::PaceWord> first_pace(const std::string& speed) {
  TT_TRY(const Pace pace, Pace::parse(speed));
  const double thousandths = pace.multiple() * 1e3;
  if (thousandths >= shm::PaceWord::kThousandthsMin && thousandths <= shm::PaceWord::kThousandthsMax) {
    return shm::PaceWord{.speed_thousandths = static_cast<std::uint32_t>(std::lround(thousandths))};
  }
  return fail({.code = ErrorCode::usage,
               .doing = "reading --speed",
               .expected = "0.1x to 100000x for a demo that is served",
               .found = speed});
}

// One pass over the ticks. Positions, latches and the journal go on from the pass before, as they do in any restart.
Result<void> play_once(const ServedDemo& demo, const shm::ReplayPace& pace, Companion& gateway) {
  InstrumentTable instruments(demo.settings.core.instruments_max);
  TT_TRY(const auto feed, DaemonFeed::open(demo.source, demo.speed, demo.from_ns, instruments));
  feed->steer(pace);
  TT_TRY_VOID(check_feed(demo.settings, demo.model, feed->contents(), instruments, describe(demo.source)));
  DaemonOptions options;
  options.settings = demo.settings;
  options.instruments = &instruments;
  options.model = demo.model ? &*demo.model : nullptr;
  if (demo.model) {
    options.decode_model = [isa = demo.isa, set = demo.model->features](std::string_view bytes,
                                                                        const std::string& file) {
      return decode_decision_model(bytes, file, isa, set);
    };
  }
  options.isa = demo.isa;
  options.next_tick = [&](Event& out) { return feed->next(out); };
  options.feed_has_ended = [&] { return feed->has_ended(); };
  TT_TRY(const auto daemon, Daemon::create(std::move(options)));
  TT_TRY_VOID(watch(*daemon, [&] {
    if (!gateway.is_running()) daemon->request_stop();
  }));
  if (was_asked_to_stop() || !gateway.is_running()) daemon->remove_segment();
  if (feed->error()) return fail(*feed->error());
  return {};
}

}  // namespace

Result<ExitCode> serve_demo(const ServedDemo& demo) {
  fmt::print("A replay at {}, over and over, on paper. Ctrl-C ends it.\n", demo.speed);
  TT_TRY(const shm::PaceWord start, first_pace(demo.speed));
  TT_TRY(const auto pace, shm::ReplayPace::create(demo.settings.shm.directory, demo.settings.core.instance, start,
                                                  demo.from_ns, demo.to_ns));
  TT_TRY(Companion gateway, start_gateway(demo));
  while (true) {
    TT_TRY_VOID(play_once(demo, *pace, gateway));
    if (was_asked_to_stop() || !gateway.is_running()) break;
    pace->begin_anew();
  }
  if (was_asked_to_stop()) return ExitCode::ok;
  return fail({.code = ErrorCode::child_failed,
               .doing = "serving the demo",
               .expected = "the gateway to go on",
               .found = "it has ended; its own lines say why"});
}

}  // namespace thintail
