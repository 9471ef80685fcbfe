// SPDX-License-Identifier: Apache-2.0
#include "shm/segment/mapping.hpp"

#include <fmt/format.h>

#include <boost/interprocess/exceptions.hpp>
#include <boost/interprocess/file_mapping.hpp>
#include <boost/interprocess/mapped_region.hpp>
#include <utility>

namespace thintail::shm {

struct Mapping::Region {
  boost::interprocess::mapped_region mapped;
};

Result<Mapping> Mapping::map(int file_descriptor, std::size_t size_bytes, Access access) {
  using boost::interprocess::file_mapping;
  const auto mode = access == Access::read_only ? boost::interprocess::read_only : boost::interprocess::read_write;
  try {
    // Boost opens by name, but a name may have been pointed elsewhere since the caller checked its file. This name
    // cannot: it is the open file itself.
    const file_mapping file(fmt::format("/proc/self/fd/{}", file_descriptor).c_str(), mode);
    auto region = std::make_unique<Region>(boost::interprocess::mapped_region(file, mode, 0, size_bytes));
    return Mapping(std::move(region));
  } catch (const boost::interprocess::interprocess_exception& failure) {
    return fail({.code = ErrorCode::shm_system,
                 .doing = fmt::format("mapping {} bytes of a segment", size_bytes),
                 .found = failure.get_native_error() != 0 ? errno_text(failure.get_native_error()) : failure.what()});
  }
}

Mapping::Mapping(std::unique_ptr<Region> region) noexcept : region_(std::move(region)) {}
Mapping::Mapping(Mapping&&) noexcept = default;
Mapping& Mapping::operator=(Mapping&&) noexcept = default;
Mapping::~Mapping() = default;

std::byte* Mapping::data() const noexcept { return static_cast<std::byte*>(region_->mapped.get_address()); }
std::size_t Mapping::size_bytes() const noexcept { return region_->mapped.get_size(); }

}  // namespace thintail::shm
