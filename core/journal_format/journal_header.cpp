// SPDX-License-Identifier: Apache-2.0
#include "core/journal_format/journal_header.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "core/base/hash.hpp"
#include "core/event/event.hpp"
#include "core/journal_format/journal_block.hpp"

namespace thintail {
namespace {

constexpr std::size_t kChecksumEnd = offsetof(JournalHeader, checksum) + sizeof(JournalHeader::checksum);
constexpr std::size_t kInstanceCharactersMax = 32;

std::uint64_t checksum_of(const JournalHeader& header) noexcept {
  const auto* bytes = reinterpret_cast<const std::byte*>(&header);
  return xxh3(bytes + kChecksumEnd, sizeof header - kChecksumEnd);
}

bool is_instance_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

// One character is kept for the terminating zero, so that any C tool can print the field.
template <std::size_t N>
Result<void> put_text(std::array<char, N>& out, std::string_view text, const char* field) {
  if (text.size() >= N) {
    return fail({.code = ErrorCode::config_bad_value,
                 .doing = "making a journal header",
                 .field = field,
                 .expected = fmt::format("at most {} characters", N - 1),
                 .found = fmt::format("{}", text.size())});
  }
  std::ranges::copy(text, out.begin());
  return {};
}

template <std::size_t N>
std::string_view get_text(const std::array<char, N>& field) noexcept {
  return {field.data(), strnlen(field.data(), N)};
}

Error header_error(ErrorCode code, std::string_view file, const char* field, std::string expected, std::string found) {
  return {.code = code,
          .doing = "reading a journal header",
          .file = std::string(file),
          .field = field,
          .expected = std::move(expected),
          .found = std::move(found)};
}

}  // namespace

std::string_view JournalHeader::instance() const noexcept { return get_text(instance_text); }
std::string_view JournalHeader::boot_id() const noexcept { return get_text(boot_id_text); }
std::string_view JournalHeader::build_id() const noexcept { return get_text(build_id_text); }

Result<JournalHeader> make_journal_header(const JournalIdentity& identity) {
  if (identity.instance.empty() || identity.instance.size() > kInstanceCharactersMax ||
      !std::ranges::all_of(identity.instance, is_instance_character)) {
    return fail({.code = ErrorCode::config_bad_value,
                 .doing = "making a journal header",
                 .field = "instance",
                 .expected = "[A-Za-z0-9_-]{1,32}",
                 .found = printable(identity.instance)});
  }
  if (identity.first_sequence == 0) {
    return fail({.code = ErrorCode::internal,
                 .doing = "making a journal header",
                 .field = "first_sequence",
                 .expected = "at least 1",
                 .found = "0"});
  }
  JournalHeader header{};
  header.magic = kJournalMagic;
  header.major = kJournalMajor;
  header.minor = kJournalMinor;
  header.header_bytes = kJournalHeaderBytes;
  header.event_bytes = sizeof(Event);
  header.block_bytes_max = kBlockBytesMax;
  header.epoch = identity.epoch;
  header.first_sequence = identity.first_sequence;
  header.created_ns = identity.created_ns;
  TT_TRY_VOID(put_text(header.instance_text, identity.instance, "instance"));
  TT_TRY_VOID(put_text(header.boot_id_text, identity.boot_id, "boot_id"));
  TT_TRY_VOID(put_text(header.build_id_text, identity.build_id, "build_id"));
  header.checksum = checksum_of(header);
  return header;
}

Result<JournalHeader> parse_journal_header(std::span<const std::byte> bytes, std::string_view file) {
  using enum ErrorCode;
  if (bytes.size() < sizeof(JournalHeader)) {
    return fail(header_error(journal_format, file, "bytes", fmt::format("at least {}", sizeof(JournalHeader)),
                             fmt::format("{}", bytes.size())));
  }
  JournalHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != kJournalMagic) {
    return fail(header_error(journal_format, file, "magic", "TTJOURNL", fmt::format("{:#018x}", header.magic)));
  }
  if (header.major != kJournalMajor) {
    return fail(
        header_error(journal_format, file, "major", fmt::format("{}", kJournalMajor), fmt::format("{}", header.major)));
  }
  if (const auto checksum = checksum_of(header); header.checksum != checksum) {
    return fail(header_error(journal_corrupt, file, "checksum", fmt::format("{:#018x}", checksum),
                             fmt::format("{:#018x}", header.checksum)));
  }
  if (header.header_bytes != kJournalHeaderBytes || header.event_bytes != sizeof(Event) ||
      header.block_bytes_max != kBlockBytesMax) {
    return fail(
        header_error(journal_format, file, "header, event and block bytes",
                     fmt::format("{}, {}, {}", kJournalHeaderBytes, sizeof(Event), kBlockBytesMax),
                     fmt::format("{}, {}, {}", header.header_bytes, header.event_bytes, header.block_bytes_max)));
  }
  if (header.first_sequence == 0) {
    return fail(header_error(journal_corrupt, file, "first_sequence", "at least 1", "0"));
  }
  return header;
}

}  // namespace thintail
