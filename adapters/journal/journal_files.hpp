// SPDX-License-Identifier: Apache-2.0
// Where journals live: <directory>/<instance>/journal-<epoch>.ttj, one file for each epoch of an instance.
//   path       cold
//   invariant  a file of that name always has a whole, durable header: it is written under another name first.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "adapters/journal/unique_fd.hpp"
#include "core/base/error.hpp"
#include "core/journal_format/journal_header.hpp"

namespace thintail {

std::string journal_folder(const std::string& directory, const std::string& instance);
std::string journal_path(const std::string& directory, const std::string& instance, std::uint32_t epoch);

struct JournalFileName {
  std::string path;
  std::uint32_t epoch = 0;
};

// The journals of an instance's folder by ascending epoch; files of other names are passed over. Empty where there are none
// or no such folder.
Result<std::vector<JournalFileName>> list_journals(const std::string& folder);

// Makes the folders that are missing, then the file with its header, and makes all of it durable. Refuses an epoch that
// has a journal already: file_unwritable.
Result<UniqueFd> create_journal(const std::string& directory, const JournalHeader& header);

}  // namespace thintail
