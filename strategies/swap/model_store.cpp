// SPDX-License-Identifier: Apache-2.0
#include "strategies/swap/model_store.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "core/base/whole_file.hpp"
#include "ml/models/decision_trees.hpp"
#include "ml/pack/pack_container.hpp"

namespace thintail {

ModelStore ModelStore::beside(std::string_view journals) {
  return ModelStore((std::filesystem::path(journals) / "models").string());
}

std::string ModelStore::path_of(const Sha256Digest& digest) const {
  return (std::filesystem::path(directory_) / (to_hex(digest) + ".ttm")).string();
}

bool ModelStore::has(const Sha256Digest& digest) const {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path_of(digest), ignored);
}

Result<void> ModelStore::keep(std::string_view bytes, const std::string& file) const {
  TT_TRY(const pack::Container container, pack::open_container(bytes, file));
  if (has(container.digest)) return {};
  std::error_code failed;
  std::filesystem::create_directories(directory_, failed);
  if (failed) {
    return fail({.code = ErrorCode::file_unwritable,
                 .doing = "making the folder of the models that the journal names",
                 .file = directory_,
                 .expected = "a folder, or the permission to make it",
                 .found = failed.message()});
  }
  return replace_file(path_of(container.digest), bytes, "keeping a model that the journal names");
}

Result<void> ModelStore::keep_file(const std::string& path, const Sha256Digest& digest) const {
  if (has(digest)) return {};
  TT_TRY(const std::string bytes, read_whole_file(path, model_reading("keeping a model that the journal names")));
  TT_TRY(const pack::Container container, pack::open_container(bytes, path));
  if (container.digest != digest) {
    return fail({.code = ErrorCode::model_hash_mismatch,
                 .doing = "keeping a model that the journal names",
                 .file = path,
                 .expected = fmt::format("{}, which was loaded from it", to_hex(digest)),
                 .found = to_hex(container.digest)});
  }
  return keep(bytes, path);
}

}  // namespace thintail
