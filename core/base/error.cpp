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
              "Its SHA-256 differs from the one in the journal.", "Give the file with that hash."},
    ErrorInfo{model_sidecar, ExitCode::runtime, "the model's sidecar is missing or wrong",
              "Given by releases before packs, whose models were MODEL.json and MODEL.features.toml.",
              "Train again, or `thintail models import MODEL.json --features SET -o MODEL.ttm`."},
    ErrorInfo{training_failed, ExitCode::runtime, "training failed", "The boosting library reported an error.",
              "See its words in the message."},
    ErrorInfo{quantization_unjudged, ExitCode::runtime, "the quantization cannot be judged on this",
              "The gate compares scores that are numbers, on 50,000 rows at least that calibration did not see.",
              "Give more or other ticks (--ticks), and see what the message found."},
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
    ErrorInfo{
        pack_damaged, ExitCode::runtime, "the model pack is not as its writer left it",
        "Its digest, layout or one of its texts is not what any release writes: bytes were lost, changed or made up.",
        "Take the .ttm from its source again, or make it again from the model that it was made of."},
    ErrorInfo{pack_version, ExitCode::runtime, "the model pack is of another version",
              "Another release wrote it in a form that this one does not read.",
              "Make it again with this release: `thintail models import` or `thintail-train`."},
    ErrorInfo{
        pack_kind, ExitCode::runtime, "the model pack is of another kind",
        "A pack of kind vector says nothing of what its inputs mean: it is verified and benched, never run on ticks.",
        "Import the model with --features, which gives a pack of kind events."},
    ErrorInfo{pack_golden_mismatch, ExitCode::check_failed,
              "the model computes something else here than where it was made",
              "A golden row of the pack, recomputed on this CPU, differs in a bit: this build's features or kernels "
              "are not the "
              "ones that the model was made with.",
              "Make the pack again with this release. If it was made with this very one, report it: results must not "
              "depend on the CPU."},
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
    ErrorInfo{http_malformed, ExitCode::runtime, "the request is not valid HTTP",
              "A line, header, length or path breaks a rule that keeps requests apart; guessing would let one hide in "
              "another.",
              "Send it with an ordinary HTTP/1.1 client; the message names what was wrong."},
    ErrorInfo{http_host, ExitCode::runtime, "the request is addressed to another host",
              "Its Host is none of ours: a page elsewhere may have made a name point here.",
              "Use the address that `thintail serve` printed, or name this host with --host."},
    ErrorInfo{http_not_found, ExitCode::runtime, "nothing is there", "No route, asset or record has this path.",
              "docs/api.md and /api/v1/openapi.json list every route."},
    ErrorInfo{http_method, ExitCode::runtime, "the route does not take this method",
              "The path exists, but not for this verb; commands are never taken by GET.",
              "Use one of the methods in the Allow header."},
    ErrorInfo{http_too_large, ExitCode::runtime, "the request is too large",
              "Its path, headers or body pass the limit.", "Send less; the message names the limit."},
    ErrorInfo{http_media_type, ExitCode::runtime, "the body is of another media type", "Bodies are JSON.",
              "Send Content-Type: application/json."},
    ErrorInfo{http_json, ExitCode::runtime, "the body is not JSON that we read",
              "It breaks the grammar, nests too deeply, names a key twice, or holds a number out of range.",
              "Mend the body at the byte named."},
    ErrorInfo{http_schema, ExitCode::runtime, "the body does not fit its schema",
              "A field is missing, unknown, or outside its bounds.",
              "/api/v1/openapi.json has the schema of every route; the message names each field."},
    ErrorInfo{http_parameter, ExitCode::runtime, "a parameter does not fit",
              "A part of the path or query is missing, unknown, twice there or outside its bounds.",
              "/api/v1/openapi.json lists the parameters of every route."},
    ErrorInfo{http_busy, ExitCode::runtime, "the gateway is busy",
              "Every worker and every place in the queue is taken; waiting longer would only make it worse.",
              "Try again after the time in Retry-After."},
    ErrorInfo{http_timeout, ExitCode::runtime, "the request did not come in time",
              "Its bytes came too slowly, or stopped.", "Send the whole request at once."},
    ErrorInfo{http_origin, ExitCode::runtime, "the request comes from another page",
              "A request with a cookie needs our own Origin and the X-Thintail-CSRF token that login gave.",
              "Use the dashboard served here, or an API key instead of the cookie."},
    ErrorInfo{auth_missing, ExitCode::runtime, "credentials are needed", "This route is not for everybody.",
              "Send Authorization: Bearer KEY; `thintail keys add` makes one."},
    ErrorInfo{auth_invalid, ExitCode::runtime, "the credentials are not valid",
              "The key, token or session is unknown, expired or revoked.",
              "`thintail keys list` shows which keys are in force."},
    ErrorInfo{auth_role, ExitCode::runtime, "the role does not allow this",
              "viewer reads; trader also commands; admin does everything; and an account not listed for a key is not "
              "there for it.",
              "Use a key of the role named: `thintail keys add --role`."},
    ErrorInfo{auth_rate, ExitCode::runtime, "too many requests",
              "The limit of this class of requests is used up for now.",
              "Wait for the seconds in Retry-After; the RateLimit header shows what is left. Kill, pause and flatten "
              "are never limited."},
    ErrorInfo{auth_locked, ExitCode::runtime, "too many failed logins",
              "This user at this address is locked for a while; others are not.",
              "Wait for the seconds in Retry-After."},
    ErrorInfo{auth_secret, ExitCode::usage, "a secret is not kept safely",
              "Secrets come from files that only their owner can read: a flag or variable shows to every process.",
              "Put it into a file with mode 0600 and name the file."},
    ErrorInfo{auth_key_unknown, ExitCode::usage, "there is no such key", "No key in the file has this id.",
              "`thintail keys list` shows them."},
    ErrorInfo{auth_exposed, ExitCode::usage, "the gateway would be open to others",
              "It binds other addresses than loopback only with TLS and at least one credential.",
              "Give --tls-certificate and --tls-key and make a key (`thintail keys add`), or reach it by `ssh -L`."},
    ErrorInfo{idempotency_missing, ExitCode::runtime, "Idempotency-Key is missing",
              "Without it a repeated request could act twice.",
              "Send a new random key with each new command, the same when repeating it."},
    ErrorInfo{idempotency_mismatch, ExitCode::runtime, "the Idempotency-Key was used for another request",
              "Within 24 h a key stands for one request with one body.", "Send a new key with a new command."},
    ErrorInfo{idempotency_in_flight, ExitCode::runtime, "the same request is still being worked on",
              "Its reply is not known yet.", "Ask again with the same key in a moment."},
    ErrorInfo{idempotency_unknown, ExitCode::runtime, "the outcome of this request is not known",
              "The gateway ended while it worked on it; doing it again could act twice.",
              "Look at /api/v1/commands, then send a new key if it has not been done."},
    ErrorInfo{core_away, ExitCode::runtime, "the core does not answer",
              "No core of this instance runs, or it has been silent for too long.",
              "Start it with `thintail run`; reads go on from the last state and say how old it is."},
    ErrorInfo{command_refused, ExitCode::runtime, "the core refused the command",
              "It was journaled and had no effect; the reason is in the message.",
              "See docs/control.md for the reasons."},
    ErrorInfo{kill_latched, ExitCode::runtime, "the kill switch is latched",
              "Nothing new is traded until a person re-arms it.",
              "Find out why it was pulled, then re-arm: `thintail ctl reset`."},
    ErrorInfo{choice_needed, ExitCode::runtime, "more than one would fit",
              "Several accounts or instances are yours and none was named.", "Name one of those listed."},
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
