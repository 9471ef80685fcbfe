// SPDX-License-Identifier: Apache-2.0
// The container of a .ttm pack, written and opened.
#include "ml/pack/pack_container.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "ml/models/decision_trees.hpp"

namespace thintail::pack {

namespace {

constexpr std::array<char, 8> kMagic = {'T', 'T', 'M', 'P', 'A', 'C', 'K', '\n'};

struct Header {
  std::array<char, 8> magic = kMagic;
  Sha256Digest digest{};  // of every byte after it
  std::uint32_t version = kVersion;
  std::uint32_t kind = 0;
  std::uint64_t file_bytes = 0;
  std::uint32_t section_count = 0;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(Header) == 64 && offsetof(Header, version) == 40);
constexpr std::size_t kDigestEnd = offsetof(Header, version);

struct Entry {
  std::array<char, 16> name{};  // padded with zeros, at least one
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};
static_assert(sizeof(Entry) == kEntryBytes && sizeof(Header) == kDirectoryAt && offsetof(Header, kind) == kKindAt);

constexpr std::uint64_t aligned(std::uint64_t bytes) noexcept {
  return (bytes + kSectionAlignBytes - 1) / kSectionAlignBytes * kSectionAlignBytes;
}

template <class T>
T value_at(std::string_view bytes, std::size_t offset) noexcept {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

Result<Header> checked_header(std::string_view bytes, std::string_view file) {
  const auto no = [&](std::string_view item, std::size_t offset, std::string expected, std::string found,
                      ErrorCode code = ErrorCode::pack_damaged) {
    return refuse(file, "header", item, offset, std::move(expected), std::move(found), code);
  };
  if (bytes.size() < sizeof(Header)) {
    return no("", 0, fmt::format("{} bytes of it", sizeof(Header)), std::to_string(bytes.size()));
  }
  const auto header = value_at<Header>(bytes, 0);
  if (header.magic != kMagic) return no("magic", 0, "\"TTMPACK\\n\"", printable(bytes.substr(0, kMagic.size())));
  if (header.version != kVersion) {
    return no("version", offsetof(Header, version), std::to_string(kVersion), std::to_string(header.version),
              ErrorCode::pack_version);
  }
  if (header.kind != static_cast<std::uint32_t>(Kind::vector) &&
      header.kind != static_cast<std::uint32_t>(Kind::events)) {
    return no("kind", offsetof(Header, kind), "1 (vector) or 2 (events)", std::to_string(header.kind),
              ErrorCode::pack_kind);
  }
  if (bytes.size() > kModelBytesMax) {
    return no("file_bytes", offsetof(Header, file_bytes), fmt::format("at most {}", kModelBytesMax),
              std::to_string(bytes.size()), ErrorCode::model_unsupported);
  }
  if (header.file_bytes != bytes.size()) {
    return no("file_bytes", offsetof(Header, file_bytes), fmt::format("{}, the file's size", bytes.size()),
              std::to_string(header.file_bytes));
  }
  if (header.section_count == 0 || header.section_count > kSectionsMax) {
    return no("section_count", offsetof(Header, section_count), fmt::format("1 to {}", kSectionsMax),
              std::to_string(header.section_count));
  }
  if (header.reserved != 0) {
    return no("reserved", offsetof(Header, reserved), "0", std::to_string(header.reserved));
  }
  const Sha256Digest digest = sha256(bytes.substr(kDigestEnd));
  if (digest != header.digest) {
    return no("sha256", offsetof(Header, digest), to_hex(header.digest), to_hex(digest));
  }
  return header;
}

}  // namespace

std::string_view kind_name(Kind kind) noexcept { return kind == Kind::vector ? "vector" : "events"; }

std::unexpected<Error> refuse(std::string_view file, std::string_view section, std::string_view item,
                              std::uint64_t offset, std::string expected, std::string found, ErrorCode code) {
  return fail({.code = code,
               .doing = "reading a model pack",
               .file = std::string(file),
               .field = fmt::format("{}{}{} at byte {}", section, item.empty() ? "" : ".", item, offset),
               .expected = std::move(expected),
               .found = std::move(found)});
}

std::string encode_container(Kind kind, std::span<const Section> sections) {
  std::uint64_t end = sizeof(Header) + sections.size() * sizeof(Entry);
  std::string directory;
  for (const Section& section : sections) {
    Entry entry;
    std::ranges::copy_n(section.name.begin(),
                        static_cast<std::ptrdiff_t>(std::min(section.name.size(), entry.name.size() - 1)),
                        entry.name.begin());
    entry.offset = aligned(end);
    entry.bytes = section.bytes.size();
    end = entry.offset + entry.bytes;
    append(directory, entry);
  }
  Header header;
  header.kind = static_cast<std::uint32_t>(kind);
  header.file_bytes = end;
  header.section_count = static_cast<std::uint32_t>(sections.size());
  std::string out;
  out.reserve(end);
  append(out, header);
  out += directory;
  for (const Section& section : sections) {
    out.resize(aligned(out.size()));
    out += section.bytes;
  }
  header.digest = sha256(std::string_view(out).substr(kDigestEnd));
  std::memcpy(out.data(), &header, sizeof header);
  return out;
}

Result<Container> open_container(std::string_view bytes, std::string_view file) {
  TT_TRY(const Header header, checked_header(bytes, file));
  Container out{.kind = static_cast<Kind>(header.kind), .digest = header.digest, .sections = {}};
  std::uint64_t end = sizeof(Header) + std::uint64_t{header.section_count} * sizeof(Entry);
  if (end > bytes.size()) {
    return refuse(file, "directory", "", sizeof(Header), fmt::format("{} entries", header.section_count),
                  "the end of the file");
  }
  for (std::uint32_t index = 0; index < header.section_count; ++index) {
    const std::size_t at = sizeof(Header) + index * sizeof(Entry);
    const std::string item = fmt::format("[{}]", index);
    const auto entry = value_at<Entry>(bytes, at);
    const auto name_end = std::ranges::find(entry.name, '\0');
    if (name_end == entry.name.end() || std::any_of(name_end, entry.name.end(), [](char c) { return c != '\0'; })) {
      return refuse(file, "directory", item, at, "a name of at most 15 bytes, padded with zeros",
                    printable({entry.name.data(), entry.name.size()}));
    }
    if (entry.offset != aligned(end) || entry.offset > bytes.size()) {
      return refuse(file, "directory", item, at, fmt::format("offset {}, in the file", aligned(end)),
                    std::to_string(entry.offset));
    }
    if (entry.bytes > bytes.size() - entry.offset) {
      return refuse(file, "directory", item, at,
                    fmt::format("at most {} bytes from its offset", bytes.size() - entry.offset),
                    std::to_string(entry.bytes));
    }
    for (std::uint64_t byte = end; byte < entry.offset; ++byte) {
      if (bytes[byte] != '\0') return refuse(file, "padding", "", byte, "0", printable(bytes.substr(byte, 1)));
    }
    out.sections.push_back({.name = std::string(entry.name.begin(), name_end),
                            .bytes = bytes.substr(entry.offset, entry.bytes),
                            .offset = entry.offset});
    end = entry.offset + entry.bytes;
  }
  if (end != bytes.size()) {
    return refuse(file, "directory", "", sizeof(Header), fmt::format("sections up to byte {}", bytes.size()),
                  std::to_string(end));
  }
  return out;
}

}  // namespace thintail::pack
