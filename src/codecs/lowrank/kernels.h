/// \file
/// Low-rank's kernels in the device library: the steps of Factors (factors.h) for arrays and
/// buffers in a device's memory, to the same bits. The job is the same for all steps of one
/// factorisation; its workspace has the bytes of DeviceWorkspace. A residual_out that is not
/// residual_in holds input + residual between the steps.
#pragma once

#include "codecs/codec.h"
#include "codecs/lowrank/layout.h"
#include "device/functions.h"

/// Values of the accumulator's type of the job's dtype.
struct SkimpLowRankFactors {
  const void* own = nullptr;    ///< this rank's second buffer; for a residual only
  const void* first = nullptr;  ///< the sums of all ranks
  const void* second = nullptr;
};

/// Writes the first buffer. Reports what is not finite in it.
SKIMP_DEVICE_API skimp_status skimp_cuda_lowrank_sketch(skimp::DeviceStream stream,
                                                        const skimp::lowrank::Layout& layout,
                                                        const skimp::EncodeJob& job, void* first,
                                                        skimp::DeviceStatus* status);

/// Makes P̂ of the sum of the first buffers, and writes the second one. P̂ is also written to
/// `p` (which may be `first`) as it lies in the first buffer, unless null.
SKIMP_DEVICE_API skimp_status skimp_cuda_lowrank_project(skimp::DeviceStream stream,
                                                         const skimp::lowrank::Layout& layout,
                                                         const skimp::EncodeJob& job,
                                                         const void* first, void* p, void* second,
                                                         skimp::DeviceStatus* status);

/// In place of a projection, where P̂ is what `first` has.
SKIMP_DEVICE_API skimp_status skimp_cuda_lowrank_take(skimp::DeviceStream stream,
                                                      const skimp::lowrank::Layout& layout,
                                                      const skimp::EncodeJob& job,
                                                      const void* first);

/// Writes the job's residual and the output, each unless null.
SKIMP_DEVICE_API skimp_status skimp_cuda_lowrank_deliver(skimp::DeviceStream stream,
                                                         const skimp::lowrank::Layout& layout,
                                                         const skimp::EncodeJob& job,
                                                         const SkimpLowRankFactors& factors,
                                                         const skimp::Output* output);

/// Writes the job's memory.
SKIMP_DEVICE_API skimp_status skimp_cuda_lowrank_remember(skimp::DeviceStream stream,
                                                          const skimp::lowrank::Layout& layout,
                                                          const skimp::EncodeJob& job,
                                                          const void* second);

/// Writes the shapes at the begin of a payload.
SKIMP_DEVICE_API skimp_status skimp_cuda_lowrank_shapes(skimp::DeviceStream stream,
                                                        const skimp::lowrank::Layout& layout,
                                                        std::byte* payload);

/// Reports a payload that begins with other shapes.
SKIMP_DEVICE_API skimp_status skimp_cuda_lowrank_check(skimp::DeviceStream stream,
                                                       const skimp::lowrank::Layout& layout,
                                                       const std::byte* payload,
                                                       skimp::DeviceStatus* status);
