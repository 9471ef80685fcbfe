// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/file_feed.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <compare>
#include <limits>
#include <tuple>

#include "adapters/feeds/binance_capture.hpp"
#include "adapters/feeds/tick_file.hpp"
#include "adapters/feeds/tick_reader.hpp"

namespace thintail {
namespace {

constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::max();
// A start of more rows that contradict one another is read as it stands.
constexpr std::uint32_t kRefusedRowsMax = 8;

// The order of the merged stream: receive time, then instrument, then the order the files were named in.
struct MergeKey {
  std::int64_t receive_ns = kForever;
  InstrumentId instrument = 0;
  std::size_t file = 0;

  friend auto operator<=>(const MergeKey&, const MergeKey&) = default;
};

// An open file and what of it is parsed and not yet handed out: ticks, or of a capture whole events.
struct Lane {
  MergeKey key;  // of the tick at `at`, or of the event at `event_at`
  std::unique_ptr<TickReader> reader;
  const Tick* at = nullptr;
  const Tick* end = nullptr;
  std::int64_t latency_ns = 0;
  std::unique_ptr<BinanceCapture> capture;  // then `reader` is null
  const Event* event_at = nullptr;
  const Event* event_end = nullptr;

  bool is_open() const noexcept { return reader != nullptr || capture != nullptr; }
  bool is_used_up() const noexcept { return at == end && event_at == event_end; }
  std::uint64_t consumed_bytes() const noexcept {
    return reader ? reader->consumed_bytes() : capture->consumed_bytes();
  }
  const std::optional<Error>& error() const noexcept { return reader ? reader->error() : capture->error(); }
  const StampCheck& stamps() const noexcept { return reader ? reader->stamps() : capture->stamps(); }
  // The next batch; false at the end or after an error.
  bool refill() {
    if (reader) {
      const std::span<const Tick> ticks = reader->next();
      at = ticks.data();
      end = at + ticks.size();
    } else {
      const std::span<const Event> events = capture->next();
      event_at = events.data();
      event_end = event_at + events.size();
    }
    return !is_used_up();
  }
  // REQUIRES: not is_used_up(). A capture has times of receipt of its own, which need no latency.
  std::int64_t receive_ns() const noexcept { return reader ? at->venue_ns + latency_ns : event_at->time_ns; }
};

Result<Lane> open_lane_of(const TickFile& file, bool strict, FeedStats& stats) {
  Lane lane;
  lane.latency_ns = file.latency_ns;
  if (file.format == TickFormat::binance_capture) {
    TT_TRY(lane.capture, BinanceCapture::open(file, strict, stats));
  } else {
    TT_TRY(lane.reader, TickReader::open(file, strict, stats));
  }
  return lane;
}

bool comes_later(const Lane& a, const Lane& b) noexcept { return a.key > b.key; }

// Receive time of a file's first good tick; kForever where it holds none and need not (an hour without ticks). Counts the rows at its
// start whose stamps the rows behind them contradict.
Result<std::int64_t> first_receive_ns(TickFile& file) {
  FeedStats stats;
  TT_TRY(Lane lane, open_lane_of(file, false, stats));
  const bool has_any = lane.refill();
  const std::int64_t first_ns = has_any ? lane.receive_ns() : kForever;
  while (!lane.stamps().is_settled() && lane.refill()) {
  }
  if (lane.stamps().is_first_row_alone() && file.refused_rows < kRefusedRowsMax) {
    ++file.refused_rows;
    return first_receive_ns(file);
  }
  // A tick before the row that shows the file to be something else is no tick. After any other error it is.
  const bool is_other_format = lane.error() && lane.error()->code == ErrorCode::format_mismatch;
  if (has_any && !is_other_format) return first_ns;
  if (lane.error()) return fail(*lane.error());
  if (file.is_empty) return kForever;
  if (stats.first_bad_row) {
    stats.first_bad_row->code = ErrorCode::format_mismatch;
    return fail(*stats.first_bad_row);
  }
  return fail({.code = ErrorCode::no_ticks,
               .doing = "opening a tick file",
               .file = file.path,
               .expected = "rows of ticks",
               .found = file.size_bytes == 0 ? "an empty file" : "no row"});
}

}  // namespace

struct FileFeed::Impl {
  std::vector<TickFile> files;  // never moved once readers refer to them
  std::vector<MergeKey> pending;  // files not yet opened, by their first tick, the next one last
  std::vector<Lane> waiting;  // a heap: open files whose next tick is later than the current one's
  Lane current;
  std::int64_t limit_ns =
      std::numeric_limits<std::int64_t>::min();  // the current file may give ticks received before this
  std::int64_t last_ns = std::numeric_limits<std::int64_t>::min();
  bool strict = false;
  FeedStats stats;
  std::optional<Error> error;
  std::uint64_t size_bytes = 0;
  std::uint64_t closed_bytes = 0;

  bool poll(Event& out) noexcept {
    for (;;) {
      if (current.at != current.end) [[likely]] {
        const std::int64_t receive_ns = current.at->venue_ns + current.latency_ns;
        if (receive_ns < limit_ns) [[likely]] {
          last_ns = std::max(last_ns, receive_ns);
          out = Event::make(last_ns, current.key.instrument, *current.at++);
          return true;
        }
      }
      if (current.event_at != current.event_end && current.event_at->time_ns < limit_ns) {
        out = *current.event_at++;
        out.time_ns = last_ns = std::max(last_ns, out.time_ns);
        return true;
      }
      if (!advance()) return false;
    }
  }

  // Makes the file with the earliest tick the current one and finds how far it may go. False at the end or
  // after an error.
  bool advance() {
    if (current.is_open() && !put_back(std::move(current))) return false;
    current = {};
    // A file is opened once its first tick is due, that is when no open file has an earlier one.
    while (!pending.empty() && (waiting.empty() || pending.back() < waiting.front().key)) {
      const MergeKey key = pending.back();
      pending.pop_back();
      if (!open_lane(key)) return false;
    }
    if (waiting.empty()) return false;
    std::ranges::pop_heap(waiting, comes_later);
    current = std::move(waiting.back());
    waiting.pop_back();

    MergeKey rival;
    if (!waiting.empty()) rival = waiting.front().key;
    if (!pending.empty()) rival = std::min(rival, pending.back());
    // On a tie in time the one that is first by instrument and file goes first.
    const bool wins_tie = rival.receive_ns != kForever &&
                          std::tie(current.key.instrument, current.key.file) < std::tie(rival.instrument, rival.file);
    limit_ns = rival.receive_ns + (wins_tie ? 1 : 0);
    return true;
  }

  bool open_lane(const MergeKey& key) {
    const TickFile& file = files[key.file];
    auto lane = open_lane_of(file, strict, stats);
    if (!lane) return stop(std::move(lane).error());
    lane->key = key;
    return put_back(std::move(*lane));
  }

  // Back into the heap under its next tick's key; closed at its end.
  bool put_back(Lane lane) {
    if (lane.is_used_up() && !lane.refill()) {
      if (lane.error()) return stop(*lane.error());
      closed_bytes += files[lane.key.file].size_bytes;
      return true;
    }
    lane.key.receive_ns = lane.receive_ns();
    waiting.push_back(std::move(lane));
    std::ranges::push_heap(waiting, comes_later);
    return true;
  }

  bool stop(Error why) {
    error = std::move(why);
    pending.clear();
    waiting.clear();
    current = {};
    return false;
  }
};

FileFeed::FileFeed(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
FileFeed::~FileFeed() = default;
FileFeed::FileFeed(FileFeed&&) noexcept = default;

Result<FileFeed> FileFeed::open(const std::vector<std::string>& paths, const FileFeedOptions& options,
                                InstrumentTable& instruments) {
  auto impl = std::make_unique<Impl>();
  impl->strict = options.strict;
  impl->files.reserve(paths.size());
  for (const std::string& path : paths) {
    TT_TRY(TickFile file, identify_tick_file(path, options, instruments));
    TT_TRY(const std::int64_t first_ns, first_receive_ns(file));
    impl->size_bytes += file.size_bytes;
    if (first_ns != kForever) impl->pending.push_back({first_ns, file.instrument, impl->files.size()});
    impl->files.push_back(std::move(file));
  }
  if (impl->pending.empty()) {
    return fail(
        {.code = ErrorCode::no_ticks,
         .doing = paths.size() == 1 ? "opening a tick file" : fmt::format("opening {} tick files", paths.size()),
         .file = paths.size() == 1 ? paths.front() : std::string{},
         .expected = "ticks",
         .found =
             paths.empty() ? "no file" : (paths.size() == 1 ? "an hour without a tick" : "only hours without a tick")});
  }
  std::ranges::sort(impl->pending, std::greater<>());
  return FileFeed(std::move(impl));
}

bool FileFeed::poll(Event& out) noexcept { return impl_->poll(out); }
const std::optional<Error>& FileFeed::error() const noexcept { return impl_->error; }
const FeedStats& FileFeed::stats() const noexcept { return impl_->stats; }

FeedContents FileFeed::contents() const noexcept {
  FeedContents all{.sizes = true, .trades = true, .depth = true};
  for (const TickFile& file : impl_->files) all = all & contents_of(file.format);
  return all;
}

double FileFeed::progress() const noexcept {
  if (impl_->size_bytes == 0) return 1.0;
  std::uint64_t consumed = impl_->closed_bytes;
  if (impl_->current.is_open()) consumed += impl_->current.consumed_bytes();
  for (const Lane& lane : impl_->waiting) consumed += lane.consumed_bytes();
  return static_cast<double>(consumed) / static_cast<double>(impl_->size_bytes);
}

Result<TimeSpan> scan_span(const std::vector<std::string>& paths, const FileFeedOptions& options,
                           InstrumentTable& instruments) {
  TT_TRY(FileFeed feed, FileFeed::open(paths, options, instruments));
  TimeSpan span;
  Event event;
  while (feed.poll(event)) {
    if (event.type != EventType::tick) continue;
    if (span.ticks++ == 0) span.first_ns = event.time_ns;
    span.last_ns = event.time_ns;
  }
  if (feed.error()) return fail(*feed.error());
  return span;
}

}  // namespace thintail
