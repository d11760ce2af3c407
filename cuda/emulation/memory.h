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
#include <vector>

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

  /// Null when there is no room. What was freed is used again for the same size.
  void* allocate(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    const std::size_t size = (bytes + granule - 1) / granule * granule;
    auto& freed = freed_[size];
    std::byte* memory = nullptr;
    if (!freed.empty()) {
      memory = freed.back();
      freed.pop_back();
    } else if (begin_ != nullptr && size <= capacity - used_) {
      memory = begin_ + used_;
      used_ += size;
    }
    if (memory != nullptr) sizes_[memory] = size;
    return memory;
  }

  void free(void* memory) {
    const std::lock_guard lock(mutex_);
    const auto found = sizes_.find(static_cast<std::byte*>(memory));
    if (found == sizes_.end()) std::abort();  // not from here, or freed twice
    freed_[found->second].push_back(found->first);
    sizes_.erase(found);
  }

  void open() { protect(PROT_READ | PROT_WRITE); }
  void close() { protect(PROT_NONE); }

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
    if (always_open_) return;
    const std::lock_guard lock(mutex_);
    if (used_ > 0 && mprotect(begin_, used_, access) != 0) std::abort();
  }

  const bool always_open_ = std::getenv("SKIMP_EMULATION_OPEN") != nullptr;
  std::mutex mutex_;
  std::byte* begin_ = nullptr;
  std::size_t used_ = 0;
  std::map<std::size_t, std::vector<std::byte*>> freed_;  ///< by size
  std::map<std::byte*, std::size_t> sizes_;
};
#endif

}  // namespace skimp::emulation
