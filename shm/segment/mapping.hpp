// SPDX-License-Identifier: Apache-2.0
// Mapping: a file's bytes in memory, shared with every process that maps it.
//   path     cold
//   threads  made and destroyed by one thread; the bytes belong to whoever's protocol they follow
//
// Its source is the one file of the project that includes Boost.Interprocess, whose exceptions end there.
#pragma once

#include <cstddef>
#include <memory>

#include "core/base/error.hpp"

namespace thintail::shm {

enum class Access { read_only, read_write };

class Mapping {
 public:
  // Maps the first `size_bytes` of an open file. The file must be that long: touching a page beyond its end is SIGBUS.
  static Result<Mapping> map(int file_descriptor, std::size_t size_bytes, Access access);

  Mapping(Mapping&&) noexcept;
  Mapping& operator=(Mapping&&) noexcept;
  ~Mapping();

  // The same address for as long as the mapping lives, wherever it is moved.
  std::byte* data() const noexcept;
  std::size_t size_bytes() const noexcept;

 private:
  struct Region;
  explicit Mapping(std::unique_ptr<Region> region) noexcept;
  std::unique_ptr<Region> region_;
};

}  // namespace thintail::shm
