// SPDX-License-Identifier: Apache-2.0
#include "adapters/http/stream_queue.hpp"

#include <algorithm>
#include <utility>

namespace thintail::http {
namespace {

// What a waiting message takes beside its bytes: so that thousands of small ones do not pass the cap by far.
constexpr std::size_t kItemBytes = 128;

}  // namespace

Sent StreamQueue::send(std::string head, std::shared_ptr<const std::string> message, std::size_t keep_free) {
  const std::size_t size = head.size() + message->size() + kItemBytes;
  const std::scoped_lock lock(mutex_);
  if (is_closed_ || is_ended_) return Sent::closed;
  // One message may be larger than the cap where nothing else waits, or it could never be sent.
  if (bytes_ > 0 && bytes_ + size + keep_free > bytes_max_) {
    was_full_ = true;
    return Sent::full;
  }
  bytes_ += size;
  items_.push_back({std::move(head), std::move(message)});
  wake();
  return Sent::queued;
}

void StreamQueue::end(std::string last, bool drops_waiting) {
  const std::scoped_lock lock(mutex_);
  if (is_closed_ || is_ended_) return;
  if (drops_waiting) {
    for (const Item& item : items_) bytes_ -= item.size_bytes() + kItemBytes;
    items_.clear();
  }
  is_ended_ = true;
  bytes_ += last.size() + kItemBytes;
  items_.push_back({std::move(last), nullptr});
  wake();
}

void StreamQueue::wake() {
  if (!std::exchange(is_awake_, true)) wake_();
}

std::size_t StreamQueue::queued_bytes() const noexcept {
  const std::scoped_lock lock(mutex_);
  return bytes_;
}

bool StreamQueue::take(std::string& out, std::size_t bytes) {
  const std::scoped_lock lock(mutex_);
  is_awake_ = !items_.empty();
  if (items_.empty()) return false;
  std::size_t count = 1;
  std::size_t size = items_.front().size_bytes();
  while (count < items_.size() && size + items_[count].size_bytes() <= bytes) size += items_[count++].size_bytes();
  out.reserve(out.size() + size);
  for (; count > 0; --count) {
    const Item& item = items_.front();
    out += item.head;
    if (item.message) out += *item.message;
    items_.pop_front();
    bytes_ -= kItemBytes;
  }
  return true;
}

bool StreamQueue::written(std::size_t bytes) {
  const std::scoped_lock lock(mutex_);
  bytes_ -= std::min(bytes, bytes_);
  if (!was_full_ || is_ended_ || bytes_ > bytes_max_ / 2) return false;
  was_full_ = false;
  return true;
}

bool StreamQueue::is_ended() const noexcept {
  const std::scoped_lock lock(mutex_);
  return is_ended_;
}

bool StreamQueue::is_drained() const noexcept {
  const std::scoped_lock lock(mutex_);
  return is_ended_ && items_.empty();
}

void StreamQueue::close() noexcept {
  const std::scoped_lock lock(mutex_);
  is_closed_ = true;
  items_.clear();
  bytes_ = 0;
}

}  // namespace thintail::http
