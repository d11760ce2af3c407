/// \file
/// Memory of the host that the library owns: aligned for vector loads, uninitialised, freed once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "device/stream.h"

namespace skimp {

class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::uint64_t bytes);

  /// Pinned, for copies to and from a device; for `host_memory` as above.
  Buffer(std::uint64_t bytes, int device);

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
  /// Where in its memory a buffer begins, and how that is aligned.
  struct Free {
    std::uint64_t begin = 0;
    std::uint64_t alignment = 0;
    bool pinned = false;
    void operator()(std::byte* data) const;
  };

  std::unique_ptr<std::byte, Free> data_{nullptr, Free()};
  std::uint64_t bytes_ = 0;
};

}  // namespace skimp
