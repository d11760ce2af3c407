/// \file
/// Memory that the library owns: aligned for vector loads, uninitialised, freed once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#include "base/bytes.h"

namespace skimp {

class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::uint64_t bytes)
      : data_(bytes == 0 ? nullptr : static_cast<std::byte*>(::operator new(bytes, alignment))),
        bytes_(bytes) {}

  std::byte* data() const { return data_.get(); }
  std::uint64_t bytes() const { return bytes_; }
  MutableBytes span() const { return {data(), bytes_}; }

  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(data());
  }

  /// Grows to at least `bytes`; what it held is lost when it does.
  void reserve(std::uint64_t bytes) {
    if (bytes > bytes_) *this = Buffer(bytes);
  }

 private:
  static constexpr std::align_val_t alignment{64};
  struct Free {
    void operator()(std::byte* data) const { ::operator delete(data, alignment); }
  };
  std::unique_ptr<std::byte, Free> data_;
  std::uint64_t bytes_ = 0;
};

}  // namespace skimp
