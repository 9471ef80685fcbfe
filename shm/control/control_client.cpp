// SPDX-License-Identifier: Apache-2.0
#include "shm/control/control_client.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <new>
#include <utility>

namespace thintail::shm {
namespace {

Error mismatch(const std::string& path, std::string field, std::string expected, std::string found) {
  return {.code = ErrorCode::shm_layout_mismatch,
          .doing = "attaching to a control segment",
          .file = path,
          .field = std::move(field),
          .expected = std::move(expected),
          .found = std::move(found)};
}

Result<void> check_header(const ControlHeader& header, const std::string& path, std::uint32_t epoch) {
  if (header.magic != kControlMagic) {
    return fail(mismatch(path, "magic", fmt::format("{:#x}", kControlMagic), fmt::format("{:#x}", header.magic)));
  }
  if (header.major != kControlMajor) {
    return fail(mismatch(path, "version", fmt::format("{}", kControlMajor), fmt::format("{}", header.major)));
  }
  if (header.slots != kControlSlots || header.slot_bytes != sizeof(ControlSlot)) {
    return fail(mismatch(path, "slots", fmt::format("{} of {} bytes", kControlSlots, sizeof(ControlSlot)),
                         fmt::format("{} of {} bytes", header.slots, header.slot_bytes)));
  }
  if (header.epoch == epoch) return {};
  return fail({.code = ErrorCode::shm_not_found,
               .doing = "attaching to a control segment",
               .file = path,
               .expected = fmt::format("the one of epoch {}", epoch),
               .found = fmt::format("one of epoch {}", header.epoch)});
}

}  // namespace

ControlClient::ControlClient(FileDescriptor file, Mapping mapping, std::uint32_t slot) noexcept
    : file_(std::move(file)),
      mapping_(std::move(mapping)),
      layout_(std::launder(reinterpret_cast<ControlLayout*>(mapping_.data()))),
      slot_(slot) {
  layout_->slots[slot].owner_pid.store(getpid(), std::memory_order_relaxed);  // relaxed: the lock decides
  if (CommandReply reply{}; layout_->slots[slot].reply.load(reply)) old_answer_ = reply.number;
}

ControlClient::ControlClient(ControlClient&& other) noexcept
    : file_(std::move(other.file_)),
      mapping_(std::move(other.mapping_)),
      layout_(std::exchange(other.layout_, nullptr)),
      slot_(other.slot_),
      old_answer_(other.old_answer_) {}

ControlClient::~ControlClient() {
  // The lock goes with the file, after it: a successor sees its own pid only.
  if (layout_ != nullptr) layout_->slots[slot_].owner_pid.store(0, std::memory_order_relaxed);  // relaxed: as above
}

Result<ControlClient> ControlClient::open(std::string_view directory, std::string_view instance, std::uint32_t epoch) {
  TT_TRY(const SegmentPaths paths, segment_paths(directory, instance));
  const std::string path = control_path(paths);
  TT_TRY(FileDescriptor file, open_checked(path, true));
  struct stat status{};
  if (fstat(file.get(), &status) != 0) {
    return fail(file_error(ErrorCode::shm_system, "looking at a control segment", path));
  }
  if (std::cmp_not_equal(status.st_size, sizeof(ControlLayout))) {
    return fail(mismatch(path, "size", fmt::format("{} bytes", sizeof(ControlLayout)),
                         fmt::format("{} bytes", status.st_size)));
  }
  TT_TRY(Mapping mapping, Mapping::map(file.get(), sizeof(ControlLayout), Access::read_write));
  const auto* layout = std::launder(reinterpret_cast<const ControlLayout*>(mapping.data()));
  TT_TRY_VOID(check_header(layout->header, path, epoch));
  for (std::uint32_t slot = 0; slot < kControlSlots; ++slot) {
    if (!lock_slot(file.get(), slot)) continue;
    // A damaged queue is left for the core to mend, which needs its lock.
    if (!layout->slots[slot].queue.is_damaged()) return ControlClient(std::move(file), std::move(mapping), slot);
    unlock_slot(file.get(), slot);
  }
  return fail({.code = ErrorCode::shm_held,
               .doing = "taking a slot of a control segment",
               .file = path,
               .expected = fmt::format("one of {} slots free", kControlSlots),
               .found = "every one held by a client"});
}

Offered ControlClient::send(CommandKind kind, std::uint64_t command_id) noexcept {
  // The epoch of the file that is mapped: a core of another one will not take it.
  return layout_->slots[slot_].queue.offer(CommandRequest::of(kind, command_id, layout_->header.epoch));
}

std::optional<CommandReply> ControlClient::reply_to(std::uint64_t command_id) const noexcept {
  CommandReply reply{};
  if (!layout_->slots[slot_].reply.load(reply) || reply.number == old_answer_) return std::nullopt;
  if (reply.command_id != command_id) return std::nullopt;
  return reply;
}

}  // namespace thintail::shm
