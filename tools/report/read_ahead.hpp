// SPDX-License-Identifier: Apache-2.0
// ReadAhead: the events of a file feed, read and parsed by a thread of its own ahead of who polls them. An EventSource.
//   path       warm
//   threads    poll() by one thread; the feed belongs to the reading thread until this is destroyed
//   invariant  the same events in the same order as the feed's own
#pragma once

#include <optional>
#include <vector>

#include "adapters/feeds/file_feed.hpp"
#include "core/thread/worker.hpp"
#include "tools/report/slot_ring.hpp"

namespace thintail {

class ReadAhead {
 public:
  // `feed` must outlive this.
  explicit ReadAhead(FileFeed& feed)
      : reader_({.name = "tt-read-ahead"}, stop_, [this, &feed](Waiter&) { read(feed); }) {}
  ~ReadAhead() { ring_.close_read(); }
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  bool poll(Event& out) noexcept {
    if (at_ == end_ && !next_batch()) return false;
    out = *at_++;
    return true;
  }
  // Ends reading; the feed may then be asked for its error and its counts. Why reading ended early other than by the feed's
  // own error.
  std::optional<Error> finish();

 private:
  static constexpr std::size_t kBatchEvents = 4096;  // 256 KiB: in the second-level cache on both sides

  void read(FileFeed& feed);
  bool next_batch() noexcept;

  SlotRing<std::vector<Event>, 4> ring_;
  const Event* at_ = nullptr;
  const Event* end_ = nullptr;
  bool is_reading_ = false;  // a slot is taken
  StopFlag stop_;
  Worker reader_;  // last: it ends before what it uses
};

}  // namespace thintail
