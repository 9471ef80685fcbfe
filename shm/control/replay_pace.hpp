// SPDX-License-Identifier: Apache-2.0
// ReplayPace: how fast a replay is played and whether it rests, said from outside. A small file beside the segment.
//   path       warm: the feed's thread loads one word a tick
//   threads    owner: made by one thread, wanted() on the feed's. Clients: any process of the same user.
//   invariant  what clients write is taken as hostile: a speed out of bounds is no speed. It changes when ticks come, never which or in
//              what order, so no decision hangs on it and nothing of it is journaled.
//   abi        v1: sizes asserted
//
//   <directory>/thintail-<instance>.replay   its first byte is locked by the replay, by the kernel's lock, for as long as it lives
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "shm/segment/mapping.hpp"
#include "shm/segment/segment_file.hpp"

namespace thintail::shm {

inline constexpr std::uint64_t kReplayMagic = 0x3130'5952'4c50'5454;  // "TTPLRY01", little endian

// One word, so that both change at once.
struct PaceWord {
  static constexpr std::uint32_t kThousandthsMin = 100;  // 0.1x
  static constexpr std::uint32_t kThousandthsMax = 100'000'000;  // 100,000x: a day of ticks in a second

  std::uint32_t speed_thousandths = 1'000;
  bool is_paused = false;

  double speed() const noexcept { return speed_thousandths / 1e3; }
  bool is_valid() const noexcept {
    return speed_thousandths >= kThousandthsMin && speed_thousandths <= kThousandthsMax;
  }
  std::uint64_t bits() const noexcept { return std::uint64_t{is_paused} << 32 | speed_thousandths; }
  static PaceWord of(std::uint64_t bits) noexcept { return {static_cast<std::uint32_t>(bits), (bits >> 32 & 1) != 0}; }
};

struct ReplayLayout {
  std::uint64_t magic;
  std::int64_t from_ns;  // the span that is played, UTC
  std::int64_t to_ns;
  std::atomic<std::uint64_t> wanted;  // PaceWord
  std::atomic<std::uint64_t> loops;  // times that it has begun anew
};
static_assert(sizeof(ReplayLayout) == 40 && std::atomic<std::uint64_t>::is_always_lock_free);

// The replay's end.
class ReplayPace {
 public:
  // Fails with shm_held where another replay of that name lives.
  static Result<std::unique_ptr<ReplayPace>> create(std::string_view directory, std::string_view instance,
                                                    PaceWord start, std::int64_t from_ns, std::int64_t to_ns);
  // Takes the file's name away.
  ~ReplayPace();
  ReplayPace(const ReplayPace&) = delete;
  ReplayPace& operator=(const ReplayPace&) = delete;

  std::uint64_t wanted() const noexcept {
    return layout_->wanted.load(std::memory_order_relaxed);  // relaxed: nothing else hangs on it
  }
  void begin_anew() noexcept {
    layout_->loops.store(loops_ += 1, std::memory_order_relaxed);  // relaxed: a figure
  }

 private:
  ReplayPace(std::string path, FileDescriptor file, Mapping mapping) noexcept;

  std::string path_;
  FileDescriptor file_;
  Mapping mapping_;
  ReplayLayout* layout_;
  std::uint64_t loops_ = 0;
};

// The other end: opened, asked, closed.
class ReplayControl {
 public:
  // Fails with shm_not_found where no replay of that name lives.
  static Result<ReplayControl> open(std::string_view directory, std::string_view instance);

  PaceWord wanted() const noexcept {
    return PaceWord::of(layout_->wanted.load(std::memory_order_relaxed));  // relaxed: as ReplayPace's
  }
  std::uint64_t loops() const noexcept {
    return layout_->loops.load(std::memory_order_relaxed);  // relaxed: a figure
  }
  std::int64_t from_ns() const noexcept { return layout_->from_ns; }
  std::int64_t to_ns() const noexcept { return layout_->to_ns; }
  // The change of one member leaves the other as somebody else may have set it meanwhile.
  PaceWord set_paused(bool is_paused) noexcept;
  PaceWord set_speed(std::uint32_t thousandths) noexcept;

 private:
  explicit ReplayControl(Mapping mapping) noexcept;
  template <class Change>
  PaceWord change(Change&& how) noexcept;

  Mapping mapping_;
  ReplayLayout* layout_;
};

}  // namespace thintail::shm
