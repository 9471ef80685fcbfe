// SPDX-License-Identifier: Apache-2.0
// StreamQueue: what waits to go out to one client of a WebSocket or event stream, within a cap of bytes.
//   path       warm
//   threads    send() and its like from any; take() and written() on the io thread
//   progress   one short lock. The io thread is woken once for however many messages come before it looks
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "adapters/http/route.hpp"

namespace thintail::http {

class StreamQueue {
 public:
  // `wake` is called under the lock, from any thread, and must only post.
  StreamQueue(std::size_t bytes_max, std::function<void()> wake) : bytes_max_(bytes_max), wake_(std::move(wake)) {}

  // `head` goes before the message and counts too. Full where less than `keep_free` bytes would be left of the cap.
  Sent send(std::string head, std::shared_ptr<const std::string> message, std::size_t keep_free = 0);
  // The last thing sent. `drops_waiting`: what still waits is given up for it.
  void end(std::string last, bool drops_waiting);
  std::size_t queued_bytes() const noexcept;
  std::size_t bytes_max() const noexcept { return bytes_max_; }

  // Moves up to about `bytes` to `out`; nothing was there: the next send() wakes again.
  bool take(std::string& out, std::size_t bytes);
  // True where a client that was full has room again.
  bool written(std::size_t bytes);
  bool is_ended() const noexcept;   // end() has been called
  bool is_drained() const noexcept; // and all of it has been taken
  // Nobody reads any more.
  void close() noexcept;

 private:
  struct Item {
    std::string head;
    std::shared_ptr<const std::string> message;  // may be null

    std::size_t size_bytes() const noexcept { return head.size() + (message ? message->size() : 0); }
  };

  void wake();

  const std::size_t bytes_max_;
  std::function<void()> wake_;
  mutable std::mutex mutex_;
  std::deque<Item> items_;
  std::size_t bytes_ = 0;  // waiting, with what each takes beside; and taken but not yet written
  bool is_awake_ = false;
  bool was_full_ = false;
  bool is_ended_ = false;
  bool is_closed_ = false;
};

}  // namespace thintail::http
