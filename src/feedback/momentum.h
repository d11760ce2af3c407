/// \file
/// Momentum correction (Lin et al. 2018, Deep Gradient Compression): velocities are reduced rather
/// than gradients, so that what is sent late arrives as if in time.
#pragma once

#include <memory>

#include "feedback/variant.h"

namespace skimp {

struct MomentumOptions {
  double momentum = 0.9;  ///< from 0 to below 1
  double clip = 0;        ///< 2-norm to which a gradient is scaled down, times √world_size; 0: none
  bool masking = true;    ///< velocities become 0 where more than half of the value was delivered
};

/// Its array is "momentum". Throws InvalidArgument.
std::unique_ptr<Variant> make_momentum(std::uint64_t count, DType dtype,
                                       const MomentumOptions& options);

}  // namespace skimp
