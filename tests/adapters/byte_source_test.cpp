// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/byte_source.hpp"

#include <gtest/gtest.h>

#include "adapters/feeds/random.hpp"
#include "tests/support/feed_files.hpp"

namespace thintail {
namespace {

struct Read {
  std::string bytes;
  std::optional<Error> error;
};

Read read_all(ByteSource& source) {
  Read out;
  for (std::string_view piece = source.next(); !piece.empty(); piece = source.next()) out.bytes += piece;
  out.error = source.error();
  return out;
}

Read read_file(const std::string& path, Compression compression) {
  if (compression != Compression::lzma_alone) {
    auto source = open_bytes(path, compression);
    EXPECT_TRUE(source.has_value());
    return read_all(**source);
  }
  auto plain = open_bytes(path, Compression::none);
  EXPECT_TRUE(plain.has_value());
  return read_all(*decompress(std::move(*plain), compression, path));
}

// Several pieces of every source long, and not very compressible.
std::string sample() {
  Random random(7);
  std::string text;
  while (text.size() < 2'500'000) text += std::to_string(random.below(1'000'000)) + "\n";
  return text;
}

TEST(byte_source, gives_back_what_was_written_in_each_compression) {
  const test::FeedFolder folder;
  const std::string text = sample();
  EXPECT_EQ(read_file(folder.write("plain", text), Compression::none).bytes, text);
  EXPECT_EQ(read_file(folder.write("zstd", test::zstd_packed(text)), Compression::zstd).bytes, text);
  EXPECT_EQ(read_file(folder.write("lzma", test::lzma_packed(text)), Compression::lzma_alone).bytes, text);
}

TEST(byte_source, reads_an_empty_file_as_nothing) {
  const test::FeedFolder folder;
  const Read read = read_file(folder.write("empty", ""), Compression::none);
  EXPECT_TRUE(read.bytes.empty());
  EXPECT_FALSE(read.error);
}

TEST(byte_source, joins_the_frames_of_a_zstd_file) {
  const test::FeedFolder folder;
  const Read read =
      read_file(folder.write("two", test::zstd_packed("one\n") + test::zstd_packed("two\n")), Compression::zstd);
  EXPECT_EQ(read.bytes, "one\ntwo\n");
  EXPECT_FALSE(read.error);
}

TEST(byte_source, never_takes_a_cut_stream_for_a_whole_one) {
  const test::FeedFolder folder;
  const std::string text = sample().substr(0, 20'000);
  for (const auto compression : {Compression::zstd, Compression::lzma_alone}) {
    const std::string packed = compression == Compression::zstd ? test::zstd_packed(text) : test::lzma_packed(text);
    for (std::size_t kept = 0; kept < packed.size(); kept += kept < 32 || kept + 32 > packed.size() ? 1 : 97) {
      const std::string path = folder.write("cut", std::string_view(packed).substr(0, kept));
      const Read read = read_file(path, compression);
      ASSERT_TRUE(read.error) << kept << " of " << packed.size();
      EXPECT_EQ(read.error->code, ErrorCode::compressed_truncated);
      EXPECT_EQ(read.error->file, path);
      EXPECT_TRUE(text.starts_with(read.bytes));
    }
  }
}

TEST(byte_source, gives_what_precedes_the_cut) {
  const test::FeedFolder folder;
  const std::string text = sample();
  for (const auto compression : {Compression::zstd, Compression::lzma_alone}) {
    const std::string packed = compression == Compression::zstd ? test::zstd_packed(text) : test::lzma_packed(text);
    const Read read =
        read_file(folder.write("half", std::string_view(packed).substr(0, packed.size() / 2)), compression);
    EXPECT_GT(read.bytes.size(), text.size() / 4);
    EXPECT_TRUE(text.starts_with(read.bytes));
  }
}

TEST(byte_source, refuses_damaged_streams) {
  const test::FeedFolder folder;
  const auto code_of = [&folder](const std::string& bytes, Compression compression) {
    const Read read = read_file(folder.write("damaged", bytes), compression);
    return read.error ? read.error->code : ErrorCode::internal;
  };
  EXPECT_EQ(code_of("1,2,3\n4,5,6\n", Compression::zstd), ErrorCode::compressed_corrupt);
  EXPECT_EQ(code_of(std::string(64, '\xff'), Compression::lzma_alone), ErrorCode::compressed_corrupt);
  EXPECT_EQ(code_of(test::zstd_packed("1,2,3\n") + "more", Compression::zstd), ErrorCode::compressed_corrupt);
  EXPECT_EQ(code_of(test::lzma_packed("1,2,3\n") + "more", Compression::lzma_alone), ErrorCode::compressed_corrupt);
}

TEST(byte_source, names_a_file_that_is_not_there) {
  const auto missing = open_bytes("/nowhere/ticks.csv", Compression::none);
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, ErrorCode::file_missing);
  EXPECT_EQ(missing.error().file, "/nowhere/ticks.csv");
  EXPECT_EQ(open_bytes("/", Compression::none).error().code, ErrorCode::file_unreadable);
  EXPECT_EQ(file_size_bytes("/nowhere/ticks.csv").error().code, ErrorCode::file_missing);
}

TEST(byte_source, counts_the_bytes_on_disk_that_it_has_read) {
  const test::FeedFolder folder;
  const std::string packed = test::zstd_packed(sample());
  auto source = open_bytes(folder.write("x", packed), Compression::zstd);
  ASSERT_TRUE(source.has_value());
  EXPECT_EQ((*source)->consumed_bytes(), 0U);
  read_all(**source);
  EXPECT_EQ((*source)->consumed_bytes(), packed.size());
}

}  // namespace
}  // namespace thintail
