// SPDX-License-Identifier: Apache-2.0
// ClientsPage: what thintail-bench-clients tells the benchmark while it runs: a file that both map.
//   path     cold
//   threads  one thread of the clients' process writes, but for `is_measuring`, which is the benchmark's
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <new>
#include <string>
#include <utility>

#include "core/base/attributes.hpp"
#include "core/base/error.hpp"

namespace thintail::bench {

// A count with one writer, for somebody who only looks how far it is.
class SharedCount {
 public:
  // relaxed throughout: counts order nothing; what must be whole is read after the writer's end
  std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }
  void set(std::uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  void add(std::uint64_t count) noexcept { set(value() + count); }

 private:
  std::atomic<std::uint64_t> value_{0};
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "processes share no lock table");
};

struct alignas(kCacheLineBytes) ClientRow {
  SharedCount last;  // sequence of the newest update
  SharedCount updates;
  SharedCount missed;  // sequences skipped or repeated
  SharedCount frames;
  SharedCount breaks;  // steps of a topic's seq other than one
  SharedCount snapshots;
  SharedCount heartbeats;
};

struct ClientsPage {
  static constexpr std::size_t kClientsMax = 1'024;
  static constexpr std::size_t kSamplesMax = 1u << 18;

  SharedCount is_measuring;  // 1: latencies are kept
  SharedCount connected;  // and subscribed
  SharedCount stalled;
  SharedCount ended;  // connections that the server ended
  SharedCount replies;
  SharedCount good_replies;  // with status 200
  SharedCount samples;
  std::array<ClientRow, kClientsMax> rows;
  std::array<float, kSamplesMax> latency_us;

  void add_sample(double microseconds) noexcept {
    const std::uint64_t count = samples.value();
    if (count == kSamplesMax) return;
    latency_us[count] = static_cast<float>(microseconds);
    samples.set(count + 1);
  }
};

class MappedClientsPage {
 public:
  static Result<MappedClientsPage> create(const std::string& path) { return map(path, O_RDWR | O_CREAT | O_EXCL); }
  static Result<MappedClientsPage> open(const std::string& path) { return map(path, O_RDWR); }
  ~MappedClientsPage() {
    if (page_ != nullptr) ::munmap(page_, sizeof(ClientsPage));
  }
  MappedClientsPage(MappedClientsPage&& other) noexcept : page_(std::exchange(other.page_, nullptr)) {}
  MappedClientsPage& operator=(MappedClientsPage&&) = delete;

  ClientsPage* operator->() const noexcept { return page_; }
  ClientsPage& operator*() const noexcept { return *page_; }

 private:
  explicit MappedClientsPage(ClientsPage* page) noexcept : page_(page) {}

  static Result<MappedClientsPage> map(const std::string& path, int flags) {
    const int file = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
    void* memory = MAP_FAILED;
    if (file >= 0 && ::ftruncate(file, sizeof(ClientsPage)) == 0) {
      memory = ::mmap(nullptr, sizeof(ClientsPage), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    }
    const int fault = errno;
    if (file >= 0) ::close(file);
    if (memory == MAP_FAILED) {
      return fail({.code = ErrorCode::system_call,
                   .doing = "mapping the page of the benchmark's clients",
                   .file = path,
                   .found = errno_text(fault)});
    }
    // A file's new pages are zeroes, and so is a page that has just begun: whoever comes second changes nothing.
    return MappedClientsPage(static_cast<ClientsPage*>(memory));
  }

  ClientsPage* page_;
};

}  // namespace thintail::bench
