// SPDX-License-Identifier: Apache-2.0
#include "tools/thintail/models_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/base/whole_file.hpp"
#include "ml/models/decision_trees.hpp"
#include "ml/models/number_text.hpp"

namespace thintail {

Table::Table(std::string path, std::string text, std::uint32_t libsvm_width)
    : path_(std::move(path)), text_(std::move(text)), libsvm_width_(libsvm_width) {}

Result<Table> Table::open(const std::string& path, std::uint32_t libsvm_width) {
  TT_TRY(std::string text, read_whole_file(path, model_reading("reading a table")));
  return Table(path, std::move(text), libsvm_width);
}

Result<std::optional<std::vector<double>>> Table::next() {
  while (at_ < text_.size()) {
    const std::size_t end = std::min(text_.find('\n', at_), text_.size());
    std::string_view line = std::string_view(text_).substr(at_, end - at_);
    at_ = end + 1;
    ++line_;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find_first_not_of(' ') == std::string_view::npos) continue;
    is_sparse_ = libsvm_width_ > 0 && line.find(':') != std::string_view::npos;
    TT_TRY(std::vector<double> row, is_sparse_ ? parse_sparse(line) : parse(line));
    return row;
  }
  return std::nullopt;
}

std::unexpected<Error> Table::no(std::string field, std::string expected, std::string found) const {
  return fail({.code = ErrorCode::row_bad_field,
               .doing = "reading a table",
               .file = path_,
               .line = line_,
               .field = std::move(field),
               .expected = std::move(expected),
               .found = std::move(found)});
}

Result<std::vector<double>> Table::parse_sparse(std::string_view line) const {
  std::vector<double> row(libsvm_width_, std::numeric_limits<double>::quiet_NaN());
  std::int64_t last = -1;
  bool is_label = true;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    if (word.empty()) continue;
    if (std::exchange(is_label, false)) continue;
    const std::size_t colon = std::min(word.find(':'), word.size());
    std::int64_t index = -1;
    double value = 0;
    if (colon == word.size() || !parse_number(word.substr(0, colon), index) ||
        !parse_number(word.substr(colon + 1), value) || index <= last || index >= std::int64_t{libsvm_width_}) {
      return no("feature", fmt::format("INDEX:VALUE, indices ascending and below {}", libsvm_width_),
                printable(word, 40));
    }
    row[static_cast<std::size_t>(index)] = value;
    last = index;
  }
  return row;
}

Result<std::vector<double>> Table::parse(std::string_view line) const {
  const char separator = line.find('\t') != std::string_view::npos  ? '\t'
                         : line.find(',') != std::string_view::npos ? ','
                                                                    : ' ';
  std::vector<double> row;
  for (std::size_t at = 0; at <= line.size();) {
    const std::size_t end = std::min(line.find(separator, at), line.size());
    std::string_view word = line.substr(at, end - at);
    at = end + 1;
    while (word.starts_with(' ')) word.remove_prefix(1);
    while (word.ends_with(' ')) word.remove_suffix(1);
    if (word.empty() && separator == ' ') continue;
    double value = std::numeric_limits<double>::quiet_NaN();
    if (!word.empty() && !parse_number(word, value)) {
      return no(fmt::format("column {}", row.size()), "a number, or nothing where it is missing", printable(word, 40));
    }
    row.push_back(value);
  }
  return row;
}

float to_float32(double value, bool rounds_down) noexcept {
  const auto nearest = static_cast<float>(value);
  const bool went_up = static_cast<double>(nearest) > value;
  return rounds_down && went_up ? std::nextafter(nearest, -std::numeric_limits<float>::infinity()) : nearest;
}

}  // namespace thintail
