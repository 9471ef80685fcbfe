// SPDX-License-Identifier: Apache-2.0
// Log: what the daemon tells a person, on standard error, one line each, written by a thread of its own.
//   path       cold. Hot threads count in shared memory instead and never call this.
//   threads    any cold thread after start(); before it and after stop() lines are written directly.
//   invariant  text of others cannot forge a line or steer a terminal: every message is escaped as a whole. The
//              caller never waits for a slow terminal: the oldest waiting line is given up and counted.
//
//   log::info("segment {} is {} MiB", name, size_mib);
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string_view>

#include "core/base/error.hpp"

namespace thintail::log {

enum class Level : std::uint8_t { debug, info, warn, error, off };

struct Options {
  Level level = Level::info;   // the environment variable THINTAIL_LOG, if it names a level, goes before
  std::size_t lines_max = 4096;  // that may wait for the writing thread
};

// "debug", "info", "warn", "error" or "off".
Result<Level> level_from_name(std::string_view name);

// Starts the writing thread. Once in a process; a second call only sets the level.
Result<void> start(const Options& options);
// Writes what is waiting and ends the thread.
void stop() noexcept;

bool enabled(Level level) noexcept;
// Lines that were given up because the writing thread could not keep up.
std::uint64_t dropped() noexcept;

void write(Level level, fmt::string_view format, fmt::format_args arguments) noexcept;

template <class... Arguments>
void debug(fmt::format_string<Arguments...> format, Arguments&&... arguments) noexcept {
  if (enabled(Level::debug)) write(Level::debug, format, fmt::make_format_args(arguments...));
}
template <class... Arguments>
void info(fmt::format_string<Arguments...> format, Arguments&&... arguments) noexcept {
  if (enabled(Level::info)) write(Level::info, format, fmt::make_format_args(arguments...));
}
template <class... Arguments>
void warn(fmt::format_string<Arguments...> format, Arguments&&... arguments) noexcept {
  if (enabled(Level::warn)) write(Level::warn, format, fmt::make_format_args(arguments...));
}
template <class... Arguments>
void error(fmt::format_string<Arguments...> format, Arguments&&... arguments) noexcept {
  if (enabled(Level::error)) write(Level::error, format, fmt::make_format_args(arguments...));
}
inline void error(const Error& failure) noexcept { error("{}", failure.message()); }

}  // namespace thintail::log
