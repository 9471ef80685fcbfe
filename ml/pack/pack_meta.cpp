// SPDX-License-Identifier: Apache-2.0
// The meta section of a pack: what the model is and where it came from, as canonical TOML.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <variant>
#include <vector>

#include "core/config/raw_value.hpp"
#include "core/config/toml_reader.hpp"
#include "ml/models/number_text.hpp"
#include "ml/pack/pack_sections.hpp"

namespace thintail::pack {

namespace {

constexpr std::size_t kTextBytesMax = 256;

std::string_view sum_type_name(SumType type) noexcept { return type == SumType::float32 ? "float32" : "float64"; }

class MetaReader {
 public:
  MetaReader(const Section& section, std::string_view file, std::vector<config::TomlEntry> entries)
      : section_(section), file_(file), entries_(std::move(entries)) {}

  Result<Origin> read(DecisionTrees& trees) const {
    Origin out;
    TT_TRY(const std::string kind, text("kind"));
    if (kind != "vector") return no("kind", "\"vector\", as in the header", printable(kind));
    TT_TRY(out.producer, text("producer"));
    TT_TRY(out.source, text("source"));
    TT_TRY(const std::string hex, text("source_sha256"));
    if (!from_hex(hex, out.source_sha256)) return no("source_sha256", "64 hexadecimal digits", printable(hex));
    TT_TRY(trees.objective, text("objective"));
    TT_TRY(const std::string sum, text("sum_type"));
    if (sum != "float32" && sum != "float64") return no("sum_type", "float32 or float64", printable(sum));
    trees.sum_type = sum == "float32" ? SumType::float32 : SumType::float64;
    TT_TRY(trees.feature_count, integer("features", kModelFeaturesMax));
    TT_TRY(const std::uint32_t groups, integer("groups", kModelOutputsMax));
    TT_TRY(trees.averaged_over, integer("averaged_over", kModelTreesMax));
    TT_TRY_VOID(read_base_margins(groups, trees));
    return out;
  }

 private:
  std::unexpected<Error> no(std::string_view key, std::string expected, std::string found) const {
    return refuse(file_, "meta", key, section_.offset, std::move(expected), std::move(found));
  }

  const config::RawValue* find(std::string_view key) const {
    const auto entry = std::ranges::find_if(
        entries_, [&](const config::TomlEntry& one) { return one.path.size() == 1 && one.path.front() == key; });
    return entry == entries_.end() ? nullptr : &entry->value;
  }

  Result<std::string> text(std::string_view key) const {
    const config::RawValue* value = find(key);
    const auto* text = value == nullptr ? nullptr : std::get_if<std::string>(value);
    if (text == nullptr) return no(key, "a text", value == nullptr ? "none" : config::describe(*value));
    if (text->size() > kTextBytesMax) {
      return no(key, fmt::format("at most {} bytes", kTextBytesMax), std::to_string(text->size()));
    }
    return *text;
  }

  Result<std::uint32_t> integer(std::string_view key, std::size_t max) const {
    const config::RawValue* value = find(key);
    const auto* number = value == nullptr ? nullptr : std::get_if<std::int64_t>(value);
    if (number == nullptr || *number < 1 || static_cast<std::uint64_t>(*number) > max) {
      return no(key, fmt::format("1 to {}", max), value == nullptr ? "none" : config::describe(*value));
    }
    return static_cast<std::uint32_t>(*number);
  }

  Result<void> read_base_margins(std::uint32_t groups, DecisionTrees& trees) const {
    const config::RawValue* value = find("base_margins");
    const auto* texts = value == nullptr ? nullptr : std::get_if<std::vector<std::string>>(value);
    if (texts == nullptr || texts->size() != groups) {
      return no("base_margins", fmt::format("{} numbers as texts, one a group", groups),
                texts == nullptr ? "none" : std::to_string(texts->size()));
    }
    for (const std::string& text : *texts) {
      double margin = 0;
      const bool is_number = parse_number(text, margin) && std::isfinite(margin);
      const bool fits = is_number && (trees.sum_type == SumType::float64 ||
                                      (std::abs(margin) <= static_cast<double>(std::numeric_limits<float>::max()) &&
                                       static_cast<double>(static_cast<float>(margin)) == margin));
      if (!fits) {
        return no("base_margins", fmt::format("finite numbers of {}", sum_type_name(trees.sum_type)), printable(text));
      }
      trees.base_margins.push_back(margin);
    }
    return {};
  }

  const Section& section_;
  std::string_view file_;
  std::vector<config::TomlEntry> entries_;
};

}  // namespace

std::string encode_meta(const DecisionTrees& trees, const Origin& origin) {
  std::vector<std::string> margins;
  margins.reserve(trees.base_margins.size());
  for (const double margin : trees.base_margins) margins.push_back(fmt::format("\"{}\"", margin));
  const auto quoted = [](std::string_view text) { return config::toml_string(text.substr(0, kTextBytesMax)); };
  // A leaf's type is its sum's: leaves are rounded to it by the library that saved them.
  return fmt::format(
      "kind = \"vector\"\n"
      "producer = {}\n"
      "source = {}\n"
      "source_sha256 = \"{}\"\n"
      "objective = {}\n"
      "leaf_type = \"{}\"\n"
      "sum_type = \"{}\"\n"
      "features = {}\n"
      "groups = {}\n"
      "averaged_over = {}\n"
      "base_margins = [{}]\n",
      quoted(origin.producer), quoted(origin.source), to_hex(origin.source_sha256), quoted(trees.objective),
      sum_type_name(trees.sum_type), sum_type_name(trees.sum_type), trees.feature_count, trees.base_margins.size(),
      trees.averaged_over, fmt::join(margins, ", "));
}

Result<Origin> decode_meta(const Section& section, std::string_view file, DecisionTrees& trees) {
  if (section.bytes.size() > kMetaBytesMax) {
    return refuse(file, "meta", "", section.offset, fmt::format("at most {} bytes", kMetaBytesMax),
                  std::to_string(section.bytes.size()), ErrorCode::model_unsupported);
  }
  auto entries = config::read_toml(section.bytes, std::string(file));
  if (!entries) return refuse(file, "meta", "", section.offset, "TOML", printable(entries.error().found, 200));
  TT_TRY(Origin origin, MetaReader(section, file, std::move(*entries)).read(trees));
  // One spelling only: two packs of one model are one file, and no key hides behind another.
  const std::string canonical = encode_meta(trees, origin);
  if (canonical != section.bytes) {
    const auto [ours, theirs] = std::ranges::mismatch(canonical, section.bytes);
    const auto at = static_cast<std::uint64_t>(theirs - section.bytes.begin());
    return refuse(file, "meta", "", section.offset + at,
                  "the canonical text: " + printable({ours, canonical.end()}, 40),
                  printable(section.bytes.substr(at), 40));
  }
  return origin;
}

}  // namespace thintail::pack
