// SPDX-License-Identifier: Apache-2.0
// ControlClient: a process's slot in a running core's control segment: sends commands, reads the answers.
//   path     cold
//   threads  one
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/error.hpp"
#include "shm/control/control_layout.hpp"
#include "shm/segment/mapping.hpp"

namespace thintail::shm {

class ControlClient {
 public:
  // Attaches to the control segment of the core of `epoch` and takes a free slot. Fails with shm_not_found where there is none of that
  // epoch, and with shm_held where every slot is taken.
  static Result<ControlClient> open(std::string_view directory, std::string_view instance, std::uint32_t epoch);
  // Gives the slot back. What was sent stays sent.
  ~ControlClient();
  ControlClient(ControlClient&& other) noexcept;
  ControlClient& operator=(ControlClient&&) = delete;

  // REQUIRES: command_id is not 0.
  Offered send(CommandKind kind, std::uint64_t command_id) noexcept;
  // The core's answer to the command, once it is there. Only the newest answer of the slot is kept, and one that stood there before this
  // client came is not its own.
  std::optional<CommandReply> reply_to(std::uint64_t command_id) const noexcept;
  std::uint32_t slot() const noexcept { return slot_; }

 private:
  ControlClient(FileDescriptor file, Mapping mapping, std::uint32_t slot) noexcept;

  FileDescriptor file_;
  Mapping mapping_;
  ControlLayout* layout_;
  std::uint32_t slot_;
  std::uint32_t old_answer_ = 0;  // number of the one that was there
};

}  // namespace thintail::shm
