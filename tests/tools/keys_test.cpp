// SPDX-License-Identifier: Apache-2.0
// `thintail keys`: a key is made, shown once, listed without its secret, rotated and revoked; users get a password from a file.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "adapters/http/api_keys.hpp"
#include "adapters/http/passwords.hpp"
#include "tests/support/process.hpp"
#include "tests/support/temp_folder.hpp"

namespace thintail {
namespace {

using test::ProcessResult;

class KeysCommand : public testing::Test {
 protected:
  ProcessResult keys(std::vector<std::string> arguments, const std::vector<std::string>& environment = {}) const {
    arguments.insert(arguments.begin(), {THINTAIL_BINARY_DIR "/bin/thintail", "keys"});
    std::vector<std::string> variables = environment;
    variables.push_back("THINTAIL_KEYS_FILE=" + path_);
    return test::Process(arguments, variables).wait();
  }
  http::ApiKeys open() const { return http::ApiKeys::open(path_).value(); }

  test::TempFolder folder_;
  std::string path_ = folder_.path() + "/made/keys.json";
};

std::string line_of(const std::string& text) { return text.substr(0, text.find('\n')); }

TEST_F(KeysCommand, adds_lists_rotates_and_revokes) {
  const ProcessResult added =
      keys({"add", "--role", "trader", "--name", "phone", "--expires", "90d", "--account", "paper:1"});
  ASSERT_EQ(added.exit_code, 0) << added.err;
  const std::string token = line_of(added.out);
  ASSERT_TRUE(http::is_key_shaped(token)) << "the token alone on standard output";
  const std::int64_t now = std::chrono::system_clock::now().time_since_epoch().count();
  const auto who = open().authenticate(token, now);
  ASSERT_TRUE(who);
  EXPECT_EQ(who->role, http::Role::trader);
  EXPECT_EQ(who->accounts, std::vector<std::string>{"paper:1"});

  const ProcessResult listed = keys({"list"});
  EXPECT_NE(listed.out.find("phone"), std::string::npos);
  EXPECT_EQ(listed.out.find(token.substr(14)), std::string::npos) << "never again";
  const auto json = nlohmann::json::parse(keys({"list", "--json"}).out);
  EXPECT_EQ(json["keys"][0]["state"], "in force");

  const ProcessResult rotated = keys({"rotate", "phone", "--overlap", "1h"});
  ASSERT_EQ(rotated.exit_code, 0) << rotated.err;
  EXPECT_TRUE(open().authenticate(token, now)) << "the old one for an hour more";
  EXPECT_TRUE(open().authenticate(line_of(rotated.out), now));
  const std::string id = line_of(rotated.out).substr(3, 10);
  EXPECT_EQ(keys({"revoke", id}).exit_code, 0);
  EXPECT_FALSE(open().authenticate(line_of(rotated.out), now));
}

TEST_F(KeysCommand, writes_a_header_file_for_curl_that_only_its_owner_reads) {
  const std::string out = folder_.path() + "/key";
  const ProcessResult added = keys({"add", "--name", "phone", "--out", out});
  ASSERT_EQ(added.exit_code, 0) << added.err;
  EXPECT_EQ(added.out.find("tt_"), std::string::npos) << "then the token is shown nowhere";
  struct stat status{};
  ASSERT_EQ(::stat(out.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  const std::string text = http::read_secret_file(out).value();
  EXPECT_TRUE(text.starts_with("Authorization: Bearer tt_"));
}

TEST_F(KeysCommand, mistakes_are_told_with_their_code) {
  const auto code = [&](std::vector<std::string> arguments) {
    const ProcessResult result = keys(std::move(arguments));
    EXPECT_NE(result.exit_code, 0);
    return result.err.substr(0, result.err.find(' ', 7));
  };
  EXPECT_EQ(code({"add", "--name", "a", "--role", "root"}), "error: TT-0101");
  EXPECT_EQ(code({"add", "--name", "../a"}), "error: TT-0101");
  EXPECT_EQ(code({"add", "--name", "a", "--expires", "soon"}), "error: TT-0101");
  EXPECT_EQ(code({"revoke", "nobody"}), "error: TT-0826");
  EXPECT_EQ(code({"user", "ann", "--password", "correct horse battery"}), "error: TT-0825");
  EXPECT_EQ(keys({"list"}).exit_code, 0) << "no file: no keys";
}

TEST_F(KeysCommand, a_user_gets_the_password_of_a_file_and_not_of_the_environment) {
  const std::string secret = folder_.path() + "/password";
  ASSERT_TRUE(http::write_secret_file(secret, "correct horse battery\n"));
  ASSERT_EQ(keys({"user", "ann", "--role", "admin", "--password-file", secret}).exit_code, 0);
  const http::ApiKeys made = open();
  ASSERT_NE(made.user("ann"), nullptr);
  EXPECT_TRUE(http::verify_password(made.user("ann")->argon2id, "correct horse battery"));
  const ProcessResult refused = keys({"user", "bob"}, {"THINTAIL_PASSWORD=correct horse battery"});
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_NE(refused.err.find("THINTAIL_PASSWORD_FILE"), std::string::npos) << "the fix is named: " << refused.err;
  EXPECT_EQ(refused.err.find("correct horse"), std::string::npos);
  ASSERT_EQ(keys({"user", "ann", "--remove"}).exit_code, 0);
  EXPECT_EQ(open().user("ann"), nullptr);
}

}  // namespace
}  // namespace thintail
