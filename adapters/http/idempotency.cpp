// SPDX-License-Identifier: Apache-2.0
#include "adapters/http/idempotency.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <deque>
#include <iterator>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "adapters/http/secret_file.hpp"
#include "adapters/journal/unique_fd.hpp"
#include "core/base/hash.hpp"
#include "core/log/log.hpp"

namespace thintail::http {
namespace {

constexpr std::size_t kReadBytesMax = 256 * 1024 * 1024;

struct Entry {
  std::string body;  // its SHA-256
  std::int64_t began_ns = 0;
  bool is_running = false;      // in this process
  bool was_interrupted = false;
  std::optional<Response> reply;
};

// A line end or NUL stands in none of the three.
std::string scope_of(std::string_view principal, std::string_view route, std::string_view key) {
  return to_hex(sha256(fmt::format("{}\n{}\n{}", principal, route, key)));
}

// Of the body too: a key that is used again for another command must not be taken for a repeat where nobody could look it up.
std::uint64_t id_from(std::string_view scope, std::string_view digest) {
  const std::string text = fmt::format("{}\n{}", scope, digest);
  const std::uint64_t id = xxh3(text.data(), text.size());
  return id == 0 ? 1 : id;
}

std::string line_of(const Json& record) {
  const std::string text = record.dump(-1, ' ', false, Json::error_handler_t::replace);
  return fmt::format("{:016x} {}\n", xxh3(text.data(), text.size()), text);
}

std::string begin_line(const std::string& scope, const Entry& entry) {
  return line_of({{"e", "begin"}, {"k", scope}, {"b", entry.body}, {"t", fmt::format("{}", entry.began_ns)}});
}

std::string end_line(const std::string& scope, const Entry& entry) {
  Json headers = Json::array();
  for (const Field& field : entry.reply->headers) headers.push_back({field.name, field.value});
  return line_of({{"e", "end"},
                  {"k", scope},
                  {"s", entry.reply->status},
                  {"c", entry.reply->content_type},
                  {"h", std::move(headers)},
                  {"r", entry.reply->body}});
}

std::int64_t time_in(const nlohmann::json& record) {
  const std::string text = record.value("t", "0");
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

bool is_idempotency_key(std::string_view key) noexcept {
  return !key.empty() && key.size() <= 128 && std::ranges::all_of(key, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == ':' || c == '-';
  });
}

struct IdempotencyStore::State {
  Options options;
  mutable std::mutex mutex;
  std::unordered_map<std::string, Entry> entries;
  std::deque<std::pair<std::int64_t, std::string>> by_age;
  UniqueFd file;
  std::size_t file_bytes = 0;
  std::size_t live_bytes = 0;  // when it was last written anew

  // --- reading ---

  void take(const nlohmann::json& record, std::int64_t now_ns) {
    const std::string kind = record.value("e", "");
    const std::string scope = record.value("k", "");
    if (kind == "begin") {
      const std::int64_t began_ns = time_in(record);
      if (now_ns - began_ns >= kLifetimeNs) return;
      entries[scope] = {
          .body = record.value("b", ""), .began_ns = began_ns, .was_interrupted = true, .reply = std::nullopt};
    } else if (kind == "undo") {
      entries.erase(scope);
    } else if (const auto found = entries.find(scope); kind == "end" && found != entries.end()) {
      Response reply;
      reply.status = record.value("s", 500);
      reply.content_type = record.value("c", "application/json");
      reply.body = record.value("r", "");
      for (const auto& field : record.value("h", nlohmann::json::array())) {
        if (field.is_array() && field.size() == 2) reply.with(field[0].get<std::string>(), field[1].get<std::string>());
      }
      found->second.reply = std::move(reply);
      found->second.was_interrupted = false;
    }
  }

  void read(std::string_view text, std::int64_t now_ns) {
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      if (end == std::string_view::npos || end < 18) return;
      const std::string_view line = text.substr(0, end);
      text.remove_prefix(end + 1);
      std::uint64_t sum = 0;
      const std::string_view json = line.substr(17);
      const auto [at, error] = std::from_chars(line.data(), line.data() + 16, sum, 16);
      if (error != std::errc{} || at != line.data() + 16 || sum != xxh3(json.data(), json.size())) return;
      try {
        take(nlohmann::json::parse(json), now_ns);
      } catch (const nlohmann::json::exception&) {  // its sum fits and it is none of ours: another release's
        continue;
      }
    }
  }

  // --- writing ---

  std::unexpected<Error> cannot_write() const {
    return fail({.code = ErrorCode::file_unwritable,
                 .doing = "keeping a command's reply",
                 .file = options.path,
                 .expected = "room and permission to write it",
                 .found = errno_text(errno)});
  }

  Result<void> append(const std::string& line) {
    if (options.path.empty()) return {};
    if (!file) TT_TRY_VOID(write_anew());  // what could not be opened again may be now
    std::string_view rest = line;
    while (!rest.empty()) {
      const ssize_t count = ::write(file.get(), rest.data(), rest.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return cut_back();
      rest.remove_prefix(static_cast<std::size_t>(count));
    }
    const bool is_synced = options.sync ? options.sync(file.get()) : ::fdatasync(file.get()) == 0;
    if (!is_synced) return cut_back();
    file_bytes += line.size();
    return {};
  }

  // Half a line would hide every line after it.
  Result<void> cut_back() {
    auto failure = cannot_write();
    // The next line writes the file anew where this one may lie there in part.
    if (::ftruncate(file.get(), static_cast<off_t>(file_bytes)) != 0) file = {};
    return failure;
  }

  Result<void> write_anew() {
    if (options.path.empty()) return {};
    std::string text;
    for (const auto& [scope, entry] : entries) {
      text += begin_line(scope, entry);
      if (entry.reply) text += end_line(scope, entry);
    }
    TT_TRY_VOID(write_secret_file(options.path, text));
    file = UniqueFd(::open(options.path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW));
    if (!file) return cannot_write();
    file_bytes = live_bytes = text.size();
    return {};
  }

  // After every line: what begins and is undone for ever must not fill the disk either.
  void compact_if_grown() {
    if (file_bytes <= std::max(options.file_bytes_max, 2 * live_bytes)) return;
    if (const auto written = write_anew(); !written) {
      log::error(written.error());
      live_bytes = file_bytes;  // all of it is still there; tried again when it has doubled
    }
  }

  // --- room ---

  void drop_old(std::int64_t now_ns) {
    while (!by_age.empty() && now_ns - by_age.front().first >= kLifetimeNs) drop_front();
  }

  void drop_front() {
    const auto found = entries.find(by_age.front().second);
    if (found != entries.end() && found->second.began_ns == by_age.front().first && !found->second.is_running) {
      entries.erase(found);
    }
    by_age.pop_front();
  }

  bool make_room() {
    for (std::size_t tried = 0; entries.size() >= options.entries_max; ++tried) {
      if (tried >= by_age.size()) return false;
      const auto row = by_age.front();
      const auto found = entries.find(row.second);
      // What has no answer yet is kept: forgetting it would let it be done twice.
      if (found != entries.end() && found->second.began_ns == row.first && !found->second.reply) {
        by_age.push_back(row);
        by_age.pop_front();
        continue;
      }
      drop_front();
      tried = 0;
    }
    return true;
  }
};

IdempotencyStore::IdempotencyStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
IdempotencyStore::IdempotencyStore(IdempotencyStore&&) noexcept = default;
IdempotencyStore& IdempotencyStore::operator=(IdempotencyStore&&) noexcept = default;
IdempotencyStore::~IdempotencyStore() = default;

Result<IdempotencyStore> IdempotencyStore::open(Options options, std::int64_t now_ns) {
  auto state = std::make_unique<State>();
  state->options = std::move(options);
  if (!state->options.path.empty()) {
    auto text = read_secret_file(state->options.path, kReadBytesMax);
    if (!text && text.error().code != ErrorCode::file_missing) return fail(std::move(text).error());
    if (text) state->read(*text, now_ns);
  }
  for (const auto& [scope, entry] : state->entries) state->by_age.emplace_back(entry.began_ns, scope);
  std::ranges::sort(state->by_age);
  TT_TRY_VOID(state->write_anew());
  return IdempotencyStore(std::move(state));
}

Result<IdempotencyStore::Begun> IdempotencyStore::begin(std::string_view principal, std::string_view route,
                                                        std::string_view key, std::string_view body, bool resumes,
                                                        std::int64_t now_ns) {
  const std::string scope = scope_of(principal, route, key);
  const std::string digest = to_hex(sha256(body));
  State& state = *state_;
  const std::scoped_lock lock(state.mutex);
  state.drop_old(now_ns);
  Begun begun;
  begun.id = id_from(scope, digest);
  begun.began_ns = now_ns;
  if (const auto found = state.entries.find(scope); found != state.entries.end()) {
    Entry& entry = found->second;
    begun.began_ns = entry.began_ns;
    if (entry.body != digest) {
      begun.verdict = Verdict::mismatch;
    } else if (entry.reply) {
      begun.verdict = Verdict::replay;
      begun.reply = entry.reply;
    } else if (entry.is_running) {
      begun.verdict = Verdict::in_flight;
    } else {
      begun.verdict = Verdict::interrupted;
      entry.is_running = resumes;
    }
    return begun;
  }
  if (!state.make_room()) {
    begun.verdict = Verdict::full;
    return begun;
  }
  Entry entry{.body = digest, .began_ns = now_ns, .is_running = true, .reply = std::nullopt};
  TT_TRY_VOID(state.append(begin_line(scope, entry)));
  state.entries.emplace(scope, std::move(entry));
  state.by_age.emplace_back(now_ns, scope);
  state.compact_if_grown();
  return begun;
}

Result<void> IdempotencyStore::finish(std::string_view principal, std::string_view route, std::string_view key,
                                      const Response& response) {
  const std::string scope = scope_of(principal, route, key);
  State& state = *state_;
  const std::scoped_lock lock(state.mutex);
  const auto found = state.entries.find(scope);
  if (found == state.entries.end()) return {};
  Entry& entry = found->second;
  entry.reply = response;
  entry.is_running = false;
  if (auto written = state.append(end_line(scope, entry)); !written) {
    // Nobody may be told what would not be told again.
    entry.reply.reset();
    entry.was_interrupted = true;
    return written;
  }
  entry.was_interrupted = false;
  state.compact_if_grown();
  return {};
}

std::optional<IdempotencyStore::Begun> IdempotencyStore::look(std::string_view principal, std::string_view route,
                                                              std::string_view key, std::string_view body) const {
  const std::string scope = scope_of(principal, route, key);
  const std::string digest = to_hex(sha256(body));
  const std::unique_lock lock(state_->mutex, std::try_to_lock);
  if (!lock) return std::nullopt;
  const auto found = state_->entries.find(scope);
  if (found == state_->entries.end()) return std::nullopt;
  const Entry& entry = found->second;
  Begun begun{.verdict = Verdict::interrupted, .reply = {}, .id = id_from(scope, digest), .began_ns = entry.began_ns};
  if (entry.body != digest) {
    begun.verdict = Verdict::mismatch;
  } else if (entry.reply) {
    begun.verdict = Verdict::replay;
    begun.reply = entry.reply;
  }
  return begun;
}

Result<void> IdempotencyStore::record(std::string_view principal, std::string_view route, std::string_view key,
                                      std::string_view body, const Response& response, std::int64_t now_ns) {
  const std::string scope = scope_of(principal, route, key);
  const std::string digest = to_hex(sha256(body));
  State& state = *state_;
  const std::scoped_lock lock(state.mutex);
  state.drop_old(now_ns);
  const auto found = state.entries.find(scope);
  const bool is_new = found == state.entries.end();
  if (!is_new && (found->second.reply || found->second.body != digest)) return {};
  if (is_new && !state.make_room()) return {};
  Entry entry{.body = digest, .began_ns = is_new ? now_ns : found->second.began_ns, .reply = response};
  TT_TRY_VOID(state.append((is_new ? begin_line(scope, entry) : std::string()) + end_line(scope, entry)));
  state.entries[scope] = std::move(entry);
  if (is_new) state.by_age.emplace_back(now_ns, scope);
  state.compact_if_grown();
  return {};
}

std::uint64_t IdempotencyStore::id_of(std::string_view principal, std::string_view route, std::string_view key,
                                      std::string_view body) {
  return id_from(scope_of(principal, route, key), to_hex(sha256(body)));
}

Result<void> IdempotencyStore::undo(std::string_view principal, std::string_view route, std::string_view key) {
  const std::string scope = scope_of(principal, route, key);
  State& state = *state_;
  const std::scoped_lock lock(state.mutex);
  const auto found = state.entries.find(scope);
  if (found == state.entries.end()) return {};
  const std::pair<std::int64_t, std::string> row(found->second.began_ns, scope);
  // It was begun a moment ago, so it stands near the end.
  if (const auto last = std::ranges::find(state.by_age.rbegin(), state.by_age.rend(), row);
      last != state.by_age.rend()) {
    state.by_age.erase(std::next(last).base());
  }
  state.entries.erase(found);
  TT_TRY_VOID(state.append(line_of({{"e", "undo"}, {"k", scope}})));
  state.compact_if_grown();
  return {};
}

void IdempotencyStore::abandon(std::string_view principal, std::string_view route, std::string_view key) {
  const std::string scope = scope_of(principal, route, key);
  const std::scoped_lock lock(state_->mutex);
  const auto found = state_->entries.find(scope);
  if (found == state_->entries.end() || found->second.reply) return;
  found->second.is_running = false;
  found->second.was_interrupted = true;
}

std::size_t IdempotencyStore::entries() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->entries.size();
}

}  // namespace thintail::http
