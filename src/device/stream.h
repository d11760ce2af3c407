/// \file
/// Where work on a device is queued.
#pragma once

#include "skimp/types.h"

namespace skimp {

/// One stream (a cudaStream_t) of one device. Work in a stream is done in the order it was queued;
/// nobody waits for it unless told to.
struct DeviceStream {
  int device = 0;
  void* stream = nullptr;  ///< null: the device's default stream
};

/// In place of a device's index: memory of the host.
inline constexpr int host_memory = SKIMP_HOST;

}  // namespace skimp
