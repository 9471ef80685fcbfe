// SPDX-License-Identifier: Apache-2.0
#include "core/log/log.hpp"

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>

namespace thintail::log {
namespace {

constexpr std::size_t kMessageBytesMax = 4'000;
constexpr std::array<std::string_view, 5> kLevelNames = {"debug", "info", "warn", "error", "off"};

// Guards start and stop; a line holds it only long enough to take a reference.
std::mutex logger_mutex;
std::shared_ptr<spdlog::details::thread_pool> pool;
std::shared_ptr<spdlog::logger> logger;
std::atomic<Level> level{Level::info};

spdlog::level::level_enum to_spdlog(Level wanted) noexcept {
  switch (wanted) {
    case Level::debug: return spdlog::level::debug;
    case Level::info: return spdlog::level::info;
    case Level::warn: return spdlog::level::warn;
    case Level::error: return spdlog::level::err;
    case Level::off: return spdlog::level::off;
  }
  return spdlog::level::off;
}

}  // namespace

Result<Level> level_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kLevelNames.size(); ++i) {
    if (name == kLevelNames[i]) return static_cast<Level>(i);
  }
  return fail({.code = ErrorCode::config_bad_value,
               .doing = "choosing the log level",
               .field = "log level",
               .expected = "debug, info, warn, error or off",
               .found = printable(name)});
}

Result<void> start(const Options& options) {
  Level wanted = options.level;
  if (const char* name = std::getenv("THINTAIL_LOG"); name != nullptr && *name != '\0') {
    TT_TRY(wanted, level_from_name(name));
  }
  level.store(wanted, std::memory_order_relaxed);  // relaxed: a level says nothing about other memory
  const std::scoped_lock guard(logger_mutex);
  if (logger) return {};
  try {
    pool = std::make_shared<spdlog::details::thread_pool>(options.lines_max, 1);
    logger = std::make_shared<spdlog::async_logger>("thintail", std::make_shared<spdlog::sinks::stderr_color_sink_mt>(),
                                                    pool, spdlog::async_overflow_policy::overrun_oldest);
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%fZ %^%-5l%$ %v", spdlog::pattern_time_type::utc);
    logger->set_level(spdlog::level::trace);  // enabled() has already decided
    logger->flush_on(spdlog::level::warn);
  } catch (const spdlog::spdlog_ex& failure) {
    logger.reset();
    pool.reset();
    return fail({.code = ErrorCode::system_call, .doing = "starting the log", .found = failure.what()});
  }
  return {};
}

void stop() noexcept {
  const std::scoped_lock guard(logger_mutex);
  logger.reset();
  pool.reset();  // its destructor writes what is waiting and joins
}

bool enabled(Level wanted) noexcept {
  return wanted >= level.load(std::memory_order_relaxed);  // relaxed: see start()
}

std::uint64_t dropped() noexcept {
  const std::scoped_lock guard(logger_mutex);
  return pool ? pool->overrun_counter() : 0;
}

void write(Level wanted, fmt::string_view format, fmt::format_args arguments) noexcept {
  try {
    const std::string line = printable(fmt::vformat(format, arguments), kMessageBytesMax);
    const auto current = [] {
      const std::scoped_lock guard(logger_mutex);
      return logger;
    }();
    if (current) {
      current->log(to_spdlog(wanted), spdlog::string_view_t(line));
    } else {
      fmt::print(stderr, "{} {}\n", kLevelNames[static_cast<std::size_t>(wanted)], line);
    }
  } catch (...) {
    // A line that cannot be formatted or queued (no memory) must not end the thread that wanted to say something.
    std::fputs("error a log line was lost\n", stderr);
  }
}

}  // namespace thintail::log
