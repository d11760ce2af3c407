/// \file
/// Quantize's kernels in the device library; see Codec::encode_on and decode_on.
#pragma once

#include "codecs/codec.h"
#include "device/functions.h"

namespace skimp {

struct QuantizeArguments {
  int bits;
  std::uint64_t block;
  bool stochastic;
  std::uint64_t seed;
};

}  // namespace skimp

SKIMP_DEVICE_API skimp_status skimp_cuda_quantize_encode(skimp::DeviceStream stream,
                                                         const skimp::EncodeJob& job,
                                                         const skimp::QuantizeArguments& arguments,
                                                         skimp::DeviceStatus* status);
SKIMP_DEVICE_API skimp_status skimp_cuda_quantize_decode(skimp::DeviceStream stream,
                                                         const skimp::DecodeJob& job,
                                                         const skimp::QuantizeArguments& arguments,
                                                         skimp::DeviceStatus* status);
