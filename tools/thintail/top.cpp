// SPDX-License-Identifier: Apache-2.0
// `thintail top`: a running core on a terminal, drawn ten times a second; the core does not notice.
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "tools/monitor/core_sample.hpp"
#include "tools/monitor/frame.hpp"
#include "tools/monitor/keys.hpp"
#include "tools/monitor/screen.hpp"
#include "tools/monitor/terminal.hpp"
#include "tools/thintail/commands.hpp"

namespace thintail {
namespace {

constexpr std::chrono::milliseconds kFrameTime{100};
constexpr unsigned kNoteFrames = 50;  // 5 s

struct TopArguments {
  std::string instance = "default";
  std::string directory = "/dev/shm";
  bool once = false;
};

ExitCode print_page(CoreWatch& core) {
  const CoreSample earlier = core.sample();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));  // long enough for rates
  FrameOptions options;
  options.is_page = true;
  options.width = 132;  // room for every column
  for (const FrameLine& line : render_frame(core.sample(), earlier, options)) fmt::print("{}\n", line.text);
  return ExitCode::ok;
}

void draw(Terminal& terminal, Screen& screen, const SampleWindow& window, FrameOptions& options) {
  const TerminalSize size = terminal.size();
  options.width = size.columns;
  options.height = size.rows;
  terminal.write(screen.update(render_frame(window.newest(), window.earlier(), options)));
}

Result<ExitCode> top(const TopArguments& arguments) {
  TT_TRY(CoreWatch core, CoreWatch::open(arguments.directory, arguments.instance));
  if (arguments.once) return print_page(core);
  TT_TRY(Terminal terminal, Terminal::open());
  Screen screen;
  SampleWindow window;
  FrameOptions options;
  unsigned note_frames = 0;
  while (!terminal.is_to_end()) {
    const auto next_frame = std::chrono::steady_clock::now() + kFrameTime;
    if (core.follow()) {
      options.note = fmt::format("attached to epoch {}", core.core().segment().header().epoch);
      note_frames = kNoteFrames;
    }
    if (note_frames > 0 && --note_frames == 0) options.note.clear();
    if (!options.is_paused) window.add(core.sample());
    if (terminal.was_resized()) screen.invalidate();
    draw(terminal, screen, window, options);
    // A key shows at once; the next look at the core keeps its time.
    while (!terminal.is_to_end()) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(next_frame - std::chrono::steady_clock::now());
      if (left.count() <= 0) break;
      const std::optional<char> key = terminal.key(left);
      if (!key) continue;
      if (!apply_key(*key, options)) return ExitCode::ok;
      draw(terminal, screen, window, options);
    }
  }
  return ExitCode::ok;
}

}  // namespace

void add_top(CLI::App& app, Action& chosen) {
  auto* command = app.add_subcommand("top", "A running core on the terminal: threads, streams, latencies, positions");
  auto arguments = std::make_shared<TopArguments>();
  command->add_option("--instance", arguments->instance, "Which core");
  command->add_option("--shm-directory", arguments->directory, "Where its segment lies");
  command->add_flag("--once", arguments->once, "Print one page without control codes, for pipes");
  command->footer("Keys: q quit, p pause, s sort quotes, / filter by name, h help.");
  command->callback([arguments, &chosen] { chosen = [arguments] { return top(*arguments); }; });
}

}  // namespace thintail
