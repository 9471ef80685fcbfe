// SPDX-License-Identifier: Apache-2.0
#include "core/base/hash.hpp"

#include <gtest/gtest.h>

#include "core/base/int128.hpp"

namespace thintail {
namespace {

// FIPS 180-2, appendix B.1.
constexpr std::string_view kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Sha256, equals_the_published_vectors) {
  EXPECT_EQ(to_hex(sha256("abc")), kAbc);
  EXPECT_EQ(to_hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256, digest_of_parts_is_that_of_the_whole_and_may_be_taken_on_the_way) {
  Sha256 hash;
  hash.update("a");
  EXPECT_EQ(hash.digest(), sha256("a"));
  hash.update("bc");
  EXPECT_EQ(to_hex(hash.digest()), kAbc);
  EXPECT_EQ(hash.digest(), hash.digest());
  Sha256 moved = std::move(hash);
  EXPECT_EQ(to_hex(moved.digest()), kAbc);
}

TEST(Hex, round_trips_and_refuses_what_is_no_digest) {
  const auto digest = sha256("abc");
  Sha256Digest back{};
  EXPECT_TRUE(from_hex(kAbc, back));
  EXPECT_EQ(back, digest);
  EXPECT_TRUE(from_hex("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD", back));
  EXPECT_EQ(back, digest);
  EXPECT_FALSE(from_hex(kAbc.substr(1), back));
  std::string wrong(kAbc);
  wrong[63] = 'g';
  EXPECT_FALSE(from_hex(wrong, back));
}

TEST(Xxh3, equals_the_reference_value_of_nothing_and_sees_every_bit) {
  EXPECT_EQ(xxh3("", 0), 0x2d06800538d394c2u);  // XXH3_64bits of empty input, from xxHash's sanity checks
  std::array<std::uint8_t, 40> bytes{};
  const auto before = xxh3(bytes.data(), bytes.size());
  for (auto& byte : bytes) {
    byte ^= 1;
    EXPECT_NE(xxh3(bytes.data(), bytes.size()), before);
    byte ^= 1;
  }
}

TEST(Int128, survives_being_cut_into_words) {
  for (const i128 value : {i128{0}, i128{1}, i128{-1}, (i128{1} << 64) - 1, -(i128{1} << 64), (i128{1} << 126),
                           -(i128{1} << 126) - 12345}) {
    const auto [low, high] = to_words(value);
    EXPECT_TRUE(from_words(low, high) == value);
  }
}

}  // namespace
}  // namespace thintail
