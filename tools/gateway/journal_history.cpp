// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/journal_history.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <ranges>

#include "adapters/journal/block_source.hpp"
#include "adapters/journal/journal_files.hpp"
#include "core/event/payloads.hpp"
#include "tools/monitor/event_line.hpp"

namespace thintail::gateway {
namespace {

constexpr std::uint64_t kChunkBytes = 8u << 20;
constexpr std::size_t kPreambleEventsMax = 300'000;

template <class Use>
bool for_each_event(const BlockSource& blocks, Use&& use) {
  Event event;
  for (std::uint16_t i = 0; i < blocks.header().events; ++i) {
    std::memcpy(&event, blocks.event_bytes() + i * sizeof(Event), sizeof(Event));
    if (!use(event)) return false;
  }
  return true;
}

bool is_preamble(EventType type) noexcept {
  return type == EventType::session || type == EventType::config || type == EventType::instrument ||
         type == EventType::model || type == EventType::continuation;
}

// Goes to the last block that begins at or before `offset`; false where there is none.
bool seek_before(BlockSource& blocks, std::uint64_t offset) {
  const std::uint64_t aligned = offset / kBlockAlignBytes * kBlockAlignBytes + kBlockAlignBytes;
  BlockHeader found{};
  if (!blocks.find_last_block(kJournalHeaderBytes, aligned, found)) return false;
  blocks.seek(found.file_offset, found.first_sequence);
  return true;
}

// The id that a file gives the instrument.
Result<std::optional<std::uint32_t>> id_in(const std::string& path, std::string_view instrument) {
  TT_TRY(BlockSource blocks, BlockSource::open(path));
  InstrumentNames names;
  std::size_t seen = 0;
  std::optional<std::uint32_t> id;
  std::uint32_t last = 0;
  const auto look = [&](const Event& event) {
    if (!is_preamble(event.type) || ++seen > kPreambleEventsMax) return false;
    names.take(event);
    if (event.type == EventType::instrument) last = event.instrument;
    if (event.type == EventType::continuation && names.of(last) == instrument) id = last;
    return !id.has_value();
  };
  while (blocks.next() == BlockStep::block && for_each_event(blocks, look)) {
  }
  return id;
}

}  // namespace

Result<std::uint64_t> JournalHistory::replay_tail(std::uint64_t bytes_max,
                                                  const std::function<bool(const Event&)>& take) const {
  TT_TRY(const auto journals, list_journals(folder_));
  std::vector<std::pair<std::string, std::uint64_t>> chosen;  // with how much of its end
  std::uint64_t left = bytes_max;
  for (const JournalFileName& journal : journals | std::views::reverse) {
    if (left == 0) break;
    TT_TRY(const BlockSource blocks, BlockSource::open(journal.path));
    TT_TRY(const std::uint64_t size, blocks.file_bytes());
    chosen.emplace_back(journal.path, std::min(size, left));
    left -= std::min(size, left);
  }
  std::uint64_t count = 0;
  const auto pass = [&](const Event& event) {
    ++count;
    return take(event);
  };
  for (const auto& [path, bytes] : chosen | std::views::reverse) {
    TT_TRY(BlockSource blocks, BlockSource::open(path));
    TT_TRY(const std::uint64_t size, blocks.file_bytes());
    bool goes_on = true;
    if (bytes < size) {
      std::size_t seen = 0;
      const auto begin = [&](const Event& event) {
        goes_on = goes_on && is_preamble(event.type) && ++seen < kPreambleEventsMax && pass(event);
        return goes_on;
      };
      while (blocks.next() == BlockStep::block && for_each_event(blocks, begin)) {
      }
      if (blocks.offset() < size - bytes && !seek_before(blocks, size - bytes)) continue;
    }
    while (blocks.next() == BlockStep::block) {
      if (!for_each_event(blocks, pass)) return count;
    }
  }
  return count;
}

Result<bool> JournalHistory::walk_back(std::string_view instrument, const Walk& walk, Event& oldest_seen) const {
  TT_TRY(const auto journals, list_journals(folder_));
  std::uint64_t read = 0;
  for (const JournalFileName& journal : journals | std::views::reverse) {
    TT_TRY(const auto id, id_in(journal.path, instrument));
    if (!id) continue;
    TT_TRY(BlockSource blocks, BlockSource::open(journal.path));
    TT_TRY(std::uint64_t high, blocks.file_bytes());
    // Halves the file until what is too new is at most a chunk.
    std::uint64_t low = kJournalHeaderBytes;
    std::uint64_t top = high;
    while (top - low > kChunkBytes) {
      const std::uint64_t middle = low + (top - low) / 2;
      if (!seek_before(blocks, middle) || blocks.next() != BlockStep::block) break;
      Event first{};
      std::memcpy(&first, blocks.event_bytes(), sizeof first);
      if (blocks.header().events == 0) break;
      (walk.is_too_new(first) ? top : low) = middle;
    }
    high = top;
    while (high > kJournalHeaderBytes) {
      const std::uint64_t from = high - std::min(kChunkBytes, high - kJournalHeaderBytes);
      if (from <= kJournalHeaderBytes) {
        TT_TRY(blocks, BlockSource::open(journal.path));
      } else if (!seek_before(blocks, from)) {
        break;
      }
      const std::uint64_t begin = blocks.offset();
      walk.begin_chunk();
      bool is_first = true;
      while (blocks.offset() < high && blocks.next() == BlockStep::block) {
        for_each_event(blocks, [&](const Event& event) {
          if (is_first) oldest_seen = event;
          is_first = false;
          if (walk.is_too_new(event)) return false;
          if (event.instrument == *id) walk.take(event, *id);
          return true;
        });
      }
      read += high - begin;
      high = std::min(begin, high - 1);
      if (begin <= kJournalHeaderBytes) break;
      if (walk.has_enough() || read >= kPageBytes) return true;
    }
    if (walk.has_enough()) return true;
  }
  return false;
}

Result<HistoryPage<BarRow>> JournalHistory::bars_before(std::string_view instrument, BarPeriod period,
                                                        std::int64_t end_ns, std::size_t limit) const {
  std::map<std::uint32_t, BarRow> rows;
  const auto take = [&](const Event& event, std::uint32_t) {
    if (event.type != EventType::bar) return;
    const auto bar = event.as<Bar>();
    if (bar.period() != static_cast<unsigned>(period) || bar.end_s * std::int64_t{1'000'000'000} >= end_ns) return;
    BarRow& row = rows[bar.end_s];
    row.end_s = bar.end_s;
    row.ticks = bar.ticks();
    (bar.side() == QuoteSide::ask ? row.ask : row.bid) = {bar.open_e9, bar.high_e9, bar.low_e9, bar.close_e9};
  };
  Event oldest{};
  // A bar is told by the first event after its end, which may be much later where the market was closed.
  constexpr std::int64_t kTellLateNs = 4 * 86'400 * std::int64_t{1'000'000'000};
  const Walk walk{[&](const Event& event) { return event.time_ns > end_ns && event.time_ns - end_ns > kTellLateNs; },
                  take, [] {}, [&] { return rows.size() > limit; }};
  TT_TRY(const bool has_more, walk_back(instrument, walk, oldest));
  HistoryPage<BarRow> page;
  for (const auto& [end_s, row] : rows) {
    // The page's first bar may lack the side whose event lies in older journal.
    if (row.bid.open_e9 != 0 && row.ask.open_e9 != 0) page.rows.push_back(row);
  }
  page.has_more = has_more || page.rows.size() > limit;
  if (page.rows.size() > limit) {
    page.rows.erase(page.rows.begin(), page.rows.end() - static_cast<std::ptrdiff_t>(limit));
  }
  page.resume = page.rows.empty() ? static_cast<std::uint64_t>(std::min(oldest.time_ns, end_ns - 1))
                                  : page.rows.front().end_s * std::uint64_t{1'000'000'000};
  return page;
}

Result<HistoryPage<TickRow>> JournalHistory::ticks_before(std::string_view instrument, std::uint64_t sequence,
                                                          std::size_t limit) const {
  std::vector<std::vector<TickRow>> chunks;
  std::size_t count = 0;
  const auto take = [&](const Event& event, std::uint32_t) {
    if (event.type != EventType::tick) return;
    const auto tick = event.as<Tick>();
    chunks.back().push_back(
        {event.sequence, event.time_ns, tick.venue_ns, tick.bid_e9, tick.ask_e9, tick.source_sequence});
    ++count;
  };
  Event oldest{};
  const Walk walk{[&](const Event& event) { return event.sequence >= sequence; }, take, [&] { chunks.emplace_back(); },
                  [&] { return count > limit; }};
  TT_TRY(const bool has_more, walk_back(instrument, walk, oldest));
  HistoryPage<TickRow> page;
  for (const auto& chunk : chunks | std::views::reverse) page.rows.insert(page.rows.end(), chunk.begin(), chunk.end());
  page.has_more = has_more || page.rows.size() > limit;
  if (page.rows.size() > limit) {
    page.rows.erase(page.rows.begin(), page.rows.end() - static_cast<std::ptrdiff_t>(limit));
  }
  page.resume = page.rows.empty() ? std::min(oldest.sequence, sequence) : page.rows.front().sequence;
  return page;
}

Result<std::vector<JournalSession>> JournalHistory::sessions() const {
  TT_TRY(const auto journals, list_journals(folder_));
  std::vector<JournalSession> sessions;
  for (const JournalFileName& journal : journals) {
    TT_TRY(BlockSource blocks, BlockSource::open(journal.path));
    JournalSession session;
    session.epoch = journal.epoch;
    session.path = journal.path;
    session.created_ns = blocks.file_header().created_ns;
    TT_TRY(session.bytes, blocks.file_bytes());
    const std::uint64_t first = blocks.file_header().first_sequence;
    if (seek_before(blocks, session.bytes)) {
      std::uint64_t last = first;
      while (blocks.next() == BlockStep::block) {
        session.is_closed = (blocks.header().flags & kBlockClosing) != 0;
        last = blocks.header().first_sequence + blocks.header().events;
        for_each_event(blocks, [&](const Event& event) {
          session.ended_ns = event.time_ns;
          return true;
        });
      }
      session.events = last - first;
    }
    sessions.push_back(std::move(session));
  }
  return sessions;
}

}  // namespace thintail::gateway
