// SPDX-License-Identifier: Apache-2.0
// book_update: one level of an order book set, changed or removed, in the order of a real capture. Peers: the book as most programs
// keep it, a std::map a side; and a sorted std::vector a side, which shares the idea of ours and none of its code.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <utility>

#include "adapters/feeds/file_feed.hpp"
#include "bench/features/suite.hpp"
#include "bench/harness/market_data.hpp"
#include "bench/harness/pinned.hpp"
#include "bench/harness/stopwatch.hpp"
#include "core/book/order_book.hpp"

namespace thintail::bench {
namespace {

constexpr int kRepetitions = 11;
constexpr std::size_t kPerSample = 1'000;
constexpr const char* kMap = "std::map book";
constexpr const char* kVector = "sorted std::vector book";
constexpr std::uint64_t kSimulatedLevels = 200'000;
constexpr std::uint64_t kLevelsMin = 10'000;  // fewer may hold no snapshot, and so no book

struct BookWork {
  std::vector<Event> events;
  std::string source_text;
};

// Peers hold as many levels as ours, so that every level of both can be compared; they know nothing of sequences, gaps and crossing.
class MapBook {
 public:
  void apply(const Book& change, unsigned flags) {
    if ((flags & kFlagSnapshot) != 0 && change.source_sequence != snapshot_) {
      snapshot_ = change.source_sequence;
      bids_.clear();
      asks_.clear();
    }
    if (change.side == Side::buy) set(bids_, change);
    if (change.side == Side::sell) set(asks_, change);
  }
  bool equals(const OrderBook& book) const {
    if (book.bids() != bids_.size() || book.asks() != asks_.size()) return false;
    std::size_t i = 0;
    for (const auto& [price, size] : bids_) {
      if (book.bid(i).price_e9 != price || book.bid(i++).size != size) return false;
    }
    i = 0;
    for (const auto& [price, size] : asks_) {
      if (book.ask(i).price_e9 != price || book.ask(i++).size != size) return false;
    }
    return true;
  }

 private:
  static void set(auto& side, const Book& change) {
    if (!(change.size > 0.0F)) {
      side.erase(change.price_e9);
      return;
    }
    side[change.price_e9] = change.size;
    if (side.size() > OrderBook::kLevelsMax) side.erase(std::prev(side.end()));
  }

  std::map<std::int64_t, float, std::greater<>> bids_;
  std::map<std::int64_t, float> asks_;
  std::uint64_t snapshot_ = 0;
};

class VectorBook {
 public:
  VectorBook() {
    for (auto& side : sides_) side.reserve(OrderBook::kLevelsMax + 1);
  }
  void apply(const Book& change, unsigned flags) {
    if ((flags & kFlagSnapshot) != 0 && change.source_sequence != snapshot_) {
      snapshot_ = change.source_sequence;
      for (auto& side : sides_) side.clear();
    }
    if (change.side == Side::none) return;
    const bool is_bid = change.side == Side::buy;
    auto& side = sides_[is_bid ? 0 : 1];
    const std::int64_t key = is_bid ? change.price_e9 : -change.price_e9;
    const auto at = std::ranges::lower_bound(side, key, {}, &Level::key);
    const bool is_there = at != side.end() && at->key == key;
    if (!(change.size > 0.0F)) {
      if (is_there) side.erase(at);
    } else if (is_there) {
      at->size = change.size;
    } else {
      side.insert(at, {key, change.size});
      if (side.size() > OrderBook::kLevelsMax) side.erase(side.begin());
    }
  }
  bool equals(const OrderBook& book) const {
    if (book.bids() != sides_[0].size() || book.asks() != sides_[1].size()) return false;
    for (std::size_t i = 0; i < book.bids(); ++i) {
      const Level& level = sides_[0][sides_[0].size() - 1 - i];
      if (book.bid(i).price_e9 != level.key || book.bid(i).size != level.size) return false;
    }
    for (std::size_t i = 0; i < book.asks(); ++i) {
      const Level& level = sides_[1][sides_[1].size() - 1 - i];
      if (book.ask(i).price_e9 != -level.key || book.ask(i).size != level.size) return false;
    }
    return true;
  }

 private:
  struct Level {
    std::int64_t key;  // rises towards the best
    float size;
  };
  std::array<std::vector<Level>, 2> sides_;  // bids, asks
  std::uint64_t snapshot_ = 0;
};

// A random walk of both sides, updates of 32 levels and what the walk trades away, most of them far from the best as real ones are.
std::vector<Event> simulated_levels(std::uint64_t count) {
  std::mt19937_64 random(1);
  constexpr std::int64_t kTick = 100'000'000;
  std::vector<Event> events;
  std::int64_t mid = 600'000;
  for (std::uint64_t sequence = 1; events.size() < count; ++sequence) {
    const unsigned flags = sequence == 1 ? unsigned{kFlagSnapshot} : 0U;
    const auto add = [&](Side side, std::int64_t ticks, float size, unsigned more) {
      events.push_back(Event::make(0, 0, Book{ticks * kTick, 0, sequence, size, side, {}, sequence - 1}, flags | more));
    };
    const std::int64_t before = std::exchange(mid, mid + static_cast<std::int64_t>(random() % 5) - 2);
    for (std::int64_t ticks = before + 1; ticks <= mid; ++ticks) add(Side::sell, ticks, 0.0F, kFlagMore);
    for (std::int64_t ticks = before; ticks > mid; --ticks) add(Side::buy, ticks, 0.0F, kFlagMore);
    constexpr std::size_t kLevels = 32;
    for (std::size_t i = 0; i < kLevels; ++i) {
      const bool is_bid = i < kLevels / 2;
      const std::uint64_t reach = random() % 1'500 + 1;
      const auto distance = static_cast<std::int64_t>(random() % reach);
      const float size = random() % 3 == 0 ? 0.0F : static_cast<float>(random() % 5'000 + 1) / 1'000.0F;
      add(is_bid ? Side::buy : Side::sell, is_bid ? mid - distance : mid + 1 + distance, size,
          i + 1 < kLevels ? unsigned{kFlagMore} : 0U);
    }
  }
  return events;
}

Result<BookWork> make_book_work(const Options& options) {
  BookWork work;
  std::vector<std::string> files = options.ticks;
  const auto capture = data_folder() / "protocol" / "binance_usdm_btcusdt_20240808.jsonl.zst";
  std::error_code fault;
  if (files.empty() && std::filesystem::exists(capture, fault)) files.push_back(capture.string());
  const std::uint64_t count = std::max(options.iterations_or(UINT64_MAX), kLevelsMin);
  if (files.empty()) {
    work.events = simulated_levels(std::min(count, kSimulatedLevels));
    work.source_text = fmt::format("SIMULATED, {} levels", work.events.size());
    return work;
  }
  InstrumentTable instruments;
  TT_TRY(FileFeed feed, FileFeed::open({files.front()}, {}, instruments));
  Event event;
  while (work.events.size() < count && feed.poll(event)) {
    if (event.type == EventType::book) work.events.push_back(event);
  }
  if (feed.error()) return fail(*feed.error());
  // A run that --iterations cut is no update.
  while (!work.events.empty() && (work.events.back().flags & kFlagMore) != 0) work.events.pop_back();
  if (work.events.empty()) {
    return fail({.code = ErrorCode::no_ticks,
                 .doing = "reading order book updates to measure with",
                 .file = files.front(),
                 .expected = "a capture with depth",
                 .found = "no update"});
  }
  work.source_text =
      fmt::format("{} levels of {}", work.events.size(), std::filesystem::path(files.front()).filename().string());
  return work;
}

struct Checked {
  std::uint64_t updates = 0;
  std::uint64_t map_equal = 0;
  std::uint64_t vector_equal = 0;
  BookCounts counts;
};

// Every level of all three, at every update's end. Updates that our book ignores (before a snapshot) no book is given.
Checked check(const BookWork& work, bool mutant) {
  Checked out;
  const auto ours = std::make_unique<OrderBook>();
  MapBook map;
  VectorBook vector;
  for (const Event& event : work.events) {
    const auto change = event.as<Book>();
    const bool takes_part = ours->generation() != 0 || (event.flags & kFlagSnapshot) != 0;
    const BookStep step = ours->apply(change, event.flags);
    if (!takes_part) continue;
    map.apply(change, event.flags);
    vector.apply(change, event.flags);
    if (step != BookStep::whole) continue;
    if (mutant && out.updates == 0) {
      ours->apply({ours->bid(0).price_e9, 0, change.source_sequence, 12'345.0F, Side::buy, {}, 0}, 0);
    }
    ++out.updates;
    out.map_equal += map.equals(*ours);
    out.vector_equal += vector.equals(*ours);
  }
  out.counts = ours->counts();
  return out;
}

// Means over kPerSample levels, one pass over all events.
template <class AnyBook>
TT_HOT void measure(const BookWork& work, const EngineClock& clock, std::vector<double>& samples_ns) {
  const auto book = std::make_unique<AnyBook>();
  const std::size_t per_sample = std::min(kPerSample, work.events.size());
  for (std::size_t at = 0; at + per_sample <= work.events.size(); at += per_sample) {
    const std::uint64_t begin = stamp();
    for (std::size_t i = 0; i < per_sample; ++i) book->apply(work.events[at + i].as<Book>(), work.events[at + i].flags);
    keep(book.get());
    samples_ns.push_back(static_cast<double>(clock.to_ns(stamp() - begin)) / static_cast<double>(per_sample));
  }
}

}  // namespace

Result<std::vector<CaseResult>> book_update(const Options& options) {
  TT_TRY(const EngineClock clock, EngineClock::calibrate());
  TT_TRY(const BookWork work, make_book_work(options));
  const Pinned pinned(allowed_cpus().back());
  std::vector<double> ours_ns;
  std::vector<double> map_ns;
  std::vector<double> vector_ns;
  for (int repetition = 0; repetition < options.repetitions(kRepetitions); ++repetition) {
    measure<OrderBook>(work, clock, ours_ns);
    if (options.ours_alone) continue;
    measure<MapBook>(work, clock, map_ns);
    measure<VectorBook>(work, clock, vector_ns);
  }
  CaseResult result{
      .name = "book_update",
      .unit = "ns",
      .ours = stats_of(ours_ns),
      .target = "<= 40",
      .note = fmt::format("a level, means of {}; {} levels a side, ours with sequences, gaps and crossing; {}",
                          std::min(kPerSample, work.events.size()), OrderBook::kLevelsMax, work.source_text)};
  if (options.ours_alone) {
    for (const char* peer : {kMap, kVector}) result.add_left_out(peer);
    return std::vector<CaseResult>{std::move(result)};
  }
  const Checked checked = check(work, options.mutant);
  TT_TRY(std::string map_checked, all_equal(checked.map_equal, checked.updates, "books after an update, all levels"));
  TT_TRY(std::string vector_checked,
         all_equal(checked.vector_equal, checked.updates, "books after an update, all levels"));
  result.add_peer(kMap, stats_of(map_ns), std::move(map_checked));
  result.add_peer(kVector, stats_of(vector_ns), std::move(vector_checked));
  return std::vector<CaseResult>{std::move(result)};
}

}  // namespace thintail::bench
