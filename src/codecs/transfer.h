/// \file
/// Values on their way from one array to another, uncompressed: added to a residual, divided,
/// rounded, or added to what is there. On the host here, on a device by the kernel of
/// cuda/codecs/transfer.cu.
#pragma once

#include <cstdint>

#include "codecs/codec.h"
#include "device/functions.h"

namespace skimp {

/// The values are input + residual, in the accumulator's type of `dtype`.
struct Transfer {
  const void* input = nullptr;  ///< `count` elements of `dtype`
  DType dtype = DType::float32;
  const void* residual = nullptr;  ///< null: zeros
  std::uint64_t count = 0;
  Output output{};  ///< on a device its data may be null: the values are only looked at
  Output rest{};    ///< takes what rounding to the output loses, in the accumulator's type, zero
                    ///< where that is not a number; data null: not wanted. May be the residual
};

/// Returns whether all values are finite.
bool transfer_checked(const Transfer& job);

/// The same for values that somebody has looked at.
void transfer_values(const Transfer& job);

}  // namespace skimp

/// Queues a transfer between arrays on a device. nonfinite_status is set in `status`, unless it is
/// null, when a value is not finite.
SKIMP_DEVICE_API skimp_status skimp_cuda_transfer(skimp::DeviceStream stream,
                                                  const skimp::Transfer& job,
                                                  skimp::DeviceStatus* status);
