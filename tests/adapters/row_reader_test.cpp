// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/row_reader.hpp"

#include <gtest/gtest.h>

#include "adapters/feeds/dukascopy_bi5.hpp"
#include "adapters/feeds/lean_parser.hpp"
#include "adapters/feeds/random.hpp"
#include "adapters/feeds/truefx_parser.hpp"

namespace thintail {
namespace {

// Bytes in pieces of chosen sizes, with an error after them if wanted.
class PiecedSource final : public ByteSource {
 public:
  PiecedSource(std::string bytes, std::size_t piece_bytes_max, std::optional<Error> at_end = {})
      : bytes_(std::move(bytes)), piece_bytes_max_(piece_bytes_max), at_end_(std::move(at_end)) {}

  std::string_view next() override {
    const std::size_t size = 1 + random_.below(static_cast<std::uint32_t>(piece_bytes_max_));
    // A copy of its own for each piece: a view kept beyond its time is then a use of freed memory, which
    // sanitizers see.
    piece_ = std::make_unique<std::string>(bytes_.substr(at_, size));
    at_ += piece_->size();
    if (piece_->empty()) error_ = at_end_;
    return *piece_;
  }
  const std::optional<Error>& error() const noexcept override { return error_; }
  std::uint64_t consumed_bytes() const noexcept override { return at_; }

 private:
  std::string bytes_;
  std::size_t piece_bytes_max_;
  std::optional<Error> at_end_;
  std::optional<Error> error_;
  std::unique_ptr<std::string> piece_;
  std::size_t at_ = 0;
  Random random_{5};
};

struct AllRows {
  std::vector<Tick> ticks;
  std::vector<std::string> bad;  // "line:field"
  std::optional<Error> error;
};

AllRows read_all(RowReader& reader, std::size_t batch) {
  AllRows all;
  std::vector<Tick> ticks(batch);
  while (true) {
    const ReadRows read = reader.read(ticks);
    all.ticks.insert(all.ticks.end(), ticks.begin(), ticks.begin() + static_cast<std::ptrdiff_t>(read.ticks));
    if (read.is_bad) all.bad.push_back(std::to_string(read.line) + ":" + std::string(read.fault.found));
    if (read.rows == 0) break;
  }
  all.error = reader.error();
  return all;
}

std::unique_ptr<RowReader> lean_rows(std::string text, std::size_t piece_bytes_max, std::optional<Error> at_end = {}) {
  return stream_rows(std::make_unique<PiecedSource>(std::move(text), piece_bytes_max, std::move(at_end)),
                     std::make_unique<LeanParser>(0), "x.csv");
}

constexpr std::size_t kRows = 300;

std::string lean_text() {
  std::string text;
  for (std::size_t i = 0; i < kRows; ++i) {
    text += i % 50 == 49 ? "oops\r\n" : std::to_string(i) + ".5,1284.065,1284.405\r\n";
  }
  text.resize(text.size() - 2);
  return text;
}

TEST(row_reader, rows_are_the_same_wherever_the_pieces_end) {
  for (const std::size_t piece_bytes_max : {1, 2, 7, 30, 100, 1'000, 100'000}) {
    for (const std::size_t batch : {1, 3, 64, 1024}) {
      const AllRows all = read_all(*lean_rows(lean_text(), piece_bytes_max), batch);
      ASSERT_EQ(all.ticks.size(), kRows - 6);
      EXPECT_EQ(all.bad,
                (std::vector<std::string>{"50:oops", "100:oops", "150:oops", "200:oops", "250:oops", "300:oops"}));
      EXPECT_FALSE(all.error);
      for (std::size_t i = 0; i < all.ticks.size(); ++i) {
        const std::size_t row = i + i / 49;
        ASSERT_EQ(all.ticks[i].source_sequence, row + 1);
        ASSERT_EQ(all.ticks[i].venue_ns, static_cast<std::int64_t>(row) * 1'000'000 + 500'000);
        ASSERT_EQ(all.ticks[i].ask_e9, 1'284'405'000'000);
      }
    }
  }
}

TEST(row_reader, a_row_cut_by_a_damaged_stream_is_no_row) {
  const Error cut{.code = ErrorCode::compressed_truncated, .doing = "testing"};
  const AllRows all = read_all(*lean_rows("1,1.5,1.6\n2,1.5,1.6", 4, cut), 16);
  EXPECT_EQ(all.ticks.size(), 1U);
  ASSERT_TRUE(all.error);
  EXPECT_EQ(all.error->code, ErrorCode::compressed_truncated);
}

TEST(row_reader, a_file_without_line_ends_is_not_gathered_into_memory) {
  for (const std::size_t piece_bytes_max : {100, 1'000'000}) {
    const AllRows all = read_all(*lean_rows("1,1.5,1.6\n" + std::string(500'000, '7'), piece_bytes_max), 16);
    EXPECT_EQ(all.ticks.size(), 1U);
    ASSERT_TRUE(all.error);
    EXPECT_EQ(all.error->code, ErrorCode::format_mismatch);
    EXPECT_EQ(all.error->line, 2U);
  }
}

TEST(row_reader, counts_the_header_as_a_line_but_not_as_a_row) {
  const std::string text = "timestamp,bid,ask\n2013-01-01 22:00:00.295000+00:00,86.655,86.728\nbad\n";
  for (const std::size_t piece_bytes_max : {1, 10, 1000}) {
    const auto reader =
        stream_rows(std::make_unique<PiecedSource>(text, piece_bytes_max), std::make_unique<TrueFxParser>(), "x.csv");
    const AllRows all = read_all(*reader, 8);
    ASSERT_EQ(all.ticks.size(), 1U);
    EXPECT_EQ(all.ticks[0].source_sequence, 1U);
    EXPECT_EQ(all.bad, std::vector<std::string>{"3:bad"});
  }
}

TEST(row_reader, joins_binary_records_too) {
  std::string records;
  for (char i = 0; i < 50; ++i) records += std::string{0, 0, 0, i, 0, 1, 0, 2, 0, 1, 0, 1} + std::string(8, '\0');
  for (const std::size_t piece_bytes_max : {1, 19, 20, 21, 500}) {
    const auto reader = stream_rows(std::make_unique<PiecedSource>(records, piece_bytes_max),
                                    std::make_unique<DukascopyBi5Parser>(0, 10'000), "x.bi5");
    const AllRows all = read_all(*reader, 16);
    ASSERT_EQ(all.ticks.size(), 50U);
    EXPECT_EQ(all.ticks[49].venue_ns, 49'000'000);
    EXPECT_EQ(all.ticks[49].bid_e9, 65'537 * 10'000);
    EXPECT_TRUE(all.bad.empty());
  }
}

TEST(row_reader, an_empty_source_has_no_rows) {
  const AllRows all = read_all(*lean_rows("", 10), 4);
  EXPECT_TRUE(all.ticks.empty());
  EXPECT_FALSE(all.error);
}

}  // namespace
}  // namespace thintail
