// SPDX-License-Identifier: Apache-2.0
#include "shm/stream/stream.hpp"

#include <algorithm>
#include <new>

#include "core/base/assert.hpp"

namespace thintail::shm {

std::string_view Gate::name() const noexcept {
  return {name_.data(), static_cast<std::size_t>(std::ranges::find(name_, '\0') - name_.begin())};
}

Stream* Stream::create(void* memory, std::uint64_t capacity, std::uint64_t first_sequence) noexcept {
  TT_CHECK(is_capacity(capacity), "a capacity that is a power of two and at least 1,024");
  TT_CHECK(first_sequence > 0, "sequences to start above 0, which marks an empty cell");
  TT_CHECK(reinterpret_cast<std::uintptr_t>(memory) % alignof(Stream) == 0, "memory aligned to a line pair");
  return new (memory) Stream(capacity, first_sequence);
}

const Stream* Stream::open(const void* memory, std::size_t size_bytes) noexcept {
  if (reinterpret_cast<std::uintptr_t>(memory) % alignof(Stream) != 0 || size_bytes < sizeof(Stream)) return nullptr;
  const auto* stream = static_cast<const Stream*>(memory);
  if (!is_capacity(stream->capacity_) || stream->first_sequence_ == 0) return nullptr;
  return bytes_for(stream->capacity_) <= size_bytes ? stream : nullptr;
}

Gate* Stream::add_gate(std::string_view name) noexcept {
  for (Gate& gate : gates_) {
    if (gate.is_active()) continue;
    std::ranges::copy(name.substr(0, Gate::kNameBytes - 1), gate.name_.begin());
    gate.set_consumed(head());
    gate.active_.store(1, std::memory_order_release);  // S1: name and cursor before active; pairs S2
    return &gate;
  }
  return nullptr;
}

std::uint64_t Stream::write_limit() const noexcept {
  std::uint64_t limit = kNoLimit;
  for (const Gate& gate : gates_) {
    if (gate.is_active()) limit = std::min(limit, gate.consumed() + capacity_);
  }
  return limit;
}

}  // namespace thintail::shm
