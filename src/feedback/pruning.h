/// \file
/// Dynamic pruning (Lin et al. 2020): the gradient is taken at compressed weights, the update made
/// to the dense ones, so that the error of compression is fed back.
#pragma once

#include <cstdint>
#include <functional>

#include "codecs/codec.h"

namespace skimp {

/// How weights are compressed.
struct Pruning {
  double sparsity = 0;       ///< at the end: from 0 to below 1
  std::int64_t period = 16;  ///< steps for which a mask is kept
  std::int64_t warm_up = 0;  ///< steps over which the sparsity rises from 0
  CodecPtr precision{};      ///< that kept weights pass through; null: none

  /// Throws InvalidArgument.
  void require_valid() const;

  /// Of a mask made at this step.
  double sparsity_at(std::uint64_t step) const;

  /// Writes rank 0's `array` of `count` float32 or float64 to every rank, as the codec delivers it.
  using Broadcast = std::function<void(void* array, std::uint64_t count, DType, CodecPtr)>;

  /// Writes the compressed weights to another array. Every `period` steps `mask`,
  /// of `count` zeros and ones, is made anew before, with a broadcast (else null) that of rank 0.
  /// What throws leaves the mask as it was.
  void step(const void* input, void* output, std::uint64_t count, DType dtype, std::uint8_t* mask,
            std::uint64_t step, const Broadcast& broadcast) const;
};

}  // namespace skimp
