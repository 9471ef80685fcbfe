// SPDX-License-Identifier: Apache-2.0
// KillLatch: a kill that no core could take, on disk until the next one starts: the file `kill.latch` in the instance's journal folder.
//   path       cold: before the new segment appears; after the kill stands in its journal
//   invariant  write_kill_latch() returns once the file survives a power loss. A file that cannot be read is a kill too.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "adapters/journal/journal_files.hpp"
#include "core/base/error.hpp"

namespace thintail {

struct KillLatch {
  std::uint64_t command_id = 0;  // the sender's; 0: the file does not say
  std::int64_t time_ns = 0;  // when it was asked for, UTC
  std::string by;  // who asked
};

inline std::string kill_latch_path(const std::string& journal_directory, const std::string& instance) {
  return journal_folder(journal_directory, instance) + "/kill.latch";
}

// Makes the folder where it is missing. A latch that is there already is replaced: a second kill is no less of one.
Result<void> write_kill_latch(const std::string& journal_directory, const std::string& instance,
                              const KillLatch& latch);
// Nothing where there is no file.
std::optional<KillLatch> read_kill_latch(const std::string& journal_directory, const std::string& instance);
// REQUIRES: the kill stands in the journal, durably, or was reset.
Result<void> remove_kill_latch(const std::string& journal_directory, const std::string& instance);

}  // namespace thintail
