// SPDX-License-Identifier: Apache-2.0
#include "core/log/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

namespace thintail {
namespace {

class LogTest : public testing::Test {
 protected:
  void SetUp() override { unsetenv("THINTAIL_LOG"); }
  void TearDown() override {
    log::stop();
    unsetenv("THINTAIL_LOG");
  }
  // What lands on standard error between start and stop.
  template <class Body>
  std::string written(const log::Options& options, Body&& body) {
    testing::internal::CaptureStderr();
    EXPECT_TRUE(log::start(options));
    body();
    log::stop();
    return testing::internal::GetCapturedStderr();
  }
};

TEST_F(LogTest, a_line_carries_utc_time_level_and_message) {
  const auto text = written({}, [] { log::info("segment {} has {} slots", "default", 1024); });
  EXPECT_THAT(text, testing::ContainsRegex("^20[0-9-]+T[0-9:.]+Z .*info.* segment default has 1024 slots\n$"));
}

TEST_F(LogTest, text_of_others_cannot_forge_a_line) {
  const auto text = written({}, [] { log::warn("symbol {}", "X\n2026-01-01T00:00:00Z error forged\x1b[2J\xc2\x85"); });
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_NE(text.find("X\\x0a2026"), std::string::npos);
  EXPECT_EQ(text.find("\x1b[2J"), std::string::npos);
}

TEST_F(LogTest, braces_in_an_argument_are_not_a_format) {
  EXPECT_NE(written({}, [] { log::info("{}", "{} {0} %s"); }).find("{} {0} %s"), std::string::npos);
}

TEST_F(LogTest, lines_below_the_level_are_not_written) {
  EXPECT_EQ(written({.level = log::Level::warn}, [] { log::info("quiet"); }), "");
  EXPECT_EQ(written({.level = log::Level::off}, [] { log::error("quiet"); }), "");
}

TEST_F(LogTest, the_environment_goes_before_the_option) {
  setenv("THINTAIL_LOG", "debug", 1);
  EXPECT_NE(written({.level = log::Level::error}, [] { log::debug("loud"); }).find("loud"), std::string::npos);
  setenv("THINTAIL_LOG", "shout", 1);
  const auto started = log::start({});
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::config_bad_value);
}

TEST_F(LogTest, before_start_lines_go_out_directly) {
  testing::internal::CaptureStderr();
  log::error(Error{.code = ErrorCode::shm_held, .doing = "starting"});
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::StartsWith("error TT-0302"));
}

}  // namespace
}  // namespace thintail
