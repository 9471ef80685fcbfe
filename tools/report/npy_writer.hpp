// SPDX-License-Identifier: Apache-2.0
// NpyWriter: an array as numpy keeps it in a file (.npy, format 1.0), row after row. It stands under its name once it is
// whole: until then it lies beside it under a temporary one.
//   path       warm: append(); cold: the rest
//   threads    one caller; a thread of its own writes what it appended
//   invariant  a file of that name is complete: a run that fails or dies leaves none, and none of ours half-written. Only a
//              machine that dies within seconds may.
//   source     NEP 1, "A Simple File Format for NumPy Arrays"
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/error.hpp"

namespace thintail {

class NpyWriter {
 public:
  // `type` in numpy's notation: "<f4", "<i8". `columns` 0: a vector; else an array [rows][columns].
  static Result<NpyWriter> create(const std::string& path, std::string_view type, std::size_t columns);
  ~NpyWriter();
  NpyWriter(NpyWriter&&) noexcept;
  NpyWriter& operator=(NpyWriter&&) = delete;

  // The next values' bytes. After a failed write they go nowhere; finish() tells.
  void append(const void* bytes, std::size_t size_bytes) noexcept;
  // The rows that were appended are all. Fails where a write did.
  Result<void> finish(std::uint64_t rows);
  // Puts the finished file under its name, in place of what had it.
  Result<void> commit();

 private:
  struct Impl;
  explicit NpyWriter(std::unique_ptr<Impl> impl) noexcept;

  std::unique_ptr<Impl> impl_;
};

// Writes a small file whole, under a temporary name first.
Result<void> write_text_file(const std::string& path, std::string_view text);

}  // namespace thintail
