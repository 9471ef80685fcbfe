// SPDX-License-Identifier: Apache-2.0
// What a pack's meta section says of trees and networks; and the meta section of kind `vector`.
#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <vector>

#include "ml/models/number_text.hpp"
#include "ml/pack/meta_text.hpp"
#include "ml/pack/pack_sections.hpp"

namespace thintail::pack {

namespace {

std::string_view sum_type_name(SumType type) noexcept { return type == SumType::float32 ? "float32" : "float64"; }

Result<void> read_base_margins(const MetaText& meta, const std::string& key, std::uint64_t groups,
                               DecisionTrees& trees) {
  TT_TRY(const std::vector<std::string> texts, meta.texts(key, kModelOutputsMax));
  if (texts.size() != groups)
    return meta.no(key, fmt::format("{} numbers as texts, one a group", groups), fmt::format("{}", texts.size()));
  for (const std::string& text : texts) {
    double margin = 0;
    const bool is_number = parse_number(text, margin) && std::isfinite(margin);
    const bool fits = is_number && (trees.sum_type == SumType::float64 ||
                                    (std::abs(margin) <= static_cast<double>(std::numeric_limits<float>::max()) &&
                                     static_cast<double>(static_cast<float>(margin)) == margin));
    if (!fits) return meta.no(key, fmt::format("finite numbers of {}", sum_type_name(trees.sum_type)), printable(text));
    trees.base_margins.push_back(margin);
  }
  return {};
}

std::string origin_lines(const Origin& origin) {
  return fmt::format(
      "kind = \"vector\"\n"
      "producer = {}\n"
      "source = {}\n"
      "source_sha256 = \"{}\"\n",
      meta_quoted(origin.producer), meta_quoted(origin.source), to_hex(origin.source_sha256));
}

Result<Origin> read_origin(const MetaText& meta) {
  Origin out;
  TT_TRY(const std::string kind, meta.text("kind"));
  if (kind != "vector") return meta.no("kind", "\"vector\", as in the header", printable(kind));
  TT_TRY(out.producer, meta.text("producer"));
  TT_TRY(out.source, meta.text("source"));
  TT_TRY(out.source_sha256, meta.digest("source_sha256"));
  return out;
}

}  // namespace

std::string tree_lines(const DecisionTrees& trees) {
  std::vector<std::string> margins;
  margins.reserve(trees.base_margins.size());
  for (const double margin : trees.base_margins) margins.push_back(fmt::format("{}", margin));
  // A leaf's type is its sum's: leaves are rounded to it by the library that saved them.
  return fmt::format(
      "objective = {}\n"
      "leaf_type = \"{}\"\n"
      "sum_type = \"{}\"\n"
      "features = {}\n"
      "groups = {}\n"
      "averaged_over = {}\n"
      "base_margins = {}\n",
      meta_quoted(trees.objective), sum_type_name(trees.sum_type), sum_type_name(trees.sum_type), trees.feature_count,
      trees.base_margins.size(), trees.averaged_over, meta_list(margins));
}

Result<void> read_tree_lines(const MetaText& meta, const std::string& prefix, DecisionTrees& trees) {
  TT_TRY(trees.objective, meta.text(prefix + "objective"));
  TT_TRY(const std::string sum, meta.text(prefix + "sum_type"));
  if (sum != "float32" && sum != "float64") return meta.no(prefix + "sum_type", "float32 or float64", printable(sum));
  trees.sum_type = sum == "float32" ? SumType::float32 : SumType::float64;
  TT_TRY(const std::uint64_t features, meta.integer(prefix + "features", 1, kModelFeaturesMax));
  trees.feature_count = static_cast<std::uint32_t>(features);
  TT_TRY(const std::uint64_t groups, meta.integer(prefix + "groups", 1, kModelOutputsMax));
  TT_TRY(const std::uint64_t averaged_over, meta.integer(prefix + "averaged_over", 1, kModelTreesMax));
  trees.averaged_over = static_cast<std::uint32_t>(averaged_over);
  return read_base_margins(meta, prefix + "base_margins", groups, trees);
}

std::string network_lines(const NetworkSource& network) {
  return fmt::format(
      "precision = \"{}\"\n"
      "features = {}\n"
      "groups = {}\n",
      network.ranges ? "int8" : "float32", network.spec.inputs, network.spec.outputs());
}

std::string encode_meta(const DecisionTrees& trees, const Origin& origin) {
  return origin_lines(origin) + tree_lines(trees);
}

std::string encode_meta(const NetworkSource& network, const Origin& origin) {
  return origin_lines(origin) + network_lines(network);
}

Result<Origin> decode_meta(const Section& section, std::string_view file, DecisionTrees& trees) {
  TT_TRY(const MetaText meta, MetaText::read(section, file, kMetaBytesMax));
  TT_TRY(Origin origin, read_origin(meta));
  TT_TRY_VOID(read_tree_lines(meta, "", trees));
  TT_TRY_VOID(check_canonical(section, file, encode_meta(trees, origin)));
  return origin;
}

Result<Origin> decode_meta(const Section& section, std::string_view file, const NetworkSource& network) {
  TT_TRY(const MetaText meta, MetaText::read(section, file, kMetaBytesMax));
  TT_TRY(Origin origin, read_origin(meta));
  TT_TRY_VOID(check_canonical(section, file, encode_meta(network, origin)));
  return origin;
}

}  // namespace thintail::pack
