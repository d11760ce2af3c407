#include "device/placed.h"

#include <cstring>

#include "device/library.h"

namespace skimp {

PlacedMemory::PlacedMemory(std::uint64_t bytes, int device) {
  if (device == host_memory) {
    host_ = Buffer(bytes);
  } else if (bytes > 0) {
    on_device_ = DeviceMemory({device}, bytes);
    SKIMP_ON_DEVICE(skimp_cuda_wait, {device});
  }
}

PayloadMemory::PayloadMemory(std::uint64_t bytes, const PayloadPlace& place) {
  if (place.stays && place.device != host_memory) {
    on_device_ = PlacedMemory(bytes, place.device);
  } else {
    host_ = Buffer(bytes, place.device);
  }
}

void copy_placed(int device, void* to, const void* from, std::uint64_t bytes) {
  if (bytes == 0) return;
  if (device == host_memory) {
    std::memcpy(to, from, bytes);
    return;
  }
  copy_placed(DeviceStream{device}, to, from, bytes);
}

void copy_placed(const DeviceStream& stream, void* to, const void* from, std::uint64_t bytes) {
  if (bytes == 0) return;
  SKIMP_ON_DEVICE(skimp_cuda_copy, stream, to, from, bytes);
  SKIMP_ON_DEVICE(skimp_cuda_wait, stream);
}

void clear_placed(int device, void* memory, std::uint64_t bytes) {
  if (bytes == 0) return;
  if (device == host_memory) {
    std::memset(memory, 0, bytes);
    return;
  }
  SKIMP_ON_DEVICE(skimp_cuda_clear, {device}, memory, bytes);
  SKIMP_ON_DEVICE(skimp_cuda_wait, {device});
}

void rescale_placed(int device, void* values, DType dtype, std::uint64_t count, double factor) {
  const std::uint64_t bytes = count * bytes_of(dtype);
  const Buffer copied(device == host_memory ? 0 : bytes);
  if (device != host_memory) copy_placed(device, copied.data(), values, bytes);
  visit_accumulator(dtype, [&](auto value) {
    using Value = decltype(value);
    auto* scaled = static_cast<Value*>(device == host_memory ? values : copied.data());
    for (std::uint64_t i = 0; i < count; ++i) scaled[i] *= static_cast<Value>(factor);
  });
  if (device != host_memory) copy_placed(device, values, copied.data(), bytes);
}

}  // namespace skimp
