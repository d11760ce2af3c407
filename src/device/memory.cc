#include "device/memory.h"

#include "device/library.h"

namespace skimp {

DeviceMemory::DeviceMemory(const DeviceStream& stream, std::uint64_t bytes) : bytes_(bytes) {
  if (bytes == 0) return;
  void* memory = nullptr;
  SKIMP_ON_DEVICE(skimp_cuda_allocate, stream, bytes, &memory);
  data_ = {static_cast<std::byte*>(memory), Free{stream}};
}

/// A failure is not reported here: whoever uses the device next will hear of it.
void DeviceMemory::Free::operator()(std::byte* data) const {
  device_function_of<decltype(&skimp_cuda_free)>("skimp_cuda_free")(stream, data);
}

}  // namespace skimp
