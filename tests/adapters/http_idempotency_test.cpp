// SPDX-License-Identifier: Apache-2.0
// Idempotency: one request is done once, whatever dies when.
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "adapters/http/idempotency.hpp"
#include "tests/support/temp_folder.hpp"

namespace thintail::http {
namespace {

using Verdict = IdempotencyStore::Verdict;

constexpr std::int64_t kNow = 1'800'000'000ll * 1'000'000'000;

class Store : public testing::Test {
 protected:
  IdempotencyStore open(std::int64_t now_ns = kNow, std::size_t entries_max = 65'536) {
    auto store = IdempotencyStore::open({.path = path_, .entries_max = entries_max}, now_ns);
    EXPECT_TRUE(store) << store.error().message();
    return std::move(store).value();
  }
  static IdempotencyStore::Begun begin(IdempotencyStore& store, std::string_view key, std::string_view body = "{}",
                                       std::string_view principal = "key:a", bool resumes = false,
                                       std::int64_t now_ns = kNow) {
    auto begun = store.begin(principal, "/commands", key, body, resumes, now_ns);
    EXPECT_TRUE(begun) << begun.error().message();
    return std::move(begun).value();
  }
  static Response reply(std::string text) { return Response::json_text(std::move(text), 202).with("Location", "/x"); }

  test::TempFolder folder_{test::kMemoryFolder};  // thousands of syncs
  std::string path_ = folder_.path() + "/idempotency";
};

TEST_F(Store, the_same_request_gets_the_stored_reply_across_restarts) {
  {
    IdempotencyStore store = open();
    EXPECT_EQ(begin(store, "k").verdict, Verdict::proceed);
    ASSERT_TRUE(store.finish("key:a", "/commands", "k", reply("one")));
  }
  for (int restart = 0; restart < 3; ++restart) {
    IdempotencyStore store = open();
    const auto begun = begin(store, "k");
    ASSERT_EQ(begun.verdict, Verdict::replay);
    EXPECT_EQ(begun.reply->body, "one");
    EXPECT_EQ(begun.reply->status, 202);
    ASSERT_EQ(begun.reply->headers.size(), 1u);
    EXPECT_EQ(begun.reply->headers[0].value, "/x");
  }
}

TEST_F(Store, another_body_principal_or_route_is_another_matter) {
  IdempotencyStore store = open();
  const auto first = begin(store, "k", "a");
  EXPECT_EQ(begin(store, "k", "a").verdict, Verdict::in_flight);
  EXPECT_EQ(begin(store, "k", "b").verdict, Verdict::mismatch);
  const auto other = begin(store, "k", "a", "key:b");
  EXPECT_EQ(other.verdict, Verdict::proceed);
  EXPECT_NE(first.id, other.id);
  ASSERT_TRUE(store.finish("key:a", "/commands", "k", reply("x")));
  EXPECT_EQ(begin(store, "k", "b").verdict, Verdict::mismatch);
  EXPECT_EQ(begin(store, "k", "a").id, first.id) << "stable across repeats";
}

TEST_F(Store, a_death_between_begin_and_end_leaves_the_outcome_unknown_and_is_never_done_again) {
  {
    IdempotencyStore store = open();
    begin(store, "k");
  }
  IdempotencyStore store = open();
  EXPECT_EQ(begin(store, "k").verdict, Verdict::interrupted);
  EXPECT_EQ(begin(store, "k").verdict, Verdict::interrupted);
  EXPECT_EQ(begin(store, "k", "other").verdict, Verdict::mismatch);
  EXPECT_EQ(begin(store, "k", "{}", "key:a", true).verdict, Verdict::interrupted);
  EXPECT_EQ(begin(store, "k", "{}", "key:a", true).verdict, Verdict::in_flight) << "one at a time finds out";
  ASSERT_TRUE(store.finish("key:a", "/commands", "k", reply("found")));
  EXPECT_EQ(begin(store, "k").verdict, Verdict::replay);
}

TEST_F(Store, what_was_undone_may_be_done_and_what_was_abandoned_may_not) {
  IdempotencyStore store = open();
  begin(store, "k");
  ASSERT_TRUE(store.undo("key:a", "/commands", "k"));
  EXPECT_EQ(begin(store, "k", "another body").verdict, Verdict::proceed);
  store.abandon("key:a", "/commands", "k");
  EXPECT_EQ(begin(store, "k", "another body").verdict, Verdict::interrupted);
}

TEST_F(Store, every_cut_of_the_file_gives_the_reply_or_the_doubt_and_nothing_else) {
  {
    IdempotencyStore store = open();
    begin(store, "k");
    ASSERT_TRUE(store.finish("key:a", "/commands", "k", reply("one")));
  }
  std::string whole;
  {
    std::ifstream in(path_, std::ios::binary);
    whole.assign(std::istreambuf_iterator<char>(in), {});
  }
  const std::size_t first_line = whole.find('\n') + 1;
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << whole.substr(0, cut);
    IdempotencyStore store = open();
    const Verdict expected = cut == whole.size() ? Verdict::replay
                             : cut >= first_line ? Verdict::interrupted
                                                 : Verdict::proceed;
    ASSERT_EQ(begin(store, "k").verdict, expected) << cut;
  }
}

TEST_F(Store, a_changed_byte_is_not_believed) {
  {
    IdempotencyStore store = open();
    begin(store, "k");
    ASSERT_TRUE(store.finish("key:a", "/commands", "k", reply("one")));
  }
  std::fstream file(path_, std::ios::binary | std::ios::in | std::ios::out);
  std::string text(std::istreambuf_iterator<char>(file), {});
  const std::size_t at = text.rfind("one");
  file.clear();
  file.seekp(static_cast<std::streamoff>(at));
  file << "two";
  file.close();
  IdempotencyStore store = open();
  EXPECT_EQ(begin(store, "k").verdict, Verdict::interrupted);
}

TEST_F(Store, entries_live_for_24_hours) {
  {
    IdempotencyStore store = open();
    begin(store, "k");
    ASSERT_TRUE(store.finish("key:a", "/commands", "k", reply("one")));
    const auto later = kNow + IdempotencyStore::kLifetimeNs;
    EXPECT_EQ(begin(store, "k", "{}", "key:a", false, later - 1).verdict, Verdict::replay);
    EXPECT_EQ(begin(store, "k", "{}", "key:a", false, later).verdict, Verdict::proceed);
  }
  IdempotencyStore store = open(kNow + 3 * IdempotencyStore::kLifetimeNs);
  EXPECT_EQ(store.entries(), 0u);
}

TEST_F(Store, room_is_made_by_answered_entries_only) {
  IdempotencyStore store = open(kNow, 3);
  begin(store, "flying");
  begin(store, "a");
  ASSERT_TRUE(store.finish("key:a", "/commands", "a", reply("a")));
  begin(store, "b");
  ASSERT_TRUE(store.finish("key:a", "/commands", "b", reply("b")));
  EXPECT_EQ(begin(store, "c").verdict, Verdict::proceed);
  EXPECT_EQ(begin(store, "flying").verdict, Verdict::in_flight);
  EXPECT_EQ(begin(store, "d").verdict, Verdict::proceed);
  EXPECT_EQ(begin(store, "e").verdict, Verdict::full) << "three are in flight";
}

TEST_F(Store, a_disk_that_does_not_take_it_takes_no_command) {
  bool is_well = true;
  auto opened = IdempotencyStore::open({.path = path_, .sync = [&](int) { return is_well; }}, kNow);
  ASSERT_TRUE(opened);
  IdempotencyStore& store = *opened;
  begin(store, "k");
  is_well = false;
  EXPECT_FALSE(store.begin("key:a", "/commands", "other", "{}", false, kNow));
  EXPECT_FALSE(store.finish("key:a", "/commands", "k", reply("one")));
  EXPECT_EQ(begin(store, "k").verdict, Verdict::interrupted) << "nobody is told what would not be told again";
  is_well = true;
  EXPECT_EQ(begin(store, "other").verdict, Verdict::proceed) << "the refused begin left nothing behind";
  IdempotencyStore again = open();
  EXPECT_EQ(begin(again, "k").verdict, Verdict::interrupted);
  EXPECT_EQ(begin(again, "other").verdict, Verdict::interrupted);
}

TEST_F(Store, the_file_has_mode_0600_and_is_written_anew_when_it_has_grown) {
  auto opened = IdempotencyStore::open({.path = path_, .entries_max = 4, .file_bytes_max = 4'096}, kNow);
  ASSERT_TRUE(opened);
  for (int i = 0; i < 200; ++i) {
    const std::string key = fmt::format("k{}", i);
    ASSERT_EQ(begin(*opened, key).verdict, Verdict::proceed);
    ASSERT_TRUE(opened->finish("key:a", "/commands", key, reply("one")));
  }
  struct stat status{};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  EXPECT_LT(status.st_size, 10'000);
  IdempotencyStore store = open();
  EXPECT_EQ(begin(store, "k199").verdict, Verdict::replay);
}

TEST_F(Store, the_file_stays_bounded_by_what_is_begun_and_undone_too) {
  auto opened = IdempotencyStore::open({.path = path_, .file_bytes_max = 4'096}, kNow);
  ASSERT_TRUE(opened);
  begin(*opened, "in doubt");
  const auto size = [&] { return std::filesystem::file_size(path_); };
  for (int i = 0; i < 500; ++i) {  // a core that is away, asked again and again
    const std::string key = fmt::format("k{}", i % 2);
    ASSERT_EQ(begin(*opened, key).verdict, Verdict::proceed);
    ASSERT_TRUE(opened->undo("key:a", "/commands", key));
    ASSERT_LT(size(), 5'000u) << i;
  }
  EXPECT_EQ(opened->entries(), 1u);
  for (int day = 1; day < 200; ++day) {  // begun and abandoned, a few a day
    for (int i = 0; i < 3; ++i) {
      const std::string key = fmt::format("d{}.{}", day, i);
      ASSERT_EQ(begin(*opened, key, "{}", "key:a", false, kNow + day * IdempotencyStore::kLifetimeNs).verdict,
                Verdict::proceed);
      opened->abandon("key:a", "/commands", key);
    }
    ASSERT_LT(size(), 5'000u) << day;
  }
  const auto now_ns = kNow + 199 * IdempotencyStore::kLifetimeNs;
  IdempotencyStore again = open(now_ns);
  EXPECT_EQ(again.entries(), 3u);
  EXPECT_EQ(begin(again, "d199.2", "{}", "key:a", false, now_ns).verdict, Verdict::interrupted)
      << "what is in doubt is still known";
}

TEST_F(Store, a_request_in_doubt_says_when_it_was_begun_first) {
  {
    IdempotencyStore store = open();
    EXPECT_EQ(begin(store, "k").began_ns, kNow);
  }
  IdempotencyStore store = open();
  const auto again = begin(store, "k", "{}", "key:a", true, kNow + 7);
  EXPECT_EQ(again.verdict, Verdict::interrupted);
  EXPECT_EQ(again.began_ns, kNow);
}

TEST_F(Store, what_was_done_without_a_begin_is_recorded_after_and_known_from_then_on) {
  const auto look = [](const IdempotencyStore& store, std::string_view body) {
    return store.look("key:a", "/commands", "k", body);
  };
  {
    IdempotencyStore store = open();
    EXPECT_FALSE(look(store, "kill"));
    ASSERT_TRUE(store.record("key:a", "/commands", "k", "kill", reply("first"), kNow));
    ASSERT_TRUE(store.record("key:a", "/commands", "k", "kill", reply("second"), kNow)) << "a repeat that overtook it";
  }
  IdempotencyStore store = open();
  const auto known = look(store, "kill");
  ASSERT_TRUE(known);
  EXPECT_EQ(known->verdict, Verdict::replay);
  EXPECT_EQ(known->reply->body, "first");
  EXPECT_EQ(look(store, "pause")->verdict, Verdict::mismatch);
  EXPECT_EQ(begin(store, "k", "kill").verdict, Verdict::replay);
}

TEST_F(Store, an_id_is_of_the_request_and_of_what_it_asks) {
  IdempotencyStore store = open();
  const std::uint64_t id = IdempotencyStore::id_of("key:a", "/commands", "k", "pause");
  EXPECT_EQ(begin(store, "k", "pause").id, id);
  EXPECT_NE(IdempotencyStore::id_of("key:a", "/commands", "k", "kill"), id)
      << "a core must not take a kill for a repeat of something else";
}

TEST_F(Store, a_file_that_cannot_be_cut_back_is_written_anew) {
  bool is_well = true;
  auto opened = IdempotencyStore::open({.path = path_,
                                        .sync =
                                            [&](int fd) {
                                              if (is_well) return true;
                                              const int none = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
                                              ::dup2(none, fd);  // takes all that is written, and is never cut
                                              ::close(none);
                                              return false;
                                            }},
                                       kNow);
  ASSERT_TRUE(opened);
  begin(*opened, "before");
  is_well = false;
  EXPECT_FALSE(opened->begin("key:a", "/commands", "torn", "{}", false, kNow));
  is_well = true;
  begin(*opened, "after");
  IdempotencyStore again = open();
  EXPECT_EQ(begin(again, "before").verdict, Verdict::interrupted);
  EXPECT_EQ(begin(again, "after").verdict, Verdict::interrupted) << "it was acknowledged";
}

TEST(IdempotencyKey, is_short_and_plain) {
  EXPECT_TRUE(is_idempotency_key("0d2f-A_b.c:9"));
  for (const std::string& key : {std::string(), std::string("a b"), std::string("a\n"), std::string(129, 'a')}) {
    EXPECT_FALSE(is_idempotency_key(key));
  }
}

}  // namespace
}  // namespace thintail::http
