// SPDX-License-Identifier: Apache-2.0
// Malformed model files, reader by reader (shared/FAULTS.md section 3): each refused with its code, in bounded memory; cut at
// every byte, none is taken for whole. And every input on which a fuzzer once found a fault, replayed: tests/fuzz/regressions.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "tests/fuzz/readers.hpp"
#include "tests/support/network_files.hpp"
#include "tests/support/networks.hpp"
#include "tests/support/xgboost_model.hpp"
#include "tests/support/xgboost_ubj.hpp"

namespace {

// relaxed, all of them: one thread reads models, others of the test framework may only be counted roughly
std::atomic<std::size_t> held_bytes{0};
std::atomic<std::size_t> held_bytes_max{0};

void* counted(void* block) {
  if (block == nullptr) std::abort();
  const std::size_t bytes = malloc_usable_size(block);
  const std::size_t now = held_bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if (now > held_bytes_max.load(std::memory_order_relaxed)) held_bytes_max.store(now, std::memory_order_relaxed);
  return block;
}
void release(void* block) noexcept {
  if (block != nullptr) held_bytes.fetch_sub(malloc_usable_size(block), std::memory_order_relaxed);
  std::free(block);
}

}  // namespace

void* operator new(std::size_t bytes) { return counted(std::malloc(bytes)); }
void* operator new(std::size_t bytes, std::align_val_t align) {
  return counted(std::aligned_alloc(static_cast<std::size_t>(align), (bytes + static_cast<std::size_t>(align) - 1) /
                                                                         static_cast<std::size_t>(align) *
                                                                         static_cast<std::size_t>(align)));
}
void operator delete(void* block) noexcept { release(block); }
void operator delete(void* block, std::size_t) noexcept { release(block); }
void operator delete(void* block, std::align_val_t) noexcept { release(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { release(block); }

namespace thintail {
namespace {

using test::Json;
using test::ubj;

constexpr std::size_t kBytesMax = std::size_t{64} << 20;  // what reading any file here may hold at once

// The most that `work` held beyond what was held before it.
template <class Work>
std::size_t peak_bytes(Work&& work) {
  const std::size_t before = held_bytes.load(std::memory_order_relaxed);
  held_bytes_max.store(before, std::memory_order_relaxed);
  work();
  return held_bytes_max.load(std::memory_order_relaxed) - before;
}

TEST(DamagedModels, memory_is_counted) {
  EXPECT_GE(peak_bytes([] { const std::vector<char> held(1 << 20); }), std::size_t{1} << 20);
  EXPECT_LT(peak_bytes([] {}), std::size_t{1} << 10);
}

// --- good files ------------------------------------------------------------------------------------------------------

std::string lightgbm() {
  return "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=1\nobjective="
         "regression\n\n"
         "Tree=0\nnum_leaves=4\nnum_cat=1\nsplit_feature=0 1 0\nthreshold=0.5 0 1.5\ndecision_type=2 1 8\nleft_child=1 "
         "-1 -2\n"
         "right_child=2 -3 -4\nleaf_value=1 2 3 4\ncat_boundaries=0 1\ncat_threshold=5\nis_linear=0\nshrinkage=1\n\n\n"
         "end of trees\n";
}
Json xgboost() { return test::make_model({.trees = 2, .depth = 3, .features = 3}); }
std::string keras() {
  return R"({"in_shape":[null,2],"layers":[{"type":"dense","activation":"tanh","shape":[null,2],"weights":[[[1,2],[3,4]],[0.5,1]]}]})";
}
std::string safetensors() {
  return test::safetensors_of({{"fc.weight", {1, 2}, {1.0F, 2.0F}}, {"fc.bias", {1}, {0.5F}}});
}
std::string pack_bytes() {
  const auto trees = read_xgboost_json(xgboost().dump(), "made up");
  auto bytes =
      pack::encode_vector_pack(*trees, {.producer = "test", .source = "made up", .source_sha256 = {}}, "made up");
  EXPECT_TRUE(bytes) << bytes.error().message();
  return bytes ? *bytes : std::string();
}

// --- one case after the other ----------------------------------------------------------------------------------------

using Refusal = std::optional<Error>;

template <class T>
Refusal refusal(const Result<T>& result) {
  return result ? Refusal() : Refusal(result.error());
}
Refusal read_lightgbm(const std::string& text) { return refusal(read_lightgbm_text(text, "damaged")); }
Refusal read_json(const std::string& text) { return refusal(read_xgboost_json(text, "damaged")); }
Refusal read_ubj(const std::string& text) { return refusal(read_xgboost_ubj(text, "damaged")); }
Refusal read_keras(const std::string& text) { return refusal(read_network_json(text, "damaged")); }
Refusal read_tensors(const std::string& text) {
  return refusal(read_safetensors(std::as_bytes(std::span(text)), "damaged"));
}
Refusal read_pack(const std::string& bytes) { return refusal(pack::decode_any_vector_pack(bytes, "damaged")); }

struct Case {
  const char* what;
  Refusal (*read)(const std::string&);
  std::string bytes;
  ErrorCode code;
};

std::string with(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  if (at == std::string::npos) throw std::runtime_error(fmt::format("nothing to replace: {}", from));
  return text.replace(at, from.size(), to);
}

// The model with one value of its first tree's column put in place of another.
Json damaged(const char* column, std::size_t node, const Json& value) {
  Json model = xgboost();
  test::trees_of(model)[0][column][node] = value;
  return model;
}

// A pack whose trees section begins with other counts, its digest right.
std::string pack_of_counts(std::uint32_t nodes, std::uint32_t trees) {
  const std::string good = pack_bytes();
  auto container = pack::open_container(good, "good");
  std::string section(container->sections[1].bytes);
  EXPECT_EQ(container->sections[1].name, "trees");
  std::memcpy(section.data(), &nodes, sizeof nodes);
  std::memcpy(section.data() + sizeof nodes, &trees, sizeof trees);
  container->sections[1].bytes = section;
  return pack::encode_container(container->kind, container->sections);
}

std::vector<Case> all_cases() {
  constexpr auto kSyntax = ErrorCode::model_syntax;
  constexpr auto kUnsupported = ErrorCode::model_unsupported;
  constexpr auto kInvalid = ErrorCode::model_invalid_tree;
  const std::string lg = lightgbm();
  std::vector<Case> out = {
      {"LightGBM: child >= n", &read_lightgbm, with(lg, "left_child=1 ", "left_child=3 "), kInvalid},
      {"LightGBM: child < -leaves", &read_lightgbm, with(lg, "-3 -4", "-3 -5"), kInvalid},
      {"LightGBM: child -2^31", &read_lightgbm, with(lg, "-3 -4", "-3 -2147483648"), kInvalid},
      {"LightGBM: cycle", &read_lightgbm, with(lg, "left_child=1 -1", "left_child=1 0"), kInvalid},
      {"LightGBM: self-loop", &read_lightgbm, with(lg, "left_child=1 ", "left_child=0 "), kInvalid},
      {"LightGBM: NaN threshold", &read_lightgbm, with(lg, "threshold=0.5", "threshold=nan"), kInvalid},
      {"LightGBM: set out of range", &read_lightgbm, with(lg, "threshold=0.5 0", "threshold=0.5 1"), kInvalid},
      {"LightGBM: 2^32 - 1 leaves", &read_lightgbm, with(lg, "num_leaves=4", "num_leaves=4294967295"), kUnsupported},
      {"LightGBM: 2^32 - 1 sets", &read_lightgbm, with(lg, "num_cat=1", "num_cat=4294967295"), kUnsupported},
      {"LightGBM: 2^32 - 1 words", &read_lightgbm, with(lg, "boundaries=0 1", "boundaries=0 4294967295"), kInvalid},
      {"LightGBM: 2^32 - 1 features", &read_lightgbm, with(lg, "idx=1", "idx=4294967294"), kUnsupported},
      {"LightGBM: linear tree", &read_lightgbm, with(lg, "is_linear=0", "is_linear=1"), kUnsupported},
      {"Keras: 2^32 - 1 inputs", &read_keras, with(keras(), "[null,2]", "[null,4294967295]"), kSyntax},
      {"Keras: shapes that overflow", &read_keras,
       with(keras(), "\"shape\":[null,2]", "\"shape\":[null,9223372036854775807]"), kSyntax},
      {"Keras: NaN weight", &read_keras, with(keras(), "[1,2]", "[NaN,2]"), kSyntax},
      {"Keras: ragged rows", &read_keras, with(keras(), "[1,2]", "[1,2,3]"), kSyntax},
      {"safetensors: header of 2^64 - 1", &read_tensors, std::string(8, '\xff') + safetensors().substr(8), kSyntax},
      {"safetensors: shape that overflows", &read_tensors,
       test::with_length(R"({"a":{"dtype":"F32","shape":[4294967295,4294967295,4],"data_offsets":[0,8]}})",
                         std::string(8, 'x')),
       kSyntax},
      {"safetensors: offsets beyond the end", &read_tensors,
       test::with_length(R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})", std::string(8, 'x')), kSyntax},
      {"safetensors: offsets that overlap", &read_tensors,
       test::with_length(
           R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
           std::string(12, 'x')),
       kSyntax},
      {"pack: 2^32 - 1 nodes", &read_pack, pack_of_counts(0xffff'ffff, 1), kUnsupported},
      {"pack: 2^32 - 1 trees", &read_pack, pack_of_counts(1, 0xffff'ffff), kUnsupported},
      {"pack: more nodes than the section holds", &read_pack, pack_of_counts(1 << 20, 1), kInvalid},
      {"pack: nothing", &read_pack, "", ErrorCode::pack_damaged},
  };
  // The same damage in both forms that XGBoost saves.
  const auto add = [&](const char* what, const Json& model, ErrorCode code) {
    out.push_back({what, &read_json, model.dump(), code});
    out.push_back({what, &read_ubj, ubj(model), code});
  };
  add("XGBoost: child >= n", damaged("left_children", 0, 1'000'000), kInvalid);
  add("XGBoost: child below -1", damaged("left_children", 0, -2), kInvalid);
  add("XGBoost: cycle", damaged("left_children", 2, 0), kInvalid);
  add("XGBoost: self-loop", damaged("left_children", 0, 0), kInvalid);
  add("XGBoost: one child of two", damaged("right_children", 0, 2), kInvalid);
  add("XGBoost: feature 2^31 - 1", damaged("split_indices", 0, 2'147'483'647), kInvalid);
  add("XGBoost: split type 7", damaged("split_type", 0, 7), kUnsupported);
  Json model = xgboost();
  test::trees_of(model)[0]["categories_nodes"] = {0};
  test::trees_of(model)[0]["categories_segments"] = {0};
  test::trees_of(model)[0]["categories_sizes"] = {2'147'483'647};
  add("XGBoost: 2^31 - 1 categories", model, kInvalid);
  model = xgboost();
  test::trees_of(model)[0]["tree_param"]["num_nodes"] = "4294967295";
  add("XGBoost: 2^32 - 1 nodes", model, kInvalid);
  model = xgboost();
  model["learner"]["learner_model_param"]["num_feature"] = "4294967295";
  add("XGBoost: 2^32 - 1 features", model, kUnsupported);
  model = xgboost();
  model["learner"]["learner_model_param"]["num_class"] = "4294967295";
  add("XGBoost: 2^32 - 1 classes", model, kUnsupported);
  out.push_back({"XGBoost JSON: NaN threshold", &read_json,
                 with(xgboost().dump(), "\"split_conditions\":[", "\"split_conditions\":[NaN,"), kInvalid});
  out.push_back({"UBJ: an array of 2^63 - 1 values", &read_ubj,
                 std::string("{L\0\0\0\0\0\0\0\1a[$U#L\x7f\xff\xff\xff\xff\xff\xff\xff", 24), kSyntax});
  out.push_back({"UBJ: a text of 2^63 - 1 bytes", &read_ubj,
                 std::string("{L\x7f\xff\xff\xff\xff\xff\xff\xff"
                             "a",
                             11),
                 kSyntax});
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "[";
  out.push_back({"JSON 100,000 deep", &read_json, "{\"a\":" + deep, kSyntax});
  out.push_back({"UBJ 100,000 deep", &read_ubj, std::string("{L\0\0\0\0\0\0\0\1a", 11) + deep, kSyntax});
  out.push_back({"Keras JSON 100,000 deep", &read_keras, "{\"a\":" + deep, kSyntax});
  return out;
}

TEST(DamagedModels, good_files_are_read) {
  EXPECT_FALSE(read_lightgbm(lightgbm()));
  EXPECT_FALSE(read_json(xgboost().dump()));
  EXPECT_FALSE(read_ubj(ubj(xgboost())));
  EXPECT_FALSE(read_keras(keras()));
  EXPECT_FALSE(read_tensors(safetensors()));
  EXPECT_FALSE(read_pack(pack_bytes()));
}

TEST(DamagedModels, each_kind_of_damage_is_refused_with_its_code_in_bounded_memory) {
  for (const Case& one : all_cases()) {
    SCOPED_TRACE(one.what);
    Refusal refused;
    EXPECT_LT(peak_bytes([&] { refused = one.read(one.bytes); }), kBytesMax);
    ASSERT_TRUE(refused.has_value());
    EXPECT_EQ(refused->code, one.code) << refused->message();
    EXPECT_FALSE(refused->expected.empty()) << refused->message();
    EXPECT_EQ(refused->file, "damaged") << refused->message();
  }
}

TEST(DamagedModels, cut_at_any_byte_they_are_refused) {
  struct Whole {
    Refusal (*read)(const std::string&);
    std::string bytes;
    std::size_t end;
  };
  const std::string lg = lightgbm();
  for (const Whole& whole :
       {Whole{&read_json, xgboost().dump(), std::string::npos}, Whole{&read_ubj, ubj(xgboost()), std::string::npos},
        Whole{&read_keras, keras(), std::string::npos}, Whole{&read_tensors, safetensors(), std::string::npos},
        Whole{&read_lightgbm, lg, lg.find("end of trees") + 12}, Whole{&read_pack, pack_bytes(), std::string::npos}}) {
    for (std::size_t size = 0; size < std::min(whole.end, whole.bytes.size()); ++size) {
      ASSERT_TRUE(whole.read(whole.bytes.substr(0, size))) << size << " bytes of " << whole.bytes.substr(0, 20);
    }
  }
}

// --- what fuzzers found ----------------------------------------------------------------------------------------------

TEST(DamagedModels, what_fuzzers_found_is_replayed) {
  namespace fs = std::filesystem;
  std::size_t replayed = 0;
  const fs::path folder = fs::path(THINTAIL_SOURCE_DIR) / "tests/fuzz/regressions";
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with("http_")) continue;  // adapters/http_parser_test
    const auto target = std::ranges::find(fuzz::kTargets, entry.path().filename().string(), &fuzz::Target::name);
    ASSERT_NE(target, fuzz::kTargets.end()) << entry.path() << ": no target of that name";
    fuzz::base_pack() = target->name == "pack_vector" ? pack_bytes() : std::string();
    for (const auto& file : fs::directory_iterator(entry.path())) {
      SCOPED_TRACE(file.path().string());
      const std::string bytes = test::whole_file(file.path());
      const std::span<const char> chars(bytes);
      EXPECT_LT(peak_bytes([&] { target->read({reinterpret_cast<const std::uint8_t*>(chars.data()), chars.size()}); }),
                4 * kBytesMax);
      ++replayed;
    }
  }
  EXPECT_GT(replayed, 0U);
}

}  // namespace
}  // namespace thintail
