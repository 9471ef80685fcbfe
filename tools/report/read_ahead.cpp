// SPDX-License-Identifier: Apache-2.0
#include "tools/report/read_ahead.hpp"

namespace thintail {

void ReadAhead::read(FileFeed& feed) {
  struct Closing {  // whatever ends the thread, nobody waits for it
    SlotRing<std::vector<Event>, 4>& ring;
    ~Closing() { ring.close_write(); }
  } const closing{ring_};
  Event event;
  for (bool more = true; more;) {
    std::vector<Event>* const batch = ring_.begin_write();
    if (batch == nullptr) return;
    batch->clear();
    batch->reserve(kBatchEvents);
    while (batch->size() < kBatchEvents && (more = feed.poll(event))) batch->push_back(event);
    ring_.end_write();
  }
}

bool ReadAhead::next_batch() noexcept {
  do {
    if (is_reading_) ring_.end_read();
    const std::vector<Event>* const batch = ring_.begin_read();
    is_reading_ = batch != nullptr;
    if (!is_reading_) return false;
    at_ = batch->data();
    end_ = at_ + batch->size();
  } while (at_ == end_);
  return true;
}

std::optional<Error> ReadAhead::finish() {
  ring_.close_read();
  reader_.join();
  if (!stop_.failed()) return std::nullopt;
  return Error{.code = ErrorCode::internal, .doing = "reading ahead", .found = stop_.failure()};
}

}  // namespace thintail
