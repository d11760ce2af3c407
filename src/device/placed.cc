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

void copy_placed(int device, void* to, const void* from, std::uint64_t bytes) {
  if (bytes == 0) return;
  if (device == host_memory) {
    std::memcpy(to, from, bytes);
    return;
  }
  SKIMP_ON_DEVICE(skimp_cuda_copy, {device}, to, from, bytes);
  SKIMP_ON_DEVICE(skimp_cuda_wait, {device});
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

}  // namespace skimp
