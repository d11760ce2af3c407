/// \file
/// Counts of bits, on processors and devices. For a device nvcc 13 compiles some of <bit>, such as
/// std::countr_zero and std::popcount of 64 bits, to a constant or to nothing, and says nothing.
#pragma once

#include <bit>
#include <cstdint>

#include "base/host_device.h"

namespace skimp {

SKIMP_HOST_DEVICE inline int popcount(std::uint32_t x) {
#if defined(__CUDA_ARCH__)
  return __popc(x);
#else
  return std::popcount(x);
#endif
}

/// Of x > 0.
SKIMP_HOST_DEVICE inline int countr_zero(std::uint32_t x) {
#if defined(__CUDA_ARCH__)
  return __ffs(static_cast<int>(x)) - 1;
#else
  return std::countr_zero(x);
#endif
}

SKIMP_HOST_DEVICE inline int bit_width(std::uint32_t x) {
#if defined(__CUDA_ARCH__)
  return 32 - __clz(static_cast<int>(x));
#else
  return static_cast<int>(std::bit_width(x));
#endif
}

SKIMP_HOST_DEVICE inline int bit_width(std::uint64_t x) {
#if defined(__CUDA_ARCH__)
  return 64 - __clzll(static_cast<long long>(x));
#else
  return static_cast<int>(std::bit_width(x));
#endif
}

}  // namespace skimp
