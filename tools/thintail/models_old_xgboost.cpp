// SPDX-License-Identifier: Apache-2.0
#include "tools/thintail/models_old_xgboost.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/base/whole_file.hpp"
#include "ml/models/decision_trees.hpp"
#include "ml/models/xgboost_binary.hpp"
#include "tools/thintail/child_program.hpp"

namespace thintail {
namespace {

// A folder that is ours alone, gone at the end.
class PrivateFolder {
 public:
  static Result<PrivateFolder> make() {
    std::error_code fault;
    std::string name = (std::filesystem::temp_directory_path(fault) / "thintail-convert-XXXXXX").string();
    if (fault || ::mkdtemp(name.data()) == nullptr) {
      return fail({.code = ErrorCode::file_unwritable,
                   .doing = "making a folder for a converted model",
                   .file = name,
                   .expected = "a place for temporary files",
                   .found = errno_text(fault ? fault.value() : errno)});
    }
    return PrivateFolder(std::move(name));
  }
  PrivateFolder(PrivateFolder&& from) noexcept : path_(std::exchange(from.path_, {})) {}
  PrivateFolder& operator=(PrivateFolder&&) = delete;
  ~PrivateFolder() {
    std::error_code ignored;  // nothing could be done about it
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }

  std::string at(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  explicit PrivateFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace

Result<std::string> without_old_xgboost(const std::string& path, std::string bytes) {
  if (!is_xgboost_binary(bytes)) return bytes;
  TT_TRY(const std::string program, find_program("thintail-train"));
  TT_TRY(const PrivateFolder folder, PrivateFolder::make());
  // What was hashed is what is converted, whatever becomes of the file meanwhile.
  const std::string copy = folder.at("old.model");
  const std::string json = folder.at("model.json");
  TT_TRY_VOID(replace_file(copy, bytes, "copying a model"));
  auto converted = run_program(program, {"--convert", copy, "--out", json}, [](std::string_view) {});
  if (!converted) {
    Error error = std::move(converted).error();
    error.doing = "converting an old XGBoost model: " + error.doing;
    error.file = path;
    return std::unexpected(std::move(error));
  }
  return read_whole_file(json, model_reading("reading a converted model"));
}

}  // namespace thintail
