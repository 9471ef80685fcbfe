// SPDX-License-Identifier: Apache-2.0
#include "shm/segment/segment.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <new>
#include <utility>

#include "core/base/assert.hpp"
#include "core/thread/memory.hpp"
#include "core/thread/numa.hpp"
#include "shm/segment/process_identity.hpp"

namespace thintail::shm {
namespace {

constexpr std::size_t round_up(std::size_t value, std::size_t step) noexcept {
  return (value + step - 1) / step * step;
}

// The regions start on line pairs, not on pages: page-aligned ones would all put their busiest line into the same set
// of the first-level cache.
constexpr std::size_t kRegionAlignment = kCacheLinePairBytes;

std::size_t bytes_for(std::span<const RegionSpec> regions) noexcept {
  std::size_t size = sizeof(SegmentHeader);
  for (const RegionSpec& region : regions) size = round_up(size, kRegionAlignment) + region.size_bytes;
  return size;
}

// A file on hugetlbfs can only grow by whole huge pages; elsewhere the system's page is what counts.
std::size_t page_bytes_of(int descriptor) noexcept {
  struct statfs status{};
  if (fstatfs(descriptor, &status) == 0 && status.f_type == HUGETLBFS_MAGIC) {
    return static_cast<std::size_t>(status.f_bsize);
  }
  return static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

Result<FileDescriptor> create_building(const SegmentPaths& paths) {
  // We hold the writer lock, so a building file is what a writer left that died: nobody has it mapped for writing.
  if (::unlink(paths.building.c_str()) != 0 && errno != ENOENT) {
    return fail(file_error(ErrorCode::shm_hostile, "removing what stands in a new segment's place", paths.building));
  }
  const int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  FileDescriptor file(::open(paths.building.c_str(), flags, kFileMode));
  if (!file) {
    const auto code = errno == EEXIST ? ErrorCode::shm_hostile : ErrorCode::shm_system;
    return fail(file_error(code, "creating a segment", paths.building));
  }
  return file;
}

// Reserves every page now. Without it the first touch of a page that a full tmpfs cannot give is SIGBUS.
Result<void> reserve(int descriptor, const std::string& path, std::size_t size_bytes) {
  struct statvfs room{};
  const bool known = fstatvfs(descriptor, &room) == 0;
  int error = EINTR;
  while (error == EINTR) error = posix_fallocate(descriptor, 0, static_cast<off_t>(size_bytes));
  if (error == 0) return {};
  const bool full = error == ENOSPC || error == EFBIG || error == EDQUOT || error == ENOMEM;
  const std::string available =
      known ? fmt::format("{} bytes available", static_cast<std::uint64_t>(room.f_bavail) * room.f_frsize) : "";
  return fail({.code = full ? ErrorCode::shm_too_small : ErrorCode::shm_system,
               .doing = "reserving a segment",
               .file = path,
               .expected = fmt::format("{} bytes", size_bytes),
               .found = full && known ? available : errno_text(error)});
}

bool names_same_file(const std::string& path, int descriptor) noexcept {
  struct stat named{}, open{};
  return lstat(path.c_str(), &named) == 0 && fstat(descriptor, &open) == 0 && named.st_dev == open.st_dev &&
         named.st_ino == open.st_ino;
}

// The header of a segment of any version, whose magic and state keep their places; nothing where it is no segment.
std::optional<Mapping> map_any_header(int descriptor, Access access) {
  struct stat status{};
  if (fstat(descriptor, &status) != 0 || std::cmp_less(status.st_size, sizeof(SegmentHeader))) return {};
  auto mapping = Mapping::map(descriptor, sizeof(SegmentHeader), access);
  if (!mapping || reinterpret_cast<const SegmentHeader*>(mapping->data())->magic != kSegmentMagic) return {};
  return *std::move(mapping);
}

// The one thing that a successor writes to an old segment.
void retire(const FileDescriptor& old) {
  const auto mapping = map_any_header(old.get(), Access::read_write);
  if (!mapping) return;
  auto* header = reinterpret_cast<SegmentHeader*>(mapping->data());
  header->state.store(SegmentState::retired, std::memory_order_release);  // B1: the new name came first; pairs B2
}

bool was_stopped_in_order(const std::string& path) {
  const auto file = open_checked(path, false);
  if (!file) return false;
  const auto mapping = map_any_header(file->get(), Access::read_only);
  if (!mapping) return false;
  const auto* header = reinterpret_cast<const SegmentHeader*>(mapping->data());
  return header->state.load(std::memory_order_acquire) == SegmentState::stopped;  // B2: pairs B1
}

std::unexpected<Error> layout_mismatch(const std::string& path, std::string field, std::string expected,
                                       std::string found) {
  return fail({.code = ErrorCode::shm_layout_mismatch,
               .doing = "attaching to a segment",
               .file = path,
               .field = std::move(field),
               .expected = std::move(expected),
               .found = std::move(found)});
}

Result<void> check_header(const SegmentHeader& header, std::size_t file_bytes, const std::string& path,
                          std::uint64_t layout_hash) {
  if (header.magic != kSegmentMagic) {
    return layout_mismatch(path, "magic", fmt::format("{:016x}", kSegmentMagic), fmt::format("{:016x}", header.magic));
  }
  // A newer minor version only appends, which is no part of the hash: what both know lies where we look for it.
  if (header.major != kSegmentMajor || header.layout_hash != layout_hash ||
      header.header_bytes != sizeof(SegmentHeader)) {
    return layout_mismatch(path, "layout",
                           fmt::format("version {}.{} hash {:016x}", kSegmentMajor, kSegmentMinor, layout_hash),
                           fmt::format("version {}.{} hash {:016x} of build {}", header.major, header.minor,
                                       header.layout_hash, printable(header.build_id.view())));
  }
  if (header.segment_bytes != file_bytes) {
    return layout_mismatch(path, "segment_bytes", fmt::format("{}", file_bytes),
                           fmt::format("{}", header.segment_bytes));
  }
  if (header.region_count > SegmentHeader::kRegionsMax) {
    return layout_mismatch(path, "region_count", fmt::format("<= {}", SegmentHeader::kRegionsMax),
                           fmt::format("{}", header.region_count));
  }
  for (const Region& region : std::span(header.regions).first(header.region_count)) {
    if (region.offset_bytes % kRegionAlignment == 0 && region.offset_bytes >= sizeof(SegmentHeader) &&
        region.offset_bytes <= file_bytes && region.size_bytes <= file_bytes - region.offset_bytes) {
      continue;
    }
    return layout_mismatch(path, fmt::format("region {}", printable(region.name.view())), "a place inside the segment",
                           fmt::format("{} bytes at {}", region.size_bytes, region.offset_bytes));
  }
  return {};
}

}  // namespace

// --- the writer's side ---

Segment::Segment(SegmentPaths paths, FileDescriptor file, Mapping mapping, WriterLock lock) noexcept
    : paths_(std::move(paths)), file_(std::move(file)), mapping_(std::move(mapping)), lock_(std::move(lock)) {}

Segment::Segment(Segment&& other) noexcept
    : paths_(std::move(other.paths_)),
      file_(std::move(other.file_)),
      mapping_(std::move(other.mapping_)),
      lock_(std::move(other.lock_)),
      present_bytes_(other.present_bytes_),
      owns_building_(std::exchange(other.owns_building_, false)),
      notes_(std::move(other.notes_)) {}

Segment::~Segment() {
  if (owns_building_) ::unlink(paths_.building.c_str());
}

Result<Segment> Segment::create(const SegmentOptions& options, std::span<const RegionSpec> regions, WriterLock lock) {
  TT_CHECK(regions.size() <= SegmentHeader::kRegionsMax, "no more regions than the directory holds");
  TT_TRY(SegmentPaths paths, segment_paths(lock.directory(), lock.instance()));
  TT_TRY(FileDescriptor file, create_building(paths));
  const std::size_t page_bytes = page_bytes_of(file.get());
  const std::size_t size_bytes = round_up(bytes_for(regions), page_bytes);
  const auto reserved = reserve(file.get(), paths.segment, size_bytes);
  auto mapped = reserved ? Mapping::map(file.get(), size_bytes, Access::read_write) : fail(reserved.error());
  if (!mapped) {
    ::unlink(paths.building.c_str());
    return fail(std::move(mapped).error());
  }
  Segment segment(std::move(paths), std::move(file), *std::move(mapped), std::move(lock));
  TT_TRY_VOID(segment.make_present(options));
  segment.fill_header(options, regions, page_bytes);
  return segment;
}

Result<void> Segment::make_present(const SegmentOptions& options) {
  std::byte* data = mapping_.data();
  const std::size_t size_bytes = mapping_.size_bytes();
  const auto note = [this](const Result<void>& done) {
    if (!done) notes_.push_back(done.error().message());
  };
  // Where pages come from is settled before the first one is touched.
  if (options.huge_pages) note(advise_huge_pages(data, size_bytes));
  if (options.numa_node >= 0) note(bind_to_node(data, size_bytes, options.numa_node));
  if (options.lock_memory) note(thintail::lock_memory(data, size_bytes));
  present_bytes_ = std::min(size_bytes, options.prefault_bytes_max);
  return prefault(data, present_bytes_);
}

Result<void> Segment::prefault_rest() {
  const std::size_t from = present_bytes_ / header().page_bytes * header().page_bytes;
  return prefault(mapping_.data() + from, mapping_.size_bytes() - from);
}

void Segment::fill_header(const SegmentOptions& options, std::span<const RegionSpec> regions, std::size_t page_bytes) {
  const ProcessIdentity self = this_process();
  auto* header = new (mapping_.data()) SegmentHeader{};
  header->magic = kSegmentMagic;
  header->major = kSegmentMajor;
  header->minor = kSegmentMinor;
  header->header_bytes = sizeof(SegmentHeader);
  header->epoch = options.epoch;
  header->layout_hash = options.layout_hash;
  header->segment_bytes = mapping_.size_bytes();
  header->page_bytes = static_cast<std::uint32_t>(page_bytes);
  header->region_count = static_cast<std::uint32_t>(regions.size());
  header->writer_pid = self.pid;
  header->writer_start_ticks = self.start_ticks;
  header->boot_id = Text<48>::of(self.boot_id);
  header->build_id = Text<80>::of(options.build_id);
  std::size_t end = sizeof(SegmentHeader);
  for (std::size_t i = 0; i < regions.size(); ++i) {
    const std::size_t offset = round_up(end, kRegionAlignment);
    header->regions[i] = {.name = Text<32>::of(regions[i].name),
                          .type = regions[i].type,
                          .element_bytes = regions[i].element_bytes,
                          .element_count = regions[i].element_count,
                          .offset_bytes = offset,
                          .size_bytes = regions[i].size_bytes};
    end = offset + regions[i].size_bytes;
  }
}

Result<void> Segment::publish() {
  auto old = open_checked(paths_.segment, true);
  if (!old && old.error().code != ErrorCode::shm_not_found) return fail(std::move(old).error());
  header().state.store(SegmentState::ready, std::memory_order_release);  // B1: regions before ready; pairs B2
  if (std::rename(paths_.building.c_str(), paths_.segment.c_str()) != 0) {
    return fail(file_error(ErrorCode::shm_system, "giving a segment its name", paths_.segment));
  }
  owns_building_ = false;
  if (old) retire(*old);
  return {};
}

void Segment::mark_stopped() noexcept {
  header().state.store(SegmentState::stopped, std::memory_order_release);  // B1: the last events came before; pairs B2
}

void Segment::remove() noexcept {
  if (is_current()) ::unlink(paths_.segment.c_str());
}

std::span<std::byte> Segment::region(std::string_view name) noexcept {
  for (const Region& region : std::span(header().regions).first(header().region_count)) {
    if (region.name.view() == name) return {mapping_.data() + region.offset_bytes, region.size_bytes};
  }
  TT_CHECK(false, "a region that was given to create()");
  return {};
}

bool Segment::is_current() const noexcept { return names_same_file(paths_.segment, file_.get()); }

// --- everybody else's ---

SegmentView::SegmentView(OpenOptions options, std::string path, FileDescriptor file, Mapping mapping) noexcept
    : options_(std::move(options)), path_(std::move(path)), file_(std::move(file)), mapping_(std::move(mapping)) {}

Result<SegmentView> SegmentView::open_any_state(const OpenOptions& options) {
  TT_TRY(SegmentPaths paths, segment_paths(options.directory, options.instance));
  TT_TRY(FileDescriptor file, open_checked(paths.segment, false, options.owner));
  struct stat status{};
  if (fstat(file.get(), &status) != 0) {
    return fail(file_error(ErrorCode::shm_system, "looking at a segment", paths.segment));
  }
  if (std::cmp_less(status.st_size, sizeof(SegmentHeader))) {
    return layout_mismatch(paths.segment, "size", fmt::format("at least {} bytes", sizeof(SegmentHeader)),
                           fmt::format("{}", status.st_size));
  }
  const auto size_bytes = static_cast<std::size_t>(status.st_size);
  TT_TRY(Mapping mapping, Mapping::map(file.get(), size_bytes, Access::read_only));
  SegmentView view(options, std::move(paths.segment), std::move(file), std::move(mapping));
  TT_TRY_VOID(check_header(view.header(), size_bytes, view.path_, options.layout_hash));
  return view;
}

Result<SegmentView> SegmentView::open(const OpenOptions& options) {
  TT_TRY(SegmentView view, open_any_state(options));
  if (view.state() != SegmentState::building) return view;
  return fail({.code = ErrorCode::shm_not_found,
               .doing = "attaching to a segment",
               .file = view.path_,
               .expected = "a segment that is ready",
               .found = "one that is still being built"});
}

Result<std::optional<SegmentView>> SegmentView::open_previous(const WriterLock& lock, std::uint64_t layout_hash) {
  auto view = open_any_state(
      {.directory = lock.directory(), .instance = lock.instance(), .layout_hash = layout_hash, .owner = {}});
  if (!view) {
    if (view.error().code == ErrorCode::shm_not_found) return std::optional<SegmentView>();
    // Another build's segment cannot be read, which matters only where something may be left in it.
    TT_TRY(const SegmentPaths paths, segment_paths(lock.directory(), lock.instance()));
    if (view.error().code == ErrorCode::shm_layout_mismatch && was_stopped_in_order(paths.segment)) {
      return std::optional<SegmentView>();
    }
    return fail(std::move(view).error());
  }
  if (view->header().boot_id.view() != this_process().boot_id) return std::optional<SegmentView>();
  return std::optional<SegmentView>(*std::move(view));
}

Result<std::span<const std::byte>> SegmentView::region(std::string_view name, ElementType type,
                                                       std::uint32_t element_bytes) const {
  for (const Region& region : std::span(header().regions).first(header().region_count)) {
    if (region.name.view() != name) continue;
    if (region.type != type || region.element_bytes != element_bytes) {
      return layout_mismatch(
          path_, fmt::format("region {}", name),
          fmt::format("type {} of {} bytes", static_cast<unsigned>(type), element_bytes),
          fmt::format("type {} of {} bytes", static_cast<unsigned>(region.type), region.element_bytes));
    }
    return std::span<const std::byte>(mapping_.data() + region.offset_bytes, region.size_bytes);
  }
  return layout_mismatch(path_, fmt::format("region {}", name), "to be there", "none of that name");
}

bool SegmentView::is_current() const noexcept {
  return state() != SegmentState::retired && names_same_file(path_, file_.get());
}

bool SegmentView::writer_is_alive() const noexcept {
  const auto held = WriterLock::is_held(options_.directory, options_.instance);
  return held && *held;
}

}  // namespace thintail::shm
