// SPDX-License-Identifier: Apache-2.0
// AlignedArray: what a kernel reads: aligned to its registers, in place for as long as it lives.
//   path  cold to make
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>

namespace thintail {

template <class T>
class AlignedArray {
 public:
  AlignedArray() = default;
  // Up to 64 bytes may be read beyond the last value.
  AlignedArray(std::size_t count, T fill)
      : data_(static_cast<T*>(::operator new(count * sizeof(T) + kAlign, std::align_val_t{kAlign}))) {
    static_assert(std::is_trivially_destructible_v<T>);
    std::uninitialized_fill_n(data_.get(), count, fill);
  }
  T& operator[](std::size_t at) noexcept { return data_.get()[at]; }
  const T* data() const noexcept { return data_.get(); }

 private:
  static constexpr std::size_t kAlign = 64;
  struct Free {
    void operator()(T* data) const noexcept { ::operator delete(data, std::align_val_t{kAlign}); }
  };
  std::unique_ptr<T, Free> data_;
};

}  // namespace thintail
