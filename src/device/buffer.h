/// \file
/// Memory that the library owns: aligned for vector loads, uninitialised, freed once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#include "base/bytes.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace skimp {

class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::uint64_t bytes) : data_(allocate(bytes), Free(bytes)), bytes_(bytes) {}

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
  static constexpr std::uint64_t huge_page = 2 << 20;

  struct Free {
    Free() : alignment(alignment_for(0)) {}
    explicit Free(std::uint64_t bytes) : alignment(alignment_for(bytes)) {}
    void operator()(std::byte* data) const { ::operator delete(data, alignment); }
    std::align_val_t alignment;
  };

  static std::align_val_t alignment_for(std::uint64_t bytes) {
    return std::align_val_t{bytes >= 2 * huge_page ? huge_page : 64};
  }

  /// Large buffers ask for huge pages, as numpy does for its arrays: a pass over one meets a five
  /// hundredth of the page borders. (Advice; where it is not taken nothing is lost.)
  static std::byte* allocate(std::uint64_t bytes) {
    if (bytes == 0) return nullptr;
    const std::align_val_t alignment = alignment_for(bytes);
    auto* data = static_cast<std::byte*>(::operator new(bytes, alignment));
#if defined(__linux__)
    if (alignment == std::align_val_t{huge_page}) {
      static_cast<void>(madvise(data, bytes / huge_page * huge_page, MADV_HUGEPAGE));
    }
#endif
    return data;
  }

  std::unique_ptr<std::byte, Free> data_;
  std::uint64_t bytes_ = 0;
};

}  // namespace skimp
