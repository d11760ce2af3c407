/// \file
/// What the device library exports for memory; cuda/device/memory.cu has the code. Codecs add
/// theirs (codecs/sign/kernels.h). Nobody is linked with it: `SKIMP_ON_DEVICE` of device/library.h
/// finds the functions by these names.
///
/// They return a status, and on failure skimp_cuda_error says what failed. Unless it says so, a
/// function queues its work in the stream and returns.
#pragma once

#include <cstdint>

#include "device/stream.h"
#include "skimp/types.h"

#define SKIMP_DEVICE_API extern "C" SKIMP_API

/// The message of this thread's last failure.
SKIMP_DEVICE_API const char* skimp_cuda_error();

/// SKIMP_VERSION of the sources that it was built from.
SKIMP_DEVICE_API const char* skimp_cuda_version();

/// Versions and devices in words. Fails where there is no driver or no device.
SKIMP_DEVICE_API skimp_status skimp_cuda_describe(char* text, std::uint64_t capacity);

/// The device whose memory `pointer` points to. Fails if it is the host's.
SKIMP_DEVICE_API skimp_status skimp_cuda_device_of(const void* pointer, int* device);

SKIMP_DEVICE_API skimp_status skimp_cuda_allocate(skimp::DeviceStream stream, std::uint64_t bytes,
                                                  void** memory);
SKIMP_DEVICE_API skimp_status skimp_cuda_free(skimp::DeviceStream stream, void* memory);

/// Memory of the host that copies to and from `device` need no detour for.
SKIMP_DEVICE_API skimp_status skimp_cuda_allocate_pinned(int device, std::uint64_t bytes,
                                                         void** memory);
SKIMP_DEVICE_API skimp_status skimp_cuda_free_pinned(void* memory);

/// Between host and device, in either direction, or on the device.
SKIMP_DEVICE_API skimp_status skimp_cuda_copy(skimp::DeviceStream stream, void* to,
                                              const void* from, std::uint64_t bytes);
SKIMP_DEVICE_API skimp_status skimp_cuda_clear(skimp::DeviceStream stream, void* memory,
                                               std::uint64_t bytes);

/// Waits until everything in the stream is done; fails if some of it failed.
SKIMP_DEVICE_API skimp_status skimp_cuda_wait(skimp::DeviceStream stream);

/// Whether it is, without waiting.
SKIMP_DEVICE_API skimp_status skimp_cuda_is_done(skimp::DeviceStream stream, bool* done);

/// Adds the sum_of_products (base/checksum.h) of memory on the device to a number there.
SKIMP_DEVICE_API skimp_status skimp_cuda_add_products(skimp::DeviceStream stream,
                                                      const void* memory, std::uint64_t bytes,
                                                      std::uint64_t* sum);

/// Calls body(context) while `device` is this thread's current one, for libraries that ask.
SKIMP_DEVICE_API skimp_status skimp_cuda_call_on(int device, void (*body)(void*), void* context);
