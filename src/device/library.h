/// \file
/// The device library, libskimp_cuda.so: kernels and memory of CUDA devices. It is opened when
/// first needed, and Skimp does without where it, a driver or a device is missing.
///
/// It lies beside libskimp.so; the environment variable SKIMP_CUDA_LIBRARY names another, such as
/// the one that runs the same kernels on the CPU for tests.
#pragma once

#include <string>

#include "base/error.h"
#include "device/functions.h"

namespace skimp {

/// A function that the library exports. Throws UnsupportedType if the library cannot be opened or
/// is of another version, with the loader's words. Once opened, it stays.
void* device_function(const char* name);

template <class Function>
Function device_function_of(const char* name) {
  return reinterpret_cast<Function>(device_function(name));
}

/// Throws the error of a function that has failed.
void check_device(skimp_status status);

/// Whether everything that was queued in a stream is done. Throws if some of it failed.
bool is_done(const DeviceStream& stream);

/// "CUDA runtime 13.0, driver 13.0, 1 device: NVIDIA H200 (9.0)". Throws what is missing.
std::string describe_device();

}  // namespace skimp

/// Calls a function that functions.h or a codec's kernels.h declares; throws what it reports.
#define SKIMP_ON_DEVICE(function, ...) \
  ::skimp::check_device(::skimp::device_function_of<decltype(&function)>(#function)(__VA_ARGS__))
