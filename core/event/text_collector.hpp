// SPDX-License-Identifier: Apache-2.0
// TextCollector: the text that an event's Continuation events carry, for readers that pass over what is damaged.
//   path  warm
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>

#include "core/event/payloads.hpp"

namespace thintail {

// How long a text follows the event; 0: of its type none does.
inline std::size_t text_bytes_of(const Event& event) noexcept {
  switch (event.type) {
    case EventType::config: return event.as<ConfigText>().text_bytes;
    case EventType::instrument: return event.as<InstrumentRow>().name_bytes;
    default: return 0;
  }
}

class TextCollector {
 public:
  explicit TextCollector(std::size_t bytes_max) noexcept : bytes_max_(bytes_max) {}

  // Every event of a stream, in order. A text longer than `bytes_max` is damage, and one that another event interrupts is
  // dropped. True where the event completes a text.
  bool take(const Event& event) {
    if (event.type != EventType::continuation) {
      const std::size_t bytes = event.is_continued() ? text_bytes_of(event) : 0;
      bytes_ = bytes <= bytes_max_ ? bytes : 0;
      if (bytes_ != 0) {
        owner_ = event;
        text_.clear();
      }
      return false;
    }
    if (bytes_ == 0) return false;
    const auto part = event.as<Continuation>().text;
    text_.append(part.data(), std::min(part.size(), bytes_ - text_.size()));
    if (text_.size() < bytes_) return false;
    bytes_ = 0;
    return true;
  }
  void drop() noexcept { bytes_ = 0; }

  // After take() said true, until the next text begins.
  const Event& owner() const noexcept { return owner_; }
  const std::string& text() const noexcept { return text_; }

 private:
  std::size_t bytes_max_;
  Event owner_{};
  std::size_t bytes_ = 0;  // of the open text; 0: none is open
  std::string text_;
};

}  // namespace thintail
