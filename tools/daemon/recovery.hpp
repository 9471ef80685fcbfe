// SPDX-License-Identifier: Apache-2.0
// Recovery: what a starting daemon takes over from the epoch before: the events that only its shared memory still holds
// go into its journal, numbers go on, positions are carried.
//   path    cold: before the new segment appears
//   source  CONTRACTS "Restart"
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "core/base/error.hpp"
#include "core/config/settings.hpp"
#include "core/event/payloads.hpp"
#include "shm/segment/writer_lock.hpp"

namespace thintail {

struct Carried {
  std::uint32_t epoch = 1;  // of the new run
  std::uint64_t first_sequence = 1;  // of its events
  std::uint64_t recovered_events = 0;  // moved from the old segment into the journal
  bool after_power_loss = false;  // no segment of this boot and no orderly end
  std::map<std::string, Position> positions;  // by instrument name; flat ones left out
};

// REQUIRES: `lock` is the instance's.
Result<Carried> take_over(const Settings& settings, const shm::WriterLock& lock);

}  // namespace thintail
