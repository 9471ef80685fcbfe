// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "shm/tables/append_table.hpp"
#include "shm/tables/rows.hpp"
#include "shm/tables/seq_cell.hpp"
#include "shm/tables/table.hpp"

namespace thintail::shm {
namespace {

QuoteRow quote_of(std::uint64_t number) {
  const auto price = static_cast<std::int64_t>(number);
  return {static_cast<std::uint32_t>(number), 0, price, price + 1, price + 2, price + 3, number};
}

bool is_whole(const QuoteRow& row) {
  const QuoteRow expected = quote_of(row.ticks);
  return std::memcmp(&row, &expected, sizeof(row)) == 0;
}

TEST(SeqCell, loads_what_was_stored_last) {
  SeqCell<QuoteRow> cell;
  QuoteRow row{};
  ASSERT_TRUE(cell.try_load(row));
  EXPECT_EQ(row.ticks, 0u) << "an untouched cell reads as zeros";
  cell.store(quote_of(1));
  cell.store(quote_of(2));
  ASSERT_TRUE(cell.try_load(row));
  EXPECT_EQ(row.ticks, 2u);
  EXPECT_TRUE(is_whole(row));
}

TEST(SeqCell, a_cell_left_odd_by_a_dead_writer_is_refused_in_bounded_time) {
  SeqCell<QuoteRow> cell;
  cell.store(quote_of(1));
  const std::uint64_t odd = 3;  // the version is the cell's first word
  std::memcpy(static_cast<void*>(&cell), &odd, sizeof(odd));
  QuoteRow row = quote_of(9);
  EXPECT_FALSE(cell.try_load(row));
  EXPECT_FALSE(cell.load(row));
  EXPECT_EQ(row.ticks, 9u) << "a refused load leaves the caller's value alone";
}

TEST(SeqCell, readers_beside_the_writer_never_see_a_torn_row) {
  SeqCell<QuoteRow> cell;
  cell.store(quote_of(1));
  std::atomic<bool> done{false};
  std::atomic<std::uint64_t> torn{0}, good{0};
  const auto watch = [&] {
    QuoteRow row{};
    do {
      if (!cell.try_load(row)) continue;
      good.fetch_add(1, std::memory_order_relaxed);
      if (!is_whole(row)) torn.fetch_add(1, std::memory_order_relaxed);
    } while (!done.load(std::memory_order_acquire));  // T2: pairs T1
  };
  {
    const std::jthread first(watch), second(watch);
    std::uint64_t number = 1;
    for (; number <= 2'000'000; ++number) cell.store(quote_of(number));
    // A writer that never rests may leave readers no moment in which a row is whole: it goes on in bursts until some were seen.
    for (int rests = 0; rests < 20'000 && good.load(std::memory_order_relaxed) < 1'000; ++rests) {  // relaxed: a count
      for (const std::uint64_t end = number + 100; number < end; ++number) cell.store(quote_of(number));
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
    done.store(true, std::memory_order_release);  // T1: pairs T2
  }
  EXPECT_EQ(torn.load(), 0u);
  EXPECT_GT(good.load(), 0u);
}

TEST(Table, snapshot_copies_rows_and_counts_unreadable_ones) {
  alignas(64) std::array<std::byte, Table<QuoteRow>::bytes_for(4)> memory{};
  auto* table = Table<QuoteRow>::create(memory.data(), 4);
  for (std::uint64_t row = 0; row < 4; ++row) (*table)[row].store(quote_of(row + 10));
  std::vector<QuoteRow> out(4);
  EXPECT_EQ(table->snapshot(out), 0u);
  EXPECT_EQ(out[3].ticks, 13u);
  const std::uint64_t odd = 1;
  std::memcpy(static_cast<void*>(&(*table)[2]), &odd, sizeof(odd));
  EXPECT_EQ(table->snapshot(out), 1u);
}

TEST(Table, open_refuses_a_row_count_beyond_the_memory) {
  alignas(64) std::array<std::byte, Table<QuoteRow>::bytes_for(4)> memory{};
  Table<QuoteRow>::create(memory.data(), 4);
  EXPECT_NE(Table<QuoteRow>::open(memory.data(), memory.size()), nullptr);
  EXPECT_EQ(Table<QuoteRow>::open(memory.data(), memory.size() - 1), nullptr);
  EXPECT_EQ(Table<QuoteRow>::open(memory.data() + 8, memory.size() - 8), nullptr);
}

TEST(AppendTable, rows_appear_with_their_count_until_it_is_full) {
  alignas(64) std::array<std::byte, AppendTable<CounterRow>::bytes_for(2)> memory{};
  auto* counters = AppendTable<CounterRow>::create(memory.data(), 2);
  EXPECT_EQ(counters->size(), 0u);
  CounterRow* ticks = counters->append("feed.ticks");
  ASSERT_NE(ticks, nullptr);
  ASSERT_NE(counters->append(std::string(100, 'x')), nullptr);
  EXPECT_EQ(counters->append("one too many"), nullptr);
  ticks->add(3);
  ticks->add();
  EXPECT_EQ(counters->size(), 2u);
  EXPECT_EQ((*counters)[0].name(), "feed.ticks");
  EXPECT_EQ((*counters)[0].value(), 4u);
  EXPECT_EQ((*counters)[1].name(), std::string(47, 'x')) << "long names are cut";
}

TEST(AppendTable, a_damaged_count_does_not_lead_readers_beyond_the_rows) {
  alignas(64) std::array<std::byte, AppendTable<CounterRow>::bytes_for(2)> memory{};
  const auto* counters = AppendTable<CounterRow>::create(memory.data(), 2);
  const std::uint64_t damaged = 1'000'000;
  std::memcpy(memory.data(), &damaged, sizeof(damaged));
  EXPECT_EQ(counters->size(), 2u);
}

}  // namespace
}  // namespace thintail::shm
