/// \file
/// TopK's kernels in the device library; see Codec::encode_on and decode_on.
#pragma once

#include "codecs/codec.h"
#include "codecs/topk/layout.h"
#include "device/functions.h"

namespace skimp::topk {

struct KernelArguments {
  Layout layout;
  Format format;
};

}  // namespace skimp::topk

SKIMP_DEVICE_API skimp_status skimp_cuda_topk_encode(skimp::DeviceStream stream,
                                                     const skimp::EncodeJob& job,
                                                     const skimp::topk::KernelArguments& arguments,
                                                     skimp::DeviceStatus* status);
SKIMP_DEVICE_API skimp_status skimp_cuda_topk_decode(skimp::DeviceStream stream,
                                                     const skimp::DecodeJob& job,
                                                     const skimp::topk::KernelArguments& arguments,
                                                     skimp::DeviceStatus* status);
