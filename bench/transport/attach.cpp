// SPDX-License-Identifier: Apache-2.0
// attach: CoreView::open on a segment of default size, every check included. Control: opening and mapping the same file
// and looking at nothing.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>

#include "bench/harness/scratch.hpp"
#include "bench/transport/messages.hpp"
#include "bench/transport/suite.hpp"
#include "shm/segment/core_segment.hpp"
#include "shm/stream/observer.hpp"
#include "shm/stream/stream_writer.hpp"

namespace thintail::bench {
namespace {

constexpr std::uint64_t kAttaches = 300;
constexpr const char* kInstance = "bench";
constexpr const char* kControl = "open, fstat, mmap, munmap";

using Clock = std::chrono::steady_clock;

double us_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

// Whether the file could be mapped and unmapped.
bool map_once(const std::string& path) noexcept {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) return false;
  struct stat status{};
  bool mapped = ::fstat(file, &status) == 0;
  if (mapped) {
    const auto size_bytes = static_cast<std::size_t>(status.st_size);
    void* pages = ::mmap(nullptr, size_bytes, PROT_READ, MAP_SHARED, file, 0);
    mapped = pages != MAP_FAILED && ::munmap(pages, size_bytes) == 0;
  }
  ::close(file);
  return mapped;
}

}  // namespace

Result<std::vector<CaseResult>> attach(const Options& options) {
  TT_TRY(const Scratch scratch, Scratch::create("/dev/shm"));
  const std::string directory = scratch.path().string();
  shm::CoreSegmentOptions segment;
  segment.core.instance = kInstance;
  segment.core.lock_memory = false;  // attaching does not depend on it, and limits of the machine may forbid it
  segment.shm.directory = directory;
  segment.build_id = "bench";
  TT_TRY(shm::WriterLock lock, shm::WriterLock::acquire(directory, kInstance));
  TT_TRY(shm::CoreSegment core, shm::CoreSegment::create(segment, std::move(lock)));
  shm::StreamWriter writer(*core->events);
  Event message = message_of(1);
  writer.append(message);
  TT_TRY_VOID(core.publish());
  const std::string path = scratch.file(fmt::format("thintail-{}", kInstance));
  const std::uint64_t attaches = options.iterations_or(kAttaches);
  std::vector<double> ours_us;
  std::vector<double> control_us;
  std::uint64_t read = 0;
  std::uint64_t mapped = 0;
  for (std::uint64_t i = 0; i < attaches; ++i) {
    {
      const auto begin = Clock::now();
      TT_TRY(const shm::CoreView view, shm::CoreView::open(directory, kInstance));
      ours_us.push_back(us_since(begin));
      auto observer = shm::Observer::from_oldest(*view->events);
      Event event{};
      read += observer.next(event) == shm::Observed::event && same_message(event, message);
    }
    if (options.ours_alone) continue;
    const auto begin = Clock::now();
    mapped += map_once(path);
    control_us.push_back(us_since(begin));
  }
  if (options.mutant) --read;
  CaseResult result{.name = "attach",
                    .unit = "us",
                    .ours = stats_of(ours_us),
                    .target = "< 1000",
                    .note = fmt::format("{} MiB in /dev/shm; header, directory and every part checked",
                                        shm::core_segment_bytes(segment.core, segment.shm) >> 20)};
  if (options.ours_alone) {
    result.add_left_out(kControl);
  } else {
    TT_TRY(std::string checked,
           all_equal(std::min(read, mapped), attaches, "attached segments whose first event could be read"));
    result.add_peer(kControl, stats_of(control_us), std::move(checked));
  }
  return std::vector<CaseResult>{std::move(result)};
}

}  // namespace thintail::bench
