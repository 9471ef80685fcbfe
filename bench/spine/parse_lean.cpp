// SPDX-License-Identifier: Apache-2.0
// parse_lean: LEAN tick rows from bytes in memory to Tick payloads, a batch at a time as the feed reads them. Peers: a
// loop of std::from_chars over the same lines, to double as most people write it; and the plain decimal reading that
// the fast one must agree with.
#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "adapters/feeds/byte_source.hpp"
#include "adapters/feeds/lean_parser.hpp"
#include "adapters/feeds/row_fields.hpp"
#include "bench/harness/pinned.hpp"
#include "bench/harness/stopwatch.hpp"
#include "bench/spine/suite.hpp"

namespace thintail::bench {
namespace {

constexpr int kRepetitions = 15;
constexpr std::size_t kBatch = 1'024;
constexpr const char* kStandard = "std::from_chars line loop";
constexpr const char* kPlain = "plain decimal reading";

struct Row {  // what the std::from_chars loop makes of a line
  double time_ms;
  double bid;
  double ask;
};

Result<std::string> decompressed(const std::string& path) {
  TT_TRY(const auto source, open_bytes(path, path.ends_with(".zst") ? Compression::zstd : Compression::none));
  std::string text;
  for (std::string_view piece = source->next(); !piece.empty(); piece = source->next()) text += piece;
  if (source->error()) return fail(*source->error());
  return text;
}

// Ticks of the simulator as LEAN would have recorded them: three decimals of a millisecond at most.
std::string as_lean(const std::vector<Event>& ticks) {
  std::string text;
  for (const Event& event : ticks) {
    const auto tick = event.as<Tick>();
    text += fmt::format("{},{},{}\n", tick.venue_ns % kNsPerDay / kNsPerMs, format_decimal_e9(tick.bid_e9),
                        format_decimal_e9(tick.ask_e9));
  }
  return text;
}

// The first `rows` lines; all of them where there are no more.
std::string_view first_rows(std::string_view text, std::uint64_t rows) {
  std::size_t end = 0;
  for (; rows > 0 && end < text.size(); --rows) end = std::min(text.find('\n', end), text.size() - 1) + 1;
  return text.substr(0, end);
}

// Both readers write batch after batch to the same place, as a feed does: memory for a whole day would be what is
// measured.
template <class OnBatch>
bool parse_ours(std::string_view text, std::span<Tick> batch, OnBatch&& on_batch) {
  LeanParser parser(0);
  for (std::size_t at = 0, rows = 0; at < text.size();) {
    const ParsedRows done = parser.parse(text.substr(at), true, rows + 1, batch);
    if (done.is_bad || done.rows == 0) return false;
    on_batch(std::span<const Tick>(batch.first(done.ticks)));
    at += done.bytes;
    rows += done.rows;
  }
  return true;
}

template <class OnBatch>
bool parse_std(std::string_view text, std::span<Row> batch, OnBatch&& on_batch) {
  std::size_t filled = 0;
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    Row row{};
    for (double* field : {&row.time_ms, &row.bid, &row.ask}) {
      const auto [stop, fault] = std::from_chars(at, end, *field);
      if (fault != std::errc{}) return false;
      at = stop + 1;  // the comma, or the line's end
    }
    batch[filled++] = row;
    if (filled == batch.size()) on_batch(std::span<const Row>(batch.first(std::exchange(filled, 0))));
  }
  on_batch(std::span<const Row>(batch.first(filled)));
  return true;
}

template <class OnBatch>
bool parse_plain(std::string_view text, std::span<Tick> batch, OnBatch&& on_batch) {
  const LeanParser parser(0);
  for (std::size_t at = 0, rows = 0; at < text.size();) {
    const ParsedRows done =
        parse_lines(text.substr(at), true, rows + 1, batch,
                    [&](auto line, Tick& tick, RowFault& fault) { return parser.parse_line(line, tick, fault); });
    if (done.is_bad || done.rows == 0) return false;
    on_batch(std::span<const Tick>(batch.first(done.ticks)));
    at += done.bytes;
    rows += done.rows;
  }
  return true;
}

// Exact below 2^53 nanounits: a double of 15 digits rounds back to the decimal that it was read from.
std::int64_t nano_of(double value) { return std::llround(value * 1e9); }

bool same(const Tick& ours, const Row& row) {
  return ours.bid_e9 == nano_of(row.bid) && ours.ask_e9 == nano_of(row.ask) &&
         ours.venue_ns == std::llround(row.time_ms * 1e6);
}
bool same(const Tick& ours, const Tick& plain) {
  return ours.bid_e9 == plain.bid_e9 && ours.ask_e9 == plain.ask_e9 && ours.venue_ns == plain.venue_ns &&
         ours.source_sequence == plain.source_sequence;
}

template <class Value>
std::uint64_t equal_rows(const std::vector<Tick>& ours, const std::vector<Value>& theirs) {
  std::uint64_t equal = 0;
  for (std::size_t i = 0; i < std::min(ours.size(), theirs.size()); ++i) equal += same(ours[i], theirs[i]);
  return equal;
}

Error unreadable(std::string_view who, const Work& work) {
  return {.code = ErrorCode::check_mismatch,
          .doing = fmt::format("parsing {} with {}", work.source_text, who),
          .expected = "every row to be read",
          .found = "a row that it refuses"};
}

}  // namespace

Result<std::vector<CaseResult>> parse_lean(Workshop& shop, const Options& options) {
  TT_TRY(const Work* work, shop.work(options));
  std::string text;
  if (work->source.files.empty()) {
    text = as_lean(work->ticks);
  } else {
    TT_TRY(text, decompressed(work->source.files.back()));
  }
  const std::string_view rows_text = first_rows(text, options.iterations_or(std::numeric_limits<std::uint64_t>::max()));
  const Pinned pinned(allowed_cpus().back());
  std::vector<Tick> ticks(kBatch);
  std::vector<Row> rows(kBatch);

  // All three first read everything once, and must have read the same.
  std::vector<Tick> ours;
  std::vector<Tick> plain;
  std::vector<Row> standard;
  const auto gather = [](auto& into) {
    return [&into](auto batch) { into.insert(into.end(), batch.begin(), batch.end()); };
  };
  if (!parse_ours(rows_text, ticks, gather(ours))) return fail(unreadable("LeanParser", *work));
  if (!parse_std(rows_text, rows, gather(standard))) return fail(unreadable("std::from_chars", *work));
  if (!parse_plain(rows_text, ticks, gather(plain))) return fail(unreadable("the plain reading", *work));
  if (options.mutant && !ours.empty()) ++ours[0].bid_e9;
  const std::size_t total = std::max(ours.size(), plain.size());
  TT_TRY(std::string equal_standard,
         all_equal(equal_rows(ours, standard), total, "rows with those of std::from_chars"));
  TT_TRY(std::string equal_plain,
         all_equal(equal_rows(ours, plain), total, "rows with those of the plain decimal reading"));

  std::vector<double> ours_rate;
  std::vector<double> standard_rate;
  std::vector<double> plain_rate;
  const auto rate_of = [&](auto&& parse) {
    const std::uint64_t begin = stamp();
    parse();
    return static_cast<double>(total) / static_cast<double>(work->clock.to_ns(stamp() - begin)) * 1e9;
  };
  const auto kept = [](auto batch) { keep(batch.data()); };
  for (int repetition = 0; repetition < options.repetitions(kRepetitions); ++repetition) {
    ours_rate.push_back(rate_of([&] { parse_ours(rows_text, ticks, kept); }));
    if (options.ours_alone) continue;
    standard_rate.push_back(rate_of([&] { parse_std(rows_text, rows, kept); }));
    plain_rate.push_back(rate_of([&] { parse_plain(rows_text, ticks, kept); }));
  }
  CaseResult result{
      .name = "parse_lean",
      .unit = "rows/s",
      .lower_is_better = false,
      .ours = stats_of(ours_rate, false),
      .target = ">= 10000000",
      .note = fmt::format("{} rows, {} bytes in memory, {}; std::from_chars gives doubles, ours exact integers", total,
                          rows_text.size(), work->source_text)};
  if (options.ours_alone) {
    result.add_left_out(kStandard);
    result.add_left_out(kPlain);
  } else {
    result.add_peer(kStandard, stats_of(standard_rate, false), std::move(equal_standard));
    result.add_peer(kPlain, stats_of(plain_rate, false), std::move(equal_plain));
  }
  return std::vector<CaseResult>{std::move(result)};
}

}  // namespace thintail::bench
