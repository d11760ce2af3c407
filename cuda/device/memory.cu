/// \file
/// Memory and streams; device/functions.h says what each function promises.
#include <algorithm>
#include <cstring>

#include "cuda/device/error.cuh"
#include "device/functions.h"
#include "skimp/skimp.h"

using skimp::DeviceStream;
using skimp::cuda::check;
using skimp::cuda::guard;
using skimp::cuda::guard_on;

namespace {

/// CUDA writes 13.0 as 13000.
std::string version_text(int version) {
  return skimp::text(version / 1000, '.', version % 1000 / 10);
}

std::string description() {
  int runtime = 0, driver = 0, devices = 0;
  check(cudaRuntimeGetVersion(&runtime));
  check(cudaDriverGetVersion(&driver));
  const std::string versions = "runtime " + version_text(runtime) + ", driver ";
  if (driver == 0) skimp::fail(SKIMP_DEVICE, "cuda: ", versions, "not found");
  const cudaError_t error = cudaGetDeviceCount(&devices);
  if (error != cudaSuccess || devices == 0) {
    skimp::fail(SKIMP_DEVICE, "cuda: ", versions, version_text(driver),
                ", no device: ", cudaGetErrorString(error));
  }
  std::string text = versions + version_text(driver);
  for (int device = 0; device < devices; ++device) {
    cudaDeviceProp properties{};
    check(cudaGetDeviceProperties(&properties, device));
    text += skimp::text(", device ", device, ": ", properties.name, " (", properties.major, '.',
                        properties.minor, ')');
  }
  return text;
}

}  // namespace

const char* skimp_cuda_error() { return skimp::cuda::last_error.c_str(); }

const char* skimp_cuda_version() { return SKIMP_VERSION; }

skimp_status skimp_cuda_describe(char* text, std::uint64_t capacity) {
  return guard([&] {
    const std::string all = description();
    const std::size_t length = std::min<std::size_t>(all.size(), capacity - 1);
    std::memcpy(text, all.data(), length);
    text[length] = '\0';
  });
}

skimp_status skimp_cuda_device_of(const void* pointer, int* device) {
  return guard([&] {
    cudaPointerAttributes attributes{};
    check(cudaPointerGetAttributes(&attributes, pointer));
    const bool on_device =
        attributes.type == cudaMemoryTypeDevice || attributes.type == cudaMemoryTypeManaged;
    skimp::require(on_device, "cuda: ", pointer, " is not an address on a device");
    *device = attributes.device;
  });
}

skimp_status skimp_cuda_allocate(DeviceStream stream, std::uint64_t bytes, void** memory) {
  return guard_on(stream,
                  [&](cudaStream_t queue) { check(cudaMallocAsync(memory, bytes, queue)); });
}

skimp_status skimp_cuda_free(DeviceStream stream, void* memory) {
  return guard_on(stream, [&](cudaStream_t queue) { check(cudaFreeAsync(memory, queue)); });
}

skimp_status skimp_cuda_allocate_pinned(int device, std::uint64_t bytes, void** memory) {
  return guard_on(
      {device}, [&](cudaStream_t) { check(cudaHostAlloc(memory, bytes, cudaHostAllocPortable)); });
}

skimp_status skimp_cuda_free_pinned(void* memory) {
  return guard([&] { check(cudaFreeHost(memory)); });
}

skimp_status skimp_cuda_copy(DeviceStream stream, void* to, const void* from, std::uint64_t bytes) {
  return guard_on(stream, [&](cudaStream_t queue) {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, queue));
  });
}

skimp_status skimp_cuda_clear(DeviceStream stream, void* memory, std::uint64_t bytes) {
  return guard_on(stream,
                  [&](cudaStream_t queue) { check(cudaMemsetAsync(memory, 0, bytes, queue)); });
}

skimp_status skimp_cuda_wait(DeviceStream stream) {
  return guard_on(stream, [&](cudaStream_t queue) { check(cudaStreamSynchronize(queue)); });
}

skimp_status skimp_cuda_is_done(DeviceStream stream, bool* done) {
  return guard_on(stream, [&](cudaStream_t queue) {
    const cudaError_t state = cudaStreamQuery(queue);
    *done = state != cudaErrorNotReady;
    if (*done) check(state);
  });
}

skimp_status skimp_cuda_call_on(int device, void (*body)(void*), void* context) {
  return guard_on({device}, [&](cudaStream_t) { body(context); });
}
