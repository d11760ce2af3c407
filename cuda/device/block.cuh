/// \file
/// What the threads of a warp, of a block, and the blocks of a grid do together. The functions are
/// called by whole warps, or where they say so by whole blocks.
#pragma once

#include <cstdint>
#include <type_traits>

#include "cuda/device/launch.cuh"

namespace skimp::cuda {

inline constexpr unsigned block_warps = block_threads / warp_size;
inline constexpr unsigned most_block_warps = 32;

/// nvcc unrolls what it can if told to; values that are to stay in registers need it.
#if defined(__CUDACC__)
#define SKIMP_UNROLL _Pragma("unroll")
#else
#define SKIMP_UNROLL
#endif

template <unsigned n>
using Unsigned = std::integral_constant<unsigned, n>;

/// Calls step(i, constant U) for i from `begin` to `end` by U·stride, then for the rest with U = 1.
template <unsigned U, class Step>
__device__ void for_each_step(std::uint64_t begin, std::uint64_t end, std::uint64_t stride,
                              Step&& step) {
  std::uint64_t i = begin;
  for (; i + (U - 1) * stride < end; i += U * stride) step(i, Unsigned<U>{});
  if constexpr (U > 1) {
    for (; i < end; i += stride) step(i, Unsigned<1>{});
  }
}

/// The bits of a ballot that belong to lanes before this one.
__device__ inline unsigned lanes_before() { return (1u << lane()) - 1; }

/// This thread's number in the grid, and how many there are.
__device__ inline std::uint64_t first_item() {
  return std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x;
}
__device__ inline std::uint64_t items_at_once() { return std::uint64_t{gridDim.x} * blockDim.x; }

__device__ inline std::uint64_t add_to(std::uint64_t* to, std::uint64_t n) {
  static_assert(sizeof(unsigned long long) == sizeof(std::uint64_t));
  return atomicAdd(reinterpret_cast<unsigned long long*>(to), n);
}

__device__ inline void raise_to(std::int32_t* to, std::int32_t value) { atomicMax(to, value); }
__device__ inline void raise_to(std::int64_t* to, std::int64_t value) {
  atomicMax(reinterpret_cast<long long*>(to), static_cast<long long>(value));
}

/// Over the lanes.
template <class T>
__device__ T warp_sum(T x) {
  for (unsigned bit = warp_size / 2; bit > 0; bit /= 2) x += __shfl_xor_sync(all_lanes, x, bit);
  return x;
}
template <class T>
__device__ T warp_max(T x) {
  for (unsigned bit = warp_size / 2; bit > 0; bit /= 2) {
    const T other = __shfl_xor_sync(all_lanes, x, bit);
    x = other > x ? other : x;
  }
  return x;
}

/// The sum over the lanes before this one.
template <class T>
__device__ T sum_of_lanes_before(T x) {
  T sum = x;
  for (unsigned distance = 1; distance < warp_size; distance *= 2) {
    const T other = __shfl_up_sync(all_lanes, sum, distance);
    if (lane() >= distance) sum += other;
  }
  return sum - x;
}

/// The sum over the threads of the block before this one; `all` is the sum over the whole block.
/// `scratch` is shared memory of most_block_warps numbers.
template <class T>
__device__ T sum_of_threads_before(T x, T* scratch, T& all) {
  const unsigned warp = threadIdx.x / warp_size;
  T before = sum_of_lanes_before(x);
  if (lane() == warp_size - 1) scratch[warp] = before + x;
  __syncthreads();
  all = 0;
  for (unsigned w = 0; w < blockDim.x / warp_size; ++w) {
    if (w < warp) before += scratch[w];
    all += scratch[w];
  }
  __syncthreads();  // before scratch is used again
  return before;
}

/// Whether this block is the last of its grid to come here. It may then read what the others have
/// written before they came: the fences, with the count between them, order the one after the
/// other. `arrived` counts the blocks, and is zero before and after; `scratch` is a word of shared
/// memory.
__device__ inline bool is_last_block(unsigned* arrived, unsigned* scratch) {
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) {
    const bool last = atomicAdd(arrived, 1u) == gridDim.x - 1;
    if (last) *arrived = 0;
    *scratch = last;
  }
  __syncthreads();
  __threadfence();
  return *scratch != 0;
}

}  // namespace skimp::cuda
