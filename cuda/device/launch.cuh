/// \file
/// Kernels in which warps take one piece of work after the other.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/bytes.h"
#include "cuda/device/error.cuh"
#include "device/stream.h"

namespace skimp::cuda {

inline constexpr unsigned warp_size = 32;
inline constexpr unsigned all_lanes = 0xFFFFFFFFu;

__device__ inline unsigned lane() { return threadIdx.x % warp_size; }

/// The index of this warp in the grid, and how many there are.
__device__ inline std::uint64_t first_piece() {
  return (std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x) / warp_size;
}
__device__ inline std::uint64_t pieces_at_once() {
  return std::uint64_t{gridDim.x} * blockDim.x / warp_size;
}

/// The shared memory that the launch asked for.
__device__ inline std::byte* shared_memory() {
#if defined(__CUDACC__)
  extern __shared__ __align__(16) unsigned char memory[];
  return reinterpret_cast<std::byte*>(memory);
#else
  return emulation::shared_memory;
#endif
}

struct Grid {
  unsigned blocks;
  unsigned warps;  ///< of a block
  std::size_t shared_bytes;
};

inline constexpr unsigned block_threads = 256;

/// Blocks of `warps` warps for pieces that a warp each takes: as many as the device holds of the
/// kernel at once, `turns` times, or as are needed. So a grid is never too large, whatever the
/// count.
template <class... Parameters>
Grid resident_grid(void (*kernel)(Parameters...), std::uint64_t pieces, std::size_t shared_bytes,
                   unsigned turns, int device, unsigned warps = block_threads / warp_size) {
  int multiprocessors = 0, blocks = 0;
  check(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device));
  const auto threads = static_cast<int>(warps * warp_size);
  check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, threads, shared_bytes));
  const auto most = static_cast<std::uint64_t>(multiprocessors) *
                    static_cast<std::uint64_t>(std::max(blocks, 1)) * turns;
  const std::uint64_t needed = std::max((pieces + warps - 1) / warps, std::uint64_t{1});
  return {static_cast<unsigned>(std::min(needed, most)), warps, shared_bytes};
}

/// Kernels over arrays take more turns than one, since some multiprocessors are further from memory
/// than others.
inline constexpr unsigned many_turns = 4;

/// The same for pieces that need `bytes` of shared memory each.
template <class... Parameters>
Grid grid_for(void (*kernel)(Parameters...), std::uint64_t pieces, std::size_t bytes, int device) {
  constexpr std::size_t shared_by_default = 48 << 10;
  constexpr unsigned most_warps = block_threads / warp_size;
  const std::size_t fit = bytes == 0 ? most_warps : shared_by_default / bytes;
  const auto warps = static_cast<unsigned>(std::clamp<std::size_t>(fit, 1, most_warps));
  return resident_grid(kernel, pieces, warps * bytes, many_turns, device, warps);
}

/// Queues kernel(arguments...) in the stream.
template <class... Parameters>
void launch(void (*kernel)(Parameters...), const Grid& grid, const DeviceStream& stream,
            const Parameters&... arguments) {
  if (grid.shared_bytes > 48 << 10) {
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(grid.shared_bytes)));
  }
  const auto queue = static_cast<cudaStream_t>(stream.stream);
  const unsigned threads = grid.warps * warp_size;
#if defined(__CUDACC__)
  kernel<<<grid.blocks, threads, grid.shared_bytes, queue>>>(arguments...);
#else
  emulation::launch(grid.blocks, threads, grid.shared_bytes, queue, [=] { kernel(arguments...); });
#endif
  check(cudaGetLastError());
}

/// Queues kernel(arguments...) with a lane for each of `count` items, or as many as there are at
/// once: lanes take one after the other.
template <class... Parameters>
void launch_items(void (*kernel)(Parameters...), const DeviceStream& stream, std::uint64_t count,
                  const Parameters&... arguments) {
  if (count == 0) return;
  launch(kernel, grid_for(kernel, divide_up(count, warp_size), 0, stream.device), stream,
         arguments...);
}

}  // namespace skimp::cuda
