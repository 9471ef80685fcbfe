// SPDX-License-Identifier: Apache-2.0
// Who is let in: key files, API keys, JSON Web Tokens, passwords, sessions, codes, locks, rate limits, secrets.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "adapters/http/access.hpp"
#include "adapters/http/api_keys.hpp"
#include "adapters/http/jwt.hpp"
#include "adapters/http/passwords.hpp"
#include "adapters/http/rate_limits.hpp"
#include "adapters/http/secret_file.hpp"
#include "adapters/http/sessions.hpp"
#include "adapters/http/text.hpp"
#include "tests/support/temp_folder.hpp"

namespace thintail::http {
namespace {

constexpr std::int64_t kNow = 1'800'000'000ll * 1'000'000'000;
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kDay = 86'400 * kSecond;

class Keys : public testing::Test {
 protected:
  test::TempFolder folder_;
  std::string path_ = folder_.path() + "/keys.json";

  NewKey add(std::string_view name, Role role, std::int64_t lifetime_ns = 0, std::vector<std::string> accounts = {}) {
    NewKey key;
    const auto changed = change_key_file(path_, [&](KeyFile& file) -> Result<void> {
      TT_TRY(key, add_key(file, name, role, accounts, lifetime_ns, kNow));
      return {};
    });
    EXPECT_TRUE(changed) << changed.error().message();
    return key;
  }

  ApiKeys open() {
    auto keys = ApiKeys::open(path_);
    EXPECT_TRUE(keys) << keys.error().message();
    return std::move(keys).value();
  }
};

TEST_F(Keys, a_new_key_lets_in_with_its_role_and_accounts) {
  const NewKey key = add("phone", Role::trader, 0, {"paper:1", "oanda:77"});
  EXPECT_TRUE(is_key_shaped(key.token));
  EXPECT_EQ(key.token.size(), 3 + 10 + 1 + 43u);
  const auto who = open().authenticate(key.token, kNow);
  ASSERT_TRUE(who);
  EXPECT_EQ(who->id, "key:" + key.record.id);
  EXPECT_EQ(who->role, Role::trader);
  EXPECT_TRUE(who->may_see("paper:1"));
  EXPECT_FALSE(who->may_see("paper:2"));
}

TEST_F(Keys, the_file_has_mode_0600_and_holds_no_token) {
  const NewKey key = add("phone", Role::viewer);
  struct stat status{};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  const auto text = read_secret_file(path_);
  ASSERT_TRUE(text);
  EXPECT_EQ(text->find(key.token.substr(14)), std::string::npos);
}

TEST_F(Keys, an_expired_or_revoked_key_is_refused_and_says_so_only_to_us) {
  const NewKey key = add("phone", Role::viewer, kDay);
  ApiKeys keys = open();
  EXPECT_TRUE(keys.authenticate(key.token, kNow + kDay - 1));
  EXPECT_EQ(keys.authenticate(key.token, kNow + kDay).error(), ApiKeys::Refusal::expired);
  EXPECT_FALSE(keys.is_in_force("key:" + key.record.id, kNow + kDay));
  ASSERT_TRUE(change_key_file(path_, [](KeyFile& file) { return revoke_key(file, "phone", kNow); }));
  EXPECT_TRUE(keys.authenticate(key.token, kNow)) << "not yet read again";
  ASSERT_TRUE(keys.refresh().value());
  EXPECT_EQ(keys.authenticate(key.token, kNow).error(), ApiKeys::Refusal::revoked);
  EXPECT_FALSE(keys.refresh().value()) << "nothing changed since";
}

TEST_F(Keys, every_changed_character_of_a_key_is_refused) {
  const NewKey key = add("phone", Role::admin);
  const ApiKeys keys = open();
  for (std::size_t i = 0; i < key.token.size(); ++i) {
    std::string wrong = key.token;
    wrong[i] = wrong[i] == 'a' ? 'b' : 'a';
    EXPECT_FALSE(keys.authenticate(wrong, kNow)) << i;
    EXPECT_FALSE(keys.authenticate(key.token.substr(0, i), kNow)) << i;
  }
  EXPECT_FALSE(keys.authenticate(key.token + "A", kNow));
}

TEST_F(Keys, unknown_wrong_expired_and_good_keys_cost_the_same_hashes_and_comparisons) {
  const NewKey good = add("good", Role::viewer);
  const NewKey old = add("old", Role::viewer, kSecond);
  const ApiKeys keys = open();
  const auto cost = [&](const std::string& token) {
    const std::uint64_t before = keys.work_done();
    static_cast<void>(keys.authenticate(token, kNow + kDay));
    return keys.work_done() - before;
  };
  std::string wrong = good.token;
  wrong.back() = wrong.back() == 'A' ? 'Q' : 'A';
  std::string unknown = good.token;
  unknown[3] = unknown[3] == '0' ? '1' : '0';
  EXPECT_EQ(cost(good.token), 2u);
  EXPECT_EQ(cost(wrong), 2u);
  EXPECT_EQ(cost(unknown), 2u);
  EXPECT_EQ(cost(old.token), 2u);
}

TEST_F(Keys, a_rotated_key_keeps_its_role_and_the_old_one_ends_after_the_overlap) {
  const NewKey old = add("phone", Role::trader, 90 * kDay, {"paper:1"});
  NewKey fresh;
  ASSERT_TRUE(change_key_file(path_, [&](KeyFile& file) -> Result<void> {
    TT_TRY(fresh, rotate_key(file, "phone", 3'600 * kSecond, kNow + kDay));
    return {};
  }));
  const ApiKeys keys = open();
  EXPECT_EQ(fresh.record.role, Role::trader);
  EXPECT_EQ(fresh.record.accounts, std::vector<std::string>{"paper:1"});
  EXPECT_EQ(fresh.record.expires_ns, kNow + 91 * kDay);
  EXPECT_TRUE(keys.authenticate(old.token, kNow + kDay + kSecond));
  EXPECT_FALSE(keys.authenticate(old.token, kNow + kDay + 3'600 * kSecond));
  EXPECT_TRUE(keys.authenticate(fresh.token, kNow + 90 * kDay));
}

TEST_F(Keys, names_that_mean_two_keys_or_none_are_refused) {
  add("phone", Role::viewer);
  add("phone", Role::viewer);
  KeyFile file = read_key_file(path_).value();
  EXPECT_EQ(revoke_key(file, "phone", kNow).error().code, ErrorCode::auth_key_unknown);
  EXPECT_EQ(revoke_key(file, "nobody", kNow).error().code, ErrorCode::auth_key_unknown);
  EXPECT_TRUE(revoke_key(file, file.keys[0].id, kNow));
  EXPECT_TRUE(revoke_key(file, "phone", kNow)) << "one in force is left";
}

TEST_F(Keys, hostile_names_accounts_and_lifetimes_are_refused) {
  KeyFile file;
  for (const char* name : {"", "../x", "a b", "a\nb", "\x1b[31m", "tt_", "é"}) {
    const auto added = add_key(file, name, Role::viewer, {}, 0, kNow);
    EXPECT_EQ(added.has_value(), std::string_view(name) == "tt_") << name;
  }
  EXPECT_FALSE(add_key(file, std::string(65, 'a'), Role::viewer, {}, 0, kNow));
  EXPECT_FALSE(add_key(file, "a", Role::none, {}, 0, kNow));
  for (const char* account : {"", "paper", ":1", "paper:", "pa/per:1", "paper:1:2 "}) {
    EXPECT_FALSE(add_key(file, "a", Role::viewer, {account}, 0, kNow)) << account;
  }
  for (const char* text : {"", "d", "0d", "-1d", "90", "90x", "1e3d", "9999999999d", "99999999999999999999d", " 1d"}) {
    EXPECT_FALSE(parse_lifetime(text)) << text;
  }
  EXPECT_EQ(parse_lifetime("90d").value(), 90 * kDay);
  EXPECT_EQ(parse_lifetime("36500d").value(), 36'500 * kDay);
}

TEST_F(Keys, a_damaged_file_is_refused_without_showing_what_it_holds) {
  for (const char* text :
       {"", "{", "[]", "{}", R"({"schema":"thintail-keys/1","keys":{},"users":[]})",
        R"({"schema":"thintail-keys/2","keys":[],"users":[]})",
        R"({"schema":"thintail-keys/1","keys":[{"id":"a"}],"users":[]})",
        R"({"schema":"thintail-keys/1","keys":[{"id":"a","name":"b","role":"god","accounts":[],"sha256":"SECRET",)"
        R"("created_ns":"0","expires_ns":"0","revoked_ns":"0"}],"users":[]})"}) {
    ASSERT_TRUE(write_secret_file(path_, text));
    const auto file = read_key_file(path_);
    ASSERT_FALSE(file) << text;
    EXPECT_EQ(file.error().message().find("SECRET"), std::string::npos);
  }
}

TEST_F(Keys, two_commands_at_once_lose_no_key) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] { add(fmt::format("k{}", i), Role::viewer); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(read_key_file(path_).value().keys.size(), 8u);
}

// --- secret files ----------------------------------------------------------------------------------------------------

TEST(SecretFile, one_that_others_may_read_a_link_and_a_folder_are_refused) {
  const test::TempFolder folder;
  const std::string path = folder.path() + "/secret";
  ASSERT_TRUE(write_secret_file(path, "s"));
  EXPECT_EQ(read_secret_file(path).value(), "s");
  for (const mode_t mode : {0640u, 0604u, 0644u, 0660u, 0666u, 0601u}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    const auto read = read_secret_file(path);
    ASSERT_FALSE(read) << mode;
    EXPECT_EQ(read.error().code, ErrorCode::auth_secret);
    EXPECT_NE(read.error().message().find("chmod 600"), std::string::npos) << "the fix is named";
  }
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  std::filesystem::create_symlink(path, folder.path() + "/link");
  EXPECT_EQ(read_secret_file(folder.path() + "/link").error().code, ErrorCode::auth_secret);
  EXPECT_EQ(read_secret_file(folder.path()).error().code, ErrorCode::auth_secret);
  EXPECT_EQ(read_secret_file(folder.path() + "/none").error().code, ErrorCode::file_missing);
  ASSERT_EQ(::mkfifo((folder.path() + "/pipe").c_str(), 0600), 0);
  EXPECT_FALSE(read_secret_file(folder.path() + "/pipe")) << "and does not wait for a writer";
  EXPECT_FALSE(read_secret_file(path, 0));
}

TEST(SecretFile, secrets_come_from_files_and_credentials_and_never_from_the_environment_itself) {
  const test::TempFolder folder;
  ASSERT_TRUE(write_secret_file(folder.path() + "/a", "from file\n"));
  ASSERT_TRUE(write_secret_file(folder.path() + "/thintail_jwt_secret", "from systemd"));
  std::map<std::string, std::string> variables;
  const Environment environment = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
  EXPECT_EQ(find_secret("jwt_secret", "", environment).value(), std::nullopt);
  variables["CREDENTIALS_DIRECTORY"] = folder.path();
  EXPECT_EQ(find_secret("jwt_secret", "", environment).value(), "from systemd");
  variables["THINTAIL_JWT_SECRET_FILE"] = folder.path() + "/a";
  EXPECT_EQ(find_secret("jwt_secret", "", environment).value(), "from file");
  variables["THINTAIL_JWT_SECRET"] = "0123456789";
  const auto refused = find_secret("jwt_secret", folder.path() + "/a", environment);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::auth_secret);
  EXPECT_NE(refused.error().message().find("THINTAIL_JWT_SECRET_FILE"), std::string::npos) << "the fix is named";
  EXPECT_EQ(refused.error().message().find("0123456789"), std::string::npos) << "the secret is not";
}

// --- JSON Web Tokens -------------------------------------------------------------------------------------------------

class Jwt : public testing::Test {
 protected:
  const std::string secret_ = std::string(32, 'k');
  JwtVerifier verifier_ =
      JwtVerifier::make(
          {.secrets = {{"", secret_}, {"desk", std::string(40, 'd')}}, .issuer = "", .audience = "thintail"})
          .value();
  const std::string header_ = R"({"alg":"HS256","typ":"JWT"})";

  static std::string claims(std::string_view exp = "1800000100", std::string_view more = "") {
    return fmt::format(R"({{"sub":"ann","role":"trader","aud":"thintail","exp":{}{}}})", exp, more);
  }
  bool lets_in(const std::string& token, std::int64_t now_ns = kNow) const {
    return verifier_.verify(token, now_ns).has_value();
  }
};

TEST_F(Jwt, a_good_token_lets_in_until_it_expires) {
  const std::string token = sign_jwt(header_, claims(), secret_);
  const auto who = verifier_.verify(token, kNow);
  ASSERT_TRUE(who) << who.error();
  EXPECT_EQ(who->id, "token:ann");
  EXPECT_EQ(who->role, Role::trader);
  EXPECT_EQ(who->expires_ns, kNow + 100 * kSecond);
  EXPECT_TRUE(lets_in(token, kNow + 100 * kSecond - 1));
  EXPECT_FALSE(lets_in(token, kNow + 100 * kSecond));
  EXPECT_TRUE(lets_in(sign_jwt(R"({"alg":"HS256","kid":"desk"})", claims(), std::string(40, 'd'))));
}

TEST_F(Jwt, other_algorithms_are_refused_whatever_the_signature) {
  for (const char* alg :
       {"none", "None", "nOnE", "NONE", "HS384", "HS512", "RS256", "ES256", "EdDSA", "hs256", "HS256 ", ""}) {
    const std::string header = fmt::format(R"({{"alg":"{}"}})", alg);
    EXPECT_FALSE(lets_in(sign_jwt(header, claims(), secret_))) << alg;
    EXPECT_FALSE(lets_in(base64url(header) + "." + base64url(claims()) + ".")) << alg;
  }
  EXPECT_FALSE(lets_in(sign_jwt(R"({"typ":"JWT"})", claims(), secret_)));
  EXPECT_FALSE(lets_in(sign_jwt(R"({"alg":["HS256"]})", claims(), secret_)));
  EXPECT_FALSE(lets_in(sign_jwt(R"({"alg":"none","alg":"HS256"})", claims(), secret_))) << "a key named twice";
}

TEST_F(Jwt, a_public_key_is_no_secret_of_ours) {
  // RS-to-HS swap: signed with what an RS256 verifier would publish.
  const std::string pem = "-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAK\n-----END PUBLIC KEY-----\n";
  EXPECT_FALSE(lets_in(sign_jwt(header_, claims(), pem)));
}

TEST_F(Jwt, key_ids_are_looked_up_in_the_list_and_nowhere_else) {
  for (const char* kid : {"../../dev/null", "/dev/null", "desk2", "' OR 1=1", "Desk"}) {
    EXPECT_FALSE(lets_in(sign_jwt(fmt::format(R"({{"alg":"HS256","kid":"{}"}})", kid), claims(), secret_))) << kid;
    EXPECT_FALSE(lets_in(sign_jwt(fmt::format(R"({{"alg":"HS256","kid":"{}"}})", kid), claims(), ""))) << kid;
  }
  EXPECT_FALSE(lets_in(sign_jwt(R"({"alg":"HS256","kid":["desk"]})", claims(), secret_)));
  EXPECT_FALSE(lets_in(sign_jwt(R"({"alg":"HS256","kid":"desk"})", claims(), secret_))) << "another key's signature";
}

TEST_F(Jwt, claims_that_are_missing_or_out_of_range_are_refused) {
  for (const char* exp :
       {"1e300", "-1", "\"1800000100\"", "null", "true", "[1800000100]", "1799999999", "99999999999999999999", "0"}) {
    EXPECT_FALSE(lets_in(sign_jwt(header_, claims(exp), secret_))) << exp;
  }
  const auto signed_claims = [&](const char* text) { return sign_jwt(header_, text, secret_); };
  EXPECT_FALSE(lets_in(signed_claims(R"({"sub":"ann","role":"trader","aud":"thintail"})"))) << "no exp";
  EXPECT_FALSE(lets_in(signed_claims(R"({"role":"trader","aud":"thintail","exp":1800000100})"))) << "no sub";
  EXPECT_FALSE(lets_in(signed_claims(R"({"sub":"../x","role":"trader","aud":"thintail","exp":1800000100})")));
  EXPECT_FALSE(lets_in(signed_claims(R"({"sub":"ann","role":"none","aud":"thintail","exp":1800000100})")));
  EXPECT_FALSE(lets_in(signed_claims(R"({"sub":"ann","role":"root","aud":"thintail","exp":1800000100})")));
  EXPECT_FALSE(lets_in(signed_claims(R"({"sub":"ann","role":"trader","aud":"other","exp":1800000100})")));
  EXPECT_FALSE(lets_in(signed_claims(R"({"sub":"ann","role":"trader","exp":1800000100})"))) << "no aud";
  EXPECT_FALSE(lets_in(sign_jwt(header_, claims("1800000100", R"(,"nbf":1800000031)"), secret_)));
  EXPECT_TRUE(lets_in(sign_jwt(header_, claims("1800000100", R"(,"nbf":1800000029)"), secret_))) << "clocks differ";
  EXPECT_FALSE(lets_in(sign_jwt(header_, claims("1800000100", R"(,"accounts":[])"), secret_))) << "would mean all";
  EXPECT_FALSE(lets_in(sign_jwt(R"({"alg":"HS256","crit":["exp"]})", claims(), secret_)));
}

TEST_F(Jwt, texts_that_are_no_token_are_refused) {
  const std::string good = sign_jwt(header_, claims(), secret_);
  for (const std::string& token :
       {std::string(), std::string("..."), std::string(".."), std::string("a.b"), good + ".", good + "=", good + "A",
        "." + good, good.substr(0, good.rfind('.') + 1), good.substr(0, good.size() - 1), std::string(9'000, 'a')}) {
    EXPECT_FALSE(lets_in(token)) << token.substr(0, 60);
  }
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string wrong = good;
    wrong[i] = wrong[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(lets_in(wrong)) << i;
  }
}

TEST_F(Jwt, a_secret_under_32_bytes_is_refused_at_start) {
  const auto made = JwtVerifier::make({.secrets = {{"", std::string(31, 'k')}}, .issuer = "", .audience = ""});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::auth_secret);
  EXPECT_EQ(made.error().message().find("kkk"), std::string::npos);
  const auto none = JwtVerifier::make({});
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->verify(sign_jwt(header_, claims(), ""), kNow)) << "no secret lets nobody in";
}

// --- sessions, codes, locks, passwords -------------------------------------------------------------------------------

TEST(Sessions, end_after_12_hours_by_logout_and_when_there_are_too_many) {
  Sessions sessions;
  const auto ann = sessions.open({.id = "user:ann", .role = Role::trader}, kNow);
  EXPECT_EQ(ann.cookie.size(), 43u);
  ASSERT_NE(sessions.find(ann.cookie, kNow), nullptr);
  EXPECT_NE(sessions.find(ann.cookie, kNow + Sessions::kLifetimeNs - 1), nullptr);
  EXPECT_EQ(sessions.find(ann.cookie, kNow + Sessions::kLifetimeNs), nullptr);
  EXPECT_EQ(sessions.find(ann.cookie + "A", kNow), nullptr);
  const auto elsewhere = sessions.open({.id = "user:ann", .role = Role::trader}, kNow);
  EXPECT_NE(elsewhere.session.principal.session_id, ann.session.principal.session_id);
  EXPECT_TRUE(sessions.is_open(ann.session.principal.session_id));
  sessions.close(ann.cookie);
  EXPECT_FALSE(sessions.is_open(ann.session.principal.session_id));
  EXPECT_TRUE(sessions.is_open(elsewhere.session.principal.session_id)) << "the same user's other session goes on";
  sessions.sweep(kNow, [](const Principal& principal) { return principal.id == "user:ann"; });
  EXPECT_FALSE(sessions.is_open(elsewhere.session.principal.session_id));
  std::vector<std::uint64_t> ids;
  for (std::size_t i = 0; i < Sessions::kSessionsMax + 10; ++i) {
    const auto bob = sessions.open({.id = "user:bob", .role = Role::viewer}, kNow + static_cast<std::int64_t>(i));
    ids.push_back(bob.session.principal.session_id);
  }
  EXPECT_EQ(sessions.count(), Sessions::kSessionsMax);
  EXPECT_FALSE(sessions.is_open(ids.front())) << "the oldest went";
  EXPECT_TRUE(sessions.is_open(ids.back()));
}

TEST(LoginCodes, work_once_and_for_five_minutes) {
  LoginCodes codes;
  const std::string code = codes.issue(Role::viewer, kNow);
  EXPECT_FALSE(codes.redeem("x", kNow));
  EXPECT_EQ(codes.redeem(code, kNow + 1), Role::viewer);
  EXPECT_FALSE(codes.redeem(code, kNow + 1));
  const std::string late = codes.issue(Role::viewer, kNow);
  EXPECT_FALSE(codes.redeem(late, kNow + LoginCodes::kLifetimeNs));
}

TEST(LoginLocks, lock_only_the_pair_of_address_and_user) {
  LoginLocks locks;
  for (int i = 0; i < LoginLocks::kFailuresMax; ++i) {
    EXPECT_EQ(locks.locked_for_s("10.0.0.1", "ann", kNow), 0);
    locks.failed("10.0.0.1", "ann", kNow);
  }
  EXPECT_EQ(locks.locked_for_s("10.0.0.1", "ann", kNow), 900);
  EXPECT_EQ(locks.locked_for_s("10.0.0.2", "ann", kNow), 0) << "the user elsewhere is not locked out";
  EXPECT_EQ(locks.locked_for_s("10.0.0.1", "bob", kNow), 0);
  EXPECT_EQ(locks.locked_for_s("10.0.0.1", "ann", kNow + LoginLocks::kWindowNs), 0);
  locks.succeeded("10.0.0.1", "ann");
  EXPECT_EQ(locks.locked_for_s("10.0.0.1", "ann", kNow), 0);
}

TEST(Passwords, verify_by_argon2id_and_never_for_a_user_that_is_not_there) {
  const std::string hash = hash_password("correct horse battery", PasswordCost::minimal).value();
  EXPECT_TRUE(hash.starts_with("$argon2id$"));
  EXPECT_TRUE(verify_password(hash, "correct horse battery"));
  EXPECT_FALSE(verify_password(hash, "correct horse batterz"));
  EXPECT_FALSE(verify_password("", "x"));
  EXPECT_FALSE(verify_password("$argon2id$v=19$m=99999999,t=2,p=1$", "x"));
  EXPECT_FALSE(verify_password(std::string(4'096, '$'), "x"));
  EXPECT_FALSE(check_new_password("short"));
  EXPECT_FALSE(check_new_password(std::string(12, '\xff')));
}

TEST(Workers, a_full_queue_says_no_and_everything_taken_is_done) {
  std::promise<void> gate;
  const auto open = gate.get_future().share();
  std::atomic<int> done{0};
  int taken = 0;
  {
    Workers workers(1, 4);
    std::promise<void> begun;
    ASSERT_TRUE(workers.submit([&] {
      begun.set_value();
      open.wait();
    }));
    begun.get_future().wait();
    for (int i = 0; i < 10; ++i) taken += workers.submit([&] { ++done; }) ? 1 : 0;
    EXPECT_EQ(taken, 4) << "one works, four wait, the rest are told";
    gate.set_value();
    std::promise<void> last;
    while (!workers.submit([&] { last.set_value(); })) std::this_thread::yield();
    last.get_future().wait();
  }
  EXPECT_EQ(done, 4);
}

TEST(Workers, urgent_work_waits_neither_for_work_at_hand_nor_for_what_came_before) {
  std::promise<void> gate;
  const auto open = gate.get_future().share();
  std::promise<void> begun[2];
  std::promise<void> urgent;
  std::atomic<int> ordinary{0};
  Workers workers(2, 100, 1);  // ends before what its work looks at
  for (std::promise<void>& one : begun) {
    ASSERT_TRUE(workers.submit([&] {
      one.set_value();
      open.wait();
    }));
  }
  for (std::promise<void>& one : begun) one.get_future().wait();
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(workers.submit([&] { ++ordinary; }));
  ASSERT_TRUE(workers.submit([&] { urgent.set_value(); }, true));
  ASSERT_EQ(urgent.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready)
      << "both threads are taken and fifty wait, and yet it is done";
  EXPECT_EQ(ordinary, 0);
  gate.set_value();
}

TEST(Workers, urgent_work_goes_first_where_one_thread_does_all) {
  Workers workers(1, 100);
  std::promise<void> gate;
  std::promise<void> begun;
  ASSERT_TRUE(workers.submit([&] {
    begun.set_value();
    gate.get_future().wait();
  }));
  begun.get_future().wait();
  std::vector<int> order;
  std::promise<void> last;
  ASSERT_TRUE(workers.submit([&] { order.push_back(1); }));
  ASSERT_TRUE(workers.submit([&] {
    order.push_back(2);
    last.set_value();
  }));
  ASSERT_TRUE(workers.submit([&] { order.push_back(0); }, true));
  gate.set_value();
  last.get_future().wait();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}

TEST(Workers, stopped_they_finish_what_is_at_hand_drop_what_waits_and_take_nothing) {
  Workers workers(1, 4);
  std::promise<void> gate;
  std::promise<void> begun;
  std::atomic<int> done{0};
  ASSERT_TRUE(workers.submit([&] {
    begun.set_value();
    gate.get_future().wait();
    ++done;
  }));
  begun.get_future().wait();
  ASSERT_TRUE(workers.submit([&] { done += 100; }));
  std::thread opener([&] { gate.set_value(); });
  workers.stop();
  opener.join();
  EXPECT_GE(done, 1);
  EXPECT_FALSE(workers.submit([] {}));
  EXPECT_FALSE(workers.submit([] {}, true));
}

// --- rate limits -----------------------------------------------------------------------------------------------------

TEST(RateLimits, count_each_class_and_caller_apart_and_begin_again_with_the_window) {
  RateLimits limits({.read = {3, 60}, .trading = {1, 3'600}});
  for (int i = 2; i >= 0; --i) {
    const RateVerdict verdict = limits.take(RateClass::read, "key:a", kNow);
    EXPECT_TRUE(verdict.is_allowed);
    EXPECT_EQ(verdict.remaining, i);
  }
  const RateVerdict refused = limits.take(RateClass::read, "key:a", kNow + 59 * kSecond);
  EXPECT_FALSE(refused.is_allowed);
  EXPECT_EQ(refused.policy_text("read"), "\"read\";q=3;w=60");
  EXPECT_EQ(refused.state_text("read"), "\"read\";r=0;t=1");
  EXPECT_TRUE(limits.take(RateClass::trading, "key:a", kNow).is_allowed);
  EXPECT_TRUE(limits.take(RateClass::read, "key:b", kNow).is_allowed);
  EXPECT_TRUE(limits.take(RateClass::read, "key:a", kNow + 60 * kSecond).is_allowed);
}

TEST(RateLimits, callers_past_the_table_share_one_count) {
  RateLimits limits({.read = {1, 60}});
  for (std::size_t i = 0; i < RateLimits::kCallersMax; ++i) {
    ASSERT_TRUE(limits.take(RateClass::read, fmt::format("{}", i), kNow).is_allowed);
  }
  EXPECT_TRUE(limits.take(RateClass::read, "new", kNow).is_allowed);
  EXPECT_FALSE(limits.take(RateClass::read, "newer", kNow).is_allowed) << "being new gives no new count";
  EXPECT_EQ(limits.callers(), RateLimits::kCallersMax);
  EXPECT_TRUE(limits.take(RateClass::read, "later", kNow + 61 * kSecond).is_allowed);
}

TEST(RateLimits, one_ipv6_network_is_one_caller) {
  RateLimits limits({.public_read = {1, 60}});
  EXPECT_TRUE(limits.take_public("2001:db8::1", kNow).is_allowed);
  EXPECT_FALSE(limits.take_public("2001:db8::2", kNow).is_allowed);
  EXPECT_TRUE(limits.take_public("2001:db8:0:1::1", kNow).is_allowed);
}

}  // namespace
}  // namespace thintail::http
