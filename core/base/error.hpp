// SPDX-License-Identifier: Apache-2.0
// Error: why a cold operation failed, in words a trader can act on; Result<T>: a value or that reason.
//   path  cold. Hot code returns bool, count or enum and counts in shared memory instead.
//
// Codes are stable: `TT-0412` means the same in every release, and `thintail explain TT-0412` tells the rest.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace thintail {

// Documented exit codes of every program.
enum class ExitCode : int { ok = 0, runtime = 1, check_failed = 2, usage = 64, internal = 70 };

// Values are printed and documented: never renumber, never reuse.
enum class ErrorCode : std::uint16_t {
  // 01xx command line and configuration
  usage = 101,
  config_syntax = 102,
  config_unknown_key = 103,
  config_bad_value = 104,
  config_missing = 105,
  // 02xx market data
  file_missing = 201,
  file_unreadable = 202,
  format_unknown = 203,
  format_mismatch = 204,
  row_bad_field = 205,
  compressed_truncated = 206,
  compressed_corrupt = 207,
  clock_unknown = 208,
  clock_missing = 209,
  instrument_unknown = 210,
  time_backwards = 211,
  crossed_quote = 212,
  name_undatable = 213,
  file_unwritable = 214,
  no_ticks = 215,
  bars_undeclared = 216,
  // 03xx shared memory
  shm_too_small = 301,
  shm_held = 302,
  shm_not_found = 303,
  shm_layout_mismatch = 304,
  shm_hostile = 305,
  shm_system = 306,
  shm_lost = 307,
  // 04xx models
  model_missing = 401,
  model_syntax = 402,
  model_unsupported = 403,
  model_invalid_tree = 404,
  model_feature_mismatch = 405,
  model_hash_mismatch = 406,
  model_sidecar = 407,
  training_failed = 408,
  quantization_unjudged = 409,
  feature_unknown = 412,
  feature_set_invalid = 413,
  feature_needs = 414,
  feature_state = 415,
  pack_damaged = 420,
  pack_version = 421,
  pack_kind = 422,
  pack_golden_mismatch = 423,
  // 05xx journal and replay
  journal_format = 501,
  journal_corrupt = 502,
  journal_torn = 503,
  journal_io = 504,
  replay_differs = 505,
  replay_incomplete = 506,
  // 06xx run time
  system_call = 601,
  child_failed = 602,
  isa_unavailable = 603,
  peer_absent = 604,
  check_mismatch = 605,
  // 07xx bugs
  internal = 701,
  // 08xx requests from outside
  http_malformed = 801,
  http_host = 802,
  http_not_found = 803,
  http_method = 804,
  http_too_large = 805,
  http_media_type = 806,
  http_json = 807,
  http_schema = 808,
  http_parameter = 809,
  http_busy = 810,
  http_timeout = 811,
  http_origin = 812,
  auth_missing = 820,
  auth_invalid = 821,
  auth_role = 822,
  auth_rate = 823,
  auth_locked = 824,
  auth_secret = 825,
  auth_key_unknown = 826,
  auth_exposed = 827,
  idempotency_missing = 830,
  idempotency_mismatch = 831,
  idempotency_in_flight = 832,
  idempotency_unknown = 833,
  core_away = 840,
  command_refused = 841,
  kill_latched = 842,
  choice_needed = 843,
};

struct ErrorInfo {
  ErrorCode code;
  ExitCode exit;
  std::string_view title;
  std::string_view meaning;  // what happened and why it is refused
  std::string_view advice;   // what to do about it
};

// Every documented code, ascending.
std::span<const ErrorInfo> error_catalogue() noexcept;
const ErrorInfo& error_info(ErrorCode code) noexcept;

struct Error {
  ErrorCode code{};
  std::string doing;          // what was being done, and with what
  std::string file{};         // empty where no file is involved
  std::uint64_t line{0};      // 1-based; 0 = not applicable
  std::uint64_t column{0};    // 1-based; 0 = not applicable
  std::string field{};        // column, key or header field
  std::string expected{};
  std::string found{};

  // "TT-0205 row has a bad field: parsing ticks: x.csv:17: bid: expected a decimal price, found \"abc\""
  std::string message() const;
};

std::string code_name(ErrorCode code);  // "TT-0205"

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Error error) { return std::unexpected<Error>(std::move(error)); }

// Text of an untrusted source made safe for a terminal or a log: control bytes escaped, cut at `limit_bytes`.
std::string printable(std::string_view text, std::size_t limit_bytes = 80);

// strerror without its shared buffer.
std::string errno_text(int error_number);

}  // namespace thintail

// Returns the error of a Result-valued expression, or goes on with its value in `variable`.
#define TT_TRY_CONCAT_(a, b) a##b
#define TT_TRY_CONCAT(a, b) TT_TRY_CONCAT_(a, b)
#define TT_TRY(variable, expression)                                                                   \
  auto TT_TRY_CONCAT(tt_result_, __LINE__) = (expression);                                             \
  if (!TT_TRY_CONCAT(tt_result_, __LINE__))                                                            \
    return std::unexpected<::thintail::Error>(std::move(TT_TRY_CONCAT(tt_result_, __LINE__)).error()); \
  variable = std::move(*TT_TRY_CONCAT(tt_result_, __LINE__))
#define TT_TRY_VOID(expression)                                                \
  do {                                                                         \
    if (auto tt_status = (expression); !tt_status)                             \
      return std::unexpected<::thintail::Error>(std::move(tt_status).error()); \
  } while (false)
