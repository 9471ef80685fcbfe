// SPDX-License-Identifier: Apache-2.0
// MetaText: the canonical TOML of a pack's meta section, by key; every refusal names section, key and byte.
//   path  cold
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/error.hpp"
#include "core/config/raw_value.hpp"
#include "ml/pack/pack_container.hpp"

namespace thintail::pack {

inline constexpr std::size_t kTextBytesMax = 256;
inline constexpr std::size_t kWordsBytesMax = 4'096;  // of texts for people

class MetaText {
 public:
  // REQUIRES: section and file outlive it.
  static Result<MetaText> read(const Section& section, std::string_view file, std::size_t bytes_max);

  // Keys are paths with dots: "members.0.kind".
  bool has(std::string_view key) const { return find(key) != nullptr; }
  Result<std::string> text(std::string_view key, std::size_t bytes_max = kTextBytesMax) const;
  Result<std::uint64_t> integer(std::string_view key, std::uint64_t least, std::uint64_t most) const;
  // Finite; a text, for the shortest decimals that are the same bits.
  Result<double> number(std::string_view key) const;
  Result<std::vector<std::string>> texts(std::string_view key, std::size_t count_max) const;
  Result<Sha256Digest> digest(std::string_view key) const;

  std::unexpected<Error> no(std::string_view key, std::string expected, std::string found) const;

 private:
  MetaText(const Section& section, std::string_view file) : section_(&section), file_(file) {}
  const config::RawValue* find(std::string_view key) const;

  const Section* section_;
  std::string_view file_;
  std::map<std::string, config::RawValue, std::less<>> values_;
};

// One spelling only: two packs of one model are one file, and no key hides behind another. Refuses the first byte that departs from it.
Result<void> check_canonical(const Section& section, std::string_view file, std::string_view canonical);

// As TOML: a text cut to at most `bytes_max`, between characters; a list of texts, on one line; numbers as texts.
std::string meta_quoted(std::string_view text, std::size_t bytes_max = kTextBytesMax);
std::string meta_list(const std::vector<std::string>& texts);

}  // namespace thintail::pack
