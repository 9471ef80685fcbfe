// SPDX-License-Identifier: Apache-2.0
// FeatureDump: the feature rows of one instrument as files: F.npy (f32 [rows][lanes]), F.times.npy (i64 ns, engine time of
// each row) and F.json (set, hash, lanes, how often each was undefined).
//   path       warm: add()
//   invariant  equal rows give equal files, whoever made them. F.npy stands last: where it is, the others are.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "ml/features/feature_engine.hpp"
#include "tools/report/npy_writer.hpp"

namespace thintail {

class FeatureDump {
 public:
  // REQUIRES: `set` outlives the dump. Refuses a path that does not end in .npy.
  static Result<FeatureDump> create(const std::string& path, const FeatureSet& set);

  void add(std::int64_t time_ns, const FeatureRow& row) noexcept;

  // `instrument` and `source` (the input files) are told in the JSON. Refuses to write nothing.
  Result<void> finish(const std::string& instrument, const std::vector<std::string>& source);

  std::uint64_t rows() const noexcept { return rows_; }
  // Rows in which every mandatory lane is defined.
  std::uint64_t complete_rows() const noexcept { return complete_rows_; }
  // Names of the lanes that no row has defined.
  std::vector<std::string_view> never_defined() const;
  const std::string& path() const noexcept { return path_; }

 private:
  FeatureDump(std::string path, const FeatureSet& set, NpyWriter values, NpyWriter times);
  std::string sidecar(const std::string& instrument, const std::vector<std::string>& source) const;

  std::string path_;
  const FeatureSet* set_;
  NpyWriter values_;
  NpyWriter times_;
  std::vector<std::uint64_t> undefined_;  // by lane
  LaneMask mandatory_;
  std::uint64_t rows_ = 0;
  std::uint64_t complete_rows_ = 0;
};

// "x/f.npy", ".times.npy" -> "x/f.times.npy".
std::string beside(const std::string& npy_path, const std::string& ending);

}  // namespace thintail
