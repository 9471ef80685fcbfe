// SPDX-License-Identifier: Apache-2.0
// Packs of kind `vector`: a model comes back to the bit, and no damaged or hostile file is taken for a model.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>

#include "core/base/whole_file.hpp"
#include "ml/pack/pack_sections.hpp"
#include "ml/pack/vector_pack.hpp"
#include "tests/support/data.hpp"
#include "tests/support/networks.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/xgboost_model.hpp"

namespace thintail {
namespace {

using pack::VectorPack;
using test::Json;
using test::make_model;
using test::make_row;

const pack::Origin kOrigin{.producer = "thintail test", .source = "XGBoost 1.7", .source_sha256 = sha256("model")};

// Two features; zero counts as missing in the second.
constexpr std::string_view kLightgbm =
    "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=1\nobjective=regression\n\n"
    "Tree=0\nnum_leaves=3\nnum_cat=0\nsplit_feature=0 1\nthreshold=0.5 -1.25\ndecision_type=2 6\nleft_child=1 -1\n"
    "right_child=-3 -2\nleaf_value=1.5 -0.1 0.30000000000000004\n\n"
    "Tree=1\nnum_leaves=1\nnum_cat=0\nleaf_value=0.25\n\nend of trees\n";

DecisionTrees read(std::string_view bytes) {
  auto trees = pack::read_library_model(bytes, "model");
  if (!trees) throw std::runtime_error(trees.error().message());
  return *trees;
}

std::string packed(const DecisionTrees& trees) {
  auto bytes = pack::encode_vector_pack(trees, kOrigin, "model");
  if (!bytes) throw std::runtime_error(bytes.error().message());
  return *bytes;
}

const std::string& small_pack() {
  static const std::string kBytes = packed(read(make_model({.trees = 2, .depth = 2, .features = 1}).dump()));
  return kBytes;
}

Result<VectorPack> decode(std::string_view bytes) { return pack::decode_vector_pack(bytes, "small.ttm"); }

// What a forger does: the digest of what the file now holds.
std::string signed_again(std::string bytes) {
  const Sha256Digest digest = sha256(std::string_view(bytes).substr(40));
  std::memcpy(bytes.data() + 8, digest.data(), digest.size());
  return bytes;
}

template <class T>
std::string with(std::string bytes, std::uint64_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
  return signed_again(bytes);
}

std::uint64_t offset_of(std::string_view bytes, std::size_t section) {
  std::uint64_t offset = 0;
  std::memcpy(&offset, bytes.data() + 64 + 32 * section + 16, sizeof offset);
  return offset;
}

void refused(const std::string& bytes, ErrorCode code, std::string_view field) {
  const auto model = decode(bytes);
  ASSERT_FALSE(model) << field;
  EXPECT_EQ(model.error().code, code) << model.error().message();
  EXPECT_EQ(model.error().field, field) << model.error().message();
  EXPECT_EQ(model.error().file, "small.ttm");
  EXPECT_NE(model.error().expected, "");
  EXPECT_NE(model.error().found, "");
}

void expect_equal_bits(const TreeEnsemble& ours, const TreeEnsemble& theirs, int rows) {
  ASSERT_EQ(ours.feature_count(), theirs.feature_count());
  ASSERT_EQ(ours.output_count(), theirs.output_count());
  EXPECT_EQ(ours.averaged_over(), theirs.averaged_over());
  EXPECT_EQ(ours.objective(), theirs.objective());
  std::mt19937_64 random(7);
  std::vector<double> left(ours.output_count());
  std::vector<double> right(ours.output_count());
  for (int i = 0; i < rows; ++i) {
    const auto row = make_row(static_cast<int>(ours.feature_count()), random);
    ours.margins(row.data(), left.data());
    theirs.margins(row.data(), right.data());
    ASSERT_EQ(std::memcmp(left.data(), right.data(), left.size() * sizeof(double)), 0) << i;
  }
}

TEST(PackVector, an_xgboost_model_comes_back_to_the_bit_from_json_and_from_ubj) {
  for (const int depth : {0, 1, 4, 10}) {
    const Json json = make_model({.trees = 40, .depth = depth, .features = 9, .seed = 3});
    const std::vector<std::uint8_t> ubj = Json::to_ubjson(json);
    for (const std::string& bytes : {json.dump(), std::string(ubj.begin(), ubj.end())}) {
      const DecisionTrees trees = read(bytes);
      EXPECT_EQ(trees.saved_by, "XGBoost 1.7");
      for (const Isa isa : {Isa::scalar, best_isa()}) {
        const auto model = pack::decode_vector_pack(packed(trees), "m.ttm", isa);
        ASSERT_TRUE(model) << model.error().message();
        EXPECT_EQ(model->golden_rows, 256U);
        expect_equal_bits(model->trees, TreeEnsemble::from_trees(trees, {}, isa), 2'000);
        std::mt19937_64 random(9);
        for (int i = 0; i < 500; ++i) {
          const auto row = make_row(9, random);
          ASSERT_EQ(model->trees.margin(row.data()), test::naive_margin(json, row, 0.5F)) << i;
        }
      }
    }
  }
}

TEST(PackVector, a_lightgbm_model_comes_back_with_its_doubles_and_its_zeros_as_missing) {
  const DecisionTrees trees = read(kLightgbm);
  EXPECT_EQ(trees.saved_by, "LightGBM text v4");
  ASSERT_EQ(trees.zero_is_missing, std::vector<std::uint32_t>{1});
  const auto model = decode(packed(trees));
  ASSERT_TRUE(model) << model.error().message();
  EXPECT_EQ(model->sum_type, SumType::float64);
  expect_equal_bits(model->trees, TreeEnsemble::from_trees(trees, {}), 2'000);
  const std::vector<float> row = {0.75F, 0};
  double out = 0;
  model->trees.margins(row.data(), &out);
  EXPECT_EQ(out, 0.30000000000000004 + 0.25);
}

TEST(PackVector, a_real_multiclass_model_comes_back_to_the_bit) {
  const std::filesystem::path path = test::data_dir() / "models/gbdt/lgmulticlass.model";
  TT_REQUIRE_DATA(path);
  std::ifstream in(path);
  const DecisionTrees trees = read(std::string{std::istreambuf_iterator<char>(in), {}});
  const auto model = decode(packed(trees));
  ASSERT_TRUE(model) << model.error().message();
  EXPECT_EQ(model->trees.output_count(), 5U);
  expect_equal_bits(model->trees, TreeEnsemble::from_trees(trees, {}), 2'000);
}

TEST(PackVector, one_model_gives_one_file_and_says_where_it_came_from) {
  const DecisionTrees trees = read(make_model({}).dump());
  EXPECT_EQ(packed(trees), packed(trees));
  const auto model = decode(packed(trees));
  ASSERT_TRUE(model) << model.error().message();
  EXPECT_EQ(model->origin.producer, "thintail test");
  EXPECT_EQ(model->origin.source, "XGBoost 1.7");
  EXPECT_EQ(model->origin.source_sha256, sha256("model"));
}

TEST(PackVector, a_file_of_no_known_library_is_refused_by_its_first_bytes) {
  for (const std::string_view bytes : {"", "binf", "TTMPACK\n", "forest"}) {
    const auto trees = pack::read_library_model(bytes, "model.bin");
    ASSERT_FALSE(trees);
    EXPECT_EQ(trees.error().code, ErrorCode::model_unsupported);
    EXPECT_EQ(trees.error().field, "byte 0");
  }
}

TEST(PackVector, categories_come_back_to_the_bit) {
  DecisionTrees trees;
  trees.feature_count = 2;
  trees.base_margins = {0.5};
  trees.objective = "reg:squarederror";
  trees.depth_max = 1;
  trees.category_sets = {{.feature = 1, .cuts_first = false, .words = {0b1010, 1}},
                         {.feature = 0, .cuts_first = true, .words = {}}};
  trees.nodes = {{.value = 0.5, .feature = 2, .left = 1, .right = 2},
                 {.value = 3},
                 {.value = 4},
                 {.value = 0.5, .feature = 3, .left = 4, .right = 5, .default_left = true},
                 {.value = 8},
                 {.value = 16}};
  trees.roots = {0, 3};
  trees.groups = {0, 0};
  const std::string good = packed(trees);
  const auto model = decode(good);
  ASSERT_TRUE(model) << model.error().message();
  for (const float category : {0.0F, 1.0F, 2.0F, 3.0F, 32.0F, 33.0F, 64.0F, -1.0F}) {
    const bool is_in = category == 1.0F || category == 3.0F || category == 32.0F;
    const std::vector<float> row = {0.0F, category};
    EXPECT_EQ(model->trees.margin(row.data()), 0.5F + (is_in ? 4.0F : 3.0F) + 8.0F) << category;
  }
  // A word that is dropped when sets are made cannot stand at a set's end.
  std::uint32_t zero = 0;
  refused(with(good, offset_of(good, 1) + 16 + 6 * 20 + 2 * 8 + 2 * 12 + 6 + 4, zero), ErrorCode::model_invalid_tree,
          fmt::format("trees.category_sets[0] at byte {}", offset_of(good, 1) + 16 + 6 * 20 + 2 * 8 + 2 * 12 + 6 + 4));
}

// --- networks ----------------------------------------------------------------------------------------------------------

pack::NetworkSource every_layer_in(bool int8) {
  pack::NetworkSource source{.spec = test::every_layer(5), .ranges = {}};
  if (!int8) return source;
  const auto network = Network::make(source.spec, Isa::scalar);
  source.ranges = network->calibrate(test::RandomNetworks(6).numbers(std::size_t{64} * source.spec.inputs, 1.0F));
  return source;
}

std::string packed(const pack::NetworkSource& network) {
  auto bytes = pack::encode_vector_pack(network, kOrigin, "model");
  if (!bytes) throw std::runtime_error(bytes.error().message());
  return *bytes;
}

TEST(PackVector, a_network_of_every_layer_comes_back_to_the_bit_in_float32_and_in_int8) {
  for (const bool int8 : {false, true}) {
    const pack::NetworkSource source = every_layer_in(int8);
    const std::string bytes = packed(source);
    EXPECT_EQ(bytes, packed(source));
    for (const Isa isa : test::available_isas()) {
      const auto any = pack::decode_any_vector_pack(bytes, "net.ttm", isa);
      ASSERT_TRUE(any) << any.error().message();
      const auto& model = std::get<pack::NetworkPack>(*any);
      EXPECT_EQ(model.golden_rows, 256U);
      EXPECT_EQ(model.network.quantized_matrices() > 0, int8);
      EXPECT_EQ(pack::encode_network(model.source), pack::encode_network(source));
      const auto direct = pack::make_network(source, Isa::scalar, "");
      ASSERT_TRUE(direct);
      test::NetworkRun ours(model.network);
      test::NetworkRun theirs(*direct);
      const std::vector<float> rows = test::RandomNetworks(9).numbers(std::size_t{200} * source.spec.inputs, 1.0F);
      for (std::size_t at = 0; at < rows.size(); at += source.spec.inputs) {
        ASSERT_EQ(ours.step(rows.data() + at), theirs.step(rows.data() + at)) << at;
      }
    }
  }
}

TEST(PackVector, a_network_is_no_model_of_trees) {
  const auto model = decode(packed(every_layer_in(false)));
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::pack_kind);
}

TEST(PackVector, a_network_whose_bytes_are_cut_or_changed_is_refused_or_harmless) {
  const std::string good = packed(every_layer_in(true));
  std::mt19937_64 random(13);
  const auto open = [](const std::string& bytes) { return pack::decode_any_vector_pack(bytes, "net.ttm"); };
  ASSERT_TRUE(open(good));
  for (std::size_t size = 0; size < good.size(); size += 1 + random() % 997)
    ASSERT_FALSE(open(good.substr(0, size))) << size;
  // The records of layers and their counts, byte by byte; a sample of the weights.
  const std::uint64_t network = offset_of(good, 1);
  int refusals = 0;
  for (std::uint64_t at = network; at < network + 16 + 11 * 64; ++at) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ static_cast<char>(1U << random() % 8));
    refusals += !open(signed_again(bytes));
  }
  EXPECT_GT(refusals, 500);
  for (int i = 0; i < (test::is_long_run() ? 20'000 : 100); ++i) {
    std::string bytes = good;
    bytes[network + random() % (good.size() - network)] = static_cast<char>(random());
    (void)open(signed_again(bytes));
  }
}

TEST(PackVector, a_network_that_computes_something_else_than_its_golden_outputs_is_refused) {
  std::string bytes = packed(every_layer_in(false));
  const std::uint64_t last = bytes.size() - sizeof(double);
  double output = 0;
  std::memcpy(&output, bytes.data() + last, sizeof output);
  const auto model = pack::decode_any_vector_pack(with(bytes, last, std::nextafter(output, 1e9)), "net.ttm");
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::pack_golden_mismatch);
  EXPECT_EQ(model.error().field, fmt::format("golden.outputs[255][2] at byte {}", last));
}

// --- damage ------------------------------------------------------------------------------------------------------------

TEST(PackVector, a_cut_at_any_byte_is_refused_and_so_is_a_byte_more) {
  const std::string& good = small_pack();
  ASSERT_TRUE(decode(good)) << decode(good).error().message();
  for (std::size_t size = 0; size < good.size(); ++size) ASSERT_FALSE(decode(good.substr(0, size))) << size;
  EXPECT_FALSE(decode(good + '\0'));
}

TEST(PackVector, a_change_of_any_byte_is_refused) {
  std::string bytes = small_pack();
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const int change : {0x01, 0x80, 0xff}) {
      const char before = bytes[at];
      bytes[at] = static_cast<char>(before ^ change);
      ASSERT_FALSE(decode(bytes)) << at;
      bytes[at] = before;
    }
  }
  EXPECT_TRUE(decode(bytes));
}

// A forger signs again. What is still accepted must be a model that can be evaluated.
TEST(PackVector, a_change_that_is_signed_again_is_refused_or_harmless) {
  const std::string& good = small_pack();
  std::mt19937_64 random(11);
  int accepted = 0;
  int refusals = 0;
  const auto attempt = [&](const std::string& bytes) {
    const auto model = decode(signed_again(bytes));
    if (!model) {
      ++refusals;
      EXPECT_NE(model.error().field.find(" at byte "), std::string::npos) << model.error().message();
      return;
    }
    ++accepted;
    const std::vector<float> row(model->trees.feature_count(), 0.5F);
    std::vector<double> out(model->trees.output_count());
    model->trees.margins(row.data(), out.data());
    EXPECT_FALSE(std::isnan(out.front()));
  };
  for (std::size_t at = 40; at < good.size(); ++at) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ static_cast<char>(1U << random() % 8));
    attempt(bytes);
  }
  for (int i = 0; i < (test::is_long_run() ? 1'000'000 : 5'000); ++i) {
    std::string bytes = good;
    for (std::uint64_t edits = 1 + random() % 4; edits > 0; --edits) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    attempt(bytes);
  }
  EXPECT_GT(accepted, 100);
  EXPECT_GT(refusals, 100);
}

TEST(PackVector, another_version_or_kind_is_refused_by_name) {
  const std::string& good = small_pack();
  refused(with(good, 40, std::uint32_t{2}), ErrorCode::pack_version, "header.version at byte 40");
  refused(with(good, 44, std::uint32_t{2}), ErrorCode::pack_kind, "header.kind at byte 44");
  refused(with(good, 44, std::uint32_t{3}), ErrorCode::pack_kind, "header.kind at byte 44");
  refused("model" + good, ErrorCode::pack_damaged, "header.magic at byte 0");
  std::string unsigned_change = good;
  unsigned_change.back() ^= 1;
  refused(unsigned_change, ErrorCode::pack_damaged, "header.sha256 at byte 8");
}

TEST(PackVector, a_directory_that_lies_is_refused) {
  const std::string& good = small_pack();
  constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max();
  refused(with(good, 48, kHuge), ErrorCode::pack_damaged, "header.file_bytes at byte 48");
  refused(with(good, 56, std::uint32_t{0}), ErrorCode::pack_damaged, "header.section_count at byte 56");
  refused(with(good, 56, std::uint32_t{0xffff'ffff}), ErrorCode::pack_damaged, "header.section_count at byte 56");
  refused(with(good, 60, std::uint32_t{1}), ErrorCode::pack_damaged, "header.reserved at byte 60");
  refused(with(good, 64, 'M'), ErrorCode::pack_damaged, "directory.[0] at byte 64");
  refused(with(good, 64 + 15, 'M'), ErrorCode::pack_damaged, "directory.[0] at byte 64");
  for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{65}, kHuge, kHuge - 63}) {
    refused(with(good, 64 + 16, offset), ErrorCode::pack_damaged, "directory.[0] at byte 64");
  }
  refused(with(good, 64 + 24, kHuge), ErrorCode::pack_damaged, "directory.[0] at byte 64");
  refused(with(good, 64 + 64 + 24, std::uint64_t{16}), ErrorCode::pack_damaged, "directory at byte 64");
  refused(with(good, 64 + 96, 'x'), ErrorCode::pack_damaged, "padding at byte 160");
}

TEST(PackVector, a_meta_section_in_other_words_is_refused) {
  const std::string& good = small_pack();
  const std::uint64_t meta = offset_of(good, 0);
  const auto replaced = [&](std::string_view from, std::string_view to) {
    std::string bytes = good;
    const std::size_t at = bytes.find(from, meta);
    if (at == std::string::npos || from.size() != to.size()) throw std::runtime_error("nothing to replace");
    return signed_again(bytes.replace(at, from.size(), to));
  };
  const auto at_meta = [&](std::string_view key) { return fmt::format("meta.{} at byte {}", key, meta); };
  refused(replaced("kind = \"vector\"", "kind = \"events\""), ErrorCode::pack_damaged, at_meta("kind"));
  refused(replaced("groups = 1", "groups = 2"), ErrorCode::pack_damaged, at_meta("base_margins"));
  refused(replaced("features = 1", "features = 0"), ErrorCode::pack_damaged, at_meta("features"));
  refused(replaced("sum_type = \"float32\"", "sum_type = \"float16\""), ErrorCode::pack_damaged, at_meta("sum_type"));
  refused(replaced("[\"0.5\"]", "[\"nan\"]"), ErrorCode::pack_damaged, at_meta("base_margins"));
  refused(replaced("[\"0.5\"]", "[\"0.1\"]"), ErrorCode::pack_damaged, at_meta("base_margins"));  // no float32
  refused(replaced("kind = ", "kind\t= "), ErrorCode::pack_damaged, fmt::format("meta at byte {}", meta + 4));
}

TEST(PackVector, trees_that_are_none_are_refused_with_their_node_and_byte) {
  const std::string& good = small_pack();
  const std::uint64_t trees = offset_of(good, 1);
  std::uint32_t nodes = 0;
  std::memcpy(&nodes, good.data() + trees, sizeof nodes);
  ASSERT_GE(nodes, 4U);
  const std::uint64_t value = trees + 16;
  const std::uint64_t feature = value + 8 * nodes;
  const std::uint64_t left = feature + 4 * nodes;
  const std::uint64_t right = left + 4 * nodes;
  const std::uint64_t roots = right + 4 * nodes;
  const auto spoiled = [&](std::uint64_t at, auto to, std::string_view item) {
    refused(with(good, at, to), ErrorCode::model_invalid_tree, fmt::format("trees.{} at byte {}", item, at));
  };
  spoiled(left, std::uint32_t{0xffff'ffff}, "left[0]");
  spoiled(left, nodes, "left[0]");
  spoiled(right, std::uint32_t{0}, "right[0]");  // a cycle
  spoiled(right, std::uint32_t{1}, "right[0]");  // a child of two
  spoiled(feature, std::uint32_t{1}, "feature[0]");
  spoiled(value, std::numeric_limits<double>::quiet_NaN(), "value[0]");
  spoiled(value, 0.1, "value[0]");  // no float32
  spoiled(roots, std::uint32_t{1}, "roots[0]");
}

TEST(PackVector, counts_beyond_the_bounds_are_refused_before_anything_is_made_of_them) {
  const std::string& good = small_pack();
  const std::uint64_t trees = offset_of(good, 1);
  const std::uint64_t golden = offset_of(good, 2);
  constexpr std::uint32_t kMany = 0xffff'ffff;
  for (std::uint64_t field = 0; field < 4; ++field) {
    refused(with(good, trees + 4 * field, kMany), ErrorCode::model_unsupported,
            fmt::format("trees.counts at byte {}", trees));
    refused(with(good, golden + 4 * field, kMany), ErrorCode::pack_damaged,
            fmt::format("golden.counts at byte {}", golden));
  }
  refused(with(good, trees, std::uint32_t{1'000'000}), ErrorCode::model_invalid_tree,
          fmt::format("trees.counts at byte {}", trees));
  refused(with(good, golden, std::uint32_t{4'096}), ErrorCode::pack_damaged,
          fmt::format("golden.counts at byte {}", golden));
  refused(with(good, golden, std::uint32_t{255}), ErrorCode::pack_damaged,
          fmt::format("golden.counts at byte {}", golden));
}

// One chain of 1,000,000 levels among 8,000 stumps: each walk of eight goes as deep as its deepest.
TEST(PackVector, a_model_whose_check_would_take_hours_is_not_written) {
  DecisionTrees trees;
  trees.feature_count = 1;
  trees.base_margins = {0};
  constexpr std::uint32_t kLevels = 1'000'000;
  for (std::uint32_t level = 0; level < kLevels; ++level) {
    trees.nodes.push_back({.value = 1, .feature = 0, .left = 2 * level + 1, .right = 2 * level + 2});
    trees.nodes.push_back({.value = 1});
  }
  trees.nodes.push_back({.value = 1});
  trees.depth_max = kLevels;
  trees.roots = {0};
  trees.groups = {0};
  for (int i = 0; i < 8'000; ++i) {
    trees.roots.push_back(static_cast<std::uint32_t>(trees.nodes.size()));
    trees.groups.push_back(0);
    trees.nodes.push_back({.value = 1});
  }
  const auto bytes = pack::encode_vector_pack(trees, kOrigin, "deep.json");
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().code, ErrorCode::model_unsupported);
  // Nor is one read that another program wrote.
  const TreeEnsemble small = TreeEnsemble::from_trees(read(make_model({.features = 1}).dump()), {});
  const std::string meta = pack::encode_meta(trees, kOrigin);
  const std::string forest = pack::encode_trees(trees);
  const std::string golden = pack::encode_golden({}, small);
  const std::vector<pack::Section> sections = {{"meta", meta}, {"trees", forest}, {"golden", golden}};
  const auto model = decode(pack::encode_container(pack::Kind::vector, sections));
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::model_unsupported);
  EXPECT_TRUE(model.error().field.starts_with("golden.counts at byte ")) << model.error().message();
}

TEST(PackVector, a_model_that_computes_something_else_than_its_golden_outputs_is_refused) {
  const std::string& good = small_pack();
  const std::uint64_t last = good.size() - sizeof(double);
  double output = 0;
  std::memcpy(&output, good.data() + last, sizeof output);
  refused(with(good, last, std::nextafter(output, 1e9)), ErrorCode::pack_golden_mismatch,
          fmt::format("golden.outputs[255][0] at byte {}", last));
}

// --- files -------------------------------------------------------------------------------------------------------------

TEST(PackVector, a_pack_is_replaced_whole_and_leaves_nothing_beside_it) {
  const test::TempFolder folder;
  const std::string path = folder.path() + "/model.ttm";
  ASSERT_TRUE(replace_file(path, "old", "writing a model pack"));
  ASSERT_TRUE(replace_file(path, small_pack(), "writing a model pack"));
  const auto model = pack::load_vector_pack(path);
  ASSERT_TRUE(model) << model.error().message();
  EXPECT_EQ(model->file_bytes, small_pack().size());
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(PackVector, absent_and_unwritable_files_are_named) {
  const test::TempFolder folder;
  const auto absent = pack::load_vector_pack(folder.path() + "/none.ttm");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, ErrorCode::model_missing);
  EXPECT_EQ(absent.error().file, folder.path() + "/none.ttm");
  const auto not_a_file = pack::load_vector_pack(folder.path());
  ASSERT_FALSE(not_a_file);
  EXPECT_EQ(not_a_file.error().code, ErrorCode::file_unreadable);
  const auto unwritable = replace_file(folder.path() + "/no/model.ttm", "x", "writing a model pack");
  ASSERT_FALSE(unwritable);
  EXPECT_EQ(unwritable.error().code, ErrorCode::file_unwritable);
}

}  // namespace
}  // namespace thintail
