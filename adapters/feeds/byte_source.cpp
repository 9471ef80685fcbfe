// SPDX-License-Identifier: Apache-2.0
#include "adapters/feeds/byte_source.hpp"

#include <fcntl.h>
#include <lzma.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <cerrno>
#include <vector>

#include "core/base/assert.hpp"

namespace thintail {
namespace {

// Output of one decoding step: large enough that a call costs nothing beside it, small enough to stay in the
// second-level cache until its rows are parsed.
constexpr std::size_t kPieceBytes = 256 * 1024;
// Pieces of a mapping cost nothing; they are small only so that progress moves.
constexpr std::size_t kMappedPieceBytes = 1024 * 1024;
// Dukascopy's streams use a dictionary of 4 MiB; a hostile header may ask for 4 GiB.
constexpr std::uint64_t kLzmaMemoryBytesMax = 64ull << 20;

class Descriptor {
 public:
  explicit Descriptor(int value) noexcept : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const noexcept { return value_; }

 private:
  int value_;
};

Error file_error(const std::string& path, int error_number) {
  const bool missing = error_number == ENOENT || error_number == ENOTDIR;
  return {.code = missing ? ErrorCode::file_missing : ErrorCode::file_unreadable,
          .doing = "opening a market data file",
          .file = path,
          .expected = "a file that can be read",
          .found = errno_text(error_number)};
}

Error not_regular(const std::string& path) {
  return {.code = ErrorCode::file_unreadable,
          .doing = "opening a market data file",
          .file = path,
          .expected = "a regular file",
          .found = "a folder or device"};
}

class MappedFile final : public ByteSource {
 public:
  static Result<std::unique_ptr<ByteSource>> open(const std::string& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) return fail(file_error(path, errno));
    struct stat status{};
    if (::fstat(file.get(), &status) != 0) return fail(file_error(path, errno));
    if (!S_ISREG(status.st_mode)) return fail(not_regular(path));
    const auto size_bytes = static_cast<std::size_t>(status.st_size);
    // An empty file cannot be mapped, and needs no mapping.
    if (size_bytes == 0) return std::unique_ptr<ByteSource>(new MappedFile(nullptr, 0));
    void* bytes = ::mmap(nullptr, size_bytes, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (bytes == MAP_FAILED) return fail(file_error(path, errno));
    ::madvise(bytes, size_bytes, MADV_SEQUENTIAL);
    return std::unique_ptr<ByteSource>(new MappedFile(static_cast<char*>(bytes), size_bytes));
  }
  ~MappedFile() override {
    if (bytes_ != nullptr) ::munmap(bytes_, size_bytes_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::string_view next() override {
    const std::string_view piece = std::string_view(bytes_, size_bytes_).substr(given_bytes_, kMappedPieceBytes);
    given_bytes_ += piece.size();
    return piece;
  }
  const std::optional<Error>& error() const noexcept override { return error_; }
  std::uint64_t consumed_bytes() const noexcept override { return given_bytes_; }

 private:
  MappedFile(char* bytes, std::size_t size_bytes) noexcept : bytes_(bytes), size_bytes_(size_bytes) {}

  char* bytes_;
  std::size_t size_bytes_;
  std::size_t given_bytes_ = 0;
  std::optional<Error> error_;  // a mapping, once made, cannot fail
};

// What zstd and LZMA have in common: input pieces from another source, output pieces from an own buffer.
// `step()` decodes as much as fits.
class Decoder : public ByteSource {
 public:
  std::string_view next() final {
    while (!finished_ && !error_) {
      if (input_.empty() && !input_ended_) refill();
      const std::size_t written = step(input_ended_);
      if (written != 0) return {output_.data(), written};
    }
    return {};
  }
  const std::optional<Error>& error() const noexcept final { return error_; }
  std::uint64_t consumed_bytes() const noexcept final { return read_before_bytes_ + piece_bytes_ - input_.size(); }

 protected:
  Decoder(std::unique_ptr<ByteSource> inner, std::string path)
      : output_(kPieceBytes), inner_(std::move(inner)), path_(std::move(path)) {}

  // Decodes from input_ into output_ and returns how much it wrote. REQUIRES of an implementation: with
  // `input_ended` and nothing written it sets finished_ or an error, so that next() ends.
  virtual std::size_t step(bool input_ended) = 0;

  void set_error(ErrorCode code, std::string expected, std::string found) {
    error_ = Error{.code = code,
                   .doing = "decompressing ticks",
                   .file = path_,
                   .expected = std::move(expected),
                   .found = std::move(found)};
  }

  std::vector<char> output_;
  std::string_view input_;
  bool finished_ = false;

 private:
  void refill() {
    read_before_bytes_ += piece_bytes_;
    input_ = inner_->next();
    piece_bytes_ = input_.size();
    input_ended_ = input_.empty();
    if (input_ended_) error_ = inner_->error();
  }

  std::unique_ptr<ByteSource> inner_;
  std::string path_;
  std::optional<Error> error_;
  bool input_ended_ = false;
  std::uint64_t read_before_bytes_ = 0;
  std::size_t piece_bytes_ = 0;
};

class ZstdDecoder final : public Decoder {
 public:
  ZstdDecoder(std::unique_ptr<ByteSource> inner, std::string path)
      : Decoder(std::move(inner), std::move(path)), context_(ZSTD_createDCtx()) {
    TT_CHECK(context_ != nullptr, "memory for a zstd decoder");
  }
  ~ZstdDecoder() override { ZSTD_freeDCtx(context_); }
  ZstdDecoder(const ZstdDecoder&) = delete;
  ZstdDecoder& operator=(const ZstdDecoder&) = delete;

 private:
  std::size_t step(bool input_ended) override {
    ZSTD_inBuffer in{input_.data(), input_.size(), 0};
    ZSTD_outBuffer out{output_.data(), output_.size(), 0};
    // A file is a sequence of frames: it may end after one, and only there.
    if (input_ended && frame_ended_) {
      finished_ = true;
      return 0;
    }
    do {
      const std::size_t hint = ZSTD_decompressStream(context_, &out, &in);
      if (ZSTD_isError(hint) != 0) {
        set_error(ErrorCode::compressed_corrupt, "a valid zstd stream", ZSTD_getErrorName(hint));
        break;
      }
      frame_ended_ = hint == 0;
    } while (in.pos < in.size && out.pos < out.size);
    input_.remove_prefix(in.pos);
    if (input_ended && out.pos == 0 && !frame_ended_ && !error()) {
      set_error(ErrorCode::compressed_truncated, "the end of the zstd frame", "the end of the file");
    }
    return out.pos;
  }

  ZSTD_DCtx* context_;
  bool frame_ended_ = false;  // true exactly between two frames
};

class LzmaAloneDecoder final : public Decoder {
 public:
  LzmaAloneDecoder(std::unique_ptr<ByteSource> inner, std::string path) : Decoder(std::move(inner), std::move(path)) {
    TT_CHECK(lzma_alone_decoder(&stream_, kLzmaMemoryBytesMax) == LZMA_OK, "memory for an LZMA decoder");
  }
  ~LzmaAloneDecoder() override { lzma_end(&stream_); }
  LzmaAloneDecoder(const LzmaAloneDecoder&) = delete;
  LzmaAloneDecoder& operator=(const LzmaAloneDecoder&) = delete;

 private:
  std::size_t step(bool input_ended) override {
    if (ended_) {
      if (!input_.empty()) {
        set_error(ErrorCode::compressed_corrupt, "the end of the file after the LZMA stream", "more bytes");
      }
      finished_ = input_ended;
      return 0;
    }
    stream_.next_in = reinterpret_cast<const std::uint8_t*>(input_.data());
    stream_.avail_in = input_.size();
    stream_.next_out = reinterpret_cast<std::uint8_t*>(output_.data());
    stream_.avail_out = output_.size();
    const lzma_ret status = lzma_code(&stream_, LZMA_RUN);
    input_.remove_prefix(input_.size() - stream_.avail_in);
    const std::size_t written = output_.size() - stream_.avail_out;
    if (status == LZMA_STREAM_END) {
      ended_ = true;
    } else if (status != LZMA_OK && status != LZMA_BUF_ERROR) {
      set_error(ErrorCode::compressed_corrupt, "a valid LZMA stream", describe(status));
    } else if (input_ended && written == 0) {
      set_error(ErrorCode::compressed_truncated, "the end of the LZMA stream", "the end of the file");
    }
    return written;
  }

  static std::string describe(lzma_ret status) {
    switch (status) {
      case LZMA_FORMAT_ERROR: return "no LZMA header";
      case LZMA_MEMLIMIT_ERROR: return "a dictionary of more than 64 MiB";
      case LZMA_MEM_ERROR: return "no memory left";
      default: return "damaged data";
    }
  }

  lzma_stream stream_ = LZMA_STREAM_INIT;
  bool ended_ = false;
};

}  // namespace

Result<std::uint64_t> file_size_bytes(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return fail(file_error(path, errno));
  if (!S_ISREG(status.st_mode)) return fail(not_regular(path));
  return static_cast<std::uint64_t>(status.st_size);
}

std::unique_ptr<ByteSource> decompress(std::unique_ptr<ByteSource> inner, Compression compression,
                                       const std::string& path) {
  switch (compression) {
    case Compression::none: break;
    case Compression::zstd: return std::make_unique<ZstdDecoder>(std::move(inner), path);
    case Compression::lzma_alone: return std::make_unique<LzmaAloneDecoder>(std::move(inner), path);
  }
  return inner;
}

Result<std::unique_ptr<ByteSource>> open_bytes(const std::string& path, Compression outer) {
  TT_TRY(auto mapped, MappedFile::open(path));
  return decompress(std::move(mapped), outer, path);
}

}  // namespace thintail
