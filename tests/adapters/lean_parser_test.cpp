// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/lean_parser.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

#include "adapters/feeds/random.hpp"
#include "core/price/decimal.hpp"
#include "tests/support/data.hpp"

namespace thintail {
namespace {

// Bytes that end exactly where readable memory ends: reading one further is a fault, not luck.
class GuardedBytes {
 public:
  explicit GuardedBytes(std::string_view bytes) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t readable = (bytes.size() + page - 1) / page * page;
    size_bytes_ = readable + page;
    base_ =
        static_cast<char*>(::mmap(nullptr, size_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT_NE(base_, MAP_FAILED);
    EXPECT_EQ(::mprotect(base_ + readable, page, PROT_NONE), 0);
    char* begin = base_ + readable - bytes.size();
    if (!bytes.empty()) std::memcpy(begin, bytes.data(), bytes.size());
    view_ = {begin, bytes.size()};
  }
  ~GuardedBytes() { ::munmap(base_, size_bytes_); }
  GuardedBytes(const GuardedBytes&) = delete;
  GuardedBytes& operator=(const GuardedBytes&) = delete;
  std::string_view view() const { return view_; }

 private:
  char* base_ = nullptr;
  std::size_t size_bytes_ = 0;
  std::string_view view_;
};

struct Outcome {
  bool good = false;
  std::int64_t time_ns = 0;
  std::int64_t bid_e9 = 0;
  std::int64_t ask_e9 = 0;
  std::string field;  // of a bad row

  bool operator==(const Outcome&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Outcome& outcome) {
  return out << outcome.good << ' ' << outcome.time_ns << ' ' << outcome.bid_e9 << ' ' << outcome.ask_e9 << ' '
             << outcome.field;
}

// Everything that parsing `bytes` gives, good rows and bad ones, in batches of `batch` ticks.
std::vector<Outcome> parse_all(std::string_view bytes, std::size_t batch = 7) {
  LeanParser parser(0);
  std::vector<Tick> ticks(batch);
  std::vector<Outcome> all;
  std::size_t at = 0;
  while (true) {
    const ParsedRows parsed = parser.parse(bytes.substr(at), true, all.size() + 1, ticks);
    EXPECT_EQ(parsed.rows, parsed.ticks + (parsed.is_bad ? 1 : 0));
    for (std::size_t i = 0; i < parsed.ticks; ++i) {
      EXPECT_EQ(ticks[i].source_sequence, all.size() + 1);
      EXPECT_EQ(ticks[i].bid_size, 0.0F);
      all.push_back({true, ticks[i].venue_ns, ticks[i].bid_e9, ticks[i].ask_e9, {}});
    }
    if (parsed.is_bad) all.push_back({.field = std::string(parsed.fault.field)});
    at += parsed.bytes;
    if (parsed.rows == 0) break;
  }
  EXPECT_EQ(at, bytes.size());
  return all;
}

// The same by the shortest code that can be right: prices by core's decimal, the time as a decimal of
// milliseconds.
std::vector<Outcome> reference(std::string_view bytes) {
  std::vector<Outcome> all;
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    std::string_view row = bytes.substr(0, end);
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
    if (row.ends_with('\r')) row.remove_suffix(1);
    std::vector<std::string_view> fields;
    for (std::size_t comma = 0; comma != std::string_view::npos;) {
      comma = row.find(',');
      fields.push_back(row.substr(0, comma));
      if (comma != std::string_view::npos) row.remove_prefix(comma + 1);
    }
    Outcome out;
    std::int64_t ms_e9 = 0;
    // What lies below a nanosecond is cut, where it is digits.
    if (const std::size_t point = fields[0].find('.');
        point != std::string_view::npos &&
        fields[0].find_first_not_of("0123456789", point + 1) == std::string_view::npos) {
      fields[0] = fields[0].substr(0, point + 7);
    }
    if (fields.size() != 3) {
      out.field = "row";
    } else if (fields[0].empty() || fields[0][0] < '0' || fields[0][0] > '9' ||
               parse_decimal_e9(fields[0], ms_e9) != DecimalFault::none || ms_e9 >= 86'400'000 * kE9) {
      out.field = "time";
    } else if (parse_decimal_e9(fields[1], out.bid_e9) != DecimalFault::none || out.bid_e9 <= 0) {
      out.field = "bid";
    } else if (parse_decimal_e9(fields[2], out.ask_e9) != DecimalFault::none || out.ask_e9 <= 0) {
      out.field = "ask";
    }
    out.good = out.field.empty();
    out.time_ns = ms_e9 / 1'000;
    if (!out.good) out = {.field = out.field};
    all.push_back(out);
  }
  return all;
}

void expect_same(const std::string& text) {
  const GuardedBytes guarded(text);
  const auto got = parse_all(guarded.view());
  const auto wanted = reference(text);
  ASSERT_EQ(got.size(), wanted.size()) << text;
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i], wanted[i]) << "row " << i + 1 << " of\n" << text;
}

std::string digits(Random& random, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += static_cast<char>('0' + random.below(10));
  return text;
}

// Enough good rows that what precedes them is read by the fast path.
constexpr std::string_view kTail =
    "1,1284.065,1284.405\n2,1284.065,1284.405\n3,1284.065,1284.405\n4,1284.065,1284.405\n5,1284.065,1284.405\n";

TEST(lean_parser, reads_the_fields_of_a_row_exactly) {
  const auto rows = parse_all("46.2042,1284.065,1284.405\n" + std::string(kTail));
  ASSERT_EQ(rows.size(), 6U);
  EXPECT_EQ(rows[0], (Outcome{true, 46'204'200, 1'284'065'000'000, 1'284'405'000'000, {}}));
  EXPECT_EQ(rows[1], (Outcome{true, 1'000'000, 1'284'065'000'000, 1'284'405'000'000, {}}));
}

TEST(lean_parser, adds_the_midnight_of_its_file) {
  LeanParser parser(1'000'000'000'000'000'000);
  std::vector<Tick> ticks(1);
  ASSERT_EQ(parser.parse("611,1.38626,1.38627", true, 5, ticks).ticks, 1U);
  EXPECT_EQ(ticks[0].venue_ns, 1'000'000'000'611'000'000);
  EXPECT_EQ(ticks[0].source_sequence, 5U);
}

TEST(lean_parser, agrees_with_the_decimal_parser_at_every_width) {
  Random random(1);
  for (std::size_t whole = 0; whole <= 11; ++whole) {
    for (std::size_t fraction = 0; fraction <= 11; ++fraction) {
      for (const bool has_point : {false, true}) {
        if (!has_point && fraction > 0) continue;
        const std::string point = has_point ? "." : "";
        for (const std::string_view line_end : {"\n", "\r\n"}) {
          const auto number = [&] { return digits(random, whole) + point + digits(random, fraction); };
          std::string text;
          for (int repeat = 0; repeat < 4; ++repeat) {
            text += "1000," + number() + "," + number() + std::string(line_end);
            text += number() + ",1.5,1.6" + std::string(line_end);
          }
          ASSERT_NO_FATAL_FAILURE(expect_same(text + std::string(kTail)));
          ASSERT_NO_FATAL_FAILURE(expect_same(text));
        }
      }
    }
  }
}

TEST(lean_parser, cuts_a_time_finer_than_a_nanosecond) {
  for (const char* time : {"46.2042009", "46.20420099", "46.2042009999999999"}) {
    EXPECT_EQ(parse_all(std::string(time) + ",1,2\n" + std::string(kTail))[0].time_ns, 46'204'200) << time;
  }
}

TEST(lean_parser, agrees_with_the_decimal_parser_on_random_rows) {
  Random random(2);
  for (int round = 0; round < (test::is_long_run() ? 200'000 : 5'000); ++round) {
    std::string text;
    for (std::uint32_t row = 0; row < 12; ++row) {
      text += digits(random, 1 + random.below(8));
      if (random.below(2) == 0) text.append(".").append(digits(random, random.below(7)));
      for (int price = 0; price < 2; ++price) {
        text.append(",").append(digits(random, 1 + random.below(5)));
        if (random.below(8) != 0) text.append(".").append(digits(random, random.below(7)));
      }
      text += random.below(2) == 0 ? "\n" : "\r\n";
    }
    if (random.below(2) == 0) text.pop_back();
    ASSERT_NO_FATAL_FAILURE(expect_same(text));
  }
}

TEST(lean_parser, agrees_with_the_decimal_parser_on_damaged_rows) {
  Random random(3);
  constexpr std::string_view kBytes = "0123456789.,\n\r-+ e\x80/:";
  std::string good;
  for (int i = 0; i < 8; ++i) good += "46.2042,1284.065,1284.405\n";
  for (int round = 0; round < (test::is_long_run() ? 1'000'000 : 30'000); ++round) {
    std::string text = good;
    for (std::uint32_t edits = 1 + random.below(6); edits > 0; --edits) {
      const std::size_t at = random.below(static_cast<std::uint32_t>(text.size()));
      const char byte = kBytes[random.below(kBytes.size())];
      switch (random.below(3)) {
        case 0: text[at] = byte; break;
        case 1: text.insert(at, 1, byte); break;
        default: text.erase(at, 1); break;
      }
    }
    ASSERT_NO_FATAL_FAILURE(expect_same(text));
  }
}

TEST(lean_parser, reads_nothing_beyond_the_bytes_given) {
  std::string text;
  for (int i = 0; i < 6; ++i) text += "75598570.086,1299.055,1300.267\n";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    const GuardedBytes guarded(std::string_view(text).substr(0, size));
    const auto rows = parse_all(guarded.view());  // a read past the end ends the program here
    EXPECT_EQ(rows.size(), (size + 30) / 31);
  }
}

TEST(lean_parser, leaves_an_unfinished_row_where_more_bytes_will_follow) {
  LeanParser parser(0);
  std::vector<Tick> ticks(8);
  const std::string text = "1,1.5,1.6\n2,1.5,1.";
  const ParsedRows parsed = parser.parse(text, false, 1, ticks);
  EXPECT_EQ(parsed.rows, 1U);
  EXPECT_EQ(parsed.bytes, 10U);
  EXPECT_FALSE(parsed.is_bad);
}

TEST(lean_parser, takes_the_last_row_without_its_newline) {
  EXPECT_EQ(parse_all("1,1.5,1.6\n2,1.5,1.6").size(), 2U);
  EXPECT_EQ(parse_all("1,1.5,1.6\r\n2,1.5,1.6\r\n").size(), 2U);
  EXPECT_TRUE(parse_all("").empty());
}

TEST(lean_parser, stops_right_after_a_bad_row_and_says_what_it_found) {
  LeanParser parser(0);
  std::vector<Tick> ticks(8);
  const std::string text = "1,1.5,1.6\n2,abc,1.6\n3,1.5,1.6\n" + std::string(kTail);
  const ParsedRows parsed = parser.parse(text, true, 1, ticks);
  EXPECT_TRUE(parsed.is_bad);
  EXPECT_EQ(parsed.rows, 2U);
  EXPECT_EQ(parsed.ticks, 1U);
  EXPECT_EQ(parsed.bytes, 20U);
  EXPECT_EQ(parsed.fault.field, "bid");
  EXPECT_EQ(parsed.fault.expected, "a decimal price");
  EXPECT_EQ(parsed.fault.found, "abc");
  EXPECT_FALSE(parsed.fault.fatal);
}

TEST(lean_parser, names_the_field_of_every_kind_of_bad_row) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "row"},
      {"1,2", "row"},
      {"1,2,3,4", "row"},
      {"x,1,2", "time"},
      {"-1,1,2", "time"},
      {"86400000,1,2", "time"},
      {",1,2", "time"},
      {"1.2.3,1,2", "time"},
      {"1,0,2", "bid"},
      {"1,-1,2", "bid"},
      {"1,,2", "bid"},
      {"1,1e5,2", "bid"},
      {"1, 1,2", "bid"},
      {"1,1,0.0", "ask"},
      {"1,1,1.0000000001", "ask"},
      {"1,1,9223372037", "ask"},
  };
  for (const auto& [row, field] : cases) {
    const auto rows = parse_all(row + "\n" + std::string(kTail));
    ASSERT_EQ(rows.size(), 6U) << row;
    EXPECT_EQ(rows[0], (Outcome{.field = field})) << row;
  }
}

TEST(lean_parser, fills_no_more_than_the_batch_and_goes_on_from_there) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += std::to_string(i) + ",1.5,1.6\n";
  for (std::size_t batch = 1; batch < 40; ++batch) {
    const auto rows = parse_all(text, batch);
    ASSERT_EQ(rows.size(), 100U);
    for (std::size_t i = 0; i < rows.size(); ++i) EXPECT_EQ(rows[i].time_ns, static_cast<std::int64_t>(i) * 1'000'000);
  }
}

}  // namespace
}  // namespace thintail
