// SPDX-License-Identifier: Apache-2.0
#include "tools/report/npy_writer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "core/base/assert.hpp"
#include "core/thread/worker.hpp"
#include "tools/report/slot_ring.hpp"

namespace thintail {
namespace {

// In the second-level cache from the copy to the write.
constexpr std::size_t kBufferBytes = 256 * 1024;
// Magic, version and length, then the text: room for any number of rows, and data that begins on a cache line.
constexpr std::size_t kHeaderBytes = 128;
constexpr std::size_t kPreludeBytes = 10;

std::string header_of(std::string_view type, std::uint64_t rows, std::size_t columns) {
  std::string text = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({},{}), }}", type, rows,
                                 columns == 0 ? "" : fmt::format(" {}", columns));
  TT_CHECK(text.size() + 1 <= kHeaderBytes - kPreludeBytes, "a header within its room");
  text.resize(kHeaderBytes - kPreludeBytes - 1, ' ');
  text += '\n';
  std::string out = "\x93NUMPY";
  out += '\x01';
  out += '\0';
  out += static_cast<char>(text.size() & 0xff);
  out += static_cast<char>(text.size() >> 8);
  return out + text;
}

Error unwritable(const std::string& path, int error_number) {
  return {.code = ErrorCode::file_unwritable,
          .doing = "writing features",
          .file = path,
          .expected = "a file that can be written, in a folder that exists, with room for the rows",
          .found = errno_text(error_number)};
}

// Writes all of it or returns an errno.
int write_all(int descriptor, const void* bytes, std::size_t size_bytes) noexcept {
  const auto* at = static_cast<const char*>(bytes);
  while (size_bytes != 0) {
    const ssize_t written = ::write(descriptor, at, size_bytes);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return written < 0 ? errno : ENOSPC;
    at += written;
    size_bytes -= static_cast<std::size_t>(written);
  }
  return 0;
}

struct Opened {
  int descriptor;
  std::string name;
};

// A new file beside `path`. One of our name may be a killed run's of the same process number, or a live one's of another
// container: it is left alone.
Result<Opened> open_beside(const std::string& path) {
  constexpr int kNamesMax = 1'000;
  std::string name = fmt::format("{}.{}.partial", path, ::getpid());
  for (int i = 1;; ++i) {
    const int descriptor = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (descriptor >= 0) return Opened{descriptor, std::move(name)};
    if (errno != EEXIST) return fail(unwritable(path, errno));  // the folder's fault, which both names have
    if (i == kNamesMax) return fail(unwritable(name, EEXIST));
    name = fmt::format("{}.{}.{}.partial", path, ::getpid(), i);
  }
}

struct Buffer {
  std::unique_ptr<std::byte[]> bytes;
  std::size_t size = 0;
};
using Buffers = SlotRing<Buffer, 4>;

}  // namespace

// The file, the buffers on their way to it, and the thread that takes them there.
struct NpyWriter::Impl {
  Impl(int opened, std::string name, std::string partial, std::string_view value_type, std::size_t column_count)
      : descriptor(opened),
        path(std::move(name)),
        temporary(std::move(partial)),
        type(value_type),
        columns(column_count),
        writer({.name = "tt-npy"}, stop, [this](Waiter&) { write_buffers(); }) {}
  ~Impl() {
    end_writing();
    if (descriptor >= 0) ::close(descriptor);
    if (!temporary.empty()) ::unlink(temporary.c_str());
  }

  void append(const std::byte* from, std::size_t size_bytes) {
    while (size_bytes != 0) {
      if (filling == nullptr && !take_buffer()) return;
      const std::size_t part = std::min(size_bytes, kBufferBytes - filling->size);
      std::memcpy(filling->bytes.get() + filling->size, from, part);
      filling->size += part;
      from += part;
      size_bytes -= part;
      if (filling->size == kBufferBytes) give_buffer();
    }
  }
  void end_writing() {
    if (filling != nullptr) give_buffer();
    buffers.close_write();
    writer.join();
  }

  int descriptor;
  std::string path;
  std::string temporary;
  std::string type;
  std::size_t columns;
  int error_number = 0;  // of the first write that failed; the writing thread's until it has ended
  StopFlag stop;
  Buffers buffers;
  Buffer* filling = nullptr;
  Worker writer;  // last: it ends before what it uses

 private:
  bool take_buffer() {
    filling = buffers.begin_write();
    if (filling == nullptr) return false;
    if (filling->bytes == nullptr) filling->bytes = std::make_unique_for_overwrite<std::byte[]>(kBufferBytes);
    filling->size = 0;
    return true;
  }
  void give_buffer() {
    buffers.end_write();
    filling = nullptr;
  }
  void write_buffers() {
    struct Closing {  // whatever ends the thread, nobody waits for it
      Buffers& ring;
      ~Closing() { ring.close_read(); }
    } const closing{buffers};
    while (const Buffer* const buffer = buffers.begin_read()) {
      error_number = write_all(descriptor, buffer->bytes.get(), buffer->size);
      if (error_number != 0) return;
      buffers.end_read();
    }
  }
};

Result<NpyWriter> NpyWriter::create(const std::string& path, std::string_view type, std::size_t columns) {
  TT_TRY(Opened opened, open_beside(path));
  NpyWriter writer(std::make_unique<Impl>(opened.descriptor, path, std::move(opened.name), type, columns));
  const std::string header = header_of(type, 0, columns);
  writer.append(header.data(), header.size());
  return writer;
}

NpyWriter::NpyWriter(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
NpyWriter::NpyWriter(NpyWriter&&) noexcept = default;
NpyWriter::~NpyWriter() = default;

void NpyWriter::append(const void* bytes, std::size_t size_bytes) noexcept {
  impl_->append(static_cast<const std::byte*>(bytes), size_bytes);
}

Result<void> NpyWriter::finish(std::uint64_t rows) {
  Impl& file = *impl_;
  file.end_writing();
  if (file.stop.failed()) {
    return fail(
        {.code = ErrorCode::internal, .doing = "writing features", .file = file.path, .found = file.stop.failure()});
  }
  int error_number = file.error_number;
  if (error_number == 0) {
    const std::string header = header_of(file.type, rows, file.columns);
    if (::pwrite(file.descriptor, header.data(), header.size(), 0) < 0) error_number = errno;
  }
  // Not synced: a day of rows would wait as long for the disk as it takes to compute, and can be computed again. A full disk
  // shows in the writes, of a file system over a network perhaps here.
  if (::close(std::exchange(file.descriptor, -1)) != 0 && error_number == 0) error_number = errno;
  if (error_number != 0) return fail(unwritable(file.path, error_number));
  return {};
}

Result<void> NpyWriter::commit() {
  if (std::rename(impl_->temporary.c_str(), impl_->path.c_str()) != 0) return fail(unwritable(impl_->path, errno));
  impl_->temporary.clear();
  return {};
}

Result<void> write_text_file(const std::string& path, std::string_view text) {
  TT_TRY(const auto opened, open_beside(path));
  const auto& [descriptor, temporary] = opened;
  int error_number = write_all(descriptor, text.data(), text.size());
  if (::close(descriptor) != 0 && error_number == 0) error_number = errno;
  if (error_number == 0 && std::rename(temporary.c_str(), path.c_str()) != 0) error_number = errno;
  if (error_number == 0) return {};
  ::unlink(temporary.c_str());
  return fail(unwritable(path, error_number));
}

}  // namespace thintail
