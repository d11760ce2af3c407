/// \file
/// Memory that other processes of this machine can map. It has no name in any file system, so none
/// is left behind by processes that die, and no limit on /dev/shm counts.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace skimp {

class SharedMemory {
 public:
  /// How another process finds it. Plain bytes, to be sent there.
  struct Address {
    std::uint64_t bytes = 0;  ///< 0: nowhere
    std::uint64_t key = 0;    ///< a random number that the memory holds, since numbers of processes
                              ///< mean something else in another container
    std::int32_t process = 0;
    std::int32_t file = -1;
  };

  /// None.
  SharedMemory() = default;
  ~SharedMemory();
  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory& operator=(SharedMemory&& other) noexcept;

  /// Zeros, which take up no memory before they are written. None where the system refuses.
  static SharedMemory make(std::uint64_t bytes);

  /// That of another process; none where this one may not or cannot map it.
  static SharedMemory open(const Address& address);

  const Address& address() const { return address_; }

  /// Nobody can open it any more. Who has, keeps it.
  void close();

  /// Begins with a line of the cache.
  MutableBytes span() const;

 private:
  struct Head;

  static SharedMemory map(int file, std::uint64_t bytes);

  Head* head_ = nullptr;
  Address address_;
};

}  // namespace skimp
