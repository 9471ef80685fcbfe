// SPDX-License-Identifier: Apache-2.0
// Event: one cache line that says what happened; the same bytes in ring, journal, replay and monitor.
//   path       hot
//   invariant  64 bytes, trivially copyable, no padding: equal events are equal bytes, so a file of them can be
//              hashed and compared literally.
//   abi        v1. Type and enum values are never reused; payloads only ever use up named reserved bytes.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "core/base/attributes.hpp"
#include "core/event/payload_words.hpp"

namespace thintail {

enum class EventType : std::uint16_t {
  none = 0,
  tick = 1,
  trade = 2,
  book = 3,
  bar = 4,
  prediction = 5,
  regime = 6,
  signal = 7,
  intent = 8,
  reject = 9,
  report = 10,
  fill = 11,
  position = 12,
  command = 13,
  model = 14,
  instrument = 15,
  config = 16,
  session = 17,
  timer = 18,
  gap = 19,
  continuation = 20,
};
inline constexpr std::size_t kEventTypeCount = 21;

// Bits of Event::flags. Bits 8..15 hold the source (which feed or venue connection).
enum EventFlag : std::uint16_t {
  kFlagSnapshot = 1u << 0,
  kFlagStale = 1u << 1,
  kFlagSimulated = 1u << 2,
  kFlagOutput = 1u << 3,     // decided by the engine; absent = input, which replay feeds back
  kFlagContinued = 1u << 4,  // Continuation events follow before anything else
  kFlagMore = 1u << 5,       // of a Book: more levels of the same update follow (struct Book)
};
inline constexpr unsigned kSourceShift = 8;

inline constexpr std::size_t kPayloadBytes = 40;
inline constexpr std::uint32_t kNoInstrument = 0xffff'ffff;  // events that concern no single instrument

// A payload: one struct per EventType, 40 bytes, every reserved byte named and zeroed.
template <class P>
concept EventPayload = std::is_trivially_copyable_v<P> && std::is_standard_layout_v<P> && sizeof(P) == kPayloadBytes &&
                       alignof(P) <= 8 && requires {
                         { P::kType } -> std::convertible_to<EventType>;
                       };

struct alignas(kCacheLineBytes) Event {
  std::uint64_t sequence;    // position in its stream, from 1; 0 = not yet appended
  std::int64_t time_ns;      // engine time, UTC ns since 1970; an output carries its cause's time
  std::uint32_t instrument;  // dense index, or kNoInstrument
  EventType type;
  std::uint16_t flags;
  std::array<std::byte, kPayloadBytes> payload;

  // Put together word by word: see payload_words.hpp.
  template <EventPayload P>
  TT_HOT static Event make(std::int64_t time_ns, std::uint32_t instrument, const P& payload,
                           unsigned flags = 0) noexcept {
    Event event;
    auto* words = reinterpret_cast<EventWord*>(&event);
    words[0] = 0;
    words[1] = static_cast<std::uint64_t>(time_ns);
    words[2] = instrument | static_cast<std::uint64_t>(P::kType) << 32 |
               static_cast<std::uint64_t>(static_cast<std::uint16_t>(flags)) << 48;
    detail::store_as_words(words + 3, payload);
    return event;
  }

  // REQUIRES: type == P::kType.
  template <EventPayload P>
  TT_HOT P as() const noexcept {
    return std::bit_cast<P>(payload);
  }

  bool is_output() const noexcept { return (flags & kFlagOutput) != 0; }
  bool is_continued() const noexcept { return (flags & kFlagContinued) != 0; }
};

static_assert(sizeof(Event) == 64 && alignof(Event) == 64);
static_assert(std::is_trivially_copyable_v<Event> && std::is_standard_layout_v<Event>);
static_assert(std::has_unique_object_representations_v<Event>, "no padding: equal events are equal bytes");
static_assert(offsetof(Event, sequence) == 0 && offsetof(Event, time_ns) == 8 && offsetof(Event, instrument) == 16);
static_assert(offsetof(Event, type) == 20 && offsetof(Event, flags) == 22 && offsetof(Event, payload) == 24);

// Where inputs come from: fills `out` and returns true, or returns false when nothing is ready now.
template <class S>
concept EventSource = requires(S& source, Event& out) {
  { source.poll(out) } noexcept -> std::same_as<bool>;
};

// Where events go: stamps the stream's next sequence into `event`, appends it, returns that sequence.
template <class S>
concept EventSink = requires(S& sink, Event& event) {
  { sink.append(event) } noexcept -> std::same_as<std::uint64_t>;
};

}  // namespace thintail
