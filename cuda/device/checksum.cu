/// \file
/// The checksum of payloads that stay on the device: any number of warps may share it out.
#include "base/checksum.h"
#include "cuda/device/block.cuh"
#include "device/functions.h"

namespace skimp::cuda {
namespace {

/// Eight bytes from anywhere; of fewer the rest are zeros.
__device__ std::uint64_t load_pair(const std::uint8_t* from, std::uint64_t bytes) {
  if (bytes >= 8 && reinterpret_cast<std::uintptr_t>(from) % 8 == 0) {
    return *reinterpret_cast<const std::uint64_t*>(from);
  }
  std::uint64_t pair = 0;
  for (unsigned i = 0; i < 8 && i < bytes; ++i) pair |= std::uint64_t{from[i]} << (8 * i);
  return pair;
}

__global__ void add_products(const std::uint8_t* memory, std::uint64_t bytes, std::uint64_t* to) {
  const std::uint64_t groups = (bytes + 7) / 8;
  std::uint64_t sum = 0;
  for (std::uint64_t j = first_item(); j < groups; j += items_at_once()) {
    sum += checksum_product(load_pair(memory + 8 * j, bytes - 8 * j), j);
  }
  sum = warp_sum(sum);
  if (lane() == 0) add_to(to, sum);
}

}  // namespace
}  // namespace skimp::cuda

skimp_status skimp_cuda_add_products(skimp::DeviceStream stream, const void* memory,
                                     std::uint64_t bytes, std::uint64_t* sum) {
  using namespace skimp::cuda;
  return guard_on(stream, [&](cudaStream_t) {
    // A warp takes 32 groups of 8 bytes at a time.
    const Grid grid = resident_grid(add_products, (bytes + 255) / 256, 0, 1, stream.device);
    launch(add_products, grid, stream, static_cast<const std::uint8_t*>(memory), bytes, sum);
  });
}
