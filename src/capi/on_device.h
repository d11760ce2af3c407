/// \file
/// Addresses that callers give for a device's.
#pragma once

#include "capi/guard.h"
#include "device/library.h"

namespace skimp::capi {

/// A kernel that is given an address of the host's, or of another device, takes the process's whole
/// use of the device down.
inline void require_on_device(const void* array, int device, const char* name) {
  require_pointer(array, name);
  int found = 0;
  SKIMP_ON_DEVICE(skimp_cuda_device_of, array, &found);
  require(found == device, name, " is on device ", found, ", the call is for device ", device);
}

}  // namespace skimp::capi
