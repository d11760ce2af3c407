#include "device/placed.h"

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

}  // namespace skimp
