/// \file
/// Device memory that only the device may touch: its pages are closed but while queued work runs,
/// so host code that reads or writes it by mistake dies there and then. (Other threads could slip
/// through while one runs work; which of them would is chance, and tests are many.) With
/// SKIMP_EMULATION_OPEN in the environment it is open to all, as to an MPI that knows of devices.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <map>
#include <mutex>

#if !defined(__SANITIZE_ADDRESS__)
#include <sys/mman.h>
#endif

namespace skimp::emulation {

#if defined(__SANITIZE_ADDRESS__)
/// The sanitizer watches the ends of arrays instead.
class DeviceHeap {
 public:
  static DeviceHeap& instance() {
    static DeviceHeap heap;
    return heap;
  }
  void* allocate(std::size_t bytes) { return std::malloc(bytes); }
  void free(void* memory) { std::free(memory); }
  void open() {}
  void close() {}
};
#else
class DeviceHeap {
 public:
  static DeviceHeap& instance() {
    static DeviceHeap heap;
    return heap;
  }

  /// Null when there is no room. The lowest gap, so that little is ever opened and closed.
  void* allocate(std::size_t bytes) {
    if (begin_ == nullptr || bytes >= capacity) return nullptr;
    const std::lock_guard lock(mutex_);
    const std::size_t size = (bytes / granule + 1) * granule;  // arrays of nothing differ, too
    std::size_t offset = 0;
    for (const auto& [begin, end] : taken_) {
      if (begin - offset >= size) break;
      offset = end;
    }
    if (size > capacity - offset) return nullptr;
    taken_[offset] = offset + size;
    return begin_ + offset;
  }

  void free(void* memory) {
    const std::lock_guard lock(mutex_);
    const auto offset = static_cast<std::size_t>(static_cast<std::byte*>(memory) - begin_);
    if (taken_.erase(offset) == 0) std::abort();  // not from here, or freed twice
  }

  void open() {
    const std::lock_guard lock(mutex_);
    opened_ = taken_.empty() ? 0 : taken_.rbegin()->second;
    protect(PROT_READ | PROT_WRITE);
  }
  void close() {
    const std::lock_guard lock(mutex_);
    protect(PROT_NONE);
  }

 private:
  static constexpr std::size_t granule = 256;
  static constexpr std::size_t capacity = std::size_t{1} << 36;  // of addresses, not of memory

  DeviceHeap() {
    const int access = always_open_ ? PROT_READ | PROT_WRITE : PROT_NONE;
    void* memory =
        mmap(nullptr, capacity, access, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory != MAP_FAILED) begin_ = static_cast<std::byte*>(memory);
  }

  void protect(int access) {
    if (always_open_ || opened_ == 0) return;
    if (mprotect(begin_, opened_, access) != 0) std::abort();
  }

  const bool always_open_ = std::getenv("SKIMP_EMULATION_OPEN") != nullptr;
  std::mutex mutex_;
  std::byte* begin_ = nullptr;
  std::map<std::size_t, std::size_t> taken_;  ///< from offset to offset
  std::size_t opened_ = 0;                    ///< what is open while work runs, from begin_
};
#endif

}  // namespace skimp::emulation
