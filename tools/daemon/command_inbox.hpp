// SPDX-License-Identifier: Apache-2.0
// CommandInbox: operators' commands on their way into the one order of events: each id once, and each answered.
//   path     hot: poll() with nothing there
//   threads  the engine's
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "core/event/payloads.hpp"
#include "shm/control/control_segment.hpp"
#include "tools/daemon/recovery.hpp"

namespace thintail {

class CommandInbox {
 public:
  // `seen`: commands of the run before, which a sender may still repeat.
  CommandInbox(shm::ControlSegment& control, std::span<const SeenCommand> seen) noexcept : control_(&control) {
    for (const SeenCommand& command : seen) remember(command);
  }

  // True: `out` is a command that the engine is to take; taken() tells that it has. Until then the same one comes again.
  TT_HOT bool poll(Event& out, std::int64_t time_ns, unsigned flags) noexcept {
    if (!is_pending_ && !control_->poll(command_)) [[likely]]
      return false;
    return offer(out, time_ns, flags);
  }
  void taken(std::uint64_t sequence) noexcept {
    remember({command_.command_id, sequence});
    control_->answer(command_, shm::CommandAnswer::applied, sequence);
    is_pending_ = false;
  }

 private:
  TT_COLD bool offer(Event& out, std::int64_t time_ns, unsigned flags) noexcept {
    for (const SeenCommand& seen : seen_) {
      if (is_pending_ || seen.command_id != command_.command_id) continue;
      control_->answer(command_, shm::CommandAnswer::repeated, seen.sequence);
      return false;
    }
    is_pending_ = true;
    // Who asked is known by the slot, which the kernel's lock gave out, and not by anything that the client says.
    const auto actor = static_cast<std::uint16_t>(command_.slot + 1);
    out = Event::make(time_ns, kNoInstrument, Command{command_.command_id, command_.kind, actor, 0, {}}, flags);
    return true;
  }
  void remember(const SeenCommand& command) noexcept {
    seen_[next_] = command;
    next_ = next_ + 1 == seen_.size() ? 0 : next_ + 1;
  }

  shm::ControlSegment* control_;
  shm::ReceivedCommand command_{};
  bool is_pending_ = false;
  std::array<SeenCommand, kCommandsRemembered> seen_{};  // a ring; an id of 0 is none
  std::size_t next_ = 0;
};

}  // namespace thintail
