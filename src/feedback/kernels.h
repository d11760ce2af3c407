/// \file
/// What the variants of feedback compute in the device library: the passes of ef21.cc and
/// momentum.cc over arrays on a device, to the same bits.
#pragma once

#include <cstdint>

#include "base/dtype.h"
#include "device/functions.h"

namespace skimp {

/// The arrays of one run, of `count` elements; but for input and output of the accumulator's type
/// of `dtype`. The residual's before and after are those of the reduction.
struct FeedbackStep {
  DType dtype = DType::float32;
  std::uint64_t count = 0;
  const void* input = nullptr;  ///< of `dtype`
  void* output = nullptr;       ///< likewise
  double times = 1;             ///< that the result is of the mean
  void* values = nullptr;       ///< that are reduced
  const void* mean = nullptr;   ///< of them
  const void* residual_in = nullptr;
  void* residual_out = nullptr;
};

}  // namespace skimp

/// Writes the differences to reduce.
SKIMP_DEVICE_API skimp_status skimp_cuda_ef21_before(skimp::DeviceStream stream,
                                                     const skimp::FeedbackStep& step,
                                                     const void* estimate);

/// Writes the output and what is kept.
SKIMP_DEVICE_API skimp_status skimp_cuda_ef21_after(skimp::DeviceStream stream,
                                                    const skimp::FeedbackStep& step, void* estimate,
                                                    void* mean);

/// Writes the velocities to reduce, of the input times `factor`.
SKIMP_DEVICE_API skimp_status skimp_cuda_momentum_before(skimp::DeviceStream stream,
                                                         const skimp::FeedbackStep& step,
                                                         const void* velocity, double momentum,
                                                         double factor);

/// Writes the output and the velocity that is kept.
SKIMP_DEVICE_API skimp_status skimp_cuda_momentum_after(skimp::DeviceStream stream,
                                                        const skimp::FeedbackStep& step,
                                                        void* velocity, int masking);

/// Writes the sums of squares of the input's spans (element.h).
SKIMP_DEVICE_API skimp_status skimp_cuda_sums_of_squares(skimp::DeviceStream stream,
                                                         const skimp::FeedbackStep& step,
                                                         double* sums);
