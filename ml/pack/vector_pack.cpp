// SPDX-License-Identifier: Apache-2.0
// VectorPack: its sections put together, and taken apart again.
#include "ml/pack/vector_pack.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "ml/pack/pack_sections.hpp"

namespace thintail::pack {

namespace {

constexpr std::array<std::string_view, 3> kSections = {"meta", "trees", "golden"};

}  // namespace

Result<DecisionTrees> read_library_model(std::string_view bytes, std::string_view file) {
  if (bytes.starts_with("tree\n") || bytes.starts_with("tree\r\n")) return read_lightgbm_text(bytes, file);
  if (bytes.starts_with('{')) {
    // JSON goes on with a key or a space, Universal Binary JSON with a length.
    const bool is_json = bytes.size() > 1 && std::string_view("\" \t\r\n}").find(bytes[1]) != std::string_view::npos;
    return is_json ? read_xgboost_json(bytes, file) : read_xgboost_ubj(bytes, file);
  }
  return fail({.code = ErrorCode::model_unsupported,
               .doing = "telling a model's format by its first bytes",
               .file = std::string(file),
               .field = "byte 0",
               .expected =
                   "XGBoost JSON or UBJ ('{'), or LightGBM text (\"tree\"); the old binary form of XGBoost must "
                   "be saved again as JSON",
               .found = printable(bytes.substr(0, 16))});
}

Result<std::string> encode_vector_pack(const DecisionTrees& trees, const Origin& origin, std::string_view file) {
  const std::uint64_t steps = std::uint64_t{kGoldenRowsMin} * trees.roots.size() * (trees.depth_max + 1ULL);
  if (steps > kGoldenStepsMax) {
    return fail({.code = ErrorCode::model_unsupported,
                 .doing = "making a model pack",
                 .file = std::string(file),
                 .field = "trees",
                 .expected = fmt::format("trees x levels up to {}", kGoldenStepsMax / kGoldenRowsMin),
                 .found = fmt::format("{} trees of {} levels", trees.roots.size(), trees.depth_max + 1ULL)});
  }
  // The golden outputs come from the plainest layout; decode() compares this CPU's own with them.
  const TreeEnsemble evaluated = TreeEnsemble::from_trees(trees, origin.source_sha256, Isa::scalar);
  const std::string meta = encode_meta(trees, origin);
  const std::string forest = encode_trees(trees);
  const std::string golden = encode_golden(trees, evaluated);
  const std::array<Section, 3> sections = {Section{.name = "meta", .bytes = meta},
                                           Section{.name = "trees", .bytes = forest},
                                           Section{.name = "golden", .bytes = golden}};
  std::string out = encode_container(Kind::vector, sections);
  // What cannot be read back, a file beyond a bound for one, must not be written.
  TT_TRY_VOID(decode_vector_pack(out, file));
  return out;
}

Result<VectorPack> decode_vector_pack(std::string_view bytes, std::string_view file, Isa isa) {
  TT_TRY(const Container container, open_container(bytes, file));
  if (container.kind != Kind::vector) {
    return refuse(file, "header", "kind", 44, "vector", std::string(kind_name(container.kind)),
                  ErrorCode::model_unsupported);
  }
  for (std::size_t index = 0; index < std::max(kSections.size(), container.sections.size()); ++index) {
    const bool is_there = index < container.sections.size();
    if (is_there && index < kSections.size() && container.sections[index].name == kSections[index]) continue;
    return refuse(file, "directory", fmt::format("[{}]", index), 64 + 32 * index,
                  index < kSections.size() ? fmt::format("section {}", kSections[index]) : "the end of it",
                  is_there ? printable(container.sections[index].name) : "none");
  }
  DecisionTrees trees;
  TT_TRY(Origin origin, decode_meta(container.sections[0], file, trees));
  TT_TRY_VOID(decode_trees(container.sections[1], file, trees));
  TreeEnsemble evaluated = TreeEnsemble::from_trees(trees, container.digest, isa);
  TT_TRY(const std::uint32_t rows, check_golden(container.sections[2], file, evaluated));
  return VectorPack{.origin = std::move(origin),
                    .trees = std::move(evaluated),
                    .sum_type = trees.sum_type,
                    .node_count = static_cast<std::uint32_t>(trees.nodes.size()),
                    .golden_rows = rows,
                    .file_bytes = bytes.size()};
}

Result<VectorPack> load_vector_pack(const std::string& path, Isa isa) {
  TT_TRY(const std::string bytes, read_whole_file(path, model_reading("reading a model pack")));
  return decode_vector_pack(bytes, path, isa);
}

}  // namespace thintail::pack
