// SPDX-License-Identifier: Apache-2.0
// The parsers of hostile bytes, many thousand times: requests and frames give the same whatever pieces they come in, and stay
// within their limits.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/http/schema.hpp"
#include "adapters/http/text.hpp"
#include "core/base/hash.hpp"
#include "tests/fuzz/http_readers.hpp"
#include "tests/fuzz/http_seeds.hpp"
#include "tests/support/http_pieces.hpp"
#include "tests/support/lean_ticks.hpp"

namespace thintail::http {
namespace {

using test::frames_in;
using test::requests_in;

int rounds() { return std::getenv("THINTAIL_LONG") != nullptr ? 3'000'000 : 30'000; }

// Seeds, with bytes changed, doubled, cut and joined; the same for every run.
class Mutations {
 public:
  explicit Mutations(std::vector<std::string> seeds) : seeds_(std::move(seeds)) {}

  std::string next() {
    std::string text = seeds_[below(seeds_.size())];
    if (below(3) == 0) text += seeds_[below(seeds_.size())];
    for (std::size_t count = below(4); count > 0 && !text.empty(); --count) {
      const std::size_t at = below(text.size());
      switch (below(5)) {
        case 0: text[at] = static_cast<char>(below(256)); break;
        case 1: text.erase(at, 1 + below(8)); break;
        case 2: text.insert(at, 1, "\r\n :,;\0\x80\xff{[\"\\"[below(13)]); break;
        case 3: text.insert(at, text.substr(below(text.size()), below(40))); break;
        default: text.resize(at); break;
      }
    }
    return text;
  }
  std::vector<std::size_t> cuts(std::size_t size) {
    std::vector<std::size_t> out(below(4));
    for (std::size_t& cut : out) cut = below(size + 1);
    std::ranges::sort(out);
    return out;
  }

 private:
  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : random_() % bound; }

  std::vector<std::string> seeds_;
  std::mt19937_64 random_{20261120};
};

TEST(HostileBytes, requests_are_the_same_whatever_pieces_they_come_in) {
  Mutations mutations(fuzz::request_seeds());
  int complete = 0;
  for (int i = 0; i < rounds(); ++i) {
    const std::string text = mutations.next();
    const std::string whole = requests_in(text, {});
    complete += whole.contains(';') ? 1 : 0;
    // What is refused may be seen to be so earlier in other pieces; what is taken for a request may not differ.
    const std::string pieces = requests_in(text, mutations.cuts(text.size()));
    if (text.size() <= test::kPieceHeaderMax) {
      ASSERT_EQ(pieces.substr(0, pieces.rfind(';') + 1), whole.substr(0, whole.rfind(';') + 1))
          << printable(text, 1000);
    }
  }
  EXPECT_GT(complete, rounds() / 20) << "the seeds are not lost in noise";
}

TEST(HostileBytes, frames_are_the_same_whatever_pieces_they_come_in) {
  Mutations mutations(fuzz::frame_seeds());
  int complete = 0;
  for (int i = 0; i < rounds(); ++i) {
    const std::string text = mutations.next();
    const std::string whole = frames_in(text, {});
    complete += whole.starts_with("1 ") ? 1 : 0;
    ASSERT_EQ(frames_in(text, mutations.cuts(text.size())), whole)
        << to_hex(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
  }
  EXPECT_GT(complete, rounds() / 20);
}

TEST(HostileBytes, targets_and_json_are_refused_or_read_within_bounds) {
  Mutations mutations({"/api/v1/quotes/XAU%2FUSD?limit=5&a=%41", "http://localhost:8000/x?y",
                       R"({"command":"kill","list":[1,2.5e3,"\u00e9"],"a":{"b":null}})",
                       R"({"symbol":"XAUUSD","quantity":10,"note":"a\nb"})"});
  int targets = 0;
  int documents = 0;
  for (int i = 0; i < rounds(); ++i) {
    const std::string text = mutations.next();
    if (const auto target = parse_target(text)) {
      ++targets;
      ASSERT_TRUE(is_utf8(target->path));
      for (const std::string& segment : target->segments) {
        ASSERT_NE(segment, "..");
        ASSERT_TRUE(std::ranges::none_of(segment, [](char c) { return static_cast<unsigned char>(c) < 0x20; }));
      }
    }
    if (const auto parsed = parse_json(text)) {
      ++documents;
      const auto again = parse_json(parsed->dump());  // throws where a text is not UTF-8
      ASSERT_TRUE(again);
      ASSERT_EQ(*again, *parsed);
    }
  }
  EXPECT_GT(targets, rounds() / 20);
  EXPECT_GT(documents, rounds() / 50);
}

// The same checks as the fuzzer http_connection's, which ask that strangers see nothing and that every conversation ends.
TEST(HostileBytes, conversations_end_and_strangers_see_nothing) {
  Mutations mutations(fuzz::conversation_seeds());
  int answered = 0;
  for (int i = 0; i < rounds() / 10; ++i) {
    std::string bytes = {'\x20', '\x60', '\xA0', static_cast<char>(i % 4 != 0)};
    bytes += mutations.next();
    const std::span<const char> chars(bytes);
    answered += fuzz::http_connection({reinterpret_cast<const std::uint8_t*>(chars.data()), chars.size()}) ? 1 : 0;
  }
  EXPECT_GT(answered, rounds() / 200) << "the seeds are not lost in noise";
}

TEST(HostileBytes, what_fuzzers_found_is_replayed) {
  for (const fuzz::Target& target : fuzz::kHttpTargets) {
    const std::filesystem::path folder =
        std::filesystem::path(THINTAIL_SOURCE_DIR) / "tests/fuzz/regressions" / target.name;
    if (!std::filesystem::exists(folder)) continue;
    for (const auto& file : std::filesystem::directory_iterator(folder)) {
      SCOPED_TRACE(file.path().string());
      const std::string bytes = test::read_file(file.path());
      const std::span<const char> chars(bytes);
      target.read({reinterpret_cast<const std::uint8_t*>(chars.data()), chars.size()});
    }
  }
}

}  // namespace
}  // namespace thintail::http
