// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/dukascopy_json.hpp"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "adapters/feeds/row_fields.hpp"

namespace thintail {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::size_t kDocumentBytesMax = 256ull << 20;

struct Document {
  std::int64_t timestamp_ms = 0;
  std::int64_t unit_e9 = 0;
  std::int64_t ask_e9 = 0;
  std::int64_t bid_e9 = 0;
  std::vector<std::int64_t> times_ms, asks, bids;  // differences
  std::vector<double> ask_sizes, bid_sizes;
};

Error mismatch(const std::string& path, std::string_view field, std::string expected, std::string found) {
  return {.code = ErrorCode::format_mismatch,
          .doing = "reading Dukascopy JSON ticks",
          .file = path,
          .field = std::string(field),
          .expected = std::move(expected),
          .found = std::move(found)};
}

// 1.0E-5 -> 10000. The text has many spellings; the nearest double to a power of ten is the same for all of
// them.
bool power_of_ten_e9(double value, std::int64_t& out_e9) noexcept {
  constexpr std::array kPowers = {1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0};
  const auto* const power = std::ranges::find(kPowers, value);
  if (power == kPowers.end()) return false;
  out_e9 = 1;
  for (const auto* at = kPowers.begin(); at != power; ++at) out_e9 *= 10;
  return true;
}

class DocumentReader {
 public:
  DocumentReader(ondemand::object object, const std::string& path) : object_(object), path_(path) {}

  Result<Document> read() {
    Document out;
    double multiplier = 0.0;
    TT_TRY_VOID(value("timestamp", "integer milliseconds since 1970", out.timestamp_ms));
    TT_TRY_VOID(value("multiplier", "a number", multiplier));
    TT_TRY_VOID(price("ask", out.ask_e9));
    TT_TRY_VOID(price("bid", out.bid_e9));
    TT_TRY_VOID(array("times", out.times_ms));
    TT_TRY_VOID(array("asks", out.asks));
    TT_TRY_VOID(array("bids", out.bids));
    TT_TRY_VOID(array("askVolumes", out.ask_sizes));
    TT_TRY_VOID(array("bidVolumes", out.bid_sizes));
    if (!power_of_ten_e9(multiplier, out.unit_e9)) {
      return fail(mismatch(path_, "multiplier", "a power of ten from 1e-9 to 1", std::to_string(multiplier)));
    }
    const std::size_t rows = out.times_ms.size();
    TT_TRY_VOID(same_size("asks", out.asks.size(), rows));
    TT_TRY_VOID(same_size("bids", out.bids.size(), rows));
    TT_TRY_VOID(same_size("askVolumes", out.ask_sizes.size(), rows));
    TT_TRY_VOID(same_size("bidVolumes", out.bid_sizes.size(), rows));
    return out;
  }

 private:
  template <class T>
  Result<void> value(std::string_view key, const char* expected, T& out) {
    const auto status = object_[key].get(out);
    if (status == simdjson::SUCCESS) return {};
    return fail(mismatch(path_, key, expected, simdjson::error_message(status)));
  }

  // From its digits: a price never passes through a double.
  Result<void> price(std::string_view key, std::int64_t& out_e9) {
    std::string_view token;
    const auto status = object_[key].raw_json_token().get(token);
    if (status != simdjson::SUCCESS) return fail(mismatch(path_, key, "a price", simdjson::error_message(status)));
    const std::string_view digits = token.substr(0, token.find_last_not_of(" \t\r\n") + 1);
    if (parse_decimal_e9(digits, out_e9) == DecimalFault::none) return {};
    return fail(mismatch(path_, key, "a decimal price", printable(digits)));
  }

  template <class T>
  Result<void> array(std::string_view key, std::vector<T>& out) {
    ondemand::array items;
    auto status = object_[key].get(items);
    if (status == simdjson::SUCCESS) {
      for (auto item : items) {
        T number{};
        status = item.get(number);
        if (status != simdjson::SUCCESS) break;
        out.push_back(number);
      }
    }
    if (status == simdjson::SUCCESS) return {};
    return fail(mismatch(path_, key, "an array of numbers", simdjson::error_message(status)));
  }

  Result<void> same_size(std::string_view key, std::size_t size, std::size_t rows) {
    if (size == rows) return {};
    return fail(mismatch(path_, key, std::to_string(rows) + " entries, as in times", std::to_string(size)));
  }

  ondemand::object object_;
  const std::string& path_;
};

class DocumentRows final : public RowReader {
 public:
  DocumentRows(Document document, std::string path, std::uint64_t consumed_bytes)
      : document_(std::move(document)),
        path_(std::move(path)),
        consumed_bytes_(consumed_bytes),
        time_ms_(document_.timestamp_ms),
        ask_e9_(document_.ask_e9),
        bid_e9_(document_.bid_e9) {}

  ReadRows read(std::span<Tick> out) override {
    ReadRows done;
    while (done.ticks < out.size() && row_ < document_.times_ms.size() && !done.is_bad && !error_) {
      if (!step(row_)) {
        overflow();
        break;
      }
      ++done.rows;
      const std::size_t row = row_++;
      if (!check(row, done.fault)) {
        done.is_bad = true;
        done.line = row_;
        break;
      }
      out[done.ticks++] = {.bid_e9 = bid_e9_,
                           .ask_e9 = ask_e9_,
                           .bid_size = static_cast<float>(document_.bid_sizes[row]),
                           .ask_size = static_cast<float>(document_.ask_sizes[row]),
                           .venue_ns = time_ms_ * kNsPerMs,
                           .source_sequence = row_};
    }
    return done;
  }
  const std::optional<Error>& error() const noexcept override { return error_; }
  std::uint64_t consumed_bytes() const noexcept override { return consumed_bytes_; }

 private:
  static constexpr std::int64_t kTimeMsMax = 7'258'118'400'000;  // 2200-01-01: well inside i64 ns

  bool step(std::size_t row) noexcept {
    std::int64_t ask_step_e9 = 0;
    std::int64_t bid_step_e9 = 0;
    return !__builtin_add_overflow(time_ms_, document_.times_ms[row], &time_ms_) &&
           !__builtin_mul_overflow(document_.asks[row], document_.unit_e9, &ask_step_e9) &&
           !__builtin_mul_overflow(document_.bids[row], document_.unit_e9, &bid_step_e9) &&
           !__builtin_add_overflow(ask_e9_, ask_step_e9, &ask_e9_) &&
           !__builtin_add_overflow(bid_e9_, bid_step_e9, &bid_e9_) && time_ms_ >= 0 && time_ms_ < kTimeMsMax;
  }

  void overflow() {
    error_ = mismatch(path_, "times, asks, bids", "sums within the range of times and prices", "larger ones");
    error_->line = row_ + 1;
  }

  bool check(std::size_t row, RowFault& fault) const noexcept {
    const auto is_size = [](double volume) { return volume >= 0.0 && volume < 1e30; };
    if (bid_e9_ <= 0 || ask_e9_ <= 0) {
      fault = {.field = bid_e9_ <= 0 ? "bids" : "asks", .expected = "a price above 0", .found = "0 or less"};
      return false;
    }
    if (!is_size(document_.bid_sizes[row]) || !is_size(document_.ask_sizes[row])) {
      fault = {.field = "volumes", .expected = "0 or more, below 1e30", .found = "another number"};
      return false;
    }
    return true;
  }

  Document document_;
  std::string path_;
  std::uint64_t consumed_bytes_;
  std::size_t row_ = 0;
  std::int64_t time_ms_;
  std::int64_t ask_e9_;
  std::int64_t bid_e9_;
  std::optional<Error> error_;
};

}  // namespace

Result<std::unique_ptr<RowReader>> read_dukascopy_json(std::unique_ptr<ByteSource> source, const std::string& path) {
  std::string text;
  for (std::string_view piece = source->next(); !piece.empty(); piece = source->next()) {
    if (text.size() + piece.size() > kDocumentBytesMax) {
      return fail(mismatch(path, "document", "at most 256 MiB", "more"));
    }
    text += piece;
  }
  // Half a document holds no tick that can be trusted: the sums run through all of it.
  if (source->error()) return fail(*source->error());

  const simdjson::padded_string padded(text);
  ondemand::parser parser;
  ondemand::document document;
  ondemand::object object;
  auto status = parser.iterate(padded).get(document);
  if (status == simdjson::SUCCESS) status = document.get_object().get(object);
  if (status != simdjson::SUCCESS) {
    return fail(mismatch(path, "document", "a JSON object", simdjson::error_message(status)));
  }
  TT_TRY(Document read, DocumentReader(object, path).read());
  return std::make_unique<DocumentRows>(std::move(read), path, source->consumed_bytes());
}

}  // namespace thintail
