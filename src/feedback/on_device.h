/// \file
/// Frames of arrays in a device's memory. The frames themselves are in host memory, so header and
/// sums are made and checked there: the payload is all that crosses.
#pragma once

#include <cstdint>

#include "device/stream.h"
#include "feedback/residual.h"

namespace skimp {

/// As encode_with_feedback, for an input (and residual) on a device. Waits for the stream.
std::uint64_t encode_on_device(const Codec& codec, const void* input, std::uint64_t count,
                               DType dtype, Residual* residual, MutableBytes frame,
                               const DeviceStream& stream);

/// Decodes a frame into `count` elements of `dtype` on a device. Waits for the stream.
void decode_on_device(Bytes frame, void* output, std::uint64_t count, DType dtype,
                      const DeviceStream& stream);

}  // namespace skimp
