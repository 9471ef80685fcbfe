// SPDX-License-Identifier: Apache-2.0
// One hash on every instruction set, over the tick files. $THINTAIL_LONG takes every tick of every file.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/data.hpp"
#include "tests/support/feature_run.hpp"
#include "tests/support/feature_ticks.hpp"
#include "tests/support/lean_ticks.hpp"

namespace thintail {
namespace {

std::vector<Isa> available() {
  std::vector<Isa> out;
  for (const Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512}) {
    if (isa_available(isa)) out.push_back(isa);
  }
  return out;
}

std::vector<std::uint64_t> digests(const FeatureSet& set, const std::vector<Tick>& ticks, const Instrument& instrument,
                                   Isa isa) {
  std::vector<std::uint64_t> out;
  test::run_features(set, ticks, instrument, isa, [&](std::size_t, const FeatureRow& row, const FeatureEngine& engine) {
    out.push_back(engine.digest(row));
  });
  return out;
}

// The first tick at which two runs differ; the number of ticks where they do not.
std::size_t first_difference(const std::vector<std::uint64_t>& one, const std::vector<std::uint64_t>& other) {
  return static_cast<std::size_t>(std::ranges::mismatch(one, other).in1 - one.begin());
}

void expect_equal(const FeatureSet& set, const std::vector<Tick>& ticks, const Instrument& instrument,
                  const std::string& what) {
  const auto expected = digests(set, ticks, instrument, Isa::scalar);
  for (const Isa isa : available()) {
    EXPECT_EQ(first_difference(expected, digests(set, ticks, instrument, isa)), ticks.size())
        << isa_name(isa) << " differs at that tick of " << what << " with " << set.name();
  }
}

TEST(FeatureIsa, a_price_that_is_off_by_its_last_digit_at_one_tick_is_told_apart) {
  auto ticks = test::random_ticks(2'000, 52);
  const Instrument instrument = *built_in_instrument("XAUUSD", "oanda");
  const auto expected = digests(FeatureSet::core_32(), ticks, instrument, best_isa());
  ticks[1'234].bid_e9 += 1'000'000;
  EXPECT_EQ(first_difference(expected, digests(FeatureSet::core_32(), ticks, instrument, best_isa())), 1'234u);
}

TEST(FeatureIsa, every_set_gives_one_digest_on_random_ticks_with_sizes) {
  const auto ticks = test::random_ticks(40'000, 51);
  for (const FeatureSet* set : FeatureSet::all())
    expect_equal(*set, ticks, *built_in_instrument("XAUUSD", "oanda"), "random ticks");
}

TEST(FeatureIsa, every_tick_file_gives_one_digest) {
  const auto folder = test::data_dir() / "ticks";
  TT_REQUIRE_DATA(folder);
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    // LEAN's form: HistData's has other columns.
    if ((name.starts_with("oanda_") || name.starts_with("fxcm_")) && name.ends_with(".csv.zst"))
      files.push_back(entry.path());
  }
  std::ranges::sort(files);
  ASSERT_FALSE(files.empty());
  std::size_t compared = 0;
  for (const auto& path : files) {
    // provider_symbol_tick_yyyymmdd.csv.zst
    const std::string name = path.filename().string();
    const std::string venue = name.substr(0, name.find('_'));
    std::string symbol = name.substr(venue.size() + 1, name.find("_tick_") - venue.size() - 1);
    std::ranges::transform(symbol, symbol.begin(), [](char c) { return static_cast<char>(c >= 'a' ? c - 32 : c); });
    const auto instrument = built_in_instrument(symbol, venue);
    if (!instrument) continue;
    std::vector<Tick> ticks = test::lean_ticks(path, test::kFridayNs);  // any midnight does
    if (!test::is_long_run() && ticks.size() > 12'000) ticks.resize(12'000);
    expect_equal(test::built_in_set("scalper-64"), ticks, *instrument, name);
    if (test::is_long_run()) expect_equal(FeatureSet::core_32(), ticks, *instrument, name);
    compared += ticks.size();
  }
  EXPECT_GT(compared, 50'000u);
}

}  // namespace
}  // namespace thintail
