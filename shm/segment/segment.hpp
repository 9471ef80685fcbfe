// SPDX-License-Identifier: Apache-2.0
// Segment, SegmentView: one file of shared memory with named regions, as its writer and as everybody else has it.
//   path       cold; the regions are hot, and reached by plain pointers taken once
//   threads    made, published and destroyed by one thread; heartbeat() and state() from any
//   invariant  a segment appears under its name complete or not at all. Its space is reserved before it is mapped, so
//              no later touch can meet a full file system. A new writer makes a new file: it never changes an old one
//              but to mark it retired.
//   abi        v1: SegmentHeader, then the regions at the offsets it names.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "shm/segment/mapping.hpp"
#include "shm/segment/segment_file.hpp"
#include "shm/segment/segment_header.hpp"
#include "shm/segment/writer_lock.hpp"

namespace thintail::shm {

struct RegionSpec {
  std::string_view name;
  ElementType type = ElementType::none;
  std::uint32_t element_bytes = 0;
  std::uint64_t element_count = 0;
  std::uint64_t size_bytes = 0;  // headers of the region's own included
};

struct SegmentOptions {
  std::uint32_t epoch = 1;
  std::uint64_t layout_hash = 0;
  std::string build_id;
  bool huge_pages = false;
  bool lock_memory = true;
  int numa_node = -1;  // -1: wherever the system puts it
  // Mapping a page costs time before the first tick; the rest waits for prefault_rest() on a cold thread.
  std::size_t prefault_bytes_max = std::size_t{96} << 20;
};

class Segment {
 public:
  // Builds a segment under its temporary name: reserved, mapped, bound, present, zeroed, its header filled but for
  // the state. The caller lays out the regions, then publishes.
  static Result<Segment> create(const SegmentOptions& options, std::span<const RegionSpec> regions, WriterLock lock);

  Segment(Segment&&) noexcept;
  Segment& operator=(Segment&&) = delete;
  // Removes a segment that was never published; a published one stays, for its readers and for the next start.
  ~Segment();

  // The ready stamp, then the name, then the old segment's retirement.
  Result<void> publish();
  // Stamps `stopped`: everything was done, nothing is missing.
  void mark_stopped() noexcept;
  // Takes the name away, for runs whose segment nobody will want afterwards. Whoever has it mapped keeps it.
  void remove() noexcept;
  void heartbeat(std::int64_t now_ns) noexcept {
    header().heartbeat_ns.store(now_ns, std::memory_order_relaxed);  // relaxed: a time, which orders nothing
  }

  // The bytes of a region. REQUIRES: it was among those given to create().
  std::span<std::byte> region(std::string_view name) noexcept;
  SegmentHeader& header() noexcept { return *reinterpret_cast<SegmentHeader*>(mapping_.data()); }

  // Whether the name still leads to this segment: false once somebody removed or replaced it.
  bool is_current() const noexcept;
  // Makes present what prefault_bytes_max left out. Safe beside the writer.
  Result<void> prefault_rest();
  // What could not be done as asked, in words for the log: refused locks, absent huge pages.
  const std::vector<std::string>& notes() const noexcept { return notes_; }
  const std::string& path() const noexcept { return paths_.segment; }

 private:
  Segment(SegmentPaths paths, FileDescriptor file, Mapping mapping, WriterLock lock) noexcept;
  void fill_header(const SegmentOptions& options, std::span<const RegionSpec> regions, std::size_t page_bytes);
  Result<void> make_present(const SegmentOptions& options);

  SegmentPaths paths_;
  FileDescriptor file_;
  Mapping mapping_;
  WriterLock lock_;
  std::size_t present_bytes_ = 0;
  bool owns_building_ = true;
  std::vector<std::string> notes_;
};

struct OpenOptions {
  std::string directory = "/dev/shm";
  std::string instance = "default";
  std::uint64_t layout_hash = 0;
  std::optional<uid_t> owner;  // the daemon's user, where it is not ours and not root
};

class SegmentView {
 public:
  // Maps the segment in force read-only, after checking whose it is and that we read its layout.
  static Result<SegmentView> open(const OpenOptions& options);
  // The segment that the last writer left, whatever state it is in, for taking over what it published; nothing where
  // there is none, or where it is from before the last boot and may be in pieces.
  // REQUIRES: called by the next writer, which holds `lock`, before it publishes its own.
  static Result<std::optional<SegmentView>> open_previous(const WriterLock& lock, std::uint64_t layout_hash);

  // A region's bytes, or shm_layout_mismatch where there is none of that name, type and element size inside the file.
  Result<std::span<const std::byte>> region(std::string_view name, ElementType type, std::uint32_t element_bytes) const;

  const SegmentHeader& header() const noexcept { return *reinterpret_cast<const SegmentHeader*>(mapping_.data()); }
  SegmentState state() const noexcept {
    return header().state.load(std::memory_order_acquire);  // B2: ready => all regions are laid out; pairs B1
  }
  std::int64_t heartbeat_ns() const noexcept {
    return header().heartbeat_ns.load(std::memory_order_relaxed);  // relaxed: a time, which orders nothing
  }

  // Whether the name still leads to this segment and it is in force. Ask every 100 ms; once false, open again.
  bool is_current() const noexcept;
  // Whether a writer holds the instance's lock. It may be the writer of a newer segment: ask is_current() too.
  bool writer_is_alive() const noexcept;
  const std::string& path() const noexcept { return path_; }

 private:
  SegmentView(OpenOptions options, std::string path, FileDescriptor file, Mapping mapping) noexcept;
  static Result<SegmentView> open_any_state(const OpenOptions& options);

  OpenOptions options_;
  std::string path_;
  FileDescriptor file_;
  Mapping mapping_;
};

}  // namespace thintail::shm
