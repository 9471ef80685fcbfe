// SPDX-License-Identifier: Apache-2.0
// SlotRing: a few large buffers that one thread fills and another empties, so that reading, computing and writing of a file
// go on at once.
//   path       warm: once a buffer
//   threads    one writer, one reader
//   progress   blocking: a side waits for the other, until either closes
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace thintail {

template <class T, std::size_t kSlots>
class SlotRing {
 public:
  // The slot to fill next; null once the reader has closed.
  T* begin_write() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return filled_ < kSlots || closed_by_reader_; });
    return closed_by_reader_ ? nullptr : &slots_[next_write_];
  }
  void end_write() {
    const std::scoped_lock lock(mutex_);
    next_write_ = (next_write_ + 1) % kSlots;
    ++filled_;
    changed_.notify_all();
  }
  // Nothing more will be written.
  void close_write() {
    const std::scoped_lock lock(mutex_);
    closed_by_writer_ = true;
    changed_.notify_all();
  }

  // The slot to empty next; null once the writer has closed and everything is read.
  T* begin_read() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return filled_ > 0 || closed_by_writer_; });
    return filled_ == 0 ? nullptr : &slots_[next_read_];
  }
  void end_read() {
    const std::scoped_lock lock(mutex_);
    next_read_ = (next_read_ + 1) % kSlots;
    --filled_;
    changed_.notify_all();
  }
  // Nothing more will be read: the writer need not go on.
  void close_read() {
    const std::scoped_lock lock(mutex_);
    closed_by_reader_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::array<T, kSlots> slots_{};
  std::size_t next_write_ = 0;
  std::size_t next_read_ = 0;
  std::size_t filled_ = 0;
  bool closed_by_writer_ = false;
  bool closed_by_reader_ = false;
};

}  // namespace thintail
