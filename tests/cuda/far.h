// For tests of arrays too large for this machine: one piece of them is worked on.
#pragma once

#include <sys/mman.h>

#include <functional>

#include "cuda/device/launch.cuh"
#include "tests/cuda/arrays.h"

namespace {

/// Address space; only what is touched takes memory.
inline std::byte* reserve(std::uint64_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  require(memory != MAP_FAILED, "no address space");
  return static_cast<std::byte*>(memory);
}

/// Runs one block of threads, a warp, of a grid with one for every piece of an array.
inline void run_one(std::uint64_t index, std::uint64_t pieces, std::size_t shared_bytes,
                    const std::function<void()>& kernel) {
  const Exact shared(shared_bytes);
  skimp::emulation::shared_memory = shared.data();
  gridDim.x = static_cast<unsigned>(pieces);
  blockDim.x = 32;
  blockIdx.x = static_cast<unsigned>(index);
  skimp::emulation::Order order;
  skimp::emulation::Fibers::of(32).run(order, kernel,
                                       [](unsigned thread) { threadIdx.x = thread; });
}

}  // namespace
