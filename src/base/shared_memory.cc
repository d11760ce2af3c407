#include "base/shared_memory.h"

#include <utility>

#include "base/error.h"

#if defined(__linux__)
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace skimp {

/// What lies before the span.
struct alignas(64) SharedMemory::Head {
  std::uint64_t key;
};

SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : head_(std::exchange(other.head_, nullptr)), address_(std::exchange(other.address_, {})) {}

SharedMemory& SharedMemory::operator=(SharedMemory&& other) noexcept {
  std::swap(head_, other.head_);
  std::swap(address_, other.address_);
  return *this;
}

MutableBytes SharedMemory::span() const {
  if (head_ == nullptr) return {};
  return {reinterpret_cast<std::byte*>(head_ + 1), address_.bytes};
}

#if defined(__linux__)
namespace {

/// A file beyond the limit ends the process.
bool may_be_as_long(std::uint64_t bytes) {
  rlimit limit;
  return getrlimit(RLIMIT_FSIZE, &limit) == 0 && bytes <= limit.rlim_cur;
}

}  // namespace

SharedMemory::~SharedMemory() {
  close();
  if (head_ != nullptr) munmap(head_, sizeof(Head) + address_.bytes);
}

SharedMemory SharedMemory::make(std::uint64_t bytes) {
  std::uint64_t key = 0;
  const std::uint64_t all = sizeof(Head) + bytes;
  if (!may_be_as_long(all) || getrandom(&key, sizeof key, 0) != sizeof key) return {};
  const int file = memfd_create("skimp", MFD_CLOEXEC);
  if (file < 0) return {};
  SharedMemory memory;
  if (ftruncate(file, static_cast<off_t>(all)) == 0) memory = map(file, bytes);
  if (memory.head_ == nullptr) {
    ::close(file);
    return {};
  }
  memory.head_->key = key;
  memory.address_ = {bytes, key, getpid(), file};
  return memory;
}

/// What is there may be another process's terminal: it is looked at before it is opened.
SharedMemory SharedMemory::open(const Address& address) {
  if (address.bytes == 0 || address.file < 0) return {};
  const std::string path = text("/proc/", address.process, "/fd/", address.file);
  struct stat found;
  if (stat(path.c_str(), &found) != 0 || !S_ISREG(found.st_mode) ||
      static_cast<std::uint64_t>(found.st_size) != sizeof(Head) + address.bytes) {
    return {};
  }
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (file < 0) return {};
  SharedMemory memory = map(file, address.bytes);
  ::close(file);
  if (memory.head_ == nullptr || memory.head_->key != address.key) return {};
  return memory;
}

SharedMemory SharedMemory::map(int file, std::uint64_t bytes) {
  SharedMemory memory;
  void* place = mmap(nullptr, sizeof(Head) + bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (place == MAP_FAILED) return memory;
  memory.head_ = static_cast<Head*>(place);
  memory.address_.bytes = bytes;
  return memory;
}

void SharedMemory::close() {
  if (address_.file >= 0) ::close(std::exchange(address_.file, -1));
}
#else
SharedMemory::~SharedMemory() = default;
SharedMemory SharedMemory::make(std::uint64_t) { return {}; }
SharedMemory SharedMemory::open(const Address&) { return {}; }
void SharedMemory::close() {}
#endif

}  // namespace skimp
