/// \file
/// The part of CUDA that Skimp uses, on the CPU: compiled with this header in place of CUDA's own,
/// the same .cu files run without a GPU. For tests; nothing here is fast.
///
/// The threads of a block are fibers (fibers.h), blocks run one after the other. A stream is a list
/// of work that is not done before somebody asks for the stream (streams.h), so what is read too
/// early, or queued in another stream than the caller's, is seen to be wrong. Device memory
/// (memory.h) is closed to everybody else; any other memory is taken for a device's, too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <type_traits>

#include "cuda/emulation/fibers.h"
#include "cuda/emulation/memory.h"
#include "cuda/emulation/streams.h"

#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)

// ---- Inside kernels -----------------------------------------------------------------------------

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};

inline dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace skimp::emulation {

inline std::byte* shared_memory = nullptr;

/// The `lane`-th lane's value of an exchange.
template <class T>
T exchanged(std::uint32_t mask, const char* what, T value, unsigned lane) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(std::uint64_t));
  std::uint64_t word = 0;
  std::memcpy(&word, &value, sizeof value);
  word = Fibers::exchange(mask, what, word)[lane];
  std::memcpy(&value, &word, sizeof value);
  return value;
}

}  // namespace skimp::emulation

inline void __syncthreads() { skimp::emulation::Fibers::barrier(); }
inline void __threadfence() {}  // blocks run one after the other

inline void __syncwarp() { skimp::emulation::Fibers::exchange(0xFFFFFFFFu, "__syncwarp", 0); }

inline unsigned __ballot_sync(unsigned mask, int predicate) {
  const std::uint64_t* lanes =
      skimp::emulation::Fibers::exchange(mask, "__ballot_sync", predicate != 0);
  unsigned word = 0;
  for (unsigned lane = 0; lane < 32; ++lane) word |= static_cast<unsigned>(lanes[lane]) << lane;
  return word;
}

template <class T>
T __shfl_sync(unsigned mask, T value, unsigned lane) {
  return skimp::emulation::exchanged(mask, "__shfl_sync", value, lane % 32);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned distance) {
  const unsigned lane = threadIdx.x % 32;
  const unsigned from = distance <= lane ? lane - distance : lane;
  return skimp::emulation::exchanged(mask, "__shfl_up_sync", value, from);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned distance) {
  const unsigned lane = threadIdx.x % 32, from = lane + distance;
  return skimp::emulation::exchanged(mask, "__shfl_down_sync", value, from < 32 ? from : lane);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, unsigned bits) {
  return skimp::emulation::exchanged(mask, "__shfl_xor_sync", value, (threadIdx.x ^ bits) % 32);
}

inline unsigned atomicOr(unsigned* to, unsigned bits) {
  const unsigned before = *to;
  *to |= bits;
  return before;
}
template <class T>
T atomicAdd(T* to, std::type_identity_t<T> n) {
  const T before = *to;
  *to += n;
  return before;
}
template <class T>
T atomicMax(T* to, std::type_identity_t<T> value) {
  const T before = *to;
  if (before < value) *to = value;
  return before;
}

// ---- The runtime's functions --------------------------------------------------------------------

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorNotReady = 600
};
enum cudaMemcpyKind { cudaMemcpyDefault = 4 };
enum cudaDeviceAttr { cudaDevAttrMultiProcessorCount = 16 };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
enum cudaMemoryType {
  cudaMemoryTypeUnregistered,
  cudaMemoryTypeHost,
  cudaMemoryTypeDevice,
  cudaMemoryTypeManaged
};
struct cudaPointerAttributes {
  cudaMemoryType type;
  int device;
};
struct cudaDeviceProp {
  char name[256];
  int major, minor;
};
using cudaStream_t = void*;

namespace skimp::emulation {

/// What kernel<<<blocks, threads, shared_bytes, stream>>>(arguments...) is under nvcc. Few
/// multiprocessors, so that the loops of kernels over the grid go round more than once.
inline void launch(unsigned blocks, unsigned threads, std::size_t shared_bytes, cudaStream_t stream,
                   std::function<void()> kernel) {
  Streams::add(stream, [=] {
    gridDim.x = blocks;
    blockDim.x = threads;
    Fibers& fibers = Fibers::of(threads);
    Order order;
    for (unsigned block = 0; block < blocks; ++block) {
      const std::unique_ptr<std::byte, void (*)(void*)> shared(
          static_cast<std::byte*>(std::malloc(shared_bytes)), std::free);
      shared_memory = shared.get();
      blockIdx.x = block;
      fibers.run(order, kernel, [](unsigned thread) { threadIdx.x = thread; });
    }
  });
}

}  // namespace skimp::emulation

inline const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaErrorMemoryAllocation ? "out of memory" : "invalid argument";
}
inline cudaError_t cudaGetLastError() { return cudaSuccess; }
inline cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}
inline cudaError_t cudaDriverGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}
inline cudaError_t cudaGetDeviceCount(int* devices) {
  *devices = 1;
  return cudaSuccess;
}
inline cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
inline cudaError_t cudaSetDevice(int device) {
  return device == 0 ? cudaSuccess : cudaErrorInvalidValue;
}
inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = {"emulated on the CPU", 0, 0};
  return cudaSuccess;
}
inline cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr, int) {
  *value = 1;
  return cudaSuccess;
}
template <class Kernel>
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, Kernel*, int, std::size_t) {
  *blocks = 2;
  return cudaSuccess;
}
template <class Kernel>
cudaError_t cudaFuncSetAttribute(Kernel*, cudaFuncAttribute, int bytes) {
  return bytes <= 99 << 10 ? cudaSuccess : cudaErrorInvalidValue;  // what every device has
}
inline cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void*) {
  *attributes = {cudaMemoryTypeDevice, 0};
  return cudaSuccess;
}

constexpr unsigned cudaHostAllocPortable = 1;
inline cudaError_t cudaHostAlloc(void** memory, std::size_t bytes, unsigned) {
  *memory = std::malloc(bytes);
  return *memory == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
}
inline cudaError_t cudaFreeHost(void* memory) {
  std::free(memory);
  return cudaSuccess;
}
inline cudaError_t cudaMallocAsync(void** memory, std::size_t bytes, cudaStream_t) {
  *memory = skimp::emulation::DeviceHeap::instance().allocate(bytes);
  return *memory == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
}
inline cudaError_t cudaFreeAsync(void* memory, cudaStream_t stream) {
  skimp::emulation::Streams::add(stream,
                                 [=] { skimp::emulation::DeviceHeap::instance().free(memory); });
  return cudaSuccess;
}
inline cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind,
                                   cudaStream_t stream) {
  skimp::emulation::Streams::add(stream, [=] { std::memcpy(to, from, bytes); });
  return cudaSuccess;
}
inline cudaError_t cudaMemsetAsync(void* to, int byte, std::size_t bytes, cudaStream_t stream) {
  skimp::emulation::Streams::add(stream, [=] { std::memset(to, byte, bytes); });
  return cudaSuccess;
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  skimp::emulation::Streams::wait_for(stream);
  return cudaSuccess;
}
inline cudaError_t cudaStreamQuery(cudaStream_t stream) {
  return skimp::emulation::Streams::advance(stream) ? cudaSuccess : cudaErrorNotReady;
}
