// SPDX-License-Identifier: Apache-2.0
// ModelStore: the packs that a journal's Model events name, each kept under its digest, so that journal and store together replay.
//   path       cold
//   invariant  a pack is on disk before any event names it, and a file of the store is never rewritten with other bytes.
#pragma once

#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "core/base/hash.hpp"

namespace thintail {

class ModelStore {
 public:
  explicit ModelStore(std::string directory) : directory_(std::move(directory)) {}
  // In the folder that the journals of an instance lie in.
  static ModelStore beside(std::string_view journals);

  // Keeps a pack; nothing is written where it is there already. `file` names the bytes in errors.
  Result<void> keep(std::string_view bytes, const std::string& file) const;
  // The same from a file, which must still hold what `digest` says: somebody may have replaced it since it was loaded.
  Result<void> keep_file(const std::string& path, const Sha256Digest& digest) const;

  std::string path_of(const Sha256Digest& digest) const;
  bool has(const Sha256Digest& digest) const;

 private:
  std::string directory_;
};

}  // namespace thintail
