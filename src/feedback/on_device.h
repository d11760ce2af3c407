/// \file
/// Frames of arrays in a device's memory. The frames themselves are in host memory, so header and
/// sums are made and checked there: the payload is all that crosses. And payloads that do not.
#pragma once

#include <cstdint>

#include "device/stream.h"
#include "feedback/residual.h"

namespace skimp {

/// Memory on a device that one encode or decode works with.
struct DeviceRoom {
  std::byte* payload = nullptr;    ///< payload_bytes(count, dtype) of the codec, aligned to 16
  std::byte* workspace = nullptr;  ///< device_workspace_bytes(…), aligned to 64
  DeviceStatus* status = nullptr;
};

/// Queues an encode whose payload stays on the device, and waits for nothing. The residual counts
/// the call as one that succeeds.
void queue_encode(const Codec& codec, const void* input, std::uint64_t count, DType dtype,
                  Residual* residual, const DeviceRoom& room, const DeviceStream& stream);

/// Queues a decode of such a payload of `count` elements of `dtype`. What a kernel finds wrong it
/// leaves in the status.
void queue_decode(const Codec& codec, std::uint64_t count, DType dtype, const Output& output,
                  const DeviceRoom& room, const DeviceStream& stream);

/// As encode_with_feedback, for an input (and residual) on a device. Waits for the stream.
std::uint64_t encode_on_device(const Codec& codec, const void* input, std::uint64_t count,
                               DType dtype, Residual* residual, MutableBytes frame,
                               const DeviceStream& stream);

/// Decodes a frame into `count` elements of `dtype` on a device. Waits for the stream.
void decode_on_device(Bytes frame, void* output, std::uint64_t count, DType dtype,
                      const DeviceStream& stream);

}  // namespace skimp
