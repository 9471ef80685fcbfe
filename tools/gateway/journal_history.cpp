// SPDX-License-Identifier: Apache-2.0
#include "tools/gateway/journal_history.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <ranges>
#include <thread>

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

// Goes to the last block that holds events; a journal that was closed in good order ends in one that holds none.
bool seek_last_events(BlockSource& blocks, std::uint64_t file_bytes) {
  BlockHeader found{};
  for (std::uint64_t to = file_bytes; blocks.find_last_block(kJournalHeaderBytes, to, found); to = found.file_offset) {
    if (found.events == 0) continue;
    blocks.seek(found.file_offset, found.first_sequence);
    return true;
  }
  return false;
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

Result<std::uint64_t> bytes_of(const std::string& path) {
  TT_TRY(const BlockSource blocks, BlockSource::open(path));
  return blocks.file_bytes();
}

// The last `bytes` of a file, what it begins with before them; `pass` may end it early.
Result<void> replay_end(const std::string& path, std::uint64_t bytes, const std::function<bool(const Event&)>& pass) {
  TT_TRY(BlockSource blocks, BlockSource::open(path));
  TT_TRY(const std::uint64_t size, blocks.file_bytes());
  if (bytes < size) {
    std::size_t seen = 0;
    const auto begin = [&](const Event& event) {
      return is_preamble(event.type) && ++seen < kPreambleEventsMax && pass(event);
    };
    while (blocks.next() == BlockStep::block && for_each_event(blocks, begin)) {
    }
    if (blocks.offset() < size - bytes && !seek_before(blocks, size - bytes)) return {};
  }
  BlockStep step = BlockStep::block;
  while ((step = blocks.next()) == BlockStep::block) {
    if (!for_each_event(blocks, pass)) return {};
  }
  if (step == BlockStep::failed) return fail(blocks.error());
  return {};
}

struct RunSpan {
  std::int64_t first_ns = 0;  // 0: no event
  std::int64_t last_ns = 0;
};
Result<RunSpan> span_of(const std::string& path) {
  TT_TRY(BlockSource blocks, BlockSource::open(path));
  RunSpan span;
  const auto take = [&](const Event& event) {
    if (span.first_ns == 0) span.first_ns = event.time_ns;
    span.last_ns = event.time_ns;
    return true;
  };
  if (blocks.next() == BlockStep::block) for_each_event(blocks, take);
  TT_TRY(const std::uint64_t size, blocks.file_bytes());
  if (!seek_last_events(blocks, size)) return span;
  while (blocks.next() == BlockStep::block) for_each_event(blocks, take);
  return span;
}

}  // namespace

Result<std::uint64_t> JournalHistory::replay_tail(std::uint64_t bytes_max,
                                                  const std::function<bool(const Event&)>& take,
                                                  std::vector<Error>* faults) const {
  TT_TRY(const auto journals, list_journals(folder_));
  const auto tell = [&](const Error& fault) {
    if (faults != nullptr) faults->push_back(fault);
  };
  std::vector<std::pair<std::string, std::uint64_t>> chosen;  // with how much of its end
  std::uint64_t left = bytes_max;
  for (const JournalFileName& journal : journals | std::views::reverse) {
    if (left == 0) break;
    const auto size = bytes_of(journal.path);
    if (!size) {
      tell(size.error());
      continue;
    }
    chosen.emplace_back(journal.path, std::min(*size, left));
    left -= std::min(*size, left);
  }
  std::uint64_t count = 0;
  bool goes_on = true;
  const auto pass = [&](const Event& event) {
    ++count;
    return goes_on = take(event);
  };
  for (const auto& [path, bytes] : chosen | std::views::reverse) {
    if (const auto read = replay_end(path, bytes, pass); !read) tell(read.error());
    if (!goes_on) break;
  }
  return count;
}

Result<RunRead> JournalHistory::replay_run(std::int64_t until_ns, std::uint64_t newest_sequence,
                                           std::uint64_t bytes_max,
                                           const std::function<bool(const Event&)>& take) const {
  TT_TRY(const auto journals, list_journals(folder_));
  std::string kept;
  for (const JournalFileName& journal : journals | std::views::reverse) {
    const auto span = span_of(journal.path);
    if (!span || span->first_ns == 0) continue;  // taken away meanwhile, or nothing in it yet
    const bool is_newest = journal.epoch == journals.back().epoch;
    if (until_ns < span->first_ns || (until_ns > span->last_ns && !is_newest)) {
      kept = fmt::format("{} to {} (epoch {}){}{}", span->first_ns, span->last_ns, journal.epoch,
                         kept.empty() ? "" : ", ", kept);
      continue;
    }
    TT_TRY(BlockSource blocks, BlockSource::open(journal.path));
    RunRead read{.epoch = journal.epoch, .last_sequence = 0, .last_ns = 0};
    bool goes_on = true;
    const auto pass = [&](const Event& event) {
      goes_on = event.time_ns <= until_ns && take(event);
      if (!goes_on) return false;
      read.last_sequence = event.sequence;
      read.last_ns = event.time_ns;
      return true;
    };
    for (int waits = 0; goes_on;) {
      const BlockStep step = blocks.next();
      if (step == BlockStep::failed) return fail(blocks.error());
      if (step == BlockStep::block) {
        if (blocks.offset() > bytes_max) {
          return fail({.code = ErrorCode::http_parameter,
                       .doing = "reading a run up to a moment",
                       .file = journal.path,
                       .field = "at",
                       .expected = fmt::format("at most {} MiB of journal since the run began", bytes_max >> 20),
                       .found = fmt::format("{} of {} reached", read.last_ns, until_ns)});
        }
        for_each_event(blocks, pass);
        continue;
      }
      constexpr int kWaitsMax = 100;
      if (!is_newest || read.last_sequence >= newest_sequence || ++waits > kWaitsMax) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return read;
  }
  return fail({.code = ErrorCode::http_parameter,
               .doing = "looking for the run of a moment",
               .file = folder_,
               .field = "at",
               .expected = kept.empty() ? "a journal, and there is none" : fmt::format("a time within {}", kept),
               .found = fmt::format("{}", until_ns)});
}

std::vector<Sha256Digest> JournalHistory::models_of_newest(std::size_t journals) const {
  std::vector<Sha256Digest> digests;
  const auto all = list_journals(folder_);
  if (!all) return digests;
  for (const JournalFileName& journal : *all | std::views::reverse | std::views::take(journals)) {
    auto blocks = BlockSource::open(journal.path);
    std::size_t seen = 0;
    const auto look = [&](const Event& event) {
      if (!is_preamble(event.type) || ++seen > kPreambleEventsMax) return false;
      if (event.type != EventType::model) return true;
      const Sha256Digest digest = event.as<Model>().sha256;
      if (std::ranges::find(digests, digest) == digests.end()) digests.push_back(digest);
      return false;
    };
    while (blocks && blocks->next() == BlockStep::block && for_each_event(*blocks, look)) {
    }
  }
  return digests;
}

Result<JournalHistory::WalkEnd> JournalHistory::walk_back(std::string_view instrument, const Walk& walk,
                                                          Event& oldest_seen) const {
  TT_TRY(const auto journals, list_journals(folder_));
  WalkEnd end;
  std::uint64_t read = 0;
  for (const JournalFileName& journal : journals | std::views::reverse) {
    // Whatever is wrong with one journal, the others still tell.
    const auto goes_on = walk_file(journal.path, instrument, walk, read, oldest_seen, end);
    if (!goes_on) {
      if (!end.fault) end.fault = goes_on.error();
    } else if (!*goes_on) {
      return end;
    }
  }
  return end;
}

// Whether all of a journal is too new or too old. False too where it is damaged: whoever reads it says so.
bool JournalHistory::lies_outside(const std::string& path, const Walk& walk) {
  auto blocks = BlockSource::open(path);
  if (!blocks || blocks->next() != BlockStep::block) return false;
  std::optional<Event> edge;
  const auto take_first = [&](const Event& event) {
    edge = event;
    return false;
  };
  const auto take = [&](const Event& event) {
    edge = event;
    return true;
  };
  for_each_event(*blocks, take_first);
  if (edge && walk.is_too_new(*edge)) return true;
  const auto size = blocks->file_bytes();
  if (!size || !seek_last_events(*blocks, *size)) return false;
  while (blocks->next() == BlockStep::block) for_each_event(*blocks, take);
  return edge && walk.is_too_old(*edge);
}

// False where it read enough; `end` is then told.
Result<bool> JournalHistory::walk_file(const std::string& path, std::string_view instrument, const Walk& walk,
                                       std::uint64_t& read, Event& oldest_seen, WalkEnd& end) {
  TT_TRY(const auto id, id_in(path, instrument));
  if (!id || lies_outside(path, walk)) return true;
  TT_TRY(BlockSource blocks, BlockSource::open(path));
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
      TT_TRY(blocks, BlockSource::open(path));
    } else if (!seek_before(blocks, from)) {
      break;
    }
    const std::uint64_t begin = blocks.offset();
    walk.begin_chunk();
    std::optional<Event> first;
    std::int64_t before_ns = 0;
    bool is_past = false;
    BlockStep step = BlockStep::block;
    while (!is_past && blocks.offset() < high && (step = blocks.next()) == BlockStep::block) {
      is_past = !for_each_event(blocks, [&](const Event& event) {
        if (!first) oldest_seen = first.emplace(event);
        if (walk.is_too_new(event)) return false;
        if (event.type == EventType::gap)
          end.gaps.emplace_back(before_ns == 0 ? event.time_ns : before_ns, event.time_ns);
        before_ns = event.time_ns;
        if (event.instrument == *id) walk.take(event, *id);
        return true;
      });
    }
    if (step == BlockStep::failed && !end.fault) end.fault = blocks.error();
    read += high - begin;
    high = std::min(begin, high - 1);
    if (begin <= kJournalHeaderBytes || (first && walk.is_too_old(*first))) break;
    if (walk.has_enough() || read >= kPageBytes) {
      end.has_more = true;
      return false;
    }
  }
  if (!walk.has_enough()) return true;
  end.has_more = true;
  return false;
}

Result<HistoryPage<BarRow>> JournalHistory::bars_before(std::string_view instrument, BarPeriod period,
                                                        std::int64_t from_ns, std::int64_t end_ns,
                                                        std::size_t limit) const {
  end_ns = std::max<std::int64_t>(end_ns, 0);
  std::map<std::uint32_t, BarRow> rows;
  const auto take = [&](const Event& event, std::uint32_t) {
    if (event.type != EventType::bar) return;
    const auto bar = event.as<Bar>();
    const std::int64_t bar_end_ns = bar.end_s * std::int64_t{1'000'000'000};
    if (bar.period() != static_cast<unsigned>(period) || bar_end_ns >= end_ns || bar_end_ns <= from_ns) return;
    BarRow& row = rows[bar.end_s];
    row.end_s = bar.end_s;
    row.ticks = bar.ticks();
    (bar.side() == QuoteSide::ask ? row.ask : row.bid) = {bar.open_e9, bar.high_e9, bar.low_e9, bar.close_e9};
  };
  Event oldest{};
  // A bar is told by the first event after its end, which may be much later where the market was closed.
  constexpr std::int64_t kTellLateNs = 4 * 86'400 * std::int64_t{1'000'000'000};
  // Bars are cut by the venue's clock, which may be ahead of the engine's.
  constexpr std::int64_t kTellEarlyNs = 3'600 * std::int64_t{1'000'000'000};
  const Walk walk{[&](const Event& event) { return event.time_ns > end_ns && event.time_ns - end_ns > kTellLateNs; },
                  [&](const Event& event) { return event.time_ns < from_ns && from_ns - event.time_ns > kTellEarlyNs; },
                  take, [] {}, [&] { return rows.size() > limit; }};
  TT_TRY(WalkEnd end, walk_back(instrument, walk, oldest));
  HistoryPage<BarRow> page;
  page.fault = std::move(end.fault);
  page.gaps = std::move(end.gaps);
  for (const auto& [end_s, row] : rows) {
    // The page's first bar may lack the side whose event lies in older journal.
    if (row.bid.open_e9 != 0 && row.ask.open_e9 != 0) page.rows.push_back(row);
  }
  page.has_more = end.has_more || page.rows.size() > limit;
  if (page.rows.size() > limit) {
    page.rows.erase(page.rows.begin(), page.rows.end() - static_cast<std::ptrdiff_t>(limit));
  }
  page.resume = page.rows.empty() ? static_cast<std::uint64_t>(std::min(oldest.time_ns, end_ns - 1))
                                  : page.rows.front().end_s * std::uint64_t{1'000'000'000};
  return page;
}

Result<HistoryPage<TickRow>> JournalHistory::ticks_before(std::string_view instrument, std::uint64_t sequence,
                                                          std::int64_t from_ns, std::int64_t to_ns,
                                                          std::size_t limit) const {
  std::vector<std::vector<TickRow>> chunks;
  std::size_t count = 0;
  const auto take = [&](const Event& event, std::uint32_t) {
    if (event.type != EventType::tick || event.time_ns < from_ns) return;
    const auto tick = event.as<Tick>();
    chunks.back().push_back(
        {event.sequence, event.time_ns, tick.venue_ns, tick.bid_e9, tick.ask_e9, tick.source_sequence});
    ++count;
  };
  Event oldest{};
  const Walk walk{[&](const Event& event) { return event.sequence >= sequence || event.time_ns > to_ns; },
                  [&](const Event& event) { return event.time_ns < from_ns; }, take, [&] { chunks.emplace_back(); },
                  [&] { return count > limit; }};
  TT_TRY(WalkEnd end, walk_back(instrument, walk, oldest));
  HistoryPage<TickRow> page;
  page.fault = std::move(end.fault);
  page.gaps = std::move(end.gaps);
  for (const auto& chunk : chunks | std::views::reverse) page.rows.insert(page.rows.end(), chunk.begin(), chunk.end());
  page.has_more = end.has_more || page.rows.size() > limit;
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
    JournalSession session;
    session.epoch = journal.epoch;
    session.path = journal.path;
    const auto looked = look_at_session(session);
    // Taken away since it was listed: it is no session of which there is a journal. Any other is listed, and shows as broken.
    if (!looked && looked.error().code == ErrorCode::file_missing) continue;
    sessions.push_back(std::move(session));
  }
  return sessions;
}

Result<void> JournalHistory::look_at_session(JournalSession& session) {
  TT_TRY(BlockSource blocks, BlockSource::open(session.path));
  session.created_ns = blocks.file_header().created_ns;
  TT_TRY(session.bytes, blocks.file_bytes());
  const std::uint64_t first = blocks.file_header().first_sequence;
  if (!seek_last_events(blocks, session.bytes)) return {};
  std::uint64_t last = first;
  BlockStep step = BlockStep::block;
  while ((step = blocks.next()) == BlockStep::block) {
    session.is_closed = (blocks.header().flags & kBlockClosing) != 0;
    last = blocks.header().first_sequence + blocks.header().events;
    for_each_event(blocks, [&](const Event& event) {
      session.ended_ns = event.time_ns;
      return true;
    });
  }
  session.events = last - first;
  if (step == BlockStep::failed) return fail(blocks.error());
  return {};
}

}  // namespace thintail::gateway
