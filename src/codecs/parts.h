/// \file
/// Arrays on a device as parts of one: kernels that put them one after the other, and back.
#pragma once

#include <cstdint>

#include "base/dtype.h"
#include "device/functions.h"
#include "skimp/device.h"

/// Writes the parts to `buffer`, of elements of `dtype`: that of all parts, or their accumulator's.
SKIMP_DEVICE_API skimp_status skimp_cuda_pack(skimp::DeviceStream stream, const skimp_part* parts,
                                              std::uint64_t part_count, void* buffer,
                                              skimp::DType dtype);

/// And back.
SKIMP_DEVICE_API skimp_status skimp_cuda_unpack(skimp::DeviceStream stream, const void* buffer,
                                                skimp::DType dtype, const skimp_part* parts,
                                                std::uint64_t part_count);
