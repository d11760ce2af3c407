/// \file
/// Sign's kernels in the device library; see Codec::encode_on and decode_on.
#pragma once

#include "codecs/codec.h"
#include "device/functions.h"

SKIMP_DEVICE_API skimp_status skimp_cuda_sign_encode(skimp::DeviceStream stream,
                                                     const skimp::EncodeJob& job,
                                                     std::uint64_t block,
                                                     skimp::DeviceStatus* status);
SKIMP_DEVICE_API skimp_status skimp_cuda_sign_decode(skimp::DeviceStream stream,
                                                     const skimp::DecodeJob& job,
                                                     std::uint64_t block,
                                                     skimp::DeviceStatus* status);
