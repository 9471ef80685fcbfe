// SPDX-License-Identifier: Apache-2.0
#include "core/base/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <system_error>

#include "core/base/assert.hpp"

namespace thintail {
namespace {

using enum ErrorCode;

// One row per code, ascending: `thintail explain` and docs/errors.md are printed from it.
constexpr std::array kCatalogue = {
    ErrorInfo{usage, ExitCode::usage, "the command line is not understood",
              "An option or argument is unknown, missing or contradicts another.",
              "Run the command with --help; it lists every option with its unit and default."},
    ErrorInfo{config_syntax, ExitCode::usage, "the configuration is not valid TOML",
              "The file named could not be parsed at the line and column given.",
              "Mend that line. The commented thintail.toml at the root shows every key."},
    ErrorInfo{config_unknown_key, ExitCode::usage, "the configuration has a key nobody reads",
              "A mistyped key would otherwise leave its default in force without a word.",
              "Correct or remove the key; `thintail config show` lists the known ones."},
    ErrorInfo{config_bad_value, ExitCode::usage, "a configured value is of the wrong type or out of range",
              "The value does not fit the key's type, unit or bounds.",
              "Give a value as the message says; `thintail config show --origin` tells where each came from."},
    ErrorInfo{config_missing, ExitCode::usage, "a required setting is missing",
              "The command cannot choose this setting by itself.", "Set it in the file or by its flag."},
    ErrorInfo{file_missing, ExitCode::runtime, "the file does not exist", "Nothing stands at the path given.",
              "Check the path; relative paths start at the folder you call from."},
    ErrorInfo{file_unreadable, ExitCode::runtime, "the file cannot be read", "The system refused to open or read it.",
              "Check permissions and that it is a regular file."},
    ErrorInfo{format_unknown, ExitCode::runtime, "no reader recognises the file",
              "Neither its name nor its first bytes belong to a format that Thintail reads.",
              "Name the format with --format; the command's own --help lists those that it reads."},
    ErrorInfo{format_mismatch, ExitCode::runtime, "the file is not of the format named",
              "Its header or first rows contradict the format.", "Name the right format or leave it to detection."},
    ErrorInfo{row_bad_field, ExitCode::runtime, "a row has a field that cannot be read",
              "The field named is not of its type, or lies outside its range.",
              "Without --strict such rows are counted and skipped; mend the file or drop --strict."},
    ErrorInfo{compressed_truncated, ExitCode::runtime, "compressed data ends too early",
              "The zstd or LZMA stream has no end mark: part of the file is missing.",
              "Fetch the file again; ticks before the cut are not used silently."},
    ErrorInfo{compressed_corrupt, ExitCode::runtime, "compressed data is damaged",
              "The zstd or LZMA decoder refused the stream.", "Fetch the file again."},
    ErrorInfo{clock_unknown, ExitCode::usage, "the clock profile is unknown",
              "A source's clock decides what its local times mean; this name is not one.",
              "The command's own --help lists the profiles."},
    ErrorInfo{clock_missing, ExitCode::usage, "no clock profile is known for the file",
              "Times without a zone are refused, since a wrong guess shifts every bar and session.",
              "Name it with --clock, or map the file-name prefix under [sources] in the configuration."},
    ErrorInfo{instrument_unknown, ExitCode::usage, "the instrument is unknown",
              "Its digits, tick size and sessions are needed before a tick of it can be used.",
              "Add it under [instruments.\"SYMBOL@venue\"] in the configuration."},
    ErrorInfo{time_backwards, ExitCode::runtime, "time goes backwards",
              "A row is stamped earlier than the row before it.",
              "Without --strict the time is held and the row counted; sort the file or drop --strict."},
    ErrorInfo{crossed_quote, ExitCode::runtime, "a quote is crossed",
              "Its ask lies below its bid; some brokers' files hold thousands of these.",
              "Without --strict it is kept, flagged and counted, and the risk gate takes no new risk on it."},
    ErrorInfo{name_undatable, ExitCode::usage, "the file's name does not tell its date",
              "Rows of this format hold only the time of day (or hour); the date must come from the name.",
              "Keep the source's own file name, e.g. oanda_xauusd_tick_20140502.csv.zst."},
    ErrorInfo{file_unwritable, ExitCode::runtime, "the file cannot be written",
              "The system refused to create or extend it.", "Check the folder, permissions and free space."},
    ErrorInfo{no_ticks, ExitCode::runtime, "there are no ticks to work on", "The input holds no usable row.",
              "Check the counted warnings printed above."},
    ErrorInfo{
        bars_undeclared, ExitCode::usage, "what the file's bars mean is not declared",
        "Bars stamped with the other end, of the other side or of another period would be used without a sign of it.",
        "Say it with --stamp, --side or --period; `thintail features compute --help` lists the formats."},
    ErrorInfo{shm_too_small, ExitCode::runtime, "shared memory is too small",
              "The segment was reserved in full before mapping, and the file system has no room for it.",
              "Free space in the shared-memory folder, enlarge it, or set shm.events_slots lower."},
    ErrorInfo{shm_held, ExitCode::runtime, "another daemon holds this instance",
              "A segment has exactly one writer, guarded by a lock the kernel releases when it dies.",
              "Stop the daemon named, or choose another --instance."},
    ErrorInfo{shm_not_found, ExitCode::runtime, "no core of this name is running",
              "There is no segment for the instance.", "Start one with `thintail run`, or name its --instance."},
    ErrorInfo{shm_layout_mismatch, ExitCode::runtime, "the segment has another layout",
              "It was written by a build whose layout this program does not read.",
              "Run monitor and core from the same release; both versions are in the message."},
    ErrorInfo{shm_hostile, ExitCode::runtime, "the segment's file is not ours",
              "It has another owner, mode or type than we create: a planted file or link.",
              "Look at who made it, then remove it."},
    ErrorInfo{shm_system, ExitCode::runtime, "the system refused a shared-memory call",
              "See the reason in the message.", "`thintail stat --help` names the folder and limits used."},
    ErrorInfo{
        shm_lost, ExitCode::runtime, "the segment was taken away from a running daemon",
        "Its file was removed or replaced, so that no reader could follow any more; the daemon stopped.",
        "Find what cleans the folder (systemd needs RemoveIPC=no), then start again: the journal has every event."},
    ErrorInfo{model_missing, ExitCode::runtime, "the model file does not exist", "Nothing stands at the path given.",
              "Check --model, or train one with `thintail-train`."},
    ErrorInfo{model_syntax, ExitCode::runtime, "the model file is not what its kind says",
              "A key is missing or has another type than XGBoost writes.", "Save the model again as .json."},
    ErrorInfo{model_unsupported, ExitCode::runtime, "the model uses something the evaluator does not have",
              "Refused rather than evaluated differently from the library.",
              "See docs/models.md for objectives, boosters and limits."},
    ErrorInfo{model_invalid_tree, ExitCode::runtime, "a tree of the model is malformed",
              "A child index, feature index or threshold is out of range, or the nodes form a cycle.",
              "The file is damaged or hostile; take it from its source again."},
    ErrorInfo{model_feature_mismatch, ExitCode::runtime, "the model expects other features",
              "Its feature-set hash differs from the set in force: its inputs would mean something else.",
              "Train on this set, or run with the set that the model names."},
    ErrorInfo{model_hash_mismatch, ExitCode::runtime, "the model file is not the one recorded",
              "Its SHA-256 differs from the one in the journal or sidecar.", "Give the file with that hash."},
    ErrorInfo{model_sidecar, ExitCode::runtime, "the model's sidecar is missing or wrong",
              "MODEL.json needs MODEL.features.toml beside it: feature set, hash, label and horizon.",
              "`thintail-train` writes both; keep them together."},
    ErrorInfo{training_failed, ExitCode::runtime, "training failed", "The boosting library reported an error.",
              "See its words in the message."},
    ErrorInfo{feature_unknown, ExitCode::usage, "the feature or feature set is unknown",
              "No feature, parameter or set of that name is in the catalogue.",
              "`thintail features list` names them all; docs/features.md too."},
    ErrorInfo{feature_set_invalid, ExitCode::usage, "the feature set is not valid",
              "The set's TOML breaks a rule of its form, its parameters or its limits.",
              "Mend the line named; `thintail features explain NAME` shows an example line and the ranges."},
    ErrorInfo{
        feature_needs, ExitCode::usage, "the data lacks what a feature needs",
        "A lane that could never be defined, or would mean something else, is refused before anything starts.",
        "Take a set that the data can serve: `thintail features list --set NAME` shows the needs of its lanes. Volume "
        "bars need a feed with trades."},
    ErrorInfo{feature_state, ExitCode::runtime, "saved feature state does not fit",
              "It was saved by another release, or for another set, calendar or tick size.",
              "Leave it out: features warm up again from the history that is fed."},
    ErrorInfo{journal_format, ExitCode::runtime, "the file is not a journal of a version we read",
              "Magic or version in its header differ.", "Replay it with the release that wrote it."},
    ErrorInfo{journal_corrupt, ExitCode::runtime, "the journal is damaged",
              "A block before the end fails its checksum or its sequences do not follow on.",
              "Restore the file; events before the damage can be replayed with --allow-partial."},
    ErrorInfo{journal_torn, ExitCode::runtime, "the journal ends in a torn block",
              "The last write was cut by a crash. Everything acknowledged lies before it.",
              "Nothing to do: the next start appends the rest from shared memory."},
    ErrorInfo{journal_io, ExitCode::runtime, "writing the journal failed",
              "The disk refused a write or sync; events keep waiting in memory.", "Check space and the disk."},
    ErrorInfo{replay_differs, ExitCode::check_failed, "the replay differs from the journal",
              "An output event is not byte-identical; the message names the first one and its field.",
              "Same build, packs and configuration? If so this is a defect: please report it."},
    ErrorInfo{replay_incomplete, ExitCode::runtime, "the journal lacks what replay needs",
              "Configuration, an instrument or a model recorded in it was not found.",
              "Give the model by --model; journals start with configuration and instruments."},
    ErrorInfo{system_call, ExitCode::runtime, "the system refused a call", "See the reason in the message.",
              "`man` of the call named explains the reason."},
    ErrorInfo{child_failed, ExitCode::runtime, "a program started by this one failed",
              "Its exit status and last words are in the message.", "Run it by itself to see more."},
    ErrorInfo{isa_unavailable, ExitCode::usage, "this CPU lacks the instruction set asked for",
              "Kernels of that set would fault.", "Choose --isa scalar or avx2, or leave it to detection."},
    ErrorInfo{peer_absent, ExitCode::runtime, "a benchmark peer is not installed",
              "The case runs without it and says so.", "Install the package named."},
    ErrorInfo{check_mismatch, ExitCode::check_failed, "ours and the peer computed different things",
              "A benchmark compares only equal work.", "This is a defect: please report it."},
    ErrorInfo{internal, ExitCode::internal, "a bug in Thintail", "An internal expectation did not hold.",
              "Please report it with the message."},
};

static_assert(std::ranges::is_sorted(kCatalogue, {}, &ErrorInfo::code));

}  // namespace

std::span<const ErrorInfo> error_catalogue() noexcept { return kCatalogue; }

const ErrorInfo& error_info(ErrorCode code) noexcept {
  const auto* row = std::ranges::lower_bound(kCatalogue, code, {}, &ErrorInfo::code);
  TT_CHECK(row != kCatalogue.end() && row->code == code, "every ErrorCode to have a catalogue row");
  return *row;
}

std::string code_name(ErrorCode code) { return fmt::format("TT-{:04}", static_cast<unsigned>(code)); }

std::string Error::message() const {
  std::string text = fmt::format("{} {}", code_name(code), error_info(code).title);
  if (!doing.empty()) text += fmt::format(": {}", doing);
  if (!file.empty()) {
    text += fmt::format(": {}", printable(file, 400));
    if (line != 0) text += fmt::format(":{}", line);
    if (column != 0) text += fmt::format(":{}", column);
  } else if (line != 0) {
    text += fmt::format(": line {}", line);
  }
  if (!field.empty()) text += fmt::format(": {}", field);
  if (!expected.empty()) text += fmt::format(": expected {}", expected);
  if (!found.empty()) text += fmt::format("{}found {}", expected.empty() ? ": " : ", ", found);
  return text;
}

std::string printable(std::string_view text, std::size_t limit_bytes) {
  std::string out;
  for (const char raw : text.substr(0, limit_bytes)) {
    const auto byte = static_cast<unsigned char>(raw);
    // 0x80..0x9f would be C1 controls in a lone-byte reading; UTF-8 text keeps its bytes >= 0xa0 and
    // escapes the rest, which is readable enough for a message.
    if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && byte < 0xa0)) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += raw;
    }
  }
  if (text.size() > limit_bytes) out += "...";
  return out;
}

std::string errno_text(int error_number) { return std::generic_category().message(error_number); }

}  // namespace thintail
