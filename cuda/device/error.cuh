/// \file
/// Errors inside the device library: exceptions, which become a status and a message where a
/// function that it exports ends.
#pragma once

#include <new>
#include <string>

#include "base/error.h"
#include "cuda/device/runtime.cuh"
#include "device/stream.h"

namespace skimp::cuda {

inline thread_local std::string last_error;

inline void check(cudaError_t error) {
  if (error == cudaSuccess) return;
  fail(error == cudaErrorMemoryAllocation ? SKIMP_OUT_OF_MEMORY : SKIMP_DEVICE,
       "cuda: ", cudaGetErrorString(error));
}

template <class Body>
skimp_status guard(Body&& body) noexcept {
  try {
    body();
    return SKIMP_OK;
  } catch (const Error& error) {
    last_error = error.what();
    return error.status();
  } catch (const std::exception& error) {
    last_error = error.what();
    return SKIMP_INTERNAL;
  }
}

/// Makes a device the current one of this thread, and then the one before it again.
class OnDevice {
 public:
  explicit OnDevice(int device) {
    check(cudaGetDevice(&before_));
    if (device != before_) check(cudaSetDevice(device));
  }
  ~OnDevice() { static_cast<void>(cudaSetDevice(before_)); }
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;

 private:
  int before_ = 0;
};

/// Runs `body` on the stream's device; what it throws becomes a status.
template <class Body>
skimp_status guard_on(const DeviceStream& stream, Body&& body) noexcept {
  return guard([&] {
    const OnDevice on_device(stream.device);
    body(static_cast<cudaStream_t>(stream.stream));
  });
}

}  // namespace skimp::cuda
