// SPDX-License-Identifier: Apache-2.0
// Recovery: what a starting daemon takes over from the epoch before: the events that only its shared memory still holds
// go into its journal, numbers go on, positions are carried.
//   path    cold: before the new segment appears
//   source  CONTRACTS "Restart"
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/config/settings.hpp"
#include "core/event/payloads.hpp"
#include "shm/segment/writer_lock.hpp"
#include "strategies/pipeline/preamble.hpp"

namespace thintail {

// A command that was carried out: its id, and the sequence of its event.
struct SeenCommand {
  std::uint64_t command_id = 0;
  std::uint64_t sequence = 0;
};
inline constexpr std::size_t kCommandsRemembered = 1024;

struct Carried {
  std::uint32_t epoch = 1;  // of the new run
  std::uint64_t first_sequence = 1;  // of its events
  std::uint64_t recovered_events = 0;  // moved from the old segment into the journal
  bool replaced_a_live_writer = false;  // its lock's file had been taken away; its journal has another file now
  bool after_power_loss = false;  // no segment of this boot and no orderly end
  std::map<std::string, Position> positions;  // by instrument name; flat ones left out
  CommandLatches latches;  // a kill or a pause outlives the process
  std::vector<SeenCommand> commands;  // the newest kCommandsRemembered of the last runs, oldest first
};

// REQUIRES: `lock` is the instance's.
Result<Carried> take_over(const Settings& settings, const shm::WriterLock& lock);

}  // namespace thintail
