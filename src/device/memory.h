/// \file
/// Memory of a device that the library owns: uninitialised, freed once. Buffer (buffer.h) is the
/// host's.
#pragma once

#include <cstdint>
#include <memory>

#include "device/stream.h"

namespace skimp {

class DeviceMemory {
 public:
  DeviceMemory() = default;

  /// Is there for work in the stream: taken and given back in the order of what is queued.
  DeviceMemory(const DeviceStream& stream, std::uint64_t bytes);

  std::byte* data() const { return data_.get(); }
  std::uint64_t bytes() const { return bytes_; }

 private:
  struct Free {
    DeviceStream stream;
    void operator()(std::byte* data) const;
  };

  std::unique_ptr<std::byte, Free> data_;
  std::uint64_t bytes_ = 0;
};

}  // namespace skimp
