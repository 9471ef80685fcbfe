// SPDX-License-Identifier: Apache-2.0
#include "tools/report/feature_dump.hpp"

#include <bit>
#include <nlohmann/json.hpp>

#include "core/base/hash.hpp"

namespace thintail {

static_assert(std::endian::native == std::endian::little, "rows are written as they lie in memory");

std::string beside(const std::string& npy_path, const std::string& ending) {
  return npy_path.substr(0, npy_path.size() - std::string_view(".npy").size()) + ending;
}

Result<FeatureDump> FeatureDump::create(const std::string& path, const FeatureSet& set) {
  if (!path.ends_with(".npy") || path.ends_with("/.npy") || path == ".npy") {
    return fail({.code = ErrorCode::usage,
                 .doing = "writing features",
                 .file = path,
                 .expected = "a file name that ends in .npy",
                 .found = '"' + printable(path) + '"'});
  }
  TT_TRY(NpyWriter values, NpyWriter::create(path, "<f4", set.lanes().size()));
  TT_TRY(NpyWriter times, NpyWriter::create(beside(path, ".times.npy"), "<i8", 0));
  return FeatureDump(path, set, std::move(values), std::move(times));
}

FeatureDump::FeatureDump(std::string path, const FeatureSet& set, NpyWriter values, NpyWriter times)
    : path_(std::move(path)),
      set_(&set),
      values_(std::move(values)),
      times_(std::move(times)),
      undefined_(set.lanes().size()),
      mandatory_(set.mandatory()) {}

void FeatureDump::add(std::int64_t time_ns, const FeatureRow& row) noexcept {
  const std::size_t lanes = undefined_.size();
  values_.append(row.values.data(), lanes * sizeof(float));
  times_.append(&time_ns, sizeof time_ns);
  ++rows_;
  complete_rows_ += row.defined.contains(mandatory_) ? 1 : 0;
  for (std::size_t word = 0; word * 64 < lanes; ++word) {
    const std::size_t used = lanes - word * 64;
    const std::uint64_t mask = used >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << used) - 1;
    for (std::uint64_t bits = ~row.defined.words[word] & mask; bits != 0; bits &= bits - 1) {
      ++undefined_[word * 64 + static_cast<std::size_t>(std::countr_zero(bits))];
    }
  }
}

std::vector<std::string_view> FeatureDump::never_defined() const {
  std::vector<std::string_view> names;
  for (std::size_t lane = 0; lane < undefined_.size(); ++lane) {
    if (undefined_[lane] == rows_) names.emplace_back(set_->lanes()[lane].name);
  }
  return names;
}

Result<void> FeatureDump::finish(const std::string& instrument, const std::vector<std::string>& source) {
  if (rows_ == 0) {
    return fail({.code = ErrorCode::no_ticks,
                 .doing = "writing features",
                 .file = path_,
                 .expected = "at least one row",
                 .found = "none"});
  }
  TT_TRY_VOID(values_.finish(rows_));
  TT_TRY_VOID(times_.finish(rows_));
  TT_TRY_VOID(write_text_file(beside(path_, ".json"), sidecar(instrument, source)));
  TT_TRY_VOID(times_.commit());
  return values_.commit();
}

std::string FeatureDump::sidecar(const std::string& instrument, const std::vector<std::string>& source) const {
  nlohmann::ordered_json lanes = nlohmann::ordered_json::array();
  for (std::size_t lane = 0; lane < undefined_.size(); ++lane) {
    const FeatureInfo& info = set_->lanes()[lane];
    lanes.push_back({{"name", info.name}, {"unit", info.unit}, {"undefined", undefined_[lane]}});
  }
  const nlohmann::ordered_json json{{"schema", "thintail-feature-rows/1"},
                                    {"set", set_->name()},
                                    {"set_hash", to_hex(set_->hash())},
                                    {"instrument", instrument},
                                    {"source", source},
                                    {"rows", rows_},
                                    {"values", "f32 little-endian [rows][lanes], NaN = undefined"},
                                    {"times", "i64 little-endian [rows], engine time in UTC ns, in .times.npy"},
                                    {"lanes", std::move(lanes)}};
  return json.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace thintail
