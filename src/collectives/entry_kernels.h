/// \file
/// Entries put into an array by the device library (entry_moves.h).
#pragma once

#include "codecs/codec.h"
#include "device/functions.h"

/// n entries in a device's memory, of which no two have one index.
struct SkimpEntries {
  const std::uint64_t* indices = nullptr;
  const void* values = nullptr;
  std::uint64_t n = 0;
  skimp::DType dtype = skimp::DType::float32;  ///< of the values: float32 or float64
};

/// Values take their places in an output that is not added to; what lies between stays.
SKIMP_DEVICE_API skimp_status skimp_cuda_put_entries(skimp::DeviceStream stream,
                                                     const SkimpEntries& entries,
                                                     const skimp::Output& output);

/// Values are added to a residual of their type, which is zero where a sum is not finite.
SKIMP_DEVICE_API skimp_status skimp_cuda_leave_entries(skimp::DeviceStream stream,
                                                       const SkimpEntries& entries, void* residual);
