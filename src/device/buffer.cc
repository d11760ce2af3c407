#include "device/buffer.h"

#include <atomic>
#include <new>

#include "device/library.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace skimp {
namespace {

constexpr std::uint64_t cache_line = 64;
constexpr std::uint64_t huge_page = 2 << 20;

/// Buffers that each begin a huge page would all compete for the same sets of the cache, element by
/// element: each begins a page and a few lines further in than the one before.
std::uint64_t next_begin() {
  static std::atomic<std::uint64_t> buffers{0};
  return buffers++ % 8 * (4096 + 16 * cache_line);
}

}  // namespace

/// Large buffers ask for huge pages, as numpy does for its arrays: a pass over one crosses 512
/// times fewer page borders. It is advice; where it is not taken nothing is lost.
Buffer::Buffer(std::uint64_t bytes) : bytes_(bytes) {
  if (bytes == 0) return;
  const bool large = bytes >= 2 * huge_page;
  const Free free{large ? next_begin() : 0, large ? huge_page : cache_line};
  void* memory = ::operator new(free.begin + bytes, std::align_val_t{free.alignment});
#if defined(__linux__)
  if (large) static_cast<void>(madvise(memory, (free.begin + bytes) & -huge_page, MADV_HUGEPAGE));
#endif
  data_ = {static_cast<std::byte*>(memory) + free.begin, free};
}

Buffer::Buffer(std::uint64_t bytes, int device) {
  if (device == host_memory) {
    *this = Buffer(bytes);
    return;
  }
  bytes_ = bytes;
  if (bytes == 0) return;
  void* memory = nullptr;
  SKIMP_ON_DEVICE(skimp_cuda_allocate_pinned, device, bytes, &memory);
  data_ = {static_cast<std::byte*>(memory), Free{.pinned = true}};
}

void Buffer::Free::operator()(std::byte* data) const {
  if (pinned) {
    device_function_of<decltype(&skimp_cuda_free_pinned)>("skimp_cuda_free_pinned")(data);
    return;
  }
  ::operator delete(data - begin, std::align_val_t{alignment});
}

}  // namespace skimp
