// SPDX-License-Identifier: Apache-2.0
#include "tools/abi/sample.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "core/event/payloads.hpp"
#include "shm/segment/core_segment.hpp"
#include "shm/stream/stream_writer.hpp"

namespace thintail::abi {
namespace {

// Gone with everything in it when the sample has been taken.
class ScratchFolder {
 public:
  static Result<ScratchFolder> make() {
    std::error_code none;
    std::string path = (std::filesystem::temp_directory_path(none) / "thintail-abi-XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) {
      return fail({.code = ErrorCode::system_call,
                   .doing = "making a folder for a sample segment",
                   .file = path,
                   .found = std::strerror(errno)});
    }
    return ScratchFolder(std::move(path));
  }
  ScratchFolder(ScratchFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const noexcept { return path_; }

 private:
  explicit ScratchFolder(std::string path) noexcept : path_(std::move(path)) {}
  std::string path_;
};

// Gold at 2,345.67 / 2,345.89, one second into 2026-01-02 00:00 UTC.
Event sample_event() {
  constexpr std::int64_t kTimeNs = 1'767'312'001'000'000'000;
  return Event::make(kTimeNs, 0,
                     Tick{.bid_e9 = 2'345'670'000'000,
                          .ask_e9 = 2'345'890'000'000,
                          .bid_size = 1.5f,
                          .ask_size = 2.0f,
                          .venue_ns = kTimeNs - 250'000,
                          .source_sequence = 7},
                     kFlagSimulated);
}

}  // namespace

Result<Sample> take_sample() {
  TT_TRY(const ScratchFolder folder, ScratchFolder::make());
  TT_TRY(shm::WriterLock lock, shm::WriterLock::acquire(folder.path(), "abi"));
  shm::CoreSegmentOptions options;
  options.core.instruments_max = 1;
  options.core.lock_memory = false;
  options.shm.directory = folder.path();
  options.shm.events_slots = shm::Stream::kCapacityMin;
  options.shm.ticks_slots = shm::Stream::kCapacityMin;
  options.first_event_sequence = shm::Stream::kCapacityMin;  // so that it lies in the first cell
  TT_TRY(shm::CoreSegment core, shm::CoreSegment::create(options, std::move(lock)));

  Sample sample;
  const shm::SegmentHeader& header = core.segment().header();
  sample.layout_hash = header.layout_hash;
  for (const shm::Region& region : std::span(header.regions).first(header.region_count)) {
    sample.regions.push_back(
        {std::string(region.name.view()), static_cast<std::uint32_t>(region.type), region.element_bytes});
  }
  Event event = sample_event();
  shm::StreamWriter(*core->events).append(event);
  std::memcpy(sample.cell.data(), core->events->cells(), sample.cell.size());
  return sample;
}

}  // namespace thintail::abi
