// SPDX-License-Identifier: Apache-2.0
// VectorPack: its sections put together, and taken apart again.
#include "ml/pack/vector_pack.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "ml/pack/pack_sections.hpp"

namespace thintail::pack {

namespace {

Result<void> check_sections(const Container& container, std::string_view file) {
  const auto is_called = [&](std::size_t index, std::string_view name) {
    return index < container.sections.size() && container.sections[index].name == name;
  };
  const bool is_network = is_called(1, "network");
  const std::array<std::string_view, 3> expected = {"meta", is_network ? "network" : "trees", "golden"};
  for (std::size_t index = 0; index < std::max(expected.size(), container.sections.size()); ++index) {
    if (index < expected.size() && is_called(index, expected[index])) continue;
    return refuse(file, "directory", fmt::format("[{}]", index), kDirectoryAt + kEntryBytes * index,
                  index < expected.size() ? fmt::format("section {}", expected[index]) : "the end of it",
                  index < container.sections.size() ? printable(container.sections[index].name) : "none");
  }
  return {};
}

Result<std::string> encode_checked(std::string_view meta, std::string_view model_name, std::string_view model,
                                   std::string_view golden, std::string_view file) {
  const std::array<Section, 3> sections = {Section{.name = "meta", .bytes = meta},
                                           Section{.name = std::string(model_name), .bytes = model},
                                           Section{.name = "golden", .bytes = golden}};
  std::string out = encode_container(Kind::vector, sections);
  // What cannot be read back, a file beyond a bound for one, must not be written.
  TT_TRY_VOID(decode_any_vector_pack(out, file));
  return out;
}

Result<void> check_steps(std::uint64_t steps, std::string found, std::string_view file) {
  if (steps <= kGoldenStepsMax / kGoldenRowsMin) return {};
  return fail(
      {.code = ErrorCode::model_unsupported,
       .doing = "making a model pack",
       .file = std::string(file),
       .field = "steps",
       .expected = fmt::format("trees x levels, or multiplications, up to {}", kGoldenStepsMax / kGoldenRowsMin),
       .found = std::move(found)});
}

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
  TT_TRY_VOID(check_steps(trees.roots.size() * (trees.depth_max + 1ULL),
                          fmt::format("{} trees of {} levels", trees.roots.size(), trees.depth_max + 1ULL), file));
  // The golden outputs come from the plainest layout; decoding compares this CPU's own with them.
  const TreeEnsemble evaluated = TreeEnsemble::from_trees(trees, origin.source_sha256, Isa::scalar);
  return encode_checked(encode_meta(trees, origin), "trees", encode_trees(trees), encode_golden(trees, evaluated),
                        file);
}

Result<std::string> encode_vector_pack(const NetworkSource& network, const Origin& origin, std::string_view file) {
  const std::uint64_t steps = network_steps(network.spec);
  TT_TRY_VOID(check_steps(steps, fmt::format("{}", steps), file));
  TT_TRY(const Network evaluated, make_network(network, Isa::scalar, std::string(file)));
  return encode_checked(encode_meta(network, origin), "network", encode_network(network), encode_golden(evaluated),
                        file);
}

Result<AnyVectorPack> decode_any_vector_pack(std::string_view bytes, std::string_view file, Isa isa) {
  TT_TRY(const Container container, open_container(bytes, file));
  if (container.kind != Kind::vector) {
    return refuse(file, "header", "kind", kKindAt, "vector", std::string(kind_name(container.kind)),
                  ErrorCode::pack_kind);
  }
  TT_TRY_VOID(check_sections(container, file));
  if (container.sections[1].name == "network") {
    TT_TRY(NetworkSource source, decode_network(container.sections[1], file));
    TT_TRY(Origin origin, decode_meta(container.sections[0], file, source));
    TT_TRY(Network network, make_network(source, isa, std::string(file)));
    TT_TRY(const std::uint32_t rows, check_golden(container.sections[2], file, network, network_steps(source.spec)));
    return NetworkPack{.origin = std::move(origin),
                       .source = std::move(source),
                       .network = std::move(network),
                       .digest = container.digest,
                       .golden_rows = rows,
                       .file_bytes = bytes.size()};
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

Result<VectorPack> decode_vector_pack(std::string_view bytes, std::string_view file, Isa isa) {
  TT_TRY(AnyVectorPack any, decode_any_vector_pack(bytes, file, isa));
  if (auto* trees = std::get_if<VectorPack>(&any)) return std::move(*trees);
  return refuse(file, "directory", "[1]", kDirectoryAt + kEntryBytes, "section trees", "network", ErrorCode::pack_kind);
}

Result<VectorPack> load_vector_pack(const std::string& path, Isa isa) {
  TT_TRY(const std::string bytes, read_whole_file(path, model_reading("reading a model pack")));
  return decode_vector_pack(bytes, path, isa);
}

}  // namespace thintail::pack
