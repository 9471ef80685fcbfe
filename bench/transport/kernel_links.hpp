// SPDX-License-Identifier: Apache-2.0
// KernelLinks: a pipe and a Unix socket in the shape of a link, for scale: what events cost through the kernel.
//   path  hot, with a system call for every event
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "core/base/assert.hpp"
#include "core/event/event.hpp"

namespace thintail::bench {

enum class Channel { pipe, unix_socket };

template <Channel kChannel>
class KernelLink {
  // Shared by the copies of a link; a forked process has its own.
  struct Ends {
    Ends() {
      const int fault = kChannel == Channel::pipe ? ::pipe(descriptors.data())
                                                  : ::socketpair(AF_UNIX, SOCK_STREAM, 0, descriptors.data());
      TT_CHECK(fault == 0, "a pipe or a socket pair");
    }
    ~Ends() {
      for (const int descriptor : descriptors) ::close(descriptor);
    }
    Ends(const Ends&) = delete;
    Ends& operator=(const Ends&) = delete;
    std::array<int, 2> descriptors{};  // read from the first, write to the second
  };

 public:
  static constexpr std::size_t kBytes = 0;
  explicit KernelLink(std::byte*) : ends_(std::make_shared<Ends>()) {}

  class Sender {
   public:
    explicit Sender(KernelLink& link) noexcept : descriptor_(link.ends_->descriptors[1]) {}
    bool push(Event& event) noexcept {
      TT_CHECK(::write(descriptor_, &event, sizeof event) == ssize_t{sizeof event}, "room for one event");
      return true;
    }

   private:
    int descriptor_;
  };
  // Blocks: what a program that hands events over so would do.
  class Receiver {
   public:
    explicit Receiver(KernelLink& link) noexcept : descriptor_(link.ends_->descriptors[0]) {}
    bool pop(Event& out) noexcept { return ::read(descriptor_, &out, sizeof out) == ssize_t{sizeof out}; }
    std::uint64_t missed() const noexcept { return 0; }

   private:
    int descriptor_;
  };

 private:
  std::shared_ptr<Ends> ends_;
};

}  // namespace thintail::bench
